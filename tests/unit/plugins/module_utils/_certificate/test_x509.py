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
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import x509 as _x509
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
    CsrFacts,
    Extension,
    find_csr_problems,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import Names
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    KEY_TYPES,
    build_names,
    certificate_info,
    chain_of,
    create_csr,
    create_csr_with_names,
    csr_facts,
    dump_csr,
    find_certificate_mismatch,
    find_issue_problem,
    fingerprint_of,
    holds,
    issued_below,
    load_csr,
    make_key,
    need_cryptography,
    order_chain,
    read_chain,
    read_key,
    read_pkcs7,
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


def test_certificates_in_pkcs7(make_leaf, pkcs7, recwarn):
    leaves = [make_leaf(), make_leaf(subject={"COMMON_NAME": "a longer name"}), make_leaf()]
    # DER has the elements of a SET in the order of their contents. Few servers know that.
    for order in (leaves, leaves[::-1]):
        assert read_pkcs7(pkcs7(*order)) == [read(leaf) for leaf in order]
    assert len(recwarn) == 0
    assert len(read_pkcs7(pkcs7(*leaves[:1] * 50))) == 50
    with pytest.raises(ValueError, match="51 certificates, but at most 50"):
        read_pkcs7(pkcs7(*leaves[:1] * 51))


