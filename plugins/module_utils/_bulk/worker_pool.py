# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Process many devices in parallel threads.

OpenSSL releases the lock of the interpreter, so threads use several processors for most of the work.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Limits, Result, entry_of
from ansible_collections.edgeops.digicert.plugins.module_utils._client.rate_limiter import RateLimiter
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    HostError,
    OutcomeUnknownError,
    StoppedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import RegistrationTask
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Contexts, Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import no_thread, unexpected_errors

# While a device waits for a retry, another device is processed, up to this number of threads for each slot.
_THREADS_FOR_EACH_AT_WORK = 8
# In seconds: between two requests, a device can take twice its timeout and this time. That is sufficient to resolve a
# host name and to use a slow key. Only a file system that does not respond takes longer.
_MARGIN = 30.0
# In seconds: the maximum that counts between two checks, so that the time of a suspended process does not count.
_LONGEST_LOOK = 2.0

Task = t.TypeVar("Task", DeviceTask, RegistrationTask)
Ensure = t.Callable[[Task, Runtime], Result]


class _Job:
    """A device whose processing has started.

    `silent` are the seconds without progress, up to `limit`. They are not counted while the device is paused.
    `has_sent` is set before its first request. `is_over` is whether it must not send another request.
    """

    def __init__(self, number: int, limit: float) -> None:
        self.number = number
        self.limit = limit
        self.silent = 0.0
        self.is_paused = False
        self.has_sent = False
        self.is_over = False


