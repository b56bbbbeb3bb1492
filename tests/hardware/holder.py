# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of keys in tokens and in TPMs share: a device whose key OpenSSL loads by reference."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from playbooks.conftest import MODULE, Outcome, Player
from simulator.certificates import fingerprint

# As the guide shows it.
CONFIGURATION = """\
openssl_conf = openssl_init

[openssl_init]
providers = providers

[providers]
default = default_provider
{provider} = hardware_provider

[default_provider]
activate = 1

[hardware_provider]
activate = 1
"""


def call(*command: str | Path, environment: t.Mapping[str, str] | None = None) -> bytes:
    """Run a program that must succeed, and return what it prints. A failure shows all that it said."""
    ran = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    return ran.stdout


def need(program: str, package: str) -> None:
    """Leave the test out where a program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing: install Debian's package {package}")


@dataclasses.dataclass
class Holder:
    """A device that holds its key in hardware: `environment` is what its tasks need, `ways` what ansible-playbook."""

    player: Player
    environment: dict[str, str]
    ways: dict[str, str] = dataclasses.field(default_factory=dict)

    def keep(self, environment: t.Mapping[str, str] | None = None, **options: t.Any) -> Outcome:
        """Set a field of its record. `environment` replaces its own; the options say where key and certificate lie."""
        task = {
            "name": "Keep the record true with a key in hardware",
            MODULE: self.player.connection(fields=[{"name": "Site", "value": "Delft"}], **options),
            "environment": self.environment if environment is None else environment,
        }
        return self.player.run_one(task, environment=self.ways)

    def assert_kept(self, outcome: Outcome, certificate: bytes) -> None:
        """See that the record was read and updated over one connection, with this certificate."""
        assert (outcome.result["changed"], outcome.methods) == (True, ["GET", "PUT"])
        (connection,) = self.player.simulator.connections
        assert connection.fingerprint == fingerprint(certificate)


def assert_refused(outcome: Outcome, *words: str) -> None:
    """See that the task failed with these words, and without a connection."""
    assert outcome.result["failure"]["kind"] == "invalid_parameters"
    for word in words:
        assert word in outcome.result["msg"]
    assert outcome.connections == []
