# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many runs at once against a service that takes only so many requests a second, and two writers of one record."""

from __future__ import annotations

import concurrent.futures
import threading
import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import open_session
from ansible_collections.edgeops.digicert.plugins.module_utils._device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._keep import keep_record
from ansible_collections.edgeops.digicert.plugins.module_utils._options import connection_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._wishes import Wish, Wishes

RUNS, LIMIT = 200, 50
ROUNDS = 50


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

    def run(device_identifier: str | None, fields: dict[str, str]) -> tuple[bool, list[str]]:
        wishes = tuple(Wish(device.field_id(name), None, value) for name, value in fields.items())
        warnings: list[str] = []
        session = open_session(options, [], str, warnings.append)
        api = DeviceApi(session, device.id)
        outcome = keep_record(api, Wishes(device_identifier, wishes, False, ()), False, False, warnings.append)
        session._manager.clear()
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
