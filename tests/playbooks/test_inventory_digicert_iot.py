# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
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
            [BIN / "ansible-inventory", "--inventory", self.file, *arguments],
            env={**environment_in(self.folder), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def list(self, *arguments: str, **options: t.Any) -> Inventory:
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
    assert "Several devices have one name" in listed.said
    assert "mask_fields names 'Contakt', and no device has such a field" in listed.said
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
        (Answer(body="<html>"), "an HTML page"),
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


def test_names_that_could_do_harm(lister, simulator):
    harmful = ["-oProxyCommand=touch x", "localhost", "../x"]
    for name, device in zip(harmful, simulator.records.devices, strict=False):
        device.device_identifier = name
    listed = lister.list()
    assert not set(harmful).intersection(listed.hosts)
    assert {device.id for device in simulator.records.devices[:3]} <= set(listed.hosts)
    assert "are called by their IDs" in listed.said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": None}, "api_key"),
        ({"api_key": "a b"}, "api_key is empty, or has"),
        ({"api_url": "http://localhost"}, "does not begin with https://"),
        ({"filters": {"site": "x"}, "page_size": 0, "timeout": 0}, "filters has site, and can have"),
        ({"filters": {}, "page_size": 0}, "page_size is 0, and must be 1 to 1000"),
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


def test_the_cache_of_one_api_key_is_not_for_another(lister, simulator, tmp_path):
    lister.list(**cache_in(tmp_path / "cache"))
    other = lister.list(**cache_in(tmp_path / "cache"), api_key="key-of-another-account")
    assert other.hosts == {}
    assert simulator.methods == ["GET"]
    assert "api_key_refused" in other.said
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
