# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import threading
import time

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _unexpected
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import worker_pool as _worker_pool
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Limits
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import ErrorDetails, HttpError, StoppedError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

CONNECTION = Connection("https://device.example", Trust(True, None), 0, 0, False)
NO_FIELDS = DesiredState(None, (), False, ())
TASKS = [DeviceTask(str(number), CONNECTION, None, NO_FIELDS, [], []) for number in range(20)]
WAIT = 0.05


def pool_of(ensure, tasks=TASKS, parallel=4, limit=None, fail_fast=False):
    return _worker_pool.WorkerPool(tasks, ensure, Runtime(print), Limits(parallel, limit, fail_fast))


def run(pool):
    return pool.run(lambda _results: None)


def ensured(task, _runtime):
    return {"changed": task.device_id == "7"}


def kinds(results):
    return [result["failure"]["kind"] if result["failed"] else "" for result in results]


def test_each_device_has_an_entry_in_its_place():
    results = run(pool_of(ensured))
    assert [result["device_id"] for result in results] == [task.device_id for task in TASKS]
    assert [result["device_id"] for result in results if result["changed"]] == ["7"]


def test_without_devices_there_are_no_entries():
    assert run(pool_of(ensured, tasks=[])) == []


def test_one_that_fails_stops_no_other():
    def ensure(task, runtime):
        runtime.warn("Beware.")
        if task.device_id == "3":
            raise HttpError("No.", ErrorDetails(400))
        return {"changed": False}

    results = run(pool_of(ensure))
    assert [result["device_id"] for result in results if result["failed"]] == ["3"]
    assert results[3]["msg"] == "Device 3: No."
    assert results[3]["warnings"] == ["Beware."]


def test_no_more_than_allowed_work_at_a_time():
    at_work, most = [], []

    def ensure(task, _runtime):
        at_work.append(task)
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.remove(task)
        return {"changed": False}

    run(pool_of(ensure))
    assert max(most) == 4


def test_contexts_are_handed_on_and_never_shared():
    in_use, seen = [], []

    def ensure(_task, runtime):
        contexts = runtime.contexts
        assert not any(contexts is other for other in in_use)
        in_use.append(contexts)
        seen.append(id(contexts))
        time.sleep(0.01)
        in_use[:] = [other for other in in_use if other is not contexts]
        return {"changed": False}

    run(pool_of(ensure))
    assert len(set(seen)) == 4


def test_who_waits_for_a_retry_leaves_the_place_to_others():
    order = []

    def ensure(task, runtime):
        if task.device_id == "0":
            runtime.pause(WAIT * 4, 503)
        order.append(task.device_id)
        return {"changed": False}

    run(pool_of(ensure, parallel=1))
    assert order[-1] == "0"
    assert len(order) == len(TASKS)


def test_threads_are_bounded_also_when_all_wait():
    threads = []

    def ensure(_task, runtime):
        threads.append(threading.active_count())
        runtime.pause(WAIT, 503)
        return {"changed": False}

    before = threading.active_count()
    run(pool_of(ensure, parallel=2))
    assert max(threads) - before <= 16


def test_requests_keep_the_pace():
    def ensure(_task, runtime):
        runtime.pause(0.0, None)
        return {"changed": False}

    begin = time.monotonic()
    run(pool_of(ensure, limit=100))
    assert time.monotonic() - begin >= 0.19


def test_an_update_follows_its_read_at_once_and_the_pace_is_kept(monkeypatch):
    requests = {}

    def ensure(task, runtime):
        runtime.pause(0.0, None)
        begin = time.monotonic()
        runtime.pause(None, None)
        requests[task.device_id] = (begin, time.monotonic())
        return {"changed": True}

    pool = pool_of(ensure, parallel=8, limit=40)
    acquire = pool._rate_limiter.acquire
    # The times at which the pool lets reads go, because a busy machine delays the threads that send them.
    reads = []
    monkeypatch.setattr(pool._rate_limiter, "acquire", lambda now: [reads.append(now), acquire(now)][1])
    begin = time.monotonic()
    run(pool)
    assert max(write - read for read, write in requests.values()) < 0.02
    # All but the last device have their turns behind them by then, two for each.
    assert time.monotonic() - begin >= 38 / 40
    assert len(reads) == len(TASKS)
    assert min(later - sooner for sooner, later in zip(reads, reads[1:])) >= 1.9 / 40


