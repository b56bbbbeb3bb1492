# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""X.509: certificates, certificate signing requests (CSRs) and keys. No network, no files.

Only this file uses the package cryptography. It requires version 3.3 or newer.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import typing as t
import warnings

try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import pkcs7
    from cryptography.x509.oid import NameOID
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = tuple(map(int, cryptography.__version__.split(".")[:2])) >= (3, 3)

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
    CsrFacts,
    digest_for,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import Names
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import (
    CERTIFICATE,
    PRIVATE_KEY,
    blocks_of,
    certificates,
    is_open,
    replace_blocks,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import remaining_days
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import MissingLibraryError

KEY_TYPES = ("same", "rsa_2048", "rsa_3072", "rsa_4096", "ecdsa_p256", "ecdsa_p384", "ecdsa_p521", "ed25519")

# The names of curves in the package cryptography -> those in KEY_TYPES.
_CURVES = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}
# A server has a root and a few intermediate CAs, and three more for each change of a key (RFC 7030, section 4.1.3).
_MOST_CERTIFICATES = 50
_OTHER_KEY = "the certificate does not match the key of the CSR"
# The class of each kind of alternative name.
_GENERAL_NAMES = {
    "DNS": "DNSName",
    "IP": "IPAddress",
    "URI": "UniformResourceIdentifier",
    "email": "RFC822Name",
}


class CertificateInfo(t.NamedTuple):
    """The main attributes of a certificate. The dates have the time zone UTC."""

    subject: str
    serial_number: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    fingerprint: str

    def result(self, now: datetime.datetime) -> dict[str, t.Any]:
        """Return the attributes for the result of a module, with the remaining days at the time `now`."""
        dates = {name: f"{getattr(self, name):%Y-%m-%dT%H:%M:%SZ}" for name in ("not_before", "not_after")}
        return {**self._asdict(), **dates, "remaining_days": remaining_days(self.not_after, now)}


def need_cryptography() -> None:
    """Raise MissingLibraryError if the package cryptography is not installed, or is too old."""
    if not HAS_CRYPTOGRAPHY:
        raise MissingLibraryError.of(
            "cryptography >= 3.3",
            "python3-cryptography on Debian, Ubuntu, Fedora and RHEL, py3-cryptography on Alpine, or cryptography with "
            "pip",
        )


def read_chain(content: bytes) -> list[x509.Certificate]:
    """Return the certificates in `content`, in their order. PEM can contain other objects between them.

    Raises ValueError if there is none, or if one is invalid.
    """
    try:
        return [x509.load_der_x509_certificate(der) for der in certificates(content)]
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from None


def read_pkcs7(der: bytes) -> list[x509.Certificate]:
    """Return the certificates in PKCS#7 (SignedData in DER format, RFC 7030, section 4.1.3), in their order.

    Raises ValueError if there is none, if there are too many, or if the content is invalid.
    """
    try:
        # The order of the certificates is seldom that of DER, of which cryptography warns.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pkcs7.load_der_pkcs7_certificates(der)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        found = []
    if not found:
        raise ValueError("the content is no PKCS#7 with certificates")
    check_number(found)
    return list(found)


def check_number(found: t.Sized) -> None:
    """Raise ValueError if a response has more certificates than a chain. Each is compared with all others."""
    if len(found) > _MOST_CERTIFICATES:
        raise ValueError(f"{len(found)} certificates, but at most {_MOST_CERTIFICATES} are supported")


