# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of managed hosts, as they should be and as a hostile host can make them."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.plugin_utils._findings import Task, findings_of, unreachable
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import CAUSES, STATES, make_report
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report_page import render

DEVICE, DEVICES, CERTIFICATE, REGISTRATION, REGISTRATIONS, *READING = MODULES = tuple(
    f"edgeops.digicert.digicert_iot_{name}"
    for name in (
        *("device", "devices", "device_certificate", "registration", "registrations"),
        *("device_info", "registration_info", "enrollment_profile_info"),
    )
)
MANY = {DEVICES: "devices", REGISTRATIONS: "registrations"}
ANSIBLE_MESSAGE = "argument 'timeout' is of type str"


def task_of(host="gate", action=DEVICE, device_id=None, **keywords):
    return Task(host, action, {} if device_id is None else {"device_id": device_id}, **keywords)


def gateway(*device_ids, **keywords):
    return Task("gate", DEVICES, {"devices": [{"device_id": device_id} for device_id in device_ids]}, **keywords)


def kept(name="1", site="Delft", before="Delft", **keys):
    """Return the result of a task that manages the site of a device."""
    return {
        "changed": site != before,
        "device": {"id": name, "device_identifier": f"gate-{name}"},
        "changed_fields": ["Site"] if site != before else [],
        "diff": {
            "before": {"device_identifier": f"gate-{name}", "fields": {"Site": before}},
            "after": {"device_identifier": f"gate-{name}", "fields": {"Site": site}},
        },
        **keys,
    }


def failed(kind="write_denied", **keys):
    return {"changed": False, "msg": f"It is {kind}.", "failure": {"kind": kind}, **keys}


def certificate(days=70, **keys):
    return {"changed": False, "certificate": {"not_after": "2027-02-01T00:00:00Z", "remaining_days": days}, **keys}


def report_of(*findings):
    return make_report([each for some in findings for each in some], "2026-11-23T20:40:00Z", False, "site.yml")


def rows(report):
    return [(device["host"], device["device_id"], device["state"]) for device in report["devices"]]


def message_of(finding):
    return finding.failure["message"]


@pytest.mark.parametrize("claimed", ["2", "1 ", "other"])
@pytest.mark.parametrize("result", [kept, failed, certificate])
def test_result_about_another_device_than_the_task_is_invalid(claimed, result):
    action = CERTIFICATE if result is certificate else DEVICE
    (finding,) = findings_of(task_of(action=action, device_id="1"), result(device_id=claimed), failed=False)
    assert (finding.device_id, finding.state) == ("1", "failed")
    assert message_of(finding) == "The result of the module is invalid: it is about another device."


def test_a_host_never_changes_the_row_of_another_host():
    good = findings_of(task_of("good", device_id="id"), kept("id"), failed=False)
    evil = [
        *findings_of(task_of("evil"), kept("ID", "x", "y", device_id="id"), failed=False),
        *findings_of(task_of("evil", CERTIFICATE), certificate(9999, device_id="Id"), failed=False),
        *findings_of(task_of("evil"), failed(device_id="id"), failed=True),
        *findings_of(Task("evil", DEVICES, {}), {"changed": False, "devices": [failed(device_id="id")]}, failed=False),
    ]
    alone, both = report_of(good), report_of(good, evil)
    assert both["devices"][0] == alone["devices"][0]
    assert rows(both) == [("good", "id", "in_sync"), ("evil", "id", "failed")]


@pytest.mark.parametrize("failed_when", [True, False])
def test_a_failure_counts_whatever_the_task_makes_of_it(failed_when):
    task = task_of(device_id="1", has_conditions=True)
    (finding,) = findings_of(task, failed("connection_failed"), failed=failed_when)
    assert (finding.state, finding.failure["kind"]) == ("failed", "connection_failed")


