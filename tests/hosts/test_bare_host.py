# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One playbook makes a managed device of a bare host, in an account without devices. Then the host manages itself.

The controller has the API key of an operator and a passcode for one certificate. The repository from which the host
pulls has another passcode, and no device ID.
"""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime

import pytest
from cryptography import x509

from hosts.pulled_host import FACTS, REPOSITORY, PulledHost
from playbooks.conftest import Ran
from simulator import API_KEY, CERTIFICATE_PATH, DEVICE_PATH, ENROLLMENT_PROFILE_ID, LIST_PATH, PASSCODE
from simulator.certificates import DAY
from simulator.enrollment import ONE_TIME_PASSCODE
from simulator.log import Request
from simulator.records import PERMISSION_FLAGS, division_id

NAME = "gate-7.rotterdam"
PKI = "/etc/pki/device"
CA = "/etc/ssl/simulator.pem"
CHECKOUT = "/var/lib/digicert-iot-pull/checkout"


class Gate(PulledHost):
    """A host that has SSH, Python and the CA certificate of the API."""

    def __init__(self, hosts, simulator, folder) -> None:
        super().__init__(hosts, folder)
        self.simulator = simulator
        self.profile = simulator.records.profiles["Gateway"]
        self.field_ids = {field.name: field.id for field in self.profile.fields}
        self.run(f"cat >{CA}", simulator.certificates.ca.read_bytes())

    @property
    def variables(self) -> dict[str, t.Any]:
        """The variables of the role device that the playbook and the repository have in common."""
        return {
            "digicert_iot_api_url": self.simulator.url,
            "digicert_iot_enrollment_api_url": self.simulator.operator_url,
            "digicert_iot_client_cert": f"{PKI}/device.pem",
            "digicert_iot_client_key": f"{PKI}/device.key",
            "digicert_iot_ca_path": CA,
            "digicert_iot_enrollment_profile_id": ENROLLMENT_PROFILE_ID,
            "digicert_iot_desired_device_identifier": NAME,
            "digicert_iot_field_ids": self.field_ids,
        }

    def set_up(self, *mode: str) -> Ran:
        """Run the playbook that registers the device and manages the host. It must succeed and show no secret."""
        device = {
            **self.variables,
            "digicert_iot_device_id": "{{ hostvars.localhost.registered.registrations[0].device_id }}",
            "digicert_iot_device_fields": {"Firmware": "{{ ansible_facts.distribution_version }}"},
            "digicert_iot_passcode": ONE_TIME_PASSCODE,
        }
        roles = [{"role": "edgeops.digicert.device", "vars": device}, self.role_pull()]
        manage = {"name": "Manage the host", "hosts": "all", "become": True, "roles": roles}
        self.simulator.clear_log()
        ran = self.play([self._register, manage], *mode)
        assert ran.return_code == 0, ran.output
        for secret in (API_KEY, ONE_TIME_PASSCODE):
            assert secret not in ran.output
        return ran

    @property
    def _register(self) -> dict[str, t.Any]:
        fields = [{"name": "Serial number", "value": "AP-0042"}, {"name": "Site", "value": "Rotterdam"}]
        task = {
            "name": "Register the device",
            "edgeops.digicert.digicert_iot_registrations": {
                "registrations": [{"device_identifier": NAME, "fields": fields}],
                "division_id": division_id("Harbour"),
                "device_profile_id": self.profile.id,
                "field_ids": self.field_ids,
                "allow_read": True,
                "allow_write": True,
                "allow_renew_certificate": True,
                "api_url": self.simulator.operator_url,
                "api_key": API_KEY,
                "ca_path": str(self.simulator.certificates.ca),
            },
            "register": "registered",
        }
        return {"name": "Register the device", "hosts": "localhost", "gather_facts": False, "tasks": [task]}

    def commit_site(self, site: str) -> str:
        """Set a field in the repository, where the ID of the device is not, and return the commit."""
        fields = {"Site": site}
        return self.commit(**self.variables, digicert_iot_device_fields=fields, digicert_iot_passcode=PASSCODE)

    def files(self) -> set[str]:
        """Return all files and directories, with the time of their last change, where the roles write."""
        return set(self.run("find /etc /opt /root /srv /usr /var/lib -xdev -printf '%p %T@\\n'").splitlines())

    def files_with(self, *secrets: str) -> set[str]:
        """Return the files on the host that contain a secret. Fails if the journal has one, which is compressed."""
        journal = self.run("journalctl --no-pager --all")
        for secret in secrets:
            assert secret not in journal
        # Not as an argument, because sudo logs those. A run can remove a file in the meantime.
        found = self.run(
            "grep --recursive --files-with-matches --no-messages --fixed-strings --file=- "
            "/etc /home /opt /root /run /srv /tmp /var || true",
            "\n".join(secrets).encode(),
        )
        return set(found.splitlines())

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate on the host."""
        return x509.load_pem_x509_certificate(self.run(f"cat {PKI}/device.pem").encode())

    def expire_certificate(self) -> None:
        """Replace the certificate by an expired one for the same key, as if the host had been off for months."""
        authority = self.simulator.certificates.intermediate
        expired = authority.sign(self.certificate.public_key(), NAME, begins=-91 * DAY, ends=-DAY)
        self.run(f"cat >{PKI}/device.pem", expired)


