# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Parse the results of the modules of this collection. Pure: results in, findings out.

A managed host can return any result. Only the data of the controller (the host's name, the module, the arguments and
the keywords of the task) are trusted. A result of another form is a failure of that host and raises no exception.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import CAUSES, Finding, clean

COLLECTION = "edgeops.digicert."
# The modules for many devices -> the option with their devices, which is also the return value with their results.
_MANY = {"digicert_iot_devices": "devices", "digicert_iot_registrations": "registrations"}
# The modules that request certificates -> their difference in check mode and without it.
_ISSUING = {
    "digicert_iot_device_certificate": ("to be renewed", "renewed"),
    "digicert_iot_device_enrollment": ("to be issued", "issued"),
}
# A result of a successful module has at least one of these keys. Otherwise, Ansible created the result.
_SUCCESS = {
    "digicert_iot_device": ("device", "diff"),
    "digicert_iot_devices": ("diff",),
    "digicert_iot_device_certificate": ("certificate",),
    "digicert_iot_device_enrollment": ("reason",),
    "digicert_iot_registration": ("access", "diff"),
    "digicert_iot_registrations": ("diff",),
    "digicert_iot_device_info": ("device",),
    "digicert_iot_registration_info": ("devices",),
    "digicert_iot_enrollment_profile_info": ("fields",),
}
# These modules have no desired state, so only their errors count.
_READING = ("digicert_iot_device_info", "digicert_iot_enrollment_profile_info", "digicert_iot_registration_info")
# The modules whose device_identifier identifies the device and is not its desired name.
_BY_NAME = (
    "digicert_iot_device_enrollment",
    "digicert_iot_device_info",
    "digicert_iot_registration",
    "digicert_iot_registration_info",
    "digicert_iot_registrations",
)

# The entry of a device that the result of a task without records omits.
_UNCHANGED: dict[str, t.Any] = {"changed": False, "diff": {}}
# The values of an option that Ansible converts to false.
_FALSE = ("false", "no", "n", "off", "f", "0", "0.0")
_MAX_ENTRIES = 10000
_MAX_DIFFERENCES = 500
_MAX_WARNINGS = 100
_MAX_DAYS = 10**7
_MAX_BITS = 1024
_MAX_ID = 255


class Task(t.NamedTuple):
    """A task that ran on a host, by the data of the controller.

    `action` is the full name of the module. `arguments` are templated, unless templating failed. `has_conditions` is
    whether failed_when or until can make it fail. `is_detached` is whether it continues without Ansible (poll=0).
    `no_log` is whether Ansible hides the result.
    """

    host: str
    action: str
    arguments: t.Any
    check_mode: bool = False
    has_conditions: bool = False
    is_detached: bool = False
    no_log: bool = False


class _Named(t.NamedTuple):
    """The ID or the name by which a task identifies a device, and the division of the name. None is unknown."""

    device_id: str | None = None
    device_identifier: str | None = None
    division_id: str | None = None


_NO_NAME = _Named()


class _InvalidResult(Exception):
    """A result does not have the documented form."""


class _Device(t.NamedTuple):
    """The parsed result for one device. `kind` is None if the module reported no error."""

    device_id: str | None
    device_identifier: str | None
    changed: bool
    succeeded: bool
    differences: dict[str, tuple[str | None, str | None]]
    certificate: dict[str, t.Any] | None
    kind: str | None
    message: str
    warnings: list[str]


def findings_of(task: Task, result: t.Any, failed: bool) -> list[Finding]:
    """Return the findings of the result of a task. `failed` is whether Ansible counts the task as failed.

    Results of other modules have no findings, nor has a task that continues without Ansible.
    """
    module = _module_of(task)
    if module is None or (task.is_detached and isinstance(result, dict) and "ansible_job_id" in result):
        return []
    if module in _MANY and isinstance(result, dict) and isinstance(result.get(_MANY[module]), list):
        return _findings_of_many(task, module, result)
    findings = [_finding(task, module, named, result, failed) for named in _known(task)]
    return [finding for finding in findings if module not in _READING or finding.failure]


