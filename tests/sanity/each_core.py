# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` with each ansible-core that the collection supports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from matrix.matrix import CORES, controller

ANSIBLE_TEST = Path(__file__).with_name("ansible_test.py")


def main() -> int:
    failed = []
    for core in CORES:
        print(f"\n===== ansible-core {core}", flush=True)
        command = [controller(core) / "python", ANSIBLE_TEST, "sanity"]
        if subprocess.run(command, check=False).returncode:
            failed.append(core)
    print(f"{len(CORES) - len(failed)} of {len(CORES)} passed. Failed: {', '.join(failed) or 'none'}.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