def write_chain(chain: t.Iterable[x509.Certificate]) -> bytes:
    """Return certificates in PEM format, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)


def holds(content: bytes, certificate: x509.Certificate) -> bool:
    """Return whether `content` (PEM) contains this certificate."""
    try:
        return certificate in read_chain(content)
    except ValueError:
        return False


def replace_chain(content: bytes, old: list[x509.Certificate], new: list[x509.Certificate]) -> bytes:
    """Return `content` (PEM) with the chain `new` in place of the chain `old`.

    All other content is unchanged, including other certificates.
    """
    return replace_blocks(
        content, CERTIFICATE, write_chain(new), lambda block: not {*old, *new}.isdisjoint(read_chain(block))
    )


def replace_key(content: bytes, key: bytes, template: x509.Certificate, passphrase: str | None, is_copy: bool) -> bytes:
    """Return `content` (PEM) with a new key (PEM) in place of the key of the certificate `template`.

    All other content is unchanged. With `is_copy`, the content does not have to contain the old key. Raises ValueError
    if it contains no key that can be replaced.
    """
    blocks = blocks_of(content, PRIVATE_KEY)
    if is_copy:
        old = [block for block in blocks if same_key(read_key(block, passphrase), template)]
    else:
        old = [block for block in blocks if _is_key_of(block, template, passphrase)] or blocks[:1]
        if not old:
            raise ValueError("there is no private key in PEM format to replace")
    return replace_blocks(content, PRIVATE_KEY, key, old.__contains__)


def _is_key_of(block: bytes, certificate: x509.Certificate, passphrase: str | None) -> bool:
    try:
        return same_key(read_key(block, passphrase), certificate)
    except ValueError:
        return False


def certificate_info(certificate: x509.Certificate) -> CertificateInfo:
    """Return the main attributes of a certificate."""
    # cryptography < 42 returns dates without a time zone, which are UTC.
    begin, end = (
        getattr(certificate, f"{name}_utc", None) or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
        for name in ("not_valid_before", "not_valid_after")
    )
    return CertificateInfo(
        subject=certificate.subject.rfc4514_string(),
        serial_number=certificate.serial_number,
        not_before=begin,
        not_after=end,
        fingerprint=fingerprint_of(certificate),
    )


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint of a certificate in hexadecimal digits, also if its content is invalid."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def read_key(content: bytes, passphrase: str | None) -> t.Any:
    """Return the private key in `content` (PEM). Raises ValueError with the reason if it cannot be used.

    As in OpenSSL, the passphrase is ignored if the key is not encrypted.
    """
    keys = b"".join(block + b"\n" for block in blocks_of(content, PRIVATE_KEY))
    password = passphrase.encode() if passphrase and not is_open(content) else None
    try:
        return serialization.load_pem_private_key(keys, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None


def load_csr(content: bytes) -> x509.CertificateSigningRequest:
    """Return the CSR in `content` (PKCS#10 in PEM format). Raises ValueError with the reason if it is invalid."""
    try:
        request = x509.load_pem_x509_csr(content)
        if not request.is_signature_valid:
            raise ValueError("its signature is not valid")
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as error:
        raise ValueError(str(error)) from None
    return request


def make_key(key_type: str, template: x509.Certificate | None = None) -> t.Any:
    """Return a new private key of `key_type`, one of KEY_TYPES. `same` is the type of the certificate `template`.

    Raises ValueError if that type is not supported.
    """
    if template is not None and key_type == "same":
        old = template.public_key()
        if isinstance(old, rsa.RSAPublicKey):
            return rsa.generate_private_key(65537, old.key_size)
        if isinstance(old, ec.EllipticCurvePublicKey):
            return ec.generate_private_key(old.curve)
        if isinstance(old, ed25519.Ed25519PublicKey):
            return ed25519.Ed25519PrivateKey.generate()
        raise ValueError("the current key is neither RSA, EC nor Ed25519: set another key_type")
    kind, _underscore, size = key_type.partition("_")
    if kind == "rsa":
        return rsa.generate_private_key(65537, int(size))
    if kind == "ecdsa":
        return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[size])
    return ed25519.Ed25519PrivateKey.generate()


def write_key(key: t.Any, passphrase: str | None) -> bytes:
    """Return a private key in PEM format (PKCS#8), which is encrypted if there is a passphrase."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


def create_csr(
    key: t.Any, template: x509.Certificate, attributes: CsrAttributes = NO_ATTRIBUTES
) -> x509.CertificateSigningRequest:
    """Return a CSR for `key` with the subject and the alternative names of the certificate `template`.

    It has the extensions and the digest that the server requests in `attributes`.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(template.subject)
    try:
        names = template.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        pass
    else:
        builder = builder.add_extension(names.value, names.critical)
    return _sign(builder, key, attributes)


