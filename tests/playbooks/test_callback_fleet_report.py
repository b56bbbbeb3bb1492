# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
import typing as t

import pytest

from playbooks.conftest import BIN, HERE, MODULE, TARGET, environment_in, run_playbook
from simulator import API_KEY
from simulator.records import division_id

DEVICES = "edgeops.digicert.digicert_iot_devices"
REGISTRATIONS = "edgeops.digicert.digicert_iot_registrations"


class Reporter:
    """Runs a play over hosts that are devices of the simulator, with the callback enabled."""

    def __init__(self, player) -> None:
        self.player = player
        self.folder = player.folder
        self.html, self.json = self.folder / "report.html", self.folder / "report.json"

    def run(self, play: dict[str, t.Any], *options: str, **environment: str) -> dict[str, t.Any]:
        """Run a play and return the report. The page must be there too."""
        names = ("access-point", "camera", "read-only")
        hosts = {name: self.player.connection(name, timeout=None, retries=None) for name in names}
        # Nothing listens at this port.
        nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
        hosts["lost"] = {**hosts["camera"], **nowhere}
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        self.ran = run_playbook(
            self.folder,
            [{"name": "Test", "hosts": "all:!lost", "gather_facts": False, **play}],
            "--inventory",
            inventory,
            *options,
            environment={
                "ANSIBLE_CALLBACKS_ENABLED": "task_results,edgeops.digicert.fleet_report",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_PYTHON_INTERPRETER": TARGET,
                "ANSIBLE_TRANSPORT": "local",
                "DIGICERT_IOT_REPORT_HTML": str(self.html),
                "DIGICERT_IOT_REPORT_JSON": str(self.json),
                **environment,
            },
        )
        assert "<!doctype html>" in self.html.read_text().lower()
        return json.loads(self.json.read_text())


@pytest.fixture
def reporter(player) -> Reporter:
    return Reporter(player)


def keep(site: str, **options: t.Any) -> dict[str, t.Any]:
    """Return a task that keeps a field of the host's device."""
    own = {option: f"{{{{ {option} }}}}" for option in ("device_id", "api_url", "client_cert", "client_key", "ca_path")}
    return {"name": "Keep the site", MODULE: {**own, "fields": [{"name": "Site", "value": site}], **options}}


def states(report: dict[str, t.Any]) -> dict[str, str]:
    return {device["host"]: device["state"] for device in report["devices"]}


def test_check_mode_reports_drift_and_a_run_reports_changes(reporter, simulator):
    play = {"tasks": [keep("Delft")]}
    drift = reporter.run(play, "--check")
    # The camera has no such field, and one may not write.
    assert states(drift) == {"access-point": "drifted", "camera": "failed", "read-only": "failed"}
    assert drift["check_mode"]
    assert drift["counts"] == {"devices": 3, "in_sync": 0, "changed": 0, "drifted": 1, "failed": 2}
    device = next(each for each in drift["devices"] if each["host"] == "access-point")
    assert device["differences"] == [{"name": "Site", "before": "Rotterdam", "after": "Delft"}]
    assert device["device_id"] == simulator.records["access-point"].id
    assert device["device_identifier"] == "access-point.harbour"
    assert {group["kind"] for group in drift["failures"]} == {"invalid_desired_state", "write_denied"}
    assert all(each["device_id"] for each in drift["devices"])
    assert states(reporter.run(play)) == {"access-point": "changed", "camera": "failed", "read-only": "failed"}
    assert states(reporter.run(play))["access-point"] == "in_sync"
    assert not simulator.untold


def test_a_loop_ignored_failures_and_many_devices(reporter, simulator):
    sensors = simulator.add_devices(3)
    sensors[1].device_api_allow_write = False
    entries = [reporter.player.connection(sensor.name) for sensor in sensors]
    many = {"name": "Keep many", DEVICES: {"devices": entries, "fields": [{"name": "Site", "value": "Delft"}]}}
    loop = keep("{{ item }}")
    report = reporter.run(
        {"hosts": "access-point", "tasks": [{**many, "ignore_errors": True}, {**loop, "loop": ["Delft", "Utrecht"]}]}
    )
    assert report["counts"] == {"devices": 4, "in_sync": 0, "changed": 3, "drifted": 0, "failed": 1}
    last = report["devices"][-1]
    assert last["differences"] == [{"name": "Site", "before": "Rotterdam", "after": "Utrecht"}]