@pytest.mark.parametrize(("check_mode", "state"), [(False, "changed"), (True, "drifted")])
def test_a_task_that_fails_because_of_a_change_is_no_failure(check_mode, state):
    task = task_of(device_id="1", has_conditions=True, check_mode=check_mode)
    (finding,) = findings_of(task, kept(site="Delft", before="Utrecht"), failed=True)
    assert (finding.state, finding.failure) == (state, None)
    assert finding.differences == {"Site": ("Utrecht", "Delft")}


@pytest.mark.parametrize("has_conditions", [True, False])
def test_a_task_that_fails_without_a_change_is_a_failure(has_conditions):
    (finding,) = findings_of(task_of(has_conditions=has_conditions), kept(), failed=True)
    assert finding.state == "failed"
    assert message_of(finding) == "The module succeeded, but the task failed."


def test_a_host_cannot_excuse_a_failure_with_conditions_that_the_task_lacks():
    result = kept(site="Delft", before="Utrecht", failed_when_result=True)
    assert findings_of(task_of(), result, failed=True)[0].state == "failed"


def test_a_change_that_changed_when_hides_is_a_change():
    assert findings_of(task_of(), kept(site="Delft", before="Utrecht", changed=False), False)[0].state == "changed"


@pytest.mark.parametrize("action", MODULES)
@pytest.mark.parametrize(
    "result",
    [
        {},
        {"changed": False},
        {"changed": False, "msg": ANSIBLE_MESSAGE},
        {"changed": False, "msg": "MODULE FAILURE", "rc": 1, "module_stdout": "", "module_stderr": "x"},
    ],
)
def test_a_result_that_ansible_made_is_a_failure_even_if_failed_when_is_false(action, result):
    (finding,) = findings_of(Task("gate", action, {}, has_conditions=True), result, failed=False)
    assert (finding.state, finding.failure["kind"]) == ("failed", "other")
    assert message_of(finding) == result.get("msg", "The result of the module is incomplete.")


def test_the_arguments_say_which_device_ansible_refused():
    report = report_of(
        findings_of(task_of(device_id="1"), kept("1"), failed=False),
        findings_of(task_of(device_id="2"), {"changed": False, "msg": ANSIBLE_MESSAGE}, failed=True),
    )
    assert rows(report) == [("gate", "1", "in_sync"), ("gate", "2", "failed")]


@pytest.mark.parametrize("device_id", ["{{ nope }}", "", 1.5, True, None, ["1"], {"a": 1}, "a\0b", "\ud800", "x" * 256])
def test_an_argument_that_cannot_be_an_id_identifies_no_device(device_id):
    (finding,) = findings_of(Task("gate", DEVICE, {"device_id": device_id}), {"msg": ANSIBLE_MESSAGE}, failed=True)
    assert finding.device_id is None


@pytest.mark.parametrize("arguments", [None, [], "x", {"_raw_params": "x"}])
def test_arguments_of_another_form_identify_no_device(arguments):
    for action in MODULES:
        (finding,) = findings_of(Task("gate", action, arguments), {"msg": ANSIBLE_MESSAGE}, failed=True)
        assert finding.device_id is None
        assert unreachable(Task("gate", action, arguments), None)[0].device_id is None


def test_an_id_that_is_a_number_in_the_playbook_is_text():
    (finding,) = findings_of(task_of(device_id=42), kept("42"), failed=False)
    assert (finding.device_id, finding.state) == ("42", "in_sync")


@pytest.mark.parametrize(
    ("message", "text"), [("No route", "No route"), (None, ""), (["x"], ""), ("\x1b[31m", "\ufffd[31m")]
)
def test_unreachable_and_then_in_sync_is_one_row(message, text):
    for first in (task_of(action="ansible.builtin.setup"), task_of(device_id="1"), task_of()):
        report = report_of(unreachable(first, {"msg": message}), findings_of(task_of(device_id="1"), kept("1"), False))
        assert rows(report) == [("gate", "1", "failed")]
        assert report["devices"][0]["failure"] == {"kind": "unreachable", "message": text}


