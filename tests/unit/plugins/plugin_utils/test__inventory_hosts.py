# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.plugin_utils._inventory_hosts import (
    Surroundings,
    deduplicate_hostnames,
    expression_variables,
    host_variables,
    is_fit_id,
    is_safe_connection,
    is_safe_hostname,
)

RECORD = {
    "id": "1",
    "device_identifier": "gate",
    "status": "ACTIVE",
    "updated": "2026-03-01T08:30:00Z",
    "key-of-tomorrow": 1,
    "fields": [
        {"id": "a", "name": "Site", "value": "Delft"},
        {"id": "b", "name": "Password", "value": "hush"},
        {"id": "c", "name": "Twin", "value": None},
        {"id": "d", "name": "Twin", "value": "2"},
    ],
}


def test_variables():
    values = {"Site": "Delft", "Password": "hush", "Twin (c)": None, "Twin (d)": "2"}
    assert expression_variables(RECORD)["fields"] == values
    variables = host_variables(RECORD)
    assert variables["digicert_iot_fields"] == values
    assert variables["digicert_iot_device_identifier"] == "gate"
    assert variables["digicert_iot_key_of_tomorrow"] == 1


ID = "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7"
SURROUNDINGS = Surroundings(
    local={"ctl-1", "ctl-1.example", "alias-of.me"},
    owners={"web-servers": None, "db-1.prod": None, "seen-before": ID, "seen-other": "another"},
    ids={ID, "b-2"},
    is_own={"192.0.2.7", "2001:db8::7"}.__contains__,
)


@pytest.mark.parametrize(
    "name",
    [
        "gate-7.rotterdam",
        "7-gate",
        "a.b",
        "Gate-7",
        "AP-0042_x",
        "10-0-0-1",
        "a" * 198 + "-b",
        "seen-before",
        "x.7a",
        ID,
    ],
)
def test_names_that_are_fit(name):
    assert is_safe_hostname(name, ID, SURROUNDINGS)


# What they could mean instead.
UNFIT = {
    "nothing": ["", None, 7, ["gate-7"], {"gate-7": 1}],
    "an option": ["-oProxyCommand=touch-x", "--limit", "-7.x"],
    "a path": ["../..", "..", "a-b/c", "a-b\\c", "/etc/a-b", "~/a-b"],
    "a pattern": [
        *(
            "gate-7,all",
            "a-b:c",
            "*-",
            "gate-*",
            "~.-",
            "!gate-7",
            "&gate-7",
            "gate-7[1]",
            "gate-[0:5]",
            "gate-?",
            "@a-b",
        ),
        *("a-b;c", "a-b|c", "all:!gate-7"),
    ],
    "a variable of a host": ["gate-7 ansible_host=x", "gate-7=1", "gate-7#x", "'gate-7'", '"gate-7"'],
    "a template": ["{{ 1-1 }}", "{%-x%}", "gate-7{{x}}"],
    "another text on a screen": [
        "a-\nb",
        "a-\x1b[31m",
        "a-\u202eb",
        "a-\u200bb",
        "a-\ud800",
        "a-b\x00",
        "a-b\n",
        "\ufeffa-b",
    ],
    "a name with blanks": [" gate-7", "gate-7 ", "gate 7-x", "\tgate-7", "gate-7\r\n", "gate\u00a0-7"],
    "a name in another script": [
        "g\u0430te-7",
        "\uff27ate-7",
        "loc\u0430l-host",
        "gate\u20117",
        "gate-\u0667",
        "x-\u00b2",
        "e\u0301-x",
    ],
    "a group": ["all", "ungrouped", "webservers", "site_Rotterdam", "_gate", "gate7", "web-servers", "WEB-Servers"],
    "a host": ["db-1.prod", "DB-1.PROD", "seen-other"],
    "an address": [
        *(
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "0x7f.1",
            "0x7F.0.0.0X1",
            "0177.0.0.1",
            "a-b.0x",
            "a-b.7",
        ),
        *("::1", "::ffff:127.0.0.1", "fe80::1%eth0", "[::1]", "2130706433", "0x7f000001", "127.0.0.1.", "127.0.0.01"),
    ],
    "the local host": [
        *(
            "localhost",
            "LocalHost",
            "localhost.",
            "localhost.localdomain",
            "ip6-localhost",
            "ip6-loopback",
            "x.localhost",
        ),
        *("localhost4.localdomain4", "my-localhost", "ctl-1", "CTL-1", "ctl-1.example", "ctl-1.other", "alias-of.me"),
    ],
    "a name that DNS ends": ["gate-7.", ".gate-7", "gate..7-x", "gate-", "a-_"],
    "a file of variables": ["db-1.yml", "db-1.YAML", "db-1.json"],
    "another device": ["b-2", "B-2", "01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF"],
    "a name too long": ["a-" + "b" * 199],
}


