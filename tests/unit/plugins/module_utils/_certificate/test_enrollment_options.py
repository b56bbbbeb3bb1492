# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret, parse_credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_options import (
    DEVICE_URL,
    OPERATOR_URL,
    enrollment_argument_spec,
    enrollment_connection_argument_spec,
    parse_connections,
    parse_credential,
    parse_enrollment_options,
)

FILES = Credentials("/pki/device.pem", None, "/pki/device.key", None, None)
PARAMS = {
    **{option: rule.get("default") for option, rule in enrollment_argument_spec().items()},
    "enrollment_profile_id": "IOT_1",
    "device_identifier": "gate-7",
}
NETWORK = {"ca_path": None, "validate_certs": True, "timeout": 5, "retries": 1, "use_proxy": True}
SECRET = Secret("passcode", "hush")
BIRTH = Credentials("/b.pem", None, None, None, None, "birth")


def options(**changes):
    return parse_enrollment_options({**PARAMS, **changes}, FILES)


def test_the_payload_has_the_name_of_the_device_and_the_attributes():
    assert options()[0].payload == {
        "enrollment_profile_id": "IOT_1",
        "device_attributes": [{"id": "DEVICE_IDENTIFIER", "value": "gate-7"}],
    }
    attribute, other = {"id": "f-1", "value": "x"}, {"id": "subject.state", "value": "y"}
    parsed, problems = options(device_attributes=[attribute], certificate_profile_attributes=[other])
    assert problems == []
    assert parsed.payload == {
        "enrollment_profile_id": "IOT_1",
        "certificate_profile_attributes": [other],
        "device_attributes": [{"id": "DEVICE_IDENTIFIER", "value": "gate-7"}, attribute],
    }


def test_the_fingerprint_is_of_the_request_and_of_no_secret():
    one = options()[0].fingerprint
    assert options(device_attributes=[{"id": "f-1", "value": "secret"}], force=True)[0].fingerprint == one
    changes = [
        {"enrollment_profile_id": "IOT_2"},
        {"device_identifier": "gate-8"},
        {"key_type": "ed25519"},
        {"subject": {"O": "Port"}},
        {"subject_alt_name": ["DNS:x"]},
        {"csr_content": "csr"},
        {"certificate_profile_attributes": [{"id": "subject.state", "value": "y"}]},
    ]
    fingerprints = {options(**copy.deepcopy(change))[0].fingerprint for change in changes}
    assert len(fingerprints | {one}) == len(changes) + 1


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"device_identifier": "", "subject": {"CN": "x"}}, "device_identifier must be text of 1 to 255 characters"),
        ({"device_identifier": 256 * "x", "subject": {"CN": "x"}}, "device_identifier must be text of"),
        ({"device_identifier": "\ud800"}, "device_identifier must be text of"),
        ({"enrollment_profile_id": ""}, "enrollment_profile_id is empty"),
        ({"enrollment_profile_id": "\ud800"}, "enrollment_profile_id is empty"),
        ({"device_attributes": [{"id": "DEVICE_IDENTIFIER", "value": "x"}]}, "Set device_identifier instead."),
        ({"subject": {"nonsense": "x"}}, "subject: 'nonsense'"),
    ],
)
def test_invalid_options_are_rejected(changes, part):
    (problem,) = options(**changes)[1]
    assert part in problem


def test_names_are_not_checked_with_a_csr():
    assert options(csr_content="csr", device_identifier=65 * "x")[1] == []
    assert options(csr_path="/csr", device_identifier=65 * "x")[1] == []


@pytest.mark.parametrize(
    ("files", "part"),
    [
        (FILES._replace(client_cert="/a\0b"), "client_cert: '/a\\x00b' cannot be a path."),
        (FILES._replace(client_key="/a\0b"), "client_key: '/a\\x00b' cannot be a path."),
        (FILES._replace(client_key_passphrase=""), "client_key_passphrase must be text"),
        (FILES._replace(client_key_passphrase="\ud800"), "client_key_passphrase must be text"),
        (FILES._replace(client_key_passphrase=1025 * "x"), "client_key_passphrase must be text of 1 to 1024 bytes"),
    ],
)
def test_files_that_cannot_be_are_rejected(files, part):
    (problem,) = parse_enrollment_options(PARAMS, files)[1]
    assert part in problem


def test_a_key_without_a_passphrase_is_possible():
    assert parse_enrollment_options(PARAMS, FILES._replace(client_key=None, client_key_passphrase="x"))[1] == []


def test_exactly_one_credential_is_parsed():
    none = dict.fromkeys(("api_key", "passcode", "birth_cert", "birth_key"))
    assert parse_credential({**none, "api_key": "k"}) == Secret("api_key", "k")
    assert parse_credential({**none, "passcode": "p"}) == Secret("passcode", "p")
    assert parse_credential({**none, "birth_cert": "/b.pem"}) == BIRTH


@pytest.mark.parametrize(
    ("credential", "url", "device_url", "both"),
    [
        (SECRET, None, None, (OPERATOR_URL, DEVICE_URL)),
        (BIRTH, None, None, (DEVICE_URL, DEVICE_URL)),
        (
            SECRET,
            "https://one.nl.digicert.com/",
            None,
            ("https://one.nl.digicert.com/", "https://clientauth.one.nl.digicert.com/"),
        ),
        (
            SECRET,
            "https://clientauth.one.nl.digicert.com",
            None,
            ("https://one.nl.digicert.com", "https://clientauth.one.nl.digicert.com"),
        ),
        (
            SECRET,
            "https://demo.one.digicert.com",
            None,
            ("https://demo.one.digicert.com", "https://clientauth.demo.one.digicert.com"),
        ),
        (BIRTH, "https://clientauth.one.nl.digicert.com", None, 2 * ("https://clientauth.one.nl.digicert.com",)),
        (SECRET, "https://127.0.0.1:8443/x", None, 2 * ("https://127.0.0.1:8443/x",)),
        (SECRET, "https://[::1]:8443", None, 2 * ("https://[::1]:8443",)),
        (
            SECRET,
            "https://proxy.example/one",
            "https://proxy.example/two",
            ("https://proxy.example/one", "https://proxy.example/two"),
        ),
        (
            BIRTH,
            "https://proxy.example/one",
            "https://proxy.example/two",
            ("https://proxy.example/one", "https://proxy.example/two"),
        ),
        (SECRET, "no URL", None, ("no URL", "no URL")),
    ],
)
def test_the_hosts_follow_from_the_credential(credential, url, device_url, both):
    params = {**NETWORK, "api_url": url, "device_api_url": device_url}
    assert tuple(connection.api_url for connection in parse_connections(params, credential)) == both


def test_an_enrollment_requires_the_path_of_a_certificate_only():
    spec = enrollment_connection_argument_spec()
    assert [option for option, rule in spec.items() if rule.get("required")] == ["client_cert"]
    params = {
        **{option: rule.get("default") for option, rule in spec.items()},
        "birth_cert": "/b.pem",
        "birth_key_passphrase": "hush",
    }
    assert parse_credentials(params, "birth") == Credentials("/b.pem", None, None, None, "hush", "birth")
    secrets = {option for option, rule in spec.items() if rule.get("no_log")}
    assert secrets == {
        *("api_key", "passcode", "client_key_passphrase", "birth_key_passphrase"),
        *("birth_cert_content", "birth_key_content"),
    }
