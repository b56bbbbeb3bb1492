# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thousand devices in one task, where things go wrong: what holds for one device holds for each of them."""

from __future__ import annotations

import collections
import os
import random
import threading
import time
import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Limits
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.worker_pool import WorkerPool
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import parse_device_task
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from faults.catalogue import FAULTS
from faults.fault_server import FaultServer, ScheduledFault
from faults.test_matrix import Device
from simulator import Answer, Simulator
from simulator.script import Script

DEVICES = 1000
RUNS = 10
DEVICES_A_RUN = int(os.environ.get("GATEWAY_DEVICES", "100"))
BAD = 0.05
# Whatever happens, it is over after a few; a cut and a wrong body come with and without the effect.
BAD_ANSWERS = (
    Answer(status=500),
    Answer(status=502, effect=True),
    Answer(status=503, headers={"Retry-After": "0"}),
    Answer(status=429),
    Answer(cut=True),
    Answer(cut=True, effect=True),
    Answer(body="<html>", status=200),
    Answer(body="<html>", status=200, effect=True),
    Answer(body=b"{", status=200),
    Answer(status=302, headers={"Location": "https://elsewhere.example/"}),
    Answer(status=403, body={"errors": [{"code": "access_denied", "message": "No"}]}),
    Answer(alter=lambda record: record.pop("fields")),
    Answer(delay_answer=2),
)
# urllib3 leaves a connection to the garbage collector when it can make nothing of an answer's headers.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <.*_Socket:ResourceWarning")


class Mischief(Script):
    """A script that answers badly one request in so many, and keeps who was told what."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.count = 0

    def take(self, _method: str, _path: str = "") -> Answer:
        """Return what happens to the next request."""
        if self._random.random() >= BAD:
            return Answer()
        self.count += 1
        return self._random.choice(BAD_ANSWERS)


class RandomFaultServer(FaultServer):
    """A server that answers one in so many handshakes, requests and responses with a random fault of the catalogue."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._random = random.Random(1)
        # Not those after which another record is read than there is, and none that only takes long to send.
        self._faults = [
            fault
            for name, fault in FAULTS.items()
            if not fault.believable and not any(word in name for word in ("oversized", "bomb", "storm", "forever"))
        ]
        self.count = 0

    def _due(self, step: str, method: str) -> ScheduledFault | None:
        if self._random.random() >= BAD / 3:
            return None
        self.count += 1
        fault = self._random.choice([fault for fault in self._faults if fault.step == step])
        return ScheduledFault(fault, method, True, fault.may_follow_effect and self._random.random() < 0.5)


def options_of(simulator: Simulator, device: t.Any, **changes: t.Any) -> dict[str, t.Any]:
    """Return the options with which a device keeps its site true."""
    leaf = simulator.certificates[device.name]
    usual = Device(simulator, simulator.url).options
    # The timeout includes the handshake, for which many devices wait on a busy machine.
    usual["timeout"] = 5
    return {**usual, "device_id": device.id, "client_cert": str(leaf.pem), "client_key": str(leaf.key), **changes}


def keep_all(devices: list[dict[str, t.Any]], limit: float | None = None, parallel: int = 16) -> list[dict[str, t.Any]]:
    """Do what the module's main() does."""

    tasks = [parse_device_task(device) for device in devices]
    return WorkerPool(tasks, ensure_device, Runtime(print), Limits(parallel, limit, fail_fast=False)).run(len)


def judge(sensors: list[t.Any], entries: list[dict[str, t.Any]], before: list[dict[str, str]]) -> None:
    """See that each device is as its entry says, and that few failed."""
    for sensor, entry, old in zip(sensors, entries, before, strict=True):
        new = {**old, sensor.field_id("Site"): "Delft"}
        assert entry["device_id"] == sensor.id
        if entry["failed"]:
            assert sensor.id in entry["msg"]
            assert sensor.values in (old, new)
            assert entry["changed"] or sensor.values == old, entry["msg"]
        else:
            assert sensor.values == new
            assert entry["changed"]
    assert sum(entry["failed"] for entry in entries) < len(sensors) * BAD * 4


def test_any_faults_of_the_catalogue_harm_no_other_device(simulator: Simulator) -> None:
    sensors = simulator.add_devices(DEVICES)
    before = [dict(sensor.values) for sensor in sensors]
    with RandomFaultServer(simulator) as server:
        changes = {"api_url": server.url, "timeout": 2, "retries": 3}
        entries = keep_all([options_of(simulator, sensor, **changes) for sensor in sensors])
    assert server.count > DEVICES * BAD
    judge(sensors, entries, before)


