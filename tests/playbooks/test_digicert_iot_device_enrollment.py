# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enrolling a device, from a playbook: what the service sees, and what lies on the disk before and after."""

from __future__ import annotations

import base64
import json
import stat
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from playbooks.est import CHANNEL_BINDING, IGNORED, NAMES, OTHER_KEY, TEMPLATE, UNKNOWN, after_the_wait, served
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
    # Ansible prints a diff without -v.
    assert f"Enrollment of device {NAME}: {real.result['reason']}\n" in real.output
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
    assert list(host.files) == ["device.key.unfinished"]
    assert stat.S_IMODE((host.folder / "device.key.unfinished").stat().st_mode) == 0o600


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
        ("The server requires a client certificate, which a request with an API key or a passcode does not have.",),
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
        "device_api_url is not a base URL": {"device_id": "d-1", "device_api_url": "https://x.example/?a"},
        "failed to look up user nobody-here": {"owner": "nobody-here"},
        "DEVICE_IDENTIFIER. Set device_identifier": {"device_attributes": [{"id": DEVICE_IDENTIFIER, "value": "x"}]},
    }
    tasks = {words: host.task(**options) for words, options in tasks.items()}
    (host.folder / "other.key.part").mkdir()
    for outcomes in host.player.check_and_run([*tasks.values()], [*tasks.values()]):
        for words, outcome in zip(tasks, outcomes, strict=True):
            assert (outcome.failed, outcome.connections) == (True, []), words
            assert words in outcome.result["msg"], outcome.result["msg"]


# EST


class EstHost(Host):
    """A host that enrolls by EST, by default with a passcode."""

    def task(self, **options: t.Any) -> dict[str, t.Any]:
        other = {"api_url": None, "enrollment_profile_id": None, "device_attributes": None}
        return super().task(**{**other, "est_url": self.simulator.est_operator_url, **options})

    @property
    def chain(self) -> list[str]:
        """The subjects of the certificates that are there now."""
        certificates = x509.load_pem_x509_certificates(self.certificate.read_bytes())
        return [each.subject.rfc4514_string() for each in certificates]

    @property
    def is_enrolled(self) -> bool:
        """Whether there is a pair, with its chain, and no other file."""
        return (
            sorted(self.files) == ["device.key", "device.pem"]
            and self.chain == [f"CN={NAME}", "CN=Simulator intermediate CA"]
            and key_matches(str(self.certificate), str(self.key), None)
        )


@pytest.fixture
def est_hosts(player, tmp_path):
    """A function that returns hosts for EST, each with a directory of its own."""

    def make(count: int) -> list[EstHost]:
        return [EstHost(player, tmp_path / f"pki-{number}") for number in range(count)]

    return make


@pytest.fixture
def est_host(est_hosts):
    return est_hosts(1)[0]


def est_birth(simulator, **changes: t.Any) -> dict[str, t.Any]:
    """The options for EST with the birth certificate."""
    return birth(simulator, api_url=None, est_url=simulator.est_url, **changes)


