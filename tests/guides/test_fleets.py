# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolls a change out to hosts, and pulls a playbook, with the files of the guide on fleets."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import Reader, files_of
from simulator import Simulator

NEW = "https://controller-2.harbor.example:16002"
OLD = "https://controller.harbour.example:16002"
HOSTS = [f"gate-{number}.rotterdam" for number in range(1, 5)]


class Rollout(Reader):
    """Someone with four hosts, each of which has a directory with its certificate. The second has no redirector."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        records = simulator.records
        self.devices = []
        for host in HOSTS:
            values = {"Firmware": "12.4", "Serial number": host, "Site": "Delft"}
            redirector = {"Redirector": OLD} if host != HOSTS[1] else {}
            device = records.register(host, {**values, **redirector}, profile="Access point")
            device.set_flags(dict.fromkeys(device.flags, True))
            simulator.enrol(device)
            leaf = simulator.certificates[device.name]
            (folder / host).mkdir()
            shutil.copy(leaf.pem, folder / host / "device.pem")
            shutil.copy(leaf.key, folder / host / "device.key")
            self.devices.append(device)
        lines = [f"{device.device_identifier} digicert_iot_device_id={device.id}" for device in self.devices]
        field_ids = json.dumps({"Redirector": self.devices[0].field_id("Redirector")})
        files = {
            "rollout.yml": files_of("guide_fleets")["rollout.yml"]
            .replace("/etc/pki/device", f"{folder}/{{{{ inventory_hostname }}}}")
            .replace("/usr/local/bin/check-redirector", f"test ! -e {folder}/{{{{ inventory_hostname }}}}/broken")
            # The records of the simulator do not list fields without a value.
            .replace(
                "fields:\n              - name", f"field_ids: {field_ids}\n            fields:\n              - name"
            ),
            "hosts.ini": "\n".join(["[edge]", *lines, ""]),
        }
        super().__init__(simulator, folder, files, {})

    @property
    def redirectors(self) -> list[str | None]:
        """The value of each device."""
        return [device.named_values.get("Redirector") for device in self.devices]

    def breaks(self, host: str) -> None:
        """Let the check of a host fail."""
        (self.folder / host / "broken").touch()


@pytest.fixture
def rollout(simulator, tmp_path) -> Rollout:
    return Rollout(simulator, tmp_path)


def test_a_change_reaches_the_hosts_in_batches(rollout, simulator):
    (commands,) = [
        block.text for block in blocks_of(GUIDES / "guide_fleets.rst") if "--check --diff roll" in block.text
    ]
    preview, apply = [command.removeprefix("$ ") for command in commands.splitlines()]
    rollout.run(preview)
    assert set(simulator.methods) == {"GET"}
    assert rollout.redirectors == [OLD, None, OLD, OLD]
    printed = rollout.run(apply)
    assert rollout.redirectors == [NEW] * 4
    batches = [set(re.findall(r"changed: \[(.*)\]", play)) for play in printed.split("PLAY [")[1:]]
    assert batches == [{HOSTS[0]}, {HOSTS[1]}, set(HOSTS[2:])]


@pytest.mark.parametrize(
    ("broken", "redirectors"), [(HOSTS[0], [OLD, None, OLD, OLD]), (HOSTS[1], [NEW, None, OLD, OLD])]
)
def test_a_failed_check_restores_the_record_and_ends_the_rollout(rollout, broken, redirectors):
    rollout.breaks(broken)
    printed = rollout.run("ansible-playbook --inventory hosts.ini rollout.yml", return_code=2)
    assert "The previous values are restored." in printed
    assert rollout.redirectors == redirectors


def test_a_host_pulls_with_the_id_that_it_keeps(simulator, tmp_path):
    device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
    files = files_of("guide_fleets")
    # The role renews the certificate, so it has a copy.
    (tmp_path / "pki").mkdir()
    shutil.copy(leaf.pem, tmp_path / "pki/device.pem")
    shutil.copy(leaf.key, tmp_path / "pki/device.key")
    playbook = files["local.yml"].replace("/etc/pki/device", f"{tmp_path}/pki")
    # The role reads the fact from here.
    playbook = playbook.replace(
        "      vars:\n", f"      vars:\n        digicert_iot_facts_directory: {tmp_path}/facts\n"
    )
    fact = {"device_id": device.id}
    reader = Reader(
        simulator,
        tmp_path,
        {"edge/local.yml": playbook, "facts/digicert_iot_device.fact": json.dumps(fact)},
        {"ANSIBLE_LOCALHOST_WARNING": "0"},
    )
    assert '"device_id": digicert_iot_device_id' not in playbook
    assert "{'device_id': digicert_iot_device_id} | to_json" in files["pull.yml"]
    git = "git -C edge -c user.name=Test -c user.email=test@example.com"
    reader.run(f"git init --quiet --initial-branch production edge; {git} add .; {git} commit --quiet --message Test")
    pull = f"ansible-pull --url {tmp_path}/edge --checkout production --directory checkout -i localhost, local.yml"
    reader.run(pull)
    assert "PUT" in simulator.methods
    assert device.named_values["Firmware"] != "12.4"
    reader.run(pull)
    assert set(simulator.methods) == {"GET"}
