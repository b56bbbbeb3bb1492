# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the guide on performance. Each of its two parts is from another benchmark."""

from __future__ import annotations

import datetime
import os
import ssl
import subprocess
import sys
import typing as t
from importlib.metadata import version
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs/docsite/rst/guide_benchmark.rst"
# The title of the second part.
REGISTRATIONS = "Manage many registrations\n-------------------------\n"


def write_comparison(text: str) -> None:
    """Replace the first part of the guide."""
    _before, title, after = GUIDE.read_text().partition(REGISTRATIONS)
    GUIDE.write_text(f"{text}\n{title}{after}" if title else text)


def write_registrations(text: str) -> None:
    """Replace the second part of the guide, below its title."""
    before, _title, _after = GUIDE.read_text().partition(REGISTRATIONS)
    GUIDE.write_text("{}\n\n{}{}".format(before.rstrip("\n"), REGISTRATIONS, text))


def table(header: list[str], rows: t.Iterable[list[t.Any]]) -> str:
    """Return a table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [f"   {'*' if not number else ' '} - {cell}" for number, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def machine(requests: str) -> str:
    """Return the list of all that the values depend on. `requests` is a clause on the requests of each device."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    found = [
        f"{os.cpu_count()} processors ({cpu}), {memory:.0f} GiB of memory, shared by the client and the simulator",
        f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION.rpartition(' ')[0].rsplit(' ', 2)[0]}, "
        f"ansible-core {version('ansible-core')}, urllib3 {version('urllib3')}, curl {curl}",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}; {requests}",
    ]
    return "\n".join(f"- {line}." for line in found)
