# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Write the metrics of a run of ansible-pull for the textfile collector of a Prometheus node exporter.

The script of a run calls this file as: metrics.py STATE REPORT DIRECTORY START END RETURN_CODE. STATE keeps values
from run to run. REPORT is the JSON file of the callback plugin fleet_report, and can be missing. Without a DIRECTORY,
the metrics file of an earlier run is removed.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import typing as t

# The metrics, all of them gauges, with their help texts.
METRICS = {
    "digicert_iot_pull_last_run_start_timestamp_seconds": "Start of the last run that ended.",
    "digicert_iot_pull_last_run_end_timestamp_seconds": "End of the last run that ended.",
    "digicert_iot_pull_last_run_return_code": "Return code of the last run, 0 if it succeeded.",
    "digicert_iot_pull_last_success_timestamp_seconds": "End of the last run that succeeded.",
    "digicert_iot_pull_certificate_not_after_timestamp_seconds": "Earliest end of the certificates of the devices.",
    "digicert_iot_pull_drifted_devices": "Devices without errors that differed from their desired state.",
    "digicert_iot_pull_failed_devices": "Devices with an error in the last run.",
}
# The collector reads only files whose names end in .prom.
_FILE, _PART = "digicert_iot_pull.prom", "digicert_iot_pull.part"


class Run(t.NamedTuple):
    """A run: its start and its end in seconds since the epoch, and its return code."""

    start: int
    end: int
    return_code: int


class Report(t.NamedTuple):
    """The part of a fleet report that the metrics require. `ends` has the end of each certificate by device."""

    devices: int
    drifted: int
    failed: int
    ends: dict[str, int]


class State(t.NamedTuple):
    """The values that a run keeps for the next one. `directory` is that of the metrics file."""

    directory: str = ""
    last_success: int | None = None
    ends: t.Mapping[str, int] = {}


def read_report(path: str) -> Report | None:
    """Return the fleet report, or None if there is none that this version can read."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        counts = {state: int(report["counts"][state]) for state in ("devices", "changed", "drifted", "failed")}
        ends = {
            json.dumps([row["host"], row["device_id"], row["device_identifier"]]): _seconds(row["certificate"])
            for row in report["devices"]
        }
    except (OSError, ValueError, TypeError, LookupError):
        return None
    known = {device: end for device, end in ends.items() if end is not None}
    return Report(counts["devices"], counts["changed"] + counts["drifted"], counts["failed"], known)


def _seconds(certificate: t.Any) -> int | None:
    """Return the end of a certificate of a report, or None. The host of the device can return any text."""
    try:
        moment = datetime.datetime.strptime(certificate["not_after"] + "+0000", "%Y-%m-%dT%H:%M:%SZ%z")
    except (TypeError, LookupError, ValueError):
        return None
    return int(moment.timestamp())


def read_state(path: str) -> State:
    """Return the state, which is empty before the first run and if the file is damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            return State(**json.load(file))
    except (OSError, ValueError, TypeError):
        return State()


def next_state(state: State, directory: str, run: Run, report: Report | None) -> State:
    """Return the state after a run. A run that failed can have skipped devices, so their certificates stay known."""
    last_success = state.last_success if run.return_code else run.end
    if report is None:
        return State(directory, last_success, state.ends)
    return State(directory, last_success, {**state.ends, **report.ends} if run.return_code else report.ends)


def values_of(state: State, run: Run, report: Report | None) -> dict[str, int | None]:
    """Return the value of each metric, or None if it is not known."""
    # Without devices, for example because git failed, drift is not known.
    known = report if report and report.devices else None
    values = (
        *run,
        state.last_success,
        min(state.ends.values(), default=None),
        known and known.drifted,
        known and known.failed,
    )
    return dict(zip(METRICS, values))


def text_of(values: t.Mapping[str, int | None]) -> str:
    """Return the text format of Prometheus, without the metrics whose value is not known."""
    lines = (
        f"# HELP {name} {METRICS[name]}\n# TYPE {name} gauge\n{name} {value}\n"
        for name, value in values.items()
        if value is not None
    )
    return "".join(lines)


@contextlib.contextmanager
def _opened(directory: str) -> t.Iterator[int]:
    """Open a directory. A symbolic link is rejected: another user could point it to any directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def replace(directory: str, name: str, part: str, text: str, mode: int) -> None:
    """Replace a file atomically. No link that another user places in the directory is followed."""
    with _opened(directory) as at:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=at)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(part, name, src_dir_fd=at, dst_dir_fd=at)


def remove(directory: str) -> None:
    """Remove the metrics file from a directory, if there is one."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _opened(directory) as at:
        for name in (_PART, _FILE):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=at)


def update(state_path: str, report_path: str, directory: str, run: Run) -> None:
    """Replace the metrics file and the state, and remove the metrics file from another directory."""
    old, report = read_state(state_path), read_report(report_path)
    state = next_state(old, directory, run, report)
    if directory:
        replace(directory, _FILE, _PART, text_of(values_of(state, run, report)), 0o644)
    if old.directory not in ("", directory):
        remove(old.directory)
    if directory:
        parent, name = os.path.split(state_path)
        replace(parent, name, f"{name}.part", json.dumps(state._asdict()), 0o600)
    else:
        os.unlink(state_path)


def main(state_path: str, report_path: str, directory: str, *run: str) -> int:
    """Update the metrics and return the return code."""
    try:
        update(state_path, report_path, directory, Run(*map(int, run)))
    except OSError as error:
        place = f"The metrics in {directory}" if directory else "The metrics of an earlier run"
        sys.stderr.write(f"{place} cannot be {'written' if directory else 'removed'}: {error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
