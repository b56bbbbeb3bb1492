# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import parse_record
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidDesiredStateError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredField, DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import (
    concurrent_changes,
    current_secrets,
    normalize_response,
    plan_change,
    plan_overwrite,
    unapplied_changes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import MASK, values_by_id


def field(field_id, value=None, name=None, mandatory=False):
    return {"id": field_id, "name": name or field_id.upper(), "value": value, "mandatory": mandatory}


def record(*fields, **keys):
    return {"id": "d", "device_identifier": "gate", "status": "ACTIVE", **keys, "fields": list(fields)}


def wishes(*fields, identifier=None, purge=False, keep=(), mask=(), field_ids=None):
    return DesiredState(identifier, fields, purge, keep, mask, field_ids=field_ids or {})


def by_name(name, value=None):
    return DesiredField(None, name, value)


def by_id(field_id, value=None):
    return DesiredField(field_id, None, value)


RECORD = record(
    field("m", "1", mandatory=True),
    field("a", "old"),
    field("b", "kept"),
    field("e", None),
    field("s1", "x", name="SHARED"),
    field("s2", "y", name="SHARED"),
)
VALUES = {"m": "1", "a": "old", "b": "kept", "e": None, "s1": "x", "s2": "y"}


@pytest.mark.parametrize(
    ("wanted", "changes", "changed_fields"),
    [
        pytest.param(wishes(), {}, [], id="nothing managed_ids"),
        pytest.param(wishes(by_name("A", "old")), {}, [], id="already so"),
        pytest.param(wishes(by_name("A", "new")), {"a": "new"}, ["A"], id="set by name"),
        pytest.param(wishes(by_id("a", "new")), {"a": "new"}, ["A"], id="set by id"),
        pytest.param(wishes(by_name("E", "first")), {"e": "first"}, ["E"], id="set one without a value"),
        pytest.param(wishes(by_id("n", "first")), {"n": "first"}, ["n"], id="set one that is not listed"),
        pytest.param(wishes(by_name("A")), {"a": None}, ["A"], id="remove"),
        pytest.param(wishes(by_name("E")), {}, [], id="remove what has no value"),
        pytest.param(wishes(by_id("n")), {}, [], id="remove what is not listed"),
        pytest.param(wishes(by_id("s2", "z")), {"s2": "z"}, ["SHARED (s2)"], id="one of two that share a name"),
        pytest.param(
            wishes(by_name("A", "old"), purge=True),
            {"b": None, "s1": None, "s2": None},
            ["B", "SHARED (s1)", "SHARED (s2)"],
            id="purge leaves mandatory and listed fields",
        ),
        pytest.param(
            wishes(by_name("A", "old"), purge=True, keep=("B", "s1")),
            {"s2": None},
            ["SHARED (s2)"],
            id="keep two",
        ),
        pytest.param(
            wishes(purge=True, keep=("SHARED", "b")), {"a": None}, ["A"], id="keep a shared name keeps both fields"
        ),
        pytest.param(wishes(by_name("B"), purge=True, keep=("B", "A", "SHARED")), {"b": None}, ["B"], id="absent wins"),
        pytest.param(wishes(by_name("M", "2")), {"m": "2"}, ["M"], id="set a mandatory field"),
    ],
)
def test_plan(wanted, changes, changed_fields):
    plan = plan_change(RECORD, wanted)
    expected = {**VALUES, **changes}
    assert values_by_id(plan.after) == expected
    assert plan.changed == bool(changes)
    assert plan.changed_fields == changed_fields
    assert plan.payload == {"fields": [{"id": key, "value": value} for key, value in expected.items() if value]}
    assert plan.before == RECORD
    assert plan.warnings == ()


def test_rename_alone_sends_every_value():
    plan = plan_change(RECORD, wishes(identifier="new"))
    assert plan.payload == {
        "device_identifier": "new",
        "fields": [{"id": key, "value": value} for key, value in VALUES.items() if value],
    }
    assert plan.changed_fields == []


def test_the_same_name_is_no_change():
    assert not plan_change(RECORD, wishes(identifier="gate")).changed


def test_keys_that_are_not_known_are_handed_on():
    odd = record(dict(field("a", "1"), colour="red"), novel={"x": 1})
    plan = plan_change(odd, wishes(by_name("A", "2")))
    assert plan.after == record(dict(field("a", "2"), colour="red"), novel={"x": 1})


def test_diff_has_the_same_keys_on_both_sides():
    diff = plan_change(RECORD, wishes(by_id("n", "1"), by_name("A"), identifier="new")).diff
    assert diff["before"]["fields"] == {
        "M": "1",
        "A": "old",
        "B": "kept",
        "E": None,
        "SHARED (s1)": "x",
        "SHARED (s2)": "y",
        "n": None,
    }
    assert diff["after"]["fields"] == {**diff["before"]["fields"], "A": None, "n": "1"}
    assert (diff["before"]["device_identifier"], diff["after"]["device_identifier"]) == ("gate", "new")
    assert diff["before_header"] == diff["after_header"] == f"gate ({RECORD['id']})"


def test_a_name_that_is_another_fields_id_does_not_hide_it():
    both = record(field("x", "1", name="y"), {"id": "y", "value": "2"})
    assert plan_change(both, wishes(by_id("y", "3"))).diff["before"]["fields"] == {"y (x)": "1", "y": "2"}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            wishes(by_name("Aa", "1")),
            ["no field 'Aa'", "'M', 'A', 'B', 'E'", "Set the id", "add its name to field_ids"],
        ),
        (wishes(by_name("SHARE", "1")), ["no field 'SHARE'", "Did you mean 'SHARED'?"]),
        (wishes(by_name("SHARED", "1")), ["2 fields with the name 'SHARED'", "'s1', 's2'"]),
        (
            wishes(by_name("A", "1"), by_id("a", "1")),
            ["field 'A' is listed more than once, also as the field with the ID 'a'"],
        ),
        (
            wishes(by_id("A", "1"), by_name("A", "1")),
            ["field 'A' is listed more than once, also as the field with the ID 'A'"],
        ),
        (wishes(by_name("M")), ["'M' is mandatory"]),
        (wishes(by_id("m"), purge=True), ["'M' is mandatory"]),
        (wishes(by_name("M"), by_name("Z", "1"), by_name("SHARED")), ["'M' is mandatory", "'Z'", "2 fields"]),
    ],
)
def test_wishes_that_do_not_fit(wanted, words):
    with pytest.raises(InvalidDesiredStateError) as caught:
        plan_change(RECORD, wanted)
    for word in words:
        assert word in str(caught.value)


