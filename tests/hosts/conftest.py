# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bare hosts as devices of the simulator, and a playbook that gives all of them the role."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest

from hosts.host import RELEASES, Hosts
from playbooks.conftest import BIN, COLLECTIONS
from playbooks.conftest import HERE as PLAYBOOKS
from simulator import Simulator
from simulator.certificates import Leaf
from simulator.records import Device

# The last has another profile than the others, so the version stands in another field.
DEVICES = dict(zip(RELEASES, ("access-point", "spare-access-point", "camera"), strict=True))
FIELDS = dict(zip(RELEASES, ("Firmware", "Firmware", "Model"), strict=True))
PKI = "/etc/pki/device"


@dataclasses.dataclass
class Played:
    """What came of a playbook, by host: the results of tasks that failed, and of tasks that changed something."""

    failed: dict[str, list[dict[str, t.Any]]]
    changed: dict[str, list[dict[str, t.Any]]]
    output: str


@dataclasses.dataclass
class Run(Played):
    """What came of a playbook, and the methods of each host's requests."""

    methods: dict[str, list[str]]

    @property
    def failures(self) -> dict[str, str]:
        """The message of each host that failed; it then did nothing more."""
        return {name: result["msg"] for name, (result,) in self.failed.items()}


def play(
    hosts: Hosts,
    content: dict[str, t.Any],
    variables: dict[str, dict[str, t.Any]],
    *mode: str,
    pipelining: bool = True,
) -> Played:
    """Run a playbook of one play on the hosts that have variables, on all of them at once."""
    folder = hosts.configuration.parent
    playbook, inventory, results = (folder / name for name in ("playbook.json", "hosts.json", "results"))
    playbook.write_text(json.dumps([content]))
    inventory.write_text(json.dumps({"all": {"hosts": variables}}))
    results.write_text("")
    ran = subprocess.run(
        [BIN / "ansible-playbook", "--inventory", inventory, "--diff", *mode, playbook],
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CALLBACK_PLUGINS": str(PLAYBOOKS / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_PIPELINING": str(pipelining),
            "ANSIBLE_SSH_ARGS": f"-F {hosts.configuration} -o ControlMaster=auto -o ControlPersist=60s",
            "TASK_RESULTS": str(results),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    failed, changed = collections.defaultdict(list), collections.defaultdict(list)
    for event in map(json.loads, results.read_text().splitlines()):
        if event["failed"]:
            failed[event["host"]].append(event["result"])
        elif event["result"].get("changed"):
            changed[event["host"]].append(event["result"])
    # 4 would be a host that cannot be reached.
    assert ran.returncode == (2 if failed else 0), ran.stdout
    assert "Traceback" not in ran.stdout
    return Played(dict(failed), dict(changed), ran.stdout)


class Fleet:
    """The hosts, each with the certificate of its device, which is due."""

    def __init__(self, hosts: Hosts, simulator: Simulator) -> None:
        self.hosts = hosts
        self.simulator = simulator
        self.pipelining = True
        for name in RELEASES:
            hosts.run(name, f"mkdir -p {PKI}")
            hosts.run(name, f"cat >{PKI}/ca.pem", simulator.certificates.ca.read_bytes())
            self.give(name, simulator.certificates[DEVICES[name]])

    def device(self, name: str) -> Device:
        """Return the device that a host is."""
        return self.simulator.records[DEVICES[name]]

    def give(self, name: str, leaf: Leaf) -> None:
        """Put a certificate and its key on a host."""
        self.hosts.run(name, f"cat >{PKI}/device.pem", leaf.pem.read_bytes())
        self.hosts.run(name, f"umask 077; cat >{PKI}/device.key", leaf.key.read_bytes())

    def run(self, *mode: str) -> Run:
        """Run the playbook on all hosts at once."""
        variables = {name: self._variables(name) for name in RELEASES}
        self.simulator.clear_log()
        played = play(self.hosts, self._play, variables, *mode, pipelining=self.pipelining)
        methods = {name: self._methods(name) for name in RELEASES}
        return Run(played.failed, played.changed, played.output, methods)

    def _methods(self, name: str) -> list[str]:
        return [request.method for request in self.simulator.requests if self.device(name).id in request.path]

    @property
    def _play(self) -> dict[str, t.Any]:
        return {
            "name": "Keep the records of the edge hosts true",
            "hosts": "all",
            "become": True,
            "roles": ["edgeops.digicert.device"],
        }

    def _variables(self, name: str) -> dict[str, t.Any]:
        return {
            "digicert_iot_device_id": self.device(name).id,
            "digicert_iot_api_url": self.simulator.url,
            "digicert_iot_client_cert": f"{PKI}/device.pem",
            "digicert_iot_client_key": f"{PKI}/device.key",
            "digicert_iot_ca_path": f"{PKI}/ca.pem",
            "digicert_iot_device_identifier": f"{name}.harbour",
            "digicert_iot_device_fields": {FIELDS[name]: "{{ ansible_facts.distribution_version }}"},
        }


@pytest.fixture
def fleet(simulator: Simulator) -> t.Iterator[Fleet]:
    """Bare hosts without what the modules need, and a simulator in its first state."""
    # Not pytest's own folder: its name is too long for ssh, which has sockets below it.
    with tempfile.TemporaryDirectory() as folder, Hosts(Path(folder)) as hosts:
        yield Fleet(hosts, simulator)


@pytest.fixture
def booted_hosts() -> t.Iterator[Hosts]:
    """One host where systemd runs: Debian 12, which is called bookworm."""
    with tempfile.TemporaryDirectory() as folder, Hosts(Path(folder), ["bookworm"], systemd=True) as hosts:
        yield hosts
