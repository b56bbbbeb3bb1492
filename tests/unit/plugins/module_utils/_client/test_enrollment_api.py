# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret
from ansible_collections.edgeops.digicert.plugins.module_utils._client.enrollment_api import EnrollmentApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Response
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

PAYLOAD = {"enrollment_profile_id": "IOT_1", "device_attributes": [{"id": "DEVICE_IDENTIFIER", "value": "gate"}]}
ISSUED = {"pem": "PEM", "certificate_id": "c-1", "certificate_request_id": "r-1", "status": "AUTO_APPROVED"}
PASSCODE, API_KEY = Secret("passcode", "hush-hush"), Secret("api_key", "key-key")
BIRTH = Credentials("/birth.pem", None, None, None, None, "birth")


class FakeSession:
    """Answers as told, and notes what it was asked."""

    identity = Identity("birth_cert", {}, lambda: " birth_cert expired.")

    def __init__(self, status, content, may_have_applied=False):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answer = Response(status, {}, body, may_have_applied=may_have_applied)
        self.asked = []

    def send(self, *asked):
        self.asked.append(asked)
        return self.answer


def error(code, message="The passcode hush-hush is not valid"):
    return {"errors": [{"code": code, "message": message}]}


def request(status, content, credential=PASSCODE, **settings):
    session = FakeSession(status, content, **settings)
    redactor = Redactor([secret.value for secret in (PASSCODE, API_KEY)])
    return EnrollmentApi(session, credential, PAYLOAD, redactor).request("CSR"), session


def failure(kind, *answer, **settings):
    with pytest.raises(kind) as caught:
        request(*answer, **settings)
    assert "hush" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("more", "device_id"), [({}, None), ({"device_id": "d-1"}, "d-1"), ({"device_id": 1}, None)])
def test_a_request_is_sent_once_and_its_certificate_returned(more, device_id):
    issued, session = request(200, {**ISSUED, **more})
    assert issued == ("PEM", "c-1", "r-1", device_id)
    ((method, path, body, idempotent),) = session.asked
    assert (method, path, idempotent) == ("POST", "/iot/api/v1/certificate", False)
    assert json.loads(body) == {"csr": "CSR", **PAYLOAD}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("credential", "kind", "part"),
    [
        (PASSCODE, _errors.EnrollmentDeniedError, "Check that passcode is one of the enrollment profile"),
        (API_KEY, _errors.ApiKeyRejectedError, "Check that api_key is valid"),
        (BIRTH, _errors.EnrollmentDeniedError, "Register birth_cert to the enrollment profile"),
    ],
)
def test_a_denial_names_the_credential(status, credential, kind, part):
    denied = failure(kind, status, error("access_denied"), credential=credential)
    assert f"The enrollment failed with HTTP status {status} (access_denied: The passcode ********" in str(denied)
    assert part in str(denied)
    assert denied.details.message == "The passcode ******** is not valid"


def test_an_unknown_profile_is_named():
    unknown = failure(_errors.HttpError, 400, error("entity_not_found", "Enrollment profile does not exist"))
    assert "Check enrollment_profile_id" in str(unknown)
    assert "device_id" not in str(unknown)


@pytest.mark.parametrize("credential", [PASSCODE, BIRTH])
def test_a_denial_of_something_else_is_no_denial(credential):
    foreign = failure(_errors.HttpError, 403, b"<html>", credential=credential)
    name = "passcode" if credential is PASSCODE else "birth_cert"
    assert f"rejects {name}." in str(foreign)


def test_a_rejected_birth_certificate_is_named():
    page = b"<html><title>400 The SSL certificate error</title>"
    rejected = failure(_errors.HttpError, 400, page, credential=BIRTH)
    assert "rejects birth_cert: it is expired or revoked" in str(rejected)
    assert str(rejected).endswith("birth_cert expired.")


def test_a_request_that_requires_approval_is_named():
    pending = failure(
        _errors.CertificatePendingError,
        200,
        {"certificate_request_id": "r-7", "status": "PENDING_APPROVAL", "result": "PENDING"},
    )
    assert "request r-7, status PENDING_APPROVAL, result PENDING. The files in client_cert" in str(pending)
    assert "Configure the enrollment profile to approve requests automatically." in str(pending)
    assert "The next run requests another certificate for the same key." in str(pending)
    assert pending.certificate_request_id == "r-7"


@pytest.mark.parametrize("answer", [(200, b"<html>", False), (500, error("x"), True)])
def test_an_outcome_that_is_unknown(answer):
    status, content, may_have_applied = answer
    unknown = failure(_errors.OutcomeUnknownError, status, content, may_have_applied=may_have_applied)
    assert (
        "The files in client_cert and client_key are unchanged. The next run requests another certificate for"
        in str(unknown)
    )
