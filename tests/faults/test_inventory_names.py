# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any text as the name, the site and the address of a device, in an inventory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_each_device_is_one_host_whose_name_means_nothing_else(tmp_path):
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(HERE.parent.parent / ".venv/collections"))
    ran = subprocess.run(
        [sys.executable, HERE / "inventory_names.py", tmp_path],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-5000:]
