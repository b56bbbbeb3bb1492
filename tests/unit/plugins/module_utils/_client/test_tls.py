# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import tempfile
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Trust, parse_credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._client import tls as _tls
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import (
    client_context,
    key_algorithm,
    pair_problems,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls_errors import (
    certificate_validity_hint,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError, InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


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


SILENT = Runtime([].append)


def context_of(params, runtime=SILENT):
    return client_context(Trust(params["validate_certs"], params["ca_path"]), parse_credentials(params), runtime)


def problems_of(params):
    return pair_problems(parse_credentials(params), Runtime([].append))


def alert(reason):
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1)")
    error.reason = reason
    return error


def hint_of(params):
    return certificate_validity_hint(parse_credentials(params))


def load(**changes):
    return context_of(options(**changes))


@pytest.mark.parametrize("option", ["client_cert", "client_key", "ca_path"])
def test_a_path_that_is_not_a_regular_file_is_rejected_and_does_not_block(option, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    for unfit in (str(path), "/dev/zero"):
        problems = load(**{option: unfit})[1]
        assert f"{option}: {unfit} cannot be read: It is not a regular file." in problems


def test_the_service_is_checked_and_old_versions_are_refused():
    context = load()[0]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.post_handshake_auth


def test_the_service_is_not_checked_when_that_is_asked_for():
    context = load(validate_certs=False)[0]
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_NONE


def test_files_are_named_with_their_option(tmp_path, leaf):
    (tmp_path / "text").write_text("-----BEGIN NOTHING-----\n-----END NOTHING-----\n")
    (tmp_path / "cert").write_text(leaf.certificate)
    text, cert = str(tmp_path / "text"), str(tmp_path / "cert")
    for changes, words in (
        ({"ca_path": text}, "ca_path: .* contains no PEM certificates"),
        ({"ca_path": "/does/not/exist"}, "ca_path: .* cannot be read: No such file"),
        ({"ca_path": "a\0b"}, "ca_path: .* cannot be a path"),
        ({"ca_path": "\ud800"}, "ca_path: .* cannot be a path"),
        ({"client_cert": text}, "client_cert: .* contains another kind of PEM object and no certificate"),
        ({"client_cert": cert, "client_key": str(tmp_path)}, "client_key: .* cannot be read: Is a directory"),
        ({"client_cert": "\0"}, "client_cert: .* cannot be a path"),
        ({"client_cert": cert}, "client_cert: .* contains a certificate and no private key: client_key is required"),
        (
            {"client_cert": cert, "client_key": text},
            "client_key: .* contains another kind of PEM object and no private key",
        ),
    ):
        problems = load(**changes)[1]
        assert re.search(words, " ".join(problems)), problems


@pytest.fixture
def files(tmp_path):
    def write(**contents):
        for name, content in contents.items():
            (tmp_path / name).write_text(content)
            (tmp_path / name).chmod(0o600)
        return {name: str(tmp_path / name) for name in contents}

    return write


def test_a_certificate_and_its_key_are_files_or_content(leaf, files):
    assert load(**files(client_cert=leaf.certificate, client_key=leaf.key))[1] == []
    assert load(**files(client_cert=leaf.certificate), client_key_content=leaf.key)[1] == []
    assert load(**files(client_cert=leaf.certificate + leaf.key))[1] == []
    assert load(client_cert=None, client_cert_content=leaf.certificate, client_key_content=leaf.key)[1] == []
    assert load(client_cert=None, client_cert_content=leaf.key + leaf.certificate)[1] == []


def give(form, option, content, tmp_path):
    """Return the options that give `content` to `client_cert` or `client_key`, as a file or as text."""
    if form == "content":
        return {option: None, f"{option}_content": content}
    path = tmp_path / option
    path.write_bytes(content.encode())
    path.chmod(0o600)
    return {option: str(path)}


# What is wrong with a PEM -> a word of the message. test__pem has all of them.
DAMAGED = {
    "literal line ends": (lambda pem: pem.replace("\n", r"\n"), "two characters"),
    "blanks": (lambda pem: pem.replace("\n", " "), "blanks or nothing"),
    "cut off": (lambda pem: pem[:200], "is truncated"),
    "CR": (lambda pem: pem.replace("\n", "\r"), "CR only"),
    "a line is missing": (lambda pem: "\n".join(pem.splitlines()[:1] + pem.splitlines()[2:]), "is damaged"),
    "empty": (lambda _pem: "", "is empty"),
    "empty lines": (lambda pem: pem.replace("\n", "\n\n"), "empty lines"),
    "indented": (lambda pem: "  " + pem.replace("\n", "\n  "), "blanks before"),
}


@pytest.mark.parametrize("way", DAMAGED)
@pytest.mark.parametrize("form", ["path", "content"])
@pytest.mark.parametrize("option", ["client_cert", "client_key"])
def test_the_option_that_is_damaged_is_named_with_the_cause(rsa_leaf, tmp_path, way, form, option):
    damage, words = DAMAGED[way]
    pems = {"client_cert": rsa_leaf.certificate, "client_key": rsa_leaf.key}
    pems[option] = damage(pems[option])
    given = {}
    for name, content in pems.items():
        given.update(give(form, name, content, tmp_path))
    (problem,) = load(**given)[1]
    assert problem.startswith(f"{option}_content " if form == "content" else f"{option}: ")
    assert words in problem


def test_certificate_and_key_that_are_swapped_are_both_named(leaf, files):
    problems = load(**files(client_cert=leaf.key, client_key=leaf.certificate))[1]
    assert [problem.partition(" contains ")[2] for problem in problems] == [
        "a private key and no certificate.",
        "a certificate and no private key.",
        "",
    ]
    assert problems[2] == "Are client_cert and client_key swapped?"
    # Two keys are not swapped.
    assert len(load(**files(client_cert=leaf.key, client_key=leaf.key))[1]) == 1


def test_empty_options_are_usually_undefined_variables():
    problems = load(client_cert="", client_key_content="", ca_path="")[1]
    assert problems == [
        f"{option} is empty. Is its variable defined for this host?"
        for option in ("ca_path", "client_cert", "client_key_content")
    ]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda pem: pem[:300], "is truncated"),
        (lambda pem: "\n".join(pem.splitlines()[:2] + pem.splitlines()[3:]), "certificate 2 of 2 is incomplete"),
        (lambda pem: pem[:100] + "A" * 30 + pem[130:], "certificate 2 of 2 is not a valid X.509 certificate"),
    ],
)
def test_a_broken_ca_certificate_is_the_matter_of_client_cert(rsa_leaf, files, damage, words):
    (problem,) = load(
        **files(client_cert=rsa_leaf.certificate + damage(rsa_leaf.certificate), client_key=rsa_leaf.key)
    )[1]
    assert re.search(f"^client_cert: .*{words}", problem)


