# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What a task wants of a record, read from its options and checked as far as that goes without the record. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import texts_of
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import id_key
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import (
    MAXIMUM_VALUE_LENGTH,
    is_unicode,
    text_of,
)

# The device record's documentation allows 255 characters.
MAXIMUM_IDENTIFIER_LENGTH = 255


class DesiredField(t.NamedTuple):
    """One field, named by its `id` or by its `name` (the other is None), and its value; None means no value."""

    id: str | None
    name: str | None
    value: str | None
    secret: bool = False

    @property
    def label(self) -> str:
        """How messages call the field."""
        return f"field {self.name!r}" if self.id is None else f"field with the ID {self.id!r}"


class DesiredState(t.NamedTuple):
    """All that a task wants of one record. `device_identifier` is None where the name may stay as it is."""

    device_identifier: str | None
    fields: tuple[DesiredField, ...]
    purge: bool
    keep: tuple[str, ...]
    mask: tuple[str, ...] = ()


def parse_desired_state(options: dict[str, t.Any]) -> tuple[DesiredState, list[str]]:
    """Return the wishes that `options` (a module's parameters) express, and every problem found, as sentences.

    With a problem the wishes are incomplete and must not be used.
    """
    problems: list[str] = []
    identifier = options["device_identifier"]
    lists = [name for name in ("fields", "secret_fields") if options[name] is not None]
    if identifier is None and not lists:
        problems.append("Give device_identifier, fields or secret_fields: there is nothing to keep true.")
    if identifier is not None:
        if not 1 <= len(identifier) <= MAXIMUM_IDENTIFIER_LENGTH:
            problems.append(
                f"device_identifier has {len(identifier)} characters, and 1 to {MAXIMUM_IDENTIFIER_LENGTH} are allowed."
            )
        elif not is_unicode(identifier):
            problems.append("device_identifier is not valid Unicode text.")
    if options["purge_fields"] and not lists:
        problems.append("purge_fields needs fields: list what shall stay, or [] to remove every optional value.")
    wishes = [
        _parse_field_entry(name, number, entry, problems)
        for name in lists
        for number, entry in enumerate(options[name], 1)
    ]
    for attribute, key_of in (("id", id_key), ("name", str)):
        given = [getattr(wish, attribute) for wish in wishes if getattr(wish, attribute) is not None]
        keys = [key_of(text) for text in given]
        problems += [
            f"The field with the {attribute} {twice!r} is listed more than once."
            for twice, key in dict(zip(given, keys)).items()
            if keys.count(key) > 1
        ]
    if options["on_read_denied"] == "overwrite" and not (
        wishes and all(wish.id is not None and wish.value is not None for wish in wishes)
    ):
        problems.append(
            "on_read_denied=overwrite needs every field by its id and with a value: "
            "without the record a name cannot be looked up and no other value can be kept."
        )
    return DesiredState(
        identifier, tuple(wishes), options["purge_fields"], tuple(options["keep_fields"]), tuple(options["mask_fields"])
    ), problems


def _parse_field_entry(option: str, number: int, entry: dict[str, t.Any], problems: list[str]) -> DesiredField:
    """Return the wish of one entry of `option`, the `number`th; what is wrong with it is added to `problems`."""
    wish = DesiredField(entry["id"], entry["name"], None, secret=option == "secret_fields")
    named = [text for text in (wish.id, wish.name) if text is not None]
    well_named = len(named) == 1 and named[0] != ""
    label = f"The {wish.label}" if well_named else f"Entry {number} of {option}"
    if not well_named:
        problems.append(f"{label} must name the field by exactly one of id and name.")
    elif not is_unicode(named[0]):
        problems.append(f"Entry {number} of {option} has a name or an ID that is not valid Unicode text.")
    value = entry["value"]
    if entry["state"] == "absent":
        if value is not None:
            problems.append(f"{label} has both a value and state=absent: drop one of them.")
        return wish
    if value is None or value == "":
        problems.append(f"{label} has no value: give one, or say state=absent to remove it.")
        return wish
    if wish.secret and not isinstance(value, str):
        # Ansible hides secrets by their text, which only a string has before anything else looks at it.
        problems.append(f"{label}: a secret value must be a string: quote it.")
        return wish
    try:
        text = text_of(value)
    except ValueError as error:
        problems.append(f"{label}: the value {error}.")
        return wish
    if len(text) > MAXIMUM_VALUE_LENGTH:
        problems.append(f"{label}: the value has {len(text)} characters, and {MAXIMUM_VALUE_LENGTH} are allowed.")
    return wish._replace(value=text)


def secrets_of(options: dict[str, t.Any]) -> list[str]:
    """Return the secrets in the options of a task or a device."""
    names = ("client_cert_content", "client_key_content", "client_key_passphrase")
    values = [options.get(option) for option in names]
    values += [entry["value"] for entry in options.get("secret_fields") or ()]
    return texts_of(values)
