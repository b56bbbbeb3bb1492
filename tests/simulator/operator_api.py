# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator API: all devices of the account, for requests with an API key. No network here."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qsl, unquote, urlsplit

from simulator.log import Request
from simulator.records import (
    DIVISIONS,
    FLAG_PREFIX,
    Device,
    Record,
    Records,
    Refusal,
    division_id,
    invalid,
    read_payload,
)

API_KEY = "key-of-an-operator"
# May read and not write.
READER_API_KEY = "key-of-a-reader"
LIST_PATH = "/iot/api/v2/device"
DEFAULT_PAGE = 20
# What `status` becomes by these calls.
STATUSES = {"enable": "ACTIVE", "disable": "DISABLED"}
# What a query can ask for: by what a device must be or have.
_EQUAL: dict[str, t.Callable[[Device], str]] = {
    "device_identifier": lambda device: device.device_identifier,
    "division_id": lambda device: device.division_id,
    "device_profile_id": lambda device: device.profile.id,
}
_FROM = {"created_from": "created", "updated_from": "updated"}
# The documentation spells one of them as it is here.
_TO = {"created_to": "created", "upated_to": "updated"}


def handle_operator_request(records: Records, request: Request) -> tuple[int, Device | Record]:
    """Carry out a request to the operator API and return status and content of the response. Raises Refusal."""
    check_api_key(request)
    path, query = urlsplit(request.path).path, dict(parse_qsl(urlsplit(request.path).query))
    device_id, _slash, call = path.removeprefix(f"{LIST_PATH}/").partition("/")
    device_id = unquote(device_id)
    match request.method, path == LIST_PATH, call:
        case "GET", True, _:
            return 200, _list(records, query)
        case "POST", True, _:
            return 201, _create(records, read_payload(request.body))
        case "GET", False, "":
            return 200, records.find(device_id)
        case "PUT", False, "":
            return 201, _update(records, records.find(device_id), read_payload(request.body))
        case "PUT", False, "enable" | "disable":
            device = records.find(device_id)
            if device.status == "DELETED":
                raise invalid(f"Device with id {device_id} is deleted")
            device.status = STATUSES[call]
            device.touch()
            return 200, device
        case _:
            raise Refusal(404, "resource_not_found", f"There is nothing at {request.method} {path}")


def check_api_key(request: Request) -> None:
    """Raise Refusal unless the request has an API key that permits it."""
    key = request.header("x-api-key")
    if key not in (API_KEY, READER_API_KEY):
        raise Refusal(401, "access_denied", "The API key is not valid")
    if request.method != "GET" and key != API_KEY:
        raise Refusal(403, "access_denied", "The user of the API key may not do this")


def _list(records: Records, query: dict[str, str]) -> Record:
    try:
        limit, offset = int(query.get("limit", DEFAULT_PAGE)), int(query.get("offset", 0))
    except ValueError:
        raise invalid("limit and offset must be numbers") from None
    if limit < 1 or offset < 0:
        raise invalid("limit or offset is out of range")
    limit = min(limit, records.largest_page)
    devices = _select(records.devices, query)
    if records.last_updated_first:
        devices.sort(key=lambda device: device.updated, reverse=True)
    page = [device.record for device in devices[offset : offset + limit]]
    return {"limit": limit, "offset": offset, "total": len(devices), "records": page}


def _select(devices: list[Device], query: dict[str, str]) -> list[Device]:
    """Return the devices that a query asks for. It is fast for a name, so that tests with many devices are."""
    for name, of in _EQUAL.items():
        if name in query:
            devices = [device for device in devices if of(device) == query[name]]
    for name, key in _FROM.items():
        if name in query:
            devices = [device for device in devices if f"{getattr(device, key):%F}" >= query[name]]
    for name, key in _TO.items():
        if name in query:
            devices = [device for device in devices if f"{getattr(device, key):%F}" <= query[name]]
    return devices


def _flags(payload: object) -> dict[str, bool]:
    content = payload if isinstance(payload, dict) else {}
    flags = {key: value for key, value in content.items() if key.startswith(FLAG_PREFIX)}
    if not all(isinstance(allowed, bool) for allowed in flags.values()):
        raise invalid("A flag must be true or false")
    return flags


def _update(records: Records, device: Device, payload: object) -> Device:
    omitted = dict.fromkeys(device.flags, False) if records.forgets_flags else {}
    records.change(device, payload, {**omitted, **_flags(payload)})
    return device


def _create(records: Records, payload: object) -> Device:
    divisions = {division_id(division): division for division in DIVISIONS}
    if not isinstance(payload, dict) or payload.get("division_id") not in divisions:
        raise invalid("division_id is not a division of the account")
    if "device_identifier" not in payload:
        raise invalid("device_identifier is required")
    device = records.create(payload.get("device_profile_id"), divisions[payload["division_id"]])
    flags = _flags(payload)
    records.change(device, payload, {} if records.create_ignores_flags else flags)
    records.add(device)
    return device
