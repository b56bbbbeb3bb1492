# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Manage the API access and the status of a device."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
    id_problems,
    open_operator_session,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import (
    OperatorApi,
    OperatorDeviceApi,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    DeviceNotFoundError,
    InvalidDesiredStateError,
    UpdateNotAppliedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import (
    is_same,
    send_update,
    write_record,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import Plan, plan_access, unapplied_changes
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    PERMISSION_FLAGS,
    Record,
    flags_of,
    join_quoted,
    join_truncated,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors

# The key of the record for each permission option.
_FLAGS = {flag.replace("device_api_", ""): flag for flag in PERMISSION_FLAGS}
# The key of the record for each option.
_KEYS = {**_FLAGS, "enabled": "status"}
_STATUSES = {True: ACTIVE, False: "DISABLED"}
# One page is sufficient to look up a name.
_PAGE = 100


def ensure_access(
    options: dict[str, t.Any], redactor: Redactor, check_mode: bool, warn: t.Callable[[str], None]
) -> dict[str, t.Any]:
    """Apply `options`, the parameters of a module, to the flags and the status of one device.

    Return the result of the module. `redactor` has the secrets of the task. Raises a DeviceManagerError.
    """
    session = open_operator_session(options, _problems(options), warn)
    try:
        api = OperatorApi(session, redactor)
        device = api.device(options["device_id"] or _find(api, options["device_identifier"], options["division_id"]))
        wanted = {key: options[option] for option, key in _KEYS.items() if options[option] is not None}
        if "status" in wanted:
            wanted["status"] = _STATUSES[wanted["status"]]
        plan = plan_access(device.read(), wanted)
        for warning in plan.warnings:
            warn(warning)
        if check_mode or not plan.changed:
            changed, record = plan.changed, plan.after
        else:
            changed, record = _write(device, plan.before, wanted, warn)
    finally:
        session.close()
    before, after = _access_of(plan.before), _access_of(record)
    return {
        "changed": changed,
        "device_id": device.device_id,
        "device_identifier": record.get("device_identifier"),
        "access": after,
        "diff": {"before": before, "after": after},
    }


def _problems(options: dict[str, t.Any]) -> list[str]:
    device_id, device_identifier = options["device_id"], options["device_identifier"]
    problems = [] if device_id is None else id_problems(device_id)
    if (device_id is None) == (device_identifier is None) or device_identifier == "":
        problems.append("Exactly one of device_id and device_identifier is required.")
    if options["division_id"] is not None and device_identifier is None:
        problems.append("division_id requires device_identifier, because it limits the lookup of the name.")
    if all(options[option] is None for option in _KEYS):
        problems.append(f"One of {', '.join(_KEYS)} is required.")
    return problems


def _find(api: OperatorApi, device_identifier: str, division_id: str | None) -> str:
    """Return the ID of the device with this name, in this division if it is set."""
    filters = {"device_identifier": device_identifier}
    if division_id is not None:
        filters["division_id"] = division_id
    records = read_list(lambda offset: api.page(filters, _PAGE, offset), api.find)
    # It is not documented whether the API compares the complete name, and whether it lists deleted devices.
    ids: list[str] = [
        record["id"]
        for record in records
        if record.get("device_identifier") == device_identifier and record.get("status") != "DELETED"
    ]
    if not ids:
        raise DeviceNotFoundError(
            "The account has no device with this device_identifier, or the user of api_key has no access to it."
        )
    if len(ids) > 1:
        raise InvalidDesiredStateError(
            f"{len(ids)} devices have this device_identifier. Set division_id, or set device_id to one of "
            f"{join_truncated(map(repr, ids))}."
        )
    return ids[0]


def _write(
    device: OperatorDeviceApi, record: Record, wanted: dict[str, t.Any], warn: t.Callable[[str], None]
) -> tuple[bool, Record]:
    """Apply the desired values to `record`. Return whether that changed the record, and the resulting record.

    A device is enabled before and disabled after all other changes. Raises a DeviceManagerError.
    """

    def send_status(plan: Plan, attempts: Attempts) -> Record:
        return device.set_status(plan.after["status"], attempts)

    status = {key: value for key, value in wanted.items() if key == "status"}
    flags = {key: value for key, value in wanted.items() if key != "status"}
    steps = [(status, send_status), (flags, send_update(device))]
    if status.get("status") != ACTIVE:
        steps.reverse()
    changed = False
    try:
        with unexpected_errors():
            for part, send in steps:
                plan = plan_access(record, part)
                if plan.changed:
                    plan, written = write_record(device, plan, send, functools.partial(plan_access, wanted=part), warn)
                    changed = changed or plan.changed
                    # The next step sends all values, so it requires the complete record, and not a partial response.
                    record = written if is_same(written, plan.after) else device.read()
            lost = unapplied_changes(plan_access(record, wanted), record)
            if lost:
                raise UpdateNotAppliedError(
                    f"The record does not have the desired values of {join_quoted(lost)}. Another client may change it."
                )
    except DeviceManagerError as failure:
        failure.changed = failure.changed or changed
        raise
    return changed, record


def _access_of(record: Record) -> dict[str, t.Any]:
    """Return the permissions of a record by the names of options, other permissions likewise, and its status."""
    others = {flag.replace("device_api_", ""): allowed for flag, allowed in sorted(flags_of(record).items())}
    return {**others, **{option: record.get(flag) for option, flag in _FLAGS.items()}, "status": record.get("status")}
