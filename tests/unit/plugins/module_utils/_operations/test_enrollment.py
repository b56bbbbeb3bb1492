# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_options import (
    enrollment_argument_spec,
    enrollment_connection_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    CertificateFiles,
    Reservation,
    key_matches,
    locked,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    create_csr,
    dump_csr,
    load_csr,
    make_key,
    read_chain,
    read_key,
    same_key,
    write_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import IssuedCertificate
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import enrollment as _enrollment
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import issuing as _issuing
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.enrollment import (
    enroll_when_needed,
    parse_enrollment_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis, Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

SPEC = {**enrollment_connection_argument_spec(), **enrollment_argument_spec()}
TSS = "-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n"
# What a file can be that is no certificate and no key.
GARBAGE = "no PEM\n"


class Host:
    """A host with an empty folder for its pair, and a service that issues certificates for ten days."""

    def __init__(self, folder, make_leaf):
        self.make_leaf, self.folder = make_leaf, folder
        self.certificate, self.key = folder / "device.pem", folder / "device.key"
        self.warnings, self.requests, self.candidates, self.attributes_of = [], [], [], []
        self.attributes_differ = False
        self.csr_attributes, self.ca_certificates = NO_ATTRIBUTES, None
        self.ca = make_leaf(subject={"COMMON_NAME": "CA"})
        # What the service does with a request, and with a read by the new certificate.
        self.issue = lambda request: self.issued(request).certificate + self.ca.certificate
        self.reads = []

    def issued(self, request, **changes):
        """A certificate for the key of a request."""

        class Key:
            public_key = staticmethod(request.public_key)

        return self.make_leaf(**{"ends": 10, "key": Key(), "signer": self.ca, **changes})

    def lay(self, leaf, one_file=False):
        """Put a pair there."""
        self.certificate.write_text(leaf.certificate + (leaf.key if one_file else ""))
        if not one_file:
            self.key.write_text(leaf.key)
        for path in (self.certificate, *([] if one_file else [self.key])):
            path.chmod(0o600)

    def request(self, csr):
        """Stand for the API of the enrollment."""
        self.requests.append(load_csr(csr.encode()))
        self.on_disk = self.files
        pem = self.issue(self.requests[-1])
        if isinstance(pem, Exception):
            raise pem
        return IssuedCertificate(pem, "c-1", "r-1", None)

    def read(self, candidate):
        """Stand for the device API."""
        self.candidates.append(candidate)
        answer = self.reads.pop(0) if self.reads else None
        if answer is not None:
            raise answer

    def set_attributes(self, path):
        self.attributes_of.append(os.path.relpath(path, str(self.folder)))
        return self.attributes_differ

    def enroll(self, check_mode=False, **options):
        """Run what the module runs."""
        usual = {
            **{option: rule.get("default") for option, rule in SPEC.items()},
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
            "enrollment_profile_id": "IOT_1",
            "device_identifier": "gate-7",
            "passcode": "hush-hush",
            "retries": 0,
        }
        task = parse_enrollment_task({**usual, **options})
        issuer = Issuer(self.request, lambda: self.csr_attributes)
        apis = Apis(lambda: issuer, self.read, self.ca_certificates)
        return enroll_when_needed(task, apis, self.set_attributes, Runtime(self.warnings.append, check_mode))

    def fail(self, error=_errors.InvalidParametersError, **options):
        """Run what must fail with this error, and return the error."""
        with pytest.raises(error) as caught:
            self.enroll(**options)
        return caught.value

    @property
    def files(self):
        return {name: (self.folder / name).read_text() for name in os.listdir(str(self.folder))}

    @property
    def unfinished(self):
        return self.folder / "device.key.unfinished"

    def is_enrolled(self, passphrase=None):
        """Say whether there is a pair with the key of the last request, and nothing else."""
        assert set(self.files) - {"device.pem", "device.key"} == set()
        assert same_key(read_chain(self.certificate.read_bytes())[0], self.requests[-1])
        return key_matches(str(self.certificate), str(self.key), passphrase)


@pytest.fixture
def host(tmp_path, make_leaf):
    (tmp_path / "pki").mkdir()
    return Host(tmp_path / "pki", make_leaf)


@pytest.fixture
def expired(make_leaf):
    return make_leaf(begins=-10, ends=-1)


def test_a_first_certificate_is_requested_and_stored(host):
    outcome = host.enroll()
    assert host.is_enrolled()
    assert (outcome.changed, outcome.decision.should_enroll, outcome.issued.ids()) == (
        True,
        True,
        {"certificate_id": "c-1", "certificate_request_id": "r-1"},
    )
    assert outcome.facts.subject == "CN=device"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (host.certificate, host.key)] == [0o644, 0o600]
    assert host.attributes_of == ["device.pem.part"]
    assert host.requests[0].subject.rfc4514_string() == "CN=gate-7"
    # The key of the request was on the disk before it, readable by nobody else.
    assert host.files["device.key"] in host.on_disk["device.key.unfinished"]
    again = host.enroll()
    assert (again.changed, again.decision.should_enroll, len(host.requests)) == (False, False, 1)
    assert again.facts == outcome.facts
    assert host.attributes_of[1:] == ["device.pem"]


