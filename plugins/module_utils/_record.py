# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What a record is, and the ways to look at it. Pure.

A record is the API's JSON object with `fields` a list of objects that have a unique `id` and a `value` that is a
string, or None for no value. All other keys are handed on as they are.
"""

from __future__ import annotations

import typing as t
from collections import Counter

Record = t.Dict[str, t.Any]
Field = t.Dict[str, t.Any]

# What a device may do with its own certificate, which only the operator can change.
FLAGS = ("device_api_allow_read", "device_api_allow_write", "device_api_allow_renew_certificate")
# The status of a device that is enabled.
ACTIVE = "ACTIVE"
# So many devices are named where there may be thousands.
NAMED = 5
# What stands for a secret value in all that is shown.
MASK = "********"


def values_by_id(record: Record) -> dict[str, str | None]:
    """Return the values of a record's fields by field ID."""
    return {field["id"]: field["value"] for field in record["fields"]}


def is_mandatory(field: Field) -> bool:
    """Say whether the device's profile demands a value for this field."""
    return field.get("mandatory") is True


def labels_of(fields: t.Sequence[Field]) -> list[str]:
    """Return how people call these fields, each label once: names, with the ID added to one that is shared."""
    names = [field.get("name") for field in fields]
    taken = Counter(names + [field["id"] for field in fields])
    return [
        field["id"] if not name else name if taken[name] == 1 else "{} ({})".format(name, field["id"])
        for name, field in zip(names, fields)
    ]


def by_name(record: Record) -> dict[str, str | None]:
    """Return the values of a record's fields by their labels."""
    return {label: field["value"] for label, field in zip(labels_of(record["fields"]), record["fields"])}


def resolve(record: Record, words: t.Iterable[str]) -> tuple[set[str], list[str]]:
    """Return the IDs of all fields that have one of `words` for their name or their ID, and the words that none has."""
    words = list(words)
    found = {
        word: [field["id"] for field in record["fields"] if word in (field["id"], field.get("name"))] for word in words
    }
    return {field_id for ids in found.values() for field_id in ids}, [word for word in words if not found[word]]


def masked(record: Record, secret: t.Container[str]) -> Record:
    """Return `record` with the mask in the place of the values of the fields with the IDs in `secret`."""
    fields = [
        dict(field, value=MASK) if field["id"] in secret and field["value"] is not None else field
        for field in record["fields"]
    ]
    return dict(record, fields=fields)


def quoted(words: t.Iterable[str]) -> str:
    """Return words for a sentence: 'a', 'b'."""
    return ", ".join(map(repr, words))


def some(words: t.Iterable[str]) -> str:
    """Return the first few words for a sentence, and how many more there are."""
    words = list(words)
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
