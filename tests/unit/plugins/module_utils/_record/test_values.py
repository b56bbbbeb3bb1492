# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import (
    id_problems,
    reference_problems,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.10", "1.10"),
        (" x ", " x "),
        ("", ""),
        (7, "7"),
        (-1, "-1"),
        (10**20, "1" + "0" * 20),
        (True, "true"),
        (False, "false"),
    ],
)
def test_text(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize("value", [1.10, None, [], {}, b"x", "\ud800"])
def test_what_has_no_text(value):
    with pytest.raises(ValueError, match=r"quote it|Unicode"):
        text_of(value)


@given(st.one_of(st.text(), st.integers(), st.booleans()))
def test_the_normal_form_stays_as_it_is(value):
    assert text_of(text_of(value)) == text_of(value)


@pytest.mark.parametrize("device_id", [".", "..", "\udc80"])
def test_an_invalid_id_is_a_problem(device_id):
    assert id_problems(device_id) == [f"device_id {device_id!r} cannot be the ID of a device."]
    assert id_problems("..." + device_id.strip("\udc80")) == []


def test_a_missing_and_an_empty_id_are_problems():
    assert id_problems("") == ["device_id is empty. Is its variable defined for this host?"]
    assert id_problems(None) == [
        "device_id is required. Set it in the task, or in the environment variable DIGICERT_IOT_DEVICE_ID."
    ]


def test_an_id_in_a_query_is_a_text():
    assert reference_problems("division_id", "") == [
        "division_id is empty. Is its variable defined for this host? Set an ID, or omit division_id."
    ]
    assert reference_problems("division_id", "\ud800") == ["division_id is not valid Unicode text."]
    assert reference_problems("division_id", "D") == reference_problems("division_id", None) == []
