# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role device on this machine, where nothing has to be installed."""

from __future__ import annotations

import json
import stat
import venv

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import Names
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    create_csr_with_names,
    dump_csr,
    read_key,
)
from playbooks.conftest import TARGET
from simulator import API_KEY, ENROLLMENT_PROFILE_ID, PASSCODE, Answer

# A task of the role that fails ends the role.
ROLE = {
    "block": [{"name": "Keep the device", "ansible.builtin.include_role": {"name": "edgeops.digicert.device"}}],
    "rescue": [{"name": "Go on", "ansible.builtin.debug": {"msg": "It failed."}}],
    "ignore_errors": False,
}

RESTART = {
    "name": "Restart",
    "listen": "edgeops.digicert certificate changed",
    "ansible.builtin.debug": {"msg": "restarted"},
}


@pytest.fixture
def variables(player, simulator, tmp_path):
    """What the inventory says of the access point, whose certificate is due."""
    connection = player.connection()
    paths = {
        "client_cert": simulator.certificates["access-point"].pem,
        "client_key": simulator.certificates["access-point"].key,
    }
    for name, path in paths.items():
        copied = tmp_path / path.name
        copied.write_bytes(path.read_bytes())
        copied.chmod(0o600)
        connection[name] = str(copied)
    names = ("device_id", "api_url", "client_cert", "client_key", "ca_path")
    return {f"digicert_iot_{name}": connection[name] for name in names}


def changed(outcomes):
    return [outcome.result for outcome in outcomes if outcome.result.get("changed")]


