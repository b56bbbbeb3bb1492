# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""PEM (RFC 7468): find the certificates that OpenSSL finds in a file, and describe why it finds none. Pure.

No message repeats any part of the content, because the content can be a private key.
"""

from __future__ import annotations

import binascii
import re
import typing as t

# PEM_BUFSIZE of OpenSSL.
LONGEST_PASSPHRASE = 1024
# OpenSSL accepts all three. A trusted certificate is followed by data that only OpenSSL reads.
_CERTIFICATE_LABELS = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"))
# OpenSSL 3 ignores a byte order mark at the start of a file. OpenSSL 1.1.1 does not find the line after it.
BOM = b"\xef\xbb\xbf"
# OpenSSL ignores blanks after a line, but none before it.
_BLOCK = re.compile(rb"^-----BEGIN ([^\r\n]+?)-----[ \t\r]*\n(.*?)^-----END \1-----[ \t\r]*$", re.DOTALL | re.MULTILINE)
_BEGIN = re.compile(rb"^-----BEGIN [^\r\n]+?-----[ \t\r]*$", re.MULTILINE)
_DER_HINT = "convert it with 'openssl {} -inform DER -in FILE -out NEW_FILE'"


class PemType(t.NamedTuple):
    """The type of object that an option requires."""

    noun: str
    begin: str
    command: str
    accepts: t.Callable[[bytes], bool]


CERTIFICATE = PemType("certificate", "-----BEGIN CERTIFICATE-----", "x509", _CERTIFICATE_LABELS.__contains__)
# The two other labels are for keys in hardware.
PRIVATE_KEY = PemType(
    "private key",
    "-----BEGIN PRIVATE KEY-----",
    "pkey",
    lambda label: (
        (label.endswith(b"PRIVATE KEY") and label != b"OPENSSH PRIVATE KEY") or label == b"PKCS#11 PROVIDER URI"
    ),
)

# The label of another object -> the name of the object in messages, with the remedy.
_OTHER_OBJECTS = (
    (b"CERTIFICATE REQUEST", "a certificate signing request (CSR)"),
    (b"NEW CERTIFICATE REQUEST", "a certificate signing request (CSR)"),
    (b"OPENSSH PRIVATE KEY", "a private key in OpenSSH format (convert a copy with 'ssh-keygen -p -m PKCS8 -f COPY')"),
    (b"PKCS7", "a PKCS #7 archive (extract the certificates with 'openssl pkcs7 -print_certs')"),
    (b"CMS", "a CMS archive (extract the certificates with 'openssl cms')"),
    (b"PUBLIC KEY", "a public key"),
    (b"RSA PUBLIC KEY", "a public key"),
    (b"EC PARAMETERS", "the parameters of a key"),
    (b"DH PARAMETERS", "Diffie-Hellman parameters"),
    (b"X509 CRL", "a certificate revocation list"),
)


def certificates(content: bytes) -> list[bytes]:
    """Return the certificates in `content` in DER format, in the order in which OpenSSL reads them.

    Raises ValueError with the reason if there is none, or if one is damaged.
    """
    ders = [_der(body) for label, body in _blocks(content) if label in _CERTIFICATE_LABELS]
    if not ders:
        raise ValueError("there is no certificate in PEM format")
    if None in ders:
        raise ValueError(f"certificate {ders.index(None) + 1} of {len(ders)} is damaged or incomplete")
    return t.cast("list[bytes]", ders)


def blocks_of(content: bytes, wanted: PemType) -> list[bytes]:
    """Return the blocks of the wanted type in `content`, as they are."""
    text = content[len(BOM) :] if content.startswith(BOM) else content
    return [found.group(0) for found in _BLOCK.finditer(text) if wanted.accepts(found.group(1))]


def replace_blocks(content: bytes, wanted: PemType, new: bytes, is_old: t.Callable[[bytes], bool]) -> bytes:
    """Return `content` with `new` in place of the first old block of the wanted type, and without the other old ones.

    All other content is unchanged.
    """
    begin = len(BOM) if content.startswith(BOM) else 0
    parts, end = [content[:begin]], begin
    for found in _BLOCK.finditer(content[begin:]):
        if wanted.accepts(found.group(1)) and is_old(found.group(0)):
            parts += [content[end : begin + found.start()], new]
            end, new = begin + found.end(), b""
            end += content.startswith(b"\n", end)
    return b"".join([*parts, content[end:]])


def are_swapped(certificate: bytes, key: bytes) -> bool:
    """Return whether the first of two contents has only a private key, and the second has only certificates."""
    holders = [
        [bool(blocks_of(content, wanted)) for wanted in (CERTIFICATE, PRIVATE_KEY)] for content in (certificate, key)
    ]
    return holders == [[False, True], [True, False]]


def is_open(content: bytes) -> bool:
    """Return whether `content` has a private key that is not encrypted. A key in hardware is not in the content."""
    keys = [(label, body) for label, body in _blocks(content) if PRIVATE_KEY.accepts(label)]
    marks = (b"ENCRYPTED", b"TSS2", b"PKCS#11")
    return bool(keys) and not any(mark in keys[0][0] or mark in keys[0][1] for mark in marks)


def element(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the DER element at this place begins and ends (X.690, section 8.1)."""
    begin, size = at + 2, der[at + 1]
    if size & 0x80:
        begin, size = begin + (size & 0x7F), int.from_bytes(der[begin : begin + (size & 0x7F)], "big")
    return begin, begin + size


