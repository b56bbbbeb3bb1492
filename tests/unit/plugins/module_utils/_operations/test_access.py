# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import Page
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import access as _access
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

DEFAULTS = {
    **{name: entry.get("default") for name, entry in _access.access_argument_spec().items()},
    "device_id": "1",
    "api_key": "key",
}


class FakeAccount:
    """The API of an account, with records that change as the service changes them, or fails as told."""

    def __init__(self):
        self.records = {"1": self.make("1"), "2": self.make("2", device_identifier="other")}
        self.calls = []
        # What the calls that write raise, by their number, and which of them have no effect all the same.
        self.trouble = {}
        self.loses = set()
        # What another client changes after the calls that write, by their number.
        self.others = {}
        self.device_id = ""

    @staticmethod
    def make(device_id, **keys):
        record = {
            "id": device_id,
            "device_identifier": "gate",
            "status": "ACTIVE",
            "fields": [{"id": "a", "name": "Site", "value": "Delft", "mandatory": True}],
            "device_api_allow_read": True,
            "device_api_allow_write": False,
        }
        return {**record, **keys}

    def __call__(self, _session, _redactor):
        return self

    def device(self, device_id):
        self.device_id = device_id
        return self

    def find(self, device_id):
        return self.records[device_id]

    def page(self, filters, limit, offset):
        self.calls.append(("page", filters))
        return Page(len(self.records), list(self.records.values())[offset : offset + limit])

    def read(self):
        self.calls.append("read")
        return copy.deepcopy(self.records[self.device_id])

    def attempts(self, immediate):
        assert immediate
        return Attempts(1, immediate=immediate)

    def update(self, payload, attempts):
        values = {field["id"]: field["value"] for field in payload["fields"]}
        fields = [dict(field, value=values.get(field["id"])) for field in self.records[self.device_id]["fields"]]
        return self._write(payload, {**payload, "fields": fields}, attempts)

    def set_status(self, status, attempts):
        return self._write(status, {"status": status}, attempts)

    def _write(self, call, change, attempts):
        self.calls.append(call)
        number = len([call for call in self.calls if call != "read"])
        trouble = self.trouble.pop(number, None)
        if (trouble is None or trouble.may_have_applied) and number not in self.loses:
            self.records[self.device_id].update(change)
        self.records[self.device_id].update(self.others.pop(number, {}))
        if trouble is not None:
            attempts.may_have_applied = attempts.may_have_applied or trouble.may_have_applied
            raise trouble
        return copy.deepcopy(self.records[self.device_id])


@pytest.fixture
def account(monkeypatch):
    fake = FakeAccount()
    monkeypatch.setattr(_access, "OperatorApi", fake)
    return fake


def keep(check_mode=False, warnings=None, **options):
    warn = ([] if warnings is None else warnings).append
    task = _access.parse_access_task({**DEFAULTS, **options})
    return _access.ensure_access(task, Redactor(), Runtime(warn, check_mode))


def test_a_change_sends_all_flags_and_all_values(account):
    result = keep(allow_write=True)
    payload = {
        "fields": [{"id": "a", "value": "Delft"}],
        "device_api_allow_read": True,
        "device_api_allow_write": True,
    }
    assert account.calls == ["read", payload]
    before = {"allow_read": True, "allow_write": False, "allow_renew_certificate": None, "status": "ACTIVE"}
    assert result == {
        "changed": True,
        "device_id": "1",
        "device_identifier": "gate",
        "access": {**before, "allow_write": True},
        "diff": {"before": before, "after": {**before, "allow_write": True}},
    }


def test_a_change_sends_the_flags_that_no_option_names(account):
    account.records["1"].update(device_api_allow_revoke=True, device_api_allow_enroll_certificate=False)
    account.records["1"].update(device_api_allow_more="yes", other=True)
    result = keep(allow_write=True)
    sent = {key: value for key, value in account.calls[1].items() if key != "fields"}
    assert sent == {
        "device_api_allow_read": True,
        "device_api_allow_write": True,
        "device_api_allow_revoke": True,
        "device_api_allow_enroll_certificate": False,
    }
    for access in (result["access"], *result["diff"].values()):
        assert (access["allow_revoke"], access["allow_enroll_certificate"]) == (True, False)
        assert "allow_more" not in access


