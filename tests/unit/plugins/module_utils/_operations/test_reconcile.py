# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import reconcile as _reconcile
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import (
    device_argument_spec,
    parse_device_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import reconcile_record
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredField, DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

OLD = {"id": "d", "device_identifier": "gate", "status": "ACTIVE", "fields": [{"id": "a", "name": "A", "value": "1"}]}
NEW = dict(OLD, fields=[{"id": "a", "name": "A", "value": "2"}])
OTHER = dict(OLD, fields=[{"id": "a", "name": "A", "value": "3"}])
# The options of a task that lists no field.
OPTIONS = {
    **{option: rule.get("default") for option, rule in device_argument_spec().items()},
    "device_id": "d",
}
WISHES = DesiredState(None, (DesiredField("a", None, "2"),), False, ())

LOST = _errors.ConnectionFailedError("The line was cut.", _errors.ErrorDetails(retries=2), may_have_applied=True)
NEVER_SENT = _errors.ConnectionFailedError("No route.")
DENIED = _errors.ReadDeniedError("No.", _errors.ErrorDetails(403))


class Api:
    """Stands for the API: gives the outcomes in order and fails on a call too many, too few or of another kind."""

    device_id = "d"
    redactor = Redactor()

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.payloads = []

    def read(self):
        return self.next("read")

    def attempts(self, immediate):
        self.used = Attempts(2, immediate=immediate)
        return self.used

    def update(self, payload, attempts):
        assert attempts is self.used
        self.payloads.append(payload)
        outcome = self.outcomes[0][1]
        attempts.may_have_applied = attempts.may_have_applied or getattr(outcome, "may_have_applied", False)
        if isinstance(outcome, Exception):
            outcome.may_have_applied = attempts.may_have_applied
        return self.next("update")

    def next(self, call):
        expected, outcome = self.outcomes.pop(0)
        assert expected == call
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def keep(api, overwrite=False, check_mode=False, wishes=WISHES):
    warnings = []
    outcome = reconcile_record(api, wishes._replace(overwrite=overwrite), Runtime(warnings.append, check_mode))
    assert api.outcomes == []
    return outcome, warnings


def test_nothing_to_do_is_one_read():
    outcome, warnings = keep(Api(("read", NEW)))
    assert (outcome.plan.changed, outcome.record, warnings) == (False, NEW, [])


def test_a_change_is_one_read_and_one_update():
    assert keep(Api(("read", OLD), ("update", NEW)))[0].record == NEW


def test_check_mode_only_reads():
    assert keep(Api(("read", OLD)), check_mode=True)[0].record == NEW


@pytest.mark.parametrize(
    "answer",
    [OLD, _errors.InvalidResponseError("<html>", may_have_applied=True), LOST],
    ids=["differs", "unusable", "lost"],
)
def test_what_the_answer_does_not_show_is_read_again(answer):
    assert keep(Api(("read", OLD), ("update", answer), ("read", NEW)))[0].record == NEW


def test_an_update_that_cannot_have_acted_is_not_looked_after():
    with pytest.raises(_errors.ConnectionFailedError, match=r"^No route\.$"):
        keep(Api(("read", OLD), ("update", NEVER_SENT)))


def test_a_lost_update_that_did_not_act_says_that_nothing_was_written():
    lost = _errors.ConnectionFailedError("The line was cut.", may_have_applied=True)
    with pytest.raises(
        _errors.ConnectionFailedError, match=r"The line was cut\. .*the record is unchanged\."
    ) as caught:
        keep(Api(("read", OLD), ("update", lost), ("read", OLD)))
    assert not caught.value.changed


@pytest.mark.parametrize(("record", "changed"), [(OLD, False), (OTHER, True)])
def test_what_the_service_did_not_keep_is_named(record, changed):
    with pytest.raises(_errors.UpdateNotAppliedError, match="'A'") as caught:
        keep(Api(("read", OLD), ("update", record), ("read", record)))
    assert caught.value.changed is changed


def test_an_outcome_that_cannot_be_found_out_is_said_to_be_unknown():
    with pytest.raises(
        _errors.OutcomeUnknownError, match=r"may have been changed.*The line was cut.*No route"
    ) as caught:
        keep(Api(("read", OLD), ("update", LOST), ("read", NEVER_SENT)))
    assert caught.value.changed
    assert caught.value.details.retries == 2


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_device_that_may_not_write_is_told_before_the_update(check_mode):
    with pytest.raises(_errors.WriteDeniedError, match=r"'A'.*device_api_allow_write"):
        keep(Api(("read", dict(OLD, device_api_allow_write=False))), check_mode=check_mode)


def test_a_device_that_may_not_write_and_need_not_is_fine():
    keep(Api(("read", dict(NEW, device_api_allow_write=False))))


def test_reading_denied_fails():
    with pytest.raises(_errors.ReadDeniedError):
        keep(Api(("read", DENIED)))


def test_reading_denied_is_overwritten_when_that_is_asked_for():
    api = Api(("read", DENIED), ("update", NEW))
    outcome, warnings = keep(api, overwrite=True)
    assert outcome.plan.changed
    assert "could not be read" in warnings[0]
    assert api.payloads == [{"fields": [{"id": "a", "value": "2"}]}]
    assert not api.used.immediate


def test_other_failures_are_not_overwritten():
    with pytest.raises(_errors.ConnectionFailedError):
        keep(Api(("read", NEVER_SENT)), overwrite=True)


def test_a_status_that_is_not_active_is_a_warning():
    assert keep(Api(("read", dict(NEW, status="DISABLED"))))[1] == ["The status of the device is DISABLED, not ACTIVE."]
    assert keep(Api(("read", {key: NEW[key] for key in ("id", "fields")})))[1] == []


SECRET_WISHES = DesiredState(None, (DesiredField("a", None, "2", secret=True),), False, ())


def keep_secret(answer):
    return reconcile_record(Api(("read", OLD), ("update", answer)), SECRET_WISHES, Runtime([].append))


def test_a_secret_is_in_no_result():
    assert keep_secret(NEW).record["fields"] == [{"id": "a", "name": "A", "value": "********"}]


def test_what_others_changed_is_a_warning():
    def both(first, second):
        return dict(OLD, fields=[{"id": "a", "name": "A", "value": first}, {"id": "b", "name": "B", "value": second}])

    outcome, warnings = keep(Api(("read", both("1", "x")), ("update", both("2", "y"))))
    assert outcome.record == both("2", "y")
    assert "'B' changed during this update" in warnings[0]


def test_flags_that_an_update_changes_are_a_warning():
    old, new = (dict(record, device_api_allow_revoke=True) for record in (OLD, NEW))
    reset = dict(new, device_api_allow_revoke=False, device_api_allow_write=True)
    outcome, warnings = keep(Api(("read", old), ("update", reset)))
    assert outcome.record == reset
    assert ["'device_api_allow_revoke' changed during" in warning for warning in warnings] == [True]
    assert keep(Api(("read", old), ("update", NEW)))[1] == []


# What happens when an update is sent again


def too_many():
    return _errors.HttpError("Too many.", _errors.ErrorDetails(429), again=True)


def lost():
    return _errors.ConnectionFailedError("Lost.", may_have_applied=True, again=True)


def record_of(a, b=None, **keys):
    return dict(OLD, fields=[{"id": "a", "name": "A", "value": a}, {"id": "b", "name": "B", "value": b}], **keys)


@pytest.mark.parametrize("again", [too_many, lost])
def test_after_a_wait_the_update_has_what_was_read_after_it(again):
    api = Api(
        ("read", record_of("1", "x")),
        ("update", again()),
        ("read", record_of("1", "y")),
        ("update", again()),
        ("read", record_of("1", "z")),
        ("update", record_of("2", "z")),
    )
    outcome, warnings = keep(api)
    assert [payload["fields"][1]["value"] for payload in api.payloads] == ["x", "y", "z"]
    assert api.used.immediate
    assert (outcome.plan.changed, outcome.record, warnings) == (True, record_of("2", "z"), [])
    assert outcome.plan.diff["before"]["fields"] == {"A": "1", "B": "z"}


@pytest.mark.parametrize(("again", "changed"), [(too_many, False), (lost, True)])
def test_what_is_so_after_a_wait_is_not_sent_again(again, changed):
    outcome, warnings = keep(Api(("read", OLD), ("update", again()), ("read", NEW)))
    assert (outcome.plan.changed, outcome.record, warnings) == (changed, NEW, [])
    assert outcome.plan.changed_fields == (["A"] if changed else [])


def test_a_doubt_lasts_through_later_attempts():
    api = Api(("read", OLD), ("update", lost()), ("read", OLD), ("update", too_many()), ("read", NEW))
    assert keep(api)[0].plan.changed


def test_an_overwrite_is_sent_again_as_it_is():
    api = Api(("read", DENIED), ("update", too_many()), ("update", lost()), ("update", NEW))
    assert keep(api, overwrite=True)[0].plan.changed
    assert api.payloads == [{"fields": [{"id": "a", "value": "2"}]}] * 3


def test_a_record_that_can_no_longer_be_read_is_not_overwritten():
    api = Api(("read", OLD), ("update", too_many()), ("read", DENIED))
    with pytest.raises(_errors.ReadDeniedError) as caught:
        keep(api, overwrite=True)
    assert not caught.value.changed


@pytest.mark.parametrize(
    ("again", "concurrent", "changed"), [(too_many, True, False), (lost, False, False), (lost, True, True)]
)
@pytest.mark.parametrize("fault", ["permission", "field"])
def test_a_plan_that_fails_after_a_wait(again, concurrent, changed, fault):
    later = record_of("1", "y" if concurrent else "x", device_api_allow_write=fault != "permission")
    if fault == "field":
        later["fields"][0]["name"] = "other"
    before = record_of("1", "x", device_api_allow_write=fault != "permission")
    wishes = DesiredState(None, (DesiredField(None, "A", "2"),), False, ())
    api = Api(("read", dict(before, device_api_allow_write=True)), ("update", again()), ("read", later))
    with pytest.raises((_errors.WriteDeniedError, _errors.InvalidDesiredStateError)) as caught:
        keep(api, wishes=wishes)
    # A flag that another client has changed is a change as well.
    assert caught.value.changed is (changed or (again is lost and fault == "permission"))


def test_a_failed_read_after_a_doubtful_update_leaves_the_outcome_unknown():
    with pytest.raises(_errors.OutcomeUnknownError, match=r"Lost\..*No route") as caught:
        keep(Api(("read", OLD), ("update", lost()), ("read", NEVER_SENT)))
    assert caught.value.changed


def test_a_failed_read_after_an_update_that_was_rejected_is_told_as_it_is():
    with pytest.raises(_errors.ConnectionFailedError, match="No route") as caught:
        keep(Api(("read", OLD), ("update", too_many()), ("read", NEVER_SENT)))
    assert not caught.value.changed


@pytest.mark.parametrize(("record", "kind"), [(NEW, None), (OLD, "stopped"), (OTHER, "update_not_applied")])
def test_a_wait_that_is_cut_short_is_followed_by_a_read_where_there_is_doubt(record, kind):
    stopped = _errors.StoppedError("Enough.")
    api = Api(("read", OLD), ("update", lost()), ("read", stopped), ("read", record))
    if kind is None:
        assert keep(api)[0].plan.changed
    else:
        with pytest.raises(_errors.DeviceManagerError) as caught:
            keep(api)
        assert (caught.value.kind, caught.value.changed) == (kind, kind == "update_not_applied")


def test_a_wait_that_is_cut_short_ends_the_run_where_there_is_no_doubt():
    with pytest.raises(_errors.StoppedError):
        keep(Api(("read", OLD), ("update", too_many()), ("read", _errors.StoppedError("Enough."))))


def test_warnings_of_several_plans_are_told_once():
    disabled = dict(OLD, status="DISABLED")
    api = Api(("read", disabled), ("update", too_many()), ("read", disabled), ("update", dict(NEW, status="DISABLED")))
    assert keep(api)[1] == ["The status of the device is DISABLED, not ACTIVE."]


# What another client overwrites


def test_an_update_that_another_client_overwrites_is_repeated():
    first, later = record_of("1", "x"), record_of("1", "y")
    api = Api(("read", first), ("update", later), ("read", later), ("update", record_of("2", "y")))
    outcome, warnings = keep(api)
    assert (outcome.plan.changed, outcome.record, warnings) == (True, record_of("2", "y"), [])
    assert api.payloads[1]["fields"] == [{"id": "a", "value": "2"}, {"id": "b", "value": "y"}]


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError()])
@pytest.mark.parametrize("sent", [False, True])
def test_an_unexpected_error_after_an_update_began_can_have_changed_something(error, sent):
    calls = [("read", OLD), ("update", error)] if sent else [("read", error)]
    with pytest.raises((_errors.DeviceManagerError, type(error))) as caught:
        keep(Api(*calls))
    assert getattr(caught.value, "changed", False) is sent


