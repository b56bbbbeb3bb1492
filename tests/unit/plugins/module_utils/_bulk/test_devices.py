# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import devices as _devices
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError

SPEC = _devices.devices_argument_spec()
ENTRY = dict.fromkeys(SPEC["devices"]["options"])
TASK = {option: rule.get("default") for option, rule in SPEC.items()}
SITE = {"id": None, "name": "Site", "value": "Delft", "state": "present"}


def read(*devices, **task):
    entries = [{**ENTRY, "device_id": str(number), **device} for number, device in enumerate(devices)]
    return _devices.parse_devices({**TASK, **task, "devices": entries})[0]


def result(device_id, **rest):
    return {"device_id": device_id, "changed": False, "failed": False, "msg": "", "warnings": [], **rest}


def test_a_device_has_the_options_of_the_task_but_for_its_own():
    first, second = read({"fields": [], "purge_fields": True}, {}, fields=[SITE], client_key_passphrase="hush")
    assert (first.device_id, first.desired.fields, first.desired.purge) == ("0", (), True)
    assert ([field.name for field in second.desired.fields], second.desired.purge) == (["Site"], False)
    assert (second.credentials.client_key_passphrase, second.secrets) == ("hush", ["hush"])


@pytest.mark.parametrize("own", ["client_cert", "client_cert_content", "client_key", "client_key_content"])
def test_a_device_with_a_certificate_or_a_key_takes_neither_from_the_task(own):
    (task,) = read({own: "own"}, client_cert="c", client_cert_content="cc", client_key="k", client_key_content="kc")
    assert task.credentials == Credentials(None, None, None, None, None)._replace(**{own: "own"})


def test_a_device_is_listed_once():
    with pytest.raises(InvalidParametersError, match=r"'a', 'b' more than once"):
        read({"device_id": "A"}, {"device_id": "b"}, {"device_id": "a"}, {"device_id": "b"}, {"device_id": "c"})


@pytest.mark.parametrize(("max_parallel", "limit"), [(0, 0), (101, -1), (-1, float("nan"))])
def test_all_that_is_wrong_with_the_task_is_told(max_parallel, limit):
    with pytest.raises(InvalidParametersError, match=rf"max_parallel is {max_parallel}, .*max_requests_per_second is"):
        read({}, max_parallel=max_parallel, max_requests_per_second=limit)


@pytest.mark.parametrize("max_parallel", [1, 100])
def test_the_bounds_of_parallel_are_fine(max_parallel):
    assert len(read({}, max_parallel=max_parallel, max_requests_per_second=0.1)) == 1


def test_failures_are_counted_and_the_first_are_named():
    results = [result(str(number), failed=True, msg=f"Device {number}: no.") for number in range(7)]
    summary = _devices.summary_of_failures([*results, result("8")])
    assert summary.startswith("7 of 8 devices failed. Device 0: no. Device 1: no.")
    assert summary.endswith("Device 4: no. 2 more errors are in devices.")
    assert _devices.summary_of_failures([result("8")]) == ""
    assert _devices.summary_of_failures(results[:1]) == "1 of 1 devices failed. Device 0: no."


def test_a_warning_is_told_once_with_its_devices():
    results = [result(str(number), warnings=["Beware."]) for number in range(7)]
    assert _devices.summary_of_warnings(results) == ["Beware. (device 0, 1, 2, 3, 4 and 2 more)"]


def test_many_warnings_are_counted():
    results = [result(str(number), warnings=[f"Beware {number}."]) for number in range(7)]
    assert _devices.summary_of_warnings(results)[4:] == ["Beware 4. (device 4)", "2 more warnings are in devices."]


def test_entries_that_a_person_reads_are_short():
    fields = {"Site": "Delft", "Owner": "x"}
    diff = {
        "before": {"device_identifier": "gate", "fields": {**fields, "Site": "Gouda"}},
        "after": {"device_identifier": "gate", "fields": {**fields, "New": "1"}},
    }
    same = {"before": diff["before"], "after": diff["before"]}
    created = {"before": {}, "after": diff["after"]}
    results = [
        result("a", diff=same),
        result("b", changed=True, diff=diff),
        result("c", failed=True),
        result("d", warnings=["Beware."], diff=same),
        result("e", changed=True, diff=created),
    ]
    entries = _devices.notable_entries(results)
    assert [(entry["device_id"], entry["index"]) for entry in entries] == [("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    assert entries[0]["diff"] == {
        "before": {"device_identifier": "gate", "fields": {"Site": "Gouda"}},
        "after": {"device_identifier": "gate", "fields": {"Site": "Delft", "New": "1"}},
    }
    assert "diff" not in entries[1]
    assert entries[2]["diff"]["after"]["fields"] == {}
    assert entries[3]["diff"] == created


def test_only_devices_that_change_have_a_diff():
    diff = {"before_header": "b", "after_header": "b", "before": 1, "after": 2}
    results = [result("a", diff=diff), result("b", changed=True, diff=diff), result("c", changed=True, failed=True)]
    assert _devices.diffs_of(results) == [diff]


def test_a_device_has_all_options_and_only_the_task_has_defaults():
    task = _devices.devices_argument_spec()
    device = task.pop("devices")["options"]
    limits = {"max_parallel", "max_requests_per_second", "fail_fast", "return_records", "progress_path"}
    assert set(device) == {*task, "device_id"} - limits
    assert device["device_id"]["required"]
    assert not any("default" in rule or "fallback" in rule for rule in device.values())
    assert task["timeout"]["default"] == 30


def test_what_is_secret_stays_so_in_a_device():
    task = _devices.devices_argument_spec()
    device = task["devices"]["options"]
    for options in (task, device):
        for option in ("client_cert_content", "client_key_content", "client_key_passphrase"):
            assert options[option]["no_log"]
        assert options["secret_fields"]["options"]["value"]["no_log"]
