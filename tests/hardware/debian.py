# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Debian 13 host, the first Debian whose tpm2-openssl works: a folder to chroot into, made once and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hardware.holder import need

ROOT = Path(sys.prefix, "hosts/trixie")
PACKAGES = "python3,python3-requests,openssl,tpm2-openssl,swtpm,libtss2-tcti-swtpm0t64"


def debian_13() -> Path:
    """Return the root folder of the host, made with the mirror and the settings that apt has on this machine."""
    if os.geteuid() != 0:
        pytest.skip("Only root can chroot into the Debian 13 host")
    made_of = ROOT / "etc/made-of"
    if not made_of.exists() or made_of.read_text() != PACKAGES:
        need("mmdebstrap", "mmdebstrap")
        shutil.rmtree(ROOT, ignore_errors=True)
        ROOT.parent.mkdir(exist_ok=True)
        _make()
        made_of.write_text(PACKAGES)
    return ROOT


def _make() -> None:
    mirrors = _apt("apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian")
    if not mirrors:
        pytest.skip("apt knows no mirror of Debian on this machine: run apt-get update")
    mirror = mirrors[0]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write("\n".join(line for line in _apt("apt-config", "dump") if line.startswith("Acquire::")))
        settings.flush()
        command = ["mmdebstrap", "--variant=minbase", f"--aptopt={settings.name}", f"--include={PACKAGES}"]
        made = subprocess.run(
            [*command, "trixie", ROOT, mirror], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if made.returncode != 0:
        pytest.skip(f"A Debian 13 host with {PACKAGES} cannot be made from {mirror}: {made.stderr[-500:]}")


def _apt(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
