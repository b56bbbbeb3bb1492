# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The normal form of field values, for the desired state and for responses. Pure."""

from __future__ import annotations

import os
import typing as t

# The page "Update device by ID (client authentication)" allows 1024 characters.
MAXIMUM_VALUE_LENGTH = 1024


def text_of(value: t.Any) -> str:
    """Return the text that stands for `value` in a record.

    Strings are unchanged, integers become digits, booleans `true` or `false`. Raises ValueError with the reason for
    other types: YAML does not preserve the notation of floats (1.10 becomes 1.1), and lists and dicts have no unique
    notation.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"is a {type(value).__name__}, whose notation is not preserved: quote it")
    if not is_unicode(value):
        raise ValueError("is not valid Unicode text")
    return value


def is_unicode(text: str) -> bool:
    """Return whether `text` can be encoded in UTF-8, unlike a lone surrogate (RFC 8259, section 8.2)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_path(text: str) -> bool:
    """Return whether `text` can be a path on this host: without NUL, and in the encoding of file names."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def empty_value(option: str) -> str:
    """Return the error for an option that is empty, which is usually a variable without a value for the host."""
    return f"{option} is empty. Is its variable defined for this host?"


def reference_problems(option: str, identifier: str | None) -> list[str]:
    """Return why the value of an option cannot be an ID in a query or a body, as sentences. None is no ID."""
    if identifier == "":
        return [f"{empty_value(option)} Set an ID, or omit {option}."]
    return [] if identifier is None or is_unicode(identifier) else [f"{option} is not valid Unicode text."]


def id_problems(identifier: str | None, option: str = "device_id", owner: str = "a device") -> list[str]:
    """Return why the value of an option cannot be the ID of its owner in a path, as sentences. None is no value."""
    if identifier is None:
        return [f"{option} is required. Set it in the task, or in the environment variable DIGICERT_IOT_DEVICE_ID."]
    if identifier == "":
        return [empty_value(option)]
    # A path segment of dots is removed from a URL (RFC 3986, section 5.2.4), also if it is escaped.
    if identifier in (".", "..") or not is_unicode(identifier):
        return [f"{option} {identifier!r} cannot be the ID of {owner}."]
    return []
