# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Sends requests over one HTTPS connection that is kept open and retries them. Does not interpret the responses."""

from __future__ import annotations

import collections
import contextlib
import copy
import os
import socket
import ssl
import time
import typing as t
from random import random as random_number
from types import MappingProxyType

try:
    from urllib3.exceptions import HTTPError, ReadTimeoutError
    from urllib3.util import parse_url
except ImportError:
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection
from ansible_collections.edgeops.digicert.plugins.module_utils._client.proxy import Proxy, read_proxy
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import (
    Attempts,
    back_off,
    parse_retry_after,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls_errors import (
    CLOSED_ADVICE,
    describe_handshake_error,
    for_leaf,
    is_about_leaf,
    is_closing,
    is_final,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.transport import Exchange, Transport
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ConnectionFailedError,
    DeviceManagerError,
    HandshakeFailedError,
    MissingLibraryError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Pause
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_error


class Response(t.NamedTuple):
    """A response. The names in `headers` are case-insensitive, and `body` is not decoded.

    `retries` is the number of retries so far. `may_have_applied` is whether the API may have applied one of the
    requests despite an error or without a response. `again` is whether to send the request again.
    """

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    retries: int = 0
    may_have_applied: bool = False
    again: bool = False


class MediaTypes(t.NamedTuple):
    """The media types of the responses that a session accepts, and the headers of a request with a body."""

    accepted: str
    of_body: t.Mapping[str, str]


_JSON = MediaTypes("application/json", MappingProxyType({"Content-Type": "application/json"}))


class TlsContexts(t.NamedTuple):
    """The context for TLS to the API, and a function that returns the context for TLS to a proxy."""

    api: ssl.SSLContext
    proxy: t.Callable[[], ssl.SSLContext]


class Identity(t.NamedTuple):
    """The credential of the requests: the client certificate of the context, or one of `headers`.

    `leaf` is the option for the client certificate, or "". `certificate_validity_hint` returns a sentence on the
    validity period of a rejected certificate.
    """

    leaf: str = "client_cert"
    headers: t.Mapping[str, str] = MappingProxyType({})
    certificate_validity_hint: t.Callable[[], str] = str


class Clock(t.NamedTuple):
    """The functions for waits, which tests replace."""

    sleep: t.Callable[[float], None] = time.sleep
    now: t.Callable[[], float] = time.time
    random: t.Callable[[], float] = random_number


_CLOCK = Clock()


class Session:
    """Sends requests below the URL of `connection` with the credential of `identity`.

    The timeout of the connection is for each request, from the connection to the end of the response. The bodies are
    JSON unless `media_types` is replaced.

    `pause` limits the request rate of a process for many devices. It is called before each request with the seconds to
    wait after the previous request, or 0, and the status of the previous response, or None. Its exceptions end the
    request. For a request that must not wait, the argument is None instead of 0 seconds.
    """

    def __init__(
        self,
        connection: Connection,
        contexts: TlsContexts,
        identity: Identity,
        pause: Pause | None = None,
        clock: Clock = _CLOCK,
    ) -> None:
        if not HAS_URLLIB3:
            raise _missing_requests()
        self._url: t.Any = parse_url(connection.api_url.rstrip("/"))
        self._url_option = connection.url_option
        self.media_types = _JSON
        self._timeout = connection.timeout
        self._retries = connection.retries
        proxy = _proxy_of(connection.api_url, contexts.proxy) if connection.use_proxy else None
        self._new_transport: t.Callable[[], Transport] = lambda: Transport(contexts.api, proxy)
        self._transport, self._pool = self._new_connection()
        # The connections of all forks that no fork uses at present.
        self._idle: collections.deque[tuple[Transport, t.Any]] = collections.deque()
        self._is_fork = False
        self.identity = identity
        # Whether the server has closed all connections so far without a response.
        self._is_only_closed = True
        self._pause = pause
        self._clock = clock
        # The seconds to wait before the next request of any kind, and the status that is the reason for the wait.
        self._due: tuple[float, int | None] = (0.0, None)

    def fork(self, pause: Pause | None) -> Session:
        """Return a session for the requests of one thread, with its own `pause`.

        All forks share the open connections of this session: each request uses a connection that no other request
        uses. There are at most as many connections as requests at the same time.
        """
        session = copy.copy(self)
        vars(session).update(_is_fork=True, _pause=pause, _due=(0.0, None))
        return session

    def close(self) -> None:
        """Close all connections. Those of a fork stay open until the original session is closed."""
        if not self._is_fork:
            for transport, pool in [(self._transport, self._pool), *self._idle]:
                pool.close()
                transport.close()

    def _new_connection(self) -> tuple[Transport, t.Any]:
        transport = self._new_transport()
        return transport, transport.pool(self._url.host, self._url.port)

    def send(self, method: str, path: str, body: bytes | None = None, idempotent: bool = True) -> Response:
        """Send a request and return the response, whatever its status. Redirects are not followed.

        Connection failures, timeouts and RETRIED_STATUSES are retried. A request that is not `idempotent` is retried
        only if the API did not process it. Raises ConnectionFailedError or HandshakeFailedError.
        """
        attempts = Attempts(self._retries, idempotent)
        while True:
            response = self._attempt_unless_again(attempts, method, path, body)
            if response is not None:
                return response

    def _attempt_unless_again(self, attempts: Attempts, method: str, path: str, body: bytes | None) -> Response | None:
        try:
            response = self.attempt(attempts, method, path, body)
        except DeviceManagerError as failure:
            if not failure.again:
                raise
            return None
        return None if response.again else response

    def attempts(self, immediate: bool) -> Attempts:
        """Return the attempts of an update for `attempt`. Refer to Attempts for `immediate`."""
        return Attempts(self._retries, immediate=immediate)

    def attempt(self, attempts: Attempts, method: str, path: str, body: bytes | None = None) -> Response:
        """Send a request once, count it in `attempts` and return the response, whatever its status.

        If a response or an error has `again`, the caller can send the request again. The session then waits before its
        next request of any kind, so that a record is read after the wait. Raises ConnectionFailedError or
        HandshakeFailedError.
        """
        retries = attempts.retries
        try:
            self._wait(attempts.immediate)
            response = self._send_once(method, path, body)
        except DeviceManagerError as failure:
            # The texts of errors name the option of most modules. Another error in a variable of this frame would be in
            # a cycle with its traceback, which keeps the connections open.
            failure.args = (str(failure).replace("api_url", self._url_option),)
            if attempts.failed(failure.may_have_applied, isinstance(failure, ConnectionFailedError)):
                failure.again = True
                self._schedule(attempts, None, None)
            failure.details = failure.details._replace(retries=retries)
            failure.may_have_applied = attempts.may_have_applied
            raise
        retry_after = response.headers.get("Retry-After")
        again = attempts.answered(response.status, retry_after)
        if again:
            self._schedule(attempts, response.status, retry_after)
        return response._replace(retries=retries, may_have_applied=attempts.may_have_applied, again=again)

    def _wait(self, immediate: bool) -> None:
        """Wait before a request as long as required. An exception of `pause` ends the wait."""
        wait, status = self._due
        self._due = (0.0, None)
        if self._pause is not None:
            self._pause(None if immediate and not wait else wait, status)
        elif wait:
            self._clock.sleep(wait)

    def _schedule(self, attempts: Attempts, status: int | None, retry_after: str | None) -> None:
        """Set the wait before the next request, after an attempt with this response, if there was one."""
        rate_limited = self._pause is not None
        after = parse_retry_after(retry_after, self._clock.now())
        wait = after + back_off(attempts.retries - 1, status, self._clock.random(), rate_limited)
        self._due = (wait, status)

    def _send_once(self, method: str, path: str, body: bytes | None) -> Response:
        headers = {
            "Accept": self.media_types.accepted,
            "Accept-Encoding": "identity",
            "User-Agent": "edgeops.digicert",
            **self.identity.headers,
            **({} if body is None else self.media_types.of_body),
        }
        with self._connection():
            return self._exchange(method, path, body, headers)

    @contextlib.contextmanager
    def _connection(self) -> t.Iterator[None]:
        """Use a connection that no other fork uses. The most recent one is the least likely to be closed."""
        if not self._is_fork:
            yield
            return
        try:
            self._transport, self._pool = self._idle.pop()
        except IndexError:
            self._transport, self._pool = self._new_connection()
        try:
            yield
        finally:
            self._idle.append((self._transport, self._pool))

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Response:
        self._transport.exchange = Exchange(self._timeout)
        try:
            response = self._pool.request(
                method,
                (self._url.path or "") + path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            self._is_only_closed = False
            # By default, urllib3 1.25 accepts a response that is incomplete.
            response.enforce_content_length = True
            try:
                # The request accepts no encoding, and a small compressed response can expand to gigabytes.
                body = b"".join(response.stream(65536, decode_content=False))
                return Response(response.status, response.headers, body)
            finally:
                response.release_conn()
        except (HTTPError, OSError, ValueError, MemoryError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> DeviceManagerError:
        """Return the error for `error`, which urllib3 raised while it sent a request."""
        host = self._url.netloc
        has_sent = self._transport.exchange.has_sent
        # urllib3 1.26 calls getresponse() with an argument of Python 2 first, so a TypeError precedes each error there.
        causes = [cause for cause in _causes(error) if not isinstance(cause, TypeError)]
        for cause in causes:
            lacking = host_error(cause, f"The request to {host} could not be sent or its response received")
            if lacking is not None:
                lacking.may_have_applied = has_sent
                return lacking
            if isinstance(cause, ssl.SSLError) and is_final(cause):
                # TLS can fail during a response, too.
                meaning = (
                    describe_handshake_error(cause, host, self.identity.leaf)
                    + self.identity.certificate_validity_hint()
                    + self._caution()
                )
                return HandshakeFailedError(meaning, may_have_applied=has_sent and not is_about_leaf(cause))
        if any(isinstance(cause, (ReadTimeoutError, socket.timeout)) for cause in causes):
            reason = f"no response within {self._timeout} seconds"
        else:
            reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
        is_closed = is_closing(causes) and not self._transport.is_at_proxy
        self._is_only_closed = self._is_only_closed and is_closed
        advice = "Check api_url, the network, and the proxy settings of this host, or raise retries or timeout."
        if self._is_only_closed and self.identity.leaf:
            advice = for_leaf(CLOSED_ADVICE, self.identity.leaf) + self.identity.certificate_validity_hint()
        outcome = "sent no complete response" if has_sent else "could not be reached"
        return ConnectionFailedError(
            f"{self._way(host, outcome)}: {reason or causes[-1]}. {advice}",
            may_have_applied=has_sent,
        )

    def _caution(self) -> str:
        """Return another possible cause of a TLS failure if there is a proxy."""
        proxy = self._transport.proxy
        return f" The connection uses the proxy {proxy.label}, which must not intercept TLS." if proxy else ""

    def _way(self, host: str, outcome: str) -> str:
        """Return a clause with this outcome for `host`, and with the proxy if there is one."""
        proxy = self._transport.proxy
        if proxy is None:
            return f"{host} {outcome}"
        if self._transport.is_at_proxy:
            return f"{host} {outcome} because of the proxy {proxy.label}"
        return f"{host} {outcome} through the proxy {proxy.label}"


def _proxy_of(url: str, make_context: t.Callable[[], ssl.SSLContext]) -> Proxy | None:
    """Return the proxy that the environment names for `url`. Raises ConnectionFailedError if it cannot be used.

    The package requests implements all forms of NO_PROXY. Its import takes as long as all other imports together, so it
    depends on the environment.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    try:
        from requests.utils import get_environ_proxies, select_proxy
    except ImportError:
        raise _missing_requests() from None
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    return read_proxy(proxy if "://" in proxy else f"http://{proxy}", make_context, _variable_of(proxy))


def _variable_of(proxy: str) -> str:
    """Return the name of the variable of the environment that has this URL of a proxy."""
    names = (name for name in os.environ if name.lower() in ("https_proxy", "all_proxy"))
    return next((name for name in names if os.environ[name] == proxy), "HTTPS_PROXY")


def _missing_requests() -> MissingLibraryError:
    return MissingLibraryError.of(
        "requests", "python3-requests on Debian, Ubuntu, Fedora and RHEL, py3-requests on Alpine, or requests with pip"
    )


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """Yield `error` and its causes, the outermost first, because urllib3 wraps errors in other errors."""
    pending: list[BaseException] = [error]
    seen: list[BaseException] = []
    while pending:
        error = pending.pop(0)
        if not any(error is known for known in seen):
            seen.append(error)
            yield error
            inner = (*error.args, getattr(error, "reason", None), error.__cause__, error.__context__)
            pending += [cause for cause in inner if isinstance(cause, BaseException)]
