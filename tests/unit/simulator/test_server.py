# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
import ssl
import time
from urllib.parse import quote

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulator import DEVICE_PATH, FOREVER, PASSPHRASE, Answer, Simulator


class Client:
    """Asks the simulator as one device, over one connection, as requests does it."""

    def __init__(self, simulator: Simulator, session: requests.Session) -> None:
        self.simulator = simulator
        self.session = session
        self.device = simulator.records["access-point"]
        session.trust_env = False
        session.verify = str(simulator.certificates.ca)
        self.show("access-point")

    def show(self, name: str) -> None:
        """Use another certificate from now on."""
        leaf = self.simulator.certificates[name]
        self.session.cert = (str(leaf.pem), str(leaf.key))

    def send(self, method: str, path: str | None = None, **options: object) -> requests.Response:
        options = {"timeout": 5, "allow_redirects": False, **options}
        return self.session.request(method, self.simulator.url + (path or DEVICE_PATH + self.device.id), **options)

    def put(self, site: str, **options: object) -> requests.Response:
        """Update the record to what it is, with this site instead."""
        values = {**self.device.values, self.device.field_id("Site"): site}
        payload = {"fields": [{"id": field_id, "value": value} for field_id, value in values.items()]}
        return self.send("PUT", json=payload, **options)


@pytest.fixture
def client(simulator):
    with requests.Session() as session:
        yield Client(simulator, session)


def test_get_answers_the_record(simulator, client):
    answer = client.send("GET")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == client.device.record
    assert simulator.methods == ["GET"]


def test_put_answers_the_new_record(simulator, client):
    answer = client.put("Delft")
    assert answer.status_code == 201
    assert answer.json() == client.device.record
    assert client.device.named_values["Site"] == "Delft"
    assert client.device.named_values["Contact"] == "noc@harbour.example"
    assert simulator.methods == ["PUT"]


def test_the_log_has_all_that_came(simulator, client):
    client.send("GET", headers={"X-Test": "1"})
    client.put("Delft")
    client.send("PUT", data=b"{")
    first, second, third = simulator.requests
    assert (first.method, first.path, first.body) == ("GET", DEVICE_PATH + client.device.id, b"")
    assert first.headers["X-Test"] == "1"
    assert {"id": client.device.field_id("Site"), "value": "Delft"} in second.payload["fields"]
    assert [request.status for request in simulator.requests] == [200, 201, 400]
    assert first.connection is second.connection is third.connection
    assert simulator.connections == [first.connection]
    assert (first.connection.tls, first.connection.peer) == ("TLSv1.3", "commonName=access-point")
    assert simulator.handshakes == 1

    simulator.clear_log()
    assert (simulator.requests, simulator.connections, simulator.methods) == ([], [], [])


def test_what_came_up_to_a_time_is_forgotten(simulator, client):
    client.send("GET")
    (old,) = simulator.connections
    client.session.close()
    client.put("Delft")
    simulator.forget(until=old.began)
    assert (len(simulator.connections), simulator.methods) == (1, ["PUT"])
    assert old not in simulator.connections


def test_reset_begins_anew(simulator, client):
    simulator.script(Answer(status=503))
    client.device.status = "DELETED"
    client.put("Delft")
    simulator.reset()
    assert client.send("GET").json()["status"] == "ACTIVE"
    assert simulator.methods == ["GET"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", DEVICE_PATH + "unknown", 400, "entity_not_found"),
        ("PUT", DEVICE_PATH + "unknown", 400, "entity_not_found"),
        ("GET", DEVICE_PATH, 400, "entity_not_found"),
        ("GET", DEVICE_PATH.rstrip("/"), 404, "resource_not_found"),
        ("GET", "/elsewhere", 404, "resource_not_found"),
        ("GET", DEVICE_PATH + "two/segments", 404, "resource_not_found"),
        ("DELETE", None, 405, "method_not_allowed"),
        ("PUT", None, 400, "invalid_input"),
    ],
)
def test_errors_have_the_documented_form(client, method, path, status, code):
    answer = client.send(method, path)
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert error["code"] == code
    assert error["message"]


