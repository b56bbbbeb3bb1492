# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.modules import (
    digicert_iot_device,
    digicert_iot_device_access,
    digicert_iot_device_certificate,
    digicert_iot_devices,
)

ROOT = Path(__file__).resolve().parents[4]
KINDS = [failure.kind for failure in DeviceManagerError.__subclasses__()]


def test_every_failure_stands_in_the_guide_and_no_other():
    guide = (ROOT / "docs/docsite/rst/guide_errors.rst").read_text(encoding="utf-8")
    assert re.findall(r"^(\w+)\n-+$", guide, re.MULTILINE) == KINDS


def test_every_failure_stands_in_the_documentation_of_a_module():
    modules = (
        digicert_iot_device,
        digicert_iot_device_access,
        digicert_iot_device_certificate,
        digicert_iot_devices,
    )
    documentation = "".join(module.RETURN for module in modules)
    for kind in KINDS:
        assert f"V({kind})" in documentation


def test_secret_words_are_concealed():
    failure = DeviceManagerError("It said hush.", code="hush", api_message=None)
    failure.redact(Redactor(["hush"]))
    assert str(failure) == "It said ********."
    assert (failure.code, failure.api_message) == ("********", None)


def test_a_message_can_be_printed():
    assert str(DeviceManagerError("é\x1b[31m\0\ud800€\n.")) == "é [31m  € ."
