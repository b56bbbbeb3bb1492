# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import error_kinds
from ansible_collections.edgeops.digicert.plugins.plugin_utils._findings import Task, findings_of, unreachable
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import CAUSES, make_report

DEVICE, DEVICES, CERTIFICATE, ACCESS, INFO = (
    f"edgeops.digicert.digicert_iot_{name}"
    for name in ("device", "devices", "device_certificate", "registration", "device_info")
)


def kept(device_id, site="Delft", before="Delft"):
    """Return the result of a task that keeps the site of a device."""
    return {
        "changed": site != before,
        "device": {"id": device_id, "device_identifier": f"gate-{device_id}"},
        "diff": {
            "before": {"device_identifier": f"gate-{device_id}", "fields": {"Site": before, "Owner": None}},
            "after": {"device_identifier": f"gate-{device_id}", "fields": {"Site": site, "Owner": None}},
        },
    }


def failed(kind, **keys):
    return {"failed": True, "changed": False, "msg": f"It is {kind}.", "failure": {"kind": kind}, **keys}


def report_on(*runs, check_mode=False):
    """Report on tasks, each as host, module and result."""
    findings = [
        finding
        for host, module, result in runs
        for finding in findings_of(Task(host, module, {}, check_mode), result, bool(result.get("failed")))
    ]
    return make_report(findings, "2026-11-23T20:40:00Z", check_mode, "site.yml")


def states(report):
    return {device["device_id"] or device["host"]: device["state"] for device in report["devices"]}


def test_nothing():
    report = report_on()
    assert report["counts"] == {"devices": 0, "in_sync": 0, "changed": 0, "drifted": 0, "failed": 0}
    assert report["devices"] == report["failures"] == []


@pytest.mark.parametrize(("check_mode", "state"), [(False, "changed"), (True, "drifted")])
def test_what_differs(check_mode, state):
    report = report_on(("a", DEVICE, kept("1", "Rotterdam")), ("b", DEVICE, kept("2")), check_mode=check_mode)
    assert report["counts"] == {"devices": 2, "in_sync": 1, "changed": 0, "drifted": 0, "failed": 0, state: 1}
    first, second = report["devices"]
    assert first == {
        "host": "a",
        "device_id": "1",
        "device_identifier": "gate-1",
        "state": state,
        "differences": [{"name": "Site", "before": "Delft", "after": "Rotterdam"}],
        "certificate": None,
        "failure": None,
        "warnings": [],
    }
    assert (second["state"], second["differences"]) == ("in_sync", [])


def test_tasks_about_one_device_are_one_row():
    certificate = {"changed": True, "certificate": {"not_after": "2027-02-01T00:00:00Z", "remaining_days": 70}}
    access = {
        "changed": True,
        "device_id": "1",
        "diff": {"before": {"allow_write": False}, "after": {"allow_write": True}},
        "warnings": ["Mind the gap."],
    }
    report = report_on(
        ("a", ACCESS, access),
        ("a", DEVICE, kept("1", "Rotterdam")),
        ("a", DEVICE, kept("1", "Utrecht", "Rotterdam")),
        ("a", CERTIFICATE, {**certificate, "device_id": "1"}),
    )
    (device,) = report["devices"]
    assert device["differences"] == [
        {"name": "allow_write", "before": "false", "after": "true"},
        {"name": "Site", "before": "Delft", "after": "Utrecht"},
        {"name": "certificate", "before": None, "after": "renewed"},
    ]
    assert device["certificate"] == {"not_after": "2027-02-01T00:00:00Z", "remaining_days": 70}
    assert device["warnings"] == ["Mind the gap."]


def test_a_certificate_that_is_due_is_drift():
    certificate = {"changed": True, "certificate": {"not_after": "2026-12-01T00:00:00Z", "remaining_days": 8}}
    report = report_on(("a", CERTIFICATE, {**certificate, "device_id": "1"}), check_mode=True)
    assert report["devices"][0]["differences"] == [{"name": "certificate", "before": None, "after": "to be renewed"}]


def test_each_device_of_a_task_for_many():
    results = [
        {"device_id": "1", "failed": False, **kept("1")},
        {"device_id": "2", "failed": False, **kept("2", "Rotterdam")},
        {"device_id": "3", **failed("write_denied")},
    ]
    report = report_on(("gateway", DEVICES, {"failed": True, "changed": True, "devices": results}))
    assert states(report) == {"1": "in_sync", "2": "changed", "3": "failed"}
    assert {device["host"] for device in report["devices"]} == {"gateway"}


def test_a_task_for_many_that_cannot_be_right():
    report = report_on(("gateway", DEVICES, failed("invalid_parameters")))
    assert states(report) == {"gateway": "failed"}


def test_failures_are_grouped_with_their_cure():
    report = report_on(
        ("a", DEVICE, failed("http_error", device_id="1")),
        ("b", DEVICE, failed("write_denied", device_id="2")),
        ("c", DEVICE, failed("write_denied", device_id="3")),
        ("d", DEVICE, {"failed": True, "msg": "boom"}),
        ("e", DEVICE, {"failed": True, "msg": "hidden"}),
        ("f", INFO, failed("write_denied")),
    )
    assert [(group["kind"], group["devices"]) for group in report["failures"]] == [
        ("write_denied", [1, 2, 5]),
        ("other", [3, 4]),
        ("http_error", [0]),
    ]
    assert "allow_write" in report["failures"][0]["remedy"]
    assert report["devices"][4]["failure"] == {"kind": "other", "message": "hidden"}
    assert states(report) == dict.fromkeys(["1", "2", "3", "d", "e", "f"], "failed")


def test_one_failure_makes_the_device_fail_whatever_else_went_well():
    report = report_on(
        ("a", DEVICE, kept("1", "Rotterdam")), ("a", CERTIFICATE, failed("renewal_denied")), ("a", DEVICE, kept("1"))
    )
    assert states(report) == {"1": "failed"}
    assert report["counts"]["devices"] == 1


def test_a_host_that_cannot_be_reached():
    findings = [
        *findings_of(Task("a", DEVICE, {}), kept("1"), False),
        *unreachable(Task("a", "", {}), {"msg": "No route"}),
        *unreachable(Task("b", "", {}), {"msg": "No route"}),
    ]
    report = make_report(findings, "", False, "")
    assert states(report) == {"1": "failed", "b": "failed"}
    assert report["failures"][0]["kind"] == "unreachable"


def test_other_modules_and_reading_say_nothing():
    report = report_on(("a", "ansible.builtin.ping", {"ping": "pong"}), ("a", INFO, {"device": {"id": "1"}}))
    assert report["devices"] == []


def test_ids_are_one_whatever_their_case():
    report = report_on(("a", DEVICE, kept("ab")), ("a", CERTIFICATE, failed("renewal_denied", device_id="AB")))
    assert report["counts"]["devices"] == 1


def test_every_kind_has_a_cause_and_a_remedy():
    assert list(CAUSES) == [error.kind for error in error_kinds()] + ["unreachable", "other"]
    assert all(text.endswith(".") for texts in CAUSES.values() for text in texts)


def test_a_report_is_json():
    json.dumps(report_on(("a", DEVICE, kept("1", "Rotterdam"))))


def test_names_in_a_report_are_valid_json():
    report = make_report(unreachable(Task("gate\ud800\x1b", "", {}), {}), "", False, "site\udcff.yml")
    assert report["devices"][0]["host"] == "gate\ufffd\ufffd"
    assert report["playbook"] == "site\ufffd.yml"
