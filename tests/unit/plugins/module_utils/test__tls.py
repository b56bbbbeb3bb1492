# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import ssl

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import InvalidTask
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import client_context, explain, is_final


def options(**changes):
    return {
        "ca_path": None,
        "validate_certs": True,
        "client_cert": "/does/not/exist.pem",
        "client_cert_content": None,
        "client_key": None,
        "client_key_content": None,
        "client_key_passphrase": None,
        **changes,
    }


def load(**changes):
    return client_context(options(**changes), str, [].append)


def alert(reason):
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1)")
    error.reason = reason
    return error


def test_the_service_is_checked_and_old_versions_are_refused():
    context = load()[0]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_the_service_is_not_checked_when_that_is_asked_for():
    context = load(validate_certs=False)[0]
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_NONE


def test_files_are_named_with_their_option(tmp_path):
    (tmp_path / "text").write_text("-----BEGIN NOTHING-----")
    (tmp_path / "cert").write_text("-----BEGIN CERTIFICATE-----")
    text, cert = str(tmp_path / "text"), str(tmp_path / "cert")
    for changes, words in (
        ({"ca_path": text}, "ca_path: .* holds no PEM certificates"),
        ({"ca_path": "/does/not/exist"}, "ca_path: .* cannot be read: No such file"),
        ({"ca_path": "a\0b"}, "ca_path: .* cannot be a path"),
        ({"ca_path": "\ud800"}, "ca_path: .* cannot be a path"),
        ({"client_cert": text}, "client_cert: .* is not PEM, which has a line that begins with -----BEGIN CERTIFICATE"),
        ({"client_cert": cert, "client_key": str(tmp_path)}, "client_key: .* cannot be read: Is a directory"),
        ({"client_cert": "\0"}, "client_cert: .* cannot be a path"),
        ({"client_cert": cert}, "client_cert: .* holds no private key that can be loaded, so client_key is needed"),
        ({"client_cert": cert, "client_key": text}, "client_key: .* holds no private key that can be loaded"),
    ):
        problems = load(**changes)[1]
        assert re.search(words, " ".join(problems)), problems


@pytest.mark.parametrize(("kind", "provider"), [("TSS2 PRIVATE KEY", "tpm2"), ("PKCS#11 PROVIDER URI", "pkcs11")])
@pytest.mark.parametrize("option", ["client_cert", "client_key"])
def test_a_key_in_hardware_needs_openssl_3_and_its_provider(tmp_path, monkeypatch, kind, provider, option):
    (tmp_path / "key").write_text(f"-----BEGIN CERTIFICATE-----\n-----BEGIN {kind}-----")
    files = {"client_cert": str(tmp_path / "key"), option: str(tmp_path / "key")}
    monkeypatch.setattr(ssl, "OPENSSL_VERSION", "OpenSSL of this test")
    for version, words in (
        ((1, 1, 1, 23, 15), "needs OpenSSL 3: the Python of this host has OpenSSL of this test"),
        ((3, 0, 0, 0, 0), f"set OPENSSL_CONF in the task's environment .* the provider '{provider}'"),
    ):
        monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
        (problem,) = load(**files)[1]
        assert re.match(f"{option}: .*key names a key in hardware.* {words}", problem)


@pytest.mark.parametrize("kind", ["TSS2 PRIVATE KEY", "PKCS#11 PROVIDER URI"])
def test_a_key_in_hardware_that_asks_for_its_pin_gets_the_passphrase(tmp_path, monkeypatch, kind):
    (tmp_path / "key").write_text(f"-----BEGIN CERTIFICATE-----\n-----BEGIN {kind}-----")
    answers = []

    def load_cert_chain(_context, _certificate, _key, answer):
        answers.append(answer())
        raise FileNotFoundError(2, "what was left in errno")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (3, 0, 0, 0, 0))
    for passphrase, words in ((None, "is locked: give client_key_passphrase, the key's PIN"), ("1234", "PIN is right")):
        (problem,) = load(client_cert=str(tmp_path / "key"), client_key_passphrase=passphrase)[1]
        assert words in problem
    assert answers == ["", "1234"]


def test_an_openssl_without_its_usual_provider_is_named(monkeypatch):
    def no_context(_protocol):
        raise alert("LIBRARY_HAS_NO_CIPHERS")

    monkeypatch.setattr(ssl, "SSLContext", no_context)
    with pytest.raises(InvalidTask, match=r"LIBRARY_HAS_NO_CIPHERS.* the provider 'default' too"):
        load()


def test_a_folder_of_certificates_is_trusted(tmp_path):
    problems = load(ca_path=str(tmp_path))[1]
    assert [problem for problem in problems if "ca_path" in problem] == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not know the CA"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "asks for a certificate"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "misses the 'clientauth.' prefix"),
    ],
)
def test_an_alert_is_final_and_explained(reason, words):
    assert is_final(alert(reason))
    assert words in explain(alert(reason), "device.example")


def test_a_key_in_hardware_that_cannot_sign_is_not_tried_again():
    error = ssl.SSLError(524294, "[SSL] EVP lib (_ssl.c:1029)")
    error.reason = None
    assert is_final(error)
    assert "(_ssl.c:1029)). The key cannot sign: check its PIN or password" in explain(error, "device.example")


def test_a_cut_is_not_final():
    assert not is_final(alert("UNEXPECTED_EOF_WHILE_READING"))
