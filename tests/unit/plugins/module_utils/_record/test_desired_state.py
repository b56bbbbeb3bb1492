# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    DesiredField,
    DesiredState,
    parse_desired_state,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import MAXIMUM_VALUE_LENGTH


def options(fields=None, **others):
    whole = [{"id": None, "name": None, "value": None, "state": "present", **entry} for entry in fields or []]
    return {
        "device_identifier": None,
        "fields": None if fields is None else whole,
        "secret_fields": None,
        "purge_fields": False,
        "keep_fields": [],
        "field_ids": {},
        "mask_fields": [],
        "on_read_denied": "fail",
        **others,
    }


def test_wishes_are_read():
    given = options(
        [
            {"name": "Site", "value": "Delft"},
            {"id": "f1", "value": 7},
            {"name": "On", "value": True},
            {"id": "f2", "state": "absent"},
        ],
        device_identifier="gate",
        purge_fields=True,
        keep_fields=["Owner"],
    )
    fields = (
        DesiredField(None, "Site", "Delft"),
        DesiredField("f1", None, "7"),
        DesiredField(None, "On", "true"),
        DesiredField("f2", None, None),
    )
    assert parse_desired_state(given) == (DesiredState("gate", fields, True, ("Owner",)), [])


@pytest.mark.parametrize("fields", [[], [{"id": "a", "value": "x" * MAXIMUM_VALUE_LENGTH}], [{"id": "a", "value": 0}]])
def test_at_the_edge_but_right(fields):
    assert parse_desired_state(options(fields))[1] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (options(), "device_identifier, fields and secret_fields is required"),
        (options(device_identifier=""), "device_identifier is empty. Is its variable defined for this host?"),
        (options(device_identifier="x" * 256), "has 256 characters, but must have 1 to 255"),
        (options(device_identifier="\udc80"), "device_identifier is not valid Unicode"),
        (options(device_identifier="x", purge_fields=True), "purge_fields requires fields"),
        (options([{"value": "1"}]), "Entry 1 of fields requires exactly one"),
        (options([{"id": "", "value": "1"}]), "Entry 1 of fields requires exactly one"),
        (options([{"id": "a", "name": "", "value": "1"}]), "Entry 1 of fields requires exactly one"),
        (options([{"id": "a", "name": "A", "value": "1"}]), "Entry 1 of fields requires exactly one"),
        (options([{"name": "\udc80", "value": "1"}]), "Entry 1 of fields has a name or an ID that is not valid"),
        (options([{"name": "A"}]), "field 'A' has no value. Set a value, or state=absent"),
        (options([{"name": "A", "value": ""}]), "field 'A' has no value. Set a value, or state=absent"),
        (options([{"id": "a"}]), "field with the ID 'a' has no value"),
        (options([{"name": "A", "value": "1", "state": "absent"}]), "field 'A' has a value and state=absent"),
        (
            options([{"name": "A", "value": 1.1}]),
            "field 'A': the value is a float, whose notation is not preserved: quote it",
        ),
        (options([{"name": "A", "value": [1]}]), "is a list, whose notation is not preserved: quote it"),
        (options([{"name": "A", "value": {"b": 1}}]), "is a dict, whose notation is not preserved: quote it"),
        (options([{"name": "A", "value": "\ud800"}]), "field 'A': the value is not valid Unicode"),
        (
            options([{"name": "A", "value": "x" * (MAXIMUM_VALUE_LENGTH + 1)}]),
            f"the value has {MAXIMUM_VALUE_LENGTH + 1} characters, but must have at most {MAXIMUM_VALUE_LENGTH}.",
        ),
        (options([{"name": "A", "value": "1"}] * 2), "The field 'A' is listed more than once. List it once."),
        (options([{"id": "a", "value": "1"}] * 3), "The field with the ID 'a' is listed more than once. List it once."),
        (options([{"name": "A", "value": "1"}], on_read_denied="overwrite"), "requires the id and a value"),
        (options([{"id": "a", "state": "absent"}], on_read_denied="overwrite"), "requires the id and a value"),
        (options(device_identifier="x", on_read_denied="overwrite"), "requires the id and a value"),
    ],
)
def test_one_problem_is_told(given, words):
    problems = parse_desired_state(given)[1]
    assert len(problems) == 1, problems
    assert words in problems[0]


def secrets(*entries):
    return options([*entries])["fields"]


