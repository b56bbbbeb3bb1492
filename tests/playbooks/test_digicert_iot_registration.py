# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import typing as t

import pytest

from simulator import API_KEY, DENIAL, DEVICE_PATH, LIST_PATH, READER_API_KEY, Answer
from simulator.records import PERMISSION_FLAGS

MODULE = "edgeops.digicert.digicert_iot_registration"


@pytest.fixture
def device(simulator):
    """A device that may only read, and all of whose values must stay."""
    return simulator.records["read-only"]


class Operator:
    """Makes tasks of the module, and sees to what a change must do."""

    def __init__(self, player, operator_task) -> None:
        self.player = player
        self.task = functools.partial(operator_task, MODULE)

    def triple(self, reads: list[str], writes: list[str], **options: t.Any):
        """Run a task in check mode, for real and again; `reads` and `writes` are what must be sent."""
        task = self.task(**options)
        (check,), (real, again) = self.player.check_and_run([task], [task, task])
        assert (check.result["changed"], check.methods) == (True, reads)
        assert (real.result["changed"], real.methods) == (True, reads + writes)
        assert (again.result["changed"], again.methods) == (False, reads)
        for key in ("access", "diff", "device_id", "device_identifier", "changed_fields", "created"):
            assert check.result[key] == real.result[key]
        assert again.result["diff"]["before"] == again.result["diff"]["after"] == real.result["diff"]["after"]
        return real


@pytest.fixture
def operator(player, operator_task) -> Operator:
    return Operator(player, operator_task)


def flags_of(device) -> list[bool]:
    return [getattr(device, flag) for flag in PERMISSION_FLAGS]


@pytest.mark.parametrize(("forgets_flags", "valueless"), [(True, "absent"), (False, "null")])
def test_a_device_is_let_in_and_loses_nothing(operator, simulator, device, forgets_flags, valueless):
    simulator.records.forgets_flags = forgets_flags
    more = {"device_api_allow_enroll_certificate": True, "device_api_allow_revoke": True, "device_api_allow_new": False}
    device.more_flags = dict(more)
    device.valueless = valueless
    values = dict(device.values)
    real = operator.triple(["GET"], ["PUT"], device_id=device.id, allow_write=True)
    assert flags_of(device) == [True, True, True]
    assert device.values == values
    assert device.more_flags == more
    payload = real.requests[-1].payload
    assert {key: payload[key] for key in payload if key != "fields"} == {
        **dict.fromkeys(PERMISSION_FLAGS, True),
        **more,
    }
    assert real.result["diff"]["before"]["access"] == {
        "allow_new": False,
        "allow_read": True,
        "allow_write": False,
        "allow_renew_certificate": True,
        "allow_revoke_certificate": True,
        "allow_enroll_certificate": True,
        "status": "ACTIVE",
    }
    assert real.result["access"] == {**real.result["diff"]["before"]["access"], "allow_write": True}


def test_a_device_is_registered(operator, simulator):
    profile = simulator.records.profiles["Gateway"]
    task = operator.task(
        device_identifier="gate-7.rotterdam",
        division_id=simulator.records["camera"].division_id,
        device_profile_id=profile.id,
        fields=[{"id": profile.field_id("Serial number"), "value": "G-7"}],
        secret_fields=[{"id": profile.field_id("Contact"), "value": "hush-hush"}],
        allow_write=False,
        allow_revoke_certificate=True,
        enabled=False,
    )
    (check,), (real, again) = operator.player.check_and_run([task], [task, task])
    device = simulator.records.find_named("gate-7.rotterdam")
    assert (check.result["changed"], check.result["created"], check.methods) == (True, True, ["GET"])
    assert (real.result["changed"], real.result["created"], real.methods) == (True, True, ["GET", "POST", "PUT"])
    assert (again.result["changed"], again.result["created"], again.methods) == (False, False, ["GET"])
    assert real.requests[1].payload == {
        "division_id": device.division_id,
        "device_profile_id": profile.id,
        "device_identifier": "gate-7.rotterdam",
        "fields": [
            {"id": profile.field_id("Serial number"), "value": "G-7"},
            {"id": profile.field_id("Contact"), "value": "hush-hush"},
        ],
        "device_api_allow_write": False,
        "device_api_allow_revoke": True,
    }
    assert device.flags == {
        "device_api_allow_read": True,
        "device_api_allow_write": False,
        "device_api_allow_renew_certificate": True,
        "device_api_allow_enroll_certificate": False,
        "device_api_allow_revoke": True,
    }
    assert (device.status, real.result["device_id"]) == ("DISABLED", device.id)
    assert check.result["diff"]["before"] == real.result["diff"]["before"] == {}
    assert "hush-hush" not in check.output + real.output


