# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide on the first contact, and through each row of its table of failures."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import Reader, comparable, files_of
from simulator import Simulator

GUIDE = GUIDES / "guide_first_contact.rst"
ID = "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7"
PING = "ansible-playbook --inventory hosts.ini ping.yml"


class Newcomer(Reader):
    """Someone who follows the guide. The device is this machine."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.device, self.leaf = simulator.records["access-point"], simulator.certificates["access-point"]
        changes = {
            ID: self.device.id,
            "/etc/pki/device/device.pem": str(self.leaf.pem),
            "/etc/pki/device/device.key": str(self.leaf.key),
        }
        files = files_of("guide_first_contact")
        assert len(files["hosts.ini"].splitlines()) == 6
        for old, new in changes.items():
            files = {name: text.replace(old, new) for name, text in files.items()}
        super().__init__(simulator, folder, files, {})

    def change(self, file: str, old: str, new: t.Any) -> None:
        """Make a mistake in a file."""
        path = self.folder / file
        text = path.read_text()
        assert str(old) in text
        path.write_text(text.replace(str(old), str(new)))

    def use(self, name: str) -> None:
        """Use the certificate and the key of another device."""
        self.change("ping.yml", self.leaf.pem, self.simulator.certificates[name].pem)
        self.change("ping.yml", self.leaf.key, self.simulator.certificates[name].key)

    def set(self, **variables: str) -> None:
        """Set variables of the environment."""
        self.variables = {**self.variables, **variables}

    def use_bare_python(self) -> None:
        """Use a Python without packages."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder / "bare"], check=True)
        self.set(ANSIBLE_PYTHON_INTERPRETER=str(self.folder / "bare/bin/python"))


@pytest.fixture
def newcomer(simulator, tmp_path) -> Newcomer:
    return Newcomer(simulator, tmp_path)


def test_the_way_of_the_guide(newcomer, simulator):
    shown = [
        (command.text.removeprefix("$ ").strip(), output.text)
        for command, output in itertools.pairwise(blocks_of(GUIDE))
        if output.language == "ansible-output"
    ]
    assert len(shown) == 2
    name = f"{newcomer.device.device_identifier} ({newcomer.device.id})"
    for command, output in shown:
        assert comparable(newcomer.run(command)) == comparable(output.replace(f"gate-7.rotterdam ({ID})", name))
        assert set(simulator.methods) == {"GET"}
    command, _output = shown[-1]
    newcomer.run(command.replace("--check --diff ", ""))
    assert simulator.methods == ["GET", "PUT"]
    assert newcomer.device.named_values["Site"] == "Antwerp"
    newcomer.run(command.replace("--check --diff ", ""))
    assert simulator.methods == ["GET"]


# The message in each row of the table: a mistake that leads to it.
MISTAKES: dict[str, t.Callable[[Newcomer], t.Any]] = {
    "skipping: no hosts matched": lambda newcomer: newcomer.change("hosts.ini", "[edge", "[edges"),
    "UNREACHABLE!": lambda newcomer: (
        newcomer.set(ANSIBLE_TRANSPORT="ssh"),
        newcomer.change("hosts.ini", "192.0.2.7", "127.0.0.1 ansible_port=1"),
    ),
    "The module interpreter": lambda newcomer: newcomer.set(ANSIBLE_PYTHON_INTERPRETER="/missing/python3"),
    "is undefined": lambda newcomer: newcomer.change("hosts.ini", "digicert_iot_device_id", "digicert_iot_devise_id"),
    "Failed to import the required Python library": Newcomer.use_bare_python,
    "cannot be read": lambda newcomer: newcomer.change("ping.yml", newcomer.leaf.pem, "/missing/device.pem"),
    "does not match the certificate": lambda newcomer: newcomer.change(
        "ping.yml", newcomer.leaf.key, newcomer.simulator.certificates["camera"].key
    ),
    "could not be reached": lambda newcomer: newcomer.set(DIGICERT_IOT_API_URL="https://127.0.0.1:1"),
    "The verification of the certificate of": lambda newcomer: newcomer.set(
        DIGICERT_IOT_CA_PATH=str(newcomer.simulator.certificates.other_ca)
    ),
    "because it has expired": lambda newcomer: newcomer.use("expired"),
    "The TLS handshake with": lambda newcomer: newcomer.use("outsider"),
    "entity_not_found": lambda newcomer: newcomer.change("hosts.ini", newcomer.device.id, "gate-7.rotterdam"),
    "access_denied": lambda newcomer: setattr(newcomer.device, "device_api_allow_read", False),
}


def test_the_table_has_a_row_for_each_mistake():
    rows = re.findall(r"^   \* - ``(.+)``$", GUIDE.read_text(), re.MULTILINE)
    assert rows == list(MISTAKES)


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_has_the_message_of_its_row(newcomer, message):
    MISTAKES[message](newcomer)
    return_code = {"skipping: no hosts matched": 0, "UNREACHABLE!": 4}.get(message, 2)
    printed = newcomer.run(PING, return_code)
    assert message in printed
    # Nobody finds an earlier row in the table.
    earlier = list(itertools.takewhile(lambda row: row != message, MISTAKES))
    assert [row for row in earlier if row in printed] == []