def test_unreachable_gateway_and_then_in_sync_is_a_row_for_each_device():
    results = [kept(name, device_id=name) for name in ("1", "2")]
    after = findings_of(gateway("1", "2"), {"changed": False, "devices": results}, failed=False)
    for first in (task_of(action="ansible.builtin.setup"), gateway("1", "2")):
        report = report_of(unreachable(first, {"msg": "No route"}), after)
        assert rows(report) == [("gate", "1", "failed"), ("gate", "2", "failed")]


def test_a_failure_of_no_certain_device_blames_none_of_several():
    report = report_of(
        findings_of(task_of(device_id="1"), kept("1"), False),
        findings_of(task_of(device_id="2"), kept("2"), False),
        findings_of(task_of(), {"msg": ANSIBLE_MESSAGE}, True),
    )
    assert rows(report) == [("gate", "1", "in_sync"), ("gate", "2", "in_sync"), ("gate", None, "failed")]


def test_a_device_that_is_looked_up_by_name_has_one_row():
    def by_name(name):
        return Task("localhost", REGISTRATION, {"device_identifier": name})

    access = {"changed": False, "device_id": "1", "device_identifier": "a", "access": {"allow_read": True}}
    report = report_of(
        findings_of(by_name("a"), failed(device_id=None), True),
        findings_of(by_name("b"), failed(device_id=None), True),
        unreachable(by_name("c"), {"msg": "No route"}),
        findings_of(by_name("a"), access, False),
    )
    assert [(row["device_id"], row["device_identifier"]) for row in report["devices"]] == [
        ("1", "a"),
        (None, "b"),
        (None, "c"),
    ]


def test_a_field_with_the_name_of_another_key_hides_no_difference():
    def side(value, status):
        return {"fields": {"status": value, "Site": value}, "access": {"status": status}}

    for before in (side("a", "ACTIVE"), {}):
        result = {"changed": True, "access": {}, "diff": {"before": before, "after": side("b", "DISABLED")}}
        (finding,) = findings_of(Task("localhost", REGISTRATION, {"device_id": "1"}), result, False)
        assert finding.differences == {
            "status": ("ACTIVE" if before else None, "DISABLED"),
            "status (field)": ("a" if before else None, "b"),
            "Site": ("a" if before else None, "b"),
        }


def registered(name, device_id=None, changed=True, **keys):
    """Return the entry of a device that is created, or would be created without an ID."""
    after = {"device_identifier": name, "fields": {"Site": "Delft"}, "access": {"allow_read": True, "status": "ACTIVE"}}
    return {
        "device_id": device_id,
        "device_identifier": name,
        "changed": changed,
        "failed": False,
        "created": changed,
        "changed_fields": ["Site"] if changed else [],
        "diff": {"before": {} if changed else after, "after": after},
        **keys,
    }


def registrations(*entries, **keywords):
    return Task("localhost", REGISTRATIONS, {"registrations": list(entries), "division_id": "A"}, **keywords)


def test_each_registration_has_a_row_by_its_id_or_its_name():
    entries = [{"device_identifier": "a"}, {"device_identifier": "b"}, {"device_id": "3"}, {"device_identifier": "d"}]
    results = [
        registered("a"),
        registered("b", "2", changed=False),
        registered("c", "3", changed=False),
        {"device_id": None, "device_identifier": "d", **failed("api_key_rejected", failed=True)},
    ]
    task = registrations(*entries, check_mode=True)
    report = report_of(findings_of(task, {"changed": True, "registrations": results}, failed=True))
    shown = [(row["device_id"], row["device_identifier"], row["state"]) for row in report["devices"]]
    assert shown == [(None, "a", "drifted"), ("2", "b", "in_sync"), ("3", "c", "in_sync"), (None, "d", "failed")]
    assert report["devices"][0]["differences"] == [
        {"name": "device_identifier", "before": None, "after": "a"},
        {"name": "allow_read", "before": None, "after": "true"},
        {"name": "status", "before": None, "after": "ACTIVE"},
        {"name": "Site", "before": None, "after": "Delft"},
    ]
    assert report["failures"][0]["kind"] == "api_key_rejected"


