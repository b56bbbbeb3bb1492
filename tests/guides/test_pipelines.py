# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the workflow of the guide on pipelines, with the files of the guide, in a checkout that everybody can write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from guides.conftest import Reader, files_of
from simulator import Simulator

ID = "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7"


class Runner(Reader):
    """What runs the workflow. The device is this machine."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
        changes = {
            ID: self.device.id,
            "/etc/pki/device/device.pem": str(leaf.pem),
            "/etc/pki/device/device.key": str(leaf.key),
        }
        self.files = files_of("guide_pipelines")
        for old, new in changes.items():
            self.files = {name: text.replace(old, new) for name, text in self.files.items()}
        super().__init__(simulator, folder, self.files, {})
        folder.chmod(0o777)

    def event(self, name: str, return_code: int = 0) -> str:
        """Run the step of an event, and return what it printed."""
        workflow = yaml.safe_load(self.files[".github/workflows/records.yml"])
        environment = workflow["env"]["ANSIBLE_CONFIG"].replace("${{ github.workspace }}", str(self.folder))
        (step,) = [step for step in workflow["jobs"]["records"]["steps"] if f"'{name}'" in step.get("if", "")]
        return self.run(f"export ANSIBLE_CONFIG={environment}\n{step['run']}", return_code)

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the report."""
        counts = json.loads((self.folder / "fleet_report.json").read_text())["counts"]
        return {state: count for state, count in counts.items() if count}


@pytest.fixture
def runner(simulator, tmp_path) -> Runner:
    return Runner(simulator, tmp_path)


def test_the_events_of_the_guide(runner, simulator):
    site = runner.device.field_id("Site")
    runner.device.values[site] = "Delft"
    assert '-        "Site": "Delft"' in runner.event("pull_request")
    assert simulator.methods == ["GET"]
    drift = runner.event("schedule", return_code=2)
    assert '-        "Site": "Delft"' in drift
    assert "These fields of the record differ: Site" in drift
    assert "Unknown error" not in drift
    assert simulator.methods == ["GET"]
    assert runner.counts == {"devices": 1, "drifted": 1}
    runner.event("push")
    assert simulator.methods == ["GET", "PUT"]
    runner.event("schedule")
    assert simulator.methods == ["GET"]
    assert runner.counts == {"devices": 1, "in_sync": 1}


@pytest.mark.parametrize("command", ["ansible-playbook site.yml", "ansible-playbook --inventory /dev/null site.yml"])
def test_a_run_without_hosts_fails(runner, simulator, command):
    assert "The group edge has no hosts" in runner.run(command, return_code=2)
    assert simulator.methods == []