@pytest.mark.parametrize("other", [None, "same path", "link"])
def test_one_file_holds_both(host, other):
    path = {None: None, "same path": str(host.certificate), "link": str(host.folder / "../link.pem")}[other]
    if other == "link":
        os.symlink(str(host.certificate), path)
    outcome = host.enroll(client_key=path)
    assert set(host.files) == {"device.pem"}
    assert "device.pem.unfinished" in host.on_disk
    assert key_matches(str(host.certificate), str(host.certificate), None)
    assert stat.S_IMODE(host.certificate.stat().st_mode) == 0o600
    assert outcome.changed
    assert not host.enroll(client_key=path).changed


def test_a_new_key_has_the_type_and_the_passphrase_of_the_task(host):
    host.enroll(key_type="ecdsa_p384", client_key_passphrase="open sesame", device_id="d-1")
    assert "ENCRYPTED" in host.files["device.key"]
    assert "ENCRYPTED" in host.on_disk["device.key.unfinished"]
    assert isinstance(read_key(host.key.read_bytes(), "open sesame").curve, ec.SECP384R1)
    assert host.is_enrolled("open sesame")
    assert host.candidates[0].client_key_passphrase == "open sesame"
    assert not host.enroll(client_key_passphrase="open sesame").changed
    assert "is encrypted: set client_key_passphrase" in str(host.fail())


