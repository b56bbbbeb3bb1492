# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import socket
import ssl
import sys
import time

import pytest
import urllib3

from ansible_collections.edgeops.digicert.plugins.module_utils._client import transport as _transport
from ansible_collections.edgeops.digicert.plugins.module_utils._client.proxy import Proxy
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    HandshakeFailedError,
    InvalidResponseError,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


class Network:
    """Stands for a TCP connection: passes what is sent to `peer`, and enforces no limits."""

    def __init__(self, peer):
        self.peer = peer
        self.events = []

    def __call__(self, _transport, host, port):
        self.events.append(("connect", host, port))
        return self

    def sendall(self, data):
        self.peer.receive(data)

    def recv(self, size):
        return self.peer.send(size)

    def fileno(self):
        return 7

    def hang_up(self):
        self.events.append("hang up")

    def close(self):
        self.events.append("close")


class Tls:
    """A TLS server in memory that passes on what it decrypts to `peer`, and encrypts what that sends."""

    def __init__(self, leaf, folder, peer, ca=None):
        (folder / "server.pem").write_text(leaf.certificate + leaf.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(folder / "server.pem"))
        if ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=ca.certificate)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.peer = peer
        self.client = None
        self.agreed = False

    def receive(self, data):
        self.incoming.write(data)
        try:
            if not self.agreed:
                self.tls.do_handshake()
                self.agreed = True
                self.client = self.tls.getpeercert()
            while True:
                self.peer.receive(self.tls.read(65536))
                self.reply()
        except ssl.SSLError:
            pass

    def reply(self):
        """Encrypt what the peer has to send."""
        while True:
            data = self.peer.send(65536)
            if not data:
                return
            self.tls.write(data)

    def send(self, size):
        return self.outgoing.read(size)


class ProxyServer:
    """Accepts a request to connect, and then passes all on to `peer`."""

    def __init__(self, peer):
        self.peer = peer
        self.request = b""
        self.response = b""

    def receive(self, data):
        if b"\r\n\r\n" in self.request:
            self.peer.receive(data)
        else:
            self.request += data
            self.response = b"HTTP/1.1 200 OK\r\n\r\n" if b"\r\n\r\n" in self.request else b""

    def send(self, size):
        response, self.response = self.response, b""
        return response or self.peer.send(size)


class Service:
    """Responds to each request with `response`."""

    def __init__(self, response=OK):
        self.requests = b""
        self.response = response
        self.outgoing = b""

    def receive(self, data):
        self.requests += data
        if data.endswith(b"\r\n\r\n"):
            self.outgoing += self.response

    def send(self, size):
        data, self.outgoing = self.outgoing[:size], self.outgoing[size:]
        return data


@pytest.fixture
def trusting(leaf):
    """What makes a context that trusts `leaf`, with the certificate of `client` if there is one."""

    def make(client=None, folder=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=leaf.certificate)
        if client:
            (folder / "client.pem").write_text(client.certificate + client.key)
            context.load_cert_chain(str(folder / "client.pem"))
        return context

    return make


def request(transport, host="localhost", port=None):
    transport.exchange = _transport.Exchange(5)
    pool = transport.pool(host, port)
    try:
        response = pool.request("GET", "/", retries=False)
        return response.status, response.data
    finally:
        pool.close()


def test_the_port_of_an_ipv6_address_is_not_its_end():
    transport = _transport.Transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    connection = transport.pool("[2001:db8::1]", None)._new_conn()
    assert (connection.host, connection.port) == ("2001:db8::1", 443)


def test_urllib3_is_not_needed_to_load_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "urllib3", None)
    specification = importlib.util.find_spec(_transport.__name__)
    without = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(without)
    assert without._HTTPSConnection is object


def test_an_exchange_ends_at_its_deadline():
    assert 0 < _transport.Exchange(1).remaining() <= 1
    with pytest.raises(socket.timeout, match="timed out"):
        _transport.Exchange(0).remaining()


@pytest.mark.parametrize("has_sent", [True, False])
def test_an_exchange_ends_at_its_size(has_sent):
    exchange = _transport.Exchange(1)
    exchange.has_sent = has_sent
    exchange.count(_transport.MAXIMUM_RESPONSE, "The server")
    with pytest.raises(InvalidResponseError, match=r"larger than 8 MiB.* The server is not") as caught:
        exchange.count(1, "The server")
    assert caught.value.may_have_applied is has_sent


def test_the_sender_of_what_is_received_is_named():
    assert _transport.Transport(None).sender == "The server at api_url"
    transport = _transport.Transport(None, Proxy("proxy.example", 3128, None, None))
    assert transport.sender == "The proxy proxy.example:3128 (HTTPS_PROXY), or the server at api_url,"
    transport.is_at_proxy = True
    assert transport.sender == "The proxy proxy.example:3128 (HTTPS_PROXY)"


