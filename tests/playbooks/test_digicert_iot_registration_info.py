# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest

MODULE = "edgeops.digicert.digicert_iot_registration_info"


@pytest.fixture
def task(operator_task):
    """A function that returns a task of the module for an operator, with these options."""
    return functools.partial(operator_task, MODULE)


def test_one_device_and_a_list(player, simulator, task):
    camera = simulator.records["camera"]
    one, all_of_profile, missing = player.run(
        task(device_identifier="camera.harbour", mask_fields=["Model"]),
        task(filters={"device_profile_id": camera.profile.id}),
        task(device_identifier="none"),
    )
    assert (one.result["changed"], one.result["device_id"], one.methods) == (False, camera.id, ["GET"])
    assert one.result["fields_by_name"]["Model"] == "********"
    assert one.result["access"]["allow_write"] is True
    assert [record["id"] for record in all_of_profile.result["devices"]] == [camera.id]
    assert (missing.failed, missing.result["failure"]["kind"]) == (True, "device_not_found")
    assert missing.result["msg"].startswith("Device none: The account has no device with this device_identifier")


def test_invalid_parameters_cost_no_connection(player, task):
    both, division, unknown = player.run(
        task(device_id="1", filters={}), task(division_id="1"), task(filters={"site": "x"})
    )
    assert "mutually exclusive: device_id|device_identifier|filters" in both.result["msg"]
    assert "missing parameter(s) required by 'division_id': device_identifier" in division.result["msg"]
    assert "filters has site" in unknown.result["msg"]
    assert [outcome.connections for outcome in (both, division, unknown)] == [[], [], []]
