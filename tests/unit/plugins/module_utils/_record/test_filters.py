# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._record.filters import read_filters, select

RECORD = {
    "id": "1",
    "device_identifier": "gate",
    "status": "ACTIVE",
    "updated": "2026-03-01T08:30:00Z",
    "key-of-tomorrow": 1,
    "fields": [
        {"id": "a", "name": "Site", "value": "Delft"},
        {"id": "b", "name": "Password", "value": "hush"},
        {"id": "c", "name": "Twin", "value": None},
        {"id": "d", "name": "Twin", "value": "2"},
    ],
}


def test_filters_of_every_kind():
    filters = {
        "device_identifier": "gate",
        "division_id": "d",
        "device_profile_id": "p",
        "created_from": "2026-01-01",
        "created_to": datetime.date(2026, 1, 31),
        "updated_from": "2026-01-01",
        "updated_to": None,
    }
    texts, problems = read_filters(filters)
    assert problems == []
    del filters["updated_to"]
    assert texts == {**filters, "created_to": "2026-01-31"}


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"status": "ACTIVE"}, "filters has status, but can only have device_identifier, "),
        ({"created_from": "01.02.2026"}, "'01.02.2026', but must be a date"),
        ({"created_from": "2026-02-30"}, "must be a date"),
        ({"division_id": 1}, "filters.division_id is 1, but must be a text"),
        ({"device_identifier": ""}, "must be a text"),
    ],
)
def test_filters_that_cannot_be(filters, words):
    _texts, problems = read_filters(filters)
    assert words in " ".join(problems)


def test_selection():
    disabled = {**RECORD, "id": "2", "status": "DISABLED"}
    without = {"id": "3", "fields": []}
    records = [RECORD, disabled, without]
    assert select(records, ["ACTIVE"], {}, []) == ([RECORD, without], [])
    assert select(records, ["ACTIVE", "DISABLED"], {}, []) == (records, [])
    assert select([RECORD], ["ACTIVE"], {"updated_to": "2026-03-01"}, []) == ([RECORD], [])
    assert select([RECORD], ["ACTIVE"], {"updated_to": "2026-02-28"}, ["Password"]) == ([], [])


def test_mask_fields_are_masked_and_unknown_names_are_returned():
    without = {"id": "3", "fields": []}
    (masked, same), unknown = select([RECORD, without], ["ACTIVE"], {}, ["Password", "unknown"])
    assert [field["value"] for field in masked["fields"]] == ["Delft", "********", None, "2"]
    assert same == without
    assert unknown == ["unknown"]
