# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life cycle that the fault server and the proxies share: a listener, and a thread for each connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import typing as t

from simulator import Simulator

# No test takes as long as that. It only ends threads whose client never closes the connection.
TIMEOUT = 15


class ConnectionEnded(Exception):
    """The connection is over."""


class Listener:
    """A context manager: inside it the server listens on 127.0.0.1. A subclass handles the connections."""

    def __init__(self, simulator: Simulator, verify_mode: ssl.VerifyMode) -> None:
        """Present the certificate of the simulator's server. `verify_mode` is for the certificates of clients."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = simulator.certificates["server"]
        self._context.load_cert_chain(leaf.pem, leaf.key)
        self._context.load_verify_locations(simulator.certificates.ca)
        self._context.verify_mode = verify_mode
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.bytes_sent = 0  # by faults
        self.errors: list[BaseException] = []

    def __enter__(self) -> t.Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._spawn(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        # Unlike close(), this wakes the thread in accept(). After that there are no new connections.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(TIMEOUT)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.errors == []

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self._listener.getsockname()[1]

    def _handle(self, sock: socket.socket) -> None:
        """Handle one connection. Raises ConnectionEnded or OSError when it is over."""
        raise NotImplementedError

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
                self._handle(sock)
        except (ConnectionEnded, OSError):  # ssl.SSLError is one
            pass
        except BaseException as error:  # noqa: BLE001
            self.errors.append(error)
