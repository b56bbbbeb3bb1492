# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Keeps many devices at once: the threads, who of them works and who waits, and how all of it ends.

OpenSSL works while other threads have the interpreter, so threads use a second processor for most of what a device
costs, and cost nothing where there is none.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Options, Result, entry_of
from ansible_collections.edgeops.digicert.plugins.module_utils._client.rate_limiter import RateLimiter
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Pause
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import Contexts
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    HostError,
    OutcomeUnknownError,
    StoppedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import no_thread, unexpected_errors

# A device that waits for a retry lets another one work, as long as there are threads for it.
_THREADS_FOR_EACH_AT_WORK = 8
# In seconds: between two requests, a device can take twice its timeout and this time. That is enough to resolve a name
# and to use a slow key. Only a file system that does not answer takes longer.
_MARGIN = 30.0
# In seconds: no more is counted between two looks at the threads, so time in which the process was suspended is not.
_LONGEST_LOOK = 2.0

Keep = t.Callable[[Options, t.Callable[[str], None], Contexts, Pause], Result]


class _Job:
    """A device whose work has begun.

    `silent` are the seconds without a sign of progress, counted up to `limit`. They are not counted while the device is
    paused. `has_sent` is set before its first request. `is_over` means that it may send no other request.
    """

    def __init__(self, number: int, limit: float) -> None:
        self.number = number
        self.limit = limit
        self.silent = 0.0
        self.is_paused = False
        self.has_sent = False
        self.is_over = False


