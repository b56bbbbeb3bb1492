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
from urllib.parse import urlencode

from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    DEVICES_PATH,
    Denials,
    DeviceApi,
    error_from_response,
    invalid_response,
    normal_record,
    parse_object,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import Page
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ApiKeyRejectedError,
    DeviceManagerError,
    DeviceNotFoundError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import ACTIVE, Record
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

# The documentation has this spelling. It is unknown which of the two the API reads, so requests contain both.
_OTHER_SPELLING = {"updated_to": "upated_to"}


class OperatorApi:
    """All devices of the account that `session` has access to."""

    def __init__(self, session: Session, redactor: Redactor | None = None) -> None:
        self._session = session
        self._redactor = redactor or Redactor()

    def page(self, filters: t.Mapping[str, str], limit: int, offset: int) -> Page:
        """Return the devices of the list from index `offset`, at most `limit`. The API can return fewer.

        `filters` are parameters of the list. Raises a DeviceManagerError.
        """
        query = {**filters, **{_OTHER_SPELLING[name]: filters[name] for name in filters if name in _OTHER_SPELLING}}
        path = f"{DEVICES_PATH}?{urlencode({**query, 'limit': limit, 'offset': offset})}"
        response = self._session.send("GET", path)
        if not 200 <= response.status < 300:
            raise _failure(response, "listing", self._redactor)
        try:
            return parse_page(response.body)
        except ValueError as error:
            reason = ValueError(self._redactor.foreign(str(error)))
            raise invalid_response(response, "listing", reason, ", or reduce page_size") from error

    def find(self, device_id: str) -> Record | None:
        """Return the record of a device, or None if the device does not exist. Raises a DeviceManagerError."""
        try:
            return self.device(device_id).read()
        except DeviceNotFoundError:
            return None

    def device(self, device_id: str) -> OperatorDeviceApi:
        """Return one device."""
        return OperatorDeviceApi(self._session, device_id, self._redactor)


class OperatorDeviceApi(DeviceApi):
    """The record and the status of one device, which `session` has access to."""

    def set_status(self, status: str, attempts: Attempts) -> Record:
        """Set the status of the device to ACTIVE or DISABLED and return the record of the response.

        The request is sent once. Raises a DeviceManagerError, as `update` does.
        """
        call = "enable" if status == ACTIVE else "disable"
        return self._record(self._session.attempt(attempts, "PUT", f"{self._path}/{call}"), call)

    def _failure(self, response: Response, verb: str) -> DeviceManagerError:
        return _failure(response, verb, self.redactor)


def _failure(response: Response, verb: str, redactor: Redactor) -> DeviceManagerError:
    advice = (
        "Check that api_key is valid, that its user has the permission, and that api_url is the URL of the operator "
        "API of the same account."
    )
    errors = dict.fromkeys(("access_denied", "invalid_api_key"), ApiKeyRejectedError)
    return error_from_response(response, verb, Denials(errors, advice, "api_key"), redactor)


def parse_page(body: bytes) -> Page:
    """Return the page in the body of a response. Raises ValueError with the actual content if there is none."""
    content = parse_object(body)
    total, records = content.get("total"), content.get("records")
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise ValueError("a list without a valid total")
    if not isinstance(records, list):
        raise ValueError("a list without devices")
    return Page(total, [normal_record(record) for record in records])


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
