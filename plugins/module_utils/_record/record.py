# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The record of a device, and functions to read it. Pure.

A record is the API's JSON object with `fields` a list of objects that have a unique `id` and a `value` that is a
string, or None for no value. All other keys are unchanged.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from types import MappingProxyType

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK, Redactor

Record = t.Dict[str, t.Any]
Field = t.Dict[str, t.Any]
# IDs of fields by name, from the option field_ids. A record may not list a field without a value.
FieldIds = t.Mapping[str, str]

NO_FIELD_IDS: FieldIds = MappingProxyType({})

# The options of the modules for permission flags, which only an operator can change, and the possible keys of each flag
# in a record. The documentation has two keys for some flags, and none for others.
PERMISSIONS = {
    "allow_read": ("device_api_allow_read",),
    "allow_write": ("device_api_allow_write",),
    "allow_renew_certificate": ("device_api_allow_renew_certificate", "device_api_allow_renew"),
    "allow_revoke_certificate": ("device_api_allow_revoke", "device_api_allow_revoke_certificate"),
    "allow_enroll_certificate": ("device_api_allow_enroll_certificate", "device_api_allow_enroll"),
}
# Each boolean key of a record with this prefix is a permission flag, also if it is not in PERMISSIONS.
_FLAG_PREFIX = "device_api_allow_"
# The status of a device that is enabled, and of one that is not.
ACTIVE = "ACTIVE"
DISABLED = "DISABLED"
DELETED = "DELETED"
# The maximum number of devices in a message.
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
        "before_header",
        "after_header",
        *(key for keys in PERMISSIONS.values() for key in keys),
    )
)


def id_key(identifier: str) -> str:
    """Return the form of an ID for comparisons. IDs of fields and devices are UUIDs, which are case-insensitive.

    By RFC 9562, section 4, the output is in lower case and the input is case-insensitive.
    """
    return identifier.lower()


def device_label(record: Record) -> str:
    """Return the name of the device and its ID, as far as the record has them, in characters that can be printed."""
    name, device_id = record.get("device_identifier"), record.get("id")
    label = f"{name} ({device_id})" if name and device_id else str(name or device_id)
    return "".join(character if character.isprintable() else " " for character in label)


def values_by_id(record: Record) -> dict[str, str | None]:
    """Return the values of a record's fields by the `id_key` of the field ID."""
    return {id_key(field["id"]): field["value"] for field in record["fields"]}


def flags_of(record: Record) -> dict[str, bool]:
    """Return all permission flags of a record, also those without an option."""
    return {key: value for key, value in record.items() if key.startswith(_FLAG_PREFIX) and isinstance(value, bool)}


def is_mandatory(field: Field) -> bool:
    """Return whether the device profile requires a value for this field."""
    return field.get("mandatory") is True


def labels_of(fields: t.Sequence[Field]) -> list[str]:
    """Return unique labels of these fields: the names, with the ID if several fields have the same name."""
    names = [field.get("name") for field in fields]
    taken = Counter(names + [field["id"] for field in fields])
    return [
        field["id"] if not name else name if taken[name] == 1 else "{} ({})".format(name, field["id"])
        for name, field in zip(names, fields)
    ]


def by_name(record: Record) -> dict[str, str | None]:
    """Return the values of a record's fields by their labels."""
    return {label: field["value"] for label, field in zip(labels_of(record["fields"]), record["fields"])}


def ids_by_name(record: Record) -> dict[str, str]:
    """Return the IDs of a record's fields by their labels."""
    return {label: field["id"] for label, field in zip(labels_of(record["fields"]), record["fields"])}


def names_by_id(field_ids: FieldIds) -> dict[str, str]:
    """Return the names in `field_ids` by the `id_key` of the field ID."""
    return {id_key(field_id): name for name, field_id in field_ids.items()}


def resolve(
    record: Record, names_or_ids: t.Iterable[str], field_ids: FieldIds = NO_FIELD_IDS
) -> tuple[set[str], list[str]]:
    """Return the `id_key` of each field that one of `names_or_ids` matches, and the entries that match no field.

    An entry that matches no field of the record can be a name or an ID in `field_ids`.
    """
    unlisted = names_by_id(field_ids)
    keys: set[str] = set()
    unknown = []
    for entry in names_or_ids:
        found = [id_key(field["id"]) for field in record["fields"] if _is_called(field, entry)]
        key = id_key(field_ids.get(entry, entry))
        if not found and key in unlisted:
            found = [key]
        keys.update(found)
        unknown += [] if found else [entry]
    return keys, unknown


def _is_called(field: Field, name_or_id: str) -> bool:
    """Return whether `name_or_id` is the name or the ID of this field."""
    return name_or_id == field.get("name") or id_key(name_or_id) == id_key(field["id"])


def masked(record: Record, secret: t.Container[str]) -> Record:
    """Return `record` with the mask in place of the values of the fields whose `id_key` is in `secret`.

    The same values are masked in all other texts of the record.
    """
    values = [field["value"] for field in record["fields"] if id_key(field["id"]) in secret]
    fields = [
        dict(field, value=MASK) if id_key(field["id"]) in secret and field["value"] is not None else field
        for field in record["fields"]
    ]
    result: Record = Redactor(filter(None, values)).data(dict(record, fields=fields), KEYS)
    return result


def join_quoted(texts: t.Iterable[str]) -> str:
    """Return texts as a list in a sentence: 'a', 'b'."""
    return ", ".join(map(repr, texts))


def join_truncated(texts: t.Iterable[str]) -> str:
    """Return the first NAMED texts as a list in a sentence, and the number of others."""
    texts = list(texts)
    more = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {more} more" if more > 0 else "")
