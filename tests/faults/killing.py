# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A managed host on which strace kills a module with SIGKILL when it is about to make a system call."""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from playbooks.conftest import COLLECTIONS

MODULES = "ansible_collections.edgeops.digicert.plugins.modules"


# How often these are called depends on how many pieces the network delivers, so that a run can end without the call.
NETWORK_READS = ("read", "poll", "ppoll", "recvfrom", "recvmsg")


class Point(t.NamedTuple):
    """A system call, and which one of this name it is, counted from the start of the program."""

    call: str
    number: int


class Host:
    """A managed host: a folder in which a module finds its home and its temporary folders, and its arguments."""

    def __init__(self, folder: Path, module: str, arguments: dict[str, t.Any]) -> None:
        self.folder, self.trace = folder / "host", folder / "trace"
        self.module, self.arguments = module, arguments
        self.clear()

    def run(self, *tracer: str | Path, module: str = "", **changes: t.Any) -> subprocess.CompletedProcess[str]:
        """Run the module as Ansible does, whose arguments it gets without a file, and return what came of it.

        The changes are to its arguments; None leaves one out.
        """
        arguments = {**self.arguments, "_ansible_remote_tmp": str(self.folder / "remote"), **changes}
        arguments = {name: value for name, value in arguments.items() if value is not None}
        return subprocess.run(
            [*tracer, sys.executable, "-m", f"{MODULES}.{module or self.module}"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": COLLECTIONS,
                "TMPDIR": str(self.folder),
            },
        )

    def points(self) -> list[Point]:
        """Run the module and return the calls that it makes from when it reads its arguments to its end."""
        ran = self.run("strace", "-f", "-o", self.trace)
        assert ran.returncode == 0, ran
        counts: collections.Counter[str] = collections.Counter()
        points = []
        for call, begin in re.findall(r"^\d+ +(\w+)\((.{0,3})", self.trace.read_text(), re.MULTILINE):
            counts[call] += 1
            if points or (call == "read" and begin.startswith("0,")):
                points.append(Point(call, counts[call]))
        return points

    def kill(self, point: Point) -> subprocess.CompletedProcess[str] | None:
        """Run the module, kill it at `point`, and return what came of it, or None if it ended without the call."""
        injection = f"inject={point.call}:signal=SIGKILL:when={point.number}"
        killed = self.run("strace", "-f", "-o", self.trace, "-e", f"trace={point.call}", "-e", injection)
        if killed.returncode == 0 and point.call in NETWORK_READS:
            return None
        assert killed.returncode == -signal.SIGKILL, (point, killed)
        return killed

    def left(self) -> list[Path]:
        """Return what is left in the folder and was not there at first."""
        return [path for path in self.folder.rglob("*") if path != self.folder / "remote"]

    def clear(self) -> None:
        """Take away what is left."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "remote").mkdir(parents=True)


def need_strace() -> None:
    """Leave the test out where nothing can be killed."""
    if shutil.which("strace") is None:
        pytest.skip("strace is needed, which kills the module at a system call.")
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()}")


def chosen(points: list[Point], calls: t.Container[str]) -> list[Point]:
    """Return the points at these calls, or all of them when KILL_POINTS says so."""
    return points if os.environ.get("KILL_POINTS") == "all" else [point for point in points if point.call in calls]
