# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs Ansible and the collection as the guide on offline installation says, without any connection."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from guides.code_blocks import GUIDES, ROOT, blocks_of
from playbooks.conftest import BIN


def test_the_way_of_the_guide(tmp_path):
    download, install = [block.text for block in blocks_of(GUIDES / "guide_offline.rst") if block.language == "console"]
    (online := tmp_path / "online").mkdir()
    (offline := tmp_path / "offline").mkdir()
    python = f"{os.path.dirname(os.path.realpath(sys.executable))}:{os.environ['PATH']}"

    def run(folder, commands: str, **variables: str) -> str:
        environment = {"PATH": python, "HOME": str(folder), "LC_ALL": "C.UTF-8", **variables}
        script = commands.replace("$ ", "")
        ran = subprocess.run(
            ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    # The collection is not taken from Galaxy, but from this checkout.
    galaxy = "venv/bin/ansible-galaxy collection download --download-path . edgeops.digicert"
    assert galaxy in download
    build = f"{BIN}/ansible-galaxy collection build --output-path . {ROOT}"
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    run(online, download.replace(galaxy, build), **settings)
    shutil.copy(online / "offline/offline.tar.gz", offline)
    nowhere = {"PIP_INDEX_URL": "https://127.0.0.1:1/", "ANSIBLE_GALAXY_SERVER": "https://127.0.0.1:1/"}
    assert "edgeops.digicert.digicert_iot_device " in run(offline, install, **nowhere)
