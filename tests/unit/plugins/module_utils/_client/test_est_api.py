# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import read_chain
from ansible_collections.edgeops.digicert.plugins.module_utils._client.est_api import MEDIA_TYPES, EstApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Response
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

TOKEN = base64.b64encode(b"gate:hush-hush").decode()
PASSCODE = Secret("passcode", "hush-hush")
BIRTH = Credentials("/birth.pem", None, None, None, None, "birth")
CLIENT = BIRTH._replace(prefix="client")
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\nBBBB\n-----END CERTIFICATE REQUEST-----\n"
# The default of libest, which adds a null byte.
LIBEST = b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg=="


class FakeSession:
    """Answers as told, and notes what it was asked."""

    def __init__(self, status, body=b"", **settings):
        self.answer = Response(status, settings.pop("headers", {}), body, **settings)
        self.identity = Identity("", {"Authorization": f"Basic {TOKEN}"}, lambda: " It expired.")
        self.asked = []

    def send(self, *asked):
        self.asked.append(asked)
        return self.answer


def api_of(session, credential=PASSCODE):
    return EstApi(session, credential, Redactor([PASSCODE.value]))


def request(session, credential=PASSCODE):
    return api_of(session, credential).request(CSR)


def failure(kind, call, *arguments):
    with pytest.raises(kind) as caught:
        call(*arguments)
    text = f"{caught.value} {caught.value.details}"
    assert "hush" not in text
    assert TOKEN[:8] not in text
    assert "api_url" not in text
    return caught.value


def read(leaf):
    return read_chain(leaf.certificate.encode())[0]


def test_the_media_types_are_those_of_est():
    session = FakeSession(204)
    api_of(session)
    assert session.media_types == MEDIA_TYPES
    assert MEDIA_TYPES.accepted == "*/*"
    assert MEDIA_TYPES.of_body == {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}


FORMS = {
    "lines of 76": base64.encodebytes,
    "lines with CRLF": lambda der: base64.encodebytes(der).replace(b"\n", b"\r\n"),
    "one line": base64.b64encode,
    "blanks": lambda der: b" \t" + base64.b64encode(der) + b"\n\n",
    "null byte": lambda der: base64.b64encode(der) + b"\0",
    "DER": bytes,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_the_ca_certificates_in_each_encoding(make_leaf, pkcs7, form):
    leaves = [make_leaf(), make_leaf()]
    session = FakeSession(200, form(pkcs7(*leaves)))
    assert api_of(session).ca_certificates() == [read(leaf) for leaf in leaves]
    assert session.asked == [("GET", "/cacerts")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no PKCS#7 with certificates"),
        (b"0", "no PKCS#7 with certificates"),
        (b"MAA=", "no PKCS#7 with certificates"),
        (b"MAA", "adding"),
        (b"\xff" * 8, "ase64"),
        (b"-----BEGIN PKCS7-----\n", "ase64"),
        (b'{"passcode": "hush-hush"}', "ase64"),
        (b"\n <html>hush-hush", "an HTML page"),
    ],
)
def test_what_is_no_list_of_ca_certificates(body, words):
    invalid = failure(_errors.InvalidResponseError, api_of(FakeSession(200, body)).ca_certificates)
    assert words in str(invalid)
    assert "Invalid response to the cacerts request: " in str(invalid)
    assert "Check est_url, and" in str(invalid)


def test_too_many_certificates(leaf, pkcs7):
    session = FakeSession(200, pkcs7(*[leaf] * 51))
    assert "51 certificates" in str(failure(_errors.InvalidResponseError, api_of(session).ca_certificates))
    assert "51 certificates" in str(failure(_errors.OutcomeUnknownError, request, session))


@pytest.mark.parametrize("body", [LIBEST, LIBEST + b"\0", b"\r\n" + LIBEST[:20] + b"\r\n" + LIBEST[20:]])
def test_csr_attributes(body):
    session = FakeSession(200, body)
    assert len(api_of(session).csr_attributes().ignored) == 4
    assert session.asked == [("GET", "/csrattrs")]


