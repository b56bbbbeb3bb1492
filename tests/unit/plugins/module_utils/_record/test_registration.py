# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidDesiredStateError
from ansible_collections.edgeops.digicert.plugins.module_utils._record import registration as _registration
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredField, DesiredState

RECORD = {
    "id": "1",
    "division": {"id": "D1", "name": "Harbor"},
    "device_profile": {"id": "P1", "name": "Gateway"},
    "device_identifier": "gate",
    "status": "ACTIVE",
    "fields": [
        {"id": "a", "name": "Serial number", "value": "1", "mandatory": True},
        {"id": "b", "name": "Site", "value": "Delft", "mandatory": False},
    ],
    "device_api_allow_read": True,
    "device_api_allow_write": False,
    "device_api_allow_revoke": True,
    "device_api_allow_export": True,
}
NOTHING = DesiredState(None, (), False, ())


def desired(*fields, name=None, status=None, division_id=None, device_profile_id=None, **permissions):
    state = NOTHING._replace(device_identifier=name, fields=tuple(DesiredField(*field) for field in fields))
    return _registration.DesiredRegistration(state, permissions, status, division_id, device_profile_id)


def flags_in(payload):
    return {key: value for key, value in payload.items() if key.startswith("device_api_allow_")}


FLAGS = flags_in(RECORD)


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (desired(("b", None, "Antwerp")), {}),
        (desired(name="gate-7"), {}),
        (desired(allow_write=True), {"device_api_allow_write": True}),
        (desired(allow_enroll_certificate=True), {"device_api_allow_enroll_certificate": True}),
        (desired(allow_revoke_certificate=False), {"device_api_allow_revoke": False}),
    ],
)
def test_each_update_has_all_flags(wanted, changes):
    plan = _registration.plan_registration(RECORD, wanted)
    assert plan.changed
    assert flags_in(plan.payload) == {**FLAGS, **changes}


@pytest.mark.parametrize(
    "wanted",
    [
        desired(),
        desired(("a", None, "1"), name="gate", allow_read=True, allow_write=False, allow_revoke_certificate=True),
        desired(division_id="d1", device_profile_id="p1", status="ACTIVE"),
        # An API without this flag does not grant it.
        desired(allow_enroll_certificate=False),
    ],
)
def test_a_record_that_is_as_desired_requires_no_request(wanted):
    assert not _registration.plan_registration(RECORD, wanted).changed


def test_a_flag_with_another_key_is_the_same_flag():
    record = {**RECORD, "device_api_allow_renew": False}
    plan = _registration.plan_registration(record, desired(allow_renew_certificate=True))
    assert flags_in(plan.payload) == {**FLAGS, "device_api_allow_renew": True}
    assert _registration.access_of(plan.after)["allow_renew_certificate"] is True


def test_a_flag_with_two_keys_is_revoked_with_both():
    keys = ("device_api_allow_revoke", "device_api_allow_revoke_certificate")
    record = {**RECORD, **dict(zip(keys, (False, True)))}
    assert _registration.access_of(record)["allow_revoke_certificate"] is True
    assert not _registration.plan_registration(record, desired(allow_revoke_certificate=True)).changed
    plan = _registration.plan_registration(record, desired(allow_revoke_certificate=False))
    assert [plan.payload[key] for key in keys] == [False, False]
    assert _registration.access_of(plan.after)["allow_revoke_certificate"] is False


@pytest.mark.parametrize("key", ["status", "division", "device_profile"])
def test_a_record_without_a_documented_key_is_incomplete(key):
    assert _registration.is_complete(RECORD)
    assert not _registration.is_complete({**RECORD, key: None})
    assert not _registration.is_complete({name: value for name, value in RECORD.items() if name not in FLAGS})


def test_a_status_alone_is_no_update():
    plan = _registration.plan_registration(RECORD, desired(status="DISABLED"))
    assert (plan.changed, plan.updates_record, plan.flags) == (True, False, {})


def test_the_parts_of_the_desired_registration():
    both = desired(name="x", status="DISABLED", allow_read=True, division_id="D1")
    assert both.only_status == desired(status="DISABLED")
    assert both.without_status == desired(name="x", allow_read=True, division_id="D1")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            desired(division_id="D2"),
            "The division of the device is 'D1', but division_id is 'D2'. It cannot be changed.",
        ),
        (desired(device_profile_id="P2"), "The device profile of the device is 'P1', but device_profile_id is 'P2'."),
        (desired(("b", None, "x"), (None, "Sote", "y")), "Did you mean 'Site'"),
    ],
)
def test_a_desired_registration_that_cannot_be_applied(wanted, words):
    with pytest.raises(InvalidDesiredStateError, match=words):
        _registration.plan_registration(RECORD, wanted)


