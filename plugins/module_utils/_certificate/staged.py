# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Detect the staged files of an interrupted renewal. Separate from `files`, because each run imports it."""

from __future__ import annotations

import os

# The suffix of a verified file that replaces the file with the same name without the suffix.
STAGED_SUFFIX = ".next"
# The suffix of the file of a request that is not finished, next to the file of the key.
UNFINISHED_SUFFIX = ".unfinished"


def has_staged_key(key: str) -> bool:
    """Return whether there is a staged private key for the file `key`, which can be a symbolic link."""
    return os.path.exists(os.path.realpath(key) + STAGED_SUFFIX)
