# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the module, seen from a playbook and from the service.

A run of ansible-playbook takes a second or more, so tests that differ in one setting only share one.
"""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
import yaml

from ansible_collections.edgeops.digicert.plugins.modules import digicert_iot_device
from playbooks.conftest import MODULE
from simulator import DENIAL, FOREVER, PASSPHRASE, Answer

SITE = [{"name": "Site", "value": "Delft"}]


@pytest.fixture
def access_point(simulator):
    return simulator.records["access-point"]


def refill(site):
    """Return what makes another writer set the field Site of the access point, before a request is carried out."""

    def write(records):
        device = records["access-point"]
        device.values[device.field_id("Site")] = site

    return write


def assert_failed(outcome, kind, *words, methods=("GET",)):
    result = outcome.result
    assert outcome.failed, result
    assert result["failure"].keys() == {"kind", "http_status", "code", "message", "retries"}
    assert (result["failure"]["kind"], outcome.methods) == (kind, list(methods)), result["msg"]
    for word in ("Device ", *words):
        assert word in result["msg"]


# What is compared, sent and kept


@pytest.mark.parametrize(
    "valueless", ["null", *(pytest.param(form, marks=pytest.mark.thorough) for form in ("absent", "empty"))]
)
def test_fields_are_set_removed_and_kept(player, access_point, valueless):
    access_point.valueless = valueless
    before = access_point.named_values
    fields = [
        *SITE,
        {"name": "Contact", "state": "absent"},
        {"id": access_point.field_id("Redirector"), "value": 5},
        {"id": access_point.field_id("Owner"), "state": "absent"},
    ]
    real = player.triple(player.task(fields=fields))
    kept = {name: before[name] for name in ("Firmware", "Serial number")}
    assert access_point.named_values == {**kept, "Site": "Delft", "Redirector": "5"}
    assert real.result["changed_fields"] == ["Site", "Contact", "Redirector"]
    contact = {"id": access_point.field_id("Contact"), "name": "Contact", "value": None, "mandatory": False}
    assert contact in real.result["device"]["fields"]
    payload = real.requests[1].payload
    assert {field["id"]: field["value"] for field in payload["fields"]} == access_point.values
    assert "device_identifier" not in payload


@pytest.mark.thorough
def test_a_rename_alone_keeps_every_value(player, access_point):
    before = access_point.named_values
    real = player.triple(player.task(device_identifier="gate-7"))
    assert (access_point.device_identifier, access_point.named_values) == ("gate-7", before)
    assert real.requests[1].payload["device_identifier"] == "gate-7"
    assert real.result["changed_fields"] == []
    assert real.result["diff"]["after"]["device_identifier"] == "gate-7"


def test_a_purge_leaves_mandatory_and_kept_fields(player, access_point):
    player.triple(player.task(fields=SITE, purge_fields=True, keep_fields=["Redirector"]))
    assert sorted(access_point.named_values) == ["Firmware", "Redirector", "Serial number", "Site"]
    player.triple(player.task(fields=[], purge_fields=True))
    assert sorted(access_point.named_values) == ["Firmware", "Serial number"]


@pytest.mark.thorough
def test_ids_are_compared_without_regard_to_case(player, access_point):
    access_point.valueless = "null"
    contact, redirector, owner, site = (
        access_point.field_id(name).upper() for name in ("Contact", "Redirector", "Owner", "Site")
    )
    secret = access_point.named_values["Site"]
    task = player.task(
        device_id=access_point.id.upper(),
        fields=[{"id": contact, "state": "absent"}, {"id": owner, "value": "Harbour"}],
        secret_fields=[{"id": site, "value": "Delft"}],
        purge_fields=True,
        keep_fields=[redirector],
    )
    real = player.triple(task)
    assert sorted(access_point.named_values) == ["Firmware", "Owner", "Redirector", "Serial number", "Site"]
    assert access_point.named_values["Site"] == "Delft"
    assert secret not in str(real.result)


@pytest.mark.thorough
def test_a_purge_with_a_kept_field_that_the_record_lacks_is_rejected(player, access_point):
    before = access_point.named_values
    task = player.task(fields=SITE, purge_fields=True, keep_fields=["Redirecter"])
    for (outcome,) in player.check_and_run([task], [task]):
        assert_failed(outcome, "invalid_desired_state", "'Redirecter'", "'Redirector'")
    assert access_point.named_values == before


@pytest.mark.thorough
@pytest.mark.parametrize("valueless", ["null", "empty"])
def test_a_field_without_a_value_can_be_set_by_its_name(player, simulator, valueless):
    spare = simulator.records["spare-access-point"]
    spare.valueless = valueless
    player.triple(player.task("spare-access-point", fields=SITE))
    assert spare.named_values["Site"] == "Delft"


@pytest.mark.thorough
def test_a_field_that_is_not_listed_can_be_set_by_its_id(player, simulator):
    spare = simulator.records["spare-access-point"]
    task = player.task("spare-access-point", fields=[{"id": spare.field_id("Site"), "value": "Delft"}])
    (check,), (real, again) = player.check_and_run([task], [task, task])
    assert check.result["device"]["fields"][-1] == {"id": spare.field_id("Site"), "value": "Delft"}
    assert real.result["device"]["fields"][-1]["name"] == "Site"
    assert real.result["changed_fields"] == check.result["changed_fields"] == [spare.field_id("Site")]
    assert (again.result["changed"], again.methods) == (False, ["GET"])


def field_ids_of(device):
    return {field.name: field.id for field in device.profile.fields}


def test_a_field_that_is_not_listed_can_be_set_by_its_name_in_field_ids(player, access_point):
    before = access_point.named_values
    field_ids = {name: field_id.upper() for name, field_id in field_ids_of(access_point).items()}
    task = player.task(fields=[*SITE, {"name": "Owner", "value": "Harbour"}], field_ids=field_ids)
    (check,), (real, again) = player.check_and_run([task], [task, task])
    owner = {"id": field_ids["Owner"], "name": "Owner", "value": "Harbour"}
    assert (check.result["device"]["fields"][-1], check.methods) == (owner, ["GET"])
    assert (real.result["changed"], real.methods) == (True, ["GET", "PUT"])
    assert access_point.named_values == {**before, "Site": "Delft", "Owner": "Harbour"}
    for key in ("changed_fields", "diff"):
        assert check.result[key] == real.result[key]
    assert real.result["changed_fields"] == ["Site", "Owner"]
    assert (real.result["diff"]["before"]["fields"]["Owner"], again.result["changed"]) == (None, False)
    assert access_point.field_id("Owner") not in str(real.result["diff"]).lower()
    assert again.methods == ["GET"]


def test_a_purge_removes_masks_and_keeps_by_names_in_field_ids(player, access_point):
    names = ("Site", "Owner", "Contact", "Redirector")
    field_ids = {name: access_point.field_id(name) for name in names}
    access_point.values[field_ids["Owner"]] = "canary-77c1"
    task = player.task(
        secret_fields=[{"name": "Site", "value": "canary-81d2"}],
        fields=[{"name": "Contact", "state": "absent"}],
        purge_fields=True,
        keep_fields=["Redirector"],
        mask_fields=["Owner"],
        field_ids=field_ids,
    )
    real = player.triple(task)
    assert sorted(access_point.named_values) == ["Firmware", "Redirector", "Serial number", "Site"]
    assert real.result["changed_fields"] == ["Site", "Owner", "Contact"]
    assert "canary" not in real.output
    # The record now lists none of the fields without a value.
    again = player.run_one({**task, MODULE: {**task[MODULE], "keep_fields": ["Redirector", "Contact"]}})
    assert (again.result["changed"], again.result.get("warnings")) == (False, None)


def test_field_ids_can_be_shared_by_a_play(player, access_point):
    fields = [{"name": "Owner", "value": "Harbour"}]
    play = {"module_defaults": {MODULE: player.connection(field_ids=field_ids_of(access_point))}}
    task = {"name": "Set the owner", MODULE: {"fields": fields}}
    assert player.run_one(task, play=play).result["changed_fields"] == ["Owner"]
    assert access_point.named_values["Owner"] == "Harbour"


@pytest.mark.thorough
def test_field_ids_that_the_record_contradicts_are_rejected(player, simulator, access_point):
    site, owner = access_point.field_id("Site"), access_point.field_id("Owner")
    twice = [{"name": "Owner", "value": "1"}, {"id": owner.upper(), "value": "2"}]
    camera = field_ids_of(simulator.records["camera"])
    cases = [
        ({"fields": SITE, "field_ids": {"Site": owner}}, "invalid_desired_state", [owner, site, "'Site'"]),
        ({"fields": SITE, "field_ids": {"Contact": owner}}, "invalid_desired_state", ["field_ids has the ID"]),
        ({"fields": [{"name": "Ownr", "value": "1"}], "field_ids": {"Owner": owner}}, None, ["Did you mean 'Owner'?"]),
        ({"fields": [{"name": "Owner", "value": "1"}], "field_ids": camera}, None, ["add its name to field_ids"]),
        ({"fields": twice, "field_ids": {"Owner": owner}}, "invalid_parameters", ["'Owner'", owner.upper()]),
    ]
    outcomes = player.run(*(player.task(**options) for options, _kind, _words in cases))
    for (_options, kind, words), outcome in zip(cases, outcomes, strict=True):
        methods = () if kind == "invalid_parameters" else ("GET",)
        assert_failed(outcome, kind or "invalid_desired_state", *words, methods=methods)


@pytest.mark.thorough
def test_field_ids_that_are_invalid_are_rejected_without_a_connection(player):
    key = player.simulator.certificates["access-point"].key.read_text()
    cases = [
        ({"Owner": None}, ["field_ids has no ID for 'Owner'"]),
        ({"Owner": 7}, ["'Owner' is of the type int", "Quote it"]),
        ({"": "f1"}, ["an entry without a name"]),
        ({"Owner": "f1", "Holder": "F1"}, ["'Owner'", "'Holder'"]),
        (["Owner"], ["'field_ids' is of type"]),
        ({"Owner": key}, ["field_ids['Owner'] contains a key", "The value is not shown"]),
        ({key: "f1"}, ["A name in field_ids contains a key", "The value is not shown"]),
    ]
    environment = {"ANSIBLE_VERBOSITY": "3"}
    tasks = [player.task(fields=SITE, field_ids=field_ids) for field_ids, _words in cases]
    outcomes = player.run(*tasks, environment=environment)
    for (_field_ids, words), outcome in zip(cases, outcomes, strict=True):
        assert_failed(outcome, "invalid_parameters", *words, methods=())
        assert outcome.connections == []
    assert key.splitlines()[1] not in outcomes[0].output


@pytest.mark.thorough
def test_fields_that_share_a_name_can_be_set_by_id(player, simulator):
    camera = simulator.records["camera"]
    first, second = camera.profile.ids_of("Location")
    player.triple(player.task("camera", fields=[{"id": second, "value": "South mast"}]))
    assert (camera.values[first], camera.values[second]) == ("Pier 1", "South mast")


@pytest.mark.thorough
def test_values_have_one_text(player, access_point):
    texts = {"Firmware": "1.10", "Site": " é€😀 ", "Owner": "7", "Contact": "true", "Redirector": "x" * 1024}
    values = {**texts, "Owner": 7, "Contact": True}
    fields = [{"id": access_point.field_id(name), "value": value} for name, value in values.items()]
    access_point.valueless = "null"
    player.triple(player.task(fields=fields))
    assert access_point.named_values == {**texts, "Serial number": "AP-0042"}


def test_a_diff_names_its_device_and_has_the_same_keys_on_both_sides(player, access_point):
    (check,) = player.check(player.task(fields=[*SITE, {"name": "Contact", "state": "absent"}]))
    before, after = check.result["diff"]["before"], check.result["diff"]["after"]
    assert f"--- before: access-point.harbour ({access_point.id})\n" in check.output
    assert f"+++ after: access-point.harbour ({access_point.id})\n" in check.output
    assert before.keys() == after.keys() == {"device_identifier", "fields"}
    assert before["fields"].keys() == after["fields"].keys()
    assert (before["fields"]["Site"], after["fields"]["Site"]) == ("Rotterdam", "Delft")
    assert after["fields"]["Contact"] is None
    assert '-        "Site": "Rotterdam"' in check.output
    assert '+        "Site": "Delft"' in check.output


def test_what_another_writer_changes_in_between_is_overwritten(player, access_point):
    script = [Answer(method="PUT", before=refill("Gouda"))]
    outcome = player.run_one(player.task(fields=SITE), script=script)
    assert (outcome.result["changed"], outcome.methods) == (True, ["GET", "PUT"])
    assert access_point.named_values["Site"] == "Delft"


def test_a_field_whose_value_is_omitted_keeps_its_value(player, access_point):
    kept = access_point.named_values
    omitted = "{{ missing | default(omit) }}"
    fields = [{"name": "Site", "value": omitted}, {"name": "Firmware", "value": "13"}]
    secret = [{"name": "Contact", "value": omitted}]
    owner = {"Owner": access_point.field_id("Owner"), "Redirector": omitted}
    outcome = player.triple(player.task(fields=fields, secret_fields=secret, field_ids=owner))
    assert outcome.result["changed_fields"] == ["Firmware"]
    assert access_point.named_values == {**kept, "Firmware": "13"}


# What a task gets wrong


@pytest.mark.thorough
def test_all_that_is_wrong_with_a_task_is_told_without_a_connection(player, tmp_path):
    everything = player.task(
        device_id="..",
        api_url="http://localhost",
        client_cert=str(tmp_path / "missing.pem"),
        ca_path="/dev/null",
        timeout=0,
        retries=-1,
        device_identifier="",
        fields=[
            {"name": "Site", "value": 1.10},
            {"name": "Owner", "value": None},
            {"name": "Contact", "value": "x" * 1025},
            {"id": "a", "name": "b", "value": "c"},
            {"name": "Owner", "state": "absent"},
        ],
    )
    words = ["device_id", "https://", "missing.pem", "ca_path", "timeout", "retries", "device_identifier", "quote it"]
    words += ["state=absent", "'Contact'", "1025", "exactly one", "more than once"]
    cases = [
        (everything, words),
        (player.task(), ["One of device_identifier, fields and secret_fields is required."]),
        (player.task(device_identifier="x", purge_fields=True), ["purge_fields requires fields"]),
        (player.task(device_identifier="i" * 256), ["256"]),
        (player.task(client_key=str(tmp_path / "missing.key"), fields=SITE), ["missing.key"]),
        (player.task("write-only", fields=SITE, on_read_denied="overwrite"), ["requires the id"]),
        *(
            (player.task(fields=[{"name": "Site", "value": value}]), ["'Site'", word])
            for value, word in ((None, "state=absent"), ("", "state=absent"), ([1], "quote it"), ({}, "quote it"))
        ),
    ]
    outcomes = player.run(*(task for task, _words in cases))
    for (_task, words), outcome in zip(cases, outcomes, strict=True):
        assert_failed(outcome, "invalid_parameters", *words, methods=())
        assert outcome.connections == []


@pytest.mark.thorough
def test_wishes_that_the_record_cannot_fulfil(player, simulator, access_point):
    twice = [*SITE, {"id": access_point.field_id("Site"), "value": "Delft"}]
    ids = simulator.records["camera"].profile.ids_of("Location")
    cases = [
        (
            "access-point",
            [{"name": "Sit", "value": "x"}],
            ["'Sit'", "Did you mean 'Site'?", "'Redirector'", "Set the id", "field_ids"],
        ),
        ("access-point", [{"name": "Firmware", "state": "absent"}], ["'Firmware' is mandatory"]),
        ("access-point", twice, ["'Site' is listed more than once", access_point.field_id("Site")]),
        ("camera", [{"name": "Location", "value": "x"}], ["2 fields with the name 'Location'", "Set the id", *ids]),
    ]
    outcomes = player.run(*(player.task(device, fields=fields) for device, fields, _words in cases))
    for (_device, _fields, words), outcome in zip(cases, outcomes, strict=True):
        assert_failed(outcome, "invalid_desired_state", *words)


# What a device may not


@pytest.mark.thorough
def test_a_device_that_may_not_write_fails_before_the_update(player):
    unchanged = [{"name": "Site", "value": "Rotterdam"}]
    tasks = [player.task("read-only", fields=fields) for fields in (SITE, unchanged)]
    for denied, as_it_is in player.check_and_run(tasks, tasks):
        assert_failed(denied, "write_denied", "device_api_allow_write", "'Site'")
        assert (as_it_is.result["changed"], as_it_is.methods) == (False, ["GET"])


@pytest.mark.thorough
def test_a_flag_that_changes_in_between_is_an_error_of_the_service(player, access_point):
    def forbid(records):
        records["access-point"].device_api_allow_write = False

    outcome = player.run_one(player.task(fields=SITE), script=[Answer(method="PUT", before=forbid)])
    assert_failed(outcome, "write_denied", "device_api_allow_write", methods=("GET", "PUT"))
    assert outcome.result["failure"]["code"] == "access_denied"
    assert outcome.result["failure"]["http_status"] == 403
    assert access_point.named_values["Site"] == "Rotterdam"


@pytest.mark.thorough
def test_a_device_that_may_not_read_fails(player):
    script = [Answer(), Answer(status=401, body=DENIAL)]
    for outcome in player.run(*[player.task("write-only", fields=SITE)] * 2, script=script):
        assert_failed(outcome, "read_denied", "device_api_allow_read")


@pytest.mark.thorough
def test_a_denial_of_another_server_writes_nothing(player, access_point):
    before = access_point.named_values
    fields = [{"id": access_point.field_id(name), "value": "new"} for name in ("Firmware", "Serial number", "Site")]
    bodies = [b"", "<html><title>Forbidden</title></html>", {"message": "Forbidden"}, {"error": "access_denied"}]
    script = [Answer(status=status, body=body) for status in (401, 403) for body in bodies]
    tasks = [player.task(fields=fields, on_read_denied="overwrite")] * len(script)
    for outcome in player.run(*tasks, script=script):
        assert_failed(outcome, "http_error", "not an error of the API")
    assert access_point.named_values == before


def test_a_device_that_may_not_read_is_overwritten_when_asked(player, simulator):
    device = simulator.records["write-only"]
    fields = [{"id": device.field_id(name), "value": "new"} for name in ("Firmware", "Serial number", "Site")]
    task = player.task("write-only", fields=fields, on_read_denied="overwrite")
    (check,), outcomes = player.check_and_run([task], [task, task])
    assert (check.result["changed"], check.methods) == (True, ["GET"])
    for outcome in outcomes:
        assert (outcome.result["changed"], outcome.methods) == (True, ["GET", "PUT"])
        assert "could not be read" in " ".join(outcome.result["warnings"])
    assert device.named_values == {"Firmware": "new", "Serial number": "new", "Site": "new"}


def test_a_device_that_may_not_read_is_overwritten_by_names(player, simulator):
    device = simulator.records["write-only"]
    names = ("Firmware", "Serial number", "Owner")
    task = player.task(
        "write-only",
        fields=[{"name": name, "value": "new"} for name in names],
        field_ids=field_ids_of(device),
        on_read_denied="overwrite",
    )
    checks, outcomes = player.check_and_run([task], [task, task])
    for outcome in (*checks, *outcomes):
        assert (outcome.result["changed"], outcome.result["changed_fields"]) == (True, list(names))
        assert outcome.result["diff"]["after"]["fields"] == dict.fromkeys(names, "new")
    assert device.named_values == dict.fromkeys(names, "new")


@pytest.mark.thorough
def test_a_device_that_may_read_is_compared_although_it_may_be_overwritten(player, access_point):
    before = access_point.named_values
    fields = [{"id": access_point.field_id("Site"), "value": "Delft"}]
    player.triple(player.task(fields=fields, on_read_denied="overwrite"))
    assert access_point.named_values == {**before, "Site": "Delft"}


@pytest.mark.thorough
def test_a_device_that_is_not_active_is_a_warning(player):
    outcome = player.run_one(player.task("disabled", fields=SITE))
    assert outcome.result["changed"]
    assert "DISABLED" in outcome.result["warnings"][0]


@pytest.mark.thorough
def test_a_device_id_is_one_segment_of_the_path(player):
    outcome = player.run_one(player.task(device_id="a/b?c#d %2F\u00e9", fields=SITE))
    assert_failed(outcome, "device_not_found", "a/b?c#d %2F\u00e9", "Check device_id")
    assert outcome.result["failure"]["code"] == "entity_not_found"
    assert outcome.requests[0].path == "/iot/api/v2/device/a%2Fb%3Fc%23d%20%252F%C3%A9"


# What the service answers


@pytest.mark.thorough
def test_an_answer_that_is_of_no_use_changes_nothing(player, access_point):
    elsewhere = "https://elsewhere.example/x"
    cases = [
        (Answer(body="<html>Hello"), "invalid_response", "an HTML page"),
        (Answer(body='{"id":'), "invalid_response", "not valid JSON"),
        (Answer(body=[]), "invalid_response", "not a JSON object"),
        (Answer(alter=lambda record: record.update(id="other")), "invalid_response", "another device, other"),
        (Answer(alter=lambda record: record.pop("fields")), "invalid_response", "not a list of objects"),
        (Answer(alter=lambda record: record.update(fields=["x"])), "invalid_response", "not a list of objects"),
        *(
            (Answer(status=status, headers={"Location": elsewhere}), "redirected", elsewhere)
            for status in (301, 302, 303, 307, 308)
        ),
        *((Answer(status=status, body="<html>"), "http_error", f"HTTP status {status}") for status in (400, 409, 418)),
        (Answer(status=501), "http_error", "HTTP status 501"),
    ]
    # None of these is tried again, although that is allowed.
    tasks = [player.task(fields=SITE, retries=3)] * len(cases)
    outcomes = player.run(*tasks, script=[answer for answer, _kind, _word in cases])
    for (_answer, kind, word), outcome in zip(cases, outcomes, strict=True):
        assert_failed(outcome, kind, word)
    assert access_point.named_values["Site"] == "Rotterdam"


@pytest.mark.thorough
def test_an_update_that_is_redirected_is_not_followed(player, access_point):
    script = [Answer(method="PUT", status=307, headers={"Location": "https://elsewhere.example/x"})]
    outcome = player.run_one(player.task(fields=SITE), script=script)
    assert_failed(outcome, "redirected", "https://elsewhere.example/x", methods=("GET", "PUT"))
    assert access_point.named_values["Site"] == "Rotterdam"


@pytest.mark.thorough
def test_an_update_whose_answer_does_not_show_it_is_read_again(player):
    answers = [
        Answer(method="PUT", effect=True, body="<html>"),
        Answer(method="PUT", effect=True, status=201, body=""),
        Answer(method="PUT", effect=True, cut=True),
        Answer(method="PUT", effect=True, status=504),
        Answer(method="PUT", alter=lambda record: record.update(fields=[])),
    ]
    tasks = [player.task(fields=[{"name": "Site", "value": f"Quay {number}"}]) for number in range(len(answers))]
    for outcome in player.run(*tasks, script=answers):
        assert outcome.result["changed"], outcome.result
        assert outcome.methods == ["GET", "PUT", "GET"]


def test_a_field_that_is_not_kept_is_named(player):
    outcome = player.run_one(player.task(fields=SITE), script=[Answer(method="PUT", after=refill("Gouda"))])
    assert_failed(outcome, "update_not_applied", "'Site'", methods=("GET", "PUT", "GET"))
    assert outcome.result["changed"]


def test_a_lost_update_without_effect_is_told(player):
    outcome = player.run_one(player.task(fields=SITE), script=[Answer(method="PUT", cut=True)])
    assert_failed(outcome, "connection_failed", "the record is unchanged", methods=("GET", "PUT", "GET"))
    assert not outcome.result["changed"]


def test_an_outcome_that_stays_unknown_is_told(player):
    script = [Answer(method="GET"), Answer(method="PUT", effect=True, cut=True), Answer(method="GET", cut=True)]
    outcome = player.run_one(player.task(fields=SITE), script=script)
    assert_failed(outcome, "outcome_unknown", "may have been changed", methods=("GET", "PUT", "GET"))
    assert outcome.result["changed"]


# When it is tried again


@pytest.mark.thorough
def test_reads_and_updates_are_sent_again_when_that_may_help(player, access_point):
    troubles = [{"status": status} for status in (408, 429, 500, 502, 503, 504)]
    troubles += [{"cut": True}, {"cut": True, "effect": True}, {"delay": 1.5}]
    script, tasks = [], []
    for number, trouble in enumerate(troubles):
        script += [Answer(method="GET", **trouble), Answer(method="GET")]
        # The record is read once more before an update is sent again.
        script += [Answer(method="PUT", **trouble), Answer(method="GET")]
        script += [Answer(method="PUT")] * ("effect" not in trouble)
        tasks.append(player.task(fields=[{"name": "Site", "value": f"Quay {number}"}], retries=1, timeout=1))
    for trouble, outcome in zip(troubles, player.run(*tasks, script=script), strict=True):
        assert outcome.result["changed"], (trouble, outcome.result)
        # An update whose answer got lost and that the record shows is not sent again.
        assert outcome.methods == ["GET", "GET", "PUT", "GET"] + ["PUT"] * ("effect" not in trouble)
        assert outcome.handshakes == (1 if "status" in trouble else 3)
    assert access_point.named_values["Site"] == f"Quay {len(troubles) - 1}"


@pytest.mark.thorough
def test_what_another_client_writes_during_a_wait_survives(player, access_point):
    contact = access_point.field_id("Contact")
    troubles = [{"status": status, "headers": {"Retry-After": "1"}} for status in (429, 503)]
    troubles += [{"status": status} for status in (408, 500, 502, 504)]
    troubles += [{"cut": True}, {"delay_answer": 1.5, "effect": False}]
    script, tasks = [], []
    for number, trouble in enumerate(troubles):

        def write(records, value=f"client {number}"):
            records["access-point"].values[contact] = value

        script += [Answer(method="PUT", before=write, **trouble), Answer(method="PUT")]
        tasks.append(player.task(fields=[{"name": "Site", "value": f"Quay {number}"}], retries=1, timeout=1))
    for number, outcome in enumerate(player._run(tasks, [], script=script)):
        assert outcome.methods == ["GET", "PUT", "GET", "PUT"]
        assert outcome.result["changed"]
        assert outcome.result["diff"]["before"]["fields"]["Contact"] == f"client {number}"
        assert {"id": contact, "value": f"client {number}"} in outcome.requests[-1].payload["fields"]
    assert access_point.named_values["Contact"] == f"client {len(troubles) - 1}"


@pytest.mark.thorough
def test_what_another_client_did_during_a_wait_is_no_change(player, access_point):
    script = [Answer(method="PUT", status=429, before=refill("Delft"))]
    (outcome,) = player._run([player.task(fields=SITE, retries=1)], [], script=script)
    assert (outcome.result["changed"], outcome.methods) == (False, ["GET", "PUT", "GET"])
    assert access_point.named_values["Site"] == "Delft"


@pytest.mark.thorough
def test_permissions_that_an_update_resets_are_told(player, simulator, access_point):
    access_point.more_flags = {"device_api_allow_revoke": True, "device_api_allow_enroll_certificate": False}
    (outcome,) = player._run([player.task(fields=SITE)], [])
    assert outcome.result["device"]["device_api_allow_revoke"] is True
    assert outcome.result.get("warnings", []) == []
    assert outcome.requests[-1].payload.keys() == {"fields"}
    simulator.records.own_update_forgets_flags = True
    (outcome,) = player._run([player.task(fields=[{"name": "Site", "value": "Gouda"}])], [])
    assert "'device_api_allow_revoke' changed during this update" in " ".join(outcome.result["warnings"])


@pytest.mark.thorough
def test_without_retries_the_first_trouble_is_the_end(player):
    cases = [
        (Answer(status=503, body="<html>"), "http_error", "once"),
        (Answer(cut=True), "connection_failed", "sent no complete response"),
        (Answer(delay=1.5), "connection_failed", "no response within 1 seconds"),
    ]
    tasks = [player.task(fields=SITE, timeout=1)] * len(cases)
    outcomes = player.run(*tasks, script=[answer for answer, _kind, _word in cases])
    for (_answer, kind, word), outcome in zip(cases, outcomes, strict=True):
        assert_failed(outcome, kind, word)


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_wait_that_the_service_asks_for_is_kept(player, form):
    asked = "2" if form == "seconds" else formatdate(time.time() + 4, usegmt=True)
    began = time.monotonic()
    script = [Answer(status=503, headers={"Retry-After": asked})]
    (check,) = player.check(player.task(fields=[], retries=1), script=script)
    assert check.methods == ["GET", "GET"]
    assert time.monotonic() - began >= 2


@pytest.mark.thorough
def test_an_error_that_stays_is_told_with_what_was_tried(player):
    error = {"errors": [{"code": "request_limit_exceeded", "message": "Slow down"}]}
    script = [Answer(status=503, body=error, times=FOREVER)]
    outcome = player.run_one(player.task(fields=SITE, retries=1), script=script)
    assert_failed(outcome, "http_error", "request_limit_exceeded: Slow down", "2 times", methods=("GET", "GET"))
    assert outcome.result["failure"] == {
        "kind": "http_error",
        "http_status": 503,
        "code": "request_limit_exceeded",
        "message": "Slow down",
        "retries": 1,
    }


# Certificates, keys and the environment


@pytest.mark.thorough
def test_ways_to_give_the_key(player, simulator):
    certificates = simulator.certificates
    locked = {"fields": SITE, "client_key": str(certificates.locked_key)}
    together, unlocked, still_locked, wrong, other = player.run(
        player.task(fields=SITE, client_cert=str(certificates["access-point"].both), client_key=None),
        player.task(**locked, client_key_passphrase=PASSPHRASE),
        player.task(**locked),
        player.task(**locked, client_key_passphrase="wrong-one"),
        player.task(fields=SITE, client_key=str(certificates["camera"].key)),
    )
    assert together.methods == ["GET", "PUT"]
    assert unlocked.methods == ["GET"]
    assert_failed(still_locked, "invalid_parameters", "locked", methods=())
    assert_failed(wrong, "invalid_parameters", "with this client_key_passphrase", methods=())
    assert_failed(other, "invalid_parameters", "does not match the certificate", methods=())
    assert PASSPHRASE not in wrong.output
    assert "wrong-one" not in wrong.output


@pytest.mark.thorough
def test_a_certificate_that_the_service_refuses(player, simulator):
    cases = [
        ("stranger", "read_denied", "is a certificate of this device", ["GET"]),
        ("camera", "read_denied", "is a certificate of this device", ["GET"]),
        ("outsider", "handshake_failed", "does not trust the CA", []),
        ("expired", "handshake_failed", "client_cert expired on", []),
        ("not-yet-valid", "handshake_failed", "client_cert is not valid before", []),
    ]
    leaves = [simulator.certificates[name] for name, *_expected in cases]
    tasks = [
        player.task(fields=SITE, client_cert=str(leaf.pem), client_key=str(leaf.key), retries=2) for leaf in leaves
    ]
    for (_name, kind, word, methods), outcome in zip(cases, player.run(*tasks), strict=True):
        assert_failed(outcome, kind, word, methods=methods)
        assert len(outcome.connections) == 1


@pytest.mark.thorough
def test_a_service_that_is_not_trusted_or_not_there(player, simulator):
    distrusted, unchecked, nowhere = player.run(
        player.task(fields=SITE, ca_path=str(simulator.certificates.other_ca), retries=2),
        player.task(fields=SITE, ca_path=None, validate_certs=False),
        player.task(fields=SITE, api_url="https://127.0.0.1:1"),
    )
    assert_failed(distrusted, "handshake_failed", "verification of the certificate", "ca_path", methods=())
    assert len(distrusted.connections) == 1
    assert unchecked.result["changed"]
    device_id = simulator.records["access-point"].id
    assert unchecked.result["warnings"][0].startswith(f"Device {device_id}: validate_certs is false.")
    assert_failed(nowhere, "connection_failed", "127.0.0.1:1 could not be reached: Connection refused", methods=())


def test_the_environment_changes_neither_trust_nor_credentials(player, simulator, tmp_path):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine localhost login someone password something\n")
    netrc.chmod(0o600)
    other = str(simulator.certificates.other_ca)
    environment = {"REQUESTS_CA_BUNDLE": other, "CURL_CA_BUNDLE": other, "SSL_CERT_FILE": other}
    outcome = player.run_one(player.task(fields=SITE), environment=environment)
    assert outcome.methods == ["GET", "PUT"]
    assert "Authorization" not in outcome.requests[0].headers


@pytest.mark.thorough
def test_the_proxy_of_the_environment(player):
    proxy = {"HTTPS_PROXY": "http://user:secret@127.0.0.1:1"}
    exempt = {**player.task(fields=SITE), "environment": {"NO_PROXY": "localhost"}}
    tasks = player.task(fields=SITE), player.task(fields=SITE, use_proxy=False), exempt
    through, without, exempted = player.run(*tasks, environment=proxy)
    assert_failed(through, "connection_failed", "because of the proxy 127.0.0.1", methods=())
    assert "secret" not in through.output
    assert without.methods == ["GET", "PUT"]
    assert exempted.methods == ["GET"]


def test_the_connection_can_come_from_the_environment(player, simulator, access_point):
    environment = {
        "DIGICERT_IOT_DEVICE_ID": access_point.id,
        "DIGICERT_IOT_API_URL": simulator.url,
        "DIGICERT_IOT_CLIENT_CERT": str(simulator.certificates["access-point"].pem),
        "DIGICERT_IOT_CLIENT_KEY": str(simulator.certificates.locked_key),
        "DIGICERT_IOT_CLIENT_KEY_PASSPHRASE": PASSPHRASE,
        "DIGICERT_IOT_CA_PATH": str(simulator.certificates.ca),
    }
    without = dict.fromkeys(("device_id", "api_url", "client_cert", "client_key", "ca_path"))
    assert player.run_one(player.task(fields=SITE, **without), environment=environment).result["changed"]


def test_a_task_takes_precedence_over_the_environment(player, simulator):
    # An empty variable is no value.
    environment = {"DIGICERT_IOT_CLIENT_CERT": "/does/not/exist", "DIGICERT_IOT_CLIENT_KEY_CONTENT": ""}
    content = simulator.certificates["access-point"].pem.read_text()
    task = player.task(fields=SITE, client_cert=None, client_cert_content=content)
    assert player.run_one(task, environment=environment).result["changed"]


def test_the_connection_can_be_shared_by_a_play(player):
    play = {"module_defaults": {"group/edgeops.digicert.digicert_iot": player.connection()}}
    task = {"name": "Keep the record true", "edgeops.digicert.digicert_iot_device": {"fields": SITE}}
    assert player.run_one(task, play=play).result["changed"]


# The documentation


@pytest.mark.thorough
def test_every_example_can_be_rehearsed(player, simulator, access_point):
    access_point.valueless = "null"
    both = str(simulator.certificates["access-point"].both)
    examples = yaml.safe_load(digicert_iot_device.EXAMPLES)
    for task in examples:
        for option in ("device_id", "client_cert", "client_key"):
            task.get("edgeops.digicert.digicert_iot_device", {}).pop(option, None)
    play = {
        "gather_facts": True,
        "gather_subset": ["!all", "!min", "distribution"],
        "module_defaults": {"group/edgeops.digicert.digicert_iot": player.connection(client_cert=both)},
    }
    _facts, *outcomes, drift, assertion = player.check(*examples, play=play)
    assert [outcome.methods for outcome in (*outcomes, drift)] == [["GET"]] * (len(examples) - 1)
    assert not assertion.failed
    assert all(outcome.result["changed"] for outcome in outcomes)
    assert not drift.result["changed"]
