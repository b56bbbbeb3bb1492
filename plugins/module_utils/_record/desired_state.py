# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options for the desired state of a record, and the value that they are parsed into. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import id_key
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import (
    MAXIMUM_VALUE_LENGTH,
    is_unicode,
    text_of,
)

# The options for the desired state. A task requires one of them.
RECORD_OPTIONS = ("device_identifier", "fields", "secret_fields")
# The device record's documentation allows 255 characters.
MAXIMUM_IDENTIFIER_LENGTH = 255


def mask_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the fields whose values are masked in results."""
    return {"mask_fields": {"type": "list", "elements": "str", "default": []}}


def record_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the desired state of a record."""
    field_spec = {
        "id": {"type": "str"},
        "name": {"type": "str"},
        "value": {"type": "raw"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    return {
        "device_identifier": {"type": "str"},
        "fields": {"type": "list", "elements": "dict", "options": field_spec},
        "secret_fields": {
            "type": "list",
            "elements": "dict",
            # Without this, Ansible warns because of the name of the option. Only `value` is a secret.
            "no_log": False,
            "options": {**field_spec, "value": {"type": "raw", "no_log": True}},
        },
        "purge_fields": {"type": "bool", "default": False},
        "keep_fields": {"type": "list", "elements": "str", "default": []},
        **mask_argument_spec(),
        "on_read_denied": {"type": "str", "choices": ["fail", "overwrite"], "default": "fail"},
    }


class DesiredField(t.NamedTuple):
    """One field, by `id` or by `name` (the other is None), and its value. None is no value."""

    id: str | None
    name: str | None
    value: str | None
    secret: bool = False

    @property
    def label(self) -> str:
        """The name of the field in messages."""
        return f"field {self.name!r}" if self.id is None else f"field with the ID {self.id!r}"


class DesiredState(t.NamedTuple):
    """The desired state of one record. `device_identifier` is None if the task does not manage it.

    `overwrite` is whether to send the update without a comparison if the API denies read access.
    """

    device_identifier: str | None
    fields: tuple[DesiredField, ...]
    purge: bool
    keep: tuple[str, ...]
    mask: tuple[str, ...] = ()
    overwrite: bool = False


def parse_desired_state(params: t.Mapping[str, t.Any]) -> tuple[DesiredState, list[str]]:
    """Return the desired state in the parameters of a module, and all errors as sentences.

    With an error, the desired state is incomplete and must not be used.
    """
    problems: list[str] = []
    identifier = params["device_identifier"]
    lists = [name for name in ("fields", "secret_fields") if params[name] is not None]
    if identifier is None and not lists:
        problems.append("One of device_identifier, fields and secret_fields is required.")
    if identifier is not None:
        if not 1 <= len(identifier) <= MAXIMUM_IDENTIFIER_LENGTH:
            problems.append(
                f"device_identifier has {len(identifier)} characters, but must have 1 to {MAXIMUM_IDENTIFIER_LENGTH}."
            )
        elif not is_unicode(identifier):
            problems.append("device_identifier is not valid Unicode text.")
    if params["purge_fields"] and not lists:
        problems.append("purge_fields requires fields. List the fields to keep, or [] to remove all optional values.")
    entries = [
        _parse_field_entry(name, number, entry, problems)
        for name in lists
        for number, entry in enumerate(params[name], 1)
    ]
    for attribute, key_of in (("id", id_key), ("name", str)):
        given = [getattr(field, attribute) for field in entries if getattr(field, attribute) is not None]
        keys = [key_of(text) for text in given]
        problems += [
            f"The field with the {attribute} {twice!r} is listed more than once."
            for twice, key in dict(zip(given, keys)).items()
            if keys.count(key) > 1
        ]
    if params["on_read_denied"] == "overwrite" and not (
        entries and all(field.id is not None and field.value is not None for field in entries)
    ):
        problems.append(
            "on_read_denied=overwrite requires the id and a value for each field, because without the record no name "
            "can be looked up and no other value can be kept."
        )
    return DesiredState(
        identifier,
        tuple(entries),
        params["purge_fields"],
        tuple(params["keep_fields"]),
        tuple(params["mask_fields"]),
        params["on_read_denied"] == "overwrite",
    ), problems


def _parse_field_entry(option: str, number: int, entry: dict[str, t.Any], problems: list[str]) -> DesiredField:
    """Return the field of entry `number` of `option`. Its errors are added to `problems`."""
    field = DesiredField(entry["id"], entry["name"], None, secret=option == "secret_fields")
    named = [text for text in (field.id, field.name) if text is not None]
    well_named = len(named) == 1 and named[0] != ""
    label = f"The {field.label}" if well_named else f"Entry {number} of {option}"
    if not well_named:
        problems.append(f"{label} requires exactly one of id and name.")
    elif not is_unicode(named[0]):
        problems.append(f"Entry {number} of {option} has a name or an ID that is not valid Unicode text.")
    value = entry["value"]
    if entry["state"] == "absent":
        if value is not None:
            problems.append(f"{label} has a value and state=absent, which are mutually exclusive.")
        return field
    if value is None or value == "":
        problems.append(f"{label} has no value. Set a value, or state=absent to remove it.")
        return field
    if field.secret and not isinstance(value, str):
        # Ansible masks secrets by their text, which is known before the validation only for a string.
        problems.append(f"{label}: a secret value must be a string. Quote it.")
        return field
    try:
        text = text_of(value)
    except ValueError as error:
        problems.append(f"{label}: the value {error}.")
        return field
    if len(text) > MAXIMUM_VALUE_LENGTH:
        problems.append(f"{label}: the value has {len(text)} characters, but must have at most {MAXIMUM_VALUE_LENGTH}.")
    return field._replace(value=text)