def test_a_host_is_brought_to_a_true_record_and_a_fresh_certificate(player, simulator, variables):
    access_point = simulator.records["access-point"]
    access_point.valueless = "null"  # so that a field that never had a value can be named
    kept = access_point.named_values
    play = {
        "gather_facts": True,
        "vars": {
            **variables,
            "digicert_iot_device_fields": {"Owner": "{{ ansible_facts.python.executable }}", "Site": "Delft"},
            "digicert_iot_device_fields_all": {"Site": "Gouda", "Redirector": "https://all.example"},
            "digicert_iot_device_fields_more": {"Redirector": "https://more.example"},
            "digicert_iot_device_absent_fields": ["Contact"],
        },
        "handlers": [RESTART],
    }
    outcomes = player.check(ROLE, play=play)
    assert not [outcome for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["GET"]
    assert len(changed(outcomes)) == 2
    assert "The certificate of this device would change." in outcomes[0].output
    outcomes = player._run([ROLE], [], play=play)
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["POST", "GET", "GET", "PUT"]
    assert "restarted" in outcomes[0].output
    assert "The certificate of this device has changed." in outcomes[0].output
    assert access_point.named_values == {
        **{name: kept[name] for name in ("Firmware", "Serial number")},
        "Owner": TARGET,
        "Site": "Delft",
        "Redirector": "https://more.example",
    }
    outcomes = player._run([ROLE], [], play=play)
    assert changed(outcomes) == []
    assert player.simulator.methods == ["GET"]
    assert "restarted" not in outcomes[0].output


@pytest.mark.parametrize("value", [None, ""])
def test_a_field_without_a_value_is_an_error_that_says_how_to_remove_one(player, variables, value):
    outcomes = player._run([ROLE], [], play={"vars": {**variables, "digicert_iot_device_fields_all": {"Site": value}}})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "no value for Site" in failed.result["msg"]
    assert "digicert_iot_device_absent_fields" in failed.result["msg"]
    assert player.simulator.connections == []


@pytest.mark.parametrize("value", [["Site"], "Site", None])
def test_a_layer_that_is_no_dictionary_is_named(player, variables, value):
    layers = {"digicert_iot_device_fields_all": {"Site": "Gouda"}, "digicert_iot_device_fields_site": value}
    outcomes = player._run([ROLE], [], play={"vars": {**variables, **layers}})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert failed.result["msg"].startswith("digicert_iot_device_fields_site: this variable must be a dictionary")
    assert player.simulator.connections == []


def test_fields_have_names_or_ids_and_an_omitted_value_counts_as_not_listed(player, simulator, variables):
    access_point = simulator.records["access-point"]
    kept = access_point.named_values
    omitted = "{{ missing | default(omit) }}"
    ids = {name: access_point.field_id(name) for name in ("Owner", "Contact", "Redirector")}
    fields = {
        "digicert_iot_renew": False,
        "digicert_iot_device_fields_all": {"Site": "Gouda", "Serial number": "{{ omit }}"},
        "digicert_iot_device_fields": {"Site": omitted, "Firmware": omitted, ids["Owner"].upper(): "Harbour"},
        "digicert_iot_device_secret_fields": {ids["Redirector"]: "https://secret.example", "Serial number": omitted},
        "digicert_iot_device_absent_fields": [ids["Contact"]],
        "digicert_iot_field_ids": {"Owner": omitted},
    }
    outcomes = player._run([ROLE], [], play={"vars": {**variables, **fields}})
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["GET", "PUT"]
    assert access_point.named_values == {
        **{name: kept[name] for name in ("Firmware", "Serial number")},
        "Site": "Gouda",
        "Owner": "Harbour",
        "Redirector": "https://secret.example",
    }


def test_a_variable_that_the_role_does_not_have_is_an_error(player, variables):
    unknown = {
        "device_field": "Did you mean digicert_iot_device_fields?",
        "device_field_site": "Did you mean digicert_iot_device_fields_site?",
        "device_identifier": "Did you mean digicert_iot_desired_device_identifier?",
        "pull_intervall": "Did you mean digicert_iot_pull_interval?",
        "remaning_days": "Did you mean digicert_iot_remaining_days?",
        "zone": "Rename it, because",
    }
    given = {f"digicert_iot_{name}": "canary-17" for name in unknown}
    outcomes = player._run([ROLE], [], play={"vars": {**variables, **given}})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    for name, advice in unknown.items():
        assert f"The role has no variable digicert_iot_{name}. {advice}" in failed.result["msg"]
    assert "canary-17" not in outcomes[0].output
    assert player.simulator.connections == []


@pytest.mark.parametrize(
    ("tags", "methods"), [("renew", ["POST", "GET"]), ("fields", ["GET", "PUT"]), ("install", []), ("other", [])]
)
def test_tags_select_a_part_on_a_host_of_the_inventory_plugin(player, simulator, variables, tags, methods):
    record = {f"digicert_iot_{key}": value for key, value in simulator.records["access-point"].record.items()}
    others = {"digicert_iot_new_key": 1, "digicert_iot_pull_repository": "https://git.example/records.git"}
    fields = {"digicert_iot_device_fields": {"Site": "Delft"}}
    play = {"vars": {**record, **others, **variables, **fields}, "roles": ["edgeops.digicert.device"]}
    outcomes = player._run([], ["--tags", tags], play=play)
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == methods
    assert ("Gather the facts" in outcomes[0].output) is (tags != "other")


@pytest.mark.thorough
def test_a_wrong_variable_is_an_error_on_a_host_of_the_inventory_plugin(player, simulator, variables):
    inventory = {"digicert_iot_id": simulator.records["access-point"].id, "digicert_iot_fields": {}}
    play = {"vars": {**variables, **inventory, "digicert_iot_device_field": {"Site": "Delft"}}}
    outcomes = player._run([ROLE], [], play=play)
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert failed.result["msg"] == (
        "The role has no variable digicert_iot_device_field. Did you mean digicert_iot_device_fields?"
    )


def test_the_renewal_alone_requires_the_id_of_an_enrolled_device(bare_host, simulator):
    tagged = {part: [{**ROLE[part][0], "tags": "renew"}] for part in ("block", "rescue")}
    outcomes = bare_host.player._run([{**ROLE, **tagged}], ["--tags", "renew"], play={"vars": bare_host.variables})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "Set digicert_iot_device_id, or run the role without tags" in failed.result["msg"]
    assert simulator.connections == []


@pytest.mark.thorough
def test_keys_can_be_content_and_values_secret(player, simulator, variables):
    leaf = simulator.certificates["access-point"]
    given = {name: value for name, value in variables.items() if "client" not in name}
    content = {
        "digicert_iot_client_cert_content": leaf.pem.read_text(),
        "digicert_iot_client_key_content": leaf.key.read_text(),
        "digicert_iot_device_secret_fields": {"Contact": "canary-5d21"},
    }
    outcomes = player._run([ROLE], [], play={"vars": {**given, **content}}, environment={"ANSIBLE_VERBOSITY": "4"})
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert player.simulator.methods == ["GET", "PUT"]
    assert simulator.records["access-point"].named_values["Contact"] == "canary-5d21"
    for word in ("canary-5d21", leaf.key.read_text().splitlines()[1]):
        assert word not in outcomes[0].output


def test_a_wrong_argument_is_told(player, variables):
    play = {"vars": {**variables, "digicert_iot_device_fields": "Site", "digicert_iot_device_id": None}}
    outcomes = player._run([ROLE], [], play=play)
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "digicert_iot_device_fields" in str(failed.result)
    assert player.simulator.connections == []


@pytest.mark.thorough
def test_a_field_that_the_record_does_not_list_is_set_by_its_name(player, simulator, variables):
    access_point = simulator.records["access-point"]
    field_ids = {field.name: field.id for field in access_point.profile.fields}
    wanted = {"digicert_iot_renew": False, "digicert_iot_device_fields": {"Owner": "Harbour"}}
    play = {"vars": {**variables, **wanted, "digicert_iot_field_ids": field_ids}}
    for outcomes in (player.check(ROLE, play=play), player._run([ROLE], [], play=play)):
        assert not [outcome.result for outcome in outcomes if outcome.failed]
        assert [result["changed_fields"] for result in changed(outcomes)] == [["Owner"]]
    assert access_point.named_values["Owner"] == "Harbour"
    assert player.simulator.methods == ["GET", "PUT"]
    assert changed(player._run([ROLE], [], play=play)) == []


@pytest.mark.thorough
def test_what_the_play_sets_for_all_modules_counts(player, variables):
    play = {"vars": variables, "module_defaults": {"group/edgeops.digicert.digicert_iot": {"retries": 0, "timeout": 5}}}
    outcomes = player._run([ROLE], [], play=play, script=[Answer(method="POST", status=429)])
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert (failed.result["failure"]["kind"], failed.result["failure"]["retries"]) == ("http_error", 0)


NAME = "gate-7.rotterdam"


class BareHost:
    """A host with neither a certificate nor a directory for it, and an account without a record for it."""

    def __init__(self, player, folder):
        self.player, self.simulator, self.folder = player, player.simulator, folder
        self.certificate = folder / "pki/device.pem"
        self.key = folder / "keys/device.key"
        self.fact = folder / "facts/digicert_iot_device.fact"
        profile = self.simulator.records.profiles["Gateway"]
        self.variables = {
            "digicert_iot_api_url": self.simulator.url,
            "digicert_iot_enrollment_api_url": self.simulator.operator_url,
            "digicert_iot_ca_path": str(self.simulator.certificates.ca),
            "digicert_iot_client_cert": str(self.certificate),
            "digicert_iot_client_key": str(self.key),
            "digicert_iot_enrollment_profile_id": ENROLLMENT_PROFILE_ID,
            "digicert_iot_passcode": PASSCODE,
            "digicert_iot_desired_device_identifier": NAME,
            "digicert_iot_device_attributes": [{"id": profile.field_id("Serial number"), "value": "40071"}],
            "digicert_iot_field_ids": {field.name: field.id for field in profile.fields},
            "digicert_iot_device_fields": {"Site": "Rotterdam"},
            "digicert_iot_facts_directory": str(self.fact.parent),
        }

    @property
    def files(self):
        """Everything below the folder that belongs to the host."""
        return {
            path: path.read_bytes()
            for folder in ("pki", "keys", "facts")
            for path in (self.folder / folder).rglob("*")
            if path.is_file()
        }

    @property
    def record(self):
        return self.simulator.records.find_named(NAME)

    def run(self, *mode, script=(), **variables):
        """Run the role, with variables that None removes. Return the outcomes."""
        given = {name: value for name, value in {**self.variables, **variables}.items() if value is not None}
        settings = {"vars": given, "handlers": [RESTART]}
        outcomes = self.player._run([ROLE], [*mode, "-vvv"], script, play=settings)
        assert PASSCODE not in outcomes[0].output
        assert PASSCODE.encode() not in b"".join(self.files.values())
        return outcomes

    def run_well(self, *mode, **settings):
        """Run the role, which succeeds. Return the results of the tasks that changed something."""
        outcomes = self.run(*mode, **settings)
        assert not [outcome.result for outcome in outcomes if outcome.failed]
        self.output = outcomes[0].output
        return changed(outcomes)

    def fail(self, *mode, **settings):
        """Run the role, which fails. Return the message."""
        (failed,) = [outcome for outcome in self.run(*mode, **settings) if outcome.failed]
        return failed.result["msg"]

    def answer_with_id(self, answer):
        """Let the response to a certificate request have the ID of the device."""
        answer["device_id"] = self.record.id


@pytest.fixture
def bare_host(player, tmp_path):
    return BareHost(player, tmp_path)


def test_a_bare_host_is_enrolled_and_keeps_its_id(bare_host, simulator):
    changes = bare_host.run_well("--check")
    assert [result["should_enroll"] for result in changes if "should_enroll" in result] == [True]
    assert (simulator.methods, bare_host.files, bare_host.record) == ([], {}, None)

    bare_host.run_well(script=[Answer(method="POST", alter=bare_host.answer_with_id)])
    assert simulator.methods == ["POST", "GET", "PUT"]
    assert "restarted" in bare_host.output
    record = bare_host.record
    assert (record.named_values["Site"], record.named_values["Serial number"]) == ("Rotterdam", "40071")
    assert json.loads(bare_host.fact.read_text()) == {"device_id": record.id}

    files = bare_host.files
    for mode in ([], ["--check"]):
        assert bare_host.run_well(*mode) == []
        assert simulator.methods == ["GET"]
    assert "restarted" not in bare_host.output
    # Without a credential, the certificate and the fact are enough.
    assert bare_host.run_well(digicert_iot_passcode="") == []
    assert bare_host.files == files


@pytest.mark.thorough
def test_a_registered_device_comes_back_after_its_certificate_has_expired(bare_host, simulator):
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    expired = simulator.certificates["expired"]
    for path, source in ((bare_host.certificate, expired.pem), (bare_host.key, expired.key)):
        path.parent.mkdir(mode=0o700)
        path.write_bytes(source.read_bytes())
    bare_host.key.chmod(0o600)
    files = bare_host.files

    bare_host.run_well("--check", digicert_iot_device_id=device.id)
    assert (simulator.connections, bare_host.files) == ([], files)
    bare_host.run_well(digicert_iot_device_id=device.id)
    assert simulator.methods == ["POST", "GET", "GET", "PUT"]
    assert (device.named_values["Site"], device.named_values["Serial number"]) == ("Rotterdam", "40071")
    assert stat.S_IMODE(bare_host.certificate.parent.stat().st_mode) == 0o700
    # The fact has the ID now.
    assert bare_host.run_well() == []
    assert simulator.methods == ["GET"]


@pytest.fixture
def est_host(bare_host, simulator):
    """A bare host that has a birth certificate, and whose device has no record that it may manage."""
    birth = simulator.certificates["birth"]
    for name in ("enrollment_profile_id", "device_attributes", "passcode"):
        del bare_host.variables[f"digicert_iot_{name}"]
    bare_host.variables |= {
        "digicert_iot_est_url": simulator.est_url,
        "digicert_iot_birth_cert": str(birth.pem),
        "digicert_iot_birth_key": str(birth.key),
        "digicert_iot_manage_record": False,
    }
    return bare_host


def operations(simulator):
    return [request.path.rpartition("/")[2] for request in simulator.requests]


def test_a_bare_host_without_a_record_is_enrolled_and_renewed_by_est(est_host, simulator):
    ca_certificates = est_host.folder / "pki/ca/ca.pem"
    est_host.variables["digicert_iot_ca_certs_path"] = str(ca_certificates)
    # The fact is of another product, and no field is managed.
    est_host.fact.parent.mkdir()
    est_host.fact.write_text('{"device_id": "of another record"}')
    est_host.variables["digicert_iot_device_fields"] = {"Site": ""}
    files = est_host.files

    changes = est_host.run_well("--check")
    assert [result["should_enroll"] for result in changes if "should_enroll" in result] == [True]
    assert (simulator.connections, est_host.files) == ([], files)
    est_host.run_well()
    assert operations(simulator) == ["cacerts", "csrattrs", "simpleenroll"]
    assert "restarted" in est_host.output
    assert len(simulator.est.issued) == 1
    assert ca_certificates.read_text().count("BEGIN CERTIFICATE") == len(simulator.est.ca_certificates)
    files = est_host.files
    for mode in ([], ["--check"]):
        assert est_host.run_well(*mode) == []
        assert simulator.connections == []

    (renewal,) = est_host.run_well("--check", digicert_iot_remaining_percentage=100)
    assert (renewal["should_renew"], simulator.connections, est_host.files) == (True, [], files)
    (renewal,) = [
        result for result in est_host.run_well(digicert_iot_remaining_percentage=100) if "should_renew" in result
    ]
    assert renewal["device_id"] is None
    assert operations(simulator) == ["cacerts", "csrattrs", "simplereenroll", "cacerts"]
    assert "restarted" in est_host.output
    assert est_host.files != files
    assert est_host.run_well() == []


def test_a_registered_device_is_enrolled_by_est_and_its_record_managed(est_host, simulator):
    device = simulator.records.register(NAME, {"Serial number": "0"}, profile="Gateway")
    credential = {
        "digicert_iot_est_url": simulator.est_operator_url,
        "digicert_iot_est_username": "gate-7",
        "digicert_iot_passcode": PASSCODE,
        "digicert_iot_birth_cert": "",
        "digicert_iot_birth_key": None,
        "digicert_iot_manage_record": True,
    }
    assert "The ID of the device is unknown." in est_host.fail(**credential)
    assert simulator.connections == []
    est_host.run_well(**credential, digicert_iot_device_id=device.id)
    assert operations(simulator) == ["csrattrs", "simpleenroll", device.id, device.id, device.id]
    assert simulator.methods == ["GET", "POST", "GET", "GET", "PUT"]
    assert device.named_values["Site"] == "Rotterdam"
    # The fact has the ID now.
    assert est_host.run_well(**credential) == []
    assert simulator.methods == ["GET"]


def test_a_renewal_by_the_api_requires_the_id_without_a_record_to_manage(player, simulator, variables):
    play = {"vars": {**variables, "digicert_iot_manage_record": False}}
    outcomes = player._run([ROLE], [], play={"vars": {**play["vars"], "digicert_iot_device_id": ""}})
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert "The ID of the device is unknown." in failed.result["msg"]
    assert len(changed(player._run([ROLE], [], play=play))) == 1
    assert simulator.methods == ["POST", "GET"]


def test_a_renewal_that_changes_fields_is_reported(player, simulator, variables):
    access_point = simulator.records["access-point"]
    site = access_point.field_id("Site")
    access_point.values[site] = "Delft"
    renewal = Answer(method="POST", after=lambda _records: access_point.values.update({site: "Gouda"}))
    play = {"vars": {**variables, "digicert_iot_device_fields": {"Site": "Delft"}}}
    outcomes = player._run([ROLE], [], [renewal], play=play)
    assert player.simulator.methods == ["POST", "GET", "GET", "PUT"]
    assert "these fields did not have the desired values: Site." in outcomes[0].output
    assert access_point.named_values["Site"] == "Delft"


@pytest.mark.thorough
def test_an_id_that_nobody_knows_is_told(bare_host, simulator):
    message = bare_host.fail()
    assert "The device is enrolled, but the API did not return its ID. Set digicert_iot_device_id" in message
    assert simulator.methods == ["POST"]
    assert not bare_host.fact.exists()
    bare_host.run_well(digicert_iot_device_id=bare_host.record.id)
    assert simulator.methods == ["GET", "PUT"]
    assert bare_host.run_well() == []
    assert simulator.methods == ["GET"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"digicert_iot_passcode": None}, "The ID of the device is unknown. Set digicert_iot_device_id"),
        ({"digicert_iot_desired_device_identifier": None}, "digicert_iot_desired_device_identifier, the name"),
        ({"digicert_iot_client_cert": None}, "digicert_iot_client_cert, the path"),
        ({"digicert_iot_api_key": API_KEY}, "mutually exclusive"),
        (
            {"digicert_iot_client_key": None, "digicert_iot_client_key_content": "PEM"},
            "Remove digicert_iot_client_cert",
        ),
        ({"digicert_iot_facts_directory": "~/facts"}, "must be an absolute path"),
    ],
)
def test_variables_are_checked_without_a_request(bare_host, simulator, variables, words):
    assert words in bare_host.fail(**variables)
    assert simulator.connections == []


