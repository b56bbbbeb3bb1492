# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TLS server that speaks bytes, before the simulator's records: it answers as it should until a fault is due.

The simulator's own server is too well-behaved for that: it cannot send half a status line or a wrong chunk size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
import typing as t
from pathlib import PurePosixPath

from simulator import Simulator
from simulator.records import Refusal

# No test waits as long as that; it only ends threads whose client never leaves.
PATIENCE = 15


class Gone(Exception):
    """The connection is over."""


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
        sock.settimeout(PATIENCE)
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
            raise Gone

    def load_csr(self) -> tuple[str, str, bytes]:
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
                raise Gone
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
                raise Gone
            self.incoming.write(data)


# What can happen on a line instead of bytes


def reset(line: Line) -> None:
    """Close with a RST."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def close(_line: Line) -> None:
    """Close without a word of TLS."""
    raise Gone


def part(line: Line) -> None:
    """Close as TLS wants it, with an alert that says so."""
    with contextlib.suppress(ssl.SSLError):
        line.tls.unwrap()
    line.sock.sendall(line.outgoing.read())
    raise Gone


def stall(line: Line) -> None:
    """Say nothing more until the client leaves."""
    while line.sock.recv(65536):
        pass
    raise Gone


def trip(line: Line) -> None:
    """Break TLS by a record that cannot be decrypted: the server alerts the client and closes."""
    line.incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    with contextlib.suppress(ssl.SSLError):
        line.tls.read(1)
    line.sock.sendall(line.outgoing.read())
    raise Gone


def untls(line: Line) -> None:
    """Send what is no record of TLS, in the middle of TLS."""
    line.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 4)
    raise Gone


def drip(data: bytes) -> t.Callable[[Line], None]:
    """Send `data` byte by byte, each in time for itself, and then the first bytes again, until the client leaves."""

    def act(line: Line) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for position in range(len(data)):
                line.write(data[position : position + 1])
                time.sleep(0.02)
        raise Gone

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
class Trouble:
    """A fault is due at the requests with this method, once or always. `effect` says if an update is carried out."""

    fault: Fault
    method: str
    always: bool
    effect: bool = False
    after: str | None = None  # only after a request with this method came
    seen: int = 0


class Door:
    """A context manager: inside it the server listens on 127.0.0.1."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = simulator.certificates["server"]
        self._context.load_cert_chain(leaf.pem, leaf.key)
        self._context.load_verify_locations(simulator.certificates.ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.troubles: list[Trouble] = []
        self.apart = False  # each request over a connection of its own
        self.methods: list[str] = []
        self.reads_answered = 0  # rightly
        self.bytes_sent = 0  # by faults
        self.errors: list[BaseException] = []

    def __enter__(self) -> t.Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._spawn(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        # Which wakes who waits for it, unlike close(). After that there are no new connections.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.errors == []

    @property
    def url(self) -> str:
        """The value for api_url."""
        return f"https://localhost:{self._listener.getsockname()[1]}"

    def _spawn(self, target: t.Callable[..., None], *arguments: t.Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._sockets.append(self._listener.accept()[0])
                self._spawn(self._serve, self._sockets[-1])

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                self._talk(Line(sock, self._context))
        except (Gone, OSError):  # ssl.SSLError is one
            pass
        except BaseException as error:  # noqa: BLE001
            self.errors.append(error)

    def _talk(self, line: Line) -> None:
        trouble = self._due("handshake", self._expected)
        if trouble is not None:
            self._perform(line, trouble, Response.of(200, {}), line.sock.sendall)
        line.handshake(lambda line, data: line.sock.sendall(data))
        fingerprint = hashlib.sha256(line.tls.getpeercert(binary_form=True)).hexdigest()
        while True:
            line.await_bytes()
            trouble = self._due("send", self._expected)
            if trouble is not None:
                self._perform(line, trouble, Response.of(403, {}), line.write)
            method, path, body = line.load_csr()
            self.methods.append(method)
            trouble = self._due("answer", method)
            response = self._carry_out(method, path, body, fingerprint, trouble)
            if trouble is not None:
                self._perform(line, trouble, response, line.write)
            else:
                # An update goes over a connection of its own when something shall happen to that.
                apart = self.apart or any(
                    due.fault.step == "handshake" and due.method == "PUT" for due in self.troubles
                )
                response.headers += [b"Connection: close"] * apart
                self.reads_answered += method == "GET"
                line.write(response.head + response.body)
                if apart:
                    raise Gone

    @property
    def _expected(self) -> str:
        """The method of the next request, as far as one can tell before it is read."""
        return "PUT" if self.reads_answered and self.methods[-1:] == ["GET"] else (self.methods or ["GET"])[-1]

    def _due(self, step: str, method: str) -> Trouble | None:
        for trouble in self.troubles:
            if (
                trouble.fault.step == step
                and trouble.method == method
                and (trouble.after is None or trouble.after in self.methods)
                and (trouble.always or not trouble.seen)
            ):
                trouble.seen += 1
                return trouble
        return None

    def _perform(self, line: Line, trouble: Trouble, response: Response, write: t.Callable[[bytes], None]) -> None:
        for act in trouble.fault.acts(response):
            if callable(act):
                act(line)
            else:
                write(act)
                self.bytes_sent += len(act)

    def _carry_out(self, method: str, path: str, body: bytes, fingerprint: str, trouble: Trouble | None) -> Response:
        records = self._simulator.records
        device_id = PurePosixPath(path).name
        try:
            if method == "PUT" and (trouble is None or trouble.effect):
                return Response.of(201, records.update(device_id, fingerprint, body).record)
            return Response.of(201 if method == "PUT" else 200, records.read(device_id, fingerprint).record)
        except Refusal as refusal:
            return Response.of(refusal.status, refusal.body)