def test_removing_a_name_that_is_not_listed_is_done_already():
    plan = plan_change(RECORD, wishes(by_name("Contact")))
    assert not plan.changed
    assert plan.warnings == ()
    assert "Did you mean 'SHARED'?" in plan_change(RECORD, wishes(by_name("SHARD"))).warnings[0]


def test_a_record_without_names_says_so():
    with pytest.raises(InvalidDesiredStateError, match="no field with a name"):
        plan_change(record(), wishes(by_name("A", "1")))


def test_keep_that_matches_no_field_is_an_error_only_when_a_value_would_be_removed():
    with pytest.raises(
        InvalidDesiredStateError, match=r"keep_fields lists 'Typo', but .* removes 'A', 'SHARED .s1.'.* to field_ids"
    ):
        plan_change(RECORD, wishes(purge=True, keep=("Typo", "B")))
    assert not plan_change(RECORD, wishes(purge=True, keep=("Typo", "A", "B", "SHARED"))).changed
    assert plan_change(RECORD, wishes(by_name("A", "1"), keep=("Typo",))).changed
    assert plan_change(RECORD, wishes(by_id("new", "1"), purge=True, keep=("NEW",))).changed


def test_ids_are_compared_without_regard_to_case():
    plan = plan_change(
        RECORD,
        DesiredState(
            None,
            (DesiredField("A", None, None), DesiredField("B", None, "new", secret=True)),
            purge=True,
            keep=("S1", "s2"),
        ),
    )
    assert values_by_id(plan.after) == {**VALUES, "a": None, "b": "new"}
    assert [entry["id"] for entry in plan.payload["fields"]] == ["m", "b", "s1", "s2"]
    assert plan.diff["before"]["fields"]["B"] == MASK
    answer = record(*(dict(entry, id=entry["id"].upper()) for entry in plan.after["fields"]))
    assert (unapplied_changes(plan, answer), concurrent_changes(plan, answer)) == ([], [])
    assert plan.masked(answer)["fields"][2]["value"] == MASK
    assert [entry["value"] for entry in normalize_response(plan, answer)["fields"]] == list(
        values_by_id(plan.after).values()
    )


