# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EST endpoint of the simulator with a client that others wrote: strongSwan's pki, which has a TLS of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from servers.est import debian_13, directory_in
from simulator import EST_PATH, PASSCODE

NAME = "gate-7.rotterdam"


class Client:
    """The program pki of strongSwan, in a directory of its system."""

    def __init__(self, root: Path, directory: Path, inside: Path) -> None:
        self.directory = directory
        self._root = root
        self._inside = inside

    def run(self, command: str, *options: str | Path) -> bytes:
        """Run a command of pki and return its output. Paths are of files in the directory.

        Raises RuntimeError with the messages of pki if it fails.
        """
        words = [str(self._inside / word.name) if isinstance(word, Path) else word for word in options]
        program = ["chroot", self._root, "pki", f"--{command}", *words]
        ran = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if ran.returncode != 0:
            lines = ran.stderr.decode().splitlines()
            raise RuntimeError("\n".join(line for line in lines if not line.startswith("plugin ")))
        return ran.stdout

    def make_request(self, name: str, key: Path, csr: Path) -> None:
        """Write a new key and a CSR with this common name."""
        key.write_bytes(self.run("gen", "--type", "ecdsa", "--size", "256", "--outform", "pem"))
        csr.write_bytes(self.run("req", "--type", "priv", "--in", key, "--dn", f"CN={name}", "--outform", "pem"))


@pytest.fixture
def client(simulator):
    """The client, with the CA certificates of the simulator in its directory."""
    root = debian_13()
    with directory_in(root) as (directory, inside):
        simulator.certificates.authority.write(directory / "root.pem")
        simulator.certificates.intermediate.write(directory / "intermediate.pem")
        yield Client(root, directory, inside)


def endpoint(client, est_url):
    """Return the options for an EST URL. The host is an address, because the system resolves no names."""
    url = urlsplit(est_url)
    label = url.path.removeprefix(EST_PATH)
    return (
        *("--url", f"https://127.0.0.1:{url.port}", "--label", label),
        *("--cacert", client.directory / "root.pem", "--cacert", client.directory / "intermediate.pem"),
    )


def enroll(client, est_url, name, csr, *credential):
    """Run an enrollment, or a renewal if the credential is a certificate. Return the certificate."""
    pem = client.run("est", *endpoint(client, est_url), "--in", csr, "--outform", "pem", *credential)
    (client.directory / name).write_bytes(pem)
    return x509.load_pem_x509_certificate(pem)


def test_get_ca_certificates(client, simulator):
    options = ("--caout", client.directory / "ca.pem", "--outform", "pem")
    client.run("estca", *endpoint(client, simulator.est_operator_url), *options)
    written = {x509.load_pem_x509_certificate(path.read_bytes()) for path in client.directory.glob("ca*.pem")}
    assert written == set(simulator.est.ca_certificates)


@pytest.mark.parametrize("form", [{}, {"line_length": 0}, {"line_end": "\r\n", "leaf_place": "last"}, {"pending": 2}])
def test_enroll_and_renew(client, simulator, form):
    for name, value in form.items():
        setattr(simulator.est, name, value)
    key, csr = client.directory / "device.key", client.directory / "device.csr"
    client.make_request(NAME, key, csr)
    password = ("--userpass", f":{PASSCODE}", "--interval", "1")
    first = enroll(client, simulator.est_operator_url, "device.pem", csr, *password)
    new_key = client.directory / "new.key"
    client.make_request(NAME, new_key, csr)
    present = ("--cert", client.directory / "device.pem", "--key", key, "--interval", "1")
    second = enroll(client, simulator.est_url, "new.pem", csr, *present)
    assert simulator.est.issued == [first, second]
    for certificate, path in ((first, key), (second, new_key)):
        private_key = load_pem_private_key(path.read_bytes(), password=None)
        assert certificate.public_key() == private_key.public_key()
    each = [*[202] * simulator.est.pending, 200]
    assert [request.status for request in simulator.requests] == each * 2


@pytest.mark.parametrize("credential", [("--userpass", ":wrong"), ()])
def test_a_wrong_passcode_is_rejected(client, simulator, credential):
    csr = client.directory / "device.csr"
    client.make_request(NAME, client.directory / "device.key", csr)
    with pytest.raises(RuntimeError, match="EST request failed: HTTP 401"):
        enroll(client, simulator.est_operator_url, "device.pem", csr, *credential)
    assert simulator.est.issued == []
