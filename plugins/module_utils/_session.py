# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""One HTTPS connection to the service, kept open. Sends what it is told to, again where that helps; judges nothing."""

from __future__ import annotations

import socket
import ssl
import time
import typing as t
from random import random as random_number
from urllib.parse import urlsplit

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies, select_proxy
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
except ImportError:
    HAS_REQUESTS = False
    HTTPAdapter = object
else:
    HAS_REQUESTS = True

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import (
    AnswerUnusable,
    ConnectionFailed,
    Failure,
    HandshakeFailed,
    RequirementMissing,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._retry import (
    RETRIED_STATUSES,
    may_have_acted,
    wait_before_retry,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import explain, is_final

# A record of 1,000 fields of 1,024 characters takes 2 MiB; what is much larger is no record.
MAXIMUM_ANSWER = 8 * 1024 * 1024


class Answer(t.NamedTuple):
    """What came back: `headers` without regard to case, `body` as sent.

    `retries` counts the requests that were sent again before, `doubtful` says that one of them, or this one, may have
    taken effect although its answer was an error or got lost.
    """

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    retries: int = 0
    doubtful: bool = False


class Session:
    """Sends requests below `api_url` over connections that show the certificate of `context`.

    `timeout` is in seconds, for each request as a whole from the moment that it is connected. `sleep`, `now` and
    `random` can be replaced by tests.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        api_url: str,
        timeout: float,
        retries: int,
        use_proxy: bool,
        sleep: t.Callable[[float], None] = time.sleep,
        now: t.Callable[[], float] = time.time,
        random: t.Callable[[], float] = random_number,
    ) -> None:
        if not HAS_REQUESTS:
            raise RequirementMissing(
                "The Python package requests is missing for the Python that runs this module. Install it on this host: "
                "python3-requests on Debian, Ubuntu, Fedora and RHEL, py3-requests on Alpine, or requests by pip."
            )
        context.sslsocket_class = _Socket
        self._context = context
        self._adapter = _Adapter(context)
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        # Without a requests.Session there is no .netrc, cookie, redirect or CA bundle of the environment to switch off.
        self._proxies = get_environ_proxies(api_url) if use_proxy else {}
        proxy = select_proxy(api_url, self._proxies)
        self._way = f" through the proxy {urlsplit(proxy).hostname}" if proxy else ""
        self._sleep, self._now, self._random = sleep, now, random

    def send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send a request and return the answer, whatever its status. Redirects are not followed.

        Connection failures, time-outs and the statuses that ask for it are tried again, so this is only for requests
        that may be sent twice. Raises ConnectionFailed or HandshakeFailed.
        """
        doubtful = False
        retry = 0
        while True:
            retry_after = None
            try:
                answer = self._send_once(method, path, body)
            except Failure as failure:
                doubtful = failure.doubtful = doubtful or failure.doubtful
                failure.retries = retry
                if not isinstance(failure, ConnectionFailed) or retry == self._retries:
                    raise
            else:
                doubtful = doubtful or may_have_acted(answer.status)
                if answer.status not in RETRIED_STATUSES or retry == self._retries:
                    return answer._replace(retries=retry, doubtful=doubtful)
                retry_after = answer.headers.get("Retry-After")
            self._sleep(wait_before_retry(retry, retry_after, self._now(), self._random()))
            retry += 1

    def _send_once(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "edgeops.digicert"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = requests.Request(method, self._api_url + path, headers=headers, data=body).prepare()
        self._context.deadline = time.monotonic() + self._timeout
        try:
            response = self._adapter.send(request, stream=True, timeout=self._timeout, proxies=self._proxies)
            # urllib3 1.25 takes an answer that ends too early for a whole one unless told otherwise.
            response.raw.enforce_content_length = True
            try:
                return Answer(response.status_code, response.headers, _read(response))
            finally:
                response.close()
        except (HTTPError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Failure:
        """Return what `error`, raised by requests while it sent a request, means."""
        host = urlsplit(self._api_url).netloc
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLError) and is_final(cause):
                return HandshakeFailed(explain(cause, host))
        unsent = any(isinstance(cause, (ConnectTimeoutError, NewConnectionError)) for cause in causes)
        if any(isinstance(cause, (ReadTimeoutError, socket.timeout)) for cause in causes):
            reason = f"no answer within {self._timeout} seconds"
        else:
            reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
        outcome = "could not be reached" if unsent else "gave no whole answer"
        return ConnectionFailed(
            f"{host} {outcome}{self._way}: {reason or causes[-1]}. "
            "Check api_url, the network, and the proxy settings of this host; retries and timeout can be raised.",
            doubtful=not unsent,
        )


class _Socket(ssl.SSLSocket):
    """A TLS socket that waits no longer than until the `deadline` of its context, however slowly something drips in.

    The time-outs of requests begin anew with each byte.
    """

    def _hurry(self) -> None:
        left = self.context.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.settimeout(left)

    def do_handshake(self, *arguments: t.Any) -> None:
        self._hurry()
        super().do_handshake(*arguments)

    def send(self, *arguments: t.Any) -> int:
        self._hurry()
        return super().send(*arguments)

    def recv_into(self, *arguments: t.Any) -> int:
        self._hurry()
        return super().recv_into(*arguments)


class _Adapter(HTTPAdapter):  # type: ignore[misc]
    """An adapter of requests whose every connection uses one TLS context, and nothing that requests would add to it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def get_connection_with_tls_context(
        self, request: t.Any, *_verify: t.Any, proxies: t.Any = None, **_cert: t.Any
    ) -> t.Any:
        # requests 2.32 would put a context of its own in the place of ours.
        proxy = select_proxy(request.url, proxies)
        manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
        return manager.connection_from_url(request.url)

    def cert_verify(self, *_settings: t.Any) -> None:
        # requests would load its own CA bundle into our context, which trusts more than was asked for and takes 40 ms.
        pass


def _read(response: t.Any) -> bytes:
    """Return the body of a response of requests. Raises AnswerUnusable when it is larger than any record."""
    body = b""
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > MAXIMUM_ANSWER:
            raise AnswerUnusable(
                "The answer is larger than %s MiB, which no record is: what answers at api_url is not the device API."
                % (MAXIMUM_ANSWER // 1024 // 1024),
                http_status=response.status_code,
                doubtful=True,
            )
    return body


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """Yield `error` and what led to it, outermost first: requests and urllib3 wrap one error in another."""
    pending, seen = [error], []
    while pending:
        error = pending.pop(0)
        if not any(error is known for known in seen):
            seen.append(error)
            yield error
            inner = (*error.args, getattr(error, "reason", None), error.__cause__, error.__context__)
            pending += [cause for cause in inner if isinstance(cause, BaseException)]
