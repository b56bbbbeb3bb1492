# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import devices as _devices
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError

OPTIONS = {
    "client_cert": None,
    "client_cert_content": None,
    "client_key": None,
    "client_key_content": None,
    "client_key_passphrase": None,
    "fields": None,
    "purge_fields": None,
}


def read(*devices, **task):
    entries = [{"device_id": str(number), **OPTIONS, **device} for number, device in enumerate(devices)]
    options = {**OPTIONS, "purge_fields": False, "max_parallel": 16, "max_requests_per_second": None, **task}
    return _devices.read_devices({**options, "devices": entries})


def result(device_id, **rest):
    return {"device_id": device_id, "changed": False, "failed": False, "msg": "", "warnings": [], **rest}


def test_a_device_has_the_options_of_the_task_but_for_its_own():
    first, second = read({"fields": [], "purge_fields": True}, {}, fields=["Site"], client_key_passphrase="hush")
    assert (first["device_id"], first["fields"], first["purge_fields"]) == ("0", [], True)
    assert (second["fields"], second["purge_fields"], second["client_key_passphrase"]) == (["Site"], False, "hush")
    assert "max_parallel" not in first


@pytest.mark.parametrize("own", ["client_cert", "client_cert_content", "client_key", "client_key_content"])
def test_a_device_with_a_certificate_or_a_key_takes_neither_from_the_task(own):
    (device,) = read({own: "own"}, client_cert="c", client_cert_content="cc", client_key="k", client_key_content="kc")
    assert {option: device[option] for option in device if device[option] == "own"} == {own: "own"}
    assert not {"c", "cc", "k", "kc"}.intersection(device.values())


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


def test_only_devices_that_change_have_a_diff():
    diff = {"before": 1, "after": 2}
    results = [result("a", diff=diff), result("b", changed=True, diff=diff), result("c", changed=True, failed=True)]
    assert _devices.diffs_of(results) == [{"before_header": "b", "after_header": "b", **diff}]
