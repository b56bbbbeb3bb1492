# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from simulator import DEVICE_PATH, ENROLLMENT_PROFILE_ID, PASSCODE
from simulator.enrollment import enrollment_profile_id
from simulator.est import est_path

PACKAGE = Path(__file__).resolve().parents[2] / "simulator"


@contextlib.contextmanager
def started(*options):
    """Start the simulator by its command line; give the process, what it printed and the variables in that."""
    with subprocess.Popen(
        [sys.executable, PACKAGE, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = []
            for line in process.stdout:
                printed.append(line)
                if "Ctrl-C" in line:
                    break
            exports = [shlex.split(line)[1] for line in printed if line.strip().startswith("export ")]
            yield process, "".join(printed), dict(export.split("=", 1) for export in exports)
        finally:
            process.kill()


def get(environment):
    return requests.get(
        environment["DIGICERT_IOT_API_URL"] + DEVICE_PATH + environment["DIGICERT_IOT_DEVICE_ID"],
        cert=(environment["DIGICERT_IOT_CLIENT_CERT"], environment["DIGICERT_IOT_CLIENT_KEY"]),
        verify=environment["DIGICERT_IOT_CA_PATH"],
        timeout=5,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_how_to_use_it_and_stops_without_a_trace(stop):
    with started() as (process, printed, environment):
        record = get(environment).json()
        assert record["device_identifier"] == "access-point.harbour"
        assert environment["DIGICERT_IOT_API_URL"] in printed.splitlines()[0]
        assert f"access-point        {record['id']}" in printed
        assert ENROLLMENT_PROFILE_ID in printed
        assert PASSCODE in printed
        path = est_path(enrollment_profile_id("est-gateways"))
        for variable in ("DIGICERT_IOT_API_URL", "DIGICERT_IOT_OPERATOR_API_URL"):
            assert f"{environment[variable]}{path}\n" in printed
        folder = Path(environment["DIGICERT_IOT_CA_PATH"]).parent
        assert (folder / "birth.key").is_file()
        process.send_signal(stop)
        assert process.communicate(timeout=5) == ("", "")
        assert process.returncode == 0
        assert not folder.exists()


def test_its_options(tmp_path):
    directory, log = tmp_path / "some where", tmp_path / "log"
    with started("--directory", directory, "--log", log, "--valueless", "empty") as (process, _printed, environment):
        assert "" in [field["value"] for field in get(environment).json()["fields"]]
        process.terminate()
        process.communicate(timeout=5)
    assert Path(environment["DIGICERT_IOT_CA_PATH"]) == directory / "ca.pem"
    assert (directory / "stranger.key").is_file()
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == [
        "connection",
        "handshake",
        "request",
    ]
