# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Keeping one device's record true: read it, plan, update it when the plan says so, and see that it holds."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import open_session, recover_files
from ansible_collections.edgeops.digicert.plugins.module_utils._device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import (
    Failure,
    NotKept,
    OutcomeUnknown,
    ReadDenied,
    WriteDenied,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._plan import (
    Plan,
    changed_by_others,
    not_kept,
    plan_change,
    plan_overwrite,
    settle,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record import (
    ACTIVE,
    FLAGS,
    Record,
    quoted,
    values_by_id,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import Contexts
from ansible_collections.edgeops.digicert.plugins.module_utils._wishes import Wishes, read_wishes


def keep_device(
    options: dict[str, t.Any],
    folder: t.Callable[[], str],
    check_mode: bool,
    warn: t.Callable[[str], None],
    contexts: Contexts | None = None,
    pause: t.Callable[[float, int | None], None] | None = None,
) -> dict[str, t.Any]:
    """Bring one device's record to what `options`, the parameters of a module, say, and return the module's result.

    The other arguments are those of open_session. Raises a Failure.
    """
    wishes, problems = read_wishes(options)
    recovered = not problems and recover_files(options, not check_mode, warn)
    try:
        session = open_session(options, problems, folder, warn, contexts, pause)
        try:
            api = DeviceApi(session, options["device_id"])
            outcome = keep_record(api, wishes, options["on_read_denied"] == "overwrite", check_mode, warn)
        finally:
            session.close()
    except Failure as failure:
        failure.changed = failure.changed or recovered
        raise
    diff = outcome.plan.diff
    if recovered:
        states = {"before": "interrupted", "after": "completed"}
        diff = {side: {**diff[side], "certificate_renewal": state} for side, state in states.items()}
    return {
        "changed": outcome.plan.changed or recovered,
        "device": outcome.record,
        "changed_fields": outcome.plan.changed_fields,
        "diff": diff,
    }


class Outcome(t.NamedTuple):
    """What was planned, and the record as it is afterwards; in check mode, as it would be."""

    plan: Plan
    record: Record


def keep_record(
    api: DeviceApi,
    wishes: Wishes,
    overwrite: bool,
    check_mode: bool,
    warn: t.Callable[[str], None],
) -> Outcome:
    """Bring the record to what `wishes` say and return the outcome.

    `overwrite` allows to send the wishes without comparing when the record may not be read. Raises a Failure.
    """
    try:
        record = api.read()
    except ReadDenied:
        if not overwrite:
            raise
        plan = plan_overwrite(api.device_id, wishes)
    else:
        if record.get("status", ACTIVE) != ACTIVE:
            warn("The device's status is {}, not {}.".format(record["status"], ACTIVE))
        plan = plan_change(record, wishes)
    for warning in plan.warnings:
        warn(warning)
    if plan.changed and plan.before.get("device_api_allow_write") is False:
        raise WriteDenied(
            f"The record has to change ({quoted(not_kept(plan, plan.before))}), and the device may not update it: its "
            "device_api_allow_write is false. Nothing was written. Have the operator allow it."
        )
    if check_mode or not plan.changed:
        return Outcome(plan, plan.masked(plan.after))
    try:
        record = update_record(api, plan, warn)
    except Failure as failure:
        failure.conceal(plan.secret_values)
        raise
    return Outcome(plan, plan.masked(record))


def update_record(api: DeviceApi, plan: Plan, warn: t.Callable[[str], None]) -> Record:
    """Send the update of `plan` and return the record that came of it. Raises a Failure."""
    record = confirm(api, lambda: api.update(plan.payload), lambda record: not_kept(plan, record), plan.before)
    foreign = changed_by_others(plan, record)
    if foreign:
        warn(f"Something else changed {quoted(foreign)} while this task wrote: compare before you rely on it.")
    return settle(plan, record)


def confirm(
    api: DeviceApi, send: t.Callable[[], Record], lost_of: t.Callable[[Record], list[str]], before: Record
) -> Record:
    """Send something that writes and return the record that came of it, seen from the answer or by reading again.

    `lost_of` says what of it is not so in a record. Raises a Failure.
    """
    trouble: Failure | None = None
    try:
        record = send()
    except Failure as failure:
        if not failure.doubtful:
            raise
        trouble = failure
    if trouble is not None or lost_of(record):
        record = _read_again(api, trouble or NotKept("The answer to the update does not show what was sent."))
    lost = lost_of(record)
    changed = _content(record) != _content(before)
    if lost and trouble is not None and not changed:
        trouble.args = (f"{trouble} The record was read again: nothing had been written by then.",)
        raise trouble
    if lost:
        raise NotKept(
            f"The service took the update and did not keep {quoted(lost)}: its record has another value there. "
            "Something else may write to this record, or the device's profile may not allow the value.",
            changed=changed,
        )
    return record


def _content(record: Record) -> list[t.Any]:
    """Return all of a record that can be written."""
    return [values_by_id(record), *(record.get(key) for key in ("device_identifier", "status", *FLAGS))]


def _read_again(api: DeviceApi, trouble: Failure) -> Record:
    try:
        return api.read()
    except Failure as failure:
        raise OutcomeUnknown(
            f"The update was sent and the record may have been written: its outcome is unknown. {trouble} "
            f"Reading the record again did not help: {failure} Run the task again: it changes only what still differs.",
            http_status=trouble.http_status,
            code=trouble.code,
            api_message=trouble.api_message,
            retries=trouble.retries,
            changed=True,
        ) from failure
