# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Replace secrets in text and data with a mask, in each form in which an API can return them. Pure.

An API can return a secret escaped for JSON, URLs or HTML, encoded in Base64, with other line ends, or truncated. So
text is compared without blanks and backslashes, as it is and with its escapes decoded.
"""

from __future__ import annotations

import base64
import functools
import html
import re
import typing as t
import unicodedata
from urllib.parse import unquote, unquote_plus

# The mask of a secret value.
MASK = "********"
# A shorter secret is masked only as a word of its own, because its characters are in most texts.
_SHORTEST = 4
# Up to this length a secret without blanks is masked only where the text has no blanks in it either.
_COMPACT = 8
# In text of the API each part of a secret of this length is masked.
_FRAGMENT = 6
# In the collection's own text only longer parts are, such as a line of a private key.
_LONG_FRAGMENT = 16
# A truncated secret can leave fewer characters at the end of a text.
_PREFIX = 4
# These values are not secret, and are in many other fields.
_COMMON = frozenset(("true", "false", "yes", "no", "on", "off", "none", "null"))
# Decoding stops here. An API that encodes a JSON body in a JSON string needs two.
_DEEPEST = 3
_MOST_LAYERS = 24

_DROPPED = re.compile(r"[\s\\\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\ufeff]+")
_ARMOR = re.compile(r"-----(?:BEGIN|END)[A-Z0-9 ]*-----")
_JSON_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}|\\.", re.DOTALL)
_PERCENT_ESCAPE = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_FORM_ESCAPE = re.compile(r"(?:%[0-9a-fA-F]{2})+|\+")
_HTML_ESCAPE = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
_ELLIPSIS = re.compile(r"…|\.{2,}")
# What is left of an escape at the end of a truncated text.
_BROKEN_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{0,3}|%[0-9a-fA-F]?|&#?\w*)[.…\s]*$")


class _Layer(t.NamedTuple):
    """A text after decoding, and where each of its characters begins and ends in the original text."""

    text: str
    begins: t.Sequence[int]
    ends: t.Sequence[int]


Span = t.Tuple[int, int]


class Redactor:
    """Masks the secrets that it has."""

    def __init__(self, secrets: t.Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._needles: dict[str, bool] = {}
        self._fragments: dict[int, set[str]] = {}
        self.add(secrets)

    def add(self, secrets: t.Iterable[str]) -> None:
        """Add secrets, such as the old values of a record. Common words are not masked."""
        for secret in secrets:
            if secret and secret not in self._secrets and secret.lower() not in _COMMON:
                self._secrets.add(secret)
                self._fragments.clear()
                self._needles.update(_needles(secret))

    def foreign(self, text: str) -> str:
        """Return text of the API without secrets and without parts of secrets."""
        return self._redacted(text, _FRAGMENT)

    def text(self, text: str) -> str:
        """Return text of the collection without secrets and without long parts of secrets."""
        return self._redacted(text, _LONG_FRAGMENT)

    def data(self, value: t.Any, kept_keys: t.Container[str] | None = None) -> t.Any:
        """Return JSON-like data without secrets. With `kept_keys`, all other keys of objects are masked as well."""
        return self._data(value, kept_keys) if self._may_contain(value) else value

    def _data(self, value: t.Any, kept_keys: t.Container[str] | None) -> t.Any:
        if isinstance(value, str):
            return self._redacted(value, None) if self._may_contain(value) else value
        if isinstance(value, (list, tuple)):
            return [self._data(each, kept_keys) for each in value]
        if not isinstance(value, dict):
            return MASK if self._is_number(value) else value
        result: dict[t.Any, t.Any] = {}
        for key, each in value.items():
            new = key if kept_keys is None or key in kept_keys else self._redacted(str(key), None)
            while new in result:
                new += "*"
            result[new] = self._data(each, kept_keys)
        return result

    def _is_number(self, value: t.Any) -> bool:
        """Return whether a value is a number and a secret. Short ones are in most results, such as a status."""
        return type(value) in (int, float) and len(str(value)) >= _SHORTEST and str(value) in self._secrets

    def _may_contain(self, value: t.Any) -> bool:
        """Return whether a secret can be in JSON-like data. This takes less time than the search for it."""
        if not self._needles:
            return False
        # The literal has each string unchanged, or with a backslash. Blanks other than spaces are escaped.
        literal = repr(value)
        if "\\" in literal or _PERCENT_ESCAPE.search(literal) or _HTML_ESCAPE.search(literal):
            return True
        compact = literal.replace(" ", "")
        # The escape of a blank in a form is a plus sign.
        return any(needle in text for text in (compact, compact.replace("+", "")) for needle in self._needles)

    def _redacted(self, text: str, fragment: int | None) -> str:
        if not self._needles:
            return text
        spans: list[Span] = []
        for layer in _layers(text):
            compact = _compact(layer)
            spans += self._complete(text, compact)
            if fragment is not None:
                spans += self._parts(compact, fragment)
        return _masked(text, spans)

    def _complete(self, text: str, layer: _Layer) -> t.Iterator[Span]:
        """Yield the positions of complete secrets."""
        for needle, with_blanks in self._needles.items():
            at = layer.text.find(needle)
            while at >= 0:
                begin, end = layer.begins[at], layer.ends[at + len(needle) - 1]
                if (with_blanks or not re.search(r"\s", text[begin:end])) and (
                    len(needle) >= _SHORTEST or _is_word(text, begin, end)
                ):
                    yield begin, end
                at = layer.text.find(needle, at + 1)

    def _parts(self, layer: _Layer, length: int) -> t.Iterator[Span]:
        """Yield the positions of parts of secrets: of `length` characters, or before an ellipsis or the end."""
        text = layer.text
        fragments = self._fragments_of(length)
        for at in range(len(text) - length + 1):
            if text[at : at + length] in fragments:
                yield layer.begins[at], layer.ends[at + length - 1]
        if length > _FRAGMENT:
            return
        ends = [len(text.rstrip(".…\"'`)]}>,;")), *(found.start() for found in _ELLIPSIS.finditer(text))]
        for end in ends:
            for size in range(min(length, end), _PREFIX - 1, -1):
                if any(needle.startswith(text[end - size : end]) for needle in self._needles if len(needle) > size):
                    yield layer.begins[end - size], layer.ends[end - 1]
                    break

    def _fragments_of(self, length: int) -> set[str]:
        """Return all parts of this length of the secrets, but not of the labels of PEM."""
        if length not in self._fragments:
            self._fragments[length] = {
                needle[at : at + length]
                for secret in self._secrets
                for part in _ARMOR.split(secret)
                for form in _forms(part)
                for needle in (_DROPPED.sub("", form),)
                for at in range(len(needle) - length + 1)
            }
        return self._fragments[length]


@functools.lru_cache(maxsize=16)
def _needles(secret: str) -> t.Mapping[str, bool]:
    """Return the texts to search for, and whether the text between the characters of each can have blanks.

    Each device of a task has a redactor of its own, usually with the same API key.
    """
    needles = {_DROPPED.sub("", form): _DROPPED.search(form) is not None for form in _forms(secret)}
    return {needle: has_blanks or len(needle) >= _COMPACT for needle, has_blanks in needles.items() if needle}


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret that the decoders of `_layers` do not convert to each other."""
    forms = {secret}
    if not secret.isascii():
        raw = secret.encode("utf-8", "replace")
        forms |= {unicodedata.normalize(form, secret) for form in ("NFC", "NFD")}
        forms |= {raw.decode("latin-1"), secret.encode("ascii", "replace").decode("ascii")}
    if len(secret) >= _COMPACT:
        raw = secret.encode("utf-8", "replace")
        forms.add(raw.hex())
        for offset in range(3):
            # Only the characters that do not depend on the bytes before and after.
            encoded = base64.b64encode(b"\0" * offset + raw).decode("ascii").rstrip("=")
            encoded = encoded[(0, 2, 3)[offset] : len(encoded) - (1 if (offset + len(raw)) % 3 else 0)]
            forms |= {encoded, encoded.translate({43: "-", 47: "_"})}
    return forms


