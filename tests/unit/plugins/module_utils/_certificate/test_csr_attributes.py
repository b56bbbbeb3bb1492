# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
    CsrFacts,
    Extension,
    digest_for,
    find_csr_problems,
    parse_csr_attributes,
)

# The examples of RFC 7030 in section 4.5.2 and in appendix A.2, and what libest serves unless it is configured.
EXAMPLE = base64.b64decode(
    "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=="
)
APPENDIX = base64.b64decode(
    "MHwGBysGAQEBARYwIgYDiDcBMRsTGVBhcnNlIFNFVCBhcyAyLjk5OS4xIGRhdGEGCSqGSIb3DQEJBzAsBgOINwIxJQYDiDcDBgOINwQTGVBhcnNl"
    "IFNFVCBhcyAyLjk5OS4yIGRhdGEGCSskAwMCCAEBCwYJYIZIAWUDBAIC"
)
LIBEST = base64.b64decode("MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==")
MAC_ADDRESS, EMAIL = "1.3.6.1.1.1.1.22", "1.2.840.113549.1.9.1"
P256, P384 = CsrFacts("ecdsa_p256", "SHA256", frozenset()), CsrFacts("ecdsa_p384", "SHA384", frozenset())

# OIDs in DER format.
EC, RSA_KEY, EXTENSIONS, NAMES, CHALLENGE = (
    bytes.fromhex(digits)
    for digits in (
        "06072a8648ce3d0201",
        "06092a864886f70d010101",
        "06092a864886f70d01090e",
        "0603551d11",
        "06092a864886f70d010907",
    )
)
CURVES = {
    "ecdsa_p256": "06082a8648ce3d030107",
    "ecdsa_p384": "06052b81040022",
    "ecdsa_p521": "06052b81040023",
    "another curve": "06052b8104000a",
}


@pytest.fixture
def parsed(der_element):
    """What parses attributes, each with its values in a SET."""

    def parse(*attributes):
        return parse_csr_attributes(der_element(0x30, *attributes))

    return parse


@pytest.fixture
def attribute(der_element):
    return lambda oid, *values: der_element(0x30, oid, der_element(0x31, *values))


def test_the_example_of_the_rfc():
    assert parse_csr_attributes(EXAMPLE) == CsrAttributes(
        key_types=("ecdsa_p384",),
        signatures=(("ecdsa", "SHA384"),),
        needs_channel_binding=True,
        ignored=(MAC_ADDRESS,),
    )
    channel, curve = find_csr_problems(parse_csr_attributes(EXAMPLE), P256, True)
    assert "requires the channel binding of TLS" in channel
    assert curve == (
        "The EST server requires a key of the type ecdsa_p384, but the key of the CSR has the type ecdsa_p256. Set "
        "key_type to it."
    )
    assert len(find_csr_problems(parse_csr_attributes(EXAMPLE), P384, True)) == 1


def test_what_is_not_recognized_is_ignored():
    found = parse_csr_attributes(LIBEST)
    assert found == CsrAttributes(ignored=(MAC_ADDRESS, EMAIL, "1.3.132.0.34", "2.16.840.1.101.3.4.2.2"))
    assert find_csr_problems(found, P256, True) == []
    found = parse_csr_attributes(APPENDIX)
    assert found == CsrAttributes(
        ignored=(MAC_ADDRESS, "2.999.1", "2.999.2", "1.3.36.3.3.2.8.1.1.11", "2.16.840.1.101.3.4.2.2"),
        needs_channel_binding=True,
    )


def test_nothing_is_required_of_an_empty_list():
    assert parse_csr_attributes(b"\x30\x00") == NO_ATTRIBUTES
    assert find_csr_problems(NO_ATTRIBUTES, P256, False) == []


@pytest.mark.parametrize(("key_type", "curve"), CURVES.items())
def test_the_curve_of_a_key(parsed, attribute, key_type, curve):
    assert parsed(attribute(EC, bytes.fromhex(curve))).key_types == (key_type,)


def test_the_type_of_a_key_without_a_size(parsed, attribute):
    for attributes in ((EC, RSA_KEY), (attribute(EC), attribute(RSA_KEY)), (attribute(EC, b"\5\0"), RSA_KEY)):
        assert parsed(*attributes).key_types == ("ecdsa", "rsa")
    for csr in (P256, P384, P256._replace(key_type="rsa_2048")):
        assert find_csr_problems(parsed(EC, RSA_KEY), csr, True) == []
    (problem,) = find_csr_problems(parsed(EC, RSA_KEY), CsrFacts("ed25519", "", frozenset()), False)
    assert "a key of the type ecdsa or rsa, but" in problem
    assert problem.endswith("has the type ed25519. Use such a key.")


def test_the_size_of_an_rsa_key(parsed, attribute):
    sizes = attribute(RSA_KEY, b"\2\2\x0c\0", b"\2\2\x10\0")
    assert parsed(sizes).key_types == ("rsa_3072", "rsa_4096")
    assert len(find_csr_problems(parsed(sizes), P256._replace(key_type="rsa_2048"), True)) == 1
    assert find_csr_problems(parsed(sizes), P256._replace(key_type="rsa_4096"), True) == []
    # The parameters of an RSA key are NULL (RFC 3279, section 2.3.1), which is no size.
    assert parsed(attribute(RSA_KEY, b"\5\0")).key_types == ("rsa",)


