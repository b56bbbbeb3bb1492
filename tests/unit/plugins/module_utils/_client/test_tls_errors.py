# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ssl

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import x509 as _x509
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls_errors import (
    certificate_validity_hint,
    describe_handshake_error,
    describe_proxy_handshake_error,
    is_closing,
    is_final,
)


def hint_of(client_cert=None, client_cert_content=None):
    return certificate_validity_hint(Credentials(client_cert, client_cert_content, None, None, None))


def alert(reason):
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [(-2, -1, " client_cert expired on 2"), (1, 2, " is not valid before 2"), (-1, 1, "")],
)
def test_the_dates_of_a_certificate_are_told_when_they_matter(make_leaf, tmp_path, begins, ends, words):
    certificate = make_leaf(begins, ends).certificate
    (tmp_path / "device.pem").write_text(certificate)
    for given in ({"client_cert": str(tmp_path / "device.pem")}, {"client_cert_content": certificate}):
        said = hint_of(**given)
        assert words in said
        assert bool(said) == bool(words)


def test_nothing_is_told_of_dates_that_cannot_be_read(monkeypatch):
    for content in ("-----BEGIN CERTIFICATE-----", "é"):
        assert hint_of(client_cert_content=content) == ""
    assert hint_of(client_cert="/does/not/exist.pem") == ""
    monkeypatch.setattr(_x509, "HAS_CRYPTOGRAPHY", False)
    assert hint_of(client_cert="/does/not/exist.pem") == ""


def test_the_host_of_another_certificate_is_a_matter_of_the_url():
    for code, words in ((62, "Check the host in api_url"), (20, "Set ca_path to the CA that signed it")):
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.reason = "CERTIFICATE_VERIFY_FAILED"
        error.verify_code, error.verify_message = code, "the reason"
        assert is_final(error)
        assert f"device.example failed: the reason. {words}" in describe_handshake_error(error, "device.example")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not trust the CA"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "requires a client certificate"),
        ("WRONG_VERSION_NUMBER", "does not use TLS"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "starts with 'clientauth.'"),
    ],
)
def test_an_alert_is_final_and_explained(reason, words):
    assert is_final(alert(reason))
    assert words in describe_handshake_error(alert(reason), "device.example")


@pytest.mark.parametrize("reason", ["SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_UNKNOWN_CA"])
def test_a_wrong_region_is_among_the_causes(reason):
    assert "region" in describe_handshake_error(alert(reason), "device.example")


@pytest.mark.parametrize(
    ("cause", "is_one"),
    [
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"), True),
        (alert("UNEXPECTED_EOF_WHILE_READING"), True),
        (ConnectionResetError(104, "Reset by peer"), True),
        (BrokenPipeError(32, "Broken pipe"), True),
        (ConnectionRefusedError(111, "Connection refused"), False),
        (TimeoutError(110, "timed out"), False),
    ],
)
def test_a_closed_connection_is_told_from_others(cause, is_one):
    assert is_closing([OSError("around it"), cause]) is is_one


def test_who_comes_without_a_certificate_is_told_that_it_is_the_door_for_devices():
    words = "remove the prefix 'clientauth.' of the host name in api_url"
    assert words in describe_handshake_error(alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "device.example", leaf="")
    assert words not in describe_handshake_error(alert("TLSV1_ALERT_PROTOCOL_VERSION"), "device.example", leaf="")


def test_a_rejected_birth_certificate_has_its_own_options():
    text = describe_handshake_error(alert("SSLV3_ALERT_HANDSHAKE_FAILURE"), "device.example", leaf="birth_cert")
    assert "Check that birth_cert is the certificate that is registered to the enrollment profile" in text
    assert "and that birth_key matches it" in text
    assert "client_" not in text


def test_a_key_in_hardware_that_cannot_sign_is_not_tried_again():
    error = ssl.SSLError(524294, "[SSL] EVP lib (_ssl.c:1029)")
    error.reason = None
    assert is_final(error)
    assert "(_ssl.c:1029)). The key cannot sign: check its PIN or password" in describe_handshake_error(
        error, "device.example"
    )


def test_a_cut_is_not_final():
    assert not is_final(alert("UNEXPECTED_EOF_WHILE_READING"))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "does not use TLS: set the scheme in HTTPS_PROXY to http://"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "requires a client certificate, which is not supported"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "Check the proxy and HTTPS_PROXY"),
    ],
)
def test_a_failed_handshake_with_a_proxy_is_explained(reason, words):
    text = describe_proxy_handshake_error(alert(reason), "proxy.example", "HTTPS_PROXY")
    assert text.startswith(f"The TLS handshake with the proxy proxy.example failed ({reason}). ")
    assert words in text
