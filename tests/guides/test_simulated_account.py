# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide for operators as the guide on tests says: with the simulator's command line only."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import socket
import subprocess
import sys

import pytest
import yaml

from guides.code_blocks import GUIDES, ROOT, blocks_of
from guides.conftest import files_of
from playbooks.conftest import environment_in

SECTION = (
    (GUIDES / "guide_testing.rst").read_text().partition("\nFollow the guide for operators without an account\n")[2]
)
# What stands in the guide for operators -> what the simulator prints before the ID.
NAMES = {
    "4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10": "Division Harbour",
    "9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6": "Device profile Gateway",
    "IOT_2c5e8f1a-7b4d-4e60-9a83-6d1f0b9c3e72": "Enrollment profile gateways",
    "3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10": "Field Firmware",
    "71d2a6be-0f0e-43c3-b1a5-5b1c6f1a2e33": "Field Serial number (mandatory)",
    "c4d8e2f7-1a5b-4960-8e3d-7f2b6a9c0d15": "Field Site",
}


def blocks():
    """Return the texts of the section's code blocks."""
    return [block.text for block in blocks_of(GUIDES / "guide_testing.rst") if block.text.splitlines()[0] in SECTION]


def free_port():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return str(listener.getsockname()[1])


class Follower:
    """The two terminals of the guide."""

    def __init__(self, checkout, printed):
        self.checkout, self.printed = checkout, printed
        _start, setup, variables = blocks()
        self.setup = re.sub(r"(?m)^\$ ", "", setup).replace("~", str(checkout))
        self.certificates = yaml.safe_load(variables)
        self.folder = checkout / "iot-operator"
        self.folder.mkdir()
        for name, text in files_of("guide_operators").items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.adapted(name, text))

    def adapted(self, name, text):
        """Return a file of the guide with the differences that the section lists."""
        for example, label in NAMES.items():
            text = text.replace(example, self.id_of(label))
        if not name.startswith("group_vars/"):
            return text
        variables = yaml.safe_load(text)
        paths = {key: path for key, path in self.certificates.items() if key in variables}
        return yaml.safe_dump({**variables, **paths})

    def id_of(self, label):
        """Return the ID that the simulator prints after a name."""
        (found,) = re.findall(rf"(?m)^  {re.escape(label)} +(\S+)$", self.printed)
        return found

    def run(self, command):
        """Run a command in the second terminal, and return its output."""
        ran = subprocess.run(
            ["bash", "-ec", f"{self.setup}{command}"],
            cwd=self.checkout,
            env={**environment_in(self.checkout), "ANSIBLE_LOCALHOST_WARNING": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout


@pytest.fixture
def follower(tmp_path):
    """A checkout in which the command line of the guide runs, on ports that are free."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    command = blocks()[0].removeprefix("$ ").replace("\\\n", "")
    command = command.replace("9443", free_port()).replace("9444", free_port())
    with subprocess.Popen(shlex.split(command), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed = ""
            for line in process.stdout:
                printed += line
                if "Ctrl-C" in line:
                    break
            yield Follower(tmp_path, printed)
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_the_guide_for_operators_is_followed_without_an_account(follower):
    graph = "ansible-inventory --graph"
    assert "gate-7" not in follower.run(graph)
    assert follower.id_of("Field Site") in follower.run("ansible-playbook fields.yml")
    assert "changed=1" in follower.run("ansible-playbook --check --diff register.yml")
    assert "changed=1" in follower.run("ansible-playbook register.yml")
    assert "gate-7.rotterdam" in follower.run(graph)
    assert re.search(r"gate-7\.rotterdam +: .*changed=1 ", follower.run("ansible-playbook --check --diff site.yml"))
    assert re.search(r"gate-7\.rotterdam +: .*changed=1 ", follower.run("ansible-playbook site.yml"))
    again = follower.run("ansible-playbook register.yml site.yml")
    assert re.search(r"gate-7\.rotterdam +: .*changed=0 ", again)
    assert re.search(r"localhost +: .*changed=0 ", again)
