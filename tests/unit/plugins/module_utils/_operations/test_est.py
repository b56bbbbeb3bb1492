# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, Credentials, Secret, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import (
    CaCertificatesOptions,
    EstOptions,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import fingerprint_of, read_chain
from ansible_collections.edgeops.digicert.plugins.module_utils._client import connection as _connection
from ansible_collections.edgeops.digicert.plugins.module_utils._client.est_api import EstApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Response
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    HandshakeFailedError,
    InvalidParametersError,
    InvalidResponseError,
    ReadDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.est import EstServer
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

PASSCODE = Secret("passcode", "hush-hush")
DEVICE = Credentials("/device.pem", None, None, None, None)
NEW = Credentials(None, None, "new", None, None)


class Network:
    """Stands for all sessions: gives the answers in order, and notes how each session was opened and what it sent."""

    def __init__(self, *answers):
        self.answers, self.opened, self.sent = list(answers), [], []

    def open(self, connection, credential, username, problems, _runtime):
        if problems:
            raise InvalidParametersError(" ".join(problems))
        self.opened.append((connection.trust, credential, username))
        return self.session("verified")

    def open_unverified(self, connection, problems, _runtime):
        assert problems == []
        self.opened.append((connection.trust, None, None))
        return self.session("unverified")

    def session(self, name):
        network = self

        class Session:
            identity = Identity("", {})

            @staticmethod
            def send(*request):
                network.sent.append((name, *request[:2]))
                return network.answers.pop(0)

        return Session()


@pytest.fixture
def root(make_ca):
    return make_ca(subject={"COMMON_NAME": "root"})


@pytest.fixture
def server(monkeypatch, tmp_path, root):
    """What makes a server with options for the trust, and answers."""

    def make(*answers, ca_path=None, has_file=True, credential=PASSCODE):
        network = Network(*answers)
        monkeypatch.setattr(_connection, "open_est_session", network.open)
        monkeypatch.setattr(_connection, "open_unverified_session", network.open_unverified)
        connection = Connection("https://est.example", Trust(True, ca_path), 7, 0, True, "est_url")
        fingerprint = fingerprint_of(read_chain(root.certificate.encode())[0])
        file = CaCertificatesOptions(str(tmp_path / "ca.pem"), fingerprint) if has_file else None
        options = EstOptions(connection, "gate", file)
        return EstServer(options, credential, Runtime([].append), Redactor()), network

    return make


def test_the_requests_of_a_server(server, leaf, pkcs7):
    est, network = server(Response(204, {}, b""), Response(200, {}, pkcs7(leaf)), ca_path="/ca.pem", has_file=False)
    issuer = est.issuer([])
    assert network.sent == []
    assert issuer.csr_attributes()[:2] == ((), ())
    assert issuer.request("CSR").pem == leaf.certificate
    assert network.opened == [(Trust(True, "/ca.pem"), PASSCODE, "gate")]
    assert network.sent == [("verified", "GET", "/csrattrs"), ("verified", "POST", "/simpleenroll")]
    assert est.ca_certificates is None


def test_errors_in_other_parameters_are_errors_of_the_session(server):
    with pytest.raises(InvalidParametersError, match=r"^First\.$"):
        server()[0].issuer(["First."])


def test_a_read_is_a_request_with_another_certificate(server, root, pkcs7):
    est, network = server(Response(200, {}, pkcs7(root)), ca_path="/ca.pem", credential=DEVICE)
    est.read(NEW)
    assert network.opened == [(Trust(True, "/ca.pem"), NEW, "gate")]
    assert network.sent == [("verified", "GET", "/cacerts")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_read_that_is_denied_can_be_accepted_later(server, status):
    est = server(Response(status, {}, b""), credential=DEVICE)[0]
    with pytest.raises(ReadDeniedError, match=f"HTTP status {status}. Check that client_cert") as caught:
        est.read(NEW)
    assert caught.value.details.http_status == status


def test_other_errors_of_a_read_are_raised(server, monkeypatch):
    est = server(credential=DEVICE)[0]

    def fail(*_arguments):
        raise HandshakeFailedError("No.")

    monkeypatch.setattr(_connection, "open_est_session", fail)
    with pytest.raises(HandshakeFailedError):
        est.read(NEW)


def test_the_first_ca_certificates_are_read_without_verification_and_credential(server, root, pkcs7, tmp_path):
    path = tmp_path / "ca.pem"
    answers = [Response(200, {}, pkcs7(root)), Response(200, {}, pkcs7(root)), Response(204, {}, b"")]
    est, network = server(*answers, ca_path=str(path))
    # The parameters are validated before the file exists.
    est.issuer([])
    assert network.opened == [(Trust(True, None), PASSCODE, "gate")]
    assert est.ca_certificates.update()
    assert network.opened[1:] == [(Trust(True, str(path)), None, None)]
    assert path.read_text() == root.certificate
    # From now on, the file is the trust store.
    assert not est.ca_certificates.update()
    est.issuer([]).csr_attributes()
    assert network.opened[2:] == [(Trust(True, str(path)), PASSCODE, "gate")] * 2
    assert network.sent == [
        ("unverified", "GET", "/cacerts"),
        ("verified", "GET", "/cacerts"),
        ("verified", "GET", "/csrattrs"),
    ]


def test_other_first_ca_certificates_are_not_stored(server, make_ca, pkcs7, tmp_path):
    forged = make_ca(subject={"COMMON_NAME": "root"})
    est, network = server(Response(200, {}, pkcs7(forged)), ca_path=str(tmp_path / "ca.pem"))
    with pytest.raises(InvalidResponseError, match="no CA certificate with the fingerprint"):
        est.ca_certificates.update()
    assert [name for name, *_request in network.sent] == ["unverified"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ca_path", [None, "/other.pem"])
def test_with_another_trust_store_the_connection_is_verified(server, root, pkcs7, ca_path, tmp_path):
    est, network = server(Response(200, {}, pkcs7(root)), ca_path=ca_path)
    assert est.ca_certificates.update()
    assert network.opened == [(Trust(True, ca_path), PASSCODE, "gate")]
    assert network.sent == [("verified", "GET", "/cacerts")]
    assert (tmp_path / "ca.pem").read_text() == root.certificate


def test_the_first_request_is_for_the_host_without_a_certificate(server, root, pkcs7, tmp_path, monkeypatch):
    est, network = server(Response(200, {}, pkcs7(root)), ca_path=str(tmp_path / "ca.pem"), credential=DEVICE)
    url = "https://clientauth.one.digicert.com/est"
    est._options = est._options._replace(connection=est._options.connection._replace(api_url=url))
    opened = []

    def open_unverified(connection, *arguments):
        opened.append(connection.api_url)
        return network.open_unverified(connection, *arguments)

    monkeypatch.setattr(_connection, "open_unverified_session", open_unverified)
    assert est.ca_certificates.update()
    assert opened == ["https://one.digicert.com/est"]


def test_a_server_that_requires_a_certificate_for_the_first_request_is_named(server, tmp_path, monkeypatch):
    est, network = server(ca_path=str(tmp_path / "ca.pem"), credential=DEVICE)

    def fail(*_arguments):
        raise HandshakeFailedError("No.")

    monkeypatch.setattr(EstApi, "ca_certificates", fail)
    with pytest.raises(HandshakeFailedError, match=r"^No\. The first request for the CA certificates has no"):
        est.ca_certificates.update()
    assert network.opened == [(Trust(True, str(tmp_path / "ca.pem")), None, None)]
