# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_info import (
    parse_query,
    registration_info_argument_spec,
    retrieve,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import API_KEY, Answer


@pytest.fixture
def account(simulator):
    """The options of an operator for the account of the simulator."""
    return {
        "api_url": simulator.operator_url,
        "api_key": API_KEY,
        "ca_path": str(simulator.certificates.ca),
        "timeout": 5,
        "retries": 0,
        "use_proxy": False,
    }


@pytest.fixture
def query(account):
    """A function that returns the result of the module with these options, and its warnings."""

    def run(**options):
        params = {option: rule.get("default") for option, rule in registration_info_argument_spec().items()}
        warnings = []
        parsed = parse_query({**params, **account, **options})
        return retrieve(parsed, Redactor(), Runtime(warnings.append)), warnings

    return run


@pytest.mark.parametrize("by_id", [True, False])
def test_one_device(query, simulator, by_id):
    device = simulator.records["disabled"]
    options = {"device_id": device.id} if by_id else {"device_identifier": device.device_identifier}
    result, warnings = query(**options, mask_fields=["Site", "Sote"])
    assert (result["changed"], result["device_id"], result["devices"]) == (False, device.id, [result["device"]])
    assert result["fields_by_name"]["Site"] == "********"
    assert result["fields_by_name"]["Serial number"] == "AP-0042"
    assert (result["access"]["status"], result["access"]["allow_read"]) == ("DISABLED", True)
    assert warnings == ["mask_fields contains 'Sote', but no record has such a field."]
    assert len(simulator.requests) == 1


def test_a_list(query, simulator):
    devices = simulator.records.devices
    (result, warnings), everything = query(), query(statuses=["ACTIVE", "DISABLED"], filters={})[0]
    assert [record["id"] for record in result["devices"]] == [each.id for each in devices if each.status == "ACTIVE"]
    assert [record["id"] for record in everything["devices"]] == [device.id for device in devices]
    camera = simulator.records["camera"]
    (of_profile, _warnings) = query(filters={"device_profile_id": camera.profile.id})
    assert [record["id"] for record in of_profile["devices"]] == [camera.id]
    assert "device" not in result
    assert warnings == []


def test_a_device_that_does_not_exist(query):
    for options in ({"device_id": "none"}, {"device_identifier": "none"}):
        with pytest.raises(_errors.DeviceNotFoundError):
            query(**options)


@pytest.mark.parametrize("updated", ["soon", None, 7, []])
def test_a_date_in_another_form_hides_no_device(query, simulator, updated):
    device = simulator.records["disabled"]
    simulator.script(Answer(alter=lambda record: record.update(updated=updated)))
    assert query(device_id=device.id)[0]["device"]["updated"] == updated


def test_a_failure_names_the_device(account):
    params = {option: rule.get("default") for option, rule in registration_info_argument_spec().items()}
    failure = _errors.HttpError("No.")
    for options, message in (
        ({"device_id": "1"}, "Device 1: No."),
        ({"device_identifier": "gate"}, "Device gate: No."),
        ({"filters": {}}, "No."),
        ({"device_identifier": ""}, "No."),
    ):
        failed = parse_query({**params, **account, **options}).failed(failure)
        assert failed == {"msg": message, "failure": failure.failure()}


def test_a_name_that_several_devices_have(query, simulator):
    simulator.records["disabled"].device_identifier = "camera.harbour"
    with pytest.raises(_errors.InvalidDesiredStateError, match="2 devices have this device_identifier"):
        query(device_identifier="camera.harbour")


def test_problems_cost_no_connection(query, simulator):
    for options, words in (
        ({"device_id": "."}, "device_id '.' cannot be"),
        ({"device_identifier": ""}, "device_identifier is empty"),
        ({"device_identifier": "a", "division_id": ""}, "division_id is empty"),
        ({"filters": {"site": "x"}}, "filters has site"),
        ({"filters": {"device_identifier": "\ud800"}}, "filters.device_identifier is "),
    ):
        with pytest.raises(_errors.InvalidParametersError, match=words):
            query(**options)
    assert simulator.connections == []
