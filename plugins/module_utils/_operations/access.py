# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Manage the API access and the status of a device."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Operator,
    operator_argument_spec,
    parse_operator,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
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
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors

# The key of the record for each permission option.
_FLAGS = {flag.replace("device_api_", ""): flag for flag in PERMISSION_FLAGS}
# The key of the record for each option.
_KEYS = {**_FLAGS, "enabled": "status"}
_STATUSES = {True: ACTIVE, False: "DISABLED"}
# One page is sufficient to look up a name.
_PAGE = 100


class AccessTask(t.NamedTuple):
    """A device, by its ID or by its name, and the desired values of the keys of its record.

    `problems` are errors in the parameters as sentences.
    """

    operator: Operator
    device_id: str | None
    device_identifier: str
    division_id: str | None
    desired: dict[str, t.Any]
    problems: list[str]


def access_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the module for the API access of a device."""
    return {
        **operator_argument_spec(),
        "device_id": {"type": "str"},
        "device_identifier": {"type": "str"},
        "division_id": {"type": "str"},
        **{option: {"type": "bool"} for option in _KEYS},
    }


# The constraints of access_argument_spec.
ACCESS_CONSTRAINTS = {
    "mutually_exclusive": [("device_id", "device_identifier")],
    "required_one_of": [("device_id", "device_identifier"), tuple(_KEYS)],
    "required_by": {"division_id": ["device_identifier"]},
}


def parse_access_task(params: t.Mapping[str, t.Any]) -> AccessTask:
    """Return the task in the parameters of the module, which meet its constraints."""
    device_id, device_identifier = params["device_id"], params["device_identifier"]
    problems = [] if device_id is None else id_problems(device_id)
    if device_identifier == "":
        problems.append("device_identifier is empty. Set the name of the device, or set device_id.")
    desired = {key: params[option] for option, key in _KEYS.items() if params[option] is not None}
    if "status" in desired:
        desired["status"] = _STATUSES[desired["status"]]
    operator = parse_operator(params)
    return AccessTask(operator, device_id, device_identifier, params["division_id"], desired, problems)


def ensure_access(task: AccessTask, redactor: Redactor, runtime: Runtime) -> dict[str, t.Any]:
    """Apply the task to the flags and the status of its device. Return the result of the module.

    `redactor` has the secrets of the task. Raises a DeviceManagerError, with `device_id` if a lookup found the device.
    """
    session = open_operator_session(task.operator, task.problems, runtime)
    try:
        api = OperatorApi(session, redactor)
        device = api.device(task.device_id or _find(api, task.device_identifier, task.division_id))
        try:
            changed, plan, record = _ensure(device, task.desired, runtime)
        except DeviceManagerError as failure:
            failure.device_id = device.device_id
            raise
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


def _ensure(device: OperatorDeviceApi, desired: dict[str, t.Any], runtime: Runtime) -> tuple[bool, Plan, Record]:
    """Return whether the record changed or would change, the plan, and the resulting record."""
    plan = plan_access(device.read(), desired)
    for warning in plan.warnings:
        runtime.warn(warning)
    if runtime.check_mode or not plan.changed:
        return plan.changed, plan, plan.after
    changed, record = _write(device, plan.before, desired, runtime.warn)
    return changed, plan, record


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
    device: OperatorDeviceApi, record: Record, desired: dict[str, t.Any], warn: t.Callable[[str], None]
) -> tuple[bool, Record]:
    """Apply the desired values to `record`. Return whether that changed the record, and the resulting record.

    A device is enabled before and disabled after all other changes. Raises a DeviceManagerError.
    """

    def send_status(plan: Plan, attempts: Attempts) -> Record:
        return device.set_status(plan.after["status"], attempts)

    status = {key: value for key, value in desired.items() if key == "status"}
    flags = {key: value for key, value in desired.items() if key != "status"}
    steps = [(status, send_status), (flags, send_update(device))]
    if status.get("status") != ACTIVE:
        steps.reverse()
    changed = False
    try:
        with unexpected_errors():
            for part, send in steps:
                plan = plan_access(record, part)
                if plan.changed:
                    plan, written = write_record(device, plan, send, functools.partial(plan_access, desired=part), warn)
                    changed = changed or plan.changed
                    # The next step sends all values, so it requires the complete record, and not a partial response.
                    record = written if is_same(written, plan.after) else device.read()
            lost = unapplied_changes(plan_access(record, desired), record)
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
