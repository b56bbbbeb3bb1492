# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of a task for the record of one device, and the value that they are parsed into. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    connection_argument_spec,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import secrets_of
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    DesiredState,
    parse_desired_state,
    record_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems


class DeviceTask(t.NamedTuple):
    """A device, how to connect to it, and the desired state of its record.

    `problems` are errors in the parameters as sentences, and `secrets` are the texts of secret parameters.
    """

    device_id: str
    connection: Connection
    credentials: Credentials
    desired: DesiredState
    problems: list[str]
    secrets: list[str]

    @property
    def timeout(self) -> int:
        """The timeout of each request in seconds."""
        return self.connection.timeout

    def failed(self, failure: DeviceManagerError) -> dict[str, t.Any]:
        """Return the result of the module that failed for this device."""
        return failure.result(self.device_id)


def device_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of a module for the record of one device."""
    return {**connection_argument_spec(), **record_argument_spec()}


_SPEC = device_argument_spec()


def parse_device_task(params: t.Mapping[str, t.Any]) -> DeviceTask:
    """Return the task in the parameters of a module for the record of one device."""
    desired, problems = parse_desired_state(params)
    device_id = params["device_id"]
    return DeviceTask(
        device_id,
        parse_connection(params),
        parse_credentials(params),
        desired,
        problems + id_problems(device_id),
        secrets_of(params, _SPEC),
    )