@pytest.mark.thorough
def test_fields_a_name_and_permissions_are_one_update(operator, simulator, device):
    simulator.records.forgets_flags = True
    task = operator.task(
        device_id=device.id,
        new_device_identifier="gate-7.rotterdam",
        fields=[{"name": "Site", "value": "Delft"}],
        purge_fields=True,
        keep_fields=["Redirector"],
        allow_write=True,
    )
    (check,), (real, again) = operator.player.check_and_run([task], [task, task])
    # Check mode looks up whether another device has the new name.
    assert (check.methods, real.methods, again.methods) == (["GET", "GET"], ["GET", "PUT"], ["GET"])
    assert (check.result["changed"], real.result["changed"], again.result["changed"]) == (True, True, False)
    assert check.result["diff"] == real.result["diff"]
    assert device.device_identifier == "gate-7.rotterdam"
    assert set(device.named_values) == {"Firmware", "Serial number", "Site", "Redirector"}
    assert flags_of(device) == [True, True, True]
    assert real.result["changed_fields"] == ["Site", "Contact"]


@pytest.mark.thorough
def test_a_creation_whose_response_is_lost_is_looked_up(operator, simulator):
    profile = simulator.records.profiles["Gateway"]
    task = operator.task(
        device_identifier="gate-7.rotterdam",
        division_id=simulator.records["camera"].division_id,
        device_profile_id=profile.id,
        fields=[{"id": profile.field_id("Serial number"), "value": "G-7"}],
    )
    (outcome,) = operator.player._run([task], [], script=[Answer(method="POST", effect=True, cut=True)])
    assert (outcome.failed, outcome.result["created"], outcome.methods) == (False, True, ["GET", "POST", "GET"])


def test_the_device_can_do_then_what_it_could_not(operator, player, device):
    update = player.task("read-only", fields=[{"name": "Site", "value": "Delft"}])
    refused, allowed, kept = player._run([update, operator.task(device_id=device.id, allow_write=True), update], [])
    assert refused.result["failure"]["kind"] == "write_denied"
    assert (allowed.result["changed"], kept.result["changed"]) == (True, True)
    assert device.named_values["Site"] == "Delft"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("before", "enabled", "call", "after"),
    [("ACTIVE", False, "disable", "DISABLED"), ("DISABLED", True, "enable", "ACTIVE")],
)
def test_status(operator, device, before, enabled, call, after):
    device.status = before
    values = dict(device.values)
    real = operator.triple(["GET"], ["PUT"], device_id=device.id, enabled=enabled)
    assert (device.status, device.values) == (after, values)
    assert real.requests[-1].path == f"{DEVICE_PATH}{device.id}/{call}"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("before", "enabled", "calls"), [("ACTIVE", False, ["", "/disable"]), ("DISABLED", True, ["/enable", ""])]
)
def test_flags_change_while_the_device_is_enabled(operator, simulator, device, before, enabled, calls):
    device.status = before
    operator.player._run([operator.task(device_id=device.id, allow_write=True, enabled=enabled)], [])
    written = [request.path for request in simulator.requests if request.method == "PUT"]
    assert written == [f"{DEVICE_PATH}{device.id}{call}" for call in calls]


@pytest.mark.thorough
def test_a_device_can_be_named(operator, simulator, device):
    device.division = "Depot"
    twin = simulator.records["disabled"]
    twin.device_identifier = device.device_identifier
    task = operator.task(device_identifier=device.device_identifier, division_id=device.division_id, allow_write=True)
    (check,), (real, again) = operator.player.check_and_run([task], [task, task])
    assert (check.methods, real.methods, again.methods) == (["GET"], ["GET", "GET", "PUT"], ["GET"])
    assert (check.result["changed"], real.result["changed"], again.result["changed"]) == (True, True, False)
    assert flags_of(device) == [True, True, True]
    assert simulator.requests[0].path.startswith(LIST_PATH + "?")
    ambiguous = operator.player.run_one(
        operator.task(device_identifier=device.device_identifier, allow_write=False),
    )
    assert ambiguous.result["failure"]["kind"] == "invalid_desired_state"
    assert f"{device.id!r}, {twin.id!r}" in ambiguous.result["msg"]
    twin.status = "DELETED"
    by_name = operator.player._run([operator.task(device_identifier=device.device_identifier, allow_write=False)], [])
    assert by_name[0].result["changed"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"device_id": "none", "enabled": True}, "device_not_found", "Device none: "),
        ({"api_key": "wrong", "enabled": True}, "api_key_rejected", "(access_denied: The API key is not valid)"),
        ({"api_key": READER_API_KEY, "allow_write": True}, "api_key_rejected", "Check that api_key is valid"),
    ],
)
def test_what_cannot_be_done(operator, device, options, kind, words):
    (outcome,) = operator.player._run([operator.task(**{"device_id": device.id, **options})], [])
    assert outcome.failed
    assert outcome.result["failure"]["kind"] == kind
    assert words in outcome.result["msg"]
    assert (flags_of(device), device.status) == ([True, False, True], "ACTIVE")


def test_a_deleted_device_stays_deleted(operator, device):
    device.status = "DELETED"
    outcome = operator.player.run_one(operator.task(device_id=device.id, enabled=True))
    assert outcome.result["failure"]["kind"] == "invalid_desired_state"
    assert "Restore it in the console" in outcome.result["msg"]


