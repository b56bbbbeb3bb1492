# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bare hosts as devices of the simulator, and a playbook that gives all of them the role."""

from __future__ import annotations

import collections
import dataclasses
import json
import tempfile
import typing as t
from pathlib import Path

import pytest

from hosts.host import RELEASES, Hosts
from playbooks.conftest import Ran, run_playbook
from simulator import Simulator
from simulator.certificates import Certificates
from simulator.records import Device

# The last has another profile than the others, so the version stands in another field.
DEVICES = dict(zip(RELEASES, ("access-point", "spare-access-point", "camera"), strict=True))
FIELDS = dict(zip(RELEASES, ("Firmware", "Firmware", "Model"), strict=True))
PKI = "/etc/pki/device"


@dataclasses.dataclass
class Run:
    """What came of a playbook, by host: tasks that failed, tasks that changed something, and the requests' methods."""

    failed: dict[str, list[dict[str, t.Any]]]
    changed: dict[str, list[dict[str, t.Any]]]
    methods: dict[str, list[str]]
    output: str

    @property
    def failures(self) -> dict[str, str]:
        """The message of each host that failed; it then did nothing more."""
        return {name: result["msg"] for name, (result,) in self.failed.items()}


def play_on(
    hosts: Hosts,
    plays: t.Sequence[t.Mapping[str, t.Any]],
    variables: t.Mapping[str, t.Mapping[str, t.Any]],
    *mode: str,
    pipelining: bool = True,
) -> Ran:
    """Run a playbook over SSH on all hosts that have `variables`. Each of them must be reached."""
    folder = hosts.configuration.parent
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": variables}}))
    environment = {
        "ANSIBLE_PIPELINING": str(pipelining),
        "ANSIBLE_SSH_ARGS": f"-F {hosts.configuration} -o ControlMaster=auto -o ControlPersist=60s",
    }
    ran = run_playbook(folder, plays, "--inventory", inventory, *mode, environment=environment)
    # 4 would be a host that cannot be reached.
    assert ran.return_code == (2 if any(event["failed"] for event in ran.events) else 0), ran.output
    return ran


def give(hosts: Hosts, name: str, certificates: Certificates, device: str) -> None:
    """Put the certificate and the key of `device`, and the CA's certificate, on a host."""
    leaf = certificates[device]
    for file, source in (("ca.pem", certificates.ca), ("device.pem", leaf.pem), ("device.key", leaf.key)):
        hosts.run(name, f"mkdir -p {PKI}; umask 077; cat >{PKI}/{file}", source.read_bytes())


def connection(simulator: Simulator, device: Device) -> dict[str, str]:
    """Return the variables with which the role finds what `give` has put on a host, and the simulator."""
    return {
        "digicert_iot_device_id": device.id,
        "digicert_iot_api_url": simulator.url,
        "digicert_iot_client_cert": f"{PKI}/device.pem",
        "digicert_iot_client_key": f"{PKI}/device.key",
        "digicert_iot_ca_path": f"{PKI}/ca.pem",
    }


class Fleet:
    """The hosts, each with the certificate of its device, which is due."""

    def __init__(self, hosts: Hosts, simulator: Simulator) -> None:
        self.hosts = hosts
        self.simulator = simulator
        self.pipelining = True
        for name in RELEASES:
            self.give(name, DEVICES[name])

    def device(self, name: str) -> Device:
        """Return the device that a host is."""
        return self.simulator.records[DEVICES[name]]

    def give(self, name: str, device: str) -> None:
        """Put a certificate of the simulator and its key on a host."""
        give(self.hosts, name, self.simulator.certificates, device)

    def run(self, *mode: str) -> Run:
        """Run the playbook on all hosts at once."""
        variables = {name: self._variables(name) for name in RELEASES}
        self.simulator.clear_log()
        ran = play_on(self.hosts, [self._play], variables, *mode, pipelining=self.pipelining)
        failed, changed = collections.defaultdict(list), collections.defaultdict(list)
        for event in ran.events:
            if event["failed"]:
                failed[event["host"]].append(event["result"])
            elif event["result"].get("changed"):
                changed[event["host"]].append(event["result"])
        return Run(dict(failed), dict(changed), {name: self._methods(name) for name in RELEASES}, ran.output)

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
            **connection(self.simulator, self.device(name)),
            "digicert_iot_desired_device_identifier": f"{name}.harbour",
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