def test_a_path_is_logged_raw(simulator, client):
    device_id = "a/b?c#d %2F"
    answer = client.send("GET", DEVICE_PATH + quote(device_id, safe="") + "?query=1")
    assert answer.json()["errors"][0]["message"] == f"Device with id {device_id} does not exist"
    assert simulator.requests[0].path == DEVICE_PATH + "a%2Fb%3Fc%23d%20%252F?query=1"


@pytest.mark.parametrize("name", ["stranger", "camera"])
def test_another_certificate_is_denied(simulator, client, name):
    client.show(name)
    for method in ("GET", "PUT"):
        answer = client.send(method)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "access_denied")
    assert simulator.handshakes == 1


def test_the_flags_of_a_device(client):
    client.device.device_api_allow_read = False
    assert client.send("GET").status_code == 403
    assert client.put("Delft").status_code == 201
    client.device.device_api_allow_read, client.device.device_api_allow_write = True, False
    assert client.send("GET").status_code == 200
    assert client.put("Gouda").status_code == 403
    assert client.device.named_values["Site"] == "Delft"


@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("outsider", "ALERT_UNKNOWN_CA"),
        ("expired", "ALERT_CERTIFICATE_EXPIRED"),
        ("not-yet-valid", "ALERT_BAD_CERTIFICATE"),
    ],
)
def test_a_bad_certificate_ends_the_handshake_with_its_alert(simulator, client, name, alert):
    client.show(name)
    with pytest.raises(requests.exceptions.SSLError, match=alert):
        client.send("GET")
    assert [connection.tls for connection in simulator.connections] == [None]
    assert simulator.handshakes == 0
    assert simulator.requests == []


def test_no_certificate_ends_the_handshake(simulator, client):
    client.session.cert = None
    with pytest.raises(requests.exceptions.SSLError, match="ALERT_CERTIFICATE_REQUIRED"):
        client.send("GET")
    assert (len(simulator.connections), simulator.handshakes) == (1, 0)


def test_a_client_that_does_not_trust_the_server_is_logged(simulator, client):
    client.session.verify = str(simulator.certificates.other_ca)
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        client.send("GET")
    assert (len(simulator.connections), simulator.requests) == (1, [])


