# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy of each kind in front of the fault server, which can itself be at fault before it connects."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import typing as t

from faults.fault_server import Fault, Line, Response, reset
from faults.listener import TIMEOUT, ConnectionEnded, Listener
from simulator import Simulator

USER, PASSWORD = "someone", "p/ä#s@s"
ESCAPED = "p%2F%C3%A4%23s%40s"
KINDS = ("http", "https", "http-password", "https-password")


class Plain:
    """A connection without TLS, as far as a proxy needs it."""

    has_more = False

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT)
        self.sock = sock

    def read(self) -> bytes:
        """Return some data, or none at the end."""
        return self.sock.recv(65536)

    def write(self, data: bytes) -> None:
        """Send data."""
        self.sock.sendall(data)


class Proxy(Listener):
    """A proxy of one kind, as a context manager."""

    def __init__(
        self, simulator: Simulator, kind: str, fault: Fault | None = None, is_due: t.Callable[[], bool] = lambda: True
    ) -> None:
        """Make a proxy of this kind. The fault occurs at its step, whenever `is_due` says so."""
        super().__init__(simulator, ssl.CERT_OPTIONAL)
        self._scheme, _dash, self._password = kind.partition("-")
        self._fault = fault
        self._is_due = is_due
        self.targets: list[str] = []
        self.certificates: list[t.Any] = []
        self.faults = 0

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        # The certificate of the device is for the API only.
        assert not any(self.certificates)

    @property
    def url(self) -> str:
        """The value for HTTPS_PROXY."""
        user = f"{USER}:{ESCAPED}@" if self._password else ""
        return f"{self._scheme}://{user}localhost:{self.port}"

    def _handle(self, sock: socket.socket) -> None:
        line: Line | Plain = Plain(sock)
        self._perform("proxy-handshake", line)
        if self._scheme == "https":
            line = Line(sock, self._context)
            line.handshake(lambda line, data: line.sock.sendall(data))
            self.certificates.append(line.tls.getpeercert())
        request = b""
        while b"\r\n\r\n" not in request:
            data = line.read()
            if not data:
                raise ConnectionEnded
            request += data
        method, target, _version = request.split(b"\r\n")[0].decode().split(" ")
        assert method == "CONNECT"
        assert f"\r\nHost: {target}\r\n".encode() in request
        self.targets.append(target)
        self._perform("connect", line)
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        if self._password and b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" not in request:
            line.write(b"HTTP/1.1 407 Not with " + request.replace(b"\r\n", b" ") + b"\r\n\r\n")
            raise ConnectionEnded
        host, _colon, port = target.rpartition(":")
        assert host in ("localhost", "127.0.0.1")
        with socket.create_connection(("127.0.0.1", int(port)), timeout=TIMEOUT) as service:
            line.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._pass_on(line, service)

    def _perform(self, step: str, line: Line | Plain) -> None:
        if self._fault is None or self._fault.step != step or not self._is_due():
            return
        self.faults += 1
        for act in self._fault.acts(Response.of(200, {})):
            if callable(act):
                act(line)
            else:
                line.write(act)
                self.bytes_sent += len(act)

    def _pass_on(self, line: Line | Plain, service: socket.socket) -> None:
        """Pass bytes on until one side closes, which closes the other in the same way."""
        while True:
            readable = [line.sock] if line.has_more else select.select([line.sock, service], [], [], TIMEOUT)[0]
            if line.sock in readable:
                data = line.read()
                if not data:
                    return
                service.sendall(data)
            if service in readable:
                try:
                    data = service.recv(65536)
                except ConnectionResetError:
                    reset(line)
                self._perform("tunnel", line)
                if not data:
                    return
                line.write(data)
            if not readable:
                return
