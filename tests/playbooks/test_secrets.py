# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets are used, and seen nowhere: not in output at -vvvv, results, the system's log or files that stay."""

from __future__ import annotations

import base64
import html
import json
import typing as t
from pathlib import Path
from urllib.parse import quote

import pytest

from playbooks.conftest import MODULE
from simulator import API_KEY, ENROLLMENT_PROFILE_ID, PASSCODE, Answer

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
            "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
            "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results,edgeops.digicert.fleet_report",
            "DIGICERT_IOT_REPORT_HTML": str(tmp_path / "report.html"),
            "DIGICERT_IOT_REPORT_JSON": str(tmp_path / "report.json"),
        }
    }


def assert_hidden(words: t.Iterable[str], outcome: t.Any, folder: Path, is_logged: bool = True) -> None:
    """Assert that no word is in the output and the files of a run, except for the playbook itself."""
    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    left.pop(folder / "playbook.yml")
    assert (folder / "ansible.log") in left
    assert not is_logged or b" Invoked with " in left[folder / "system.log"]
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
    (check,), (real, again) = player.check_and_run([task], [task, task], **loudly)
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


@pytest.mark.thorough
@pytest.mark.usefixtures("access_point")
@pytest.mark.parametrize(
    ("kind", "fields", "script"),
    [
        ("http_error", None, [Answer(method="PUT", status=400, body=ECHO)]),
        ("invalid_response", None, [Answer(method="PUT", status=201, body=ECHO)]),
        ("outcome_unknown", None, [Answer(method="PUT", cut=True), Answer(), Answer(cut=True)]),
        ("invalid_desired_state", [{"name": "Nothing", "value": "x"}], []),
        ("invalid_parameters", [{"name": "Site", "value": 1.5}], []),
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
    assert "client_key_content is truncated or damaged" in broken.result["msg"]
    assert "mutually exclusive: client_key|client_key_content" in double.result["msg"]
    assert "One of client_cert and client_cert_content is required." in none.result["msg"]
    for outcome in (broken, double, none):
        assert outcome.result["failure"]["kind"] == "invalid_parameters"
        assert outcome.connections == []
    for outcome in (*opening, broken, double, none):
        assert_hidden([key.splitlines()[1]], outcome, tmp_path)


SECRET = 'canary "new"/pässword\nline-93ad27'
# What of it can be seen in whatever form.
PARTS = ("canary", "ssword", "line-93ad27")
ECHOES = {
    "JSON": json.dumps({"value": SECRET}),
    "line ends as blanks": SECRET.replace("\n", " "),
    "percent": quote(SECRET),
    "HTML": html.escape(SECRET),
    "truncated": SECRET[:12],
    "before the cut": "x" * 470 + SECRET,
}


@pytest.mark.thorough
@pytest.mark.usefixtures("access_point")
def test_a_secret_is_masked_in_each_form_of_an_error(player, loudly, tmp_path):
    task = player.task(secret_fields=[{"name": "Contact", "value": SECRET}])
    echoes = [{"errors": [{"code": f"no {echo}", "message": f"Cannot take {echo}"}]} for echo in ECHOES.values()]
    script = [Answer(method="PUT", status=400, body=body) for body in echoes]
    script.append(Answer(method="PUT", status=302, headers={"Location": f"https://localhost/{quote(SECRET)}"}))
    for outcome in player.run(*[task] * len(script), script=script, **loudly):
        assert outcome.result["failure"]["kind"] in ("http_error", "redirected")
        assert "********" in outcome.result["msg"]
        assert_hidden(PARTS, outcome, tmp_path)


@pytest.mark.thorough
def test_content_is_not_shown_in_an_option_for_something_else(player, simulator, loudly, tmp_path):
    leaf = simulator.certificates["access-point"]
    key, certificate = leaf.key.read_text(), leaf.pem.read_text()
    vault = "$ANSIBLE_VAULT;1.1;AES256\n63616e617279\n"
    operator = {"device_id": "d", "allow_read": True, "api_key": NEW, "ca_path": key}
    access = {"name": "Allow", "edgeops.digicert.digicert_iot_registration": operator}
    entry = player.connection(client_key=key)
    tasks = [
        *(player.task(fields=[], **{option: key}) for option in ("client_key", "client_cert", "ca_path", "device_id")),
        player.task(fields=[], client_key=key.replace("\n", "\\n")),
        player.task(fields=[], client_cert=certificate.replace("\n", " ")),
        player.task(fields=[], client_key=vault),
        player.task(fields=[], client_key=NEW),
        player.task(fields=[], api_url=f"https://user:{NEW}@localhost"),
        player.task(fields=[{"name": "Site", "value": key}]),
        player.task(module=f"{MODULE}_info", client_key=key),
        player.task(module=f"{MODULE}_certificate", csr_path=key),
        {"name": "Many", f"{MODULE}s": {"devices": [entry], "fields": []}},
        access,
    ]
    loudly["environment"]["DIGICERT_IOT_CLIENT_KEY"] = key
    tasks.append(player.task(fields=[], client_key=None))
    outcomes = player.run(*tasks, **loudly)
    for outcome in outcomes:
        assert "failure" in outcome.result, outcome.result
        assert outcome.result["failure"]["kind"] == "invalid_parameters"
        assert "The value is not shown." in outcome.result["msg"]
        assert outcome.connections == []
    assert "Set client_key_content" in outcomes[0].result["msg"]
    hidden = (NEW, "63616e617279", *(pem.splitlines()[1] for pem in (key, certificate)))
    assert_hidden(hidden, outcomes[-1], tmp_path, is_logged=False)


@pytest.mark.thorough
@pytest.mark.parametrize("secret", [NEW, 'two "lines"\ncanary'])
def test_a_parameter_of_the_wrong_type_shows_no_secret(player, loudly, tmp_path, secret):
    secrets = {"client_key_passphrase": secret, "secret_fields": [{"name": "Contact", "value": secret}]}
    tasks = [
        player.task(**{**secrets, **wrong})
        for wrong in (
            {"fields": ["Site: Delft"]},
            {"secret_fields": [secret]},
            {"secret_fields": {"Contact": secret}},
            {"secret_fields": [{"name": "Contact", "valeu": secret}]},
            {"client_key_passphrase": {"deep": [secret]}, "timeout": "soon"},
            {"timeout": "soon"},
            {"pasphrase": secret},
        )
    ]
    tasks += [
        {"name": "Many", f"{MODULE}s": {"devices": devices}}
        for devices in (["x", player.connection(**secrets)], [player.connection(**secrets, fields=["x"])], [secret])
    ]
    tasks += [
        player.task(module=f"{MODULE}_certificate", client_key_passphrase=secret, device_attributes=["code=1 x"]),
        player.task(module=f"{MODULE}_info", client_key_passphrase=secret, mask_fields={"a": 1}),
        {
            "name": "Allow",
            "edgeops.digicert.digicert_iot_registration": {"device_id": "d", "api_key": secret, "status": ["a"]},
        },
    ]
    outcomes = player.run(*tasks, **loudly)
    assert all(outcome.failed for outcome in outcomes)
    assert_hidden([secret.splitlines()[-1]], outcomes[-1], tmp_path, is_logged=False)


@pytest.mark.thorough
def test_line_ends_do_not_show_a_secret_in_the_log(player, simulator, loudly, tmp_path):
    key = simulator.certificates["access-point"].key.read_text()
    device = player.connection(client_key=None, client_key_content=key)
    device["secret_fields"] = [{"name": "Contact", "value": "a'\"b\ncanary-line"}]
    outcome = player.run_one({"name": "Many", f"{MODULE}s": {"devices": [device]}}, **loudly)
    assert outcome.result["devices"][0]["changed"]
    assert_hidden([key.splitlines()[1], "canary-line"], outcome, tmp_path)


@pytest.mark.thorough
def test_old_values_are_masked_in_each_place(player, access_point, loudly, tmp_path):
    access_point.values[access_point.field_id("Site")] = f"rotated from {OLD}"

    def repeat(record):
        record["previous_values"] = {OLD: f"was {OLD}"}

    task = player.task(secret_fields=[{"name": "Contact", "value": NEW}])
    outcome = player.run_one(task, script=[Answer(method="PUT", alter=repeat)], **loudly)
    assert outcome.result["diff"]["before"]["fields"]["Site"] == "rotated from ********"
    assert outcome.result["device"]["previous_values"] == {"********": "was ********"}
    assert_hidden([OLD, NEW], outcome, tmp_path)


@pytest.mark.thorough
def test_a_purged_value_can_be_masked(player, access_point, loudly, tmp_path):
    many = {"devices": [player.connection(fields=[], purge_fields=True, mask_fields=["Contact"])]}
    tasks = [
        player.task(module=f"{MODULE}_info", mask_fields=["contact", access_point.field_id("Contact").upper()]),
        player.task(fields=[{"name": "Site", "value": "Delft"}], mask_fields=["Contact"]),
        {"name": "Many", f"{MODULE}s": many},
    ]
    outcomes = player.run(*tasks, **loudly)
    assert "mask_fields names 'contact'" in outcomes[0].result["warnings"][0]
    assert outcomes[1].result["diff"]["after"]["fields"]["Contact"] == "********"
    assert outcomes[2].result["devices"][0]["diff"]["before"]["fields"]["Contact"] == "********"
    assert "Contact" not in access_point.named_values
    assert_hidden([OLD], outcomes[-1], tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("secret", ["a", "3", "true"])
def test_a_short_secret_leaves_the_result_as_it_is(player, access_point, secret):
    outcome = player.run_one(player.task(secret_fields=[{"name": "Contact", "value": secret}]))
    assert outcome.result["changed"] is True
    assert outcome.result["device"]["id"] == access_point.id
    assert outcome.result["diff"]["after"]["fields"]["Contact"] == "******** (changed)"


@pytest.mark.thorough
def test_job_files_have_no_secrets(player, access_point, loudly, tmp_path):
    task = player.task(secret_fields=[{"name": "Contact", "value": NEW}])
    (outcome,) = player._run([{**task, "async": 60, "poll": 1}], [], **loudly)
    assert outcome.result["changed"]
    assert access_point.named_values["Contact"] == NEW
    assert_hidden([OLD, NEW], outcome, tmp_path)


@pytest.mark.thorough
def test_the_key_of_an_operator(player, access_point, loudly, tmp_path):
    task = {
        "name": "Open the door",
        "edgeops.digicert.digicert_iot_registration": {
            "device_id": access_point.id,
            "allow_write": False,
            "mask_fields": ["Contact"],
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


@pytest.mark.thorough
def test_the_secrets_of_an_enrollment(player, simulator, loudly, tmp_path):
    profile = simulator.records.profiles["Gateway"]
    birth = simulator.certificates["birth"]
    usual = {
        "api_url": simulator.operator_url,
        "ca_path": str(simulator.certificates.ca),
        "client_cert": str(tmp_path / "device.pem"),
        "client_key": str(tmp_path / "device.key"),
        "client_key_passphrase": OLD,
        "enrollment_profile_id": ENROLLMENT_PROFILE_ID,
        "device_identifier": "gate-7.rotterdam",
        "device_attributes": [{"id": profile.field_id("Serial number"), "value": NEW}],
        "retries": 0,
    }
    keys = {"birth_cert_content": birth.pem.read_text(), "birth_key_content": birth.key.read_text()}
    words = (PASSCODE, API_KEY, OLD, NEW, keys["birth_key_content"].splitlines()[1])

    def denial(*secrets):
        """An API can return what it received."""
        return {"errors": [{"code": "access_denied", "message": f"No {' or '.join((*secrets, OLD, NEW))}"}]}

    def task(**options):
        return {"name": "Enroll", f"{MODULE}_enrollment": {**usual, **options}}

    credentials = ({"passcode": PASSCODE}, {"api_key": API_KEY}, {"api_url": simulator.url, **keys})
    denied = [task(**credential) for credential in credentials]
    wrong = [
        task(passcode=PASSCODE, api_key=API_KEY),
        task(passcode=PASSCODE, timeout="soon"),
        task(passcode=f"{PASSCODE} {NEW}"),
        task(passcode=PASSCODE, subject={"O": birth.key.read_text()}),
        task(birth_cert=birth.both.read_text()),
        task(passcode=[PASSCODE]),
    ]
    echoes = (denial(PASSCODE), denial(API_KEY), denial(words[-1]))
    script = [Answer(method="POST", status=403, body=echo) for echo in echoes]
    outcomes = player._run([*denied, *wrong], [], script=script, **loudly)
    outcomes += player.run(*denied[:1], **loudly)
    assert [outcome.failed for outcome in outcomes] == [True] * (len(denied) + len(wrong)) + [False]
    assert "********" in outcomes[0].result["msg"]
    for outcome in outcomes:
        assert_hidden(words, outcome, tmp_path)
    assert b"ENCRYPTED" in (tmp_path / "device.key").read_bytes()


@pytest.mark.thorough
def test_the_secrets_of_est(player, simulator, loudly, tmp_path):
    birth = simulator.certificates["birth"]
    username = "canary-user"
    token = base64.b64encode(f"{username}:{PASSCODE}".encode()).decode()
    alone = base64.b64encode(f":{PASSCODE}".encode()).decode()
    keys = {"birth_cert_content": birth.pem.read_text(), "birth_key_content": birth.key.read_text()}
    words = (PASSCODE, token, alone, OLD, keys["birth_key_content"].splitlines()[1])
    usual = {
        "ca_path": str(simulator.certificates.ca),
        "ca_certs_path": str(tmp_path / "ca.pem"),
        "client_cert": str(tmp_path / "device.pem"),
        "client_key": str(tmp_path / "device.key"),
        "client_key_passphrase": OLD,
        "est_url": simulator.est_operator_url,
        "device_identifier": "gate-7.rotterdam",
        "retries": 0,
    }

    def task(**options):
        return {"name": "Enroll", f"{MODULE}_enrollment": {**usual, **options}}

    def echo(status, *secrets):
        """A server can return what it received, also the header of the credential."""
        text = f"No {' or '.join((*secrets, OLD))} as the header Authorization: Basic {token}\n"
        return {"status": status, "headers": {"Content-Type": "text/plain"}, "body": text}

    def echoes(*answers):
        """The answer to each POST. JSON is the form of other servers."""
        return [Answer(method="POST", **answer) for answer in answers]

    named = task(est_username=username, passcode=PASSCODE)
    nested = {"status": 500, "body": {"errors": [{"code": token, "message": f"{alone} {PASSCODE} {OLD}"}]}}
    tasks = [
        named,
        named,
        task(passcode=PASSCODE),
        task(est_url=simulator.est_url, **keys),
        named,
        task(passcode=PASSCODE, timeout="soon"),
        task(passcode=[PASSCODE]),
        task(passcode=f"{PASSCODE}\n{OLD}"),
        task(est_url=f"https://{username}:{PASSCODE}@localhost/.well-known/est"),
    ]
    script = [
        *echoes(echo(401, PASSCODE, token), echo(400, token, alone), nested, echo(403, words[-1])),
        Answer(path="/csrattrs", times=4),
        Answer(path="/csrattrs", status=302, headers={"Location": f"https://localhost/{token}/{PASSCODE}"}),
    ]
    outcomes = player._run(tasks, [], script=script, **loudly)
    assert [outcome.failed for outcome in outcomes] == [True] * len(tasks)
    kinds = ["enrollment_denied", "http_error", "outcome_unknown", "enrollment_denied", "redirected"]
    assert [outcome.result["failure"]["kind"] for outcome in outcomes[:5]] == kinds
    assert all("********" in outcome.result["msg"] for outcome in outcomes[:5])
    assert outcomes[0].requests[-1].header("Authorization") == f"Basic {token}"
    outcomes += player.run(task(passcode=PASSCODE), **loudly)
    assert not outcomes[-1].failed
    for outcome in outcomes:
        assert_hidden(words, outcome, tmp_path)
    assert b"ENCRYPTED" in (tmp_path / "device.key").read_bytes()


def test_a_key_that_everyone_can_read_is_a_warning(player, simulator, tmp_path):
    keys = {mode: tmp_path / f"{mode:o}.key" for mode in (0o644, 0o640)}
    for mode, path in keys.items():
        path.write_bytes(simulator.certificates["access-point"].key.read_bytes())
        path.chmod(mode)
    seen, private = player.check(*(player.task(fields=[], client_key=str(path)) for path in keys.values()))
    assert "Set its mode to 0600" in seen.result["warnings"][0]
    assert "warnings" not in private.result


@pytest.mark.thorough
def test_a_field_that_something_else_changed_meanwhile_is_a_warning(player, access_point):
    def write(records):
        records["access-point"].values[access_point.field_id("Site")] = "Antwerp"

    task = player.task(fields=[{"name": "Contact", "value": "new"}])
    outcome = player.run_one(task, script=[Answer(method="PUT", after=write)])
    assert outcome.result["changed"]
    assert "'Site'" in outcome.result["warnings"][0]
