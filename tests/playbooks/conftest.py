# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks with ansible-playbook against the simulator, and sees to it that check mode only reads."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from simulator import Answer, Simulator
from simulator.log import Request

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
COLLECTIONS = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(HERE.parent.parent / ".venv/collections"))
MODULE = "edgeops.digicert.digicert_iot_device"


@dataclasses.dataclass
class Run:
    """What came of one run of ansible-playbook: the tasks' results, and what the simulator saw."""

    returncode: int
    output: str
    results: list[dict[str, t.Any]]
    requests: list[Request]
    connections: int
    handshakes: int

    @property
    def result(self) -> dict[str, t.Any]:
        """The result of the only task."""
        (result,) = self.results
        return result

    @property
    def methods(self) -> list[str]:
        """The methods of the requests that reached the simulator."""
        return [request.method for request in self.requests]


class Player:
    """Plays tasks against one simulator."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder

    def connection(self, device: str = "access-point", **options: t.Any) -> dict[str, t.Any]:
        """Return the options that let a device come with its own certificate; None leaves an option out."""
        leaf = self.simulator.certificates[device]
        usual = {
            "device_id": self.simulator.records[device].id,
            "api_url": self.simulator.url,
            "client_cert": str(leaf.pem),
            "client_key": str(leaf.key),
            "ca_path": str(self.simulator.certificates.ca),
            "timeout": 5,
            "retries": 0,
        }
        return {name: value for name, value in {**usual, **options}.items() if value is not None}

    def keep(self, device: str = "access-point", **settings: t.Any) -> Run:
        """Play one task of the module. `check`, `script`, `environment` and `arguments` are as for `play`."""
        ways = {
            name: settings.pop(name) for name in ("check", "script", "environment", "arguments") if name in settings
        }
        return self.play([self._task(device, settings)], **ways)

    def play(self, tasks: list[dict[str, t.Any]], check: bool = False, **ways: t.Any) -> Run:
        """Run a playbook of these tasks: in check mode, where only GET may be seen, and then, unless `check`, for real.

        `script` are answers of the simulator for either run, `environment` variables and `arguments` those of
        ansible-playbook.
        """
        return self.play_file(self._playbook(tasks), check, **ways)

    def play_file(self, playbook: Path, check: bool = False, **ways: t.Any) -> Run:
        """Like `play`, for a playbook that is there."""
        rehearsal = self._run(playbook, ["--check"], **ways)
        assert set(rehearsal.methods) <= {"GET"}, "Check mode has written."
        return rehearsal if check else self._run(playbook, [], **ways)

    def triple(self, device: str = "access-point", **settings: t.Any) -> Run:
        """Keep a record true in check mode, for real and again, see that each does what it must; return the second."""
        playbook = self._playbook([self._task(device, settings)])
        check, real, again = self._run(playbook, ["--check"]), self._run(playbook, []), self._run(playbook, [])
        assert (check.result["changed"], check.methods) == (True, ["GET"])
        assert (real.result["changed"], real.methods, real.handshakes) == (True, ["GET", "PUT"], 1)
        assert (again.result["changed"], again.methods, again.handshakes) == (False, ["GET"], 1)
        for key in ("changed_fields", "diff"):
            assert check.result[key] == real.result[key]
        assert {**check.result["device"], "updated": None} == {**real.result["device"], "updated": None}
        assert again.result["diff"]["before"] == again.result["diff"]["after"]
        assert again.result["changed_fields"] == []
        return real

    def _task(self, device: str, settings: dict[str, t.Any]) -> dict[str, t.Any]:
        return {"name": "Keep the record true", MODULE: self.connection(device, **settings)}

    def _playbook(self, tasks: list[dict[str, t.Any]]) -> Path:
        play = {"name": "Test", "hosts": "localhost", "gather_facts": False, "tasks": tasks}
        playbook = self.folder / "playbook.yml"
        playbook.write_text(json.dumps([play]))
        return playbook

    def _run(
        self,
        playbook: Path,
        mode: list[str],
        script: t.Sequence[Answer] = (),
        environment: t.Mapping[str, str] | None = None,
        arguments: t.Sequence[str] = (),
    ) -> Run:
        self.simulator.clear_log()
        self.simulator.script(*script)
        results = self.folder / "results"
        results.write_text("")
        ran = subprocess.run(
            [BIN / "ansible-playbook", "--inventory", "localhost,", "--diff", *mode, *arguments, playbook],
            env={
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
                "ANSIBLE_CALLBACKS_ENABLED": "task_results",
                "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
                "ANSIBLE_TRANSPORT": "local",
                "TASK_RESULTS": str(results),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.simulator.clear_script()
        output = ran.stdout + ran.stderr
        assert "Traceback" not in output
        return Run(
            ran.returncode,
            output,
            [json.loads(line) for line in results.read_text().splitlines()],
            self.simulator.requests,
            len(self.simulator.connections),
            self.simulator.handshakes,
        )


@pytest.fixture
def player(simulator: Simulator, tmp_path: Path) -> Player:
    """What runs playbooks against a simulator in its first state."""
    return Player(simulator, tmp_path)
