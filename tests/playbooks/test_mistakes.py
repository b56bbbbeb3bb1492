# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes each mistake of the table in the guide on errors, and compares the message with the table."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from playbooks.conftest import BIN, environment_in

GUIDE = Path(__file__).resolve().parents[2] / "docs/docsite/rst/guide_errors.rst"
SITE = [{"name": "Site", "value": "Delft"}]
CERTIFICATE = "edgeops.digicert.digicert_iot_device_certificate"
COUNT = 20


def read_table() -> dict[str, str]:
    """Return the message of each mistake in the table of the guide. "..." stands for any text."""
    table = GUIDE.read_text().partition(".. list-table::")[2].partition("\n\nRead the result")[0]
    rows = re.findall(r"^   \* - (.*?)\n     - (.*?)(?=^   \*|\Z)", table, re.DOTALL | re.MULTILINE)
    (header, *entries) = [tuple(re.sub(r"\s+", " ", cell).strip() for cell in row) for row in rows]
    assert header == ("Mistake", "Message")
    return {mistake: message.strip("`") for mistake, message in entries}


def assert_said(message: str, text: str) -> None:
    """Assert that `text` has a message of the table, in which Ansible may have wrapped lines."""
    pattern = ".*".join(re.escape(part) for part in message.split("..."))
    assert re.search(pattern, re.sub(r"\s+", " ", text)), (message, text)


def test_the_table_has_twenty_mistakes_with_their_messages():
    table = read_table()
    assert len(table) == COUNT == len(set(table.values()))
    assert all(message.endswith((".", "?")) for message in table.values())


@pytest.fixture
def without_requests(tmp_path):
    """A Python that has no requests."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/urllib3.py").write_text("raise ImportError\n")
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/hidden exec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def tasks_of(player, folder: Path, python: str) -> list[dict[str, t.Any]]:
    """Return a task with each mistake, in the order of the table, which a task can have."""
    certificates = player.simulator.certificates
    leaf, expired = certificates["access-point"], certificates["expired"]
    vault = folder / "vault.key"
    vault.write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")

    def task(device="access-point", keywords=(), **options):
        return {**player.task(device, **{"fields": SITE, **options}), **dict(keywords)}

    renewal = player.task(module=CERTIFICATE, client_cert=str(expired.pem), client_key=str(expired.key))
    return [
        task(device_id=None, timeout=0),
        task(device_id=""),
        task(device_id="access-point.harbour"),
        task(field=SITE),
        task(fields=[{"name": "Sit", "value": "Delft"}]),
        task(fields=[{"name": "Site", "value": ""}]),
        task(fields=[{"name": "Firmware", "value": 1.10}]),
        task(client_cert="/etc/pki/no-device.pem"),
        task(client_cert=str(leaf.key), client_key=str(leaf.pem)),
        task(client_key=str(certificates["camera"].key)),
        task(client_key=str(certificates.locked_key)),
        task(client_key=str(vault)),
        task(client_cert=None, client_cert_content=leaf.pem.read_text().replace("\n", " ")),
        task(api_url="https://one.digicert.com"),
        task(ca_path=str(certificates.other_ca)),
        task(keywords={"environment": {"HTTPS_PROXY": "http://127.0.0.1:1"}}),
        task("read-only"),
        renewal,
        task(keywords={"vars": {"ansible_python_interpreter": python}}),
    ]


@pytest.mark.thorough
def test_each_mistake_has_the_message_of_the_table(player, tmp_path, without_requests):
    *messages, of_inventory = read_table().values()
    tasks = tasks_of(player, tmp_path, without_requests)
    (renewal,) = [task for task in tasks if CERTIFICATE in task]
    (check,), outcomes = player.check_and_run([renewal], tasks)
    for message, outcome in zip(messages, outcomes, strict=True):
        assert outcome.failed
        assert_said(message, outcome.result["msg"])
    assert "timeout is 0" in outcomes[0].result["msg"]
    # An operator reads in check mode what a run would say.
    assert_said(messages[tasks.index(renewal)], " ".join(check.result["warnings"]))
    inventory = tmp_path / "fleet.yml"
    inventory.write_text("plugin: edgeops.digicert.digicert_iot\n")
    listed = subprocess.run(
        [BIN / "ansible-inventory", "--inventory", inventory, "--list"],
        env=environment_in(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert_said(of_inventory, listed.stdout + listed.stderr)
