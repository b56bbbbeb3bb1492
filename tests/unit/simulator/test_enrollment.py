# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator import (
    API_KEY,
    CERTIFICATE_PATH,
    DEVICE_PATH,
    ENROLLMENT_PROFILE_ID,
    ENROLLMENT_PROFILE_PATH,
    LIST_PATH,
    PASSCODE,
    READER_API_KEY,
    Answer,
    Simulator,
)
from simulator.enrollment import DEVICE_IDENTIFIER, EXPIRED_PASSCODE, ONE_TIME_PASSCODE, Passcode
from simulator.records import PERMISSION_FLAGS, UNDOCUMENTED_FLAGS

NAME = "gate-7.rotterdam"
WITH_PASSCODE = {"x-passcode": PASSCODE}
WITH_API_KEY = {"x-api-key": API_KEY}


class Newcomer:
    """A device without a certificate of its own."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.pair = (str(folder / "device.pem"), str(folder / "device.key"))
        self.key = ec.generate_private_key(ec.SECP256R1())
        Path(self.pair[1]).write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, hashes.SHA256())
        self.csr = csr.public_bytes(serialization.Encoding.PEM).decode()

    def payload(self, name: str | None = NAME, **values: str) -> dict[str, t.Any]:
        """Return the body of a certificate request, with values of a gateway."""
        profile = self.simulator.records.profiles["Gateway"]
        values = {"Serial number": "G-7", **{key.replace("_", " "): value for key, value in values.items()}}
        attributes = [{"id": profile.field_id(key), "value": value} for key, value in values.items()]
        if name is not None:
            attributes.append({"id": DEVICE_IDENTIFIER, "value": name})
        return {"csr": self.csr, "enrollment_profile_id": ENROLLMENT_PROFILE_ID, "device_attributes": attributes}

    def send(self, method: str, url: str, **options: object) -> requests.Response:
        return requests.request(method, url, verify=str(self.simulator.certificates.ca), timeout=5, **options)

    def ask(self, payload: object = None, headers: t.Mapping[str, str] | None = None) -> requests.Response:
        """Ask for a certificate at the operator API."""
        url = self.simulator.operator_url + CERTIFICATE_PATH
        payload = self.payload() if payload is None else payload
        return self.send("POST", url, headers=WITH_PASSCODE if headers is None else headers, json=payload)

    def ask_with(self, leaf: str) -> requests.Response:
        """Ask for a certificate at the device API, with a certificate."""
        files = self.simulator.certificates[leaf]
        url = self.simulator.url + CERTIFICATE_PATH
        return self.send("POST", url, cert=(str(files.pem), str(files.key)), json=self.payload())

    def use(self, answer: requests.Response) -> None:
        """Keep the certificate of an answer."""
        assert answer.status_code == 200, answer.text
        Path(self.pair[0]).write_text(answer.json()["pem"])

    def call(self, method: str, device_id: str, call: str = "", **options: object) -> requests.Response:
        """Send a request to the device API with the certificate that it has got."""
        return self.send(method, f"{self.simulator.url}{DEVICE_PATH}{device_id}{call}", cert=self.pair, **options)


@pytest.fixture
def newcomer(simulator, tmp_path) -> Newcomer:
    return Newcomer(simulator, tmp_path)


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def assert_nothing_came_of_it(simulator):
    assert len(simulator.records.devices) == 6
    assert simulator.records.find_named(NAME) is None


def test_a_certificate_makes_a_device_that_manages_its_own_record_only(simulator, newcomer):
    answer = newcomer.ask(newcomer.payload(Site="Delft"))
    assert set(answer.json()) == {"certificate_request_id", "status", "result", "certificate_id", "pem"}
    newcomer.use(answer)
    device = simulator.records.find_named(NAME)
    record = newcomer.call("GET", device.id).json()
    assert record == device.record
    assert device.named_values == {"Serial number": "G-7", "Site": "Delft"}
    assert [record[flag] for flag in (*PERMISSION_FLAGS, *UNDOCUMENTED_FLAGS)] == [True, True, True, False, False]
    assert newcomer.call("PUT", device.id, json={"fields": device.merge([])}).status_code == 201
    newcomer.use(newcomer.call("POST", device.id, "/renew", json={"csr": newcomer.csr}))
    assert newcomer.call("GET", device.id).status_code == 200
    assert newcomer.call("GET", simulator.records["access-point"].id).status_code == 403


def test_the_certificate_is_for_the_key_of_the_request_and_from_the_ca(simulator, newcomer):
    attributes = [{"id": "subject.common_name", "value": "g7"}, {"id": "subject.country", "value": "NL"}]
    pem = newcomer.ask({**newcomer.payload(), "certificate_profile_attributes": attributes}).json()["pem"]
    leaf, issuer = x509.load_pem_x509_certificates(pem.encode())
    assert leaf.public_key() == newcomer.key.public_key()
    assert leaf.subject.rfc4514_string() == "C=NL,CN=g7"
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(x509.load_pem_x509_certificate(simulator.certificates.ca.read_bytes()))


def test_a_device_that_was_off_for_long_enrolls_again(simulator, newcomer):
    simulator.records.lifetime = timedelta(hours=-1)
    newcomer.use(newcomer.ask())
    device = simulator.records.find_named(NAME)
    with pytest.raises(requests.exceptions.SSLError, match="ALERT_CERTIFICATE_EXPIRED"):
        newcomer.call("GET", device.id)
    simulator.records.lifetime = timedelta(days=1)
    newcomer.use(newcomer.ask())
    assert newcomer.call("GET", device.id).status_code == 200
    leaf = x509.load_pem_x509_certificate(Path(newcomer.pair[0]).read_bytes())
    assert leaf.not_valid_after_utc - datetime.now(UTC) < timedelta(days=1)


@pytest.mark.parametrize("ask", [lambda it: it.ask(headers=WITH_API_KEY), lambda it: it.ask_with("birth")])
def test_the_other_credentials(simulator, newcomer, ask):
    newcomer.use(ask(newcomer))
    assert newcomer.call("GET", simulator.records.find_named(NAME).id).status_code == 200
    assert simulator.methods == ["POST", "GET"]


def test_a_record_gets_the_certificate_and_the_values_of_the_request(simulator, newcomer):
    device = simulator.records.register(NAME, {"Serial number": "G-6", "Contact": "noc@harbour.example"})
    device.device_api_allow_write = False
    newcomer.use(newcomer.ask())
    assert newcomer.call("GET", device.id).json() == device.record
    assert device.named_values == {"Serial number": "G-7", "Contact": "noc@harbour.example"}
    assert not device.device_api_allow_write


def test_a_device_of_a_fresh_account_enrolls_again(simulator, newcomer):
    device = simulator.records["access-point"]
    values = dict(device.values)
    profile = simulator.enrollment["access-points"]
    attributes = [{"id": DEVICE_IDENTIFIER, "value": device.device_identifier}]
    payload = {"csr": newcomer.csr, "enrollment_profile_id": profile.id, "device_attributes": attributes}
    newcomer.use(newcomer.ask(payload))
    assert newcomer.call("GET", device.id).status_code == 200
    assert device.values == values
    assert error_of(newcomer.ask({**payload, "enrollment_profile_id": ENROLLMENT_PROFILE_ID})) == (400, "invalid_input")
    device.status = "DISABLED"
    assert error_of(newcomer.ask(payload)) == (403, "access_denied")


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, (401, "access_denied")),
        ({"x-api-key": "another"}, (401, "access_denied")),
        ({"x-api-key": READER_API_KEY}, (403, "access_denied")),
        ({"x-passcode": "another"}, (401, "access_denied")),
        ({"x-passcode": ""}, (401, "access_denied")),
        ({"x-passcode": EXPIRED_PASSCODE}, (403, "access_denied")),
        ({**WITH_API_KEY, **WITH_PASSCODE}, (400, "invalid_request")),
    ],
)
def test_credentials_that_are_refused(simulator, newcomer, headers, error):
    assert error_of(newcomer.ask(headers=headers)) == error
    assert_nothing_came_of_it(simulator)


@pytest.mark.parametrize("leaf", ["stranger", "access-point"])
def test_a_certificate_that_is_not_registered(simulator, newcomer, leaf):
    assert error_of(newcomer.ask_with(leaf)) == (403, "access_denied")
    assert_nothing_came_of_it(simulator)


def test_credentials_of_another_enrollment_profile(simulator, newcomer):
    simulator.enrollment["gateways"].birth_certificates.clear()
    del simulator.enrollment["gateways"].passcodes[PASSCODE]
    for answer in (newcomer.ask_with("birth"), newcomer.ask()):
        assert error_of(answer) == (403, "access_denied")
    assert_nothing_came_of_it(simulator)


def test_a_birth_certificate_sees_no_record(simulator, newcomer):
    newcomer.use(newcomer.ask_with("birth"))
    files = simulator.certificates["birth"]
    newcomer.pair = (str(files.pem), str(files.key))
    assert newcomer.call("GET", simulator.records.find_named(NAME).id).status_code == 403


def test_a_passcode_has_limits(simulator, newcomer):
    once = {"x-passcode": ONE_TIME_PASSCODE}
    assert newcomer.ask({**newcomer.payload(), "csr": "none"}, headers=once).status_code == 400
    assert [newcomer.ask(headers=once).status_code for _time in range(2)] == [200, 403]
    simulator.enrollment["gateways"].passcodes["for-8"] = Passcode(identifiers=["gate-8.rotterdam"])
    for name, status in ((NAME, 403), ("gate-8.rotterdam", 200)):
        assert newcomer.ask(newcomer.payload(name), headers={"x-passcode": "for-8"}).status_code == status


def test_a_request_that_needs_approval(simulator, newcomer):
    payload = {**newcomer.payload(), "enrollment_profile_id": simulator.enrollment["approved-gateways"].id}
    answer = newcomer.ask(payload)
    assert (answer.status_code, answer.json()["status"]) == (200, "PENDING_APPROVAL")
    assert "pem" not in answer.json()
    assert_nothing_came_of_it(simulator)


def spoil_csr(csr: str) -> str:
    """Return a CSR whose signature is not valid."""
    der = bytearray(x509.load_pem_x509_csr(csr.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda _it: "text",
        lambda _it: [],
        lambda it: {**it.payload(), "csr": None},
        lambda it: {**it.payload(), "csr": "none"},
        lambda it: {**it.payload(), "csr": spoil_csr(it.csr)},
        lambda it: {**it.payload(), "device_attributes": None},
        lambda it: {**it.payload(), "device_attributes": {}},
        lambda it: {**it.payload(), "device_attributes": [{"id": DEVICE_IDENTIFIER}]},
        lambda it: {**it.payload(), "certificate_profile_attributes": [{"id": "subject.planet", "value": "Mars"}]},
        lambda it: {**it.payload(), "certificate_profile_attributes": [{"id": "subject.country", "value": "Mars"}]},
        lambda it: it.payload(name=None),
        lambda it: it.payload("i" * 256),
        lambda it: it.payload(Site="s" * 1025),
        lambda it: it.payload(Serial_number=""),
        lambda it: {**it.payload(), "enrollment_profile_id": it.simulator.enrollment["est-gateways"].id},
        lambda it: {**it.payload(), "enrollment_profile_id": it.simulator.enrollment["access-points"].id},
    ],
)
def test_bad_input_is_refused(simulator, newcomer, change):
    payload = change(newcomer)
    expected = "entity_not_found" if not isinstance(payload, dict) else "invalid_input"
    assert error_of(newcomer.ask(payload)) == (400, expected)
    assert_nothing_came_of_it(simulator)


def test_what_an_enrollment_profile_asks_for(simulator, newcomer):
    path = f"{ENROLLMENT_PROFILE_PATH}{ENROLLMENT_PROFILE_ID}/enrollment-specification"
    fields = newcomer.send("GET", simulator.operator_url + path, headers={"x-api-key": READER_API_KEY}).json()["fields"]
    keys = {"id", "name", "type", "mandatory", "editable", "update_from_csr", "value_type"}
    assert all(set(field) == keys for field in fields)
    profile = simulator.records.profiles["Gateway"]
    mandatory = {field["id"] for field in fields if field["mandatory"]}
    assert mandatory == {"csr", "subject.common_name", DEVICE_IDENTIFIER, profile.field_id("Serial number")}
    assert {field.id: field.name for field in profile.fields}.items() <= {
        field["id"]: field["name"] for field in fields
    }.items()


@pytest.mark.parametrize(
    ("method", "path", "headers", "error"),
    [
        ("GET", "{}/enrollment-specification", WITH_PASSCODE, (401, "access_denied")),
        ("GET", "none/enrollment-specification", WITH_API_KEY, (400, "entity_not_found")),
        ("GET", "{est}/enrollment-specification", WITH_API_KEY, (400, "invalid_input")),
        ("GET", "{}", WITH_API_KEY, (404, "resource_not_found")),
        ("POST", "{}/enrollment-specification", WITH_API_KEY, (404, "resource_not_found")),
    ],
)
def test_a_specification_that_cannot_be_read(simulator, newcomer, method, path, headers, error):
    path = path.format(ENROLLMENT_PROFILE_ID, est=simulator.enrollment["est-gateways"].id)
    url = simulator.operator_url + ENROLLMENT_PROFILE_PATH + path
    assert error_of(newcomer.send(method, url, headers=headers)) == error


def test_faults_can_be_injected_and_the_log_has_what_came(simulator, newcomer):
    simulator.script(
        Answer(path=CERTIFICATE_PATH, status=503), Answer(method="POST", path=CERTIFICATE_PATH, effect=True, cut=True)
    )
    listed = newcomer.send("GET", simulator.operator_url + LIST_PATH, headers=WITH_API_KEY)
    assert (listed.status_code, newcomer.ask().status_code) == (200, 503)
    assert_nothing_came_of_it(simulator)
    with pytest.raises(requests.ConnectionError):
        newcomer.ask()
    assert simulator.records.find_named(NAME) is not None
    assert [request.status for request in simulator.requests] == [200, 503, None]
    request = simulator.requests[-1]
    assert (request.path, request.header("X-Passcode"), request.payload) == (
        CERTIFICATE_PATH,
        PASSCODE,
        newcomer.payload(),
    )


def test_reset_gives_the_passcodes_their_uses(simulator, newcomer):
    once = {"x-passcode": ONE_TIME_PASSCODE}
    newcomer.ask(headers=once)
    simulator.reset()
    assert newcomer.ask(headers=once).status_code == 200