def unreachable(task: Task, result: t.Any) -> list[Finding]:
    """Return the findings of an unreachable host for its devices, whatever the task."""
    message = result.get("msg") if isinstance(result, dict) else None
    text = message if isinstance(message, str) else ""
    return [_failed(task, named, "unreachable", text) for named in _known(task)]


def _module_of(task: Task) -> str | None:
    module = task.action[len(COLLECTION) :] if task.action.startswith(COLLECTION) else None
    return module if module in _SUCCESS else None


def _known(task: Task) -> t.Sequence[_Named]:
    """Return the devices that the task names, or one without a name for the device of the host."""
    module = _module_of(task)
    named = [] if module is None else _named_devices(task, module) or []
    return list(dict.fromkeys(each for each in named if each != _NO_NAME)) or [_NO_NAME]


def _named_devices(task: Task, module: str) -> list[_Named] | None:
    """Return the devices in the arguments of the task in their order, or None if these are unknown.

    With `no_log`, a task for many devices has only one outcome.
    """
    arguments = task.arguments if isinstance(task.arguments, dict) else {}
    devices = arguments.get(_MANY[module]) if module in _MANY else [arguments]
    if not isinstance(devices, list) or (task.no_log and module in _MANY):
        return None
    return [_named(module, entry, arguments) for entry in devices]


def _named(module: str, entry: t.Any, arguments: dict[t.Any, t.Any]) -> _Named:
    """Return the device that an entry of the arguments of a task names."""
    if not isinstance(entry, dict):
        return _NO_NAME
    name = _argument(entry.get("device_identifier")) if module in _BY_NAME else None
    division_id = None if name is None else entry.get("division_id") or arguments.get("division_id")
    return _Named(_argument(entry.get("device_id")), name, _argument(division_id))


