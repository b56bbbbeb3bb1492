# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""EST, Enrollment over Secure Transport: RFC 7030, with the encodings of RFC 8951."""

from __future__ import annotations

import base64
import re
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
    parse_csr_attributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import read_pkcs7, write_chain
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    CertificateRequest,
    Denials,
    IssuedCertificate,
    details_of,
    error_from_response,
    error_of_kind,
    invalid_response,
    is_html,
    issue,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import (
    LONGEST_APPROVAL,
    parse_retry_after,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import MediaTypes, Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificatePendingError,
    DeviceManagerError,
    EnrollmentDeniedError,
    HttpError,
    RenewalDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

if t.TYPE_CHECKING:  # pragma: no cover - the package cryptography is loaded by x509 only
    from cryptography import x509

# RFC 8951, section 3.1, makes the transfer encoding superfluous. Servers of RFC 7030 can require it.
MEDIA_TYPES = MediaTypes("*/*", {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"})
# A server without attributes for this client responds with 204 or 404 (RFC 7030, section 4.5.2). The others are those
# of servers without this optional operation.
_WITHOUT_ATTRIBUTES = (204, 403, 404, 405, 501)
# The statuses of a server that accepts the credential, also if it has no such operation.
_ACCESSIBLE = (200, 204, 404, 405, 501)


class _Operation(t.NamedTuple):
    """An operation that requests a certificate: its name in the path and in messages, and the error of a denial.

    `credential` is the option for the credential, `advice` is for a denial, and `unchanged` is on the files.
    """

    name: str
    verb: str
    denied: type[DeviceManagerError]
    credential: str
    advice: str
    unchanged: str


def _operation_of(credential: Secret | Credentials) -> _Operation:
    """Return the operation that requests a certificate with this credential (RFC 7030, section 4.2)."""
    if isinstance(credential, Credentials) and credential.prefix == "client":
        return _Operation(
            "simplereenroll",
            "renewal",
            RenewalDeniedError,
            "client_cert",
            "Check that client_cert is a certificate of this server that has not expired and is not revoked.",
            "The current certificate and its key are unchanged.",
        )
    option, advice = (
        ("passcode", "Check passcode and est_username, and that the passcode has not expired and has uses left.")
        if isinstance(credential, Secret)
        else ("birth_cert", "Check that birth_cert is registered to the enrollment profile.")
    )
    unchanged = "The files in client_cert and client_key are unchanged."
    return _Operation("simpleenroll", "enrollment", EnrollmentDeniedError, option, advice, unchanged)


class EstApi:
    """The operations of an EST server below the URL of `session`, which authenticates with `credential`."""

    def __init__(self, session: Session, credential: Secret | Credentials, redactor: Redactor) -> None:
        session.media_types = MEDIA_TYPES
        # A server can return the header that it received.
        redactor.add(text.partition(" ")[2] for text in session.identity.headers.values())
        self._session = session
        self._operation = _operation_of(credential)
        self._redactor = redactor

    def ca_certificates(self) -> list[x509.Certificate]:
        """Return the CA certificates (RFC 7030, section 4.1). Raises a DeviceManagerError."""
        response = self._read("cacerts", (200,))
        try:
            return read_pkcs7(_decoded(response.body))
        except ValueError as error:
            raise self._invalid(response, "cacerts", error) from error

    def check_access(self) -> None:
        """Send a request that reads. Raises a DeviceManagerError if the server does not respond or denies access.

        The content of the response does not matter: an invalid one does not show that a certificate is not accepted.
        """
        response = self._read("cacerts", _ACCESSIBLE)
        if is_html(response.body):
            raise self._invalid(response, "cacerts", ValueError("an HTML page"))

    def csr_attributes(self) -> CsrAttributes:
        """Return what the server requests of a CSR (RFC 7030, section 4.5). Raises a DeviceManagerError."""
        response = self._read("csrattrs", (200, *_WITHOUT_ATTRIBUTES))
        try:
            der = _decoded(response.body) if response.status == 200 else b""
            return parse_csr_attributes(der) if der else NO_ATTRIBUTES
        except ValueError as error:
            raise self._invalid(response, "csrattrs", error) from error

    def request(self, csr: str) -> IssuedCertificate:
        """Request the certificate for a CSR in PEM form (RFC 7030, section 4.2). Raises as `issue` does."""
        operation = self._operation
        request = CertificateRequest(
            f"/{operation.name}",
            operation.verb,
            operation.unchanged,
            "Have an operator approve the request.",
            "The next run repeats the same request.",
        )
        return issue(self._session, request, _body_of(csr), lambda response: self._parse(response, request))

    def _read(self, name: str, expected: t.Container[int]) -> Response:
        response = self._session.send("GET", f"/{name}")
        if response.status not in expected:
            raise self._failure(response, name)
        return response

    def _parse(self, response: Response, request: CertificateRequest) -> IssuedCertificate:
        if response.status == 202:
            raise self._pending(response, request)
        # Some servers respond with 201.
        if not 200 <= response.status < 300:
            raise self._failure(response, request.verb)
        try:
            pem = write_chain(read_pkcs7(_decoded(response.body))).decode("ascii")
        except ValueError as error:
            raise self._invalid(response, request.verb, error) from error
        return IssuedCertificate(pem, None, None, None)

    def _pending(self, response: Response, request: CertificateRequest) -> CertificatePendingError:
        """Return the error for a request that requires approval (RFC 7030, section 4.2.3)."""
        retry_after = parse_retry_after(response.headers.get("Retry-After"), time.time(), LONGEST_APPROVAL)
        wait = f" The server does not accept it again within {retry_after:.0f} seconds." if retry_after else ""
        failure = CertificatePendingError(
            "The EST server accepted the certificate request, but did not issue a certificate yet. "
            f"{request.unchanged} {request.approval} {request.next_run}{wait}",
            details_of(response),
        )
        failure.retry_after = retry_after
        return failure

    def _failure(self, response: Response, verb: str) -> DeviceManagerError:
        operation = self._operation
        if response.status in (401, 403) and not is_html(response.body):
            advice = f"{operation.advice} Check that est_url is the URL of the enrollment profile of this device."
            hint = self._session.identity.certificate_validity_hint()
            return error_of_kind(operation.denied, advice + hint, response, verb, self._redactor)
        unknown = HttpError, "Check est_url."
        hint_of = self._session.identity.certificate_validity_hint
        denials = Denials({}, "", operation.credential, hint_of, unknown, "est_url")
        return error_from_response(response, verb, denials, self._redactor)

    def _invalid(self, response: Response, verb: str, error: ValueError) -> DeviceManagerError:
        failure = invalid_response(response, verb, error)
        return failure.replace(str(failure).replace("api_url", "est_url"))


def _body_of(csr: str) -> bytes:
    """Return the body of a request with a CSR in PEM form: the Base64 of its DER form."""
    return "".join(line + "\n" for line in csr.splitlines() if not line.startswith("-----")).encode("ascii")


def _decoded(body: bytes) -> bytes:
    """Return the DER content of a response: Base64 with or without white space, or DER (RFC 8951, section 3.1).

    Some servers add a null byte.

    Raises ValueError if it is neither.
    """
    # The first byte of DER is the tag of a sequence, which begins no Base64 of DER.
    if body[:1] == b"\x30":
        return body
    if is_html(body):
        raise ValueError("an HTML page")
    return base64.b64decode(re.sub(rb"[\s\0]", b"", body), validate=True)
