# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    by_name,
    device_label,
    ids_by_name,
    is_mandatory,
    labels_of,
    resolve,
)

RECORD = {
    "id": "d",
    "fields": [
        {"id": "a", "name": "Site", "value": "Delft"},
        {"id": "b", "name": "Twin", "value": "1"},
        {"id": "c", "name": "Twin", "value": None},
        {"id": "d", "name": None, "value": "4"},
    ],
}


def test_a_device_is_named_by_all_that_is_known():
    assert device_label({"id": "d", "device_identifier": "gate"}) == "gate (d)"
    assert device_label({"id": None, "device_identifier": "gate"}) == "gate"
    assert device_label({"id": "d"}) == "d"
    assert device_label({"id": "d", "device_identifier": "\x1b[31m\ngate"}) == " [31m gate (d)"


def test_values_by_name():
    assert by_name(RECORD) == {"Site": "Delft", "Twin (b)": "1", "Twin (c)": None, "d": "4"}


def test_fields_are_found_by_name_or_id():
    assert resolve(RECORD, ["Twin", "d", "Nothing"]) == ({"b", "c", "d"}, ["Nothing"])
    assert resolve(RECORD, ["D", "twin"]) == ({"d"}, ["twin"])
    assert resolve(RECORD, []) == (set(), [])


def test_names_that_the_record_does_not_list_are_found_in_field_ids():
    field_ids = {"New": "N", "Site": "A", "North": "b", "Lone": "D"}
    assert resolve(RECORD, ["New", "Site", "North", "Lone"], field_ids) == ({"n", "a", "b", "d"}, [])
    assert resolve(RECORD, ["n", "x", "new", "Twin"], field_ids) == ({"n", "b", "c"}, ["x", "new"])


def test_ids_by_name_are_field_ids_for_the_same_labels():
    field_ids = ids_by_name(RECORD)
    assert field_ids == {"Site": "a", "Twin (b)": "b", "Twin (c)": "c", "d": "d"}
    assert resolve({"fields": []}, ["Site", "Twin (b)", "d"], field_ids) == ({"a", "b", "d"}, [])


def test_labels_of_very_many_fields_take_no_time():
    fields = [{"id": str(number), "name": f"n{number}"} for number in range(50000)]
    begin = time.monotonic()
    assert labels_of(fields)[-1] == "n49999"
    assert time.monotonic() - begin < 5


def test_only_true_makes_a_field_mandatory():
    assert [is_mandatory({"mandatory": value}) for value in (True, 1, "true", None)] == [True, False, False, False]
