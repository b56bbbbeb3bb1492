# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Read a complete list from an API with pages, also if the list changes during that. Pure except for its arguments.

The API has no cursor and does not document an order. If a device is created, deleted or, depending on the order,
updated, other devices move to another page. Each page therefore begins with the last device of the previous page. If
that device differs, devices have moved.
"""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import ListIncompleteError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import Record

# The attempts to read a list that changes during each of them.
_MAX_ATTEMPTS = 5
# A list with invented devices or without an end must not block the controller. Ansible cannot handle an inventory of
# more devices, and no sensible page size requires more requests for all attempts together.
_MOST_DEVICES = 250_000
_MOST_REQUESTS = 25_000
# A list can double during the attempts. A short list can grow by this number, such as the devices of a new site.
_GROWTH = 1000


class Page(t.NamedTuple):
    """Some devices of a list, and the number of devices in the list."""

    total: int
    records: list[Record]


class _Snapshot(t.NamedTuple):
    """The result of one pass through all pages. `consistent` is whether no device has moved during the pass."""

    records: dict[str, Record]
    total: int
    consistent: bool


class _BoundedList:
    """The list of `page` and `find`. Raises ListIncompleteError if the list exceeds its limits."""

    def __init__(self, page: t.Callable[[int], Page], find: t.Callable[[str], Record | None], remedy: str) -> None:
        self._page = page
        self._find = find
        self._remedy = remedy
        self._requests = 0
        self._first: int | None = None

    def page(self, offset: int) -> Page:
        """Return the page that begins with the device at this index."""
        self._count()
        current = self._page(offset)
        if self._first is None:
            self._first = current.total
        shown = max(current.total, offset + len(current.records))
        if shown > _MOST_DEVICES:
            raise ListIncompleteError(
                f"The API returns a list of more than {_MOST_DEVICES} devices. Run the task again later, or "
                f"{self._remedy}."
            )
        if shown > self._first + max(self._first, _GROWTH):
            raise ListIncompleteError(
                f"The list of devices grew from {self._first} to {shown} devices during the requests. Either the API "
                "adds devices that do not exist, or clients create very many devices. Run the task again later, or "
                f"{self._remedy}."
            )
        return current

    def find(self, device_id: str) -> Record | None:
        """Return the record of one device, or None."""
        self._count()
        return self._find(device_id)

    def _count(self) -> None:
        self._requests += 1
        if self._requests > _MOST_REQUESTS:
            raise ListIncompleteError(
                f"The list of devices was incomplete after {_MOST_REQUESTS} requests. Run the task again later, or "
                f"{self._remedy}."
            )


def read_list(
    page: t.Callable[[int], Page],
    find: t.Callable[[str], Record | None],
    remedy: str = "limit the list with filters",
) -> list[Record]:
    """Return all records of a list, each once.

    `page` returns the page that begins with the device at an index. `find` returns one device by its ID, or None. If a
    device has moved, the list is read again until a pass has no new device. Each known device that is missing in this
    pass is then requested by its ID. `remedy` is how to avoid a long list, as the end of a sentence. Raises
    ListIncompleteError.
    """
    source = _BoundedList(page, find, remedy)
    known: dict[str, Record] = {}
    for _attempt in range(_MAX_ATTEMPTS):
        reading = _read(source)
        if reading.consistent:
            return list(reading.records.values())
        if known and known.keys() >= reading.records.keys():
            found = [source.find(known[key]["id"]) for key in known if key not in reading.records]
            records = list(reading.records.values()) + [record for record in found if record is not None]
            if len(records) == reading.total:
                return records
        known.update(reading.records)
    raise ListIncompleteError(
        f"The list of devices was incomplete in {_MAX_ATTEMPTS} attempts. The last one returned "
        f"{len(reading.records)} of {reading.total} devices. Either the API omits devices, or other clients create and "
        f"delete devices. Run the task again later, or {remedy}."
    )


def _read(source: _BoundedList) -> _Snapshot:
    """Read all pages once. The keys of the records are IDs in lower case, because IDs are case-insensitive."""
    records: dict[str, Record] = {}
    consistent = True
    offset, last, total = 0, None, None
    while True:
        current = source.page(offset)
        ids = [record["id"].lower() for record in current.records]
        consistent = consistent and total in (None, current.total) and (last is None or ids[:1] == [last])
        total = current.total
        known = len(records)
        records.update(zip(ids, current.records))
        if offset + len(ids) >= total or len(records) == known:
            return _Snapshot(records, total, consistent and len(records) == total)
        # With one device on each page, pages cannot overlap.
        last = ids[-1] if len(ids) > 1 else None
        offset += len(ids) - (last is not None)
