# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _failures as failures
from ansible_collections.edgeops.digicert.plugins.module_utils import _keep
from ansible_collections.edgeops.digicert.plugins.module_utils._keep import keep_record
from ansible_collections.edgeops.digicert.plugins.module_utils._wishes import Wish, Wishes

OLD = {"id": "d", "device_identifier": "gate", "status": "ACTIVE", "fields": [{"id": "a", "name": "A", "value": "1"}]}
NEW = dict(OLD, fields=[{"id": "a", "name": "A", "value": "2"}])
OTHER = dict(OLD, fields=[{"id": "a", "name": "A", "value": "3"}])
WISHES = Wishes(None, (Wish("a", None, "2"),), False, ())

LOST = failures.ConnectionFailed("The line was cut.", retries=2, doubtful=True)
NEVER_SENT = failures.ConnectionFailed("No route.")
DENIED = failures.ReadDenied("No.", http_status=403)


class Api:
    """Stands for the API: gives the outcomes in order and fails on a call too many, too few or of another kind."""

    device_id = "d"

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.payloads = []

    def read(self):
        return self.next("read")

    def update(self, payload):
        self.payloads.append(payload)
        return self.next("update")

    def next(self, call):
        expected, outcome = self.outcomes.pop(0)
        assert expected == call
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def keep(api, overwrite=False, check_mode=False):
    warnings = []
    outcome = keep_record(api, WISHES, overwrite, check_mode, warnings.append)
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
    "answer", [OLD, failures.AnswerUnusable("<html>", doubtful=True), LOST], ids=["differs", "unusable", "lost"]
)
def test_what_the_answer_does_not_show_is_read_again(answer):
    assert keep(Api(("read", OLD), ("update", answer), ("read", NEW)))[0].record == NEW


def test_an_update_that_cannot_have_acted_is_not_looked_after():
    with pytest.raises(failures.ConnectionFailed, match=r"^No route\.$"):
        keep(Api(("read", OLD), ("update", NEVER_SENT)))


def test_a_lost_update_that_did_not_act_says_that_nothing_was_written():
    lost = failures.ConnectionFailed("The line was cut.", doubtful=True)
    with pytest.raises(
        failures.ConnectionFailed, match=r"The line was cut\. .*nothing had been written by then"
    ) as caught:
        keep(Api(("read", OLD), ("update", lost), ("read", OLD)))
    assert not caught.value.changed


@pytest.mark.parametrize(("record", "changed"), [(OLD, False), (OTHER, True)])
def test_what_the_service_did_not_keep_is_named(record, changed):
    with pytest.raises(failures.NotKept, match="'A'") as caught:
        keep(Api(("read", OLD), ("update", record), ("read", record)))
    assert caught.value.changed is changed


def test_an_outcome_that_cannot_be_found_out_is_said_to_be_unknown():
    with pytest.raises(failures.OutcomeUnknown, match=r"may have been written.*The line was cut.*No route") as caught:
        keep(Api(("read", OLD), ("update", LOST), ("read", NEVER_SENT)))
    assert caught.value.changed
    assert caught.value.retries == 2


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_device_that_may_not_write_is_told_before_the_update(check_mode):
    with pytest.raises(failures.WriteDenied, match=r"'A'.*device_api_allow_write"):
        keep(Api(("read", dict(OLD, device_api_allow_write=False))), check_mode=check_mode)


def test_a_device_that_may_not_write_and_need_not_is_fine():
    keep(Api(("read", dict(NEW, device_api_allow_write=False))))


def test_reading_denied_fails():
    with pytest.raises(failures.ReadDenied):
        keep(Api(("read", DENIED)))


def test_reading_denied_is_overwritten_when_that_is_asked_for():
    api = Api(("read", DENIED), ("update", NEW))
    outcome, warnings = keep(api, overwrite=True)
    assert outcome.plan.changed
    assert "could not be read" in warnings[0]
    assert api.payloads == [{"fields": [{"id": "a", "value": "2"}]}]


def test_other_failures_are_not_overwritten():
    with pytest.raises(failures.ConnectionFailed):
        keep(Api(("read", NEVER_SENT)), overwrite=True)


def test_a_status_that_is_not_active_is_a_warning():
    assert keep(Api(("read", dict(NEW, status="DISABLED"))))[1] == ["The device's status is DISABLED, not ACTIVE."]
    assert keep(Api(("read", {key: NEW[key] for key in ("id", "fields")})))[1] == []


SECRET_WISHES = Wishes(None, (Wish("a", None, "2", secret=True),), False, ())


def keep_secret(answer):
    return keep_record(Api(("read", OLD), ("update", answer)), SECRET_WISHES, False, False, [].append)


def test_a_secret_is_in_no_result():
    assert keep_secret(NEW).record["fields"] == [{"id": "a", "name": "A", "value": "********"}]


def test_a_secret_is_in_no_failure():
    with pytest.raises(failures.Refused) as caught:
        keep_secret(failures.Refused("Bad 2, was 1.", code="c1", api_message="no 2"))
    assert str(caught.value) == "Bad ********, was ********."
    assert caught.value.details()["code"] == "c********"
    assert caught.value.details()["message"] == "no ********"


def test_what_others_changed_is_a_warning():
    def both(first, second):
        return dict(OLD, fields=[{"id": "a", "name": "A", "value": first}, {"id": "b", "name": "B", "value": second}])

    outcome, warnings = keep(Api(("read", both("1", "x")), ("update", both("2", "y"))))
    assert outcome.record == both("2", "y")
    assert "'B'" in warnings[0]


@pytest.mark.parametrize("answer", [OLD, LOST])
def test_the_connection_of_a_device_is_closed_whatever_comes(monkeypatch, answer):
    closed = []
    api = Api(("read", answer))
    monkeypatch.setattr(_keep, "open_session", lambda *_arguments: SimpleNamespace(close=lambda: closed.append(True)))
    monkeypatch.setattr(_keep, "DeviceApi", lambda _session, _device_id: api)
    options = {
        "device_id": "d",
        "device_identifier": "gate-7",
        "fields": None,
        "secret_fields": None,
        "purge_fields": False,
        "keep_fields": [],
        "on_read_denied": "fail",
    }
    with contextlib.suppress(failures.ConnectionFailed):
        result = _keep.keep_device(options, str, True, [].append)
        assert set(result) == {"changed", "device", "changed_fields", "diff"}
    assert closed == [True]


@pytest.mark.parametrize("answer", [OLD, LOST])
def test_a_completed_renewal_is_a_change(monkeypatch, answer):
    monkeypatch.setattr(_keep, "recover_files", lambda _options, may_write, _warn: not may_write)
    monkeypatch.setattr(_keep, "open_session", lambda *_arguments: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(_keep, "DeviceApi", lambda _session, _device_id: Api(("read", answer)))
    options = {
        "device_id": "d",
        "device_identifier": OLD["device_identifier"],
        "fields": None,
        "secret_fields": None,
        "purge_fields": False,
        "keep_fields": [],
        "on_read_denied": "fail",
    }
    if answer is LOST:
        with pytest.raises(failures.ConnectionFailed) as caught:
            _keep.keep_device(options, str, True, [].append)
        assert caught.value.changed
    else:
        result = _keep.keep_device(options, str, True, [].append)
        assert result["changed"]
        assert result["changed_fields"] == []
        assert [result["diff"][side]["certificate_renewal"] for side in ("before", "after")] == [
            "interrupted",
            "completed",
        ]