def test_an_update_that_is_always_overwritten_is_repeated_twice():
    outcomes = [("read", record_of("1", "0"))]
    for number in "123":
        outcomes += [("update", record_of("1", number)), ("read", record_of("1", number))]
    with pytest.raises(_errors.UpdateNotAppliedError, match=r"'A'.*Another client") as caught:
        keep(Api(*outcomes))
    assert caught.value.changed


def test_a_name_that_another_client_changes_is_sent_again():
    wishes = DesiredState("gate-7", (DesiredField("a", None, "2"),), False, ())
    first, later = record_of("1", "x"), record_of("2", "y", device_identifier="gate-8")
    last = dict(later, device_identifier="gate-7")
    api = Api(("read", first), ("update", later), ("read", later), ("update", last))
    assert keep(api, wishes=wishes)[0].record == last


def test_a_mandatory_field_without_a_value_is_told_before_the_update():
    missing = [{"id": "b", "name": "B", "value": None, "mandatory": True}]
    old, new = dict(OLD, fields=OLD["fields"] + missing), dict(NEW, fields=NEW["fields"] + missing)
    warnings = keep(Api(("read", old), ("update", _errors.HttpError("x", again=True)), ("read", old), ("update", new)))[
        1
    ]
    assert len(warnings) == 1
    assert "'B' have no value" in warnings[0]