@pytest.mark.parametrize("device_id", ["7", '{"a": 7}', "null"])
def test_a_fact_that_is_no_id_is_not_used(bare_host, simulator, device_id):
    bare_host.fact.parent.mkdir()
    bare_host.fact.write_text(f'{{"device_id": {device_id}}}')
    assert "The ID of the device is unknown." in bare_host.fail(digicert_iot_passcode="")
    assert simulator.connections == []


def make_interpreter(folder, *, sees_the_distribution):
    """Return the path of a Python in a virtualenv that imports neither requests nor cryptography."""
    venv.create(folder, system_site_packages=sees_the_distribution)
    (library,) = folder.glob("lib/python*/site-packages")
    (library / "hidden.pth").write_text("import sys; sys.modules.update(requests=None, cryptography=None)")
    return {"ANSIBLE_PYTHON_INTERPRETER": str(folder / "bin/python")}


@pytest.mark.parametrize("mode", [[], ["--check"]])
def test_no_package_is_installed_that_a_virtualenv_cannot_import(bare_host, simulator, tmp_path, mode):
    environment = make_interpreter(tmp_path / "venv", sees_the_distribution=False)
    play = {"vars": bare_host.variables}
    outcomes = bare_host.player._run([ROLE], mode, environment=environment, play=play)
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    message = failed.result["msg"]
    assert message.endswith(f"Run: {environment['ANSIBLE_PYTHON_INTERPRETER']} -m pip install requests cryptography")
    assert "Install the missing packages" not in outcomes[0].output
    assert (simulator.connections, bare_host.files) == ([], {})


