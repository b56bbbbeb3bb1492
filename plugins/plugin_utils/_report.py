# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What the results of this collection's modules say about a fleet. Pure: results in, report out.

A report is what its JSON file holds:

    generated   when it was made, in UTC
    check_mode  whether nothing was written, so that it tells of drift
    playbook    the name of the playbook's file
    counts      how many devices there are, and in which state
    devices     each with host, device_id, device_identifier, state (in_line, changed, drifting or failed),
                differences (name, before, after), certificate (not_after, days_left), failure (kind, message), warnings
    failures    what devices failed of, each kind with cause, cure and the numbers of its devices in `devices`
"""

from __future__ import annotations

import typing as t

COLLECTION = "edgeops.digicert."
# The modules that keep something of a device. One that only reads says nothing about what should be.
_KEEPING = (
    "digicert_iot_device",
    "digicert_iot_devices",
    "digicert_iot_device_certificate",
    "digicert_iot_device_access",
)
_READING = ("digicert_iot_device_info",)
STATES = ("in_line", "changed", "drifting", "failed")
# What failed -> why, and what to do. The guide on errors says more of each.
CAUSES = {
    "invalid_task": (
        "The task cannot be right, whatever the record says. Nothing was sent.",
        "Correct what the message names: an option, a file or a key.",
    ),
    "requirement_missing": (
        "A Python package is missing on the host that runs the module.",
        "Install what the message names there; the role edgeops.digicert.device does it.",
    ),
    "host_error": (
        "The managed host lacks a resource, such as disk space or file descriptors.",
        "Correct what the message names on the managed host.",
    ),
    "internal_error": (
        "An error that the collection does not expect.",
        "Run it again; if it fails again, report the error to the maintainers.",
    ),
    "connection_failed": (
        "There was no whole answer, after all retries.",
        "Check the network, the proxy and the firewall between the host and the service, then run it again.",
    ),
    "handshake_failed": (
        "One side did not accept the other's certificate.",
        "Check the device's certificate and its key, ca_path, the clock, and the host in api_url.",
    ),
    "redirected": (
        "The answer points to another address.",
        "If that is the right place, put it into api_url.",
    ),
    "read_denied": (
        "The service does not let the device read its record.",
        "Set allow_read with digicert_iot_device_access, or give the device the certificate that is its own.",
    ),
    "write_denied": (
        "The service does not let the device update its record.",
        "Set allow_write with digicert_iot_device_access.",
    ),
    "api_key_refused": (
        "The service does not accept the operator's API key.",
        "Renew the key, or give its user the permission.",
    ),
    "device_unknown": (
        "The service knows no such device.",
        "Correct device_id or device_identifier, or create the device.",
    ),
    "refused": (
        "The service answered with an error.",
        "Read what it says; with 429, or 500 and above, run it again later.",
    ),
    "answer_unusable": (
        "Something else answered in the place of the service.",
        "Check api_url, and what proxy or login page is on the way.",
    ),
    "wishes_unfit": (
        "The record cannot be brought to what the task asks.",
        "Correct the fields in the playbook, or the device's profile.",
    ),
    "list_incomplete": (
        "The list of devices could not be read as a whole.",
        "Run it again, or name the device by its ID.",
    ),
    "not_kept": (
        "The service took the update and did not keep it.",
        "Find what else writes to this record, or whether the profile allows the value.",
    ),
    "outcome_unknown": (
        "The update was sent and its answer got lost.",
        "Run it again: it changes only what still differs.",
    ),
    "stopped": (
        "The task ended before the device was done.",
        "Run it again.",
    ),
    "renew_denied": (
        "The service does not let the device renew its certificate.",
        "Set allow_renew_certificate with digicert_iot_device_access.",
    ),
    "renewal_pending": (
        "The new certificate waits for somebody to approve it.",
        "Let the service approve renewals of this profile without asking.",
    ),
    "renewal_unproven": (
        "The service does not accept the certificate that it issued. The old one stays.",
        "Run it again; if it stays so, ask DigiCert.",
    ),
    "files_not_replaced": (
        "The certificate or its key could not be written.",
        "See to the permissions and the room of their folder.",
    ),
    "unreachable": (
        "Ansible could not reach the host.",
        "Check that the host is on, its address, and how Ansible logs in.",
    ),
    "other": (
        "Ansible ended the task before or without the module's own answer.",
        "Read the message.",
    ),
}

Result = t.Dict[str, t.Any]
Report = t.Dict[str, t.Any]


class Finding(t.NamedTuple):
    """What one task says about one device. `differences` have a value before and after under each name."""

    host: str
    device_id: str | None
    device_identifier: str | None
    state: str
    differences: dict[str, tuple[t.Any, t.Any]]
    certificate: dict[str, t.Any] | None
    failure: dict[str, str] | None
    warnings: list[str]


def findings_of(host: str, action: str, result: Result, check_mode: bool) -> list[Finding]:
    """Return what the result of a task says, none if it is not of this collection or says nothing about a device.

    `action` is the module's full name, and `result` is what came of one run of it.
    """
    module = action[len(COLLECTION) :] if action.startswith(COLLECTION) else None
    if module not in _KEEPING and not (module in _READING and result.get("failed")):
        return []
    # An item that a condition left out, and a task that goes on without Ansible.
    if result.get("skipped") or ("ansible_job_id" in result and not result.get("finished")):
        return []
    entries = result.get("results") if module == "digicert_iot_devices" else None
    return [_finding(host, module, entry, check_mode) for entry in entries or [result]]


def unreachable(host: str, message: str) -> Finding:
    """Return what is to be said of the device of a host that cannot be reached."""
    return Finding(host, None, None, "failed", {}, None, {"kind": "unreachable", "message": message}, [])


def _finding(host: str, module: str | None, entry: Result, check_mode: bool) -> Finding:
    device = entry.get("device") or {}
    failed = bool(entry.get("failed"))
    certificate = entry.get("certificate")
    diff = entry.get("diff")
    before, after = (_flat(diff.get(side)) if isinstance(diff, dict) else {} for side in ("before", "after"))
    differences = {name: (before.get(name), after[name]) for name in after if before.get(name) != after[name]}
    if module == "digicert_iot_device_certificate" and entry.get("changed") and not differences:
        differences["certificate"] = (None, "to be renewed" if check_mode else "renewed")
    changed = "drifting" if check_mode else "changed"
    return Finding(
        host,
        entry.get("device_id") or device.get("id"),
        entry.get("device_identifier") or device.get("device_identifier") or after.get("device_identifier"),
        "failed" if failed else changed if entry.get("changed") else "in_line",
        differences,
        {"not_after": certificate["not_after"], "days_left": certificate["remaining_days"]} if certificate else None,
        _failure_of(entry) if failed else None,
        [str(warning) for warning in entry.get("warnings") or ()],
    )


def _flat(side: t.Any) -> dict[str, t.Any]:
    """Return one side of a diff with the fields beside the rest."""
    if not isinstance(side, dict):
        return {}
    return {**{key: value for key, value in side.items() if key != "fields"}, **(side.get("fields") or {})}


def _failure_of(entry: Result) -> dict[str, str]:
    kind = (entry.get("failure") or {}).get("kind")
    message = entry.get("msg") or entry.get("censored") or "There is no message."
    return {"kind": kind if kind in CAUSES else "other", "message": str(message)}


def make_report(findings: t.Iterable[Finding], generated: str, check_mode: bool, playbook: str) -> Report:
    """Return the report on all findings, in the order in which they were made."""
    devices = [_device(group) for group in _by_device(findings)]
    failed = [(number, device["failure"]["kind"]) for number, device in enumerate(devices) if device["failure"]]
    failures = [
        {
            "kind": kind,
            "cause": CAUSES[kind][0],
            "cure": CAUSES[kind][1],
            "devices": [number for number, other in failed if other == kind],
        }
        for kind in dict.fromkeys(kind for _number, kind in failed)
    ]
    counts = {state: sum(device["state"] == state for device in devices) for state in STATES}
    return {
        "generated": generated,
        "check_mode": check_mode,
        "playbook": playbook,
        "counts": {"devices": len(devices), **counts},
        "devices": devices,
        "failures": sorted(failures, key=lambda failure: -len(failure["devices"])),
    }


def _by_device(findings: t.Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings of each device together. What names no device is about the one that its host had last."""
    groups: dict[str, list[Finding]] = {}
    latest: dict[str, str] = {}
    for finding in findings:
        key = (
            latest.get(finding.host, f"host {finding.host}") if finding.device_id is None else finding.device_id.lower()
        )
        latest[finding.host] = key
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _device(findings: list[Finding]) -> dict[str, t.Any]:
    differences: dict[str, tuple[t.Any, t.Any]] = {}
    for finding in findings:
        for name, (before, after) in finding.differences.items():
            differences[name] = (differences.get(name, (before,))[0], after)
    return {
        "host": findings[-1].host,
        "device_id": _last(finding.device_id for finding in findings),
        "device_identifier": _last(finding.device_identifier for finding in findings),
        "state": max((finding.state for finding in findings), key=STATES.index),
        "differences": [
            {"name": name, "before": _text(before), "after": _text(after)}
            for name, (before, after) in differences.items()
        ],
        "certificate": _last(finding.certificate for finding in findings),
        "failure": next((finding.failure for finding in findings if finding.failure), None),
        "warnings": list(dict.fromkeys(warning for finding in findings for warning in finding.warnings)),
    }


def _last(values: t.Iterable[t.Any]) -> t.Any:
    return next((value for value in reversed(list(values)) if value is not None), None)


def _text(value: t.Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
