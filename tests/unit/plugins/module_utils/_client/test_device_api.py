# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    CertificateRequest,
    Denials,
    DeviceApi,
    IssuedCertificate,
    error_from_response,
    error_of_kind,
    is_html,
    issue,
    parse_record,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import Attempts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Response
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

RECORD = {
    "id": "D-1",
    "device_identifier": "gate",
    "fields": [{"id": "a", "name": "A", "value": "1"}],
    "novel": [1.5, None],
}


def body(**changes):
    return json.dumps({**RECORD, **changes}).encode()


def fields(*entries):
    return body(fields=list(entries))


class OneAnswer:
    """Stands for a session: gives one answer and remembers the request."""

    def __init__(self, answer):
        self.answer = answer

    def send(self, *request):
        self.request = request
        return self.answer

    def attempt(self, _attempts, *request):
        return self.send(*request)

    def attempts(self, immediate):
        return Attempts(3, immediate=immediate)

    identity = Identity(certificate_validity_hint=lambda: " It expired.")


def test_a_record_is_handed_on_as_it_is():
    assert parse_record(body(), "D-1") == RECORD


def test_the_id_is_compared_without_regard_to_case():
    assert parse_record(body(), "d-1") == RECORD


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"id": "a"}, None),
        ({"id": "a", "value": None}, None),
        ({"id": "a", "value": ""}, None),
        ({"id": "a", "value": 5}, "5"),
        ({"id": "a", "value": False}, "false"),
        ({"id": "a", "value": "\0é€😀"}, "\0é€😀"),
    ],
)
def test_every_spelling_of_a_value_has_one_form(entry, value):
    assert parse_record(fields(entry), "D-1")["fields"] == [{"id": "a", "value": value}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b'{"id": "D-1"', "not valid JSON"),
        (b'{"id": "D-1", "id": "D-1", "fields": []}', "not valid JSON"),
        (b'{"id": "D-1", "fields": [], "x": NaN}', "not valid JSON"),
        (b"[" * 100000, "not valid JSON"),
        (b"1" * 100000, "not a JSON object|not valid JSON"),
        (b" <html></html>", "an HTML page"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "the record of another device, None"),
        (body(id="D-2"), "the record of another device, D-2"),
        (body(id=["D-1"]), "the record of another device"),
        (body(device_identifier=5), "a device_identifier that is not a string"),
        (body(status=["ACTIVE"]), "a status that is not a string"),
        (body(fields=None), "fields are not a list of objects"),
        (body(fields={"a": 1}), "fields are not a list of objects"),
        (fields("a"), "fields are not a list of objects"),
        (b'{"id": "D-1"}', "fields are not a list of objects"),
        (fields({"name": "A"}), "a field without an ID"),
        (fields({"id": ""}), "a field without an ID"),
        (fields({"id": 5}), "a field without an ID"),
        (fields({"id": "a"}, {"id": "a"}), "two fields with one ID"),
        (fields({"id": "a", "name": 5}), "a field whose name is not a string"),
        (fields({"id": "a", "name": "Mass", "value": 1.5}), "a field, Mass, whose value is a float$"),
        (fields({"id": "a", "value": ["x"]}), "a field, a, whose value is a list"),
        (fields({"id": "a", "value": "\ud800"}), "text that is not valid Unicode"),
    ],
)
def test_what_is_no_record_is_not_believed(answer, words):
    with pytest.raises(ValueError, match=words):
        parse_record(answer, "D-1")


def test_the_id_is_one_segment_of_the_path():
    session = OneAnswer(Response(200, {}, json.dumps(dict(RECORD, id="a/b?c#d %2F ü")).encode()))
    DeviceApi(session, "a/b?c#d %2F ü").read()
    assert session.request == ("GET", "/iot/api/v2/device/a%2Fb%3Fc%23d%20%252F%20%C3%BC")


def test_an_update_sends_json_and_takes_any_success():
    session = OneAnswer(Response(201, {}, body()))
    assert DeviceApi(session, "D-1").update({"fields": [{"id": "a", "value": "é"}]}, Attempts(0)) == RECORD
    assert session.request[0] == "PUT"
    assert json.loads(session.request[2]) == {"fields": [{"id": "a", "value": "é"}]}


