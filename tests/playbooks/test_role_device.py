# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role device on this machine, where nothing has to be installed."""

from __future__ import annotations

import pytest

from playbooks.conftest import TARGET
from simulator import Answer

# A task of the role that fails ends the role.
ROLE = {
    "block": [{"name": "Keep the device", "ansible.builtin.include_role": {"name": "edgeops.digicert.device"}}],
    "rescue": [{"name": "Go on", "ansible.builtin.debug": {"msg": "It failed."}}],
    "ignore_errors": False,
}


@pytest.fixture
def variables(player, simulator, tmp_path):
    """What the inventory says of the access point, whose certificate is due."""
    connection = player.connection()
    paths = {
        "client_cert": simulator.certificates["access-point"].pem,
        "client_key": simulator.certificates["access-point"].key,
    }
    for name, path in paths.items():
        copied = tmp_path / path.name
        copied.write_bytes(path.read_bytes())
        copied.chmod(0o600)
        connection[name] = str(copied)
    names = ("device_id", "api_url", "client_cert", "client_key", "ca_path")
    return {f"digicert_iot_{name}": connection[name] for name in names}


def changed(outcomes):
    return [outcome.result for outcome in outcomes if outcome.result.get("changed")]


def test_a_host_is_brought_to_a_true_record_and_a_fresh_certificate(player, simulator, variables):
    access_point = simulator.records["access-point"]
    access_point.valueless = "null"  # so that a field that never had a value can be named
    kept = access_point.named_values
    play = {
        "gather_facts": True,
        "vars": {
            **variables,
            "digicert_iot_device_fields": {"Owner": "{{ ansible_facts.python.executable }}", "Site": "Delft"},
            "digicert_iot_device_fields_all": {"Site": "Gouda", "Redirector": "https://all.example"},
            "digicert_iot_device_fields_more": {"Redirector": "https://more.example"},
            "digicert_iot_device_absent_fields": ["Contact"],
        },
        "handlers": [
            {
                "name": "Restart",
                "listen": "edgeops.digicert certificate renewed",
                "ansible.builtin.debug": {"msg": "restarted"},
            }
        ],
    }
    outcomes = player.check(ROLE, play=play)
    assert not [outcome for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["GET"]
    assert len(changed(outcomes)) == 2
    outcomes = player._run([ROLE], [], play=play)
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["POST", "GET", "GET", "PUT"]
    assert "restarted" in outcomes[0].output
    assert access_point.named_values == {
        **{name: kept[name] for name in ("Firmware", "Serial number")},
        "Owner": TARGET,
        "Site": "Delft",
        "Redirector": "https://more.example",
    }
    outcomes = player._run([ROLE], [], play=play)
    assert changed(outcomes) == []
    assert player.simulator.methods == ["GET"]
    assert "restarted" not in outcomes[0].output


@pytest.mark.parametrize("value", [None, ""])
def test_a_field_without_a_value_is_an_error_that_says_how_to_remove_one(player, variables, value):
    outcomes = player._run([ROLE], [], play={"vars": {**variables, "digicert_iot_device_fields_all": {"Site": value}}})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "no value for Site" in failed.result["msg"]
    assert "digicert_iot_device_absent_fields" in failed.result["msg"]
    assert player.simulator.connections == []


@pytest.mark.thorough
def test_keys_can_be_content_and_values_secret(player, simulator, variables):
    leaf = simulator.certificates["access-point"]
    given = {name: value for name, value in variables.items() if "client" not in name}
    content = {
        "digicert_iot_client_cert_content": leaf.pem.read_text(),
        "digicert_iot_client_key_content": leaf.key.read_text(),
        "digicert_iot_device_secret_fields": {"Contact": "canary-5d21"},
    }
    outcomes = player._run([ROLE], [], play={"vars": {**given, **content}}, environment={"ANSIBLE_VERBOSITY": "4"})
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["GET", "PUT"]
    assert simulator.records["access-point"].named_values["Contact"] == "canary-5d21"
    for word in ("canary-5d21", leaf.key.read_text().splitlines()[1]):
        assert word not in outcomes[0].output


def test_a_wrong_argument_is_told(player, variables):
    play = {"vars": {**variables, "digicert_iot_device_fields": "Site", "digicert_iot_device_id": None}}
    outcomes = player._run([ROLE], [], play=play)
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "digicert_iot_device_fields" in str(failed.result)
    assert player.simulator.connections == []


def test_a_field_that_the_record_does_not_list_is_set_by_its_name(player, simulator, variables):
    access_point = simulator.records["access-point"]
    field_ids = {field.name: field.id for field in access_point.profile.fields}
    wanted = {"digicert_iot_renew": False, "digicert_iot_device_fields": {"Owner": "Harbour"}}
    play = {"vars": {**variables, **wanted, "digicert_iot_field_ids": field_ids}}
    for outcomes in (player.check(ROLE, play=play), player._run([ROLE], [], play=play)):
        assert not [outcome.result for outcome in outcomes if outcome.failed]
        assert [result["changed_fields"] for result in changed(outcomes)] == [["Owner"]]
    assert access_point.named_values["Owner"] == "Harbour"
    assert player.simulator.methods == ["GET", "PUT"]
    assert changed(player._run([ROLE], [], play=play)) == []


@pytest.mark.thorough
def test_what_the_play_sets_for_all_modules_counts(player, variables):
    play = {"vars": variables, "module_defaults": {"group/edgeops.digicert.digicert_iot": {"retries": 0, "timeout": 5}}}
    outcomes = player._run([ROLE], [], play=play, script=[Answer(method="POST", status=429)])
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert (failed.result["failure"]["kind"], failed.result["failure"]["retries"]) == ("http_error", 0)