class WorkerPool:
    """Calls `keep` for each of `devices`, with at most `parallel` of them at work at a time.

    `keep` gets the device's options, what takes its warnings, and the contexts and the pause of open_session. It
    returns the result or raises a DeviceManagerError. Any other exception is a failure of that device, too. With
    `fail_fast` the first failure stops all other devices.
    """

    def __init__(self, devices: list[Options], keep: Keep, parallel: int, pace: RateLimiter, fail_fast: bool) -> None:
        self._devices = devices
        self._keep = keep
        self._parallel = parallel
        self._pace = pace
        self._fail_fast = fail_fast
        self._entries: dict[int, Result] = {}
        self._started = 0
        self._threads = 0
        # Threads that work on a device that was given up.
        self._hung = 0
        self._jobs: dict[int, _Job] = {}
        self._contexts: list[Contexts] = []
        self._reason = ""
        self._end = float("inf")
        self._request: tuple[str, float] | None = None
        self._stopped = threading.Event()
        self._slots = threading.Semaphore(parallel)
        # Held by the thread whose turn to send is next.
        self._turnstile = threading.Lock()
        # Held by who changes any of these, and notified when a thread ends.
        self._lock = threading.Condition()

    def run(self, report: t.Callable[[t.Collection[Result]], None]) -> list[Result]:
        """Return the entry of each device, in their order. Each second `report` is called with those so far."""
        with self._lock:
            for _device in self._devices[: self._parallel]:
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
            return [self._entries.get(number) or self._unfinished(number) for number in range(len(self._devices))]

    def request_stop(self, reason: str, grace: float) -> None:
        """Let `run` call `stop` within a second. Signal handlers may call it: it takes no lock."""
        self._request = self._request or (reason, grace)

    def stop(self, reason: str, grace: float = float("inf")) -> None:
        """Begin with no other device and wait for no retry; those at work have so many seconds to come to an end.

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
            # Without the memory for a failure, the device has no entry. `run` adds one.
            with contextlib.suppress(Exception):
                while self._work_on_next():
                    pass
        finally:
            with self._lock:
                self._threads -= 1
                self._lock.notify()

    def _work_on_next(self) -> bool:
        """Work on the next device. Return whether this thread can work on another one."""
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
            if self._started == len(self._devices) or self._stopped.is_set():
                return None
            job = _Job(self._started, 2 * (self._devices[self._started].get("timeout") or 0) + _MARGIN)
            self._jobs[self._started] = job
            self._started += 1
            return job

    def _work_on(self, job: _Job) -> None:
        device = self._devices[job.number]
        warnings: list[str] = []
        with self._lock:
            contexts = self._contexts.pop() if self._contexts else {}
        try:
            with unexpected_errors():
                result = self._keep(device, warnings.append, contexts, functools.partial(self._pause_job, job))
        except DeviceManagerError as failure:
            result = failure.result(device["device_id"])
            self._stop_if_fail_fast()
        with self._lock:
            if not job.is_over:
                self._entries[job.number] = entry_of(device, result, warnings)
                del self._jobs[job.number]
            self._contexts.append(contexts)

    def _stop_if_fail_fast(self) -> None:
        if self._fail_fast:
            self.stop("Another device failed, and fail_fast is true.")

    def _give_up_hung(self, seconds: float) -> None:
        """Give up each device that has made no progress for too long. `seconds` have passed since the last call."""
        for job in [job for job in self._jobs.values() if not (job.is_paused or job.is_over)]:
            job.silent += seconds
            if job.silent > job.limit:
                self._give_up(job)

    def _give_up(self, job: _Job) -> None:
        """Report the device of `job` as failed, and let another thread take the place of the thread that hangs."""
        job.is_over = True
        device = self._devices[job.number]
        failure: DeviceManagerError
        if job.has_sent:
            failure = _outcome_unknown(f"It made no progress for {job.limit:.0f} seconds.")
        else:
            failure = HostError(
                f"No request was sent, because its files could not be read within {job.limit:.0f} seconds. Check the "
                "file systems of client_cert, client_key and ca_path on the managed host."
            )
        self._entries[job.number] = entry_of(device, failure.result(device["device_id"]), [])
        self._stop_if_fail_fast()
        self._hung += 1
        self._slots.release()
        if self._threads < self._parallel * _THREADS_FOR_EACH_AT_WORK:
            self._start_thread()

    def _pause_job(self, job: _Job, *arguments: t.Any) -> None:
        """Call `_pause` for a device, which makes progress by that, unless it may send no other request."""
        job.is_paused = True
        try:
            self._pause(*arguments)
        finally:
            job.silent = 0.0
            job.is_paused = False
        with self._lock:
            if job.is_over:
                raise StoppedError(f"No other request was sent. {self._reason} Run the task again.")
            job.has_sent = True

    def _pause(self, wait: float | None, status: int | None) -> None:
        """Wait until a request may be sent. Refer to Session for the arguments. Raises StoppedError.

        A request that must not wait is an update: its device keeps the place that it had for the read. While nobody may
        send, such a request raises a StoppedError that is `again`, so that the record is read once more after the wait.
        """
        if wait is None:
            with self._lock:
                if not self._pace.charge(time.monotonic()):
                    raise StoppedError("The update was postponed, because the API limits the rate.", again=True)
            return
        if status == 429:
            with self._lock:
                self._pace.on_throttled(time.monotonic(), wait)
        if wait:
            self._slots.release()
            with self._lock:
                if self._started < len(self._devices) and self._threads < self._parallel * _THREADS_FOR_EACH_AT_WORK:
                    self._start_thread()
            # Who is stopped here keeps no place, and then nobody needs one.
            self._sleep(wait)
            self._slots.acquire()
        self._take_turn()

    def _take_turn(self) -> None:
        # Updates take turns without waiting, so the time of the next turn can move while a thread waits for it.
        with self._turnstile:
            while True:
                with self._lock:
                    now = time.monotonic()
                    turn = self._pace.next(now)
                    if turn <= now:
                        self._pace.acquire(now)
                        return
                self._sleep(turn - now)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0 and self._stopped.wait(seconds):
            raise StoppedError(f"It was not waited for any longer. {self._reason} Run the task again.")

    def _unfinished(self, number: int) -> Result:
        """Return the entry of a device that has none when the task has to end."""
        device = self._devices[number]
        job = self._jobs.get(number)
        reason = self._reason or "Its thread ended unexpectedly."
        failure: DeviceManagerError
        if number < self._started and (job is None or job.has_sent):
            failure = _outcome_unknown(reason)
        elif number < self._started:
            failure = StoppedError(f"No request was sent. {reason} Run the task again.")
        elif self._reason:
            failure = StoppedError(f"It was not tried. {self._reason} Run the task again.")
        else:
            failure = no_thread()
        return entry_of(device, failure.result(device["device_id"]), [])


def _outcome_unknown(reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"The response of the API had not arrived when the task had to end, so whether the record was changed is "
        f"unknown. {reason} Run the task again: it changes only what still differs.",
        changed=True,
    )