def test_what_does_not_speak_tls_is_logged(simulator):
    port = int(simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")
    assert [connection.tls for connection in simulator.connections] == [None]


@pytest.mark.parametrize(("version", "accepted"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_the_oldest_tls_is_1_2(simulator, version, accepted):
    leaf = simulator.certificates["access-point"]
    context = ssl.create_default_context(cafile=simulator.certificates.ca)
    # What OpenSSL itself demands of TLS 1.1, so that it is the server that says no.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.load_cert_chain(leaf.pem, leaf.key)
    port = int(simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        if accepted:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                assert tls.version() == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
                context.wrap_socket(plain, server_hostname="localhost")


def test_keys_are_for_the_owner_only_and_one_is_locked(simulator):
    certificates = simulator.certificates
    secrets = [*certificates.folder.glob("*.key"), *certificates.folder.glob("*-both.pem")]
    assert len(secrets) == 2 * len(certificates.leaves) + 1
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    with pytest.raises(TypeError, match="encrypted"):
        serialization.load_pem_private_key(certificates.locked_key.read_bytes(), password=None)
    serialization.load_pem_private_key(certificates.locked_key.read_bytes(), password=PASSPHRASE.encode())


def test_one_file_can_hold_certificate_and_key(client):
    client.session.cert = str(client.simulator.certificates["access-point"].both)
    assert client.send("GET").status_code == 200


def test_a_key_that_was_made_elsewhere(tmp_path, simulator, client):
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    client.session.cert = str(tmp_path / "both")
    (tmp_path / "both").write_bytes(simulator.certify("access-point", public_key) + private_key)
    assert client.send("GET").status_code == 200
    (tmp_path / "both").write_bytes(simulator.certify("camera", public_key) + private_key)
    client.session.close()
    assert client.send("GET").status_code == 403


def test_scripted_answers(simulator, client):
    simulator.script(
        Answer(status=503, headers={"Retry-After": "7"}),
        Answer(status=502, body="<html>", headers={"Content-Type": "text/html"}),
        Answer(status=307, headers={"Location": "https://elsewhere.example/"}),
        Answer(body="{"),
    )
    busy, page, redirect, broken, usual = (client.send("GET") for _time in range(5))
    assert (busy.status_code, busy.headers["Retry-After"], busy.content) == (503, "7", b"")
    assert (page.status_code, page.headers["Content-Type"], page.text) == (502, "text/html", "<html>")
    assert (redirect.status_code, redirect.headers["Location"]) == (307, "https://elsewhere.example/")
    assert (broken.status_code, broken.content) == (200, b"{")
    assert usual.json() == client.device.record
    assert [request.status for request in simulator.requests] == [503, 502, 307, 200, 200]


def test_a_scripted_answer_without_and_with_effect(simulator, client):
    simulator.script(Answer(method="PUT", status=500), Answer(method="PUT", status=504, effect=True))
    assert client.put("Delft").status_code == 500
    assert client.device.named_values["Site"] == "Rotterdam"
    assert client.put("Delft").status_code == 504
    assert client.device.named_values["Site"] == "Delft"


@pytest.mark.parametrize(("effect", "site"), [(False, "Rotterdam"), (True, "Delft")])
def test_a_cut_before_and_after_the_effect(simulator, client, effect, site):
    simulator.script(Answer(method="PUT", cut=True, effect=effect))
    with pytest.raises(requests.ConnectionError, match="Remote end closed connection without response"):
        client.put("Delft")
    assert client.device.named_values["Site"] == site
    assert [request.status for request in simulator.requests] == [None]
    assert client.send("GET").status_code == 200
    assert simulator.handshakes == 2


@pytest.mark.parametrize(("delay", "site"), [("delay", "Rotterdam"), ("delay_answer", "Delft")])
def test_a_delay_before_and_after_the_effect(simulator, client, delay, site):
    simulator.script(Answer(method="PUT", **{delay: 0.3}))
    with pytest.raises(requests.Timeout):
        client.put("Delft", timeout=0.1)
    assert client.device.named_values["Site"] == site


def test_a_request_that_waits_while_the_simulator_is_reset_changes_nothing_after(simulator, client):
    simulator.script(Answer(delay=0.3))
    with pytest.raises(requests.Timeout):
        client.send("GET", timeout=0.1)
    simulator.reset()
    time.sleep(0.3)
    assert simulator.requests == []


def test_a_server_that_does_not_keep_a_field(simulator, client):
    site = client.device.field_id("Site")
    simulator.script(Answer(method="PUT", after=lambda records: records["access-point"].values.pop(site)))
    assert "Site" not in {field["name"] for field in client.put("Delft").json()["fields"]}
    assert "Site" not in client.device.named_values


def test_an_answer_that_is_not_true(simulator, client):
    simulator.script(Answer(alter=lambda record: record.update(status="DELETED")))
    assert client.send("GET").json()["status"] == "DELETED"
    assert client.send("GET").json()["status"] == "ACTIVE"


def test_another_writer(simulator, client):
    def rename(records):
        records["access-point"].device_identifier = "renamed"

    simulator.script(Answer(before=rename))
    assert client.send("GET").json()["device_identifier"] == "renamed"


def test_no_answer_is_left_untold(simulator, client):
    once, always = Answer(status=503), Answer(status=500, times=FOREVER)
    simulator.script(once, always)
    assert simulator.untold == [once]
    client.send("GET")
    assert simulator.untold == []


def test_a_simulator_of_its_own_with_a_log_file(tmp_path):
    with (tmp_path / "log").open("w") as log_file, requests.Session() as session:
        with Simulator(tmp_path, valueless="null", log_file=log_file) as simulator:
            client = Client(simulator, session)
            assert None in [field["value"] for field in client.send("GET").json()["fields"]]
            port = int(simulator.url.rpartition(":")[2])
            with pytest.raises(OSError, match="in use"), Simulator(tmp_path, port=port):
                pass
        with pytest.raises(requests.ConnectionError):
            client.send("GET")
    connection, handshake, request = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert connection == {"event": "connection", "connection": 1, "api": "device"}
    assert handshake["event"] == "handshake"
    assert handshake["peer"] == "commonName=access-point"
    assert (request["event"], request["method"], request["status"]) == ("request", "GET", 200)