def test_a_renamed_device_keeps_its_row():
    entries = [{"device_identifier": "a", "new_device_identifier": "b"}]
    (finding,) = findings_of(registrations(*entries), {"registrations": [registered("b", "1")]}, failed=False)
    assert (finding.device_id, finding.device_identifier, finding.state) == ("1", "a", "changed")


def test_one_name_in_two_divisions_is_two_devices():
    entries = [{"device_identifier": "a"}, {"device_identifier": "a", "division_id": "B"}]
    task = registrations(*entries, check_mode=True)
    for results in (
        [registered("a"), registered("a")],
        [registered("a", "1", changed=False), registered("a")],
    ):
        report = report_of(findings_of(task, {"registrations": results}, failed=False))
        assert [row["device_id"] for row in report["devices"]] == [results[0]["device_id"], None]
        assert report["devices"][1]["state"] == "drifted"


@pytest.mark.parametrize("device_id", [None, "1"])
def test_a_name_with_a_division_and_without_it_is_one_device(device_id):
    one = Task("gate", REGISTRATION, {"device_identifier": "a", "division_id": "A"})
    other = Task("gate", "edgeops.digicert.digicert_iot_device_enrollment", {"device_identifier": "a"})
    issued = {"changed": True, "device_id": None, "device_identifier": "a", "reason": "There is no certificate."}
    report = report_of(
        findings_of(other, issued, failed=False), findings_of(one, registered("a", device_id), failed=False)
    )
    assert [(row["device_id"], row["device_identifier"]) for row in report["devices"]] == [(device_id, "a")]


def test_registrations_that_ansible_rejects_fail_each_by_its_name():
    entries = [{"device_identifier": "a"}, {"device_id": "2"}, "x"]
    findings = findings_of(registrations(*entries), {"msg": ANSIBLE_MESSAGE}, failed=True)
    assert [(each.device_id, each.device_identifier) for each in findings] == [(None, "a"), ("2", None)]


def test_a_task_without_devices_has_no_row():
    assert findings_of(gateway(), {"changed": False, "devices": []}, failed=False) == []
    assert findings_of(gateway(), {"changed": False, "devices": []}, failed=True) == []


def test_a_gateway_cannot_leave_devices_out_or_add_others():
    results = [kept("1", device_id="1"), kept("3", device_id="3"), "x", {"device_id": ["2"]}]
    report = report_of(findings_of(gateway("1", "2"), {"changed": False, "devices": results}, failed=False))
    assert rows(report) == [("gate", "1", "in_sync"), ("gate", "2", "failed"), ("gate", None, "failed")]
    assert [row["failure"]["message"] for row in report["devices"][1:]] == [
        "The result of the module is invalid: it is about another device.",
        "The result of the module has 2 entries that do not belong to devices of the task.",
    ]
    fewer = {"changed": False, "devices": [kept("1", device_id="1")]}
    report = report_of(findings_of(gateway("1", "2"), fewer, failed=False))
    assert rows(report) == [("gate", "1", "in_sync"), ("gate", "2", "failed")]
    assert report["devices"][1]["failure"]["message"] == "The result of the module has no entry for this device."


@pytest.mark.parametrize("return_records", [False, "no"])
def test_a_task_without_records_omits_unchanged_devices(return_records):
    task = gateway("1", "2", "3")
    task.arguments["return_records"] = return_records
    changed = kept("2", "Delft", "Utrecht", device_id="2", failed=False)
    report = report_of(findings_of(task, {"changed": True, "devices": [{**changed, "index": 1}]}, failed=False))
    assert rows(report) == [("gate", "1", "in_sync"), ("gate", "2", "changed"), ("gate", "3", "in_sync")]
    # A hostile host cannot change the row of another device.
    results = [{**changed, "index": index} for index in (2, 1, 1, True, -1, 3, "1")] + ["x"]
    report = report_of(findings_of(task, {"changed": True, "devices": results}, failed=False))
    assert rows(report) == [
        ("gate", "1", "in_sync"),
        ("gate", "2", "changed"),
        ("gate", "3", "failed"),
        ("gate", None, "failed"),
    ]
    assert "6 entries that do not belong" in report["devices"][3]["failure"]["message"]


