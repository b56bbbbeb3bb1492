# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.edgeops.digicert.plugins.module_utils import _argspec


def test_a_device_has_all_options_and_only_the_task_has_defaults():
    task = _argspec.devices_argument_spec()
    device = task.pop("devices")["options"]
    assert set(device) == {*task, "device_id"}
    assert device["device_id"]["required"]
    assert not any("default" in rule or "fallback" in rule for rule in device.values())
    assert task["timeout"]["default"] == 30


def test_what_is_secret_stays_so_in_a_device():
    task = _argspec.devices_argument_spec()
    device = task["devices"]["options"]
    for options in (task, device):
        for option in ("client_cert_content", "client_key_content", "client_key_passphrase"):
            assert options[option]["no_log"]
        assert options["secret_fields"]["options"]["value"]["no_log"]