@pytest.mark.parametrize(("status", "body"), [(200, b""), (200, b"\r\n"), (200, b"\0"), (204, b"")])
def test_a_response_without_csr_attributes(status, body):
    assert api_of(FakeSession(status, body)).csr_attributes() is NO_ATTRIBUTES


@pytest.mark.parametrize("status", [403, 404, 405, 501])
@pytest.mark.parametrize("body", [b"", LIBEST, b"<html>", b"Not found"])
def test_a_server_without_csr_attributes(status, body):
    assert api_of(FakeSession(status, body)).csr_attributes() is NO_ATTRIBUTES


def test_an_empty_list_of_csr_attributes():
    assert api_of(FakeSession(200, b"MAA=")).csr_attributes() == CsrAttributes()


@pytest.mark.parametrize("body", [b"MAE=", b"hush", b"<html>", b"\x30\x01", b"AAAA"])
def test_invalid_csr_attributes(body):
    invalid = failure(_errors.InvalidResponseError, api_of(FakeSession(200, body)).csr_attributes)
    assert "Invalid response to the csrattrs request: " in str(invalid)


@pytest.mark.parametrize(
    ("credential", "path"), [(PASSCODE, "/simpleenroll"), (BIRTH, "/simpleenroll"), (CLIENT, "/simplereenroll")]
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_request(make_leaf, pkcs7, credential, path, status):
    leaf, signer = make_leaf(), make_leaf()
    session = FakeSession(status, base64.b64encode(pkcs7(signer, leaf)))
    assert request(session, credential) == (signer.certificate + leaf.certificate, None, None, None)
    assert session.asked == [("POST", path, b"AAAA\nBBBB\n", False)]


@pytest.mark.parametrize("body", [b"", b"MAA=", b"hush-hush", b"<html>"])
@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize(("credential", "verb"), [(PASSCODE, "enrollment"), (CLIENT, "renewal")])
def test_a_request_whose_response_is_invalid_has_an_unknown_outcome(status, body, credential, verb):
    unknown = failure(_errors.OutcomeUnknownError, request, FakeSession(status, body), credential)
    assert f"Invalid response to the {verb} request" in str(unknown)
    assert "unchanged. The next run repeats the same request." in str(unknown)
    assert unknown.details.http_status == status


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("0", 0),
        ("3600", 3600),
        ("86400", 86400),
        ("172800", 86400),
        ("9" * 4000, 86400),
        ("-1", 0),
        ("hush-hush", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 86400),
    ],
)
@pytest.mark.parametrize(("credential", "part"), [(BIRTH, "The files in client_cert"), (CLIENT, "The current cert")])
def test_a_request_that_requires_approval(header, seconds, credential, part):
    session = FakeSession(202, b"hush-hush", headers={} if header is None else {"Retry-After": header}, retries=1)
    pending = failure(_errors.CertificatePendingError, request, session, credential)
    assert pending.retry_after == seconds
    assert part in str(pending)
    assert "Have an operator approve the request. The next run repeats the same request." in str(pending)
    assert (f" within {seconds} seconds." in str(pending)) is (seconds > 0)
    assert pending.details == _errors.ErrorDetails(202, retries=1)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b"", b"Error 401: Unauthorized\n", b'{"Message": "No"}'])
@pytest.mark.parametrize(
    ("credential", "kind", "verb", "part"),
    [
        (PASSCODE, _errors.EnrollmentDeniedError, "enrollment", "Check passcode and est_username"),
        (BIRTH, _errors.EnrollmentDeniedError, "enrollment", "Check that birth_cert is registered"),
        (CLIENT, _errors.RenewalDeniedError, "renewal", "Check that client_cert is a certificate of this server"),
    ],
)
def test_a_denial_names_the_credential(status, body, credential, kind, verb, part):
    denied = failure(kind, request, FakeSession(status, body), credential)
    assert f"The {verb} failed with HTTP status {status}. {part}" in str(denied)
    assert str(denied).endswith("of this device. It expired.")
    assert denied.details.http_status == status
    assert isinstance(failure(kind, api_of(FakeSession(status, body), credential).ca_certificates), kind)