@pytest.mark.parametrize("results", [None, "x", {}, 7])
def test_a_gateway_without_results_failed_for_each_device(results):
    findings = findings_of(gateway("1", "2"), {"changed": False, "devices": results}, failed=False)
    assert [(finding.device_id, finding.state) for finding in findings] == [("1", "failed"), ("2", "failed")]


def test_a_gateway_whose_arguments_are_not_known():
    task = Task("gate", DEVICES, {"devices": "{{ sensors }}"})
    (empty,) = findings_of(task, {"changed": False, "devices": []}, failed=False)
    assert empty.state == "failed"
    many = {"changed": False, "devices": [kept(str(number), device_id=str(number)) for number in range(10005)]}
    findings = findings_of(task, many, failed=False)
    assert len(findings) == 10001
    assert (
        message_of(findings[-1]) == "The result of the module has 5 entries that do not belong to devices of the task."
    )


def test_conditions_of_a_task_for_many_devices_excuse_no_entry():
    results = [
        kept("1", "Delft", "Utrecht", device_id="1", failed=False),
        kept("2", "Delft", "Utrecht", device_id="2", failed=True),
        kept("3", device_id="3", failed="yes"),
    ]
    findings = findings_of(gateway("1", "2", "3", has_conditions=True), {"devices": results, "changed": True}, True)
    assert [finding.state for finding in findings] == ["changed", "failed", "failed"]


def test_a_task_for_many_devices_that_failed_as_a_whole():
    result = {**failed("invalid_parameters"), "devices": []}
    states = [(each.device_id, message_of(each)) for each in findings_of(gateway("1"), result, True)]
    assert states[1] == (None, "It is invalid_parameters.")
    (finding,) = findings_of(gateway("1"), failed("invalid_parameters"), True)
    assert (finding.device_id, finding.failure["kind"]) == ("1", "invalid_parameters")


def test_no_log_shows_only_the_outcome():
    censored = {"censored": "hidden", "changed": True}
    report = report_of(
        findings_of(task_of(device_id="1", no_log=True), censored, failed=False),
        findings_of(task_of(device_id="2", no_log=True), {"censored": "hidden"}, failed=True),
        findings_of(gateway("3", "4", no_log=True)._replace(host="many"), censored, failed=False),
    )
    assert rows(report) == [("gate", None, "changed"), ("gate", None, "failed"), ("many", None, "changed")]
    assert report["devices"][1]["failure"] == {"kind": "other", "message": "hidden"}
    assert findings_of(task_of(no_log=True), "x", failed=False)[0].state == "failed"
    # Only the controller says what is hidden.
    assert findings_of(task_of(), censored, failed=False)[0].state == "failed"


def test_a_task_that_continues_without_ansible_says_nothing():
    begun = {"changed": True, "ansible_job_id": "1.2", "started": 1, "finished": 0}
    assert findings_of(task_of(is_detached=True), begun, failed=False) == []
    assert findings_of(task_of(), begun, failed=False)[0].state == "failed"
    done = {**kept(), "ansible_job_id": "1.2", "finished": 1}
    assert findings_of(task_of(), done, failed=False)[0].state == "in_sync"
    assert findings_of(task_of(is_detached=True), failed(), failed=True)[0].state == "failed"