def test_registrations_in_check_mode_report_drift_of_the_account(reporter, simulator):
    records = simulator.records
    gateway = records.profiles["Gateway"]
    options = {"fields": [{"name": "Serial number", "value": "1"}], "device_profile_id": gateway.id}
    options["field_ids"] = {"Serial number": gateway.field_id("Serial number")}
    records.register("gate-1", {"Serial number": "1"})
    entries = [
        {"device_identifier": "gate-1", **options},
        {"device_identifier": "gate-2", **options},
        {"device_identifier": "access-point.harbour", "fields": [{"name": "Site", "value": "Delft"}]},
        {"device_id": records["camera"].id, "fields": [{"name": "None", "value": "x"}]},
    ]
    connection = {"api_url": simulator.operator_url, "api_key": API_KEY, "ca_path": str(simulator.certificates.ca)}
    task = {
        "name": "Register all devices",
        REGISTRATIONS: {"registrations": entries, "division_id": division_id("Harbour"), **connection},
    }
    drift = reporter.run({"hosts": "localhost", "tasks": [task]}, "--check")
    assert set(simulator.methods) == {"GET"}
    shown = [(row["device_identifier"], row["state"]) for row in drift["devices"]]
    assert shown == [
        ("gate-1", "in_sync"),
        ("gate-2", "drifted"),
        ("access-point.harbour", "drifted"),
        (None, "failed"),
    ]
    assert [row["device_id"] for row in drift["devices"]][1::2] == [None, records["camera"].id]
    assert {"name": "Serial number", "before": None, "after": "1"} in drift["devices"][1]["differences"]
    assert drift["devices"][2]["differences"] == [{"name": "Site", "before": "Rotterdam", "after": "Delft"}]
    (failure,) = drift["failures"]
    assert (failure["kind"], failure["devices"]) == ("invalid_desired_state", [3])
    assert failure["remedy"] == "Correct the options that the message names, or the device profile."
    task[REGISTRATIONS]["api_key"] = "unknown"
    rejected = reporter.run({"hosts": "localhost", "tasks": [task]}, "--check")
    (failure,) = rejected["failures"]
    assert (failure["kind"], failure["devices"]) == ("api_key_rejected", [0, 1, 2, 3])
    assert API_KEY not in reporter.html.read_text() + reporter.json.read_text()


@pytest.mark.thorough
def test_secrets_are_nowhere(reporter):
    secret = {"secret_fields": [{"name": "Contact", "value": "hush-hush"}]}
    report = reporter.run({"hosts": "access-point", "tasks": [keep("Delft", **secret)]})
    (device,) = report["devices"]
    assert {"name": "Contact", "before": "********", "after": "******** (changed)"} in device["differences"]
    for path in (reporter.html, reporter.json):
        assert "hush-hush" not in path.read_text()
        assert "noc@harbour.example" not in path.read_text()
    hidden = reporter.run({"hosts": "access-point", "tasks": [{**keep("Utrecht"), "no_log": True}]})
    assert states(hidden) == {"access-point": "changed"}
    assert "Utrecht" not in reporter.html.read_text() + reporter.json.read_text()


@pytest.mark.thorough
def test_what_no_module_has_answered(reporter):
    report = reporter.run({"hosts": "access-point,lost", "tasks": [keep("Delft")]})
    assert states(report) == {"access-point": "changed", "lost": "failed"}
    assert report["failures"][0]["kind"] == "unreachable"
    unfinished = reporter.run({"hosts": "access-point", "tasks": [keep("{{ nowhere_set }}")]})
    assert [(each["device_id"], each["failure"]["kind"]) for each in unfinished["devices"]] == [(None, "other")]
    nothing = reporter.run({"tasks": [{"name": "Show", "ansible.builtin.debug": {"msg": "nothing"}}]})
    assert nothing["counts"]["devices"] == 0


def test_names_and_values_of_devices_are_foreign(reporter, simulator):
    device = simulator.records["access-point"]
    device.device_identifier = "</script><script>alert(1)</script>"
    device.values[device.field_id("Site")] = "<img src=x onerror=alert(1)>"
    report = reporter.run({"hosts": "access-point", "tasks": [keep("Delft")]})
    assert report["devices"][0]["device_identifier"] == device.device_identifier
    page = reporter.html.read_text()
    assert "<script>alert" not in page
    assert "<img" not in page


