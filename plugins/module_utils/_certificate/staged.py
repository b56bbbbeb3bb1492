# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""How to find what an interrupted renewal left. Apart from `files`, because each run needs it."""

from __future__ import annotations

import os

# Of a verified file that is to replace the file whose name it adds to.
STAGED_SUFFIX = ".next"


def has_staged_key(key: str) -> bool:
    """Return whether a new private key is beside the file `key`, which can be a symbolic link."""
    return os.path.exists(os.path.realpath(key) + STAGED_SUFFIX)