def test_other_modules_and_successful_reading_say_nothing():
    for action in ("ansible.builtin.ping", "digicert_iot_device", "edgeops.digicert.other", "", "x"):
        assert findings_of(task_of(action=action), {"failed": True}, failed=True) == []
    read = {"changed": False, "device": {"id": "1"}, "devices": [{"id": "1"}], "fields": [{"id": "f"}]}
    for action in READING:
        assert findings_of(task_of(action=action), read, failed=False) == []
        assert findings_of(task_of(action=action), failed(), failed=False)[0].state == "failed"


INVALID = {
    "not a mapping": (DEVICE, ["x"]),
    "not a mapping: text": (DEVICE, "x"),
    "not a mapping: null": (DEVICE, None),
    "device: list": (DEVICE, kept(device=["x"])),
    "device: text": (DEVICE, kept(device="x")),
    "device.id: number": (DEVICE, kept(device={"id": 7})),
    "device.id: long": (DEVICE, kept(device={"id": "x" * 256})),
    "device.id: control": (DEVICE, kept(device={"id": "a\nb"})),
    "device.device_identifier: list": (DEVICE, kept(device={"device_identifier": ["x"]})),
    "device_id: list": (DEVICE, kept(device_id=["x"])),
    "device_id: number": (DEVICE, kept(device_id=7)),
    "device_id: empty": (DEVICE, kept(device_id="")),
    "diff: text": (DEVICE, kept(diff="x")),
    "diff: list": (DEVICE, kept(diff=[1])),
    "diff.before: text": (DEVICE, kept(diff={"before": "x", "after": {}})),
    "diff.after.fields: list": (DEVICE, kept(diff={"before": {"fields": [1]}, "after": {"fields": [1]}})),
    "diff value: list": (DEVICE, kept(diff={"before": {}, "after": {"fields": {"Site": ["x"]}}})),
    "diff value: mapping": (DEVICE, kept(diff={"before": {}, "after": {"x": {"y": 1}}})),
    "diff value: NaN": (DEVICE, kept(diff={"before": {}, "after": {"fields": {"Site": float("nan")}}})),
    "diff value: infinity": (DEVICE, kept(diff={"before": {"Site": float("-inf")}, "after": {}})),
    "diff value: huge": (DEVICE, kept(diff={"before": {}, "after": {"fields": {"Site": 10**5000}}})),
    "diff name: number": (DEVICE, kept(diff={"before": {}, "after": {7: "x"}})),
    "changed: text": (DEVICE, kept(changed="yes")),
    "changed: number": (DEVICE, kept(changed=1)),
    "changed_fields: text": (DEVICE, kept(changed_fields="Site")),
    "warnings: text": (DEVICE, kept(warnings="x")),
    "warnings: mapping": (DEVICE, kept(warnings={"x": 1})),
    "warnings: numbers": (DEVICE, kept(warnings=[1])),
    "msg: mapping": (DEVICE, failed(msg={"x": 1})),
    "failure: text": (DEVICE, kept(failure="x")),
    "failure: list": (DEVICE, kept(failure=[])),
    "certificate: text": (CERTIFICATE, certificate(certificate="x")),
    "certificate: empty": (CERTIFICATE, certificate(certificate={})),
    "not_after: missing": (CERTIFICATE, certificate(certificate={"remaining_days": 1})),
    "not_after: number": (CERTIFICATE, certificate(certificate={"not_after": 1, "remaining_days": 1})),
    "remaining_days: text": (CERTIFICATE, certificate("x")),
    "remaining_days: null": (CERTIFICATE, certificate(None)),
    "remaining_days: NaN": (CERTIFICATE, certificate(float("nan"))),
    "remaining_days: infinity": (CERTIFICATE, certificate(float("inf"))),
    "remaining_days: number with a fraction": (CERTIFICATE, certificate(1.5)),
    "remaining_days: huge": (CERTIFICATE, certificate(10**8)),
    "remaining_days: very huge": (CERTIFICATE, certificate(-(10**5000))),
    "remaining_days: boolean": (CERTIFICATE, certificate(True)),
}


