# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Makes the report on a fleet. Pure: findings in, report out.

A report is what its JSON file holds:

    generated   when it was made, in UTC
    check_mode  whether nothing was written, so that it tells of drift
    playbook    the name of the playbook's file
    counts      how many devices there are, and in which state
    devices     a row for each device of each host, with host, device_id, device_identifier, state (in_sync, changed,
                drifted or failed), differences (name, before, after), certificate (not_after, remaining_days), failure
                (kind, message), warnings
    failures    what devices failed of, each kind with cause, remedy and the numbers of its devices in `devices`
"""

from __future__ import annotations

import re
import typing as t

STATES = ("in_sync", "changed", "drifted", "failed")
# What failed -> why, and what to do. The guide on errors says more of each.
CAUSES = {
    "invalid_parameters": (
        "The task cannot be right, whatever the record says. Nothing was sent.",
        "Correct what the message names: an option, a file or a key.",
    ),
    "missing_library": (
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
    "api_key_rejected": (
        "The service does not accept the operator's API key.",
        "Renew the key, or give its user the permission.",
    ),
    "device_not_found": (
        "The service knows no such device.",
        "Correct device_id or device_identifier, or create the device.",
    ),
    "http_error": (
        "The service answered with an error.",
        "Read what it says; with 429, or 500 and above, run it again later.",
    ),
    "invalid_response": (
        "Something else answered in the place of the service.",
        "Check api_url, and what proxy or login page is on the way.",
    ),
    "invalid_desired_state": (
        "The record cannot be brought to what the task asks.",
        "Correct the fields in the playbook, or the device's profile.",
    ),
    "list_incomplete": (
        "The list of devices could not be read as a whole.",
        "Run it again, or name the device by its ID.",
    ),
    "update_not_applied": (
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
    "renewal_denied": (
        "The service does not let the device renew its certificate.",
        "Set allow_renew_certificate with digicert_iot_device_access.",
    ),
    "renewal_pending": (
        "The new certificate waits for somebody to approve it.",
        "Let the service approve renewals of this profile without asking.",
    ),
    "renewal_unverified": (
        "The service does not accept the certificate that it issued. The old one stays.",
        "Run it again; if it stays so, ask DigiCert.",
    ),
    "file_write_failed": (
        "The certificate or its key could not be written.",
        "See to the permissions and the room of their folder.",
    ),
    "unreachable": (
        "Ansible could not reach the host.",
        "Check that the host is on, its address, and how Ansible logs in.",
    ),
    "other": (
        "The module returned no result, or an invalid result, or the playbook made the task fail.",
        "Read the message.",
    ),
}

Report = t.Dict[str, t.Any]

# The most characters of a text.
_MAX_TEXT = 4000
# Control characters except tab, line feed and carriage return, and lone surrogates, which are not valid in JSON.
_UNFIT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Finding(t.NamedTuple):
    """What one task says about one device of one host. `differences` have a value before and after under each name.

    `device_id` and `device_identifier` are None if they are not known. `hidden` is whether the task has no_log.
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


def clean(text: str) -> str:
    """Return a text as the report shows it: without characters that are invalid or control a terminal, and not long."""
    more = len(text) - _MAX_TEXT
    shown = f"{text[:_MAX_TEXT]}... ({more} more characters)" if more > 0 else text
    return _UNFIT.sub("\ufffd", shown)


def make_report(findings: t.Iterable[Finding], generated: str, check_mode: bool, playbook: str) -> Report:
    """Return the report on all findings, host by host in the order in which these were seen."""
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
    ids: dict[str | None, str] = {
        finding.device_identifier: finding.device_id.lower()
        for finding in findings
        if finding.device_identifier is not None and finding.device_id is not None
    }
    keys = [_key(finding, ids) for finding in findings]
    devices = [key for key in dict.fromkeys(keys) if key is not None]
    groups: dict[tuple[str, str] | None, list[Finding]] = {}
    for finding, key in zip(findings, keys):
        is_unreachable = finding.failure is not None and finding.failure["kind"] == "unreachable"
        of_all = key is None and devices and (len(devices) == 1 or is_unreachable)
        for each in devices if of_all else [key]:
            groups.setdefault(each, []).append(finding)
    return list(groups.values())


def _key(finding: Finding, ids: dict[str | None, str]) -> tuple[str, str] | None:
    """Return what identifies the device on its host. `ids` has the ID of each name."""
    device_id = ids.get(finding.device_identifier) if finding.device_id is None else finding.device_id.lower()
    if device_id is not None:
        return ("id", device_id)
    return None if finding.device_identifier is None else ("name", finding.device_identifier)


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
