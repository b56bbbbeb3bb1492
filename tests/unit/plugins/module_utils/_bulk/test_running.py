# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
import types

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import running as _running
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Limits
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def handlers(monkeypatch):
    """The handlers of signals by number, of which SIGHUP is ignored."""
    known = {signal.SIGHUP: signal.SIG_IGN}
    monkeypatch.setattr(signal, "getsignal", known.get)
    monkeypatch.setattr(signal, "signal", known.__setitem__)
    return known


def test_a_signal_stops_all_pools(handlers):
    requests = []
    pool = types.SimpleNamespace(request_stop=lambda reason, grace: requests.append((reason, grace)))
    _running._stop_on_signals(pool, pool)
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert requests == [("The task received SIGTERM.", 5.0)] * 2
    assert handlers[signal.SIGHUP] == signal.SIG_IGN
    assert set(handlers) == set(NUMBERS)


def test_the_directory_is_created_once():
    paths = ["/tmp/x"]
    directory = _running._shared_directory(types.SimpleNamespace(temporary_directory=paths.pop))
    assert directory() == directory() == "/tmp/x"


def test_a_directory_that_cannot_be_created_is_an_error_of_each_device():
    def fail():
        raise HostError("No space.")

    directory = _running._shared_directory(types.SimpleNamespace(temporary_directory=fail))
    for _device in range(2):
        with pytest.raises(HostError, match=r"No space\."):
            directory()


@pytest.mark.parametrize("return_records", [True, False])
def test_a_job_runs_after_its_preparation_and_returns_records_if_the_task_wants_them(handlers, return_records):
    seen = []
    module = types.SimpleNamespace(
        params={"return_records": return_records, "progress_path": None},
        runtime=lambda: Runtime(print),
        temporary_directory=lambda: "/tmp/x",
        log=print,
    )
    connection = Connection("https://device.example", Trust(True, None), 1, 0, False)
    task = DeviceTask("1", connection, None, None, [], [])

    def prepare(_task, _runtime):
        seen.append("prepared")
        raise HostError("No space.")

    def ensure(_task, runtime):
        seen.append(runtime.tmpdir())
        return {"changed": True, "device": {}}

    limits = Limits(1, None, fail_fast=True)
    job, preparation = _running.Job([task], ensure), _running.Job([task], prepare)
    (entry,) = _running.run_jobs(module, limits, job, preparation)
    assert (entry["changed"], entry["failed"], "device" in entry) == (True, False, return_records)
    assert _running.run_jobs(module, limits, job)[0]["changed"]
    assert seen == ["prepared", "/tmp/x", "/tmp/x"]
    assert callable(handlers[signal.SIGTERM])


def test_the_result_of_a_module():
    warned = []
    module = types.SimpleNamespace(
        params={
            "api_key": "hush",
            "devices": [{"device_id": "1", "device_identifier": "x"}],
            "device_identifier": None,
            "return_records": True,
        },
        argument_spec={"api_key": {"no_log": True}, "devices": {}},
        warn=warned.append,
        _diff=True,
        redactor=None,
    )
    task = DeviceTask("1", None, None, None, [], ["secret"])
    entry = {"device_id": "1", "changed": True, "failed": True, "msg": "Device 1: No.", "warnings": ["Beware."]}
    diff = {"before": {"a": "secret"}, "after": {}}
    result, summary = _running.result_of(module, "devices", [task], [{**entry, "diff": diff}])
    assert summary == "1 of 1 devices failed. Device 1: No."
    assert warned == ["Beware. (device 1)"]
    assert result["changed"]
    assert result["devices"][0]["diff"]["before"] == {"a": "********"}
    assert result["diff"] == [{"before": {"a": "********"}, "after": {}}]
    assert result["invocation"]["module_args"]["devices"] == [{"device_id": "1"}]
    module.params["return_records"] = False
    (short,) = _running.result_of(module, "devices", [task], [{**entry, "diff": diff}])[0]["devices"]
    assert short["index"] == 0
    module._diff = False
    assert "diff" not in _running.result_of(module, "devices", [task], [entry])[0]
