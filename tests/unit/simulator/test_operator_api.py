# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import requests

from simulator import API_KEY, DEVICE_PATH, LIST_PATH, READER_API_KEY, Simulator
from simulator.records import PERMISSION_FLAGS, UNDOCUMENTED_FLAGS, division_id


class Operator:
    """Asks the simulator as an operator does."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.key = API_KEY

    def send(self, method: str, path: str = LIST_PATH, **options: object) -> requests.Response:
        return requests.request(
            method,
            self.simulator.operator_url + path,
            headers={"X-Api-Key": self.key},
            verify=str(self.simulator.certificates.ca),
            timeout=5,
            **options,
        )

    def identifiers(self, **query: object) -> list[str]:
        """Return the names of the devices that the list has for this query."""
        answer = self.send("GET", params=query)
        assert answer.status_code == 200, answer.text
        return [record["device_identifier"] for record in answer.json()["records"]]


@pytest.fixture
def operator(simulator) -> Operator:
    return Operator(simulator)


@pytest.fixture
def device(simulator):
    return simulator.records["access-point"]


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_the_list_comes_in_pages(simulator, operator):
    simulator.add_devices(20)
    first = operator.send("GET").json()
    assert (first["limit"], first["offset"], first["total"], len(first["records"])) == (20, 0, 26, 20)
    second = operator.send("GET", params={"limit": 50, "offset": 20}).json()
    assert (second["limit"], second["offset"], len(second["records"])) == (50, 20, 6)
    assert [each["id"] for each in first["records"] + second["records"]] == [
        each.id for each in simulator.records.devices
    ]
    simulator.records.largest_page = 3
    assert len(operator.identifiers(limit=50)) == 3


def test_the_list_can_begin_with_what_was_updated_last(simulator, operator):
    simulator.records.last_updated_first = True
    simulator.records["camera"].touch()
    assert operator.identifiers()[0] == "camera.harbour"


def test_filters(simulator, operator, device):
    simulator.records["camera"].touch()
    simulator.records["disabled"].division = "Depot"
    assert operator.identifiers(device_identifier="camera.harbour") == ["camera.harbour"]
    assert operator.identifiers(division_id=simulator.records["disabled"].division_id) == ["disabled.harbour"]
    assert len(operator.identifiers(device_profile_id=device.profile.id)) == 5
    assert operator.identifiers(updated_from="2026-03-02") == ["camera.harbour"]
    assert len(operator.identifiers(upated_to="2026-03-02")) == 5
    assert len(operator.identifiers(created_from="2026-03-01", created_to="2026-03-01")) == 6


def test_without_a_key_nothing_is_told(operator):
    operator.key = "another"
    assert error_of(operator.send("GET")) == (401, "access_denied")


def test_errors_can_have_the_other_documented_form(simulator, operator):
    simulator.records.answers_single_errors = True
    answer = operator.send("GET", DEVICE_PATH + "none")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "entity_not_found")


def test_devices_without_certificates(simulator, operator):
    simulator.add_devices(3, certified=False)
    assert operator.identifiers(device_identifier="sensor-3.harbour") == ["sensor-3.harbour"]
    assert len(simulator.records._device_of_certificate) == 6


def test_a_reader_may_not_write(operator, device):
    operator.key = READER_API_KEY
    assert operator.send("GET", DEVICE_PATH + device.id).json() == device.record
    assert error_of(operator.send("PUT", f"{DEVICE_PATH}{device.id}/disable")) == (403, "access_denied")
    assert device.status == "ACTIVE"


def test_an_update_replaces_all_values_and_sets_flags(simulator, operator, device):
    answer = operator.send("PUT", DEVICE_PATH + device.id, json={"fields": []})
    assert error_of(answer) == (400, "invalid_input")
    mandatory = {field.id: device.values[field.id] for field in device.profile.fields if field.mandatory}
    payload = {"fields": [{"id": key, "value": value} for key, value in mandatory.items()]}
    answer = operator.send("PUT", DEVICE_PATH + device.id, json={**payload, "device_api_allow_write": False})
    assert (answer.status_code, answer.json()) == (201, device.record)
    assert device.values == mandatory
    assert [getattr(device, flag) for flag in PERMISSION_FLAGS] == [True, False, True]
    simulator.records.forgets_flags = True
    operator.send("PUT", DEVICE_PATH + device.id, json={**payload, "device_api_allow_write": True})
    assert [getattr(device, flag) for flag in PERMISSION_FLAGS] == [False, True, False]
    answer = operator.send("PUT", DEVICE_PATH + device.id, json={**payload, "device_api_allow_read": "yes"})
    assert error_of(answer) == (400, "invalid_input")


def test_permissions_that_are_not_documented(simulator, operator, device):
    device.more_flags = {"device_api_allow_revoke": True}
    assert device.record["device_api_allow_revoke"] is True
    payload = {"fields": [{"id": key, "value": value} for key, value in device.values.items()]}
    operator.send("PUT", DEVICE_PATH + device.id, json=payload)
    assert device.more_flags == {"device_api_allow_revoke": True}
    operator.send("PUT", DEVICE_PATH + device.id, json={**payload, "device_api_allow_revoke": False})
    assert device.more_flags == {"device_api_allow_revoke": False}
    device.more_flags["device_api_allow_revoke"] = simulator.records.forgets_flags = True
    operator.send("PUT", DEVICE_PATH + device.id, json=payload)
    assert not any(device.flags.values())


def test_enable_and_disable(operator, device):
    answer = operator.send("PUT", f"{DEVICE_PATH}{device.id}/disable")
    assert (answer.status_code, answer.json()["status"], device.status) == (200, "DISABLED", "DISABLED")
    assert operator.send("PUT", f"{DEVICE_PATH}{device.id}/enable").json()["status"] == "ACTIVE"
    device.status = "DELETED"
    assert error_of(operator.send("PUT", f"{DEVICE_PATH}{device.id}/enable")) == (400, "invalid_input")


@pytest.fixture
def creation(device) -> dict[str, object]:
    """Return the body of a request that creates a device."""
    return {
        "device_identifier": "gate-7.rotterdam",
        "division_id": device.division_id,
        "device_profile_id": device.profile.id,
        "fields": [{"id": device.field_id(name), "value": "1"} for name in ("Firmware", "Serial number")],
    }


def test_create(simulator, operator, creation):
    answer = operator.send("POST", json={**creation, "device_api_allow_read": True})
    assert answer.status_code == 201
    record = simulator.records.find(answer.json()["id"]).record
    assert answer.json() == record
    assert [record[flag] for flag in PERMISSION_FLAGS] == [True, False, False]
    assert operator.identifiers(device_identifier="gate-7.rotterdam") == ["gate-7.rotterdam"]
    assert [field["name"] for field in record["fields"]] == ["Firmware", "Serial number"]
    simulator.records.valueless = "null"
    record = operator.send("POST", json={**creation, "device_identifier": "gate-8.rotterdam"}).json()
    assert [field["value"] for field in record["fields"]] == ["1", "1", None, None, None, None]
    assert len(simulator.records.devices) == 8


def test_a_new_device_has_the_flags_of_its_profile(simulator, operator, creation):
    gateway = simulator.records.profiles["Gateway"]
    values = [{"id": gateway.field_id("Serial number"), "value": "G-7"}]
    creation.update(device_profile_id=gateway.id, fields=values, device_api_allow_write=False)
    record = operator.send("POST", json=creation).json()
    assert [record[flag] for flag in PERMISSION_FLAGS] == [True, False, True]
    assert [record[flag] for flag in UNDOCUMENTED_FLAGS] == [False, False]
    simulator.records.create_ignores_flags = True
    record = operator.send("POST", json={**creation, "device_identifier": "gate-8.rotterdam"}).json()
    assert [record[flag] for flag in PERMISSION_FLAGS] == [True, True, True]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"fields": []}, "mandatory"),
        ({"fields": [{"id": "none", "value": "1"}]}, "does not exist"),
        ({"division_id": "none"}, "division_id"),
        ({"device_profile_id": "none"}, "Device profile"),
        ({"device_identifier": ""}, "device_identifier"),
        ({"device_identifier": "camera.harbour"}, "already exists"),
        ({"device_api_allow_read": "yes"}, "flag"),
    ],
)
def test_a_device_that_cannot_be_created(simulator, operator, creation, change, word):
    answer = operator.send("POST", json={**creation, **change})
    assert error_of(answer) == (400, "invalid_input")
    assert word in answer.json()["errors"][0]["message"]
    assert len(simulator.records.devices) == 6


@pytest.mark.parametrize("key", ["division_id", "device_profile_id", "device_identifier"])
def test_keys_that_a_new_device_requires(simulator, operator, creation, key):
    del creation[key]
    assert error_of(operator.send("POST", json=creation)) == (400, "invalid_input")
    assert len(simulator.records.devices) == 6


def test_names_are_unique_in_a_division(simulator, operator, creation, device):
    operator.send("POST", json=creation)
    depot = {**creation, "division_id": division_id("Depot")}
    assert operator.send("POST", json=depot).status_code == 201
    payload = {"device_identifier": "gate-7.rotterdam", "fields": device.merge([])}
    answer = operator.send("PUT", DEVICE_PATH + device.id, json=payload)
    assert error_of(answer) == (400, "invalid_input")
    assert "already exists" in answer.json()["errors"][0]["message"]
    assert device.device_identifier == "access-point.harbour"
    simulator.records.find_named("gate-7.rotterdam").device_identifier = "gate-8.rotterdam"
    assert operator.send("PUT", DEVICE_PATH + device.id, json=payload).status_code == 201


@pytest.mark.parametrize("query", [{"limit": "ten"}, {"limit": 0}, {"offset": -1}])
def test_pages_that_cannot_be(operator, query):
    assert error_of(operator.send("GET", params=query)) == (400, "invalid_input")


def test_unknown_devices_and_paths(operator, device):
    assert error_of(operator.send("GET", DEVICE_PATH + "none")) == (400, "entity_not_found")
    assert error_of(operator.send("POST", f"{DEVICE_PATH}{device.id}/renew")) == (404, "resource_not_found")


def test_the_two_apis_have_separate_ports(simulator, operator):
    operator.send("GET")
    assert [(each.api, each.peer) for each in simulator.connections] == [("operator", None)]
    leaf = simulator.certificates["access-point"]
    answer = requests.get(
        simulator.url + LIST_PATH,
        cert=(str(leaf.pem), str(leaf.key)),
        headers={"x-api-key": API_KEY},
        verify=str(simulator.certificates.ca),
        timeout=5,
    )
    assert answer.status_code == 404