@pytest.mark.parametrize("division", [None, {}, {"id": 1}, "Harbor"])
def test_a_record_without_a_division_has_any(division):
    record = {**RECORD, "division": division}
    assert not _registration.plan_registration(record, desired(division_id="D2")).changed
    assert _registration.division_of(record) is None
    assert _registration.division_of(RECORD) == "D1"


def test_a_deleted_device():
    with pytest.raises(InvalidDesiredStateError, match=r"is deleted\. Restore it in the console"):
        _registration.plan_registration({**RECORD, "status": "DELETED"}, desired())


def test_a_mandatory_field_without_a_value_is_a_warning_before_an_update_only():
    record = {**RECORD, "fields": [{**RECORD["fields"][0], "value": None}, RECORD["fields"][1]]}
    warning = "The mandatory fields 'Serial number' have no value, so the API may reject the update."
    for wanted in (desired(allow_write=True), desired(("b", None, "x"), allow_write=True), desired(name="x")):
        assert _registration.plan_registration(record, wanted).warnings == (warning,)
    for wanted in (desired(), desired(status="DISABLED")):
        assert _registration.plan_registration(record, wanted).warnings == ()


def test_the_creation_has_all_that_is_desired():
    wanted = desired(
        ("a", None, "2"), ("b", None, None), allow_revoke_certificate=False, division_id="D1", device_profile_id="P1"
    )
    plan = _registration.plan_creation("gate", wanted)
    assert _registration.creation_payload(plan) == {
        "division_id": "D1",
        "device_profile_id": "P1",
        "device_identifier": "gate",
        "fields": [{"id": "a", "value": "2"}],
        "device_api_allow_revoke": False,
    }
    assert (plan.changed, plan.after["id"], plan.after["status"], plan.changed_fields) == (True, None, "ACTIVE", ["a"])
    assert _registration.plan_creation("gate", wanted._replace(status="DISABLED")).after["status"] == "DISABLED"


def test_a_creation_knows_no_names_of_fields():
    with pytest.raises(InvalidDesiredStateError, match=r"The device does not exist, so .* no field 'Site'"):
        _registration.plan_creation("gate", desired((None, "Site", "x")))


def test_the_plan_of_a_created_record_shows_all_its_values():
    plan = _registration.plan_of_created(RECORD, desired(("a", None, "1", True)))
    assert plan.changed_fields == ["Serial number", "Site"]
    assert plan.masked(RECORD)["fields"][0]["value"] == "********"


def test_access_has_all_permissions():
    assert _registration.access_of({**RECORD, "device_api_allow_more": "yes"}) == {
        "allow_export": True,
        "allow_read": True,
        "allow_write": False,
        "allow_renew_certificate": None,
        "allow_revoke_certificate": True,
        "allow_enroll_certificate": None,
        "status": "ACTIVE",
    }


def test_names_are_selected_in_a_division():
    records = [
        {**RECORD, "id": "1"},
        {**RECORD, "id": "2", "division": {"id": "D2"}},
        {**RECORD, "id": "3", "status": "DELETED"},
        {**RECORD, "id": "4", "device_identifier": "gate-7"},
    ]

    def ids(division_id):
        return [record["id"] for record in _registration.select_named(records, "gate", division_id)]

    assert (ids(None), ids("D1"), ids("d2"), ids("D3")) == (["1", "2"], ["1"], ["2"], [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Another device of the division, 'A', has the name 'gate' already."),
        ({"status": "DELETED"}, "A deleted device, 'A', has the name 'gate'."),
        ({"device_identifier": "GATE"}, "The name 'GATE' of the device 'A' differs from 'gate' only in case"),
        ({"device_identifier": "GATE", "status": "DELETED"}, None),
        ({"device_identifier": "gate-7"}, None),
        ({"device_identifier": None}, None),
    ],
)
def test_a_name_that_the_api_may_reject(changes, words):
    records = [{**RECORD, "id": "A", **changes}]
    problem = _registration.name_problem(records, "gate", "b")
    assert problem is None if words is None else problem.startswith(words)
    assert _registration.name_problem(records, "gate", "a") is None


def test_the_most_certain_reason_is_named():
    records = [{**RECORD, "device_identifier": "Gate"}, {**RECORD, "status": "DELETED"}, RECORD]
    assert _registration.name_problem(records, "gate").startswith("Another device")
    assert _registration.name_problem(records[:2], "gate").startswith("A deleted device")


def test_names_are_compared_in_one_unicode_form():
    problem = _registration.name_problem([{**RECORD, "device_identifier": "a\u030a"}], "\xe5")
    assert problem.startswith("The name 'a\u030a' of the device '1' differs from '\xe5' only in case")


def test_a_list_is_searched_by_id_and_by_name():
    devices = _registration.DeviceList([{**RECORD, "id": "A"}, {**RECORD, "id": "B"}])
    assert devices.find("a") == {**RECORD, "id": "A"}
    assert devices.find("c") is None
    assert [record["id"] for record in devices.named("gate")] == ["A", "B"]
    assert devices.named("other") == []
