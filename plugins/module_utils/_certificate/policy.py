# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Decide whether to renew a certificate. Pure: the validity period, the policy and the time in, the decision out."""

from __future__ import annotations

import datetime
import typing as t


class Policy(t.NamedTuple):
    """When to renew: always, or below one of two thresholds. None is no threshold of that kind."""

    force: bool
    remaining_days: int | None
    remaining_percentage: int | None


class Decision(t.NamedTuple):
    """Whether to renew a certificate, and the reason as a sentence."""

    should_renew: bool
    reason: str


def decide(begin: datetime.datetime, end: datetime.datetime, policy: Policy, now: datetime.datetime) -> Decision:
    """Decide whether to renew a certificate with a validity period from `begin` to `end` at the time `now`.

    If the validity period is not longer than `remaining_days`, half of it is the threshold. Otherwise every run would
    renew the certificate.
    """
    if policy.force:
        return Decision(True, "force is true.")
    if now >= end:
        return Decision(True, f"The certificate expired on {end:%Y-%m-%d %H:%M} UTC.")
    period, remaining = end - begin, end - now
    thresholds = []
    if policy.remaining_days is not None:
        days = datetime.timedelta(days=policy.remaining_days)
        thresholds.append((days, f"remaining_days is {policy.remaining_days}"))
        if days >= period:
            reason = f"remaining_days is {policy.remaining_days}, so half of the validity period is the threshold"
            thresholds = [(period / 2, reason)]
    if policy.remaining_percentage is not None:
        share = period * policy.remaining_percentage / 100
        thresholds.append((share, f"remaining_percentage is {policy.remaining_percentage}"))
    percentage = 100 * remaining / period
    state = f"The certificate is valid for {_days(remaining)} more days, {percentage:.0f} % of its validity period"
    reached = [reason for threshold, reason in thresholds if remaining < threshold]
    if reached:
        return Decision(True, f"{state}, and {' and '.join(reached)}.")
    return Decision(False, f"{state}. Renewal is not due: {' and '.join(reason for _threshold, reason in thresholds)}.")


def remaining_days(end: datetime.datetime, now: datetime.datetime) -> int:
    """Return the number of full days until `end`, which is negative after `end`."""
    return (end - now).days


def reason_diff(subject: str, reason: str) -> dict[str, str]:
    """Return Ansible's diff of a task that requests a certificate: the reason.

    The certificate is not known before the request. Ansible prints a diff without -v, but no other return value.
    """
    return {"prepared": f"{subject}: {reason}\n"}


def _days(span: datetime.timedelta) -> str:
    return f"{span.total_seconds() / 86400:.1f}"
