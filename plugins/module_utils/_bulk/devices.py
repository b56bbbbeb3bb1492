# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of a task for many devices and of each device, and the summary of the results. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import (
    DeviceTask,
    device_argument_spec,
    parse_device_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import NAMED, id_key, join_truncated

# A device that has one of these options inherits none of them from the task.
_PAIR = ("client_cert", "client_cert_content", "client_key", "client_key_content")

# Each device requires a thread and a connection, and eight can wait for each. The usual limit is 1,024 open files.
_MOST_AT_WORK = 100

Spec = t.Mapping[str, t.Dict[str, t.Any]]
Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]


def devices_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of a module for many devices, each with the options for one device."""
    spec = device_argument_spec()
    device_id = {**spec["device_id"], "required": True}
    return many_argument_spec("devices", {**spec, "device_id": device_id}, ("device_id",))


def many_argument_spec(
    option: str, one: Spec, of_one: t.Container[str], **constraints: t.Any
) -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of a module with a list of devices in `option`, each with the options of `one`.

    Omitted options of a device default to those of the task, so only these have defaults. The task does not have the
    options `of_one`. `constraints` are those of an entry of the list.
    """
    entry = {
        name: {key: value for key, value in rule.items() if key not in ("default", "fallback", "required")}
        if name not in of_one
        else {key: value for key, value in rule.items() if key != "fallback"}
        for name, rule in one.items()
    }
    return {
        **{name: rule for name, rule in one.items() if name not in of_one},
        option: {"type": "list", "elements": "dict", "required": True, "options": entry, **constraints},
        "max_parallel": {"type": "int", "default": 16},
        "max_requests_per_second": {"type": "float"},
        "fail_fast": {"type": "bool", "default": False},
        "return_records": {"type": "bool", "default": True},
        "progress_path": {"type": "path"},
    }


class Limits(t.NamedTuple):
    """The limits of a task for many devices. Refer to the options."""

    max_parallel: int
    max_requests_per_second: float | None
    fail_fast: bool


def parse_devices(params: Params) -> tuple[list[DeviceTask], Limits]:
    """Return the task of each device in the parameters of a module for many devices, and the limits for all of them.

    Options that a device omits are those of the task. Raises InvalidParametersError.
    """
    devices = params["devices"]
    limits = parse_limits(params, "devices", [id_key(device["device_id"]) for device in devices])
    return [parse_device_task(with_defaults(device, params)) for device in devices], limits


def parse_limits(params: Params, option: str, names: t.Iterable[str]) -> Limits:
    """Return the limits in the parameters of a module with a list of devices with these names in `option`.

    Raises InvalidParametersError, also if the list has a device twice.
    """
    limits = Limits(params["max_parallel"], params["max_requests_per_second"], params["fail_fast"])
    problems = []
    counts = Counter(names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        problems.append(f"{option} has {join_truncated(map(repr, twice))} more than once. List each device once.")
    if not 1 <= limits.max_parallel <= _MOST_AT_WORK:
        problems.append(f"max_parallel is {limits.max_parallel}, but must be from 1 to {_MOST_AT_WORK}.")
    rate = limits.max_requests_per_second
    if rate is not None and not rate > 0:
        problems.append(f"max_requests_per_second is {rate}, but must be more than 0.")
    if problems:
        raise InvalidParametersError(" ".join(problems))
    return limits


def with_defaults(device: Params, task: Params) -> Params:
    """Return the options of a device, with those of the task in the place of omitted ones."""
    own = {option: value for option, value in device.items() if value is not None}
    if any(option in own for option in _PAIR):
        own = {**dict.fromkeys(_PAIR), **own}
    return {**{option: task.get(option) for option in device}, **own}


def entry_of(device_id: str | None, result: Result, warnings: list[str]) -> Result:
    """Return the entry of a device in `devices`. `result` is the result of the module for one device."""
    return {"device_id": device_id, "failed": False, "msg": "", **result, "warnings": warnings}


def notable_entries(results: list[Result]) -> list[Result]:
    """Return the entries of the devices that changed, failed or have warnings, each with its `index` in `results`.

    Of the diff of a device, each entry has only the fields that differ.
    """
    return [
        {**result, "index": index, **({"diff": _differences(result["diff"])} if "diff" in result else {})}
        for index, result in enumerate(results)
        if result["changed"] or result["failed"] or result["warnings"]
    ]


def _differences(diff: dict[str, t.Any]) -> dict[str, t.Any]:
    before, after = (diff[side].get("fields", {}) for side in ("before", "after"))
    same = [name for name in after if name in before and before[name] == after[name]]
    return {**diff, "before": _without(diff["before"], same), "after": _without(diff["after"], same)}


def _without(side: dict[str, t.Any], names: t.Container[str]) -> dict[str, t.Any]:
    """Return one side of a diff without the fields with these names."""
    if "fields" not in side:
        return side
    return {**side, "fields": {name: value for name, value in side["fields"].items() if name not in names}}


def label_of(entry: Result) -> str:
    """Return the name of a device in a summary: its ID, or the name by which the task looks it up."""
    return str(entry.get("device_identifier") or entry["device_id"])


def summary_of_failures(results: list[Result], option: str = "devices") -> str:
    """Return the number of failed devices and the first errors, or "" if no device failed."""
    failures = [result["msg"] for result in results if result["failed"]]
    if not failures:
        return ""
    more = len(failures) - NAMED
    shown = failures[:NAMED] + ([f"{more} more errors are in {option}."] if more > 0 else [])
    return "{} of {} devices failed. {}".format(len(failures), len(results), " ".join(shown))


def summary_of_warnings(results: list[Result], option: str = "devices") -> list[str]:
    """Return each warning once, with its devices."""
    devices: dict[str, list[str]] = {}
    for result in results:
        for warning in result["warnings"]:
            devices.setdefault(warning, []).append(label_of(result))
    warnings = [f"{warning} (device {join_truncated(names)})" for warning, names in devices.items()]
    more = len(warnings) - NAMED
    return warnings[:NAMED] + ([f"{more} more warnings are in {option}."] if more > 0 else [])


def diffs_of(results: list[Result]) -> list[dict[str, t.Any]]:
    """Return Ansible's diff of the devices that changed. The headers of each diff name its device."""
    return [result["diff"] for result in results if result["changed"] and "diff" in result]