def test_what_is_no_pkcs7_with_certificates(leaf, pkcs7):
    der, content = read(leaf).public_bytes(serialization.Encoding.DER), pkcs7(leaf)
    # The OID of data in place of that of SignedData.
    data = content.replace(bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010701"))
    for other in (b"", b"\x30\x00", der, pkcs7(), content[:-40], data, content.replace(*VERSION)):
        with pytest.raises(ValueError, match=r"^the content is no PKCS#7 with certificates$"):
            read_pkcs7(other)


def below(top, *found):
    """Return which of the leaves in `found` are below `top`, as their numbers."""
    certificates = [read(leaf) for leaf in found]
    first, *others = issued_below([read(top)], certificates)
    assert first == read(top)
    return [certificates.index(each) for each in others]


@pytest.mark.parametrize("make_key", [ec.generate_private_key, rsa.generate_private_key, ed25519.Ed25519PrivateKey])
def test_the_certificates_below_a_root(make_ca, make_key):
    arguments = {ec.generate_private_key: (ec.SECP256R1(),), rsa.generate_private_key: (65537, 2048)}.get(make_key)
    make = make_key.generate if arguments is None else lambda: make_key(*arguments)
    root = make_ca(subject={"COMMON_NAME": "root"}, key=make())
    one = make_ca(subject={"COMMON_NAME": "one"}, key=make(), signer=root)
    two = make_ca(subject={"COMMON_NAME": "two"}, signer=one)
    other = make_ca(subject={"COMMON_NAME": "other"}, key=make())
    assert below(root, other, two, root, one) == [3, 1]
    assert below(one, other, two, root, one) == [1]
    assert below(other, two, root, one) == []
    # A CA with the name of the issuer, and one with its key.
    forged = make_ca(subject={"COMMON_NAME": "root"}, key=make())
    renamed = make_ca(subject={"COMMON_NAME": "renamed"}, key=root.private_key)
    assert below(root, make_ca(signer=forged), make_ca(signer=renamed), forged) == []


def test_a_certificate_of_a_device_signs_nothing(make_leaf, make_ca):
    root = make_ca(subject={"COMMON_NAME": "root"})
    no_ca = x509.BasicConstraints(ca=False, path_length=None)
    for extensions in ([], [no_ca]):
        device = make_leaf(signer=root, extensions=extensions)
        assert below(root, device, make_ca(subject={"COMMON_NAME": "below"}, signer=device)) == []


def test_certificates_that_sign_each_other(make_ca):
    """After a change of the key, the old key signs the new one, and the new key the old one (RFC 7030, 4.1.3)."""
    old, new = make_ca(subject={"COMMON_NAME": "CA"}), make_ca(subject={"COMMON_NAME": "CA"})
    new_with_old = make_ca(subject={"COMMON_NAME": "CA"}, key=new.private_key, signer=old)
    old_with_new = make_ca(subject={"COMMON_NAME": "CA"}, key=old.private_key, signer=new)
    assert sorted(below(old, old, new, new_with_old, old_with_new)) == [1, 2, 3]
    assert sorted(below(new, new, old, new_with_old)) == []
    assert below(old, new, old_with_new) == []


ALGORITHM = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040355")
CA_TRUE = bytes.fromhex("30030101ff"), bytes.fromhex("30030201ff")
TEXT = b"\x0c\x04root", b"\x0c\x04\xff\xfe\xff\xff"


@pytest.mark.parametrize("change", [KEY_ALGORITHM, CURVE, ALGORITHM, CA_TRUE, TEXT], ids=lambda pair: pair[0].hex())
def test_a_ca_that_is_not_supported_is_not_below(make_ca, change):
    root = make_ca(subject={"COMMON_NAME": "root"})
    try:
        (strange,) = read_chain(changed(read(root), *change))
    except ValueError:
        # cryptography < 35 does not read a name with invalid text.
        assert change == TEXT
        return
    good = make_ca(subject={"COMMON_NAME": "good"}, signer=root)
    assert issued_below([read(root)], [strange, read(good)]) == [read(root), read(good)]
    assert issued_below([strange], [read(root)])[:1] == [strange]
    assert len(fingerprint_of(strange)) == 64


@pytest.mark.parametrize("failure", [x509.DuplicateExtension("", None), x509.UnsupportedGeneralNameType("", 7)])
def test_a_ca_with_invalid_extensions_is_none(make_ca, failure):
    root = read(make_ca())

    class Strange:
        @property
        def extensions(self):
            raise failure

    assert issued_below([root], [Strange()]) == [root]


CRITICAL = Extension("2.5.29.15", True, bytes.fromhex("030205a0"))
SERVER_NAME = Extension("2.5.29.17", False, bytes.fromhex("3007820573746f7265"))


@pytest.mark.parametrize(
    ("key_type", "digest"),
    [("rsa_2048", "SHA512"), ("ecdsa_p384", "SHA384"), ("ecdsa_p256", "SHA384"), ("ed25519", "")],
)
def test_a_csr_has_what_the_server_requests(leaf, key_type, digest):
    attributes = CsrAttributes(signatures=(("rsa", "SHA512"), ("ecdsa", "SHA384")), extensions=(CRITICAL, SERVER_NAME))
    key = make_key(key_type)
    for csr in (create_csr(key, read(leaf), attributes), create_csr_with_names(key, NAMES, attributes)):
        again = load_csr(dump_csr(csr).encode())
        assert csr_facts(again) == CsrFacts(key_type, digest, frozenset(("2.5.29.15", "2.5.29.17")))
        usage = again.extensions.get_extension_for_class(x509.KeyUsage)
        assert (usage.critical, usage.value.key_encipherment) == (True, True)
        # The names of the task take precedence.
        assert "store" not in str(again.extensions.get_extension_for_class(x509.SubjectAlternativeName))
    unnamed = create_csr_with_names(key, NAMES._replace(alternative=()), attributes)
    names = unnamed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["store"]


@pytest.mark.parametrize(
    "extension", [Extension("1.2." + "9" * 200, False, b"\5\0"), Extension("2.5.29.15", False, b"\1")]
)
def test_an_extension_that_cannot_be_in_a_csr_is_a_problem(extension):
    attributes = CsrAttributes(extensions=(extension,))
    facts = csr_facts(create_csr_with_names(make_key("ecdsa_p256"), NAMES, attributes))
    # cryptography < 35 puts each extension into a CSR, and does not parse it.
    problems = find_csr_problems(attributes, facts, True)
    assert bool(problems) is (extension.oid not in facts.extensions)
    assert all(f"requires the extension {extension.oid} in the CSR" in problem for problem in problems)


def test_the_facts_of_a_csr():
    names = NAMES._replace(alternative=())
    facts = csr_facts(create_csr_with_names(make_key("ecdsa_p521"), names, NO_ATTRIBUTES))
    assert facts == CsrFacts("ecdsa_p521", "SHA256", frozenset())
    key = ec.generate_private_key(ec.SECP256K1())
    assert csr_facts(create_csr_with_names(key, names)).key_type == "ecdsa_secp256k1"


@pytest.mark.parametrize("failure", [None, UnsupportedAlgorithm("No."), ValueError("No.")])
def test_a_csr_with_a_key_that_is_not_supported(failure):
    class Other:
        extensions = ()
        signature_hash_algorithm = None

        @staticmethod
        def public_key():
            if failure is not None:
                raise failure
            return dsa.generate_private_key(1024).public_key()

    assert csr_facts(Other()) == CsrFacts("unknown", "", frozenset())
