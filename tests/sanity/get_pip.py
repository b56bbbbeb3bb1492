# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for the get-pip script that ansible-test would download: the pip that Python brings fetches the asked one.

It takes that script's arguments, and runs on every Python that ansible-test makes a virtual environment for.
"""

from __future__ import annotations

import subprocess
import sys


def run(*arguments: str) -> None:
    subprocess.check_call((sys.executable, "-m", *arguments), stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
    run("ensurepip")
    run("pip", "install", "--quiet", "--upgrade", *options)
    if "--no-setuptools" in sys.argv:
        run("pip", "uninstall", "-qq", "--yes", "setuptools")
