# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults at each request of what an operator does: what is said is so, and a list is whole or none."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import parse_operator
from ansible_collections.edgeops.digicert.plugins.module_utils._client import session as _session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import OperatorApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration import ensure_registration
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    parse_registration_task,
    registration_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import API_KEY, DENIAL, Answer, Simulator
from simulator.records import PERMISSION_FLAGS, division_id

FAULTS = {
    "denied": Answer(status=403, body=DENIAL),
    "foreign denial": Answer(status=403, body={"message": "Forbidden"}),
    "busy": Answer(status=503),
    "cut": Answer(cut=True),
    "late": Answer(delay_answer=1.1),
    "page": Answer(body="<html>"),
    "nothing": Answer(body=""),
    "redirect": Answer(status=302, headers={"Location": "https://elsewhere.example"}),
    "another device": Answer(alter=lambda record: record.update(id="another")),
    "no record": Answer(alter=lambda record: record.clear()),
}


@pytest.fixture
def options(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """The options of an operator, who does not wait before a retry."""
    monkeypatch.setattr(_session, "back_off", lambda *_arguments, **_settings: 0)
    return {
        "api_url": simulator.operator_url,
        "api_key": API_KEY,
        "ca_path": str(simulator.certificates.ca),
        "validate_certs": True,
        "timeout": 1,
        "retries": 1,
        "use_proxy": False,
    }


def register(options: dict[str, t.Any], **desired: t.Any) -> dict[str, t.Any]:
    """Run the module for one device with these options, and return its result."""
    params = {option: rule.get("default") for option, rule in registration_argument_spec().items()}
    return ensure_registration(parse_registration_task({**params, **options, **desired}), Runtime([].append))


def _state(device: t.Any) -> tuple[t.Any, ...]:
    return (device.status, *(getattr(device, flag) for flag in PERMISSION_FLAGS))


# An API that denies an operation has not done it.
@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        (name, effect)
        for name in FAULTS
        for effect in (False, True)
        if not effect or name not in ("denied", "foreign denial", "redirect")
    ],
)
@pytest.mark.parametrize("times", [1, 9])
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_what_is_claimed_of_a_device_is_so(simulator, options, fault, step, times, effect):
    # The steps: read, the update of the flags, the change of the status, and what is read again.
    device = simulator.records["read-only"]
    values, before = dict(device.values), _state(device)
    answers = [Answer() for _step in range(step)]
    simulator.script(*answers, dataclasses.replace(FAULTS[fault], times=times, effect=effect))
    try:
        result = register(options, device_id=device.id, allow_write=True, enabled=False)
    except _errors.DeviceManagerError as failure:
        assert failure.changed or _state(device) == before, f"It was written, and this is said: {failure}"
        assert API_KEY not in str(failure)
    else:
        assert result["changed"]
        assert _state(device) == ("DISABLED", True, True, True)
    simulator.clear_script()
    assert device.values == values


@pytest.mark.parametrize(
    ("fault", "effect"),
    [
        (name, effect)
        for name in FAULTS
        for effect in (False, True)
        if not effect or name not in ("denied", "foreign denial", "redirect")
    ],
)
@pytest.mark.parametrize("times", [1, 9])
@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("ignores_flags", [False, True])
def test_what_is_claimed_of_a_creation_is_so(simulator, options, fault, step, times, effect, ignores_flags):
    # The steps: the lookup, the creation, the update of flags if it is required, and the change of the status.
    simulator.records.create_ignores_flags = ignores_flags
    profile = simulator.records.profiles["Gateway"]
    desired = {
        "device_identifier": "gate-7",
        "division_id": division_id("Harbour"),
        "device_profile_id": profile.id,
        "fields": [{"id": profile.field_id("Serial number"), "name": None, "value": "G-7", "state": "present"}],
        "allow_write": False,
        "enabled": False,
    }
    answers = [Answer() for _step in range(step)]
    simulator.script(*answers, dataclasses.replace(FAULTS[fault], times=times, effect=effect))
    try:
        result = register(options, **desired)
    except _errors.DeviceManagerError as failure:
        created = simulator.records.find_named("gate-7")
        assert failure.changed or created is None, f"It was created, and this is said: {failure}"
        assert API_KEY not in str(failure)
    else:
        assert (result["changed"], result["created"]) == (True, True)
        assert _state(simulator.records.find_named("gate-7")) == ("DISABLED", True, False, True)
    simulator.clear_script()
    assert [each.device_identifier for each in simulator.records.devices].count("gate-7") <= 1
    register(options, **desired)
    assert not register(options, **desired)["changed"]
    assert simulator.records.find_named("gate-7").named_values == {"Serial number": "G-7"}


@pytest.mark.parametrize("fault", ["busy", "cut", "late"])
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("effect", [False, True])
def test_what_another_client_writes_during_a_wait_survives(simulator, options, fault, enabled, number, effect):
    simulator.records.forgets_flags = True
    device = simulator.records["read-only"]
    device.status = "DISABLED" if enabled else "ACTIVE"
    device.more_flags = {"device_api_allow_revoke": True, "device_api_allow_enroll_certificate": True}

    def write(_records: object) -> None:
        device.values[device.field_id("Site")] = "Antwerp"
        device.more_flags["device_api_allow_revoke"] = False

    spoilt = dataclasses.replace(FAULTS[fault], method="PUT", effect=effect)
    spoilt = dataclasses.replace(spoilt, after=write) if effect else dataclasses.replace(spoilt, before=write)
    simulator.script(*[Answer(method="PUT")] * number, spoilt)
    desired = {"device_id": device.id, "allow_write": True, "enabled": enabled}
    assert register(options, **desired)["changed"]
    assert _state(device) == ("ACTIVE" if enabled else "DISABLED", True, True, True)
    assert device.named_values["Site"] == "Antwerp"
    assert device.more_flags == {"device_api_allow_revoke": False, "device_api_allow_enroll_certificate": True}
    assert not register(options, **desired)["changed"]


def list_ids(simulator: Simulator, options: dict[str, t.Any]) -> list[str] | None:
    """Return the IDs of all devices, or None when there is no list."""
    session = open_operator_session(parse_operator(options), [], Runtime(print))
    api = OperatorApi(session)
    try:
        return [record["id"] for record in read_list(lambda offset: api.page({}, 100, offset), api.find)]
    except _errors.DeviceManagerError:
        return None
    finally:
        session.close()
        simulator.clear_script()


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_list_is_whole_or_none(simulator, options, fault, step, times):
    simulator.records.largest_page = 3
    simulator.add_devices(4)
    simulator.script(*(Answer() for _step in range(step)), dataclasses.replace(FAULTS[fault], times=times, effect=True))
    listed = list_ids(simulator, options)
    ids = [device.id for device in simulator.records.devices]
    assert listed is None or listed == ids


@pytest.mark.parametrize("times", [1, 3, 99])
@pytest.mark.parametrize("lost", range(3))
def test_a_page_without_one_of_its_devices(simulator, options, lost, times):
    simulator.records.largest_page = 3
    simulator.add_devices(4)

    def lose(page: dict[str, t.Any]) -> None:
        del page.get("records", [])[lost : lost + 1]

    simulator.script(Answer(), Answer(alter=lose, times=times))
    listed = list_ids(simulator, options)
    assert listed is None or sorted(listed) == sorted(device.id for device in simulator.records.devices)
