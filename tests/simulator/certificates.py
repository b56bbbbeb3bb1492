# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificate authorities and the leaves that they sign, as PEM files in one folder."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASSPHRASE = "open-sesame"
SERVER_NAMES = (x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", "::1")))
DAY = timedelta(days=1)
# What a certificate request can say of the subject instead of its CSR. The common name is the first.
SUBJECT_ATTRIBUTES = {
    "subject.common_name": NameOID.COMMON_NAME,
    "subject.organization_name": NameOID.ORGANIZATION_NAME,
    "subject.organization_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "subject.country": NameOID.COUNTRY_NAME,
    "subject.state": NameOID.STATE_OR_PROVINCE_NAME,
}


@dataclasses.dataclass(frozen=True)
class Leaf:
    """Where one certificate lies (`pem`), its private key (`key`), and both in one file (`both`)."""

    pem: Path
    key: Path
    both: Path

    @property
    def fingerprint(self) -> str:
        """What the server knows the certificate by."""
        return fingerprint(self.pem.read_bytes())


class Authority:
    """A CA that signs leaves: a root, or an intermediate below `parent`. Its key lives in memory."""

    def __init__(self, name: str, parent: Authority | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        signer = parent or self
        today = datetime.now(UTC)
        self._certificate = (
            _builder(self._name, signer._name, self._key.public_key(), today - 60 * DAY, today + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if parent else 1), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(signer._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's own certificate."""
        return self._certificate

    def write(self, pem: Path) -> Path:
        """Write the CA's certificate and return where."""
        pem.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return pem

    def write_key(self, key: Path) -> Path:
        """Write the CA's private key, for another server that signs with it, and return where."""
        _write_secret(key, _key_pem(self._key, serialization.NoEncryption()))
        return key

    def revoke(self, pem: Path, *leaves: Leaf) -> Path:
        """Write a list that revokes these leaves, and no others, and return where."""
        now = datetime.now(UTC)
        revocations = x509.CertificateRevocationListBuilder(self._name, now - DAY, now + 30 * DAY)
        for leaf in leaves:
            number = x509.load_pem_x509_certificate(leaf.pem.read_bytes()).serial_number
            revocations = revocations.add_revoked_certificate(x509.RevokedCertificateBuilder(number, now - DAY).build())
        pem.write_bytes(revocations.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return pem

    def issue(
        self,
        folder: Path,
        name: str,
        server_names: t.Sequence[x509.GeneralName] = (),
        begins: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
        key: CertificateIssuerPrivateKeyTypes | None = None,
    ) -> Leaf:
        """Sign a certificate for `key`, or a new one, and write both into `folder`. The rest is as for `sign`."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        pem = self.sign(key.public_key(), name, server_names, begins, ends)
        key_pem = _key_pem(key, serialization.NoEncryption())
        leaf = Leaf(folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}-both.pem")
        leaf.pem.write_bytes(pem)
        _write_secret(leaf.key, key_pem)
        _write_secret(leaf.both, pem + key_pem)
        return leaf

    def sign(
        self,
        key: CertificatePublicKeyTypes,
        name: str,
        server_names: t.Sequence[x509.GeneralName] = (),
        begins: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
    ) -> bytes:
        """Return a certificate for a public key, in PEM form.

        It is for a server when there are `server_names`, else for a client. `begins` and `ends` count from now.
        """
        role = ExtendedKeyUsageOID.SERVER_AUTH if server_names else ExtendedKeyUsageOID.CLIENT_AUTH
        names = x509.SubjectAlternativeName(server_names) if server_names else None
        return self._sign(_name(name), key, role, names, begins, ends)

    def answer(
        self,
        request: bytes,
        begins: timedelta = -DAY,
        ends: timedelta = 90 * DAY,
        subject: t.Mapping[str, str] | None = None,
    ) -> bytes:
        """Return a client's certificate for a request (PKCS#10) and the authority's own after it, all in PEM form.

        `subject` replaces values of its subject, by the keys of SUBJECT_ATTRIBUTES. Raises ValueError when the request
        is not one, or was not made with its own key.
        """
        csr = x509.load_pem_x509_csr(request)
        if not csr.is_signature_valid:
            raise ValueError("The signature of the request is not valid")
        try:
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = None
        name = _replace(csr.subject, subject or {})
        leaf = self._sign(name, csr.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH, names, begins, ends)
        return leaf + self._certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        role: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
        begins: timedelta,
        ends: timedelta,
    ) -> bytes:
        now = datetime.now(UTC)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self._name, key, now + begins, now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([role]), critical=False)
            .add_extension(signer, critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclasses.dataclass(frozen=True)
class Certificates:
    """All certificates of one simulator: `certificates["access-point"].pem`, `certificates.ca`.

    In addition to one leaf for each device, there are `server`, `stranger` (signed by the CA, of no device), `birth`
    (the birth certificate with which devices enroll), `outsider` (signed by another CA), `expired` and `not-yet-valid`.
    `locked_key` is the first device's key, encrypted with PASSPHRASE. Certificates that a device asks for are signed by
    `intermediate`, which is below the CA.
    """

    folder: Path
    authority: Authority
    intermediate: Authority
    ca: Path
    other_ca: Path
    locked_key: Path
    leaves: dict[str, Leaf]

    def __getitem__(self, name: str) -> Leaf:
        return self.leaves[name]


def make_certificates(folder: Path, devices: t.Sequence[str]) -> Certificates:
    """Write all certificates and keys into `folder` and return where they lie. `devices` are names for files."""
    authority, other_authority = Authority("Simulator CA"), Authority("Other CA")
    leaves = {name: authority.issue(folder, name) for name in (*devices, "stranger", "birth")}
    leaves["server"] = authority.issue(folder, "server", SERVER_NAMES)
    leaves["expired"] = authority.issue(folder, "expired", begins=-2 * DAY, ends=-DAY)
    leaves["not-yet-valid"] = authority.issue(folder, "not-yet-valid", begins=DAY)
    leaves["outsider"] = other_authority.issue(folder, "outsider")
    return Certificates(
        folder=folder,
        authority=authority,
        intermediate=Authority("Simulator intermediate CA", authority),
        ca=authority.write(folder / "ca.pem"),
        other_ca=other_authority.write(folder / "other-ca.pem"),
        locked_key=_lock(leaves[devices[0]].key, folder / "locked.key"),
        leaves=leaves,
    )


def fingerprint(pem: bytes) -> str:
    """Return what the server knows a certificate by: the SHA-256 of its DER form, in hexadecimal digits."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def _lock(key: Path, locked: Path) -> Path:
    """Write `key` again, encrypted with PASSPHRASE, and return where."""
    private_key = serialization.load_pem_private_key(key.read_bytes(), password=None)
    _write_secret(locked, _key_pem(private_key, serialization.BestAvailableEncryption(PASSPHRASE.encode())))
    return locked


def _key_pem(key: t.Any, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _write_secret(path: Path, pem: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)


def _replace(name: x509.Name, values: t.Mapping[str, str]) -> x509.Name:
    """Return a name with other values, by the keys of SUBJECT_ATTRIBUTES."""
    replaced = [x509.NameAttribute(SUBJECT_ATTRIBUTES[key], value) for key, value in values.items()]
    oids = {attribute.oid for attribute in replaced}
    return x509.Name([*(attribute for attribute in name if attribute.oid not in oids), *replaced])


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    """Return a key usage with nothing but what is named."""
    usages = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{**dict.fromkeys(usages, False), **allowed})