def test_the_digest_of_a_signature():
    both = CsrAttributes(signatures=(("rsa", "SHA512"), ("ecdsa", "SHA384"), ("ecdsa", "SHA256"), ("ed25519", "")))
    digests = [digest_for(both, key_type) for key_type in ("rsa_2048", "ecdsa_p256", "ed25519", "unknown")]
    assert digests == ["SHA512", "SHA384", "SHA256", "SHA256"]
    assert digest_for(NO_ATTRIBUTES, "ecdsa_p521") == "SHA256"
    assert find_csr_problems(both, CsrFacts("ed25519", "", frozenset()), True) == []
    assert find_csr_problems(both, P384, True) == []
    (problem,) = find_csr_problems(both, P256._replace(key_type="rsa_2048"), True)
    assert "with rsa with SHA512 or ecdsa with SHA384 or ecdsa with SHA256 or ed25519. Use such" in problem


@pytest.mark.parametrize(
    ("oid", "signature"),
    [
        ("06092a864886f70d01010b", ("rsa", "SHA256")),
        ("06092a864886f70d01010c", ("rsa", "SHA384")),
        ("06092a864886f70d01010d", ("rsa", "SHA512")),
        ("06082a8648ce3d040302", ("ecdsa", "SHA256")),
        ("06082a8648ce3d040303", ("ecdsa", "SHA384")),
        ("06082a8648ce3d040304", ("ecdsa", "SHA512")),
        ("06032b6570", ("ed25519", "")),
    ],
)
def test_the_algorithms_of_signatures(parsed, attribute, oid, signature):
    for form in (bytes.fromhex(oid), attribute(bytes.fromhex(oid))):
        assert parsed(form) == CsrAttributes(signatures=(signature,))


def test_a_channel_binding_can_be_an_attribute(parsed, attribute):
    assert parsed(attribute(CHALLENGE)).needs_channel_binding


def test_an_extension_without_a_value(parsed, attribute):
    found = parsed(attribute(EXTENSIONS, NAMES, bytes.fromhex("06072b060101010116")))
    assert found == CsrAttributes(required=("2.5.29.17",), ignored=(MAC_ADDRESS,))
    (problem,) = find_csr_problems(found, P256, True)
    assert problem == "The EST server requires the extension 2.5.29.17 in the CSR. Set subject_alt_name."
    (problem,) = find_csr_problems(found, P256, False)
    assert problem.endswith("Add it to the CSR.")
    assert find_csr_problems(found, P256._replace(extensions=frozenset(["2.5.29.17"])), True) == []


def test_extensions_with_values(parsed, attribute, der_element):
    usage, names = bytes.fromhex("0603551d0f"), der_element(0x04, b"\x30\0")
    extensions = [
        der_element(0x30, usage, b"\1\1\xff", der_element(0x04, b"\3\2\5\xa0")),
        der_element(0x30, NAMES, b"\1\1\0", names),
        der_element(0x30, NAMES, names),
    ]
    found = parsed(attribute(EXTENSIONS, der_element(0x30, *extensions, b"\5\0")))
    assert found.extensions == (
        Extension("2.5.29.15", True, b"\3\2\5\xa0"),
        Extension("2.5.29.17", False, b"\x30\0"),
        Extension("2.5.29.17", False, b"\x30\0"),
    )
    problems = find_csr_problems(found, P256, True)
    assert [problem.partition("extension ")[2][:9] for problem in problems] == ["2.5.29.15", "2.5.29.17"]


def sequence(digits):
    """Return a SEQUENCE with this content, both in hexadecimal digits."""
    return f"30{len(digits) // 2:02x}{digits}"


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "30",
        "3001",
        "3100",
        "30003000",
        "3080",
        "30ff" + "ff" * 126,
        "3085ffffffffff00",
        sequence("0600"),
        sequence("060181"),
        sequence("06022a"),
        sequence("0500"),
        sequence("3000"),
        sequence(sequence("06032a0304")),
        sequence(sequence("06032a03043000")),
        sequence(sequence("31003100")),
        sequence(sequence("06032a0304" + "3100" + "3100")),
        sequence(sequence("06092a864886f70d01090e" + "310504030102ff")),
        sequence(sequence("06092a864886f70d01090e" + "3104" + sequence("3000"))),
        sequence(sequence("06092a864886f70d01090e" + "3109" + sequence(sequence("0603551d11")))),
        sequence(sequence("06092a864886f70d01090e" + "310b" + sequence(sequence("0603551d110500")))),
        sequence(sequence("06092a864886f70d01090e" + "3108" + sequence(sequence("05000400")))),
        "303080",
    ],
)
def test_what_is_invalid_is_an_error(digits):
    with pytest.raises(ValueError, match=r"no valid CSR attributes$"):
        parse_csr_attributes(bytes.fromhex(digits))


def test_a_list_and_an_oid_are_not_too_long(der_element):
    parse_csr_attributes(der_element(0x30, b"\x06\x01\x2a" * 5460))
    parse_csr_attributes(der_element(0x30, der_element(0x06, b"\x2a" * 64)))
    for content in (b"\x06\x01\x2a" * 5461, der_element(0x06, b"\x2a" * 65)):
        with pytest.raises(ValueError, match=r"no valid CSR attributes$"):
            parse_csr_attributes(der_element(0x30, content))


@given(st.one_of(st.binary(), st.tuples(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=4))))
@example((1, b"\x42"))
def test_whatever_is_sent_is_parsed_or_an_error(content):
    if isinstance(content, tuple):
        at, other = content
        content = EXAMPLE[:at] + other + EXAMPLE[at + len(other) :]
    found = NO_ATTRIBUTES
    with contextlib.suppress(ValueError):
        found = parse_csr_attributes(content)
    assert isinstance(find_csr_problems(found, P256, True), list)
    assert digest_for(found, "rsa_2048").startswith("SHA")