@pytest.mark.parametrize(
    "error", [error for error in _errors.error_kinds() if error.changes is _errors.Changes.RECORD], ids=str
)
def test_an_error_after_an_update_that_was_overwritten_has_changed_something(error):
    later = record_of("1", "y")
    api = Api(("read", record_of("1", "x")), ("update", later), ("read", later), ("update", error("No.")))
    with pytest.raises(error) as caught:
        keep(api)
    assert caught.value.changed


@pytest.mark.parametrize("answer", [OLD, LOST])
def test_the_connection_of_a_device_is_closed_whatever_comes(monkeypatch, answer):
    closed = []
    api = Api(("read", answer))
    monkeypatch.setattr(
        _reconcile, "open_session", lambda *_arguments: SimpleNamespace(close=lambda: closed.append(True))
    )
    monkeypatch.setattr(_reconcile, "DeviceApi", lambda *_arguments: api)
    options = {**OPTIONS, "device_identifier": "gate-7"}
    with contextlib.suppress(_errors.ConnectionFailedError):
        result = _reconcile.ensure_device(parse_device_task(options), Runtime([].append, check_mode=True))
        assert set(result) == {"changed", "device", "device_id", "changed_fields", "diff"}
    assert closed == [True]


@pytest.mark.parametrize("answer", [OLD, LOST, KeyError("x")])
def test_a_completed_renewal_is_a_change(monkeypatch, answer):
    warnings = []

    def recover_files(_credentials, runtime):
        runtime.warn("found Zq82-secret")
        return runtime.check_mode

    monkeypatch.setattr(_reconcile, "recover_files", recover_files)
    monkeypatch.setattr(_reconcile, "open_session", lambda *_arguments: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(_reconcile, "DeviceApi", lambda *_arguments: Api(("read", answer)))
    options = {**OPTIONS, "device_identifier": OLD["device_identifier"], "client_key_passphrase": "Zq82-secret"}
    if isinstance(answer, Exception):
        with pytest.raises((_errors.ConnectionFailedError, _errors.InternalError)) as caught:
            _reconcile.ensure_device(parse_device_task(options), Runtime(warnings.append, check_mode=True))
        assert caught.value.changed
    else:
        result = _reconcile.ensure_device(parse_device_task(options), Runtime(warnings.append, check_mode=True))
        assert result["changed"]
        assert result["changed_fields"] == []
        assert [result["diff"][side]["certificate_renewal"] for side in ("before", "after")] == [
            "interrupted",
            "completed",
        ]
    assert warnings[0] == "found ********"
