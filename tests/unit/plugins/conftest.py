# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, settings

# How busy the machine is must not decide whether a test passes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


class Leaf:
    """A certificate for localhost, also as 127.0.0.1, and its key, in PEM form; it vouches for itself."""

    def __init__(
        self, begins=-1, ends=1, passphrase=None, key=None, subject=None, names=NAMES, signer=None, extensions=()
    ):
        """Make one that is valid from and until so many days from now. `signer` is another one that vouches for it."""
        self.private_key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name(
            [
                x509.NameAttribute(getattr(NameOID, kind), text)
                for kind, text in (subject or {"COMMON_NAME": "device"}).items()
            ]
        )
        signer = signer or self
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.private_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=ends))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        is_plain = isinstance(signer.private_key, ed25519.Ed25519PrivateKey)
        certificate = builder.sign(signer.private_key, None if is_plain else hashes.SHA256())
        encryption = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        # A key that is elsewhere has its public half only.
        if hasattr(self.private_key, "private_bytes"):
            self.key = self.private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            ).decode()


@pytest.fixture
def make_leaf():
    """What makes a certificate and its key: see `Leaf`."""
    return Leaf


def element(tag, *contents):
    """Return an element in DER format (ITU-T X.690)."""
    content = b"".join(contents)
    size = len(content)
    length = b"" if size < 0x80 else size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length) if length else size]) + length + content


def make_pkcs7(*leaves):
    """Return the certificates of these leaves in PKCS#7, in this order (RFC 8951, section 3.2)."""
    certificates = [x509.load_pem_x509_certificate(leaf.certificate.encode()) for leaf in leaves]
    ders = [certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates]
    data, signed_data = bytes.fromhex("06092a864886f70d010701"), bytes.fromhex("06092a864886f70d010702")
    parts = element(0x02, b"\1"), element(0x31), element(0x30, data), element(0xA0, *ders), element(0x31)
    return element(0x30, signed_data, element(0xA0, element(0x30, *parts)))


@pytest.fixture
def der_element():
    """What encodes an element: see `element`."""
    return element


@pytest.fixture
def pkcs7():
    """What puts certificates into PKCS#7: see `make_pkcs7`."""
    return make_pkcs7


@pytest.fixture
def make_ca():
    """What makes a CA certificate and its key: see `Leaf`."""
    authority = x509.BasicConstraints(ca=True, path_length=None)
    return lambda **settings: Leaf(**{"names": (), "extensions": [authority], **settings})


@pytest.fixture(scope="session")
def leaf():
    """A certificate that is valid, and its key."""
    return Leaf()


@pytest.fixture(scope="session")
def rsa_leaf():
    """A certificate with an RSA key, and that key: many lines of PEM."""
    return Leaf(key=rsa.generate_private_key(65537, 2048))
