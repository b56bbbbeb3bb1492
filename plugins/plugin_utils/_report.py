# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Make a fleet report. Pure: findings in, report out.

A report is the content of its JSON file:

    generated_at  the time of the report, in UTC
    check_mode    whether the run was in check mode, so that the report shows drift
    playbook      the file name of the playbook
    counts        the number of devices, in total and in each state
    devices       a row for each device of each host, with host, device_id, device_identifier, state (in_sync, changed,
                  drifted or failed), differences (name, before, after), certificate (not_after, remaining_days),
                  failure (kind, message), warnings
    failures      each kind of error that occurred, with cause, remedy and the indexes of its devices in `devices`
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import error_kinds

STATES = ("in_sync", "changed", "drifted", "failed")
# The cause and the remedy of each kind of error. Only results of Ansible itself and invalid results have the last two.
CAUSES = {
    **{error.kind: (error.cause, error.remedy) for error in error_kinds()},
    "unreachable": (
        "Ansible could not connect to the host.",
        "Check that the host is running, its address, and the credentials of Ansible.",
    ),
    "other": (
        "The module returned no result, or an invalid result, or the playbook made the task fail.",
        "Read the message.",
    ),
}

Report = t.Dict[str, t.Any]
# A name and the ID of its division, or "" if that is unknown.
_Name = t.Tuple[str, str]

# The most characters of a text.
_MAX_TEXT = 4000
# Control characters except tab, line feed and carriage return, and lone surrogates, which are not valid in JSON.
_UNFIT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Finding(t.NamedTuple):
    """The result of one task for one device of one host. `differences` has the values before and after by name.

    `device_id` and `device_identifier` are None if they are not known. `hidden` is whether the task has no_log.
    `division_id` is the division in which the task looks up the name, or None.
    """

    host: str
    device_id: str | None
    device_identifier: str | None
    state: str
    differences: dict[str, tuple[str | None, str | None]]
    certificate: dict[str, t.Any] | None
    failure: dict[str, str] | None
    warnings: list[str]
    hidden: bool = False
    division_id: str | None = None


def clean(text: str) -> str:
    """Return a text for the report: without invalid characters and control characters, and truncated."""
    more = len(text) - _MAX_TEXT
    shown = f"{text[:_MAX_TEXT]}... ({more} more characters)" if more > 0 else text
    return _UNFIT.sub("\ufffd", shown)


def make_report(findings: t.Iterable[Finding], generated: str, check_mode: bool, playbook: str) -> Report:
    """Return the report on all findings, by host in their order."""
    devices = [_device(group) for group in _by_device(findings)]
    failed = [(number, device["failure"]["kind"]) for number, device in enumerate(devices) if device["failure"]]
    failures = [
        {
            "kind": kind,
            "cause": CAUSES[kind][0],
            "remedy": CAUSES[kind][1],
            "devices": [number for number, other in failed if other == kind],
        }
        for kind in dict.fromkeys(kind for _number, kind in failed)
    ]
    counts = {state: sum(device["state"] == state for device in devices) for state in STATES}
    return {
        "generated_at": generated,
        "check_mode": check_mode,
        "playbook": clean(playbook),
        "counts": {"devices": len(devices), **counts},
        "devices": devices,
        "failures": sorted(failures, key=lambda failure: -len(failure["devices"])),
    }


def _by_device(findings: t.Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings of each device of each host together.

    A host cannot add to the row of another host's device. A finding without a device is about the only device of the
    host, and if the host was unreachable, about all devices of the host. Otherwise, it has a row of its own.
    """
    hosts: dict[str, list[Finding]] = {}
    for finding in findings:
        hosts.setdefault(finding.host, []).append(finding)
    return [group for host in hosts.values() for group in _by_device_of_host(host)]


def _by_device_of_host(findings: list[Finding]) -> list[list[Finding]]:
    names = _unique_names(findings)
    ids = {name: finding.device_id.lower() for name, finding in zip(names, findings) if name and finding.device_id}
    keys = [_key(finding, name, ids) for name, finding in zip(names, findings)]
    devices = [key for key in dict.fromkeys(keys) if key is not None]
    groups: dict[tuple[str, ...] | None, list[Finding]] = {}
    for finding, key in zip(findings, keys):
        is_unreachable = finding.failure is not None and finding.failure["kind"] == "unreachable"
        of_all = key is None and devices and (len(devices) == 1 or is_unreachable)
        for each in devices if of_all else [key]:
            groups.setdefault(each, []).append(finding)
    return list(groups.values())


def _unique_names(findings: list[Finding]) -> list[_Name | None]:
    """Return the name of the device of each finding, with its division, because names are unique in a division only.

    A name without a division has the division of the other findings with this name, if that is a single one.
    """
    divisions: dict[str | None, set[str]] = {}
    for finding in findings:
        found = divisions.setdefault(finding.device_identifier, set())
        found.update([finding.division_id.lower()] if finding.division_id else [])
    names: list[_Name | None] = []
    for finding in findings:
        known = {finding.division_id.lower()} if finding.division_id else divisions[finding.device_identifier]
        division_id = next(iter(known)) if len(known) == 1 else ""
        names.append(None if finding.device_identifier is None else (finding.device_identifier, division_id))
    return names


def _key(finding: Finding, name: _Name | None, ids: dict[_Name, str]) -> tuple[str, ...] | None:
    """Return what identifies the device on its host. `ids` has the ID of each name."""
    device_id = finding.device_id.lower() if finding.device_id is not None else name and ids.get(name)
    if device_id:
        return ("id", device_id)
    return name and ("name", *name)


def _device(findings: list[Finding]) -> dict[str, t.Any]:
    differences: dict[str, tuple[str | None, str | None]] = {}
    for finding in findings:
        for name, (before, after) in finding.differences.items():
            differences[name] = (differences.get(name, (before,))[0], after)
    shown = [finding for finding in findings if not finding.hidden]
    return {
        "host": clean(findings[-1].host),
        "device_id": _last(finding.device_id for finding in shown),
        "device_identifier": _last(finding.device_identifier for finding in shown),
        "state": max((finding.state for finding in findings), key=STATES.index),
        "differences": [
            {"name": name, "before": before, "after": after} for name, (before, after) in differences.items()
        ],
        "certificate": _last(finding.certificate for finding in findings),
        "failure": next((finding.failure for finding in findings if finding.failure), None),
        "warnings": list(dict.fromkeys(warning for finding in findings for warning in finding.warnings)),
    }


def _last(values: t.Iterable[t.Any]) -> t.Any:
    return next((value for value in reversed(list(values)) if value is not None), None)