def test_bad_input_costs_no_connection(operator):
    outcome = operator.player.run_one(operator.task(device_id=".", api_key="a\nb", allow_read=None))
    assert outcome.result["failure"]["kind"] == "invalid_parameters"
    for words in ("device_id '.' cannot be", "api_key has blanks"):
        assert words in outcome.result["msg"]
    assert outcome.connections == []


def test_the_devices_door_says_that_it_is_the_wrong_one(operator, simulator, device):
    outcome = operator.player.run_one(operator.task(device_id=device.id, allow_read=False, api_url=simulator.url))
    assert outcome.result["failure"]["kind"] == "handshake_failed"
    assert "remove the prefix 'clientauth.' of the host name in api_url" in outcome.result["msg"]


def test_an_update_whose_answer_got_lost_is_looked_at(operator, device):
    task = operator.task(device_id=device.id, allow_write=True, enabled=False)
    (outcome,) = operator.player._run([task], [], script=[Answer(method="PUT", effect=True, cut=True, times=2)])
    assert (outcome.failed, outcome.methods) == (False, ["GET", "PUT", "GET", "PUT", "GET"])
    assert (flags_of(device), device.status) == ([True, True, True], "DISABLED")


def test_a_failure_after_the_first_of_two_steps_has_changed_something(operator, device):
    task = operator.task(device_id=device.id, allow_write=True, enabled=False)
    script = [Answer(method="PUT", effect=True), Answer(method="PUT", status=403, body=DENIAL)]
    (outcome,) = operator.player._run([task], [], script=script)
    assert outcome.result["failure"]["kind"] == "api_key_rejected"
    assert outcome.result["changed"]
    assert (flags_of(device), device.status) == ([True, True, True], "ACTIVE")


def test_a_flag_that_is_not_kept(operator, device):
    def withdraw(records):
        records["read-only"].device_api_allow_write = False

    (outcome,) = operator.player._run(
        [operator.task(device_id=device.id, allow_write=True)], [], script=[Answer(method="PUT", after=withdraw)]
    )
    assert outcome.result["failure"]["kind"] == "update_not_applied"
    assert "has other values of 'device_api_allow_write'" in outcome.result["msg"]


def test_another_writer_is_told(operator, device):
    def write(records):
        records["read-only"].values[device.field_id("Site")] = "Delft"

    (outcome,) = operator.player._run(
        [operator.task(device_id=device.id, allow_write=True)], [], script=[Answer(method="PUT", after=write)]
    )
    assert "'Site' changed during this update" in " ".join(outcome.result["warnings"])


@pytest.mark.thorough
@pytest.mark.parametrize(("enabled", "number"), [(True, 0), (True, 1), (False, 0), (False, 1)])
def test_what_another_client_writes_during_a_wait_survives(operator, simulator, device, enabled, number):
    simulator.records.forgets_flags = True
    device.status = "DISABLED" if enabled else "ACTIVE"
    device.more_flags = {"device_api_allow_revoke": True}

    def write(_records):
        device.values[device.field_id("Site")] = "Antwerp"
        device.more_flags["device_api_allow_revoke"] = False

    busy = Answer(method="PUT", status=429, headers={"Retry-After": "1"}, before=write)
    task = operator.task(device_id=device.id, allow_write=True, enabled=enabled, retries=1)
    script = [Answer(method="PUT")] * number + [busy]
    real, again = operator.player._run([task, task], [], script=script)
    assert (real.result["changed"], again.result["changed"]) == (True, False)
    assert again.methods == ["GET"]
    assert device.named_values["Site"] == "Antwerp"
    assert (flags_of(device), device.more_flags) == ([True, True, True], {"device_api_allow_revoke": False})


def test_what_another_client_writes_while_a_device_is_enabled_survives(operator, device):
    device.status = "DISABLED"

    def write(_records):
        device.values[device.field_id("Site")] = "Antwerp"

    task = operator.task(device_id=device.id, allow_write=True, enabled=True)
    (outcome,) = operator.player._run([task], [], script=[Answer(method="PUT", after=write)])
    assert outcome.methods == ["GET", "PUT", "GET", "PUT"]
    assert device.named_values["Site"] == "Antwerp"
    assert "'Site' changed during this update" in " ".join(outcome.result["warnings"])


def test_the_environment(operator, device, player):
    task = operator.task(device_id=device.id, allow_write=True)
    del task[MODULE]["api_key"], task[MODULE]["api_url"]
    environment = {"DIGICERT_IOT_API_KEY": API_KEY, "DIGICERT_IOT_OPERATOR_API_URL": player.simulator.operator_url}
    assert player.run_one(task, environment=environment).result["changed"]


@pytest.mark.thorough
def test_defaults_for_the_group(operator, device, player):
    task = operator.task(device_id=device.id, allow_write=True)
    defaults = {name: task[MODULE].pop(name) for name in ("api_key", "api_url", "ca_path")}
    play = {"module_defaults": {"group/edgeops.digicert.digicert_iot_operator": defaults}}
    assert player.run_one(task, play=play).result["changed"]
