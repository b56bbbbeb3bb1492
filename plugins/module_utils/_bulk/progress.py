# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Report the progress of a task for many devices in a file and in the system log."""

from __future__ import annotations

import contextlib
import json
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._atomic_write import write_atomically
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Result
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError

_SECONDS_BETWEEN_LOGS = 10.0


class Progress:
    """Reports the progress of this number of devices, in the file at `path`, if set, and with `log`.

    Raises InvalidParametersError if the file cannot be written.
    """

    def __init__(self, path: str | None, devices: int, log: t.Callable[[str], None]) -> None:
        self._path = path
        self._devices = devices
        self._log = log
        self._logged = time.monotonic()
        try:
            self._write(self._counts([]))
        except (OSError, ValueError) as error:
            raise InvalidParametersError(f"progress_path: {path!r} cannot be written: {error}.") from error

    def report(self, results: t.Collection[Result]) -> None:
        """Report the counts of the results so far."""
        # An error in the report must not discard the results.
        with contextlib.suppress(Exception):
            self._report(results)

    def _report(self, results: t.Collection[Result]) -> None:
        counts = self._counts(results)
        now = time.monotonic()
        if now >= self._logged + _SECONDS_BETWEEN_LOGS:
            self._logged = now
            self._log("{done} of {devices} devices done, {changed} changed, {failed} failed".format(**counts))
        try:
            self._write(counts)
        except OSError as error:
            # The update of devices is more important than the progress file.
            self._log(
                f"progress_path: {self._path!r} cannot be written: {error}. No more progress is written to the file."
            )
            self._path = None

    def _counts(self, results: t.Collection[Result]) -> dict[str, int]:
        return {
            "devices": self._devices,
            "done": len(results),
            "changed": sum(result["changed"] for result in results),
            "failed": sum(result["failed"] for result in results),
        }

    def _write(self, counts: dict[str, int]) -> None:
        if self._path is not None:
            write_atomically(self._path, json.dumps(counts))