def test_secrets_are_wishes_too():
    given = options([{"id": "a", "value": "1"}], secret_fields=secrets({"id": "b", "value": "2"}), purge_fields=True)
    assert parse_desired_state(given)[0].fields == (
        DesiredField("a", None, "1"),
        DesiredField("b", None, "2", secret=True),
    )
    assert parse_desired_state(options(secret_fields=secrets({"id": "b", "value": "2"}), purge_fields=True))[1] == []


@pytest.mark.parametrize("value", [5, True, 1.5, ["x"]])
def test_a_secret_is_a_string(value):
    problems = parse_desired_state(options(secret_fields=secrets({"id": "b", "value": value})))[1]
    assert problems == ["The field with the ID 'b': a secret value must be a string. Quote it."]


def test_a_field_cannot_be_in_both_lists():
    both = options([{"name": "A", "value": "1"}], secret_fields=secrets({"name": "A", "value": "2"}))
    assert parse_desired_state(both)[1] == ["The field 'A' is listed more than once. List it once."]


def test_all_problems_are_told_together():
    problems = parse_desired_state(
        options([{"name": "A", "value": 1.5}, {"name": "B"}, {"value": "x"}], device_identifier="")
    )[1]
    assert len(problems) == 4


def test_the_longest_name():
    wishes, problems = parse_desired_state(options(device_identifier="x" * 255))
    assert (wishes.device_identifier, problems) == ("x" * 255, [])


def test_field_ids_are_read():
    field_ids = {"Owner": "f1", "Site": "F2"}
    wanted, problems = parse_desired_state(options([{"name": "Owner", "value": "1"}], field_ids=field_ids))
    assert (wanted.field_ids, problems) == (field_ids, [])


@pytest.mark.parametrize(
    ("field_ids", "problem"),
    [
        ({"": "f1"}, "field_ids has an entry without a name."),
        ({"\udc80": "f1"}, "field_ids has a name that is not valid Unicode text."),
        ({"Owner": None}, "field_ids has no ID for 'Owner'. Set the ID, or remove the name."),
        ({"Owner": ""}, "field_ids has no ID for 'Owner'. Set the ID, or remove the name."),
        *(
            ({"Owner": value}, f"field_ids: the ID of 'Owner' is of the type {kind}, but must be a string. Quote it.")
            for value, kind in ((7, "int"), (True, "bool"), (1.5, "float"), (["f1"], "list"), ({"id": "f1"}, "dict"))
        ),
        ({"Owner": "\ud800"}, "field_ids: the ID of 'Owner' is not valid Unicode text."),
        (
            {"Owner": "f1", "Holder": "F1"},
            "field_ids has the ID 'F1' for 'Owner' and for 'Holder'. List each ID once.",
        ),
    ],
)
def test_field_ids_that_are_invalid(field_ids, problem):
    for entry in ({"name": "Site", "value": "1"}, {"name": "Owner", "value": "1"}):
        assert parse_desired_state(options([entry], field_ids=field_ids))[1] == [problem]


def test_all_problems_of_field_ids_are_told_together():
    field_ids = {"": "f1", "Owner": None, "Site": 7, "A": "a", "B": "A", "C": "a"}
    assert len(parse_desired_state(options([], field_ids=field_ids))[1]) == 5


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (
            {"name": "Owner"},
            {"id": "F1"},
            "The field 'Owner' is listed more than once, also as the field with the ID 'F1'.",
        ),
        (
            {"id": "F1"},
            {"name": "Owner"},
            "The field 'Owner' is listed more than once, also as the field with the ID 'F1'.",
        ),
        (
            {"id": "F1"},
            {"id": "f1"},
            "The field with the ID 'f1' is listed more than once, also as the field with the ID 'F1'.",
        ),
    ],
)
def test_a_field_that_is_listed_twice_is_told_by_both_names(first, second, labels):
    given = options(secret_fields=secrets({**first, "value": "1"}, {**second, "value": "2"}), field_ids={"Owner": "f1"})
    assert parse_desired_state(given)[1] == [f"{labels} List it once."]


def test_names_in_field_ids_can_be_overwritten():
    fields = [{"name": "Owner", "value": "1"}, {"id": "f2", "value": "2"}]
    given = options(fields, field_ids={"Owner": "f1"}, on_read_denied="overwrite")
    assert parse_desired_state(given)[1] == []
    for fields in ([{"name": "Owner", "state": "absent"}], [{"name": "Site", "value": "1"}]):
        (problem,) = parse_desired_state(
            {**given, **options(fields, field_ids={"Owner": "f1"}), "on_read_denied": "overwrite"}
        )[1]
        assert problem.startswith("on_read_denied=overwrite requires the id and a value")
        assert "a name that field_ids has" in problem
