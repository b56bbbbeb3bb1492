# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import re
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import (
    CERTIFICATE,
    PRIVATE_KEY,
    certificates,
    describe_problem,
    is_open,
)


def without_line(pem, number):
    """Return PEM without one of its lines."""
    lines = pem.splitlines(keepends=True)
    return b"".join(lines[:number] + lines[number + 1 :])


# How an object is damaged -> what the message says, for certificates and keys alike.
LAYOUTS = {
    "empty": (lambda _pem: b"", "is empty"),
    "only blanks": (lambda _pem: b" \n\t\n", "is empty"),
    "literal line ends": (lambda pem: pem.replace(b"\n", rb"\n"), r"two characters \\n in place of line ends"),
    "literal CR and LF": (lambda pem: pem.replace(b"\n", rb"\r\n"), r"two characters \\n in place of line ends"),
    "blanks for line ends": (lambda pem: pem.replace(b"\n", b" "), "blanks or nothing in place of line ends"),
    "no line ends": (lambda pem: pem.replace(b"\n", b""), "blanks or nothing in place of line ends"),
    "CR only": (lambda pem: pem.replace(b"\n", b"\r"), "lines that end in CR only"),
    "cut off": (lambda pem: pem[: len(pem) // 2], "is truncated"),
    "without its last line": (lambda pem: without_line(pem, -1)[: -len(b"-----END")], "is truncated"),
    "another label at the end": (lambda pem: re.sub(rb"END [A-Z ]*", b"END X", pem), "is truncated"),
    "a line is missing": (lambda pem: without_line(pem, 1), "is damaged: .* 1 of 1 is incomplete"),
    "no base64": (lambda pem: re.sub(rb"\n.{5}", b"\n!!!!!", pem, count=1), "is damaged: .* 1 of 1 is incomplete"),
    "nothing in it": (lambda pem: b"\n".join(pem.splitlines()[:: len(pem.splitlines()) - 1]), "is damaged: .* 1 of 1"),
    "empty lines": (lambda pem: pem.replace(b"\n", b"\n\n"), "has empty lines within"),
    "indented": (lambda pem: re.sub(rb"(?m)^", b"    ", pem), "has blanks before -----BEGIN"),
    "join_quoted": (lambda pem: b'"' + pem + b'"', "has other characters before -----BEGIN"),
    "UTF-16": (lambda pem: pem.decode().encode("utf-16"), "is text in UTF-16"),
    "UTF-16 without a mark": (lambda pem: pem.decode().encode("utf-16-be"), "is text in UTF-16"),
    "base64 of PEM": (base64.b64encode, "encoded in Base64 again"),
    "base64 of DER": (lambda pem: b"".join(pem.splitlines()[1:-1]), "is Base64 without the lines around it"),
    "four dashes": (lambda pem: pem.replace(b"-----", b"----"), "is not PEM"),
    "a vault": (lambda _pem: b"$ANSIBLE_VAULT;1.1;AES256\n6162", "Ansible Vault has encrypted"),
    "any text": (lambda _pem: b"sesame", "is not PEM"),
}


@pytest.mark.parametrize("way", LAYOUTS)
@pytest.mark.parametrize("wanted", [CERTIFICATE, PRIVATE_KEY])
def test_damage_is_described_and_never_repeated(rsa_leaf, way, wanted):
    pem = (rsa_leaf.certificate if wanted is CERTIFICATE else rsa_leaf.key).encode()
    damage, words = LAYOUTS[way]
    assert describe_problem(pem, wanted) is None
    problem = describe_problem(damage(pem), wanted)
    assert re.search(words, problem), problem
    for line in pem.splitlines()[1:-1]:
        assert line.decode()[:12] not in problem


@pytest.mark.parametrize(
    ("label", "wanted", "words"),
    [
        ("PRIVATE KEY", CERTIFICATE, "contains a private key and no certificate"),
        ("CERTIFICATE REQUEST", CERTIFICATE, r"contains a certificate signing request \(CSR\) and no certificate"),
        ("PKCS7", CERTIFICATE, "contains a PKCS #7 archive .* and no certificate"),
        ("PUBLIC KEY", CERTIFICATE, "contains a public key and no certificate"),
        ("CERTIFICATE", PRIVATE_KEY, "contains a certificate and no private key"),
        ("CERTIFICATE REQUEST", PRIVATE_KEY, r"\(CSR\) and no private key"),
        ("OPENSSH PRIVATE KEY", PRIVATE_KEY, "OpenSSH format .*ssh-keygen.* and no private key"),
        ("EC PARAMETERS", PRIVATE_KEY, "contains the parameters of a key and no private key"),
        ("sesame", PRIVATE_KEY, "contains another kind of PEM object and no private key"),
    ],
)
def test_another_object_is_named(label, wanted, words):
    content = f"-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n".encode()
    assert re.search(words, describe_problem(content, wanted))
    assert describe_problem(content, CERTIFICATE if wanted is PRIVATE_KEY else PRIVATE_KEY) != ""


def test_binary_forms_are_named(leaf):
    certificate = x509.load_pem_x509_certificate(leaf.certificate.encode())
    archive = pkcs12.serialize_key_and_certificates(
        b"x", leaf.private_key, certificate, None, serialization.BestAvailableEncryption(b"sesame")
    )
    key = leaf.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    for content, wanted, words in (
        (der, CERTIFICATE, "DER format, not PEM: convert it with 'openssl x509 -inform DER"),
        (key, PRIVATE_KEY, "DER format, not PEM: convert it with 'openssl pkey -inform DER"),
        (key, CERTIFICATE, "private key in DER form"),
        (archive, CERTIFICATE, "'openssl pkcs12 -nokeys'"),
        (archive, PRIVATE_KEY, "'openssl pkcs12 -nodes -nocerts'"),
    ):
        assert words in describe_problem(content, wanted)


def test_a_broken_ca_certificate_is_counted(leaf):
    pem = leaf.certificate.encode()
    assert "certificate 2 of 2" in describe_problem(pem + without_line(pem, 2), CERTIFICATE)
    assert "is truncated" in describe_problem(pem + pem[:100], CERTIFICATE)


def test_the_headers_of_an_encrypted_key_are_no_damage(leaf):
    body = leaf.key.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1)
    assert describe_problem(body.encode(), PRIVATE_KEY) is None


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
@pytest.mark.parametrize(
    "layout",
    [
        bytes,
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: pem.replace(b"\n", b"  \n"),
        lambda pem: b"\xef\xbb\xbf" + pem,
        lambda pem: b"subject=CN = x\n" + pem + b"end",
        bytes.rstrip,
    ],
)
def test_certificates_of_each_label_and_layout_are_found(leaf, label, layout):
    der = ssl.PEM_cert_to_DER_cert(leaf.certificate)
    # What follows a trusted certificate is no part of the certificate.
    trailing = b"\x30\x00" if label.startswith("TRUSTED") else b""
    body = base64.encodebytes(der + trailing).decode()
    content = layout(f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode())
    assert certificates(content) == [der]
    assert describe_problem(content, CERTIFICATE) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "1 of 1 is damaged"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "1 of 1 is damaged"),
        (b"-----BEGIN CERTIFICATE-----\nMAk=\n-----END CERTIFICATE-----", "1 of 1 is damaged"),
        (b"-----BEGIN CERTIFICATE-----\n!MAA=\n-----END CERTIFICATE-----", "1 of 1 is damaged"),
    ],
)
def test_damaged_certificates_are_no_certificates(content, words):
    with pytest.raises(ValueError, match=words):
        certificates(content)


def test_an_open_key_is_told_from_an_encrypted_one(make_leaf):
    assert is_open(make_leaf().key.encode())
    assert is_open(b"-----BEGIN EC PARAMETERS-----\nMAA=\n-----END EC PARAMETERS-----\n" + make_leaf().key.encode())
    assert not is_open(make_leaf(passphrase="sesame").key.encode())
    assert not is_open(make_leaf().certificate.encode())
    for label, body in (
        ("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nMAA="),
        ("TSS2 PRIVATE KEY", "MAA="),
        ("PKCS#11 PROVIDER URI", "MAA="),
    ):
        assert not is_open(f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode())
