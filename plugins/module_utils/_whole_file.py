# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Files that are there as a whole, whenever somebody looks."""

from __future__ import annotations

import contextlib
import os


def write_whole(path: str, text: str) -> None:
    """Write `text` as UTF-8 into the file at `path`, which has its old content until then.

    What is not valid Unicode is written as an escape. Raises OSError, or ValueError when there can be no such path, and
    leaves nothing behind then.
    """
    unfinished = f"{path}.{os.getpid()}"
    try:
        with open(unfinished, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(unfinished, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
