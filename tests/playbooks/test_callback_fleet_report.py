# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest

from playbooks.conftest import MODULE, TARGET, run_playbook

DEVICES = "edgeops.digicert.digicert_iot_devices"


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
            {"name": "Test", "hosts": "all:!lost", "gather_facts": False, **play},
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
    assert states(drift) == {"access-point": "drifting", "camera": "failed", "read-only": "failed"}
    assert drift["check_mode"]
    assert drift["counts"] == {"devices": 3, "in_line": 0, "changed": 0, "drifting": 1, "failed": 2}
    device = next(each for each in drift["devices"] if each["host"] == "access-point")
    assert device["differences"] == [{"name": "Site", "before": "Rotterdam", "after": "Delft"}]
    assert device["device_id"] == simulator.records["access-point"].id
    assert device["device_identifier"] == "access-point.harbour"
    assert {group["kind"] for group in drift["failures"]} == {"wishes_unfit", "write_denied"}
    assert all(each["device_id"] for each in drift["devices"])
    assert states(reporter.run(play)) == {"access-point": "changed", "camera": "failed", "read-only": "failed"}
    assert states(reporter.run(play))["access-point"] == "in_line"
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
    assert report["counts"] == {"devices": 4, "in_line": 0, "changed": 3, "drifting": 0, "failed": 1}
    last = report["devices"][-1]
    assert last["differences"] == [{"name": "Site", "before": "Rotterdam", "after": "Utrecht"}]


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


def test_a_file_that_cannot_be_written_is_told_and_ends_nothing(reporter):
    reporter.run({"hosts": "access-point", "tasks": [keep("Delft")]})
    ran = run_playbook(
        reporter.folder,
        {
            "name": "Test",
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"ansible.builtin.debug": {"msg": "x"}}],
        },
        environment={
            "ANSIBLE_CALLBACKS_ENABLED": "task_results,edgeops.digicert.fleet_report",
            "DIGICERT_IOT_REPORT_HTML": "/none/report.html",
            "DIGICERT_IOT_REPORT_JSON": str(reporter.json),
        },
    )
    assert ran.return_code == 0
    assert "html_path: /none/report.html cannot be written: No such file or directory" in " ".join(ran.output.split())
    assert json.loads(reporter.json.read_text())["counts"]["devices"] == 0
    assert {path.name for path in reporter.folder.iterdir() if "report" in path.name} == {"report.html", "report.json"}
