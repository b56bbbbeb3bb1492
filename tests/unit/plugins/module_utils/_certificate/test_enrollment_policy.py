# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_policy import (
    Action,
    Found,
    Policy,
    decide_enrollment,
)

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
LATER, EARLIER = NOW + datetime.timedelta(days=1), NOW - datetime.timedelta(days=1)
PROBLEM = "client_key: /k does not match the certificate."

# What is there -> what is done by default, with reenroll_expired: false, and with force as well.
STATES = [
    (Found(False, False), Action.CREATE, Action.CREATE, Action.CREATE),
    (Found(False, True), Action.CREATE, Action.CREATE, Action.CREATE),
    (Found(False, True, PROBLEM), Action.REJECT, Action.REJECT, Action.REPLACE),
    (Found(True, False, PROBLEM), Action.REJECT, Action.REJECT, Action.REPLACE),
    (Found(True, True, PROBLEM), Action.REJECT, Action.REJECT, Action.REPLACE),
    (Found(True, True, "", LATER), Action.KEEP, Action.KEEP, Action.KEEP),
    (Found(True, False, "", LATER), Action.KEEP, Action.KEEP, Action.KEEP),
    (Found(True, True, "", NOW), Action.RENEW, Action.REJECT, Action.REPLACE),
    (Found(True, False, "", EARLIER), Action.RENEW, Action.REJECT, Action.REPLACE),
]


@pytest.mark.parametrize(("found", "usual", "kept", "forced"), STATES)
def test_the_action_depends_on_the_files_and_the_policy(found, usual, kept, forced):
    policies = {Policy(True, False): usual, Policy(False, False): kept, Policy(False, True): forced}
    for policy, action in policies.items():
        decision = decide_enrollment(found, policy, NOW)
        assert decision.action is action
        assert decision.should_enroll is (action not in (Action.KEEP, Action.REJECT))
        assert decision.reason.endswith(".")


def test_reasons():
    def reason(found, reenroll_expired=True, force=False):
        return decide_enrollment(found, Policy(reenroll_expired, force), NOW).reason

    assert reason(Found(False, False)) == "There is no certificate."
    assert reason(Found(False, True)) == "There is no certificate. The request is for the key in client_key."
    assert reason(Found(True, True, PROBLEM)) == (
        f"{PROBLEM} Files that are no valid pair are not replaced. To replace them, set force, which keeps backups."
    )
    assert reason(Found(True, True, "", LATER)) == "The certificate is valid until 2026-11-02 00:00 UTC."
    assert reason(Found(True, True, "", EARLIER)) == "The certificate expired on 2026-10-31 00:00 UTC."
    assert reason(Found(True, True, "", EARLIER), reenroll_expired=False) == (
        "The certificate expired on 2026-10-31 00:00 UTC. It is not replaced, because reenroll_expired is false. To "
        "replace it, set force, which keeps backups."
    )
    assert reason(Found(True, True, PROBLEM), force=True) == ("force is true, and the files are no valid pair.")