def basic(username: str = "", passcode: str = PASSCODE) -> str:
    """The header of HTTP Basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{passcode}".encode()).decode()


REQUESTED = ["GET csrattrs", "POST simpleenroll"]


def test_est_enrolls_with_each_credential(est_hosts, simulator, player):
    hosts = est_hosts(4)
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    hosts[3].lay("expired")
    options = [
        {"passcode": ONE_TIME_PASSCODE},
        {"est_username": "gates", "key_type": "rsa_2048"},
        est_birth(simulator),
        {"device_id": device.id, "device_api_url": simulator.url},
    ]
    before = [host.files for host in hosts]
    tasks = [host.task(**each) for host, each in zip(hosts, options, strict=True)]
    checks, outcomes = player.check_and_run(tasks, [task for task in tasks for _twice in range(2)])
    for number, (host, check) in enumerate(zip(hosts, checks, strict=True)):
        real, again = outcomes[2 * number : 2 * number + 2]
        assert (check.failed, check.result["changed"], check.connections) == (False, True, []), check.result
        assert (real.failed, real.result["changed"]) == (False, True), real.result
        assert (again.failed, again.result["changed"], again.connections) == (False, False, []), again.result
        assert real.operations == [*REQUESTED, f"GET {device.id}"][: 2 + (number == 3)]
        assert host.is_enrolled
        assert host.files.keys() != before[number].keys() or host.files["device.key"] != before[number]["device.key"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in (host.key, host.certificate)] == [0o600, 0o644]
        assert (real.result["certificate_id"], real.result["device_id"]) == (None, options[number].get("device_id"))
        assert (
            real.result["certificate"]["fingerprint"] == simulator.est.issued[number].fingerprint(hashes.SHA256()).hex()
        )
        post = real.requests[1]
        assert post.header("Content-Type") == "application/pkcs10"
        assert post.header("Content-Transfer-Encoding") == "base64"
        assert max(map(len, post.body.split(b"\n"))) == 64
        csr = x509.load_der_x509_csr(base64.b64decode(post.body))
        assert (csr.subject.rfc4514_string(), csr.public_key()) == (f"CN={NAME}", host.leaf.public_key())
    sent = [outcome.requests[1].header("Authorization") for outcome in outcomes[::2]]
    assert sent == [basic(passcode=ONE_TIME_PASSCODE), basic("gates"), None, basic()]
    assert outcomes[4].requests[1].connection.fingerprint == simulator.certificates["birth"].fingerprint
    assert outcomes[6].result["reason"].startswith("The certificate expired on ")
    assert len(simulator.est.issued) == 4


@pytest.mark.thorough
def test_est_repeats_a_pending_request_when_the_server_accepts_it(est_host, simulator, player):
    simulator.est.pending, simulator.est.retry_after = 1, 600
    task = est_host.task(passcode=ONE_TIME_PASSCODE)
    pending, early, _passed, real, again = player._run([task, task, after_the_wait(est_host.folder), task, task], [])
    for outcome in (pending, early):
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == ("certificate_pending", False)
    assert (pending.operations, early.connections, real.operations) == (REQUESTED, [], REQUESTED[1:])
    assert "does not accept it again within 600 seconds" in pending.result["msg"]
    assert "so the module sent no request" in early.result["msg"]
    assert (real.failed, real.result["changed"], again.result["changed"]) == (False, True, False), real.result
    assert again.connections == []
    assert pending.requests[1].body == real.requests[0].body
    assert len(simulator.est.issued) == 1
    assert est_host.is_enrolled


@pytest.mark.thorough
def test_est_keeps_a_pending_request_in_one_file(est_host, simulator, player):
    simulator.est.pending = 3
    ended = datetime.now(UTC) - timedelta(hours=1)
    waits = iter([None, ended, "soon"])

    def wait(_records: t.Any) -> None:
        simulator.est.retry_after = next(waits)

    task = est_host.task()
    script = [Answer(method="POST", before=wait, times=3)]
    outcomes = player._run([task] * 3, [], script=script)
    assert [outcome.result["failure"]["kind"] for outcome in outcomes] == ["certificate_pending"] * 3
    assert [outcome.operations for outcome in outcomes] == [REQUESTED, REQUESTED[1:], REQUESTED[1:]]
    assert list(est_host.files) == ["device.key.unfinished"]
    assert stat.S_IMODE((est_host.folder / "device.key.unfinished").stat().st_mode) == 0o600
    (real,) = player._run([task], [])
    bodies = {request.body for outcome in (*outcomes, real) for request in outcome.requests if request.body}
    assert (real.failed, len(bodies), len(simulator.est.issued)) == (False, 1, 1), real.result
    assert est_host.is_enrolled


def test_est_writes_the_ca_certificates(est_host, simulator, player, tmp_path):
    path = tmp_path / "ca-certificates.pem"
    task = est_host.task(ca_certs_path=str(path))
    check = {**task, "check_mode": True}
    remove = {"name": "Remove", "ansible.builtin.file": {"path": str(path), "state": "absent"}}
    outcomes = player._run([check, task, task, remove, check, task, task], [])
    predicted, real, again, _removed, missing, alone, last = outcomes
    assert not any(outcome.failed for outcome in outcomes), [outcome.result for outcome in outcomes]
    changed = [outcome.result["changed"] for outcome in outcomes]
    assert changed == [True, True, False, True, True, True, False]
    for outcome in (predicted, again, missing, last):
        assert outcome.connections == []
    assert real.operations == ["GET cacerts", *REQUESTED]
    assert alone.operations == ["GET cacerts"]
    assert [outcome.result["should_enroll"] for outcome in (real, alone)] == [True, False]
    certificates = x509.load_pem_x509_certificates(path.read_bytes())
    assert certificates == simulator.est.ca_certificates
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert est_host.is_enrolled
    assert len(simulator.est.issued) == 1


def test_est_trusts_a_fingerprint_first(est_hosts, simulator, player, tmp_path):
    root, intermediate = (each.fingerprint(hashes.SHA256()).hex() for each in simulator.est.ca_certificates)
    good, wrong, none, same, below, born = est_hosts(6)
    paths = [str(tmp_path / f"ca-{number}.pem") for number in range(5)]
    colons = ":".join(root[at : at + 2] for at in range(0, 64, 2)).upper()
    simulator.est.ca_certificates.append(x509.load_pem_x509_certificate(simulator.certificates.other_ca.read_bytes()))
    tasks = [
        good.task(ca_path=paths[0], ca_certs_path=paths[0], ca_certs_fingerprint=colons),
        wrong.task(ca_path=paths[1], ca_certs_path=paths[1], ca_certs_fingerprint="0" * 64),
        none.task(ca_path=None, ca_certs_path=paths[2]),
        same.task(ca_path=paths[3], ca_certs_path=paths[3]),
        below.task(ca_certs_path=paths[4], ca_certs_fingerprint=intermediate),
        born.task(**est_birth(simulator, ca_path=paths[1]), ca_certs_path=paths[1], ca_certs_fingerprint=root),
    ]
    checks, outcomes = player.check_and_run(tasks, tasks)
    assert [check.connections for check in checks] == [[]] * 6
    real, mistaken, untrusted, circular, partial, birthed = outcomes
    assert (real.failed, real.operations) == (False, ["GET cacerts", *REQUESTED]), real.result
    first, *others = real.requests
    assert first.header("Authorization") is None
    assert first.connection.certificate is None
    assert first.connection not in [request.connection for request in others]
    assert [request.header("Authorization") for request in others] == [basic()] * 2
    assert x509.load_pem_x509_certificates(Path(paths[0]).read_bytes()) == simulator.est.ca_certificates[:2]
    assert "1 of 3 CA certificates" in real.result["warnings"][0]
    assert good.is_enrolled
    assert (mistaken.result["failure"]["kind"], mistaken.operations) == ("invalid_response", ["GET cacerts"])
    assert mistaken.requests[0].header("Authorization") is None
    for outcome in (untrusted, circular):
        assert (outcome.result["failure"]["kind"], outcome.connections) == ("invalid_parameters", [])
        assert "ca_certs_fingerprint" in outcome.result["msg"]
    assert (partial.failed, partial.operations) == (False, ["GET cacerts", *REQUESTED]), partial.result
    assert x509.load_pem_x509_certificates(Path(paths[4]).read_bytes()) == simulator.est.ca_certificates[1:2]
    # This server accepts no connection without a certificate, and the first has none. Before the alert is read, an old
    # Python can find the connection closed.
    assert birthed.result["failure"]["kind"] in ("handshake_failed", "connection_failed")
    assert (birthed.handshakes, birthed.requests) == (0, [])
    assert [Path(path).exists() for path in paths] == [True, False, False, False, True]
    for host in (wrong, none, same, born):
        assert host.files == {}
    assert len(simulator.est.issued) == 2


def test_est_meets_the_csr_attributes(est_hosts, simulator, player):
    unknown, template, names, *none, other, lacking, binding, given = est_hosts(9)
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = csr.public_bytes(serialization.Encoding.PEM).decode()
    tasks = [
        unknown.task(),
        template.task(key_type="ecdsa_p384"),
        names.task(subject_alt_name=["DNS:gate-7.example"]),
        *(host.task() for host in none),
        other.task(),
        lacking.task(),
        binding.task(),
        given.task(csr_content=pem, client_key=None),
    ]
    script = [
        served(UNKNOWN),
        served(TEMPLATE),
        served(NAMES),
        Answer(path="/csrattrs", status=404),
        Answer(path="/csrattrs", status=501, body="<html>"),
        served(OTHER_KEY),
        served(NAMES),
        served(CHANNEL_BINDING),
        served(TEMPLATE),
    ]
    outcomes = player._run(tasks, [], script=script)
    for host, outcome in zip((unknown, template, names, *none), outcomes, strict=False):
        assert (outcome.failed, outcome.operations) == (False, REQUESTED), outcome.result
        assert host.is_enrolled
    assert f"CSR attributes that are ignored: {', '.join(IGNORED)}." in outcomes[0].result["warnings"][0]
    assert "warnings" not in outcomes[1].result
    sent = x509.load_der_x509_csr(base64.b64decode(outcomes[1].requests[1].body))
    assert isinstance(sent.signature_hash_algorithm, hashes.SHA384)
    assert isinstance(sent.public_key().curve, ec.SECP384R1)
    usages = sent.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    words = [
        ("a key of the type ecdsa_p521, but the key of the CSR has the type ecdsa_p256", "Set key_type"),
        ("the extension 2.5.29.17 in the CSR", "Set subject_alt_name"),
        ("channel binding",),
        ("a signature of the CSR with ecdsa with SHA384", "the extension 2.5.29.37 in the CSR", "Add it to the CSR"),
    ]
    for host, outcome, expected in zip((other, lacking, binding, given), outcomes[5:], words, strict=True):
        assert (outcome.result["failure"]["kind"], outcome.operations) == ("invalid_parameters", REQUESTED[:1])
        assert all(word in outcome.result["msg"] for word in expected), outcome.result["msg"]
        assert host.files == {}
    assert len(simulator.est.issued) == 5


# The settings of the responses, each of which leads to the same files.
FORMS = {
    "usual": {},
    "CRLF": {"line_length": 76, "line_end": "\r\n"},
    "one line": {"line_length": 0, "line_end": ""},
    "DER": {"raw_der": True, "transfer_encoding": "binary"},
    "leaf last": {"leaf_place": "last"},
    "plain type": {"content_type": "application/pkcs7-mime", "transfer_encoding": None},
    "other type": {"content_type": "text/html", "transfer_encoding": "8bit"},
    "without chain": {"with_chain": False},
}


@pytest.mark.thorough
def test_est_reads_each_form_of_a_response(est_hosts, simulator, player, tmp_path):
    hosts = dict(zip((*FORMS, "201"), est_hosts(len(FORMS) + 1), strict=True))
    usual = {name: getattr(simulator.est, name) for settings in FORMS.values() for name in settings}

    def settings_of(name: str) -> t.Callable[[t.Any], None]:
        return lambda _records: vars(simulator.est).update({**usual, **FORMS[name]})

    script = [Answer(path="/cacerts", before=settings_of(name)) for name in FORMS]
    script.append(Answer(path="/simpleenroll", status=201, effect=True))
    created = script.pop()
    paths = {name: tmp_path / f"ca-{number}.pem" for number, name in enumerate(hosts)}
    tasks = [host.task(ca_certs_path=str(paths[name])) for name, host in hosts.items()]
    outcomes = player._run(tasks[:-1], [], script=script) + player._run(tasks[-1:], [], script=[created])
    for (name, host), outcome in zip(hosts.items(), outcomes, strict=True):
        assert (outcome.failed, outcome.operations) == (False, ["GET cacerts", *REQUESTED]), (name, outcome.result)
        assert host.is_enrolled, name
        assert host.certificate.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----\nM"), name
    assert len({path.read_bytes() for path in paths.values()}) == 1


@pytest.mark.thorough
def test_est_denials_name_the_credential(est_host, simulator, player):
    camera = simulator.certificates["camera"]
    tasks = [
        est_host.task(passcode=EXPIRED_PASSCODE),
        est_host.task(passcode="no-passcode-of-this-account"),
        est_host.task(**{**est_birth(simulator), "birth_cert": str(camera.pem), "birth_key": str(camera.key)}),
        est_host.task(est_url=simulator.est_operator_url.replace("IOT_", "IOT_0")),
        est_host.task(),
        est_host.task(),
    ]
    html = Answer(path="/simpleenroll", status=403, body="<html>")
    text = {"Content-Type": "text/plain"}
    bad = Answer(path="/simpleenroll", status=400, headers=text, body="CSR Attributes missing in request.")
    outcomes = player._run(tasks, [], script=[Answer(path="/simpleenroll", times=4), html, bad])
    kinds = ["enrollment_denied"] * 3 + ["http_error"] * 3
    assert [outcome.result["failure"]["kind"] for outcome in outcomes] == kinds
    words = ["Check passcode and est_username", "Check passcode", "birth_cert is registered", "est_url", "403", "400"]
    for outcome, word in zip(outcomes, words, strict=True):
        assert word in outcome.result["msg"], outcome.result["msg"]
        assert "api_url" not in outcome.result["msg"]
        assert (outcome.result["changed"], outcome.operations) == (False, REQUESTED)
        assert outcome.result["msg"].startswith(f"Device {NAME}: ")
    assert "CSR Attributes missing in request." in outcomes[-1].result["msg"]
    assert est_host.files == {}
    assert simulator.est.issued == []


@pytest.mark.thorough
def test_est_options_that_exclude_each_other_cost_no_request(est_host, host, simulator, player, tmp_path):
    url, attributes, path = simulator.est_operator_url, [{"id": "a", "value": "b"}], str(tmp_path / "ca.pem")
    cases = [
        ("mutually exclusive: est_url|enrollment_profile_id", {"enrollment_profile_id": "IOT_1"}),
        ("mutually exclusive: est_url|api_key", {"api_key": API_KEY, "passcode": None}),
        ("mutually exclusive: est_url|device_attributes", {"device_attributes": attributes}),
        ("mutually exclusive: est_url|certificate_profile_attributes", {"certificate_profile_attributes": attributes}),
        ("one of the following is required: enrollment_profile_id, est_url", {"est_url": None}),
        ("required by 'est_username'", {**est_birth(simulator), "est_username": "gates"}),
        ("required by 'ca_certs_fingerprint'", {"ca_certs_fingerprint": "0" * 64}),
        ("ca_certs_fingerprint must be", {"ca_certs_path": path, "ca_certs_fingerprint": "0" * 40}),
        ("ca_certs_path requires ca_certs_fingerprint", {"ca_certs_path": path, "validate_certs": False}),
        ("ca_certs_path: the directory", {"ca_certs_path": str(tmp_path / "none/ca.pem")}),
        ("est_url is not a base URL", {"est_url": f"{url}?a=b"}),
        ("est_url does not begin with https://", {"est_url": "http://localhost"}),
        ("est_username has a colon", {"est_username": "a:b"}),
    ]
    tasks = [est_host.task(**options) for _words, options in cases]
    tasks.append(host.task(enrollment_profile_id=ENROLLMENT_PROFILE_ID, ca_certs_path=path))
    expected = [*(words for words, _options in cases), "required by 'ca_certs_path'"]
    for words, outcome in zip(expected, player._run(tasks, []), strict=True):
        assert (outcome.failed, outcome.connections) == (True, []), words
        assert words in outcome.result["msg"], outcome.result["msg"]
    assert est_host.files == host.files == {}
