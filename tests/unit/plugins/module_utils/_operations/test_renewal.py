# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import connection_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    renewal_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    create_csr,
    dump_csr,
    load_csr,
    make_key,
    read_chain,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import IssuedCertificate
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import issuing as _issuing
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import renewal as _renewal
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import verification as _verification
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis, Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.renewal import (
    parse_renewal_task,
    renew_when_due,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

DEFAULTS = {
    option: rule.get("default") for option, rule in {**connection_argument_spec(), **renewal_argument_spec()}.items()
}


class Host:
    """A host with a certificate that is valid for another day, and a service that issues one for ten days."""

    def __init__(self, folder, make_leaf):
        self.make_leaf = make_leaf
        self.leaf = make_leaf()
        self.folder = folder
        self.certificate, self.key = folder / "device.pem", folder / "device.key"
        self.certificate.write_text(self.leaf.certificate)
        self.key.write_text(self.leaf.key)
        self.key.chmod(0o600)
        self.calls = []
        self.warnings = []
        self.attributes_differ = False
        self.csr_attributes, self.ca_certificates = NO_ATTRIBUTES, None
        # What the service does with a renewal, and with a read by the old certificate and by the new one.
        self.issue = lambda request: self.issued(request, 10).certificate
        self.reads = [None, None]

    def issued(self, request, ends, **changes):
        """A certificate for the key of a request."""

        class Key:
            public_key = staticmethod(request.public_key)

        signer = self.make_leaf(subject={"COMMON_NAME": "CA"})
        return self.make_leaf(ends=ends, key=Key(), signer=signer, **changes)

    def set_attributes(self):
        return self.attributes_differ

    def request(self, csr):
        """Stand for the request for a certificate."""
        self.calls.append("request")
        pem = self.issue(load_csr(csr.encode()))
        return IssuedCertificate(pem, "c-1", "r-1", None)

    def read(self, credentials):
        """Stand for the request that reads with the old certificate, or with the new one."""
        changes = [
            option for option, value in credentials._asdict().items() if value != getattr(self.credentials, option)
        ]
        self.calls.append(("read", sorted(changes)))
        answer = self.reads[bool(changes)]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if answer is not None:
            raise answer

    def open(self):
        self.calls.append("open")
        return Issuer(self.request, lambda: self.csr_attributes)

    def renew(self, check_mode=False, **options):
        """Run what the module runs."""
        own = {"client_cert": str(self.certificate), "client_key": str(self.key), "force": True, "retries": 0}
        task = parse_renewal_task({**DEFAULTS, "device_id": "d-1", **own, **options})
        self.credentials = task.credentials
        apis = Apis(self.open, self.read, self.ca_certificates)
        return renew_when_due(task, apis, self.set_attributes, Runtime(self.warnings.append, check_mode))

    @property
    def unfinished(self):
        return self.folder / "device.key.unfinished"

    @property
    def files(self):
        return {name: (self.folder / name).read_text() for name in os.listdir(str(self.folder))}


@pytest.fixture
def host(tmp_path, make_leaf):
    return Host(tmp_path, make_leaf)


def test_a_certificate_is_renewed(host):
    outcome = host.renew()
    assert host.calls == ["open", "request", ("read", ["client_cert", "client_cert_content"])]
    assert outcome.renewal[1:] == ("c-1", "r-1", None)
    assert host.files == {"device.pem": outcome.renewal.pem, "device.key": host.leaf.key}
    assert outcome.changed
    assert (outcome.facts.not_after - outcome.facts.not_before).days == 11


def test_a_key_is_made(host):
    host.renew(regenerate_key=True, key_type="ecdsa_p384")
    assert host.calls[2][1] == ["client_cert", "client_cert_content", "client_key", "client_key_content"]
    assert host.files.keys() == {"device.pem", "device.key"}
    assert host.files["device.key"] != host.leaf.key


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_one_file_holds_both(host, regenerate_key):
    host.certificate.write_text(host.leaf.certificate + host.leaf.key)
    outcome = host.renew(client_key=None, regenerate_key=regenerate_key)
    assert host.files["device.pem"].startswith(outcome.renewal.pem + "-----BEGIN PRIVATE KEY-----")
    assert (host.leaf.key in host.files["device.pem"]) is not regenerate_key


@pytest.mark.parametrize("options", [{"force": False, "remaining_days": 0}, {"check_mode": True}])
def test_nothing_is_asked_for(host, options):
    before = host.files
    outcome = host.renew(**options)
    assert outcome.decision.should_renew is ("check_mode" in options)
    assert outcome.renewal is None
    assert host.calls == (["open"] if "check_mode" in options else [])
    assert host.files == before
    host.renew(True, regenerate_key=True)
    assert host.files == before


def test_a_request_is_given(host):
    old = read_chain(host.leaf.certificate.encode())[0]
    content = dump_csr(create_csr(host.leaf.private_key, old))
    attributes = [{"id": "subject.organization_name", "value": "Harbour"}]
    host.issue = lambda request: (
        host.issued(request, 10, subject={"COMMON_NAME": "device", "ORGANIZATION_NAME": "Harbour"}).certificate
    )
    sent = []
    host.issue = lambda request, issue=host.issue: sent.append(request) or issue(request)
    assert host.renew(csr_content=content, certificate_profile_attributes=attributes).changed
    assert dump_csr(sent[0]) == content


def test_what_led_to_the_ca_still_does(host, make_leaf):
    signer, foreign = make_leaf(subject={"COMMON_NAME": "CA"}), make_leaf()
    old = make_leaf(key=host.leaf.private_key, signer=signer)
    host.certificate.write_text(old.certificate + signer.certificate)
    host.issue = lambda _request: host.make_leaf(ends=10, key=host.leaf.private_key, signer=signer).certificate
    outcome = host.renew()
    assert host.files["device.pem"] == outcome.renewal.pem + signer.certificate
    # Where another CA has signed, it does not.
    host.certificate.write_text(old.certificate + signer.certificate)
    host.issue = lambda _request: host.make_leaf(ends=10, key=host.leaf.private_key, signer=foreign).certificate
    outcome = host.renew()
    assert host.files["device.pem"] == outcome.renewal.pem


@pytest.mark.parametrize("regenerate_key", [True, False])
@pytest.mark.parametrize(
    ("issue", "words"),
    [
        (lambda host, request: host.issued(request, 0.5).certificate, "expires on"),
        (lambda _host, _request: "nothing", "no certificate in PEM form"),
    ],
)
def test_an_answer_that_does_not_fit_leaves_all_as_it_was(host, issue, words, regenerate_key):
    before = host.files
    host.issue = lambda request: issue(host, request)
    with pytest.raises(_errors.InvalidResponseError, match=f"invalid certificate .ID c-1.: .*{words}"):
        host.renew(regenerate_key=regenerate_key)
    assert host.files == before


def test_a_certificate_that_is_not_let_in_leaves_all_as_it_was(host):
    before = host.files
    for failure in (_errors.HandshakeFailedError("No."), _errors.ReadDeniedError("No.")):
        host.reads[True] = failure
        with pytest.raises(_errors.CertificateUnverifiedError, match=r"No\. The current certificate"):
            host.renew()
        assert host.files == before
    host.reads[False] = _errors.ReadDeniedError("No.")
    host.renew()
    assert "could not be verified" in host.warnings[0]
    assert host.files != before


def test_a_certificate_that_is_not_accepted_at_once_is_tried_again(host, monkeypatch):
    waits = []
    monkeypatch.setattr(_verification.time, "sleep", waits.append)
    host.reads[True] = [_errors.ReadDeniedError("No."), _errors.HandshakeFailedError("No."), None]
    host.renew(retries=2)
    new = ("read", ["client_cert", "client_cert_content"])
    assert host.calls == ["open", "request", new, ("read", []), new, new]
    assert len(waits) == 2
    before = host.files
    host.issue = lambda request: host.issued(request, 20).certificate
    host.reads[True] = [_errors.HandshakeFailedError("No.")] * 3
    with pytest.raises(_errors.CertificateUnverifiedError, match="The next run requests another certificate"):
        host.renew(retries=2)
    assert host.files == before


def test_an_expired_certificate_says_who_can_help(host, make_leaf):
    def shut(_request):
        raise _errors.HandshakeFailedError("It is shut.")

    host.issue = shut
    with pytest.raises(_errors.HandshakeFailedError, match=r"^It is shut\.$"):
        host.renew()
    host.certificate.write_text(make_leaf(-2, -1, key=host.leaf.private_key).certificate)
    with pytest.raises(_errors.HandshakeFailedError, match=r"It is shut\. The certificate has expired"):
        host.renew()
    assert "has expired" in host.warnings[0]


def test_what_something_else_renewed_meanwhile_is_left_alone(host, make_leaf):
    host.open = lambda: host.certificate.write_text(make_leaf(ends=50, key=host.leaf.private_key).certificate)
    outcome = host.renew()
    assert not outcome.decision.should_renew
    assert outcome.facts.not_after.tzinfo
    assert host.calls == []
    assert "Another process" in host.warnings[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"client_cert": None, "client_cert_content": "x"}, "client_cert_content cannot be renewed"),
        ({"client_key_content": "x"}, "client_key_content cannot be renewed"),
        ({"client_cert": "a\0b"}, "client_cert: 'a.x00b' cannot be a path"),
        ({"client_key": "\ud800"}, "client_key: .* cannot be a path"),
        ({"csr_path": "a\0b"}, "csr_path: .* cannot be used: .*embedded null"),
        ({"csr_path": "a", "regenerate_key": True}, "csr_path and regenerate_key are mutually exclusive"),
        ({"key_type": "ecdsa_p256"}, "key_type requires regenerate_key"),
        ({"remaining_days": -1}, "must be 0 or more"),
        ({"client_cert": "/does/not/exist"}, "client_cert: /does/not/exist cannot be read: No such file"),
        ({"client_key": "/does/not/exist"}, "client_key: /does/not/exist cannot be read: No such file"),
        ({"client_key": os.devnull}, "client_key: .* cannot be read"),
        ({"csr_path": "/does/not/exist"}, "csr_path: /does/not/exist cannot be used: No such file"),
        ({"csr_path": os.devnull}, "csr_path: .* cannot be used"),
        ({"csr_content": ""}, "csr_content cannot be used"),
    ],
)
def test_what_is_wrong_with_a_task_costs_no_request(host, options, words):
    with pytest.raises(_errors.InvalidParametersError, match=words):
        host.renew(**options)
    assert host.calls == []


