# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import (
    OperatorApi,
    parse_enrollment_fields,
    parse_page,
    parse_records,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response

RECORD = {"id": "1", "device_identifier": "gate", "fields": [{"id": "a", "value": ""}], "status": "ACTIVE"}
UNKNOWN = {"errors": [{"code": "entity_not_found", "message": "There is none"}]}


class FakeSession:
    """Answers as told, and notes what it was asked."""

    def __init__(self, status, content):
        self.answer = Response(status, {}, content if isinstance(content, bytes) else json.dumps(content).encode())
        self.asked = []

    @staticmethod
    def certificate_validity_hint():
        return ""

    def send(self, method, path, body=None):
        self.asked.append((method, path, body))
        return self.answer

    def attempt(self, _attempts, method, path, body=None):
        return self.send(method, path, body)

    def attempts(self, immediate):
        return Attempts(1, immediate=immediate)


def page_of(*records, **keys):
    return {"limit": 20, "offset": 0, "total": len(records), "records": list(records), **keys}


def test_a_page():
    session = FakeSession(200, page_of(RECORD, total=7))
    page = OperatorApi(session).page({"device_identifier": "a&b"}, 50, 100)
    assert page.total == 7
    assert page.records == [{**RECORD, "fields": [{"id": "a", "value": None}]}]
    assert session.asked == [("GET", "/iot/api/v2/device?device_identifier=a%26b&limit=50&offset=100", None)]


def test_the_filter_that_is_documented_with_another_spelling_is_sent_in_both():
    session = FakeSession(200, page_of())
    OperatorApi(session).page({"updated_to": "2026-11-23"}, 20, 0)
    assert "updated_to=2026-11-23&upated_to=2026-11-23&" in session.asked[0][1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "an HTML page"),
        ([], "not a JSON object"),
        ({"records": []}, "without a valid total"),
        ({"records": [], "total": True}, "without a valid total"),
        ({"records": [], "total": -1}, "without a valid total"),
        ({"total": 1}, "a list without devices"),
        (page_of(1), "not a JSON object"),
        (page_of({"fields": []}), "a record without an ID"),
        (page_of({**RECORD, "id": ""}), "a record without an ID"),
        (page_of({"id": "1"}), "fields are not a list"),
    ],
)
def test_a_page_that_is_not_believed(content, words):
    session = FakeSession(200, content)
    with pytest.raises(ValueError, match=words):
        parse_page(session.answer.body)
    with pytest.raises(_errors.InvalidResponseError, match=f"Invalid response to the listing request: .*{words}"):
        OperatorApi(session).page({}, 20, 0)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("code", ["access_denied", "invalid_api_key"])
def test_a_key_that_is_rejected(status, code):
    api = OperatorApi(FakeSession(status, {"error": {"code": code, "message": "No"}}))
    for call in (
        lambda: api.page({}, 20, 0),
        lambda: api.find("1"),
        lambda: api.device("1").set_status("ACTIVE", Attempts(0)),
    ):
        with pytest.raises(_errors.ApiKeyRejectedError, match="Check that api_key is valid"):
            call()


@pytest.mark.parametrize(
    ("status", "content"),
    [(404, b"<html>"), (404, {"message": "no route"}), (404, {"error": {"code": "no_route", "message": "No"}})],
)
def test_a_404_that_is_not_the_api_s_own_is_no_missing_device(status, content):
    with pytest.raises(_errors.HttpError):
        OperatorApi(FakeSession(status, content)).find("1")


def test_a_redirect_is_not_followed():
    with pytest.raises(_errors.RedirectedError, match="so that api_key is not sent"):
        OperatorApi(FakeSession(302, b"")).page({}, 20, 0)


def test_find():
    assert OperatorApi(FakeSession(200, RECORD)).find("1")["device_identifier"] == "gate"
    assert OperatorApi(FakeSession(400, UNKNOWN)).find("1") is None


@pytest.mark.parametrize(("status", "call"), [("ACTIVE", "enable"), ("DISABLED", "disable")])
def test_status(status, call):
    session = FakeSession(200, RECORD)
    OperatorApi(session).device("1").set_status(status, Attempts(0))
    assert session.asked == [("PUT", f"/iot/api/v2/device/1/{call}", None)]


def test_records_that_were_kept_outside_the_api_follow_the_same_rules():
    assert parse_records([RECORD]) == [{**RECORD, "fields": [{"id": "a", "value": None}]}]
    assert parse_records([]) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"hosts": {}}, "a list without devices"),
        ([{"id": "1"}], "fields are not a list"),
        ([{**RECORD, "more": float("nan")}], "not valid JSON"),
        ([{**RECORD, "more": object()}], "not valid JSON"),
        ([{**RECORD, "id": "a"}, {**RECORD, "id": "A"}], "one device twice"),
    ],
)
def test_records_that_were_kept_outside_the_api_and_damaged(content, words):
    with pytest.raises(ValueError, match=words):
        parse_records(content)


def test_a_device_is_created():
    session = FakeSession(201, RECORD)
    api = OperatorApi(session)
    attempts = api.attempts()
    assert not attempts.immediate
    assert api.create({"device_identifier": "gate"}, attempts)["id"] == "1"
    assert session.asked == [("POST", "/iot/api/v2/device", b'{"device_identifier": "gate"}')]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<html>", "an HTML page"), ({"id": "1"}, "fields are not a list"), (RECORD, "the record of another device, 1")],
)
def test_a_creation_with_an_invalid_response_can_have_taken_effect(content, words):
    with pytest.raises(
        _errors.InvalidResponseError, match=f"Invalid response to the creation request: .*{words}"
    ) as caught:
        OperatorApi(FakeSession(201, content)).create({"device_identifier": "gate-7"}, Attempts(0))
    assert caught.value.may_have_applied


def test_a_creation_in_an_unknown_division_is_not_about_a_device():
    with pytest.raises(_errors.HttpError, match=r"The creation failed .* Check division_id and device_profile_id\."):
        OperatorApi(FakeSession(400, UNKNOWN)).create({"device_identifier": "gate"}, Attempts(0))


def test_the_fields_of_an_enrollment_profile():
    session = FakeSession(200, {"fields": [{"id": "a", "name": "Site", "type": "DEVICE"}, {"id": "b", "name": ""}]})
    fields = OperatorApi(session).enrollment_fields("IOT_1/2")
    assert fields == [{"id": "a", "name": "Site", "type": "DEVICE"}, {"id": "b", "name": None}]
    assert session.asked[0][1] == "/iot/api/v1/enrollment-profile/IOT_1%2F2/enrollment-specification"


def test_an_unknown_enrollment_profile_is_not_about_a_device():
    with pytest.raises(
        _errors.HttpError, match=r"The enrollment profile query failed .* Check enrollment_profile_id\."
    ):
        OperatorApi(FakeSession(404, UNKNOWN)).enrollment_fields("IOT_1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "whose fields are not a list of objects"),
        ({"fields": ["a"]}, "whose fields are not a list of objects"),
        ({"fields": [{"id": 1}]}, "a field without an ID"),
        ({"fields": [{"id": ""}]}, "a field without an ID"),
        ({"fields": [{"id": "a", "name": 1}]}, "a field whose name is not a string"),
        ({"fields": [{"id": "a"}, {"id": "A"}]}, "two fields with one ID"),
    ],
)
def test_an_enrollment_profile_with_invalid_fields(content, words):
    with pytest.raises(ValueError, match=words):
        parse_enrollment_fields(json.dumps(content).encode())
