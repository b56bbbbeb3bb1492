# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that can go wrong once the client is connected, by name."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import itertools
import json
import random
import re
import struct
import typing as t
import zlib

from faults.fault_server import Act, Fault, Response, close, drip, part, reset, stall, trip, untls

HUGE = 100_000_000
BLOCK = bytes(b"x" * 65536)
GARBAGE = random.Random(1).randbytes(700)
ALERT = b"\x15\x03\x03\x00\x02\x02"  # fatal, and then the kind
# The whole record is there although something is odd, or it is another that could be the device's.
BELIEVABLE = re.compile(
    r"body-followed-by-an-answer|body-spaces-4-mb|status-100-then-right|90-headers|novel-(digits|nul)|header-.*"
    r"|content-length-(4400-digits|empty|missing|negative|unicode|words)"
    r"|encoding-((brotli|gzip|zstd)-not|identity|unknown|many)"
    r"|(device_api_allow_write|device_identifier|status|fields|field-\w+)(=.*|-missing)|fields-20000",
    re.DOTALL,
)


def endless(block: bytes = BLOCK) -> t.Iterator[bytes]:
    """Yield 100 MB."""
    for _block in range(HUGE // len(block)):
        yield block


def _handshake_faults() -> t.Iterator[tuple[str, Fault]]:
    def fault(*acts: Act) -> Fault:
        return Fault(lambda _right: (act for act in acts), "handshake")

    yield "reset", fault(reset)
    yield "close", fault(close)
    yield "stall", fault(stall)
    yield "garbage", fault(GARBAGE, close)
    yield "plain-http", fault(b"HTTP/1.1 400 Bad Request\r\n\r\n", close)
    yield "half-a-record", fault(b"\x16\x03\x03\x00\x80\x02\x00", close)
    yield "half-a-record-reset", fault(b"\x16\x03\x03\x00\x80\x02\x00", reset)
    yield "half-a-record-stall", fault(b"\x16\x03\x03\x00\x80\x02\x00", stall)
    yield "nul", fault(bytes(5000), close)
    yield "oversized", Fault(lambda _right: endless(), "handshake")
    yield "empty-records-forever", Fault(lambda _right: endless(b"\x16\x03\x03\x00\x00" * 10000), "handshake")
    yield "drip", Fault(lambda _right: [_drip_below_tls], "handshake")
    for kind in (0, 10, 20, 40, 42, 44, 45, 46, 48, 70, 80, 112, 116, 255):
        yield f"alert-{kind}", fault(ALERT + struct.pack("B", kind), close)


def _drip_below_tls(line: t.Any) -> None:
    """Send a record of TLS byte by byte."""
    line.write = line.sock.sendall
    drip(b"\x16\x03\x03\x40\x00" + bytes(0x4000))(line)


def _send_faults() -> t.Iterator[tuple[str, Fault]]:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for name, acts in {
        "reset": (reset,),
        "close": (close,),
        "part": (part,),
        "stall": (stall,),
        "trip": (trip,),
        "untls": (untls,),
        "answered-unread-reset": (early, reset),
        "answered-unread-close": (early, close),
    }.items():
        yield name, Fault(lambda _right, acts=acts: acts, "send")


def _piece_faults() -> t.Iterator[tuple[str, Fault]]:
    """Each piece of the answer, cut or followed by what is none."""
    pieces: dict[str, t.Callable[[Response], tuple[bytes, bytes]]] = {
        "status": lambda right: (b"", right.status),
        "headers": lambda right: (right.status + b"\r\n", b"\r\n".join(right.headers)),
        "body": lambda right: (right.head, right.body),
    }
    ends = {"reset": reset, "close": close, "part": part, "stall": stall, "trip": trip, "untls": untls}
    for piece, cut in pieces.items():
        for end, act in ends.items():

            def at_once(right: Response, cut: t.Any = cut, act: t.Any = act) -> t.Iterable[Act]:
                return [cut(right)[0], act]

            def halfway(right: Response, cut: t.Any = cut, act: t.Any = act) -> t.Iterable[Act]:
                before, spoilt = cut(right)
                return [before + spoilt[: len(spoilt) // 2], act]

            yield f"{piece}-{end}", Fault(at_once)
            yield f"{piece}-half-{end}", Fault(halfway)
        for name, junk in {
            "garbage": GARBAGE,
            "nul": bytes(200),
            "surrogates": "\ud800\udfff".encode("utf-8", "surrogatepass") * 20,
            "blank-lines": b"\r\n" * 200,
        }.items():
            yield (
                f"{piece}-{name}",
                Fault(lambda right, cut=cut, junk=junk: [cut(right)[0] + junk + b"\r\n\r\n", close]),
            )

        def oversized(right: Response, cut: t.Any = cut) -> t.Iterator[Act]:
            yield cut(right)[0]
            yield from endless()

        def dripping(right: Response, cut: t.Any = cut) -> t.Iterable[Act]:
            before, spoilt = cut(right)
            return [before, drip(b"X-Slow: " if before and not right.body.startswith(spoilt) else spoilt or b"x")]

        yield f"{piece}-oversized", Fault(oversized)
        yield f"{piece}-drip", Fault(dripping)


def _answer(line: bytes, *headers: bytes, body: bytes = b"", may_follow_effect: bool = True) -> Fault:
    head = [line, *headers]
    if not any(header.lower().startswith(b"transfer-encoding") for header in headers):
        head.append(b"Content-Length: %d" % len(body))
    return Fault(lambda _right: [b"\r\n".join([*head, b"", body])], may_follow_effect=may_follow_effect)


def _status_faults() -> t.Iterator[tuple[str, Fault]]:
    api_error = json.dumps({"errors": [{"code": "some_code", "message": "Some \x1b[31m message \ud800"}]}).encode()
    for status in (300, 301, 302, 303, 304, 305, 307, 308, 399):
        line, may = b"HTTP/1.1 %d X" % status, status == 303
        yield f"status-{status}", _answer(line, b"Location: https://127.0.0.1:9/\x1b[31m", may_follow_effect=may)
        yield f"status-{status}-nowhere", _answer(line, may_follow_effect=may)
    for status in (400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 413, 415, 421, 422, 425, 426, 428, 429, 431, 451):
        line, may = b"HTTP/1.1 %d X" % status, status == 408
        yield f"status-{status}", _answer(line, body=api_error, may_follow_effect=may)
        yield f"status-{status}-html", _answer(line, body=b"<html>", may_follow_effect=may)
    for status in (500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 599, 600, 700, 999):
        yield f"status-{status}", _answer(b"HTTP/1.1 %d X" % status, body=api_error)
        yield f"status-{status}-html", _answer(b"HTTP/1.1 %d X" % status, body=b"<html>")
    for status in (200, 201, 202, 203, 204, 205, 206, 207, 226, 299):
        yield f"status-{status}-empty", _answer(b"HTTP/1.1 %d X" % status)
    for wait in (b"0", b"-1", b"1e9", b"9" * 5000, b"\xff\xfe", b"Fri, 31 Dec 9999 23:59:59 +9999", b"soon", b""):
        yield f"status-503-retry-after-{wait[:12]!r}", _answer(b"HTTP/1.1 503 X", b"Retry-After: " + wait)
    for status in (100, 101, 102, 103, 110, 199):
        yield (
            f"status-{status}-then-right",
            Fault(lambda right, status=status: [b"HTTP/1.1 %d X\r\n\r\n" % status, right.head + right.body]),
        )
        yield (
            f"status-{status}-storm",
            Fault(lambda _right, status=status: endless(b"HTTP/1.1 %d X\r\nX-Header: yes\r\n\r\n" % status * 2000)),
        )
    for name, line in {
        "old": b"HTTP/0.9 200 OK",
        "new": b"HTTP/2.0 200 OK",
        "no-number": b"HTTP/1.1 abc X",
        "negative": b"HTTP/1.1 -20 X",
        "two-digits": b"HTTP/1.1 20 X",
        "four-digits": b"HTTP/1.1 2000 X",
        "zero": b"HTTP/1.1 000 X",
        "unicode-digits": "HTTP/1.1 ²00 X".encode(),
        "nothing": b"HTTP/1.1",
        "other-protocol": b"SSH-2.0-OpenSSH_9.9",
        "escape": b"\x1b]0;title\x07\x1b[31m",
    }.items():
        yield f"status-line-{name}", _answer(line)


CHUNKED = b"Transfer-Encoding: chunked"


def _headers(*lines: bytes, body: t.Callable[[bytes], bytes] = lambda body: body, close_after: bool = True) -> Fault:
    def acts(right: Response) -> t.Iterable[Act]:
        head = b"\r\n".join([right.status, b"Content-Type: application/json", *lines, b"", b""])
        return [head + body(right.body), *([close] if close_after else [])]

    return Fault(acts)


def _chunked_then(start: bytes, block: bytes = BLOCK) -> Fault:
    def acts(right: Response) -> t.Iterator[Act]:
        yield right.status + b"\r\n" + CHUNKED + b"\r\n\r\n" + start
        yield from endless(block)

    return Fault(acts)


def _length_faults() -> t.Iterator[tuple[str, Fault]]:
    for name, length in {
        "too-long": b"99999",
        "far-too-long": b"9" * 30,
        "too-short": b"20",
        "zero": b"0",
        "negative": b"-5",
        "signed": b"+20",
        "words": b"many",
        "empty": b"",
        "two": b"20, 30",
        "4400-digits": b"9" * 4400,
        "unicode": "²".encode(),
    }.items():
        yield f"content-length-{name}", _headers(b"Content-Length: " + length)
    yield "content-length-too-long-stall", _headers(b"Content-Length: 99999", close_after=False)
    yield "content-length-twice", _headers(b"Content-Length: 20", b"Content-Length: 30")
    yield "content-length-missing", _headers()
    yield "content-length-and-chunked", _headers(b"Content-Length: 20", b"Transfer-Encoding: chunked")


def _chunk_faults() -> t.Iterator[tuple[str, Fault]]:
    for name, size in {
        "negative": b"-5",
        "to-the-end": b"-1",
        "too-large": b"ffff",
        "far-too-large": b"f" * 16,
        "monstrous": b"f" * 5000,
        "too-small": b"5",
        "words": b"zz",
        "empty": b"",
        "underscores": b"1_0",
        "prefixed": b"0x10",
        "nul": b"\0",
        "extended": b"10;" + b"x" * 70000,
    }.items():
        yield (
            f"chunk-{name}",
            _headers(CHUNKED, body=lambda body, size=size: size + b"\r\n" + body + b"\r\n0\r\n\r\n"),
        )

    yield "chunk-to-the-end-oversized", _chunked_then(b"-1\r\n")
    yield "chunk-size-oversized", _chunked_then(b"", b"0" * 65536)
    yield "chunk-extension-oversized", _chunked_then(b"5;")
    yield "chunk-oversized", _chunked_then(b"%x\r\n" % HUGE)
    yield "chunks-oversized", _chunked_then(b"", (b"100\r\n" + b"x" * 256 + b"\r\n") * 200)
    yield "chunks-tiny", _chunked_then(b"", b"1\r\nx\r\n" * 10000)
    yield "chunk-trailer-oversized", _chunked_then(b"2\r\n{}\r\n0\r\n")
    yield "chunk-trailers-oversized", _chunked_then(b"2\r\n{}\r\n0\r\n", b"X-Y: z\r\n" * 8000)


def _header_faults() -> t.Iterator[tuple[str, Fault]]:
    for count in (90, 101, 3000):
        yield f"{count}-headers", _headers(*[b"X-%d: y" % number for number in range(count)])
    yield (
        "headers-many-megabytes-oversized",
        Fault(lambda right: (b for b in [right.status + b"\r\n", *endless(b"X: y\r\n" * 10000)])),
    )
    for name, line in {
        "no-colon": b"nonsense",
        "from-line": b"From someone",
        "folded": b"X-Folded: a\r\n\tb\r\n c",
        "folded-first": b" folded",
        "nul": b"X-\0: \0\0",
        "bare-cr": b"X: a\rb\rTransfer-Encoding: chunked",
        "control": b"X-\x1b[31m: \x1b]0;x\x07",
        "high-bytes": b"X-\xff\xfe: \xff\xed\xa0\x80",
        "long": b"X: " + b"y" * 70000,
        "type-html": b"Content-Type: text/html; charset=utf-16",
        "charset-odd": b"Content-Type: application/json; charset=\xff\0",
        "cookies": b"Set-Cookie: a=b; Path=/",
        "hsts": b"Strict-Transport-Security: max-age=-1",
        "upgrade": b"Upgrade: h2c",
        "gzip-transfer": b"Transfer-Encoding: gzip",
        "gzip-chunked-transfer": b"Transfer-Encoding: gzip, chunked",
    }.items():
        yield f"header-{name}", _headers(line)


def _encoding_faults() -> t.Iterator[tuple[str, Fault]]:
    def zeros(count: int) -> bytes:
        deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
        return b"".join(deflate.compress(bytes(1_000_000)) for _block in range(count)) + deflate.flush()

    bomb = zeros(300)
    encodings: dict[str, tuple[bytes, t.Callable[[bytes], bytes]]] = {
        "gzip": (b"gzip", gzip.compress),
        "gzip-twice": (b"gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        "gzip-not": (b"gzip", lambda body: body),
        "gzip-half": (b"gzip", lambda body: gzip.compress(body)[:-20]),
        "gzip-bomb": (b"gzip", lambda _body: bomb),
        "gzip-bomb-twice": (b"gzip, gzip", lambda _body: gzip.compress(bomb)),
        "gzip-bombs": (b"gzip", lambda _body: bomb * 4),
        "deflate": (b"deflate", zlib.compress),
        "brotli-not": (b"br", lambda body: body),
        "zstd-not": (b"zstd", lambda body: body),
        "identity": (b"identity", lambda body: body),
        "unknown": (b"x-\xff", lambda body: body),
        "many": (b", ".join([b"gzip"] * 500), lambda body: body),
    }
    for name, (encoding, encode) in encodings.items():
        yield f"encoding-{name}", _headers(b"Content-Encoding: " + encoding, body=encode)


def _body(change: t.Callable[[bytes], bytes]) -> Fault:
    def acts(right: Response) -> t.Iterable[Act]:
        changed = change(right.body)
        return [right.status + b"\r\nContent-Length: %d\r\n\r\n" % len(changed) + changed]

    return Fault(acts)


def _record(change: t.Callable[[dict[str, t.Any]], t.Any]) -> Fault:
    def changed(right: bytes) -> bytes:
        content = copy.deepcopy(json.loads(right))
        replaced = change(content)
        return json.dumps(content if replaced is None else replaced).encode()

    return _body(changed)


def _novel(text: str) -> Fault:
    """A key that is not known, with this value."""
    return _body(lambda right: right[:-1] + b', "novel": ' + text.encode() + b"}")


def _body_faults() -> t.Iterator[tuple[str, Fault]]:
    for name, content in {
        "empty": b"",
        "html": b"<html>\xff</html>",
        "null": b"null",
        "number": b"17",
        "list": b"[]",
        "nan": b"NaN",
        "nested": b"[" * 100_000,
        "nested-closed": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "nul": bytes(100),
        "invalid-utf-8": b'{"id": "\xff"}',
    }.items():
        yield f"body-is-{name}", _body(lambda _right, content=content: content)
    yield "body-utf-16", _body(lambda right: right.decode().encode("utf-16"))
    yield "body-bom", _body(lambda right: b"\xef\xbb\xbf" + right)
    yield "body-twice", _body(lambda right: right * 2)
    yield "body-nul-after", _body(lambda right: right + b"\0")
    yield "body-spaces-4-mb", _body(lambda right: right + b" " * 4_000_000)
    yield "body-spaces-oversized", _body(lambda right: right + b" " * 20_000_000)
    yield "body-duplicate-key", _body(lambda right: right[:-1] + b', "fields": []}')
    yield "body-followed-by-an-answer", Fault(lambda right: [right.head + right.body + right.head + right.body])
    for depth in (50, 200, 400, 960, 980, 990, 5000):
        yield f"novel-nested-{depth}", _novel("[" * depth + "]" * depth)
        yield f"novel-nested-{depth}-escape", _novel("[" * depth + r'"\u00e9"' + "]" * depth)
    for name, text in {
        "digits": "9" * 4200,
        "too-many-digits": "9" * 100_000,
        "infinite": "1e999",
        "nan": "NaN",
        "surrogate": r'"\ud800"',
        "surrogate-key": r'{"\udfff": 1}',
        "nul": r'"\u0000"',
        "control": '"\x01"',
        "duplicates": '{"a": 1, "a": 2}',
    }.items():
        yield f"novel-{name}", _novel(text)


def _record_faults() -> t.Iterator[tuple[str, Fault]]:
    wrong: tuple[t.Any, ...] = (None, True, 0, -1, 1.5, "", "x", [], {}, [None], [[]], [1], ["x"], [{}], {"id": "x"})
    for key in ("id", "fields", "device_identifier", "status", "device_api_allow_write"):
        for value in wrong:
            yield f"{key}={value!r}", _record(lambda content, key=key, value=value: content.update({key: value}))
        yield f"{key}-missing", _record(lambda content, key=key: content.pop(key) and None)
    for key in ("id", "name", "value", "mandatory"):
        for value in (*wrong, "\0", "\x1b[31m", "x" * 70_000):
            yield (
                f"field-{key}={value!r:.20}",
                _record(lambda content, key=key, value=value: content["fields"][0].update({key: value})),
            )
        yield f"field-{key}-missing", _record(lambda content, key=key: content["fields"][0].pop(key) and None)
    yield "field-twice", _record(lambda content: content["fields"].append(content["fields"][0]))
    yield (
        "fields-20000",
        _record(lambda content: content["fields"].extend({"id": f"{n}", "name": f"n{n}"} for n in range(20_000))),
    )
    yield "record-in-a-list", _record(lambda content: [content])


def _proxy_faults() -> t.Iterator[tuple[str, Fault]]:
    """What a proxy itself does: before TLS to it, and in the place of its response to CONNECT."""

    def fault(step: str, *acts: Act) -> Fault:
        return Fault(lambda _right: (act for act in acts), step)

    for name, made in _handshake_faults():
        yield f"proxy-handshake:{name}", dataclasses.replace(made, step="proxy-handshake")
    ok = b"HTTP/1.1 200 OK\r\n"
    ends = {"reset": reset, "close": close, "stall": stall}
    for piece, start in {"nothing": b"", "half-a-status": ok[:9], "status": ok, "header": ok + b"X-Header: "}.items():
        for end, act in ends.items():
            yield f"connect:{piece}-{end}", fault("connect", start, act)
    for name, acts in {
        "garbage": (GARBAGE, close),
        "nul": (bytes(5000), close),
        "blank-lines": (b"\r\n" * 200, close),
        "tls": (ALERT + b"\x0a", close),
        "other-protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", stall),
        "drip-status": (drip(ok[:-2]),),
        "drip-headers": (ok, drip(b"X-Slow: y\r\n")),
        "no-status": (b"HTTP/1.1 abc OK\r\n\r\n", stall),
        "four-digits": (b"HTTP/1.1 2000 OK\r\n\r\n", stall),
        "zero": (b"HTTP/1.1 000 OK\r\n\r\n", stall),
        "followed-by-garbage": (ok + b"\r\n" + GARBAGE, close),
        "followed-by-alert": (ok + b"\r\n" + ALERT + b"\x28", close),
        "followed-by-stall": (ok + b"\r\n", stall),
    }.items():
        yield f"connect:{name}", fault("connect", *acts)
    for name, start, block in (
        ("status-oversized", b"", BLOCK),
        ("reason-oversized", b"HTTP/1.1 200 ", BLOCK),
        ("header-oversized", ok + b"X: ", BLOCK),
        ("headers-oversized", ok, b"X: y\r\n" * 10000),
        ("storm", b"", b"HTTP/1.1 103 X\r\nX-Header: yes\r\n\r\n" * 2000),
    ):
        yield (
            f"connect:{name}",
            Fault(lambda _right, start=start, block=block: itertools.chain([start], endless(block)), "connect"),
        )
    for status in (100, 101, 201, 204, 299, 300, 302, 400, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 999):
        yield f"connect:status-{status}", fault("connect", b"HTTP/1.1 %d X\r\nX: y\r\n\r\n" % status, close)
    # The last two need TLS to the proxy.
    for name, act in {**ends, "untls": untls, "trip": trip, "part": part}.items():
        yield f"connect:{name}", fault("connect", act)
        yield f"tunnel:{name}", fault("tunnel", act)
    yield "tunnel:garbage", fault("tunnel", GARBAGE, close)
    yield "tunnel:alert", fault("tunnel", ALERT + b"\x2a", close)
    yield "tunnel:drip", fault("tunnel", drip(b"\x17\x03\x03\x40\x00" + bytes(0x4000)))
    yield "tunnel:oversized", Fault(lambda _right: endless(b"\x17\x03\x03\x00\x00" * 10000), "tunnel")


def _catalogue() -> dict[str, Fault]:
    faults: dict[str, Fault] = {}
    for step, made in {
        "handshake": _handshake_faults(),
        "send": _send_faults(),
        "answer": itertools.chain(
            *(_piece_faults(), _status_faults(), _length_faults(), _chunk_faults(), _header_faults()),
            *(_encoding_faults(), _body_faults(), _record_faults()),
        ),
    }.items():
        for name, fault in made:
            label = f"{step}:{name}"
            assert label not in faults, label
            faults[label] = dataclasses.replace(fault, believable=bool(BELIEVABLE.fullmatch(name)))
    return faults


FAULTS = _catalogue()
PROXY_FAULTS = dict(_proxy_faults())
