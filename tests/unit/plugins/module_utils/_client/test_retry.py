# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import (
    LONGEST_APPROVAL,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    RETRIED_STATUSES,
    back_off,
    may_have_been_processed,
    parse_retry_after,
)

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        (" 17 ", 17),
        ("-5", 0),
        ("1.5", 0),
        ("²", 0),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        (formatdate(NOW + 42, usegmt=True), 42),
        (formatdate(NOW - 42, usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("Fri, 99 Foo 2030 99:99:99 GMT", 0),
        ("soon", 0),
    ],
)
def test_retry_after(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@given(
    st.integers(0, 200),
    st.sampled_from([None, 429, 503]),
    st.one_of(st.none(), st.text(), st.integers().map(str)),
    st.floats(0, 1, exclude_max=True),
)
def test_waits_stay_within_their_bounds(retry, status, header, random):
    asked = parse_retry_after(header, NOW)
    wait = parse_retry_after(header, NOW) + back_off(retry, status, random)
    assert 0 <= asked <= LONGEST_RETRY_AFTER
    assert asked + (0 if status == 429 else 0.25) <= wait <= asked + LONGEST_WAIT


def test_waits_double_and_spread():
    assert [back_off(retry, None, 0.0) for retry in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert back_off(3, None, 0.5) == 3.0


def test_a_service_that_has_too_much_is_given_more_time():
    assert [back_off(retry, 429, 0.5) for retry in range(4)] == [5.0, 10.0, 15.0, 15.0]


@pytest.mark.parametrize(
    ("status", "may"),
    [
        (103, True),
        (199, True),
        (200, False),
        (303, True),
        (307, False),
        (400, False),
        (408, True),
        (429, False),
        (499, False),
        (500, True),
        (503, True),
    ],
)
def test_which_errors_leave_doubt(status, may):
    assert may_have_been_processed(status) is may


def test_any_number_of_retries_has_a_wait():
    assert back_off(5000, None, 0.0) == LONGEST_WAIT / 2


def test_which_statuses_ask_for_another_try():
    assert [status for status in range(100, 600) if status in RETRIED_STATUSES] == [408, 429, 500, 502, 503, 504]


def test_five_minutes_is_the_longest_that_a_service_can_ask_for():
    assert [parse_retry_after(text, 0.0) for text in ("299", "300", "301")] == [299, 300, 300]


def test_where_one_process_keeps_its_requests_apart_a_429_waits_as_long_as_it_asks():
    assert back_off(3, 429, 0.9, rate_limited=True) == 0.0
    assert back_off(0, 503, 0.0, rate_limited=True) == 0.25


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("301", 301),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        (formatdate(NOW + 7200, usegmt=True), 7200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("soon", 0),
    ],
)
def test_an_approval_can_take_a_day(header, seconds):
    assert parse_retry_after(header, NOW, LONGEST_APPROVAL) == seconds