def _argument(value: t.Any) -> str | None:
    """Return an ID or a name among a task's arguments, or None if it was not templated or cannot be one."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and _is_small(value) else value
    return str(text) if _is_name(text) and "{{" not in text else None


def _findings_of_many(task: Task, module: str, result: dict[t.Any, t.Any]) -> list[Finding]:
    """Return the finding of each device of a task for many devices, and findings of the host for all other failures.

    The entries of the result are in the order of the devices of the task.
    """
    # The conditions of the task are for the complete result, and not for an entry.
    task = task._replace(has_conditions=False)
    entries, expected = result[_MANY[module]], _named_devices(task, module)
    if expected is not None and str(task.arguments.get("return_records")).lower() in _FALSE:
        entries = _all_entries(entries, len(expected))
    named = [_NO_NAME] * min(len(entries), _MAX_ENTRIES) if expected is None else expected
    findings = [_finding(task, module, each, entry, _says_failed(entry)) for each, entry in zip(named, entries)]
    findings += [
        _failed(task, each, "other", "The result of the module has no entry for this device.")
        for each in named[len(entries) :]
    ]
    foreign = len(entries) - len(named)
    if foreign > 0:
        message = f"The result of the module has {foreign} entries that do not belong to devices of the task."
        findings.append(_failed(task, _NO_NAME, "other", message))
    if result.get("failure") is not None or (expected is None and not findings):
        report = {key: result.get(key) for key in ("failure", "msg")}
        findings.append(_finding(task, module, _NO_NAME, report, failed=True))
    return findings


def _all_entries(entries: list[t.Any], count: int) -> list[t.Any]:
    """Return the entries of all devices of a task without records, whose result has none for an unchanged device.

    Entries without a valid `index` follow.
    """
    found: dict[int, t.Any] = {}
    foreign = []
    for entry in entries:
        index = entry.get("index") if isinstance(entry, dict) else None
        if isinstance(index, int) and 0 <= index < count and index not in found:
            found[index] = entry
        else:
            foreign.append(entry)
    return [found.get(index, _UNCHANGED) for index in range(count)] + foreign


def _says_failed(entry: t.Any) -> bool:
    return isinstance(entry, dict) and entry.get("failed") not in (None, False)


def _finding(task: Task, module: str, named: _Named, result: t.Any, failed: bool) -> Finding:
    """Return the finding of one device, which the task names or not."""
    device_id = named.device_id
    try:
        device = _parse_censored(result, failed) if task.no_log else _parse(module, result)
        if None not in (device_id, device.device_id) and str(device.device_id).lower() != str(device_id).lower():
            raise _InvalidResult("it is about another device")
    except _InvalidResult as error:
        return _failed(task, named, "other", f"The result of the module is invalid: {error}.")
    failure = _failure_of(task, device, failed)
    state = "failed" if failure else "in_sync" if not device.changed else "drifted" if task.check_mode else "changed"
    differences = device.differences
    if module in _ISSUING and device.changed and device.succeeded and not differences:
        differences = {"certificate": (None, _ISSUING[module][not task.check_mode])}
    return Finding(
        task.host,
        device_id or device.device_id,
        named.device_identifier or device.device_identifier,
        state,
        differences,
        device.certificate,
        failure,
        device.warnings,
        task.no_log,
        named.division_id,
    )


def _failed(task: Task, named: _Named, kind: str, message: str) -> Finding:
    failure = {"kind": kind, "message": clean(message)}
    name, division_id = named.device_identifier, named.division_id
    return Finding(task.host, named.device_id, name, "failed", {}, None, failure, [], task.no_log, division_id)


def _failure_of(task: Task, device: _Device, failed: bool) -> dict[str, str] | None:
    """Return the error of a device, regardless of keywords of its task (failed_when, ignore_errors)."""
    if device.kind is not None:
        return {"kind": device.kind, "message": device.message or "There is no message."}
    if not device.succeeded:
        return {"kind": "other", "message": device.message or "The result of the module is incomplete."}
    if not failed or (task.has_conditions and device.changed):
        # A playbook can make a task fail because the device changed. This is drift, and not an error of the device.
        return None
    return {"kind": "other", "message": device.message or "The module succeeded, but the task failed."}


def _parse_censored(result: t.Any, failed: bool) -> _Device:
    """Return the parsed result if `no_log` leaves only the outcome."""
    if not isinstance(result, dict):
        raise _InvalidResult("it is not a mapping")
    changed = _optional(result, "changed", bool, "a boolean") or False
    message = _text(result, "censored") if failed else None
    return _Device(None, None, changed, True, {}, None, "other" if failed else None, message or "", [])


def _parse(module: str, result: t.Any) -> _Device:
    """Return the parsed result for a device. Raises _InvalidResult if it does not have the documented form."""
    if not isinstance(result, dict):
        raise _InvalidResult("it is not a mapping")
    device = _optional(result, "device", dict, "a mapping") or {}
    differences, name = _parse_diff(_optional(result, "diff", dict, "a mapping") or {})
    certificate = _optional(result, "certificate", dict, "a mapping")
    changed_fields = _texts(result, "changed_fields")
    warnings = _texts(result, "warnings")
    more = len(differences) - _MAX_DIFFERENCES
    if more > 0:
        warnings.append(f"{more} more differences are not shown.")
    return _Device(
        _name(result, "device_id") or _name(device, "id"),
        _text(result, "device_identifier") or _text(device, "device_identifier") or name,
        # `changed_when` can hide a change, but not the values.
        bool(_optional(result, "changed", bool, "a boolean") or differences or changed_fields),
        any(result.get(key) is not None for key in _SUCCESS[module]),
        dict(list(differences.items())[:_MAX_DIFFERENCES]),
        None if certificate is None else _parse_certificate(certificate),
        _kind_of(result),
        _text(result, "msg") or "",
        warnings,
    )


def _parse_diff(diff: dict[t.Any, t.Any]) -> tuple[dict[str, tuple[str | None, str | None]], str | None]:
    """Return the values that differ, before and after, and the name of the device."""
    sides = [_optional(diff, side, dict, "a mapping") or {} for side in ("before", "after")]
    parts = [_parts_of(side) for side in sides]
    taken = frozenset(name for keys, _fields in parts for name in keys)
    before, after = (_flatten(keys, fields, taken) for keys, fields in parts)
    names = {**after, **before}
    differences = {
        clean(name): (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }
    return differences, _text(sides[1], "device_identifier")


def _parts_of(side: dict[t.Any, t.Any]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the keys of one side of a diff, with the access among them, and the fields."""
    fields, access = (_optional(side, key, dict, "a mapping") or {} for key in ("fields", "access"))
    keys = {**{key: value for key, value in side.items() if key not in ("fields", "access")}, **access}
    if not all(isinstance(name, str) for name in (*keys, *fields)):
        raise _InvalidResult("a name in diff is not a text")
    return keys, fields


