# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The operator API of DigiCert IoT Device Manager, version 2, which authenticates an operator with an API key.

The parameters of the list and the form of its pages are those of the vendor's pages on requests with an API key.
"""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote, urlencode

from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    DEVICES_PATH,
    Denials,
    DeviceApi,
    error_from_response,
    invalid_response,
    normal_record,
    parse_object,
    truncate,
    unknown_device,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import Page
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ApiKeyRejectedError,
    DeviceManagerError,
    DeviceNotFoundError,
    HttpError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import ACTIVE, Record, id_key
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors

_ENROLLMENT_PROFILES_PATH = "/iot/api/v1/enrollment-profile"
# The documentation has this spelling. It is unknown which of the two the API reads, so requests contain both.
_OTHER_SPELLING = {"updated_to": "upated_to"}


_Content = t.TypeVar("_Content")


class OperatorApi:
    """All devices of the account that `session` has access to."""

    def __init__(self, session: Session, redactor: Redactor | None = None) -> None:
        self._session = session
        self.redactor = redactor or Redactor()

    def page(self, filters: t.Mapping[str, str], limit: int, offset: int, advice: str = "") -> Page:
        """Return the devices of the list from index `offset`, at most `limit`. The API can return fewer.

        `filters` are parameters of the list, and `advice` is another remedy for an invalid response, as the end of a
        sentence. Raises a DeviceManagerError.
        """
        query = {**filters, **{_OTHER_SPELLING[name]: filters[name] for name in filters if name in _OTHER_SPELLING}}
        path = f"{DEVICES_PATH}?{urlencode({**query, 'limit': limit, 'offset': offset})}"
        response = self._session.send("GET", path)
        return self._parsed(response, "listing", parse_page, advice=advice)

    def find(self, device_id: str) -> Record | None:
        """Return the record of a device, or None if the device does not exist. Raises a DeviceManagerError."""
        try:
            return self.device(device_id).read()
        except DeviceNotFoundError:
            return None

    def device(self, device_id: str) -> OperatorDeviceApi:
        """Return one device."""
        return OperatorDeviceApi(self._session, device_id, self.redactor)

    def attempts(self) -> Attempts:
        """Return the attempts of a creation."""
        return self._session.attempts(immediate=False)

    def create(self, payload: dict[str, t.Any], attempts: Attempts) -> Record:
        """Create a device and return the record of the response.

        The request is sent once, because the API can have created the device before a retry. Raises a
        DeviceManagerError with `again` and `may_have_applied`, as `DeviceApi.update` does.
        """
        response = self._session.attempt(attempts, "POST", DEVICES_PATH, json.dumps(payload).encode("ascii"))
        unknown = (HttpError, "Check division_id and device_profile_id.")

        def parse(body: bytes) -> Record:
            with host_errors("The response of the API cannot be read", may_have_applied=True):
                record = normal_record(parse_object(body))
            if record.get("device_identifier") != payload["device_identifier"]:
                raise ValueError("the record of another device, {}".format(truncate(record["id"])))
            return record

        return self._parsed(response, "creation", parse, unknown)

    def enrollment_fields(self, enrollment_profile_id: str) -> list[dict[str, t.Any]]:
        """Return the fields that a certificate request for this enrollment profile can have.

        Each of them has a unique `id` and a `name`, or None. Raises a DeviceManagerError.
        """
        path = f"{_ENROLLMENT_PROFILES_PATH}/{quote(enrollment_profile_id, safe='')}/enrollment-specification"
        unknown = (
            HttpError,
            "Check enrollment_profile_id. The API returns the fields of enrollment profiles with the method API or "
            "PORTAL only.",
        )
        return self._parsed(
            self._session.send("GET", path), "enrollment profile query", parse_enrollment_fields, unknown
        )

    def _parsed(
        self,
        response: Response,
        verb: str,
        parse: t.Callable[[bytes], _Content],
        unknown: tuple[type[DeviceManagerError], str] | None = None,
        advice: str = "",
    ) -> _Content:
        """Return the content of a response to `verb`. Raises a DeviceManagerError."""
        if not 200 <= response.status < 300:
            raise _failure(response, verb, self.redactor, unknown)
        try:
            return parse(response.body)
        except ValueError as error:
            reason = ValueError(self.redactor.foreign(str(error)))
            raise invalid_response(response, verb, reason, advice) from error


class OperatorDeviceApi(DeviceApi):
    """The record and the status of one device, which `session` has access to."""

    def set_status(self, status: str, attempts: Attempts) -> Record:
        """Set the status of the device to ACTIVE or DISABLED and return the record of the response.

        The request is sent once. Raises a DeviceManagerError, as `update` does.
        """
        call = "enable" if status == ACTIVE else "disable"
        return self._record(self._session.attempt(attempts, "PUT", f"{self._path}/{call}"), call)

    def _failure(self, response: Response, verb: str) -> DeviceManagerError:
        return _failure(response, verb, self.redactor, unknown_device(self.device_id))


def _failure(
    response: Response,
    verb: str,
    redactor: Redactor,
    unknown: tuple[type[DeviceManagerError], str] | None = None,
) -> DeviceManagerError:
    advice = (
        "Check that api_key is valid, that its user has the permission, and that api_url is the URL of the operator "
        "API of the same account."
    )
    errors = dict.fromkeys(("access_denied", "invalid_api_key"), ApiKeyRejectedError)
    denials = Denials(errors, advice, "api_key")
    return error_from_response(response, verb, denials._replace(unknown=unknown or denials.unknown), redactor)


def parse_page(body: bytes) -> Page:
    """Return the page in the body of a response. Raises ValueError with the actual content if there is none."""
    content = parse_object(body)
    total, records = content.get("total"), content.get("records")
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise ValueError("a list without a valid total")
    if not isinstance(records, list):
        raise ValueError("a list without devices")
    return Page(total, [normal_record(record) for record in records])


def parse_enrollment_fields(body: bytes) -> list[dict[str, t.Any]]:
    """Return the fields of an enrollment profile in the body of a response, each with a unique `id` and a `name`.

    A name that is missing or empty becomes None. Other keys are unchanged. Raises ValueError with the actual content if
    there are no fields.
    """
    fields = parse_object(body).get("fields")
    if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
        raise ValueError("an enrollment profile whose fields are not a list of objects")
    for field in fields:
        if not isinstance(field.get("id"), str) or not field["id"]:
            raise ValueError("a field without an ID")
        if not isinstance(field.get("name"), (str, type(None))):
            raise ValueError("a field whose name is not a string")
        field["name"] = field.get("name") or None
    if len({id_key(field["id"]) for field in fields}) < len(fields):
        raise ValueError("an enrollment profile that has two fields with one ID")
    return fields


def parse_records(content: t.Any) -> list[Record]:
    """Return the records of a list from another source than the API, such as a cache.

    The rules are those for a response. Raises ValueError with the actual content if that is no list of records.
    """
    try:
        body = json.dumps({"total": 0, "records": content}).encode("ascii")
    except (TypeError, RecursionError) as error:
        raise ValueError("the content is not valid JSON") from error
    records = parse_page(body).records
    if len({record["id"].lower() for record in records}) < len(records):
        raise ValueError("a list that has one device twice")
    return records