def test_the_csr_has_the_names_of_the_task(host):
    host.enroll(subject={"O": "Port"}, subject_alt_name=["DNS:gate.example", "IP:192.0.2.1"])
    (request,) = host.requests
    assert request.subject.rfc4514_string() in ("CN=gate-7,O=Port", "O=Port,CN=gate-7")
    names = request.extensions[0].value
    assert [str(name.value) for name in names] == ["gate.example", "192.0.2.1"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("options", [{"subject_alt_name": ["IP:gate"]}, {"subject": {"C": "Netherlands"}}])
def test_names_that_no_csr_can_have_are_rejected(host, options, check_mode):
    assert "subject or subject_alt_name cannot be used" in str(host.fail(check_mode=check_mode, **options))
    assert (host.files, host.requests) == ({}, [])


def test_check_mode_writes_nothing(host, expired):
    outcome = host.enroll(check_mode=True, device_id="d-1")
    assert (outcome.changed, outcome.facts, outcome.decision.should_enroll) == (True, None, True)
    assert (host.files, host.requests, host.candidates, host.attributes_of) == ({}, [], [], ["."])
    host.lay(expired)
    before = host.files
    outcome = host.enroll(check_mode=True)
    assert (outcome.changed, outcome.facts.subject, host.files) == (True, "CN=device", before)
    assert host.requests == []
    assert host.attributes_of[1:] == ["device.pem"]


@pytest.mark.parametrize("one_file", [False, True])
def test_an_expired_pair_is_enrolled_again_with_a_new_key(host, expired, one_file):
    host.lay(expired, one_file)
    with host.certificate.open("a") as file:
        file.write("# a comment\n")
    outcome = host.enroll(client_key=None if one_file else str(host.key))
    assert outcome.changed
    assert outcome.decision.reason.startswith("The certificate expired on ")
    content = host.files["device.pem"]
    assert content.endswith("# a comment\n")
    assert expired.certificate not in content
    assert expired.key not in "".join(host.files.values())
    holder = host.certificate if one_file else host.key
    assert key_matches(str(host.certificate), str(holder), None)
    assert stat.S_IMODE(holder.stat().st_mode) == 0o600
    assert len(host.files) == (1 if one_file else 2)
    assert host.attributes_of == ["device.pem"]


def test_an_expired_pair_stays_if_the_task_says_so(host, expired):
    host.lay(expired)
    assert "because reenroll_expired is false" in str(host.fail(reenroll_expired=False))
    outcome = host.enroll(reenroll_expired=False, force=True)
    assert len(outcome.backup_files) == 2
    assert len(host.files) == 4


def test_a_key_that_cannot_be_replaced_is_found_before_the_request(host, expired, make_leaf):
    host.lay(expired)
    with host.certificate.open("a") as file:
        file.write(make_leaf(passphrase="unknown").key)
    for check_mode in (True, False):
        assert "The key of the expired certificate cannot be replaced" in str(host.fail(check_mode=check_mode))
    assert host.requests == []


def test_a_valid_pair_is_never_replaced(host, leaf):
    host.lay(leaf)
    host.attributes_differ = True
    outcome = host.enroll(force=True)
    assert (outcome.changed, outcome.decision.should_enroll, host.requests) == (True, False, [])
    assert host.files == {"device.pem": leaf.certificate, "device.key": leaf.key}


def test_a_key_without_a_certificate_is_kept(host, leaf):
    host.key.write_text(leaf.key)
    host.key.chmod(0o640)
    outcome = host.enroll(device_id="d-1")
    assert outcome.decision.reason.endswith("The request is for the key in client_key.")
    assert host.is_enrolled()
    assert host.files["device.key"] == leaf.key
    assert leaf.key not in host.on_disk["device.key.unfinished"]
    assert stat.S_IMODE(host.key.stat().st_mode) == 0o640
    assert (host.candidates[0].client_key, host.candidates[0].client_key_content) == (str(host.key), None)


# The contents of both files: "cert" is that of a certificate, "key" is that of its key, "other" is another key.
NO_PAIRS = {
    "another key": ("cert", "other"),
    "no key": ("cert", None),
    "no PEM as certificate": (GARBAGE, "key"),
    "no PEM as key": ("cert", GARBAGE),
    "no PEM as key and no certificate": (None, GARBAGE),
    "empty files": ("", ""),
    "a key in hardware and no CSR": (None, TSS),
}


@pytest.mark.parametrize("name", NO_PAIRS)
def test_files_that_are_no_pair_are_replaced_with_force_only(host, make_leaf, name):
    leaf = make_leaf()
    known = {"cert": leaf.certificate, "key": leaf.key, "other": make_leaf().key}
    files = zip(("device.pem", "device.key"), NO_PAIRS[name])
    contents = {file: known.get(content, content) for file, content in files if content is not None}
    for file, content in contents.items():
        (host.folder / file).write_text(content)
        (host.folder / file).chmod(0o600)
    for check_mode in (True, False):
        error = host.fail(check_mode=check_mode)
        assert "set force, which keeps backups." in str(error)
        assert not error.changed
        assert (host.files, host.requests) == (contents, [])
    outcome = host.enroll(force=True)
    assert key_matches(str(host.certificate), str(host.key), None)
    assert sorted(Path(path).read_text() for path in outcome.backup_files) == sorted(contents.values())
    assert not host.enroll(force=True).changed


def test_one_file_with_a_key_only_is_no_pair(host, leaf):
    host.certificate.write_text(leaf.key)
    assert "set force" in str(host.fail(client_key=None))
    host.enroll(client_key=None, force=True)
    assert leaf.key not in host.files["device.pem"]


# A CSR


@pytest.fixture
def hardware(host):
    """The key of a CSR, which is elsewhere, and the options for it."""
    key = make_key("ecdsa_p256")
    csr = dump_csr(create_csr(key, read_chain(host.ca.certificate.encode())[0]))
    return key, {"csr_content": csr, "client_key": None}


@pytest.mark.parametrize("source", ["csr_content", "csr_path"])
@pytest.mark.parametrize("reference", [None, TSS])
def test_a_csr_is_sent_and_no_key_is_made(host, hardware, source, reference, tmp_path):
    key, options = hardware
    if source == "csr_path":
        (tmp_path / "device.csr").write_text(options.pop("csr_content"))
        options["csr_path"] = str(tmp_path / "device.csr")
    if reference:
        host.key.write_text(reference)
        options["client_key"] = str(host.key)
    assert host.enroll(check_mode=True, **options).changed
    outcome = host.enroll(**options)
    assert outcome.changed
    assert same_key(read_chain(host.certificate.read_bytes())[0], key)
    assert stat.S_IMODE(host.certificate.stat().st_mode) == 0o644
    assert len(host.files) == (2 if reference else 1)
    assert "PRIVATE" not in host.files["device.pem"]
    assert not host.enroll(**options).changed
    assert len(host.requests) == 1


def test_an_expired_certificate_of_a_csr_is_replaced(host, hardware):
    _key, options = hardware
    old = host.issued(load_csr(options["csr_content"].encode()), begins=-10, ends=-1)
    host.certificate.write_text(old.certificate)
    assert host.enroll(**options).changed
    assert set(host.files) == {"device.pem"}
    assert old.certificate not in host.files["device.pem"]


def test_a_certificate_of_a_csr_cannot_be_verified_without_its_key(host, hardware):
    host.enroll(device_id="d-1", **hardware[1])
    assert host.candidates == []
    assert host.warnings == ["The new certificate could not be verified, because client_key is not set."]


@pytest.mark.parametrize("content", ["leaf", GARBAGE])
def test_a_certificate_for_another_csr_is_replaced_with_force_only(host, hardware, leaf, content):
    host.certificate.write_text(leaf.certificate if content == "leaf" else content)
    assert "set force" in str(host.fail(**hardware[1]))
    assert len(host.enroll(force=True, **hardware[1]).backup_files) == 1


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "does not exist. Set it to the key of the CSR, or omit it."),
        (GARBAGE, "is not PEM"),
        ("other", "does not match the key of the CSR."),
    ],
)
def test_the_key_in_client_key_is_that_of_the_csr(host, hardware, leaf, content, part):
    if content is not None:
        host.key.write_text(leaf.key if content == "other" else content)
    options = {**hardware[1], "client_key": str(host.key)}
    assert part in str(host.fail(force=True, **options))
    host.key.write_bytes(write_key(hardware[0], None))
    assert host.enroll(**options).changed


