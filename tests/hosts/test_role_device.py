# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role device from end to end: bare Debian 11, 12 and 13 hosts over SSH, all in one run of ansible-playbook."""

from __future__ import annotations

import pytest

from hosts.conftest import DEVICES, FIELDS, PKI
from hosts.host import RELEASES
from simulator import FOREVER, Answer
from simulator.certificates import fingerprint

NOTHING = {name: [] for name in RELEASES}
ONE_READ = {name: ["GET"] for name in RELEASES}


def version(fleet, name):
    return fleet.hosts.run(name, "cat /etc/debian_version").decode().strip()


def assert_true_record(fleet, name):
    device = fleet.device(name)
    assert device.named_values[FIELDS[name]] == version(fleet, name)
    assert device.device_identifier == f"{name}.harbour"


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "files"])
def test_bare_hosts_are_brought_to_a_true_record_and_a_fresh_certificate(fleet, simulator, pipelining):
    fleet.pipelining = pipelining
    before = {name: fleet.device(name).record for name in RELEASES}
    checked = fleet.run("--check")
    assert (checked.failed, checked.methods) == ({}, NOTHING)
    assert "python3-requests" in checked.output
    assert {name: fleet.device(name).record for name in RELEASES} == before

    applied = fleet.run()
    assert applied.failed == {}
    for name in RELEASES:
        fleet.hosts.run(name, "dpkg-query --show python3-requests python3-cryptography")
        assert applied.methods[name] == ["POST", "GET", "GET", "PUT"]
        assert_true_record(fleet, name)
        pem = fleet.hosts.run(name, f"cat {PKI}/device.pem")
        assert fingerprint(pem) != simulator.certificates[DEVICES[name]].fingerprint

    again = fleet.run()
    assert (again.failed, again.changed, again.methods) == ({}, {}, ONE_READ)


@pytest.fixture
def kept_fleet(fleet):
    """Hosts that have been brought to a true record."""
    assert fleet.run().failed == {}
    return fleet


def test_one_host_that_is_locked_out_does_not_hold_up_the_others(kept_fleet):
    fleet = kept_fleet
    first, *others = RELEASES
    fleet.give(first, "expired")
    for name in RELEASES:
        fleet.hosts.run(name, "echo 99.1 >/etc/debian_version")
    ran = fleet.run()
    assert list(ran.failed) == [first]
    assert "has expired" in ran.failures[first]
    for name in others:
        assert ran.methods[name] == ["GET", "PUT"]
        assert_true_record(fleet, name)

    fleet.give(first, DEVICES[first])
    ran = fleet.run()
    assert ran.failed == {}
    assert ran.methods == {**ONE_READ, first: ["POST", "GET", "GET", "PUT"]}
    assert_true_record(fleet, first)


def test_what_a_broken_network_held_up_is_done_by_the_next_run(kept_fleet, simulator):
    fleet = kept_fleet
    for name in RELEASES:
        fleet.hosts.run(name, "echo 99.1 >/etc/debian_version")
    checked = fleet.run("--check")
    assert (checked.failed, checked.methods) == ({}, ONE_READ)
    assert set(checked.changed) == set(RELEASES)

    simulator.script(Answer(cut=True, times=FOREVER))
    ran = fleet.run()
    assert list(ran.changed) == []
    for name in RELEASES:
        assert "sent no complete response: Remote end closed connection" in ran.failures[name]

    simulator.clear_script()
    ran = fleet.run()
    assert ran.failed == {}
    for name in RELEASES:
        assert ran.methods[name] == ["GET", "PUT"]
        assert_true_record(fleet, name)