def test_a_field_by_its_id_in_two_spellings_is_listed_twice():
    with pytest.raises(
        InvalidDesiredStateError, match="with the ID 'A' is listed more than once, also as the field with the ID 'a'"
    ):
        plan_change(RECORD, wishes(by_id("a", "1"), by_id("A", "1")))


def test_an_unlisted_id_is_verified_in_the_spelling_of_the_response():
    plan = plan_change(RECORD, wishes(by_id("NEW", "1")))
    assert plan.after["fields"][-1] == {"id": "NEW", "value": "1"}
    answer = record(*plan.after["fields"][:-1], field("new", "1"))
    assert unapplied_changes(plan, answer) == []
    assert normalize_response(plan, answer)["fields"][-1]["name"] == "NEW"
    overwrite = plan_overwrite("d", wishes(by_id("NEW", "1")))
    assert unapplied_changes(overwrite, record(field("new", "1"))) == []


def test_a_mandatory_field_without_a_value_is_a_warning_when_an_update_is_sent():
    missing = record(field("m", None, mandatory=True), field("a", "1"))
    assert "'M'" in plan_change(missing, wishes(by_name("A", "2"))).warnings[0]
    assert not plan_change(missing, wishes(by_name("A", "1"))).warnings
    assert not plan_change(missing, wishes(by_name("M", "1"))).warnings


def test_overwrite_sends_the_wishes_and_always_changes():
    plan = plan_overwrite("d", wishes(by_id("a", "1"), by_id("b", "2"), identifier="new"))
    assert plan.changed
    assert plan.payload == {
        "device_identifier": "new",
        "fields": [{"id": "a", "value": "1"}, {"id": "b", "value": "2"}],
    }
    assert plan.changed_fields == ["a", "b"]
    assert plan.warnings
    assert "device_identifier" not in plan_overwrite("d", wishes(by_id("a", "1"))).payload


def test_what_was_not_kept_is_named():
    plan = plan_change(RECORD, wishes(by_name("A", "new"), by_name("B"), identifier="new"))
    assert unapplied_changes(plan, plan.after) == []
    assert unapplied_changes(plan, RECORD) == ["A", "B", "device_identifier"]


def test_what_others_changed_is_told_apart():
    plan = plan_change(RECORD, wishes(by_name("A", "old"), by_name("B", "new")))
    foreign = dict(plan.after, fields=[dict(entry, value="foreign") for entry in plan.after["fields"]])
    assert unapplied_changes(plan, foreign) == ["A", "B"]
    assert concurrent_changes(plan, foreign) == ["M", "E", "SHARED (s1)", "SHARED (s2)"]
    assert concurrent_changes(plan, plan.after) == []


def test_what_a_purge_removed_must_stay_removed():
    plan = plan_change(RECORD, wishes(purge=True, keep=("A", "SHARED")))
    assert unapplied_changes(plan, RECORD) == ["B"]


def secretly(wish):
    return wish._replace(secret=True)


