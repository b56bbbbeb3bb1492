# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role pull on a host where systemd runs: set up once over SSH, it then keeps itself true by its own timer."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from cryptography import x509

from guides.conftest import files_of
from hosts.conftest import PKI, connection, give
from hosts.pulled_host import HOST, PulledHost
from playbooks.conftest import Ran
from simulator import FOREVER, Answer
from simulator.certificates import fingerprint

METRICS = "/var/lib/prometheus/node-exporter"


class AccessPoint(PulledHost):
    """A host that has the certificate of a device."""

    def __init__(self, hosts, simulator, folder) -> None:
        super().__init__(hosts, folder)
        self.simulator = simulator
        self.device = simulator.records["access-point"]
        give(hosts, HOST, simulator.certificates, "access-point")

    def set_up(self, *mode: str, metrics: str = METRICS) -> Ran:
        """Give the host the role, once, from here."""
        roles = [self.role_pull(digicert_iot_pull_metrics_directory=metrics)]
        return self.play(
            [{"name": "Let the host keep itself true", "hosts": "all", "become": True, "roles": roles}], *mode
        )

    def commit_site(self, site: str) -> str:
        """Say in the repository what the record shall be, and return the commit."""
        fields = {"Firmware": "{{ ansible_facts.distribution_version }}", "Site": site}
        return self.commit(**connection(self.simulator, self.device), digicert_iot_device_fields=fields)

    def result(self) -> dict[str, t.Any]:
        """Return the local fact as Ansible reads it."""
        setup = {"ansible.builtin.setup": {"filter": "ansible_local"}}
        content = {"name": "Read the fact", "hosts": "all", "gather_facts": False, "tasks": [setup]}
        (event,) = self.play([content]).events
        return event["result"]["ansible_facts"]["ansible_local"]["digicert_iot_pull"]

    def metrics(self) -> dict[str, int]:
        """Return the metrics as the user of an exporter reads them, by their names without the prefix."""
        text = self.run(f"setpriv --reuid=65534 --regid=65534 --clear-groups cat {METRICS}/*.prom 2>/dev/null || true")
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        return {name.removeprefix("digicert_iot_pull_"): int(value) for name, value in lines}

    def wait_for_metrics(self, what: str, **wanted: int) -> None:
        """Wait until the metrics have these values."""
        self.wait(what, lambda: wanted.items() <= self.metrics().items())


@pytest.fixture
def host(booted_hosts, simulator, tmp_path):
    return AccessPoint(booted_hosts, simulator, tmp_path)


def test_a_host_keeps_itself_true_by_its_timer(host, simulator):
    device = host.device
    checked = host.set_up("--check")
    assert checked.return_code == 0, checked.output
    assert "digicert-iot-pull.timer" not in host.run("systemctl list-unit-files --no-pager")

    assert host.set_up().return_code == 0
    host.wait_for_result("a run without a repository", rc=2, commit="")
    host.wait_for_metrics("the metrics of that run", last_run_return_code=2)
    assert "last_success_timestamp_seconds" not in host.metrics()
    commit = host.commit_site("Delft")
    host.wait_for_result("the first run", rc=0, commit=commit)
    version = host.run("cat /etc/debian_version").strip()
    assert (device.named_values["Firmware"], device.named_values["Site"]) == (version, "Delft")
    assert simulator.methods[:4] == ["POST", "GET", "GET", "PUT"]
    assert set(simulator.methods[4:]) <= {"GET"}
    assert fingerprint(host.run(f"cat {PKI}/device.pem").encode()) != simulator.certificates["access-point"].fingerprint
    result = host.result()
    assert (result["rc"], result["commit"]) == (0, commit)
    assert result["start"] <= result["end"]
    host.wait_for_metrics("the metrics of a run", last_run_return_code=0, drifted_devices=0, failed_devices=0)
    leaf = x509.load_pem_x509_certificate(host.run(f"cat {PKI}/device.pem").encode())
    not_after = int(leaf.not_valid_after_utc.timestamp())
    assert host.metrics()["certificate_not_after_timestamp_seconds"] == not_after
    again = host.set_up()
    assert again.return_code == 0
    assert [event["result"] for event in again.events if event["result"].get("changed")] == []

    commit = host.commit_site("Gouda")
    host.wait_for_result("the run after a commit", rc=0, commit=commit)
    assert device.named_values["Site"] == "Gouda"
    simulator.clear_log()
    host.wait("two runs with nothing to do", lambda: len(simulator.methods) >= 2)
    assert set(simulator.methods) == {"GET"}

    simulator.script(Answer(method="GET", status=400, times=FOREVER))
    host.wait_for_result("a run that fails", rc=2, commit=commit)
    host.wait_for_metrics("the metrics of a run that fails", last_run_return_code=2, failed_devices=1)
    assert host.metrics()["certificate_not_after_timestamp_seconds"] == not_after
    simulator.clear_script()
    host.wait_for_result("the run that follows it", rc=0)

    simulator.script(Answer(method="GET", delay=10))
    host.wait("a run that takes long", lambda: simulator.untold == [])
    assert "Another run is in progress." in host.run("/var/lib/digicert-iot-pull/run")

    journal = host.run("journalctl --no-pager --unit digicert-iot-pull")
    assert "Update the device record" in journal
    assert "PLAY RECAP" in journal
    key = host.run(f"cat {PKI}/device.key").splitlines()[1]
    assert key not in host.run("journalctl --no-pager")

    assert host.set_up(metrics="").return_code == 0
    host.wait(
        "the end of the metrics",
        lambda: host.run(f"ls -A {METRICS} /var/lib/digicert-iot-pull/*.json || true") == f"{METRICS}:\n",
    )


def test_the_files_of_the_guide_set_up_a_host(host, simulator):
    files = files_of("guide_fleets")
    site = files["local.yml"].replace(
        "      vars:\n",
        f"      vars:\n        digicert_iot_api_url: {simulator.url}\n        digicert_iot_ca_path: {PKI}/ca.pem\n",
    )
    assert simulator.url in site
    git = "git -C /srv/edge.git -c user.name=Test -c user.email=test@example.com"
    (play,) = yaml.safe_load(files["pull.yml"])
    variables = play["tasks"][-1]["vars"]
    (package,) = host.run("ls /srv/packages/edgeops*.tar.gz").split()
    # The host has neither a connection to Galaxy nor a Git server with a password.
    variables.update(digicert_iot_pull_repository="/srv/edge.git", digicert_iot_pull_collections=[package])
    del variables["digicert_iot_pull_password"]
    play["hosts"] = "all"

    assert host.play([{**play, "vars": {"digicert_iot_device_id": host.device.id}}]).return_code == 0
    host.run("git init --quiet --initial-branch production /srv/edge.git; cat >/srv/edge.git/local.yml", site.encode())
    host.run(f"{git} add local.yml; {git} commit -qm 'Manage this device'; systemctl start digicert-iot-pull")
    host.wait_for_result("the run", rc=0)
    assert host.device.named_values["Firmware"] == host.run("cat /etc/debian_version").strip()
