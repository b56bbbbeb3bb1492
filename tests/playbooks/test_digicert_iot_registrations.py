# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import time
from pathlib import Path

import pytest

from simulator import API_KEY, Answer
from simulator.records import division_id

MODULE = "edgeops.digicert.digicert_iot_registrations"


@pytest.fixture
def task(operator_task):
    """A function that returns a task of the module for an operator, with these options."""
    return functools.partial(operator_task, MODULE)


@pytest.fixture
def account(simulator):
    """The options for two gateways, of which one exists, and for the camera, by its ID."""
    profile = simulator.records.profiles["Gateway"]
    simulator.records.register("gate-1", {"Serial number": "1"})
    return {
        "registrations": [
            {"device_identifier": "gate-1", "fields": [{"id": profile.field_id("Serial number"), "value": "G-1"}]},
            {"device_identifier": "gate-2", "device_profile_id": profile.id},
            {"device_id": simulator.records["camera"].id, "allow_write": False},
        ],
        "division_id": division_id("Harbour"),
        "fields": [{"id": profile.field_id("Serial number"), "value": "2"}],
    }


def test_an_account_is_as_the_file_says(player, simulator, task, account):
    account["registrations"][2]["fields"] = [{"name": "Model", "value": "{{ missing | default(omit) }}"}]
    (check,), (real, again) = player.check_and_run([task(**account)], [task(**account)] * 2)
    # The list, and each device that differs.
    assert check.methods == ["GET"]
    assert sorted(real.methods) == ["GET", "GET", "GET", "POST", "PUT", "PUT"]
    assert again.methods == ["GET"]
    assert (check.result["changed"], real.result["changed"], again.result["changed"]) == (True, True, False)
    first, second, third = real.result["registrations"]
    assert [each["created"] for each in real.result["registrations"]] == [False, True, False]
    assert (first["changed_fields"], second["changed_fields"]) == (["Serial number"], ["Serial number"])
    assert third["access"]["allow_write"] is False
    gate = simulator.records.find_named("gate-2")
    assert (second["device_id"], second["device_identifier"]) == (gate.id, "gate-2")
    # The ID of a new device is not known in check mode.
    for outcome in (check, real):
        titles = [each["before_header"] for each in outcome.result["diff"]]
        assert titles == [f"gate-1 ({first['device_id']})", "gate-2", f"camera.harbour ({third['device_id']})"]


def test_one_that_fails_stops_no_other(player, simulator, task, account):
    outcome = player._run([task(**account)], [])[0]
    assert outcome.failed
    assert [each["failed"] for each in outcome.result["registrations"]] == [False, False, True]
    assert outcome.result["msg"].startswith(f"1 of 3 devices failed. Device {simulator.records['camera'].id}: ")
    assert simulator.records.find_named("gate-2") is not None


def test_a_device_by_its_name_and_by_its_id_is_one_device(player, simulator, task):
    camera = simulator.records["camera"]
    entries = [{"device_identifier": "camera.harbour", "allow_write": False}, {"device_id": camera.id}]
    (outcome,) = player._run([task(registrations=entries)], [])
    by_name, by_id = outcome.result["registrations"]
    assert (by_name["failed"], by_name["changed"], by_id["failed"]) == (True, False, False)
    assert by_name["msg"].startswith(f"Device camera.harbour ({camera.id}): Another registration of the task has")
    assert outcome.methods == ["GET"]


@pytest.mark.thorough
def test_many_devices_share_connections(player, simulator, task):
    simulator.add_devices(200)
    sensors = [{"device_id": simulator.records[f"sensor-{number}"].id} for number in range(1, 201)]
    (many,) = player._run([task(registrations=sensors[:15], max_parallel=3)], [])
    # The list has more than ten devices for each registration.
    assert (len(many.requests), many.result["changed"]) == (16, False)
    assert many.handshakes <= 3
    (listed,) = player._run([task(registrations=sensors, return_records=False)], [])
    assert (len(listed.requests), listed.handshakes) == (3, 1)
    assert listed.result["registrations"] == []


@pytest.mark.thorough
def test_without_a_list_each_device_is_looked_up(player, task, account):
    del account["registrations"][2]
    script = [Answer(method="GET", status=403, body={"errors": []})]
    (outcome,) = player._run([task(**account)], [], script=script)
    assert not outcome.failed
    assert sorted(outcome.methods) == ["GET"] * 4 + ["POST", "PUT"]


@pytest.mark.thorough
def test_the_secrets_of_a_device_show_nowhere(player, simulator, task):
    contact = simulator.records["access-point"].field_id("Contact")
    entries = [
        {"device_id": simulator.records[name].id, "secret_fields": [{"id": contact, "value": "hush-hush"}]}
        for name in ("access-point", "read-only")
    ]
    entries[1]["api_key"] = "key-of-nobody"
    (outcome,) = player._run(
        [task(registrations=entries)], [], play={"diff": True}, environment={"ANSIBLE_VERBOSITY": "3"}
    )
    assert [entry["failed"] for entry in outcome.result["registrations"]] == [False, True]
    assert simulator.records["access-point"].named_values["Contact"] == "hush-hush"
    shown = outcome.output + json.dumps(outcome.result)
    for word in ("hush-hush", "noc@harbour", API_KEY, "key-of-nobody"):
        assert word not in shown


@pytest.mark.thorough
def test_a_task_that_is_told_to_stop_during_the_list_ends_soon(player, simulator, task, tmp_path):
    def stop(_records):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                ours = str(tmp_path).encode() in (process / "environ").read_bytes()
                if ours and len(words) > 1 and b"/AnsiballZ_digicert_iot_registrations" in words[1]:
                    os.kill(int(process.name), signal.SIGTERM)
                    stopped.append(time.monotonic())

    stopped = []
    entries = [{"device_id": device.id} for device in simulator.records.devices]
    environment = {"TEST_FOLDER": str(tmp_path), "ANSIBLE_PIPELINING": "false"}
    (outcome,) = player._run(
        [task(registrations=entries, timeout=60)],
        [],
        script=[Answer(before=stop, delay=30)],
        environment=environment,
    )
    assert time.monotonic() - stopped[0] < 15
    kinds = {entry["failure"]["kind"] for entry in outcome.result["registrations"]}
    assert (kinds, outcome.result["changed"]) == ({"stopped"}, False)
    assert "SIGTERM" in outcome.result["msg"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"device_id": "1", "device_identifier": "a"}], "device_id|device_identifier found in registrations"),
        ([{"fields": []}], "one of the following is required: device_id, device_identifier"),
        ([{"device_id": "1"}, {"device_id": "1"}], "registrations has '1' more than once. List each device once."),
        (
            [{"device_identifier": old, "new_device_identifier": new} for old, new in ("ab", "ba")],
            "Several registrations have or get the same name: 'a', 'b'. ",
        ),
    ],
)
def test_invalid_parameters_cost_no_connection(player, task, entries, words):
    (outcome,) = player.check(task(registrations=entries))
    assert outcome.result["failure"]["kind"] == "invalid_parameters"
    assert words in outcome.result["msg"]
    assert outcome.connections == []
