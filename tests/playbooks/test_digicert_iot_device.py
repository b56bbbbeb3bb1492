# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the module, seen from a playbook and from the service."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
import yaml

from ansible_collections.edgeops.digicert.plugins.modules import digicert_iot_device
from simulator import FOREVER, PASSPHRASE, Answer

SITE = [{"name": "Site", "value": "Delft"}]
NOT_FOUND = "d0000000-0000-4000-8000-000000000404"


@pytest.fixture
def access_point(simulator):
    return simulator.records["access-point"]


# What is compared, sent and kept


@pytest.mark.parametrize("valueless", ["absent", "null", "empty"])
def test_fields_are_set_removed_and_kept(player, access_point, valueless):
    access_point.valueless = valueless
    before = access_point.named_values
    fields = [*SITE, {"name": "Contact", "state": "absent"}, {"id": access_point.field_id("Redirector"), "value": 5}]
    real = player.triple(fields=fields)
    kept = {name: before[name] for name in ("Firmware", "Serial number")}
    assert access_point.named_values == {**kept, "Site": "Delft", "Redirector": "5"}
    assert real.result["changed_fields"] == ["Site", "Contact", "Redirector"]
    contact = {"id": access_point.field_id("Contact"), "name": "Contact", "value": None, "mandatory": False}
    assert contact in real.result["device"]["fields"]
    sent = {field["id"]: field["value"] for field in real.requests[1].payload["fields"]}
    assert sent == access_point.values
    assert "device_identifier" not in real.requests[1].payload


def test_a_rename_alone_keeps_every_value(player, access_point):
    before = access_point.named_values
    real = player.triple(device_identifier="gate-7")
    assert (access_point.device_identifier, access_point.named_values) == ("gate-7", before)
    assert real.result["changed_fields"] == []
    assert real.result["diff"]["after"]["device_identifier"] == "gate-7"


def test_a_purge_leaves_mandatory_and_kept_fields(player, access_point):
    player.triple(fields=SITE, purge_fields=True, keep_fields=["Redirector"])
    assert sorted(access_point.named_values) == ["Firmware", "Redirector", "Serial number", "Site"]
    player.triple(fields=[], purge_fields=True)
    assert sorted(access_point.named_values) == ["Firmware", "Serial number"]


@pytest.mark.parametrize("valueless", ["null", "empty"])
def test_a_field_without_a_value_can_be_set_by_its_name(player, simulator, valueless):
    spare = simulator.records["spare-access-point"]
    spare.valueless = valueless
    player.triple("spare-access-point", fields=SITE)
    assert spare.named_values["Site"] == "Delft"


def test_a_field_that_is_not_listed_can_be_set_by_its_id(player, simulator):
    spare = simulator.records["spare-access-point"]
    fields = [{"id": spare.field_id("Site"), "value": "Delft"}]
    check, real = player.keep("spare-access-point", check=True, fields=fields), None
    assert check.result["device"]["fields"][-1] == {"id": spare.field_id("Site"), "value": "Delft"}
    real = player.keep("spare-access-point", fields=fields)
    assert real.result["device"]["fields"][-1]["name"] == "Site"
    assert real.result["changed_fields"] == check.result["changed_fields"] == [spare.field_id("Site")]
    assert not player.keep("spare-access-point", fields=fields).result["changed"]


@pytest.mark.parametrize(
    ("value", "text"), [("1.10", "1.10"), (7, "7"), (True, "true"), (" é€😀 ", " é€😀 "), ("x" * 1024, "x" * 1024)]
)
def test_values_have_one_text(player, access_point, value, text):
    player.triple(fields=[{"name": "Site", "value": value}])
    assert access_point.named_values["Site"] == text


def test_a_diff_has_the_same_keys_on_both_sides(player):
    run = player.keep(check=True, fields=[*SITE, {"name": "Contact", "state": "absent"}])
    before, after = run.result["diff"]["before"], run.result["diff"]["after"]
    assert before.keys() == after.keys() == {"device_identifier", "fields"}
    assert before["fields"].keys() == after["fields"].keys()
    assert (before["fields"]["Site"], after["fields"]["Site"]) == ("Rotterdam", "Delft")
    assert after["fields"]["Contact"] is None
    assert '-        "Site": "Rotterdam"' in run.output
    assert '+        "Site": "Delft"' in run.output


# What a task gets wrong


def assert_failed(run, kind, *words, methods=("GET",)):
    assert run.returncode == 2
    assert run.result["failure"].keys() == {"kind", "http_status", "code", "message", "retries"}
    assert run.result["failure"]["kind"] == kind
    assert run.methods == list(methods)
    for word in words:
        assert word in run.result["msg"]
    assert run.result["msg"].startswith("Device ")


