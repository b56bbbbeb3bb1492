# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Keeps many devices at once: the threads, who of them works and who waits, and how all of it ends.

OpenSSL works while other threads have the interpreter, so threads use a second processor for most of what a device
costs, and cost nothing where there is none.
"""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._devices import Options, Result, entry_of
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import Failure, OutcomeUnknown, Stopped
from ansible_collections.edgeops.digicert.plugins.module_utils._pace import Pace
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import Contexts

# A device that waits for a retry lets another one work, as long as there are threads for it.
_THREADS_FOR_EACH_AT_WORK = 8

Pause = t.Callable[[float, t.Optional[int]], None]
Keep = t.Callable[[Options, t.Callable[[str], None], Contexts, Pause], Result]


class Gateway:
    """Calls `keep` for each of `devices`, with at most `parallel` of them at work at a time.

    `keep` gets the device's options, what takes its warnings, and the contexts and the pause of open_session. It
    returns the result or raises a Failure. With `fail_fast` the first failure stops the rest.
    """

    def __init__(self, devices: list[Options], keep: Keep, parallel: int, pace: Pace, fail_fast: bool) -> None:
        self._devices = devices
        self._keep = keep
        self._parallel = parallel
        self._pace = pace
        self._fail_fast = fail_fast
        self._entries: dict[int, Result] = {}
        self._begun = 0
        self._threads = 0
        self._contexts: list[Contexts] = []
        self._error: Exception | None = None
        self._reason = ""
        self._end = float("inf")
        self._stopped = threading.Event()
        self._places = threading.Semaphore(parallel)
        # Held by who changes any of these, and notified when a thread ends.
        self._lock = threading.Condition()

    def run(self, report: t.Callable[[t.Collection[Result]], None]) -> list[Result]:
        """Return the entry of each device, in their order. Each second `report` is called with those so far."""
        with self._lock:
            for _device in self._devices[: self._parallel]:
                self._start_thread()
            while self._threads and time.monotonic() < self._end:
                self._lock.wait(1.0)
                report(self._entries.values())
            if self._error is not None:
                raise self._error
            return [self._entries.get(number) or self._unfinished(number) for number in range(len(self._devices))]

    def stop(self, reason: str, grace: float = float("inf")) -> None:
        """Begin with no other device and wait for no retry; those at work have so many seconds to come to an end.

        `reason` is a sentence. Signal handlers may call it.
        """
        self._reason = self._reason or reason
        self._end = min(self._end, time.monotonic() + grace)
        self._stopped.set()

    def _start_thread(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            while self._work_on_next():
                pass
        except Exception as error:  # noqa: BLE001
            # Nobody else would see what no one has foreseen.
            self._error = error
            self.stop("The module has a defect.")
        finally:
            with self._lock:
                self._threads -= 1
                self._lock.notify()

    def _work_on_next(self) -> bool:
        """Keep the next device, and say whether there was one."""
        with self._places:
            with self._lock:
                if self._begun == len(self._devices) or self._stopped.is_set():
                    return False
                number = self._begun
                self._begun += 1
                contexts = self._contexts.pop() if self._contexts else {}
            device = self._devices[number]
            warnings: list[str] = []
            try:
                result = self._keep(device, warnings.append, contexts, self._pause)
            except Failure as failure:
                result = failure.result(device["device_id"])
                if self._fail_fast:
                    self.stop("Another device failed, and fail_fast is true.")
            with self._lock:
                self._entries[number] = entry_of(device, result, warnings)
                self._contexts.append(contexts)
            return True

    def _pause(self, wait: float, status: int | None) -> None:
        """Wait until a request may be sent; what it means is said in _session. Raises Stopped."""
        if status == 429:
            with self._lock:
                self._pace.refuse(time.monotonic(), wait)
        if wait:
            self._places.release()
            with self._lock:
                if self._begun < len(self._devices) and self._threads < self._parallel * _THREADS_FOR_EACH_AT_WORK:
                    self._start_thread()
            # Who is stopped here keeps no place, and then nobody needs one.
            self._sleep(wait)
            self._places.acquire()
        with self._lock:
            now = time.monotonic()
            turn = self._pace.turn(now)
        self._sleep(turn - now)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0 and self._stopped.wait(seconds):
            raise Stopped(f"It was not waited for any longer. {self._reason} Run the task again.")

    def _unfinished(self, number: int) -> Result:
        device = self._devices[number]
        failure: Failure
        if number < self._begun:
            failure = OutcomeUnknown(
                f"The service had not answered when the task had to end, so whether the record was changed is unknown. "
                f"{self._reason} Run the task again: it changes only what still differs.",
                changed=True,
            )
        else:
            failure = Stopped(f"It was not tried. {self._reason} Run the task again.")
        return entry_of(device, failure.result(device["device_id"]), [])
