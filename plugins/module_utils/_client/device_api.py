# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The device API of DigiCert IoT Device Manager, version 2, which authenticates a device with its certificate.

Only this file and `operator_api` depend on the API.

Paths, statuses, the keys of a record and the two forms of an error body are those of the vendor's pages on requests
"with client authentication".
"""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import quote

from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificatePendingError,
    DeviceManagerError,
    DeviceNotFoundError,
    ErrorDetails,
    HttpError,
    InvalidResponseError,
    OutcomeUnknownError,
    ReadDeniedError,
    RedirectedError,
    RenewalDeniedError,
    WriteDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import Record, id_key
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_unicode, text_of
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors

DEVICES_PATH = "/iot/api/v2/device"
_UNKNOWN_CODES = ("entity_not_found", "resource_not_found")
_NO_REJECTION = (401, 404, 405, 407, 408, 421, 425, 429)
_LONGEST_QUOTE = 500
# The part of a text of the API in which secrets are masked, before it is truncated.
_LONGEST_FOREIGN = 20000
_DEEPEST = 20
_UUID = re.compile("[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
# The operation -> the error if the API denies it, and the permission flag for it.
_DENIED = {
    "read": (ReadDeniedError, "device_api_allow_read"),
    "update": (WriteDeniedError, "device_api_allow_write"),
    "renewal": (RenewalDeniedError, "device_api_allow_renew_certificate"),
}
# The title of an error page of nginx, which often terminates TLS in front of an API -> the cause.
_CERTIFICATE_ADVICE = (
    (
        "No required SSL certificate was sent",
        "The server that terminates TLS for the API received no certificate. It probably does not support the key "
        "algorithm of {}. Some servers support RSA and EC only.",
    ),
    (
        "The SSL certificate error",
        "The server that terminates TLS for the API rejects {}: it is expired or revoked, or the server does "
        "not trust its CA. Add the certificates of intermediate CAs to the file, after the device certificate.",
    ),
)


class IssuedCertificate(t.NamedTuple):
    """A new certificate in PEM form, with or without its chain, and the IDs in the response.

    The API does not document whether a response has the ID of the device.
    """

    pem: str
    certificate_id: str | None
    certificate_request_id: str | None
    device_id: str | None

    def name(self) -> str:
        """Return the ID of the certificate for use in a sentence, or "" if the response has none."""
        return "" if self.certificate_id is None else f" (ID {self.certificate_id})"

    def ids(self) -> dict[str, str | None]:
        """Return the IDs of the certificate and of its request, for the result of a module."""
        return {"certificate_id": self.certificate_id, "certificate_request_id": self.certificate_request_id}


class CertificateRequest(t.NamedTuple):
    """The path of a request for a certificate, its name in messages, and the sentences on the state after an error.

    `unchanged` is on the files, `approval` is how to approve requests automatically, and `next_run` is on the next run.
    """

    path: str
    verb: str
    unchanged: str
    approval: str
    next_run: str


class DeviceApi:
    """The record of one device, which `session` has access to."""

    def __init__(self, session: Session, device_id: str, redactor: Redactor | None = None) -> None:
        self._session = session
        self.redactor = redactor or Redactor()
        self.device_id = device_id
        self._path = f"{DEVICES_PATH}/" + quote(device_id, safe="")

    def read(self) -> Record:
        """Return the record. Raises a DeviceManagerError if there is none or the response is invalid."""
        return self._record(self._session.send("GET", self._path), "read")

    def attempts(self, immediate: bool) -> Attempts:
        """Return the attempts of an update. It is `immediate` if it depends on a record that was just read."""
        return self._session.attempts(immediate)

    def update(self, payload: dict[str, t.Any], attempts: Attempts) -> Record:
        """Replace the fields of the record with those of `payload` and return the record of the response.

        The request is sent once, because a retry requires a new plan after the wait. Raises a DeviceManagerError with
        `again` if the request is to be sent again, and with `may_have_applied` if the API may have applied the update.
        """
        response = self._session.attempt(attempts, "PUT", self._path, json.dumps(payload).encode("ascii"))
        return self._record(response, "update")

    def renew(self, payload: dict[str, t.Any]) -> IssuedCertificate:
        """Request a new certificate and return it. `payload` has the `csr` and attributes for the certificate profile.

        Raises as `request_certificate` does.
        """
        request = CertificateRequest(
            f"{self._path}/renew",
            "renewal",
            "The current certificate and its key are unchanged.",
            "Configure the certificate profile to approve renewals automatically.",
            "The next run requests another certificate.",
        )
        return request_certificate(self._session, request, payload, self._failure, self.redactor)

    def _record(self, response: Response, verb: str) -> Record:
        if not 200 <= response.status < 300:
            raise self._failure(response, verb)
        try:
            # The API may have applied an update even if the host has no memory for the response.
            with host_errors("The response of the API cannot be read", may_have_applied=True):
                return parse_record(response.body, self.device_id)
        except ValueError as error:
            raise invalid_response(response, verb, ValueError(self.redactor.foreign(str(error)))) from error

    def _failure(self, response: Response, verb: str) -> DeviceManagerError:
        denied, flag = _DENIED[verb]
        advice = (
            f"Enable {flag} for this device in the console. Check that client_cert is a certificate of this device, "
            "and that api_url is the URL of the device API, whose host name at DigiCert starts with 'clientauth.'."
        )
        hint = self._session.identity.certificate_validity_hint
        denials = Denials({"access_denied": denied}, name_hint(self.device_id) + advice, "client_cert", hint)
        unknown = unknown_device(self.device_id)
        return error_from_response(response, verb, denials._replace(unknown=unknown), self.redactor)


def request_certificate(
    session: Session,
    request: CertificateRequest,
    payload: dict[str, t.Any],
    failure_of: t.Callable[[Response, str], DeviceManagerError],
    redactor: Redactor,
) -> IssuedCertificate:
    """Send a request for a certificate and return the certificate. `failure_of` returns the error for a response.

    Raises as `issue` does.
    """

    def parse(response: Response) -> IssuedCertificate:
        if not 200 <= response.status < 300:
            raise failure_of(response, request.verb)
        return _parse_issued(response, request, redactor)

    return issue(session, request, json.dumps(payload).encode("ascii"), parse)


def issue(
    session: Session,
    request: CertificateRequest,
    body: bytes,
    parse: t.Callable[[Response], IssuedCertificate],
) -> IssuedCertificate:
    """Send a request for a certificate and return the certificate, which `parse` finds in the response.

    The request is not idempotent, because each one can issue a certificate. Raises a DeviceManagerError, and
    OutcomeUnknownError if the API may have issued a certificate.
    """
    try:
        return parse(session.send("POST", request.path, body, False))
    except DeviceManagerError as failure:
        if not failure.may_have_applied:
            raise
        raise OutcomeUnknownError.caused_by(
            failure,
            f"A new certificate was requested, but its outcome is unknown: the API may have issued one. {failure} "
            f"{request.unchanged} {request.next_run}",
        ) from failure


def _parse_issued(response: Response, request: CertificateRequest, redactor: Redactor) -> IssuedCertificate:
    try:
        content = parse_object(response.body)
    except ValueError as error:
        raise InvalidResponseError(
            f"Invalid response to the {request.verb} request: {error}.", details_of(response), may_have_applied=True
        ) from error
    words = {key: word for key, word in content.items() if isinstance(word, str)}
    if words.get("pem"):
        return IssuedCertificate(words["pem"], *(words.get(key) for key in IssuedCertificate._fields[1:]))
    number, status, result = (
        truncate(words.get(key, "unknown"), redactor) for key in ("certificate_request_id", "status", "result")
    )
    failure = CertificatePendingError(
        f"The API accepted the certificate request, but did not issue a certificate: request {number}, status {status},"
        f" result {result}. {request.unchanged} {request.approval} The API cannot return the certificate later. "
        f"{request.next_run}",
        details_of(response),
    )
    failure.certificate_request_id = words.get("certificate_request_id")
    raise failure


def parse_record(body: bytes, device_id: str) -> Record:
    """Return the record in the body of a response, each field with a `value` that is a string or None.

    Raises ValueError with the actual content if that is not a record. Unknown keys are kept. A value that is missing,
    null or empty becomes None.
    """
    record = parse_object(body)
    if id_key(str(record.get("id"))) != id_key(device_id):
        raise ValueError("the record of another device, {}".format(truncate(record.get("id"))))
    return normal_record(record)


def normal_record(record: t.Any) -> Record:
    """Return `record`, which was parsed from JSON, each field with a `value` that is a string or None.

    Raises ValueError with the actual content if that is not a record.
    """
    if not isinstance(record, dict):
        raise ValueError("the content is not a JSON object")
    if not isinstance(record.get("id"), str) or not record["id"]:
        raise ValueError("a record without an ID")
    if not isinstance(record.get("device_identifier"), (str, type(None))):
        raise ValueError("a device_identifier that is not a string")
    if not isinstance(record.get("status"), (str, type(None))):
        raise ValueError("a status that is not a string")
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
        name, kind = truncate(field.get("name") or field["id"]), type(value).__name__
        raise ValueError(f"a field, {name}, whose value is a {kind}") from error


def parse_object(body: bytes) -> dict[str, t.Any]:
    """Return the JSON object in the body of a response. Raises ValueError with the actual content if there is none."""
    content = _parse_json(body)
    if not isinstance(content, dict):
        raise ValueError("the content is not a JSON object")
    return content


def _parse_json(body: bytes) -> t.Any:
    def unique(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            raise ValueError("a key occurs twice in an object")
        return result

    def no_constant(name: str) -> t.NoReturn:
        raise ValueError(f"{name} is not valid JSON")

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
        kind = "an HTML page" if is_html(body) else "content that is not valid JSON"
        raise ValueError(kind) from error
    # An escape such as \ud800 is no character. The check takes time, so it depends on escapes in the text.
    if "\\u" in text and not is_unicode(json.dumps(content, ensure_ascii=False)):
        raise ValueError("text that is not valid Unicode")
    return content


def _check_depth(content: t.Any) -> None:
    """Raise ValueError if lists and objects are nested more deeply than Ansible can return."""
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


def invalid_response(response: Response, verb: str, error: ValueError, advice: str = "") -> InvalidResponseError:
    """Return the error for a response with the content that `error` names instead of the documented content."""
    return InvalidResponseError(
        f"Invalid response to the {verb} request: {error}. Check api_url, and check whether a proxy or a login page "
        f"intercepts the request{advice}.",
        details_of(response),
        may_have_applied=True,
    )


def details_of(response: Response, code: str | None = None, message: str | None = None) -> ErrorDetails:
    """Return the details of an error that this response is the reason for."""
    return ErrorDetails(response.status, code, message, response.retries)


class Denials(t.NamedTuple):
    """The documented codes with which an API denies an operation, with the error for each, and the advice for them.

    `credential` is the option that authenticates the request. `certificate_validity_hint` is that of a session.
    `unknown` is the error and the advice if the API returns that an object does not exist. `url_option` is that of the
    connection.
    """

    errors: t.Mapping[str, type[DeviceManagerError]]
    advice: str
    credential: str
    certificate_validity_hint: t.Callable[[], str] = str
    unknown: tuple[type[DeviceManagerError], str] = (
        DeviceNotFoundError,
        "Check device_id, and check that api_url is the URL of the account that has the device.",
    )
    url_option: str = "api_url"


def name_hint(device_id: str) -> str:
    """Return a sentence if this is no UUID, as the IDs of devices are, else ""."""
    if _UUID.fullmatch(device_id):
        return ""
    return "device_id is not a UUID. Is it the name of the device? Set the ID, which the console shows. "


def unknown_device(device_id: str) -> tuple[type[DeviceManagerError], str]:
    """Return the error and the advice if the API returns that this device does not exist."""
    kind, advice = _NO_DENIALS.unknown
    return kind, name_hint(device_id) + advice


_NO_DENIALS = Denials({}, "", "")


class _Body(t.NamedTuple):
    """The code and the message of an error of the API, or None, and the text of another body, without masks."""

    code: str | None
    message: str | None
    text: str


def error_from_response(response: Response, verb: str, denials: Denials, redactor: Redactor) -> DeviceManagerError:
    """Return the error for a response whose status is an error. Its texts are masked before they are truncated."""
    kind, advice = _kind_and_advice(response, _body_of(response), denials)
    if kind is RedirectedError:
        location = truncate(response.headers.get("Location", "an unknown location"), redactor)
        advice = f"The API redirected to {location}. {advice}"
    return error_of_kind(kind, advice, response, verb, redactor)


def error_of_kind(
    kind: type[DeviceManagerError], advice: str, response: Response, verb: str, redactor: Redactor
) -> DeviceManagerError:
    """Return the error of this kind for a response whose status is an error, with its texts and this advice."""
    code, message, text = (text and truncate(text, redactor) for text in _body_of(response))
    reason = ": ".join(part for part in (code, message, text) if part)
    failure = kind(
        f"The {verb} failed with HTTP status {response.status}{f' ({reason})' if reason else ''}. {advice}",
        details_of(response, code, message),
        may_have_applied=response.may_have_applied,
        again=response.again,
    )
    failure.is_rejection = _is_rejection(response)
    return failure


def _is_rejection(response: Response) -> bool:
    """Return whether a response shows that the API rejected the content of a request.

    A gateway or a firewall in front of the API can send an HTML page, or a status on the credential, the URL or the
    rate of the requests.
    """
    status = response.status
    return 400 <= status < 500 and status not in _NO_REJECTION and not is_html(response.body)


def _kind_and_advice(response: Response, body: _Body, denials: Denials) -> tuple[type[DeviceManagerError], str]:
    """Return the kind of an error and its advice.

    A status 401 or 403 without an error of the API does not show that the API denied the operation, because a firewall
    or a gateway can be its sender.
    """
    status = response.status
    is_api_error = body.code is not None and body.message is not None
    advice = next((advice for mark, advice in _CERTIFICATE_ADVICE if mark in body.text), None)
    if advice is not None:
        return HttpError, advice.format(denials.credential) + denials.certificate_validity_hint()
    if 300 <= status < 400:
        return RedirectedError, (
            f"Redirects are not followed, so that {denials.credential} is not sent to another host. If the location is "
            f"correct, set {denials.url_option} to it."
        )
    if is_api_error and body.code in _UNKNOWN_CODES and status in (400, 404):
        return denials.unknown
    if status in (401, 403) and is_api_error:
        return denials.errors.get(str(body.code), HttpError), denials.advice
    return HttpError, _http_advice(response, is_api_error, denials)


def _http_advice(response: Response, is_api_error: bool, denials: Denials) -> str:
    if response.status == 407:
        return "The proxy requires a username and a password. Add them to the URL of the proxy."
    if response.status == 429 or response.status >= 500:
        sent = f"{response.retries + 1} times" if response.retries else "once"
        return f"The request was sent {sent}. Run the task again later, or raise retries."
    if is_api_error:
        return "Correct the cause and run the task again."
    return (
        f"The response is not an error of the API. Check {denials.url_option}, and check whether a proxy, a firewall "
        f"or a gateway on the network path rejects {denials.credential}."
    )


def _error_of(body: bytes) -> tuple[str | None, str | None]:
    """Return the code and the message of an error body, in both documented forms. None is for a missing one."""
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


def _body_of(response: Response) -> _Body:
    code, message = _error_of(response.body)
    return _Body(code, message, _text_of(response) if message is None else "")


def _text_of(response: Response) -> str:
    """Return the text by which a server in front of the API names an error, or "".

    It is the title of an HTML page, or the first line of a text.
    """
    is_text = response.headers.get("Content-Type", "").lower().startswith("text/plain")
    pattern = rb"\s*([^\r\n]*)" if is_text else rb"(?is).*?<title>\s*([^<]*)"
    found = re.match(pattern, response.body[:4096])
    return found.group(1).decode("utf-8", "replace").strip() if found else ""


def is_html(body: bytes) -> bool:
    """Return whether the body of a response is an HTML page, which no API returns."""
    return body.lstrip()[:1] == b"<"


def truncate(text: t.Any, redactor: Redactor | None = None) -> str:
    """Return a text of the API for use in a sentence: without secrets, printable and not too long."""
    text = str(text)[:_LONGEST_FOREIGN]
    if redactor is not None:
        text = redactor.foreign(text)
    printable = "".join(character if character.isprintable() else " " for character in text[: _LONGEST_QUOTE + 1])
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"
