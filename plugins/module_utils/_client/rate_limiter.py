# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The rate limiter for the requests of many devices. Pure: the time is an argument."""

from __future__ import annotations

import collections

# After a 429 the rate falls below the accepted rate, and then grows by 5 % a second.
_BACK = 0.9
_GROWTH = 1.05
_SLOWEST = 1.0


class RateLimiter:
    """Schedules requests: at most `limit` a second, and fewer after a response with HTTP status 429.

    Without a limit, requests are not delayed before the first 429. Times are in seconds of a monotonic clock.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = self._rate = limit or float("inf")
        self._next = self._slowed = self._grown = self._held = float("-inf")
        self._send_times: collections.deque[float] = collections.deque()

    def next(self, now: float) -> float:
        """Return when the next request may be sent."""
        return max(now, self._next)

    def acquire(self, now: float) -> float:
        """Reserve the next time slot, and return when the request may be sent."""
        if self._rate < self._limit:
            self._rate = min(self._limit, self._rate * _GROWTH ** (now - self._grown))
            self._grown = now
        turn = self.next(now)
        self._reserve(now, turn)
        return turn

    def charge(self, now: float) -> bool:
        """Reserve a time slot for a request that is sent immediately, so that later requests wait longer.

        Return False without a reservation while all requests wait after a 429.
        """
        if now < self._held:
            return False
        self._reserve(now, now)
        return True

    def _reserve(self, now: float, turn: float) -> None:
        self._next = self.next(now) + 1 / self._rate
        self._send_times.append(turn)
        self._forget(now)

    def on_throttled(self, now: float, wait: float) -> None:
        """Reduce the rate after a response with HTTP status 429 and this many seconds to wait.

        Several of them within a second count as one, because their requests were sent before the rate was reduced.
        After the first one, no request is sent before the wait ends. Later ones require only a small correction.
        """
        if now < self._slowed + 1:
            return
        self._forget(now)
        sent = sum(turn <= now for turn in self._send_times)
        if self._rate == self._limit:
            self._held = now + wait
            self._next = max(self._next, self._held)
        self._rate = min(self._limit, max(_SLOWEST, _BACK * min(self._rate, sent)))
        self._slowed = self._grown = now

    def _forget(self, now: float) -> None:
        while self._send_times and self._send_times[0] < now - 1:
            self._send_times.popleft()
