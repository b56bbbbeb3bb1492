# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""When a certificate is to be renewed. Pure: its dates, the policy and the time in, whether and why out."""

from __future__ import annotations

import datetime
import typing as t

DEFAULT_REMAINING_DAYS = 30


class Policy(t.NamedTuple):
    """When to renew: always, or as soon as one of two limits is reached. None is no limit of that kind."""

    force: bool
    remaining_days: int | None
    remaining_percentage: int | None


class Decision(t.NamedTuple):
    """Whether a certificate is to be renewed, and why, as a sentence."""

    should_renew: bool
    reason: str


def read_policy(options: dict[str, t.Any]) -> tuple[Policy, list[str]]:
    """Return the policy in `options` (a module's parameters), and every problem found, as sentences.

    Where neither limit is given, the one of 30 days counts.
    """
    days, percentage = options["remaining_days"], options["remaining_percentage"]
    problems = []
    if days is not None and days < 0:
        problems.append(f"remaining_days is {days}, and must not be negative.")
    if percentage is not None and not 0 <= percentage <= 100:
        problems.append(f"remaining_percentage is {percentage}, and must be between 0 and 100.")
    if days is None and percentage is None:
        days = DEFAULT_REMAINING_DAYS
    return Policy(options["force"], days, percentage), problems


def decide(begin: datetime.datetime, end: datetime.datetime, policy: Policy, now: datetime.datetime) -> Decision:
    """Decide whether a certificate that is valid from `begin` to `end` is to be renewed at `now`.

    One that lives no longer than `remaining_days` in all would be renewed by every run: of such a life half counts.
    """
    if policy.force:
        return Decision(True, "force is true.")
    if now >= end:
        return Decision(True, f"The certificate expired on {end:%Y-%m-%d %H:%M} UTC.")
    life, left = end - begin, end - now
    limits = []
    if policy.remaining_days is not None:
        days = datetime.timedelta(days=policy.remaining_days)
        limits.append((days, f"remaining_days is {policy.remaining_days}"))
        if days >= life:
            limits = [(life / 2, f"remaining_days is {policy.remaining_days}, its whole life, of which half counts")]
    if policy.remaining_percentage is not None:
        share = life * policy.remaining_percentage / 100
        limits.append((share, f"remaining_percentage is {policy.remaining_percentage}"))
    percentage = 100 * left / life
    state = f"The certificate is valid for another {_days(left)} days, {percentage:.0f} % of its life"
    reached = [why for limit, why in limits if left < limit]
    if reached:
        return Decision(True, f"{state}, and {' and '.join(reached)}.")
    return Decision(False, f"{state}, which is enough: {' and '.join(why for _limit, why in limits)}.")


def remaining_days(end: datetime.datetime, now: datetime.datetime) -> int:
    """Return how many whole days are left; less than none for what is over."""
    return (end - now).days


def _days(span: datetime.timedelta) -> str:
    return f"{span.total_seconds() / 86400:.1f}"
