# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules with an EST server that others wrote: estserver of libest, whose CA is OpenSSL's."""

from __future__ import annotations

import contextlib
import re
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from servers.est import debian_13, directory_in
from servers.serving import free_port, serving
from simulator.certificates import DAY, SERVER_NAMES, Authority

ENROLLMENT = "edgeops.digicert.digicert_iot_device_enrollment"
RENEWAL = "edgeops.digicert.digicert_iot_device_certificate"
NAME = "gate-7.harbor"
# The OIDs of the curve P-256 and of ECDSA with SHA-256, as CSR attributes (RFC 7030, section 4.5.2).
P256_WITH_SHA256 = "MBQGCCqGSM49AwEHBggqhkjOPQQDAg=="
# The only user that estserver has.
USER, PASSWORD = "estuser", "estpwd"
CONFIGURATION = """\
[ca]
default_ca = devices
[devices]
database = {directory}/index
serial = {directory}/serial
certificate = {directory}/ca.pem
private_key = {directory}/ca.key
default_days = 90
default_md = sha256
unique_subject = no
copy_extensions = copy
policy = subject
x509_extensions = device
[subject]
commonName = supplied
organizationName = optional
[device]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


class Server:
    """An estserver with a CA of its own."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"https://localhost:{port}/.well-known/est"
        self.port = port
        self.ca = directory / "ca.pem"
        self.log = directory / "log"
        self.authority = Authority("Harbor device CA")
        self.authority.write(self.ca)
        self.authority.write_key(directory / "ca.key")
        self.authority.issue(directory, "server", SERVER_NAMES)
        self._index = directory / "index"
        self._index.touch()
        (directory / "serial").write_text("1000\n")

    @property
    def requests(self) -> list[str]:
        """Method and operation of the requests so far."""
        return [" ".join(found) for found in re.findall(r'"(\w+) /\.well-known/est/(\w+) HTTP', self.log.read_text())]

    @property
    def issued(self) -> int:
        """How many certificates the CA has signed."""
        return len(self._index.read_text().splitlines())


@contextlib.contextmanager
def est_server(root: Path, *options: str, attributes: str | None = "") -> t.Iterator[Server]:
    """Run estserver with these additional options. It authenticates devices by the password or by a certificate.

    `attributes` are the CSR attributes in base64, or None for the default ones of estserver.
    """
    with directory_in(root) as (directory, inside):
        server = Server(directory, free_port())
        (directory / "configuration").write_text(CONFIGURATION.format(directory=inside))
        variables = {
            "EST_TRUSTED_CERTS": inside / "ca.pem",
            "EST_CACERTS_RESP": inside / "ca.pem",
            "EST_OPENSSL_CACONFIG": inside / "configuration",
            **({} if attributes is None else {"EST_CSR_ATTR": attributes}),
        }
        # -b: Basic, -o: a certificate is enough, -v: log requests.
        program = ["estserver", "-b", "-o", "-v", "-r", "harbor", "-p", str(server.port)]
        program += ["-c", str(inside / "server.pem"), "-k", str(inside / "server.key"), *options]
        command = ["env", *(f"{name}={value}" for name, value in variables.items()), "chroot", str(root), *program]
        with serving(["sh", "-c", 'exec "$@" >"$0" 2>&1', server.log, *command], server.port):
            yield server