def test_a_key_that_is_too_short_for_openssl_is_the_matter_of_client_cert(make_leaf, files):
    leaf = make_leaf(key=rsa.generate_private_key(65537, 1024))
    (problem,) = load(**files(client_cert=leaf.certificate, client_key=leaf.key))[1]
    assert re.search("^client_cert: .* has a key that is too short", problem)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("CA_MD_TOO_WEAK", "digest that is too weak"),
        ("CA_KEY_TOO_SMALL", "CA certificate with a key that is too short"),
        ("NEW_REASON", r"cannot be loaded by the OpenSSL of this host \(NEW_REASON\)"),
    ],
)
def test_a_certificate_that_openssl_rejects_is_named_with_the_reason(leaf, files, monkeypatch, reason, words):
    def load_cert_chain(*_arguments):
        raise alert(reason)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    (problem,) = load(**files(client_cert=leaf.certificate, client_key=leaf.key))[1]
    assert re.search(f"^client_cert: .* {words}", problem)


def test_a_byte_order_mark_needs_openssl_3(leaf, files, monkeypatch):
    def load_cert_chain(*_arguments):
        raise alert("NO_START_LINE")

    given = files(client_cert="\ufeff" + leaf.certificate, client_key=leaf.key)
    if ssl.OPENSSL_VERSION_INFO >= (3,):
        assert load(**given)[1] == []
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (1, 1, 1, 0, 0))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    (problem,) = load(**given)[1]
    assert re.search("^client_cert: .* begins with a byte order mark", problem)


@pytest.mark.parametrize("kind", ["same kind", "other kind"])
@pytest.mark.parametrize("form", ["path", "content"])
def test_a_ca_certificate_before_the_leaf_is_named(make_leaf, rsa_leaf, tmp_path, kind, form):
    signer = make_leaf() if kind == "same kind" else rsa_leaf
    leaf = make_leaf(signer=signer, passphrase="sesame")
    stranger = make_leaf()
    for chain in ([signer, leaf], [stranger, leaf, signer], [signer, stranger, leaf]):
        content = "".join(each.certificate for each in chain)
        given = {**give(form, "client_cert", content, tmp_path), **give(form, "client_key", leaf.key, tmp_path)}
        (problem,) = load(**given, client_key_passphrase="sesame")[1]
        assert re.search("^client_cert.* has another certificate before that of the device", problem)
    content = signer.certificate + stranger.certificate
    given = {**give(form, "client_cert", content, tmp_path), **give(form, "client_key", leaf.key, tmp_path)}
    (problem,) = load(**given, client_key_passphrase="sesame")[1]
    assert re.search("^client_key.* does not match the certificate in client_cert", problem)


