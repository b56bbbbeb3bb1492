# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""When a request is sent again, and how long to wait before. Pure: clock and random number come in as arguments."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset((408, 429, 500, 502, 503, 504))

FIRST_WAIT = 0.5
FIRST_SPREAD = 10.0
LONGEST_WAIT = 30.0
# DigiCert's published limits use windows of up to three minutes, and of five minutes on an older page.
LONGEST_RETRY_AFTER = 300.0


class Attempts:
    """The attempts to send one request, or one update that is planned again after each wait.

    A request that must not act twice is not `idempotent`. One that is `immediate` is sent without waiting for a turn,
    because it depends on a record that was just read. `retries` counts the retries so far, `may_have_applied` says that
    one of the attempts may have taken effect although its response was an error or got lost.
    """

    def __init__(self, limit: int, idempotent: bool = True, immediate: bool = False) -> None:
        self._limit = limit
        self._repeatable = idempotent
        self.immediate = immediate
        self.retries = 0
        self.may_have_applied = False

    def failed(self, may_have_applied: bool, temporary: bool) -> bool:
        """Note an attempt without a response, and say whether to send the request again."""
        self.may_have_applied = self.may_have_applied or may_have_applied
        return temporary and self._count(not self.may_have_applied or self._repeatable)

    def answered(self, status: int, retry_after: str | None) -> bool:
        """Note an attempt with a response of this status, and say whether to send the request again."""
        again = should_retry(status, retry_after, self._repeatable)
        self.may_have_applied = self.may_have_applied or (
            may_have_been_processed(status) and (self._repeatable or not again)
        )
        return self._count(again)

    def _count(self, again: bool) -> bool:
        again = again and self.retries < self._limit
        self.retries += again
        return again


def should_retry(status: int, retry_after: str | None, idempotent: bool) -> bool:
    """Say whether a request that was answered with this status is sent again.

    One that must not act twice is not `idempotent`: it is sent again only where the service says that it did not look.
    """
    if idempotent:
        return status in RETRIED_STATUSES
    return status == 429 or (status == 503 and retry_after is not None)


def may_have_been_processed(status: int) -> bool:
    """Say whether a request that was answered with this status, if it is an error, may have taken effect all the same.

    A status below 200 is no final answer, 303 points to the outcome, and a gateway answers 503 also when it has lost
    the service in the middle of the request.
    """
    return status < 200 or status in (303, 408) or status >= 500


def wait_before_retry(
    retry: int, status: int | None, retry_after: str | None, now: float, random: float, rate_limited: bool = False
) -> float:
    """Return the seconds to wait before retry number `retry` (from 0).

    `status` and `retry_after` are those of the answer, None where there is none; `now` is the time in seconds since the
    epoch; `random` lies in [0, 1). What the service asks for is kept up to a bound. A back-off is added that doubles,
    and is spread so that devices which failed together do not come back together. After a 429 it is spread widest:
    then there are too many of them, and each early return is one more; but where one process keeps its requests apart,
    which is called `rate_limited`, there is no need.
    """
    growth = 2 ** min(retry, 9)
    if status == 429 and rate_limited:
        back_off = 0.0
    elif status == 429:
        back_off = min(LONGEST_WAIT, FIRST_SPREAD * growth) * random
    else:
        back_off = min(LONGEST_WAIT, FIRST_WAIT * growth) * (0.5 + random / 2)
    return parse_retry_after(retry_after, now) + back_off


def parse_retry_after(retry_after: str | None, now: float) -> float:
    """Return the seconds that a Retry-After header asks for: a number or an HTTP date (RFC 9110, section 10.2.3).

    A header that is missing, in the past or not understood asks for 0.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        # No need to read more digits than the bound has.
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (TypeError, ValueError, IndexError, OverflowError, OSError):
            seconds = 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