class Device:
    """A device of an EST server."""

    def __init__(self, server: Server, directory: Path) -> None:
        directory.mkdir()
        self.server = server
        self.directory = directory
        self.certificate, self.key, self.ca_certs = (
            directory / name for name in ("device.pem", "device.key", "ca.pem")
        )

    def enroll(self, **options: t.Any) -> dict[str, t.Any]:
        """Return a task that enrolls the device, by default with the password."""
        return self._task(ENROLLMENT, {"device_identifier": NAME, "est_username": USER, "passcode": PASSWORD}, options)

    def renew(self, **options: t.Any) -> dict[str, t.Any]:
        """Return a task that renews the certificate of the device."""
        return self._task(RENEWAL, {}, options)

    @property
    def leaf(self) -> x509.Certificate:
        """The present certificate."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def give(self, authority: Authority, days: int) -> None:
        """Give the device a certificate with this number of remaining days."""
        leaf = authority.issue(self.directory, NAME, begins=-30 * DAY, ends=days * DAY)
        leaf.pem.rename(self.certificate)
        leaf.key.rename(self.key)
        leaf.both.unlink()

    def _task(self, module, usual, options):
        common = {
            "est_url": self.server.url,
            "ca_path": str(self.server.ca),
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
            "timeout": 5,
            "retries": 0,
        }
        options = {name: value for name, value in {**common, **usual, **options}.items() if value is not None}
        return {"name": f"Run {module}", module: options}


@pytest.fixture
def start(tmp_path):
    """A function that starts an estserver and returns a device of it. Its arguments are those of `est_server`."""
    root = debian_13()
    with contextlib.ExitStack() as servers:

        def start(*options: str, **settings: t.Any) -> Device:
            server = servers.enter_context(est_server(root, *options, **settings))
            return Device(server, tmp_path / f"device-{server.port}")

        yield start


def play(player, device, task, requests):
    """Run a task in check mode, without, and again. Only the second changes anything, and sends these requests."""
    (check,), (real, again) = player.check_and_run([task], [task, task])
    assert not any(outcome.failed for outcome in (check, real, again)), (real.result, again.result)
    assert (check.result["changed"], real.result["changed"], again.result["changed"]) == (True, True, False)
    assert device.server.requests == requests


def test_enroll_with_a_password(player, start):
    device = start()
    task = device.enroll(ca_certs_path=str(device.ca_certs))
    play(player, device, task, ["GET cacerts", "GET csrattrs", "POST simpleenroll"])
    assert device.leaf.subject.rfc4514_string() == f"CN={NAME}"
    assert device.server.issued == 1
    assert device.ca_certs.read_bytes() == device.server.ca.read_bytes()


@pytest.mark.parametrize("regenerate_key", [False, True])
def test_renew(player, start, regenerate_key):
    device = start()
    device.give(device.server.authority, days=10)
    before, key = device.leaf, device.key.read_bytes()
    # The last request verifies the new certificate.
    requests = ["GET csrattrs", "POST simplereenroll", "GET cacerts"]
    play(player, device, device.renew(regenerate_key=regenerate_key), requests)
    assert device.leaf.not_valid_after_utc > before.not_valid_after_utc
    assert device.leaf.subject == before.subject
    assert (device.key.read_bytes() != key) == regenerate_key


def test_enroll_with_a_birth_certificate(player, start, tmp_path):
    device = start("-n")
    birth = device.server.authority.issue(tmp_path, "birth")
    task = device.enroll(passcode=None, est_username=None, birth_cert=str(birth.pem), birth_key=str(birth.key))
    play(player, device, task, ["GET csrattrs", "POST simpleenroll"])
    assert device.leaf.subject.rfc4514_string() == f"CN={NAME}"


def test_a_fingerprint_for_the_first_connection(player, start):
    device = start()
    fingerprint = device.server.authority.certificate.fingerprint(hashes.SHA256()).hex(":")
    trust = {"ca_path": str(device.ca_certs), "ca_certs_path": str(device.ca_certs)}
    wrong = player.run_one(device.enroll(**trust, ca_certs_fingerprint="00" * 32))
    assert (wrong.failed, wrong.result["failure"]["kind"]) == (True, "invalid_response"), wrong.result
    assert device.server.requests == ["GET cacerts"]
    assert not device.ca_certs.exists()
    real = player.run_one(device.enroll(**trust, ca_certs_fingerprint=fingerprint))
    assert not real.failed, real.result
    assert device.ca_certs.read_bytes() == device.server.ca.read_bytes()
    assert device.server.issued == 1


def test_a_wrong_password(player, start):
    device = start()
    outcome = player.run_one(device.enroll(passcode="wrong-password", retries=2))
    assert (outcome.failed, outcome.result["failure"]["kind"]) == (True, "enrollment_denied"), outcome.result
    assert device.server.requests == ["GET csrattrs", "POST simpleenroll"]
    assert device.server.issued == 0
    assert "wrong-password" not in outcome.output


def test_a_certificate_of_an_unknown_ca(player, start):
    device = start()
    device.give(Authority("Other CA"), days=10)
    before = device.certificate.read_bytes()
    outcome = player.run_one(device.renew())
    # The server ends the handshake.
    assert (outcome.failed, outcome.result["failure"]["kind"]) == (True, "handshake_failed"), outcome.result
    assert device.certificate.read_bytes() == before
    assert device.server.issued == 0


def test_csr_attributes_that_the_csr_meets(player, start):
    device = start("--enforce-csr", attributes=P256_WITH_SHA256)
    play(player, device, device.enroll(), ["GET csrattrs", "POST simpleenroll"])
    assert device.server.issued == 1


def test_csr_attributes_that_are_not_recognized(player, start):
    # The default ones name a hardware address, an email address, a curve and a digest. A null byte follows.
    device = start(attributes=None)
    outcome = player.run_one(device.enroll())
    assert not outcome.failed, outcome.result
    assert "1.3.6.1.1.1.1.22" in outcome.output
    assert device.server.issued == 1


def test_a_channel_binding_is_not_supported(player, start):
    device = start("-t")
    outcome = player.run_one(device.enroll())
    assert outcome.failed
    assert "challengePassword" in outcome.result["msg"]
    assert device.server.requests == ["GET csrattrs"]


def test_a_pending_request(player, start):
    device = start("-m", "3600")
    for outcome in player.run(device.enroll(), device.enroll()):
        assert (outcome.failed, outcome.result["failure"]["kind"]) == (True, "certificate_pending"), outcome.result
    assert device.server.requests == ["GET csrattrs", "POST simpleenroll"]
    # The time after which the request can be repeated is over.
    unfinished = device.directory / "device.key.unfinished"
    unfinished.write_bytes(re.sub(rb"Not before: \d+", b"Not before: 1", unfinished.read_bytes()))
    real = player.run_one(device.enroll())
    assert not real.failed, real.result
    assert device.server.requests[2:] == ["POST simpleenroll"]
    assert device.server.issued == 1
