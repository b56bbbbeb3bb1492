# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime
import importlib.util
import sys

import cryptography
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import x509 as _x509
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import Names
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    KEY_TYPES,
    build_names,
    certificate_info,
    chain_of,
    create_csr,
    create_csr_with_names,
    dump_csr,
    find_certificate_mismatch,
    find_issue_problem,
    holds,
    load_csr,
    make_key,
    need_cryptography,
    order_chain,
    read_chain,
    read_key,
    replace_chain,
    replace_key,
    same_key,
    write_chain,
    write_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import MissingLibraryError


def read(leaf):
    return read_chain(leaf.certificate.encode())[0]


def test_facts(make_leaf):
    facts = certificate_info(read(make_leaf(-1, 2)))
    assert facts.subject == "CN=device"
    assert facts.not_after - facts.not_before == datetime.timedelta(days=3)
    assert facts.not_before.tzinfo is datetime.timezone.utc
    assert len(facts.fingerprint) == 64


def test_dates_of_an_older_cryptography(leaf):
    certificate = read(leaf)

    class Older:
        not_valid_before, not_valid_after = datetime.datetime(2026, 1, 1), datetime.datetime(2026, 2, 1)  # noqa: DTZ001
        subject, serial_number, fingerprint = certificate.subject, 7, certificate.fingerprint

    assert certificate_info(Older()).not_after == datetime.datetime(2026, 2, 1, tzinfo=datetime.timezone.utc)


def test_a_chain_is_read_from_between_other_things(make_leaf):
    one, two = make_leaf(), make_leaf()
    content = f"words\n{one.key}\n{one.certificate}words\n{two.certificate}".encode()
    chain = read_chain(content)
    assert chain == [read(one), read(two)]
    assert write_chain(chain).decode() == one.certificate + two.certificate
    assert same_key(read_key(content, None), read(one))


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate(content):
    with pytest.raises(ValueError, match=r"."):
        read_chain(content)


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_a_key_of_each_kind_and_its_request(leaf, key_type):
    key = make_key(key_type, read(leaf))
    request = create_csr(key, read(leaf))
    assert same_key(request, key)
    assert not same_key(request, read(leaf))
    assert request.subject == read(leaf).subject
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert same_key(load_csr(dump_csr(request).encode()), key)
    assert same_key(read_key(write_key(key, None), None), key)
    assert same_key(read_key(write_key(key, "sesame"), "sesame"), key)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: ec.generate_private_key(ec.SECP384R1()), ec.EllipticCurvePrivateKey),
        (lambda: rsa.generate_private_key(65537, 2048), rsa.RSAPrivateKey),
        (ed25519.Ed25519PrivateKey.generate, ed25519.Ed25519PrivateKey),
    ],
)
def test_the_same_kind_of_key(make_leaf, make, kind):
    old = make_leaf(key=make())
    key = make_key("same", read(old))
    assert isinstance(key, kind)
    assert getattr(key, "key_size", None) == getattr(make(), "key_size", None)


def test_a_kind_of_key_that_is_not_made():
    class Old:
        @staticmethod
        def public_key():
            return dsa.generate_private_key(1024).public_key()

    with pytest.raises(ValueError, match="set another key_type"):
        make_key("same", Old())


def test_what_is_no_key_or_no_request(make_leaf):
    assert read_key(make_leaf().key.encode(), "a passphrase that is not used")
    locked = make_leaf(passphrase="sesame").key.encode()
    for content, passphrase in ((b"", None), (locked, None), (locked, "wrong"), (locked[:40] + locked[60:], "sesame")):
        with pytest.raises(ValueError, match=r"."):
            read_key(content, passphrase)
    with pytest.raises(ValueError, match=r"."):
        load_csr(b"-----BEGIN CERTIFICATE REQUEST-----")


def test_a_request_that_was_changed_is_none(leaf, monkeypatch):
    request = create_csr(make_key("same", read(leaf)), read(leaf))

    class Changed:
        is_signature_valid = False

    monkeypatch.setattr(x509, "load_pem_x509_csr", lambda _content: Changed())
    with pytest.raises(ValueError, match="signature is not valid"):
        load_csr(dump_csr(request).encode())


