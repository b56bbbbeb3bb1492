# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client import session as _session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import registration as _registration
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    parse_registration_task,
    registration_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.registration import DeviceList
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import API_KEY, READER_API_KEY, Answer
from simulator.records import division_id

SPEC = registration_argument_spec()
HARBOR = division_id("Harbour")
CUT = Answer(method="POST", effect=True, cut=True)


class Operator:
    """Registers devices in the account of a simulator, without waits before retries."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.profile = simulator.records.profiles["Gateway"]
        self.warnings = []

    def field(self, name, value, state="present"):
        return {"id": self.profile.field_id(name), "name": None, "value": value, "state": state}

    def task(self, **options):
        params = {
            **{option: rule.get("default") for option, rule in SPEC.items()},
            "api_url": self.simulator.operator_url,
            "api_key": API_KEY,
            "ca_path": str(self.simulator.certificates.ca),
            "timeout": 2,
            "retries": 1,
            "use_proxy": False,
        }
        return parse_registration_task({**params, **options})

    def gate(self, **options):
        """Return the task for a gateway that does not exist yet."""
        new = {
            "device_identifier": "gate",
            "division_id": HARBOR,
            "device_profile_id": self.profile.id,
            "fields": [self.field("Serial number", "G-7")],
        }
        return self.task(**{**new, **options})

    def ensure(self, task, check_mode=False, devices=None, listed_ids=frozenset()):
        """Return the result, after the methods of its requests."""
        self.simulator.clear_log()
        source = _registration.Source(open_operator_session, devices, listed_ids)
        result = _registration.ensure_registration(task, Runtime(self.warnings.append, check_mode), source)
        return self.simulator.methods, result

    def fail(self, task, kind, **settings):
        """Return the error, after the methods of its requests."""
        with pytest.raises(_errors.DeviceManagerError) as caught:
            self.ensure(task, **settings)
        assert caught.value.kind == kind
        return self.simulator.methods, caught.value

    def listed(self):
        """Return the list of all devices as it is now."""
        return DeviceList([device.record for device in self.simulator.records.devices])


@pytest.fixture
def operator(simulator, monkeypatch):
    monkeypatch.setattr(_session, "back_off", lambda *_arguments, **_settings: 0)
    return Operator(simulator)


def test_a_device_is_created_with_one_request(operator, simulator):
    task = operator.gate(allow_write=False, allow_enroll_certificate=True)
    methods, predicted = operator.ensure(task, check_mode=True)
    assert (methods, predicted["changed"], predicted["created"], predicted["device_id"]) == (["GET"], True, True, None)
    methods, result = operator.ensure(task)
    device = simulator.records.find_named("gate")
    assert methods == ["GET", "POST"]
    assert (result["changed"], result["created"], result["device_id"]) == (True, True, device.id)
    assert result["diff"]["before"] == predicted["diff"]["before"] == {}
    assert result["diff"]["after"]["fields"] == {"Serial number": "G-7"}
    assert result["changed_fields"] == ["Serial number"]
    assert result["access"] == {
        "allow_read": True,
        "allow_write": False,
        "allow_renew_certificate": True,
        "allow_revoke_certificate": False,
        "allow_enroll_certificate": True,
        "status": "ACTIVE",
    }
    methods, again = operator.ensure(task)
    assert (methods, again["changed"], again["created"]) == (["GET"], False, False)
    assert again["diff"]["before"] == again["diff"]["after"]


def test_a_device_is_created_with_the_names_of_field_ids(operator):
    fields = [{"id": None, "name": "Serial number", "value": "G-7", "state": "present"}]
    task = operator.gate(fields=fields, field_ids={"Serial number": operator.profile.field_id("Serial number")})
    _methods, predicted = operator.ensure(task, check_mode=True)
    methods, result = operator.ensure(task)
    assert (methods, result["created"]) == (["GET", "POST"], True)
    assert predicted["changed_fields"] == result["changed_fields"] == ["Serial number"]
    assert predicted["diff"]["after"]["fields"] == result["diff"]["after"]["fields"] == {"Serial number": "G-7"}


def test_flags_that_the_creation_ignores_and_the_status_are_set_then(operator, simulator):
    simulator.records.create_ignores_flags = True
    simulator.records.forgets_flags = True
    methods, result = operator.ensure(operator.gate(allow_write=False, enabled=False))
    assert methods == ["GET", "POST", "PUT", "PUT"]
    assert (result["access"]["allow_read"], result["access"]["allow_write"]) == (True, False)
    assert simulator.records.find_named("gate").status == "DISABLED"


def test_flags_that_the_creation_rejects_are_set_then(operator, simulator):
    unknown_key = {"errors": [{"code": "invalid_input", "message": "Unknown key"}]}
    simulator.script(Answer(method="POST", status=400, body=unknown_key))
    methods, result = operator.ensure(operator.gate(allow_write=False))
    assert methods == ["GET", "POST", "GET", "POST", "PUT"]
    assert (result["created"], result["access"]["allow_write"]) == (True, False)


def test_a_creation_whose_response_lacks_the_fields_is_read(operator, simulator):
    simulator.script(Answer(method="POST", alter=lambda record: record.update(fields=[])))
    methods, result = operator.ensure(operator.gate())
    assert methods == ["GET", "POST", "GET"]
    assert result["changed_fields"] == ["Serial number"]


@pytest.mark.parametrize(
    "answer", [CUT, Answer(method="POST", effect=True, body="<html>"), Answer(method="POST", effect=True, status=500)]
)
def test_a_creation_without_a_response_is_looked_up(operator, simulator, answer):
    simulator.script(answer)
    methods, result = operator.ensure(operator.gate())
    assert methods == ["GET", "POST", "GET"]
    assert (result["created"], result["changed_fields"]) == (True, ["Serial number"])


def test_a_creation_without_a_response_is_read_before_an_update(operator, simulator):
    simulator.records.create_ignores_flags = True
    simulator.script(CUT)
    methods, result = operator.ensure(operator.gate(allow_write=False))
    assert methods == ["GET", "POST", "GET", "GET", "PUT"]
    assert (result["created"], result["access"]["allow_write"]) == (True, False)


@pytest.mark.parametrize("answer", [Answer(method="POST", cut=True), Answer(method="POST", status=429)])
def test_a_creation_without_effect_is_repeated_after_a_lookup(operator, simulator, answer):
    simulator.script(answer)
    methods, result = operator.ensure(operator.gate())
    assert (methods, result["created"]) == (["GET", "POST", "GET", "POST"], True)


def test_a_creation_that_takes_effect_late_is_one_creation(operator, simulator):
    def create(records):
        records.register("gate", {"Serial number": "G-7"})

    simulator.script(Answer(method="POST", cut=True), Answer(method="POST", before=create))
    methods, result = operator.ensure(operator.gate())
    assert methods == ["GET", "POST", "GET", "POST", "GET"]
    assert result["created"]


def test_a_creation_without_effect_fails_after_the_last_retry(operator, simulator):
    simulator.script(Answer(method="POST", cut=True, times=2))
    methods, failure = operator.fail(operator.gate(), "connection_failed")
    assert methods == ["GET", "POST", "GET", "POST", "GET"]
    assert str(failure).endswith("A lookup after the error shows that the device does not exist.")
    assert not failure.changed


def test_a_creation_that_the_list_does_not_show_yet(operator, simulator):
    empty = Answer(path="?", alter=lambda content: content.update(total=0, records=[]), times=2)
    simulator.script(Answer(path="?"), CUT, empty)
    methods, failure = operator.fail(operator.gate(), "outcome_unknown")
    assert methods == ["GET", "POST", "GET", "POST", "GET"]
    assert "already exists in division" in str(failure)
    assert "A lookup does not show the device. Run the task again: it looks" in str(failure)
    assert failure.changed
    methods, result = operator.ensure(operator.gate())
    assert (methods, result["changed"]) == (["GET"], False)


def test_flags_that_the_creation_rejects_after_a_request_without_a_response(operator, simulator):
    unknown_key = {"errors": [{"code": "invalid_input", "message": "Unknown key"}]}
    simulator.script(Answer(method="POST", cut=True), Answer(method="POST", status=400, body=unknown_key))
    methods, result = operator.ensure(operator.gate(allow_write=False))
    assert methods == ["GET", "POST", "GET", "POST", "GET", "POST", "PUT"]
    assert (result["created"], result["access"]["allow_write"]) == (True, False)


def test_a_creation_whose_outcome_cannot_be_looked_up(operator, simulator):
    simulator.script(CUT, Answer(method="GET"), Answer(method="GET", status=400, body={}, times=2))
    _methods, failure = operator.fail(operator.gate(), "outcome_unknown")
    assert failure.changed
    assert "The creation was requested, but its outcome is unknown: the device may exist." in str(failure)
    simulator.clear_script()


def test_a_rejected_creation_that_cannot_be_looked_up(operator, simulator):
    simulator.script(
        Answer(method="POST", status=400, body={}), Answer(method="GET"), Answer(method="GET", status=403, body={})
    )
    _methods, failure = operator.fail(operator.gate(), "http_error")
    assert (failure.changed, failure.details.http_status) == (False, 403)


def test_a_creation_that_the_api_denies_is_not_looked_up(operator):
    methods, failure = operator.fail(operator.gate(api_key=READER_API_KEY), "api_key_rejected")
    assert (methods, failure.changed) == (["GET", "POST"], False)


def test_a_creation_that_the_api_rejects_fails_after_a_lookup(operator):
    methods, failure = operator.fail(operator.gate(device_profile_id="none"), "http_error")
    assert methods == ["GET", "POST", "GET"]
    assert "Device profile with id none does not exist" in str(failure)
    assert failure.details.http_status == 400


def test_a_device_that_another_operator_creates_at_the_same_time_is_updated(operator, simulator):
    def create(records):
        records.register("gate", {"Serial number": "1", "Site": "Delft"})

    simulator.script(Answer(method="POST", before=create))
    methods, result = operator.ensure(operator.gate())
    assert methods == ["GET", "POST", "GET", "GET", "PUT"]
    assert (result["created"], result["changed"], result["changed_fields"]) == (False, True, ["Serial number"])
    assert simulator.records.find_named("gate").named_values == {"Serial number": "G-7", "Site": "Delft"}


def test_an_error_after_the_creation_is_a_change(operator, simulator):
    simulator.script(Answer(method="PUT", status=403, body={}))
    _methods, failure = operator.fail(operator.gate(enabled=False), "http_error")
    assert (failure.changed, failure.device_id) == (True, simulator.records.find_named("gate").id)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"division_id": None}, "Set division_id to create the device."),
        ({"device_profile_id": None}, "Set device_profile_id to create the device."),
        ({"division_id": None, "device_profile_id": None}, "Set division_id and device_profile_id to create"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_creation_requires_a_division_and_a_profile(operator, options, words, check_mode):
    methods, failure = operator.fail(operator.gate(**options), "device_not_found", check_mode=check_mode)
    assert methods == ["GET"]
    assert words in str(failure)


def test_a_device_that_is_named_by_its_id_is_never_created(operator):
    methods, failure = operator.fail(operator.gate(device_identifier=None, device_id="none"), "device_not_found")
    assert (methods, failure.device_id) == (["GET"], "none")


@pytest.mark.parametrize("option", ["division_id", "device_profile_id"])
@pytest.mark.parametrize("by_id", [True, False])
def test_what_cannot_be_changed_is_an_error_before_an_update(operator, simulator, option, by_id):
    device = simulator.records.register("gate", {"Serial number": "1"})
    which = {"device_id": device.id, "device_identifier": None} if by_id else {}
    other = {"division_id": division_id("Depot"), "device_profile_id": simulator.records.profiles["Camera"].id}
    if by_id or option == "device_profile_id":
        methods, failure = operator.fail(operator.gate(**which, **{option: other[option]}), "invalid_desired_state")
        assert (methods, failure.device_id) == (["GET"], device.id)
        assert f"{option} is '{other[option]}'. It cannot be changed." in str(failure)


def test_a_name_in_another_division_is_another_device(operator, simulator):
    simulator.records.register("gate", {"Serial number": "1"}, division="Depot")
    methods, result = operator.ensure(operator.gate())
    assert (methods, result["created"]) == (["GET", "POST"], True)
    methods, failure = operator.fail(operator.gate(division_id=None), "invalid_desired_state")
    ids = ", ".join(repr(device.id) for device in simulator.records.devices if device.device_identifier == "gate")
    assert f"2 devices have this device_identifier. Set division_id, or set device_id to one of {ids}." in str(failure)


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_device_that_another_registration_has_by_its_id(operator, simulator, is_listed):
    camera = simulator.records["camera"]
    task = operator.task(device_identifier="camera.harbour", allow_write=False)
    ids = frozenset([camera.id.lower()])
    methods, failure = operator.fail(
        task, "invalid_desired_state", devices=operator.listed() if is_listed else None, listed_ids=ids
    )
    assert methods == ([] if is_listed else ["GET"])
    assert (failure.device_id, failure.changed) == (camera.id, False)
    assert str(failure) == "Another registration of the task has the ID of this device. List each device once."
    by_id = operator.task(device_id=camera.id, allow_write=False)
    assert operator.ensure(by_id, listed_ids=ids)[1]["changed"]


def test_a_record_is_read_again_before_an_update(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7", "Site": "Delft"})
    simulator.records.forgets_flags = True
    before = dict(device.flags)
    task = operator.gate(fields=[operator.field("Site", None, "absent")], allow_revoke_certificate=True)
    for check_mode, expected in ((True, ["GET"]), (False, ["GET", "GET", "PUT"])):
        methods, result = operator.ensure(task, check_mode)
        assert (methods, result["changed"], result["changed_fields"]) == (expected, True, ["Site"])
    assert device.named_values == {"Serial number": "G-7"}
    assert device.flags == {**before, "device_api_allow_revoke": True}
    assert result["diff"]["before"]["access"]["allow_revoke_certificate"] is False
    assert result["diff"]["after"]["access"]["allow_revoke_certificate"] is True


@pytest.mark.parametrize("enabled", [True, False])
def test_a_device_is_enabled_first_and_disabled_last(operator, simulator, enabled):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    device.status = "DISABLED" if enabled else "ACTIVE"
    task = operator.task(device_id=device.id, allow_write=False, enabled=enabled)
    methods, result = operator.ensure(task)
    assert methods == ["GET", "PUT", "PUT"]
    paths = [request.path.rpartition(device.id)[2] for request in simulator.requests[1:]]
    assert paths == (["/enable", ""] if enabled else ["", "/disable"])
    assert (result["diff"]["before"]["access"]["status"], result["access"]["status"]) == (
        ("DISABLED", "ACTIVE") if enabled else ("ACTIVE", "DISABLED")
    )


def test_a_renamed_device_is_found_by_its_new_name(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    task = operator.gate(new_device_identifier="gate-7")
    assert operator.ensure(task, check_mode=True)[0] == ["GET", "GET"]
    assert operator.ensure(task)[0] == ["GET", "GET", "PUT"]
    assert device.device_identifier == "gate-7"
    methods, again = operator.ensure(task)
    assert (methods, again["changed"], again["device_id"]) == (["GET", "GET"], False, device.id)


def test_a_new_device_gets_its_new_name(operator, simulator):
    methods, result = operator.ensure(operator.gate(new_device_identifier="gate-7"))
    assert (methods, result["created"]) == (["GET", "GET", "POST"], True)
    assert simulator.records.find_named("gate-7") is not None


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_name_that_another_device_has(operator, simulator, is_listed):
    for name in ("gate", "gate-7"):
        simulator.records.register(name, {"Serial number": "G-7"})
    devices = operator.listed() if is_listed else None
    task = operator.gate(new_device_identifier="gate-7")
    methods, failure = operator.fail(task, "invalid_desired_state", check_mode=True, devices=devices)
    assert methods == ([] if is_listed else ["GET", "GET"])
    other = simulator.records.find_named("gate-7").id
    assert f"Another device of the division, '{other}', has the name" in str(failure)
    methods, failure = operator.fail(task, "invalid_desired_state", devices=devices)
    assert methods == (["GET", "PUT", "GET"] if is_listed else ["GET", "GET", "PUT", "GET"])
    assert "already exists in division" in str(failure)
    assert f"Another device of the division, '{other}', has the name" in str(failure)
    assert (failure.changed, failure.details.http_status) == (False, 400)


def test_a_name_that_another_device_has_by_its_id(operator, simulator):
    gates = [simulator.records.register(name, {"Serial number": "G-7"}) for name in ("gate", "gate-7")]
    for gate, name in zip(gates, ("gate-7", "gate")):
        task = operator.task(device_id=gate.id, new_device_identifier=name, enabled=True)
        gate.status = "DISABLED"
        _methods, failure = operator.fail(task, "invalid_desired_state")
        assert "To swap names, rename one of the devices to a third name first." in str(failure)
        # The device was enabled before.
        assert failure.changed


def test_an_update_that_the_api_rejects_for_another_reason(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    rejection = Answer(method="PUT", status=400, body={"errors": [{"code": "invalid_input", "message": "No"}]})
    for script in ([rejection], [rejection, Answer(path="?", status=403, body={})]):
        simulator.script(*script)
        task = operator.task(device_id=device.id, new_device_identifier="gate-7")
        methods, failure = operator.fail(task, "http_error")
        assert methods == ["GET", "PUT", "GET"]
        assert "(invalid_input: No)" in str(failure)
    simulator.script(rejection)
    assert operator.fail(operator.task(device_id=device.id, allow_write=False), "http_error")[0] == ["GET", "PUT"]


def test_a_name_that_a_deleted_device_keeps(operator, simulator):
    deleted = simulator.records.register("gate", {"Serial number": "G-7"})
    deleted.status = "DELETED"
    methods, failure = operator.fail(operator.gate(allow_write=False), "invalid_desired_state")
    assert methods == ["GET", "POST", "GET", "POST", "GET"]
    assert "already exists in division" in str(failure)
    assert f"A deleted device, '{deleted.id}', has the name 'gate'. Restore it" in str(failure)
    assert not failure.changed


def test_a_creation_whose_name_the_api_changes(operator, simulator):
    def rename(record):
        record["device_identifier"] = "Gate"

    def rename_device(records):
        records.find_named("gate").device_identifier = "Gate"

    def list_it(content):
        content.update(total=1, records=[simulator.records.find_named("Gate").record])

    created = Answer(method="POST", after=rename_device, alter=rename)
    simulator.script(Answer(path="?"), created, Answer(path="?", alter=list_it))
    _methods, failure = operator.fail(operator.gate(), "outcome_unknown")
    assert "The name 'Gate' of the device " in str(failure)
    assert "differs from 'gate' only in case" in str(failure)
    assert failure.changed


def test_a_list_replaces_the_requests_of_unchanged_devices(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    devices = operator.listed()
    for task in (operator.gate(), operator.task(device_id=device.id)):
        methods, result = operator.ensure(task, devices=devices)
        assert (methods, result["changed"], result["device_id"]) == ([], False, device.id)
    # A device that the list does not have is looked up, or created.
    other = simulator.records.register("new", {"Serial number": "G-7"})
    assert operator.ensure(operator.task(device_id=other.id), devices=devices)[0] == ["GET"]
    assert operator.ensure(operator.gate(device_identifier="third"), devices=devices)[0] == ["POST"]
    assert operator.ensure(operator.gate(device_identifier="new"), devices=devices)[0] == ["POST", "GET"]


def test_the_errors_of_a_lookup_name_only_options_of_the_module(operator, simulator):
    simulator.script(Answer(path="?", times=20, alter=lambda content: content.update(total=5)))
    _methods, failure = operator.fail(operator.gate(), "list_incomplete")
    assert str(failure).endswith("Run the task again later, or set device_id instead of device_identifier.")
    simulator.clear_script()
    simulator.script(Answer(path="?", body="<html>"))
    _methods, failure = operator.fail(operator.gate(), "invalid_response")
    assert "page_size" not in str(failure)


def test_a_device_that_is_renamed_after_the_list(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "1"})
    devices = operator.listed()
    device.device_identifier = "other"
    methods, failure = operator.fail(operator.gate(), "invalid_desired_state", devices=devices)
    assert (methods, failure.device_id, failure.changed) == (["GET"], device.id, False)
    assert "another client has renamed it to 'other'" in str(failure)
    # The ID still identifies the device.
    assert operator.ensure(operator.task(device_id=device.id, allow_write=False), devices=devices)[1]["changed"]


def truncate(record):
    for key in [key for key in record if key.startswith("device_api_allow_")]:
        del record[key]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_record_that_the_list_truncates_is_read(operator, simulator, is_listed):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    devices = None
    if is_listed:
        record = device.record
        truncate(record)
        devices = DeviceList([record])
    task = operator.gate(allow_enroll_certificate=False, allow_write=False)
    answer = Answer(path="?", alter=lambda content: truncate(content["records"][0]), times=3)
    simulator.script(*([] if is_listed else [answer]))
    reads = ["GET"] if is_listed else ["GET", "GET"]
    assert operator.ensure(task, check_mode=True, devices=devices)[0] == reads
    methods, result = operator.ensure(task, devices=devices)
    assert (methods, result["changed"]) == ([*reads, "PUT"], True)
    methods, again = operator.ensure(task, devices=devices)
    assert (methods, again["changed"], again["access"]["allow_write"]) == (reads, False, False)


def test_a_creation_whose_response_lacks_the_flags_is_read(operator, simulator):
    simulator.records.forgets_flags = True
    simulator.script(Answer(method="POST", alter=truncate))
    methods, result = operator.ensure(operator.gate(allow_read=True))
    device = simulator.records.find_named("gate")
    assert (methods, result["created"]) == (["GET", "POST", "GET"], True)
    assert device.device_api_allow_write


def test_a_list_is_never_the_base_of_an_update(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7", "Site": "Delft"})
    devices = operator.listed()
    device.values[device.field_id("Site")] = "Antwerp"
    device.more_flags["device_api_allow_revoke"] = True
    for check_mode, expected in ((True, []), (False, ["GET", "PUT"])):
        methods, _result = operator.ensure(operator.gate(allow_write=False), check_mode, devices)
        assert methods == expected
    assert device.named_values["Site"] == "Antwerp"
    assert device.flags["device_api_allow_revoke"]


def test_a_status_that_is_reset_is_an_error(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})

    def withdraw(_records):
        device.device_api_allow_write = True

    simulator.script(Answer(method="PUT"), Answer(method="PUT", after=withdraw, effect=True, status=200, body={}))
    _methods, failure = operator.fail(
        operator.task(device_id=device.id, allow_write=False, enabled=False), "update_not_applied"
    )
    assert failure.changed
    assert "does not have the desired values of 'device_api_allow_write'" in str(failure)


def test_secrets_are_masked(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7", "Site": "old-secret"})
    task = operator.gate(fields=None, secret_fields=[operator.field("Site", "new-secret")])
    _methods, result = operator.ensure(task)
    assert device.named_values["Site"] == "new-secret"
    assert "secret" not in str(result)
    assert result["diff"]["after"]["fields"]["Site"] == "******** (changed)"
    body = {"errors": [{"code": "invalid_input", "message": f"{API_KEY} new-secret"}]}
    device.values[device.field_id("Site")] = "old-secret"
    simulator.script(Answer(method="PUT", status=400, body=body))
    _methods, failure = operator.fail(task, "http_error")
    assert "(invalid_input: ********)" in str(failure)


def test_warnings(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})
    operator.ensure(operator.task(device_id=device.id, mask_fields=["Sote"]))
    (warning,) = operator.warnings
    assert warning.startswith("mask_fields contains 'Sote', but the record has no such field.")


def test_invalid_parameters_cost_no_connection(operator, simulator):
    _methods, failure = operator.fail(operator.task(device_id=".", api_key="a b"), "invalid_parameters")
    assert "device_id '.' cannot be" in str(failure)
    assert "api_key has blanks" in str(failure)
    assert simulator.connections == []


def test_an_unexpected_error_after_the_creation_is_a_change(operator, monkeypatch):
    monkeypatch.setattr(_registration, "_has_fields", lambda _plan, _record: {}["x"])
    _methods, failure = operator.fail(operator.gate(), "internal_error")
    assert failure.changed


def test_a_status_that_the_api_does_not_keep_is_named(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})

    def enable(_records):
        device.status = "ACTIVE"

    simulator.script(Answer(method="PUT", after=enable))
    _methods, failure = operator.fail(operator.task(device_id=device.id, enabled=False), "update_not_applied")
    assert "has other values of 'status'" in str(failure)


def test_a_flag_that_another_operator_changes_with_a_field_is_a_warning(operator, simulator):
    device = simulator.records.register("gate", {"Serial number": "G-7"})

    def write(_records):
        device.values[device.field_id("Serial number")] = "G-8"
        device.set_flags({"device_api_allow_revoke": True})

    simulator.script(Answer(method="PUT", after=write))
    methods, result = operator.ensure(operator.task(device_id=device.id, allow_write=False))
    assert (methods, result["changed"]) == (["GET", "PUT", "GET", "GET"], True)
    assert result["access"]["allow_revoke_certificate"]
    (warning,) = operator.warnings
    assert "'device_api_allow_revoke', 'Serial number' changed during this update" in warning
