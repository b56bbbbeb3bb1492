# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module is killed at a system call: no key is left on the disk, the record is whole, the next run ends the work.

strace kills it when it is about to make the call. By default that is done at the calls that change something on the
host or on the network; with KILL_POINTS=all at each one from when the module reads its arguments, the key among them.
"""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from playbooks.conftest import COLLECTIONS
from simulator import Simulator

MODULE = "ansible_collections.edgeops.digicert.plugins.modules.digicert_iot_device"
# Those of one kind differ by processor and by library.
CALLS = {
    *("open", "openat", "memfd_create", "write", "pwrite64", "close"),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "link", "linkat", "rename", "renameat", "renameat2"),
    *("socket", "connect", "sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "ppoll", "shutdown", "exit_group"),
}
# Where any program may leave files, beside the folders that Ansible and the environment name.
SHARED = [folder for folder in map(Path, ("/tmp", "/var/tmp", "/dev/shm")) if folder.is_dir()]
# Each part takes every fourth point, so that processes can share the work.
PARTS = 4


class Point(t.NamedTuple):
    """A system call, and which one of this name it is, counted from the start of the program."""

    call: str
    number: int


class Host:
    """A managed host: a folder in which the module finds its home and its temporary folders, and its arguments."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
        self.folder, self.trace = folder / "host", folder / "trace"
        (self.folder / "remote").mkdir(parents=True)
        key = leaf.key.read_text()
        self.key_lines = [line.encode() for line in key.splitlines()[1:-1]]
        arguments = {
            "device_id": device.id,
            "api_url": simulator.url,
            "client_cert_content": leaf.pem.read_text(),
            "client_key_content": key,
            "ca_path": str(simulator.certificates.ca),
            "retries": 0,
            "fields": [{"name": "Site", "value": "Delft"}],
            "_ansible_remote_tmp": str(self.folder / "remote"),
        }
        self._arguments = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})

    def run(self, *tracer: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the module as Ansible does, whose arguments it gets without a file, and return what came of it."""
        return subprocess.run(
            [*tracer, sys.executable, "-m", MODULE],
            input=self._arguments,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": COLLECTIONS,
                "TMPDIR": str(self.folder),
            },
        )

    def points(self) -> list[Point]:
        """Run the module and return the calls that it makes from when it reads its arguments to its end."""
        ran = self.run("strace", "-f", "-o", self.trace)
        assert ran.returncode == 0, ran.stderr
        counts: collections.Counter[str] = collections.Counter()
        points = []
        for call, begin in re.findall(r"^\d+ +(\w+)\((.{0,3})", self.trace.read_text(), re.MULTILINE):
            counts[call] += 1
            if points or (call == "read" and begin.startswith("0,")):
                points.append(Point(call, counts[call]))
        return points

    def kill(self, point: Point) -> subprocess.CompletedProcess[str]:
        """Run the module and kill it at `point`."""
        injection = f"inject={point.call}:signal=SIGKILL:when={point.number}"
        return self.run("strace", "-f", "-o", self.trace, "-e", f"trace={point.call}", "-e", injection)

    def left(self) -> list[Path]:
        """Return what is left in the folder and was not there at first."""
        return [path for path in self.folder.rglob("*") if path != self.folder / "remote"]

    def clear(self) -> None:
        """Take away what is left."""
        shutil.rmtree(self.folder)
        (self.folder / "remote").mkdir(parents=True)


def _shared_files() -> set[Path]:
    return {path for folder in SHARED for path in folder.iterdir()}


def _holds(path: Path, lines: list[bytes]) -> bool:
    """Say whether a file, or one in the folder, holds one of the lines. What is gone or denied is none of ours."""
    files = [Path(folder, name) for folder, _folders, names in os.walk(path) for name in names] or [path]
    for file in files:
        try:
            if file.is_file() and any(line in file.read_bytes() for line in lines):
                return True
        except OSError:
            pass
    return False


def _state(simulator: Simulator) -> dict[str, t.Any]:
    """Return what there is to write in the record, as the module shows it in a diff."""
    device = simulator.records["access-point"]
    return {"device_identifier": device.device_identifier, "fields": device.named_values}


@pytest.fixture
def host(simulator: Simulator, tmp_path: Path) -> Host:
    """A host on which the module can be killed."""
    if shutil.which("strace") is None:
        pytest.skip("strace is needed, which kills the module at a system call.")
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()}")
    host = Host(simulator, tmp_path)
    ran = host.run()  # so that all that Python compiles is compiled, and each run makes the same calls
    assert json.loads(ran.stdout)["changed"] is True
    return host


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill(simulator, host, record_property, part):
    simulator.reset()
    old = _state(simulator)
    new = {**old, "fields": {**old["fields"], "Site": "Delft"}}
    points = host.points()
    assert {"openat", "write", "connect", "exit_group"} <= {point.call for point in points}
    if os.environ.get("KILL_POINTS") != "all":
        points = [point for point in points if point.call in CALLS]

    outcomes = set()
    for point in points[part::PARTS]:
        simulator.reset()
        host.clear()
        before = _shared_files()

        killed = host.kill(point)
        # How often it has to read from the network is not always the same.
        if killed.returncode == 0 and point.call in ("read", "poll"):
            record_property("kill", "not killed: this run had no such call")
            continue
        assert killed.returncode == -signal.SIGKILL, (point, killed)
        left = host.left()
        assert [path for path in left if path.is_file() and path.stat().st_size] == [], point
        assert [path for path in left if path.stat().st_mode & 0o077] == [], point
        assert [path for path in _shared_files() - before if _holds(path, host.key_lines)] == [], point

        # This run asks the service after all that the killed one has sent.
        ran = host.run()
        assert ran.returncode == 0, (point, ran)
        result = json.loads(ran.stdout)
        found = result["diff"]["before"]
        assert found in (old, new), point
        assert result["changed"] is (found == old), point
        assert _state(simulator) == new, point
        assert simulator.methods.count("PUT") == 1, point

        told = json.loads(killed.stdout)["changed"] if killed.stdout else None
        assert told is None or found == new, point
        outcome = ("old record" if found == old else "new record") + (", and the run has said so" if told else "")
        outcomes.add(outcome)
        rest = sorted({"an empty file" if path.is_file() else "an empty folder" for path in left})
        record_property("kill", f"{outcome}; left: {' and '.join(rest) or 'nothing'}")
    assert {"old record", "new record"} <= outcomes
