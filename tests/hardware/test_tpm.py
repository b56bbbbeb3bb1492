# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in a TPM 2.0, loaded through tpm2-openssl on a Debian 13 host. The TPM is swtpm's, in software."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from hardware.debian import debian_13
from hardware.holder import CONFIGURATION, Holder, assert_refused, call

PASSWORD = "only-the-device"


def free_ports():
    """Return the first of two free ports side by side: the TPM's library looks for the second beside the first."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
                return port


@pytest.fixture(scope="module")
def root():
    return debian_13()


@pytest.fixture(scope="module")
def folder(root):
    """A folder on the host, and what it is called there."""
    with tempfile.TemporaryDirectory(dir=root / "tmp") as folder:
        yield Path(folder), Path("/", Path(folder).relative_to(root))


@pytest.fixture(scope="module")
def tpm_port(root, folder):
    """The port of a TPM that runs on the host."""
    port = free_ports()
    command = ["chroot", root, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder[1]}"]
    command += ["--server", f"type=tcp,bindaddr=127.0.0.1,port={port}"]
    command += ["--ctrl", f"type=tcp,bindaddr=127.0.0.1,port={port + 1}", "--flags", "not-need-init,startup-clear"]
    with subprocess.Popen(command) as swtpm:
        try:
            wait_for(port + 1, swtpm)
            yield port
        finally:
            swtpm.terminate()


def wait_for(port, process):
    """Wait until the process listens on the port. One that ends instead fails the test."""
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    pytest.fail(f"{process.args} ended with {process.returncode}.")


class TpmHost(Holder):
    """A device that is the host in `root`. Its modules go through a pipe, so that no file is looked for out here."""

    def __init__(self, player, root, folder, port):
        self.root = root
        self.outside, self.inside = folder
        environment = {
            "OPENSSL_CONF": str(self.inside / "openssl.cnf"),
            "TPM2OPENSSL_TCTI": f"swtpm:host=127.0.0.1,port={port}",
        }
        python = player.folder / "python"
        python.write_text(f'#!/bin/sh\nexec chroot "{root}" /usr/bin/python3 "$@"\n')
        python.chmod(0o755)
        super().__init__(player, environment, {"ANSIBLE_PIPELINING": "1", "ANSIBLE_PYTHON_INTERPRETER": str(python)})
        (self.outside / "openssl.cnf").write_text(CONFIGURATION.format(provider="tpm2"))
        shutil.copy(player.simulator.certificates.ca, self.outside / "ca.pem")

    def make_key(self, *kind):
        """Make a key in the TPM; return the options of a task for it, and its certificate."""
        key, certificate = self.outside / "device.key", self.outside / "device.pem"
        # Without the query OpenSSL makes the key itself, in software.
        self.openssl("genpkey", "-propquery", "provider=tpm2", *kind, "-out", self.inside / "device.key")
        assert key.read_text().startswith("-----BEGIN TSS2 PRIVATE KEY-----")
        public_key = self.openssl("pkey", "-in", self.inside / "device.key", "-pubout", "-passin", f"pass:{PASSWORD}")
        certificate.write_bytes(self.player.simulator.certify("access-point", public_key))
        names = {"client_cert": "device.pem", "client_key": "device.key", "ca_path": "ca.pem"}
        return {name: str(self.inside / file) for name, file in names.items()}, certificate.read_bytes()

    def openssl(self, *arguments):
        environment = {"PATH": "/usr/sbin:/usr/bin", **self.environment}
        return call("chroot", self.root, "openssl", *arguments, environment=environment)


@pytest.fixture
def host(player, root, folder, tpm_port):
    return TpmHost(player, root, folder, tpm_port)


ELLIPTIC = ("-algorithm", "EC", "-pkeyopt", "group:P-256")
RSA = ("-algorithm", "RSA", "-pkeyopt", "bits:2048")


@pytest.mark.parametrize("kind", [ELLIPTIC, RSA], ids=["EC", "RSA"])
def test_a_key_in_the_tpm(host, kind):
    files, certificate = host.make_key(*kind)
    host.assert_kept(host.keep(**files), certificate)


def test_a_key_with_a_password(host):
    files, certificate = host.make_key(*ELLIPTIC, "-pkeyopt", f"user-auth:{PASSWORD}")
    outcome = host.keep(**files, client_key_passphrase=PASSWORD)
    host.assert_kept(outcome, certificate)
    assert PASSWORD not in outcome.output
    # The TPM looks at the password when it signs. Another try would bring it nearer to locking itself.
    outcome = host.keep(**files, client_key_passphrase="wrong-one", retries=1)
    assert outcome.result["failure"]["kind"] == "handshake_failed"
    assert "The key cannot sign: check its PIN or password" in outcome.result["msg"]
    assert (len(outcome.connections), outcome.handshakes) == (1, 0)


def test_what_keeps_openssl_from_the_key_is_named(host, simulator):
    files, _certificate = host.make_key(*ELLIPTIC)
    key = files["client_key"]
    outcome = host.keep({}, **files)
    assert_refused(
        outcome, f"{key} refers to a key in hardware", "set OPENSSL_CONF in the environment of the task", "'tpm2'"
    )
    outcome = host.keep({**host.environment, "TPM2OPENSSL_TCTI": "swtpm:host=127.0.0.1,port=9"}, **files)
    assert_refused(outcome, f"{key} refers to a key in hardware", "check the access to the key")
    shutil.copy(simulator.certificates["camera"].pem, host.outside / "device.pem")
    assert_refused(host.keep(**files), f"{key} does not match the certificate in client_cert")