def hostile(folder, result):
    """Return a Python interpreter that returns this result, whatever it is asked to run."""
    python = folder / "hostile-python"
    python.write_text(f"#!/bin/sh\ncat > /dev/null\ncat << 'END'\n{json.dumps(result)}\nEND\n")
    python.chmod(0o755)
    return {"ansible_python_interpreter": str(python), "ansible_pipelining": True}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "result",
    [
        {"changed": False, "diff": {"before": {}, "after": {"fields": [1]}}, "device": {"id": 7}},
        {"changed": False, "device": {"id": "other"}, "certificate": {"remaining_days": float("nan")}},
        {"changed": "x", "warnings": {"a": 1}, "device_id": ["x"], "failure": "x"},
        {"changed": False, "msg": "\ud800\x1b" * 100000},
    ],
)
def test_a_hostile_host_fails_alone(reporter, simulator, result):
    same_device = {"device_id": simulator.records["access-point"].id}
    reporter.run(
        {
            "hosts": "access-point,camera",
            "tasks": [{**keep("Rotterdam"), "ignore_errors": True, "when": "inventory_hostname == 'access-point'"}],
        }
    )
    alone = json.loads(reporter.json.read_text())["devices"]
    answers = {"name": "Answer", "ansible.builtin.set_fact": {**hostile(reporter.folder, result), **same_device}}
    report = reporter.run(
        {
            "hosts": "access-point,camera",
            "ignore_errors": True,
            "tasks": [{**answers, "when": "inventory_hostname == 'camera'"}, keep("Rotterdam")],
        }
    )
    assert states(report) == {"access-point": "in_sync", "camera": "failed"}
    assert [row for row in report["devices"] if row["host"] == "access-point"] == alone
    (failed,) = [row for row in report["devices"] if row["host"] == "camera"]
    assert failed["failure"]["kind"] == "other"
    assert len(reporter.json.read_text()) < 40000


def test_failed_when_hides_no_failure_and_turns_drift_into_none(reporter, simulator):
    simulator.records["camera"].device_api_allow_read = False
    drift = {"register": "drift", "failed_when": "drift is failed or drift is changed"}
    report = reporter.run(
        {
            "hosts": "access-point,camera",
            "tasks": [
                {**keep("Delft"), **drift, "when": "inventory_hostname == 'access-point'", "check_mode": True},
                {**keep("Delft"), "failed_when": False, "when": "inventory_hostname == 'camera'"},
            ],
        }
    )
    assert reporter.ran.return_code != 0
    assert states(report) == {"access-point": "drifted", "camera": "failed"}
    assert [group["kind"] for group in report["failures"]] == ["read_denied"]


@pytest.mark.thorough
def test_an_item_that_ansible_refuses_is_the_failure_of_its_own_device(reporter, simulator):
    items = [{"id": simulator.records["access-point"].id, "timeout": 5}, {"id": "other-device", "timeout": "soon"}]
    task = keep("Rotterdam", device_id="{{ item.id }}", timeout="{{ item.timeout }}")
    for no_log in (False, True):
        report = reporter.run({"hosts": "access-point", "tasks": [{**task, "loop": items, "no_log": no_log}]})
        shown = [(row["device_id"], row["state"]) for row in report["devices"]]
        assert shown == [
            (None if no_log else item["id"], state) for item, state in zip(items, ("in_sync", "failed"), strict=True)
        ]


def test_a_task_without_devices_is_no_device(reporter):
    report = reporter.run({"hosts": "access-point", "tasks": [{DEVICES: {"devices": [], "fields": []}}]})
    assert report["counts"]["devices"] == 0


def test_unreachable_and_then_in_sync_is_one_row(reporter):
    back = {"ansible_connection": "local", "ansible_host": "127.0.0.1"}
    report = reporter.run(
        {
            "hosts": "lost",
            "tasks": [
                {"ansible.builtin.ping": {}, "ignore_unreachable": True},
                {**keep("x", fields=[]), "vars": back},
            ],
        }
    )
    assert [(row["state"], bool(row["device_id"])) for row in report["devices"]] == [("failed", True)]