def test_a_flag_that_the_service_does_not_keep_is_named(account):
    account.records["1"]["device_api_allow_revoke"] = True
    account.others[1] = {"device_api_allow_revoke": False}
    with pytest.raises(_errors.UpdateNotAppliedError, match="'device_api_allow_revoke'") as caught:
        keep(allow_write=True)
    assert caught.value.changed


SITE = {"id": "a", "name": "Site", "mandatory": True}


def test_what_another_client_changes_while_a_device_is_enabled_stays(account):
    account.records["1"]["status"] = "DISABLED"
    account.others[1] = {"fields": [{**SITE, "value": "Antwerp"}], "device_api_allow_read": False}
    warnings = []
    result = keep(warnings=warnings, allow_write=True, enabled=True)
    assert account.calls[:3:2] == ["read", "read"]
    assert account.calls[3]["fields"] == [{"id": "a", "value": "Antwerp"}]
    assert account.calls[3]["device_api_allow_read"] is False
    assert (result["changed"], result["access"]["allow_read"], result["access"]["allow_write"]) == (True, False, True)
    assert "'Site', 'device_api_allow_read' changed during this update" in warnings[0]


@pytest.mark.parametrize("number", [1, 2])
def test_a_step_that_is_sent_again_is_planned_again(account, number):
    account.records["1"]["status"] = "DISABLED"
    account.trouble[number] = _errors.HttpError("Too many.", again=True)
    account.others[number] = {"fields": [{**SITE, "value": "Antwerp"}], "device_api_allow_revoke": True}
    assert keep(allow_write=True, enabled=True)["changed"]
    assert account.calls[-1]["fields"] == [{"id": "a", "value": "Antwerp"}]
    assert account.calls[-1]["device_api_allow_revoke"] is True
    assert account.calls.count("read") == 2


def test_a_device_that_is_deleted_during_a_wait_is_not_enabled(account):
    account.records["1"]["status"] = "DISABLED"
    account.trouble[1] = _errors.HttpError("Too many.", again=True)
    account.others[1] = {"status": "DELETED"}
    with pytest.raises(_errors.InvalidDesiredStateError, match=r"is deleted\. Restore it in the console") as caught:
        keep(enabled=True)
    assert (caught.value.changed, account.calls) == (False, ["read", "ACTIVE", "read"])


def test_what_another_operator_did_during_a_wait_is_no_change(account):
    account.trouble[1] = _errors.HttpError("Too many.", again=True)
    account.others[1] = {"device_api_allow_write": True}
    result = keep(allow_write=True)
    assert (result["changed"], result["access"]["allow_write"]) == (False, True)
    assert len(account.calls) == 3


def test_a_status_that_the_service_does_not_keep_is_named(account):
    account.others[1] = {"status": "ACTIVE"}
    with pytest.raises(_errors.UpdateNotAppliedError, match="has other values of 'status'") as caught:
        keep(enabled=False)
    assert not caught.value.changed


def test_a_flag_that_another_operator_changes_with_a_field_is_a_warning(account):
    account.records["1"]["device_api_allow_revoke"] = True
    account.others[1] = {"fields": [{**SITE, "value": "Antwerp"}], "device_api_allow_revoke": False}
    warnings = []
    result = keep(warnings=warnings, allow_write=True)
    assert (result["changed"], result["access"]["allow_revoke"], len(account.calls)) == (True, False, 4)
    assert "'device_api_allow_revoke', 'Site' changed during this update" in warnings[0]


def test_a_last_step_that_resets_an_earlier_one_is_told(account):
    account.others[2] = {"device_api_allow_write": False}
    with pytest.raises(
        _errors.UpdateNotAppliedError, match="does not have the desired values of 'device_api_allow_write'"
    ) as caught:
        keep(allow_write=True, enabled=False)
    assert caught.value.changed


def test_an_unexpected_error_after_a_step_has_changed_something(account, monkeypatch):
    account.records["1"]["status"] = "DISABLED"
    monkeypatch.setattr(_access, "is_same", lambda _record, _other: {}["x"])
    with pytest.raises(_errors.InternalError) as caught:
        keep(allow_write=True, enabled=True)
    assert caught.value.changed
    assert account.records["1"]["status"] == "ACTIVE"


def test_check_mode_only_reads_and_foretells(account):
    foretold = keep(check_mode=True, allow_write=True, enabled=False)
    assert account.calls == ["read"]
    assert foretold == keep(allow_write=True, enabled=False)
    assert account.calls[-1] == "DISABLED"


