# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in a PKCS#11 token, loaded through pkcs11-provider on this machine. The token is SoftHSM's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hardware.holder import CONFIGURATION, Holder, assert_refused, call, need
from simulator.certificates import fingerprint

SOFTHSM = next(Path("/usr/lib").glob("**/libsofthsm2.so"), None)
PIN, WRONG_PIN = "4711-0815", "0815-4711"
# The PIN is added for some. Without no-deinit Python crashes when it ends.
TOKEN = f"""\
pkcs11-module-path = {SOFTHSM}
pkcs11-module-quirks = no-deinit
pkcs11-module-encode-provider-uri-to-pem = true
"""


class Token(Holder):
    """A device with a token of its own in `folder`, and OpenSSL configured without the token's PIN."""

    def __init__(self, player, folder):
        self.folder = folder
        self.directory = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
        super().__init__(player, {"OPENSSL_CONF": self.configure("without-pin"), **self.directory})
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
        self.call("softhsm2-util", "--init-token", "--free", "--label", "edge", "--pin", PIN, "--so-pin", PIN)

    def call(self, *command, **environment):
        return call(*command, environment={**os.environ, **self.directory, **environment})

    def configure(self, name, settings=""):
        path = self.folder / f"{name}.cnf"
        path.write_text(CONFIGURATION.format(provider="pkcs11") + TOKEN + settings)
        return str(path)

    def make_key(self, kind):
        """Make a key in the token; return the options of a task for it, and its certificate."""
        tool = ["pkcs11-tool", "--module", SOFTHSM, "--token-label", "edge", "--login", "--pin", PIN]
        self.call(*tool, "--keypairgen", "--key-type", kind, "--label", "device", "--id", "01")
        (self.folder / "pin").write_text(PIN)
        configuration = self.configure("with-pin", f"pkcs11-module-token-pin = file:{self.folder / 'pin'}\n")
        key, certificate = self.folder / "device.key", self.folder / "device.pem"
        load = ["openssl", "pkey", "-in", "pkcs11:token=edge;object=device;type=private"]
        self.call(*load, "-out", key, OPENSSL_CONF=configuration)
        assert key.read_text().startswith("-----BEGIN PKCS#11 PROVIDER URI-----")
        public_key = self.call(*load, "-pubout", OPENSSL_CONF=configuration)
        certificate.write_bytes(self.player.simulator.certify("access-point", public_key))
        return {"client_cert": str(certificate), "client_key": str(key)}, certificate.read_bytes()


@pytest.fixture
def token(player, tmp_path):
    need("softhsm2-util", "softhsm2")
    need("pkcs11-tool", "opensc")
    need("openssl", "openssl")
    modules = call("openssl", "version", "-m").decode()
    if not Path(modules.split('"')[1], "pkcs11.so").exists():
        pytest.skip(
            f"pkcs11-provider is missing: install the package, on Debian 12 from bookworm-backports ({modules})"
        )
    return Token(player, tmp_path)


@pytest.mark.parametrize("kind", ["EC:prime256v1", "rsa:2048"])
def test_the_pin_is_the_passphrase(token, kind):
    files, certificate = token.make_key(kind)
    outcome = token.keep(**files, client_key_passphrase=PIN)
    token.assert_kept(outcome, certificate)
    assert PIN not in outcome.output


def test_the_configuration_has_the_pin(token):
    files, certificate = token.make_key("EC:prime256v1")
    environment = {**token.directory, "OPENSSL_CONF": str(token.folder / "with-pin.cnf")}
    token.assert_kept(token.keep(environment, **files), certificate)


def test_a_certificate_is_renewed_by_a_request_that_openssl_made(token, player):
    files, certificate = token.make_key("EC:prime256v1")
    request = token.folder / "device.csr"
    command = ["openssl", "req", "-new", "-key", files["client_key"], "-subj", "/CN=access-point", "-out", request]
    token.call(*command, OPENSSL_CONF=str(token.folder / "with-pin.cnf"))
    module = "edgeops.digicert.digicert_iot_device_certificate"
    options = {**files, "client_key_passphrase": PIN}
    tasks = [
        {**player.task(module=module, **options, **ways), "environment": token.environment}
        for ways in ({}, {"csr_path": str(request)})
    ]
    without, renewed = player.run(*tasks)
    assert_refused(without, "for a key in hardware, set csr_path")
    assert renewed.methods == ["POST", "GET"], renewed.result
    leaf = Path(files["client_cert"]).read_bytes()
    assert leaf != certificate
    assert [connection.fingerprint for connection in renewed.connections] == [
        fingerprint(certificate),
        fingerprint(leaf),
    ]
    assert Path(files["client_key"]).read_text().startswith("-----BEGIN PKCS#11 PROVIDER URI-----")


def test_what_keeps_openssl_from_the_key_is_named(token, simulator):
    files, _certificate = token.make_key("EC:prime256v1")
    key = files["client_key"]
    assert_refused(token.keep(**files), f"{key} is protected: set client_key_passphrase to its PIN or password")
    outcome = token.keep(**files, client_key_passphrase=WRONG_PIN)
    assert_refused(outcome, f"{key} refers to a key in hardware", "the PIN")
    assert WRONG_PIN not in outcome.output
    outcome = token.keep(token.directory, **files, client_key_passphrase=PIN)
    assert_refused(
        outcome, f"{key} refers to a key in hardware", "set OPENSSL_CONF in the environment of the task", "'pkcs11'"
    )
    other = str(simulator.certificates["access-point"].pem)
    outcome = token.keep(client_cert=other, client_key=key, client_key_passphrase=PIN)
    assert_refused(
        outcome, f"{key} refers to a key in hardware", f"that the certificate in client_cert: {other} matches the key"
    )


def test_a_configuration_without_the_default_provider_is_named(token):
    files, _certificate = token.make_key("EC:prime256v1")
    path = token.folder / "without-default.cnf"
    path.write_text((token.folder / "with-pin.cnf").read_text().replace("default = default_provider\n", ""))
    assert_refused(token.keep({**token.directory, "OPENSSL_CONF": str(path)}, **files), "the provider 'default', too")