def test_a_request_for_another_key_costs_no_request(host, make_leaf):
    other = read_chain(make_leaf().certificate.encode())[0]
    request = create_csr(make_key("same", other), other)
    with pytest.raises(_errors.InvalidParametersError, match="does not match the key of the certificate"):
        host.renew(csr_content=dump_csr(request), force=False, remaining_days=0)
    assert host.calls == []


def test_what_is_no_certificate_is_named(host):
    host.certificate.write_text("nothing")
    with pytest.raises(_errors.InvalidParametersError, match=r"client_cert: .* is not PEM"):
        host.renew()


def test_a_pair_that_openssl_rejects_costs_no_request_even_when_nothing_is_due(host, make_leaf):
    signer = make_leaf(ends=300)
    leaf = make_leaf(key=host.leaf.private_key, signer=signer)
    for content, words in (
        (signer.certificate + leaf.certificate, "has another certificate before that of the device"),
        (signer.certificate, "does not match the certificate"),
        (leaf.certificate.replace("\n", " "), "client_cert: .* has blanks or nothing in place of line ends"),
    ):
        host.certificate.write_text(content)
        for force in (True, False):
            with pytest.raises(_errors.InvalidParametersError, match=words):
                host.renew(force=force)
    assert host.calls == []


def test_a_certificate_that_openssl_ignores_is_named(host):
    damaged = "-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n"
    host.certificate.write_text(host.leaf.certificate + damaged)
    with pytest.raises(_errors.InvalidParametersError, match=r"client_cert: .* certificate 2 of 2 is damaged"):
        host.renew()
    assert host.calls == []


