# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""EST (RFC 7030, RFC 8951): CA certificates, CSR attributes, enrollment and renewal. No network here."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import typing as t
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from simulator.enrollment import Enrollment, EnrollmentProfile, Passcode
from simulator.log import Request
from simulator.records import Record, Refusal, denied, identifier, invalid, sign_request
from simulator.script import Reply

EST_PATH = "/.well-known/est/"
_PATH = re.compile(rf"{re.escape(EST_PATH)}devicetrustmanager/([^/]+)/device-group/[^/]+/([^/]+)")
# The method of each operation.
_METHODS = {"cacerts": "GET", "csrattrs": "GET", "simpleenroll": "POST", "simplereenroll": "POST"}
# The DER forms of the object identifiers data and signedData (RFC 5652, sections 4 and 5.1).
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")

Sign = t.Callable[[bytes], bytes]


@dataclasses.dataclass
class Est:
    """The EST endpoint of the enrollment profiles with the method EST. Tests can set all but `issued`.

    A certificate request is its CSR: the same bytes again are the same request, until it has its certificate. The body
    of each response 200 is encoded by `line_length`, `line_end` and `raw_der`, with the header `transfer_encoding`.
    """

    enrollment: Enrollment
    ca_certificates: list[x509.Certificate]  # of /cacerts, in this order
    line_length: int = 64  # of the base64; 0 is one line
    line_end: str = "\n"
    raw_der: bool = False  # instead of base64
    transfer_encoding: str | None = "base64"  # the header Content-Transfer-Encoding; None omits it
    content_type: str = "application/pkcs7-mime; smime-type=certs-only"
    leaf_place: str = "first"  # or last: where the certificate is in a response; DER prescribes another order
    with_chain: bool = True  # whether the intermediate CA is in the response, too
    csr_attributes: bytes | int | None = None  # of /csrattrs in DER form, the status of a refusal, or None for 204
    pending: int = 0  # how many times each request is answered with 202 before the certificate is issued
    retry_after: int | datetime | str | None = 1  # of these answers: seconds, a date, the text of the header, or none
    issued: list[x509.Certificate] = dataclasses.field(default_factory=list)
    _waiting: dict[bytes, int] = dataclasses.field(default_factory=dict)

    def enroll(self, profile: EnrollmentProfile, request: Request, sign: Sign) -> Reply:
        """Issue a certificate for the device that the common name of a CSR names. Raises Refusal."""
        passcode = self._authenticate(profile, request)
        csr = _read_csr(request)
        name = next((str(each.value) for each in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")
        if not name:
            raise invalid("The subject of the CSR has no common name")
        passcode.check(name)
        if self._is_pending(profile, csr):
            return self._answer_pending()
        pem = _sign(csr, sign)
        device = self.enrollment.enroll(profile, name, self._missing_values(profile, name))
        passcode.uses -= 1
        self.enrollment.records.hand_out(device, pem)
        return self._answer_certificate(pem)

    def renew(self, profile: EnrollmentProfile, request: Request, sign: Sign) -> Reply:
        """Issue another certificate for the device of the present certificate. Raises Refusal.

        The old certificate goes on working.
        """
        if request.connection.api == "operator":
            raise Refusal(401, "access_denied", "A renewal requires the present certificate")
        records, fingerprint = self.enrollment.records, request.connection.fingerprint
        device = records.find_renewable(records.find_certified(fingerprint).id, fingerprint)
        csr = _read_csr(request)
        _check_names(csr, x509.load_der_x509_certificate(request.connection.certificate))
        if self._is_pending(profile, csr):
            return self._answer_pending()
        pem = _sign(csr, sign)
        records.hand_out(device, pem)
        return self._answer_certificate(pem)

    def answer_ca_certificates(self) -> Reply:
        """Return the response to /cacerts (RFC 7030, section 4.1.3)."""
        return self._encode(_certs_only(self.ca_certificates), self.content_type)

    def answer_csr_attributes(self) -> Reply:
        """Return the response to /csrattrs (RFC 7030, section 4.5.2). Raises Refusal."""
        if self.csr_attributes is None:
            return Reply(204, None, {})
        if isinstance(self.csr_attributes, int):
            raise Refusal(self.csr_attributes, "", "There are no CSR attributes")
        return self._encode(self.csr_attributes, "application/csrattrs")

    def _authenticate(self, profile: EnrollmentProfile, request: Request) -> Passcode:
        """Return the passcode of an enrollment, or one without limits for a birth certificate. Raises Refusal."""
        if request.connection.api == "device":
            if request.connection.fingerprint not in profile.birth_certificates:
                raise denied("The certificate is not registered to the enrollment profile")
            return Passcode()
        passcode = profile.passcodes.get(_read_password(request))
        if passcode is None:
            raise Refusal(401, "access_denied", "The passcode is not valid")
        return passcode

    def _missing_values(self, profile: EnrollmentProfile, name: str) -> list[Record]:
        """Return the device's name as the value of each mandatory field without one: a CSR has no values of fields."""
        known = self.enrollment.records.find_named(name, profile.division)
        values = {} if known is None else known.values
        fields = profile.device_profile.fields
        return [{"id": field.id, "value": name} for field in fields if field.mandatory and field.id not in values]

    def _is_pending(self, profile: EnrollmentProfile, csr: x509.CertificateSigningRequest) -> bool:
        """Count a request, and return whether its certificate is not issued yet."""
        der = csr.public_bytes(Encoding.DER)
        times = self._waiting.get(der, 0)
        if times < self.pending or profile.needs_approval:
            self._waiting[der] = times + 1
            return True
        self._waiting.pop(der, None)
        return False

    def _answer_pending(self) -> Reply:
        """Return the response to a request that is to be sent again (RFC 7030, section 4.2.3)."""
        headers = {"Content-Type": "text/plain"}
        if isinstance(self.retry_after, datetime):
            headers["Retry-After"] = format_datetime(self.retry_after, usegmt=True)
        elif self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Reply(202, b"The certificate request is pending.\n", headers)

    def _answer_certificate(self, pem: bytes) -> Reply:
        """Return the response with an issued certificate and its chain, and note it."""
        leaf, *chain = x509.load_pem_x509_certificates(pem)
        self.issued.append(leaf)
        certificates = [leaf, *chain] if self.with_chain else [leaf]
        if self.leaf_place == "last":
            certificates.reverse()
        return self._encode(_certs_only(certificates), self.content_type)

    def _encode(self, der: bytes, content_type: str) -> Reply:
        headers = {"Content-Type": content_type}
        if self.transfer_encoding is not None:
            headers["Content-Transfer-Encoding"] = self.transfer_encoding
        if self.raw_der:
            return Reply(200, der, headers)
        text = base64.b64encode(der).decode()
        length = self.line_length or len(text)
        lines = [text[start : start + length] + self.line_end for start in range(0, len(text), length)]
        return Reply(200, "".join(lines).encode(), headers)


def est_path(profile_id: str) -> str:
    """Return the path of an enrollment profile, to which an operation is appended."""
    return f"{EST_PATH}devicetrustmanager/{profile_id}/device-group/{identifier('device group')}"


def is_of_est(request: Request) -> bool:
    """Return whether a request is for `handle_est_request`."""
    return request.path.startswith(EST_PATH)


def handle_est_request(est: Est, request: Request, sign: Sign) -> Reply:
    """Carry out a request and return what there is to answer. `sign` answers a CSR. Raises Refusal."""
    path = urlsplit(request.path).path
    parts = _PATH.fullmatch(path)
    profile_id, operation = parts.groups() if parts else ("", "")
    profiles = (each for each in est.enrollment.profiles if (each.id, each.method) == (profile_id, "EST"))
    profile = next(profiles, None)
    if profile is None or operation not in _METHODS:
        raise Refusal(404, "resource_not_found", f"There is nothing at {path}")
    if request.method != _METHODS[operation]:
        raise Refusal(405, "method_not_allowed", f"{request.method} is not for {path}")
    match operation:
        case "cacerts":
            return est.answer_ca_certificates()
        case "csrattrs":
            return est.answer_csr_attributes()
        case "simpleenroll":
            return est.enroll(profile, request, sign)
        case _:
            return est.renew(profile, request, sign)


def answer_refusal(refusal: Refusal) -> Reply:
    """Return the response to a request that is refused: text, as RFC 7030, section 4.2.3, prescribes."""
    headers = {"Content-Type": "text/plain"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="est"'
    return Reply(refusal.status, f"{refusal}.\n".encode(), headers)


def _read_password(request: Request) -> str:
    """Return the password of HTTP Basic (RFC 7617), and an empty one if there is none. The username is ignored."""
    scheme, _space, credentials = (request.header("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _read_csr(request: Request) -> x509.CertificateSigningRequest:
    """Return the CSR of a request: base64 with any white space (RFC 8951, section 3.1). Raises Refusal."""
    if (request.header("Content-Type") or "").partition(";")[0].strip().lower() != "application/pkcs10":
        raise Refusal(415, "invalid_input", "The request is not application/pkcs10")
    try:
        csr = x509.load_der_x509_csr(base64.b64decode(b"".join(request.body.split()), validate=True))
    except (binascii.Error, ValueError):
        raise invalid("The request body is not a CSR in base64") from None
    if not csr.is_signature_valid:
        raise invalid("The signature of the CSR is not valid")
    return csr


def _sign(csr: x509.CertificateSigningRequest, sign: Sign) -> bytes:
    """Return the certificate for a CSR and its chain, in PEM form. Raises Refusal."""
    return sign_request({"csr": csr.public_bytes(Encoding.PEM).decode()}, sign)


def _check_names(csr: x509.CertificateSigningRequest, present: x509.Certificate) -> None:
    """Raise Refusal unless the names of a CSR are those of the present certificate (RFC 7030, section 4.2.2)."""
    if csr.subject != present.subject:
        raise invalid("The subject of the CSR is not that of the present certificate")
    if _alternative_names(csr) != _alternative_names(present):
        raise invalid("The subject alternative names of the CSR are not those of the present certificate")


def _alternative_names(
    holder: x509.CertificateSigningRequest | x509.Certificate,
) -> x509.SubjectAlternativeName | None:
    try:
        return holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _certs_only(certificates: t.Sequence[x509.Certificate]) -> bytes:
    """Return a certs-only PKCS#7 (RFC 5652, section 5.1) in DER form, with the certificates in this order.

    The one of `cryptography` sorts them, as DER prescribes for a SET. Many servers do not.
    """
    ders = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    empty_set = _der(0x31)
    signed_data = _der(0x30, b"\x02\x01\x01", empty_set, _der(0x30, _DATA), _der(0xA0, *ders), empty_set)
    return _der(0x30, _SIGNED_DATA, _der(0xA0, signed_data))


def _der(tag: int, *contents: bytes) -> bytes:
    """Return the DER form of one value: tag, length and contents (X.690, section 8.1)."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
