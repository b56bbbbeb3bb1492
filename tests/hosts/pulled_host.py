# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host where systemd runs, and that runs ansible-pull from a repository of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
import typing as t
from pathlib import Path

from hosts.conftest import play_on
from hosts.host import Hosts
from playbooks.conftest import BIN, Ran

CHECKOUT = Path(__file__).resolve().parents[2]
HOST = "bookworm"
REPOSITORY = "/srv/edge"
FACTS = "/etc/ansible/facts.d"
# Seconds. A run takes 5 to 20, and the timer fires again 2 to 3 after it; a machine can be busy.
PATIENCE = 300


class PulledHost:
    """A bare Debian 12. All that the role pull installs there is on the host, so it needs no package index."""

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self.hosts = hosts
        self.run("mkdir /srv/packages; tar -xC /srv/packages", packages(folder))
        self.run("printf '[global]\nno-index = true\nfind-links = /srv/packages\n' >/etc/pip.conf")

    def run(self, command: str, given: bytes | None = None) -> str:
        """Run a shell command as root and return what it prints."""
        return self.hosts.run(HOST, command, given).decode()

    def play(self, plays: t.Sequence[t.Mapping[str, t.Any]], *mode: str) -> Ran:
        """Run a playbook on this machine, for which the host is the only one of the inventory."""
        return play_on(self.hosts, plays, {HOST: {}}, *mode)

    def role_pull(self, **variables: t.Any) -> dict[str, t.Any]:
        """Return the role for a play, which starts a run every few seconds."""
        (collection,) = self.run("ls /srv/packages/*.tar.gz").split()
        usual = {
            "digicert_iot_pull_repository": REPOSITORY,
            "digicert_iot_pull_interval": "2s",
            "digicert_iot_pull_randomized_delay": "1s",
            "digicert_iot_pull_collections": [collection],
        }
        return {"role": "edgeops.digicert.pull", "vars": {**usual, **variables}}

    def commit(self, **variables: t.Any) -> str:
        """Write into the repository that the host runs the role device with these variables, and return the commit."""
        roles = [{"role": "edgeops.digicert.device", "vars": variables}]
        content = {"name": "Manage this host", "hosts": "localhost", "connection": "local", "roles": roles}
        git = f"git -C {REPOSITORY} -c user.name=Test -c user.email=test@example.com"
        self.run(
            f"test -d {REPOSITORY} || git init --quiet {REPOSITORY}; cat >{REPOSITORY}/local.yml",
            json.dumps([content]).encode(),
        )
        return self.run(f"{git} add local.yml; {git} commit -qm 'Change it'; {git} rev-parse HEAD").strip()

    def wait(self, what: str, until: t.Callable[[], t.Any]) -> None:
        """Wait for what the timer alone brings about."""
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline, f"{what}: {self.run('journalctl --no-pager --unit digicert-iot-pull')}"
            time.sleep(1)

    def wait_for_result(self, what: str, **wanted: t.Any) -> None:
        """Wait until a run ended that has this in its result."""

        def is_there() -> bool:
            text = self.run(f"cat {FACTS}/digicert_iot_pull.fact 2>/dev/null || echo '{{}}'")
            return wanted.items() <= json.loads(text).items()

        self.wait(what, is_there)


def packages(folder: Path) -> bytes:
    """Return, as a tar file, the collection and the wheels for ansible-core and the libraries on Debian 12's Python."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--python-version", "3.11", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", folder, "ansible-core", "requests", "cryptography"], check=True)
    build = [BIN / "ansible-galaxy", "collection", "build", "--output-path", folder]
    subprocess.run(build, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in folder.iterdir():
            tar.add(path, path.name)
    return content.getvalue()
