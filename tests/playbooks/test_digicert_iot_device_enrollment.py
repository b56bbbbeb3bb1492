# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enrolling a device, from a playbook: what the service sees, and what lies on the disk before and after."""

from __future__ import annotations

import json
import stat
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from simulator import (
    API_KEY,
    CERTIFICATE_PATH,
    DENIAL,
    ENROLLMENT_PROFILE_ID,
    PASSCODE,
    PASSPHRASE,
    READER_API_KEY,
    Answer,
)
from simulator.enrollment import DEVICE_IDENTIFIER, EXPIRED_PASSCODE, ONE_TIME_PASSCODE, enrollment_profile_id

MODULE = "edgeops.digicert.digicert_iot_device_enrollment"
INFO = "edgeops.digicert.digicert_iot_device_info"
NAME = "gate-7.rotterdam"
SERIAL = "40071"


class Host:
    """A host of a gateway that has nothing but an empty folder for its certificate and key."""

    def __init__(self, player, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.player, self.folder, self.simulator = player, folder, player.simulator
        self.certificate, self.key = folder / "device.pem", folder / "device.key"

    def task(self, **options: t.Any) -> dict[str, t.Any]:
        """A task that enrolls the gateway, by default with a passcode."""
        profile = self.simulator.records.profiles["Gateway"]
        usual = {
            "api_url": self.simulator.operator_url,
            "device_api_url": self.simulator.url,
            "ca_path": str(self.simulator.certificates.ca),
            "timeout": 5,
            "retries": 0,
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
            "enrollment_profile_id": ENROLLMENT_PROFILE_ID,
            "device_identifier": NAME,
            "device_attributes": [{"id": profile.field_id("Serial number"), "value": SERIAL}],
            "passcode": PASSCODE,
        }
        options = {name: value for name, value in {**usual, **options}.items() if value is not None}
        return {"name": "Enroll", MODULE: options}

    @property
    def files(self) -> dict[str, bytes]:
        """All that lies in the folder."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate that is there now."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def lay(self, device: str = "access-point") -> None:
        """Put the pair of another device there."""
        leaf = self.simulator.certificates[device]
        self.certificate.write_bytes(leaf.pem.read_bytes())
        self.key.write_bytes(leaf.key.read_bytes())
        self.key.chmod(0o600)

    def triple(self, requests: t.Sequence[str] = ("POST",), **options: t.Any) -> t.Any:
        """Enroll in check mode, for real and again, and see that each does what it must. Return the real outcome."""
        before, task = self.files, self.task(**options)
        (check,) = self.player.check(task)
        assert self.files == before
        assert (check.failed, check.connections) == (False, []), check.result
        assert (check.result["changed"], check.result["should_enroll"]) == (True, True)
        real, again = self.player._run([task, task], [])
        assert not real.failed, real.result
        assert (real.result["changed"], real.result["should_enroll"], real.methods) == (True, True, [*requests])
        assert (again.failed, again.connections) == (False, []), again.result
        assert (again.result["changed"], again.result["should_enroll"]) == (False, False)
        assert real.result["certificate"] == again.result["certificate"]
        assert real.result["reason"] == check.result["reason"]
        return real

    def opens(self) -> bool:
        """Say whether the service lets the device in with what is there now."""
        device = self.simulator.records.find_named(NAME)
        task = self.player.task(
            module=INFO, device_id=device.id, client_cert=str(self.certificate), client_key=str(self.key)
        )
        outcome = self.player.run_one(task)
        return not outcome.failed and outcome.result["device"]["device_identifier"] == NAME


@pytest.fixture
def host(player, tmp_path):
    return Host(player, tmp_path / "pki")


def birth(simulator, **changes: t.Any) -> dict[str, t.Any]:
    """The options that let a device show its birth certificate."""
    leaf = simulator.certificates["birth"]
    return {
        "passcode": None,
        "api_url": simulator.url,
        "device_api_url": None,
        "birth_cert": str(leaf.pem),
        "birth_key": str(leaf.key),
        **changes,
    }


@pytest.mark.parametrize(
    "credential",
    ["passcode", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("api_key", "birth_cert"))],
)
def test_a_device_that_has_nothing_enrolls(host, simulator, credential):
    options = {
        "passcode": {"passcode": ONE_TIME_PASSCODE},
        "api_key": {"passcode": None, "api_key": API_KEY},
        "birth_cert": birth(simulator),
    }[credential]
    assert simulator.records.find_named(NAME) is None
    real = host.triple(**options)
    device = simulator.records.find_named(NAME)
    assert device.named_values["Serial number"] == SERIAL
    assert sorted(host.files) == ["device.key", "device.pem"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (host.key, host.certificate)] == [0o600, 0o644]
    assert isinstance(host.leaf.public_key().curve, ec.SECP256R1)
    assert key_matches(str(host.certificate), str(host.key), None)
    assert real.result["certificate"]["fingerprint"] == host.leaf.fingerprint(hashes.SHA256()).hex()
    assert (real.result["device_id"], real.result["device_identifier"]) == (None, NAME)
    assert real.result["certificate_id"]
    assert real.result["certificate_request_id"]
    (request,) = real.requests
    sent = {name: request.header(name) for name in ("x-passcode", "x-api-key")}
    assert sent == {
        "x-passcode": options.get("passcode"),
        "x-api-key": options.get("api_key"),
    }
    body = json.loads(request.body)
    assert sorted(body) == ["csr", "device_attributes", "enrollment_profile_id"]
    assert body["device_attributes"][0] == {"id": DEVICE_IDENTIFIER, "value": NAME}
    csr = x509.load_pem_x509_csr(body["csr"].encode())
    assert csr.subject.rfc4514_string() == f"CN={NAME}"
    assert real.handshakes == 1
    for secret in (ONE_TIME_PASSCODE, API_KEY):
        assert secret not in real.output
    assert host.opens()


def csrs_of(*outcomes):
    """The CSRs that were sent."""
    bodies = [json.loads(request.body) for outcome in outcomes for request in outcome.requests if request.body]
    return [x509.load_pem_x509_csr(body["csr"].encode()) for body in bodies]


def test_a_registered_device_is_verified_before_the_files_are_there(host, simulator):
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    subject = {"O": "Port of Rotterdam", "OU": ["Gates", "North"]}
    names = ["DNS:gate-7.example", "IP:192.0.2.7", "URI:urn:gate:7", "email:gates@port.example"]
    options = {
        "device_id": device.id,
        "subject": subject,
        "subject_alt_name": names,
        "key_type": "rsa_2048",
        "client_key": None,
        "client_key_passphrase": PASSPHRASE,
        "mode": "0640",
        "group": "12",
        "certificate_profile_attributes": [{"id": "subject.state", "value": "Zuid-Holland"}],
    }
    real = host.triple(["POST", "GET"], **options)
    assert (real.result["device_id"], real.handshakes) == (device.id, 2)
    assert device.named_values["Serial number"] == SERIAL
    assert list(host.files) == ["device.pem"]
    state = host.certificate.stat()
    assert (stat.S_IMODE(state.st_mode), state.st_gid) == (0o640, 12)
    key = serialization.load_pem_private_key(host.certificate.read_bytes(), PASSPHRASE.encode())
    assert isinstance(key, rsa.RSAPrivateKey)
    (csr,) = csrs_of(real)
    assert [attribute.value for attribute in csr.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)] == [
        "Gates",
        "North",
    ]
    alternative = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in alternative] == [name.partition(":")[2] for name in names]
    assert host.leaf.subject.get_attributes_for_oid(NameOID.STATE_OR_PROVINCE_NAME)[0].value == "Zuid-Holland"
    assert PASSPHRASE not in real.output


def test_a_device_that_was_off_comes_back(host, simulator):
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    host.lay("expired")
    host.certificate.chmod(0o640)
    old = host.files
    (kept,) = host.player.run(host.task(reenroll_expired=False))
    assert (kept.result["failure"]["kind"], kept.connections, host.files) == ("invalid_parameters", [], old)
    real = host.triple(["POST", "GET"], device_id=device.id)
    assert real.result["reason"].startswith("The certificate expired on ")
    assert sorted(host.files) == ["device.key", "device.pem"]
    assert host.files["device.key"] != old["device.key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (host.key, host.certificate)] == [0o600, 0o640]
    assert host.opens()


@pytest.mark.thorough
def test_files_that_are_no_pair_are_replaced_with_force_only(host):
    host.lay()
    host.key.write_bytes(host.simulator.certificates["camera"].key.read_bytes())
    old = host.files
    (rejected,) = host.player.run(host.task())
    assert (rejected.result["failure"]["kind"], rejected.connections, host.files) == ("invalid_parameters", [], old)
    assert "does not match the certificate in client_cert" in rejected.result["msg"]
    assert "set force, which keeps backups." in rejected.result["msg"]
    real = host.triple(force=True)
    backups = {Path(path).read_bytes() for path in real.result["backup_files"]}
    assert backups == set(old.values())
    assert len(host.files) == 4
    assert host.opens()


def test_a_key_in_hardware_has_a_csr(host, tmp_path):
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    path = tmp_path / "device.csr"
    path.write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    host.triple(csr_path=str(path), client_key=None)
    assert list(host.files) == ["device.pem"]
    assert host.leaf.public_key() == key.public_key()
    assert stat.S_IMODE(host.certificate.stat().st_mode) == 0o644


def test_a_lost_answer_is_followed_by_a_request_for_the_same_key(host):
    lost, again, third = host.player._run(
        [host.task(), host.task(), host.task()], [], script=[Answer(path=CERTIFICATE_PATH, effect=True, cut=True)]
    )
    assert lost.failed
    assert (lost.result["failure"]["kind"], lost.result["changed"]) == ("outcome_unknown", False)
    assert lost.methods == ["POST"]
    assert "The next run requests another certificate for the same key." in lost.result["msg"]
    assert (again.failed, again.result["changed"], again.methods) == (False, True, ["POST"])
    first, second = csrs_of(lost, again)
    assert first.public_key() == second.public_key()
    assert (third.result["changed"], third.methods) == (False, [])
    assert sorted(host.files) == ["device.key", "device.pem"]
    assert host.opens()


def test_a_certificate_that_is_not_accepted_is_verified_again_and_not_requested(host, simulator):
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    denied = Answer(method="GET", status=403, body=DENIAL)
    task = host.task(device_id=device.id, passcode=ONE_TIME_PASSCODE)
    late, other, real = host.player._run([task, task, task], [], script=[denied, denied])
    for outcome in (late, other):
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == ("certificate_unverified", False)
        assert f"Check that device_id is the ID of {NAME}" in outcome.result["msg"]
    assert (late.methods, other.methods, real.methods) == (["POST", "GET"], ["GET"], ["GET"])
    assert (real.failed, real.result["changed"]) == (False, True)
    assert "certificate_id" not in real.result
    assert sorted(host.files) == ["device.key", "device.pem"]


@pytest.mark.thorough
def test_a_request_that_requires_approval_changes_nothing(host):
    task = host.task(enrollment_profile_id=enrollment_profile_id("approved-gateways"))
    pending, again = host.player._run([task, task], [])
    for outcome in (pending, again):
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == ("certificate_pending", False)
        assert outcome.result["certificate_request_id"] in outcome.result["msg"]
    first, second = csrs_of(pending, again)
    assert first.public_key() == second.public_key()
    assert list(host.files) == ["device.key.enrolling"]
    assert stat.S_IMODE((host.folder / "device.key.enrolling").stat().st_mode) == 0o600


@pytest.mark.thorough
def test_a_denial_leaves_nothing_and_names_the_credential(host, simulator):
    outcomes = host.player.run(
        host.task(passcode=EXPIRED_PASSCODE),
        host.task(passcode="no-passcode-of-this-account"),
        host.task(passcode=None, api_key=READER_API_KEY),
        host.task(enrollment_profile_id="IOT_unknown"),
        host.task(enrollment_profile_id=enrollment_profile_id("est-gateways")),
        host.task(**birth(simulator, birth_cert=str(simulator.certificates["stranger"].both), birth_key=None)),
    )
    kinds = ["enrollment_denied", "enrollment_denied", "api_key_rejected", "http_error", "http_error"]
    assert [outcome.result["failure"]["kind"] for outcome in outcomes] == [*kinds, "enrollment_denied"]
    words = [
        "passcode is one of",
        "passcode is one of",
        "api_key is valid",
        "enrollment_profile_id",
        "EST",
        "birth_cert",
    ]
    for outcome, word in zip(outcomes, words, strict=True):
        assert word in outcome.result["msg"]
        assert (outcome.result["changed"], outcome.methods) == (False, ["POST"])
        assert outcome.result["msg"].startswith(f"Device {NAME}: ")
    assert host.files == {}


def test_a_failed_handshake_says_why(host, simulator):
    expired, outsider = (simulator.certificates[name] for name in ("expired", "outsider"))
    outcomes = host.player.run(
        host.task(**birth(simulator, birth_cert=str(expired.pem), birth_key=str(expired.key))),
        host.task(**birth(simulator, birth_cert=None, birth_cert_content=outsider.both.read_text(), birth_key=None)),
        host.task(api_url=simulator.url),
    )
    words = [
        ("The server rejects birth_cert because it has expired", "birth_cert expired on "),
        ("The server does not trust the CA of birth_cert", "the api_url of the region that issued it"),
        ("The server requires a client certificate, so api_url is the URL of the device API.",),
    ]
    for outcome, expected in zip(outcomes, words, strict=True):
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == ("handshake_failed", False)
        assert all(word in outcome.result["msg"] for word in expected), outcome.result["msg"]
        assert "client_cert" not in outcome.result["msg"]
        assert outcome.methods == []
    assert host.files == {}


def test_check_mode_goes_on_without_the_directory_that_an_earlier_task_creates(host):
    host.folder.rmdir()
    task = host.task()
    (outcome,) = host.player.check(task)
    assert (outcome.result["changed"], outcome.result["should_enroll"], outcome.connections) == (True, True, [])
    assert f"the directory {host.folder} does not exist. Create it before this task." in outcome.result["warnings"][0]
    (outcome,) = host.player._run([task], [])
    assert f"the directory {host.folder} does not exist. Create it before this task." in outcome.result["msg"]
    assert (outcome.failed, outcome.connections) == (True, [])


@pytest.mark.thorough
def test_options_and_files_are_checked_without_a_request(host, simulator):
    camera = simulator.certificates["camera"]
    tasks = {
        "parameters are mutually exclusive: api_key|passcode|birth_cert|birth_cert_content": {"api_key": API_KEY},
        "one of the following is required: api_key, passcode, birth_cert, birth_cert_content": {"passcode": None},
        "other.key.part: it is a directory": {"client_key": str(host.folder / "other.key")},
        "does not match the certificate in birth_cert": birth(simulator, birth_key=str(camera.key)),
        "birth_key: /nowhere cannot be read": birth(simulator, birth_key="/nowhere"),
        "device_api_url has a query": {"device_id": "d-1", "device_api_url": "https://x.example/?a"},
        "failed to look up user nobody-here": {"owner": "nobody-here"},
        "DEVICE_IDENTIFIER. Set device_identifier": {"device_attributes": [{"id": DEVICE_IDENTIFIER, "value": "x"}]},
    }
    tasks = {words: host.task(**options) for words, options in tasks.items()}
    (host.folder / "other.key.part").mkdir()
    for outcomes in host.player.check_and_run([*tasks.values()], [*tasks.values()]):
        for words, outcome in zip(tasks, outcomes, strict=True):
            assert (outcome.failed, outcome.connections) == (True, []), words
            assert words in outcome.result["msg"], outcome.result["msg"]
