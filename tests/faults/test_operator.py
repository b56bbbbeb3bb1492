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
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.access import (
    ensure_access,
    parse_access_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import API_KEY, DENIAL, Answer, Simulator
from simulator.records import PERMISSION_FLAGS

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
    monkeypatch.setattr(_session, "parse_retry_after", lambda *_circumstances: 0)
    monkeypatch.setattr(_session, "back_off", lambda *_circumstances: 0)
    return {
        "api_url": simulator.operator_url,
        "api_key": API_KEY,
        "ca_path": str(simulator.certificates.ca),
        "validate_certs": True,
        "timeout": 1,
        "retries": 1,
        "use_proxy": False,
    }


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
    wishes = {"allow_read": None, "allow_write": True, "allow_renew_certificate": None, "enabled": False}
    names = {"device_id": device.id, "device_identifier": None, "division_id": None}
    warnings: list[str] = []
    try:
        result = ensure_access(parse_access_task({**options, **wishes, **names}), Redactor(), Runtime(warnings.append))
    except _errors.DeviceManagerError as failure:
        assert failure.changed or _state(device) == before, f"It was written, and this is said: {failure}"
        assert API_KEY not in str(failure)
    else:
        assert result["changed"]
        assert _state(device) == ("DISABLED", True, True, True)
    simulator.clear_script()
    assert device.values == values


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
    wishes = {"allow_read": None, "allow_write": True, "allow_renew_certificate": None, "enabled": enabled}
    names = {"device_id": device.id, "device_identifier": None, "division_id": None}
    task = parse_access_task({**options, **wishes, **names})
    assert ensure_access(task, Redactor(), Runtime([].append))["changed"]
    assert _state(device) == ("ACTIVE" if enabled else "DISABLED", True, True, True)
    assert device.named_values["Site"] == "Antwerp"
    assert device.more_flags == {"device_api_allow_revoke": False, "device_api_allow_enroll_certificate": True}
    assert not ensure_access(parse_access_task({**options, **wishes, **names}), Redactor(), Runtime([].append))[
        "changed"
    ]


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