def test_a_leaf_that_openssl_overlooks_is_named(make_leaf, files):
    signer = make_leaf()
    leaf = make_leaf(signer=signer)
    given = files(client_cert="  " + leaf.certificate + signer.certificate, client_key=leaf.key)
    (problem,) = load(**given)[1]
    assert re.search("^client_cert: .* has blanks before -----BEGIN", problem)


def test_a_combined_file_whose_key_does_not_match_is_named(leaf, make_leaf, files):
    (problem,) = load(**files(client_cert=leaf.certificate + make_leaf().key))[1]
    assert problem.endswith("contains a private key that does not match its certificate.")


def test_the_labels_that_openssl_accepts_are_accepted(leaf, files):
    for label in ("X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
        certificate = leaf.certificate.replace("CERTIFICATE", label)
        given = files(client_cert=certificate, client_key=leaf.key)
        assert load(**given)[1] == []
        assert problems_of(options(**given)) == []
        assert hint_of(options(**given)) == ""
        assert key_algorithm(certificate.encode()) == key_algorithm(leaf.certificate.encode())


def test_a_passphrase_that_is_not_used_is_a_warning(make_leaf, files):
    for leaf, passphrase, count in (
        (make_leaf(), "sesame", 1),
        (make_leaf(), "", 0),
        (make_leaf(), None, 0),
        (make_leaf(passphrase="sesame"), "sesame", 0),
    ):
        warnings = []
        given = options(**files(client_cert=leaf.certificate, client_key=leaf.key), client_key_passphrase=passphrase)
        assert context_of(given, Runtime(warnings.append))[1] == []
        assert len(warnings) == count
        assert "sesame" not in str(warnings)


@pytest.mark.parametrize("form", ["TraditionalOpenSSL", "PKCS8"])
@pytest.mark.parametrize("passphrase", [None, "sesame"])
def test_each_form_of_a_key_is_loaded(leaf, files, form, passphrase):
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    key = leaf.private_key.private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption
    ).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    given = files(client_cert=leaf.certificate, client_key=parameters + key)
    warnings = []
    assert context_of(options(**given, client_key_passphrase=passphrase), Runtime(warnings.append))[1] == []
    assert warnings == []


def test_pair_problems_are_those_of_the_context(leaf, make_leaf, files):
    given = options(**files(client_cert=leaf.certificate, client_key=make_leaf().key))
    assert problems_of(given) == context_of(given)[1] != []
    assert problems_of(options()) == context_of(options())[1] != []


def test_a_key_can_be_locked(make_leaf, files):
    leaf = make_leaf(passphrase="sesame")
    given = files(client_cert=leaf.certificate, client_key=leaf.key)
    assert load(**given, client_key_passphrase="sesame")[1] == []
    key = "client_key: {}".format(given["client_key"])
    assert load(**given)[1] == [f"{key} is encrypted: set client_key_passphrase."]
    (problem,) = load(**given, client_key_passphrase="wrong")[1]
    assert problem.startswith(f"{key} contains no private key that can be loaded with this client_key_passphrase")
    assert "wrong" not in problem
    for passphrase, words in (("\u20ac" * 342, "is longer than 1024 bytes"), ("\ud800", "is not valid Unicode")):
        (problem,) = load(**given, client_key_passphrase=passphrase)[1]
        assert problem.startswith(f"client_key_passphrase {words}")
    (problem,) = load(**given, client_key_passphrase="\u20ac" * 341)[1]
    assert problem.startswith(key)


def test_a_key_of_another_certificate_is_named(leaf, make_leaf, files):
    given = files(client_cert=leaf.certificate, client_key=make_leaf().key)
    assert load(**given)[1] == [
        "client_key: {client_key} does not match the certificate in client_cert: {client_cert}.".format(**given)
    ]


def test_a_path_and_a_content_exclude_each_other(leaf, files):
    given = files(client_cert=leaf.certificate, client_key=leaf.key)
    assert load(**given, client_key_content=leaf.key)[1] == [
        "client_key and client_key_content are mutually exclusive."
    ]
    assert load(client_cert=None)[1] == ["One of client_cert and client_cert_content is required."]


