# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import connection_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import (
    EST_REQUIREMENTS,
    CaCertificatesOptions,
    est_argument_spec,
    parse_est_options,
)

URL = "https://est.example/.well-known/est/label"
DIGITS = "0123456789abcdef" * 4


def parse(has_certificate=False, **changes):
    spec = {**connection_argument_spec(), **est_argument_spec()}
    defaults = {name: entry.get("default") for name, entry in spec.items()}
    return parse_est_options({**defaults, "est_url": URL, **changes}, has_certificate)


def test_without_a_url_there_is_no_est():
    assert parse(est_url=None, ca_certs_path="\0") == (None, [])


def test_the_constraints_name_the_options():
    names = {*EST_REQUIREMENTS, *(name for each in EST_REQUIREMENTS.values() for name in each)}
    assert names == set(est_argument_spec())


def test_the_connection_is_that_of_the_task_with_another_url():
    options, problems = parse(api_url="https://device.example", timeout=7, retries=2, ca_path="/ca.pem")
    assert problems == []
    assert options.connection[:4] == (URL, (True, "/ca.pem"), 7, 2)
    assert options.connection.url_option == "est_url"
    assert (options.username, options.ca_certificates, options.trusts_ca_certificates) == ("", None, False)
    assert parse(est_username="gate")[0].username == "gate"
    assert parse(est_username=None)[0].username == ""


@pytest.mark.parametrize(
    ("url", "with_certificate", "without"),
    [
        ("https://one.digicert.com/x", "https://clientauth.one.digicert.com/x", "https://one.digicert.com/x"),
        ("HTTPS://ClientAuth.One.DigiCert.com", "HTTPS://clientauth.One.DigiCert.com", "HTTPS://One.DigiCert.com"),
        ("https://clientauth.a-b.c.digicert.com:8443/", None, "https://a-b.c.digicert.com:8443/"),
        ("https://digicert.com", "https://clientauth.digicert.com", None),
        ("https://one.digicert.co.jp/x", "https://clientauth.one.digicert.co.jp/x", None),
        ("https://clientauth.est.example/x", None, None),
        ("https://notdigicert.com", None, None),
        ("https://digicert.com.example/digicert.com", None, None),
        ("https://one.digicert.com@est.example/", None, None),
        ("https://est.example/https://one.digicert.com/", None, None),
        ("http://one.digicert.com", None, None),
        ("https://one.digicert.com\nx", None, None),
        ("", None, None),
    ],
)
def test_the_prefix_at_digicert(url, with_certificate, without):
    assert parse(True, est_url=url)[0].connection.api_url == (with_certificate or url)
    assert parse(False, est_url=url)[0].connection.api_url == (without or url)


@pytest.mark.parametrize(
    "fingerprint", [DIGITS, DIGITS.upper(), ":".join(DIGITS[at : at + 2] for at in range(0, 64, 2)), f" {DIGITS}\n"]
)
def test_the_forms_of_a_fingerprint(fingerprint):
    options, problems = parse(ca_certs_path="/ca.pem", ca_certs_fingerprint=fingerprint)
    assert (options.ca_certificates, problems) == (CaCertificatesOptions("/ca.pem", DIGITS), [])


@pytest.mark.parametrize("fingerprint", ["", DIGITS[:-1], DIGITS + "00", "x" * 64, DIGITS[:40], "\u0663" * 64])
def test_what_is_no_fingerprint(fingerprint):
    (problem,) = parse(ca_certs_path="/ca.pem", ca_certs_fingerprint=fingerprint)[1]
    assert problem.startswith("ca_certs_fingerprint must be the SHA-256 fingerprint")


def test_the_trust_store_can_be_the_file():
    given = {"ca_certs_path": "/ca.pem", "ca_path": "/ca.pem"}
    assert parse(ca_certs_fingerprint=DIGITS, **given)[0].trusts_ca_certificates
    assert not parse(ca_certs_fingerprint=DIGITS, ca_certs_path="/ca.pem")[0].trusts_ca_certificates


@pytest.mark.parametrize(
    ("changes", "is_trusted"),
    [
        ({"ca_path": "/other.pem"}, True),
        ({"ca_path": "/ca.pem"}, False),
        ({}, False),
        ({"ca_path": "/other.pem", "validate_certs": False}, False),
        ({"ca_certs_fingerprint": DIGITS, "validate_certs": False}, True),
    ],
)
def test_the_ca_certificates_require_trust(changes, is_trusted):
    problems = parse(ca_certs_path="/ca.pem", **changes)[1]
    assert [problem[:44] for problem in problems] == (
        [] if is_trusted else ["ca_certs_path requires ca_certs_fingerprint,"]
    )


def test_what_cannot_be_a_path():
    problems = parse(ca_certs_path="a\0b", ca_certs_fingerprint="x")[1]
    assert problems[0] == "ca_certs_path: 'a\\x00b' cannot be a path."
    assert len(problems) == 2


@pytest.mark.parametrize("option", ["client_cert", "client_key", "birth_cert", "birth_key", "csr_path"])
@pytest.mark.parametrize("is_link", [True, False])
def test_the_ca_certificates_replace_no_other_file_of_the_task(tmp_path, option, is_link):
    path = tmp_path / "device.key"
    path.write_text("a key")
    if is_link:
        (tmp_path / "link").symlink_to(path)
    given = {option: str(path), "ca_certs_path": str(tmp_path / "link" if is_link else path)}
    (problem,) = parse(ca_path="/ca.pem", **given)[1]
    assert problem.startswith(f"ca_certs_path and {option} are the same file, which the CA certificates would replace.")


def test_a_link_to_the_file_of_the_ca_certificates_is_no_other_trust_store(tmp_path):
    (tmp_path / "link.pem").symlink_to(tmp_path / "ca.pem")
    for ca_path in (tmp_path / "link.pem", tmp_path / "." / "x" / ".." / "ca.pem"):
        given = {"ca_certs_path": str(tmp_path / "ca.pem"), "ca_path": str(ca_path)}
        (problem,) = parse(**given)[1]
        assert problem.startswith("ca_certs_path requires ca_certs_fingerprint,")
        assert parse(ca_certs_fingerprint=DIGITS, **given)[0].trusts_ca_certificates