def test_all_that_is_wrong_with_a_task_is_told_without_a_connection(player, tmp_path):
    run = player.keep(
        device_id="..",
        api_url="http://localhost",
        client_cert=str(tmp_path / "missing.pem"),
        ca_path="/dev/null",
        timeout=0,
        retries=-1,
        device_identifier="",
        fields=[
            {"name": "Site", "value": 1.10},
            {"name": "Owner"},
            {"name": "Contact", "value": "x" * 1025},
            {"id": "a", "name": "b", "value": "c"},
            {"name": "Owner", "state": "absent"},
        ],
    )
    words = "device_id", "https://", "missing.pem", "ca_path", "timeout", "retries", "device_identifier", "quote it"
    assert_failed(run, "invalid_task", *words, "state=absent", "1025", "exactly one", "more than once", methods=())
    assert run.connections == 0


@pytest.mark.parametrize(
    ("device", "fields", "words"),
    [
        ("access-point", [{"name": "Sit", "value": "x"}], ["'Sit'", "Did you mean 'Site'?", "'Redirector'", "its id"]),
        ("access-point", [{"name": "Firmware", "state": "absent"}], ["'Firmware' is mandatory"]),
        ("camera", [{"name": "Location", "value": "x"}], ["2 fields with the name 'Location'", "use the id"]),
    ],
)
def test_wishes_that_the_record_cannot_fulfil(player, device, fields, words):
    assert_failed(player.keep(device, fields=fields), "wishes_unfit", *words)


def test_one_field_by_its_id_and_its_name(player, access_point):
    fields = [*SITE, {"id": access_point.field_id("Site"), "value": "Delft"}]
    assert_failed(player.keep(fields=fields), "wishes_unfit", "a second time")


# What a device may not


@pytest.mark.parametrize("check", [True, False])
def test_a_device_that_may_not_write_fails_before_the_update(player, check):
    run = player.keep("read-only", fields=SITE, check=check)
    assert_failed(run, "write_denied", "device_api_allow_write", "'Site'")


def test_a_flag_that_changes_in_between_is_an_error_of_the_service(player, access_point):
    forbid = Answer(
        method="PUT", before=lambda records: setattr(records["access-point"], "device_api_allow_write", False)
    )
    run = player.keep(fields=SITE, script=[forbid])
    assert_failed(run, "write_denied", "device_api_allow_write", methods=("GET", "PUT"))
    assert run.result["failure"]["code"] == "access_denied"
    assert run.result["failure"]["http_status"] == 403
    assert access_point.named_values["Site"] == "Rotterdam"


def test_a_device_that_may_not_read_fails(player):
    assert_failed(player.keep("write-only", fields=SITE), "read_denied", "device_api_allow_read")


def test_a_device_that_may_not_read_is_overwritten_when_asked(player, simulator):
    device = simulator.records["write-only"]
    fields = [{"id": device.field_id(name), "value": "new"} for name in ("Firmware", "Serial number", "Site")]
    for _time in range(2):
        run = player.keep("write-only", fields=fields, on_read_denied="overwrite")
        assert run.methods == ["GET", "PUT"]
        assert run.result["changed"]
        assert "could not be read" in " ".join(run.result["warnings"])
    assert device.named_values == {"Firmware": "new", "Serial number": "new", "Site": "new"}


def test_an_overwrite_by_name_makes_no_connection(player):
    run = player.keep("write-only", fields=SITE, on_read_denied="overwrite")
    assert_failed(run, "invalid_task", "by its id", methods=())


def test_a_device_that_is_not_active_is_a_warning(player):
    run = player.keep("disabled", fields=SITE)
    assert run.result["changed"]
    assert "DISABLED" in run.result["warnings"][0]


def test_a_device_that_is_not_there(player):
    run = player.keep(device_id=NOT_FOUND, fields=SITE)
    assert_failed(run, "device_unknown", NOT_FOUND, "Check device_id")
    assert run.result["failure"]["code"] == "entity_not_found"


def test_a_device_id_is_one_segment_of_the_path(player):
    run = player.keep(device_id="a/b?c#d %2F\u00e9", fields=SITE)
    assert_failed(run, "device_unknown")
    assert run.requests[0].path == "/iot/api/v2/device/a%2Fb%3Fc%23d%20%252F%C3%A9"


# What the service answers


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(body="<html>Hello"), "answer_unusable", ["an HTML page"]),
        (Answer(body='{"id":'), "answer_unusable", ["not valid JSON"]),
        (Answer(body=[]), "answer_unusable", ["no JSON object"]),
        (Answer(alter=lambda record: record.update(id="other")), "answer_unusable", ["another device, other"]),
        (Answer(alter=lambda record: record.pop("fields")), "answer_unusable", ["not a list of objects"]),
        (
            Answer(status=302, headers={"Location": "https://elsewhere.example/x"}),
            "redirected",
            ["https://elsewhere.ex"],
        ),
        (Answer(status=418, body="<html>"), "refused", ["HTTP status 418"]),
        (Answer(cut=True), "connection_failed", ["gave no whole answer"]),
        (Answer(delay=3), "connection_failed", ["no answer within 1 seconds"]),
    ],
)
def test_an_answer_that_is_of_no_use_changes_nothing(player, access_point, answer, kind, words):
    assert_failed(player.keep(fields=SITE, timeout=1, script=[answer]), kind, *words)
    assert access_point.named_values["Site"] == "Rotterdam"