def test_an_invalid_csr_is_rejected(host):
    assert "csr_content cannot be used" in str(host.fail(csr_content="x", client_key=None))
    assert "csr_path: /nowhere cannot be used: No such file" in str(host.fail(csr_path="/nowhere", client_key=None))


# What a run leaves, and the next one


UNKNOWN = _errors.OutcomeUnknownError("Lost.")
PENDING = _errors.CertificatePendingError("Pending.")
DENIED = _errors.EnrollmentDeniedError("Denied.")


@pytest.mark.parametrize("answer", [UNKNOWN, PENDING], ids=str)
def test_the_next_run_goes_on_with_the_same_key(host, answer):
    host.issue = lambda _request: answer
    error = host.fail(type(answer))
    assert not error.changed
    assert set(host.files) == {"device.key.unfinished"}
    assert stat.S_IMODE(host.unfinished.stat().st_mode) == 0o600
    # A key that may have a certificate stays whatever the next answer is.
    host.issue = lambda _request: DENIED
    host.fail(_errors.EnrollmentDeniedError)
    assert set(host.files) == {"device.key.unfinished"}
    host.issue = lambda request: host.issued(request).certificate
    host.enroll()
    assert host.is_enrolled()
    assert all(same_key(request, host.requests[0]) for request in host.requests)
    assert len(host.requests) == 3


def test_nothing_is_left_if_no_certificate_was_issued(host):
    host.issue = lambda _request: DENIED
    host.fail(_errors.EnrollmentDeniedError)
    assert host.files == {}


