# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide on enrollment, with the files that stand in it, from hosts without any file."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import Reader, files_of
from simulator import API_KEY, DEVICE_PATH, ENROLLMENT_PROFILE_ID, EST_PATH, PASSCODE, Simulator
from simulator.enrollment import enrollment_profile_id
from simulator.records import Device, division_id

# IDs in the guide.
ENROLLMENT_PROFILE = "IOT_2c5e8f1a-7b4d-4e60-9a83-6d1f0b9c3e72"
SERIAL_NUMBER = "71d2a6be-0f0e-43c3-b1a5-5b1c6f1a2e33"
FIRMWARE = "3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10"
PROFILE = "9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6"
DIVISION = "4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10"
NAMES = ("gate-7.rotterdam", "gate-8.rotterdam")


class Installer(Reader):
    """Someone who follows the guide. Each host has a folder of its own."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        certificates, gateway = simulator.certificates, simulator.records.profiles["Gateway"]
        self._changes = {
            ENROLLMENT_PROFILE: ENROLLMENT_PROFILE_ID,
            SERIAL_NUMBER: gateway.field_id("Serial number"),
            PROFILE: gateway.id,
            FIRMWARE: gateway.field_id("Firmware"),
            DIVISION: division_id("Harbour"),
            "{{ ansible_facts.nodename }}": NAMES[0],
            "/etc/pki/device": f"{folder}/{{{{ inventory_hostname }}}}",
            "/etc/pki/factory": str(certificates["birth"].pem.parent),
        }
        self.files = {name: self.adapt(text) for name, text in files_of("guide_enrollment").items()}
        variables = {
            "DIGICERT_IOT_API_KEY": API_KEY,
            "DIGICERT_IOT_API_URL": simulator.operator_url,
            "DIGICERT_IOT_OPERATOR_API_URL": simulator.operator_url,
            "ENROLLMENT_PASSCODE": PASSCODE,
        }
        super().__init__(simulator, folder, self.files, variables)

    def adapt(self, text: str) -> str:
        """Return a text of the guide with the IDs of the simulator and the folders of the hosts."""
        return re.sub("|".join(map(re.escape, self._changes)), lambda found: self._changes[found[0]], text)

    def enroll(self, *options: str, playbook: str = "enroll.yml", return_code: int = 0) -> str:
        """Run a playbook of the guide, which may show no secret, and return what it printed."""
        command = " ".join(["ansible-playbook", "--inventory hosts.ini", *options, playbook])
        printed = self.run(command, return_code)
        assert PASSCODE not in printed
        assert API_KEY not in printed
        return printed

    def use_est(self, url: str) -> None:
        """Write the URL that the console shows, which is in the place of the one in the guide."""
        (self.folder / "group_vars/all.yml").write_text(f"est_url: {url}\n")

    def present(self, device: str) -> None:
        """Give the first host the certificate of a device."""
        leaf = self.simulator.certificates[device]
        shutil.copy(leaf.pem, self.folder / NAMES[0] / "device.pem")
        shutil.copy(leaf.key, self.folder / NAMES[0] / "device.key")

    def opens(self, device: Device) -> bool:
        """Say whether the service lets the device in with the files of its host."""
        folder = self.folder / device.device_identifier
        answer = requests.get(
            self.simulator.url + DEVICE_PATH + device.id,
            cert=(folder / "device.pem", folder / "device.key"),
            verify=self.simulator.certificates.ca,
            timeout=5,
        )
        return answer.status_code == 200


def options_of_the_guide(first: str) -> str:
    """Return the block of the guide that begins with this option, which is a part of a task."""
    (text,) = [block.text for block in blocks_of(GUIDES / "guide_enrollment.rst") if block.text.startswith(first)]
    return text


@pytest.fixture
def installer(simulator, tmp_path) -> Installer:
    return Installer(simulator, tmp_path)


def test_the_way_of_the_guide(installer, simulator):
    records = simulator.records
    installer.enroll("--limit gate-7.rotterdam")
    assert simulator.methods == ["POST"]
    first = records.find_named(NAMES[0])
    assert installer.opens(first)
    assert first.named_values["Serial number"] == "AP-0042"
    assert records.find_named(NAMES[1]) is None

    assert "Create it before this task" in installer.enroll("--check")
    assert simulator.methods == []
    installer.enroll()
    assert simulator.methods == ["POST"]
    assert installer.opens(records.find_named(NAMES[1]))
    installer.enroll()
    assert simulator.methods == []
    assert sorted(path.name for path in (installer.folder / NAMES[0]).iterdir()) == ["device.key", "device.pem"]

    installer.present("expired")
    assert "The certificate expired" in installer.enroll("--check -v")
    assert simulator.methods == []
    installer.enroll()
    assert simulator.methods == ["POST"]
    assert installer.opens(first)

    assert first.id in installer.enroll(playbook="ids.yml")


def test_bare_hosts_become_managed_devices_and_manage_themselves(installer, simulator):
    facts = f"--extra-vars 'digicert_iot_facts_directory={installer.folder}/{{{{ inventory_hostname }}}}/facts'"
    urls = f"--extra-vars 'digicert_iot_api_url={simulator.url} digicert_iot_enrollment_api_url="
    as_operator, as_device = f"{facts} {urls}{simulator.operator_url}'", f"{facts} {urls}{simulator.url}'"
    installer.enroll(as_operator, "--check --diff", playbook="site.yml")
    assert set(simulator.methods) == {"GET"}
    installer.enroll(as_operator, playbook="site.yml")
    devices = [simulator.records.find_named(name) for name in NAMES]
    assert all(installer.opens(device) and device.named_values["Firmware"] for device in devices)
    installer.enroll(as_operator, playbook="site.yml")
    assert set(simulator.methods) == {"GET"}

    # The first host runs ansible-pull, where its name is localhost.
    folder = (installer.folder / NAMES[0]).rename(installer.folder / "localhost")
    shutil.copy(simulator.certificates["expired"].pem, folder / "device.pem")
    shutil.copy(simulator.certificates["expired"].key, folder / "device.key")
    pull = f"ansible-playbook --inventory localhost, {as_device} local.yml"
    installer.run(pull)
    assert simulator.methods == ["POST", "GET", "GET"]
    installer.run(pull)
    assert simulator.methods == ["GET"]
    folder.rename(installer.folder / NAMES[0])
    assert installer.opens(devices[0])


def test_a_birth_certificate_enrolls_a_device(installer, simulator):
    for name in NAMES:
        (installer.folder / name).mkdir()
    installer.variables["DIGICERT_IOT_API_URL"] = simulator.url
    installer.enroll(playbook="birth.yml")
    assert simulator.methods == ["POST", "POST"]
    assert all(installer.opens(simulator.records.find_named(name)) for name in NAMES)


def test_an_api_key_enrolls_a_device(installer, simulator):
    playbook = installer.folder / "enroll.yml"
    text = re.sub(r"passcode: .*\n", options_of_the_guide("api_key:"), playbook.read_text())
    assert text != playbook.read_text()
    playbook.write_text(text)
    del installer.variables["ENROLLMENT_PASSCODE"]
    installer.enroll("--limit gate-7.rotterdam")
    assert installer.opens(simulator.records.find_named(NAMES[0]))


def test_a_request_that_requires_approval_installs_no_file(installer, simulator):
    hosts = installer.folder / "hosts.ini"
    hosts.write_text(hosts.read_text().replace(ENROLLMENT_PROFILE_ID, enrollment_profile_id("approved-gateways")))
    printed = installer.enroll("--limit gate-7.rotterdam", return_code=2)
    assert "certificate_pending" in printed
    assert [path.name for path in (installer.folder / NAMES[0]).iterdir()] == ["device.key.unfinished"]
    hosts.write_text(installer.files["hosts.ini"])
    installer.enroll("--limit gate-7.rotterdam")
    assert installer.opens(simulator.records.find_named(NAMES[0]))


def operations(simulator):
    return [request.path.rpartition("/")[2] for request in simulator.requests]


def test_devices_enroll_and_renew_by_est(installer, simulator):
    url = yaml.safe_load(installer.files["group_vars/all.yml"])["est_url"]
    assert re.fullmatch(rf"https://one\.digicert\.com{EST_PATH}devicetrustmanager/IOT_[^/ ]+/device-group/[^/ ]+", url)
    installer.use_est(simulator.est_operator_url)
    installer.enroll(playbook="est.yml")
    assert sorted(operations(simulator)) == ["csrattrs"] * 2 + ["simpleenroll"] * 2
    assert all(installer.opens(simulator.records.find_named(name)) for name in NAMES)
    installer.enroll(playbook="est.yml")
    assert simulator.connections == []

    playbook, folder = installer.folder / "est.yml", installer.folder / NAMES[0]
    option = '        est_url: "{{ est_url }}"\n'
    assert playbook.read_text().count(option) == 2
    options = option + textwrap.indent(installer.adapt(options_of_the_guide("ca_certs_path:")), " " * 8)
    playbook.write_text(playbook.read_text().replace(option, options))
    root = simulator.certificates.authority.certificate
    given = f"--limit gate-7.rotterdam --extra-vars ca_certs_fingerprint={root.fingerprint(hashes.SHA256()).hex()}"
    installer.enroll(given, playbook="est.yml")
    assert operations(simulator) == ["cacerts"]
    assert root in x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())

    # The certificate of this device is due. At the hosts of DigiCert, the URL stays the same.
    installer.present("access-point")
    installer.use_est(simulator.est_url)
    key = (folder / "device.key").read_bytes()
    installer.enroll(given, playbook="est.yml")
    assert operations(simulator) == ["cacerts", "csrattrs", "simplereenroll", "cacerts"]
    assert (folder / "device.key").read_bytes() != key
    installer.enroll(given, playbook="est.yml")
    assert simulator.connections == []


def test_the_role_enrolls_devices_by_est(installer, simulator):
    installer.use_est(simulator.est_url)
    for operation in ("simpleenroll", None):
        installer.enroll(playbook="est_role.yml")
        assert ("simpleenroll" in operations(simulator)) is (operation is not None)
    assert simulator.connections == []
    assert all(installer.opens(simulator.records.find_named(name)) for name in NAMES)


def test_a_request_by_est_is_finished_after_the_approval(installer, simulator):
    simulator.est.pending, simulator.est.retry_after = 1, None
    installer.use_est(simulator.est_operator_url)
    assert "certificate_pending" in installer.enroll("--limit gate-7.rotterdam", playbook="est.yml", return_code=2)
    assert [path.name for path in (installer.folder / NAMES[0]).iterdir()] == ["device.key.unfinished"]
    installer.enroll("--limit gate-7.rotterdam", playbook="est.yml")
    assert installer.opens(simulator.records.find_named(NAMES[0]))
