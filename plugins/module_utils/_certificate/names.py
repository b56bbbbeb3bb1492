# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The names in a CSR, in the notation of community.crypto.openssl_csr, and the values that they are parsed into. Pure.

The short names of attributes are those of OpenSSL, the OIDs are those of RFC 5280, appendix A, and RFC 4519.
"""

from __future__ import annotations

import re
import typing as t

COMMON_NAME = "2.5.4.3"
# The upper bound of RFC 5280, appendix A.1.
MAXIMUM_COMMON_NAME = 64
_OIDS = {
    "2.5.4.3": ("CN", "commonName"),
    "2.5.4.4": ("SN", "surname"),
    "2.5.4.5": ("serialNumber",),
    "2.5.4.6": ("C", "countryName"),
    "2.5.4.7": ("L", "localityName"),
    "2.5.4.8": ("ST", "stateOrProvinceName"),
    "2.5.4.9": ("street", "streetAddress"),
    "2.5.4.10": ("O", "organizationName"),
    "2.5.4.11": ("OU", "organizationalUnitName"),
    "2.5.4.12": ("title",),
    "2.5.4.17": ("postalCode",),
    "2.5.4.42": ("GN", "givenName"),
    "2.5.4.46": ("dnQualifier",),
    "2.5.4.65": ("pseudonym",),
    "2.5.4.97": ("organizationIdentifier",),
    "0.9.2342.19200300.100.1.1": ("UID", "userId"),
    "0.9.2342.19200300.100.1.25": ("DC", "domainComponent"),
    "1.2.840.113549.1.9.1": ("emailAddress",),
}
_BY_NAME = {name.lower(): oid for oid, names in _OIDS.items() for name in names}
_DOTTED = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
ALTERNATIVE_NAMES = ("DNS", "IP", "URI", "email")


class Names(t.NamedTuple):
    """The subject of a CSR as pairs of an OID and a text, and its alternative names as pairs of a kind and a text."""

    subject: tuple[tuple[str, str], ...]
    alternative: tuple[tuple[str, str], ...]


def parse_names(
    subject: t.Mapping[str, t.Any] | None, alternative: t.Iterable[str] | None, device_identifier: str
) -> tuple[Names, list[str]]:
    """Return the names of a CSR in the options of a module, and all errors as sentences.

    The common name defaults to the name of the device.
    """
    problems: list[str] = []
    pairs = [pair for name, value in (subject or {}).items() for pair in _parse_attribute(name, value, problems)]
    label = "subject"
    if all(oid != COMMON_NAME for oid, _text in pairs):
        pairs.append((COMMON_NAME, device_identifier))
        label = "device_identifier"
    if any(oid == COMMON_NAME and len(text) > MAXIMUM_COMMON_NAME for oid, text in pairs):
        problems.append(
            f"{label} has a common name with more than {MAXIMUM_COMMON_NAME} characters, which no certificate can "
            "have. Set CN in subject to a shorter name."
        )
    names = [_parse_alternative(text, problems) for text in alternative or ()]
    return Names(tuple(pairs), tuple(names)), problems


def _parse_attribute(name: str, value: t.Any, problems: list[str]) -> list[tuple[str, str]]:
    oid = name if _DOTTED.fullmatch(name) else _BY_NAME.get(name.lower())
    if oid is None:
        problems.append(f"subject: {name!r} is neither the name nor the OID of an attribute of a subject.")
        return []
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(_is_text(text) for text in texts):
        problems.append(f"subject: the value of {name!r} must be a string that is not empty, or a list of them.")
        return []
    return [(oid, str(text)) for text in texts]


def _is_text(value: t.Any) -> bool:
    """Return whether a value has one notation as text and is not empty."""
    return value != "" and isinstance(value, (str, int)) and not isinstance(value, bool)


def _parse_alternative(text: str, problems: list[str]) -> tuple[str, str]:
    kind, colon, name = text.partition(":")
    kinds = {known.lower(): known for known in ALTERNATIVE_NAMES}
    if not colon or not name.strip() or kind.strip().lower() not in kinds:
        prefixes = ", ".join(f"{known}:" for known in ALTERNATIVE_NAMES)
        problems.append(f"subject_alt_name: {text!r} must consist of one of {prefixes} and a name.")
    return kinds.get(kind.strip().lower(), ""), name.strip()
