# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    connection_argument_spec,
    operator_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import devices_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import (
    NO_LOG,
    ParameterCheck,
    fill_from_environment,
    secrets_of,
    shown,
    without_fallbacks,
    without_omitted_fields,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import record_argument_spec

SPEC = {
    **connection_argument_spec(),
    **record_argument_spec(),
    "csr_path": {"type": "path"},
    "csr_content": {"type": "str"},
    "progress_path": {"type": "path"},
}
BODY = "MC4CAQAwBQYDK2VwBCIEIKeyMaterialZq81KeyMaterialZq81KeyMa"
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBZq81\n-----END CERTIFICATE-----\n"
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBZq81\n-----END CERTIFICATE REQUEST-----\n"
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n6162Zq81\n"
CONTENTS = {
    "key": KEY,
    "certificate": CERTIFICATE,
    "literal line ends": KEY.replace("\n", "\\n"),
    "blanks for line ends": KEY.replace("\n", " "),
    "no line ends": KEY.replace("\n", ""),
    "CR": KEY.replace("\n", "\r"),
    "indented": "  " + KEY.replace("\n", "\n  "),
    "end": KEY[30:],
    "beginning": KEY[:40],
    "vault": VAULT,
    "vault on one line": VAULT.replace("\n", " "),
    "vault tag": "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n",
    "Base64 of DER": BODY,
    "lines of DER": BODY[:40] + "\n" + BODY[40:],
    "Base64 of PEM": base64.b64encode(KEY.encode()).decode(),
    "certificate before a path": CERTIFICATE + "/etc/pki/k.pem",
}
PATHS = ("client_cert", "client_key", "ca_path", "csr_path", "progress_path")
IDS = ("device_id", "device_identifier", "api_url")


def checked(params, existing=(), spec=SPEC):
    return ParameterCheck(params, spec, lambda path: path in existing)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
@pytest.mark.parametrize("option", [*PATHS, *IDS])
def test_content_is_not_shown_in_an_option_for_something_else(option, content):
    for value in (content, [content], {"content": content}):
        check = checked({option: value})
        (problem,) = check.problems
        assert problem.startswith(f"{option} contains ")
        assert "Zq81" not in problem + json.dumps(check.params)
        assert content not in problem + str(check.params)


# The first bytes of a DER key or certificate, and what they are.
DER = {
    "RSA": "308204a30201000282",
    "RSA 1024": "3082025d0201000281",
    "EC": "30770201010420aa",
    "PKCS #8": "308187020100301306",
    "encrypted": "3081a3305e06092a86",
    "certificate": "3082028a30820170a0",
}


@pytest.mark.parametrize("head", DER.values(), ids=list(DER))
def test_der_in_base64_is_content(head):
    text = base64.b64encode(bytes.fromhex(head) + b"\xfb\xff" * 20).decode()
    for form in (text, text.rstrip("="), text.replace("+", "-").replace("/", "_"), text[:30] + "\n" + text[30:]):
        assert "contains" in checked({"device_identifier": form}).problems[0]


NAMES = [
    "Meeting room access point on the third floor west wing",
    "Maintenance-contact-telephone-number-of-the-site",
    "MEETING ROOM ACCESS POINT ON THE THIRD FLOOR WEST WING",
    "MonitoringDevice0123456789ABCDEFGHIJKLMNOPQ",
    "Private key",
    "PRIVATE KEY",
    "Front end private key",
    "Private key -- end of validity",
    "pier-3--end",
    "Pier 3 --- Begin",
    "use !vault here",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_devices_and_fields_are_not_content(name):
    params = {
        "device_identifier": name,
        "fields": [{"name": name, "value": name}],
        "secret_fields": [{"name": name, "value": "Zq81"}],
        "keep_fields": [name],
        "field_ids": {name: name},
        "mask_fields": [name],
        "client_cert": f"/etc/pki/{name}/device.pem",
    }
    check = checked(params)
    assert (check.problems, check.params) == ([], params)


@pytest.mark.parametrize(
    ("option", "content", "advice"),
    [
        ("client_key", KEY, "Set client_key_content"),
        ("client_cert", CERTIFICATE, "Set client_cert_content"),
        ("client_cert", KEY, "Set client_cert_content"),
        ("csr_path", CSR, "Set csr_content"),
        ("ca_path", CERTIFICATE, "Set client_cert_content"),
        ("device_id", KEY, "Set client_key_content"),
        ("csr_content", KEY + CSR, "Set only the CSR"),
        ("client_key", VAULT, "did not decrypt"),
    ],
)
def test_the_message_names_the_right_option(option, content, advice):
    assert advice in checked({option: content}).problems[0]


@pytest.mark.parametrize("option", PATHS)
@pytest.mark.parametrize("text", ["$TEST_KEY", "${TEST_KEY}", "/etc/pki/$TEST_KEY"])
def test_content_of_a_variable_in_a_path_is_not_shown(monkeypatch, option, text):
    # Ansible expands variables of the environment in each path.
    monkeypatch.setenv("TEST_KEY", KEY)
    check = checked({option: text})
    assert check.problems[0].startswith(f"{option} ")
    assert check.params == {option: "********"}


def test_an_operator_has_no_option_for_content():
    check = checked({"ca_path": KEY}, spec=operator_argument_spec())
    assert check.problems == [
        "ca_path contains a key, a certificate or other text instead of a path. "
        "Do not set the text of a file. The value is not shown."
    ]
    assert "passphrase" not in checked({"ca_path": "hunter2"}, spec=operator_argument_spec()).problems[0]


@pytest.mark.parametrize("option", ["client_cert", "client_key", "ca_path", "csr_path"])
@pytest.mark.parametrize(
    "value", ["hunter2-Zq81", "hunt/er2-Zq81", ".Zq81", "$Zq81", "~Zq81/x", "a b Zq81", "-Zq81", 1281]
)
def test_a_passphrase_is_not_shown_in_an_option_for_a_path(option, value):
    check = checked({option: value})
    assert "is not the path of a file on the host" in check.problems[0]
    assert "client_key_passphrase" in check.problems[0]
    assert "Zq81" not in str(check.problems) + str(check.params)


@pytest.mark.parametrize("value", ["/etc/pki/nothing.pem", "~/k.pem", "./k.pem", "../k.pem", "$HOME/k.pem", "", None])
def test_a_path_is_shown_whether_the_file_exists_or_not(monkeypatch, value):
    monkeypatch.setenv("HOME", "/root")
    check = checked(dict.fromkeys(PATHS, value))
    assert check.problems == []
    assert check.params == dict.fromkeys(PATHS, value)


def test_a_relative_path_of_a_file_that_exists_is_shown():
    assert checked({"client_key": "k.pem"}, existing=["k.pem"]).problems == []
    assert checked({"progress_path": "progress.json"}).problems == []
    assert checked({"ca_certs_path": "ca.pem"}, spec={"ca_certs_path": {"type": "path"}}).problems == []


def test_names_that_no_file_can_have_are_content():
    for value in ("a" * 256, "/etc/" + "A" * 300, "/etc/k.pem\nZq81"):
        assert checked({"client_key": value}).params == {"client_key": "********"}


@pytest.mark.parametrize(
    "url",
    [
        "https://user:Zq81@one.example",
        "https://Zq81@one.example",
        "user:Zq81@one.example",
        "https:/user:Zq81@one.example",
        "https://user:Zq81%40one.example",
        "https://user:Zq81",
        "https://one.example?key=Zq81",
        "https://one.example/#Zq81",
        "https://[Zq81",
        "Zq81",
    ],
)
def test_a_password_in_a_url_is_not_shown(url):
    spec = {**SPEC, "est_url": {"type": "str"}}
    for option in ("api_url", "est_url"):
        check = checked({option: url}, spec=spec)
        assert f"{option} is not a base URL" in check.problems[0]
        assert "Zq81" not in str(check.problems) + str(check.params)


@pytest.mark.parametrize("url", ["https://one.example", "http://one.example:8443/path", "https://[::1]:443/"])
def test_other_urls_are_shown(url):
    assert checked({"api_url": url}).params == {"api_url": url}


@pytest.mark.parametrize("field", [{"name": "A", "value": KEY}, {"name": "A", "value": VAULT}, "name=A value=" + KEY])
def test_a_private_key_in_fields_is_not_shown(field):
    check = checked({"fields": [field]})
    assert check.problems[0].startswith("fields[0]")
    assert "Zq81" not in str(check.problems) + str(check.params)


def test_certificates_can_be_values_of_fields_and_a_csr_can_be_content():
    params = {"fields": [{"name": "A", "value": CERTIFICATE}, {"name": "B", "value": 5}], "csr_content": CSR}
    check = checked(params)
    assert (check.params, check.problems, check.secrets) == (params, [], [])


@pytest.mark.parametrize(
    "value",
    [
        ["Zq83"],
        "Zq83",
        {"Contact": "Zq83"},
        {"name": "Contact", "value": "Zq83"},
        [{"name": "Contact", "value": "Zq83"}, "x"],
        [{"name": "Contact", "value": {"deep": ["Zq83"]}}],
        [{"name": "Contact", "valeu": "Zq83"}],
        [["Zq83"]],
        ["name=Contact value=Zq83"],
        '[{"name": "Contact", "value": "Zq83"}]',
    ],
)
def test_secrets_of_the_wrong_type_are_secrets(value):
    for params, spec in (
        ({"secret_fields": value}, SPEC),
        ({"devices": [{"secret_fields": value}]}, devices_argument_spec()),
    ):
        check = checked(params, spec=spec)
        assert "Zq83" in check.secrets or "Zq83" not in str(check.params)
        assert "Zq83" not in str(shown(check.params, spec))


@pytest.mark.parametrize("option", ["client_key_content", "client_cert_content", "client_key_passphrase"])
@pytest.mark.parametrize("value", ["Zq83", ["Zq83"], {"a": {"b": "Zq83"}}])
def test_secret_options_of_each_type_are_secrets(option, value):
    check = checked({option: value})
    assert check.secrets == ["Zq83"]
    assert shown(check.params, SPEC) == {option: NO_LOG}


def test_numbers_are_secrets_and_nothing_is_none():
    assert checked({"client_key_passphrase": 123456}).secrets == ["123456"]
    assert checked({"client_key_passphrase": None, "client_key": None, "secret_fields": None}).secrets == []
    assert shown({"client_key_passphrase": None, "timeout": 5}, SPEC) == {"client_key_passphrase": None, "timeout": 5}


def test_unknown_options_are_not_shown():
    check = checked({"client_key_pasphrase": "Zq84", "other": None, "_ansible_diff": True})
    assert check.params == {"client_key_pasphrase": "********", "other": None, "_ansible_diff": True}
    assert shown(check.params, SPEC) == {}


@pytest.mark.parametrize("value", ["Zq85", ["Zq85"], {"device_id": "d", "x": "Zq85"}, [{"x": "Zq85"}], 5])
def test_devices_of_the_wrong_type_are_not_shown(value):
    spec = devices_argument_spec()
    assert "Zq85" not in str(shown(checked({"devices": value}, spec=spec).params, spec))


def test_the_environment_is_checked_as_well():
    environment = {"DIGICERT_IOT_CLIENT_KEY": KEY, "DIGICERT_IOT_CLIENT_KEY_PASSPHRASE": "Zq86", "HOME": "/"}
    filled = fill_from_environment({"client_cert": "/c.pem"}, SPEC, environment)
    assert filled == {"client_cert": "/c.pem", "client_key": KEY, "client_key_passphrase": "Zq86"}
    assert fill_from_environment({"client_key": "/k.pem"}, SPEC, environment)["client_key"] == "/k.pem"
    assert checked(filled).secrets == ["Zq86"]
    # An empty variable is no value, and the content of a task takes precedence over a path.
    assert fill_from_environment({}, SPEC, {"DIGICERT_IOT_CLIENT_CERT": ""}) == {}
    for option, variable in (("client_cert_content", "CLIENT_CERT"), ("client_cert", "CLIENT_CERT_CONTENT")):
        assert fill_from_environment({option: "x"}, SPEC, {f"DIGICERT_IOT_{variable}": "y"}) == {option: "x"}


def test_a_spec_without_fallbacks_has_all_other_rules():
    rules = without_fallbacks(SPEC)
    assert (rules.keys(), "fallback" in SPEC["client_cert"]) == (SPEC.keys(), True)
    assert rules["client_cert"] == {"type": "path"}
    assert rules["csr_path"] == SPEC["csr_path"]


def test_entries_of_lists_are_named():
    assert checked({"keep_fields": ["Site", KEY]}).problems[0].startswith("keep_fields[1] contains")
    check = checked({"devices": [{"client_key": KEY}]}, spec=devices_argument_spec())
    assert check.problems[0].startswith("devices[0].client_key contains")


def test_the_secrets_of_valid_parameters_are_those_of_the_secret_options():
    device = {"device_id": "d", "secret_fields": [{"id": "a", "value": "b"}], "fields": None, "client_key_content": "k"}
    params = {"client_key_passphrase": "p", "devices": [device], "fields": [{"id": "c", "value": "v"}], "unknown": "u"}
    assert secrets_of(params, devices_argument_spec()) == ["p", "b", "k"]


@pytest.mark.parametrize(
    ("field_ids", "start"),
    [
        ({"Site": "f1", "Owner": KEY}, "field_ids['Owner'] contains a key"),
        ({KEY: "f1"}, "A name in field_ids contains a key"),
        ({"Owner": [{KEY: "f1"}]}, "field_ids['Owner'] contains a key"),
        ({"Owner": {"id": [KEY]}}, "field_ids['Owner'] contains a key"),
        ({"Owner": VAULT}, "field_ids['Owner'] contains encrypted text"),
        ([{KEY: "f1"}], "field_ids contains a key"),
        ([KEY], "field_ids contains a key"),
        (f"Owner={KEY}", "field_ids contains a key"),
    ],
)
def test_misplaced_texts_in_a_dictionary_are_not_shown(field_ids, start):
    params = {"device_id": "d", "field_ids": field_ids}
    check = checked(params)
    (problem,) = check.problems
    assert problem.startswith(start)
    assert problem.endswith("The value is not shown.") is True
    assert isinstance(check.params["field_ids"], dict) is isinstance(field_ids, dict)
    assert KEY.splitlines()[1] not in str((problem, check.params))
    assert not check.secrets
    (problem,) = checked({"devices": [params]}, spec=devices_argument_spec()).problems
    assert start.partition(" contains")[0].partition("[")[0].split()[-1] in problem
    assert problem.startswith(("devices[0].field_ids", "A name in devices[0].field_ids"))


def test_the_keys_of_a_misplaced_dictionary_are_not_shown():
    check = checked({"fields": [{"name": "Site", "value": {KEY: "x"}}]})
    assert check.problems == [
        "fields[0].value contains a private key. Set it in secret_fields. The value is not shown."
    ]
    assert KEY not in str(check.params)


@pytest.mark.parametrize("named", [{"name": "Site"}, {"id": "f1"}, {"id": None, "name": "Site", "state": "present"}])
@pytest.mark.parametrize("option", ["fields", "secret_fields"])
def test_a_field_whose_value_is_omitted_is_not_listed(option, named):
    kept = {"name": "Owner", "value": "Harbour"}
    expected = {"device_id": "d", option: [kept], "field_ids": {"Site": "f1"}}
    params = {**expected, option: [named, kept]}
    assert without_omitted_fields(params, SPEC) == expected
    many = {**params, "devices": [params, "d"], "unknown": [named]}
    assert without_omitted_fields(many, devices_argument_spec()) == {
        **expected,
        "devices": [expected, "d"],
        "unknown": [named],
    }
    assert without_omitted_fields({option: [named]}, SPEC) == {option: []}


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"name": ""},
        {"id": "f1", "name": "Site"},
        {"name": "Site", "value": None},
        {"name": "Site", "state": "absent"},
        {"name": "Site", "vlaue": "Delft"},
        "name=Site",
    ],
)
def test_another_entry_without_a_value_stays(entry):
    assert without_omitted_fields({"fields": [entry]}, SPEC) == {"fields": [entry]}
    assert without_omitted_fields({"fields": entry}, SPEC) == {"fields": entry}