def error(code="some_code", message="Some message"):
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def nginx(title):
    return f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>".encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (400, error("entity_not_found"), _errors.DeviceNotFoundError, "Check device_id"),
        (404, error("resource_not_found"), _errors.DeviceNotFoundError, "Check device_id"),
        (404, b"<html>", _errors.HttpError, "not an error of the API"),
        (404, error("no_route", "No route"), _errors.HttpError, "Correct the cause"),
        (500, error("entity_not_found"), _errors.HttpError, "sent 3 times"),
        (400, error("invalid_input", "Value too long"), _errors.HttpError, "invalid_input: Value too long"),
        (400, b"<html>", _errors.HttpError, "rejects client_cert"),
        (
            400,
            nginx("400 No required SSL certificate was sent"),
            _errors.HttpError,
            "does not support the key algorithm",
        ),
        (400, nginx("400 The SSL certificate error"), _errors.HttpError, "after the device certificate. It expired."),
        (403, nginx("400 The SSL certificate error"), _errors.HttpError, "does not trust its CA"),
        (400, b"<HTML><Title>\nGo\x1b away</TITLE>", _errors.HttpError, "status 400 (Go  away)"),
        (502, nginx("502 Bad Gateway"), _errors.HttpError, "status 502 (502 Bad Gateway)"),
        (401, error("access_denied"), _errors.ReadDeniedError, "device_api_allow_read"),
        (401, error("invalid_api_key"), _errors.HttpError, "'clientauth.'"),
        (403, error("access_denied"), _errors.ReadDeniedError, "device_api_allow_read"),
        (400, error("access_denied"), _errors.HttpError, "Correct the cause"),
        (301, b"", _errors.RedirectedError, "redirected to https://elsewhere.example/"),
        (407, b"", _errors.HttpError, "proxy requires a username"),
        (429, error("request_limit_exceeded"), _errors.HttpError, "sent 3 times"),
        (503, b"", _errors.HttpError, "sent 3 times"),
    ],
)
def test_an_error_says_what_it_means(status, answer, kind, words):
    session = OneAnswer(
        Response(status, {"Location": "https://elsewhere.example/"}, answer, retries=2, may_have_applied=True)
    )
    with pytest.raises(kind) as caught:
        DeviceApi(session, "D-1").read()
    assert words in str(caught.value)
    assert f"status {status}" in str(caught.value)
    assert caught.value.details.http_status == status
    assert caught.value.details.retries == 2
    assert caught.value.may_have_applied


@pytest.mark.parametrize(
    ("device_id", "hinted"),
    [
        ("gate-7.rotterdam", True),
        ("5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7", False),
        ("5E3B2C9E-7D5F-4F0E-9A54-1A6A0D6FD3B7", False),
        ("5e3b2c9e7d5f4f0e9a541a6a0d6fd3b7", False),
        ("5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7x", True),
    ],
)
@pytest.mark.parametrize(("status", "code"), [(404, "entity_not_found"), (403, "access_denied")])
def test_an_id_that_can_be_a_name_is_named(device_id, hinted, status, code):
    with pytest.raises(_errors.DeviceManagerError) as caught:
        DeviceApi(OneAnswer(Response(status, {}, error(code))), device_id).read()
    assert ("device_id is not a UUID. Is it the name of the device? " in str(caught.value)) == hinted


# What firewalls, API gateways and proxies answer.
FOREIGN_DENIALS = [
    b"",
    b" ",
    b"Forbidden",
    b"<html><head><title>403 Forbidden</title></head></html>",
    b'"access_denied"',
    b"[]",
    b"{}",
    b"null",
    b'{"errors": [{"code": "access_denied", "message": "N',
    b'\xef\xbb\xbf{"errors": [{"code": "access_denied", "message": "No"}]}',
    b'{"errors": []}',
    b'{"errors": {"code": "access_denied", "message": "No"}}',
    b'{"errors": ["access_denied"]}',
    b'{"errors": [{"code": "access_denied"}]}',
    b'{"errors": [{"code": "access_denied", "message": null}]}',
    b'{"errors": [{"message": "access_denied"}]}',
    b'{"errors": [{"code": 403, "message": "Forbidden"}]}',
    b'{"errors": [{"code": "waf_block", "message": "Blocked"}]}',
    b'{"errors": [{"code": "ACCESS_DENIED", "message": "Blocked"}]}',
    b'{"error": "access_denied", "error_description": "No"}',
    b'{"error": {"code": 403, "message": "Forbidden", "status": "PERMISSION_DENIED"}}',
    b'{"error": {"code": "Forbidden", "message": "No"}}',
    b'{"error": {"code": "rate_limited", "message": "No"}}',
    b'{"code": "access_denied", "message": "No"}',
    b'{"message": "Forbidden"}',
    b'{"statusCode": 401, "message": "Access denied due to missing subscription key"}',
    b'{"fault": {"faultstring": "Invalid key", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}',
    b'{"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "access_denied"}',
]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("content", FOREIGN_DENIALS, ids=repr)
def test_a_denial_that_is_not_the_api_s_own_says_nothing_about_permissions(status, content):
    for call in ("read", "update", "renew"):
        api = DeviceApi(OneAnswer(Response(status, {}, content)), "D-1")
        with pytest.raises(_errors.HttpError) as caught:
            getattr(api, call)(*{"read": (), "update": ({}, Attempts(0)), "renew": ({},)}[call])
        assert caught.value.kind == "http_error"


