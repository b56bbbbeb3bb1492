# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure what a client process costs, and check in the log of the simulator that it sent the expected requests.

The simulator runs in another process, so that the measured values are those of the client.
"""

from __future__ import annotations

import collections
import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmark.unchanged_cost import payload_of
from simulator import DEVICE_PATH, Simulator

URI = "ansible.builtin.uri"
FIELDS = [{"name": "Site", "value": "Rotterdam"}]
# The number of devices in parallel.
PARALLEL = 16
HEADER = (
    f"{'':52} {'devices':>7} {'ms of CPU':>9} {'s':>8} {'devices/s':>9} {'requests':>8} {'handshakes':>10} {'MiB':>6}"
)


class Work(t.NamedTuple):
    """The expected requests of a client for this number of devices, and the possible numbers of TLS handshakes.

    `requests` has the number of requests for each method, path and status.
    """

    devices: int
    requests: t.Mapping[tuple[str, str, int | None], int]
    handshakes: range

    @classmethod
    def of_gets(cls, devices: int, paths: t.Iterable[str], handshakes: range) -> Work:
        """Return the work of one successful GET for each path."""
        return cls(devices, collections.Counter(("GET", path, 200) for path in paths), handshakes)


class Row(t.NamedTuple):
    """The cost of one client: the processor time and the time in seconds, and the peak memory of a process in bytes."""

    way: str
    devices: int
    cpu: float
    wall: float
    memory: int
    requests: int
    handshakes: int

    @property
    def cpu_each(self) -> float:
        """The processor time of a device in milliseconds."""
        return self.cpu / self.devices * 1000

    @property
    def rate(self) -> float:
        """The number of devices per second."""
        return self.devices / self.wall


class Service:
    """The simulator in another process, with this number of sensors.

    `sensors` has the ID, the path of the certificate and the path of the key of each. Without `certified`, the paths
    are empty.
    """

    def __init__(self, folder: Path, count: int, *, certified: bool = True) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        arguments = (folder, count, certified, theirs)
        process = multiprocessing.get_context("fork").Process(target=_serve, args=arguments, daemon=True)
        process.start()
        self.url, self.operator_url, self.ca, self.sensors = self._pipe.recv()

    def count(self) -> tuple[int, t.Mapping[tuple[str, str, int | None], int]]:
        """Return the handshakes and the requests by method, path and status since the last call."""
        self._pipe.send("count")
        return self._pipe.recv()

    def reads(self, count: int, handshakes: range | None = None) -> Work:
        """Return the work of one GET for each of so many sensors, by default with a TLS handshake for each."""
        paths = (f"{DEVICE_PATH}{device_id}" for device_id, _certificate, _key in self.sensors[:count])
        return Work.of_gets(count, paths, handshakes or range(count, count + 1))

    def stop(self) -> None:
        """End the simulator."""
        self._pipe.send(None)


@contextlib.contextmanager
def account_of(count: int, *, certified: bool = True) -> t.Iterator[tuple[Service, Path]]:
    """Run a simulator with this number of sensors, and give it and a directory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates = folder / "certificates"
        certificates.mkdir()
        service = Service(certificates, count, certified=certified)
        try:
            yield service, folder
        finally:
            service.stop()


def _serve(folder: Path, count: int, certified: bool, pipe: t.Any) -> None:
    with Simulator(folder) as simulator:
        sensors = simulator.add_devices(count, certified=certified)
        leaves = [simulator.certificates[sensor.name] for sensor in sensors] if certified else []
        files = [(str(leaf.pem), str(leaf.key)) for leaf in leaves] or [("", "")] * count
        devices = [(sensor.id, *paths) for sensor, paths in zip(sensors, files, strict=True)]
        pipe.send((simulator.url, simulator.operator_url, str(simulator.certificates.ca), devices))
        while pipe.recv():
            requests = collections.Counter(
                (request.method, request.path, request.status) for request in simulator.requests
            )
            pipe.send((simulator.handshakes, requests))
            simulator.clear_log()


def measure(way: str, work: Work, command: list[t.Any], service: Service, **settings: t.Any) -> Row:
    """Run the command and return its cost. End the program if the command did not do exactly this work."""
    service.count()
    begin = time.monotonic()
    output = settings.pop("output", subprocess.DEVNULL)
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, **settings)
    memory, ended = 0, 0
    while not ended:
        memory = max(memory, peak_memory(process.pid))
        time.sleep(0.005)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    wall = time.monotonic() - begin
    handshakes, requests = service.count()
    sent = sum(requests.values())
    if status != 0 or handshakes not in work.handshakes or requests != work.requests:
        expected = f"{sum(work.requests.values())} requests, {work.handshakes} handshakes"
        sys.exit(f"{way}: expected {expected}; found {sent}, {handshakes}, and the wait status {status}.")
    row = Row(way, work.devices, usage.ru_utime + usage.ru_stime, wall, memory, sent, handshakes)
    print(
        f"{way:52} {row.devices:7} {row.cpu_each:9.2f} {wall:8.2f} {row.rate:9.1f} {sent:8} {handshakes:10} "
        f"{row.memory / 2**20:6.0f}",
        flush=True,
    )
    return row


def peak_memory(process: int) -> int:
    """Return the peak memory of a process since it began its program. The value of wait4 includes its parent."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def ansible_playbook(folder: Path, *tasks: dict[str, t.Any], **variables: t.Any) -> list[t.Any]:
    """Return the command that runs these tasks on this machine."""
    playbook = folder / "play.json"
    interpreter = {"ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
    play = {"hosts": "localhost", "gather_facts": False, "vars": {**interpreter, **variables}, "tasks": tasks}
    playbook.write_text(json.dumps([play]))
    return [Path(sys.executable).with_name("ansible-playbook"), "--inventory", "localhost,", playbook]


def module_process(module: str, arguments: dict[str, t.Any], folder: Path) -> list[t.Any]:
    """Return the command that runs a module on a managed host: the file that Ansible sends there."""
    shutil.rmtree(folder / module, ignore_errors=True)
    return [sys.executable, payload_of(module, arguments, folder)]