def build_names(names: Names) -> tuple[x509.Name, list[x509.GeneralName]]:
    """Return the subject and the alternative names of a CSR. Raises ValueError with the reason if one is invalid."""
    subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), text) for oid, text in names.subject])
    # The encoding has limits of its own, such as the characters of a PrintableString.
    subject.public_bytes()
    alternative = [(kind, ipaddress.ip_address(text) if kind == "IP" else text) for kind, text in names.alternative]
    return subject, [getattr(x509, _GENERAL_NAMES[kind])(name) for kind, name in alternative]


def create_csr_with_names(
    key: t.Any, names: Names, attributes: CsrAttributes = NO_ATTRIBUTES
) -> x509.CertificateSigningRequest:
    """Return a CSR for `key` with these names, and with what the server requests in `attributes`, as in `create_csr`.

    Raises ValueError with the reason if a name is invalid.
    """
    subject, alternative = build_names(names)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return _sign(builder, key, attributes)


def _sign(
    builder: x509.CertificateSigningRequestBuilder, key: t.Any, attributes: CsrAttributes
) -> x509.CertificateSigningRequest:
    for extension in attributes.extensions:
        # The names of the task take precedence, and no extension occurs twice.
        with contextlib.suppress(ValueError):
            value = x509.UnrecognizedExtension(x509.ObjectIdentifier(extension.oid), extension.value)
            builder = builder.add_extension(value, extension.critical)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return builder.sign(key, None)
    return builder.sign(key, getattr(hashes, digest_for(attributes, _key_type(key)))())


def csr_facts(request: x509.CertificateSigningRequest) -> CsrFacts:
    """Return what a server can require of a CSR. A key that cryptography does not support has the type `unknown`."""
    try:
        key_type, digest = _key_type(request.public_key()), request.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        key_type, digest = "unknown", None
    extensions = frozenset(extension.oid.dotted_string for extension in _extensions(request))
    return CsrFacts(key_type, "" if digest is None else digest.name.upper(), extensions)


def _extensions(owner: x509.Certificate | x509.CertificateSigningRequest) -> list[x509.Extension[t.Any]]:
    """Return the extensions of a certificate or a CSR, or none if one is invalid. Others can have encoded them."""
    try:
        return list(owner.extensions)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []


def _key_type(key: t.Any) -> str:
    """Return the type of a private or a public key, in the notation of KEY_TYPES if that has the type."""
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return f"rsa_{key.key_size}"
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return f"ecdsa_{_CURVES.get(key.curve.name, key.curve.name)}"
    return "ed25519" if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)) else "unknown"


def dump_csr(request: x509.CertificateSigningRequest) -> str:
    """Return a CSR in PEM format."""
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def same_key(one: t.Any, other: t.Any) -> bool:
    """Return whether two certificates, CSRs or private keys have the same public key.

    A key that the package cryptography does not support equals no key. A CA can have such a key.
    """
    key = _public_key(one)
    return key is not None and key == _public_key(other)


def _public_key(owner: t.Any) -> bytes | None:
    """Return the public key of a certificate, CSR or private key, or None if cryptography does not support it."""
    try:
        key = owner.public_key()
    except (UnsupportedAlgorithm, ValueError):  # Older versions raise ValueError for an unknown type of key.
        return None
    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def order_chain(
    certificates_found: t.Iterable[x509.Certificate], request: x509.CertificateSigningRequest
) -> list[x509.Certificate]:
    """Return the certificate for the key of `request`, then the one that signed it, and so on, as TLS sends them.

    Of several certificates for the key, it is the one that expires last. Other certificates are omitted. Without a
    certificate for the key, all certificates are returned unchanged.
    """
    found = list(certificates_found)
    leaves = sorted(
        (each for each in found if same_key(each, request)), key=lambda each: certificate_info(each).not_after
    )
    return chain_of(leaves[-1], found) if leaves else found


