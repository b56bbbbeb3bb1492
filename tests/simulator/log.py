# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reached the simulator: connections, also those whose TLS handshake failed, and requests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import typing as t


@dataclasses.dataclass
class Connection:
    """A TCP connection. What is None at first stays so without a completed handshake.

    `api` is device or operator. `began` is in seconds of the monotonic clock, which all processes of a machine share.
    `tls` is the version; `peer` is the subject and `fingerprint` the SHA-256 of the client's certificate, if any, and
    `certificate` is its DER form.
    """

    api: str
    number: int
    began: float
    tls: str | None = None
    peer: str | None = None
    fingerprint: str | None = None
    certificate: bytes | None = None


@dataclasses.dataclass
class Request:
    """A request as received. `path` is raw, with its query. `status` is None as long as there is no answer."""

    connection: Connection
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None

    def header(self, name: str) -> str | None:
        """The value of a header, whose name can be in any case."""
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower())

    @property
    def payload(self) -> t.Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Log:
    """Lists of what came, and if `file` is given, a line of JSON there for each thing that happens."""

    def __init__(self, file: t.TextIO | None = None) -> None:
        self.connections: list[Connection] = []
        self.requests: list[Request] = []
        self._file = file

    def open(self, api: str) -> Connection:
        """A client has connected; the handshake is about to begin."""
        connection = Connection(api, len(self.connections) + 1, time.monotonic())
        self.connections.append(connection)
        self._write("connection", connection=connection.number, api=api)
        return connection

    def complete(self, connection: Connection, tls: str, peer: str | None, certificate: bytes | None) -> None:
        """The handshake is done."""
        connection.tls, connection.peer, connection.certificate = tls, peer, certificate
        connection.fingerprint = certificate and hashlib.sha256(certificate).hexdigest()
        self._write("handshake", connection=connection.number, tls=tls, peer=peer)

    def receive(self, request: Request) -> None:
        """A request has come in."""
        self.requests.append(request)

    def answer(self, request: Request, status: int | None) -> None:
        """A request is about to be answered with `status`, or cut off without an answer."""
        request.status = status
        self._write(
            "request",
            connection=request.connection.number,
            peer=request.connection.peer,
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=request.body.decode(errors="replace"),
            status=status,
        )

    def forget(self, until: float) -> None:
        """Remove the connections that began until then, and their requests."""
        self.connections[:] = [connection for connection in self.connections if connection.began > until]
        self.requests[:] = [request for request in self.requests if request.connection.began > until]

    def _write(self, event: str, **details: object) -> None:
        if self._file is not None:
            print(json.dumps({"event": event, **details}), file=self._file, flush=True)
