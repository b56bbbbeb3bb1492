# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian systems as folders to chroot into, made once and kept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

from servers.serving import find

KEPT = Path(sys.prefix, "hosts")


def debian(name: str, release: str, packages: str, hooks: t.Sequence[str] = (), variant: str = "minbase") -> Path:
    """Return the root folder of a system, made with the mirror and the settings that apt has on this machine.

    `hooks` are shell commands for which the folder is $1. `variant` is mmdebstrap's: "extract" has only the files of
    the packages and of what they depend on. The system is made anew when what it is made of has changed.
    """
    if os.geteuid() != 0:
        pytest.skip(f"Only root can chroot into a host with Debian's {release}")
    root = KEPT / name
    made_of = root / "etc/made-of"
    parts = "\n".join([packages, *hooks])
    with _only_one(root):
        if not made_of.exists() or made_of.read_text() != parts:
            program = find("mmdebstrap", "mmdebstrap")
            shutil.rmtree(root, ignore_errors=True)
            hook_options = (f"--customize-hook={hook}" for hook in hooks)
            _make([program, f"--variant={variant}", f"--include={packages}", *hook_options], release, root)
            made_of.write_text(parts)
    return root


@contextlib.contextmanager
def _only_one(root: Path) -> t.Iterator[None]:
    """Let one process at a time make a system: pytest runs tests in several."""
    root.parent.mkdir(exist_ok=True)
    with open(root.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(command: list[str], release: str, root: Path) -> None:
    mirrors = _apt("apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian")
    if not mirrors:
        pytest.skip("apt knows no mirror of Debian on this machine: run apt-get update")
    mirror = mirrors[0]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write("\n".join(line for line in _apt("apt-config", "dump") if line.startswith("Acquire::")))
        settings.flush()
        made = subprocess.run(
            [*command, f"--aptopt={settings.name}", release, root, mirror],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        pytest.skip(f"A host with Debian's {release} cannot be made from {mirror}: {made.stderr[-500:]}")


def _apt(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