def play(reporter, *tasks, options=(), **environment):
    """Run tasks on the controller, and return the finished process."""
    book = reporter.folder / "book.yml"
    book.write_text(json.dumps([{"name": "Test", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return subprocess.run(
        [BIN / "ansible-playbook", *options, book],
        env={
            **environment_in(reporter.folder),
            "ANSIBLE_CALLBACKS_ENABLED": "edgeops.digicert.fleet_report",
            "DIGICERT_IOT_REPORT_HTML": str(reporter.html),
            "DIGICERT_IOT_REPORT_JSON": str(reporter.json),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


SHOW = {"name": "Show", "ansible.builtin.debug": {"msg": "x"}}


def test_a_run_that_ends_early_leaves_no_old_report(reporter):
    for path in (reporter.html, reporter.json):
        path.write_text("old")
    book = reporter.folder / "book.yml"
    book.write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{"wait_for": {"timeout": 60}}]}])
    )
    environment = {
        **environment_in(reporter.folder),
        "ANSIBLE_CALLBACKS_ENABLED": "edgeops.digicert.fleet_report",
        "DIGICERT_IOT_REPORT_HTML": str(reporter.html),
        "DIGICERT_IOT_REPORT_JSON": str(reporter.json),
    }
    # Workers of pytest-xdist ignore SIGINT, and so would what they start.
    command = ["env", "--default-signal=INT", BIN / "ansible-playbook", book]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while reporter.html.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
    assert process.returncode != 0
    assert not [path for path in reporter.folder.iterdir() if "report" in path.name or path.name.endswith(".part")]


def test_a_play_without_hosts_replaces_the_old_report(reporter):
    reporter.json.write_text("old")
    ran = play(reporter, SHOW, options=["--inventory", "other,"])
    assert ran.returncode == 0
    assert json.loads(reporter.json.read_text())["counts"]["devices"] == 0


def test_old_attributes_are_kept_and_a_new_report_is_private(reporter):
    reporter.html.write_text("old")
    reporter.html.chmod(0o604)
    os.chown(reporter.html, 12345, 12345)
    play(reporter, SHOW)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (reporter.html, reporter.json)] == [0o604, 0o600]
    assert (reporter.html.stat().st_uid, reporter.html.stat().st_gid) == (12345, 12345)


@pytest.mark.parametrize("off", ["", "/dev/null"])
def test_a_file_can_be_switched_off(reporter, off):
    ran = play(reporter, SHOW, DIGICERT_IOT_REPORT_HTML=off)
    assert json.loads(reporter.json.read_text())["counts"]["devices"] == 0
    assert ran.returncode == 0
    assert [line for line in ran.stderr.splitlines() if "report" in line] == [f"fleet_report: {reporter.json}"]
    assert not reporter.html.exists()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_relative_path_in_the_configuration_starts_at_its_directory(reporter):
    directory = reporter.folder / "configuration"
    directory.mkdir()
    (directory / "ansible.cfg").write_text(
        "[defaults]\ncallbacks_enabled = edgeops.digicert.fleet_report\n"
        "[callback_fleet_report]\nhtml_path =\njson_path = fleet.json\n"
    )
    book = directory / "book.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [SHOW]}]))
    environment = {**environment_in(reporter.folder), "ANSIBLE_CONFIG": str(directory / "ansible.cfg")}
    subprocess.run([BIN / "ansible-playbook", book], env=environment, cwd=reporter.folder, check=True)
    assert sorted(path.name for path in directory.iterdir()) == ["ansible.cfg", "book.yml", "fleet.json"]


def test_standard_output_belongs_to_the_stdout_callback(reporter):
    ran = play(
        reporter, SHOW, ANSIBLE_STDOUT_CALLBACK="json_output", ANSIBLE_CALLBACK_PLUGINS=str(HERE / "callback_plugins")
    )
    assert json.loads(ran.stdout) == {"ended": True}
    assert f"fleet_report: {reporter.html}" in ran.stderr


def test_several_playbooks_of_one_command_make_one_report(reporter):
    second = reporter.folder / "second.yml"
    second.write_text(json.dumps([{"name": "Test", "hosts": "localhost", "gather_facts": False, "tasks": [SHOW]}]))
    play(reporter, SHOW, options=[str(second)])
    assert json.loads(reporter.json.read_text())["playbook"] == "second.yml, book.yml"


def test_a_file_that_cannot_be_written_is_told_and_ends_nothing(reporter):
    reporter.run({"hosts": "access-point", "tasks": [keep("Delft")]})
    ran = run_playbook(
        reporter.folder,
        [
            {
                "name": "Test",
                "hosts": "localhost",
                "gather_facts": False,
                "tasks": [{"ansible.builtin.debug": {"msg": "x"}}],
            }
        ],
        environment={
            "ANSIBLE_CALLBACKS_ENABLED": "task_results,edgeops.digicert.fleet_report",
            "DIGICERT_IOT_REPORT_HTML": "/none/report.html",
            "DIGICERT_IOT_REPORT_JSON": str(reporter.json),
        },
    )
    assert ran.return_code == 0
    assert (
        "html_path: cannot write /none/report.html: No such file or directory. There is no report of this run."
        in " ".join(ran.output.split())
    )
    assert json.loads(reporter.json.read_text())["counts"]["devices"] == 0
    assert {path.name for path in reporter.folder.iterdir() if "report" in path.name} == {"report.html", "report.json"}
