# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""How the devices of an account become hosts of an inventory. Pure."""

from __future__ import annotations

import datetime
import functools
import re
import typing as t
from collections import Counter

from ansible_collections.edgeops.digicert.plugins.module_utils._record import ACTIVE, Record, by_name, masked, resolve

_DATES = ("created_from", "created_to", "updated_from", "updated_to")
_FILTERS = ("device_identifier", "division_id", "device_profile_id", *_DATES)
# What a play can name without any host of this name being there.
_TAKEN = ("all", "localhost", "ungrouped")


def read_filters(filters: dict[str, t.Any]) -> tuple[dict[str, str], list[str]]:
    """Return the filters as the list endpoint takes them, and every problem found, as sentences."""
    # YAML makes a date of what looks like one.
    texts = {
        name: value.isoformat() if isinstance(value, datetime.date) else value
        for name, value in filters.items()
        if value is not None
    }
    unknown = [str(name) for name in texts if name not in _FILTERS]
    problems = [f"filters has {', '.join(unknown)}, and can have {', '.join(_FILTERS)}."] if unknown else []
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            problems.append(f"filters.{name} is {text!r}, and must be a text.")
        elif name in _DATES and not _is_date(text):
            problems.append(f"filters.{name} is {text!r}, and must be a date like 2026-01-31.")
    return texts, problems


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def select(
    records: t.Iterable[Record], statuses: t.Container[str], filters: dict[str, str], sensitive: t.Sequence[str]
) -> tuple[list[Record], list[str]]:
    """Return the records with one of these statuses, and the words in `sensitive` that are no field of any record.

    The values of the fields with the names or IDs in `sensitive` are masked. Whether the service listens to the filter
    `updated_to` is not known for certain, so it is applied here as well.
    """
    latest = filters.get("updated_to", "9999-12-31")
    selected = [
        record
        for record in records
        if record.get("status", ACTIVE) in statuses and str(record.get("updated", ""))[:10] <= latest
    ]
    if not sensitive:
        return selected, []
    found = [resolve(record, sensitive) for record in selected]
    unknown = set(sensitive).intersection(*(words for _ids, words in found)) if found else set()
    return [masked(record, ids) for record, (ids, _words) in zip(selected, found)], sorted(unknown)


def expression_variables(record: Record) -> dict[str, t.Any]:
    """Return what an expression for a name can use: the record, with the values of its fields by their names."""
    return {**record, "fields": by_name(record)}


def host_variables(record: Record) -> dict[str, t.Any]:
    """Return the variables of a device's host."""
    return {_variable_name(key): value for key, value in expression_variables(record).items()}


# All devices have the same few keys.
@functools.lru_cache(maxsize=1000)
def _variable_name(key: str) -> str:
    return "digicert_iot_" + re.sub(r"[^A-Za-z0-9_]", "_", key)


def is_fit(name: t.Any) -> bool:
    """Say whether this can be the name of a host.

    A device may be allowed to change its own name, so it is as good as foreign input: it must not pass for an option of
    ssh, for the path of a file, or for a host or group that plays name anyway.
    """
    return (
        isinstance(name, str)
        and re.match(r"\w", name) is not None
        and name.isprintable()
        and not {"/", "\\"}.intersection(name)
        and name.lower() not in _TAKEN
    )


def distinct(names: t.Sequence[str], ids: t.Sequence[str]) -> list[str]:
    """Return `names`, and where several devices share one, each of these followed by the device's ID.

    All of them: which of the devices came first says nothing about which has the right to the name.
    """
    names = list(names)
    while True:
        counts = Counter(names)
        if len(counts) == len(names):
            return names
        names = [name if counts[name] == 1 else f"{name}_{device_id}" for name, device_id in zip(names, ids)]
