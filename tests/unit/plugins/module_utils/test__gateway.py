# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _gateway
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import Refused, Stopped
from ansible_collections.edgeops.digicert.plugins.module_utils._pace import Pace

DEVICES = [{"device_id": str(number)} for number in range(20)]
WAIT = 0.05


def gateway(keep, devices=DEVICES, parallel=4, limit=None, fail_fast=False):
    return _gateway.Gateway(devices, keep, parallel, Pace(limit), fail_fast)


def run(gateway):
    return gateway.run(lambda _results: None)


def kept(device, _warn, _contexts, _pause):
    return {"changed": device["device_id"] == "7"}


def kinds(results):
    return [result["failure"]["kind"] if result["failed"] else "" for result in results]


def test_each_device_has_an_entry_in_its_place():
    results = run(gateway(kept))
    assert [result["device_id"] for result in results] == [device["device_id"] for device in DEVICES]
    assert [result["device_id"] for result in results if result["changed"]] == ["7"]


def test_without_devices_there_are_no_entries():
    assert run(gateway(kept, devices=[])) == []


def test_one_that_fails_stops_no_other():
    def keep(device, warn, *_arguments):
        warn("Beware.")
        if device["device_id"] == "3":
            raise Refused("No.", http_status=400)
        return {"changed": False}

    results = run(gateway(keep))
    assert [result["device_id"] for result in results if result["failed"]] == ["3"]
    assert results[3]["msg"] == "Device 3: No."
    assert results[3]["warnings"] == ["Beware."]


def test_no_more_than_allowed_work_at_a_time():
    at_work, most = [], []

    def keep(device, *_arguments):
        at_work.append(device)
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.remove(device)
        return {"changed": False}

    run(gateway(keep))
    assert max(most) == 4


def test_contexts_are_handed_on_and_never_shared():
    in_use, seen = [], []

    def keep(_device, _warn, contexts, _pause):
        assert not any(contexts is other for other in in_use)
        in_use.append(contexts)
        seen.append(id(contexts))
        time.sleep(0.01)
        in_use[:] = [other for other in in_use if other is not contexts]
        return {"changed": False}

    run(gateway(keep))
    assert len(set(seen)) == 4


def test_who_waits_for_a_retry_leaves_the_place_to_others():
    order = []

    def keep(device, _warn, _contexts, pause):
        if device["device_id"] == "0":
            pause(WAIT * 4, 503)
        order.append(device["device_id"])
        return {"changed": False}

    run(gateway(keep, parallel=1))
    assert order[-1] == "0"
    assert len(order) == len(DEVICES)


def test_threads_are_bounded_also_when_all_wait():
    threads = []

    def keep(_device, _warn, _contexts, pause):
        threads.append(threading.active_count())
        pause(WAIT, 503)
        return {"changed": False}

    before = threading.active_count()
    run(gateway(keep, parallel=2))
    assert max(threads) - before <= 16


def test_requests_keep_the_pace():
    def keep(_device, _warn, _contexts, pause):
        pause(0.0, None)
        return {"changed": False}

    begin = time.monotonic()
    run(gateway(keep, limit=100))
    assert time.monotonic() - begin >= 0.19


def test_a_refusal_slows_all_down():
    turns = []

    def keep(device, _warn, _contexts, pause):
        pause(0.0, None)
        turns.append(time.monotonic())
        if device["device_id"] == "0":
            pause(0.2, 429)
        return {"changed": False}

    begin = time.monotonic()
    run(gateway(keep, devices=DEVICES[:2], parallel=1))
    assert sum(turn < begin + 0.19 for turn in turns) == 1


def test_the_first_failure_stops_the_rest_when_that_is_asked_for():
    def keep(device, _warn, _contexts, pause):
        if device["device_id"] == "0":
            raise Refused("No.")
        pause(60.0, 503)

    results = run(gateway(keep, parallel=2, fail_fast=True))
    assert kinds(results) == ["refused"] + ["stopped"] * 19
    assert "fail_fast" in results[1]["msg"]
    assert "not tried" in results[19]["msg"]
    assert not any(result["changed"] for result in results)


def test_the_first_failure_lets_those_at_work_come_to_an_end():
    def keep(device, *_arguments):
        if device["device_id"] == "0":
            begun.wait(10)
            raise Refused("No.")
        begun.set()
        time.sleep(1.2)
        return {"changed": True}

    begun = threading.Event()

    results = run(gateway(keep, parallel=2, fail_fast=True))
    assert kinds(results) == ["refused", ""] + ["stopped"] * 18


def test_who_is_told_to_stop_says_what_was_done():
    held = threading.Event()

    def keep(device, *_arguments):
        if device["device_id"] in ("4", "5"):
            crew.stop("It is enough.", grace=WAIT)
            held.wait(10)
        return {"changed": True}

    crew = gateway(keep, parallel=1)
    results = run(crew)
    held.set()
    assert kinds(results) == [""] * 4 + ["outcome_unknown"] + ["stopped"] * 15
    assert results[4]["changed"]
    assert "It is enough." in results[19]["msg"]


def test_reports_tell_how_far_it_is():
    counts = []
    gateway(kept).run(lambda results: counts.append(len(results)))
    assert counts[-1] == len(DEVICES)


def test_a_defect_is_not_swallowed():
    def keep(*_arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(gateway(keep))


def test_a_wait_that_is_cut_short_is_a_failure():
    crew = gateway(kept)
    crew.stop("It is enough.")
    with pytest.raises(Stopped, match="It is enough"):
        crew._pause(60.0, None)
