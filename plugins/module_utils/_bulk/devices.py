# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of each device of a task for many devices, and the summary of its results. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import NAMED, id_key, join_truncated

# A device that has one of these options inherits none of them from the task.
_PAIR = ("client_cert", "client_cert_content", "client_key", "client_key_content")

# Each device requires a thread and a connection, and eight can wait for each. The usual limit is 1,024 open files.
_MOST_AT_WORK = 100

Options = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]


def read_devices(options: Options) -> list[Options]:
    """Return the options of each device, with those of the task for omitted options.

    `options` are the parameters of a module for many devices. Raises InvalidParametersError.
    """
    devices = options["devices"]
    problems = []
    counts = Counter(id_key(device["device_id"]) for device in devices)
    twice = [device_id for device_id, count in counts.items() if count > 1]
    if twice:
        problems.append(f"devices has {join_truncated(map(repr, twice))} more than once. List each device once.")
    if not 1 <= options["max_parallel"] <= _MOST_AT_WORK:
        problems.append("max_parallel is {}, but must be from 1 to {}.".format(options["max_parallel"], _MOST_AT_WORK))
    limit = options["max_requests_per_second"]
    if limit is not None and not limit > 0:
        problems.append(f"max_requests_per_second is {limit}, but must be more than 0.")
    if problems:
        raise InvalidParametersError(" ".join(problems))
    return [_with_defaults(device, options) for device in devices]


def _with_defaults(device: Options, task: Options) -> Options:
    own = {option: value for option, value in device.items() if value is not None}
    if any(option in own for option in _PAIR):
        own = {**dict.fromkeys(_PAIR), **own}
    return {**{option: task.get(option) for option in device}, **own}


def entry_of(device: Options, result: Result, warnings: list[str]) -> Result:
    """Return the entry of a device in `devices`. `result` is the result of the module for one device."""
    return {"device_id": device["device_id"], "failed": False, "msg": "", **result, "warnings": warnings}


def summary_of_failures(results: list[Result]) -> str:
    """Return the number of failed devices and the first errors, or "" if no device failed."""
    failures = [result["msg"] for result in results if result["failed"]]
    if not failures:
        return ""
    more = len(failures) - NAMED
    shown = failures[:NAMED] + ([f"{more} more errors are in devices."] if more > 0 else [])
    return "{} of {} devices failed. {}".format(len(failures), len(results), " ".join(shown))


def summary_of_warnings(results: list[Result]) -> list[str]:
    """Return each warning once, with its devices."""
    devices: dict[str, list[str]] = {}
    for result in results:
        for warning in result["warnings"]:
            devices.setdefault(warning, []).append(result["device_id"])
    warnings = [f"{warning} (device {join_truncated(names)})" for warning, names in devices.items()]
    more = len(warnings) - NAMED
    return warnings[:NAMED] + ([f"{more} more warnings are in devices."] if more > 0 else [])


def diffs_of(results: list[Result]) -> list[dict[str, t.Any]]:
    """Return Ansible's diff of the devices that changed, each under its ID."""
    return [
        {"before_header": result["device_id"], "after_header": result["device_id"], **result["diff"]}
        for result in results
        if result["changed"] and "diff" in result
    ]
