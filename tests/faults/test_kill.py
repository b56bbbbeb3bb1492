# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module is killed at a system call: no key is left on the disk, the record is whole, the next run ends the work.

strace kills it when it is about to make the call. By default that is done at the calls that change something on the
host or on the network; with KILL_POINTS=all at each one from when the module reads its arguments, the key among them.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

from faults.killing import Host, chosen, need_strace
from simulator import Simulator

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
    need_strace()
    device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
    arguments = {
        "device_id": device.id,
        "api_url": simulator.url,
        "client_cert_content": leaf.pem.read_text(),
        "client_key_content": leaf.key.read_text(),
        "ca_path": str(simulator.certificates.ca),
        "retries": 0,
        "fields": [{"name": "Site", "value": "Delft"}],
    }
    host = Host(tmp_path, "digicert_iot_device", arguments)
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
    key_lines = [line.encode() for line in host.arguments["client_key_content"].splitlines()[1:-1]]

    outcomes = set()
    for point in chosen(points, CALLS)[part::PARTS]:
        simulator.reset()
        host.clear()
        before = _shared_files()

        killed = host.kill(point)
        if killed is None:
            record_property("kill", "not killed: this run had no such call")
            continue
        left = host.left()
        assert [path for path in left if path.is_file() and path.stat().st_size] == [], point
        assert [path for path in left if path.stat().st_mode & 0o077] == [], point
        assert [path for path in _shared_files() - before if _holds(path, key_lines)] == [], point

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