@pytest.mark.parametrize("mode", ["play", "include"])
def test_check_mode_installs_no_packages(bare_host, simulator, tmp_path, mode):
    environment = make_interpreter(tmp_path / "venv", sees_the_distribution=True)
    apply = {"check_mode": True} if mode == "include" else {}
    include = {"name": "edgeops.digicert.device", "apply": apply}
    role = {**ROLE, "block": [{"name": "Preview the device", "ansible.builtin.include_role": include}]}
    outcomes = bare_host.player._run(
        [role],
        ["--check"] if mode == "play" else [],
        environment=environment,
        play={"vars": bare_host.variables},
    )
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert "Packages to install: " in outcomes[0].output
    assert (simulator.connections, bare_host.files) == ([], {})


def test_a_credential_is_read_a_few_times(bare_host, tmp_path):
    reads = tmp_path / "reads"
    lookup = f"{{{{ lookup('ansible.builtin.pipe', 'echo >> {reads}; echo {PASSCODE}') }}}}"
    bare_host.run("--check", digicert_iot_passcode=lookup)
    # The validation of Ansible, the decision whether to enroll, and the task.
    assert len(reads.read_text().splitlines()) <= 3


def test_a_renewal_sends_the_csr_of_a_key_in_hardware(player, simulator, variables, tmp_path):
    leaf = simulator.certificates["access-point"]
    names = Names((("2.5.4.3", "a CSR of the token"),), ())
    csr = dump_csr(create_csr_with_names(read_key(leaf.key.read_bytes(), None), names))
    path = tmp_path / "device.csr"
    path.write_text(csr)
    play = {"vars": {**variables, "digicert_iot_csr_path": str(path)}}
    player._run([ROLE], [], play=play)
    assert [request.payload["csr"] for request in simulator.requests if request.method == "POST"] == [csr]


