# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of a task for many registrations, and the list of all devices that can replace most of its requests."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import (
    Limits,
    Params,
    Result,
    many_argument_spec,
    parse_limits,
    with_defaults,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import OperatorSessions
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import OperatorApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import Page, read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration import PAGE
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    IDENTIFIERS,
    REGISTRATION_CONSTRAINTS,
    RegistrationTask,
    parse_registration_task,
    registration_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import id_key, join_truncated
from ansible_collections.edgeops.digicert.plugins.module_utils._record.registration import DeviceList
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

# A list with more devices for each registration takes longer than a request for each registration.
MOST_LISTED = 10


def registrations_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of a module for many registrations, each with the options for one registration."""
    of_one = (*IDENTIFIERS, "new_device_identifier")
    return many_argument_spec("registrations", registration_argument_spec(), of_one, **REGISTRATION_CONSTRAINTS)


def parse_registrations(params: Params) -> tuple[list[RegistrationTask], Limits]:
    """Return the task of each registration in the parameters of a module for many, and the limits for all of them.

    Options that a registration omits are those of the task. Raises InvalidParametersError.
    """
    tasks = [parse_registration_task(with_defaults(entry, params)) for entry in params["registrations"]]
    limits = parse_limits(params, "registrations", [_name_of(task) for task in tasks])
    taken = _names_of_several(tasks)
    if taken:
        raise InvalidParametersError(
            f"Several registrations have or get the same name: {join_truncated(map(repr, taken))}. Names are unique in "
            "a division. To rename a device to the name that another device gives up, set device_id for both."
        )
    return tasks, limits


def listed_ids(tasks: t.Iterable[RegistrationTask]) -> frozenset[str]:
    """Return the `id_key` of each device that a task identifies by its ID."""
    return frozenset(id_key(task.device_id) for task in tasks if task.device_id is not None)


def _name_of(task: RegistrationTask) -> str:
    """Return a text that is unique for each device. Names are unique in a division, and IDs in the account."""
    if task.device_id is not None:
        return id_key(task.device_id)
    if task.desired.division_id is None:
        return task.device_identifier
    return f"{task.device_identifier} in division {id_key(task.desired.division_id)}"


def _names_of_several(tasks: t.Iterable[RegistrationTask]) -> list[str]:
    """Return the names that several devices of one division have before or after these tasks.

    A name without a division can be that of a device in any division. The division of a device with an ID is unknown.
    """
    divisions: dict[str, list[str | None]] = {}
    for task in tasks:
        division_id = task.desired.division_id
        if task.device_id is None or division_id is not None:
            for name in sorted({task.device_identifier, task.new_name}.difference([""])):
                divisions.setdefault(name, []).append(division_id and id_key(division_id))
    return [
        name for name, found in divisions.items() if len(found) > 1 and (None in found or len(set(found)) < len(found))
    ]


class ListReader:
    """Reads the list of all devices if that is cheaper than a request for each registration.

    `tasks` has the one task to read the list, or none. `devices` is the list, or None.
    """

    def __init__(self, tasks: list[RegistrationTask], sessions: OperatorSessions) -> None:
        valid = [task for task in tasks if not task.problems]
        is_one_account = len({task.operator for task in valid}) == 1
        divisions = {task.desired.division_id for task in valid}
        division = divisions.pop() if len(divisions) == 1 else None
        self._most = MOST_LISTED * len(valid)
        self._filters = {} if division is None else {"division_id": division}
        self._sessions = sessions
        self.tasks = valid[:1] if is_one_account and len(valid) > 1 else []
        self.devices: DeviceList | None = None

    def read(self, task: RegistrationTask, runtime: Runtime) -> Result:
        """Read the list with the operator of `task`. Raises a DeviceManagerError, and then there is no list."""
        session = self._sessions.open(task.operator, [], runtime._replace(warn=lambda _warning: None))
        api = OperatorApi(session, Redactor(task.secrets))

        def page(offset: int) -> Page:
            current = api.page(self._filters, PAGE, offset)
            if current.total > self._most:
                raise _TooLong
            return current

        with contextlib.suppress(_TooLong):
            self.devices = DeviceList(read_list(page, api.find))
        return {"changed": False}


class _TooLong(Exception):
    """The list has more devices than it may have."""
