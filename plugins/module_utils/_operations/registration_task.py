# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of a task for the registration of one device, and the value that they are parsed into. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Operator,
    operator_argument_spec,
    parse_operator,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import secrets_of
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    fields_argument_spec,
    identifier_problems,
    parse_desired_fields,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import ACTIVE, DISABLED, PERMISSIONS
from ansible_collections.edgeops.digicert.plugins.module_utils._record.registration import DesiredRegistration
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems, reference_problems

_STATUSES = {None: None, True: ACTIVE, False: DISABLED}
# The options that identify a device in the account.
IDENTIFIERS = ("device_id", "device_identifier")


class RegistrationTask(t.NamedTuple):
    """A device, by its ID or by its name, how to connect to the API, and the desired registration.

    `problems` are errors in the parameters as sentences, and `secrets` are the texts of secret parameters.
    """

    operator: Operator
    device_id: str | None
    device_identifier: str
    desired: DesiredRegistration
    problems: list[str]
    secrets: list[str]

    @property
    def new_name(self) -> str:
        """The name of the device after the task, if the task names it."""
        return self.desired.state.device_identifier or self.device_identifier

    @property
    def timeout(self) -> int:
        """The timeout of each request in seconds."""
        return self.operator.connection.timeout

    def failed(self, failure: DeviceManagerError) -> dict[str, t.Any]:
        """Return the result of the module that failed for this device."""
        device_id = self.device_id or failure.device_id
        label = self.device_id or self.device_identifier
        if device_id != label and device_id is not None:
            label = f"{label} ({device_id})"
        return {
            **failure.result(label),
            "device_id": device_id,
            "device_identifier": self.device_identifier or None,
        }


def registration_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the module for the registration of one device."""
    texts = (*IDENTIFIERS, "new_device_identifier", "division_id", "device_profile_id")
    return {
        **operator_argument_spec(),
        **{option: {"type": "str"} for option in texts},
        **fields_argument_spec(),
        **{option: {"type": "bool"} for option in (*PERMISSIONS, "enabled")},
    }


# The constraints of registration_argument_spec.
REGISTRATION_CONSTRAINTS = {"mutually_exclusive": [IDENTIFIERS], "required_one_of": [IDENTIFIERS]}
_SPEC = registration_argument_spec()


def parse_registration_task(params: t.Mapping[str, t.Any]) -> RegistrationTask:
    """Return the task in the parameters of the module, which meet its constraints."""
    device_id, device_identifier, new_name = (params[option] for option in (*IDENTIFIERS, "new_device_identifier"))
    state, problems = parse_desired_fields(params)
    problems += [] if device_id is None else id_problems(device_id)
    problems += identifier_problems("device_identifier", device_identifier)
    problems += identifier_problems("new_device_identifier", new_name)
    for option in ("division_id", "device_profile_id"):
        problems += reference_problems(option, params[option])
    desired = DesiredRegistration(
        state._replace(device_identifier=new_name),
        {option: params[option] for option in PERMISSIONS if params[option] is not None},
        _STATUSES[params["enabled"]],
        params["division_id"],
        params["device_profile_id"],
    )
    secrets = secrets_of(params, _SPEC)
    return RegistrationTask(parse_operator(params), device_id, device_identifier or "", desired, problems, secrets)