@pytest.mark.parametrize("label", ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"])
def test_what_openssl_takes_for_the_leaf_is_what_is_renewed(host, make_leaf, label):
    signer = make_leaf(ends=300)
    host.certificate.write_text(host.leaf.certificate.replace("CERTIFICATE", label) + signer.certificate)
    assert host.renew(force=False, remaining_days=5).decision.should_renew
    assert host.files["device.pem"].startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    "way",
    [
        "in order",
        "CA first",
        "leaf twice",
        "root first",
        "strangers",
        "old one too",
        "text",
        "one line",
        "escaped",
        "joined",
        "join_quoted",
    ],
)
def test_an_answer_is_put_in_order(host, make_leaf, way):
    root = make_leaf(ends=400, subject={"COMMON_NAME": "root"})
    signer = make_leaf(ends=300, subject={"COMMON_NAME": "CA"}, signer=root)
    strangers = [make_leaf(ends=300), make_leaf(ends=200, subject={"COMMON_NAME": "CA"})]
    leaf = make_leaf(ends=10, key=host.leaf.private_key, signer=signer)
    wanted = [leaf, signer, root]
    ways = {
        "in order": wanted,
        "CA first": [signer, leaf, root],
        "leaf twice": [leaf, leaf, signer, signer, root],
        "root first": [root, signer, leaf],
        "strangers": [strangers[0], signer, leaf, strangers[1], root],
        "old one too": [host.leaf, leaf, signer, root],
    }
    pem = "".join(each.certificate for each in ways.get(way, wanted))
    pem = {
        "one line": pem.replace("\n", " "),
        "escaped": pem.replace("\n", "\\r\\n"),
        "joined": pem.replace("-----\n-----", "----------"),
        "join_quoted": f'"{pem.strip()}"',
    }.get(way, pem)
    if way == "text":
        pem = "subject=CN\r\n" + pem.replace("\n", "\r\n\r\n ")
    host.issue = lambda _request: pem
    host.renew()
    assert host.files["device.pem"] == "".join(each.certificate for each in wanted)


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_a_passphrase_that_is_not_used_changes_nothing(host, regenerate_key):
    host.renew(client_key_passphrase="sesame", regenerate_key=regenerate_key)
    assert "-----BEGIN PRIVATE KEY-----" in host.files["device.key"]
    assert host.warnings == ["The private key is not encrypted, so client_key_passphrase is not used."]


