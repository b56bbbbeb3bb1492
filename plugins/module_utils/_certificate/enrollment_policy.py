# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Decide whether to enroll a device. Pure: the state of the files, the policy and the time in, the decision out."""

from __future__ import annotations

import datetime
import enum
import typing as t


class Policy(t.NamedTuple):
    """Whether to replace a pair that has expired, and files that are no pair."""

    reenroll_expired: bool
    force: bool


class Found(t.NamedTuple):
    """The state of the files.

    `problem` is why they are no pair, as sentences, or "". `not_after` is the end of the validity period of the
    certificate, if it can be read.
    """

    has_certificate: bool
    has_key: bool
    problem: str = ""
    not_after: datetime.datetime | None = None


class Action(enum.Enum):
    """What to do with the files."""

    KEEP = 0
    # Create the files that are missing.
    CREATE = 1
    # Replace a pair that has expired.
    RENEW = 2
    # Replace files that are no valid pair, with a backup.
    REPLACE = 3
    REJECT = 4


class EnrollmentDecision(t.NamedTuple):
    """What to do with the files, and the reason as a sentence."""

    action: Action
    reason: str

    @property
    def should_enroll(self) -> bool:
        """Whether to request a certificate."""
        return self.action in (Action.CREATE, Action.RENEW, Action.REPLACE)


def decide_enrollment(found: Found, policy: Policy, now: datetime.datetime) -> EnrollmentDecision:
    """Decide whether to enroll a device with these files at the time `now`."""
    if found.problem:
        return _replace(f"{found.problem} Files that are no valid pair are not replaced. To replace them", policy)
    if not found.has_certificate:
        with_key = " The request is for the key in client_key." if found.has_key else ""
        return EnrollmentDecision(Action.CREATE, f"There is no certificate.{with_key}")
    end = t.cast(datetime.datetime, found.not_after)
    if now < end:
        return EnrollmentDecision(Action.KEEP, f"The certificate is valid until {end:%Y-%m-%d %H:%M} UTC.")
    expired = f"The certificate expired on {end:%Y-%m-%d %H:%M} UTC."
    if policy.reenroll_expired:
        return EnrollmentDecision(Action.RENEW, expired)
    return _replace(f"{expired} It is not replaced, because reenroll_expired is false. To replace it", policy)


def _replace(problem: str, policy: Policy) -> EnrollmentDecision:
    if policy.force:
        return EnrollmentDecision(Action.REPLACE, "force is true, and the files are no valid pair.")
    return EnrollmentDecision(Action.REJECT, f"{problem}, set force, which keeps backups.")
