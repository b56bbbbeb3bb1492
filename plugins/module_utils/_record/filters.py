# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The filters of the list of devices, and the selection of its records. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    DELETED,
    DISABLED,
    Record,
    masked,
    resolve,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_unicode

STATUSES = (ACTIVE, DISABLED, DELETED)
_DATES = ("created_from", "created_to", "updated_from", "updated_to")
_FILTERS = ("device_identifier", "division_id", "device_profile_id", *_DATES)


def read_filters(filters: dict[str, t.Any]) -> tuple[dict[str, str], list[str]]:
    """Return the filters as parameters of the list endpoint, and all errors as sentences."""
    # YAML parses a text in the form of a date as a date.
    texts = {
        name: value.isoformat() if isinstance(value, datetime.date) else value
        for name, value in filters.items()
        if value is not None
    }
    unknown = [str(name) for name in texts if name not in _FILTERS]
    problems = [f"filters has {', '.join(unknown)}, but can only have {', '.join(_FILTERS)}."] if unknown else []
    for name, text in texts.items():
        if not isinstance(text, str) or not text or not is_unicode(text):
            problems.append(f"filters.{name} is {text!r}, but must be a text.")
        elif name in _DATES and not _is_date(text):
            problems.append(f"filters.{name} is {text!r}, but must be a date such as 2026-01-31.")
    return texts, problems


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def select(
    records: t.Iterable[Record], statuses: t.Container[str], filters: dict[str, str], sensitive: t.Sequence[str]
) -> tuple[list[Record], list[str]]:
    """Return the records with one of these statuses, and the entries of `sensitive` that match no field of any record.

    The values of the fields with the names or IDs in `sensitive` are masked. It is unknown whether the API applies the
    filter `updated_to`, so it is applied here as well.
    """
    latest = filters.get("updated_to")
    selected = [
        record
        for record in records
        if record.get("status", ACTIVE) in statuses
        and (latest is None or str(record.get("updated", ""))[:10] <= latest)
    ]
    if not sensitive:
        return selected, []
    found = [resolve(record, sensitive) for record in selected]
    unknown = set(sensitive).intersection(*(words for _ids, words in found)) if found else set()
    return [masked(record, ids) for record, (ids, _words) in zip(selected, found)], sorted(unknown)