@pytest.mark.parametrize(("mode", "count"), [(0o644, 1), (0o604, 1), (0o640, 0), (0o600, 0)])
def test_a_key_that_everyone_can_read_is_a_warning(leaf, files, mode, count):
    given = files(client_cert=leaf.certificate, client_key=leaf.key)
    os.chmod(given["client_key"], mode)
    warnings = []
    assert context_of(options(**given), Runtime(warnings.append))[1] == []
    assert [warning.split(" contains ")[0] for warning in warnings] == [
        "client_key: {client_key}".format(**given)
    ] * count


@pytest.mark.parametrize(("kind", "provider"), [("TSS2 PRIVATE KEY", "tpm2"), ("PKCS#11 PROVIDER URI", "pkcs11")])
@pytest.mark.parametrize("option", ["client_cert", "client_key"])
def test_a_key_in_hardware_needs_openssl_3_and_its_provider(tmp_path, monkeypatch, leaf, kind, provider, option):
    (tmp_path / "key").write_text(f"{leaf.certificate}-----BEGIN {kind}-----\nMAA=\n-----END {kind}-----\n")
    files = {"client_cert": str(tmp_path / "key"), option: str(tmp_path / "key")}
    monkeypatch.setattr(ssl, "OPENSSL_VERSION", "OpenSSL of this test")
    for version, words in (
        ((1, 1, 1, 23, 15), "requires OpenSSL 3: the Python of this host has OpenSSL of this test"),
        ((3, 0, 0, 0, 0), f"set OPENSSL_CONF in the environment of the task .* the provider '{provider}'"),
    ):
        monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
        (problem,) = load(**files)[1]
        assert re.match(f"{option}: .*key refers to a key in hardware.* {words}", problem)


@pytest.mark.parametrize("kind", ["TSS2 PRIVATE KEY", "PKCS#11 PROVIDER URI"])
def test_a_key_in_hardware_that_asks_for_its_pin_gets_the_passphrase(tmp_path, monkeypatch, leaf, kind):
    (tmp_path / "key").write_text(f"{leaf.certificate}-----BEGIN {kind}-----\nMAA=\n-----END {kind}-----\n")
    answers = []

    def load_cert_chain(_context, _certificate, _key, answer=None):
        if answer is None:
            raise NotADirectoryError
        answers.append(answer())
        raise FileNotFoundError(2, "what was left in errno")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", (3, 0, 0, 0, 0))
    for passphrase, words in ((None, "is protected: set client_key_passphrase to its PIN"), ("1234", "the PIN")):
        (problem,) = load(client_cert=str(tmp_path / "key"), client_key_passphrase=passphrase)[1]
        assert words in problem
    assert answers == ["", "1234"]


def test_an_openssl_without_its_usual_provider_is_named(monkeypatch):
    def no_context(_protocol):
        raise alert("LIBRARY_HAS_NO_CIPHERS")

    monkeypatch.setattr(_tls.ssl, "SSLContext", no_context)
    with pytest.raises(InvalidParametersError, match=r"LIBRARY_HAS_NO_CIPHERS.* the provider 'default', too"):
        load()


def test_a_folder_of_certificates_is_trusted(tmp_path):
    problems = load(ca_path=str(tmp_path))[1]
    assert [problem for problem in problems if "ca_path" in problem] == []


@pytest.mark.skipif(not hasattr(ssl.SSLSocket, "verify_client_post_handshake"), reason="needs Python 3.8")
def test_a_server_can_request_the_certificate_after_the_handshake(leaf, tmp_path):
    (tmp_path / "server.pem").write_text(leaf.certificate + leaf.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(tmp_path / "server.pem"))
    server.load_verify_locations(cadata=leaf.certificate)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    server.post_handshake_auth = True
    server.verify_mode = ssl.CERT_OPTIONAL
    context = load(
        validate_certs=False, client_cert=None, client_cert_content=leaf.certificate, client_key_content=leaf.key
    )[0]

    def talk():
        with server.wrap_socket(there, server_side=True) as line:
            line.recv(100)
            line.verify_client_post_handshake()
            line.sendall(b"request the certificate")
            line.recv(100)
            line.sendall(b"yes" if line.getpeercert() else b"no")

    here, there = socket.socketpair()
    thread = threading.Thread(target=talk)
    thread.start()
    with context.wrap_socket(here) as line:
        line.sendall(b"request")
        assert line.recv(100) == b"request the certificate"
        line.sendall(b"request")
        assert line.recv(100) == b"yes"
    thread.join()


