# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import errno
import http.client
import importlib.util
import os
import socket
import ssl
import sys
import threading
import time
import types

import pytest
import urllib3

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._client import session as _session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ConnectionFailedError,
    HandshakeFailedError,
    HostError,
    MissingLibraryError,
    StoppedError,
)

CUT = urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "Reset by peer"))
REFUSED = urllib3.exceptions.NewConnectionError(None, "Connection refused")
STALLED = urllib3.exceptions.ReadTimeoutError(None, "/", "Read timed out.")
LOCKED_OUT = urllib3.exceptions.SSLError(ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] unknown ca (_ssl.c:1)"))
LOCKED_OUT.args[0].reason = "TLSV1_ALERT_UNKNOWN_CA"


def answer(status, body=b"{}", **headers):
    chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    return types.SimpleNamespace(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        stream=lambda _size, **_settings: iter(chunks),
        close=lambda: None,
        release_conn=lambda: None,
    )


class Network:
    """Stands for urllib3's pool: gives the outcomes in order and keeps the requests and the waits between them."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.requests = []
        self.waits = []

    def request(self, method, url, **settings):
        self.requests.append((method, url, settings))
        outcome = self.outcomes.pop(0)
        self.transport.exchange.has_sent = outcome in (CUT, STALLED)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def session_of(
    url="https://device.example",
    context=None,
    timeout=7,
    retries=0,
    use_proxy=False,
    module=_session,
    url_option="api_url",
    **settings,
):
    connection = Connection(url, Trust(True, None), timeout, retries, use_proxy, url_option)
    contexts = _session.TlsContexts(context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.create_default_context)
    return module.Session(connection, contexts, _session.Identity(), **settings)


def send(network, method="GET", body=None, retries=2, random=0.5, idempotent=True, pause=None):
    clock = _session.Clock(network.waits.append, lambda: 0.0, lambda: random)
    session = session_of("https://device.example/base/", retries=retries, pause=pause, clock=clock)
    session._pool = network
    network.transport = session._transport
    return session.send(method, "/path", body, idempotent)


def test_a_request_goes_below_the_base_url():
    network = Network(answer(200, b"body"))
    assert send(network, "PUT", b"payload")[:3] == (200, {}, b"body")
    method, url, settings = network.requests[0]
    assert (method, url, settings["body"]) == ("PUT", "/base/path", b"payload")
    assert settings["headers"]["Content-Type"] == "application/json"
    assert not settings["redirect"]


@pytest.mark.parametrize("outcome", [CUT, REFUSED, STALLED, *map(answer, (408, 429, 500, 502, 503, 504))])
def test_what_may_pass_is_tried_again(outcome):
    network = Network(outcome, answer(200))
    result = send(network)
    assert (result.status, result.retries) == (200, 1)
    assert len(network.waits) == 1


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 409, 422, 501])
def test_what_stays_is_not_tried_again(status):
    assert send(Network(answer(status))).retries == 0


def test_waits_grow_and_keep_what_the_service_asks_for():
    network = Network(answer(503), answer(503), answer(429, Retry_After="20"), answer(200))
    send(network, retries=3)
    assert network.waits == [0.375, 0.75, 35.0]


def test_without_retries_the_first_answer_counts():
    network = Network(answer(503))
    assert send(network, retries=0).status == 503
    assert network.waits == []


def test_the_last_error_is_handed_on():
    result = send(Network(answer(500), answer(502), answer(503)))
    assert (result.status, result.retries, result.may_have_applied) == (503, 2, True)


@pytest.mark.parametrize(
    ("outcomes", "may_have_applied"),
    [
        ([REFUSED] * 3, False),
        ([answer(429), answer(429), REFUSED], False),
        ([answer(500), REFUSED, REFUSED], True),
        ([CUT, REFUSED, REFUSED], True),
        ([STALLED] * 3, True),
    ],
)
def test_doubt_is_remembered(outcomes, may_have_applied):
    with pytest.raises(ConnectionFailedError) as caught:
        send(Network(*outcomes))
    assert caught.value.may_have_applied is may_have_applied
    assert caught.value.details.retries == 2


@pytest.mark.parametrize("outcome", [REFUSED, answer(429), answer(503, Retry_After="1")])
def test_what_must_not_act_twice_is_sent_again_where_it_did_not_act(outcome):
    result = send(Network(outcome, answer(200)), "POST", idempotent=False)
    assert (result.status, result.retries, result.may_have_applied) == (200, 1, False)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_must_not_act_twice_is_not_sent_again_after_other_errors(status):
    result = send(Network(answer(status)), "POST", idempotent=False)
    assert (result.retries, result.may_have_applied) == (0, True)


@pytest.mark.parametrize("outcome", [CUT, STALLED])
def test_what_must_not_act_twice_is_not_sent_again_after_a_cut(outcome):
    with pytest.raises(ConnectionFailedError) as caught:
        send(Network(outcome), "POST", idempotent=False)
    assert (caught.value.details.retries, caught.value.may_have_applied) == (0, True)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (REFUSED, "device.example could not be reached: .*Connection refused"),
        (CUT, "device.example sent no complete response: Reset by peer"),
        (STALLED, "no response within 7 seconds"),
        (urllib3.exceptions.SSLError(socket.timeout("timed out")), "no response within 7 seconds"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_a_connection_that_fails_says_why(outcome, words):
    with pytest.raises(ConnectionFailedError, match=words):
        send(Network(outcome), retries=0)


def test_the_reason_is_no_internal_error_of_urllib3():
    closed = http.client.RemoteDisconnected("Remote end closed connection without response")
    error = urllib3.exceptions.ProtocolError("Connection aborted.", closed)
    error.__context__ = TypeError("getresponse() got an unexpected keyword argument 'buffering'")
    with pytest.raises(ConnectionFailedError, match=r": Remote end closed connection without response\. "):
        send(Network(error), retries=0)


EOF = urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))


@pytest.mark.parametrize(
    ("outcomes", "names_certificate"),
    [
        ([CUT], True),
        ([EOF], True),
        ([CUT, EOF, CUT], True),
        ([STALLED, CUT], False),
        ([CUT, STALLED], False),
        ([REFUSED, CUT], False),
        ([CUT, REFUSED], False),
        ([answer(503), CUT], False),
    ],
)
def test_nothing_but_closed_connections_is_likely_about_the_certificate(outcomes, names_certificate):
    with pytest.raises(ConnectionFailedError) as caught:
        send(Network(*outcomes), retries=len(outcomes) - 1)
    assert ("that rejects client_cert" in str(caught.value)) is names_certificate
    assert ("Check api_url, the network" in str(caught.value)) is not names_certificate


def test_a_handshake_that_one_side_ended_is_not_tried_again():
    with pytest.raises(HandshakeFailedError, match="does not trust the CA of client_cert") as caught:
        send(Network(LOCKED_OUT))
    assert (caught.value.details.retries, caught.value.may_have_applied) == (0, False)


@pytest.fixture
def serve(leaf, tmp_path):
    """What starts a TLS server that talks to one client, and returns its URL."""
    (tmp_path / "server.pem").write_text(leaf.certificate + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(tmp_path / "server.pem"))
    with contextlib.ExitStack() as stack:

        def start(talk):
            def accept():
                with contextlib.suppress(OSError), listener.accept()[0] as line:
                    line.settimeout(5)
                    with context.wrap_socket(line, server_side=True) as secure:
                        talk(secure)

            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            thread = threading.Thread(target=accept)
            thread.start()
            stack.callback(thread.join)
            return f"https://localhost:{listener.getsockname()[1]}"

        yield start


def talk_to(url, timeout, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=ca)
    session = session_of(url, context, timeout)
    try:
        return session.send("GET", "/path")
    finally:
        session._pool.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_request_and_its_answer_go_over_tls(serve, leaf, host):
    heard = []

    def talk(line):
        heard.append(line.recv(65536))
        line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]")

    assert talk_to(serve(talk).replace("localhost", host), 5, leaf.certificate)[:3:2] == (201, b"[]")
    assert heard[0].startswith(b"GET /path HTTP/1.1\r\n")


def test_nothing_is_said_of_a_service_that_is_not_checked_but_by_the_module(serve):
    def talk(line):
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    # A warning is an error here.
    assert talk_to(serve(talk), 5).status == 200


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost.localdomain"])
def test_a_service_of_another_name_gets_no_request(serve, leaf, host, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, *_: [(2, 1, 6, "", ("127.0.0.1", port))])
    heard = []
    with pytest.raises(HandshakeFailedError, match=r"Check the host in api_url"):
        talk_to(serve(heard.append).replace("localhost", host), 5, leaf.certificate)
    assert heard == []


def test_a_service_that_drips_is_not_waited_for(serve, leaf):
    def talk(line):
        line.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\n" * 10:
            line.sendall(bytes([byte]))
            time.sleep(0.05)

    begin = time.monotonic()
    with pytest.raises(ConnectionFailedError, match="no response within 1 seconds") as caught:
        talk_to(serve(talk), 1, leaf.certificate)
    assert caught.value.may_have_applied
    assert time.monotonic() - begin < 5


BROKEN = urllib3.exceptions.SSLError(ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_RECORD_MAC] bad mac (_ssl.c:1)"))
BROKEN.args[0].reason = "SSLV3_ALERT_BAD_RECORD_MAC"


@pytest.mark.parametrize(("outcome", "may_have_applied"), [(BROKEN, True), (LOCKED_OUT, False)])
def test_tls_that_breaks_after_a_request_leaves_doubt(outcome, may_have_applied):
    class Broken(Network):
        def request(self, *_request, **_settings):
            session._transport.exchange.has_sent = True
            raise self.outcomes.pop(0)

    session = session_of()
    session._pool = Broken(outcome)
    with pytest.raises(HandshakeFailedError) as caught:
        session.send("PUT", "/path", b"{}")
    assert caught.value.may_have_applied is may_have_applied


def test_a_missing_package_is_named(monkeypatch):
    for name in ("urllib3", "urllib3.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    specification = importlib.util.find_spec(_session.__name__)
    without = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(without)
    with pytest.raises(MissingLibraryError, match="python3-requests"):
        session_of(module=without)


@pytest.fixture
def proxy_in_the_environment(monkeypatch):
    def name(url, **others):
        for variable in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in {"HTTPS_PROXY": url, **others}.items():
            monkeypatch.setenv(variable, value)

    return name


def test_the_variable_of_the_proxy_is_named(proxy_in_the_environment):
    proxy_in_the_environment("", all_proxy="http://proxy.example:3128")
    assert proxy_for("https://device.example").label == "proxy.example:3128 (all_proxy)"


def proxy_for(url, use_proxy=True):
    session = session_of(url, use_proxy=use_proxy)
    return session._transport.proxy


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_proxy_of_the_environment_is_used(proxy_in_the_environment, scheme):
    proxy_in_the_environment(f"{scheme}user:pass%40word@proxy.example:3128")
    assert proxy_for("https://device.example") == (
        "proxy.example",
        3128,
        None,
        "Basic dXNlcjpwYXNzQHdvcmQ=",
        "HTTPS_PROXY",
    )


def test_a_proxy_takes_all_of_requests(proxy_in_the_environment, monkeypatch):
    proxy_in_the_environment("http://proxy.example:3128")
    monkeypatch.setitem(sys.modules, "requests.utils", None)
    with pytest.raises(MissingLibraryError, match="python3-requests"):
        proxy_for("https://device.example")


def test_no_proxy_is_used_where_the_environment_names_none(monkeypatch):
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    assert proxy_for("https://device.example") is None


@pytest.mark.parametrize(("url", "use_proxy"), [("https://10.1.2.3", True), ("https://device.example", False)])
def test_the_proxy_of_the_environment_is_left_out(proxy_in_the_environment, url, use_proxy):
    proxy_in_the_environment("http://proxy.example:3128", NO_PROXY="10.0.0.0/8")
    assert proxy_for(url, use_proxy) is None


def test_a_pause_comes_before_each_request_and_knows_the_last_answer():
    pauses = []
    network = Network(answer(429, Retry_After="3"), CUT, answer(200))
    assert send(network, pause=lambda *pause: pauses.append(pause)).retries == 2
    assert pauses == [(0.0, None), (3.0, 429), (0.75, None)]
    assert network.waits == []


class Clock:
    """Notes the requests and the waits before them, in order."""

    def __init__(self, *outcomes, rate_limited=False):
        self.events = []
        pause = (lambda *pause: self.events.append(pause)) if rate_limited else None
        clock = _session.Clock(self.events.append, lambda: 0.0, lambda: 0.5)
        self.session = session_of(retries=2, pause=pause, clock=clock)
        self.outcomes = list(outcomes)
        self.session._pool = self

    def request(self, method, _url, **_settings):
        self.events.append(method)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        (answer(429, Retry_After="3"), 8.0),
        (answer(503, Retry_After="3"), 3.375),
        (answer(500), 0.375),
        (answer(408), 0.375),
        (CUT, 0.375),
        (STALLED, 0.375),
        (REFUSED, 0.375),
    ],
)
def test_an_attempt_is_one_request_and_its_wait_comes_before_the_next_one(outcome, wait):
    clock = Clock(outcome, answer(200), answer(200))
    attempts = clock.session.attempts(immediate=True)
    if isinstance(outcome, Exception):
        with pytest.raises(ConnectionFailedError) as caught:
            clock.session.attempt(attempts, "PUT", "/path", b"{}")
        assert caught.value.again
        assert caught.value.details.retries == 0
    else:
        assert clock.session.attempt(attempts, "PUT", "/path", b"{}")[3:] == (0, attempts.may_have_applied, True)
    clock.session.send("GET", "/path")
    result = clock.session.attempt(attempts, "PUT", "/path", b"{}")
    assert (result.again, result.retries) == (False, 1)
    assert clock.events == ["PUT", wait, "GET", "PUT"]


def test_an_update_waits_for_no_turn_after_its_read():
    clock = Clock(answer(200), answer(429, Retry_After="3"), answer(200), answer(200), rate_limited=True)
    attempts = clock.session.attempts(immediate=True)
    for _cycle in range(2):
        clock.session.send("GET", "/path")
        clock.session.attempt(attempts, "PUT", "/path", b"{}")
    assert clock.events == [(0.0, None), "GET", (None, None), "PUT", (3.0, 429), "GET", (None, None), "PUT"]


def test_an_update_that_no_read_precedes_waits_like_any_request():
    clock = Clock(answer(429), answer(200), rate_limited=True)
    attempts = clock.session.attempts(immediate=False)
    for _attempt in range(2):
        clock.session.attempt(attempts, "PUT", "/path", b"{}")
    assert clock.events == [(0.0, None), "PUT", (0.0, 429), "PUT"]


def test_the_last_attempt_is_not_again_and_keeps_the_doubt():
    clock = Clock(answer(500), answer(429), REFUSED)
    attempts = clock.session.attempts(immediate=True)
    results = [clock.session.attempt(attempts, "PUT", "/path", b"{}") for _attempt in range(2)]
    assert [(result.again, result.retries, result.may_have_applied) for result in results] == [
        (True, 0, True),
        (True, 1, True),
    ]
    with pytest.raises(ConnectionFailedError) as caught:
        clock.session.attempt(attempts, "PUT", "/path", b"{}")
    assert (caught.value.again, caught.value.details.retries, caught.value.may_have_applied) == (False, 2, True)


def test_an_update_that_is_postponed_is_no_retry():
    def pause(_wait, _status):
        raise StoppedError("Later.", again=True)

    clock = Clock()
    clock.session._pause = pause
    attempts = clock.session.attempts(immediate=True)
    with pytest.raises(StoppedError) as caught:
        clock.session.attempt(attempts, "PUT", "/path", b"{}")
    assert (caught.value.again, attempts.retries, clock.session._due) == (True, 0, (0.0, None))


def test_what_ends_a_pause_ends_the_request_and_keeps_its_doubt():
    def pause(wait, _status):
        if wait:
            raise StoppedError("It is enough.")

    with pytest.raises(StoppedError) as caught:
        send(Network(CUT), "PUT", b"", pause=pause)
    assert (caught.value.may_have_applied, caught.value.details.retries) == (True, 1)


@pytest.mark.parametrize(
    ("is_at_proxy", "words"),
    [
        (True, "device.example could not be reached because of the proxy proxy.example:3128 (HTTPS_PROXY): Reset"),
        (False, "device.example could not be reached through the proxy proxy.example:3128 (HTTPS_PROXY): Reset"),
    ],
)
def test_a_connection_that_fails_behind_a_proxy_names_it(proxy_in_the_environment, is_at_proxy, words):
    proxy_in_the_environment("http://proxy.example:3128")
    session = session_of(timeout=1, use_proxy=True)
    session._transport.is_at_proxy = is_at_proxy
    failure = session._failure(ConnectionResetError(104, "Reset by peer"))
    assert words in str(failure)
    assert not failure.may_have_applied


def test_a_handshake_that_fails_behind_a_proxy_names_it(proxy_in_the_environment):
    proxy_in_the_environment("http://proxy.example:3128")
    session = session_of(timeout=1, use_proxy=True)
    failure = session._failure(LOCKED_OUT)
    assert isinstance(failure, HandshakeFailedError)
    assert "the proxy proxy.example:3128 (HTTPS_PROXY), which must not intercept TLS" in str(failure)


def test_a_session_closes_its_connections():
    session = session_of()
    session.close()
    assert session._pool.pool is None


def test_a_lack_of_descriptors_is_no_failure_of_the_network():
    refused = urllib3.exceptions.NewConnectionError(None, "Too many open files")
    refused.__cause__ = OSError(errno.EMFILE, "Too many open files")
    for error in (refused, MemoryError()):
        with pytest.raises(HostError, match="could not be sent") as caught:
            send(Network(error))
        assert not caught.value.may_have_applied


def test_forks_share_open_connections_and_no_wait():
    network = Network(answer(503), answer(200), answer(200))
    session = session_of(retries=0, clock=_session.Clock(network.waits.append, lambda: 0.0, lambda: 0.5))
    pauses = []
    first, second = (session.fork(lambda *arguments: pauses.append(arguments)) for _number in range(2))
    network.transport = _session.Transport(None)
    session._idle.append((network.transport, network))
    for fork in (first, second, first):
        fork.send("GET", "/")
        fork.close()
    assert pauses == [(0.0, None)] * 3
    assert list(session._idle) == [(network.transport, network)]
    network.close = lambda: network.waits.append("closed")
    session.close()
    assert network.waits == ["closed"]


def test_the_media_types_of_a_session_can_be_replaced():
    network = Network(answer(200), answer(200))
    session = session_of()
    session._pool, network.transport = network, session._transport
    session.media_types = _session.MediaTypes("*/*", {"Content-Type": "application/pkcs10", "X-Encoding": "base64"})
    session.send("POST", "/", b"body")
    session.send("GET", "/")
    first, second = ({name.lower(): text for name, text in each[2]["headers"].items()} for each in network.requests)
    assert (first["accept"], first["content-type"], first["x-encoding"]) == ("*/*", "application/pkcs10", "base64")
    assert second["accept"] == "*/*"
    assert not {"content-type", "x-encoding"} & set(second)


@pytest.mark.parametrize("outcome", [CUT, REFUSED, LOCKED_OUT])
@pytest.mark.parametrize("option", ["api_url", "est_url"])
def test_errors_name_the_option_for_the_url(outcome, option):
    network = Network(outcome)
    session = session_of(url_option=option)
    session._pool, network.transport = network, session._transport
    with pytest.raises((ConnectionFailedError, HandshakeFailedError)) as caught:
        session.send("POST", "/", b"body", False)
    assert option in str(caught.value)
    assert ({"api_url", "est_url"} - {option}).pop() not in str(caught.value)
    assert caught.value.may_have_applied is (outcome is CUT)
    assert caught.value.__cause__ is outcome
