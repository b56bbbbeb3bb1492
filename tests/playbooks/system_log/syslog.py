# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for Python's own syslog on a path before it: what a module logs goes into the file that SYSTEM_LOG names."""

from __future__ import annotations

import os

LOG_DAEMON = LOG_INFO = LOG_NOTICE = LOG_USER = 0


def openlog(*_arguments: object) -> None:
    """There is nothing to open."""


def syslog(*arguments: object) -> None:
    """Write down all that is logged."""
    with open(os.environ["SYSTEM_LOG"], "a", encoding="utf-8") as file:
        print(*arguments, file=file)