@pytest.mark.thorough
@pytest.mark.parametrize("is_valid", [True, False])
def test_no_credential_of_the_enrollment_is_in_the_output(bare_host, is_valid):
    names = ("birth_cert_content", "birth_key_content", "birth_key_passphrase", "client_key_passphrase")
    variables = {f"digicert_iot_{name}": f"canary-{name}" for name in names}
    if not is_valid:
        variables["digicert_iot_install_packages"] = "no boolean"
    outcomes = bare_host.run("-vvvv", digicert_iot_passcode=None, **variables)
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert ("is not PEM" if is_valid else "no boolean") in failed.result["msg"]
    assert "canary-" not in outcomes[0].output


@pytest.mark.thorough
def test_several_devices_of_a_host_have_a_fact_each(bare_host, simulator):
    devices = [simulator.records.register(name, {"Serial number": "0"}, profile="Gateway") for name in ("a", "b")]
    role = {
        "name": "Manage each device",
        "ansible.builtin.include_role": {"name": "edgeops.digicert.device"},
        "vars": {
            "digicert_iot_client_cert": f"{bare_host.folder}/pki/{{{{ item.name }}}}.pem",
            "digicert_iot_client_key": f"{bare_host.folder}/keys/{{{{ item.name }}}}.key",
            "digicert_iot_facts_directory": f"{bare_host.folder}/facts/{{{{ item.name }}}}",
            "digicert_iot_device_id": "{{ item.id | default('') }}",
            "digicert_iot_desired_device_identifier": "{{ item.name }}",
        },
        "loop": [{"name": device.device_identifier, "id": device.id} for device in devices],
    }
    again = {**role, "loop": [{"name": device.device_identifier} for device in reversed(devices)]}
    for task, methods in ((role, ["POST", "GET", "GET", "PUT"] * 2), (role, ["GET"] * 2), (again, ["GET"] * 2)):
        outcomes = bare_host.player._run([task], [], play={"vars": bare_host.variables})
        assert not [outcome.result for outcome in outcomes if outcome.failed]
        assert simulator.methods == methods
        assert (changed(outcomes) == []) is (methods == ["GET"] * 2)
    assert [device.named_values["Site"] for device in devices] == ["Rotterdam"] * 2
