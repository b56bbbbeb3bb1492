# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The connection of a session to the API, direct or through a proxy.

All bytes of all kinds of connections pass a `_Wire`, which enforces the timeout and the size limit of the request. TLS
runs in memory, because TLS to a proxy carries TLS to the API, and because one mechanism is enough for all.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import ssl
import time
import typing as t

try:
    import urllib3
    from urllib3.connection import HTTPSConnection as _HTTPSConnection
except ImportError:
    # A session fails before it needs this.
    _HTTPSConnection: t.Any = object  # type: ignore[no-redef]

from ansible_collections.edgeops.digicert.plugins.module_utils._client.proxy import Proxy
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls_errors import (
    describe_proxy_handshake_error,
    is_final,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HandshakeFailedError, InvalidResponseError

# A record of 1,000 fields of 1,024 characters takes 2 MiB, so no record is larger than this.
MAXIMUM_RESPONSE = 8 * 1024 * 1024
_BLOCK = 65536


class Exchange:
    """One request and its response: the remaining time and bytes, and whether data of the request was sent."""

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._allowance = MAXIMUM_RESPONSE
        self.has_sent = False

    def remaining(self) -> float:
        """Return the seconds until the deadline. Raises socket.timeout if there are none."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise socket.timeout("timed out")
        return seconds

    def count(self, received: int, sender: str) -> None:
        """Count received bytes, those of TLS and of a proxy included. Raises InvalidResponseError above the limit."""
        self._allowance -= received
        if self._allowance < 0:
            raise InvalidResponseError(
                f"The response is larger than {MAXIMUM_RESPONSE // 1024 // 1024} MiB, which no record is. {sender} is "
                "not the API: check api_url and the proxy settings of this host.",
                may_have_applied=self.has_sent,
            )


class Transport:
    """Opens the connections of one session, which sends one request at a time: that of `exchange`.

    `context` is for TLS to the API only: a proxy never receives the client certificate.
    """

    def __init__(self, context: ssl.SSLContext, proxy: Proxy | None = None) -> None:
        self._context = context
        self.proxy = proxy
        self.exchange = Exchange(0)
        # Whether a connection to the proxy exists that the proxy has not connected to the API yet.
        self.is_at_proxy = False
        self._wire: _Wire | None = None

    def pool(self, host: str, port: int | None) -> t.Any:
        """Return the connection pool of urllib3 for the API. It does not read the environment."""
        # Without a port, http.client reads the end of an IPv6 address as the port.
        pool = urllib3.HTTPSConnectionPool(host, port or 443)
        pool.ConnectionCls = functools.partial(_Connection, self)  # type: ignore[assignment]
        return pool

    @property
    def sender(self) -> str:
        """The sender of the data that is received now, as the subject of a sentence."""
        if self.proxy is None:
            return "The server at api_url"
        return f"The proxy {self.proxy.label}" + ("" if self.is_at_proxy else ", or the server at api_url,")

    def open(self, host: str, port: int) -> _Stream:
        """Return a TLS connection to the API. Raises OSError or a DeviceManagerError."""
        self.close()
        proxy = self.proxy
        self.is_at_proxy = proxy is not None
        with contextlib.ExitStack() as undo:
            wire = _Wire(self, proxy.host if proxy else host, proxy.port if proxy else port)
            undo.callback(wire.close)
            below: _Wire | _Tls = wire
            received = b""
            if proxy is not None:
                if proxy.context is not None:
                    below = _ProxyTls(wire, proxy.context, proxy, self)
                received = proxy.connect(below, host, port)
                self.is_at_proxy = False
            stream = _Stream(below, self._context, host, self, received)
            undo.pop_all()
            self._wire = wire
            return stream

    def close(self) -> None:
        """Close the connection. urllib3 does not close it if it cannot parse the headers of a response."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class _Connection(_HTTPSConnection):
    """A connection of urllib3 that a `Transport` opens."""

    def __init__(self, transport: Transport, *arguments: t.Any, **settings: t.Any) -> None:
        super().__init__(*arguments, **settings)
        self._transport = transport

    def connect(self) -> None:
        """Connect. urllib3 calls this before a request."""
        self.sock = self._transport.open(self.host, self.port)
        # For validate_certs: false, the modules emit a warning, so urllib3 must not emit another one.
        self.is_verified = True


class _Wire:
    """A TCP connection that enforces the timeout and the size limit of the current exchange."""

    def __init__(self, transport: Transport, host: str, port: int) -> None:
        self._transport = transport
        self._sock = _connect(transport.exchange, host, port)

    def sendall(self, data: bytes) -> None:
        # The timeout is for all of the data.
        self._sock.settimeout(self._transport.exchange.remaining())
        self._sock.sendall(data)

    def recv(self, size: int) -> bytes:
        exchange = self._transport.exchange
        self._sock.settimeout(exchange.remaining())
        data = self._sock.recv(size)
        exchange.count(len(data), self._transport.sender)
        return data

    def fileno(self) -> int:
        return self._sock.fileno()

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._sock.close()


def _connect(exchange: Exchange, host: str, port: int) -> socket.socket:
    """Return a socket that is connected to the first address of `host` that accepts. Raises OSError."""
    addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    problem = OSError("the host name has no address")
    for number, (family, kind, protocol, _name, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            # If an address does not respond, time remains for the other addresses.
            sock.settimeout(exchange.remaining() / (len(addresses) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem


class _Tls:
    """TLS through a connection, as a client."""

    def __init__(self, below: _Wire | _Tls, context: ssl.SSLContext, host: str, received: bytes = b"") -> None:
        """Perform the TLS handshake with `host`. `received` is data that was read from `below` before."""
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(received)
        self._has_ended = False
        # A final dot and the zone of an address are for the resolver, and are in no certificate.
        name = host.strip("[]").partition("%")[0].rstrip(".")
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._until_done(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                sent += self._until_done(self._tls.write, view[sent:])

    def recv(self, size: int) -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(buffer)])

    def recv_into(self, buffer: bytearray) -> int:
        try:
            return int(self._until_done(self._tls.read, len(buffer), buffer))
        except ssl.SSLError:
            if not self._has_ended:
                raise
            # A response without a length ends with the connection. urllib3 detects an incomplete response.
            return 0

    def fileno(self) -> int:
        return self._below.fileno()

    def hang_up(self) -> None:
        self._below.hang_up()

    def close(self) -> None:
        self._below.close()

    def _until_done(self, operation: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        while True:
            try:
                result = operation(*arguments)
            except ssl.SSLWantReadError:
                # If the other side has closed the connection, its alert can still be read.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._flush()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # an alert
                raise
            else:
                self._flush()
                return result
            data = self._below.recv(_BLOCK)
            if data:
                self._incoming.write(data)
            else:
                self._has_ended = True
                self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending > 0:
            self._below.sendall(self._outgoing.read())


class _ProxyTls(_Tls):
    """TLS to a proxy. Its errors name the proxy, also after the handshake."""

    def __init__(self, below: _Wire, context: ssl.SSLContext, proxy: Proxy, transport: Transport) -> None:
        self._proxy = proxy
        self._transport = transport
        super().__init__(below, context, proxy.host)

    def _until_done(self, operation: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        try:
            return super()._until_done(operation, *arguments)
        except ssl.SSLError as error:
            if not is_final(error):
                raise
            may_have_applied = self._transport.exchange.has_sent
            raise HandshakeFailedError(
                describe_proxy_handshake_error(error, self._proxy.label, self._proxy.variable),
                may_have_applied=may_have_applied,
            ) from error


class _Stream(_Tls):
    """TLS to the API, with the methods of a socket that http.client and urllib3 require.

    They close a connection while they still read from it, so it is closed after the last reader.
    """

    def __init__(
        self, below: _Wire | _Tls, context: ssl.SSLContext, host: str, transport: Transport, received: bytes
    ) -> None:
        self._transport = transport
        self._readers = 0
        self._is_closed = False
        super().__init__(below, context, host, received)

    def sendall(self, data: bytes) -> None:
        self._transport.exchange.has_sent = True
        super().sendall(data)

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing, because the timeout is for the complete request."""

    def makefile(self, *_arguments: t.Any) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def release(self) -> None:
        """Count down the readers after a response was read."""
        self._readers -= 1
        if self._incoming.pending > 0:
            # The other side has ended TLS or sent unrequested data. This makes urllib3 open a new connection.
            self.hang_up()
        self._close_unread()

    def close(self) -> None:
        self._is_closed = True
        self._close_unread()

    def _close_unread(self) -> None:
        if self._is_closed and not self._readers:
            super().close()


class _Reader(io.RawIOBase):
    """The file from which http.client reads one response."""

    def __init__(self, stream: _Stream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        return self._stream.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.release()
