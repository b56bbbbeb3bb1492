# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets are used, and seen nowhere: not in output at -vvvv, results, the system's log or files that stay."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from simulator import API_KEY, Answer

OLD, NEW = "canary-old-6b1f0e", "canary-new-93ad27"
LOGGED = Path(__file__).resolve().parent / "system_log"


@pytest.fixture
def loudly(tmp_path: Path) -> dict[str, t.Any]:
    """What makes a run as talkative as it can be, and writes the system's log into a file of the test's folder."""
    return {
        "environment": {
            "ANSIBLE_VERBOSITY": "4",
            "PYTHONPATH": str(LOGGED),
            "SYSTEM_LOG": str(tmp_path / "system.log"),
        }
    }


def assert_hidden(words: t.Iterable[str], outcome: t.Any, folder: Path) -> None:
    """See that no word is in what a run has shown or left; the playbook itself holds them all."""
    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    left.pop(folder / "playbook.yml")
    assert b" Invoked with " in left[folder / "system.log"]
    for word in words:
        assert word not in outcome.output
        assert word not in str(outcome.result)
        assert not [path for path, content in left.items() if word.encode() in content]


@pytest.fixture
def access_point(simulator):
    device = simulator.records["access-point"]
    device.values[device.field_id("Contact")] = OLD
    return device


def test_secret_values_are_kept_and_hidden(player, access_point, loudly, tmp_path):
    task = player.task(secret_fields=[{"name": "Contact", "value": NEW}], fields=[{"name": "Site", "value": "Delft"}])
    (check,) = player.check(task, **loudly)
    real, again = player.run(task, task, **loudly)
    assert (real.methods, again.methods) == (["GET", "PUT"], ["GET"])
    assert access_point.named_values["Contact"] == NEW
    assert real.result["changed_fields"] == ["Site", "Contact"]
    assert real.result["diff"]["after"]["fields"]["Contact"] == "******** (changed)"
    assert real.result["diff"]["after"]["fields"]["Site"] == "Delft"
    assert real.result["diff"] == check.result["diff"]
    assert not again.result["changed"]
    for outcome in (check, real, again):
        assert "NO_LOG" not in str(outcome.result["device"])
        assert_hidden([OLD, NEW], outcome, tmp_path)


ECHO = {"errors": [{"code": "invalid_input", "message": f"Cannot replace {OLD} by {NEW}"}]}


@pytest.mark.usefixtures("access_point")
@pytest.mark.parametrize(
    ("kind", "fields", "script"),
    [
        ("refused", None, [Answer(method="PUT", status=400, body=ECHO)]),
        ("answer_unusable", None, [Answer(method="PUT", status=201, body=ECHO)]),
        ("outcome_unknown", None, [Answer(method="PUT", cut=True), Answer(), Answer(cut=True)]),
        ("wishes_unfit", [{"name": "Nothing", "value": "x"}], []),
        ("invalid_task", [{"name": "Site", "value": 1.5}], []),
    ],
)
def test_secret_values_are_hidden_when_the_task_fails(player, loudly, tmp_path, kind, fields, script):
    task = player.task(secret_fields=[{"name": "Contact", "value": NEW}], fields=fields)
    outcome = player.run_one(task, script=script, **loudly)
    assert outcome.result["failure"]["kind"] == kind
    assert_hidden([OLD, NEW], outcome, tmp_path)


@pytest.mark.thorough
def test_credentials_can_be_content(player, simulator, loudly, tmp_path):
    leaf = simulator.certificates["access-point"]
    certificate, key, both = (path.read_text() for path in (leaf.pem, leaf.key, leaf.both))

    def task(**credentials):
        return player.task(fields=[], **{"client_cert": None, "client_key": None, **credentials})

    *opening, broken, double, none = player.run(
        task(client_cert_content=certificate, client_key_content=key),
        task(client_cert_content=both),
        task(client_cert=str(leaf.pem), client_key_content=key),
        task(client_cert_content=certificate, client_key_content=key[:-40]),
        task(client_cert=str(leaf.pem), client_key=str(leaf.key), client_key_content=key),
        task(),
        **loudly,
    )
    assert [outcome.methods for outcome in opening] == [["GET"]] * 3
    assert "client_key_content holds no private key" in broken.result["msg"]
    assert "client_key and client_key_content exclude each other" in double.result["msg"]
    assert "client_cert or client_cert_content is needed" in none.result["msg"]
    for outcome in (broken, double, none):
        assert outcome.result["failure"]["kind"] == "invalid_task"
        assert outcome.connections == []
    for outcome in (*opening, broken, double, none):
        assert_hidden([key.splitlines()[1]], outcome, tmp_path)


def test_the_key_of_an_operator(player, access_point, loudly, tmp_path):
    task = {
        "name": "Open the door",
        "edgeops.digicert.digicert_iot_device_access": {
            "device_id": access_point.id,
            "allow_write": False,
            "api_url": player.simulator.operator_url,
            "api_key": API_KEY,
            "ca_path": str(player.simulator.certificates.ca),
            "retries": 0,
        },
    }
    # A service may repeat what it was sent.
    refused = player.run_one(task, script=[Answer(status=500, body=f"<title>{API_KEY}</title>", times=2)], **loudly)
    assert refused.requests[0].headers["x-api-key"] == API_KEY
    assert refused.failed
    done = player.run_one(task, **loudly)
    assert done.result["changed"]
    for outcome in (refused, done):
        assert_hidden([API_KEY, OLD], outcome, tmp_path)


def test_a_key_that_everyone_can_read_is_a_warning(player, simulator, tmp_path):
    keys = {mode: tmp_path / f"{mode:o}.key" for mode in (0o644, 0o640)}
    for mode, path in keys.items():
        path.write_bytes(simulator.certificates["access-point"].key.read_bytes())
        path.chmod(mode)
    seen, private = player.check(*(player.task(fields=[], client_key=str(path)) for path in keys.values()))
    assert "set its mode to 0600" in seen.result["warnings"][0]
    assert "warnings" not in private.result


def test_a_field_that_something_else_changed_meanwhile_is_a_warning(player, access_point):
    def write(records):
        records["access-point"].values[access_point.field_id("Site")] = "Antwerp"

    task = player.task(fields=[{"name": "Contact", "value": "new"}])
    outcome = player.run_one(task, script=[Answer(method="PUT", after=write)])
    assert outcome.result["changed"]
    assert "'Site'" in outcome.result["warnings"][0]