def test_what_is_so_already_is_not_sent(account):
    assert not keep(allow_read=True, allow_write=False, enabled=True)["changed"]
    assert account.calls == ["read"]


def test_a_device_is_enabled_first(account):
    account.records["1"]["status"] = "DISABLED"
    keep(allow_write=True, enabled=True)
    assert account.calls[1] == "ACTIVE"


@pytest.mark.usefixtures("account")
def test_a_flag_that_the_record_does_not_have():
    assert keep(allow_renew_certificate=True)["access"]["allow_renew_certificate"] is True


def test_the_name_is_looked_up(account):
    assert keep(device_identifier="gate", device_id=None, allow_write=True)["device_id"] == "1"
    assert account.calls[0] == ("page", {"device_identifier": "gate"})
    keep(device_identifier="gate", device_id=None, division_id="d", allow_write=True)
    assert ("page", {"device_identifier": "gate", "division_id": "d"}) in account.calls


def test_a_name_that_no_device_has(account):
    account.records["1"]["status"] = "DELETED"
    with pytest.raises(_errors.DeviceNotFoundError, match="no device with this device_identifier"):
        keep(device_identifier="gate", device_id=None, allow_write=True)


def test_a_name_that_two_devices_have(account):
    account.records["2"]["device_identifier"] = "gate"
    with pytest.raises(_errors.InvalidDesiredStateError, match=r"2 devices have .* one of '1', '2'"):
        keep(device_identifier="gate", device_id=None, allow_write=True)


def test_a_deleted_device(account):
    account.records["1"]["status"] = "DELETED"
    with pytest.raises(_errors.InvalidDesiredStateError, match="is deleted"):
        keep(enabled=True)


@pytest.mark.parametrize("mode", [True, False])
def test_a_mandatory_field_without_a_value_is_told_where_an_update_is_sent(account, mode):
    account.records["1"]["fields"][0]["value"] = None
    warnings = []
    keep(mode, warnings, enabled=False)
    assert warnings == []
    keep(mode, warnings, allow_write=True)
    assert warnings == ["The mandatory fields 'Site' have no value, so the API may reject the update."]


def test_a_second_step_that_fails_has_changed_something(account):
    account.trouble[2] = _errors.HttpError("No.")
    with pytest.raises(_errors.HttpError) as caught:
        keep(allow_write=True, enabled=False)
    assert caught.value.changed


def test_a_second_step_that_got_lost_without_effect_is_told_as_what_it_is(account):
    account.records["1"]["status"] = "DISABLED"
    account.trouble[2] = _errors.ConnectionFailedError("Lost.", may_have_applied=True)
    account.loses = {2}
    with pytest.raises(
        _errors.ConnectionFailedError, match=r"Lost\. A read after the error shows that the record is unchanged\."
    ):
        keep(allow_write=True, enabled=True)


def test_a_first_step_that_fails_has_changed_nothing(account):
    account.trouble[1] = _errors.HttpError("No.")
    with pytest.raises(_errors.HttpError) as caught:
        keep(allow_write=True, enabled=False)
    assert not caught.value.changed


def test_a_status_whose_answer_got_lost_is_read(account):
    account.trouble[1] = _errors.ConnectionFailedError("Lost.", may_have_applied=True)
    assert keep(enabled=False)["changed"]
    assert account.calls == ["read", "DISABLED", "read"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device_id": ".."}, "device_id '..' cannot be"),
        ({"device_id": None, "device_identifier": ""}, "device_identifier is empty. Set the name"),
        ({"api_key": ""}, "api_key is empty"),
        ({"api_key": "a\nb"}, "api_key is empty, or has blanks, line ends"),
        ({"api_key": "schlüssel"}, "api_key is empty, or has"),
        ({"api_url": "http://one.example"}, "does not begin with https://"),
        ({"ca_path": "/none"}, "ca_path: /none cannot be read"),
        ({"timeout": 0}, "timeout is 0"),
    ],
)
def test_what_cannot_be_right_costs_no_call(account, options, words):
    with pytest.raises(_errors.InvalidParametersError, match=words):
        keep(**{"allow_read": True, **options})
    assert account.calls == []


@pytest.mark.usefixtures("account")
def test_trust_that_is_not_checked_is_told():
    warnings = []
    keep(warnings=warnings, allow_read=True, validate_certs=False)
    assert warnings == ["validate_certs is false. The connection is open to man-in-the-middle attacks."]
