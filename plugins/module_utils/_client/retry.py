# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Retries with exponential back-off. Pure: the time and the random number are arguments."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset((408, 429, 500, 502, 503, 504))

FIRST_WAIT = 0.5
FIRST_SPREAD = 10.0
LONGEST_WAIT = 30.0
# DigiCert's published limits use windows of up to three minutes, and of five minutes on an older page.
LONGEST_RETRY_AFTER = 300.0
# The longest wait in seconds for the approval of a certificate request that an EST server can require.
LONGEST_APPROVAL = 86400.0


class Attempts:
    """The attempts to send one request, or one update with a new plan after each wait.

    `idempotent` is as in RFC 9110, section 9.2.2. An `immediate` request does not wait for the rate limiter, because it
    depends on a record that was just read. `retries` is the number of retries so far. `may_have_applied` is whether the
    API may have applied an attempt despite an error or without a response.
    """

    def __init__(self, limit: int, idempotent: bool = True, immediate: bool = False) -> None:
        self._limit = limit
        self._idempotent = idempotent
        self.immediate = immediate
        self.retries = 0
        self.may_have_applied = False

    def failed(self, may_have_applied: bool, temporary: bool) -> bool:
        """Count an attempt without a response. Return whether to send the request again."""
        self.may_have_applied = self.may_have_applied or may_have_applied
        return temporary and self._count(not self.may_have_applied or self._idempotent)

    def answered(self, status: int, retry_after: str | None) -> bool:
        """Count an attempt with a response of this status. Return whether to send the request again."""
        again = should_retry(status, retry_after, self._idempotent)
        self.may_have_applied = self.may_have_applied or (
            may_have_been_processed(status) and (self._idempotent or not again)
        )
        return self._count(again)

    def _count(self, again: bool) -> bool:
        again = again and self.retries < self._limit
        self.retries += again
        return again


def should_retry(status: int, retry_after: str | None, idempotent: bool) -> bool:
    """Return whether to send a request again after a response with this status.

    A request that is not `idempotent` is sent again only if the status shows that the API did not process it.
    """
    if idempotent:
        return status in RETRIED_STATUSES
    return status == 429 or (status == 503 and retry_after is not None)


def may_have_been_processed(status: int) -> bool:
    """Return whether the API may have processed a request despite an error status.

    A status below 200 is not final, and 303 is a link to the outcome. A gateway responds with 503 also if it loses the
    connection to the API during the request.
    """
    return status < 200 or status in (303, 408) or status >= 500


def back_off(retry: int, status: int | None, random: float, rate_limited: bool = False) -> float:
    """Return the seconds to wait before retry number `retry` (from 0), in addition to those of Retry-After.

    `status` is from the response, and None without one. `random` is in [0, 1). The back-off is exponential with jitter,
    so that devices that failed at the same time do not retry at the same time. After a 429 the jitter is widest,
    because each early retry adds to the load. In a process that limits its own request rate (`rate_limited`), a 429
    adds no back-off.
    """
    growth: int = 2 ** min(retry, 9)
    if status != 429:
        return min(LONGEST_WAIT, FIRST_WAIT * growth) * (0.5 + random / 2)
    return 0.0 if rate_limited else min(LONGEST_WAIT, FIRST_SPREAD * growth) * random


def parse_retry_after(retry_after: str | None, now: float, longest: float = LONGEST_RETRY_AFTER) -> float:
    """Return the seconds in a Retry-After header: a number or an HTTP date (RFC 9110, section 10.2.3).

    They are at most `longest`. Return 0 for a header that is missing, in the past or invalid.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        # More digits than this exceed the limit in any case.
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (TypeError, ValueError, IndexError, OverflowError, OSError):
            seconds = 0.0
    return min(max(seconds, 0.0), longest)
