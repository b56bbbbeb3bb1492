# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import typing as t

import pytest

from playbooks.conftest import BIN, environment_in
from simulator import API_KEY, FOREVER, LIST_PATH, Answer


class Inventory(t.NamedTuple):
    """What ansible-inventory gave: groups and variables of hosts as with --list, and what it said beside that."""

    return_code: int
    groups: dict[str, t.Any]
    hosts: dict[str, dict[str, t.Any]]
    said: str


class Lister:
    """Lists the simulator's devices with ansible-inventory."""

    def __init__(self, simulator, folder) -> None:
        self.simulator = simulator
        self.folder = folder
        self.file = folder / "fleet.digicert_iot.yml"
        self.sources: list[t.Any] = []

    def run(self, *arguments: str, environment: t.Mapping[str, str] | None = None, **options: t.Any):
        """Run ansible-inventory with a source that has these options; None leaves one out."""
        source = {
            "plugin": "edgeops.digicert.digicert_iot",
            "api_url": self.simulator.operator_url,
            "api_key": API_KEY,
            "ca_path": str(self.simulator.certificates.ca),
            "timeout": 5,
            "retries": 0,
            **options,
        }
        self.file.write_text(json.dumps({name: value for name, value in source.items() if value is not None}))
        self.simulator.clear_log()
        return subprocess.run(
            [
                BIN / "ansible-inventory",
                *(f"--inventory={source}" for source in self.sources or [self.file]),
                *arguments,
            ],
            env={**environment_in(self.folder), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def list(
        self,
        *arguments: str,
        before: t.Sequence[t.Any] = (),
        after: t.Sequence[t.Any] = (),
        directory: t.Any = None,
        **options: t.Any,
    ) -> Inventory:
        """List with these other sources before and after the one of this plugin, or with the directory that has it."""
        self.sources = [directory] if directory else [*before, self.file, *after]
        ran = self.run("--list", *arguments, **options)
        assert "Traceback" not in ran.stderr
        # This is how Ansible says that a text is no template.
        groups = (
            json.loads(ran.stdout, object_hook=lambda each: each.get("__ansible_unsafe", each)) if ran.stdout else {}
        )
        hosts = groups.pop("_meta", {}).get("hostvars", {})
        return Inventory(ran.returncode, groups, hosts, " ".join(ran.stderr.split()))


@pytest.fixture
def lister(simulator, tmp_path) -> Lister:
    return Lister(simulator, tmp_path)


def test_the_devices_are_hosts(lister, simulator):
    listed = lister.list()
    device = simulator.records["access-point"]
    assert listed.return_code == 0
    # One is disabled.
    assert len(listed.hosts) == 5
    variables = listed.hosts["access-point.harbour"]
    expected = {f"digicert_iot_{key}": value for key, value in device.record.items()}
    assert variables == {**expected, "digicert_iot_fields": device.named_values}
    assert listed.hosts["camera.harbour"]["digicert_iot_fields"].keys() >= {"Model"}
    assert simulator.methods == ["GET"]
    assert simulator.requests[0].path == f"{LIST_PATH}?limit=100&offset=0"


def test_all_that_a_source_can_say(lister, simulator):
    simulator.records["read-only"].division = "Depot"
    device = simulator.records["access-point"]
    listed = lister.list(
        filters={"division_id": device.division_id, "created_from": "2026-01-01"},
        statuses=["ACTIVE", "DISABLED"],
        hostnames=["fields.Site ~ '-' ~ fields['Serial number']", "device_identifier"],
        mask_fields=["Contact", "Contakt"],
        compose={"ansible_host": "digicert_iot_fields.Redirector | urlsplit('hostname')"},
        groups={"old": "digicert_iot_fields.Firmware is version('12.4', '<')"},
        keyed_groups=[{"key": "digicert_iot_device_profile.name", "prefix": "profile"}],
    )
    assert "read-only.harbour" not in listed.hosts
    assert "camera.harbour" in listed.groups["profile_Camera"]["hosts"]
    assert listed.groups["old"]["hosts"] == ["spare-access-point.harbour"]
    # Three devices have one site and one serial number.
    names = [f"Rotterdam-AP-0042_{simulator.records[name].id}" for name in ("access-point", "write-only", "disabled")]
    assert set(listed.hosts) == {"camera.harbour", "spare-access-point.harbour", *names}
    assert "Several devices share a name" in listed.said
    assert "mask_fields: no device has the field 'Contakt'" in listed.said
    assert listed.hosts[names[0]]["ansible_host"] == "controller.harbour.example"
    assert listed.hosts[names[0]]["digicert_iot_fields"]["Contact"] == "********"
    assert "noc@harbour.example" not in str(listed)


def test_many_pages_and_a_device_that_moves_meanwhile(lister, simulator):
    simulator.add_devices(30)
    simulator.records.last_updated_first = True
    simulator.records.largest_page = 10
    simulator.script(Answer(), Answer(before=lambda records: records["access-point"].touch()))
    listed = lister.list(statuses=["ACTIVE", "DISABLED"])
    assert {host["digicert_iot_id"] for host in listed.hosts.values()} == {
        device.id for device in simulator.records.devices
    }
    assert len(listed.hosts) == 36
    assert len(simulator.connections) == 1


def leave_out_the_fifth(page: dict[str, t.Any]) -> None:
    """Take the fifth device out of a page of the list."""
    page["records"] = [record for record in page["records"] if record["device_identifier"] != "write-only.harbour"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(alter=leave_out_the_fifth, times=FOREVER), "list_incomplete"),
        (Answer(status=500), "HTTP status 500"),
        (Answer(body="<html>"), "or reduce page_size"),
        (Answer(cut=True), "connection_failed"),
    ],
)
def test_a_lost_page_is_an_error_and_no_shorter_inventory(lister, simulator, answer, words):
    simulator.records.largest_page = 4
    simulator.script(Answer(), answer)
    listed = lister.list(environment={"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"})
    simulator.clear_script()
    assert listed.return_code != 0
    assert listed.hosts == {}
    assert words in listed.said