@pytest.mark.parametrize(
    "answer",
    [Answer(effect=True, body="<html>"), Answer(effect=True, status=204, body=""), Answer(effect=True, cut=True)],
)
def test_an_update_whose_answer_does_not_show_it_is_read_again(player, answer):
    run = player.keep(fields=SITE, script=[Answer(method="GET"), answer])
    assert run.result["changed"]
    assert run.methods == ["GET", "PUT", "GET"]


def test_a_field_that_is_not_kept_is_named(player):
    def forget(records):
        records["access-point"].values.pop(records["access-point"].field_id("Site"))

    run = player.keep(fields=SITE, script=[Answer(method="PUT", after=forget)])
    assert_failed(run, "not_kept", "'Site'", methods=("GET", "PUT", "GET"))
    assert run.result["changed"]


def test_an_update_that_got_lost_is_sent_again(player, access_point):
    run = player.keep(fields=SITE, retries=1, script=[Answer(method="PUT", cut=True)])
    assert run.result["changed"]
    assert run.methods == ["GET", "PUT", "PUT"]
    assert access_point.named_values["Site"] == "Delft"


def test_a_lost_update_without_effect_is_told(player):
    run = player.keep(fields=SITE, script=[Answer(method="PUT", cut=True)])
    assert_failed(run, "connection_failed", "nothing was written", methods=("GET", "PUT", "GET"))
    assert not run.result["changed"]


def test_an_outcome_that_stays_unknown_is_told(player):
    script = [Answer(method="GET"), Answer(method="PUT", effect=True, cut=True), Answer(method="GET", cut=True)]
    run = player.keep(fields=SITE, script=script)
    assert_failed(run, "outcome_unknown", "may have been written", methods=("GET", "PUT", "GET"))
    assert run.result["changed"]


# When it is tried again


def test_requests_are_sent_again_when_that_may_help(player):
    script = [Answer(status=status) for status in (503, 408)]
    run = player.keep(fields=SITE, retries=2, script=[*script, Answer(method="PUT", status=500)])
    assert run.result["changed"]
    assert run.methods == ["GET"] * 3 + ["PUT"] * 2
    assert run.handshakes == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_wait_that_the_service_asks_for_is_kept(player, form):
    asked = "2" if form == "seconds" else formatdate(time.time() + 4, usegmt=True)
    began = time.monotonic()
    run = player.keep(fields=[], check=True, retries=1, script=[Answer(status=429, headers={"Retry-After": asked})])
    assert run.methods == ["GET", "GET"]
    assert time.monotonic() - began >= 2


def test_an_error_that_stays_is_told_with_what_was_tried(player):
    error = {"errors": [{"code": "request_limit_exceeded", "message": "Slow down"}]}
    run = player.keep(fields=SITE, retries=1, script=[Answer(status=429, body=error, times=FOREVER)])
    assert_failed(run, "refused", "request_limit_exceeded: Slow down", "2 times", methods=("GET", "GET"))
    assert run.result["failure"] == {
        "kind": "refused",
        "http_status": 429,
        "code": "request_limit_exceeded",
        "message": "Slow down",
        "retries": 1,
    }


@pytest.mark.parametrize("status", [400, 409, 501])
def test_an_error_that_will_not_pass_is_not_tried_again(player, status):
    assert_failed(player.keep(fields=SITE, retries=3, script=[Answer(status=status)]), "refused")


# Certificates, keys and the environment


def test_one_file_with_certificate_and_key(player, simulator):
    both = str(simulator.certificates["access-point"].both)
    assert player.keep(fields=SITE, client_cert=both, client_key=None).result["changed"]


def test_a_locked_key(player, simulator):
    locked = str(simulator.certificates.locked_key)
    assert player.keep(fields=SITE, client_key=locked, client_key_passphrase=PASSPHRASE).result["changed"]
    assert_failed(player.keep(fields=SITE, client_key=locked), "invalid_task", "locked", methods=())
    run = player.keep(fields=SITE, client_key=locked, client_key_passphrase="wrong-one")
    assert_failed(run, "invalid_task", "with this client_key_passphrase", methods=())
    assert "wrong-one" not in run.output


