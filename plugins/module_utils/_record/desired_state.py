# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options for the desired state of a record, and the value that they are parsed into. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    NO_FIELD_IDS,
    FieldIds,
    id_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import (
    MAXIMUM_VALUE_LENGTH,
    empty_value,
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
    """Return the argument spec of the desired state of a record, from the device itself."""
    return {
        "device_identifier": {"type": "str"},
        **fields_argument_spec(),
        "on_read_denied": {"type": "str", "choices": ["fail", "overwrite"], "default": "fail"},
    }


def fields_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the desired fields of a record."""
    field_spec = {
        "id": {"type": "str"},
        "name": {"type": "str"},
        "value": {"type": "raw"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    return {
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
        "field_ids": {"type": "dict", "default": {}},
        **mask_argument_spec(),
    }


class DesiredField(t.NamedTuple):
    """One field, by `id` or by `name`, and its value. None is no value.

    The other is None, until a plan adds the ID of the name.
    """

    id: str | None
    name: str | None
    value: str | None
    secret: bool = False

    @property
    def label(self) -> str:
        """The name of the field in messages."""
        return f"field with the ID {self.id!r}" if self.name is None else f"field {self.name!r}"


class DesiredState(t.NamedTuple):
    """The desired state of one record. `device_identifier` is None if the task does not manage it.

    `overwrite` is whether to send the update without a comparison if the API denies read access. `field_ids` has the
    IDs of fields that the record may not list.
    """

    device_identifier: str | None
    fields: tuple[DesiredField, ...]
    purge: bool
    keep: tuple[str, ...]
    mask: tuple[str, ...] = ()
    overwrite: bool = False
    field_ids: FieldIds = NO_FIELD_IDS


def parse_desired_state(params: t.Mapping[str, t.Any]) -> tuple[DesiredState, list[str]]:
    """Return the desired state in the parameters of a module, and all errors as sentences.

    With an error, the desired state is incomplete and must not be used.
    """
    identifier = params["device_identifier"]
    desired, field_problems = parse_desired_fields(params)
    problems = identifier_problems("device_identifier", identifier) + field_problems
    if all(params[option] is None for option in RECORD_OPTIONS):
        problems.insert(0, "One of device_identifier, fields and secret_fields is required.")
    overwrite = params["on_read_denied"] == "overwrite"
    if overwrite and not (
        desired.fields and all(_can_overwrite(field, params["field_ids"]) for field in desired.fields)
    ):
        problems.append(
            "on_read_denied=overwrite requires the id and a value for each field, because without the record no name "
            "can be looked up and no other value can be kept. Instead of the id, a name that field_ids has is valid."
        )
    return desired._replace(device_identifier=identifier, overwrite=overwrite), problems


def parse_desired_fields(params: t.Mapping[str, t.Any]) -> tuple[DesiredState, list[str]]:
    """Return the desired fields in the parameters of a module, and all errors as sentences."""
    problems: list[str] = []
    lists = [name for name in ("fields", "secret_fields") if params[name] is not None]
    if params["purge_fields"] and not lists:
        problems.append("purge_fields requires fields. List the fields to keep, or [] to remove all optional values.")
    fields = [
        _parse_field_entry(name, number, entry, problems)
        for name in lists
        for number, entry in enumerate(params[name], 1)
    ]
    field_ids = _parse_field_ids(params["field_ids"], problems)
    problems += _repetition_problems(fields, field_ids)
    keep, mask = tuple(params["keep_fields"]), tuple(params["mask_fields"])
    desired = DesiredState(None, tuple(fields), params["purge_fields"], keep, mask, field_ids=field_ids)
    return desired, problems


def identifier_problems(option: str, identifier: str | None) -> list[str]:
    """Return why the value of `option` cannot be the name of a device, as sentences. None is no name."""
    if identifier is None:
        return []
    if identifier == "":
        return [empty_value(option)]
    if len(identifier) > MAXIMUM_IDENTIFIER_LENGTH:
        return [f"{option} has {len(identifier)} characters, but must have 1 to {MAXIMUM_IDENTIFIER_LENGTH}."]
    return [] if is_unicode(identifier) else [f"{option} is not valid Unicode text."]


def _can_overwrite(field: DesiredField, names: t.Container[str | None]) -> bool:
    """Return whether a field can be set without the record. `names` are those in field_ids."""
    return field.value is not None and (field.id is not None or field.name in names)


def _parse_field_ids(field_ids: t.Mapping[str, t.Any], problems: list[str]) -> FieldIds:
    """Return the valid entries of field_ids. Errors are added to `problems`."""
    valid: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, field_id in field_ids.items():
        problem = _field_id_problem(name, field_id)
        if problem is not None:
            problems.append(problem)
            continue
        first = names.setdefault(id_key(field_id), name)
        if first != name:
            problems.append(f"field_ids has the ID {field_id!r} for {first!r} and for {name!r}. List each ID once.")
        valid[name] = field_id
    return valid


def _field_id_problem(name: str, field_id: t.Any) -> str | None:
    """Return why this cannot be an entry of field_ids, or None."""
    if name == "":
        return "field_ids has an entry without a name."
    if not is_unicode(name):
        return "field_ids has a name that is not valid Unicode text."
    if field_id is None or field_id == "":
        return f"field_ids has no ID for {name!r}. Set the ID, or remove the name."
    if not isinstance(field_id, str):
        kind = type(field_id).__name__
        return f"field_ids: the ID of {name!r} is of the type {kind}, but must be a string. Quote it."
    return None if is_unicode(field_id) else f"field_ids: the ID of {name!r} is not valid Unicode text."


def _repetition_problems(fields: list[DesiredField], field_ids: FieldIds) -> list[str]:
    """Return errors for fields that are listed more than once, by their IDs or by their names."""
    known: dict[tuple[str, str], DesiredField] = {}
    problems: dict[str, None] = {}
    for field in fields:
        field_id = field.id or field_ids.get(field.name or "")
        key = ("id", id_key(field_id)) if field_id else ("name", field.name or "")
        first = known.setdefault(key, field)
        if first is not field and key != ("name", ""):
            problems[listed_twice(first, field)] = None
    return list(problems)


def listed_twice(first: DesiredField, second: DesiredField) -> str:
    """Return the error for a field that a task lists twice, for example by its name and by its ID."""
    named, other = (second, first) if first.name is None else (first, second)
    also = "" if named.label == other.label else f", also as the {other.label}"
    return f"The {named.label} is listed more than once{also}. List it once."


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
        problems.append(
            f"{label} has no value. Set a value, or state=absent to remove it. Is its variable defined for this host?"
        )
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