@pytest.mark.parametrize("damage", ["other request", "mode", "truncated", "link", "passphrase"])
def test_an_unfinished_key_that_cannot_be_used_is_replaced(host, damage):
    host.issue = lambda _request: UNKNOWN
    host.fail(_errors.OutcomeUnknownError, client_key_passphrase="one" if damage == "passphrase" else None)
    host.issue = lambda request: host.issued(request).certificate
    content = host.unfinished.read_text()
    if damage == "mode":
        host.unfinished.chmod(0o640)
    elif damage == "truncated":
        host.unfinished.write_text(content[:200])
    elif damage == "link":
        (host.folder.parent / "elsewhere").write_text(content)
        host.unfinished.unlink()
        host.unfinished.symlink_to("../elsewhere")
    host.enroll(device_identifier="gate-8" if damage == "other request" else "gate-7")
    assert not same_key(*host.requests)
    # A certificate can be issued for the key.
    kept = list(host.folder.glob("device.key.unfinished.*~"))
    if damage in ("truncated", "link"):
        assert (kept, host.warnings) == ([], [])
    else:
        assert kept[0].read_text() == content
        assert f"Its key is kept in {kept[0]}." in host.warnings[0]
        kept[0].unlink()
    assert host.is_enrolled()


def unverified():
    return _errors.HandshakeFailedError("Rejected.")


def test_a_certificate_that_is_not_verified_is_kept_and_verified_again(host):
    host.reads = [unverified()]
    error = host.fail(_errors.CertificateUnverifiedError, device_id="d-1")
    assert str(error).endswith(
        f"The certificate is not installed. The next run verifies it again. To request another certificate instead, "
        f"remove {host.unfinished}."
    )
    assert "omit device_id" not in str(error)
    assert set(host.files) == {"device.key.unfinished"}
    outcome = host.enroll(device_id="d-1")
    assert (outcome.issued, outcome.changed, len(host.requests)) == (None, True, 1)
    assert host.is_enrolled()
    assert [candidate.client_cert for candidate in host.candidates] == [None, None]


def test_a_certificate_that_may_not_read_is_kept(host):
    host.reads = [_errors.ReadDeniedError("Denied.")]
    error = host.fail(_errors.CertificateUnverifiedError, device_id="d-1")
    assert "Check that device_id is the ID of gate-7." in str(error)
    host.enroll()
    assert (host.is_enrolled(), len(host.requests)) == (True, 1)


def test_an_unfinished_certificate_that_has_expired_is_requested_again(host):
    host.reads = [unverified()]
    host.fail(_errors.CertificateUnverifiedError, device_id="d-1")
    content = host.unfinished.read_text()
    old = host.issued(host.requests[0], begins=-10, ends=-1).certificate
    host.unfinished.write_text(content.partition("-----BEGIN CERT")[0] + old)
    host.enroll()
    assert same_key(*host.requests)
    assert host.is_enrolled()


@pytest.mark.parametrize("answer", ["another key", "expired", "no PEM"])
def test_an_invalid_certificate_is_not_installed(host, answer):
    other = load_csr(dump_csr(create_csr(make_key("ecdsa_p256"), read_chain(host.ca.certificate.encode())[0])).encode())
    host.issue = {
        "another key": lambda _request: host.issued(other).certificate,
        "expired": lambda request: host.issued(request, begins=-10, ends=-1).certificate,
        "no PEM": lambda _request: "x",
    }[answer]
    error = host.fail(_errors.InvalidResponseError)
    assert "The API issued an invalid certificate (ID c-1)" in str(error)
    assert set(host.files) == {"device.key.unfinished"}


def test_what_a_run_left_after_the_installation_is_removed(host):
    host.reads = [unverified()]
    host.fail(_errors.CertificateUnverifiedError, device_id="d-1")
    left = host.unfinished.read_text()
    host.enroll()
    host.unfinished.write_text(left)
    host.unfinished.chmod(0o600)
    host.enroll(check_mode=True)
    assert host.unfinished.exists()
    assert not host.enroll().changed
    assert host.is_enrolled()


def test_the_key_of_a_certificate_that_is_not_installed_stays(host, leaf):
    host.issue = lambda _request: UNKNOWN
    host.fail(_errors.OutcomeUnknownError)
    host.lay(leaf)
    assert not host.enroll().changed
    assert host.unfinished.exists()


# The disk


def test_a_missing_directory_is_named_and_check_mode_goes_on(host):
    advice = f"the directory {host.folder}/none does not exist. Create it before this task."
    for option in ("client_cert", "client_key"):
        options = {option: str(host.folder / "none/device.pem")}
        assert str(host.fail(**options)) == f"{option}: {advice}"
        host.warnings.clear()
        result = host.enroll(check_mode=True, **options)
        assert (result.changed, result.decision.should_enroll, host.requests) == (True, True, [])
        assert host.warnings == [f"Check mode cannot check the storage. {option}: {advice}"]
    both = {option: str(host.folder / f"none/{option}") for option in ("client_cert", "client_key")}
    assert str(host.fail(**both)) == f"client_cert: {advice}"