@pytest.mark.parametrize(
    ("certificate", "kind", "words", "methods"),
    [
        ("stranger", "read_denied", ["not a certificate of this device"], ["GET"]),
        ("outsider", "handshake_failed", ["does not know the CA"], []),
        ("expired", "handshake_failed", ["has expired"], []),
        ("not-yet-valid", "handshake_failed", ["client_cert"], []),
    ],
)
def test_a_certificate_that_the_service_refuses(player, simulator, certificate, kind, words, methods):
    leaf = simulator.certificates[certificate]
    run = player.keep(fields=SITE, client_cert=str(leaf.pem), client_key=str(leaf.key), retries=2)
    assert_failed(run, kind, *words, methods=methods)


def test_a_key_of_another_certificate(player, simulator):
    key = str(simulator.certificates["camera"].key)
    assert_failed(player.keep(fields=SITE, client_key=key), "invalid_task", "is not the key of", methods=())


def test_a_service_that_is_not_trusted(player, simulator):
    run = player.keep(fields=SITE, ca_path=str(simulator.certificates.other_ca))
    assert_failed(run, "handshake_failed", "not accepted", "ca_path", methods=())
    run = player.keep(fields=SITE, ca_path=None, validate_certs=False)
    assert run.result["changed"]
    assert "validate_certs" in run.result["warnings"][0]


def test_the_environment_changes_neither_trust_nor_credentials(player, simulator, tmp_path):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine localhost login someone password something\n")
    netrc.chmod(0o600)
    other = str(simulator.certificates.other_ca)
    run = player.keep(fields=SITE, environment={"REQUESTS_CA_BUNDLE": other, "CURL_CA_BUNDLE": other})
    assert run.result["changed"]
    assert "Authorization" not in run.requests[0].headers


def test_the_proxy_of_the_environment(player):
    proxy = {"HTTPS_PROXY": "http://user:secret@127.0.0.1:1"}
    run = player.keep(fields=SITE, environment=proxy)
    assert_failed(run, "connection_failed", "through the proxy 127.0.0.1", methods=())
    assert "secret" not in run.output
    assert player.keep(fields=SITE, environment=proxy, use_proxy=False).methods == ["GET", "PUT"]
    assert player.keep(fields=SITE, environment={**proxy, "NO_PROXY": "localhost"}).methods == ["GET"]


def test_the_connection_can_come_from_the_environment(player, simulator):
    leaf = simulator.certificates["access-point"]
    environment = {
        "DIGICERT_IOT_DEVICE_ID": simulator.records["access-point"].id,
        "DIGICERT_IOT_API_URL": simulator.url,
        "DIGICERT_IOT_CLIENT_CERT": str(leaf.pem),
        "DIGICERT_IOT_CLIENT_KEY": str(simulator.certificates.locked_key),
        "DIGICERT_IOT_CLIENT_KEY_PASSPHRASE": PASSPHRASE,
        "DIGICERT_IOT_CA_PATH": str(simulator.certificates.ca),
    }
    without = dict.fromkeys(("device_id", "api_url", "client_cert", "client_key", "ca_path"))
    assert player.keep(fields=SITE, environment=environment, **without).result["changed"]


def test_the_connection_can_be_shared_by_a_play(player, tmp_path):
    play = {
        "name": "Share the connection",
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/edgeops.digicert.digicert_iot": player.connection()},
        "tasks": [{"name": "Keep", "edgeops.digicert.digicert_iot_device": {"fields": SITE}}],
    }
    (tmp_path / "shared.yml").write_text(json.dumps([play]))
    assert player.play_file(tmp_path / "shared.yml").result["changed"]


def test_an_unreachable_service(player):
    run = player.keep(fields=SITE, api_url="https://127.0.0.1:1")
    assert_failed(run, "connection_failed", "127.0.0.1:1 could not be reached: Connection refused", methods=())


# The documentation


def test_every_example_can_be_rehearsed(player, access_point, simulator, tmp_path):
    access_point.valueless = "null"
    leaf = simulator.certificates["access-point"]
    examples = yaml.safe_load(digicert_iot_device.EXAMPLES)
    connection = ("device_id", "client_cert", "client_key")
    for task in examples:
        options = task["edgeops.digicert.digicert_iot_device"]
        for option in connection:
            options.pop(option, None)
    play = {
        "name": "Rehearse the examples",
        "hosts": "localhost",
        "gather_facts": True,
        "gather_subset": ["!all", "!min", "distribution"],
        "module_defaults": {"group/edgeops.digicert.digicert_iot": player.connection(client_cert=str(leaf.both))},
        "tasks": [{"ignore_errors": True, **task} for task in examples],
    }
    (tmp_path / "examples.yml").write_text(json.dumps([play]))
    run = player.play_file(tmp_path / "examples.yml", check=True)
    *results, drift = run.results[1:]
    assert len(run.methods) == len(examples)
    assert [result["changed"] for result in results] == [True] * (len(examples) - 1)
    assert not drift["changed"]