@pytest.mark.parametrize(("meaning", "name"), [(meaning, name) for meaning, names in UNFIT.items() for name in names])
def test_a_name_that_can_mean_something_else_is_unfit(meaning, name):
    assert not is_safe_hostname(name, ID, SURROUNDINGS), meaning


def test_ids_obey_the_rules_of_names():
    assert is_fit_id(ID, SURROUNDINGS.local)
    assert not any(is_fit_id(each, SURROUNDINGS.local) for each in ("*", "a,b", "all", "127.0.0.1", "ctl-1", "-x.y"))


@given(st.text() | st.text("ab.-_:,*[]~!&@ \n7/", max_size=8))
def test_a_fit_name_has_no_character_that_means_something_in_a_pattern(name):
    if is_safe_hostname(name, ID, SURROUNDINGS):
        assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", name)
        assert {".", "-"}.intersection(name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ansible_host", ["10.20.0.7", "2001:db8::1", "gate", "gate-7.rotterdam.example", "::ffff:10.0.0.1"]),
        ("ansible_ssh_host", ["10.20.0.7"]),
        ("ansible_port", [22, "2222", 65535]),
        ("ansible_user", ["admin", "a.b-c_d@example", "_x"]),
    ],
)
def test_values_of_connection_variables_that_are_safe(name, values):
    assert all(is_safe_connection(name, value, SURROUNDINGS) for value in values)


UNSAFE = {
    "ansible_host": [
        *(
            "-oProxyCommand=x",
            "-l",
            "a b",
            "a,b",
            "a\n",
            "root@gate",
            "gate:22",
            "$(x)",
            "`x`",
            "a;b",
            "{{ x }}",
            "a/b",
            7,
            ["a"],
        ),
        *(
            "127.0.0.1",
            "127.6.6.6",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
        ),
        *("::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "fe80::1", "fe80::1%eth0", "2001:db8::1%x"),
        *("169.254.169.254", "ff02::1", "[2001:db8::1]", "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"),
        *(
            "localhost",
            "LOCALHOST.",
            "ip6-localhost",
            "ctl-1",
            "ctl-1.example",
            "alias-of.me",
            "db-1.prod",
            "g\u0430te",
        ),
    ],
    "ansible_port": [0, 65536, -1, "-1", "22 -oX", True, "", 2.5, "\u0667", [22]],
    "ansible_user": ["-x", "a b", "a\n", '"', "a;b", "", 7, "$(x)"],
    "ansible_connection": ["local", "ssh"],
    "ansible_ssh_common_args": ["-oProxyCommand=x", "x"],
    "ansible_python_interpreter": ["/usr/bin/python3"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in UNSAFE.items() for value in values])
def test_values_of_connection_variables_that_are_unsafe(name, value):
    assert not is_safe_connection(name, value, SURROUNDINGS)


def test_a_shared_name_gets_the_id_of_each():
    assert deduplicate_hostnames(["a", "b", "a"], ["1", "2", "3"]) == ["a_1", "b", "a_3"]
    # Not even by calling itself what another would be called can a device take a name.
    assert deduplicate_hostnames(["a", "a_1", "a"], ["1", "2", "3"]) == ["a_1_1", "a_1_2", "a_3"]


@given(st.lists(st.text("ab_1", max_size=4), max_size=8))
def test_names_are_distinct_in_the_end_whatever_devices_call_themselves(names):
    ids = [f"{number:02}" for number in range(len(names))]
    result = deduplicate_hostnames(names, ids)
    assert len(set(result)) == len(names)
    assert all(new.startswith(old) for old, new in zip(names, result))


def test_names_that_differ_in_case_alone_are_shared():
    assert deduplicate_hostnames(["Gate-7", "gate-7"], ["1", "2"]) == ["Gate-7_1", "gate-7_2"]
