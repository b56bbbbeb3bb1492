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

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK, Redactor

Record = t.Dict[str, t.Any]
Field = t.Dict[str, t.Any]

# The permissions of a device that the modules have options for. Only an operator can change them.
PERMISSION_FLAGS = ("device_api_allow_read", "device_api_allow_write", "device_api_allow_renew_certificate")
# Each boolean key of a record that begins with this is a permission, whether it is one of PERMISSION_FLAGS or not.
_FLAG_PREFIX = "device_api_allow_"
# The status of a device that is enabled.
ACTIVE = "ACTIVE"
# So many devices are named where there may be thousands.
NAMED = 5
# The keys of a record and of its fields that are never masked.
KEYS = frozenset(
    (
        "id",
        "device_identifier",
        "status",
        "updated",
        "fields",
        "name",
        "value",
        "mandatory",
        "before",
        "after",
        *PERMISSION_FLAGS,
    )
)


def id_key(identifier: str) -> str:
    """Return the form in which two IDs, of fields or of devices, are compared: IDs are UUIDs, whose case means nothing.

    RFC 9562, section 4, has them written in lower case and read in either.
    """
    return identifier.lower()


def values_by_id(record: Record) -> dict[str, str | None]:
    """Return the values of a record's fields by the `id_key` of the field ID."""
    return {id_key(field["id"]): field["value"] for field in record["fields"]}


def flags_of(record: Record) -> dict[str, bool]:
    """Return all permission flags of a record, also those that no option names."""
    return {key: value for key, value in record.items() if key.startswith(_FLAG_PREFIX) and isinstance(value, bool)}


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
    """Return the `id_key` of each field that one of `words` names or identifies, and the words that match no field."""
    words = list(words)
    found = {word: [id_key(field["id"]) for field in record["fields"] if is_called(field, word)] for word in words}
    return {field_id for ids in found.values() for field_id in ids}, [word for word in words if not found[word]]


def is_called(field: Field, name_or_id: str) -> bool:
    """Say whether `name_or_id` is the name or the ID of this field."""
    return name_or_id == field.get("name") or id_key(name_or_id) == id_key(field["id"])


def masked(record: Record, secret: t.Container[str]) -> Record:
    """Return `record` with the mask in place of the values of the fields whose `id_key` is in `secret`.

    The same values are masked in the rest of the record.
    """
    values = [field["value"] for field in record["fields"] if id_key(field["id"]) in secret]
    fields = [
        dict(field, value=MASK) if id_key(field["id"]) in secret and field["value"] is not None else field
        for field in record["fields"]
    ]
    result: Record = Redactor(filter(None, values)).data(dict(record, fields=fields), KEYS)
    return result


def join_quoted(words: t.Iterable[str]) -> str:
    """Return words for a sentence: 'a', 'b'."""
    return ", ".join(map(repr, words))


def join_truncated(words: t.Iterable[str]) -> str:
    """Return the first few words for a sentence, and how many more there are."""
    words = list(words)
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
