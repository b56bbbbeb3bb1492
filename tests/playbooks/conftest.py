# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks with ansible-playbook against the simulator, and sees to it that check mode only reads."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from simulator import API_KEY, Answer, Simulator
from simulator.log import Connection, Request

# nohup leaves it ignored, and all processes of a test inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

HERE = Path(__file__).resolve().parent
# The matrix gives others: where ansible-playbook is, and the Python that runs the modules.
BIN = Path(os.environ.get("TEST_CONTROLLER", Path(sys.executable).parent))
TARGET = os.environ.get("TEST_TARGET", sys.executable)
COLLECTIONS = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(HERE.parent.parent / ".venv/collections"))
MODULE = "edgeops.digicert.digicert_iot_device"

Task = dict[str, t.Any]


class Ran(t.NamedTuple):
    """What came of a playbook: its return code, what the callback saw of each task that ran, and what was printed."""

    return_code: int
    events: list[dict[str, t.Any]]
    output: str


def environment_in(folder: Path) -> dict[str, str]:
    """Return the environment in which Ansible's programs find this collection, and write nothing outside `folder`."""
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
        "ANSIBLE_HOME": str(folder / "ansible"),
    }


def run_playbook(
    folder: Path, plays: t.Sequence[t.Mapping[str, t.Any]], *options: str | Path, environment: t.Mapping[str, str]
) -> Ran:
    """Run a playbook of these plays with these options of ansible-playbook. All that it writes goes into `folder`.

    `environment` is added to the one in which tests run playbooks. No traceback may be printed.
    """
    playbook, results = folder / "playbook.yml", folder / "results"
    playbook.write_text(json.dumps(plays))
    results.unlink(missing_ok=True)
    ran = subprocess.run(
        [BIN / "ansible-playbook", "--diff", *options, playbook],
        env={
            **environment_in(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "TASK_RESULTS": str(results),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stdout
    assert results.exists(), ran.stdout
    return Ran(ran.returncode, [json.loads(line) for line in results.read_text().splitlines()], ran.stdout)


@dataclasses.dataclass
class Outcome:
    """What came of one task: its result, what the simulator saw of it, what the whole run printed, and its end."""

    failed: bool
    result: dict[str, t.Any]
    connections: list[Connection]
    requests: list[Request]
    output: str
    ended: float

    @property
    def methods(self) -> list[str]:
        """The methods of the requests that reached the simulator."""
        return [request.method for request in self.requests]

    @property
    def operations(self) -> list[str]:
        """The methods of the requests, with the last parts of their paths."""
        return [f"{request.method} {request.path.rpartition('/')[2]}" for request in self.requests]

    @property
    def handshakes(self) -> int:
        """How many TLS handshakes were completed."""
        return sum(connection.tls is not None for connection in self.connections)


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

    def task(self, device: str = "access-point", module: str = MODULE, **options: t.Any) -> Task:
        """Return a task of the module, with the connection of `device` and these options."""
        return {"name": f"Run {module}", module: self.connection(device, **options)}

    def check(self, *tasks: Task, **settings: t.Any) -> list[Outcome]:
        """Run a playbook of these tasks in check mode, where only GET may be seen. The settings are those of `run`."""
        outcomes = self._run(tasks, ["--check"], **settings)
        _assert_nothing_written(outcomes)
        return outcomes

    def run(self, *tasks: Task, **settings: t.Any) -> list[Outcome]:
        """Run a playbook of these tasks, in check mode first. A task that fails does not end it.

        Settings: `script`, the answers of the simulator in either mode; `environment`, variables; `play`, keywords of
        the play.
        """
        return self.check_and_run(tasks, tasks, **settings)[1]

    def check_and_run(
        self, checked: t.Sequence[Task], tasks: t.Sequence[Task], **settings: t.Any
    ) -> tuple[list[Outcome], list[Outcome]]:
        """Run some tasks in check mode, where only GET may be seen, and then tasks for real.

        Both are plays of one run of ansible-playbook, which takes longer to start than a task. With a script, each has
        a run of its own, because the simulator begins the script anew. The settings are those of `run`.
        """
        if settings.get("script"):
            return self.check(*checked, **settings), self._run(tasks, [], **settings)
        play = settings.pop("play", None) or {}
        plays = [{**play, "check_mode": True, "tasks": checked}, {**play, "tasks": tasks}]
        checks, outcomes = self._run_plays(plays, [], **settings)
        _assert_nothing_written(checks)
        self.simulator.forget(until=checks[-1].ended)
        return checks, outcomes

    def run_one(self, task: Task, **settings: t.Any) -> Outcome:
        """Run one task, in check mode first."""
        return self.run(task, **settings)[0]

    def triple(self, task: Task, handshakes: int = 1, **settings: t.Any) -> Outcome:
        """Run a task that changes something in check mode, for real and again, and see that each does what it must.

        Return the outcome of the second, which takes so many handshakes with the simulator: what stands between may
        connect for each request. The settings are those of `run`.
        """
        (check,), (real, again) = self.check_and_run([task], [task, task], **settings)
        assert (check.result["changed"], check.methods, check.handshakes) == (True, ["GET"], 1)
        assert (real.result["changed"], real.methods, real.handshakes) == (True, ["GET", "PUT"], handshakes)
        assert (again.result["changed"], again.methods, again.handshakes) == (False, ["GET"], 1)
        for key in ("changed_fields", "diff"):
            assert check.result[key] == real.result[key]
        assert {**check.result["device"], "updated": None} == {**real.result["device"], "updated": None}
        assert again.result["diff"]["before"] == again.result["diff"]["after"]
        assert again.result["changed_fields"] == []
        return real

    def _run(
        self,
        tasks: t.Sequence[Task],
        mode: list[str],
        script: t.Sequence[Answer] = (),
        play: t.Mapping[str, t.Any] | None = None,
        **settings: t.Any,
    ) -> list[Outcome]:
        return self._run_plays([{**(play or {}), "tasks": tasks}], mode, script, **settings)[0]

    def _run_plays(
        self,
        plays: t.Sequence[t.Mapping[str, t.Any]],
        mode: list[str],
        script: t.Sequence[Answer] = (),
        environment: t.Mapping[str, str] | None = None,
    ) -> list[list[Outcome]]:
        """Run a playbook of these plays, and return what came of the tasks of each."""
        usual = {"name": "Test", "hosts": "localhost", "gather_facts": False, "ignore_errors": True}
        self.simulator.clear_log()
        self.simulator.clear_script()
        self.simulator.script(*script)
        local = {
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_PYTHON_INTERPRETER": TARGET,
            "ANSIBLE_TRANSPORT": "local",
        }
        ran = run_playbook(
            self.folder,
            [{**usual, **play} for play in plays],
            "--inventory",
            "localhost,",
            *mode,
            environment={**local, **(environment or {})},
        )
        assert ran.return_code == 0, ran.output
        return self._outcomes(ran, len(plays))

    def _outcomes(self, ran: Ran, plays: int) -> list[list[Outcome]]:
        """Return what came of the tasks of each play: they run one after the other, so the clock tells whose a
        connection is.
        """
        outcomes: list[list[Outcome]] = [[] for _play in range(plays)]
        began = 0.0
        for event in ran.events:
            ended = event["ended"]
            connections = [each for each in self.simulator.connections if began < each.began <= ended]
            requests = [request for request in self.simulator.requests if request.connection in connections]
            outcome = Outcome(event["failed"], event["result"], connections, requests, ran.output, ended)
            outcomes[event["play"]].append(outcome)
            began = ended
        return outcomes


def _assert_nothing_written(checks: t.Sequence[Outcome]) -> None:
    assert {method for outcome in checks for method in outcome.methods} <= {"GET"}, "Check mode has written."


@pytest.fixture
def operator_task(player: Player) -> t.Callable[..., dict[str, t.Any]]:
    """A function that returns a task of a module for an operator, with these options."""

    def make(module: str, **options: t.Any) -> dict[str, t.Any]:
        usual = {
            "api_url": player.simulator.operator_url,
            "api_key": API_KEY,
            "ca_path": str(player.simulator.certificates.ca),
            "timeout": 5,
            "retries": 0,
        }
        return {"name": f"Run {module}", module: {**usual, **options}}

    return make


@pytest.fixture
def player(simulator: Simulator, tmp_path: Path) -> Player:
    """What runs playbooks against a simulator in its first state."""
    return Player(simulator, tmp_path)