def test_a_certificate_without_alternative_names(make_leaf):
    old = read(make_leaf(names=[]))
    with pytest.raises(x509.ExtensionNotFound):
        create_csr(make_key("same", old), old).extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_what_fits(make_leaf):
    key = make_key("ecdsa_p256", read(make_leaf()))
    old = read(make_leaf(key=key))
    request = create_csr(key, old)

    def why_not(subject_may_differ=False, **changes):
        return find_certificate_mismatch(
            [read(make_leaf(**{"ends": 2, "key": key, **changes}))], old, request, subject_may_differ
        )

    assert why_not() is None
    assert "does not match the key of the CSR" in why_not(key=make_key("ecdsa_p256", old))
    assert "not after the current certificate" in why_not(ends=0.5)
    assert find_certificate_mismatch([old], old, request, False).startswith("the certificate expires on")
    assert "is for 'CN=other', not for 'CN=device'" in why_not(subject={"COMMON_NAME": "other"})
    with_organization = {"COMMON_NAME": "device", "ORGANIZATION_NAME": "Harbour"}
    assert "not for 'CN=device'" in why_not(subject=with_organization)
    assert why_not(True, subject=with_organization) is None
    assert "not for 'CN=device'" in why_not(True, subject={"COMMON_NAME": "other"})


@pytest.mark.parametrize("verifies", [True, False])
def test_a_chain_is_put_in_order(make_leaf, verifies):
    signer = make_leaf(subject={"COMMON_NAME": "CA"})
    leaf, stranger = make_leaf(ends=2, signer=signer), make_leaf(subject={"COMMON_NAME": "other"})
    older = make_leaf(ends=1, key=leaf.private_key)
    request = create_csr(leaf.private_key, read(leaf))

    class Older:
        """A certificate as cryptography before 40 knows it, without a way to verify."""

        def __init__(self, certificate):
            self.certificate = certificate

        def __getattr__(self, name):
            if name == "verify_directly_issued_by":
                raise AttributeError
            return getattr(self.certificate, name)

        def __eq__(self, other):
            return self.certificate == other.certificate

        __hash__ = None

    def as_known(*chain):
        return [read(each) if verifies else Older(read(each)) for each in chain]

    for found in ([leaf, signer], [signer, leaf], [stranger, signer, older, leaf, leaf, signer]):
        assert order_chain(as_known(*found), request) == as_known(leaf, signer)
    assert order_chain(as_known(leaf, stranger), request) == as_known(leaf)
    # A certificate that signed itself does not end the search twice.
    assert order_chain(as_known(older, leaf), request) == as_known(leaf)
    assert order_chain(as_known(stranger, signer), request) == as_known(stranger, signer)
    assert order_chain([], request) == []
    if verifies and hasattr(x509.Certificate, "verify_directly_issued_by"):
        namesake = make_leaf(subject={"COMMON_NAME": "CA"})
        assert order_chain(as_known(namesake, leaf, signer), request) == as_known(leaf, signer)


# The encodings of an algorithm for keys, of a curve, and of version 3 of X.509, each with one that does not exist.
KEY_ALGORITHM = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0255")
CURVE = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030155")
VERSION = bytes.fromhex("a003020102"), bytes.fromhex("a003020105")