@pytest.mark.parametrize("shape", ['{"errors": [%s, {"code": "other"}], "trace": 1}', '{"error": %s}'])
def test_a_denial_of_the_api_in_either_documented_shape(shape):
    content = (shape % '{"code": "access_denied", "message": "No"}').encode()
    with pytest.raises(_errors.ReadDeniedError):
        DeviceApi(OneAnswer(Response(403, {}, content)), "D-1").read()


def test_an_update_that_is_denied_names_the_other_flag():
    with pytest.raises(_errors.WriteDeniedError, match="device_api_allow_write"):
        DeviceApi(OneAnswer(Response(403, {}, error("access_denied"))), "D-1").update({}, Attempts(0))


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (error("c", "m"), "c", "m"),
        (b'{"error": {"code": "c", "message": "m"}}', "c", "m"),
        (b'{"errors": [{"code": 5, "message": null}]}', None, None),
        (b'{"errors": []}', None, None),
        (b'{"errors": ["x"]}', None, None),
        (b'{"error": "x"}', None, None),
        (b"[]", None, None),
        (b"<html>", None, None),
        (error("c", "line\n\x1b[31mred"), "c", "line  [31mred"),
        (error("c", "x" * 501), "c", "x" * 500 + "…"),
    ],
)
def test_the_details_of_an_error(answer, code, message):
    with pytest.raises(_errors.HttpError) as caught:
        DeviceApi(OneAnswer(Response(400, {}, answer)), "D-1").read()
    assert caught.value.failure() == {
        "kind": "http_error",
        "http_status": 400,
        "code": code,
        "message": message,
        "retries": 0,
    }


@pytest.mark.parametrize("again", [True, False])
def test_an_update_that_fails_says_whether_there_is_another_attempt(again):
    api = DeviceApi(OneAnswer(Response(503, {}, error(), again=again)), "D-1")
    with pytest.raises(_errors.HttpError) as caught:
        api.update({}, api.attempts(immediate=True))
    assert caught.value.again is again


@pytest.mark.parametrize("immediate", [True, False])
def test_the_attempts_of_an_update_are_those_of_the_session(immediate):
    assert DeviceApi(OneAnswer(None), "D-1").attempts(immediate).immediate is immediate


def test_a_success_that_is_no_record_leaves_doubt():
    with pytest.raises(_errors.InvalidResponseError, match="an HTML page") as caught:
        DeviceApi(OneAnswer(Response(201, {}, b"<html>")), "D-1").update({}, Attempts(0))
    assert caught.value.may_have_applied


@pytest.mark.parametrize(
    "novel", ["1e999", "-1e999", "[" * 30 + "]" * 30, '{"a":' * 400 + '"\\u00e9"' + "}" * 400], ids=len
)
def test_what_ansible_could_not_hand_on_is_not_believed(novel):
    with pytest.raises(ValueError, match="not valid JSON"):
        parse_record(body()[:-1] + b', "more": ' + novel.encode() + b"}", "D-1")


def renew(status, content, may_have_applied=False):
    session = OneAnswer(
        Response(
            status, {}, content if isinstance(content, bytes) else json.dumps(content).encode(), 0, may_have_applied
        )
    )
    renewal = DeviceApi(session, "D-1").renew({"csr": "..."})
    assert session.request == ("POST", "/iot/api/v2/device/D-1/renew", b'{"csr": "..."}', False)
    return renewal


def test_a_renewal():
    content = {"certificate_request_id": "r", "status": "AUTO_APPROVED", "certificate_id": "c", "pem": "-----BEGIN"}
    assert renew(200, content) == ("-----BEGIN", "c", "r", None)
    assert renew(200, {"pem": "-----BEGIN", "certificate_id": 7}) == ("-----BEGIN", None, None, None)


