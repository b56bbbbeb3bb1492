# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import os
import ssl

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Credentials,
    Secret,
    Trust,
    connection_argument_spec,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client import connection as _connection
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
    certificate_connection_problems,
    connection_problems,
    open_enrollment_session,
    open_est_session,
    open_session,
    open_unverified_session,
    recover_files,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import client_context
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


def options(**changes):
    defaults = {name: entry.get("default") for name, entry in connection_argument_spec().items()}
    return {**defaults, "client_cert": "/does/not/exist.pem", "validate_certs": False, **changes}


def open_with(params, problems=(), warn=[].append, **runtime):
    return open_session(parse_connection(params), parse_credentials(params), list(problems), Runtime(warn, **runtime))


def problems_of(**changes):
    with pytest.raises(InvalidParametersError) as caught:
        open_with(options(**changes))
    return str(caught.value)


MISSING = problems_of()


def test_only_the_missing_certificate_is_wrong():
    reason = f"No such file or directory on the host {os.uname().nodename}"
    assert problems_of() == f"client_cert: /does/not/exist.pem cannot be read: {reason}."


@pytest.mark.parametrize(
    "url",
    [
        "https://clientauth.one.digicert.com",
        "https://localhost:8443/",
        "https://[::1]:8443/base/path",
        "HTTPS://DEVICE.EXAMPLE",
        "https://device.example.",
        "https://xn--gert-loa.example/",
        "https://192.0.2.1",
        "https://device_1.example//a/%20b/@c",
    ],
)
def test_base_urls(url):
    assert problems_of(api_url=url) == MISSING


@pytest.mark.parametrize(
    "host", ["one.digicert.com", "One.nl.DigiCert.com", "demo.one.digicert.com", "one.digicert.co.jp"]
)
@pytest.mark.parametrize("rest", ["", "/", ":443/path"])
def test_a_host_of_operators_requests_no_client_certificate(host, rest):
    problem = (
        f"api_url has the host {host}, which does not request a client certificate. Set it to "
        f"https://clientauth.{host}."
    )
    assert problems_of(api_url=f"https://{host}{rest}") == f"{problem} {MISSING}"
    connection = parse_connection(options(api_url=f"https://{host}{rest}"))
    assert certificate_connection_problems(connection) == [problem]
    assert connection_problems(connection) == []


@pytest.mark.parametrize("host", ["clientauth.one.digicert.com", "one.digicert.com.example", "xone.digicert.com"])
def test_other_hosts_can_request_a_client_certificate(host):
    assert problems_of(api_url=f"https://{host}") == MISSING


def test_an_empty_url_is_usually_an_undefined_variable():
    assert problems_of(api_url="") == f"api_url is empty. Is its variable defined for this host? {MISSING}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("device.example", "does not begin with https://"),
        ("http://device.example", "does not begin with https://"),
        ("https:/device.example", "does not begin with https://"),
        ("https://", "no valid host"),
        ("https:///path", "no valid host"),
        ("https://:443", "no valid host"),
        ("https://device.example:port", "no valid host, port"),
        ("https://device.example:99999", "no valid host, port"),
        ("https://device.example:0", "no valid host, port"),
        ("https://device.example:4_4", "no valid host, port"),
        ("https://device.example:+443", "no valid host, port"),
        ("https://user:secret@device.example", "has a username or a password"),
        ("https://:secret@device.example", "has a username or a password"),
        ("https://secret@device.example/?secret", "has a username or a password"),
        ("https://device.example?", "has a query"),
        ("https://device.example/?secret", "has a query"),
        ("https://device.example/#secret", "has a query or a fragment"),
        ("https://[::1", "no valid host"),
        ("https://[:::]", "no valid host"),
        ("https://[]", "no valid host"),
        ("https://[fe80::1%25eth0]", "no valid host"),
        ("https://device..example", "no valid host"),
        ("https://.device.example", "no valid host"),
        ("https://" + "a" * 64 + ".example", "no valid host"),
        ("https://" + ".".join(["a" * 63] * 5), "no valid host"),
        ("https://device.example\\path", "no valid host"),
        ("https://device.example/%zz", "no valid host, port or path"),
        ("https://device.example/<path>", "no valid host, port or path"),
        ("https://device%2eexample", "no valid host"),
        ("https://*.example", "no valid host"),
        *(
            (f"https://device.example{character}", "has blanks")
            for character in "\n\r\t \0\x7f\x0b\xa0\u2028\u200b\ufeff"
        ),
        *((f"https://device{character}example", "has blanks") for character in "\n\t \u3002\xad"),
        *((f"{character}https://device.example", "has blanks") for character in "\n \ufeff"),
        ("https://device.example/a b", "has blanks"),
        ("https://ger\xe4t.example", "not ASCII"),
        ("https://\udc80", "not ASCII"),
        ("https://user:secret@device.example\n", "has blanks"),
    ],
)
def test_what_is_no_base_url_is_not_repeated(url, words):
    problem = problems_of(api_url=url)
    assert f"{words}" in problem
    assert problem.startswith("api_url ")
    assert "secret" not in problem