def chain_of(leaf: x509.Certificate, certificates_found: t.Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return a certificate, then the one that signed it, and so on, as far as they were found."""
    chain, signers, rest = [leaf], [leaf], list(certificates_found)
    while signers:
        rest = [each for each in rest if each not in chain]
        signers = [each for each in rest if _is_signed_by(chain[-1], each)][:1]
        chain += signers
    return chain


def issued_below(top: list[x509.Certificate], found: t.Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificates `top`, then the CA certificates of `found` that they signed, directly or through others.

    A name without a signature proves nothing, because anyone can have sent the certificates.
    """
    rest = [each for each in found if each not in top and _is_ca(each)]
    signed = [each for each in rest if any(_has_signed(signer, each) for signer in top)]
    return [*top, *issued_below(signed, rest)] if signed else top


def _is_ca(certificate: x509.Certificate) -> bool:
    values = (extension.value for extension in _extensions(certificate))
    return any(value.ca for value in values if isinstance(value, x509.BasicConstraints))


def _has_signed(signer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether `signer` issued a certificate, also with cryptography < 40."""
    signature, content = certificate.signature, certificate.tbs_certificate_bytes
    try:
        key, digest = signer.public_key(), t.cast("hashes.HashAlgorithm", certificate.signature_hash_algorithm)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(digest))
        else:
            t.cast("ed25519.Ed25519PublicKey", key).verify(signature, content)
        return bool(certificate.issuer == signer.subject)
    except (AttributeError, TypeError, ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False


def find_issue_problem(
    chain: list[x509.Certificate], request: x509.CertificateSigningRequest, now: datetime.datetime
) -> str | None:
    """Return why the certificates of a response are not usable for the first time, or None if they are.

    The leaf certificate must match the key of the CSR, and must not have expired at the time `now`. `chain` has the
    order of `order_chain`.
    """
    if not same_key(chain[0], request):
        return _OTHER_KEY
    end = certificate_info(chain[0]).not_after
    return f"the certificate expired on {end:%Y-%m-%d %H:%M} UTC" if end <= now else None


def find_certificate_mismatch(
    chain: list[x509.Certificate],
    old: x509.Certificate,
    request: x509.CertificateSigningRequest,
    subject_may_differ: bool,
) -> str | None:
    """Return why the certificates of a response cannot replace `old`, or None if they can.

    The leaf certificate must match the key of the CSR, expire later than the old one, and have the same subject. With
    `subject_may_differ`, only the common name must be the same. `chain` has the order of `order_chain`.
    """
    leaf = chain[0]
    if not same_key(leaf, request):
        return _OTHER_KEY
    new_end, old_end = certificate_info(leaf).not_after, certificate_info(old).not_after
    if new_end <= old_end:
        return (
            f"the certificate expires on {new_end:%Y-%m-%d %H:%M} UTC, which is not after the current certificate "
            f"({old_end:%Y-%m-%d %H:%M} UTC)"
        )
    name_of = _common_names if subject_may_differ else _attributes
    if name_of(leaf.subject) not in (name_of(old.subject), name_of(request.subject)):
        return f"the certificate is for {leaf.subject.rfc4514_string()!r}, not for {old.subject.rfc4514_string()!r}"
    return None


def _attributes(name: x509.Name) -> list[tuple[str, str | bytes]]:
    """Return the attributes of a name without the encodings of their texts, which a CA can change."""
    return [(attribute.oid.dotted_string, attribute.value) for attribute in name]


def _common_names(name: x509.Name) -> list[str | bytes]:
    return [attribute.value for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _is_signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    has_name = bool(certificate.issuer == signer.subject)
    if _public_key(signer) is None:
        return has_name
    try:
        certificate.verify_directly_issued_by(signer)
    except (AttributeError, UnsupportedAlgorithm):
        # cryptography < 40 has no such method, and no version supports each algorithm. So the names are compared.
        return has_name
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
