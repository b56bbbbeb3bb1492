# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import Page, read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import ListIncompleteError


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
    except ListIncompleteError:
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

    with pytest.raises(ListIncompleteError, match=f"returned {shown} of 10 devices"):
        read_list(page, find_nobody)
    assert len(pages) < 20


def test_a_service_that_always_gives_the_first_page():
    with pytest.raises(ListIncompleteError):
        read_list(lambda _offset: Page(10**9, [{"id": "a"}, {"id": "b"}]), find_nobody)


def numbered(first, count):
    """Return `count` records with the IDs from `first` on."""
    return [{"id": str(number)} for number in range(first, first + count)]


class Hostile:
    """A list whose page number N, from 0 on, is what `answer(N, offset)` returns. Fails the test if it is endless."""

    def __init__(self, answer, most):
        self.answer = answer
        self.most = most
        self.requests = 0

    def page(self, offset):
        self.requests += 1
        assert self.requests <= self.most, "the list is still read"
        return Page(*self.answer(self.requests - 1, offset))

    def find(self, device_id):
        self.requests += 1
        assert self.requests <= self.most, "devices are still looked up"
        return {"id": device_id}


def follow(offset, size):
    """Return the page that begins at `offset`, as a service does that has a device for each number."""
    return numbered(offset, size)


# What the service answers -> how many requests may be sent, and a word of the error.
ENDLESS = {
    "the total grows with each page": (lambda _page, offset: (offset + 1000, follow(offset, 100)), 30, "grew"),
    "the total grows by one": (lambda page, offset: (1000 + page, follow(offset, 2)), 25_000, "grew|requests"),
    "the total doubles": (lambda page, offset: (200 * 2**page, follow(offset, 100)), 30, "grew"),
    "the total is huge": (lambda _page, offset: (10**9, follow(offset, 1000)), 1, "more than 250000 devices"),
    "the total has no end": (lambda _page, offset: (10**4000, follow(offset, 10)), 1, "more than 250000 devices"),
    "the total grows in a later reading": (
        lambda page, offset: (10 * 10**page, follow(offset, 5)),
        30,
        "grew",
    ),
    "pages become small": (lambda page, offset: (200_000, follow(offset, 2 if page else 100)), 25_000, "requests"),
    "single devices": (lambda _page, offset: (200_000, follow(offset, 1)), 25_000, "requests"),
    "more devices than it says": (lambda _page, offset: (10, follow(offset, 2000)), 30, "grew|complete"),
    "empty pages": (lambda _page, _offset: (500, []), 30, "returned 0 of 500 devices"),
    "an empty page at the end": (lambda page, offset: (500, [] if page % 2 else follow(offset, 100)), 30, "complete"),
    "the same page": (lambda _page, _offset: (500, follow(0, 100)), 30, "complete"),
    "the same device": (lambda _page, _offset: (500, [{"id": "a"}] * 100), 30, "complete"),
    "a page that repeats itself": (lambda _page, offset: (500, follow(offset, 50) * 2), 60, "complete"),
    "other devices in each reading": (
        lambda page, offset: (100, follow(offset + 1_000_000 * page, 40)),
        60,
        "grew|complete",
    ),
    "IDs that differ in case alone": (
        lambda _page, _offset: (2, [{"id": "a"}, {"id": "A"}]),
        30,
        "returned 1 of 2 devices",
    ),
    "no devices and one": (lambda _page, _offset: (0, [{"id": "a"}]), 30, "complete"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_padded_list_ends_with_an_error_after_a_bounded_number_of_requests(name):
    answer, most, words = ENDLESS[name]
    service = Hostile(answer, most)
    with pytest.raises(ListIncompleteError, match=words) as caught:
        read_list(service.page, service.find, "do that")
    assert str(caught.value).endswith(" Run the task again later, or do that.")


def test_devices_that_a_list_no_longer_shows_are_looked_up_within_bounds():
    # Two readings show 20,000 devices in full pages, and those after them a few: all others would be looked up.
    def answer(page, offset):
        return (20_000, follow(offset, 1000)) if page < 30 else (20_000 + page, follow(0, 10))

    service = Hostile(answer, 25_000)
    with pytest.raises(ListIncompleteError):
        read_list(service.page, service.find)


def test_fifty_thousand_devices_and_a_list_that_grows_or_shrinks_while_it_is_read():
    assert len(read_list(lambda offset: Page(50_000, follow(offset, min(100, 50_000 - offset))), find_nobody)) == 50_000
    # Enrollment of a site takes place during the first reading.
    totals = itertools.chain(range(300, 1200, 300), itertools.repeat(1200))

    def growing(offset):
        total = next(totals)
        return Page(total, follow(offset, max(0, min(100, total - offset))))

    assert len(read_list(growing, find_nobody)) == 1200
    falling = itertools.chain(range(1000, 920, -10), itertools.repeat(920))

    def shrinking(offset):
        total = next(falling)
        return Page(total, follow(offset, max(0, min(100, total - offset))))

    assert len(read_list(shrinking, find_nobody)) == 920


def test_a_device_whose_id_comes_in_two_cases_is_one_device():
    pages = {0: [{"id": "a"}, {"id": "B"}], 1: [{"id": "b"}, {"id": "c"}]}
    records = read_list(lambda offset: Page(3, pages[offset]), find_nobody)
    assert [record["id"].lower() for record in records] == ["a", "b", "c"]
