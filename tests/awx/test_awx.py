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

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# As in the guide: a credential puts these into the extra variables of a job.
CREDENTIAL = ("digicert_iot_client_cert_content", "digicert_iot_client_key_content")


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


def test_the_engine_of_awx_hands_on_what_a_job_page_shows(simulator, collections, tmp_path):
    device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
    secrets = [leaf.pem.read_text(), leaf.key.read_text()]
    variables = {
        "digicert_iot_device_id": device.id,
        "digicert_iot_api_url": simulator.url,
        "digicert_iot_ca_path": str(simulator.certificates.ca),
        "digicert_iot_device_fields": {"Site": "Delft"},
        "ansible_python_interpreter": sys.executable,
    }
    play = {"name": "Keep the records true", "hosts": "all", "roles": ["edgeops.digicert.device"]}

    def run(**settings: t.Any) -> dict[str, t.Any]:
        """Run a job and return what its page shows of the module."""
        simulator.clear_log()
        job = ansible_runner.run(
            private_data_dir=tempfile.mkdtemp(dir=tmp_path),
            playbook=[play],
            inventory={"all": {"hosts": {"gate-7": {"ansible_connection": "local"}}}},
            extravars={**variables, **dict(zip(CREDENTIAL, secrets, strict=True))},
            envvars={"ANSIBLE_COLLECTIONS_PATH": str(collections), "PATH": f"{BIN}:{os.environ['PATH']}"},
            quiet=True,
            **settings,
        )
        events = list(job.events)
        assert (job.status, job.rc) == ("successful", 0), [event["stdout"] for event in events]
        for line in leaf.key.read_text().splitlines()[1:-1]:
            assert line not in json.dumps(events)
        (shown,) = [
            event["event_data"]
            for event in events
            if event["event"] == "runner_on_ok"
            and event["event_data"]["resolved_action"] == "edgeops.digicert.digicert_iot_device"
        ]
        assert shown["host"] == "gate-7"
        return shown["res"]

    planned = run(cmdline="--check --diff")
    assert simulator.methods == ["GET"]
    assert planned["changed"]
    assert planned["diff"]["after"]["fields"]["Site"] == "Delft"
    assert run()["changed_fields"] == ["Site"]
    assert simulator.methods == ["GET", "PUT"]
    assert not run()["changed"]
    assert device.named_values["Site"] == "Delft"


def test_the_builder_of_images_finds_what_the_modules_need(collections, tmp_path):
    builder = BIN / "ansible-builder"
    found = subprocess.run([builder, "introspect", collections], check=True, capture_output=True, text=True).stdout
    for package in ("requests>=2.22", "cryptography>=3.3"):
        assert f"{package}  # from collection edgeops.digicert" in found
    definition = {"version": 3, "dependencies": {"galaxy": {"collections": ["edgeops.digicert"]}}}
    (tmp_path / "execution-environment.yml").write_text(json.dumps(definition))
    subprocess.run([builder, "create"], check=True, capture_output=True, cwd=tmp_path)
    assert "edgeops.digicert" in (tmp_path / "context/_build/requirements.yml").read_text()
    (recipe,) = (tmp_path / "context").glob("*file")  # Podman's name or Docker's
    assert "requirements.yml" in recipe.read_text()