@pytest.mark.parametrize("combined", [True, False])
def test_a_new_key_is_encrypted_when_the_old_one_is(host, make_leaf, combined):
    leaf = make_leaf(passphrase="sesame")
    host.certificate.write_text(leaf.certificate + (leaf.key if combined else ""))
    host.certificate.chmod(0o600)
    host.key.write_text(leaf.key)
    host.renew(client_key=None if combined else str(host.key), client_key_passphrase="sesame", regenerate_key=True)
    written = host.files["device.pem" if combined else "device.key"]
    assert "-----BEGIN ENCRYPTED PRIVATE KEY-----" in written
    assert leaf.key not in written
    assert host.warnings == []


def test_a_missing_package_is_told_first(host, monkeypatch):
    def missing():
        raise _errors.MissingLibraryError("cryptography")

    monkeypatch.setattr(_renewal, "need_cryptography", missing)
    with pytest.raises(_errors.MissingLibraryError):
        host.renew(client_cert=None)


COMMENT = "# käse, as openssl pkcs12 writes it\nBag Attributes\n    friendlyName: device\n"
PARAMETERS = "-----BEGIN DH PARAMETERS-----\nMEYCQQ==\n-----END DH PARAMETERS-----\r\n"


@pytest.mark.parametrize("way", ["client_cert alone", "same path", "link"])
@pytest.mark.parametrize("regenerate_key", [True, False])
def test_one_file_by_two_options_keeps_all_else(host, way, regenerate_key):
    host.certificate.write_text(COMMENT + host.leaf.certificate + PARAMETERS + host.leaf.key + "# end")
    host.key.unlink()
    if way == "link":
        host.key.symlink_to("device.pem")
    path = {"client_cert alone": None, "same path": str(host.certificate), "link": str(host.key)}[way]
    outcome = host.renew(client_key=path, regenerate_key=regenerate_key)
    assert host.certificate.read_bytes().startswith((COMMENT + outcome.renewal.pem + PARAMETERS).encode())
    assert host.certificate.read_bytes().endswith(b"-----END PRIVATE KEY-----\n# end")
    assert (host.leaf.key in host.certificate.read_text()) is not regenerate_key
    assert key_matches(str(host.certificate), str(host.certificate), None)


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_what_else_is_in_two_files_stays(host, make_leaf, regenerate_key):
    other = make_leaf().key
    host.certificate.write_text(host.leaf.key + host.leaf.certificate + other + PARAMETERS)
    host.key.write_text(COMMENT + host.leaf.key + host.leaf.certificate + PARAMETERS)
    outcome = host.renew(regenerate_key=regenerate_key)
    certificate, key = host.certificate.read_bytes().decode(), host.key.read_bytes().decode()
    assert certificate.endswith(outcome.renewal.pem + other + PARAMETERS)
    assert key.startswith(COMMENT)
    assert key.endswith(PARAMETERS)
    assert (host.leaf.key in certificate) is (host.leaf.key in key) is not regenerate_key
    # Without a new key the file of the key is not replaced.
    assert (outcome.renewal.pem in key) is regenerate_key
    for path in (host.certificate, host.key):
        assert key_matches(str(host.certificate), str(path), None)


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_certificates_that_are_not_in_the_chain_stay(host, make_leaf, regenerate_key):
    ca = make_leaf(subject={"COMMON_NAME": "old CA"})
    host.leaf = make_leaf(signer=ca)
    other = make_leaf(subject={"COMMON_NAME": "other"})
    root = make_leaf(subject={"COMMON_NAME": "root"}).certificate
    kept = "# other\n" + other.certificate + other.key + "# root\n" + root
    host.certificate.write_text(host.leaf.certificate + ca.certificate + kept + host.leaf.certificate)
    host.key.write_text(host.leaf.key + host.leaf.certificate + ca.certificate + root)
    outcome = host.renew(regenerate_key=regenerate_key)
    assert host.files["device.pem"] == outcome.renewal.pem + kept
    if regenerate_key:
        assert host.files["device.key"].endswith(outcome.renewal.pem + root)