@pytest.mark.parametrize("pem", [None, "", 7])
def test_a_renewal_that_waits_for_approval(pem):
    with pytest.raises(_errors.CertificatePendingError, match="request r, status PENDING, result unknown") as caught:
        renew(200, {"certificate_request_id": "r", "status": "PENDING", "pem": pem})
    assert caught.value.certificate_request_id == "r"


@pytest.mark.parametrize(("content", "words"), [(b"<html>", "an HTML page"), ([], "not a JSON object")])
def test_a_renewal_whose_answer_says_nothing(content, words):
    with pytest.raises(_errors.OutcomeUnknownError, match=f"may have issued one.*{words}") as caught:
        renew(200, content)
    assert not caught.value.changed


def test_a_renewal_that_is_refused():
    denied = {"errors": [{"code": "access_denied", "message": "No"}]}
    with pytest.raises(_errors.RenewalDeniedError, match="device_api_allow_renew_certificate"):
        renew(403, denied)
    with pytest.raises(_errors.OutcomeUnknownError, match="may have issued one") as caught:
        renew(502, denied, may_have_applied=True)
    assert caught.value.details[:2] == (502, "access_denied")


REQUEST = CertificateRequest("/path", "renewal", "Unchanged.", "Approve.", "Next.")


def test_a_certificate_is_what_the_response_is_parsed_into():
    session, issued = OneAnswer(Response(200, {}, b"new")), IssuedCertificate("PEM", None, None, None)
    parsed = []
    assert issue(session, REQUEST, b"body", lambda response: parsed.append(response) or issued) is issued
    assert parsed == [session.answer]
    assert session.request == ("POST", "/path", b"body", False)


@pytest.mark.parametrize("may_have_applied", [True, False])
@pytest.mark.parametrize("place", ["send", "parse"])
def test_a_request_that_fails_has_an_unknown_outcome_if_it_was_sent(may_have_applied, place):
    failure = _errors.ConnectionFailedError("Broken.", may_have_applied=may_have_applied)

    def fail(*_arguments):
        raise failure

    session = OneAnswer(Response(200, {}, b""))
    if place == "send":
        session.send = fail
    with pytest.raises(_errors.DeviceManagerError) as caught:
        issue(session, REQUEST, b"", fail)
    if may_have_applied:
        assert caught.value.kind == "outcome_unknown"
        assert str(caught.value).endswith("the API may have issued one. Broken. Unchanged. Next.")
    else:
        assert caught.value is failure


PLAIN = {"Content-Type": "Text/Plain; charset=utf-8"}


@pytest.mark.parametrize(
    ("headers", "content", "reason"),
    [
        (PLAIN, b"400 bad request\r\nsecond line", " (400 bad request)"),
        (PLAIN, b"\n\n  late \x1b[31m\xff ", " (late  [31m\ufffd)"),
        (PLAIN, b"", ""),
        (PLAIN, b"hush-hush is wrong", " (******** is wrong)"),
        (PLAIN, b"x" * 100000, " (" + "x" * 500 + "\u2026)"),
        (PLAIN, b"<title>no page</title>", " (<title>no page</title>)"),
        (PLAIN, error("c", "m"), " (c: m)"),
        ({"Content-Type": "text/html"}, b"<title>Page</title>", " (Page)"),
        ({"Content-Type": "application/json"}, b"text", ""),
        ({}, b"text", ""),
    ],
)
def test_the_text_of_an_error(headers, content, reason):
    response = Response(400, headers, content, retries=3, may_have_applied=True, again=True)
    failure = error_of_kind(_errors.HttpError, "Advice.", response, "update", Redactor(["hush-hush"]))
    assert str(failure) == f"The update failed with HTTP status 400{reason}. Advice."
    assert (failure.details.http_status, failure.details.retries) == (400, 3)
    assert (failure.may_have_applied, failure.again) == (True, True)


@pytest.mark.parametrize(("status", "words"), [(302, "set est_url to it."), (400, "Check est_url, and check whether")])
def test_an_error_names_the_option_for_the_url(status, words):
    denials = Denials({}, "", "passcode", url_option="est_url")
    failure = error_from_response(Response(status, {}, b""), "update", denials, Redactor())
    assert words in str(failure)
    assert "api_url" not in str(failure)


@pytest.mark.parametrize(
    ("content", "expected"), [(b"<html>", True), (b"\r\n\t <!DOCTYPE", True), (b"", False), (b"a <b>", False)]
)
def test_an_html_page(content, expected):
    assert is_html(content) is expected
