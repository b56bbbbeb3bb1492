# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The proxy of the environment: its URL, and the CONNECT request."""

from __future__ import annotations

import base64
import re
import ssl
import typing as t
from urllib.parse import unquote_to_bytes, urlsplit

from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import RETRIED_STATUSES
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ConnectionFailedError,
    DeviceManagerError,
    ErrorDetails,
    HttpError,
    InvalidResponseError,
)

# Longer headers of the responses to CONNECT are an attack or an error.
_LONGEST_HEAD = 65536
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_START = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9][0-9])[ \r\n]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Proxy(t.NamedTuple):
    """A proxy. `context` is for TLS to the proxy, or None. `authorization` is the value of Proxy-Authorization.

    `variable` is the variable of the environment that sets the proxy.
    """

    host: str
    port: int
    context: ssl.SSLContext | None
    authorization: str | None
    variable: str = "HTTPS_PROXY"

    @property
    def label(self) -> str:
        """The proxy in messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} ({self.variable})"

    def connect(self, line: t.Any, host: str, port: int) -> bytes:
        """Send CONNECT over `line`, and return the data that followed the response of the proxy.

        Raises OSError if the response is incomplete, and a DeviceManagerError if the proxy does not connect.
        """
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        line.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        status, rest = self._read_response(line, target)
        if not 200 <= status < 300:
            raise self._rejection(target, status)
        return rest

    def _read_response(self, line: t.Any, target: str) -> tuple[int, bytes]:
        """Return the status of the final response to CONNECT, and the data that followed it."""
        received, begin = b"", 0
        while True:
            end = _END_OF_HEAD.search(received, begin)
            if not _START.startswith(received[begin : begin + len(_START)]):
                raise self._invalid(target, "with data that is not HTTP")
            if end is not None:
                status = _STATUS_LINE.match(received, begin)
                if status is None:
                    raise self._invalid(target, "with an invalid HTTP status")
                begin = end.end()
                # RFC 9110, section 15.2: informational responses precede the final one.
                if not 100 <= int(status.group(1)) < 200:
                    return int(status.group(1)), received[begin:]
            elif len(received) > _LONGEST_HEAD:
                raise self._invalid(target, f"with more than {_LONGEST_HEAD // 1024} KiB of headers")
            else:
                data = line.recv(_LONGEST_HEAD)
                if not data:
                    raise ConnectionResetError(None, "the proxy closed the connection without a response")
                received += data

    def _invalid(self, target: str, how: str) -> DeviceManagerError:
        return InvalidResponseError(
            f"The proxy {self.label} responded to the request to connect to {target} {how}. Correct the scheme, the "
            f"host and the port in {self.variable}, or set use_proxy to false."
        )

    def _rejection(self, target: str, status: int) -> DeviceManagerError:
        """Return the error for a response of the proxy to CONNECT with this status."""
        if status in RETRIED_STATUSES or status >= 500:
            return ConnectionFailedError(
                f"{target} could not be reached: the proxy {self.label} responded with HTTP status {status}. "
                "Check api_url, and check the proxy and its network, or raise retries or timeout."
            )
        advice = (
            "The proxy requires a username and a password. Add them to its URL, with special characters as %XX."
            if status in (401, 407)  # tinyproxy sends 401 for a wrong password, although RFC 9110 specifies 407.
            else "The proxy denies connections to this host or port. Allow them in the proxy, or bypass the proxy with "
            "NO_PROXY or use_proxy."
        )
        return HttpError(
            f"The connection to {target} failed: the proxy {self.label} responded with HTTP status {status}. {advice}",
            ErrorDetails(status),
        )


def read_proxy(url: str, make_context: t.Callable[[], ssl.SSLContext], variable: str = "HTTPS_PROXY") -> Proxy:
    """Return the proxy with this URL, which `variable` has. `make_context` returns a context for TLS to it.

    Raises ConnectionFailedError.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        # After an unescaped slash in a password, the remaining text is parsed as the path.
        if not parts.hostname or parts.scheme not in _DEFAULT_PORTS or "@" in parts.path + parts.query + parts.fragment:
            raise ValueError
    except (ValueError, KeyError):
        # The text of the error can contain the password.
        raise ConnectionFailedError(
            f"The URL of the proxy in {variable} is invalid. It must consist of http:// or https://, a host and a "
            "port, with special characters of a password as %XX. Correct it, or set use_proxy to false."
        ) from None
    context = make_context() if parts.scheme == "https" else None
    return Proxy(parts.hostname, port, context, _authorization(parts.netloc.rpartition("@")[0]), variable)


def _authorization(userinfo: str) -> str | None:
    """Return the value of Proxy-Authorization for the username and the password of a URL."""
    if not userinfo:
        return None
    user, _colon, password = userinfo.partition(":")
    return "Basic " + base64.b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode("ascii")
