# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificatePendingError,
    Changes,
    DeviceManagerError,
    ErrorDetails,
    OutcomeUnknownError,
    error_kinds,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.modules import (
    digicert_iot_device,
    digicert_iot_device_certificate,
    digicert_iot_device_enrollment,
    digicert_iot_devices,
    digicert_iot_registration,
)

ROOT = Path(__file__).resolve().parents[4]
KINDS = [error.kind for error in error_kinds()]


def test_every_failure_stands_in_the_guide_and_no_other():
    guide = (ROOT / "docs/docsite/rst/guide_errors.rst").read_text(encoding="utf-8")
    assert re.findall(r"^(\w+)\n-+$", guide, re.MULTILINE) == KINDS


def test_every_failure_stands_in_the_documentation_of_a_module():
    modules = (
        digicert_iot_device,
        digicert_iot_registration,
        digicert_iot_device_certificate,
        digicert_iot_device_enrollment,
        digicert_iot_devices,
    )
    documentation = "".join(module.RETURN for module in modules)
    for kind in KINDS:
        assert f"V({kind})" in documentation


@pytest.mark.parametrize("error", error_kinds(), ids=str)
def test_the_guide_says_for_every_kind_what_changed_can_be(error):
    guide = (ROOT / "docs/docsite/rst/guide_errors.rst").read_text(encoding="utf-8")
    section = re.split(r"^\w+\n-+$", guide.partition(f"\n{error.kind}\n---")[2], maxsplit=1, flags=re.MULTILINE)[0]
    last = " ".join(section.strip().rpartition("\n\n")[2].split())
    assert last.startswith("``changed`` is ")
    named = {Changes.FILES: "changed a file", Changes.RECORD: "changed the record|changed a file or the record"}
    assert re.search(named.get(error.changes, "always false"), last)
    assert error.changes is Changes.RECORD or "record" not in last.partition(" Run ")[0]


@pytest.mark.parametrize("error", error_kinds(), ids=str)
def test_every_kind_has_a_cause_and_a_remedy_in_sentences(error):
    for text in (error.cause, error.remedy):
        assert re.fullmatch(r"[A-Z].*\.", text)
    assert isinstance(error.changes, Changes)


def test_kinds_before_which_nothing_can_change():
    kinds = {changes: [error.kind for error in error_kinds() if error.changes is changes] for changes in Changes}
    assert kinds[Changes.NOTHING] == ["list_incomplete"]
    # These errors occur before an update, or in a module that sends none.
    assert kinds[Changes.FILES] == [
        "invalid_parameters",
        "missing_library",
        "read_denied",
        "renewal_denied",
        "enrollment_denied",
        "certificate_pending",
        "certificate_unverified",
        "file_write_failed",
    ]


def sentence_of(module, ending: str) -> set[str]:
    """Return the kinds that the one sentence with this ending in the documentation of `failure` lists."""
    sentences = re.split(r"(?<=\.) ", " ".join(module.RETURN.split()))
    (sentence,) = [sentence for sentence in sentences if sentence.endswith(ending)]
    return set(re.findall(r"V\((\w+)\)", sentence)) - {"true", "false"}


def test_the_documentation_of_the_modules_lists_the_kinds_that_change_no_record():
    unchanged = {error.kind for error in error_kinds() if error.changes is not Changes.RECORD}
    of_device = set(re.findall(r"V\((\w+)\)", digicert_iot_device.RETURN)) & unchanged
    assert of_device == {"invalid_parameters", "missing_library", "read_denied"}
    assert sentence_of(digicert_iot_device, "the task sent no update.") == of_device
    of_registration = of_device - {"read_denied"} | {"list_incomplete"}
    assert sentence_of(digicert_iot_registration, "V(list_incomplete).") == of_registration


def test_secrets_are_masked_in_a_new_error():
    original = CertificatePendingError("It said hush.", ErrorDetails(None, "hush", None, 2), changed=True)
    original.certificate_request_id = "4711"
    error = original.redacted(Redactor(["hush"]))
    assert isinstance(error, CertificatePendingError)
    assert str(error) == "It said ********."
    assert error.details[1:3] == ("********", None)
    assert (error.certificate_request_id, error.details.retries, error.changed) == ("4711", 2, True)
    assert (str(original), original.details.code) == ("It said hush.", "hush")


def test_an_error_that_another_one_caused_has_its_details():
    cause = DeviceManagerError("No.", ErrorDetails(500, "x", "y", 3), may_have_applied=True)
    error = OutcomeUnknownError.caused_by(cause, "Unknown.", changed=True)
    assert isinstance(error, OutcomeUnknownError)
    assert error.result("d") == {
        "failed": True,
        "device_id": "d",
        "msg": "Device d: Unknown.",
        "changed": True,
        "failure": {"kind": "outcome_unknown", "http_status": 500, "code": "x", "message": "y", "retries": 3},
    }
    assert not error.may_have_applied


@pytest.mark.parametrize("device_id", [None, ""])
def test_an_error_of_a_task_without_a_device_names_none(device_id):
    result = DeviceManagerError("No.").result(device_id)
    assert (result["msg"], result["device_id"]) == ("No.", device_id)


def test_a_message_can_be_printed():
    assert str(DeviceManagerError("é\x1b[31m\0\ud800€\n.")) == "é [31m  € ."
