# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import (
    device_argument_spec,
    parse_device_task,
)

PARAMS = {option: rule.get("default") for option, rule in device_argument_spec().items()}


def test_the_parameters_become_a_task_with_all_problems_and_secrets():
    secret = {"id": "a", "name": None, "value": "hush", "state": "present"}
    task = parse_device_task(
        {**PARAMS, "device_id": "..", "secret_fields": [secret], "client_key_content": "key", "purge_fields": True}
    )
    assert task.connection == Connection("https://clientauth.one.digicert.com", Trust(True, None), 30, 5, True)
    assert task.problems == ["device_id '..' cannot be the ID of a device."]
    assert sorted(task.secrets) == ["hush", "key"]
    assert parse_device_task({**PARAMS, "device_id": "d-1"}).problems == [
        "One of device_identifier, fields and secret_fields is required."
    ]
