# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from simulator import FOREVER, Answer
from simulator.script import Script


def test_without_a_script_all_is_as_always():
    script = Script()
    assert script.take("GET") == Answer()
    assert script.take("GET").takes_effect
    assert script.untold == []


def test_each_answer_is_given_once_in_order():
    first, second = Answer(status=503), Answer(status=502)
    script = Script()
    script.add(first, second)
    assert [script.take("GET"), script.take("PUT"), script.take("GET")] == [first, second, Answer()]


def test_an_answer_waits_for_its_method():
    of_put, of_any = Answer(method="PUT", status=503), Answer(status=502)
    script = Script()
    script.add(of_put, of_any)
    assert script.take("GET") == of_any
    assert script.untold == [of_put]
    assert [script.take("PUT"), script.take("PUT")] == [of_put, Answer()]


def test_an_answer_waits_for_its_path():
    of_request, of_any = Answer(path="/certificate", status=503), Answer(status=502)
    script = Script()
    script.add(of_request, of_any)
    assert [script.take("POST", "/device"), script.take("POST", "/v1/certificate")] == [of_any, of_request]


def test_an_answer_can_be_repeated():
    twice, always = Answer(status=429, times=2), Answer(status=500, times=FOREVER)
    script = Script()
    script.add(twice, always)
    assert [script.take("GET") for _time in range(5)] == [twice, twice, always, always, always]
    assert script.untold == []


@pytest.mark.parametrize(
    ("answer", "takes_effect"),
    [
        (Answer(), True),
        (Answer(delay=1), True),
        (Answer(status=503), False),
        (Answer(body="<html>"), False),
        (Answer(cut=True), False),
        (Answer(cut=True, effect=True), True),
        (Answer(status=503, effect=True), True),
        (Answer(delay=1, effect=False), False),
    ],
)
def test_a_scripted_answer_comes_instead_of_the_effect(answer, takes_effect):
    assert answer.takes_effect is takes_effect


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer(), b'{"id": "x"}'),
        (Answer(body="text"), b"text"),
        (Answer(body=b"\xff"), b"\xff"),
        (Answer(body=""), b""),
        (Answer(body=["json"]), b'["json"]'),
        (Answer(alter=lambda record: record.update(id="y")), b'{"id": "y"}'),
    ],
)
def test_the_body_of_an_answer(answer, body):
    assert answer.compose({"id": "x"}) == body


def test_an_answer_without_anything_to_say():
    assert Answer(status=503).compose(None) == b""