@pytest.mark.parametrize("has_conditions", [False, True])
@pytest.mark.parametrize("by_ansible", [False, True])
@pytest.mark.parametrize("name", INVALID)
def test_invalid_result_is_a_failure_of_its_host(name, by_ansible, has_conditions):
    action, result = INVALID[name]
    task = task_of(action=action, device_id="1", has_conditions=has_conditions)
    (finding,) = findings_of(task, result, failed=by_ansible)
    assert (finding.host, finding.device_id, finding.state) == ("gate", "1", "failed")
    assert finding.failure["kind"] == "other"
    assert message_of(finding).startswith("The result of the module is invalid: ")
    assert len(message_of(finding)) < 200
    many = findings_of(gateway("1"), {"changed": False, "devices": [result]}, failed=by_ansible)
    assert {each.state for each in many} == {"failed"}


def test_unknown_kind_of_failure_is_other():
    for kind in ("new_kind", None, 7, ["x"], "\ud800"):
        (finding,) = findings_of(task_of(), failed(failure={"kind": kind}), failed=True)
        assert finding.failure["kind"] == "other"
    assert message_of(findings_of(task_of(), failed(msg=""), True)[0]) == "There is no message."


def test_long_and_unprintable_texts_are_bounded():
    deep = {}
    for _level in range(100000):
        deep = {"x": deep}
    fields = {f"\x1b{number}\ud800": "v" * 10**6 for number in range(600)}
    result = kept(
        diff={"before": {}, "after": {"fields": fields}}, warnings=["w\0" * 10**6] * 150, msg="m" * 10**6, unknown=deep
    )
    (finding,) = findings_of(task_of(), result, failed=False)
    assert finding.state == "changed"
    assert len(finding.differences) == 500
    assert finding.differences["\ufffd0\ufffd"] == (None, "v" * 4000 + "... (996000 more characters)")
    assert finding.warnings[-2:] == ["50 more warnings are not shown.", "100 more differences are not shown."]
    assert max(map(len, finding.warnings)) < 4100
    assert len(json.dumps(report_of([finding]))) < 3 * 10**6


def test_a_renewed_certificate_is_a_difference():
    for check_mode, text in ((False, "renewed"), (True, "to be renewed")):
        task = task_of(action=CERTIFICATE, check_mode=check_mode)
        (finding,) = findings_of(task, certificate(changed=True), failed=False)
        assert finding.differences == {"certificate": (None, text)}
        assert finding.certificate == {"not_after": "2027-02-01T00:00:00Z", "remaining_days": 70}


def test_a_value_that_is_only_on_one_side_differs():
    diff = {"before": {"fields": {"Site": "x"}}, "after": {"allow": True, "number": 1.5, "count": 7, "none": None}}
    (finding,) = findings_of(task_of(), kept(diff=diff), failed=False)
    assert finding.differences == {
        "allow": (None, "true"),
        "number": (None, "1.5"),
        "count": (None, "7"),
        "Site": ("x", None),
    }


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**4000, -(10**4000)])
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["", "\0", "\ud800", "\x1b[2J", "\u202e", "<script>", "{{ 1 }}", "good-id", "x" * 10000])
)
NAMES = (
    "changed",
    "failed",
    "skipped",
    "unreachable",
    "msg",
    "device",
    "device_id",
    "id",
    "device_identifier",
    "fields",
    "diff",
    "before",
    "after",
    "failure",
    "kind",
    "certificate",
    "not_after",
    "remaining_days",
    "warnings",
    "changed_fields",
    "devices",
    "registrations",
    "censored",
    "ansible_job_id",
    "finished",
    "access",
    "failed_when_result",
    "should_renew",
    "exception",
)
KEYS = st.sampled_from(NAMES) | st.text(st.characters(), max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)
SEEDS = [
    *(kept("good-id"), failed(), certificate()),
    *({"changed": True, option: [kept(device_id="good-id"), failed()]} for option in MANY.values()),
]