def test_a_context_is_used_again_for_keys_of_its_kind_only(leaf, make_leaf):
    contexts = {}

    def use(pem, **changes):
        given = options(client_cert=None, client_cert_content=pem.certificate + pem.key, **changes)
        context, problems = context_of(given, Runtime([].append, contexts=contexts))
        assert problems == []
        return context

    of_another_kind = make_leaf(key=rsa.generate_private_key(65537, 2048))
    first = use(leaf)
    assert use(make_leaf()) is first
    others = [use(of_another_kind), use(leaf, validate_certs=False)]
    assert first not in others
    assert [use(of_another_kind), use(leaf, validate_certs=False), use(leaf)] == [*others, first]


def test_a_context_with_half_a_pair_is_not_used_again(leaf, make_leaf):
    contexts = {}

    def use(**content):
        return context_of(options(client_cert=None, **content), Runtime([].append, contexts=contexts))

    good = {"client_cert_content": leaf.certificate, "client_key_content": leaf.key}
    first = use(**good)[0]
    bad, problems = use(client_cert_content=leaf.certificate, client_key_content=make_leaf().key)
    assert problems
    assert bad is first
    assert use(**good)[0] is not first


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 4096),
    ],
    ids=["EC", "Ed25519", "RSA"],
)
def test_the_kind_of_a_key_is_as_its_certificate_names_it(make_leaf, key):
    pem = make_leaf(key=key).certificate.encode()
    public = x509.load_pem_x509_certificate(pem).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    kind = key_algorithm(pem)
    assert len(kind) >= 7
    assert kind in der[:40]
    assert der.index(kind) <= 4


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", b"MIIB"])
def test_what_is_no_certificate_has_no_kind_of_key(pem):
    assert key_algorithm(pem) is None


class FullDisk:
    """An error of the system in one function of os or tempfile."""

    def __init__(self, code):
        self.code = code

    def __call__(self, *_arguments, **_keywords):
        raise OSError(self.code, os.strerror(self.code))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EDQUOT])
@pytest.mark.parametrize(("owner", "function"), [(tempfile, "mkstemp"), (os, "write"), (os, "unlink")])
def test_content_that_cannot_be_written_is_an_error_of_the_host(monkeypatch, tmp_path, code, owner, function):
    opened = len(os.listdir("/proc/self/fd"))
    given = options(client_cert=None, client_cert_content="-----BEGIN")
    with monkeypatch.context() as patch:
        patch.setattr(owner, function, FullDisk(code))
        with pytest.raises(HostError, match="temporary file in") as failure:
            context_of(given, Runtime([].append, tmpdir=lambda: str(tmp_path)))
    assert os.strerror(code) in str(failure.value)
    assert "BEGIN" not in str(failure.value)
    assert len(os.listdir("/proc/self/fd")) == opened
    assert len(os.listdir(tmp_path)) == (function == "unlink")


def test_content_is_read_by_another_path_where_dev_fd_is_missing(monkeypatch, leaf):
    content = {"client_cert": None, "client_cert_content": leaf.certificate + leaf.key}
    monkeypatch.setattr(_tls, "_DESCRIPTORS", ("/does/not/exist", "/proc/self/fd"))
    assert load(**content)[1] == []
    monkeypatch.setattr(_tls, "_DESCRIPTORS", ("/does/not/exist",))
    with pytest.raises(HostError, match="neither /dev/fd nor /proc"):
        load(**content)


def test_a_key_that_cannot_be_read_for_lack_of_descriptors_is_an_error_of_the_host(monkeypatch, leaf, files):
    def fail(*_arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", fail)
    with pytest.raises(HostError, match=r"client_key: .* cannot be loaded: Too many open files"):
        load(**files(client_cert=leaf.certificate, client_key=leaf.key))


def test_a_certificate_that_cannot_be_read_for_lack_of_descriptors_is_an_error_of_the_host(monkeypatch, leaf, files):
    errors = [ssl.SSLError(9, "a key that OpenSSL rejects"), OSError(errno.EMFILE, "Too many open files")]

    def fail(*_arguments):
        raise errors.pop(0)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", fail)
    with pytest.raises(HostError, match=r"client_cert: .* cannot be loaded: Too many open files"):
        load(**files(client_cert=leaf.certificate, client_key=leaf.key))


def test_the_context_for_a_proxy_trusts_ca_path_and_the_system_and_is_shared(leaf, make_leaf, tmp_path, monkeypatch):
    (tmp_path / "ca.pem").write_text(leaf.certificate)
    (tmp_path / "system.pem").write_text(make_leaf().certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    contexts = {}
    trust = Trust(True, str(tmp_path / "ca.pem"))
    context = _tls.proxy_context(trust, contexts)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509"] == 2
    assert _tls.proxy_context(trust, contexts) is context
    assert _tls.proxy_context(trust._replace(validate_certs=False), contexts).verify_mode == ssl.CERT_NONE
    assert _tls.proxy_context(trust) is not context
