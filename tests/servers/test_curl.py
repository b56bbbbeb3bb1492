# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator before clients that nobody here wrote: openssl makes a CSR, curl sends, and jq reads the answers.

Scripts of devices do so: they ask for a certificate, and then find their device by its name.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from servers.serving import find
from simulator import API_KEY, CERTIFICATE_PATH, DEVICE_PATH, ENROLLMENT_PROFILE_ID, LIST_PATH, PASSCODE
from simulator.enrollment import DEVICE_IDENTIFIER

NAME = "gate-7.rotterdam"
SUBJECT = ("-nodes", "-subj", f"/CN={NAME}")
EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def run(*command: object, text: str = "") -> str:
    """Run a program with a standard input, and return what it printed."""
    return subprocess.run(
        [str(word) for word in command], input=text, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def curl(simulator):
    """What sends a request with curl, with more options, and returns the body of the answer."""
    options = ("--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", simulator.certificates.ca)
    return functools.partial(run, find("curl", "curl"), *options)


def read(answer: str, *keys: str | int) -> str:
    """Return a text in JSON, as jq finds it, if it is there."""
    jq = shutil.which("jq")
    if jq is not None:
        return run(jq, "--raw-output", "--argjson", "keys", json.dumps(keys), "getpath($keys)", text=answer).rstrip(
            "\n"
        )
    return functools.reduce(lambda found, key: found[key], keys, json.loads(answer))


@pytest.mark.parametrize("credential", [f"x-api-key: {API_KEY}", f"x-passcode: {PASSCODE}"])
def test_a_script_enrolls_a_device_and_finds_its_id(tmp_path, simulator, curl, credential):
    today = datetime.now(UTC)
    key, csr, pem = tmp_path / "device.key", tmp_path / "device.csr", tmp_path / "device.pem"
    run(find("openssl", "openssl"), "req", "-new", *EC_KEY, *SUBJECT, "-keyout", key, "-out", csr)
    serial_number = simulator.records.profiles["Gateway"].field_id("Serial number")
    payload = {
        "csr": csr.read_text(),
        "enrollment_profile_id": ENROLLMENT_PROFILE_ID,
        "certificate_profile_attributes": [{"id": "subject.common_name", "value": NAME}],
        "device_attributes": [{"id": DEVICE_IDENTIFIER, "value": NAME}, {"id": serial_number, "value": "G-7"}],
    }
    sends_json = ("--header", "Content-Type: application/json", "--data", "@-")
    answer = curl(
        *("--header", credential, *sends_json, simulator.operator_url + CERTIFICATE_PATH), text=json.dumps(payload)
    )
    pem.write_text(read(answer, "pem"))

    query = f"?limit=1&device_identifier={NAME}&updated_from={today:%F}"
    answer = curl("--header", f"x-api-key: {API_KEY}", simulator.operator_url + LIST_PATH + query)
    device_id = read(answer, "records", 0, "id")
    assert device_id == simulator.records.find_named(NAME).id

    record = curl("--cert", pem, "--key", key, simulator.url + DEVICE_PATH + device_id)
    assert read(record, "device_identifier") == NAME
    assert [request.status for request in simulator.requests] == [200, 200, 200]
