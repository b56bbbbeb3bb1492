# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The API of DigiCert IoT Device Manager, version 2, as an operator uses it with an API key.

The rules come from the vendor's pages on the calls with an API key: the list's parameters and the shape of its pages.
"""

from __future__ import annotations

import json
import typing as t
from urllib.parse import urlencode

from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    DEVICES_PATH,
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

# The API's page spells this parameter so. Which of the two the service listens to is not known, so it gets both.
_OTHER_SPELLING = {"updated_to": "upated_to"}


class OperatorApi:
    """All devices of the account behind `session`."""

    def __init__(self, session: Session, redactor: Redactor | None = None) -> None:
        self._session = session
        self._redactor = redactor or Redactor()

    def page(self, filters: t.Mapping[str, str], limit: int, offset: int) -> Page:
        """Return the devices of the list from number `offset` on, `limit` at the most; the service may give fewer.

        `filters` are parameters of the list. Raises a DeviceManagerError.
        """
        query = {**filters, **{_OTHER_SPELLING[name]: filters[name] for name in filters if name in _OTHER_SPELLING}}
        path = f"{DEVICES_PATH}?{urlencode({**query, 'limit': limit, 'offset': offset})}"
        answer = self._session.send("GET", path)
        if not 200 <= answer.status < 300:
            raise _failure(answer, "listing", self._redactor)
        try:
            return parse_page(answer.body)
        except ValueError as error:
            said = ValueError(self._redactor.foreign(str(error)))
            raise invalid_response(answer, "listing", said, "; page_size can be made smaller") from error

    def find(self, device_id: str) -> Record | None:
        """Return the record of a device, or None when the service does not know it. Raises a DeviceManagerError."""
        try:
            return self.device(device_id).read()
        except DeviceNotFoundError:
            return None

    def device(self, device_id: str) -> OperatorDeviceApi:
        """Return one device."""
        return OperatorDeviceApi(self._session, device_id, self._redactor)


class OperatorDeviceApi(DeviceApi):
    """The record of one device, and whether the device is enabled, behind `session`."""

    def set_status(self, status: str, attempts: Attempts) -> Record:
        """Make the device's status ACTIVE or DISABLED and return the record of the response.

        The request is sent once. Raises a DeviceManagerError, as `update` does.
        """
        call = "enable" if status == ACTIVE else "disable"
        return self._record(self._session.attempt(attempts, "PUT", f"{self._path}/{call}"), call)

    def _failure(self, answer: Response, verb: str) -> DeviceManagerError:
        return _failure(answer, verb, self.redactor)


def _failure(answer: Response, verb: str, redactor: Redactor) -> DeviceManagerError:
    advice = (
        "Check that api_key is valid, that its user may do this, and that api_url is the address for operators of the "
        "account that the key belongs to."
    )
    denied = dict.fromkeys(("access_denied", "invalid_api_key"), ApiKeyRejectedError)
    return error_from_response(answer, verb, denied, advice, "api_key", redactor)


def parse_page(body: bytes) -> Page:
    """Return the page of the list that an answer holds. Raises ValueError with what the answer has instead."""
    content = parse_object(body)
    total, records = content.get("total"), content.get("records")
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise ValueError("a list that does not say how many devices there are")
    if not isinstance(records, list):
        raise ValueError("a list without devices")
    return Page(total, [normal_record(record) for record in records])


def parse_records(content: t.Any) -> list[Record]:
    """Return the records of a list that was kept outside the API, such as in a cache.

    They are held to the same rules as those of a response. Raises ValueError with what the content has instead.
    """
    try:
        body = json.dumps({"total": 0, "records": content}).encode("ascii")
    except (TypeError, RecursionError) as error:
        raise ValueError("no JSON") from error
    records = parse_page(body).records
    if len({record["id"].lower() for record in records}) < len(records):
        raise ValueError("a list that has one device twice")
    return records