@st.composite
def damaged(draw):
    """Return a documented result with any value in any place, or any value."""
    result = json.loads(json.dumps(draw(st.sampled_from(SEEDS))))
    for _time in range(draw(st.integers(0, 4))):
        place = result
        while True:
            key = draw(st.sampled_from(sorted(place)) | KEYS) if isinstance(place, dict) else 0
            inner = place.get(key) if isinstance(place, dict) else (place or [None])[0]
            if not (isinstance(inner, (dict, list)) and inner and draw(st.booleans())):
                break
            place = inner
        if isinstance(place, dict):
            place[key] = draw(VALUES)
        else:
            place[:1] = [draw(VALUES)]
    return draw(st.just(result) | VALUES)


def assert_is_report(report):
    """Fail unless the report is valid JSON of the documented form."""
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report) == {"generated_at", "check_mode", "playbook", "counts", "devices", "failures"}
    assert report["counts"]["devices"] == len(report["devices"]) == sum(report["counts"][state] for state in STATES)
    for row in report["devices"]:
        assert set(row) == {
            *("host", "device_id", "device_identifier", "state", "differences", "certificate", "failure", "warnings")
        }
        assert row["state"] in STATES
        assert (row["failure"] is not None) == (row["state"] == "failed")
        texts = [row["host"], *row["warnings"], *(row["failure"] or {}).values()]
        texts += [value for each in row["differences"] for value in each.values()]
        texts += [row["device_id"], row["device_identifier"]]
        assert all(text is None or (isinstance(text, str) and len(text) < 4100) for text in texts)
        if row["certificate"]:
            assert isinstance(row["certificate"]["not_after"], str)
            assert row["certificate"]["remaining_days"].__class__ is int
        if row["failure"]:
            assert row["failure"]["kind"] in CAUSES
    render(report).encode()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    result=damaged(),
    action=st.sampled_from(MODULES),
    by_ansible=st.booleans(),
    device_id=st.sampled_from([None, "evil-id", "good-id"]),
    flags=st.tuples(*[st.booleans()] * 3),
    is_unreachable=st.booleans(),
)
def test_no_result_breaks_the_report_or_changes_the_row_of_another_host(
    result, action, by_ansible, device_id, flags, is_unreachable
):
    """A fuzz test: any JSON value in any place of a result."""
    check_mode, has_conditions, no_log = flags
    many = {MANY.get(action): [{"device_id": device_id}]} if device_id else {}
    arguments = many if action in MANY else {"device_id": device_id}
    evil = Task("evil", action, arguments, check_mode, has_conditions, no_log=no_log)
    good = findings_of(task_of("good", device_id="good-id"), kept("good-id"), failed=False)
    findings = unreachable(evil, result) if is_unreachable else findings_of(evil, result, by_ansible)
    report = report_of(good, findings)
    assert_is_report(report)
    assert report["devices"][0] == report_of(good)["devices"][0]
    assert {row["host"] for row in report["devices"][1:]} <= {"evil"}
    if action not in READING:
        assert len(report["devices"]) > 1
    assert {finding.device_id for finding in findings} <= {device_id, None} or device_id is None


@pytest.mark.parametrize(("check_mode", "text"), [(True, "to be issued"), (False, "issued")])
def test_an_enrollment_is_a_difference_of_the_certificate(check_mode, text):
    arguments = {"device_identifier": "gate-7"}
    task = Task("gate", "edgeops.digicert.digicert_iot_device_enrollment", arguments, check_mode=check_mode)
    result = {"changed": True, "device_id": None, "device_identifier": "gate-7", "reason": "There is no certificate."}
    (finding,) = findings_of(task, {**result, "certificate": None}, failed=False)
    assert (finding.device_id, finding.device_identifier) == (None, "gate-7")
    assert finding.differences == {"certificate": (None, text)}
    assert finding.state == ("drifted" if check_mode else "changed")
    assert finding.failure is None
