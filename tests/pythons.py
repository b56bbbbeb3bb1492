# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the Pythons of this machine are."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def search_path() -> str:
    """The virtual environment's programs first, and pyenv's Pythons in place of its shims."""
    found = [str(Path(sys.prefix, "bin"))]
    for folder in os.environ["PATH"].split(os.pathsep):
        versions = Path(folder).parent / "versions"
        if Path(folder).name == "shims" and versions.is_dir():
            found += sorted(str(path) for path in versions.glob("*/bin"))
        else:
            found.append(folder)
    return os.pathsep.join(found)