def test_a_file_that_cannot_be_read_is_named(host):
    host.certificate.mkdir()
    assert "device.pem cannot be read: Is a directory" in str(host.fail(force=True))


def test_storage_is_checked_before_the_request(host):
    (host.folder / "device.key.part").mkdir()
    for check_mode in (True, False):
        host.fail(_errors.FileWriteError, check_mode=check_mode)
    assert host.requests == []
    os.rmdir(str(host.folder / "device.key.part"))
    host.unfinished.mkdir()
    for check_mode in (True, False):
        host.fail(_errors.FileWriteError, check_mode=check_mode)
    assert host.requests == []


def test_an_installation_that_fails_is_completed_by_the_next_run(host, monkeypatch):
    def fail(_self, _certificate, _key):
        raise _errors.FileWriteError("Full.", changed=True)

    with monkeypatch.context() as patch:
        patch.setattr(Reservation, "install", fail)
        assert host.fail(_errors.FileWriteError).changed
    assert set(host.files) == {"device.key.unfinished"}
    assert host.enroll().issued is None
    assert (host.is_enrolled(), len(host.requests)) == (True, 1)


def test_a_second_enrollment_at_the_same_time_fails(host, expired):
    pair = CertificateFiles(str(host.certificate), str(host.key))
    with locked(pair):
        assert set(host.files) == {"device.pem.lock"}
        assert "Another renewal or enrollment of " in str(host.fail(_errors.FileWriteError))
    assert host.files == {}
    host.lay(expired)
    with locked(pair):
        host.fail(_errors.FileWriteError)
    assert host.requests == []


def test_a_device_that_another_process_enrolled_is_left_alone(host, leaf, monkeypatch):
    real = _enrollment.locked

    def locked_after(pair):
        host.lay(leaf)
        return real(pair)

    monkeypatch.setattr(_enrollment, "locked", locked_after)
    outcome = host.enroll()
    assert (outcome.changed, outcome.decision.should_enroll, host.requests) == (False, False, [])
    assert host.warnings == ["Another process has enrolled the device during this task, so this task did not."]


def test_changed_attributes_are_told_with_an_error(host, expired):
    host.lay(expired)
    host.attributes_differ = True
    host.issue = lambda _request: DENIED
    assert host.fail(_errors.EnrollmentDeniedError).changed


def test_problems_of_the_parameters_come_first(host):
    error = host.fail(device_identifier="", device_id="..", subject={"CN": "x"})
    assert str(error) == (
        "device_identifier must be text of 1 to 255 characters, which is the name of the device. "
        "device_id '..' cannot be the ID of a device."
    )


@pytest.mark.parametrize(
    ("birth", "words"),
    [
        ({"birth_cert": "device.pem"}, "birth_cert and client_cert are the same file"),
        ({"birth_cert": "device.key"}, "birth_cert and client_key are the same file"),
        ({"birth_cert": "birth.pem", "birth_key": "link"}, "birth_key and client_key are the same file"),
    ],
)
def test_the_files_of_the_birth_certificate_are_not_replaced(host, expired, birth, words):
    host.lay(expired)
    (host.folder / "link").symlink_to("device.key")
    before = host.files
    paths = {option: str(host.folder / name) for option, name in birth.items()}
    assert words in str(host.fail(passcode=None, **paths))
    assert (host.requests, host.files) == ([], before)


def test_a_key_in_hardware_can_be_that_of_the_birth_certificate(host, hardware):
    paths = {"birth_cert": str(host.folder / "birth.pem"), "birth_key": str(host.key)}
    host.key.write_text(TSS)
    assert host.enroll(passcode=None, **{**hardware[1], **paths, "client_key": str(host.key)}).changed
    assert host.key.read_text() == TSS


@pytest.mark.parametrize(
    ("found", "device_id"), [("a-1", "a-1"), ("..", None), ("\ud800", None), ("", None), (None, None)]
)
def test_only_a_valid_id_of_a_response_is_returned(host, found, device_id):
    outcome = host.enroll()
    assert outcome._replace(issued=outcome.issued._replace(device_id=found)).device_id == device_id
    assert outcome._replace(issued=None).device_id is None


