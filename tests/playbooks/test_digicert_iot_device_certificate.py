# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewing a certificate, from a playbook: what the service sees, and what lies on the disk before and after."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from playbooks.conftest import TARGET, run_playbook
from playbooks.est import IGNORED, OTHER_KEY, TEMPLATE, UNKNOWN, after_the_wait, served
from simulator import DENIAL, PASSPHRASE, Answer
from simulator.certificates import DAY

MODULE = "edgeops.digicert.digicert_iot_device_certificate"
INFO = "edgeops.digicert.digicert_iot_device_info"


class Device:
    """The access point, with its certificate and key in a folder of its own."""

    def __init__(self, player, folder: Path) -> None:
        leaf = player.simulator.certificates["access-point"]
        folder.mkdir(parents=True)
        self.player, self.folder = player, folder
        self.certificate, self.key = folder / "device.pem", folder / "device.key"
        self.certificate.write_bytes(leaf.pem.read_bytes())
        self.key.write_bytes(leaf.key.read_bytes())
        self.key.chmod(0o600)

    def task(self, module: str = MODULE, **options: t.Any) -> dict[str, t.Any]:
        """A task that renews the certificate: those that are there last for less than 30 days, new ones for 90."""
        paths = {"client_cert": str(self.certificate), "client_key": str(self.key)}
        return self.player.task(module=module, **{**paths, **options})

    @property
    def files(self) -> dict[str, bytes]:
        """All that lies in the folder."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate that is there now."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def opens(self) -> bool:
        """Say whether the service lets the device in with what is there now."""
        outcome = self.player.run_one(self.task(INFO))
        return not outcome.failed and outcome.methods == ["GET"]


@pytest.fixture
def device(player, tmp_path):
    return Device(player, tmp_path / "pki")


def openssl(*command: str | Path) -> str:
    return subprocess.run(["openssl", *command], check=True, capture_output=True, text=True).stdout


def assert_renewed(check, real, again):
    """See that check mode sent nothing, the run renewed and tried the new certificate, and the next run did nothing."""
    for outcome in (check, real, again):
        assert not outcome.failed, outcome.result
    # Ansible prints a diff without -v.
    diff = {"prepared": f"Renewal of the certificate of device {check.result['device_id']}: {check.result['reason']}\n"}
    assert check.result["diff"] == diff
    assert diff["prepared"] in check.output
    assert real.result["diff"]["prepared"].startswith("Renewal of the certificate of device ")
    assert "diff" not in again.result
    assert (check.result["changed"], check.result["should_renew"], check.connections) == (True, True, [])
    assert (real.result["changed"], real.result["should_renew"], real.methods) == (True, True, ["POST", "GET"])
    assert (again.result["changed"], again.result["should_renew"], again.connections) == (False, False, [])
    assert "Renewal is not due" in again.result["reason"]


KEYS = {
    "same": lambda key: isinstance(key.curve, ec.SECP256R1),
    "rsa_2048": lambda key: isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048,
    "rsa_3072": lambda key: key.key_size == 3072,
    "rsa_4096": lambda key: key.key_size == 4096,
    "ecdsa_p256": lambda key: isinstance(key.curve, ec.SECP256R1),
    "ecdsa_p384": lambda key: isinstance(key.curve, ec.SECP384R1),
    "ecdsa_p521": lambda key: isinstance(key.curve, ec.SECP521R1),
    "ed25519": lambda key: isinstance(key, ed25519.Ed25519PublicKey),
}


@pytest.mark.thorough
def test_a_new_key_of_each_kind(player, simulator, tmp_path):
    devices = {key_type: Device(player, tmp_path / key_type) for key_type in KEYS}
    old = devices["same"].files
    tasks = [device.task(regenerate_key=True, key_type=key_type) for key_type, device in devices.items()]
    checks = player.check(*tasks)
    assert all(device.files == old for device in devices.values())
    outcomes = player._run([task for task in tasks for _twice in range(2)], [])
    for number, (key_type, device) in enumerate(devices.items()):
        real, again = outcomes[2 * number : 2 * number + 2]
        assert_renewed(checks[number], real, again)
        assert KEYS[key_type](device.leaf.public_key()), key_type
        assert sorted(device.files) == ["device.key", "device.pem"]
        assert device.files["device.key"] != old["device.key"]
        assert stat.S_IMODE(device.key.stat().st_mode) == 0o600
        assert [connection.fingerprint for connection in real.connections] == [
            simulator.certificates["access-point"].fingerprint,
            device.leaf.fingerprint(hashes.SHA256()).hex(),
        ]
        keys = (
            openssl("x509", "-in", device.certificate, "-noout", "-pubkey"),
            openssl("pkey", "-in", device.key, "-pubout"),
        )
        assert keys[0] == keys[1]
    again = player.run(*(device.task(INFO) for device in devices.values()))
    assert [outcome.methods for outcome in again] == [["GET"]] * len(devices)


def test_the_key_is_kept(player, simulator, device):
    old = device.files
    (check,) = player.check(device.task(backup=True))
    assert device.files == old
    real, again = player._run([device.task(backup=True)] * 2, [])
    assert_renewed(check, real, again)
    assert device.files["device.key"] == old["device.key"]
    (backup,) = real.result["backup_files"]
    assert Path(backup).read_bytes() == old["device.pem"]
    assert len(device.files) == 3
    # What openssl says of it.
    root = simulator.certificates.ca
    assert "OK" in openssl("verify", "-CAfile", root, "-untrusted", device.certificate, device.certificate)
    days = real.result["certificate"]["remaining_days"]
    openssl("x509", "-in", device.certificate, "-noout", "-checkend", str(days * 86400))
    with pytest.raises(subprocess.CalledProcessError):
        openssl("x509", "-in", device.certificate, "-noout", "-checkend", str((days + 1) * 86400))
    serial = openssl("x509", "-in", device.certificate, "-noout", "-serial").strip().removeprefix("serial=")
    assert int(serial, 16) == real.result["certificate"]["serial_number"]
    assert real.result["certificate"]["subject"] == check.result["certificate"]["subject"] == "CN=access-point"
    assert real.result["certificate"]["fingerprint"] == device.leaf.fingerprint(hashes.SHA256()).hex()
    assert real.result["certificate_id"]
    assert real.result["certificate_request_id"]


@pytest.mark.thorough
def test_owners_modes_and_links_stay(player, tmp_path):
    device = Device(player, tmp_path / "real")
    together = device.folder / "both.pem"
    together.write_bytes(device.certificate.read_bytes() + device.key.read_bytes())
    together.chmod(0o640)
    os.chown(together, 12, 34)
    link = tmp_path / "linked.pem"
    link.symlink_to(Path("real", "both.pem"))
    kept = {"client_cert": str(link), "client_key": None}
    (check,), (real, again) = player.check_and_run([device.task(**kept)], [device.task(**kept)] * 2)
    assert_renewed(check, real, again)
    renewed = player.run_one(device.task(**kept, regenerate_key=True, force=True))
    assert renewed.methods == ["POST", "GET"]
    (mode,) = player.run(device.task(**kept, mode="0600"))
    assert (mode.result["changed"], mode.connections) == (True, [])
    assert link.is_symlink()
    state = together.stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (12, 34, 0o600)
    assert together.read_text().count("PRIVATE KEY-----") == 2
    assert sorted(device.files) == ["both.pem", "device.key", "device.pem"]


@pytest.mark.thorough
def test_a_locked_key_stays_locked(player, simulator, device):
    device.key.write_bytes(simulator.certificates.locked_key.read_bytes())
    for options in ({}, {"regenerate_key": True, "force": True}):
        outcome = player.run_one(device.task(client_key_passphrase=PASSPHRASE, **options))
        assert outcome.methods == ["POST", "GET"], outcome.result
        assert PASSPHRASE not in outcome.output
    serialization.load_pem_private_key(device.key.read_bytes(), PASSPHRASE.encode())
    wrong, none = player.run(
        device.task(client_key_passphrase="wrong", force=True), device.task(force=True, regenerate_key=True)
    )
    for outcome in (wrong, none):
        assert (outcome.result["failure"]["kind"], outcome.connections) == ("invalid_parameters", [])


@pytest.mark.thorough
@pytest.mark.parametrize("other", [None, "directory", "fifo", "slash", "second link", "links to files"])
def test_the_paths_through_a_link_lead_to_the_new_pair(player, tmp_path, other):
    device = Device(player, tmp_path / "device-2026")
    old = device.files
    inner = device.folder / "inner"
    if other == "directory":
        inner.mkdir(mode=0o750)
        os.chown(inner, 33, 33)
    elif other == "fifo":
        os.mkfifo(inner)
    text = {"slash": "device-2026/", "second link": "second", "links to files": "live"}.get(str(other), "device-2026")
    (tmp_path / "second").symlink_to("device-2026")
    (tmp_path / "live").mkdir()
    for name in old:
        (tmp_path / "live" / name).symlink_to(f"../device-2026/{name}")
    link = tmp_path / "current"
    link.symlink_to(text)
    paths = {"client_cert": str(link / "device.pem"), "client_key": str(link / "device.key")}
    outcome, info = player.run(device.task(**paths, regenerate_key=True), device.task(INFO, **paths))
    assert (outcome.methods, info.methods) == (["POST", "GET"], ["GET"]), outcome.result
    assert (link.resolve() != (tmp_path / text).resolve()) is (other in (None, "slash"))
    assert stat.S_IMODE(link.stat().st_mode) == stat.S_IMODE(device.folder.stat().st_mode)
    # A directory that is replaced stays, with the old pair.
    assert (device.key.read_bytes() == old["device.key"]) is (other in (None, "slash"))
    if other == "directory":
        assert (inner.stat().st_uid, inner.stat().st_gid, stat.S_IMODE(inner.stat().st_mode)) == (33, 33, 0o750)


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["same path", "link"])
def test_one_file_by_two_options_keeps_its_key(player, simulator, tmp_path, way):
    device = Device(player, tmp_path / "pki")
    parameters = b"-----BEGIN DH PARAMETERS-----\nMEYCQQ==\n-----END DH PARAMETERS-----\n"
    device.certificate.write_bytes(simulator.certificates["access-point"].both.read_bytes() + parameters)
    device.key.unlink()
    if way == "link":
        device.key.symlink_to("device.pem")
    paths = {} if way == "link" else {"client_key": str(device.certificate)}
    outcomes = player.run(
        device.task(**paths, force=True),
        device.task(INFO, **paths),
        device.task(**paths, force=True, regenerate_key=True),
        device.task(INFO, **paths),
    )
    assert [outcome.methods for outcome in outcomes] == [["POST", "GET"], ["GET"]] * 2, outcomes[0].result
    assert device.certificate.read_bytes().count(b"PRIVATE KEY-----") == 2
    assert parameters in device.certificate.read_bytes()


def mounted(device):
    source = device.folder.parent / "source.pem"
    source.write_bytes(device.certificate.read_bytes())
    return [["mount", "--bind", source, device.certificate]], [["umount", device.certificate]]


def immutable(device):
    return [["chattr", "+i", device.certificate]], [["chattr", "-i", device.certificate]]


def append_only_directory(device):
    return [["chattr", "+a", device.folder]], [["chattr", "-a", device.folder]]


def read_only(device):
    mount = ["mount", "--bind", device.folder, device.folder]
    return [mount, ["mount", "-o", "remount,ro,bind", device.folder]], [["umount", device.folder]]


def full(device):
    mount = ["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", device.folder]
    files = ["cp", device.certificate, device.key, device.folder.parent]
    copy = ["cp", device.folder.parent / "device.pem", device.folder.parent / "device.key", device.folder]
    return [files, mount, copy], [["umount", device.folder]]


@pytest.mark.thorough
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can mount and set flags.")
@pytest.mark.parametrize("prevent", [mounted, immutable, append_only_directory, read_only, full])
def test_a_certificate_that_cannot_be_stored_is_not_requested(player, device, prevent):
    before, after = prevent(device)
    try:
        for command in before:
            subprocess.run(command, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"This system cannot do that: {error.stderr}")
    try:
        old = device.files
        task = device.task(regenerate_key=True)
        (check,), (real,) = player.check_and_run([task], [task])
        assert device.files == old
    finally:
        for command in after:
            subprocess.run(command, check=True)
    for outcome in (check, real):
        assert (outcome.result["failure"]["kind"], outcome.connections) == ("file_write_failed", []), outcome.result
    assert check.result["msg"] == real.result["msg"] or prevent is full


@pytest.mark.thorough
def test_devices_of_one_directory_are_renewed_at_the_same_time(player, simulator, tmp_path):
    devices = simulator.add_devices(5)
    folder, inventory = tmp_path / "sensors", tmp_path / "hosts.ini"
    folder.mkdir()
    for device in devices:
        leaf = simulator.certificates[device.name]
        (folder / f"{device.name}.pem").write_bytes(leaf.pem.read_bytes())
        (folder / f"{device.name}.key").write_bytes(leaf.key.read_bytes())
    inventory.write_text("".join(f"{device.name} id={device.id}\n" for device in devices))
    paths = {
        "client_cert": f"{folder}/{{{{ inventory_hostname }}}}.pem",
        "client_key": f"{folder}/{{{{ inventory_hostname }}}}.key",
    }
    task = player.task(module=MODULE, device_id="{{ id }}", force=True, regenerate_key=True, **paths)
    simulator.script(*[Answer(method="POST", delay=1.0) for _device in devices])
    play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
    environment = {"ANSIBLE_TRANSPORT": "local", "ANSIBLE_PYTHON_INTERPRETER": TARGET}
    ran = run_playbook(tmp_path, [play], "-i", inventory, "--forks", "5", environment=environment)
    assert ran.return_code == 0, ran.output
    assert len(list(folder.iterdir())) == 10
    for device in devices:
        assert key_matches(str(folder / f"{device.name}.pem"), str(folder / f"{device.name}.key"), None)


@pytest.mark.thorough
def test_when_it_is_due(player, device):
    outcomes = player.check(
        device.task(remaining_days=29),
        device.task(),
        device.task(remaining_percentage=96),
        device.task(remaining_percentage=97),
        device.task(remaining_days=1, remaining_percentage=97),
        device.task(remaining_days=0, force=True),
        device.task(remaining_days=1000),
    )
    assert [outcome.result["should_renew"] for outcome in outcomes] == [False, True, False, True, True, True, False]
    assert all(outcome.connections == [] for outcome in outcomes)


@pytest.mark.thorough
def test_a_request_can_be_given(player, device, tmp_path):
    subject = ["-subj", "/CN=access-point"]
    request, foreign = tmp_path / "device.csr", tmp_path / "foreign.csr"
    openssl("req", "-new", "-key", device.key, *subject, "-out", request)
    openssl(
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "foreign.key", *subject, "-out", foreign
    )
    attributes = [{"id": "subject.organization_name", "value": "Harbour"}]
    by_path = player.run_one(
        device.task(csr_path=str(request), certificate_profile_attributes=attributes, device_attributes=attributes)
    )
    by_content = player.run_one(device.task(csr_content=request.read_text(), force=True))
    assert [outcome.methods for outcome in (by_path, by_content)] == [["POST", "GET"]] * 2
    payload = by_path.requests[0].payload
    assert payload["csr"] == request.read_text()
    assert payload["certificate_profile_attributes"] == payload["device_attributes"] == attributes
    assert list(by_content.requests[0].payload) == ["csr"]
    for outcome, words in zip(
        player.run(
            device.task(csr_path=str(foreign)),
            device.task(csr_path=str(tmp_path / "nothing")),
            device.task(csr_content="-----BEGIN CERTIFICATE REQUEST-----"),
            device.task(csr_path=str(request), csr_content=""),
            device.task(csr_path=str(request), regenerate_key=True),
            device.task(key_type="ecdsa_p256", remaining_days=-1, remaining_percentage=101),
            device.task(
                client_cert=None, client_cert_content="first-word", client_key=None, client_key_content="other-word"
            ),
        ),
        (
            ["csr_path", "does not match the key"],
            ["csr_path", "No such file"],
            ["csr_content cannot be used"],
            ["mutually exclusive: csr_path|csr_content"],
            ["csr_path and regenerate_key are mutually exclusive"],
            ["key_type requires regenerate_key", "remaining_days is -1", "remaining_percentage is 101"],
            ["client_cert_content cannot be renewed", "client_key_content cannot be renewed"],
        ),
        strict=True,
    ):
        assert (outcome.result["failure"]["kind"], outcome.connections) == ("invalid_parameters", [])
        for word in words:
            assert word in outcome.result["msg"]


def answers(simulator) -> dict[str, tuple[list[Answer], str, list[str]]]:
    """What the service can do wrong -> its answers, the kind of failure, and what the message says."""

    def instead(make: t.Callable[[bytes], bytes]) -> Answer:
        """Answer with another certificate than the right one, made from the request."""

        def alter(content: dict[str, t.Any]) -> None:
            content["pem"] = make(simulator.requests[-1].payload["csr"].encode()).decode()

        return Answer(method="POST", alter=alter)

    intermediate, root = simulator.certificates.intermediate, simulator.certificates.authority
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pending = {"certificate_request_id": "r-1", "status": "PENDING_APPROVAL", "result": "PENDING"}
    return {
        "pending": ([Answer(method="POST", body=pending)], "certificate_pending", ["r-1", "PENDING_APPROVAL"]),
        "other key": (
            [instead(lambda _csr: root.sign(key, "access-point", ends=99 * DAY))],
            "invalid_response",
            ["does not match the key of the CSR"],
        ),
        "too short": (
            [instead(lambda csr: intermediate.answer(csr, ends=timedelta(days=3)))],
            "invalid_response",
            ["not after the current certificate"],
        ),
        "other device": (
            [instead(lambda csr: root.sign(x509.load_pem_x509_csr(csr).public_key(), "camera", ends=99 * DAY))],
            "invalid_response",
            ["'CN=camera', not for 'CN=access-point'"],
        ),
        "no certificate": ([instead(lambda _csr: b"-----BEGIN")], "invalid_response", ["no certificate in PEM form"]),
        "broken": (
            [instead(lambda csr: intermediate.answer(csr).replace(b"M", b"N"))],
            "invalid_response",
            ["invalid certificate"],
        ),
        "html": (
            [Answer(method="POST", effect=True, body="<html>")],
            "outcome_unknown",
            ["an HTML page", "may have issued one"],
        ),
        "list": ([Answer(method="POST", body=[])], "outcome_unknown", ["not a JSON object"]),
        "cut": ([Answer(method="POST", cut=True)], "outcome_unknown", ["may have issued one"]),
        "cut after": ([Answer(method="POST", cut=True, effect=True)], "outcome_unknown", ["may have issued one"]),
        "500": ([Answer(method="POST", status=500)], "outcome_unknown", ["500", "may have issued one"]),
        "503": ([Answer(method="POST", status=503)], "outcome_unknown", ["503", "may have issued one"]),
        "400": ([Answer(method="POST", status=400)], "http_error", ["400"]),
        "not let in": (
            [
                Answer(),
                Answer(method="GET", status=403, body=DENIAL),
                Answer(method="GET"),
                Answer(method="GET", status=403, body=DENIAL),
            ],
            "certificate_unverified",
            ["verification of the certificate failed", "current certificate and its key are unchanged"],
        ),
        "gone": (
            [Answer(), Answer(method="GET", cut=True, times=2)],
            "certificate_unverified",
            ["sent no complete response"],
        ),
    }


@pytest.mark.thorough
@pytest.mark.parametrize("regenerate_key", [False, True])
def test_an_answer_that_is_not_right_leaves_all_as_it_was(player, simulator, device, regenerate_key):
    old = device.files
    wrong = answers(simulator)
    # Nothing but the last two gets as far as a GET, so each task meets its own answers.
    script = [answer for answers_of_task, _kind, _words in wrong.values() for answer in answers_of_task]
    task = device.task(regenerate_key=regenerate_key, retries=1)
    outcomes = player._run([task] * len(wrong), [], script=script)
    for outcome, (name, (_answers, kind, words)) in zip(outcomes, wrong.items(), strict=True):
        assert outcome.failed, name
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == (kind, False), outcome.result["msg"]
        assert outcome.methods.count("POST") == 1, name
        for word in (*words, "Device "):
            assert word in outcome.result["msg"]
        assert outcome.result["certificate_request_id"] == ("r-1" if name == "pending" else None)
    assert device.files == old
    assert device.opens()


@pytest.mark.thorough
def test_a_request_is_repeated_only_where_it_did_not_act(player, device):
    script = [
        Answer(method="POST", status=503, headers={"Retry-After": "0"}),
        Answer(method="POST", status=503, headers={"Retry-After": "0"}),
    ]
    (outcome,) = player._run([device.task(retries=2)], [], script=script)
    assert outcome.methods == ["POST"] * 3 + ["GET"]
    (outcome,) = player._run([device.task(force=True)], [], script=script[:1])
    assert (outcome.result["failure"]["kind"], outcome.methods) == ("http_error", ["POST"])


@pytest.mark.thorough
def test_a_device_that_may_not_read_or_not_renew(player, simulator, device):
    record = simulator.records["access-point"]
    record.device_api_allow_read = False
    (outcome,) = player._run([device.task()], [])
    assert (outcome.result["changed"], outcome.methods) == (True, ["POST", "GET", "GET"])
    assert "could not be verified" in " ".join(outcome.result["warnings"])
    record.device_api_allow_renew_certificate = False
    (outcome,) = player._run([device.task(force=True)], [])
    assert (outcome.result["failure"]["kind"], outcome.methods) == ("renewal_denied", ["POST"])
    assert "device_api_allow_renew_certificate" in outcome.result["msg"]


@pytest.mark.thorough
def test_an_expired_certificate_cannot_renew_itself(player, simulator, device):
    leaf = simulator.certificates["expired"]
    paths = {"client_cert": str(leaf.pem), "client_key": str(leaf.key)}
    (check,) = player.check(device.task(**paths))
    assert check.result["should_renew"]
    assert check.result["certificate"]["remaining_days"] == -2
    assert "digicert_iot_device_enrollment" in " ".join(check.result["warnings"])
    (outcome,) = player._run([device.task(**paths)], [])
    assert outcome.result["failure"]["kind"] == "handshake_failed"
    assert "have an operator issue a new certificate" in outcome.result["msg"]


@pytest.mark.thorough
def test_an_interrupted_renewal_is_completed_by_modules_that_write(player, device):
    old_key = device.key.read_bytes()
    player._run([device.task(regenerate_key=True)], [])
    # The state between the two renames.
    new_key, waiting = device.key.read_bytes(), device.folder / "device.key.next"
    device.key.rename(waiting)
    device.key.write_bytes(old_key)
    between = device.files
    record = "edgeops.digicert.digicert_iot_device"
    checks = player.check(device.task(INFO), device.task(record, fields=[]), device.task())
    assert [(check.result["changed"], check.methods) for check in checks] == [
        (False, ["GET"]),
        (True, ["GET"]),
        (True, []),
    ]
    (info,) = player._run([device.task(INFO)], [])
    assert (info.methods, info.result["changed"], device.files) == (["GET"], False, between)
    (outcome, again) = player._run([device.task(record, fields=[])] * 2, [])
    assert (outcome.methods, outcome.result["changed"], again.result["changed"]) == (["GET"], True, False)
    assert outcome.result["diff"]["after"]["certificate_renewal"] == "completed"
    assert "completed an interrupted renewal" in " ".join(outcome.result["warnings"])
    assert device.files == {"device.pem": between["device.pem"], "device.key": new_key}
    # An attempt that ended before it had a response.
    waiting.write_bytes(b"nothing")
    outcomes = [player.run_one(task) for task in (device.task(INFO), device.task(regenerate_key=True, force=True))]
    assert [outcome.methods for outcome in outcomes] == [["GET"], ["POST", "GET"]]
    assert sorted(device.files) == ["device.key", "device.pem"]


def test_keys_do_not_leave_the_host(player, device):
    old = device.key.read_text()
    (outcome,) = player._run([device.task(regenerate_key=True)], [], environment={"ANSIBLE_VERBOSITY": "4"})
    for line in (*old.splitlines()[1:-1], *device.key.read_text().splitlines()[1:-1]):
        assert line not in outcome.output
        assert not any(line.encode() in request.body for request in outcome.requests)


def test_files_that_cannot_be_replaced_cost_no_certificate(player, device):
    (device.folder / "device.pem.part").mkdir()
    (outcome,) = player._run([device.task()], [])
    assert (outcome.result["failure"]["kind"], outcome.connections) == ("file_write_failed", [])
    assert "device.pem.part" in outcome.result["msg"]


# EST


class EstDevice(Device):
    """The access point, which renews by EST, by default without its record."""

    def task(self, module: str = MODULE, **options: t.Any) -> dict[str, t.Any]:
        est = {"device_id": None, "api_url": None, "est_url": self.player.simulator.est_url}
        return super().task(module, **{**(est if module == MODULE else {}), **options})

    def is_renewed(self, names: t.Sequence[str] = ("device.key", "device.pem")) -> bool:
        """Say whether there is a pair whose certificate is the last one of the server, and no other file."""
        return (
            sorted(self.files) == sorted(names)
            and self.leaf == self.player.simulator.est.issued[-1]
            and key_matches(str(self.certificate), str(self.key), None)
        )


@pytest.fixture
def est_devices(player, tmp_path):
    """A function that returns devices with the same certificate, each with a directory of its own."""

    def make(count: int) -> list[EstDevice]:
        return [EstDevice(player, tmp_path / f"pki-{number}") for number in range(count)]

    return make


RENEWED = ["GET csrattrs", "POST simplereenroll"]
READ = "GET cacerts"


def test_est_renews_and_verifies_the_new_certificate(est_devices, player, simulator, tmp_path):
    record = simulator.records["access-point"]
    verified = {"device_id": record.id, "api_url": simulator.url}
    request, ca_certificates = tmp_path / "device.csr", tmp_path / "ca-certificates.pem"
    devices = est_devices(4)
    openssl("req", "-new", "-key", devices[0].key, "-subj", "/CN=access-point", "-out", request)
    options = [
        {},
        {**verified, "regenerate_key": True, "key_type": "rsa_2048"},
        {"csr_path": str(request), "ca_certs_path": str(ca_certificates)},
        {**verified, "backup": True},
    ]
    old = devices[0].files
    tasks = [device.task(**each) for device, each in zip(devices, options, strict=True)]
    (checks, outcomes) = player.check_and_run(tasks, [task for task in tasks for _twice in range(2)])
    requests = [
        [*RENEWED, READ],
        [*RENEWED, f"GET {record.id}"],
        [READ, *RENEWED, READ],
        [*RENEWED, f"GET {record.id}"],
    ]
    for number, device in enumerate(devices):
        real, again = outcomes[2 * number : 2 * number + 2]
        for outcome in (checks[number], real, again):
            assert not outcome.failed, outcome.result
        assert (checks[number].result["changed"], checks[number].connections) == (True, [])
        assert (real.result["changed"], real.operations) == (True, requests[number])
        assert (again.result["changed"], again.connections) == (False, [])
        issued = simulator.est.issued[number]
        assert (device.leaf, real.result["certificate_id"]) == (issued, None)
        assert (device.files["device.key"] == old["device.key"]) is (number != 1)
        assert key_matches(str(device.certificate), str(device.key), None)
        assert len(device.files) == 2 + (number == 3)
        prints = {request.path: request.connection.fingerprint for request in real.requests}
        assert prints[real.requests[-1].path] == issued.fingerprint(hashes.SHA256()).hex()
        assert real.requests[-2].connection.fingerprint == simulator.certificates["access-point"].fingerprint
        assert all(request.header("Authorization") is None for request in real.requests)
    assert x509.load_pem_x509_certificates(ca_certificates.read_bytes()) == simulator.est.ca_certificates
    (backup,) = outcomes[6].result["backup_files"]
    assert Path(backup).read_bytes() == old["device.pem"]
    posted = base64.b64decode(outcomes[4].requests[2].body)
    assert x509.load_der_x509_csr(posted) == x509.load_pem_x509_csr(request.read_bytes())
    assert len(simulator.est.issued) == 4


@pytest.mark.thorough
def test_est_repeats_a_pending_renewal_when_the_server_accepts_it(est_devices, simulator, player):
    (device,) = est_devices(1)
    old = device.files
    simulator.est.pending, simulator.est.retry_after = 1, 600
    task = device.task(regenerate_key=True)
    pending, early = player._run([task, task], [])
    assert {name: content for name, content in device.files.items() if name in old} == old
    assert sorted(device.files) == ["device.key", "device.key.unfinished", "device.pem"]
    assert stat.S_IMODE((device.folder / "device.key.unfinished").stat().st_mode) == 0o600
    _passed, real, again = player._run([after_the_wait(device.folder), task, task], [])
    for outcome in (pending, early):
        assert (outcome.result["failure"]["kind"], outcome.result["changed"]) == ("certificate_pending", False)
    assert (pending.operations, early.connections, real.operations) == (RENEWED, [], [*RENEWED[1:], READ])
    assert (real.failed, real.result["changed"], again.result["changed"]) == (False, True, False), real.result
    assert pending.requests[1].body == real.requests[0].body
    assert (len(simulator.est.issued), again.connections) == (1, [])
    assert device.is_renewed()
    assert device.files["device.key"] != old["device.key"]


@pytest.mark.thorough
def test_est_repeats_a_renewal_whose_outcome_is_unknown(est_devices, simulator, player):
    (device,) = est_devices(1)
    task = device.task(regenerate_key=True)
    lost, real = player._run([task, task], [], script=[Answer(path="/simplereenroll", effect=True, cut=True)])
    assert (lost.result["failure"]["kind"], lost.operations) == ("outcome_unknown", RENEWED)
    assert (real.failed, real.operations) == (False, [*RENEWED[1:], READ]), real.result
    assert lost.requests[1].body == real.requests[0].body
    assert len(simulator.est.issued) == 2
    assert device.is_renewed()


@pytest.mark.thorough
def test_est_verifies_an_issued_certificate_again_and_requests_no_other(est_devices, simulator, player):
    (device,) = est_devices(1)
    old = device.files
    task = device.task(regenerate_key=True)
    denied = [Answer(), Answer(path="/simplereenroll"), Answer(path="/cacerts", status=500)]
    late, real, again = player._run([task] * 3, [], script=denied)
    assert (late.result["failure"]["kind"], late.result["changed"]) == ("certificate_unverified", False)
    assert "The next run verifies it again." in late.result["msg"]
    assert (late.operations, real.operations, again.operations) == ([*RENEWED, READ], [READ], [])
    assert (real.failed, real.result["changed"], again.result["changed"]) == (False, True, False), real.result
    assert len(simulator.est.issued) == 1
    assert device.is_renewed()
    assert device.files["device.key"] != old["device.key"]


@pytest.mark.thorough
def test_est_meets_the_csr_attributes_of_a_renewal(est_devices, simulator, player, tmp_path):
    template, unknown, other, kept, given = est_devices(5)
    request = tmp_path / "device.csr"
    openssl("req", "-new", "-key", given.key, "-subj", "/CN=access-point", "-out", request)
    tasks = [
        template.task(regenerate_key=True, key_type="ecdsa_p384"),
        unknown.task(),
        other.task(regenerate_key=True),
        kept.task(),
        given.task(csr_path=str(request)),
    ]
    script = [served(each) for each in (TEMPLATE, UNKNOWN, OTHER_KEY, OTHER_KEY, TEMPLATE)]
    outcomes = player._run(tasks, [], script=script)
    for outcome in outcomes[:2]:
        assert (outcome.failed, outcome.operations) == (False, [*RENEWED, READ]), outcome.result
    sent = x509.load_der_x509_csr(base64.b64decode(outcomes[0].requests[1].body))
    assert isinstance(sent.signature_hash_algorithm, hashes.SHA384)
    assert isinstance(sent.public_key().curve, ec.SECP384R1)
    assert list(sent.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert template.leaf == simulator.est.issued[0]
    assert all(oid in outcomes[1].result["warnings"][0] for oid in IGNORED)
    words = ["ecdsa_p521, but the key of the CSR has the type ecdsa_p256", "Use such a key", "has the type ecdsa_p256"]
    for device, outcome, word in zip((other, kept, given), outcomes[2:], words, strict=True):
        assert (outcome.result["failure"]["kind"], outcome.operations) == ("invalid_parameters", RENEWED[:1])
        assert word in outcome.result["msg"], outcome.result["msg"]
        assert sorted(device.files) == ["device.key", "device.pem"]
    assert len(simulator.est.issued) == 2


@pytest.mark.thorough
def test_est_denies_a_renewal(est_devices, simulator, player):
    device, expired, firewall, wrong = est_devices(4)
    leaf = simulator.certificates["expired"]
    expired.certificate.write_bytes(leaf.pem.read_bytes())
    expired.key.write_bytes(leaf.key.read_bytes())
    simulator.records["access-point"].device_api_allow_renew_certificate = False
    old = device.files
    tasks = [
        device.task(),
        firewall.task(),
        expired.task(),
        wrong.task(est_url=simulator.est_url.replace("IOT_", "IOT_0")),
    ]
    script = [Answer(path="/simplereenroll"), Answer(path="/simplereenroll", status=403, body="<html>")]
    outcomes = player._run(tasks, [], script=script)
    kinds = ["renewal_denied", "http_error", "handshake_failed", "http_error"]
    assert [outcome.result["failure"]["kind"] for outcome in outcomes] == kinds
    words = [
        "Check that client_cert is a certificate of this server",
        "403",
        "digicert_iot_device_enrollment",
        "est_url",
    ]
    for outcome, word in zip(outcomes, words, strict=True):
        assert word in outcome.result["msg"], outcome.result["msg"]
        assert "api_url" not in outcome.result["msg"]
        assert not outcome.result["changed"]
        assert outcome.result["device_id"] is None
    assert [outcome.operations for outcome in outcomes] == [RENEWED, RENEWED, [], RENEWED]
    assert device.files == firewall.files == wrong.files == old
    assert sorted(expired.files) == ["device.key", "device.pem"]


@pytest.mark.thorough
def test_est_options_of_a_renewal_that_exclude_each_other_cost_no_request(est_devices, player, tmp_path):
    (device,) = est_devices(1)
    attributes, path = [{"id": "a", "value": "b"}], str(tmp_path / "ca.pem")
    cases = [
        ("mutually exclusive: est_url|device_attributes", {"device_attributes": attributes}),
        ("mutually exclusive: est_url|certificate_profile_attributes", {"certificate_profile_attributes": attributes}),
        ("One of device_id and est_url is required.", {"est_url": None}),
        ("required by 'ca_certs_path'", {"est_url": None, "device_id": "d", "ca_certs_path": path}),
        ("required by 'ca_certs_fingerprint'", {"ca_certs_fingerprint": "0" * 64}),
        ("ca_certs_path requires ca_certs_fingerprint", {"ca_path": path, "ca_certs_path": path}),
        ("ca_certs_path: the directory", {"ca_certs_path": str(tmp_path / "none/ca.pem")}),
        ("est_url is not a base URL", {"est_url": "https://user:word@localhost"}),
        ("csr_path and regenerate_key are mutually exclusive", {"csr_path": path, "regenerate_key": True}),
    ]
    tasks = [device.task(**options) for _words, options in cases]
    for (words, _options), outcome in zip(cases, player._run(tasks, []), strict=True):
        assert (outcome.failed, outcome.connections) == (True, []), words
        assert words in outcome.result["msg"], outcome.result["msg"]
    assert sorted(device.files) == ["device.key", "device.pem"]


@pytest.mark.thorough
def test_est_fetches_missing_ca_certificates_without_a_renewal(est_devices, simulator, player, tmp_path):
    (device,) = est_devices(1)
    path = tmp_path / "ca.pem"
    fingerprint = simulator.est.ca_certificates[0].fingerprint(hashes.SHA256()).hex()
    kept = {"remaining_days": 1, "ca_certs_path": str(path)}
    old = device.files
    tasks = [device.task(**kept), device.task(**kept, ca_certs_fingerprint=fingerprint)]
    (check,), (real, again) = player.check_and_run(tasks[:1], tasks)
    assert (check.failed, check.result["changed"], check.connections) == (False, True, []), check.result
    assert (real.result["changed"], real.result["should_renew"], real.operations) == (True, False, [READ])
    assert (again.result["changed"], again.connections, device.files) == (False, [], old)
    assert real.requests[0].connection.fingerprint == simulator.certificates["access-point"].fingerprint
    assert x509.load_pem_x509_certificates(path.read_bytes()) == simulator.est.ca_certificates
