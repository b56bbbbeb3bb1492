# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Sends requests over one HTTPS connection that is kept open and retries them. Does not interpret the responses."""

from __future__ import annotations

import os
import socket
import ssl
import time
import typing as t
from random import random as random_number
from urllib.parse import urlsplit

try:
    from urllib3.exceptions import HTTPError, ReadTimeoutError
except ImportError:
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

from ansible_collections.edgeops.digicert.plugins.module_utils._client.proxy import Proxy, read_proxy
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import (
    Attempts,
    wait_before_retry,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import (
    CLOSED_ADVICE,
    describe_handshake_error,
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
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_error

# Refer to Session.
Pause = t.Callable[[t.Optional[float], t.Optional[int]], None]


class Response(t.NamedTuple):
    """What came back: `headers` without regard to case, `body` as sent.

    `retries` counts the requests that were sent again before, `may_have_applied` says that one of them, or this one,
    may have taken effect although its answer was an error or got lost. `again` says that the request is to be sent
    again.
    """

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    retries: int = 0
    may_have_applied: bool = False
    again: bool = False


class Session:
    """Sends requests below `api_url` over connections that authenticate with the certificate of `context`.

    `timeout` is in seconds, for each request as a whole, from the connection to the end of the response.
    `proxy_context` returns a context for TLS to a proxy. `has_leaf` says whether there is a certificate to authenticate
    with: an operator has none. `certificate_validity_hint` says more of the certificate when it was refused. `headers`
    go with each request. `pause` lets a process that sends much keep its requests apart: it is called before each one,
    with the seconds to wait after the request before, else 0, and the status of the response to that one, None if there
    was none; what it raises ends the request. Instead of 0 seconds it gets None when the request must not wait.
    `sleep`, `now` and `random` can be replaced by tests.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        api_url: str,
        timeout: float,
        retries: int,
        use_proxy: bool,
        proxy_context: t.Callable[[], ssl.SSLContext] = ssl.create_default_context,
        has_leaf: bool = True,
        certificate_validity_hint: t.Callable[[], str] = str,
        headers: t.Mapping[str, str] | None = None,
        pause: Pause | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
        now: t.Callable[[], float] = time.time,
        random: t.Callable[[], float] = random_number,
    ) -> None:
        if not HAS_URLLIB3:
            raise _requirement_missing()
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        self._transport = Transport(context, _proxy_of(api_url, proxy_context) if use_proxy else None)
        self._manager = self._transport.manager()
        self._has_leaf = has_leaf
        self.certificate_validity_hint = certificate_validity_hint
        # Whether nothing but closed connections came back so far.
        self._is_only_closed = True
        self._headers = headers or {}
        self._pause = pause
        self._sleep, self._now, self._random = sleep, now, random
        # The seconds to wait before the next request, whichever that is, and the status that asked for it.
        self._due: tuple[float, int | None] = (0.0, None)

    def close(self) -> None:
        """Close all connections."""
        self._manager.clear()
        self._transport.close()

    def send(self, method: str, path: str, body: bytes | None = None, idempotent: bool = True) -> Response:
        """Send a request and return the answer, whatever its status. Redirects are not followed.

        Connection failures, time-outs and the statuses that ask for it are tried again; with a request that is not
        `idempotent` only what shows that it was not looked at. Raises ConnectionFailedError or HandshakeFailedError.
        """
        attempts = Attempts(self._retries, idempotent)
        while True:
            answer = self._attempt_unless_again(attempts, method, path, body)
            if answer is not None:
                return answer

    def _attempt_unless_again(self, attempts: Attempts, method: str, path: str, body: bytes | None) -> Response | None:
        try:
            answer = self.attempt(attempts, method, path, body)
        except DeviceManagerError as failure:
            if not failure.again:
                raise
            return None
        return None if answer.again else answer

    def attempts(self, immediate: bool) -> Attempts:
        """Return the attempts of an update, to be handed to `attempt`. Refer to Attempts for `immediate`."""
        return Attempts(self._retries, immediate=immediate)

    def attempt(self, attempts: Attempts, method: str, path: str, body: bytes | None = None) -> Response:
        """Send a request once, count it in `attempts` and return the answer, whatever its status.

        An answer or a failure that is `again` asks for another attempt. The wait before that comes before the next
        request of the session, so a record that is read first is read after the wait. Raises ConnectionFailedError or
        HandshakeFailedError.
        """
        retries = attempts.retries
        try:
            self._wait(attempts.immediate)
            answer = self._send_once(method, path, body)
        except DeviceManagerError as failure:
            if attempts.failed(failure.may_have_applied, isinstance(failure, ConnectionFailedError)):
                failure.again = True
                self._schedule(attempts, None, None)
            failure.retries, failure.may_have_applied = retries, attempts.may_have_applied
            raise
        retry_after = answer.headers.get("Retry-After")
        again = attempts.answered(answer.status, retry_after)
        if again:
            self._schedule(attempts, answer.status, retry_after)
        return answer._replace(retries=retries, may_have_applied=attempts.may_have_applied, again=again)

    def _wait(self, immediate: bool) -> None:
        """Wait for what is due before a request. Raises what ends the wait."""
        wait, status = self._due
        self._due = (0.0, None)
        if self._pause is not None:
            self._pause(None if immediate and not wait else wait, status)
        elif wait:
            self._sleep(wait)

    def _schedule(self, attempts: Attempts, status: int | None, retry_after: str | None) -> None:
        """Note how long to wait before the next request, after an attempt with this answer, if it had one."""
        rate_limited = self._pause is not None
        wait = wait_before_retry(attempts.retries - 1, status, retry_after, self._now(), self._random(), rate_limited)
        self._due = (wait, status)

    def _send_once(self, method: str, path: str, body: bytes | None) -> Response:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "edgeops.digicert",
            **self._headers,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._transport.exchange = Exchange(self._timeout)
        try:
            response = self._manager.request(
                method,
                self._api_url + path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            self._is_only_closed = False
            # urllib3 1.25 takes an answer that ends too early for a whole one unless told otherwise.
            response.enforce_content_length = True
            try:
                # An encoding was not asked for, and undoing it can blow a small answer up to gigabytes.
                body = b"".join(response.stream(65536, decode_content=False))
                return Response(response.status, response.headers, body)
            finally:
                response.release_conn()
        except (HTTPError, OSError, ValueError, MemoryError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> DeviceManagerError:
        """Return what `error`, raised by urllib3 while it sent a request, means."""
        host = urlsplit(self._api_url).netloc
        has_sent = self._transport.exchange.has_sent
        # urllib3 1.26 calls getresponse() with an argument of Python 2 first, so a TypeError precedes each error there.
        causes = [cause for cause in _causes(error) if not isinstance(cause, TypeError)]
        for cause in causes:
            lacking = host_error(cause, f"The request to {host} could not be sent or its response received")
            if lacking is not None:
                lacking.may_have_applied = has_sent
                return lacking
            if isinstance(cause, ssl.SSLError) and is_final(cause):
                # TLS can break in the middle of an answer too.
                meaning = (
                    describe_handshake_error(cause, host, self._has_leaf)
                    + self.certificate_validity_hint()
                    + self._caution()
                )
                return HandshakeFailedError(meaning, may_have_applied=has_sent and not is_about_leaf(cause))
        if any(isinstance(cause, (ReadTimeoutError, socket.timeout)) for cause in causes):
            reason = f"no answer within {self._timeout} seconds"
        else:
            reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
        is_closed = is_closing(causes) and not self._transport.is_at_proxy
        self._is_only_closed = self._is_only_closed and is_closed
        advice = "Check api_url, the network, and the proxy settings of this host; retries and timeout can be raised."
        if self._is_only_closed and self._has_leaf:
            advice = CLOSED_ADVICE + self.certificate_validity_hint()
        outcome = "gave no whole answer" if has_sent else "could not be reached"
        return ConnectionFailedError(
            f"{self._way(host, outcome)}: {reason or causes[-1]}. {advice}",
            may_have_applied=has_sent,
        )

    def _caution(self) -> str:
        """Return what else can be the cause when TLS to the API fails behind a proxy."""
        proxy = self._transport.proxy
        return f" The connection leads through the proxy {proxy.host}, which must not open TLS." if proxy else ""

    def _way(self, host: str, outcome: str) -> str:
        """Return who has this outcome: `host`, perhaps through a proxy, or the proxy itself."""
        proxy = self._transport.proxy
        if proxy is None:
            return f"{host} {outcome}"
        if self._transport.is_at_proxy:
            return f"{host} {outcome} because of the proxy {proxy.host}"
        return f"{host} {outcome} through the proxy {proxy.host}"


def _proxy_of(url: str, make_context: t.Callable[[], ssl.SSLContext]) -> Proxy | None:
    """Return the proxy that the environment names for `url`. Raises ConnectionFailedError if it cannot be used.

    requests knows best what NO_PROXY can look like. It takes as long to import as all else, so that only hosts with a
    proxy pay for it.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    try:
        from requests.utils import get_environ_proxies, select_proxy
    except ImportError:
        raise _requirement_missing() from None
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    return read_proxy(proxy if "://" in proxy else f"http://{proxy}", make_context)


def _requirement_missing() -> MissingLibraryError:
    return MissingLibraryError(
        "The Python package requests is missing for the Python that runs this module. Install it on this host: "
        "python3-requests on Debian, Ubuntu, Fedora and RHEL, py3-requests on Alpine, or requests by pip; "
        "the role edgeops.digicert.device does it too."
    )


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """Yield `error` and what led to it, outermost first: urllib3 wraps one error in another."""
    pending: list[BaseException] = [error]
    seen: list[BaseException] = []
    while pending:
        error = pending.pop(0)
        if not any(error is known for known in seen):
            seen.append(error)
            yield error
            inner = (*error.args, getattr(error, "reason", None), error.__cause__, error.__context__)
            pending += [cause for cause in inner if isinstance(cause, BaseException)]
