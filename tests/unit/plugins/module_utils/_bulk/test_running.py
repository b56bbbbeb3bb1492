# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
import types

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import running as _running
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask

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
    _running.stop_on_signals(pool, pool)
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert requests == [("The task received SIGTERM.", 5.0)] * 2
    assert handlers[signal.SIGHUP] == signal.SIG_IGN
    assert set(handlers) == set(NUMBERS)


def test_the_directory_is_created_once():
    paths = ["/tmp/x"]
    directory = _running.shared_directory(types.SimpleNamespace(temporary_directory=paths.pop))
    assert directory() == directory() == "/tmp/x"


def test_a_directory_that_cannot_be_created_is_an_error_of_each_device():
    def fail():
        raise HostError("No space.")

    directory = _running.shared_directory(types.SimpleNamespace(temporary_directory=fail))
    for _device in range(2):
        with pytest.raises(HostError, match=r"No space\."):
            directory()


def test_the_result_of_a_module():
    warned = []
    module = types.SimpleNamespace(
        params={
            "api_key": "hush",
            "devices": [{"device_id": "1", "device_identifier": "x"}],
            "device_identifier": None,
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
    assert result["diff"][0]["before_header"] == "1"
    assert result["invocation"]["module_args"]["devices"] == [{"device_id": "1"}]
    module._diff = False
    assert "diff" not in _running.result_of(module, "devices", [task], [entry])[0]
