# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TLS server that writes bytes, in front of the simulator's records: it answers correctly until a fault is due.

The server of the simulator cannot do that: it never sends half a status line or a wrong chunk size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import socket
import ssl
import struct
import time
import typing as t
from pathlib import PurePosixPath

from faults.listener import TIMEOUT, ConnectionEnded, Listener
from simulator import Simulator
from simulator.records import Refusal


@dataclasses.dataclass
class Response:
    """The right answer to a request, in the pieces that a fault can spoil."""

    status: bytes
    headers: list[bytes]
    body: bytes

    @classmethod
    def of(cls, status: int, content: t.Any) -> Response:
        """Return an answer with this JSON."""
        body = json.dumps(content).encode()
        headers = [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
        return cls(b"HTTP/1.1 %d Whatever" % status, headers, body)

    @property
    def head(self) -> bytes:
        """Status line and headers, as they go over the line."""
        return b"\r\n".join((self.status, *self.headers, b"", b""))


class Line:
    """One connection. TLS is done in memory, so that a fault can reach below it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        sock.settimeout(TIMEOUT)
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.received = b""

    def handshake(self, send: t.Callable[[Line, bytes], None]) -> None:
        """Agree on TLS. `send` sends what the server has to say."""
        self._until_done(self.tls.do_handshake, send)

    def write(self, data: bytes) -> None:
        """Send application data."""
        self.tls.write(data)
        self.sock.sendall(self.outgoing.read())

    def read(self) -> bytes:
        """Return some application data, or none at the end."""
        return self._until_done(lambda: self.tls.read(65536))

    @property
    def has_more(self) -> bool:
        """Whether there is something to read that has left the socket already."""
        return bool(self.tls.pending() or self.incoming.pending)

    def await_bytes(self) -> None:
        """Wait until the client has begun with a request, and read nothing of it."""
        here = self.received or self.tls.pending() or self.incoming.pending
        if not here and not self.sock.recv(1, socket.MSG_PEEK):
            raise ConnectionEnded

    def read_request(self) -> tuple[str, str, bytes]:
        """Return method, path and body of the next request."""
        head = self._read_to(lambda: self.received.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self.received else None)
        method, path, _version = head.split(b"\r\n")[0].decode().split(" ")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0]) if lengths else 0
        return method, path, self._read_to(lambda: length if len(self.received) >= length else None)

    def _read_to(self, end_of: t.Callable[[], int | None]) -> bytes:
        while (end := end_of()) is None:
            data = self.read()
            if not data:
                raise ConnectionEnded
            self.received += data
        result, self.received = self.received[:end], self.received[end:]
        return result

    def _until_done(
        self,
        operation: t.Callable[[], t.Any],
        send: t.Callable[[Line, bytes], None] = lambda line, data: line.sock.sendall(data),
    ) -> t.Any:
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                result = None
                wants_more = True
            else:
                wants_more = False
            if self.outgoing.pending > 0:
                send(self, self.outgoing.read())
            if not wants_more:
                return result
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionEnded
            self.incoming.write(data)


# What can happen on a line instead of bytes


def reset(line: Line) -> None:
    """Close with a RST."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionEnded


def close(_line: Line) -> None:
    """Close without a word of TLS."""
    raise ConnectionEnded


def part(line: Line) -> None:
    """Close as TLS wants it, with an alert that says so."""
    with contextlib.suppress(ssl.SSLError):
        line.tls.unwrap()
    line.sock.sendall(line.outgoing.read())
    raise ConnectionEnded


def stall(line: Line) -> None:
    """Say nothing more until the client leaves."""
    while line.sock.recv(65536):
        pass
    raise ConnectionEnded


def trip(line: Line) -> None:
    """Break TLS by a record that cannot be decrypted: the server alerts the client and closes."""
    line.incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    with contextlib.suppress(ssl.SSLError):
        line.tls.read(1)
    line.sock.sendall(line.outgoing.read())
    raise ConnectionEnded


def untls(line: Line) -> None:
    """Send what is no record of TLS, in the middle of TLS."""
    line.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 4)
    raise ConnectionEnded


def drip(data: bytes) -> t.Callable[[Line], None]:
    """Send `data` byte by byte, each in time for itself, and then the first bytes again, until the client leaves."""

    def act(line: Line) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            for position in range(len(data)):
                line.write(data[position : position + 1])
                time.sleep(0.02)
        raise ConnectionEnded

    return act


