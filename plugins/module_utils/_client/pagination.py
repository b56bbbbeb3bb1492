# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Reading a list that comes in pages and may change meanwhile, as a whole. Pure but for the functions that it is given.

The API has neither a cursor nor a promise of the order. A device that is created, deleted or, if the list begins with
what was updated last, updated while the pages are read moves others to another page. So each page begins with the last
device of the one before, which shows whether something has moved.
"""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import ListIncompleteError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import Record

# So often the list is read when it changes all the time.
_MAX_ATTEMPTS = 5
# An API that pads its list, or never ends it, must not occupy the controller forever. Ansible handles no inventory of
# more devices, and no page size that makes sense needs more requests, all readings together.
_MOST_DEVICES = 250_000
_MOST_REQUESTS = 25_000
# A list may double while it is read. A short one may grow by this number of devices: a site that is enrolled meanwhile.
_GROWTH = 1000


class Page(t.NamedTuple):
    """Some devices of a list, and how many the whole list has."""

    total: int
    records: list[Record]


class _Snapshot(t.NamedTuple):
    """What one way through all pages has shown. `whole` says that nothing has moved meanwhile."""

    records: dict[str, Record]
    total: int
    whole: bool


class _BoundedList:
    """The list behind `page` and `find`, both of which raise ListIncompleteError when it exceeds its bounds."""

    def __init__(self, page: t.Callable[[int], Page], find: t.Callable[[str], Record | None]) -> None:
        self._page = page
        self._find = find
        self._requests = 0
        self._first: int | None = None

    def page(self, offset: int) -> Page:
        """Return the page that begins with the device of this number."""
        self._count()
        current = self._page(offset)
        if self._first is None:
            self._first = current.total
        shown = max(current.total, offset + len(current.records))
        if shown > _MOST_DEVICES:
            raise ListIncompleteError(
                f"The API returns a list of more than {_MOST_DEVICES} devices. Limit the list with filters."
            )
        if shown > self._first + max(self._first, _GROWTH):
            raise ListIncompleteError(
                f"The list of devices grew from {self._first} to {shown} devices while it was read. Either the API "
                "pads the list, or very many devices are created. Try again later, or limit the list with filters."
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
                f"The list of devices was incomplete after {_MOST_REQUESTS} requests. Increase page_size, or limit the "
                "list with filters."
            )


def read_list(page: t.Callable[[int], Page], find: t.Callable[[str], Record | None]) -> list[Record]:
    """Return all records of a list, each once.

    `page` returns the page that begins with the device of this number, `find` one device by its ID, or None. When
    something moved, the list is read again, until a reading shows nothing that was not known before; which of the
    devices that it does not show are still there is then asked for each. Raises ListIncompleteError.
    """
    source = _BoundedList(page, find)
    known: dict[str, Record] = {}
    for _attempt in range(_MAX_ATTEMPTS):
        reading = _read(source)
        if reading.whole:
            return list(reading.records.values())
        if known and known.keys() >= reading.records.keys():
            found = [source.find(known[key]["id"]) for key in known if key not in reading.records]
            records = list(reading.records.values()) + [record for record in found if record is not None]
            if len(records) == reading.total:
                return records
        known.update(reading.records)
    raise ListIncompleteError(
        f"The list was read {_MAX_ATTEMPTS} times and never was complete: at last it listed {reading.total} devices "
        f"and showed {len(reading.records)}. Either it leaves some out, or devices are created and deleted all the "
        "time. Try again later, or ask for fewer devices with filters."
    )


def _read(source: _BoundedList) -> _Snapshot:
    """Read all pages once. The keys of the records are IDs in lower case, because the API ignores their case."""
    records: dict[str, Record] = {}
    whole = True
    offset, last, total = 0, None, None
    while True:
        current = source.page(offset)
        ids = [record["id"].lower() for record in current.records]
        whole = whole and total in (None, current.total) and (last is None or ids[:1] == [last])
        total = current.total
        known = len(records)
        records.update(zip(ids, current.records))
        if offset + len(ids) >= total or len(records) == known:
            return _Snapshot(records, total, whole and len(records) == total)
        # A service that gives single devices leaves no room to look back.
        last = ids[-1] if len(ids) > 1 else None
        offset += len(ids) - (last is not None)
