# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""X.509: what a certificate says, the request for a new one, and whether the answer fits. No network, no files.

Nothing else in the collection uses the package cryptography, from whose version 3.3 on all of this works.
"""

from __future__ import annotations

import datetime
import typing as t

try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = tuple(map(int, cryptography.__version__.split(".")[:2])) >= (3, 3)

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import (
    CERTIFICATE,
    PRIVATE_KEY,
    blocks_of,
    certificates,
    is_open,
    replace_blocks,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import MissingLibraryError

KEY_TYPES = ("same", "rsa_2048", "rsa_3072", "rsa_4096", "ecdsa_p256", "ecdsa_p384", "ecdsa_p521", "ed25519")


class CertificateInfo(t.NamedTuple):
    """What a certificate says of itself. The dates have the time zone UTC."""

    subject: str
    serial_number: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    fingerprint: str


def need_cryptography() -> None:
    """Raise MissingLibraryError where the package cryptography is not installed, or is too old."""
    if not HAS_CRYPTOGRAPHY:
        raise MissingLibraryError.of(
            "cryptography >= 3.3",
            "python3-cryptography on Debian, Ubuntu, Fedora and RHEL, py3-cryptography on Alpine, or cryptography with "
            "pip",
        )


def read_chain(content: bytes) -> list[x509.Certificate]:
    """Return the certificates in `content` (PEM, perhaps with other objects between), in the order of the content.

    Raises ValueError when there is none, or one that cannot be read.
    """
    return [x509.load_der_x509_certificate(der) for der in certificates(content)]


def write_chain(chain: t.Iterable[x509.Certificate]) -> bytes:
    """Return certificates in PEM form, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)


def holds(content: bytes, certificate: x509.Certificate) -> bool:
    """Return whether this certificate is one of those in `content` (PEM, perhaps with other things between)."""
    try:
        return certificate in read_chain(content)
    except ValueError:
        return False


def replace_chain(content: bytes, old: list[x509.Certificate], new: list[x509.Certificate]) -> bytes:
    """Return `content` (PEM) with the chain `new` where the first certificate of the chain `old` was.

    All else stays as it is, other certificates included.
    """
    return replace_blocks(
        content, CERTIFICATE, write_chain(new), lambda block: not {*old, *new}.isdisjoint(read_chain(block))
    )


def replace_key(content: bytes, key: bytes, like: x509.Certificate, passphrase: str | None, is_copy: bool) -> bytes:
    """Return `content` (PEM) with another key (PEM) instead of that of the certificate `like`. All else stays.

    With `is_copy` the content does not have to hold that key. Raises ValueError when it holds none that can be
    replaced.
    """
    blocks = blocks_of(content, PRIVATE_KEY)
    if is_copy:
        old = [block for block in blocks if same_key(read_key(block, passphrase), like)]
    else:
        old = [block for block in blocks if _is_key_of(block, like, passphrase)] or blocks[:1]
        if not old:
            raise ValueError("there is no private key in PEM form to replace")
    return replace_blocks(content, PRIVATE_KEY, key, old.__contains__)


def _is_key_of(block: bytes, certificate: x509.Certificate, passphrase: str | None) -> bool:
    try:
        return same_key(read_key(block, passphrase), certificate)
    except ValueError:
        return False