def test_a_secret_that_changes_shows_only_that_it_does():
    wanted = wishes(secretly(by_name("A", "new")), secretly(by_name("B", "".join("kept"))), secretly(by_id("e")))
    plan = plan_change(RECORD, wanted)
    before, after = plan.diff["before"]["fields"], plan.diff["after"]["fields"]
    assert [before[name] for name in "ABEM"] == [MASK, MASK, None, "1"]
    assert [after[name] for name in "ABEM"] == [f"{MASK} (changed)", MASK, None, "1"]
    assert values_by_id(plan.masked(plan.after)) == {**VALUES, "a": MASK, "b": MASK}
    assert plan.changed_fields == ["A"]
    assert {"id": "a", "value": "new"} in plan.payload["fields"]


def test_a_secret_that_is_set_first_or_removed_shows_that():
    plan = plan_change(RECORD, wishes(secretly(by_name("A")), secretly(by_name("E", "first"))))
    before, after = plan.diff["before"]["fields"], plan.diff["after"]["fields"]
    assert (before["A"], after["A"]) == (MASK, None)
    assert (before["E"], after["E"]) == (None, f"{MASK} (changed)")


def test_an_overwrite_hides_secrets():
    plan = plan_overwrite("d", wishes(by_id("a", "1"), secretly(by_id("b", "2"))))
    assert plan.diff["after"]["fields"] == {"a": "1", "b": f"{MASK} (changed)"}


def test_a_field_that_is_no_longer_listed_stays_in_the_result():
    plan = plan_change(RECORD, wishes(by_name("A"), by_id("n", "1")))
    answered = record(*(field for field in plan.after["fields"] if field["value"]), updated="later")
    answered["fields"].reverse()
    assert normalize_response(plan, answered) == dict(plan.after, updated="later")


def test_a_value_that_is_no_longer_listed_is_lost():
    plan = plan_change(RECORD, wishes(by_name("A", "new")))
    lost = next(field for field in plan.after["fields"] if field["value"] and field["name"] != "A")
    answered = record(*(field for field in plan.after["fields"] if field is not lost))
    settled = normalize_response(plan, answered)
    assert values_by_id(settled) == {**values_by_id(plan.after), lost["id"]: None}
    assert concurrent_changes(plan, settled) == [lost["name"]]


def test_equal_texts_are_equal_wherever_they_come_from():
    apart = json.loads(json.dumps(RECORD))
    plan = plan_change(RECORD, wishes(by_name("A", "new"), identifier=apart["device_identifier"]))
    assert "device_identifier" not in plan.payload
    answered = json.loads(json.dumps(plan.after))
    assert plan._replace(after=answered).changed_fields == ["A"]


def test_every_field_that_cannot_be_found_is_named():
    with pytest.raises(InvalidDesiredStateError, match=r"2 fields with the name 'SHARED'.* no field 'Nothing'"):
        plan_change(RECORD, wishes(by_name("SHARED", "1"), by_name("Nothing", "1")))


IDS = [str(number) for number in range(8)]
TEXT = st.text("ab \u20ac\x00", min_size=1, max_size=4)
VALUE = st.one_of(st.none(), TEXT)


@st.composite
def records(draw):
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    names = st.one_of(st.none(), st.sampled_from(["Site", "Owner", "Firmware", "Contact"]))
    fields = [{"id": key, "name": draw(names), "value": draw(VALUE), "mandatory": draw(st.booleans())} for key in ids]
    return record(*fields, device_identifier=draw(st.sampled_from(["gate", "door"])))


