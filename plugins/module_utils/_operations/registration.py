# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Register a device as an operator: create its record, or change it, so that it is as desired."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Operator
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import (
    OperatorApi,
    OperatorDeviceApi,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    DeviceNotFoundError,
    HttpError,
    InvalidDesiredStateError,
    OutcomeUnknownError,
    UpdateNotAppliedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import (
    Send,
    is_same,
    redacting,
    send_update,
    write_record,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import RegistrationTask
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import (
    Plan,
    current_secrets,
    unapplied_changes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    KEYS,
    PERMISSIONS,
    Record,
    device_label,
    flags_of,
    id_key,
    join_quoted,
    join_truncated,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.registration import (
    DesiredRegistration,
    DeviceList,
    access_of,
    creation_payload,
    division_of,
    is_complete,
    name_problem,
    plan_creation,
    plan_of_created,
    plan_registration,
    select_named,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors

# The maximum number of devices on a page of the list. One page is sufficient to look up a name.
PAGE = 100
NO_SUCH_NAME = "The account has no device with this device_identifier, or the user of api_key has no access to it."
_MAY_EXIST = "The creation was requested, but its outcome is unknown: the device may exist."
_NEXT_RUN = "Run the task again: it looks the device up before it creates it."
# The statuses of a response to a creation that another operator can have caused, who created the device before.
_REJECTED = (400, 409)


class Source(t.NamedTuple):
    """The function that opens the sessions of a task, and the list of all devices that was read before, or None.

    `listed_ids` has the `id_key` of each device that another registration of the task identifies by its ID.
    """

    open_session: t.Callable[[Operator, list[str], Runtime], Session] = open_operator_session
    devices: DeviceList | None = None
    listed_ids: frozenset[str] = frozenset()


_SOURCE = Source()


def ensure_registration(task: RegistrationTask, runtime: Runtime, source: Source = _SOURCE) -> dict[str, t.Any]:
    """Apply the task to the record of its device. Return the result of the module.

    Raises a DeviceManagerError, with `device_id` if it is known.
    """
    redactor = Redactor(task.secrets)
    runtime = runtime._replace(warn=redacting(runtime.warn, redactor))
    try:
        with unexpected_errors():
            session = source.open_session(task.operator, task.problems, runtime)
            try:
                result = _Registration(OperatorApi(session, redactor), task, runtime, source).run()
            finally:
                session.close()
    except DeviceManagerError as failure:
        # The original error has the secrets.
        raise failure.redacted(redactor) from None
    return t.cast("dict[str, t.Any]", redactor.data(result, KEYS.union(result, PERMISSIONS)))


class _Step(t.NamedTuple):
    """A part of the desired registration that requires a request of its own, and the function that sends it."""

    desired: DesiredRegistration
    send: Send


class _Written(t.NamedTuple):
    """The last plan for a record, and the resulting record."""

    plan: Plan
    record: Record


class _Registration:
    """The registration of one device."""

    def __init__(self, api: OperatorApi, task: RegistrationTask, runtime: Runtime, source: Source) -> None:
        self._api = api
        self._task = task
        self._desired = task.desired
        self._runtime = runtime
        self._devices = source.devices
        self._listed_ids = source.listed_ids
        self._device_id = task.device_id
        self._is_created = False
        # The last list of the devices with the name of this device, and perhaps of others.
        self._found: list[Record] = []
        # Whether the record of the creation is that of the response, and not of a lookup.
        self._is_response = False

    def run(self) -> dict[str, t.Any]:
        """Return the result of the module. Raises a DeviceManagerError."""
        try:
            with unexpected_errors():
                return self._run()
        except DeviceManagerError as failure:
            failure.device_id = self._device_id
            failure.changed = failure.changed or self._is_created
            raise

    def _run(self) -> dict[str, t.Any]:
        record, is_current = self._look_up()
        if record is None:
            return self._run_creation()
        if not is_current and not is_complete(record):
            record, is_current = self._read_again(record), True
        plan = self._plan(record)
        if self._runtime.check_mode or not plan.changed:
            self._check_name(record)
            self._warn(plan)
            return _result(plan, plan.after)
        if not is_current:
            record = self._read_again(record)
        try:
            written = self._write(record)
        except HttpError as failure:
            self._raise_if_name_is_taken(record, failure)
            raise
        return _result(written.plan, written.record)

    def _run_creation(self) -> dict[str, t.Any]:
        name = self._task.new_name
        missing = [option for option in ("division_id", "device_profile_id") if getattr(self._desired, option) is None]
        if missing:
            raise DeviceNotFoundError(f"{NO_SUCH_NAME} Set {' and '.join(missing)} to create the device.")
        plan = plan_creation(name, self._desired)
        if self._runtime.check_mode:
            return _result(plan, plan.after, created=True)
        record = self._create(plan)
        is_current = self._is_response and is_complete(record) and _has_fields(plan, record)
        if not is_current and self._plan(record).changed:
            record = self._read_again(record)
        written = self._write(record)
        if not self._is_created:
            return _result(written.plan, written.record)
        return _result(plan_of_created(written.record, self._desired), written.record, created=True)

    def _look_up(self) -> tuple[Record | None, bool]:
        """Return the record of the device or None, and whether that is the record to write.

        A record from a list is only compared: before an update, it is read again.
        """
        task = self._task
        if task.device_id is not None:
            listed = self._devices and self._devices.find(task.device_id)
            return (listed, False) if listed else (self._api.device(task.device_id).read(), True)
        for name in dict.fromkeys((task.device_identifier, task.new_name)):
            found = self._find(name, self._desired.division_id)
            if found is not None:
                return found, False
        return None, False

    def _find(self, name: str, division_id: str | None) -> Record | None:
        """Return the record of the device with this name, from the list that was read before if there is one."""
        if self._devices is None:
            return self._find_now(name, division_id)
        return self._only(select_named(self._devices.named(name), name, division_id))

    def _find_now(self, name: str, division_id: str | None) -> Record | None:
        self._found = list_named(self._api, name, division_id)
        return self._only(select_named(self._found, name, division_id))

    def _only(self, records: list[Record]) -> Record | None:
        record = only_one(records)
        if record is not None:
            self._device_id = record["id"]
            if id_key(record["id"]) in self._listed_ids:
                raise InvalidDesiredStateError(
                    "Another registration of the task has the ID of this device. List each device once."
                )
        return record

    def _read_again(self, record: Record) -> Record:
        """Return the current record. Raises InvalidDesiredStateError if the device was found by another name."""
        current = self._api.device(record["id"]).read()
        name, found = current.get("device_identifier"), record.get("device_identifier")
        if self._task.device_id is None and name != found:
            raise InvalidDesiredStateError(
                f"The device had the name {found!r}, but another client has renamed it to {name!r}. Run the task "
                "again, or set device_id."
            )
        return current

    def _check_name(self, record: Record) -> None:
        """Raise InvalidDesiredStateError if another device has the desired name, because the API would reject it."""
        name = self._desired.state.device_identifier
        if name is not None and name != record.get("device_identifier"):
            division_id = division_of(record)
            found = self._devices.named(name) if self._devices else list_named(self._api, name, division_id)
            problem = name_problem(select_named(found, name, division_id), name, record["id"])
            if problem is not None:
                raise InvalidDesiredStateError(problem)

    def _raise_if_name_is_taken(self, record: Record, failure: HttpError) -> None:
        """Raise InvalidDesiredStateError if a device with the desired name can be why the API rejected the update."""
        name = self._desired.state.device_identifier
        if failure.details.http_status not in _REJECTED or name in (None, record.get("device_identifier")):
            return
        with contextlib.suppress(DeviceManagerError):
            self._found = list_named(self._api, str(name), division_of(record))
        problem = name_problem(self._found, str(name), record["id"])
        if problem is not None:
            message = f"{failure} {problem}"
            raise InvalidDesiredStateError.caused_by(failure, message, failure.changed) from failure

    def _plan(self, record: Record, desired: DesiredRegistration | None = None) -> Plan:
        self._api.redactor.add(current_secrets(record, self._desired.state))
        return plan_registration(record, desired or self._desired)

    def _warn(self, plan: Plan) -> None:
        for warning in plan.warnings:
            self._runtime.warn(warning)

    def _create(self, plan: Plan) -> Record:
        """Create the record and return it, or the record that another operator created at the same time."""
        payload = creation_payload(plan)
        attempts = self._api.attempts()
        record = None
        while record is None:
            record, payload = self._attempt(payload, attempts)
        return record

    def _attempt(self, payload: dict[str, t.Any], attempts: Attempts) -> tuple[Record | None, dict[str, t.Any]]:
        """Send a creation once. Return the record of the device or None, and the body of the next request."""
        try:
            record = self._api.create(payload, attempts)
        except DeviceManagerError as failure:
            found = self._find_after(failure, attempts)
            if found is None and not failure.again:
                payload = self._without_flags(payload, failure)
            return found, payload
        self._is_created = self._is_response = True
        self._device_id = record["id"]
        return record, payload

    def _find_after(self, failure: DeviceManagerError, attempts: Attempts) -> Record | None:
        """Return the record that exists despite `failure` of a creation, or None if there is none.

        The request is sent again only after such a lookup. Raises a DeviceManagerError if it cannot help.
        """
        may_exist = failure.may_have_applied or attempts.may_have_applied
        is_rejected = failure.details.http_status in _REJECTED
        if not (may_exist or failure.again or is_rejected):
            raise failure
        try:
            found = self._find_now(self._task.new_name, self._desired.division_id)
        except DeviceManagerError as reason:
            if not may_exist:
                raise
            raise OutcomeUnknownError.caused_by(
                failure,
                f"{_MAY_EXIST} {failure} The device could not be looked up: {reason} {_NEXT_RUN}",
                changed=True,
            ) from reason
        self._is_created = found is not None and may_exist
        if found is None and failure.may_have_applied and not (failure.again or is_rejected):
            problem = name_problem(self._found, self._task.new_name)
            if problem is not None:
                raise self._unknown_creation(failure, problem) from failure
            raise failure.replace(
                f"{failure} A lookup after the error shows that the device does not exist."
            ) from failure
        return found

    def _unknown_creation(self, failure: DeviceManagerError, problem: str | None) -> DeviceManagerError:
        """Return the error for a device that the API may have created, although a lookup does not show it."""
        problem = problem or f"A lookup does not show the device. {_NEXT_RUN}"
        return OutcomeUnknownError.caused_by(failure, f"{_MAY_EXIST} {failure} {problem}", changed=True)

    def _without_flags(self, payload: dict[str, t.Any], failure: DeviceManagerError) -> dict[str, t.Any]:
        """Return the body of a creation in its documented form, if the API rejects the body.

        Raises InvalidDesiredStateError if another device can be the reason, and `failure` otherwise.
        """
        flags = flags_of(payload)
        if failure.details.http_status == 400 and flags:
            return {key: value for key, value in payload.items() if key not in flags}
        problem = name_problem(self._found, self._task.new_name)
        if failure.may_have_applied:
            # The API can reject the last request because it has processed an earlier one without a response.
            raise self._unknown_creation(failure, problem) from failure
        if problem is None:
            raise failure
        raise InvalidDesiredStateError.caused_by(failure, f"{failure} {problem}") from failure

    def _write(self, record: Record) -> _Written:
        """Apply the desired values to `record`. Return the plan of both requests, and the resulting record.

        A device is enabled before and disabled after all other changes. Raises a DeviceManagerError.
        """
        device = self._api.device(record["id"])

        def send_status(plan: Plan, attempts: Attempts) -> Record:
            return device.set_status(plan.after["status"], attempts)

        update = _Step(self._desired.without_status, send_update(device))
        status = _Step(self._desired.only_status, send_status)
        self._warn(self._plan(record))
        plans: dict[Send, Plan] = {}
        try:
            with unexpected_errors():
                for step in (status, update) if self._desired.status == ACTIVE else (update, status):
                    plan, written = self._write_part(device, record, step)
                    plans[step.send] = plan
                    # The next step sends all values, so it requires the complete record, and not a part of it.
                    record = written if written is record or is_same(written, plan.after) else device.read()
                lost = unapplied_changes(self._plan(record), record)
                if lost:
                    raise UpdateNotAppliedError(
                        f"The record does not have the desired values of {join_quoted(lost)}. Another client may "
                        "change it."
                    )
        except DeviceManagerError as failure:
            failure.changed = failure.changed or any(plan.changed for plan in plans.values())
            raise
        return _Written(_with_status(plans[update.send], plans[status.send]), record)

    def _write_part(self, device: OperatorDeviceApi, record: Record, step: _Step) -> _Written:
        """Apply a part of the desired values to `record`, if it differs. Return the last plan and the response."""

        def replan(current: Record) -> Plan:
            return self._plan(current, step.desired)

        plan = replan(record)
        if not plan.changed:
            return _Written(plan, record)
        return _Written(*write_record(device, plan, step.send, replan, self._runtime.warn))


def find_named(api: OperatorApi, device_identifier: str, division_id: str | None) -> list[Record]:
    """Return the records of the devices with this name, in this division if it is set. Raises a DeviceManagerError."""
    return select_named(list_named(api, device_identifier, division_id), device_identifier, division_id)


def list_named(api: OperatorApi, device_identifier: str, division_id: str | None) -> list[Record]:
    """Return what the API lists for this name, in this division if it is set. Raises a DeviceManagerError.

    That can include deleted devices and devices with other names.
    """
    filters = {"device_identifier": device_identifier}
    if division_id is not None:
        filters["division_id"] = division_id
    remedy = "set device_id instead of device_identifier"
    return read_list(lambda offset: api.page(filters, PAGE, offset), api.find, remedy)


def only_one(records: list[Record]) -> Record | None:
    """Return the only record of these with one name, or None. Raises InvalidDesiredStateError if there are more."""
    if len(records) > 1:
        ids = join_truncated(repr(record["id"]) for record in records)
        raise InvalidDesiredStateError(
            f"{len(records)} devices have this device_identifier. Set division_id, or set device_id to one of {ids}."
        )
    return records[0] if records else None


def _has_fields(plan: Plan, record: Record) -> bool:
    """Return whether the response to a creation has the fields of the request, so that an update can keep them."""
    return not unapplied_changes(plan._replace(by_operator=False, after={**plan.after, "status": None}), record)


def _with_status(update: Plan, status: Plan) -> Plan:
    """Return the plan of an update with the change of the status."""
    before, after = (
        {**record, **({"status": of_status["status"]} if "status" in of_status else {})}
        for record, of_status in ((update.before, status.before), (update.after, status.after))
    )
    return update._replace(before=before, after=after)


def _result(plan: Plan, record: Record, created: bool = False) -> dict[str, t.Any]:
    """Return the result of the module for a plan and the resulting record, which can have secrets."""
    diff = plan.diff
    access = access_of(record)
    diff["before"]["access"] = access_of(plan.before)
    diff["after"]["access"] = access
    if created:
        # Check mode does not know the ID.
        header = device_label({**record, "id": None})
        diff.update(before={}, before_header=header, after_header=header)
    return {
        "changed": created or plan.changed,
        "created": created,
        "device_id": record.get("id"),
        "device_identifier": record.get("device_identifier"),
        "device": plan.masked(record),
        "changed_fields": plan.changed_fields,
        "access": access,
        "diff": diff,
    }