@pytest.mark.parametrize("option", ["client_cert", "client_key"])
@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_what_cannot_be_a_path(tmp_path, leaf, option, path):
    (tmp_path / "device.pem").write_text(leaf.certificate)
    given = {"client_cert": str(tmp_path / "device.pem"), "client_key": str(tmp_path / "device.pem"), option: path}
    assert f"{option}: {path!r} cannot be a path" in problems_of(**given)


def test_numbers_have_bounds():
    assert "must be from 1 to 86400" in problems_of(timeout=0)
    assert "must be from 1 to 86400" in problems_of(timeout=10**20)
    assert "must be 0 or more" in problems_of(retries=-1)


def test_what_else_is_wrong_comes_first():
    with pytest.raises(InvalidParametersError, match=r"^First\. client_cert"):
        open_with(options(), ["First."])


@pytest.mark.parametrize("checked", [True, False])
def test_a_session_says_when_nobody_is_checked(leaf, checked):
    warnings = []
    given = {"client_cert": None, "client_cert_content": leaf.certificate, "client_key_content": leaf.key}
    session = open_with(options(validate_certs=checked, **given), warn=warnings.append)
    assert (session.identity.certificate_validity_hint(), len(warnings)) == ("", 0 if checked else 1)


@pytest.fixture
def interrupted(leaf, make_leaf, tmp_path):
    """The files of a renewal that was interrupted between two renames."""
    (tmp_path / "device.pem").write_text(leaf.certificate)
    (tmp_path / "device.key").write_text(make_leaf().key)
    (tmp_path / "device.key.next").write_text(leaf.key)
    return {"client_cert": str(tmp_path / "device.pem"), "client_key": str(tmp_path / "device.key")}


def test_a_session_uses_the_waiting_key_and_writes_nothing(interrupted, tmp_path):
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    open_with(options(**interrupted))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_recover_files_completes_a_renewal_where_it_may_write(interrupted, leaf, tmp_path):
    assert recover_files(parse_credentials(options(**interrupted)), Runtime([].append, check_mode=True))
    assert (tmp_path / "device.key.next").exists()
    assert recover_files(parse_credentials(options(**interrupted)), Runtime([].append))
    assert (tmp_path / "device.key").read_text() == leaf.key
    assert not recover_files(parse_credentials(options(**interrupted)), Runtime([].append))


def test_files_that_are_replaced_between_two_reads_are_read_again(leaf, make_leaf, tmp_path, monkeypatch):
    paths = {"client_cert": tmp_path / "device.pem", "client_key": tmp_path / "device.key"}
    paths["client_cert"].write_text(leaf.certificate)
    paths["client_key"].write_text(make_leaf().key)
    given = {name: str(path) for name, path in paths.items()}
    calls = []

    def replaced_meanwhile(*arguments):
        outcome = client_context(*arguments)
        if not calls:
            paths["client_key"].unlink()
            paths["client_key"].write_text(leaf.key)
        calls.append(outcome)
        return outcome

    monkeypatch.setattr(_connection, "client_context", replaced_meanwhile)
    open_with(options(**given))
    assert len(calls) == 2


def test_files_that_change_all_the_time_end_in_an_error(make_leaf, tmp_path, monkeypatch):
    (tmp_path / "device.pem").write_text(make_leaf().certificate)
    given = {"client_cert": str(tmp_path / "device.pem"), "client_key": str(tmp_path / "missing.key")}
    monkeypatch.setattr(_connection, "_file_state", lambda _path: object())
    with pytest.raises(InvalidParametersError, match="missing"):
        open_with(options(**given))


def test_every_option_but_the_switches_can_come_from_the_environment():
    switches = {"validate_certs", "timeout", "retries", "use_proxy"}
    for name, entry in connection_argument_spec().items():
        expected = [] if name in switches else [f"DIGICERT_IOT_{name.upper()}"]
        assert entry.get("fallback", (None, []))[1] == expected