@st.composite
def records_and_wishes(draw):
    """A record and wishes that fit it: each field once, by its ID or by a name that is its own; none mandatory goes.

    The name is in the record or in field_ids, which can also give a field of the record a second name.
    """
    before = draw(records())
    names = [entry["name"] for entry in before["fields"]]
    wanted = []
    field_ids = {f"Field {key}": key for key in draw(st.lists(st.sampled_from(IDS), unique=True))}
    for key in draw(st.lists(st.sampled_from(IDS), unique=True)):
        known = next((entry for entry in before["fields"] if entry["id"] == key), {"name": None, "mandatory": False})
        value = draw(VALUE if not known["mandatory"] else TEXT)
        use_name = known["name"] and names.count(known["name"]) == 1 and draw(st.booleans())
        labels = [known["name"]] if use_name else []
        labels += [name for name, field_id in field_ids.items() if field_id == key]
        label = draw(st.sampled_from(labels)) if labels and draw(st.booleans()) else None
        wanted.append(by_name(label, value) if label else by_id(key, value))
    # An entry that matches no field makes a purge fail.
    known_words = [entry["id"] for entry in before["fields"]] + [name for name in names if name] + [*field_ids]
    keep = tuple(draw(st.lists(st.sampled_from(known_words), unique=True))) if known_words else ()
    identifier = draw(st.one_of(st.none(), st.sampled_from(["gate", "door"])))
    return before, wishes(*wanted, identifier=identifier, purge=draw(st.booleans()), keep=keep, field_ids=field_ids)


def served(before, payload, form):
    """The record after a PUT as the API's page has it: what is not sent has no value. `form` is how that is shown."""
    sent = {entry["id"]: entry["value"] for entry in payload["fields"]}
    known = {entry["id"]: entry for entry in before["fields"]}
    fields = []
    for key in dict.fromkeys([*known, *sent]):
        entry = dict(known.get(key, {"id": key}))
        entry.pop("value", None)
        if key in sent:
            fields.append(dict(entry, value=sent[key]))
        elif form != "absent":
            fields.append(dict(entry, value={"null": None, "empty": ""}[form]))
    return dict(before, device_identifier=payload.get("device_identifier", before["device_identifier"]), fields=fields)


@given(records_and_wishes(), st.sampled_from(["absent", "null", "empty"]))
def test_any_plan_gives_what_was_asked_and_loses_nothing_else(case, form):
    before, wanted = case
    plan = plan_change(before, wanted)
    answer = parse_record(json.dumps(served(before, plan.payload, form)).encode(), "d")
    values, old = values_by_id(answer), values_by_id(before)

    managed_ids = {}
    for wish in wanted.fields:
        keys = [wish.id] if wish.id else [entry["id"] for entry in before["fields"] if entry["name"] == wish.name]
        keys += [] if keys else [wanted.field_ids[wish.name]]
        managed_ids[keys[0]] = wish.value
    for key, value in managed_ids.items():
        assert values.get(key) == value
    kept = {*wanted.keep, *(wanted.field_ids.get(entry, entry) for entry in wanted.keep)}
    for entry in before["fields"]:
        purged = wanted.purge and not entry["mandatory"] and not {entry["id"], entry["name"]} & kept
        if entry["id"] not in managed_ids:
            assert values.get(entry["id"]) == (None if purged else entry["value"])
    assert answer["device_identifier"] == (wanted.device_identifier or before["device_identifier"])

    assert plan.changed == (
        any(old.get(key) != values.get(key) for key in {*old, *values})
        or answer["device_identifier"] != before["device_identifier"]
    )
    assert not unapplied_changes(plan, answer)
    assert not concurrent_changes(plan, answer)
    assert normalize_response(plan, answer) == plan.after
    assert not plan_change(answer, wanted).changed
    assert plan.diff["before"].keys() == plan.diff["after"].keys()
    assert plan.diff["before"]["fields"].keys() == plan.diff["after"]["fields"].keys()


def test_fields_that_the_task_does_not_set_can_be_masked():
    plan = plan_change(RECORD, wishes(by_name("A", "new"))._replace(mask=("B", "Typo")))
    assert plan.diff["before"]["fields"]["B"] == plan.diff["after"]["fields"]["B"] == MASK
    assert "mask_fields contains 'Typo'" in " ".join(plan.warnings)
    assert "add its name to field_ids" in " ".join(plan.warnings)