def _layers(text: str) -> t.Iterator[_Layer]:
    """Yield the text as it is, and with each combination of its escapes decoded."""
    positions = range(len(text) + 1)
    pending = [(_Layer(text, positions[:-1], positions[1:]), 0)]
    broken = _BROKEN_ESCAPE.search(text)
    if broken:
        pending.append((_Layer(text[: broken.start()], positions[:-1], positions[1:]), 0))
    seen = {text}
    while pending:
        layer, depth = pending.pop(0)
        yield layer
        for pattern, decode in _DECODERS if depth < _DEEPEST else ():
            if pattern.search(layer.text) and len(seen) < _MOST_LAYERS:
                decoded = _decoded(layer, pattern, decode)
                if decoded.text not in seen:
                    seen.add(decoded.text)
                    pending.append((decoded, depth + 1))


def _decoded(layer: _Layer, pattern: t.Pattern[str], decode: t.Callable[[str], str]) -> _Layer:
    pieces: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    last = 0

    def keep(begin: int, end: int) -> None:
        pieces.append(layer.text[begin:end])
        begins.extend(layer.begins[begin:end])
        ends.extend(layer.ends[begin:end])

    for found in pattern.finditer(layer.text):
        keep(last, found.start())
        last = found.end()
        piece = decode(found.group())
        pieces.append(piece)
        begins.extend([layer.begins[found.start()]] * len(piece))
        ends.extend([layer.ends[last - 1]] * len(piece))
    keep(last, len(layer.text))
    return _Layer("".join(pieces), begins, ends)


def _decode_json(escape: str) -> str:
    if escape[1] in "ux" and len(escape) > 2:
        codes = re.findall(r"[ux]([0-9a-fA-F]+)", escape)
        units = b"".join(int(code, 16).to_bytes(2, "big") for code in codes)
        return units.decode("utf-16-be", "replace")
    return " " if escape[1] in "nrtbf" else escape[1]


_DECODERS: tuple[tuple[t.Pattern[str], t.Callable[[str], str]], ...] = (
    (_JSON_ESCAPE, _decode_json),
    (_PERCENT_ESCAPE, unquote),
    (_FORM_ESCAPE, unquote_plus),
    (_HTML_ESCAPE, html.unescape),
)


def _compact(layer: _Layer) -> _Layer:
    """Return the layer without blanks and backslashes."""
    return _decoded(layer, _DROPPED, lambda _dropped: "") if _DROPPED.search(layer.text) else layer


def _is_word(text: str, begin: int, end: int) -> bool:
    return not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum())


def _masked(text: str, spans: t.Iterable[Span]) -> str:
    """Return the text with one mask for all spans that touch, or that only blanks separate."""
    result: list[str] = []
    last = 0
    for begin, end in sorted(spans):
        if not result or _DROPPED.sub("", text[last:begin]):
            result += [text[last:begin], MASK]
        last = max(last, end)
    return "".join(result) + text[last:]
