# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""How fast a process sends requests for many devices. Pure: the clock comes in as an argument."""

from __future__ import annotations

import collections

# After a refusal the pace falls below what the service took, and then grows again, in each second by a twentieth.
_BACK = 0.9
_GROWTH = 1.05
_SLOWEST = 1.0


class RateLimiter:
    """Gives each request its turn: at most `limit` in a second, and fewer once the service refuses some.

    Without a limit they go at once until then. Times are in seconds of a clock that never goes back.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = self._rate = limit or float("inf")
        self._next = self._slowed = self._grown = self._held = float("-inf")
        self._send_times: collections.deque[float] = collections.deque()

    def next(self, now: float) -> float:
        """Return when the next request may be sent."""
        return max(now, self._next)

    def acquire(self, now: float) -> float:
        """Return when the next request may be sent, which is then taken."""
        if self._rate < self._limit:
            self._rate = min(self._limit, self._rate * _GROWTH ** (now - self._grown))
            self._grown = now
        turn = self.next(now)
        self._take(now, turn)
        return turn

    def charge(self, now: float) -> bool:
        """Take a turn for a request that is sent at once, so that later requests wait for longer.

        Return False, and take none, while nobody may send after a rejected request.
        """
        if now < self._held:
            return False
        self._take(now, now)
        return True

    def _take(self, now: float, turn: float) -> None:
        self._next = self.next(now) + 1 / self._rate
        self._send_times.append(turn)
        self._forget(now)

    def on_throttled(self, now: float, wait: float) -> None:
        """Slow down because the service has refused a request, and asks to wait so many seconds: HTTP status 429.

        Refusals within a second count as one, for what they refuse was sent before the pace slowed down. The first time
        nobody sends before the wait is over; later the pace is right but for a little.
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