def test_a_field_that_the_task_sets_by_id_and_the_record_does_not_list_can_be_masked():
    plan = plan_change(RECORD, wishes(by_id("n", "new"), mask=("N",)))
    assert (plan.warnings, plan.secret) == ((), {"n"})
    assert plan.diff["after"]["fields"]["n"] == f"{MASK} (changed)"


# Names that the record does not list

NEW = {"New": "N"}


def test_a_name_that_the_record_does_not_list_is_looked_up():
    plan = plan_change(RECORD, wishes(by_name("New", "1"), field_ids={**NEW, "Unused": "u", "A": "A"}))
    assert plan.payload["fields"][-1] == {"id": "N", "value": "1"}
    assert plan.after["fields"][-1] == {"id": "N", "name": "New", "value": "1"}
    assert plan.changed_fields == ["New"]
    assert plan.diff["before"]["fields"] == {**plan.diff["after"]["fields"], "New": None}
    assert "Unused" not in plan.diff["after"]["fields"]
    answer = record(*plan.after["fields"][:-1], field("n", "1", name="New"))
    assert (unapplied_changes(plan, answer), concurrent_changes(plan, answer)) == ([], [])
    assert unapplied_changes(plan, RECORD) == ["New"]
    assert not plan_change(answer, wishes(by_name("New", "1"), field_ids=NEW)).changed


def test_a_field_by_its_id_has_the_name_in_field_ids_too():
    assert plan_change(RECORD, wishes(by_id("n", "1"), field_ids=NEW)).changed_fields == ["New"]
    assert plan_overwrite("d", wishes(by_id("n", "1"), field_ids=NEW)).changed_fields == ["New"]


def test_a_field_of_the_record_without_a_name_has_the_name_in_field_ids():
    nameless = record({"id": "n", "name": None, "value": "1"}, {"id": "o", "value": "2"})
    plan = plan_change(nameless, wishes(by_name("New", "2"), purge=True, field_ids={**NEW, "Other": "o"}))
    assert plan.changed_fields == ["New", "Other"]
    assert values_by_id(plan.after) == {"n": "2", "o": None}


def test_a_second_name_of_a_listed_field_is_valid_and_results_have_the_name_of_the_record():
    wanted = wishes(by_name("North", "z"), field_ids={"North": "S1", "South": "s2"})
    plan = plan_change(RECORD, wanted._replace(purge=True, keep=("A", "South")))
    assert values_by_id(plan.after) == {**VALUES, "s1": "z", "b": None}
    assert plan.changed_fields == ["B", "SHARED (s1)"]


@pytest.mark.parametrize(
    ("field_ids", "words"),
    [
        ({"A": "b"}, ["field_ids has the ID 'b' for the field 'A', but the record has 'a'"]),
        ({"A": "x"}, ["field_ids has the ID 'x' for the field 'A', but the record has 'a'"]),
        ({"SHARED": "x"}, ["field_ids has the ID 'x' for the field 'SHARED', but the record has 's1', 's2'"]),
        ({"A": "x", "E": "y"}, ["for the field 'A'", "for the field 'E'"]),
    ],
)
def test_a_name_with_two_ids_is_an_error_whether_the_task_uses_it_or_not(field_ids, words):
    for wanted in (wishes(by_name("A", "1")), wishes(by_name("B", "1")), wishes(identifier="new")):
        with pytest.raises(InvalidDesiredStateError) as caught:
            plan_change(RECORD, wanted._replace(field_ids=field_ids))
        for word in words:
            assert word in str(caught.value)


@pytest.mark.parametrize("field_ids", [{"A": "A"}, {"SHARED": "S2"}, {"a": "x"}])
def test_a_name_with_one_id_is_no_error(field_ids):
    assert plan_change(RECORD, wishes(by_name("A", "1"), field_ids=field_ids)).changed_fields == ["A"]


