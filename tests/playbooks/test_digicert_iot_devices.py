# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping many devices, from a playbook."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from simulator import Answer

MODULE = "edgeops.digicert.digicert_iot_devices"
DELFT = [{"name": "Site", "value": "Delft"}]


@pytest.fixture
def sensors(simulator):
    return simulator.add_devices(6)


@pytest.fixture
def many(player, simulator):
    """What makes a task for devices, each with the options of its own that are given by its ID."""

    def task(devices, own=None, **options):
        entries = []
        for device in devices:
            leaf = simulator.certificates[device.name]
            pair = {"client_cert": str(leaf.pem), "client_key": str(leaf.key)}
            entry = {"device_id": device.id, **pair, **(own or {}).get(device.id, {})}
            entries.append({option: value for option, value in entry.items() if value is not None})
        usual = {"device_id": None, "client_cert": None, "client_key": None, "devices": entries}
        return player.task(module=MODULE, **{**usual, **options})

    return task


def sites(devices):
    return [device.named_values["Site"] for device in devices]


def test_all_devices_are_brought_to_one_value(player, many, sensors):
    task = many(sensors, fields=DELFT)
    (check,) = player.check(task, play={"diff": True})
    assert sites(sensors) == ["Rotterdam"] * 6
    real, again = player._run([task, task], [], play={"diff": True})
    assert sites(sensors) == ["Delft"] * 6
    for outcome in (check, real):
        assert outcome.result["changed"]
        assert [entry["device_id"] for entry in outcome.result["devices"]] == [device.id for device in sensors]
        assert {entry["changed_fields"][0] for entry in outcome.result["devices"]} == {"Site"}
        assert len(outcome.result["diff"]) == 6
        assert outcome.handshakes == 6
    assert collections.Counter(real.methods) == {"GET": 6, "PUT": 6}
    assert (again.result["changed"], again.result["diff"], again.methods) == (False, [], ["GET"] * 6)
    assert [entry["failed"] for entry in again.result["devices"]] == [False] * 6


def test_each_device_comes_with_its_own_certificate(player, many, simulator, sensors):
    player._run([many(sensors, fields=DELFT, max_parallel=2)], [])
    peers = {request.path.rpartition("/")[2]: request.connection.peer for request in simulator.requests}
    assert peers == {device.id: f"commonName={device.name}" for device in sensors}


def test_a_device_can_want_something_else(player, many, sensors):
    own = {
        sensors[0].id: {"fields": [{"name": "Contact", "value": "harbour"}]},
        sensors[1].id: {"fields": [], "device_identifier": "x"},
    }
    (outcome,) = player._run([many(sensors, own, fields=DELFT)], [])
    assert outcome.result["changed"]
    assert sites(sensors) == ["Rotterdam", "Rotterdam"] + ["Delft"] * 4
    assert sensors[0].named_values["Contact"] == "harbour"
    assert sensors[1].device_identifier == "x"


def test_names_in_field_ids_are_those_of_the_task_or_of_the_device(player, many, sensors):
    for sensor in sensors[:3]:
        sensor.valueless = "absent"
        del sensor.values[sensor.field_id("Site")]
    site, owner = (sensors[0].field_id(name) for name in ("Site", "Owner"))
    own = {
        sensors[1].id: {"field_ids": {"Holder": owner}, "fields": [{"name": "Holder", "value": "harbour"}]},
        sensors[2].id: {"field_ids": {"Site": 7}},
    }
    task = many(sensors[:3], own, fields=DELFT, field_ids={"Site": site})
    (check,), (real, again) = player.check_and_run([task], [task, task])
    for outcome in (check, real):
        first, second, third = outcome.result["devices"]
        assert (first["changed_fields"], second["changed_fields"]) == (["Site"], ["Holder"])
        assert third["failure"]["kind"] == "invalid_parameters"
        assert "field_ids: the ID of 'Site' is of the type int" in third["msg"]
    assert collections.Counter(real.methods) == {"GET": 2, "PUT": 2}
    assert (sensors[0].named_values["Site"], sensors[1].named_values["Owner"]) == ("Delft", "harbour")
    assert "Site" not in sensors[1].named_values
    assert (again.result["changed"], again.methods) == (False, ["GET"] * 2)


def test_one_that_fails_stops_no_other_and_is_named(player, many, sensors):
    own = {
        sensors[1].id: {"client_key": "/does/not/exist.key"},
        sensors[2].id: {"fields": [{"name": "Sight", "value": "Delft"}]},
        sensors[3].id: {"timeout": 0},
    }
    (outcome,) = player._run([many(sensors, own, fields=DELFT)], [])
    assert outcome.failed
    assert outcome.result["changed"]
    assert outcome.result["msg"].startswith(f"3 of 6 devices failed. Device {sensors[1].id}: client_key: /does/not")
    entries = outcome.result["devices"]
    assert [entry.get("failure", {}).get("kind") for entry in entries] == [
        None,
        "invalid_parameters",
        "invalid_desired_state",
        "invalid_parameters",
        None,
        None,
    ]
    assert "Did you mean 'Site'" in entries[2]["msg"]
    assert sites(sensors) == ["Delft", "Rotterdam", "Rotterdam", "Rotterdam", "Delft", "Delft"]
    assert outcome.methods.count("GET") == 4