def changed(certificate, old, new):
    """Return a certificate in PEM format with other bytes in its DER encoding."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert old in der
    body = base64.encodebytes(der.replace(old, new))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("change", [KEY_ALGORITHM, CURVE])
def test_a_ca_with_a_key_that_is_not_supported_is_in_the_chain(make_leaf, change):
    key = ec.generate_private_key(ec.SECP256R1())
    signer = make_leaf(subject={"COMMON_NAME": "CA"}, key=key)
    leaf = make_leaf(signer=signer)
    (ca,) = read_chain(changed(read(signer), *change))
    assert not same_key(ca, leaf.private_key)
    assert order_chain([ca, read(leaf)], create_csr(leaf.private_key, read(leaf))) == [read(leaf), ca]


def test_a_certificate_of_another_version_is_an_error(leaf):
    with pytest.raises(ValueError, match="5 is not a valid X509 version"):
        read_chain(changed(read(leaf), *VERSION))


def reload():
    specification = importlib.util.find_spec(_x509.__name__)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "is_enough"), [("2.9.2", False), ("3.2.1", False), ("3.3", True), ("50.0.2", True)]
)
def test_an_old_package_is_as_good_as_none(monkeypatch, version, is_enough):
    monkeypatch.setattr(cryptography, "__version__", version)
    assert reload().HAS_CRYPTOGRAPHY is is_enough


def test_a_missing_package_is_named(monkeypatch):
    need_cryptography()
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingLibraryError, match=r"cryptography >= 3\.3.*python3-cryptography"):
        reload().need_cryptography()


def test_a_chain_is_replaced_where_it_is(make_leaf):
    leaves = [make_leaf() for _number in range(4)]
    one, two, three, other = (leaf.certificate for leaf in leaves)

    def replaced(content):
        chains = [read_chain(pem.encode()) for pem in (one + two, three)]
        return replace_chain(content.encode(), *chains).decode()

    content = f"# first\r\n{other}# second\n{one}# key\n{make_leaf().key}\n{three}{two}"
    assert replaced(content) == content.replace(three, "").replace(two, "").replace(one, three)
    crlf, end = one.replace("\n", "\r\n"), two.rstrip("\n")
    assert replaced(f"a\r\n{crlf}b\r\n{end}") == f"a\r\n{three}b\r\n"
    assert replaced("nothing") == "nothing"
    assert replaced(f"\ufeff{one}") == f"\ufeff{three}"


def test_a_chain_ends_where_no_signer_is_found(make_leaf):
    root = make_leaf(subject={"COMMON_NAME": "root"})
    ca = make_leaf(subject={"COMMON_NAME": "CA"}, signer=root)
    leaf, stranger = make_leaf(signer=ca), make_leaf(subject={"COMMON_NAME": "other"})
    assert chain_of(read(leaf), map(read, (stranger, root, leaf, ca))) == [read(leaf), read(ca), read(root)]
    assert chain_of(read(leaf), [read(root)]) == [read(leaf)]


@pytest.mark.parametrize(
    "reference",
    [
        "-----BEGIN PKCS#11 PROVIDER URI-----\nx\n-----END PKCS#11 PROVIDER URI-----\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\nx\n-----END TSS2 PRIVATE KEY-----\n",
    ],
)
def test_a_key_is_replaced_where_it_is(make_leaf, reference):
    leaf, other, new = make_leaf(), make_leaf(), make_leaf()

    def replaced(content, **settings):
        settings = {"passphrase": None, "is_copy": False, **settings}
        return replace_key(content.encode(), new.key.encode(), read(leaf), **settings).decode()

    content = f"# first\n{other.key}# second\n{leaf.key}# third\n"
    for is_copy in (True, False):
        assert replaced(content, is_copy=is_copy) == content.replace(leaf.key, new.key)
    assert replaced(f"# first\n{reference}# second\n") == f"# first\n{new.key}# second\n"
    assert replaced(other.key, is_copy=True) == other.key
    for content, is_copy in ((reference, True), ("nothing", False)):
        with pytest.raises(ValueError, match=r"PEM|unsupported|pkcs"):
            replaced(content, is_copy=is_copy)


def test_a_content_holds_a_certificate(make_leaf):
    one, two = make_leaf(), make_leaf()
    assert holds((two.certificate + one.key + one.certificate).encode(), read(one))
    assert not holds(two.certificate.encode(), read(one))
    assert not holds(b"nothing", read(one))


def test_facts_are_a_result(make_leaf):
    facts = certificate_info(read(make_leaf(-1, 2)))
    result = facts.result(facts.not_after - datetime.timedelta(days=1, hours=1))
    assert result["remaining_days"] == 1
    assert result["not_before"] == facts.not_before.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert set(result) == {
        *("subject", "serial_number", "not_before", "not_after", "fingerprint", "remaining_days"),
    }


NAMES = Names(
    (("2.5.4.3", "gate"), ("2.5.4.10", "Port"), ("2.5.4.11", "a"), ("2.5.4.11", "b")),
    (("DNS", "gate.example"), ("IP", "::1"), ("URI", "urn:x:1"), ("email", "a@b.example")),
)


@pytest.mark.parametrize("key_type", ["ecdsa_p256", "ed25519"])
def test_a_csr_has_the_names(key_type):
    key = make_key(key_type)
    csr = load_csr(dump_csr(create_csr_with_names(key, NAMES)).encode())
    assert same_key(csr, key)
    assert [attribute.value for attribute in csr.subject] == ["gate", "Port", "a", "b"]
    (extension,) = csr.extensions
    assert not extension.critical
    assert [type(name) for name in extension.value] == [
        x509.DNSName,
        x509.IPAddress,
        x509.UniformResourceIdentifier,
        x509.RFC822Name,
    ]


def test_a_csr_can_have_a_subject_only():
    assert list(create_csr_with_names(make_key("ecdsa_p256"), NAMES._replace(alternative=())).extensions) == []


@pytest.mark.parametrize(
    "names",
    [
        NAMES._replace(subject=(("2.5.4.6", "Netherlands"),)),
        NAMES._replace(subject=(("2.5.4.10", "\ud800"),)),
        NAMES._replace(alternative=(("IP", "gate"),)),
        NAMES._replace(alternative=(("DNS", "gät.example"),)),
    ],
)
def test_names_that_cannot_be_are_an_error(names):
    with pytest.raises(ValueError, match=r"."):
        build_names(names)


def test_a_first_certificate_has_the_key_and_has_not_expired(make_leaf):
    leaf, other = make_leaf(), make_leaf()
    csr = create_csr(leaf.private_key, read(leaf))
    end = certificate_info(read(leaf)).not_after
    assert find_issue_problem([read(leaf)], csr, end - datetime.timedelta(seconds=1)) is None
    assert str(find_issue_problem([read(leaf)], csr, end)).startswith("the certificate expired on ")
    assert find_issue_problem([read(other)], csr, end) == "the certificate does not match the key of the CSR"