def test_a_name_that_fields_of_the_record_share_stays_ambiguous():
    with pytest.raises(InvalidDesiredStateError, match=r"2 fields with the name 'SHARED'\. Set the id to one of 's1'"):
        plan_change(RECORD, wishes(by_name("SHARED", "1"), field_ids={"SHARED": "s2"}))


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        (
            by_name("New", "1"),
            by_id("n", "1"),
            "field 'New' is listed more than once, also as the field with the ID 'n'",
        ),
        (
            by_id("n", "1"),
            by_name("New", "1"),
            "field 'New' is listed more than once, also as the field with the ID 'n'",
        ),
        (by_name("A", "1"), by_name("Alias", "1"), "field 'A' is listed more than once, also as the field 'Alias'"),
    ],
)
def test_a_field_by_its_name_in_field_ids_and_otherwise_is_listed_twice(first, second, label):
    with pytest.raises(InvalidDesiredStateError, match=label):
        plan_change(RECORD, wishes(first, second, field_ids={**NEW, "Alias": "A"}))


def test_an_unknown_name_can_be_similar_to_one_in_field_ids():
    with pytest.raises(InvalidDesiredStateError, match=r"no field 'Newt'\. Did you mean 'New'\?"):
        plan_change(RECORD, wishes(by_name("Newt", "1"), field_ids=NEW))
    (warning,) = plan_change(RECORD, wishes(by_name("Newt"), field_ids=NEW)).warnings
    assert warning == "The record has no field 'Newt'. Did you mean 'New'?"


def test_removing_and_keeping_names_in_field_ids():
    plan = plan_change(RECORD, wishes(by_name("New"), field_ids=NEW))
    assert (plan.changed, plan.warnings) == (False, ())
    plan = plan_change(RECORD, wishes(purge=True, keep=("New", "B"), field_ids=NEW))
    assert plan.changed_fields == ["A", "SHARED (s1)", "SHARED (s2)"]
    listed = record(field("n", "1", name="New"), field("b", "2"))
    assert plan_change(listed, wishes(purge=True, keep=("New",), field_ids=NEW)).changed_fields == ["B"]


def test_names_in_field_ids_can_be_masked():
    plan = plan_change(RECORD, wishes(by_name("New", "hush"), mask=("New", "Other"), field_ids={**NEW, "Other": "o"}))
    assert plan.warnings == ()
    assert plan.diff["after"]["fields"]["New"] == f"{MASK} (changed)"
    assert "hush" not in str(plan.masked(plan.after))


def test_the_current_values_of_names_in_field_ids_are_secrets():
    nameless = record({"id": "n", "value": "old"}, {"id": "o", "value": "older"}, field("a", "seen"))
    wanted = wishes(secretly(by_name("New", "new")), mask=("Other",), field_ids={**NEW, "Other": "O"})
    assert current_secrets(nameless, wanted) == ["old", "older"]
    assert plan_change(nameless, wanted).diff["before"]["fields"] == {"New": MASK, "Other": MASK, "A": "seen"}


def test_an_overwrite_by_names_shows_names_and_sends_ids():
    field_ids = {**NEW, "Code": "c", "Unused": "u"}
    wanted = wishes(by_name("New", "1"), secretly(by_name("Code", "hush")), by_id("x", "2"), field_ids=field_ids)
    plan = plan_overwrite("d", wanted)
    assert plan.payload["fields"] == [
        {"id": "N", "value": "1"},
        {"id": "c", "value": "hush"},
        {"id": "x", "value": "2"},
    ]
    assert plan.changed_fields == ["New", "Code", "x"]
    assert plan.diff["after"]["fields"] == {"New": "1", "Code": f"{MASK} (changed)", "x": "2"}
    assert plan.diff["before"]["fields"] == {"New": None, "Code": None, "x": None}
    assert unapplied_changes(plan, record(field("n", "1"), field("c", "hush"), field("x", "2"))) == []
    assert plan_overwrite("d", wanted._replace(mask=("New",))).secret == {"n", "c"}
