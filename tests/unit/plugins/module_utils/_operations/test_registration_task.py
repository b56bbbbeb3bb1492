# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    parse_registration_task,
    registration_argument_spec,
)

SPEC = registration_argument_spec()


def parse(**options):
    params = {option: rule.get("default") for option, rule in SPEC.items()}
    return parse_registration_task({**params, "api_key": "key", **options})


def test_options_become_values():
    task = parse(
        device_identifier="gate",
        new_device_identifier="gate-7",
        division_id="D",
        device_profile_id="P",
        secret_fields=[{"id": "a", "name": None, "value": "hush", "state": "present"}],
        allow_read=True,
        allow_write=False,
        enabled=False,
        timeout=7,
    )
    assert (task.device_id, task.device_identifier, task.new_name, task.timeout) == (None, "gate", "gate-7", 7)
    assert task.desired.permissions == {"allow_read": True, "allow_write": False}
    assert task.desired.status == "DISABLED"
    assert (task.desired.division_id, task.desired.device_profile_id) == ("D", "P")
    assert (task.problems, task.secrets) == ([], ["key", "hush"])
    assert parse(device_id="1", enabled=True).desired.status == "ACTIVE"
    assert parse(device_id="1").desired.status is None
    assert parse(device_identifier="gate").new_name == "gate"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device_id": ".."}, "device_id '..' cannot be the ID of a device."),
        ({"device_identifier": ""}, "device_identifier is empty. Is its variable defined for this host?"),
        ({"device_identifier": "\ud800"}, "device_identifier is not valid Unicode text."),
        ({"new_device_identifier": "x" * 256}, "new_device_identifier has 256 characters, but must have 1 to 255."),
        (
            {"division_id": ""},
            "division_id is empty. Is its variable defined for this host? Set an ID, or omit division_id.",
        ),
        (
            {"device_profile_id": ""},
            "device_profile_id is empty. Is its variable defined for this host? Set an ID, or omit device_profile_id.",
        ),
        ({"division_id": "\ud800"}, "division_id is not valid Unicode text."),
        ({"purge_fields": True}, "purge_fields requires fields."),
    ],
)
def test_problems(options, words):
    (problem,) = parse(**{"device_id": None, **options}).problems
    assert problem.startswith(words)


def test_a_failure_names_the_device_and_its_id():
    failure = DeviceManagerError("No.")
    assert parse(device_identifier="gate").failed(failure)["msg"] == "Device gate: No."
    failure.device_id = "1"
    by_name = parse(device_identifier="gate").failed(failure)
    assert (by_name["msg"], by_name["device_id"], by_name["device_identifier"]) == ("Device gate (1): No.", "1", "gate")
    by_id = parse(device_id="1").failed(failure)
    assert (by_id["msg"], by_id["device_id"], by_id["device_identifier"]) == ("Device 1: No.", "1", None)