def certificate_info(certificate: x509.Certificate) -> CertificateInfo:
    """Return what a certificate says of itself."""
    # cryptography before 42 has only dates without a time zone, which are UTC.
    begin, end = (
        getattr(certificate, f"{name}_utc", None) or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
        for name in ("not_valid_before", "not_valid_after")
    )
    return CertificateInfo(
        subject=certificate.subject.rfc4514_string(),
        serial_number=certificate.serial_number,
        not_before=begin,
        not_after=end,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def read_key(content: bytes, passphrase: str | None) -> t.Any:
    """Return the private key in `content` (PEM). Raises ValueError with the reason when it cannot be used.

    As with OpenSSL, a passphrase for a key that is not encrypted is not used.
    """
    keys = b"".join(block + b"\n" for block in blocks_of(content, PRIVATE_KEY))
    password = passphrase.encode() if passphrase and not is_open(content) else None
    try:
        return serialization.load_pem_private_key(keys, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None


def load_csr(content: bytes) -> x509.CertificateSigningRequest:
    """Return the request in `content` (PKCS#10 in PEM form). Raises ValueError with the reason when it is not one."""
    try:
        request = x509.load_pem_x509_csr(content)
        if not request.is_signature_valid:
            raise ValueError("its signature is not valid")
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise ValueError(str(error)) from None
    return request


def make_key(key_type: str, like: x509.Certificate) -> t.Any:
    """Return a new private key of `key_type`, one of KEY_TYPES; `same` is that of the certificate `like`.

    Raises ValueError when that is a kind of key that this does not make.
    """
    if key_type == "same":
        old = like.public_key()
        if isinstance(old, rsa.RSAPublicKey):
            return rsa.generate_private_key(65537, old.key_size)
        if isinstance(old, ec.EllipticCurvePublicKey):
            return ec.generate_private_key(old.curve)
        if isinstance(old, ed25519.Ed25519PublicKey):
            return ed25519.Ed25519PrivateKey.generate()
        raise ValueError("the present key is none of RSA, EC and Ed25519: say another key_type")
    kind, _underscore, size = key_type.partition("_")
    if kind == "rsa":
        return rsa.generate_private_key(65537, int(size))
    if kind == "ecdsa":
        return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[size])
    return ed25519.Ed25519PrivateKey.generate()


def write_key(key: t.Any, passphrase: str | None) -> bytes:
    """Return a private key in PEM form (PKCS#8), encrypted when there is a passphrase."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


def create_csr(key: t.Any, like: x509.Certificate) -> x509.CertificateSigningRequest:
    """Return a request for a certificate for `key` with the subject and the alternative names of `like`."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(like.subject)
    try:
        names = like.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        pass
    else:
        builder = builder.add_extension(names.value, names.critical)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def dump_csr(request: x509.CertificateSigningRequest) -> str:
    """Return a request in PEM form."""
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def same_key(one: t.Any, other: t.Any) -> bool:
    """Say whether two certificates, requests or private keys have the same public key."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return bool(one.public_key().public_bytes(*form) == other.public_key().public_bytes(*form))


def order_chain(
    certificates_found: t.Iterable[x509.Certificate], request: x509.CertificateSigningRequest
) -> list[x509.Certificate]:
    """Return the certificate for the key of `request`, then the one that signed it, and so on, as TLS sends them.

    Where several are for that key, it is the one that expires last. Other certificates are left out. Without one for
    that key all are returned as they are.
    """
    found = list(certificates_found)
    leaves = sorted(
        (each for each in found if same_key(each, request)), key=lambda each: certificate_info(each).not_after
    )
    return chain_of(leaves[-1], found) if leaves else found


def chain_of(leaf: x509.Certificate, certificates_found: t.Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return a certificate, then the one that signed it, and so on, as far as they are among those found."""
    chain, signers, rest = [leaf], [leaf], list(certificates_found)
    while signers:
        rest = [each for each in rest if each not in chain]
        signers = [each for each in rest if _is_signed_by(chain[-1], each)][:1]
        chain += signers
    return chain


def find_certificate_mismatch(
    chain: list[x509.Certificate],
    old: x509.Certificate,
    request: x509.CertificateSigningRequest,
    subject_may_differ: bool,
) -> str | None:
    """Return why the certificates of an answer cannot replace `old`, or None when they can.

    The leaf has to be for the key of the request, end later than the old one, and name the same device;
    `subject_may_differ` asks for the same common name only. `chain` is ordered, as by `order_chain`.
    """
    leaf = chain[0]
    if not same_key(leaf, request):
        return "the certificate is for another key than the one that was asked for"
    ends, ended = certificate_info(leaf).not_after, certificate_info(old).not_after
    if ends <= ended:
        return f"the certificate ends on {ends:%Y-%m-%d %H:%M} UTC, not after the old one, {ended:%Y-%m-%d %H:%M} UTC"
    name_of = _common_names if subject_may_differ else _attributes
    if name_of(leaf.subject) not in (name_of(old.subject), name_of(request.subject)):
        return f"the certificate is for {leaf.subject.rfc4514_string()!r}, not for {old.subject.rfc4514_string()!r}"
    return None


def _attributes(name: x509.Name) -> list[tuple[str, str | bytes]]:
    """Return what a name consists of. How its texts are encoded is left out: a CA may do it in another way."""
    return [(attribute.oid.dotted_string, attribute.value) for attribute in name]


def _common_names(name: x509.Name) -> list[str | bytes]:
    return [attribute.value for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _is_signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    try:
        verify = certificate.verify_directly_issued_by
    except AttributeError:  # before cryptography 40 there are the names to go by
        return certificate.issuer == signer.subject
    try:
        verify(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
