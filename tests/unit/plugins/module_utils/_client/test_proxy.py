# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._client.proxy import Proxy, read_proxy
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ConnectionFailedError,
    HttpError,
    InvalidResponseError,
)

CONTEXT = object()
SECRET = "open-water"


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy.example:3128", ("proxy.example", 3128, None, None, "HTTPS_PROXY")),
        (" http://proxy.example/ ", ("proxy.example", 80, None, None, "HTTPS_PROXY")),
        ("HTTPS://Proxy.example", ("proxy.example", 443, CONTEXT, None, "HTTPS_PROXY")),
        ("http://[::1]:3128", ("::1", 3128, None, None, "HTTPS_PROXY")),
        ("https://user:p%40ss@proxy.example:8443", ("proxy.example", 8443, CONTEXT, basic("user:p@ss"), "HTTPS_PROXY")),
        ("http://user:p@ss@proxy.example", ("proxy.example", 80, None, basic("user:p@ss"), "HTTPS_PROXY")),
        ("http://user@proxy.example", ("proxy.example", 80, None, basic("user:"), "HTTPS_PROXY")),
        ("http://us%3Aer:p:ss@proxy.example", ("proxy.example", 80, None, basic("us:er:p:ss"), "HTTPS_PROXY")),
        ("http://user:%C3%A9%0A@proxy.example", ("proxy.example", 80, None, basic("user:é\n"), "HTTPS_PROXY")),
    ],
)
def test_a_proxy_url_is_read(url, proxy):
    assert read_proxy(url, lambda: CONTEXT) == proxy


@pytest.mark.parametrize(
    "url",
    [
        f"socks5://user:{SECRET}@proxy.example:1",
        f"ftp://user:{SECRET}@proxy.example",
        f"http://user:{SECRET}@[proxy:x",
        f"http://user:{SECRET}@proxy.example:port",
        f"http://user:{SECRET}@proxy.example:65536",
        f"http://:{SECRET}@",
        f"http://user:12/{SECRET}@proxy.example:3128",
        f"http://user:12#{SECRET}@proxy.example:3128",
        f"http://user:12?{SECRET}@proxy.example:3128",
        f"http://user:{SECRET}/@proxy.example:3128",
        f"//{SECRET}",
        "http://",
    ],
)
def test_an_invalid_proxy_url_is_rejected_without_its_password(url):
    with pytest.raises(ConnectionFailedError, match="HTTPS_PROXY") as caught:
        read_proxy(url, lambda: CONTEXT)
    assert SECRET not in str(caught.value)


class Line:
    """A connection on which a proxy sends these chunks, and then closes."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.sent = b""

    def sendall(self, data):
        self.sent += data

    def recv(self, _size):
        return self.chunks.pop(0) if self.chunks else b""


def connect(*chunks, host="device.example", authorization=None):
    line = Line(*chunks)
    return Proxy("proxy.example", 3128, None, authorization).connect(line, host, 443), line


def test_the_request_to_connect_names_the_target_and_the_user():
    _rest, line = connect(b"HTTP/1.1 200 OK\r\n\r\n", authorization=basic("user:pass"))
    assert line.sent == (
        b"CONNECT device.example:443 HTTP/1.1\r\nHost: device.example:443\r\n"
        b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"
    )


def test_an_ipv6_target_has_brackets():
    _rest, line = connect(b"HTTP/1.1 200 OK\r\n\r\n", host="::1")
    assert line.sent == b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "rest"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),
        (b"HTTP/1.0 200\r\n\r\n", b""),
        (b"HTTP/1.1 299 \xff\r\nX: y\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\n\n", b""),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n\x16\x03\r\n\r\n", b"\x16\x03\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b""),
    ],
)
def test_a_response_that_connects_is_read_in_pieces_of_any_size(response, rest):
    assert connect(response)[0] == rest
    head = response[: len(response) - len(rest)]
    assert connect(*[head[at : at + 1] for at in range(len(head))])[0] == b""


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "username"), (407, "username"), (302, "NO_PROXY"), (400, "NO_PROXY"), (403, "NO_PROXY"), (404, "NO_PROXY")],
)
def test_a_proxy_that_denies_is_not_retried_and_its_words_are_not_repeated(status, words):
    with pytest.raises(
        HttpError, match=rf"the proxy proxy.example:3128 \(HTTPS_PROXY\) .*status {status}. .*{words}"
    ) as caught:
        connect(b"HTTP/1.1 %d %b\r\n\r\n" % (status, SECRET.encode()))
    assert (caught.value.details.http_status, caught.value.may_have_applied) == (status, False)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 999])
def test_a_proxy_that_may_connect_later_is_retried(status):
    with pytest.raises(ConnectionFailedError, match=f"device.example:443 could not be reached: .*{status}") as caught:
        connect(b"HTTP/1.1 %d %b\r\n\r\n" % (status, SECRET.encode()))
    assert not caught.value.may_have_applied
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "not HTTP"),
        (b"\r\n\r\n", "not HTTP"),
        (b"HTTP/2 200 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "invalid HTTP status"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "invalid HTTP status"),
        (b"HTTP/1.1 000 OK\r\n\r\n", "invalid HTTP status"),
        (b"HTTP/1.1 200 " + b"x" * 65536, "more than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12000, "more than 64 KiB"),
        (b"HTTP/1.1 103 X\r\n\r\n" * 4000, "more than 64 KiB"),
    ],
)
def test_an_invalid_response_is_the_proxys(response, words):
    with pytest.raises(
        InvalidResponseError, match=rf"The proxy proxy.example:3128 \(HTTPS_PROXY\) .*{words}.* HTTPS_PROXY"
    ) as caught:
        connect(response, b"x")
    assert not caught.value.may_have_applied


@pytest.mark.parametrize("response", [b"", b"HTT", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_response_that_is_cut_is_an_error_of_the_connection(response):
    with pytest.raises(ConnectionResetError, match="closed the connection"):
        connect(response)
