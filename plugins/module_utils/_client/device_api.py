# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The API of DigiCert IoT Device Manager, version 2, as a device uses it with its certificate.

Nothing else knows the API but the operator's side of it, in _operator_api.

The rules come from the vendor's pages on the calls "with client authentication": paths, statuses, the record's keys and
the two shapes of an error's body.
"""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import quote

from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    DeviceNotFoundError,
    HttpError,
    InvalidResponseError,
    OutcomeUnknownError,
    ReadDeniedError,
    RedirectedError,
    RenewalDeniedError,
    RenewalPendingError,
    WriteDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import Record, id_key
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_unicode, text_of
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors

DEVICES_PATH = "/iot/api/v2/device"
_UNKNOWN_DEVICE_CODES = ("entity_not_found", "resource_not_found")
_LONGEST_QUOTE = 500
# Secrets are masked in so much of a foreign text before it is cut.
_LONGEST_FOREIGN = 20000
_DEEPEST = 20
# What a device does -> what it is when it may not, and the key of the record that allows it.
_DENIED = {
    "read": (ReadDeniedError, "device_api_allow_read"),
    "update": (WriteDeniedError, "device_api_allow_write"),
    "renewal": (RenewalDeniedError, "device_api_allow_renew_certificate"),
}
# What nginx, which often ends TLS in front of an API, gives as the title of a page -> what to do about it.
_CERTIFICATE_ADVICE = (
    (
        "No required SSL certificate was sent",
        "The server that ends TLS for the service got no certificate: most likely it takes other kinds of keys than "
        "that of client_cert, such as only RSA and EC.",
    ),
    (
        "The SSL certificate error",
        "The server that ends TLS for the service does not accept client_cert: it is expired, revoked or of a CA that "
        "it does not know. The certificate of an intermediate CA has to follow in the same file.",
    ),
)


class Renewal(t.NamedTuple):
    """A new certificate in PEM form, perhaps followed by its chain, and what the service calls it and the request."""

    pem: str
    certificate_id: str | None
    certificate_request_id: str | None


class DeviceApi:
    """The record of one device behind `session`."""

    def __init__(self, session: Session, device_id: str, redactor: Redactor | None = None) -> None:
        self._session = session
        self.redactor = redactor or Redactor()
        self.device_id = device_id
        self._path = f"{DEVICES_PATH}/" + quote(device_id, safe="")

    def read(self) -> Record:
        """Return the record. Raises a DeviceManagerError when there is none or it cannot be believed."""
        return self._record(self._session.send("GET", self._path), "read")

    def attempts(self, immediate: bool) -> Attempts:
        """Return the attempts of an update. It is `immediate` when it depends on a record that was just read."""
        return self._session.attempts(immediate)

    def update(self, payload: dict[str, t.Any], attempts: Attempts) -> Record:
        """Replace the record's fields by those of `payload` and return the record of the response.

        The request is sent once, because a later attempt needs a payload that was planned after the wait. Raises a
        DeviceManagerError, `again` when there is to be another attempt, `may_have_applied` when the update may have
        taken effect.
        """
        answer = self._session.attempt(attempts, "PUT", self._path, json.dumps(payload).encode("ascii"))
        return self._record(answer, "update")

    def renew(self, payload: dict[str, t.Any]) -> Renewal:
        """Ask for a new certificate and return it. `payload` has a `csr` and what else the certificate's profile needs.

        Each request that the service looks at may issue another certificate, so it is not repeated like others.
        Raises a DeviceManagerError: OutcomeUnknownError when a certificate may have been issued.
        """
        try:
            answer = self._session.send("POST", f"{self._path}/renew", json.dumps(payload).encode("ascii"), False)
            if not 200 <= answer.status < 300:
                raise self._failure(answer, "renewal")
            return _parse_renewal(answer, self.redactor)
        except DeviceManagerError as failure:
            if not failure.may_have_applied:
                raise
            raise OutcomeUnknownError.caused_by(
                failure,
                f"A new certificate was requested, but its outcome is unknown: the API may have issued one. {failure} "
                "The current certificate and its key are unchanged. The next run requests another certificate.",
            ) from failure

    def _record(self, answer: Response, verb: str) -> Record:
        if not 200 <= answer.status < 300:
            raise self._failure(answer, verb)
        try:
            # An update may have taken effect even if the host has no memory left for the response.
            with host_errors("The response of the API cannot be read", may_have_applied=True):
                return parse_record(answer.body, self.device_id)
        except ValueError as error:
            raise invalid_response(answer, verb, ValueError(self.redactor.foreign(str(error)))) from error

    def _failure(self, answer: Response, verb: str) -> DeviceManagerError:
        denied, flag = _DENIED[verb]
        advice = (
            f"Either {flag} is not true for this device, which its operator can change in the console, or client_cert "
            "is not a certificate of this device, or api_url is not the address for devices, which begins with "
            "'clientauth.' at DigiCert."
        )
        denials = {"access_denied": denied}
        return error_from_response(
            answer, verb, denials, advice, "client_cert", self.redactor, self._session.certificate_validity_hint
        )


def _parse_renewal(answer: Response, redactor: Redactor) -> Renewal:
    try:
        content = parse_object(answer.body)
    except ValueError as error:
        raise InvalidResponseError(
            f"The service answered the renewal with {error}.", http_status=answer.status, may_have_applied=True
        ) from error
    words = {key: word for key, word in content.items() if isinstance(word, str)}
    if words.get("pem"):
        return Renewal(words["pem"], words.get("certificate_id"), words.get("certificate_request_id"))
    request_id = words.get("certificate_request_id")
    raise RenewalPendingError(
        "The service took the request for a new certificate and has not issued it: request {}, status {}, result {}. "
        "The certificate and its key are as they were. Have the operator approve such requests without asking: the API "
        "has no way to fetch the certificate later, so running the task again asks for another one.".format(
            *(_truncate(words.get(key, "unknown"), redactor) for key in ("certificate_request_id", "status", "result"))
        ),
        request_id,
        http_status=answer.status,
        retries=answer.retries,
    )


def parse_record(body: bytes, device_id: str) -> Record:
    """Return the record that an answer holds, each field with a `value` that is a string or None.

    Raises ValueError with what the answer has instead. A key that is not known is kept as it is; a field's value may be
    missing, null or empty, which all mean none.
    """
    record = parse_object(body)
    if id_key(str(record.get("id"))) != id_key(device_id):
        raise ValueError("the record of another device, {}".format(_truncate(record.get("id"))))
    return normal_record(record)


def normal_record(record: t.Any) -> Record:
    """Return `record`, read from JSON, each field with a `value` that is a string or None.

    Raises ValueError with what it is instead of a record.
    """
    if not isinstance(record, dict):
        raise ValueError("no JSON object")
    if not isinstance(record.get("id"), str) or not record["id"]:
        raise ValueError("a record without an ID")
    if not isinstance(record.get("device_identifier"), (str, type(None))):
        raise ValueError("a device_identifier that is not a string")
    fields = record.get("fields")
    if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
        raise ValueError("a record whose fields are not a list of objects")
    record["fields"] = [_parse_field(field) for field in fields]
    if len({id_key(field["id"]) for field in fields}) < len(fields):
        raise ValueError("a record that has two fields with one ID")
    return record


def _parse_field(field: dict[str, t.Any]) -> dict[str, t.Any]:
    if not isinstance(field.get("id"), str) or not field["id"]:
        raise ValueError("a field without an ID")
    if not isinstance(field.get("name"), (str, type(None))):
        raise ValueError("a field whose name is not a string")
    value = field.get("value")
    try:
        return dict(field, value=None if value in (None, "") else text_of(value))
    except ValueError as error:
        raise ValueError(
            "a field, {}, whose value {}".format(_truncate(field.get("name") or field["id"]), error)
        ) from error


def parse_object(body: bytes) -> dict[str, t.Any]:
    """Return the JSON object that an answer holds. Raises ValueError with what it has instead."""
    content = _parse_json(body)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")
    return content


def _parse_json(body: bytes) -> t.Any:
    def unique(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return result

    def no_constant(name: str) -> t.NoReturn:
        raise ValueError(f"{name} is no JSON")

    def finite(digits: str) -> float:
        number = float(digits)
        if abs(number) == float("inf"):
            no_constant(digits)
        return number

    try:
        text = body.decode("utf-8")
        content = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite)
        _check_depth(content)
    except (ValueError, RecursionError) as error:
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "what is not valid JSON"
        raise ValueError(kind) from error
    # Escapes such as \ud800 stand for no character. Only where there are escapes is it worth the look.
    if "\\u" in text and not is_unicode(json.dumps(content, ensure_ascii=False)):
        raise ValueError("text that is not valid Unicode")
    return content


def _check_depth(content: t.Any) -> None:
    """Raise ValueError when lists and objects are so deep in each other that Ansible could not hand them on."""
    level = [content]
    for _layer in range(_DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise ValueError("it is nested too deeply")


def invalid_response(answer: Response, verb: str, error: ValueError, advice: str = "") -> InvalidResponseError:
    """Return what it means that an answer holds what `error` says instead of what the API promises."""
    return InvalidResponseError(
        f"The service answered the {verb} with {error}, so it is not believed. Check that api_url is the API's own "
        f"address and that no proxy answers in its place{advice}.",
        http_status=answer.status,
        retries=answer.retries,
        may_have_applied=True,
    )


def error_from_response(
    answer: Response,
    verb: str,
    denied: t.Mapping[str, type[DeviceManagerError]],
    denied_advice: str,
    credential: str,
    redactor: Redactor,
    certificate_validity_hint: t.Callable[[], str] = str,
) -> DeviceManagerError:
    """Return what an answer that is an error means. Its texts are masked before they are cut.

    `denied` has the documented codes by which the API denies the operation, and what each means, with this advice.
    A 401 or 403 with any other body says nothing about permissions, because a firewall or a gateway can have sent it.
    `credential` is the option that shows who it is.
    """
    code, message = _error_of(answer.body)
    is_api_error = code is not None and message is not None
    title = _title_of(answer.body) if message is None else ""
    shown_code, message, shown_title = (text and _truncate(text, redactor) for text in (code, message, title))
    details: dict[str, t.Any] = {
        "http_status": answer.status,
        "code": shown_code,
        "api_message": message,
        "retries": answer.retries,
        "may_have_applied": answer.may_have_applied,
        "again": answer.again,
    }
    reason = ": ".join(part for part in (shown_code, message, shown_title) if part)
    said = "The service answered the {} with HTTP status {}{}.".format(
        verb,
        answer.status,
        f" ({reason})" if reason else "",
    )
    advice = next((advice for mark, advice in _CERTIFICATE_ADVICE if mark in title), None)
    if advice is not None:
        return HttpError(f"{said} {advice}{certificate_validity_hint()}", **details)
    if 300 <= answer.status < 400:
        where = _truncate(answer.headers.get("Location", "nowhere"), redactor)
        advice = (
            f"It redirects to {where}, which is not followed, for {credential} would go along: "
            "if that is the right place, put it into api_url."
        )
        return RedirectedError(f"{said} {advice}", **details)
    if is_api_error and code in _UNKNOWN_DEVICE_CODES and answer.status in (400, 404):
        advice = "Check device_id and that api_url is the address of the account's own service."
        return DeviceNotFoundError(f"{said} {advice}", **details)
    if answer.status in (401, 403) and is_api_error:
        return denied.get(str(code), HttpError)(f"{said} {denied_advice}", **details)
    if answer.status == 407:
        return HttpError(f"{said} The proxy wants a user name and a password: put them into its URL.", **details)
    if answer.status == 429 or answer.status >= 500:
        sent = "%s times" % (answer.retries + 1) if answer.retries else "once"
        advice = f"The request was sent {sent}. Run the task again later, or raise retries."
        return HttpError(f"{said} {advice}", **details)
    if not is_api_error:
        advice = (
            "The response is not an error of the API, so it says nothing about the device. Check api_url, and whether "
            f"a proxy, a firewall or a gateway on the network path rejects {credential}."
        )
        return HttpError(f"{said} {advice}", **details)
    return HttpError(f"{said} Correct what it names and run the task again.", **details)


def _error_of(body: bytes) -> tuple[str | None, str | None]:
    """Return code and message of an error's body, in either documented shape; None for what is not there."""
    try:
        content = _parse_json(body)
    except ValueError:
        return None, None
    errors = content.get("errors") if isinstance(content, dict) else None
    error = errors[0] if isinstance(errors, list) and errors else None
    if error is None and isinstance(content, dict):
        error = content.get("error")
    if not isinstance(error, dict):
        return None, None
    code, message = (error.get(key) for key in ("code", "message"))
    return code if isinstance(code, str) else None, message if isinstance(message, str) else None


def _title_of(body: bytes) -> str:
    """Return the title of a page of HTML, which says best what a server in front of the service has to say, or ""."""
    found = re.search(rb"<title>\s*([^<]*)", body[:4096], re.IGNORECASE)
    return found.group(1).decode("utf-8", "replace").strip() if found else ""


def _truncate(text: t.Any, redactor: Redactor | None = None) -> str:
    """Return foreign text so that it fits into a sentence: without secrets, printable and not too long."""
    text = str(text)[:_LONGEST_FOREIGN]
    if redactor is not None:
        text = redactor.foreign(text)
    printable = "".join(character if character.isprintable() else " " for character in text[: _LONGEST_QUOTE + 1])
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"
