# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Retrieve the records of one device or of a list of devices, as an operator."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Operator,
    operator_argument_spec,
    parse_operator,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import OperatorApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError, DeviceNotFoundError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration import (
    NO_SUCH_NAME,
    PAGE,
    find_named,
    only_one,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import IDENTIFIERS
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    identifier_problems,
    mask_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.filters import STATUSES, read_filters, select
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    Record,
    by_name,
    join_quoted,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.registration import access_of
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems, reference_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


class Query(t.NamedTuple):
    """The devices to retrieve: one by its ID or by its name, or all that match the filters and one of the statuses.

    `problems` are errors in the parameters as sentences.
    """

    operator: Operator
    device_id: str | None
    device_identifier: str | None
    division_id: str | None
    filters: dict[str, str]
    statuses: tuple[str, ...]
    mask: tuple[str, ...]
    problems: list[str]

    @property
    def is_for_one(self) -> bool:
        """Whether the query names one device."""
        return self.device_id is not None or self.device_identifier is not None

    def failed(self, failure: DeviceManagerError) -> dict[str, t.Any]:
        """Return the result of the module that failed."""
        label = self.device_id or self.device_identifier
        return {"msg": f"Device {label}: {failure}" if label else str(failure), "failure": failure.failure()}


def registration_info_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the module that retrieves records as an operator."""
    return {
        **operator_argument_spec(),
        **{option: {"type": "str"} for option in (*IDENTIFIERS, "division_id")},
        "filters": {"type": "dict"},
        "statuses": {"type": "list", "elements": "str", "choices": list(STATUSES), "default": [ACTIVE]},
        **mask_argument_spec(),
    }


# The constraints of registration_info_argument_spec.
REGISTRATION_INFO_CONSTRAINTS = {
    "mutually_exclusive": [(*IDENTIFIERS, "filters")],
    "required_by": {"division_id": ["device_identifier"]},
}


def parse_query(params: t.Mapping[str, t.Any]) -> Query:
    """Return the query in the parameters of the module, which meet its constraints."""
    device_id, device_identifier = (params[option] for option in IDENTIFIERS)
    filters, problems = read_filters(params["filters"] or {})
    problems += [] if device_id is None else id_problems(device_id)
    problems += identifier_problems("device_identifier", device_identifier)
    problems += reference_problems("division_id", params["division_id"])
    statuses, mask = tuple(params["statuses"]), tuple(params["mask_fields"])
    operator = parse_operator(params)
    return Query(operator, device_id, device_identifier, params["division_id"], filters, statuses, mask, problems)


def retrieve(query: Query, redactor: Redactor, runtime: Runtime) -> dict[str, t.Any]:
    """Return the result of the module. Raises a DeviceManagerError."""
    session = open_operator_session(query.operator, query.problems, runtime)
    try:
        records = _read(OperatorApi(session, redactor), query)
    finally:
        session.close()
    statuses = {record.get("status", ACTIVE) for record in records} if query.is_for_one else query.statuses
    devices, unknown = select(records, statuses, query.filters, query.mask)
    if unknown:
        runtime.warn(f"mask_fields contains {join_quoted(unknown)}, but no record has such a field.")
    result: dict[str, t.Any] = {"changed": False, "devices": devices}
    if query.is_for_one:
        device = devices[0]
        result.update(device_id=device["id"], device=device, fields_by_name=by_name(device), access=access_of(device))
    return result


def _read(api: OperatorApi, query: Query) -> list[Record]:
    if query.device_id is not None:
        return [api.device(query.device_id).read()]
    if query.device_identifier is not None:
        record = only_one(find_named(api, query.device_identifier, query.division_id))
        if record is None:
            raise DeviceNotFoundError(NO_SUCH_NAME)
        return [record]
    return read_list(lambda offset: api.page(query.filters, PAGE, offset), api.find)