def test_an_update_is_postponed_while_nobody_may_send():
    order = []
    both_have_read = threading.Barrier(2)

    def ensure(task, runtime):
        runtime.pause(0.0, None)
        both_have_read.wait(10)
        if task.device_id == "0":
            runtime.pause(0.5, 429)
            return {"changed": False}
        time.sleep(WAIT)
        with pytest.raises(StoppedError) as caught:
            runtime.pause(None, None)
        assert caught.value.again
        begin = time.monotonic()
        runtime.pause(0.0, None)
        order.append(time.monotonic() - begin)
        runtime.pause(None, None)
        return {"changed": True}

    assert kinds(run(pool_of(ensure, tasks=TASKS[:2]))) == ["", ""]
    assert order[0] > 0.2


def test_who_waits_for_a_turn_can_be_stopped():
    def ensure(task, runtime):
        if task.device_id == "3":
            time.sleep(WAIT)
            crew.stop("It is enough.")
            return {"changed": False}
        runtime.pause(0.0, None)
        return {"changed": False}

    crew = pool_of(ensure, tasks=TASKS[:4], limit=0.01)
    begin = time.monotonic()
    assert sorted(kinds(run(crew))) == ["", "", "stopped", "stopped"]
    assert time.monotonic() - begin < 10


def test_a_refusal_slows_all_down():
    turns = []

    def ensure(task, runtime):
        runtime.pause(0.0, None)
        turns.append(time.monotonic())
        if task.device_id == "0":
            runtime.pause(0.2, 429)
        return {"changed": False}

    begin = time.monotonic()
    run(pool_of(ensure, tasks=TASKS[:2], parallel=1))
    assert sum(turn < begin + 0.19 for turn in turns) == 1


def test_the_first_failure_stops_the_rest_when_that_is_asked_for():
    def ensure(task, runtime):
        if task.device_id == "0":
            raise HttpError("No.")
        runtime.pause(60.0, 503)

    results = run(pool_of(ensure, parallel=2, fail_fast=True))
    assert kinds(results) == ["http_error"] + ["stopped"] * 19
    assert "fail_fast" in results[1]["msg"]
    assert "did not process the device" in results[19]["msg"]
    assert not any(result["changed"] for result in results)


def test_the_first_failure_lets_those_at_work_come_to_an_end():
    def ensure(task, _runtime):
        if task.device_id == "0":
            begun.wait(10)
            raise HttpError("No.")
        begun.set()
        time.sleep(1.2)
        return {"changed": True}

    begun = threading.Event()

    results = run(pool_of(ensure, parallel=2, fail_fast=True))
    assert kinds(results) == ["http_error", ""] + ["stopped"] * 18


def test_who_is_told_to_stop_says_what_was_done():
    held = threading.Event()

    def ensure(task, runtime):
        if task.device_id != "5":
            runtime.pause(0.0, None)
        if task.device_id in ("4", "5"):
            at_work.wait(10)
            crew.request_stop("It is enough.", grace=WAIT)
            held.wait(10)
        return {"changed": True}

    at_work = threading.Barrier(2)

    crew = pool_of(ensure, parallel=2)
    results = run(crew)
    held.set()
    assert kinds(results) == [""] * 4 + ["outcome_unknown"] + ["stopped"] * 15
    assert [result["changed"] for result in results[3:6]] == [True, True, False]
    assert "The module sent no request" in results[5]["msg"]
    assert "It is enough." in results[19]["msg"]


def test_reports_tell_how_far_it_is():
    counts = []
    pool_of(ensured).run(lambda results: counts.append(len(results)))
    assert counts[-1] == len(TASKS)


ERRORS = {
    "host_error": [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied", "/tmp/x"),
        MemoryError(),
        RuntimeError("can't start new thread"),
    ],
    "internal_error": [RecursionError(), ZeroDivisionError(), UnicodeError(), Exception("secret"), AssertionError()],
}


@pytest.mark.parametrize(("kind", "error"), [(kind, error) for kind, errors in ERRORS.items() for error in errors])
def test_an_unexpected_error_is_a_failure_of_that_device_only(kind, error):
    def ensure(task, _runtime):
        if task.device_id == "3":
            raise error
        return {"changed": True}

    results = run(pool_of(ensure))
    assert kinds(results) == [""] * 3 + [kind] + [""] * 16
    assert "secret" not in results[3]["msg"]


