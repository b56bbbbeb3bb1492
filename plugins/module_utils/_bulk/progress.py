# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Shows how far a task for many devices is, while it runs: in a file, and now and then in the system's log."""

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
    """Tells of so many `devices`, in the file at `path` if there is one, and to `log`, which takes a line.

    Raises InvalidParametersError when there can be no such file.
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
        """Show the counts of the results so far."""
        # An error here must not lose the results.
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
            # By now there is more to lose than a look at the progress.
            self._log(f"progress_path: {self._path!r} cannot be written any more: {error}.")
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