def changed(ran: Ran) -> list[dict[str, t.Any]]:
    return [event["result"] for event in ran.events if event["result"].get("changed")]


def calls(requests: t.Sequence[Request]) -> list[tuple[str, str, str]]:
    """Return the API, the method and the path, without the query, of each request."""
    return [(each.connection.api, each.method, each.path.partition("?")[0]) for each in requests]


@pytest.fixture
def gate(booted_hosts, simulator, tmp_path):
    """The host, and an account that has profiles only: a new device has no permissions, a passcode is for one name."""
    for device in simulator.records.devices:
        simulator.records.remove(device)
    simulator.records.profiles["Gateway"].flags.update(dict.fromkeys(PERMISSION_FLAGS, False))
    passcodes = simulator.enrollment["gateways"].passcodes
    passcodes[PASSCODE].uses = 1
    for passcode in passcodes.values():
        passcode.identifiers = [NAME]
    return Gate(booted_hosts, simulator, tmp_path)


def test_a_bare_host_becomes_a_device_that_manages_itself(gate, simulator):
    passcodes = simulator.enrollment["gateways"].passcodes
    before = gate.files()
    checked = gate.set_up("--check")
    assert "python3-requests" in checked.output
    assert (set(simulator.methods), simulator.records.devices) == ({"GET"}, [])
    assert gate.files() ^ before == set()

    gate.set_up()
    (device,) = simulator.records.devices
    of_device = DEVICE_PATH + device.id
    assert calls(simulator.requests) == [
        ("operator", "GET", LIST_PATH),
        ("operator", "POST", LIST_PATH),
        ("operator", "POST", CERTIFICATE_PATH),
        ("device", "GET", of_device),
        ("device", "GET", of_device),
        ("device", "PUT", of_device),
    ]
    version = gate.run("cat /etc/debian_version").strip()
    assert device.device_identifier == NAME
    assert all(device.flags[flag] for flag in PERMISSION_FLAGS)
    assert device.named_values == {"Serial number": "AP-0042", "Firmware": version, "Site": "Rotterdam"}
    fact = f"{FACTS}/digicert_iot_device.fact"
    assert json.loads(gate.run(f"cat {fact}")) == {"device_id": device.id}
    assert gate.run(f"stat -c '%a %U' {fact} {PKI}/device.key").splitlines() == ["644 root", "600 root"]
    assert changed(gate.set_up()) == []
    assert calls(simulator.requests) == [("operator", "GET", LIST_PATH), ("device", "GET", of_device)]
    assert gate.files_with(API_KEY, ONE_TIME_PASSCODE) == set()

    simulator.clear_log()
    commit = gate.commit_site("Delft")
    gate.wait_for_result("the run after the first commit", rc=0, commit=commit)
    assert device.named_values["Site"] == "Delft"
    assert calls(simulator.requests)[:2] == [("device", "GET", of_device), ("device", "PUT", of_device)]
    assert set(simulator.methods[2:]) <= {"GET"}

    gate.run("systemctl stop digicert-iot-pull.timer digicert-iot-pull.service")
    gate.expire_certificate()
    commit = gate.commit_site("Gouda")
    simulator.clear_log()
    assert passcodes[PASSCODE].uses == 1
    gate.run("systemctl start digicert-iot-pull.timer")
    gate.wait_for_result("the run after the host was off", rc=0, commit=commit)
    assert calls(simulator.requests)[:4] == [
        ("operator", "POST", CERTIFICATE_PATH),
        ("device", "GET", of_device),
        ("device", "GET", of_device),
        ("device", "PUT", of_device),
    ]
    assert set(simulator.methods[4:]) <= {"GET"}
    assert simulator.requests[0].header("x-passcode") == PASSCODE
    assert passcodes[PASSCODE].uses == 0
    assert simulator.records.devices == [device]
    assert device.named_values == {"Serial number": "AP-0042", "Firmware": version, "Site": "Gouda"}
    assert gate.certificate.not_valid_after_utc > datetime.now(UTC)
    assert gate.run(f"ls -A {PKI}").split() == ["device.key", "device.pem"]
    simulator.clear_log()
    gate.wait("a run with nothing to do", lambda: simulator.methods)
    assert set(simulator.methods) == {"GET"}

    # Each run creates the checkout again.
    found = gate.files_with(API_KEY, ONE_TIME_PASSCODE, PASSCODE) - {f"{CHECKOUT}/local.yml"}
    assert found == {f"{REPOSITORY}/local.yml"}
