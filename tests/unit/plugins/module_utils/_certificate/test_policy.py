# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import (
    Policy,
    decide,
    reason_diff,
    remaining_days,
)

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def day(number):
    return BEGIN + datetime.timedelta(days=number)


@pytest.mark.parametrize(
    ("policy", "now", "should", "words"),
    [
        (Policy(True, 30, None), 0, True, "force is true"),
        (
            Policy(False, 30, None),
            69,
            False,
            "valid for 31.0 more days, 31 % of its validity period. Renewal is not due",
        ),
        (Policy(False, 30, None), 70, False, "remaining_days is 30"),
        (Policy(False, 30, None), 70.5, True, "29.5 more days"),
        (Policy(False, 0, None), 99.9, False, "Renewal is not due"),
        (Policy(False, None, 20), 80, False, "Renewal is not due"),
        (Policy(False, None, 20), 80.1, True, "remaining_percentage is 20"),
        (Policy(False, 10, 20), 81, True, "and remaining_percentage is 20."),
        (Policy(False, 30, 20), 81, True, "remaining_days is 30 and remaining_percentage is 20."),
        (Policy(False, 30, 20), 71, True, "and remaining_days is 30."),
        (Policy(False, 0, None), 100, True, "The certificate expired on 2026-04-11 00:00 UTC."),
        (Policy(False, 100, None), 50, False, "half of the validity period is the threshold"),
        (Policy(False, 1000, None), 50.1, True, "half of the validity period is the threshold"),
        (Policy(False, 99, None), 1.1, True, "remaining_days is 99."),
    ],
)
def test_a_life_of_100_days(policy, now, should, words):
    decision = decide(BEGIN, day(100), policy, day(now))
    assert decision.should_renew is should
    assert words in decision.reason


def test_the_diff_is_the_reason():
    diff = reason_diff("Renewal of the certificate of device 1", "force is true.")
    assert diff == {"prepared": "Renewal of the certificate of device 1: force is true.\n"}


@pytest.mark.parametrize(("now", "days"), [(0, 10), (9, 1), (9.5, 0), (10, 0), (10.5, -1)])
def test_whole_days_are_counted(now, days):
    assert remaining_days(day(10), day(now)) == days
