# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The one normal form of a field's value, for what a task asks and for what the service answers. Pure."""

from __future__ import annotations

import os
import typing as t

# The page "Update device by ID (client authentication)" allows 1024 characters.
MAXIMUM_VALUE_LENGTH = 1024


def text_of(value: t.Any) -> str:
    """Return the text that stands for `value` in a record.

    Strings stay as they are, integers become digits, booleans `true` or `false`. Raises ValueError with the reason for
    anything else: a float has lost how it was written (1.10 reads as 1.1), and lists and dicts have no one spelling.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"is a {type(value).__name__}, which has no exact text: quote it")
    if not is_unicode(value):
        raise ValueError("is not valid Unicode text")
    return value


def is_unicode(text: str) -> bool:
    """Say whether `text` can be written as UTF-8, which a lone surrogate cannot (RFC 8259, section 8.2)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_path(text: str) -> bool:
    """Say whether `text` can be a path on this host: without NUL, and in what its file systems can hold."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