def test_the_first_failure_can_stop_the_rest(player, many, sensors):
    own = {sensors[0].id: {"client_key": "/does/not/exist.key"}}
    (outcome,) = player._run([many(sensors, own, fields=DELFT, fail_fast=True, max_parallel=1)], [])
    kinds = [entry["failure"]["kind"] for entry in outcome.result["devices"]]
    assert kinds == ["invalid_parameters"] + ["stopped"] * 5
    assert (outcome.methods, outcome.result["changed"]) == ([], False)


def test_a_device_that_is_listed_twice_costs_no_connection(player, many, simulator, sensors):
    (outcome,) = player._run([many([*sensors, sensors[2]], fields=DELFT, max_parallel=0)], [])
    assert outcome.result["msg"] == (
        f"devices has '{sensors[2].id}' more than once. List each device once. "
        "max_parallel is 0, but must be from 1 to 100."
    )
    assert outcome.result["failure"]["kind"] == "invalid_parameters"
    assert simulator.connections == []


@pytest.mark.thorough
def test_no_devices_are_nothing_to_do(player, many):
    outcome = player.run_one(many([], fields=DELFT))
    assert (outcome.result["changed"], outcome.result["devices"]) == (False, [])


@pytest.mark.thorough
def test_records_can_be_left_out_and_progress_is_shown(player, many, sensors, tmp_path):
    path = tmp_path / "progress.json"
    outcome = player.run_one(many(sensors, fields=DELFT, return_records=False, progress_path=str(path)))
    assert not any("device" in entry for entry in outcome.result["devices"])
    assert json.loads(path.read_text()) == {"devices": 6, "done": 6, "changed": 6, "failed": 0}


@pytest.mark.thorough
def test_a_long_run_can_go_on_without_a_connection(player, many, sensors, tmp_path):
    path = tmp_path / "progress.json"
    task = {**many(sensors, fields=DELFT, progress_path=str(path), max_requests_per_second=3), "async": 60, "poll": 1}
    (outcome,) = player._run([task], [], environment={"ANSIBLE_ASYNC_DIR": str(tmp_path / "jobs")})
    assert outcome.result["changed"]
    assert "ASYNC POLL" in outcome.output
    assert sites(sensors) == ["Delft"] * 6
    assert json.loads(path.read_text())["done"] == 6


def test_a_progress_file_that_cannot_be_costs_no_connection(player, many, simulator, sensors):
    (outcome,) = player._run([many(sensors, fields=DELFT, progress_path="/does/not/exist/progress")], [])
    assert outcome.result["failure"]["kind"] == "invalid_parameters"
    assert simulator.connections == []


def test_devices_with_files_do_not_need_a_temporary_directory(player, many, simulator, sensors):
    leaf = simulator.certificates[sensors[0].name]
    own = {
        sensors[0].id: {
            "client_cert": None,
            "client_cert_content": leaf.pem.read_text(),
            "client_key": None,
            "client_key_content": leaf.key.read_text(),
        }
    }
    # No process can create a directory in /proc.
    (outcome,) = player._run([many(sensors, own, fields=DELFT)], [], environment={"ANSIBLE_REMOTE_TMP": "/proc"})
    assert failures(outcome) == ["host_error"] + [None] * 5
    assert "temporary directory" in outcome.result["devices"][0]["msg"]
    assert sites(sensors) == ["Rotterdam"] + ["Delft"] * 5


def test_the_secrets_of_one_device_show_nowhere(player, many, simulator, sensors):
    leaf = simulator.certificates[sensors[0].name]
    content = {
        "client_cert": None,
        "client_key": None,
        "client_cert_content": leaf.pem.read_text(),
        "client_key_content": leaf.key.read_text(),
    }
    secret = {"secret_fields": [{"name": "Contact", "value": "hush-hush"}], "fields": []}
    # Like Ansible, it hides the text of a secret also where it is part of another one.
    site = {"fields": [{"name": "Site", "value": "at hush-hush"}]}
    own = {
        sensors[0].id: {**content, **secret, **site},
        sensors[1].id: {**secret, "client_key_passphrase": "very-hush"},
    }
    task = many(sensors, own, fields=DELFT)
    (outcome,) = player._run([task], [], play={"diff": True}, environment={"ANSIBLE_VERBOSITY": "3"})
    assert outcome.result["devices"][0]["changed_fields"] == ["Site", "Contact"]
    assert sensors[0].named_values["Contact"] == "hush-hush"
    shown = outcome.output + json.dumps(outcome.result)
    for word in ("hush-hush", "very-hush", leaf.key.read_text().splitlines()[1]):
        assert word not in shown
    # What the field was before is as secret, for the devices that say so.
    assert ["noc@harbour" in json.dumps(entry) for entry in outcome.result["devices"][:3]] == [False, False, True]