def test_a_thread_that_ends_without_a_failure_loses_no_other_result(monkeypatch):
    def ensure(task, runtime):
        if task.device_id == "2":
            raise MemoryError
        runtime.pause(0.0, None)
        if task.device_id == "3":
            raise MemoryError
        return {"changed": True}

    def no_memory(_error):
        raise MemoryError

    monkeypatch.setattr(_unexpected, "failure_from", no_memory)
    results = run(pool_of(ensure))
    assert kinds(results) == ["", "", "stopped", "outcome_unknown"] + [""] * 16
    assert [result["changed"] for result in results[2:4]] == [False, True]


def forbid_threads(monkeypatch, after, error):
    """Let the host start only so many threads."""
    started = []
    start = threading.Thread.start

    def limited(thread):
        if len(started) == after:
            raise error
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
@pytest.mark.parametrize("after", [1, 3, 5])
def test_threads_that_run_do_the_work_when_no_other_can_start(monkeypatch, after, error):
    def ensure(_task, runtime):
        runtime.pause(0.0, None)
        runtime.pause(WAIT, 503)
        return {"changed": True}

    forbid_threads(monkeypatch, after, error)
    assert kinds(run(pool_of(ensure))) == [""] * 20


def test_without_a_thread_all_devices_fail(monkeypatch):
    forbid_threads(monkeypatch, 0, RuntimeError("can't start new thread"))
    results = run(pool_of(ensured))
    assert kinds(results) == ["host_error"] * 20
    assert "cannot start a thread" in results[0]["msg"]


@pytest.fixture
def hanging(monkeypatch):
    """Yield what keeps devices: the first `hanging.count` hang, after a request if `hanging.sends`."""

    class Hanging:
        def __init__(self):
            self.count, self.sends = 1, False
            self.released = threading.Event()
            self.late = []

        def __call__(self, task, runtime):
            if int(task.device_id) < self.count:
                if self.sends:
                    runtime.pause(0.0, None)
                self.released.wait(30)
                try:
                    runtime.pause(0.0, None)
                except StoppedError as stopped:
                    self.late.append(stopped)
                    raise
            return {"changed": True}

    monkeypatch.setattr(_worker_pool, "_MARGIN", 1.2)
    monkeypatch.setattr(_worker_pool, "_THREADS_FOR_EACH_AT_WORK", 2)
    hanging = Hanging()
    yield hanging
    hanging.released.set()


def test_a_device_that_hangs_before_its_first_request_fails_and_another_takes_its_place(hanging):
    results = run(pool_of(hanging, parallel=1))
    assert kinds(results) == ["host_error"] + [""] * 19
    assert "The module sent no request" in results[0]["msg"]
    assert not results[0]["changed"]


def test_the_outcome_of_a_device_that_hangs_after_a_request_is_unknown(hanging):
    hanging.sends = True
    results = run(pool_of(hanging, parallel=1))
    assert kinds(results) == ["outcome_unknown"] + [""] * 19
    assert results[0]["changed"]


def test_a_device_that_was_given_up_sends_no_request_later(hanging):
    def report(results):
        if results:
            hanging.released.set()

    crew = pool_of(lambda *arguments: [time.sleep(0.2), hanging(*arguments)][1], parallel=1)
    results = crew.run(report)
    assert kinds(results) == ["host_error"] + [""] * 19
    assert len(hanging.late) == 1


def test_devices_that_all_hang_end_with_the_task(hanging):
    hanging.count = 20
    results = run(pool_of(hanging, parallel=1))
    assert kinds(results) == ["host_error"] * 20
    assert ["cannot start a thread" in result["msg"] for result in results] == [False] * 2 + [True] * 18


@pytest.mark.usefixtures("hanging")
def test_a_device_that_waits_for_a_retry_does_not_hang():
    def ensure(task, runtime):
        runtime.pause(3.0 if task.device_id == "0" else 0.0, 503)
        return {"changed": True}

    assert kinds(run(pool_of(ensure, parallel=1))) == [""] * 20


def test_a_device_that_hangs_can_stop_all_others(hanging):
    results = run(pool_of(hanging, parallel=1, fail_fast=True))
    assert kinds(results) == ["host_error"] + ["stopped"] * 19


def test_a_wait_that_is_cut_short_is_a_failure():
    crew = pool_of(ensured)
    crew.stop("It is enough.")
    with pytest.raises(StoppedError, match="It is enough"):
        crew._pause(60.0, None)


def test_a_stop_before_the_start_processes_no_device():
    pool = pool_of(ensured)
    pool.request_stop("Stop.", 0)
    assert kinds(run(pool)) == ["stopped"] * len(TASKS)
