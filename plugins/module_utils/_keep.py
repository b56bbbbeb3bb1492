# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Keeping one device's record true: read it, plan, update it when the plan says so, and see that it holds."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import open_session, recover_files
from ansible_collections.edgeops.digicert.plugins.module_utils._device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._devices import secrets_of
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import (
    Failure,
    NotKept,
    OutcomeUnknown,
    ReadDenied,
    Stopped,
    WriteDenied,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._plan import (
    Plan,
    changed_by_others,
    current_secrets,
    not_kept,
    plan_change,
    plan_overwrite,
    settle,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record import (
    ACTIVE,
    KEYS,
    Record,
    flags_of,
    quoted,
    values_by_id,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._session import Pause
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import Contexts
from ansible_collections.edgeops.digicert.plugins.module_utils._wishes import Wishes, read_wishes

# An update that another client overwrites is sent again so many times at most.
_MOST_OVERWRITTEN = 2


def keep_device(
    options: dict[str, t.Any],
    folder: t.Callable[[], str],
    check_mode: bool,
    warn: t.Callable[[str], None],
    contexts: Contexts | None = None,
    pause: Pause | None = None,
) -> dict[str, t.Any]:
    """Bring one device's record to what `options`, the parameters of a module, say, and return the module's result.

    The other arguments are those of open_session. Raises a Failure.
    """
    redactor = Redactor(secrets_of(options))
    recovered = False

    def warn_redacted(warning: str) -> None:
        warn(redactor.text(warning))

    try:
        wishes, problems = read_wishes(options)
        recovered = not problems and recover_files(options, not check_mode, warn_redacted)
        session = open_session(options, problems, folder, warn_redacted, contexts, pause)
        try:
            api = DeviceApi(session, options["device_id"], redactor)
            overwrite = options["on_read_denied"] == "overwrite"
            outcome = keep_record(api, wishes, overwrite, check_mode, warn_redacted)
        finally:
            session.close()
    except Failure as failure:
        failure.changed = failure.changed or recovered
        failure.conceal(redactor)
        raise
    plan = outcome.plan
    shown = {"device": outcome.record, "changed_fields": plan.changed_fields, "diff": plan.diff}
    shown = redactor.data(shown, KEYS | frozenset(shown))
    if recovered:
        for side, state in {"before": "interrupted", "after": "completed"}.items():
            shown["diff"][side]["certificate_renewal"] = state
    return {"changed": plan.changed or recovered, **shown}


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
    warn = _once(warn)

    def replan(record: Record) -> Plan:
        api.redactor.add(current_secrets(record, wishes))
        return _plan_record(record, wishes, warn)

    try:
        record = api.read()
    except ReadDenied:
        if not overwrite:
            raise
        plan = plan_overwrite(api.device_id, wishes)
        warn(plan.warnings[0])
        readable = False
    else:
        plan = replan(record)
        readable = True
    if check_mode or not plan.changed:
        return Outcome(plan, plan.masked(plan.after))
    plan, record = write_record(api, plan, send_update(api), replan if readable else None, warn)
    return Outcome(plan, plan.masked(record))


def _once(warn: t.Callable[[str], None]) -> t.Callable[[str], None]:
    """Return a function that hands each warning on once: a record can be planned several times."""
    known: set[str] = set()

    def warn_once(warning: str) -> None:
        if warning not in known:
            known.add(warning)
            warn(warning)

    return warn_once


def _plan_record(record: Record, wishes: Wishes, warn: t.Callable[[str], None]) -> Plan:
    """Return the plan for a record that was read. Raises WishesUnfit or WriteDenied."""
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
    return plan


Send = t.Callable[[Plan, Attempts], Record]
Replan = t.Callable[[Record], Plan]


def send_update(api: DeviceApi) -> Send:
    """Return what sends the update of a plan once."""
    return lambda plan, attempts: api.update(plan.payload, attempts)


def write_record(
    api: DeviceApi, plan: Plan, send: Send, replan: Replan | None, warn: t.Callable[[str], None]
) -> Outcome:
    """Send the request of `plan` until the record is as planned, and return the last plan and that record.

    `send` sends the request once. After each wait the record is read, and `replan` returns the plan for that record;
    without `replan`, for a record that cannot be read, the same request is sent again. Raises a Failure.
    """
    return _Writer(api, plan, send, replan, warn).run()


class _Writer:
    """Writes one plan, and replaces it by a new one as often as the record has to be read again.

    A request that is sent after a wait would otherwise undo what another client wrote during the wait.
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

    def run(self) -> Outcome:
        """Return the last plan and the record that came of it. Raises a Failure."""
        try:
            while True:
                outcome = self._cycle()
                if outcome is not None:
                    return outcome
        except Failure as failure:
            failure.changed = failure.changed or self._overwritten > 0
            raise

    @property
    def _may_have_written(self) -> bool:
        return self._overwritten > 0 or self._attempts.doubtful

    def _cycle(self) -> Outcome | None:
        """Send the request once. Return the outcome, or None when there is to be another cycle."""
        if not self._may_have_written:
            self._base = self._plan.before
        try:
            record = self._send(self._plan, self._attempts)
        except Failure as failure:
            if failure.again:
                return self._prepare_again(failure)
            if not failure.doubtful:
                raise
            return self._judge(self._read_after(failure), failure)
        if not_kept(self._plan, record):
            record = self._read_after(NotKept("The answer to the update does not show what was sent."))
        return self._judge(record, None)

    def _prepare_again(self, failure: Failure) -> Outcome | None:
        """Wait and plan again, after a request that is to be sent again because of `failure`."""
        if self._replan is None:
            return None
        try:
            record = self._api.read()
        except Failure as reason:
            if not self._may_have_written:
                raise
            if isinstance(reason, Stopped):
                # The wait was cut short. An update that may have taken effect is worth one more request.
                return self._judge(self._read_after(reason), reason)
            raise _outcome_unknown(failure, reason) from reason
        plan = self._planned(record, self._replan)
        if plan.changed:
            self._plan = plan
            return None
        if not self._may_have_written:
            self._plan = plan
        # Otherwise the request that got lost is assumed to have changed the record, although another client may have
        # made the same change: a change that is reported too often costs less than one that is not reported.
        return self._done(record)

    def _planned(self, record: Record, replan: Replan) -> Plan:
        try:
            plan = replan(record)
        except Failure as failure:
            failure.changed = self._may_have_written and self._has_changed(record)
            raise
        return plan

    def _read_after(self, trouble: Failure) -> Record:
        """Return the record after an update whose response does not show the outcome, because of `trouble`."""
        try:
            return self._api.read()
        except Failure as reason:
            raise _outcome_unknown(trouble, reason) from reason

    def _judge(self, record: Record, trouble: Failure | None) -> Outcome | None:
        """Compare the record with the plan. Return the outcome, or None when there is to be another cycle.

        `trouble` is why the last attempt has no response that shows the outcome.
        """
        lost = not_kept(self._plan, record)
        if not lost:
            return self._done(record)
        if trouble is None and self._replan is not None and self._is_overwritten(record):
            self._overwritten += 1
            plan = self._planned(record, self._replan)
            if not plan.changed:
                return self._done(record)
            self._plan = plan
            return None
        changed = self._has_changed(record)
        if trouble is not None and not changed:
            trouble.args = (f"{trouble} The record was read again: nothing had been written by then.",)
            raise trouble
        raise NotKept(
            f"The service took the update and did not keep {quoted(lost)}: its record has another value there. "
            "Another client may write to this record, or the device's profile may not allow the value.",
            changed=changed,
        )

    def _is_overwritten(self, record: Record) -> bool:
        """Say whether another client has overwritten the update, and the update may be repeated.

        Such a client changed other fields as well. An API that rejects a value does not.
        """
        return self._overwritten < _MOST_OVERWRITTEN and bool(changed_by_others(self._plan, record))

    def _has_changed(self, record: Record) -> bool:
        """Say whether the record was changed, and perhaps by this run."""
        return not is_same(record, self._base)

    def _done(self, record: Record) -> Outcome:
        foreign = not_kept(self._plan, record) + changed_by_others(self._plan, record)
        if foreign:
            self._warn(
                f"{quoted(foreign)} changed during this update, by another client or by the update itself. Verify the "
                "record before you rely on it."
            )
        return Outcome(self._plan, settle(self._plan, record))


def _content(record: Record) -> list[t.Any]:
    """Return all of a record that can be written."""
    values = {key: value for key, value in values_by_id(record).items() if value is not None}
    return [values, record.get("device_identifier"), record.get("status"), flags_of(record)]


def is_same(record: Record, other: Record) -> bool:
    """Say whether two records agree in all that can be written."""
    return _content(record) == _content(other)


def _outcome_unknown(trouble: Failure, reason: Failure) -> OutcomeUnknown:
    """Return what to raise when an update got lost because of `trouble`, and reading failed for another `reason`."""
    return OutcomeUnknown(
        f"The update was sent and the record may have been written: its outcome is unknown. {trouble} "
        f"Reading the record again did not help: {reason} Run the task again: it changes only what still differs.",
        http_status=trouble.http_status,
        code=trouble.code,
        api_message=trouble.api_message,
        retries=trouble.retries,
        changed=True,
    )
