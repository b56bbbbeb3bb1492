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

from simulator import DEVICE_PATH, ENROLLMENT_PROFILE_ID, LIST_PATH, PASSCODE
from simulator.enrollment import enrollment_profile_id
from simulator.est import est_path
from simulator.records import division_id, make_profiles

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


def exported(path):
    """Return what a shell exports that sources a file."""
    command = f". {shlex.quote(str(path))}; export -p"
    printed = subprocess.run(["bash", "-c", command], env={}, capture_output=True, text=True, check=True).stdout
    exports = [shlex.split(line)[2] for line in printed.splitlines() if "DIGICERT_IOT_" in line]
    return dict(export.split("=", 1) for export in exports)


def test_a_shell_can_source_what_it_exports(tmp_path):
    exports = tmp_path / "some where" / "exports"
    with started("--exports", exports, "--directory", tmp_path / "the pki") as (_process, _printed, environment):
        assert exported(exports) == environment
        assert len(environment) == 7


def test_an_empty_account_gives_a_certificate_to_each_new_device(tmp_path):
    exports = tmp_path / "exports"
    with started("--empty", "--directory", tmp_path, "--exports", exports) as (_process, printed, environment):
        assert exported(exports) == environment
        assert "DIGICERT_IOT_DEVICE_ID" not in environment
        gateway = make_profiles()["Gateway"]
        shown = {division_id("Harbour"), gateway.id, ENROLLMENT_PROFILE_ID, *(field.id for field in gateway.fields)}
        assert all(f" {each}\n" in printed for each in shown)

        usual = {"headers": {"x-api-key": environment["DIGICERT_IOT_API_KEY"]}, "timeout": 5}
        usual["verify"] = environment["DIGICERT_IOT_CA_PATH"]
        url = environment["DIGICERT_IOT_OPERATOR_API_URL"] + LIST_PATH
        assert requests.get(url, **usual).json()["total"] == 0
        names = ["gate-7.rotterdam", "birth", "../gate", "g" * 65]
        for name in names:
            new = {
                "device_identifier": name,
                "division_id": division_id("Harbour"),
                "device_profile_id": gateway.id,
                "device_api_allow_read": True,
                "fields": [{"id": gateway.field_id("Serial number"), "value": "1"}],
            }
            record = requests.post(url, json=new, **usual).json()
            file = record["id"] if name != names[0] else name
            device = {
                "DEVICE_ID": record["id"],
                "CLIENT_CERT": str(tmp_path / f"{file}.pem"),
                "CLIENT_KEY": str(tmp_path / f"{file}.key"),
            }
            answer = get({**environment, **{f"DIGICERT_IOT_{option}": value for option, value in device.items()}})
            assert answer.json()["device_identifier"] == name


def test_a_port_that_is_in_use_is_named(tmp_path):
    with started("--directory", tmp_path) as (_process, _printed, environment):
        port = environment["DIGICERT_IOT_API_URL"].rpartition(":")[2]
        with started("--port", port) as (process, _printed, _environment):
            _output, errors = process.communicate(timeout=10)
        assert process.returncode == 1
        assert errors.startswith("The simulator cannot listen: ")
        assert f", {port})" in errors
