# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The attributes that an EST server requests of a CSR (RFC 7030, section 4.5.2). Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import element

_BOOLEAN, _INTEGER, _OCTET_STRING, _OID, _SEQUENCE, _SET = 0x01, 0x02, 0x04, 0x06, 0x30, 0x31
# The numbers of bytes that are read. A list of attributes has a few hundred bytes, and each OID is copied many times.
# Python requires much time for the decimal form of a long number.
_LONGEST, _LONGEST_OID, _LONGEST_SIZE = 16384, 64, 4
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"  # noqa: S105 - an OID
_SUBJECT_ALT_NAME = "2.5.29.17"
_RSA, _EC, _ED25519 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112"
_CURVES = {"1.2.840.10045.3.1.7": "ecdsa_p256", "1.3.132.0.34": "ecdsa_p384", "1.3.132.0.35": "ecdsa_p521"}
# By OID of the algorithm of a signature: the prefix of the type of its key, and the digest.
_SIGNATURES = {
    "1.2.840.113549.1.1.11": ("rsa", "SHA256"),
    "1.2.840.113549.1.1.12": ("rsa", "SHA384"),
    "1.2.840.113549.1.1.13": ("rsa", "SHA512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "SHA256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "SHA384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "SHA512"),
    _ED25519: ("ed25519", ""),
}


class Extension(t.NamedTuple):
    """An extension of X.509 (RFC 5280, section 4.1.2.9). `value` is in DER format."""

    oid: str
    critical: bool
    value: bytes


class CsrAttributes(t.NamedTuple):
    """The requests of a server. Each is empty if the server does not request it.

    `key_types` are the types of keys in the notation of the option `key_type`, without a size if the server requests
    none. `signatures` are the types of keys and the digests of the signature. `extensions` have the values to use, and
    `required` has the OIDs of extensions without a value. `ignored` has the OIDs that this module does not recognize.
    """

    key_types: tuple[str, ...] = ()
    signatures: tuple[tuple[str, str], ...] = ()
    extensions: tuple[Extension, ...] = ()
    required: tuple[str, ...] = ()
    needs_channel_binding: bool = False
    ignored: tuple[str, ...] = ()


class CsrFacts(t.NamedTuple):
    """The type of the key of a CSR as in the option `key_type`, its digest, or "", and the OIDs of its extensions."""

    key_type: str
    digest: str
    extensions: frozenset[str]


NO_ATTRIBUTES = CsrAttributes()


def parse_csr_attributes(der: bytes) -> CsrAttributes:
    """Return the requests in the DER format of CsrAttrs. Raises ValueError if it is invalid.

    A client must ignore the OIDs that it does not recognize.
    """
    found = CsrAttributes()
    try:
        ((kind, outer),) = _elements_of(der[: _LONGEST + 1])
        if kind != _SEQUENCE:
            raise ValueError
        for tag, content in _elements_of(outer):
            found = _with_oid(found, _oid(content)) if tag == _OID else _with_attribute(found, content)
    except (ValueError, IndexError):
        raise ValueError("the content has no valid CSR attributes") from None
    return found


def digest_for(attributes: CsrAttributes, key_type: str) -> str:
    """Return the digest with which to sign a CSR for a key of this type."""
    digests = [digest for kind, digest in attributes.signatures if key_type.startswith(kind) and digest]
    return digests[0] if digests else "SHA256"


def find_csr_problems(attributes: CsrAttributes, csr: CsrFacts, is_generated: bool) -> list[str]:
    """Return which requests of the server a CSR does not meet, as sentences.

    `is_generated` is whether the module generated the key.
    """
    problems = []
    if attributes.needs_channel_binding:
        problems.append(
            "The EST server requires the channel binding of TLS in the CSR (challengePassword), which this module does "
            "not support. Have an operator disable that."
        )
    if attributes.key_types and not csr.key_type.startswith(attributes.key_types):
        remedy = "Set key_type to it." if is_generated else "Use such a key."
        problems.append(
            f"The EST server requires a key of the type {' or '.join(attributes.key_types)}, but the key of the CSR "
            f"has the type {csr.key_type}. {remedy}"
        )
    elif attributes.signatures and (csr.key_type.partition("_")[0], csr.digest) not in attributes.signatures:
        wanted = " or ".join(" with ".join(filter(None, each)) for each in attributes.signatures)
        problems.append(f"The EST server requires a signature of the CSR with {wanted}. Use such a key or such a CSR.")
    lacking = {*attributes.required, *(each.oid for each in attributes.extensions)} - csr.extensions
    for oid in sorted(lacking):
        remedy = "Set subject_alt_name." if oid == _SUBJECT_ALT_NAME and is_generated else "Add it to the CSR."
        problems.append(f"The EST server requires the extension {oid} in the CSR. {remedy}")
    return problems


def _with_oid(found: CsrAttributes, oid: str) -> CsrAttributes:
    if oid == _CHALLENGE_PASSWORD:
        return found._replace(needs_channel_binding=True)
    if oid in _SIGNATURES:
        return found._replace(signatures=(*found.signatures, _SIGNATURES[oid]))
    if oid in (_RSA, _EC):
        return found._replace(key_types=(*found.key_types, "rsa" if oid == _RSA else "ecdsa"))
    return found._replace(ignored=(*found.ignored, oid))


def _with_attribute(found: CsrAttributes, content: bytes) -> CsrAttributes:
    (kind, oid_content), (values_kind, values) = _elements_of(content)
    if (kind, values_kind) != (_OID, _SET):
        raise ValueError
    oid, elements = _oid(oid_content), _elements_of(values)
    if oid == _EXTENSION_REQUEST:
        for tag, value in elements:
            found = _with_extensions(found, tag, value)
        return found
    if oid == _EC:
        curves = [_CURVES.get(_oid(value), "another curve") for tag, value in elements if tag == _OID]
        return found._replace(key_types=(*found.key_types, *(curves or ["ecdsa"])))
    if oid == _RSA:
        integers = [value[-_LONGEST_SIZE:] for tag, value in elements if tag == _INTEGER]
        sizes = [f"rsa_{int.from_bytes(value, 'big')}" for value in integers]
        return found._replace(key_types=(*found.key_types, *(sizes or ["rsa"])))
    return _with_oid(found, oid)


def _with_extensions(found: CsrAttributes, tag: int, content: bytes) -> CsrAttributes:
    """Return the requests with an extension request: the OID of an extension, or Extensions with values (RFC 2985)."""
    if tag == _OID:
        oid = _oid(content)
        # The value of another extension, such as a hardware address, is unknown.
        if oid == _SUBJECT_ALT_NAME:
            return found._replace(required=(*found.required, oid))
        return found._replace(ignored=(*found.ignored, oid))
    extensions = tuple(_extension(value) for each, value in _elements_of(content) if each == _SEQUENCE)
    return found._replace(extensions=(*found.extensions, *extensions))


def _extension(content: bytes) -> Extension:
    (kind, oid), *flags, (value_kind, value) = _elements_of(content)
    if (kind, value_kind) != (_OID, _OCTET_STRING):
        raise ValueError
    return Extension(_oid(oid), (_BOOLEAN, b"\xff") in flags, value)


def _elements_of(der: bytes) -> list[tuple[int, bytes]]:
    """Return the tags and the contents of consecutive DER elements (X.690, section 8.1).

    Raises ValueError or IndexError if one is incomplete.
    """
    elements, at = [], 0
    while at < len(der):
        begin, end = element(der, at)
        # DER has no indefinite length (X.690, section 10.1).
        if end > len(der) or der[at + 1] == 0x80:
            raise ValueError
        elements.append((der[at], der[begin:end]))
        at = end
    return elements


def _oid(content: bytes) -> str:
    """Return the dotted form of an object identifier (X.690, section 8.19). Raises ValueError."""
    if len(content) > _LONGEST_OID:
        raise ValueError
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers or content[-1] & 0x80:
        raise ValueError
    first = min(numbers[0] // 40, 2)
    return ".".join(str(each) for each in (first, numbers[0] - 40 * first, *numbers[1:]))