def _flatten(keys: dict[str, t.Any], fields: dict[str, t.Any], taken: t.Container[str]) -> dict[str, str | None]:
    """Return the texts of one side of a diff. A field can have the name of another key, which are in `taken`."""
    named = {f"{name} (field)" if name in taken else name: value for name, value in fields.items()}
    return {name: _value(value) for name, value in {**keys, **named}.items()}


def _value(value: t.Any) -> str | None:
    """Return a value of a diff as text."""
    if value is None or isinstance(value, bool):
        return None if value is None else "true" if value else "false"
    if isinstance(value, str):
        return clean(value)
    if (isinstance(value, int) and _is_small(value)) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise _InvalidResult("a value in diff is not a text, a boolean, a finite number or null")


def _is_small(value: int) -> bool:
    return value.bit_length() <= _MAX_BITS


def _parse_certificate(certificate: dict[t.Any, t.Any]) -> dict[str, t.Any]:
    not_after, days = certificate.get("not_after"), certificate.get("remaining_days")
    if not isinstance(not_after, str):
        raise _InvalidResult("certificate.not_after is not a text")
    if not isinstance(days, int) or isinstance(days, bool) or abs(days) > _MAX_DAYS:
        raise _InvalidResult("certificate.remaining_days is not a valid number")
    return {"not_after": clean(not_after), "remaining_days": int(days)}


def _kind_of(result: dict[t.Any, t.Any]) -> str | None:
    """Return the kind of the error that the module reported."""
    failure = _optional(result, "failure", dict, "a mapping")
    if failure is None:
        return None
    kind = failure.get("kind")
    return str(kind) if isinstance(kind, str) and kind in CAUSES else "other"


def _name(parent: dict[t.Any, t.Any], key: str) -> str | None:
    value = parent.get(key)
    if value is not None and not _is_name(value):
        raise _InvalidResult(f"{key} is not a valid ID")
    return None if value is None else str(value)


def _is_name(value: t.Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.isprintable()


def _text(parent: dict[t.Any, t.Any], key: str) -> str | None:
    value = _optional(parent, key, str, "a text")
    return None if value is None else clean(value)


def _texts(parent: dict[t.Any, t.Any], key: str) -> list[str]:
    values = _optional(parent, key, list, "a list") or []
    if not all(isinstance(value, str) for value in values):
        raise _InvalidResult(f"an entry of {key} is not a text")
    texts = [clean(value) for value in values[:_MAX_WARNINGS]]
    more = len(values) - _MAX_WARNINGS
    return texts + ([f"{more} more {key} are not shown."] if more > 0 else [])


def _optional(parent: dict[t.Any, t.Any], key: str, kind: type, name: str) -> t.Any:
    """Return the value of `key`, which has this type or is missing."""
    value = parent.get(key)
    if value is not None and not isinstance(value, kind):
        raise _InvalidResult(f"{key} is not {name}")
    return value
