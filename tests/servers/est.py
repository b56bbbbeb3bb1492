# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EST programs that others wrote, from Debian 13: libest's server and strongSwan's client. Debian 12 has no server."""

from __future__ import annotations

import contextlib
import tempfile
import typing as t
from pathlib import Path

from hosts.debian import debian


def debian_13() -> Path:
    """Return the root directory of the programs and their libraries. It is not a complete system."""
    return debian("est", "trixie", "base-files,libest-utils,strongswan-pki", variant="extract")


@contextlib.contextmanager
def directory_in(root: Path) -> t.Iterator[tuple[Path, Path]]:
    """Make a directory below `root`. Yield its path, and its path in the system."""
    with tempfile.TemporaryDirectory(dir=root / "tmp") as directory:
        yield Path(directory), Path("/", Path(directory).relative_to(root))
