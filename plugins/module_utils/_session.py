# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""One HTTPS connection to the service, kept open. Sends what it is told to, again where that helps; judges nothing."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
import typing as t
from random import random as random_number
from urllib.parse import unquote, urlsplit

try:
    import urllib3
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
except ImportError:
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import (
    AnswerUnusable,
    ConnectionFailed,
    Failure,
    HandshakeFailed,
    Refused,
    RequirementMissing,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._retry import (
    RETRIED_STATUSES,
    is_repeated,
    may_have_acted,
    wait_before_retry,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import Context, explain, is_about_leaf, is_final
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_error

# A record of 1,000 fields of 1,024 characters takes 2 MiB; what is much larger is no record.
MAXIMUM_ANSWER = 8 * 1024 * 1024
# How http.client tells that a proxy did not connect.
_NO_TUNNEL = re.compile(r"Tunnel connection failed: (\d+)")


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
    """Sends requests below `api_url` over connections that show the certificate of `context`, if it has one.

    `timeout` is in seconds, for each request as a whole from the moment that it is connected. `leaf_dates` says more of
    the certificate when it was refused. `headers` go with each request. `pause` lets a process that sends much keep its
    requests apart: it is called before each one, with the seconds to wait before a retry, else 0, and the status that
    the request was answered with before, None if it was not; what it raises ends the request. `sleep`, `now` and
    `random` can be replaced by tests.
    """

    def __init__(
        self,
        context: Context,
        api_url: str,
        timeout: float,
        retries: int,
        use_proxy: bool,
        leaf_dates: t.Callable[[], str] = str,
        headers: t.Mapping[str, str] | None = None,
        pause: t.Callable[[float, int | None], None] | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
        now: t.Callable[[], float] = time.time,
        random: t.Callable[[], float] = random_number,
    ) -> None:
        if not HAS_URLLIB3:
            raise _requirement_missing()
        context.host = urlsplit(api_url).hostname
        context.sslsocket_class = _Socket
        self._context = context
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        proxy = _proxy_of(api_url) if use_proxy else None
        self._manager = _manager(context, proxy)
        self._proxy = f"the proxy {urlsplit(proxy).hostname}" if proxy else ""
        self.leaf_dates = leaf_dates
        self._headers = headers or {}
        self._pause = pause
        self._sleep, self._now, self._random = sleep, now, random

    def close(self) -> None:
        """Close all connections."""
        self._manager.clear()

    def send(self, method: str, path: str, body: bytes | None = None, repeatable: bool = True) -> Answer:
        """Send a request and return the answer, whatever its status. Redirects are not followed.

        Connection failures, time-outs and the statuses that ask for it are tried again; with a request that is not
        `repeatable` only what shows that it was not looked at. Raises ConnectionFailed or HandshakeFailed.
        """
        doubtful = False
        retry = 0
        wait, status = 0.0, None
        while True:
            try:
                if self._pause is not None:
                    self._pause(wait, status)
                elif retry:
                    self._sleep(wait)
                status = retry_after = None
                answer = self._send_once(method, path, body)
            except Failure as failure:
                doubtful = failure.doubtful = doubtful or failure.doubtful
                failure.retries = retry
                if not isinstance(failure, ConnectionFailed) or retry == self._retries:
                    raise
                if doubtful and not repeatable:
                    raise
            else:
                status, retry_after = answer.status, answer.headers.get("Retry-After")
                again = is_repeated(status, retry_after, repeatable)
                doubtful = doubtful or (may_have_acted(status) and (repeatable or not again))
                if not again or retry == self._retries:
                    return answer._replace(retries=retry, doubtful=doubtful)
            paced = self._pause is not None
            wait = wait_before_retry(retry, status, retry_after, self._now(), self._random(), paced)
            retry += 1

    def _send_once(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "edgeops.digicert",
            **self._headers,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._context.deadline = time.monotonic() + self._timeout
        self._context.allowance = MAXIMUM_ANSWER
        self._context.has_sent = False
        try:
            response = self._manager.request(
                method,
                self._api_url + path,
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            # urllib3 1.25 takes an answer that ends too early for a whole one unless told otherwise.
            response.enforce_content_length = True
            try:
                # An encoding was not asked for, and undoing it can blow a small answer up to gigabytes.
                body = b"".join(response.stream(65536, decode_content=False))
                return Answer(response.status, response.headers, body)
            finally:
                response.release_conn()
        except (HTTPError, OSError, ValueError, MemoryError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Failure:
        """Return what `error`, raised by urllib3 while it sent a request, means."""
        host = urlsplit(self._api_url).netloc
        causes = list(_causes(error))
        for cause in causes:
            lacking = host_error(cause, f"The request to {host} could not be sent or its response received")
            if lacking is not None:
                lacking.doubtful = self._context.has_sent
                return lacking
            if isinstance(cause, ssl.SSLError) and is_final(cause):
                # TLS can break in the middle of an answer too.
                doubtful = self._context.has_sent and not is_about_leaf(cause)
                return HandshakeFailed(
                    explain(cause, host, self._context.has_leaf) + self.leaf_dates(), doubtful=doubtful
                )
        status = _tunnel_status(causes)
        if status is not None and 400 <= status < 500 and status not in RETRIED_STATUSES:
            return Refused(_tunnel_refused(self._proxy, host, status), http_status=status)
        unsent = status is not None or any(
            isinstance(cause, (ConnectTimeoutError, NewConnectionError)) for cause in causes
        )
        if any(isinstance(cause, (ReadTimeoutError, socket.timeout)) for cause in causes):
            reason = f"no answer within {self._timeout} seconds"
        else:
            reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
        outcome = "could not be reached" if unsent else "gave no whole answer"
        way = f" through {self._proxy}" if self._proxy else ""
        return ConnectionFailed(
            f"{host} {outcome}{way}: {reason or causes[-1]}. "
            "Check api_url, the network, and the proxy settings of this host; retries and timeout can be raised.",
            doubtful=not unsent,
        )


class _Socket(ssl.SSLSocket):
    """A TLS socket that waits no longer than until the `deadline` of its context, however slowly something drips in.

    The time-outs of urllib3 begin anew with each byte. No more bytes come in than the context's `allowance`, as urllib3
    reads some parts of an answer, such as the sizes of chunks, to their end. `has_sent` is set at a request.
    """

    context: Context

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
        self.context.has_sent = True
        return super().send(*arguments)

    def recv_into(self, *arguments: t.Any) -> int:
        self._hurry()
        count = super().recv_into(*arguments)
        self.context.allowance -= count
        if self.context.allowance < 0:
            raise _too_large()
        return count


def _manager(context: ssl.SSLContext, proxy: str | None) -> t.Any:
    """Return urllib3's manager of connections that use `context`, directly or by CONNECT through `proxy`, a URL.

    It follows no redirects, and looks at no .netrc and no CA bundle of the environment.
    """
    if context.verify_mode == ssl.CERT_NONE:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if proxy is None:
        return urllib3.PoolManager(ssl_context=context)
    try:
        address = urllib3.util.parse_url(proxy)
        if not address.host:
            raise ValueError
        headers = urllib3.make_headers(proxy_basic_auth=unquote(address.auth)) if address.auth else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=context)
    except (HTTPError, ValueError):
        # The error's own text may show the password in the proxy's URL.
        raise ConnectionFailed(
            "The environment names a proxy whose URL cannot be used: it must be http:// or https://, a host and port. "
            "Correct HTTPS_PROXY, or set use_proxy to false."
        ) from None


def _tunnel_status(causes: list[BaseException]) -> int | None:
    """Return the status with which a proxy answered CONNECT, if that is what failed. Answers can have such text too."""
    texts = (str(cause) for cause in causes if isinstance(cause, OSError))
    return next((int(found.group(1)) for found in map(_NO_TUNNEL.match, texts) if found), None)


def _tunnel_refused(proxy: str, host: str, status: int) -> str:
    """Return what it means that `proxy` answered CONNECT with this status, and what to do."""
    advice = (
        "It wants a user name and a password: put the right ones into its URL, with special characters as %XX."
        if status in (401, 407)  # 401 is wrong, and what tinyproxy gives for a wrong password
        else "It does not let this host or port through: have that allowed, or go around it with NO_PROXY or use_proxy."
    )
    return f"Before {host} could be reached, {proxy} answered with HTTP status {status}. {advice}"


def _proxy_of(url: str) -> str | None:
    """Return the URL of the proxy that the environment names for `url`.

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
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _requirement_missing() -> RequirementMissing:
    return RequirementMissing(
        "The Python package requests is missing for the Python that runs this module. Install it on this host: "
        "python3-requests on Debian, Ubuntu, Fedora and RHEL, py3-requests on Alpine, or requests by pip; "
        "the role edgeops.digicert.device does it too."
    )


def _too_large() -> AnswerUnusable:
    """Return what to raise when an answer, with all that HTTP adds to it, is larger than any record."""
    return AnswerUnusable(
        "The answer is larger than %s MiB, which no record is: what answers at api_url is not the device API."
        % (MAXIMUM_ANSWER // 1024 // 1024),
        doubtful=True,
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
