# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Some cases of the matrix, and made-up tasks, through ansible-playbook: what a playbook gets to see."""

from __future__ import annotations

import os
import random
import typing as t

import pytest

from faults.catalogue import FAULTS
from faults.fault_server import FaultServer, ScheduledFault
from playbooks.conftest import MODULE, player

__all__ = ["player"]

SITE = [{"name": "Site", "value": "Delft"}]
TASKS = int(os.environ.get("FUZZ_TASKS", "12"))


@pytest.mark.parametrize(
    ("name", "effect", "kind"),
    [
        ("answer:status-103-then-right", True, None),
        ("answer:body-oversized", True, None),
        ("answer:novel-nested-400-escape", True, None),
        ("answer:novel-infinite", True, None),
        ("answer:body-trip", True, None),
        ("answer:chunk-to-the-end-oversized", False, "invalid_response"),
        ("answer:status-line-escape", False, "connection_failed"),
        ("answer:body-is-nested", False, "invalid_response"),
    ],
)
def test_an_update_with_a_fault(player, name, effect, kind):
    device = player.simulator.records["access-point"]
    before = dict(device.values)
    with FaultServer(player.simulator) as server:
        server.schedule = [ScheduledFault(FAULTS[name], "PUT", True, effect)]
        outcome = player.run_one(player.task(api_url=server.url, fields=SITE))
    assert outcome.result["changed"] is effect
    assert device.values == {**before, device.field_id("Site"): "Delft"} if effect else device.values == before
    assert outcome.result.get("failure", {"kind": None})["kind"] == kind
    assert "\x1b" not in outcome.result.get("msg", "")


def _made_up(dice: random.Random) -> t.Any:
    odd = ("", "x", "\0", "é\x1b[31m", "a" * 1100, "..", 0, -1, 10**30, 1.5, True, None, [], ["x"], {}, {"a": []})
    return dice.choice([*odd, [{"name": dice.choice(odd), "value": dice.choice(odd)}], [{"id": dice.choice(odd)}]])


def test_made_up_tasks(player):
    dice = random.Random(1)
    options = ("device_id", "api_url", "client_cert", "client_key", "client_key_passphrase", "ca_path", "timeout")
    options += ("retries", "validate_certs", "fields", "device_identifier", "purge_fields", "keep_fields", "use_proxy")
    tasks = []
    for _task in range(TASKS):
        settings = player.connection(fields=SITE)
        settings.update({option: _made_up(dice) for option in dice.sample(options, dice.randint(1, 2))})
        if not isinstance(settings.get("retries"), int) or settings["retries"] > 1:
            settings["retries"] = 0  # which would be many waits
        if settings["api_url"] != player.simulator.url:
            settings["api_url"] = f"https://127.0.0.1:1/{settings['api_url']}"
        tasks.append({"name": "Made up", "ignore_errors": True, MODULE: settings})
    outcomes = player.run(*tasks)
    assert len(outcomes) == TASKS
    for outcome in outcomes:
        assert "module_stderr" not in outcome.result, "The module crashed."
        assert not outcome.failed or outcome.result["msg"]