def test_the_texts_of_a_denial_have_no_secrets():
    text = f"no passcode hush-hush in Basic {TOKEN} {TOKEN[:10]}\n\x1b second".encode()
    session = FakeSession(401, text, headers={"Content-Type": "text/plain; charset=utf-8"})
    denied = failure(_errors.EnrollmentDeniedError, request, session)
    assert "HTTP status 401 (no passcode ******** in Basic ********). Check" in str(denied)
    error = b'{"errors": [{"code": "hush-hush", "message": "hush-hush"}]}'
    assert failure(_errors.EnrollmentDeniedError, request, FakeSession(403, error)).details.code == "********"


def test_an_html_page_is_no_denial():
    for status in (401, 403):
        page = failure(_errors.HttpError, request, FakeSession(status, b"<html><title>Log in</title>"), CLIENT)
        assert f"status {status} (Log in)" in str(page)
        assert "Check est_url, and check whether a proxy, a firewall or a gateway" in str(page)
    certificate = failure(_errors.HttpError, request, FakeSession(400, b"<title>400 The SSL certificate error"), BIRTH)
    assert "rejects birth_cert: it is expired or revoked" in str(certificate)
    assert str(certificate).endswith("It expired.")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"", "not an error of the API. Check est_url"),
        (404, b'{"errors": [{"code": "entity_not_found", "message": "No"}]}', "(entity_not_found: No). Check est_url."),
        (404, b"", "Check est_url"),
        (429, b"", "sent once"),
        (503, b"", "sent once"),
    ],
)
def test_other_errors(status, body, words):
    for call in (api_of(FakeSession(status, body)).ca_certificates, lambda: request(FakeSession(status, body))):
        assert words in str(failure(_errors.HttpError, call))
    for status_of_attributes in (400, 418, 500):
        failure(_errors.HttpError, api_of(FakeSession(status_of_attributes)).csr_attributes)


def test_a_redirect_is_not_followed():
    session = FakeSession(302, headers={"Location": "https://elsewhere.example/?hush-hush"})
    redirected = failure(_errors.RedirectedError, request, session)
    assert "redirected to https://elsewhere.example/?********. Redirects are not followed" in str(redirected)
    assert "so that passcode is not sent to another host" in str(redirected)
    assert str(redirected).endswith("set est_url to it.")


def test_an_outcome_that_is_unknown():
    unknown = failure(_errors.OutcomeUnknownError, request, FakeSession(502, b"", may_have_applied=True))
    assert "may have issued one. The enrollment failed with HTTP status 502" in str(unknown)


@pytest.mark.parametrize(
    ("status", "body", "is_rejection"),
    [
        (400, b"Invalid PKCS10", True),
        (400, b"", True),
        (403, b"The subject differs", True),
        (409, b'{"error": {}}', True),
        (400, b"<html><title>400 The SSL certificate error", False),
        (403, b" <html>Blocked", False),
        *((status, b"", False) for status in (302, 401, 404, 405, 407, 408, 421, 425, 429)),
    ],
)
def test_only_a_response_to_the_content_of_a_request_is_a_rejection(status, body, is_rejection):
    with pytest.raises(_errors.DeviceManagerError) as caught:
        request(FakeSession(status, body))
    assert caught.value.is_rejection is is_rejection


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"nothing", None),
        (204, b"", None),
        (404, b"Not found", None),
        (405, b"", None),
        (501, b"", None),
        (200, b"<html>", _errors.InvalidResponseError),
        (404, b"<html>", _errors.InvalidResponseError),
        (401, b"", _errors.RenewalDeniedError),
        (403, b"", _errors.RenewalDeniedError),
        (400, b"<html><title>400 The SSL certificate error", _errors.HttpError),
        (503, b"", _errors.HttpError),
    ],
)
def test_only_a_server_that_accepts_the_credential_is_accessible(status, body, error):
    session = FakeSession(status, body)
    if error is None:
        api_of(session, CLIENT).check_access()
    else:
        failure(error, api_of(session, CLIENT).check_access)
    assert session.asked == [("GET", "/cacerts")]
