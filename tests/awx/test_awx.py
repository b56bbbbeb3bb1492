# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX does with the collection: its engine runs a playbook, and its builder finds what an image needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import ansible_runner
import pytest
import yaml

from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import files_of
from simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# The hosts of the guide: devices of the simulator.
DEVICES = {"gate-7.rotterdam": "access-point", "gate-8.rotterdam": "spare-access-point"}


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the collection is installed from its package."""
    folder = tmp_path_factory.mktemp("installed")
    galaxy = [BIN / "ansible-galaxy", "collection"]
    subprocess.run([*galaxy, "build", "--output-path", folder, ROOT], check=True, capture_output=True)
    (package,) = folder.glob("*.tar.gz")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder)}
    subprocess.run([*galaxy, "install", "--offline", package], check=True, capture_output=True, env=environment)
    return folder


class Project:
    """The project of the guide, with the certificates of two devices. The hosts are this machine."""

    def __init__(self, simulator: Simulator, folder: Path, collections: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        self.devices = {host: simulator.records[name] for host, name in DEVICES.items()}
        self.certificates = {host: simulator.certificates[name] for host, name in DEVICES.items()}
        self.environment = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "PATH": f"{BIN}:{os.environ['PATH']}"}
        files = files_of("guide_awx")
        for host, leaf in self.certificates.items():
            variables = yaml.safe_load(files["host_vars/gate-7.rotterdam/device.yml"])
            variables["digicert_iot_device_id"] = self.devices[host].id
            variables["digicert_iot_client_cert_content"] = leaf.pem.read_text()
            files[f"host_vars/{host}/device.yml"] = yaml.safe_dump(variables)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (commands,) = [block.text for block in blocks_of(GUIDES / "guide_awx.rst") if "ansible-vault" in block.text]
        for host, leaf in self.certificates.items():
            self._encrypt(commands.replace("$ ", "").replace("gate-7.rotterdam", host), leaf.key)

    def _encrypt(self, commands: str, key: Path) -> None:
        (self.folder / "vault-password").write_text("a password\n")
        environment = {**self.environment, "HOME": str(self.folder)}
        script = commands.replace("device.key", str(key))
        subprocess.run(["bash", "-ec", script], cwd=self.folder, env=environment, check=True, capture_output=True)

    def run(self, options: str = "") -> list[dict[str, t.Any]]:
        """Run a job, which may show no key, and return its events."""
        self.simulator.clear_log()
        job = ansible_runner.run(
            private_data_dir=tempfile.mkdtemp(dir=self.folder),
            project_dir=str(self.folder),
            playbook="site.yml",
            inventory=str(self.folder / "inventory/hosts.ini"),
            extravars={
                "digicert_iot_api_url": self.simulator.url,
                "digicert_iot_ca_path": str(self.simulator.certificates.ca),
                "ansible_python_interpreter": sys.executable,
                "ansible_connection": "local",
            },
            envvars=self.environment,
            cmdline=f"--vault-password-file {self.folder}/vault-password {options}",
            quiet=True,
        )
        events = list(job.events)
        assert (job.status, job.rc) == ("successful", 0), [event["stdout"] for event in events]
        for leaf in self.certificates.values():
            for line in leaf.key.read_text().splitlines()[1:-1]:
                assert line not in json.dumps(events)
        return events

    def results(self, options: str = "") -> dict[str, dict[str, t.Any]]:
        """Run a job, and return what its page shows of the module, by host."""
        return {
            event["event_data"]["host"]: event["event_data"]["res"]
            for event in self.run(options)
            if event["event"] == "runner_on_ok"
            and event["event_data"]["resolved_action"] == "edgeops.digicert.digicert_iot_device"
        }


def test_the_engine_of_awx_hands_on_what_a_job_page_shows(simulator, collections, tmp_path):
    project = Project(simulator, tmp_path, collections)
    planned = project.results("--check --diff")
    assert simulator.methods == ["GET", "GET"]
    assert planned.keys() == DEVICES.keys()
    for host, result in planned.items():
        assert result["changed"]
        assert result["device_id"] == project.devices[host].id
        assert result["diff"]["after"]["fields"]["Firmware"] != "12.4"
    assert all(result["changed_fields"] == ["Firmware"] for result in project.results().values())
    assert simulator.methods.count("PUT") == 2
    assert not any(result["changed"] for result in project.results().values())
    assert len({device.named_values["Firmware"] for device in project.devices.values()}) == 1


def test_the_builder_of_images_finds_what_the_modules_need(collections, tmp_path):
    builder = BIN / "ansible-builder"
    found = subprocess.run([builder, "introspect", collections], check=True, capture_output=True, text=True).stdout
    for package in ("requests>=2.22", "cryptography>=3.3"):
        assert f"{package}  # from collection edgeops.digicert" in found
    (tmp_path / "execution-environment.yml").write_text(files_of("guide_awx")["execution-environment.yml"])
    subprocess.run([builder, "create"], check=True, capture_output=True, cwd=tmp_path)
    assert "edgeops.digicert" in (tmp_path / "context/_build/requirements.yml").read_text()
    (recipe,) = (tmp_path / "context").glob("*file")  # Podman's name or Docker's
    assert "requirements.yml" in recipe.read_text()