@pytest.mark.parametrize("combined", [True, False])
@pytest.mark.parametrize("way", ["indented", "indented begin", "after a comment", "begin in a comment"])
def test_a_key_that_openssl_ignores_is_not_used(host, make_leaf, way, combined):
    ignored = make_leaf().key
    text = {
        "indented": ignored.replace("\n", "\n  "),
        "indented begin": ignored,
        "after a comment": ignored,
        "begin in a comment": ignored.splitlines()[0],
    }[way]
    prefix = "  " if way.startswith("indented") else "# "
    keys = prefix + text.rstrip() + "\n" + host.leaf.key
    host.key.write_text(keys)
    if combined:
        host.certificate.write_text(host.leaf.certificate + keys)
    outcome = host.renew(**({"client_key": None} if combined else {}))
    assert host.files["device.pem"] == outcome.renewal.pem + (keys if combined else "")
    assert key_matches(str(host.certificate), str(host.certificate if combined else host.key), None)


def test_a_key_of_another_certificate_costs_no_request(host, make_leaf, monkeypatch):
    monkeypatch.setattr(_renewal, "read_key", lambda *_arguments: make_leaf().private_key)
    with pytest.raises(_errors.InvalidParametersError, match=r"cannot be used: it does not match client_cert\."):
        host.renew()
    assert host.calls == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_key_that_cannot_be_read_or_replaced_costs_no_request(host, make_leaf, check_mode):
    host.certificate.write_text(host.leaf.certificate + make_leaf(passphrase="sesame").key)
    with pytest.raises(_errors.InvalidParametersError, match="also contains a private key, which cannot be replaced"):
        host.renew(check_mode, regenerate_key=True)
    host.certificate.write_text(host.leaf.certificate)
    host.key.write_text("nothing")
    with pytest.raises(_errors.InvalidParametersError, match=r"client_key: .* is not PEM"):
        host.renew(check_mode, regenerate_key=True)
    assert host.calls == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_files_that_cannot_be_replaced_cost_no_request(host, check_mode):
    os.link(str(host.certificate), str(host.certificate) + "2")
    with pytest.raises(_errors.FileWriteError, match="2 hard links"):
        host.renew(check_mode)
    assert host.calls == ["open"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_completed_renewal_is_a_change(host, make_leaf, check_mode):
    host.key.write_text(make_leaf().key)
    (host.folder / "device.key.next").write_text(host.leaf.key)
    outcome = host.renew(check_mode, force=False, remaining_days=0)
    assert (outcome.changed, outcome.decision.should_renew) == (True, False)
    assert host.renew(check_mode, force=False, remaining_days=0).changed is check_mode
    host.attributes_differ = True
    assert host.renew(check_mode, force=False, remaining_days=0).changed


def test_a_change_before_a_failure_is_told(host, make_leaf):
    host.key.write_text(make_leaf().key)
    (host.folder / "device.key.next").write_text(host.leaf.key)
    with pytest.raises(_errors.InvalidParametersError) as caught:
        host.renew(csr_content="")
    assert caught.value.changed
    with pytest.raises(_errors.InvalidParametersError) as caught:
        host.renew(csr_content="")
    assert not caught.value.changed


def test_backups_are_told(host):
    (backup,) = host.renew(backup=True).backup_files
    assert host.files[os.path.basename(backup)] == host.leaf.certificate


def pending(retry_after=0.0):
    failure = _errors.CertificatePendingError("Pending.")
    failure.retry_after = retry_after
    return failure


def requests_of(host, *failures):
    """Let the service fail so often, and return the requests that it receives."""
    sent, left, issue = [], list(failures), host.issue

    def answer(request):
        sent.append(request)
        if left:
            raise left.pop(0)
        return issue(request)

    host.issue = answer
    return sent


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_an_est_request_that_requires_approval_is_repeated_by_the_next_run(host, regenerate_key):
    options = {"est_url": "https://est.example/est", "regenerate_key": regenerate_key}
    failures = [pending(), _errors.OutcomeUnknownError("Lost."), _errors.ConnectionFailedError("Off.")]
    sent = requests_of(host, *failures)
    for failure in failures:
        with pytest.raises(type(failure)):
            host.renew(**options)
        assert host.unfinished.stat().st_mode & 0o777 == 0o600
        assert host.files["device.pem"] == host.leaf.certificate
    assert host.renew(**options).changed
    assert len(sent) == 4
    assert len({dump_csr(each) for each in sent}) == 1
    assert host.files.keys() == {"device.pem", "device.key"}
    assert (host.files["device.key"] == host.leaf.key) is not regenerate_key
    assert key_matches(str(host.certificate), str(host.key), None)


def test_an_est_request_is_not_repeated_before_its_time(host, monkeypatch):
    options = {"est_url": "https://est.example/est"}
    sent = requests_of(host, pending(3600.0))
    for part in ("^Pending", "The server does not accept it again before"):
        with pytest.raises(_errors.CertificatePendingError, match=part):
            host.renew(**options)
    assert len(sent) == 1
    # The CA certificates are not read either, and check mode predicts the error.
    host.calls.clear()
    host.ca_certificates = FakeCaCertificates(host)
    for check_mode in (True, False):
        with pytest.raises(_errors.CertificatePendingError, match="so the module sent no request") as caught:
            host.renew(check_mode, **options)
        assert not caught.value.changed
    assert set(host.calls) == {"open", "check"}
    now = _issuing.time.time()
    monkeypatch.setattr(_issuing.time, "time", lambda: now + 3601)
    assert host.renew(**options).changed


@pytest.mark.parametrize("regenerate_key", [True, False])
def test_an_est_request_that_is_rejected_is_not_repeated(host, regenerate_key):
    options = {"est_url": "https://est.example/est", "regenerate_key": regenerate_key}
    rejected = _errors.RenewalDeniedError("No.", _errors.ErrorDetails(403))
    rejected.is_rejection = True
    sent = requests_of(host, pending(), rejected, rejected)
    for kind in (_errors.CertificatePendingError, _errors.RenewalDeniedError, _errors.RenewalDeniedError):
        with pytest.raises(kind):
            host.renew(**options)
    assert dump_csr(sent[0]) == dump_csr(sent[1]) != dump_csr(sent[2])
    assert host.renew(**options).changed
    assert host.files.keys() == {"device.pem", "device.key"}


def test_an_est_certificate_that_is_not_verified_is_verified_by_the_next_run(host):
    options = {"est_url": "https://est.example/est", "device_id": None, "regenerate_key": True}
    sent = requests_of(host)
    host.reads[True] = [_errors.ConnectionFailedError("Off."), None]
    with pytest.raises(_errors.CertificateUnverifiedError, match="The next run verifies it again"):
        host.renew(**options)
    outcome = host.renew(**options)
    assert (outcome.changed, outcome.renewal, len(sent)) == (True, None, 1)
    assert host.files.keys() == {"device.pem", "device.key"}


@pytest.mark.parametrize("damage", ["key", "certificate", "request"])
def test_a_stored_est_request_that_cannot_be_used_is_replaced(host, make_leaf, damage):
    options = {"est_url": "https://est.example/est", "regenerate_key": damage == "key"}
    sent = requests_of(host, pending())
    with pytest.raises(_errors.CertificatePendingError):
        host.renew(**options)
    text = host.unfinished.read_text().rstrip("\n") + "\n"
    if damage == "key":
        text = text.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n!")
    elif damage == "certificate":
        text += make_leaf(-2, -1, key=host.leaf.private_key).certificate
        text += make_leaf(ends=0.5, key=host.leaf.private_key).certificate
    else:
        text = text.replace("-----BEGIN CERTIFICATE REQUEST-----", "-----BEGIN CERTIFICATE REQUEST-----\n!")
    host.unfinished.write_text(text)
    assert host.renew(**options).changed
    assert len(sent) == 2


def test_what_an_est_renewal_left_after_the_installation_is_removed(host):
    options = {"est_url": "https://est.example/est"}
    host.reads[True] = [_errors.ConnectionFailedError("Off."), None]
    with pytest.raises(_errors.CertificateUnverifiedError):
        host.renew(**options)
    left = host.unfinished.read_text()
    host.renew(**options)
    host.unfinished.write_text(left)
    host.unfinished.chmod(0o600)
    host.renew(True, force=False, remaining_days=0, **options)
    assert host.unfinished.exists()
    assert not host.renew(force=False, remaining_days=0, **options).changed
    assert not host.unfinished.exists()
    host.renew(force=False, remaining_days=0, **options)


def test_a_csr_has_what_the_est_server_requests(host):
    sent = requests_of(host)
    host.csr_attributes = CsrAttributes(
        key_types=("ecdsa_p384",), signatures=(("ecdsa", "SHA384"),), ignored=("1.2.3",)
    )
    options = {"est_url": "https://est.example/est"}
    with pytest.raises(
        _errors.InvalidParametersError, match=r"requires a key of the type ecdsa_p384.*no certificate\.$"
    ):
        host.renew(**options)
    assert sent == []
    assert host.files.keys() == {"device.pem", "device.key"}
    host.renew(regenerate_key=True, key_type="ecdsa_p384", **options)
    assert sent[0].signature_hash_algorithm.name == "sha384"
    assert "1.2.3" in host.warnings[0]


class FakeCaCertificates:
    """Stands for the file of the CA certificates."""

    def __init__(self, host):
        self.host, self.is_missing, self.intermediates = host, False, []

    def check(self):
        self.host.calls.append("check")

    def update(self):
        self.host.calls.append("update")
        return True


def test_the_ca_certificates_are_written_if_they_are_missing_or_a_certificate_is_requested(host):
    host.ca_certificates = FakeCaCertificates(host)
    options = {"est_url": "https://est.example/est", "remaining_days": 0}
    assert not host.renew(force=False, **options).changed
    assert host.calls == []
    host.ca_certificates.is_missing = True
    assert host.renew(True, force=False, **options).changed
    assert host.renew(force=False, **options).changed
    assert host.calls == ["open", "check", "open", "check", "update"]
    host.calls.clear()
    host.renew(True, **options)
    assert host.calls == ["open", "check"]
    host.calls.clear()
    requests_of(host, _errors.HttpError("No."))
    with pytest.raises(_errors.HttpError) as caught:
        host.renew(**options)
    assert caught.value.changed
    assert host.calls == ["open", "check", "update", "open", "request"]


@pytest.mark.parametrize("is_issued", [True, False])
def test_a_stored_est_request_for_another_subject_is_not_used(host, make_leaf, is_issued):
    options = {"est_url": "https://est.example/est", "device_id": None, "regenerate_key": True}
    failure = _errors.ConnectionFailedError("Off.")
    sent = requests_of(host, *([] if is_issued else [pending()]))
    host.reads[True] = [failure, None] if is_issued else None
    with pytest.raises((_errors.CertificatePendingError, _errors.CertificateUnverifiedError)):
        host.renew(**options)
    # An operator replaces the files.
    other = make_leaf(subject={"COMMON_NAME": "other"})
    host.certificate.write_text(other.certificate)
    host.key.write_text(other.key)
    host.issue = lambda request: (
        sent.append(request) or host.issued(request, 10, subject={"COMMON_NAME": "other"}).certificate
    )
    assert host.renew(**options).facts.subject == "CN=other"
    assert [each.subject.rfc4514_string() for each in sent] == ["CN=device", "CN=other"]
    (kept,) = host.folder.glob("device.key.unfinished.*~")
    assert f"Its key is kept in {kept}." in host.warnings[0]
    kept.unlink()
    assert host.files.keys() == {"device.pem", "device.key"}
