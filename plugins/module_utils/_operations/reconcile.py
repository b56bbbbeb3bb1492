# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Reconcile the record of one device: read it, plan, send the update if required, and verify it."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session, recover_files
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    OutcomeUnknownError,
    ReadDeniedError,
    StoppedError,
    UpdateNotAppliedError,
    WriteDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import (
    Plan,
    concurrent_changes,
    current_secrets,
    normalize_response,
    plan_change,
    plan_overwrite,
    unapplied_changes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    KEYS,
    Record,
    flags_of,
    join_quoted,
    values_by_id,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors

# The maximum number of repetitions of an update that another client overwrites.
_MOST_OVERWRITTEN = 2


def ensure_device(task: DeviceTask, runtime: Runtime) -> dict[str, t.Any]:
    """Apply the task to the record of its device. Return the result of the module. Raises a DeviceManagerError."""
    redactor = Redactor(task.secrets)
    runtime = runtime._replace(warn=redacting(runtime.warn, redactor))
    recovered = False
    try:
        with unexpected_errors():
            recovered = not task.problems and recover_files(task.credentials, runtime)
            session = open_session(task.connection, task.credentials, task.problems, runtime)
            try:
                outcome = reconcile_record(DeviceApi(session, task.device_id, redactor), task.desired, runtime)
            finally:
                session.close()
    except DeviceManagerError as failure:
        failure.changed = failure.changed or recovered
        # The original error has the secrets.
        raise failure.redacted(redactor) from None
    plan = outcome.plan
    shown = {"device": outcome.record, "changed_fields": plan.changed_fields, "diff": plan.diff}
    shown = redactor.data(shown, KEYS | frozenset(shown))
    if recovered:
        for side, state in {"before": "interrupted", "after": "completed"}.items():
            shown["diff"][side]["certificate_renewal"] = state
    return {"changed": plan.changed or recovered, "device_id": task.device_id, **shown}


def redacting(warn: t.Callable[[str], None], redactor: Redactor) -> t.Callable[[str], None]:
    """Return a function that emits each warning without secrets, also without those that `redactor` gets later."""
    return lambda warning: warn(redactor.text(warning))


def _once(warn: t.Callable[[str], None]) -> t.Callable[[str], None]:
    """Return a function that emits each warning once, because a record can be planned several times."""
    known: set[str] = set()

    def warn_once(warning: str) -> None:
        if warning not in known:
            known.add(warning)
            warn(warning)

    return warn_once


class UpdateResult(t.NamedTuple):
    """The plan, and the record after the update. In check mode, the predicted record."""

    plan: Plan
    record: Record


def reconcile_record(api: DeviceApi, desired: DesiredState, runtime: Runtime) -> UpdateResult:
    """Apply the desired state to the record and return the result. Raises a DeviceManagerError."""
    warn = _once(runtime.warn)

    def replan(record: Record) -> Plan:
        api.redactor.add(current_secrets(record, desired))
        return _plan_record(record, desired, warn)

    try:
        record = api.read()
    except ReadDeniedError:
        if not desired.overwrite:
            raise
        plan = plan_overwrite(api.device_id, desired)
        warn(plan.warnings[0])
        readable = False
    else:
        plan = replan(record)
        readable = True
    if runtime.check_mode or not plan.changed:
        return UpdateResult(plan, plan.masked(plan.after))
    plan, record = write_record(api, plan, send_update(api), replan if readable else None, warn)
    return UpdateResult(plan, plan.masked(record))


def _plan_record(record: Record, desired: DesiredState, warn: t.Callable[[str], None]) -> Plan:
    """Return the plan for a record that was read. Raises InvalidDesiredStateError or WriteDeniedError."""
    if record.get("status", ACTIVE) != ACTIVE:
        warn("The status of the device is {}, not {}.".format(record["status"], ACTIVE))
    plan = plan_change(record, desired)
    for warning in plan.warnings:
        warn(warning)
    if plan.changed and plan.before.get("device_api_allow_write") is False:
        raise WriteDeniedError(
            f"The record differs from the desired state ({join_quoted(unapplied_changes(plan, plan.before))}), but the "
            "device has no write access: its device_api_allow_write is false. The module sent no update. Have an "
            "operator grant write access."
        )
    return plan


Send = t.Callable[[Plan, Attempts], Record]
Replan = t.Callable[[Record], Plan]


def send_update(api: DeviceApi) -> Send:
    """Return a function that sends the update of a plan once."""
    return lambda plan, attempts: api.update(plan.payload, attempts)


def write_record(
    api: DeviceApi, plan: Plan, send: Send, replan: Replan | None, warn: t.Callable[[str], None]
) -> UpdateResult:
    """Send the request of `plan` until the record has the planned values. Return the last plan and that record.

    `send` sends the request once. After each wait the record is read, and `replan` returns the plan for that record.
    Without `replan`, for a record that cannot be read, the same request is sent again. Raises a DeviceManagerError.
    """
    return _Writer(api, plan, send, replan, warn).run()


class _Writer:
    """Writes one plan, and replaces it with a new plan after each read of the record.

    Without a new plan, a request after a wait would revert the changes of another client during the wait.
    """

    def __init__(
        self, api: DeviceApi, plan: Plan, send: Send, replan: Replan | None, warn: t.Callable[[str], None]
    ) -> None:
        self._api = api
        self._send = send
        self._replan = replan
        self._warn = warn
        self._plan = plan
        self._attempts = api.attempts(immediate=replan is not None)
        self._overwritten = 0
        # The record as read before the first request that may have changed it.
        self._base = plan.before

    def run(self) -> UpdateResult:
        """Return the last plan and the resulting record. Raises a DeviceManagerError."""
        try:
            # Each cycle starts with an update, and after an unexpected error its outcome is not known. A false report
            # of a change is better than no report of a change.
            with unexpected_errors(changed=True):
                while True:
                    outcome = self._cycle()
                    if outcome is not None:
                        return outcome
        except DeviceManagerError as failure:
            failure.changed = failure.changed or self._overwritten > 0
            raise

    @property
    def _may_have_written(self) -> bool:
        return self._overwritten > 0 or self._attempts.may_have_applied

    def _cycle(self) -> UpdateResult | None:
        """Send the request once. Return the result, or None if another cycle is required."""
        if not self._may_have_written:
            self._base = self._plan.before
        try:
            record = self._send(self._plan, self._attempts)
        except DeviceManagerError as failure:
            if failure.again:
                return self._prepare_again(failure)
            if not failure.may_have_applied:
                raise
            return self._judge(self._read_after(failure), failure)
        if unapplied_changes(self._plan, record):
            record = self._read_after(
                UpdateNotAppliedError("The response to the update does not have the values that were sent.")
            )
        return self._judge(record, None)

    def _prepare_again(self, failure: DeviceManagerError) -> UpdateResult | None:
        """Wait and plan again, before a request is sent again because of `failure`."""
        if self._replan is None:
            return None
        try:
            record = self._api.read()
        except DeviceManagerError as reason:
            if not self._may_have_written:
                raise
            if isinstance(reason, StoppedError):
                # The wait was interrupted. If an update may have been applied, one more request is allowed.
                return self._judge(self._read_after(reason), reason)
            raise _outcome_unknown(failure, reason) from reason
        plan = self._planned(record, self._replan)
        if plan.changed:
            self._plan = plan
            return None
        if not self._may_have_written:
            self._plan = plan
        # Otherwise the request without a response probably changed the record, although another client can have made
        # the same change. A false report of a change is better than no report of a change.
        return self._done(record)

    def _planned(self, record: Record, replan: Replan) -> Plan:
        try:
            plan = replan(record)
        except DeviceManagerError as failure:
            failure.changed = self._may_have_written and self._has_changed(record)
            raise
        return plan

    def _read_after(self, send_error: DeviceManagerError) -> Record:
        """Return the record after an update whose response does not show the outcome, because of `send_error`."""
        try:
            return self._api.read()
        except DeviceManagerError as reason:
            raise _outcome_unknown(send_error, reason) from reason

    def _judge(self, record: Record, send_error: DeviceManagerError | None) -> UpdateResult | None:
        """Compare the record with the plan. Return the result, or None if another cycle is required.

        `send_error` is the reason why no response shows the outcome of the last attempt.
        """
        lost = unapplied_changes(self._plan, record)
        if not lost:
            return self._done(record)
        if send_error is None and self._replan is not None and self._is_overwritten(record):
            self._overwritten += 1
            plan = self._planned(record, self._replan)
            if not plan.changed:
                return self._done(record)
            self._plan = plan
            return None
        changed = self._has_changed(record)
        if send_error is not None and not changed:
            raise send_error.replace(
                f"{send_error} A read after the error shows that the record is unchanged."
            ) from send_error
        raise UpdateNotAppliedError(
            f"The API accepted the update, but the record has other values of {join_quoted(lost)}. Another client may "
            "change this record, or the device profile may not allow the value.",
            changed=changed,
        )

    def _is_overwritten(self, record: Record) -> bool:
        """Return whether another client has overwritten the update, and the update can be repeated.

        Such a client has changed other fields as well. An API that ignores a value does not.
        """
        return self._overwritten < _MOST_OVERWRITTEN and bool(concurrent_changes(self._plan, record))

    def _has_changed(self, record: Record) -> bool:
        """Return whether the record has changed, possibly by this run."""
        return not is_same(record, self._base)

    def _done(self, record: Record) -> UpdateResult:
        concurrent = unapplied_changes(self._plan, record) + concurrent_changes(self._plan, record)
        if concurrent:
            self._warn(
                f"{join_quoted(concurrent)} changed during this update. Either another client or the update itself "
                "changed these values. Verify them."
            )
        return UpdateResult(self._plan, normalize_response(self._plan, record))


def _content(record: Record) -> list[t.Any]:
    """Return all values of a record that can be changed."""
    values = {key: value for key, value in values_by_id(record).items() if value is not None}
    return [values, record.get("device_identifier"), record.get("status"), flags_of(record)]


def is_same(record: Record, other: Record) -> bool:
    """Return whether two records have the same values of all keys that can be changed."""
    return _content(record) == _content(other)


def _outcome_unknown(send_error: DeviceManagerError, reason: DeviceManagerError) -> DeviceManagerError:
    """Return the error for an update that failed with `send_error`, after which a read failed for `reason`."""
    return OutcomeUnknownError.caused_by(
        send_error,
        f"The update was sent, but its outcome is unknown: the record may have been changed. {send_error} "
        f"The record could not be read again: {reason} Run the task again: it changes only fields that still differ.",
        changed=True,
    )