def requests_of(host, *failures):
    """Let the service fail so often, and return the CSRs that it receives, in PEM format."""
    sent, left, issue = [], list(failures), host.issue

    def answer(request):
        sent.append(dump_csr(request))
        return left.pop(0) if left else issue(request)

    host.issue = answer
    return sent


EST = {"enrollment_profile_id": None, "est_url": "https://est.example/est"}


@pytest.mark.parametrize("has_key", [True, False])
def test_a_request_that_requires_approval_is_repeated(host, make_leaf, has_key):
    if has_key:
        host.key.write_text(make_leaf().key)
        host.key.chmod(0o600)
    failures = [PENDING, UNKNOWN, _errors.ConnectionFailedError("Off.")]
    sent = requests_of(host, *failures)
    for failure in failures:
        host.fail(type(failure), **EST)
        assert host.unfinished.exists()
    host.enroll(**EST)
    assert host.is_enrolled()
    assert (len(sent), len(set(sent))) == (4, 1)


def test_a_request_is_not_repeated_before_its_time(host, monkeypatch):
    failure = _errors.CertificatePendingError("Pending.")
    failure.retry_after = 60.0
    sent = requests_of(host, failure)
    assert str(host.fail(_errors.CertificatePendingError, **EST)) == "Pending."
    # The CA certificates are not read either, and check mode predicts the error.
    host.ca_certificates = FakeCaCertificates()
    for check_mode in (True, False):
        error = host.fail(_errors.CertificatePendingError, check_mode=check_mode, **EST)
        assert "so the module sent no request" in str(error)
        assert not error.changed
    assert set(host.ca_certificates.calls) == {"check"}
    assert len(sent) == 1
    now = _issuing.time.time()
    monkeypatch.setattr(_issuing.time, "time", lambda: now + 61)
    host.enroll(**EST)
    assert host.is_enrolled()


def test_a_request_that_is_rejected_later_is_replaced_by_another_for_its_key(host):
    rejected = _errors.EnrollmentDeniedError("No.", _errors.ErrorDetails(403))
    rejected.is_rejection = True
    # It can be the response of a firewall.
    unknown = _errors.HttpError("No.", _errors.ErrorDetails(403))
    sent = requests_of(host, PENDING, unknown, rejected)
    for kind in (_errors.CertificatePendingError, _errors.HttpError, _errors.EnrollmentDeniedError):
        host.fail(kind, **EST)
    host.enroll(**EST)
    assert host.is_enrolled()
    assert sent[0] == sent[1] == sent[2] != sent[3]
    assert len({load_csr(each.encode()).public_key().public_numbers() for each in sent}) == 1


def test_a_csr_has_what_the_server_requests(host):
    sent = requests_of(host)
    host.csr_attributes = CsrAttributes(key_types=("ecdsa_p384",), required=("2.5.29.17",))
    error = str(host.fail(**EST))
    assert "Set key_type to it." in error
    assert "Set subject_alt_name." in error
    assert (sent, host.files) == ([], {})
    host.enroll(key_type="ecdsa_p384", subject_alt_name=["DNS:gate-7.harbor"], **EST)
    assert host.is_enrolled()


class FakeCaCertificates:
    """Stands for the file of the CA certificates."""

    def __init__(self):
        self.is_missing, self.calls, self.intermediates = False, [], []

    def check(self):
        self.calls.append("check")

    def update(self):
        self.calls.append("update")
        return True


def test_the_ca_certificates_are_written_if_they_are_missing_or_a_certificate_is_requested(host):
    files = host.ca_certificates = FakeCaCertificates()
    host.enroll(True, **EST)
    assert files.calls == ["check"]
    host.issue = lambda _request: DENIED
    assert host.fail(_errors.EnrollmentDeniedError, **EST).changed
    host.issue = lambda request: host.issued(request).certificate
    host.enroll(**EST)
    assert files.calls == ["check", "check", "update", "check", "update"]
    files.calls.clear()
    assert not host.enroll(**EST).changed
    assert files.calls == []
    files.is_missing = True
    assert host.enroll(True, **EST).changed
    assert host.enroll(**EST).changed
    assert files.calls == ["check", "check", "update"]
