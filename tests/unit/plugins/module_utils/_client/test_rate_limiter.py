# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._client.rate_limiter import RateLimiter


def test_without_a_limit_requests_go_at_once():
    pace = RateLimiter(None)
    assert [pace.acquire(5.0) for _request in range(1000)] == [5.0] * 1000


def test_a_limit_keeps_requests_apart():
    pace = RateLimiter(4)
    assert [pace.acquire(10.0) for _request in range(3)] == [10.0, 10.25, 10.5]
    assert pace.acquire(20.0) == 20.0


def test_a_turn_that_is_taken_at_once_delays_those_after_it():
    pace = RateLimiter(4)
    assert pace.acquire(10.0) == 10.0
    assert pace.charge(10.0)
    assert pace.charge(10.1)
    assert pace.next(10.1) == 10.75
    assert pace.charge(20.0)
    assert (pace.next(20.0), pace.acquire(20.0)) == (20.25, 20.25)


def test_after_a_refusal_no_turn_is_taken_at_once_before_the_wait_is_over():
    pace = RateLimiter(None)
    pace.acquire(0.0)
    pace.on_throttled(0.5, 3.0)
    assert not pace.charge(3.4)
    assert pace.next(3.4) == 3.5
    assert pace.charge(3.5)


def test_after_a_refusal_nobody_sends_before_the_wait_is_over():
    pace = RateLimiter(None)
    for _request in range(10):
        pace.acquire(0.0)
    pace.on_throttled(0.5, 3.0)
    assert pace.acquire(0.6) == 3.5
    assert pace.acquire(0.6) > 3.6


def test_the_slowest_pace_is_one_a_second():
    pace = RateLimiter(None)
    pace.on_throttled(0.0, 0.0)
    pace.acquire(0.0)
    assert pace.acquire(0.0) == pytest.approx(1.0)


def test_a_pace_below_one_a_second_stays():
    pace = RateLimiter(0.1)
    pace.acquire(0.0)
    pace.on_throttled(0.0, 0.0)
    assert pace.acquire(0.0) == pytest.approx(10.0)


def test_it_grows_back_to_the_limit():
    pace = RateLimiter(100)
    pace.acquire(0.0)
    pace.on_throttled(0.0, 0.0)
    pace.acquire(200.0)
    assert pace.acquire(200.0) == pytest.approx(200.01)


@pytest.mark.parametrize("limit", [5, 100])
def test_a_service_with_a_limit_is_used_to_the_full_and_seldom_refuses(limit):
    """A service that takes so many requests a second, and a client that has 16 at a time, of 0.04 seconds each."""
    pace = RateLimiter(None)
    taken, refused = collections.deque(), 0
    waiting = [0.0] * 16
    count = 20 * limit
    while count:
        now = pace.acquire(waiting.pop(0))
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) < limit:
            taken.append(now)
            count -= 1
            waiting.append(now + 0.04)
        else:
            refused += 1
            pace.on_throttled(now, 1.0)
            waiting.append(now + 1.0)
        waiting.sort()
    assert now < 20 * 1.25
    assert refused < 20 * limit * 0.15 + 16


def test_what_was_sent_more_than_a_second_ago_does_not_count():
    pace = RateLimiter(None)
    for now in (0.0, 0.1, 5.0, 5.1):
        pace.acquire(now)
    pace.on_throttled(5.5, 0.0)
    pace.acquire(5.5)
    assert pace.acquire(5.5) == pytest.approx(5.5 + 1 / 1.8)


def test_refusals_within_a_second_count_as_one():
    one, several = RateLimiter(100), RateLimiter(100)
    for pace in (one, several):
        for _request in range(50):
            pace.acquire(0.0)
        pace.on_throttled(0.5, 0.0)
    for _refusal in range(3):
        several.on_throttled(0.9, 0.0)
    assert [one.acquire(2.0), one.acquire(2.0)] == [several.acquire(2.0), several.acquire(2.0)]