@pytest.mark.parametrize(("option", "header"), [("passcode", "x-passcode"), ("api_key", "x-api-key")])
def test_a_secret_of_an_enrollment_is_a_header(option, header):
    connection = parse_connection(options())
    session = open_enrollment_session(connection, Secret(option, "hush"), [], Runtime([].append))
    assert (session.identity.leaf, session.identity.headers) == ("", {header: "hush"})
    for secret, words in (("", "is empty. Is its variable"), ("a b", "has blanks"), ("h\u00fcsh", "has blanks")):
        with pytest.raises(InvalidParametersError, match=f"First. {option} {words}"):
            open_enrollment_session(connection, Secret(option, secret), ["First."], Runtime([].append))


def test_a_birth_certificate_has_its_own_options(leaf, tmp_path):
    connection = parse_connection(options())
    (tmp_path / "birth.pem").write_text(leaf.certificate + leaf.key)
    birth = Credentials(str(tmp_path / "birth.pem"), None, None, None, None, "birth")
    assert open_enrollment_session(connection, birth, [], Runtime([].append)).identity.leaf == "birth_cert"
    with pytest.raises(InvalidParametersError, match=r"^birth_key: /nowhere cannot be read"):
        open_enrollment_session(connection, birth._replace(client_key="/nowhere"), [], Runtime([].append))


EST = parse_connection(options(api_url="https://est.example/.well-known/est"))._replace(url_option="est_url")


def open_est(credential, username="", problems=(), warn=[].append, connection=EST):
    return open_est_session(connection, credential, username, list(problems), Runtime(warn))


@pytest.mark.parametrize(
    ("username", "passcode"), [("", "hush"), ("gate", "a:b c"), ("t\u00fcr", "h\u00fcsh\u20ac"), (" ", "x" * 4000)]
)
def test_a_passcode_of_est_is_a_password(username, passcode):
    warnings = []
    identity = open_est(Secret("passcode", passcode), username, warn=warnings.append).identity
    assert identity.leaf == ""
    ((name, value),) = identity.headers.items()
    assert (name, value[:6]) == ("Authorization", "Basic ")
    assert base64.b64decode(value[6:], validate=True).decode() == f"{username}:{passcode}"
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("username", "passcode"),
    [("", ""), ("gate", "zq\n81"), ("gate", "zq81\0"), ("a:zq81", "zq81"), ("a\tzq81", "zq81"), ("\ud800zq81", "zq81")],
)
def test_what_cannot_be_a_password_of_est_is_not_repeated(username, passcode):
    with pytest.raises(InvalidParametersError, match=r"^First\. passcode is empty, or ") as caught:
        open_est(Secret("passcode", passcode), username, ["First."])
    assert "zq" not in str(caught.value)


def test_the_messages_name_the_url_of_est():
    for opened in (open_est, lambda _secret, connection: open_unverified_session(connection, [], Runtime([].append))):
        with pytest.raises(InvalidParametersError, match=r"^est_url has a query or a fragment\. It must consist"):
            opened(Secret("passcode", "hush"), connection=EST._replace(api_url="https://est.example/?hush"))


def test_a_certificate_authenticates_with_est(leaf, tmp_path):
    (tmp_path / "device.pem").write_text(leaf.certificate + leaf.key)
    device = Credentials(str(tmp_path / "device.pem"), None, None, None, None)
    identity = open_est(device, "gate").identity
    assert (identity.leaf, identity.headers) == ("client_cert", {})


def test_a_session_without_verification_has_no_credential(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(_connection, "Session", lambda *arguments: used.append(arguments))
    for trust in (Trust(True, str(tmp_path / "missing.pem")), Trust(True, None), Trust(False, None)):
        warnings = []
        open_unverified_session(EST._replace(trust=trust), [], Runtime(warnings.append))
        connection, contexts, identity, _pause = used.pop()
        assert connection.api_url == EST.api_url
        assert (identity.leaf, identity.headers) == ("", {})
        assert (contexts.api.verify_mode, contexts.api.check_hostname) == (ssl.CERT_NONE, False)
        # A proxy can receive a password.
        assert (contexts.proxy().verify_mode == ssl.CERT_REQUIRED) is trust.validate_certs
        assert warnings == []
    with pytest.raises(InvalidParametersError, match=r"^First\."):
        open_unverified_session(EST, ["First."], Runtime([].append))
