# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What a device may do with its own certificate, kept as the operator wants it."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import id_problems, open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import DeviceUnknown, Failure, WishesUnfit
from ansible_collections.edgeops.digicert.plugins.module_utils._keep import confirm, update_record
from ansible_collections.edgeops.digicert.plugins.module_utils._listing import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._operator_api import OperatorApi, OperatorDeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._plan import Plan, plan_access
from ansible_collections.edgeops.digicert.plugins.module_utils._record import ACTIVE, FLAGS, Record, some

# What an option is called in the record.
_KEYS = {**{flag.replace("device_api_", ""): flag for flag in FLAGS}, "status": "status"}
_STATUSES = {"enabled": ACTIVE, "disabled": "DISABLED"}
# One page is enough where a name is looked up.
_PAGE = 100


def keep_access(options: dict[str, t.Any], check_mode: bool, warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Bring one device's flags and status to what `options`, the parameters of a module, say.

    Return the module's result. Raises a Failure.
    """
    session = open_operator_session(options, _problems(options), warn)
    try:
        api = OperatorApi(session)
        device = api.device(options["device_id"] or _find(api, options["device_identifier"], options["division_id"]))
        wanted = {key: options[option] for option, key in _KEYS.items() if options[option] is not None}
        if "status" in wanted:
            wanted["status"] = _STATUSES[wanted["status"]]
        plan = plan_access(device.read(), wanted)
        for warning in plan.warnings:
            warn(warning)
        if not check_mode:
            _write(device, plan, warn)
    finally:
        session.close()
    return {
        "changed": plan.changed,
        "device_id": device.device_id,
        "device_identifier": plan.after.get("device_identifier"),
        "access": _access_of(plan.after),
        "diff": {"before": _access_of(plan.before), "after": _access_of(plan.after)},
    }


def _problems(options: dict[str, t.Any]) -> list[str]:
    device_id, device_identifier = options["device_id"], options["device_identifier"]
    problems = [] if device_id is None else id_problems(device_id)
    if (device_id is None) == (device_identifier is None) or device_identifier == "":
        problems.append("Name the device by exactly one of device_id and device_identifier.")
    if options["division_id"] is not None and device_identifier is None:
        problems.append("division_id is only for looking up a device_identifier.")
    if all(options[option] is None for option in _KEYS):
        problems.append(f"Give one of {', '.join(_KEYS)}: there is nothing to keep true.")
    return problems


def _find(api: OperatorApi, device_identifier: str, division_id: str | None) -> str:
    """Return the ID of the one device with this name, in this division if it is given."""
    filters = {"device_identifier": device_identifier}
    if division_id is not None:
        filters["division_id"] = division_id
    records = read_list(lambda offset: api.page(filters, _PAGE, offset), api.find)
    # Whether the service looks for the whole name is not said, nor whether it lists what is deleted.
    ids: list[str] = [
        record["id"]
        for record in records
        if record.get("device_identifier") == device_identifier and record.get("status") != "DELETED"
    ]
    if not ids:
        raise DeviceUnknown(
            "The account has no device with this device_identifier, as far as the user of api_key sees it."
        )
    if len(ids) > 1:
        raise WishesUnfit(
            f"{len(ids)} devices have this device_identifier: give device_id, one of {some(map(repr, ids))}, or the "
            "division_id."
        )
    return ids[0]


def _write(device: OperatorDeviceApi, plan: Plan, warn: t.Callable[[str], None]) -> None:
    """Carry out `plan`: a device is enabled before all else, and disabled after it."""
    status = plan.after.get("status")

    def update(before: Record) -> Record:
        return update_record(device, plan._replace(before=before), warn) if plan.flags else before

    def set_status(before: Record) -> Record:
        if status is None or before.get("status") == status:
            return before
        return confirm(
            device,
            lambda: device.set_status(status),
            lambda record: [] if record.get("status") == status else ["status"],
            before,
        )

    first, second = (set_status, update) if status == ACTIVE else (update, set_status)
    between = first(plan.before)
    try:
        second(between)
    except Failure as failure:
        failure.changed = failure.changed or between is not plan.before
        raise


def _access_of(record: Record) -> dict[str, t.Any]:
    return {option: record.get(key) for option, key in _KEYS.items()}
