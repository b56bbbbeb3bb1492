# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest

from simulator import ENROLLMENT_PROFILE_ID

MODULE = "edgeops.digicert.digicert_iot_enrollment_profile_info"


@pytest.fixture
def task(operator_task):
    """A function that returns a task of the module for an operator, with these options."""
    return functools.partial(operator_task, MODULE)


def test_the_fields_and_their_ids(player, simulator, task):
    profile = simulator.records.profiles["Gateway"]
    found, missing, invalid = player.run(
        task(enrollment_profile_id=ENROLLMENT_PROFILE_ID),
        task(enrollment_profile_id="none"),
        task(enrollment_profile_id=".."),
    )
    assert (found.result["changed"], found.methods) == (False, ["GET"])
    assert found.result["field_ids"] == {field.name: field.id for field in profile.fields}
    assert "DEVICE_IDENTIFIER" in [field["id"] for field in found.result["fields"]]
    assert (missing.failed, missing.result["failure"]["kind"]) == (True, "http_error")
    assert missing.result["msg"].startswith("Enrollment profile ")
    assert "Check enrollment_profile_id." in missing.result["msg"]
    assert (invalid.result["failure"]["kind"], invalid.connections) == ("invalid_parameters", [])