def test_a_twentieth_of_bad_answers_harms_no_other_device_and_leaves_nothing_behind(simulator: Simulator) -> None:
    """Ten runs in one process; each device ends as its entry says."""
    left = []
    for run in range(RUNS):
        simulator.reset()
        sensors = simulator.add_devices(DEVICES_A_RUN)
        before = [dict(sensor.values) for sensor in sensors]
        mischief = simulator._script = Mischief(run)
        entries = keep_all([options_of(simulator, sensor, timeout=5, retries=3) for sensor in sensors])
        assert mischief.count
        judge(sensors, entries, before)
        # What the service has said is written is not written again.
        written = collections.Counter(
            request.path for request in simulator.requests if request.method == "PUT" and request.status == 201
        )
        assert max(written.values()) == 1
        left.append((threading.active_count(), len(os.listdir("/proc/self/fd"))))
    threads, descriptors = zip(*left[1:], strict=True)
    assert max(threads) == min(threads), left
    assert max(descriptors) - min(descriptors) <= 20, left


def test_unchanged_devices_are_read_once_and_nothing_is_written(simulator: Simulator) -> None:
    sensors = simulator.add_devices(DEVICES)
    fields = [{"id": None, "name": "Site", "value": "Rotterdam", "state": "present"}]
    entries = keep_all([options_of(simulator, sensor, fields=fields) for sensor in sensors])
    assert not any(entry["failed"] or entry["changed"] for entry in entries)
    assert collections.Counter(simulator.methods) == {"GET": DEVICES}
    assert simulator.handshakes == DEVICES


def test_a_service_that_takes_100_requests_a_second_is_used_fully_and_is_not_stormed(simulator: Simulator) -> None:
    sensors = simulator.add_devices(DEVICES)
    simulator.limit = 100
    fields = [{"id": None, "name": "Site", "value": "Rotterdam", "state": "present"}]
    begin = time.monotonic()
    entries = keep_all([options_of(simulator, sensor, fields=fields, retries=5, timeout=20) for sensor in sensors])
    seconds = time.monotonic() - begin
    assert not any(entry["failed"] for entry in entries)
    statuses = collections.Counter(request.status for request in simulator.requests)
    assert statuses[200] == DEVICES
    assert statuses[429] < DEVICES * 0.2
    assert seconds < DEVICES / 100 * 3
    # Fair: nobody is refused again and again.
    refused = collections.Counter(request.path for request in simulator.requests if request.status == 429)
    assert max(refused.values(), default=0) <= 3


def test_a_limit_of_its_own_is_kept(simulator: Simulator) -> None:
    sensors = simulator.add_devices(60)
    begin = time.monotonic()
    entries = keep_all([options_of(simulator, sensor, timeout=20) for sensor in sensors], limit=40)
    assert time.monotonic() - begin >= 119 / 40
    assert all(entry["changed"] for entry in entries)


def _write_contact(device: t.Any) -> None:
    device.values[device.field_id("Contact")] = "another client"


def test_with_a_limit_each_update_follows_its_read_at_once(simulator: Simulator, monkeypatch) -> None:
    """Another client writes to each record half a second after it was read, when the update is there already."""
    sensors = simulator.add_devices(12)
    by_id = {sensor.id: sensor for sensor in sensors}
    read = simulator.records.read
    timers = []

    def read_and_write_later(device_id: str, fingerprint: str) -> t.Any:
        timers.append(threading.Timer(0.5, _write_contact, [by_id[device_id]]))
        timers[-1].start()
        return read(device_id, fingerprint)

    monkeypatch.setattr(simulator.records, "read", read_and_write_later)
    begin = time.monotonic()
    entries = keep_all([options_of(simulator, sensor, timeout=20) for sensor in sensors], limit=6)
    assert time.monotonic() - begin >= 22 / 6
    for timer in timers:
        timer.join()
    assert all(entry["changed"] and not entry["warnings"] for entry in entries)
    assert {sensor.named_values["Contact"] for sensor in sensors} == {"another client"}
    assert collections.Counter(simulator.methods) == {"GET": 12, "PUT": 12}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("parallel", [1, 3, 16])
def test_what_another_client_writes_while_devices_wait_survives(simulator: Simulator, status, parallel) -> None:
    sensors = simulator.add_devices(12)

    written = []

    def write(records: t.Any) -> None:
        written.append(records.find(simulator.requests[-1].path.rpartition("/")[2]))
        _write_contact(written[-1])

    simulator.script(Answer(method="PUT", status=status, headers={"Retry-After": "1"}, before=write, times=5))
    changes = {"timeout": 20, "retries": 3}
    entries = keep_all([options_of(simulator, sensor, **changes) for sensor in sensors], parallel=parallel)
    assert all(entry["changed"] and not entry["failed"] for entry in entries)
    assert {sensor.named_values["Site"] for sensor in sensors} == {"Delft"}
    assert len(written) == 5
    assert {sensor.named_values["Contact"] for sensor in written} == {"another client"}