def test_nothing_in_a_record_is_a_template(lister, simulator, tmp_path):
    trap = "{{ lookup('ansible.builtin.pipe', 'touch " + str(tmp_path / "sprung") + "') }}"
    device = simulator.records["access-point"]
    device.values[device.field_id("Site")] = trap
    device.device_identifier = "gate" + trap
    listed = lister.list(
        compose={"site": "digicert_iot_fields.Site"},
        hostnames=["fields.Site", "device_identifier"],
        keyed_groups=[{"key": "digicert_iot_fields.Site | default('none')"}],
    )
    assert listed.return_code == 0
    playbook = tmp_path / "playbook.yml"
    show = {
        "ansible.builtin.debug": {"msg": "{{ site }} {{ digicert_iot_device_identifier }} {{ inventory_hostname }}"}
    }
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [show]}]))
    ran = subprocess.run(
        [BIN / "ansible-playbook", "--inventory", lister.file, playbook],
        env=environment_in(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "lookup(" in ran.stdout
    assert not (tmp_path / "sprung").exists()


HOSTILE_NAMES = [
    *("-oProxyCommand=touch x", "../x-y", "localhost", "127.0.0.1", "::1", "0.0.0.0", "127.1", "2130706433", "0x7f.1"),
    *(
        "localhost.",
        "LOCALHOST",
        "localhost.localdomain",
        "ip6-localhost",
        "::ffff:127.0.0.1",
        "fe80::1%lo",
        "10.0.0.1",
    ),
    *(
        "all",
        "ungrouped",
        "gate-7,all",
        "a-b:c",
        "*",
        "gate-*",
        "~.-",
        "!gate-7",
        "&gate-7",
        "gate-7[1]",
        "gate-[0:5]",
        "@x-y",
    ),
    *(
        " gate-7",
        "gate-7 ",
        "gate-7\nall",
        "gate-7 ansible_host=x",
        "'gate-7'",
        "{{ 'gate-7' }}",
        "\uff27ate-7",
        "g\u0430te-7",
    ),
    *(
        "webservers",
        "web-servers",
        "WEB-servers",
        "db-1",
        "DB-1",
        "db-1.yml",
        "site_Rotterdam",
        "site_Delft",
        "old",
        "rare",
    ),
]


def test_a_name_that_can_mean_something_else_is_not_used(lister, simulator, tmp_path):
    names = [*HOSTILE_NAMES, socket.gethostname(), simulator.records["camera"].id]
    devices = simulator.add_devices(len(names))
    for name, device in zip(names, devices, strict=True):
        device.device_identifier = name
    (tmp_path / "static.ini").write_text(
        "[webservers]\nweb1\n[web-servers]\ndb-1 ansible_host=192.0.2.1\n[webservers:vars]\nsecret=x\n"
    )
    listed = lister.list(
        before=[tmp_path / "static.ini"],
        groups={"old": "digicert_iot_device_identifier == 'camera.harbour'", "rare": "false"},
        keyed_groups=[{"key": "digicert_iot_fields.Site | default('')", "prefix": "site"}],
    )
    assert listed.return_code == 0
    usual = {"access-point", "camera", "read-only", "write-only", "spare-access-point"}
    assert set(listed.hosts) == {
        "web1",
        "db-1",
        *(device.id for device in devices),
        *(f"{name}.harbour" for name in usual),
    }
    assert not [host for host in ("web1", "db-1") if "digicert_iot_id" in listed.hosts[host]]
    assert "their IDs are used as hostnames" in listed.said
    assert "both group and host" not in listed.said
    assert listed.groups["webservers"] == {"hosts": ["web1"]}


def other_source(folder, kind: str) -> t.Any:
    """Write an inventory source of this kind and return its path."""
    texts = {
        "static.ini": "[web-servers]\ndb-1 ansible_password=secret\n",
        "static.yml": "web-servers: {hosts: {db-1: {ansible_password: secret}}}\n",
        "more.constructed.yml": "plugin: ansible.builtin.constructed\nkeyed_groups: [{key: digicert_iot_status}]\n",
    }
    if kind in texts:
        (folder / kind).write_text(texts[kind])
        return folder / kind
    return kind


@pytest.mark.parametrize("name", ["db-1", "web-servers"])
@pytest.mark.parametrize("kind", ["static.ini", "static.yml", "db-1,"])
def test_a_source_that_follows_shares_no_host_with_a_device(lister, simulator, tmp_path, kind, name):
    device = simulator.records["access-point"]
    device.device_identifier = name
    listed = lister.list(after=[other_source(tmp_path, kind)])
    # Hosts without variables are not in this list.
    assert "digicert_iot_id" not in listed.hosts.get("db-1", {})
    assert "ansible_password" not in listed.hosts[device.id]
    assert "List this source after" in listed.said
    assert "both group and host" not in listed.said


@pytest.mark.parametrize("kind", ["more.constructed.yml", "localhost,"])
def test_names_are_used_before_sources_that_make_no_other_hosts(lister, tmp_path, kind):
    listed = lister.list(after=[other_source(tmp_path, kind)])
    assert "access-point.harbour" in listed.hosts
    assert "List this source after" not in listed.said


def test_sources_in_a_directory_follow_each_other_by_name(lister, simulator, tmp_path):
    folder = tmp_path / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    lister.file = folder / "20.digicert_iot.yml"
    device = simulator.records["access-point"]
    device.device_identifier = "db-1"
    (folder / "10.ini").write_text("db-1 ansible_password=secret\n")
    listed = lister.list(directory=folder)
    assert device.id in listed.hosts
    assert "camera.harbour" in listed.hosts
    (folder / "10.ini").rename(folder / "30.ini")
    listed = lister.list(directory=folder)
    assert "digicert_iot_id" not in listed.hosts["db-1"]
    assert "camera.harbour" not in listed.hosts


def test_two_sources_that_list_one_device_share_its_host(lister, tmp_path):
    lister.list()
    second = tmp_path / "second.digicert_iot.yml"
    second.write_text(lister.file.read_text())
    listed = lister.list(after=[second], compose={"first": "'yes'"})
    assert len(listed.hosts) == 5
    assert listed.hosts["camera.harbour"]["first"] == "yes"


@pytest.mark.thorough
def test_devices_of_two_sources_that_share_a_name_have_their_ids(lister, simulator, tmp_path):
    impostor, camera = simulator.records["disabled"], simulator.records["camera"]
    impostor.device_identifier = "camera.harbour"
    second = tmp_path / "second.digicert_iot.yml"
    lister.list(statuses=["DISABLED"], keyed_groups=[{"key": "digicert_iot_status", "prefix": "status"}])
    second.write_text(lister.file.read_text())
    for statuses in (["ACTIVE"], ["ACTIVE", "DISABLED"]):
        listed = lister.list(before=[second], statuses=statuses)
        assert "camera.harbour" not in listed.hosts
        assert {impostor.id, camera.id} <= set(listed.hosts)
        assert listed.hosts[impostor.id]["digicert_iot_device_identifier"] == "camera.harbour"
        assert impostor.id in listed.groups["status_DISABLED"]["hosts"]
        assert "share a name" in listed.said


@pytest.mark.thorough
def test_a_group_does_not_take_the_name_of_a_host(lister, simulator, tmp_path):
    (tmp_path / "static.ini").write_text("db1 ansible_password=secret\n")
    keyed = [{"key": "digicert_iot_fields.Site | default('')", "prefix": "", "separator": ""}]
    device = simulator.records["access-point"]
    for site in ("db1", "localhost", "LocalHost", "all", "ungrouped"):
        device.values[device.field_id("Site")] = site
        listed = lister.list(before=[tmp_path / "static.ini"], keyed_groups=keyed)
        assert listed.groups[f"_{site}"]["hosts"] == ["access-point.harbour"]
        assert "access-point.harbour" not in listed.groups.get(site, {}).get("hosts", [])
        assert listed.hosts["db1"]["ansible_password"] == "secret"


def test_a_value_that_names_the_parent_of_its_group_leaves_all_hosts(lister, simulator):
    keyed = [{"key": "digicert_iot_fields.Site | default('')", "prefix": "", "separator": "", "parent_group": "sites"}]
    device = simulator.records["access-point"]
    device.values[device.field_id("Site")] = "sites"
    listed = lister.list(keyed_groups=keyed)
    assert (listed.return_code, len(listed.hosts)) == (0, 5)
    assert "Rotterdam" in listed.groups["sites"]["children"]
    assert "cannot be a child of its parent_group: access-point.harbour" in listed.said


HOSTILE_ADDRESSES = [
    *(
        "-oProxyCommand=touch x",
        "127.0.0.1",
        "127.6.6.6",
        "localhost",
        "::1",
        "0.0.0.0",
        "2130706433",
        "a b",
        "fe80::1%lo",
    ),
    *("root@gate", "gate:22", "db-1", "{{ 1 }}"),
]


def test_a_record_does_not_make_ansible_connect_to_the_controller_or_pass_options(lister, simulator, tmp_path):
    devices = simulator.add_devices(len(HOSTILE_ADDRESSES))
    for address, device in zip(HOSTILE_ADDRESSES, devices, strict=True):
        device.values[device.field_id("Site")] = address
        device.device_identifier = f"{device.name}.harbour"
    (tmp_path / "static.ini").write_text("db-1\n")
    listed = lister.list(
        before=[tmp_path / "static.ini"],
        compose={
            "ansible_host": "digicert_iot_fields.Site | default('')",
            "ansible_user": "digicert_iot_fields.Missing",
            "ansible_connection": "'ssh'",
            "site": "digicert_iot_fields.Site",
        },
    )
    for address, device in zip(HOSTILE_ADDRESSES, devices, strict=True):
        variables = listed.hosts[f"{device.name}.harbour"]
        assert variables["ansible_host"] == f"{device.id}.invalid"
        assert variables["ansible_connection"] == "ssh"
        assert variables["site"] == address
    assert listed.hosts["access-point.harbour"]["ansible_host"] == "Rotterdam"
    assert "ansible_host" not in listed.hosts["camera.harbour"]
    assert "unsafe from a record" in listed.said


@pytest.mark.parametrize(
    ("variable", "value", "is_used"),
    [
        ("ansible_port", "2222", True),
        ("ansible_port", "0", False),
        ("ansible_user", "admin", True),
        ("ansible_user", "-oProxyCommand=x", False),
        ("ansible_connection", "local", False),
        ("ansible_ssh_common_args", "-oProxyCommand=x", False),
        ("ansible_ssh_executable", "/bin/x", False),
        ("ansible_python_interpreter", "/bin/x", False),
    ],
)
def test_connection_variables_from_records_and_of_the_operator(lister, simulator, variable, value, is_used):
    device = simulator.records["access-point"]
    device.values[device.field_id("Site")] = value
    variables = lister.list(compose={variable: "digicert_iot_fields.Site"}).hosts["access-point.harbour"]
    assert (variables.get(variable) == value) is is_used
    assert (variables.get("ansible_host") == f"{device.id}.invalid") is not is_used
    # A value that does not depend on a record is the operator's.
    variables = lister.list(compose={variable: repr(value)}).hosts["access-point.harbour"]
    assert variables[variable] == value
    assert "ansible_host" not in variables


def test_an_id_that_is_a_pattern_is_an_invalid_response(lister, simulator):
    def rename(page: dict[str, t.Any]) -> None:
        page["records"][0]["id"] = "gate-7,all"

    simulator.script(Answer(alter=rename))
    listed = lister.list()
    assert listed.hosts == {}
    assert "'gate-7,all'" in listed.said
    assert "invalid_response" in listed.said


# Ansible takes the first names for the local host, and the others come close.
@pytest.mark.thorough
@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "camera.harbour"])
def test_the_api_key_of_an_operator_never_goes_to_a_host(lister, simulator, tmp_path, name):
    device = simulator.records["read-only"]
    device.device_identifier = name
    device.values[device.field_id("Site")] = "192.0.2.66"
    lister.list(compose={"ansible_host": "digicert_iot_fields.Site"})
    # This "ssh" keeps what it is given, and connects to nothing.
    ssh, loot = tmp_path / "ssh", tmp_path / "loot"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{loot}\ntimeout 2 cat >>{loot}\nexit 255\n')
    ssh.chmod(0o755)
    access = {
        "edgeops.digicert.digicert_iot_registration": {
            "device_id": "{{ digicert_iot_id }}",
            "allow_write": True,
            "api_url": simulator.operator_url,
            "ca_path": str(simulator.certificates.ca),
            "timeout": 5,
            "retries": 0,
        },
        "delegate_to": "localhost",
    }
    playbook = tmp_path / "playbook.yml"
    plays = [
        {"hosts": "all", "gather_facts": False, "tasks": [access, {**access, "run_once": True}]},
        {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.ping": None}]},
        {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.raw": "true"}]},
    ]
    playbook.write_text(json.dumps(plays))
    ran = subprocess.run(
        [BIN / "ansible-playbook", "--inventory", lister.file, playbook],
        env={
            **environment_in(tmp_path),
            "DIGICERT_IOT_API_KEY": API_KEY,
            "ANSIBLE_SSH_EXECUTABLE": str(ssh),
            "ANSIBLE_SSH_RETRIES": "0",
            "ANSIBLE_PIPELINING": "true",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert device.device_api_allow_write is True, ran.stdout
    assert "ok: [localhost]" in ran.stdout
    # Only the last play connects to hosts.
    sent = loot.read_text(errors="replace")
    assert "192.0.2.66" in sent
    assert API_KEY not in sent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": None}, "api_key"),
        ({"api_key": "a b"}, "api_key has blanks"),
        ({"api_url": "http://localhost"}, "does not begin with https://"),
        ({"filters": {"site": "x"}, "page_size": 0, "timeout": 0}, "filters has site, but can only have"),
        ({"filters": {}, "page_size": 0}, "page_size is 0, but must be from 1 to 1000"),
        ({"statuses": ["active"]}, "statuses"),
    ],
)
def test_bad_input_costs_no_connection(lister, simulator, options, words):
    listed = lister.list(**options, environment={"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"})
    assert listed.return_code != 0
    assert words in listed.said
    assert simulator.connections == []


def test_strict(lister):
    listed = lister.list(hostnames=["fields.None + 1"])
    assert len(listed.hosts) == 5
    strict = lister.list(hostnames=["fields.None + 1"], strict=True)
    assert "hostnames: 'fields.None + 1' cannot be evaluated for device" in strict.said
    assert strict.hosts == {}
    # The first of the devices have it, and the camera has not.
    half = lister.list(compose={"firmware": "digicert_iot_fields.Firmware"}, strict=True)
    assert "Could not set firmware for host camera.harbour" in half.said
    assert half.hosts == {}


def test_the_key_can_be_looked_up_and_is_never_shown(lister, simulator):
    for source in ({"api_key": None}, {"api_key": "{{ lookup('ansible.builtin.env', 'ELSEWHERE') }}"}):
        environment = {"DIGICERT_IOT_API_KEY": API_KEY, "ELSEWHERE": API_KEY}
        ran = lister.run("--list", "-vvvv", environment=environment, **source)
        assert simulator.requests[0].headers["x-api-key"] == API_KEY
        assert '"camera.harbour"' in ran.stdout
        assert API_KEY not in ran.stdout + ran.stderr


def test_the_cache(lister, simulator, tmp_path):
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = lister.list(**cache, mask_fields=["Contact"])
    assert simulator.methods == ["GET"]
    again = lister.list(**cache, mask_fields=["Contact"])
    assert simulator.methods == []
    assert first.hosts == again.hosts
    assert "noc@harbour.example" not in "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    lister.list(**cache, mask_fields=["Contact"], statuses=["DISABLED"])
    assert simulator.methods == ["GET"]
    lister.list("--flush-cache", **cache, mask_fields=["Contact"])
    assert simulator.methods == ["GET"]


def cache_in(folder) -> dict[str, t.Any]:
    """Return the options that cache the list in `folder`."""
    return {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}


@pytest.mark.thorough
def test_the_cache_of_one_api_key_is_not_for_another(lister, simulator, tmp_path):
    lister.list(**cache_in(tmp_path / "cache"))
    other = lister.list(**cache_in(tmp_path / "cache"), api_key="key-of-another-account")
    assert other.hosts == {}
    assert simulator.methods == ["GET"]
    assert "api_key_rejected" in other.said
    # Neither a template nor the environment is another way in.
    template = {"api_key": "{{ lookup('ansible.builtin.env', 'ELSEWHERE') }}"}
    for source, environment in ((template, {"ELSEWHERE": "old"}), ({"api_key": None}, {"DIGICERT_IOT_API_KEY": "old"})):
        assert lister.list(**cache_in(tmp_path / "cache"), **source, environment=environment).hosts == {}
        assert simulator.methods == ["GET"]
    elsewhere = {"ELSEWHERE": API_KEY}
    assert len(lister.list(**cache_in(tmp_path / "cache"), **template, environment=elsewhere).hosts) == 5
    assert simulator.methods == []
    (file,) = (tmp_path / "cache").iterdir()
    assert API_KEY not in file.name + file.read_text()
    # A digest of the key alone is not to be found either.
    digests = [hashlib.new(name, API_KEY.encode()).hexdigest()[:6] for name in ("md5", "sha1", "sha256", "sha512")]
    assert not [digest for digest in digests if digest in file.name]


def payload(file, content: t.Any) -> str:
    """Return what the file of the cache holds when its list is `content`."""
    cached = json.loads(file.read_text())
    # Newer versions of ansible-core wrap what they cache.
    return json.dumps({**cached, "__payload__": json.dumps(content)} if "__payload__" in cached else content)


def a_record(**keys: t.Any) -> dict[str, t.Any]:
    """Return a record with these keys."""
    return {"id": "a-1", "device_identifier": "gate-7.rotterdam", "fields": [], **keys}


DAMAGES: dict[str, t.Callable[[t.Any], str]] = {
    "cut off": lambda file: file.read_text()[:100],
    "without its end": lambda file: file.read_text()[:-1],
    "empty": lambda _file: "",
    "zeros": lambda _file: "\0" * 4096,
    "not UTF-8": lambda _file: "\udcff",
    "null": lambda _file: "null",
    "a text": lambda _file: '"x"',
    "a list of texts": lambda _file: '["x"]',
    "NaN": lambda _file: "NaN",
    "deep": lambda _file: "[" * 100_000,
    "list: null": lambda file: payload(file, None),
    "list: a number": lambda file: payload(file, 7),
    "list: a text": lambda file: payload(file, "x"),
    "list: an object": lambda file: payload(file, {"hosts": {}}),
    "list: of texts": lambda file: payload(file, ["x"]),
    "list: of lists": lambda file: payload(file, [[]]),
    "a record without fields": lambda file: payload(file, [{"id": "a-1", "device_identifier": "h"}]),
    "a record without an ID": lambda file: payload(file, [{"fields": []}]),
    "a record whose ID is a number": lambda file: payload(file, [a_record(id=7)]),
    "a record whose name is a list": lambda file: payload(file, [a_record(device_identifier=["x"])]),
    "a record with NaN": lambda file: payload(file, [a_record(more=float("nan"))]),
    "a record with no Unicode": lambda file: payload(file, [a_record(more="\ud800")]),
    "a field without an ID": lambda file: payload(file, [a_record(fields=[{"name": "Site"}])]),
    "a field whose value is an object": lambda file: payload(file, [a_record(fields=[{"id": "f", "value": {}}])]),
    "one device twice": lambda file: payload(file, [a_record(), a_record(id="A-1")]),
}


@pytest.mark.thorough
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_read_anew(lister, simulator, tmp_path, damage):
    first = lister.list(**cache_in(tmp_path / "cache"))
    (file,) = (tmp_path / "cache").iterdir()
    file.write_text(DAMAGES[damage](file), encoding="utf-8", errors="surrogateescape")
    listed = lister.list(**cache_in(tmp_path / "cache"))
    assert listed.return_code == 0
    assert listed.hosts == first.hosts
    assert simulator.methods == ["GET"]
    assert "cannot use the inventory cache" in listed.said
    # What was read anew is in the cache again.
    assert lister.list(**cache_in(tmp_path / "cache")).hosts == first.hosts
    assert simulator.methods == []


def test_an_empty_list_in_the_cache_is_a_list(lister, simulator, tmp_path):
    for _time in range(2):
        listed = lister.list(**cache_in(tmp_path / "cache"), filters={"device_identifier": "unknown"})
        assert listed.hosts == {}
        assert "cannot use the inventory cache" not in listed.said
    assert simulator.methods == []


@pytest.mark.parametrize("place", ["a file", "below a file", "a device", "a file of the cache is a directory"])
def test_without_a_usable_cache_there_are_hosts_and_a_warning(lister, simulator, tmp_path, place):
    (tmp_path / "file").touch()
    folder = {"a file": tmp_path / "file", "below a file": tmp_path / "file/cache", "a device": "/dev/null"}.get(
        place, tmp_path / "cache"
    )
    if place == "a file of the cache is a directory":
        lister.list(**cache_in(folder))
        (file,) = folder.iterdir()
        file.unlink()
        (file / "inner").mkdir(parents=True)
    environment = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    listed = lister.list(**cache_in(folder), environment=environment)
    assert listed.return_code == 0, listed.said
    assert len(listed.hosts) == 5
    assert simulator.methods == ["GET"]
    assert "cannot use the inventory cache" in listed.said
    assert (tmp_path / "file").read_text() == ""


def test_options_that_are_wrong_are_errors_with_a_cache_too(lister, simulator, tmp_path):
    listed = lister.list(**cache_in(tmp_path / "cache"), statuses=["active"])
    assert listed.hosts == {}
    assert "statuses" in listed.said
    assert simulator.connections == []


def test_only_files_with_its_name_are_for_the_plugin(lister, simulator):
    lister.file = lister.folder / "fleet.yml"
    assert lister.list().hosts == {}
    assert simulator.connections == []


def test_the_graph(lister):
    graph = lister.run(
        "--graph", keyed_groups=[{"key": "digicert_iot_device_profile.name", "prefix": "profile"}]
    ).stdout
    assert "  |--@profile_Camera:\n  |  |--camera.harbour\n" in graph