def describe_problem(content: bytes, wanted: PemType) -> str | None:
    """Return why OpenSSL finds no object of the wanted type in `content`, as the end of a sentence, or None."""
    text = content[len(BOM) :] if content.startswith(BOM) else content
    if not text.strip():
        return "is empty"
    if b"-\0-\0-" in text:
        return f"is text in UTF-16, which OpenSSL cannot read: save the {wanted.noun} as ASCII or UTF-8 text"
    if b"-----BEGIN " not in text:
        return _problem_without_begin(text, wanted)
    return _problem_of_layout(text) or _problem_of_blocks(text, wanted)


def _blocks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return the label and the body of each block that OpenSSL finds."""
    text = content[len(BOM) :] if content.startswith(BOM) else content
    return [(found.group(1), found.group(2)) for found in _BLOCK.finditer(text)]


def _der(body: bytes) -> bytes | None:
    """Return the first DER element in the body of a block, or None if the body is damaged."""
    try:
        # a2b_base64 skips characters that OpenSSL rejects.
        if re.search(rb"[^A-Za-z0-9+/=\s]|=\s*[^=\s]", body):
            return None
        der = binascii.a2b_base64(body)
        end = element(der, 0)[1]
    except (IndexError, ValueError):
        return None
    return der[:end] if der[:1] == b"\x30" and end <= len(der) else None


def _problem_without_begin(text: bytes, wanted: PemType) -> str:
    if text.startswith(b"$ANSIBLE_VAULT;"):
        return "is a file that Ansible Vault has encrypted: set the decrypted text in the option that ends in _content"
    if text.startswith(b"LS0tLS1CRUdJT"):
        return "is PEM that is encoded in Base64 again: decode it, for example with the filter b64decode"
    if re.match(rb"\x30[\x80-\x84]", text):
        return _problem_of_der(text, wanted)
    if re.match(rb"MI[A-Za-z0-9+/=\s]+\Z", text):
        return f"is Base64 without the lines around it: add the line {wanted.begin} and its END line"
    return f"is not PEM: it has no line that starts with {wanted.begin}"


def _problem_of_der(text: bytes, wanted: PemType) -> str:
    inner = text[element(text, 0)[0] :]
    if inner.startswith(b"\x02\x01\x03"):
        options = "-nodes -nocerts" if wanted is PRIVATE_KEY else "-nokeys"
        return f"is a PKCS #12 archive, not PEM: extract the {wanted.noun} with 'openssl pkcs12 {options}'"
    if wanted is CERTIFICATE and inner.startswith((b"\x02\x01\x00", b"\x02\x01\x01")):
        return "is a private key in DER format, not a certificate in PEM format"
    return f"is in DER format, not PEM: {_DER_HINT.format(wanted.command)}"


def _problem_of_layout(text: bytes) -> str | None:
    """Return the rule of RFC 7468 on lines that the content violates, so that OpenSSL does not find a block."""
    if re.search(rb"-----BEGIN [^\r\n]*?-----(\\r)?\\n", text):
        return r"has the two characters \n in place of line ends: use line ends, in YAML in a block with |"
    if b"\n" not in text and b"\r" in text:
        return "has lines that end in CR only, which OpenSSL cannot read: use LF"
    if re.search(rb"-----BEGIN [^\r\n-]+?-----[ \t]*[^\s-]", text) or re.search(rb"[^\s-][ \t]*-----END ", text):
        return "has blanks or nothing in place of line ends: keep the lines, in YAML in a block with |, not >"
    if re.search(rb"^[ \t]+-----BEGIN ", text, re.MULTILINE):
        return "has blanks before -----BEGIN, which must be at the start of a line"
    if re.search(rb"^[^\r\n]+-----BEGIN ", text, re.MULTILINE):
        return "has other characters before -----BEGIN, which must be at the start of a line"
    return None


def _problem_of_blocks(text: bytes, wanted: PemType) -> str | None:
    blocks = _blocks(text)
    if len(_BEGIN.findall(text)) > len(blocks):
        return (
            "is truncated or damaged: a line that starts with -----BEGIN has no -----END line of the same name after it"
        )
    found = [(label, body) for label, body in blocks if wanted.accepts(label)]
    if not found:
        return f"contains {_objects([label for label, _body in blocks])} and no {wanted.noun}"
    for number, (_label, body) in enumerate(found, start=1):
        # An encrypted key can begin with headers and an empty line (RFC 1421).
        if wanted is PRIVATE_KEY and b":" in body:
            continue
        if re.search(rb"(^|\n)[ \t\r]*\n", body):
            return f"has empty lines within a {wanted.noun}, which OpenSSL cannot read: remove them"
        if _der(body) is None:
            return f"is damaged: {wanted.noun} {number} of {len(found)} is incomplete or not Base64"
    return None


def _objects(labels: list[bytes]) -> str:
    names = dict(_OTHER_OBJECTS)
    for label in labels:
        if label in names:
            return names[label]
        for other in (CERTIFICATE, PRIVATE_KEY):
            if other.accepts(label):
                return f"a {other.noun}"
    return "another kind of PEM object"
