# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any text as the name, the site and the address of a device, through the inventory that Ansible makes of it.

A program of its own, because Ansible loads collections in another way than tests import them. Argument: a directory.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, inventory_loader
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "edgeops.digicert.digicert_iot"
STATIC = "[webservers]\nweb1\n[web-servers]\ndb-1 ansible_host=192.0.2.1\n[empty]\n"
CONFIGURATION = {
    "plugin": NAME,
    "api_key": "key",
    "hostnames": ["device_identifier", "fields.Site ~ '-' ~ fields.Site"],
    "compose": {"ansible_host": "digicert_iot_fields.Address", "ansible_connection": "'ssh'"},
    "groups": {"old": "digicert_iot_fields.Site == 'old'"},
    "keyed_groups": [
        {"key": "digicert_iot_fields.Site | default('')", "prefix": "site"},
        {"key": "digicert_iot_fields.Address | default('')", "prefix": "", "separator": ""},
    ],
}
# Texts that are near to what means something, and any text.
PARTS = st.sampled_from(
    [
        *(
            "gate",
            "-7",
            ".",
            "-",
            "_",
            ",",
            ":",
            "*",
            "?",
            "[1]",
            "[0:5]",
            "~",
            "!",
            "&",
            "@",
            " ",
            "\n",
            "=",
            "'",
            '"',
            "/",
        ),
        *(
            "{{ 7*7 }}",
            "localhost",
            "127.0.0.1",
            "127.1",
            "::1",
            "all",
            "web1",
            "db-1",
            "webservers",
            "web-servers",
            "site_",
        ),
        *(
            "old",
            "empty",
            "7",
            "0x7f",
            "%eth0",
            ".yml",
            "\uff27",
            "\u0430",
            "e\u0301",
            "\u202e",
            "\x00",
            "-oProxyCommand=x",
        ),
        *("00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001"),
    ]
)
TEXTS = st.lists(PARTS, max_size=4).map("".join) | st.text(max_size=20)


def record_of(number: int, name: str, site: str, address: str) -> dict[str, t.Any]:
    """Return the record of a device."""
    values = {"Site": site or None, "Address": address or None}
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "device_identifier": name,
        "fields": [{"id": key, "name": key, "value": value} for key, value in values.items()],
    }


@settings(max_examples=150, deadline=None, database=None)
@given(devices=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
def each_device_is_one_host_whose_name_means_nothing_else(sources, devices):
    records = [record_of(number, *device) for number, device in enumerate(devices)]
    plugin = type(inventory_loader.get(NAME))
    plugin._read = lambda _self, _api_key: records
    inventory = InventoryManager(DataLoader(), sources)
    hosts = {
        host.vars.get("digicert_iot_id"): host for host in inventory.get_hosts() if host.name not in ("web1", "db-1")
    }
    assert hosts.keys() == {record["id"] for record in records}
    assert len(inventory.hosts) == len(records) + 2
    assert not inventory.groups.keys() & inventory.hosts.keys()
    for host in hosts.values():
        assert inventory.get_hosts(host.name) == [host]
        # Not even with a line end or an option is the address another one than it seems.
        assert not str(host.vars.get("ansible_host", "x")).startswith(("-", "127."))
    assert [host.name for host in inventory.get_hosts("webservers")] == ["web1"]
    assert [host.name for host in inventory.get_hosts("web1,db-1")] == ["web1", "db-1"]
    assert inventory.get_hosts("empty") == [] or "empty" in {device[2] for device in devices}
    # The local host is the controller, whatever devices call themselves and their groups.
    assert inventory.get_hosts("localhost")[0].implicit
    assert inventory.get_host("127.0.0.1").implicit
    assert inventory.hosts["db-1"].vars["ansible_host"] == "192.0.2.1"


if __name__ == "__main__":
    init_plugin_loader()
    folder = Path(sys.argv[1])
    static, fleet = folder / "static.ini", folder / "fleet.digicert_iot.yml"
    static.write_text(STATIC)
    fleet.write_text(json.dumps(CONFIGURATION))
    each_device_is_one_host_whose_name_means_nothing_else([str(static), str(fleet)])