class WorkerPool(t.Generic[Task]):
    """Calls `ensure` for the task of each device, with `limits`.

    `ensure` gets the task, and `runtime` with the warnings, the contexts and the pause of that device. It returns the
    result or raises a DeviceManagerError. Any other exception is an error of that device, too.
    """

    def __init__(self, tasks: list[Task], ensure: Ensure[Task], runtime: Runtime, limits: Limits) -> None:
        self._tasks: list[Task] = tasks
        self._ensure: Ensure[Task] = ensure
        self._runtime = runtime
        self._parallel = limits.max_parallel
        self._rate_limiter = RateLimiter(limits.max_requests_per_second)
        self._fail_fast = limits.fail_fast
        self._entries: dict[int, Result] = {}
        self._started = 0
        self._threads = 0
        # The number of threads whose device was reported as failed while they hang.
        self._hung = 0
        self._jobs: dict[int, _Job] = {}
        self._contexts: list[Contexts] = []
        self._reason = ""
        self._end = float("inf")
        self._request: tuple[str, float] | None = None
        self._stopped = threading.Event()
        self._slots = threading.Semaphore(limits.max_parallel)
        # Held by the thread that sends the next request.
        self._turnstile = threading.Lock()
        # Held during changes of these attributes, and notified when a thread ends.
        self._lock = threading.Condition()

    def run(self, report: t.Callable[[t.Collection[Result]], None]) -> list[Result]:
        """Return the entry of each device, in their order. Each second, call `report` with the entries so far."""
        with self._lock:
            if self._request is not None:
                self.stop(*self._request)
            for _task in self._tasks[: self._parallel]:
                self._start_thread()
            looked = time.monotonic()
            while self._threads > self._hung and time.monotonic() < self._end:
                self._lock.wait(1.0)
                if self._request is not None:
                    self.stop(*self._request)
                now = time.monotonic()
                self._give_up_hung(min(now - looked, _LONGEST_LOOK))
                looked = now
                report(self._entries.values())
            for job in self._jobs.values():
                job.is_over = True
            return [self._entries.get(number) or self._unfinished(number) for number in range(len(self._tasks))]

    def request_stop(self, reason: str, grace: float) -> None:
        """Make `run` call `stop` within a second. Signal handlers can call this, because it acquires no lock."""
        self._request = self._request or (reason, grace)

    def stop(self, reason: str, grace: float = float("inf")) -> None:
        """Start no other device and wait for no retry. Devices in progress have `grace` seconds to finish.

        `reason` is a sentence.
        """
        self._reason = self._reason or reason
        self._end = min(self._end, time.monotonic() + grace)
        self._request = None
        self._stopped.set()

    def _start_thread(self) -> None:
        """Start a thread. If the host cannot start one, the threads that run do the work."""
        self._threads += 1
        try:
            threading.Thread(target=self._work, daemon=True).start()
        except (RuntimeError, MemoryError):
            self._threads -= 1

    def _work(self) -> None:
        try:
            # Without memory for an error, the device has no entry. `run` adds one.
            with contextlib.suppress(Exception):
                while self._work_on_next():
                    pass
        finally:
            with self._lock:
                self._threads -= 1
                self._lock.notify()

    def _work_on_next(self) -> bool:
        """Process the next device. Return whether this thread can process another one."""
        self._slots.acquire()
        job = None
        try:
            job = self._begin_next()
            if job is not None:
                self._work_on(job)
            return job is not None and not job.is_over
        finally:
            with self._lock:
                if job is not None and job.is_over:
                    self._hung -= 1
                else:
                    self._slots.release()

    def _begin_next(self) -> _Job | None:
        with self._lock:
            if self._started == len(self._tasks) or self._stopped.is_set():
                return None
            job = _Job(self._started, 2 * self._tasks[self._started].timeout + _MARGIN)
            self._jobs[self._started] = job
            self._started += 1
            return job

    def _work_on(self, job: _Job) -> None:
        task = self._tasks[job.number]
        warnings: list[str] = []
        with self._lock:
            contexts = self._contexts.pop() if self._contexts else {}
        try:
            with unexpected_errors():
                pause = functools.partial(self._pause_job, job)
                result = self._ensure(
                    task, self._runtime._replace(warn=warnings.append, contexts=contexts, pause=pause)
                )
        except DeviceManagerError as failure:
            result = task.failed(failure)
            self._stop_if_fail_fast()
        with self._lock:
            if not job.is_over:
                self._entries[job.number] = entry_of(task.device_id, result, warnings)
                del self._jobs[job.number]
            self._contexts.append(contexts)

    def _stop_if_fail_fast(self) -> None:
        if self._fail_fast:
            self.stop("Another device failed, and fail_fast is true.")

    def _give_up_hung(self, seconds: float) -> None:
        """Report each device without progress for too long as failed. `seconds` are the time since the last call."""
        for job in [job for job in self._jobs.values() if not (job.is_paused or job.is_over)]:
            job.silent += seconds
            if job.silent > job.limit:
                self._give_up(job)

    def _give_up(self, job: _Job) -> None:
        """Report the device of `job` as failed, and replace the thread that hangs with another thread."""
        job.is_over = True
        failure: DeviceManagerError
        if job.has_sent:
            failure = _outcome_unknown(f"It made no progress for {job.limit:.0f} seconds.")
        else:
            failure = HostError(
                "The module sent no request, because the files of the device could not be read within "
                f"{job.limit:.0f} seconds. Check the file systems of client_cert, client_key and ca_path on the "
                "managed host."
            )
        self._entries[job.number] = self._failed(job.number, failure)
        self._stop_if_fail_fast()
        self._hung += 1
        self._slots.release()
        if self._threads < self._parallel * _THREADS_FOR_EACH_AT_WORK:
            self._start_thread()

    def _pause_job(self, job: _Job, *arguments: t.Any) -> None:
        """Call `_pause` for a device, which counts as progress, unless it must not send another request."""
        job.is_paused = True
        try:
            self._pause(*arguments)
        finally:
            job.silent = 0.0
            job.is_paused = False
        with self._lock:
            if job.is_over:
                raise StoppedError(f"The module sent no other request. {self._reason} Run the task again.")
            job.has_sent = True

    def _pause(self, wait: float | None, status: int | None) -> None:
        """Wait until a request may be sent. Refer to Session for the arguments. Raises StoppedError.

        A request that must not wait is an update, and its device keeps the slot of the read. While all requests wait
        after a 429, an update raises a StoppedError with `again`, so that the record is read again after the wait.
        """
        if wait is None:
            with self._lock:
                if not self._rate_limiter.charge(time.monotonic()):
                    raise StoppedError("The update was postponed, because the API limits the rate.", again=True)
            return
        if status == 429:
            with self._lock:
                self._rate_limiter.on_throttled(time.monotonic(), wait)
        if wait:
            self._slots.release()
            with self._lock:
                if self._started < len(self._tasks) and self._threads < self._parallel * _THREADS_FOR_EACH_AT_WORK:
                    self._start_thread()
            # If the wait is stopped, the thread has no slot. No slot is required then.
            self._sleep(wait)
            self._slots.acquire()
        self._take_turn()

    def _take_turn(self) -> None:
        # Updates reserve time slots without a wait, so the time of the next slot can change during a wait.
        with self._turnstile:
            while True:
                with self._lock:
                    now = time.monotonic()
                    turn = self._rate_limiter.next(now)
                    if turn <= now:
                        self._rate_limiter.acquire(now)
                        return
                self._sleep(turn - now)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0 and self._stopped.wait(seconds):
            raise StoppedError(f"The wait for the device ended early. {self._reason} Run the task again.")

    def _unfinished(self, number: int) -> Result:
        """Return the entry of a device that has none when the task ends."""
        job = self._jobs.get(number)
        reason = self._reason or "Its thread ended unexpectedly."
        failure: DeviceManagerError
        if number < self._started and (job is None or job.has_sent):
            failure = _outcome_unknown(reason)
        elif number < self._started:
            failure = StoppedError(f"The module sent no request. {reason} Run the task again.")
        elif self._reason:
            failure = StoppedError(f"The module did not process the device. {self._reason} Run the task again.")
        else:
            failure = no_thread()
        return self._failed(number, failure)

    def _failed(self, number: int, failure: DeviceManagerError) -> Result:
        task = self._tasks[number]
        return entry_of(task.device_id, task.failed(failure), [])


def _outcome_unknown(reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"The task ended before it received the response of the API, so it is unknown whether the record has changed. "
        f"{reason} Run the task again: it changes only fields that still differ.",
        changed=True,
    )
