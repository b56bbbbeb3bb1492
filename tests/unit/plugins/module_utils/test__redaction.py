# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK, Redactor

SECRETS = [
    "plain-Zq81-secret",
    'quote"Zq81/sec<ret&end',
    "pässwört-Zq81-geheim",
    "first-half-Zq81\nsecond-half-Xk72",
    "C:\\new\\table-Zq81 %41+x",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKeyMaterialZq81\n-----END PRIVATE KEY-----\n",
]
FORMS = {
    "raw": str,
    "JSON": json.dumps,
    "JSON without ASCII escapes": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"value": text})),
    "percent": quote,
    "percent with slashes": lambda text: quote(text, safe=""),
    "percent of all": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "form": quote_plus,
    "JSON in percent": lambda text: quote(json.dumps(text)),
    "HTML": html.escape,
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "HTML of all": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "part of Base64": lambda text: base64.b64encode(b'{"v": "' + text.encode() + b'"}').decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "Python": repr,
    "UTF-8 as Latin-1": lambda text: text.encode().decode("latin-1"),
    "blanks for line ends": lambda text: " ".join(text.splitlines()),
    "no line ends": lambda text: "".join(text.splitlines()),
    "other line ends": lambda text: text.replace("\n", "\r\n"),
    "a prefix": lambda text: text[: len(text) * 2 // 3],
    "a suffix": lambda text: text[len(text) // 3 :],
    "a middle": lambda text: text[3:-3],
}


def parts_in(secret, text, length):
    """Return the parts of the secret that are in the text. The label of a PEM block is not secret."""
    body = secret.replace("-----BEGIN PRIVATE KEY-----", "").replace("-----END PRIVATE KEY-----", "")
    parts = {body[at : at + length] for at in range(len(body) - length + 1)}
    return [part for part in parts if part in text]


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_each_form(secret, form):
    redacted = Redactor([secret]).foreign(f"Cannot take: {form(secret)} of this device")
    assert redacted.startswith("Cannot take")
    assert MASK in redacted
    assert redacted.endswith(" of this device")
    assert parts_in(secret, redacted, 6) == []
    assert "Zq81" not in redacted


@pytest.mark.parametrize("end", ["", "…", "...", '"', "'}", "\\u00", "%2", "&qu"])
@pytest.mark.parametrize("size", range(4, 17))
def test_a_truncated_secret_is_masked(size, end):
    redacted = Redactor([SECRETS[0]]).foreign(f"Cannot take: {SECRETS[0][:size]}{end}")
    assert redacted.startswith(f"Cannot take: {MASK}")
    assert SECRETS[0][:4] not in redacted


@pytest.mark.parametrize("ellipsis", ["…", "...", ".."])
@pytest.mark.parametrize("size", range(4, 17))
def test_a_secret_truncated_within_a_text_is_masked(size, ellipsis):
    redacted = Redactor([SECRETS[0]]).foreign(f"The value '{SECRETS[0][:size]}{ellipsis}' is not valid here.")
    assert redacted == f"The value '{MASK}{ellipsis}' is not valid here."


@pytest.mark.parametrize("size", range(5, 16))
def test_a_truncated_escape_leaves_nothing(size):
    escaped = json.dumps("pässwört-Zq81")[1:-1]
    redacted = Redactor(["pässwört-Zq81"]).foreign(f"Cannot take: {escaped[:size]}")
    assert "w" not in redacted.replace(MASK, "") or size < 9


def test_text_of_the_collection_keeps_words_of_a_secret():
    redactor = Redactor(["device-passphrase", "MC4CAQAwBQYDK2VwBCIEIKeyMaterialZq81"])
    text = "Device 1: client_key of the device cannot be read."
    assert redactor.text(text) == text
    assert redactor.text("a device-passphrase, AwBQYDK2VwBCIEIKeyMaterial") == f"a {MASK}, {MASK}"


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [
        ("a", "a banana: a.", f"{MASK} banana: {MASK}."),
        ("3", "HTTP status 403, 3 times", f"HTTP status 403, {MASK} times"),
        ("1234", "Bad 1234 in 512345", f"Bad {MASK} in 5{MASK}5"),
        ("them", "for the message", "for the message"),
        ("the m", "for the message", f"for {MASK}essage"),
        ("true", "true is true", "true is true"),
        ("", "nothing", "nothing"),
        (" \n", "nothing", "nothing"),
    ],
)
def test_short_and_odd_secrets_leave_the_text_readable(secret, text, expected):
    redactor = Redactor([secret])
    assert redactor.text(text) == expected
    assert redactor.foreign(text) == expected


def test_data_is_masked_in_values_and_keys():
    redactor = Redactor(["old-Zq96", "fields"])
    data = {"id": "d", "fields": [{"name": "was old-Zq96", "value": 5}], "old-Zq96": True, "also old-Zq96": ("x", None)}
    assert redactor.data(data, {"id", "fields", "name", "value"}) == {
        "id": "d",
        "fields": [{"name": f"was {MASK}", "value": 5}],
        MASK: True,
        f"also {MASK}": ["x", None],
    }
    assert redactor.data({"old-Zq96": "old-Zq96"}) == {"old-Zq96": MASK}
    assert redactor.data({"old-Zq96": 1, "old%2DZq96": 2}, ()) == {MASK: 1, f"{MASK}*": 2}
    other = {"a": ["b"]}
    assert redactor.data(other, ()) is other
    assert Redactor().data({"a": "b"}) == {"a": "b"}
    assert Redactor().text("text") == "text"


@pytest.mark.parametrize("secret", ['it\'s "9"', "C:\\pin9", "pin\n9", "pin\xa09", "pin\u200b9", "pin 9é", "pin\udc80"])
def test_data_is_masked_if_a_literal_has_escapes(secret):
    assert Redactor([secret]).data({"old": [f"the {secret}"]}) == {"old": [f"the {MASK}"]}


@pytest.mark.parametrize("form", [quote, quote_plus, html.escape, lambda text: text.replace(" ", "+")])
def test_data_is_masked_if_it_has_an_escape(form):
    secret = "Zq81 & Xk72 9"
    assert Redactor([secret]).data([f"the {form(secret)}", "100% + A & B"]) == [f"the {MASK}", "100% + A & B"]


def test_numbers_are_masked_unless_they_are_short():
    data = {"pin": 493817, "ratio": 12.25, "retries": 5, "other": 4938170, "on": True}
    assert Redactor(["493817", "12.25", "5"]).data(data) == {**data, "pin": MASK, "ratio": MASK}
    assert Redactor(["493817"]).data([493817]) == [MASK]


def test_secrets_can_be_added():
    redactor = Redactor(["first-secret"])
    assert redactor.foreign("first-secret another-Zq82") == f"{MASK} another-Zq82"
    redactor.add(["another-Zq82"])
    assert redactor.foreign("first-secret another-Zq82") == MASK


def test_a_bomb_of_escapes_ends():
    assert Redactor(["secret-Zq81"]).foreign("%25" * 50 + "&amp;" * 50 + "\\\\" * 50 + "secret%252DZq81").endswith(MASK)
