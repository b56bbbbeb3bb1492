# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many runs at once against a service that takes only so many requests a second, and two writers of one record."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
import time
import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    connection_argument_spec,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import reconcile_record
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredField, DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import Answer

RUNS, LIMIT = 200, 50
ROUNDS = 50
WAITS = {
    **{f"status-{status}": Answer(status=status) for status in (408, 429, 500, 502, 503, 504)},
    "retry-after-429": Answer(status=429, headers={"Retry-After": "7"}),
    "retry-after-503": Answer(status=503, headers={"Retry-After": "7"}),
    "cut": Answer(cut=True),
    "timeout": Answer(delay_answer=1.2),
    "unreadable": Answer(body="<html>", status=503),
}


@pytest.fixture
def device(simulator):
    return simulator.records["access-point"]


@pytest.fixture
def keep(simulator, device):
    """What runs the module's work once, and says whether something changed, and its warnings."""
    leaf = simulator.certificates["access-point"]
    options = {
        **{name: entry.get("default") for name, entry in connection_argument_spec().items()},
        "device_id": device.id,
        "api_url": simulator.url,
        "client_cert": str(leaf.pem),
        "client_key": str(leaf.key),
        "ca_path": str(simulator.certificates.ca),
    }

    def run(
        device_identifier: str | None,
        fields: dict[str, str],
        sleep: t.Callable[[float], None] = time.sleep,
        **own: object,
    ) -> tuple[bool, list[str]]:
        wishes = tuple(DesiredField(device.field_id(name), None, value) for name, value in fields.items())
        warnings: list[str] = []
        params = {**options, **own}
        runtime = Runtime(warnings.append)
        session = open_session(parse_connection(params), parse_credentials(params), [], runtime)
        session._clock = session._clock._replace(sleep=sleep)
        api = DeviceApi(session, device.id)
        outcome = reconcile_record(api, DesiredState(device_identifier, wishes, False, ()), runtime)
        session.close()
        return outcome.plan.changed, warnings

    return run


def test_a_crowd_converges_with_few_requests_in_vain(simulator, keep):
    simulator.limit = LIMIT
    with concurrent.futures.ThreadPoolExecutor(RUNS) as pool:
        # All write to one record, each another value, so that every run has to update it.
        changed = [
            future.result()[0]
            for future in [pool.submit(keep, f"run {number}", {"Site": "here"}) for number in range(RUNS)]
        ]
    refused = [request for request in simulator.requests if request.status == 429]
    least = len(simulator.requests) - len(refused)
    assert all(changed)
    assert refused
    assert len(simulator.requests) <= 1.6 * least


def test_two_writers_of_one_record(device, keep, record_property: t.Callable[[str, object], None]):
    """Each sets a field of its own. The API has no locks, so one can overwrite the other, and the next run mends it."""
    together = threading.Barrier(2)

    def write(name: str, value: str) -> list[str]:
        together.wait()
        return keep(None, {name: value})[1]

    others = {name: value for name, value in device.named_values.items() if name not in ("Site", "Owner")}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            wanted = {"Site": f"site {number}", "Owner": f"owner {number}"}
            before = device.named_values
            told = [future.result() for future in [pool.submit(write, *pair) for pair in wanted.items()]]
            after = device.named_values
            # A field that had no value before the first round has none again, when it is overwritten in it.
            overwritten = [name for name in wanted if after.get(name) != wanted[name]]
            assert all(after.get(name) == before.get(name) for name in overwritten)
            assert len(overwritten) <= 1
            warned = " and a warning" if any(told) else ""
            record_property("writers", f"one overwritten{warned}" if overwritten else f"both kept{warned}")
            for name, value in wanted.items():
                changed, warnings = keep(None, {name: value})
                assert changed is (name in overwritten)
                assert warnings == []
            assert device.named_values == {**others, **wanted}


@pytest.mark.parametrize("foreign", ["before the answer", "while the run waits"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    ("wait", "effect"),
    [(wait, effect) for wait in WAITS for effect in (False, True) if not effect or "429" not in wait],
)
def test_what_another_client_writes_during_a_wait_survives(simulator, device, keep, wait, effect, times, foreign):
    written: list[str] = []

    def write(*_arguments: object) -> None:
        written.append(f"client {len(written)}")
        device.values[device.field_id("Contact")] = written[-1]

    spoilt = dataclasses.replace(WAITS[wait], method="PUT", times=times, effect=effect)
    if foreign == "before the answer":
        simulator.script(
            dataclasses.replace(spoilt, after=write) if effect else dataclasses.replace(spoilt, before=write)
        )
    else:
        simulator.script(spoilt)
    sleep = write if foreign == "while the run waits" else lambda _seconds: None
    others = {name: value for name, value in device.named_values.items() if name not in ("Site", "Contact")}
    changed, warnings = keep(None, {"Site": "Delft"}, sleep, timeout=1, retries=3)
    assert changed
    assert device.named_values == {**others, "Site": "Delft", "Contact": written[-1]}
    # Only a value that changed after an update that took effect is told.
    assert bool(warnings) is effect
    puts = 1 if effect else times + 1
    assert simulator.methods == ["GET", "PUT"] + ["GET", "PUT"] * (puts - 1) + ["GET"] * effect
    simulator.clear_script()
    assert keep(None, {"Site": "Delft"}) == (False, [])
