# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide for operators, with the files that stand in it, from an account without any device."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from string import Template

import pytest
import yaml

from guides.conftest import Reader, files_of
from simulator import API_KEY, ENROLLMENT_PROFILE_ID, Simulator
from simulator.records import Device, division_id

# IDs in the guide -> what stands there in the simulator.
PROFILE, FIRMWARE, SERIAL_NUMBER, SITE = (
    "9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6",
    "3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10",
    "71d2a6be-0f0e-43c3-b1a5-5b1c6f1a2e33",
    "c4d8e2f7-1a5b-4960-8e3d-7f2b6a9c0d15",
)
ENROLLMENT_PROFILE = "IOT_2c5e8f1a-7b4d-4e60-9a83-6d1f0b9c3e72"
DIVISION = "4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10"


class Operator(Reader):
    """Someone who follows the guide."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        profile = simulator.records.profiles["Gateway"]
        ids = {
            DIVISION: division_id("Harbour"),
            PROFILE: profile.id,
            FIRMWARE: profile.field_id("Firmware"),
            SERIAL_NUMBER: profile.field_id("Serial number"),
            SITE: profile.field_id("Site"),
            ENROLLMENT_PROFILE: ENROLLMENT_PROFILE_ID,
        }
        # Of another device profile, so no playbook of the guide manages it.
        self.camera = simulator.records["camera"]
        for device in simulator.records.devices:
            if device is not self.camera:
                simulator.records.remove(device)
        self.files = {
            name: re.sub("|".join(ids), lambda found: ids[found[0]], text)
            for name, text in files_of("guide_operators").items()
        }
        # No service of this machine is restarted.
        self.files["site.yml"] = re.sub(
            r"ansible\.builtin\.service:\n +name: gateway\n +state: restarted",
            f"ansible.builtin.file: {{path: {folder}/restarted, state: touch}}",
            self.files["site.yml"],
        )
        variables = {
            "DIGICERT_IOT_API_KEY": API_KEY,
            "DIGICERT_IOT_OPERATOR_API_URL": simulator.operator_url,
            "SSL_CERT_FILE": str(simulator.certificates.ca),
        }
        super().__init__(simulator, folder, self.files, variables)

    @property
    def gates(self) -> list[Device]:
        """The devices by name, because parallel workers create them in any order."""
        devices = [device for device in self.simulator.records.devices if device is not self.camera]
        return sorted(devices, key=lambda device: device.device_identifier)

    @property
    def field_ids(self) -> dict[str, str]:
        """The IDs of the fields in the guide, by name."""
        return yaml.safe_load(self.files["group_vars/all.yml"])["digicert_iot_field_ids"]

    def run(self, command: str, return_code: int = 0) -> str:
        """Run a command line, which may not show the API key, and return what it printed."""
        printed = super().run(command, return_code)
        assert API_KEY not in printed
        return printed

    def job(self, name: str, return_code: int = 0) -> dict[str, int]:
        """Run a job of the pipeline with the variables of the project, and return the counts of its report."""
        pipeline = yaml.safe_load(self.files[".gitlab-ci.yml"])
        job, preparation = pipeline[name], pipeline["default"]["before_script"][-1]
        protected = {"WRITE_API_KEY": API_KEY, "SSH_KEY": str(self.folder / "ssh.key"), "SSH_KNOWN_HOSTS": "/dev/null"}
        project = {"CI_PROJECT_DIR": str(self.folder), "READ_API_KEY": API_KEY, **(protected if name != "plan" else {})}
        Path(protected["SSH_KEY"]).touch()
        own = self.variables
        given = {name: value for name, value in own.items() if name != "DIGICERT_IOT_API_KEY"}
        lines = [preparation, *job["script"]]
        settings = {**pipeline["variables"], **job["variables"]}
        exports = [f"export {name}={Template(value).safe_substitute(project)!r}" for name, value in settings.items()]
        self.variables = {**given, **project}
        # As the checkout of a runner.
        self.folder.chmod(0o777)
        self.run("\n".join([*exports, *lines]), return_code)
        self.folder.chmod(0o755)
        self.variables = own
        assert (self.folder / "fleet_report.html").stat().st_size > 1000
        counts = json.loads((self.folder / "fleet_report.json").read_text())["counts"]
        return {state: count for state, count in counts.items() if count}

    def enrol(self) -> None:
        """Give each device its certificate, in a folder of its own as on a host, and let the play find it."""
        for device in self.gates:
            self.simulator.enrol(device)
            leaf = self.simulator.certificates[device.name]
            (self.folder / device.id).mkdir()
            shutil.copy(leaf.pem, self.folder / device.id / "device.pem")
            shutil.copy(leaf.key, self.folder / device.id / "device.key")
        (self.folder / "group_vars/gateways.yml").write_text(
            self.files["group_vars/gateways.yml"].replace(
                "/etc/pki/device/device.", f"{self.folder}/{{{{ digicert_iot_id }}}}/device."
            )
        )


@pytest.fixture
def operator(simulator, tmp_path) -> Operator:
    return Operator(simulator, tmp_path)


def test_the_way_of_the_guide(operator, simulator):
    graph = "ansible-inventory --inventory fleet.digicert_iot.yml --graph"
    assert "gate" not in operator.run(graph)

    fields = operator.run("ansible-playbook fields.yml")
    assert all(field_id in fields for field_id in operator.field_ids.values())

    assert operator.job("plan") == {"devices": 3, "drifted": 3}
    assert set(simulator.methods) == {"GET"}
    assert "The inventory has no gateways" in operator.run("ansible-playbook site.yml", return_code=2)
    operator.run("ansible-playbook register.yml")
    assert simulator.methods.count("POST") == 3
    operator.run("ansible-playbook register.yml")
    assert set(simulator.methods) == {"GET"}
    groups = operator.run(graph)
    assert "  |--@gateways:\n" in groups
    (gateways,) = re.findall(r"@gateways:\n((?:  \|  \|--.*\n)+)", groups)
    assert sorted(gateways.split()) == ["|", "|", "|--gate-7.rotterdam", "|--gate-8.rotterdam"]
    assert "  |--@site_Rotterdam:\n  |  |--gate-7.rotterdam\n" in groups

    operator.enrol()
    # Each device has a row for its registration, and each gateway one for its host, which sets the firmware.
    assert operator.job("drift", return_code=1) == {"devices": 5, "in_sync": 3, "drifted": 2}
    operator.job("apply")
    assert (operator.folder / "restarted").exists()
    assert operator.job("drift") == {"devices": 5, "in_sync": 5}

    first, second, third = operator.gates
    first.values[first.field_id("Site")] = "Delft"
    second.device_api_allow_write = False
    assert operator.job("plan") == {"devices": 3, "in_sync": 1, "drifted": 2}
    assert set(simulator.methods) == {"GET"}
    # Without write access, the second is no gateway until it is registered again.
    assert operator.job("drift", return_code=1) == {"devices": 4, "in_sync": 2, "drifted": 2}
    assert set(simulator.methods) == {"GET"}
    assert operator.job("apply")["devices"] == 5
    assert first.named_values["Firmware"] == second.named_values["Firmware"]
    assert first.named_values["Firmware"] is not None
    assert [device.named_values["Serial number"] for device in operator.gates] == ["AP-0042", "AP-0043", "AP-0044"]
    assert (first.named_values["Site"], second.device_api_allow_write) == ("Rotterdam", True)
    assert not third.device_api_allow_write
    assert operator.camera.updated.year == 2026
    assert operator.camera.updated.month == 3


def test_a_run_fails_if_ansible_ignores_its_configuration(operator):
    operator.run("ansible-playbook register.yml")
    operator.enrol()
    operator.folder.chmod(0o777)
    assert "The inventory has no gateways" in operator.run("ansible-playbook site.yml", return_code=2)


def test_registrations_are_changed_in_the_file(operator, simulator):
    operator.run("ansible-playbook register.yml")
    first, second, third = operator.gates
    devices = operator.folder / "devices.yml"
    entry = "  - device_identifier: gate-8.rotterdam\n"
    # A stolen device can change its name. It is disabled by its ID.
    second.device_identifier = "gate-5.rotterdam"
    for new, status, name in (
        (f"  - device_id: {second.id}\n    enabled: false\n", "DISABLED", "gate-5.rotterdam"),
        (f"  - device_id: {second.id}\n    enabled: true\n", "ACTIVE", "gate-5.rotterdam"),
        (
            "  - device_identifier: gate-5.rotterdam\n    new_device_identifier: gate-6.rotterdam\n",
            "ACTIVE",
            "gate-6.rotterdam",
        ),
    ):
        devices.write_text(operator.files["devices.yml"].replace(entry, new))
        operator.run("ansible-playbook register.yml")
        assert (second.status, second.device_identifier) == (status, name)
    devices.write_text(operator.files["devices.yml"].replace("gate-8", "gate-6"))
    operator.run("ansible-playbook register.yml")
    assert set(simulator.methods) == {"GET"}
    assert operator.gates == [second, first, third]

    other = simulator.records.profiles["Access point"].id
    devices.write_text(f"{devices.read_text()}    device_profile_id: {other}\n")
    assert operator.job("plan", return_code=2)["failed"] == 1
    operator.run("ansible-playbook register.yml", return_code=2)
    assert set(simulator.methods) == {"GET"}
    failure = json.loads((operator.folder / "fleet_report.json").read_text())["failures"][0]
    assert failure["kind"] == "invalid_desired_state"


def test_an_account_that_cannot_be_read_ends_the_job(operator, simulator):
    operator.run("DIGICERT_IOT_API_KEY=wrong ansible-playbook site.yml", return_code=1)
    assert "PUT" not in simulator.methods