def test_a_task_that_fails_without_records_prints_what_a_person_reads(player, many, sensors):
    own = {sensors[0].id: {"client_key": "/does/not/exist"}, sensors[2].id: {"fields": DELFT}}
    same = [{"name": "Site", "value": "Rotterdam"}]
    (outcome,) = player._run([many(sensors[:4], own, fields=same, return_records=False)], [])
    failed, changed = outcome.result["devices"]
    assert (failed["index"], failed["failed"], changed["index"], changed["changed"]) == (0, True, 2, True)
    assert changed["diff"]["after"]["fields"] == {"Site": "Delft"}
    assert outcome.result["msg"].startswith(f"1 of 4 devices failed. Device {sensors[0].id}: client_key: ")
    assert [sensor.id in outcome.output for sensor in sensors[:4]] == [True, False, True, False]
    assert outcome.result["diff"][0]["before_header"] == f"{sensors[2].device_identifier} ({sensors[2].id})"


def test_warnings_are_told_once(player, many, sensors):
    (outcome,) = player._run([many(sensors, fields=DELFT, validate_certs=False)], [])
    (warning,) = [text for text in outcome.result["warnings"] if "validate_certs" in text]
    assert warning.endswith("and 1 more)")
    assert all("validate_certs" in entry["warnings"][0] for entry in outcome.result["devices"])


def test_options_of_the_connection_come_from_the_environment(player, many, sensors, simulator):
    environment = {"DIGICERT_IOT_API_URL": simulator.url, "DIGICERT_IOT_CA_PATH": str(simulator.certificates.ca)}
    task = many(sensors, fields=DELFT, api_url=None, ca_path=None)
    (outcome,) = player._run([task], [], environment=environment)
    assert not outcome.failed


def interpreter(folder, limits):
    """Return a Python that runs with these limits of the shell."""
    path = folder / "python"
    path.write_text(f'#!/bin/bash\n{limits}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return {"ANSIBLE_PYTHON_INTERPRETER": str(path)}


def failures(outcome):
    assert "Traceback" not in outcome.output
    return [entry.get("failure", {}).get("kind") for entry in outcome.result["devices"]]


@pytest.mark.thorough
@pytest.mark.parametrize("content", [False, True])
def test_a_lack_of_descriptors_fails_single_devices(player, many, simulator, tmp_path, content):
    sensors = simulator.add_devices(30)
    own = {}
    for sensor in sensors if content else ():
        leaf = simulator.certificates[sensor.name]
        own[sensor.id] = {
            "client_cert": None,
            "client_cert_content": leaf.pem.read_text(),
            "client_key": None,
            "client_key_content": leaf.key.read_text(),
        }
    task = many(sensors, own, fields=DELFT, max_parallel=30)
    script = [Answer(method="GET", delay=1.0, times=30)]
    (outcome,) = player._run([task], [], script=script, environment=interpreter(tmp_path, "ulimit -n 20"))
    simulator.clear_script()
    kinds = failures(outcome)
    assert {None, "host_error"} == set(kinds)
    assert "Too many open files" in outcome.result["msg"]
    assert [kind is None for kind in kinds] == [site == "Delft" for site in sites(sensors)]


@pytest.mark.thorough
def test_files_without_an_end_fail_single_devices(player, many, sensors, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    own = {
        sensors[0].id: {"client_cert": str(fifo)},
        sensors[1].id: {"client_key": "/dev/zero"},
        sensors[2].id: {"ca_path": str(fifo)},
        sensors[3].id: {"client_cert": str(tmp_path)},
    }
    (outcome,) = player._run([many(sensors, own, fields=DELFT)], [])
    assert failures(outcome) == ["invalid_parameters"] * 4 + [None] * 2
    assert sites(sensors) == ["Rotterdam"] * 4 + ["Delft"] * 2


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_task_that_is_told_to_stop_ends_soon_and_reports(player, many, sensors, tmp_path, number):
    """The service holds the third request, and then the module's own process is told to stop."""

    def stop(_records):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                ours = str(tmp_path).encode() in (process / "environ").read_bytes()
                if ours and len(words) > 1 and b"/AnsiballZ_digicert_iot_devices" in words[1]:
                    os.kill(int(process.name), number)
                    stopped.append(time.monotonic())

    stopped = []
    script = [Answer(times=2), Answer(before=stop, delay=30)]
    environment = {"TEST_FOLDER": str(tmp_path), "ANSIBLE_PIPELINING": "false"}
    task = many(sensors, fields=[{"name": "Site", "value": "Rotterdam"}], max_parallel=1, timeout=60)
    (outcome,) = player._run([task], [], script=script, environment=environment)
    assert time.monotonic() - stopped[0] < 15
    kinds = [entry.get("failure", {}).get("kind") for entry in outcome.result["devices"]]
    assert kinds == [None, None, "outcome_unknown", "stopped", "stopped", "stopped"]
    assert number.name in outcome.result["msg"]
    assert len(stopped) == 1
