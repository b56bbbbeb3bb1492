# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a record, from a playbook."""

from __future__ import annotations

import pytest

from simulator import Answer

MODULE = "edgeops.digicert.digicert_iot_device_info"


def test_a_record_is_read_and_nothing_changed(player, simulator):
    task = player.task(module=MODULE)
    (check,), (real,) = player.check_and_run([task], [task])
    for outcome in (check, real):
        assert not outcome.result["changed"]
        assert (outcome.methods, outcome.handshakes) == (["GET"], 1)
        assert (
            outcome.result["device"].items() >= {"status": "ACTIVE", "id": simulator.records["access-point"].id}.items()
        )
        assert outcome.result["fields_by_name"] == simulator.records["access-point"].named_values
        assert outcome.result["field_ids"]["Site"] == simulator.records["access-point"].field_id("Site")
        assert outcome.result["field_ids"].keys() == outcome.result["fields_by_name"].keys()


def test_the_field_ids_of_one_record_name_the_fields_of_another(player, simulator):
    access_point, spare = simulator.records["access-point"], simulator.records["spare-access-point"]
    read = {**player.task(module=MODULE), "register": "complete"}
    fields = [{"name": "Site", "value": "Delft"}, {"name": "Contact", "value": "noc"}]
    write = player.task("spare-access-point", fields=fields, field_ids="{{ complete.field_ids }}")
    _info, outcome = player.run(read, write)
    assert outcome.result["changed_fields"] == ["Site", "Contact"]
    assert spare.named_values["Contact"] == "noc"
    assert access_point.named_values["Site"] == "Rotterdam"


@pytest.mark.parametrize("by", ["name", "id"])
def test_sensitive_values_are_hidden(player, simulator, by):
    device = simulator.records["access-point"]
    sensitive = "Contact" if by == "name" else device.field_id("Contact")
    outcome = player.run_one(player.task(module=MODULE, mask_fields=[sensitive, "Nothing"]))
    assert outcome.result["fields_by_name"] == {**device.named_values, "Contact": "********"}
    assert device.named_values["Contact"] not in outcome.output
    assert "'Nothing'" in outcome.result["warnings"][0]


def test_names_that_fields_share_stay_apart(player, simulator):
    camera = simulator.records["camera"]
    first, second = camera.profile.ids_of("Location")
    outcome = player.run_one(player.task("camera", module=MODULE, mask_fields=["Location"]))
    labels = {f"Location ({first})", f"Location ({second})"}
    assert {outcome.result["fields_by_name"][label] for label in labels} == {"********"}


def test_a_wait_for_a_value(player):
    def fill(records):
        device = records["access-point"]
        device.values[device.field_id("Owner")] = "harbour"

    task = {
        **player.task(module=MODULE),
        "register": "record",
        "until": "record is success and record.fields_by_name['Owner'] | default('', true) != ''",
        "retries": 3,
        "delay": 0,
    }
    (outcome,) = player.check(task, script=[Answer(status=503), Answer(), Answer(before=fill)])
    assert outcome.result["fields_by_name"]["Owner"] == "harbour"
    assert outcome.result["attempts"] == 3


def test_a_failure_names_the_device(player, simulator):
    outcome = player.run_one(player.task("write-only", module=MODULE))
    assert (outcome.failed, outcome.result["failure"]["kind"]) == (True, "read_denied")
    assert simulator.records["write-only"].id in outcome.result["msg"]


@pytest.mark.thorough
def test_a_certificate_at_fault_is_named_in_every_module_without_a_connection(player, simulator, tmp_path):
    leaf = simulator.certificates["access-point"]
    ca_first = tmp_path / "ca-first.pem"
    ca_first.write_bytes(simulator.certificates.ca.read_bytes() + leaf.pem.read_bytes())
    one_line = tmp_path / "one-line.pem"
    one_line.write_text(leaf.pem.read_text().replace("\n", r"\n"))
    modules = (MODULE, "edgeops.digicert.digicert_iot_device_certificate")
    tasks = [
        player.task(module=module, client_cert=str(path), client_key=str(leaf.key))
        for module in modules
        for path in (ca_first, one_line)
    ]
    outcomes = player.run(*tasks)
    words = ["another certificate before that of the device", "two characters"] * 2
    for outcome, word in zip(outcomes, words, strict=True):
        assert outcome.result["failure"]["kind"] == "invalid_parameters"
        assert "client_cert: " in outcome.result["msg"]
        assert "client_key" not in outcome.result["msg"]
        assert word in outcome.result["msg"]
        assert outcome.connections == []