Act = bytes | t.Callable[[Line], None]


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    `acts` makes what is sent and done from the right answer. `step` is where: in `handshake`, `send` (before the
    request is read) or `answer`. `believable` says that the record can still be read from it, or looks so, and
    `may_follow_effect` that a service can answer so after it has carried the request out.
    """

    acts: t.Callable[[Response], t.Iterable[Act]]
    step: str = "answer"
    believable: bool = False
    may_follow_effect: bool = True


@dataclasses.dataclass
class ScheduledFault:
    """A fault of the requests with this method, once or always. `effect` is whether an update is carried out."""

    fault: Fault
    method: str
    always: bool
    effect: bool = False
    after: str | None = None  # only after a request with this method came
    seen: int = 0


class FaultServer(Listener):
    """The device API with faults, as a context manager."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator, ssl.CERT_REQUIRED)
        self._simulator = simulator
        self.schedule: list[ScheduledFault] = []
        self.apart = False  # each request over a connection of its own
        self.methods: list[str] = []
        self.certificates: dict[str, bytes] = {}  # of the clients, in DER form, by fingerprint
        self.reads_answered = 0  # rightly

    @property
    def url(self) -> str:
        """The value for api_url."""
        return f"https://localhost:{self.port}"

    def _handle(self, sock: socket.socket) -> None:
        line = Line(sock, self._context)
        scheduled = self._due("handshake", self._expected)
        if scheduled is not None:
            self._perform(line, scheduled, Response.of(200, {}), line.sock.sendall)
        line.handshake(lambda line, data: line.sock.sendall(data))
        certificate = line.tls.getpeercert(binary_form=True)
        fingerprint = hashlib.sha256(certificate).hexdigest()
        self.certificates[fingerprint] = certificate
        while True:
            line.await_bytes()
            scheduled = self._due("send", self._expected)
            if scheduled is not None:
                self._perform(line, scheduled, Response.of(403, {}), line.write)
            method, path, body = line.read_request()
            name = self._name_of(method, path)
            self.methods.append(name)
            scheduled = self._due("answer", name)
            response = self._carry_out(method, path, body, fingerprint, scheduled)
            if scheduled is not None:
                self._perform(line, scheduled, response, line.write)
            else:
                # An update goes over a connection of its own when a fault is scheduled for its handshake.
                apart = self.apart or any(
                    due.fault.step == "handshake" and due.method == "PUT" for due in self.schedule
                )
                response.headers += [b"Connection: close"] * apart
                self.reads_answered += method == "GET"
                line.write(response.head + response.body)
                if apart:
                    raise ConnectionEnded

    def _name_of(self, method: str, _path: str) -> str:
        """Return the name of a request, which is its method, for the log and for the faults."""
        return method

    @property
    def _expected(self) -> str:
        """The method of the next request, as far as one can tell before it is read."""
        return "PUT" if self.reads_answered and self.methods[-1:] == ["GET"] else (self.methods or ["GET"])[-1]

    def _due(self, step: str, method: str) -> ScheduledFault | None:
        for scheduled in self.schedule:
            if (
                scheduled.fault.step == step
                and scheduled.method == method
                and (scheduled.after is None or scheduled.after in self.methods)
                and (scheduled.always or not scheduled.seen)
            ):
                scheduled.seen += 1
                return scheduled
        return None

    def _perform(
        self, line: Line, scheduled: ScheduledFault, response: Response, write: t.Callable[[bytes], None]
    ) -> None:
        for act in scheduled.fault.acts(response):
            if callable(act):
                act(line)
            else:
                write(act)
                self.bytes_sent += len(act)

    def _carry_out(
        self, method: str, path: str, body: bytes, fingerprint: str, scheduled: ScheduledFault | None
    ) -> Response:
        records = self._simulator.records
        device_id = PurePosixPath(path).name
        try:
            if method == "PUT" and (scheduled is None or scheduled.effect):
                return Response.of(201, records.update(device_id, fingerprint, body).record)
            return Response.of(201 if method == "PUT" else 200, records.read(device_id, fingerprint).record)
        except Refusal as refusal:
            return Response.of(refusal.status, refusal.body)
