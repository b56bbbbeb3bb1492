# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for the get-pip script that ansible-test would download: a wheel of pip in this directory installs pip.

It takes that script's arguments, and runs on every Python that ansible-test makes a virtual environment for.
"""

from __future__ import annotations

import os
import subprocess
import sys


def wheel_of(requirement: str) -> str:
    """Return where the wheel for `pip==VERSION` is."""
    directory = os.path.dirname(os.path.abspath(__file__))
    begin = requirement.replace("==", "-") + "-"
    (name,) = [name for name in os.listdir(directory) if name.startswith(begin)]
    return os.path.join(directory, name)


if __name__ == "__main__":
    options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
    (wheel,) = [wheel_of(option) for option in options if option.startswith("pip==")]
    # Python runs a program from a wheel without installing it.
    command = [sys.executable, os.path.join(wheel, "pip"), "install", "--quiet", "--find-links", os.path.dirname(wheel)]
    subprocess.check_call(command + options, stdout=subprocess.DEVNULL)
