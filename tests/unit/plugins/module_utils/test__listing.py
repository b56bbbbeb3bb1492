# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import ListIncomplete
from ansible_collections.edgeops.digicert.plugins.module_utils._listing import Page, read_list


def find_nobody(_device_id):
    """Find no device."""


class Account:
    """A list of devices that comes in pages; `events` change it before the page of that number."""

    def __init__(self, count, size, events=()):
        self.ids = [f"device-{number}" for number in range(count)]
        self.size = size
        self.events = dict(events)
        self.pages = 0
        self.found = []

    def page(self, offset):
        self.pages += 1
        self.events.get(self.pages, lambda: None)()
        return Page(len(self.ids), [{"id": each} for each in self.ids[offset : offset + self.size]])

    def find(self, device_id):
        self.found.append(device_id)
        return {"id": device_id} if device_id in self.ids else None

    def read(self):
        return [record["id"] for record in read_list(self.page, self.find)]


@given(count=st.integers(0, 40), size=st.integers(1, 50))
def test_all_devices_are_listed_once_and_in_their_order(count, size):
    account = Account(count, size)
    assert account.read() == account.ids
    assert account.found == []


def test_a_page_more_for_each_that_looks_back():
    account = Account(100, 11)
    account.read()
    assert account.pages == 10


def test_a_device_that_moves_to_the_front_is_not_lost():
    account = Account(10, 4)
    account.events[2] = lambda: account.ids.insert(0, account.ids.pop())
    assert sorted(account.read()) == sorted(account.ids)
    assert account.found == []


def test_a_device_that_moves_to_the_end_makes_no_other_lost():
    account = Account(10, 4)
    account.events[2] = lambda: account.ids.append(account.ids.pop(0))
    assert sorted(account.read()) == sorted(account.ids)


def test_one_goes_one_comes_and_one_moves_so_that_only_the_place_of_the_last_shows_it():
    account = Account(10, 4)

    def change():
        account.ids[:] = [*account.ids[2:], account.ids[1], "new"]

    account.events[2] = change
    assert sorted(account.read()) == sorted(account.ids)


def test_one_goes_and_one_moves_so_that_only_the_number_of_devices_shows_it():
    account = Account(10, 4)

    def change():
        account.ids[:] = [account.ids[-1], *account.ids[1:-1]]

    account.events[2] = change
    assert sorted(account.read()) == sorted(account.ids)


@given(moves=st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=40, max_size=40))
def test_devices_that_move_all_the_time_are_neither_lost_nor_doubled(moves):
    account = Account(12, 4)
    pending = list(moves)

    def move():
        position, to_front = pending.pop()
        account.ids.insert(0 if to_front else 12, account.ids.pop(position))

    account.events = dict.fromkeys(range(1, 41), move)
    try:
        listed = account.read()
    except ListIncomplete:
        return
    assert sorted(listed) == sorted(account.ids)


def test_of_those_that_a_restless_list_does_not_show_it_is_asked_which_are_there():
    account = Account(8, 4)
    # Whatever is last when a second page is read has not been seen then, and comes first; and one goes.
    account.events = dict.fromkeys((2, 5, 8), lambda: account.ids.insert(0, account.ids.pop()))
    account.events[7] = lambda: account.ids.remove("device-0")
    assert sorted(account.read()) == sorted(account.ids)
    assert account.found == ["device-0", "device-5"]


@pytest.mark.parametrize("shown", [0, 4, 7])
def test_a_list_that_lacks_devices_is_no_list(shown):
    pages = []

    def page(offset):
        pages.append(offset)
        return Page(10, [{"id": str(number)} for number in range(shown)][offset : offset + 4])

    with pytest.raises(ListIncomplete, match=f"told of 10 devices and showed {shown}"):
        read_list(page, find_nobody)
    assert len(pages) < 20


def test_a_service_that_always_gives_the_first_page():
    with pytest.raises(ListIncomplete):
        read_list(lambda _offset: Page(10**9, [{"id": "a"}, {"id": "b"}]), find_nobody)
