# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role pull lets a host run, without the timer: ansible-pull from a repository in a folder."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.conftest import COLLECTIONS

pytestmark = pytest.mark.thorough
ROLE = Path(__file__).resolve().parents[2] / "roles/pull"


class Pull:
    """A host that runs what the role has written into `folder`, with a repository beside it."""

    def __init__(self, player, folder: Path) -> None:
        self.folder, self.repository = folder / "pull", folder / "repository"
        self.folder.mkdir()
        self.repository.mkdir()
        self.git("init", "--quiet")
        self.fact = folder / "facts/digicert_iot_pull.fact"
        task = {
            "name": "Write what a run does",
            "ansible.builtin.template": {
                "src": str(ROLE / "templates/digicert-iot-pull.sh.j2"),
                "dest": str(self.folder / "run"),
                "mode": "0700",
            },
            "vars": {
                "digicert_iot_pull_repository": str(self.repository),
                "digicert_iot_pull_directory": str(self.folder),
                "digicert_iot_pull_virtualenv": sys.prefix,
                "digicert_iot_pull_inventory": "localhost,",
                "digicert_iot_pull_playbook": "local.yml",
                "pull_facts_directory": str(self.fact.parent),
            },
        }
        (outcome,) = player._run([task], [])
        assert outcome.result["changed"]

    def git(self, *command: str) -> str:
        """Run git in the repository."""
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        ran = subprocess.run(
            ["git", *identity, *command], cwd=self.repository, check=True, capture_output=True, text=True
        )
        return ran.stdout.strip()

    def commit(self, *tasks: dict[str, object]) -> str:
        """Put a playbook of these tasks into the repository and return the commit."""
        play = {"name": "Keep this host true", "hosts": "localhost", "connection": "local", "gather_facts": False}
        (self.repository / "local.yml").write_text(json.dumps([{**play, "tasks": tasks}]))
        self.git("add", "local.yml")
        self.git("commit", "--quiet", "--message", "Change it")
        return self.git("rev-parse", "HEAD")

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run what the timer runs."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        environment["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS
        return subprocess.run([self.folder / "run"], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def pull(player, tmp_path):
    return Pull(player, tmp_path)


def test_a_host_keeps_itself_true_and_says_how_it_went(pull, player, simulator):
    commit = pull.commit(player.task(fields=[{"name": "Site", "value": "Delft"}]))
    ran = pull.run()
    assert ran.returncode == 0, ran.stdout
    assert simulator.methods == ["GET", "PUT"]
    fact = json.loads(pull.fact.read_text())
    assert (fact["return_code"], fact["commit"]) == (0, commit)
    assert fact["began"] <= fact["ended"]
    simulator.clear_log()
    assert pull.run().returncode == 0
    assert simulator.methods == ["GET"]

    commit = pull.commit(player.task("write-only", fields=[]))
    failed = pull.run()
    assert failed.returncode != 0
    fact = json.loads(pull.fact.read_text())
    assert (fact["return_code"], fact["commit"]) == (failed.returncode, commit)
    assert list(pull.fact.parent.iterdir()) == [pull.fact]


def test_two_runs_do_not_overlap(pull, player, simulator):
    pull.commit(player.task(fields=[]))
    with open(pull.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = pull.run()
    assert (ran.returncode, ran.stdout) == (0, "Another run is going on.\n")
    assert simulator.connections == []
    assert not pull.fact.exists()
    assert pull.run().returncode == 0


def test_the_script_is_sound(pull):
    shellcheck = Path(sys.executable).with_name("shellcheck")
    subprocess.run([shellcheck, pull.folder / "run"], check=True)
