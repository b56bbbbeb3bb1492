# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide for operators, with the files that stand in it, from an account without any device."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from guides.conftest import Reader, files_of
from simulator import API_KEY, Simulator

# IDs in the guide -> what stands there in the simulator.
PROFILE, FIRMWARE, SERIAL_NUMBER = (
    "9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6",
    "3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10",
    "71d2a6be-0f0e-43c3-b1a5-5b1c6f1a2e33",
)
DIVISION = "4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10"


class Operator(Reader):
    """Someone who follows the guide."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        model = simulator.records["access-point"]
        ids = {
            DIVISION: model.division_id,
            PROFILE: model.profile.id,
            FIRMWARE: model.field_id("Firmware"),
            SERIAL_NUMBER: model.field_id("Serial number"),
        }
        for device in simulator.records.devices:
            simulator.records.remove(device)
        self.files = {
            name: re.sub("|".join(ids), lambda found: ids[found[0]], text)
            for name, text in files_of("guide_operators").items()
        }
        variables = {
            "DIGICERT_IOT_API_KEY": API_KEY,
            "DIGICERT_IOT_OPERATOR_API_URL": simulator.operator_url,
            "SSL_CERT_FILE": str(simulator.certificates.ca),
        }
        super().__init__(simulator, folder, self.files, variables)

    def run(self, command: str, return_code: int = 0) -> str:
        """Run a command line, which may not show the API key, and return what it printed."""
        printed = super().run(command, return_code)
        assert API_KEY not in printed
        return printed

    def job(self, name: str, return_code: int = 0) -> dict[str, int]:
        """Run a job of the pipeline, and return the counts of its report."""
        script = yaml.safe_load(self.files[".gitlab-ci.yml"])[name]["script"]
        self.run("\n".join(script), return_code)
        assert (self.folder / "fleet_report.html").stat().st_size > 1000
        counts = json.loads((self.folder / "fleet_report.json").read_text())["counts"]
        return {state: count for state, count in counts.items() if count}

    def enrol(self) -> None:
        """Give each device its certificate, in a folder of its own as on a host, and let the play find it."""
        for device in self.simulator.records.devices:
            self.simulator.enrol(device)
            leaf = self.simulator.certificates[device.name]
            (self.folder / device.id).mkdir()
            shutil.copy(leaf.pem, self.folder / device.id / "device.pem")
            shutil.copy(leaf.key, self.folder / device.id / "device.key")
        (self.folder / "group_vars/all.yml").write_text(
            self.files["group_vars/all.yml"].replace(
                "/etc/pki/device/device.", f"{self.folder}/{{{{ digicert_iot_id }}}}/device."
            )
        )


@pytest.fixture
def operator(simulator, tmp_path) -> Operator:
    return Operator(simulator, tmp_path)


def test_the_way_of_the_guide(operator, simulator):
    graph = "ansible-inventory --inventory fleet.digicert_iot.yml --graph"
    assert operator.run(graph).split() == ["@all:", "|--@ungrouped:"]

    operator.run("ansible-playbook --check create.yml")
    assert set(simulator.methods) == {"GET"}
    operator.run("ansible-playbook create.yml")
    assert simulator.methods.count("POST") == 2
    operator.run("ansible-playbook create.yml")
    assert "POST" not in simulator.methods
    assert "  |--@site_none:\n  |  |--gate-7.rotterdam\n  |  |--gate-8.rotterdam\n" in operator.run(graph)

    operator.enrol()
    assert operator.job("plan", return_code=2) == {"devices": 2, "failed": 2}
    failure = json.loads((operator.folder / "fleet_report.json").read_text())["failures"][0]
    assert (failure["kind"], failure["devices"]) == ("read_denied", [0, 1])

    first, second = simulator.records.devices
    serial_numbers = [device.named_values["Serial number"] for device in (first, second)]
    operator.run("ansible-playbook --check --diff access.yml")
    assert set(simulator.methods) == {"GET"}
    operator.job("apply")
    assert operator.job("plan") == {"devices": 2, "in_sync": 2}
    operator.run(operator.files["drift.sh"])

    first.values[first.field_id("Firmware")] = "0.1"
    assert operator.job("plan") == {"devices": 2, "in_sync": 1, "drifted": 1}
    assert set(simulator.methods) == {"GET"}
    operator.run(operator.files["drift.sh"], return_code=1)
    operator.job("apply")
    assert first.named_values["Firmware"] == second.named_values["Firmware"] != "12.4"
    assert [device.named_values["Serial number"] for device in (first, second)] == serial_numbers


def test_an_account_that_cannot_be_read_ends_the_job(operator, simulator):
    operator.run("DIGICERT_IOT_API_KEY=wrong ansible-playbook site.yml", return_code=1)
    assert "PUT" not in simulator.methods