def listening(backlog=1):
    """Return a socket that listens."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(backlog)
    return listener


def test_a_wire_enforces_both_limits_and_can_hang_up():
    with listening() as listener:
        transport = _transport.Transport(None)
        transport.exchange = _transport.Exchange(5)
        wire = _transport._Wire(transport, "127.0.0.1", listener.getsockname()[1])
        there = listener.accept()[0]
        with there:
            assert wire.fileno() > 0
            wire.sendall(b"123")
            assert there.recv(10) == b"123"
            there.sendall(b"123456")
            assert wire.recv(3) == b"123"
            transport.exchange._allowance = 2
            with pytest.raises(InvalidResponseError):
                wire.recv(3)
            transport.exchange = _transport.Exchange(0.01)
            begin = time.monotonic()
            with pytest.raises(socket.timeout):
                wire.recv(3)
            with pytest.raises(socket.timeout):
                wire.sendall(b"x" * 2**24)
            assert time.monotonic() - begin < 2
            wire.hang_up()
            wire.close()
            wire.hang_up()  # does no harm


def test_an_address_that_does_not_respond_leaves_time_for_the_next(monkeypatch):
    # Linux drops SYNs while the queue of the listener is full.
    with listening(0) as full, socket.socket() as waiting, listening() as listener:
        waiting.connect(full.getsockname())
        others = []
        for _time in range(3):
            others.append(socket.socket())
            others[-1].setblocking(False)
            others[-1].connect_ex(full.getsockname())
        addresses = [(2, 1, 6, "", place.getsockname()) for place in (full, listener)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
        # If the first address took all of the time, the second would have none.
        _transport._connect(_transport.Exchange(1), "device.example", 443).close()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses[:1] * 3)
        with pytest.raises(socket.timeout):
            _transport._connect(_transport.Exchange(0.3), "device.example", 443)
        for other in others:
            other.close()


def test_a_name_without_addresses_is_an_error(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    with pytest.raises(OSError, match="no address"):
        _transport._connect(_transport.Exchange(1), "device.example", 443)


@pytest.mark.parametrize("name", ["localhost", "localhost.", "127.0.0.1"])
def test_a_request_without_a_proxy(leaf, tmp_path, trusting, monkeypatch, name):
    service = Service()
    network = Network(Tls(leaf, tmp_path, service))
    monkeypatch.setattr(_transport, "_Wire", network)
    transport = _transport.Transport(trusting())
    assert request(transport, name, 4) == (200, b"[]")
    assert network.events[0][2] == 4
    assert network.events[-1] == "close"
    assert transport.exchange.has_sent
    assert service.requests.startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_request_through_a_proxy_shows_it_no_certificate(
    leaf, make_leaf, tmp_path, trusting, monkeypatch, scheme, name
):
    client = make_leaf()
    service = Service()
    inner = Tls(leaf, tmp_path, service, client)
    server = ProxyServer(inner)
    outer = Tls(leaf, tmp_path, server, client) if scheme == "https" else server
    network = Network(outer)
    monkeypatch.setattr(_transport, "_Wire", network)
    proxy = Proxy("localhost", 3128, trusting() if scheme == "https" else None, "Basic c2VjcmV0")
    transport = _transport.Transport(trusting(client, tmp_path), proxy)
    assert request(transport, name, 4) == (200, b"[]")
    assert network.events == [("connect", "localhost", 3128), "close"]
    assert server.request.startswith(f"CONNECT {name}:4 HTTP".encode())
    assert (inner.client["serialNumber"], getattr(outer, "client", None)) == (inner.client["serialNumber"], None)
    assert b"Proxy-Authorization" not in service.requests
    assert not transport.is_at_proxy


def test_a_proxy_that_is_not_trusted_is_named_and_nothing_is_sent(make_leaf, tmp_path, trusting, monkeypatch):
    server = ProxyServer(Service())
    network = Network(Tls(make_leaf(), tmp_path, server))
    monkeypatch.setattr(_transport, "_Wire", network)
    transport = _transport.Transport(trusting(), Proxy("localhost", 3128, trusting(), "Basic c2VjcmV0"))
    with pytest.raises(
        HandshakeFailedError, match=r"certificate of the proxy localhost:3128 \(HTTPS_PROXY\) failed.*ca_path"
    ) as caught:
        request(transport)
    assert not caught.value.may_have_applied
    assert server.request == b""
    assert network.events[-1] == "close"


def test_a_proxy_of_another_name_is_named(leaf, tmp_path, trusting, monkeypatch):
    monkeypatch.setattr(_transport, "_Wire", Network(Tls(leaf, tmp_path, ProxyServer(Service()))))
    transport = _transport.Transport(trusting(), Proxy("proxy.example", 3128, trusting(), None))
    with pytest.raises(
        HandshakeFailedError, match=r"certificate of the proxy proxy\.example:3128 .*Correct the host in HTTPS_PROXY"
    ):
        request(transport)


class Broken(Network):
    """Sends what is no TLS once the service has received a request."""

    def __init__(self, peer, service):
        super().__init__(peer)
        self.service = service

    def recv(self, size):
        return b"HTTP/1.1 502 Bad Gateway\r\n\r\n" if self.service.requests else super().recv(size)


def test_tls_to_a_proxy_that_breaks_after_the_request_leaves_doubt(leaf, tmp_path, trusting, monkeypatch):
    service = Service()
    outer = Tls(leaf, tmp_path, ProxyServer(Tls(leaf, tmp_path, service)))
    monkeypatch.setattr(_transport, "_Wire", Broken(outer, service))
    transport = _transport.Transport(trusting(), Proxy("localhost", 3128, trusting(), None))
    with pytest.raises(
        HandshakeFailedError, match=r"TLS handshake with the proxy localhost:3128 \(HTTPS_PROXY\) failed"
    ) as caught:
        request(transport)
    assert caught.value.may_have_applied


def test_tls_to_the_api_that_breaks_after_the_request_leaves_doubt(leaf, tmp_path, trusting, monkeypatch):
    service = Service()
    monkeypatch.setattr(_transport, "_Wire", Broken(Tls(leaf, tmp_path, service), service))
    transport = _transport.Transport(trusting())
    with pytest.raises(urllib3.exceptions.HTTPError, match=r"(?i)wrong.version"):
        request(transport)
    assert transport.exchange.has_sent


def test_tls_that_breaks_for_now_is_an_error_of_the_connection(leaf, tmp_path, trusting, monkeypatch):
    network = Network(Tls(leaf, tmp_path, ProxyServer(Service())))
    network.peer.send = lambda _size: b""  # closes
    monkeypatch.setattr(_transport, "_Wire", network)
    transport = _transport.Transport(trusting(), Proxy("localhost", 3128, trusting(), None))
    with pytest.raises(urllib3.exceptions.HTTPError, match=r"(?i)eof"):
        request(transport)
    assert transport.is_at_proxy
    assert not transport.exchange.has_sent


def test_a_response_without_a_length_ends_with_the_connection(leaf, tmp_path, trusting, monkeypatch):
    network = Network(Tls(leaf, tmp_path, Service(b"HTTP/1.1 200 OK\r\n\r\nall of it")))
    monkeypatch.setattr(_transport, "_Wire", network)
    transport = _transport.Transport(trusting())
    assert request(transport) == (200, b"all of it")
    assert network.events[-1] == "close"


def test_a_connection_is_kept_unless_more_was_received_than_a_response(leaf, tmp_path, trusting, monkeypatch):
    class Talkative(Tls):
        def reply(self):
            super().reply()
            if self.peer.requests:
                self.tls.write(b"HTTP/1.1 200 OK")

    for server, last in ((Tls, ("connect", "localhost", 443)), (Talkative, "hang up")):
        network = Network(server(leaf, tmp_path, Service()))
        monkeypatch.setattr(_transport, "_Wire", network)
        transport = _transport.Transport(trusting())
        transport.exchange = _transport.Exchange(5)
        pool = transport.pool("localhost", None)
        assert pool.request("GET", "/", retries=False).data == b"[]"
        assert network.events[-1] == last
        pool.close()


def test_a_connection_that_urllib3_leaves_open_is_closed(leaf, tmp_path, trusting, monkeypatch):
    networks = []

    def connect(*place):
        networks.append(Network(Tls(leaf, tmp_path, Service())))
        return networks[-1](*place)

    monkeypatch.setattr(_transport, "_Wire", connect)
    transport = _transport.Transport(trusting())
    for _time in range(2):
        transport.open("localhost", 443)
    assert [network.events[-1] for network in networks] == ["close", ("connect", "localhost", 443)]
    transport.close()
    transport.close()
    assert [network.events.count("close") for network in networks] == [1, 1]


def test_what_a_peer_said_before_it_closed_is_read(trusting, monkeypatch):
    """A peer that sends an alert and closes at once: the client cannot send any more, and learns why."""

    class Closed(Network):
        def sendall(self, _data):
            raise BrokenPipeError(32, "Broken pipe")

        def recv(self, _size):
            return b"\x15\x03\x03\x00\x02\x02\x28"

    monkeypatch.setattr(_transport, "_Wire", Closed(None))
    with pytest.raises(urllib3.exceptions.HTTPError, match=r"(?i)handshake.failure"):
        request(_transport.Transport(trusting()))


def test_a_large_request_is_sent_in_full(leaf, tmp_path, trusting, monkeypatch):
    service = Service()
    monkeypatch.setattr(_transport, "_Wire", Network(Tls(leaf, tmp_path, service)))
    transport = _transport.Transport(trusting())
    transport.exchange = _transport.Exchange(5)
    stream = transport.open("localhost", 443)
    stream.settimeout(1)
    assert stream.fileno() == 7
    reader = stream.makefile("rb").detach()
    reader.close()
    reader.close()
    assert stream._readers == 0
    stream.sendall(b"x" * 100_000 + b"\r\n\r\n")
    assert len(service.requests) == 100_004
    stream.close()
