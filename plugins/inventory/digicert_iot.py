# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: digicert_iot
short_description: DigiCert IoT Device Manager inventory source
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Retrieves the devices of an account with an operator API key, and adds a host for each device.
  - The names of inventory files must end in C(digicert_iot.yml) or C(digicert_iot.yaml).
  - Each key of a device record becomes a host variable with the prefix C(digicert_iot_), for example
    C(digicert_iot_id), C(digicert_iot_status) and C(digicert_iot_device_identifier).
  - The variable C(digicert_iot_fields) contains the values of the fields, by field name. If several fields share a
    name, the ID of each is appended to the name.
  - Ansible never evaluates content of a device record as a template.
  - O(compose) can set connection variables. If a value depends on the record, only C(ansible_host), C(ansible_port) and
    C(ansible_user) are supported. All other variables that begin with C(ansible_) must have the same value for all
    devices.
  - From a record, C(ansible_host) must be a hostname or an IP address. It must not be an address of the controller, a
    link-local address or a multicast address. C(ansible_port) must be from V(1) to V(65535). C(ansible_user) must
    consist of ASCII letters, digits and C(._@-).
  - If a value of a connection variable is unsafe, the plugin warns and removes the variable. It then sets
    C(ansible_host) to a name in the domain C(.invalid), so that the host is unreachable.
  - If the name of a group is also the name of a host of another inventory source or of the controller, the plugin
    prefixes the name with an underscore.
  - If the device list cannot be read completely, the plugin adds no hosts. Ansible then continues with the other
    inventory sources. Set E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) to V(true) in pipelines to make this an error.
  - The cache is separate for each API key, O(api_url), O(filters), O(statuses) and O(mask_fields). While the cached
    list is valid, the plugin sends no request. A revoked API key can therefore read the list until O(cache_timeout)
    expires.
  - The files of P(ansible.builtin.jsonfile#cache) contain all values that O(mask_fields) does not mask. Store them in a
    directory that only one user can read.
  - If the cache is damaged, or cannot be read or written, the plugin warns and reads the list from the API.
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices:
      - edgeops.digicert.digicert_iot
  api_url:
    description:
      - The base URL of the operator API, which authenticates clients with API keys. Only V(https) is supported.
      - On the hosts of DigiCert, a hostname that begins with C(clientauth.) belongs to the device API. Do not use it.
    type: str
    default: https://one.digicert.com
    env:
      - name: DIGICERT_IOT_OPERATOR_API_URL
  api_key:
    description:
      - The API key of an operator. Use a service user that has read access only.
      - The value can be a template, for example with a lookup.
    type: str
    required: true
    env:
      - name: DIGICERT_IOT_API_KEY
  ca_path:
    description:
      - The path of a PEM file or a directory of CA certificates. It replaces the trust store of the system.
    type: path
    env:
      - name: DIGICERT_IOT_CA_PATH
  filters:
    description:
      - The filters that the API applies. The plugin adds only devices that match all filters.
      - V(device_identifier), V(division_id) and V(device_profile_id) are strings.
      - V(created_from), V(created_to), V(updated_from) and V(updated_to) are dates such as V(2026-01-31).
    type: dict
    default: {}
  statuses:
    description:
      - The statuses of devices. The plugin adds only devices with one of these statuses.
    type: list
    elements: str
    choices:
      - ACTIVE
      - DISABLED
      - DELETED
    default:
      - ACTIVE
  hostnames:
    description:
      - The hostnames as Jinja2 expressions over the keys of the record. The key C(fields) contains the values of the
        fields, by field name.
      - The plugin uses the first expression that returns a valid name. If none does, it uses the ID of the device as
        the hostname and warns.
      - A device with write access can change its own name, so the plugin accepts only names that are unambiguous. The
        rules for names follow.
      - The name has at most 200 characters, which are ASCII letters, digits, dots, hyphens and underscores. It begins
        and ends with a letter or a digit. It does not contain two dots in a row.
      - The name contains a dot or a hyphen, because group names that Ansible creates from values contain neither. If
        your device names contain neither, add a prefix, for example V('device-' ~ device_identifier).
      - The last part of the name after a dot is not a number, so that the name is not an IP address. The name does not
        end with C(.json), C(.yaml) or C(.yml), because C(host_vars/db-1.yml) belongs to the host C(db-1) too.
      - The name does not contain C(localhost), C(localdomain) or C(loopback), and is not a name of the controller.
      - The name is neither a UUID nor the ID of another device.
      - The name is not, in any letter case, the name of a host or group of an inventory source that was parsed before.
        The only exception is a host with the ID of the device in its variable C(digicert_iot_id).
      - If other inventory sources follow this one, their hosts are not known yet, and the plugin uses the IDs of all
        devices as hostnames. List this source last. Sources of this plugin and of
        P(ansible.builtin.constructed#inventory) can follow it.
      - If several devices share a name, the plugin appends the ID to the name of each device and warns. If devices of
        several sources share a name, all of them have their IDs as hostnames.
      - If an ID violates these rules, the response is invalid.
    type: list
    elements: str
    default:
      - device_identifier
  mask_fields:
    description: The names or IDs of fields whose values are masked in the inventory and in its cache.
    type: list
    elements: str
    default: []
  page_size:
    description: The number of devices in each request, from V(1) to V(1000). The API can return fewer devices.
    type: int
    default: 100
"""

EXAMPLES = r"""
# The file fleet.digicert_iot.yml lists the devices of one division, grouped by site and by device profile.
# If DIGICERT_IOT_API_KEY is set in the environment, only the first line is required.
plugin: edgeops.digicert.digicert_iot
api_key: "{{ lookup('community.hashi_vault.vault_kv2_get', 'digicert').secret.api_key }}"
filters:
  division_id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
  updated_from: 2026-01-01
hostnames:
  - fields['Management name']
  - device_identifier
compose:
  ansible_host: digicert_iot_fields['Management address']
groups:
  outdated: digicert_iot_fields['Firmware'] is version('12.4', '<')
keyed_groups:
  - key: digicert_iot_fields['Site']
    prefix: site
  - key: digicert_iot_device_profile.name
    prefix: profile
mask_fields:
  - Admin password
# Add disabled devices too.
statuses:
  - ACTIVE
  - DISABLED
# Cache the list for ten minutes.
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/digicert_iot
cache_timeout: 600

# ansible-inventory --inventory fleet.digicert_iot.yml --graph
#
# @all:
#   |--@ungrouped:
#   |--@outdated:
#   |  |--gate-8.rotterdam
#   |--@site_Rotterdam:
#   |  |--gate-7.rotterdam
#   |  |--gate-8.rotterdam
#   |--@profile_Access_point:
#   |  |--gate-7.rotterdam
#   |  |--gate-8.rotterdam
#
# ansible-inventory --inventory fleet.digicert_iot.yml --host gate-7.rotterdam
#
# In part, and without the marks by which Ansible says that a text is no template:
#
# {
#     "ansible_host": "10.20.0.7",
#     "digicert_iot_device_api_allow_read": true,
#     "digicert_iot_device_identifier": "gate-7.rotterdam",
#     "digicert_iot_fields": {
#         "Admin password": "********",
#         "Firmware": "12.4",
#         "Management address": "10.20.0.7",
#         "Site": "Rotterdam"
#     },
#     "digicert_iot_id": "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7",
#     "digicert_iot_status": "ACTIVE"
# }
"""

import hashlib
import json
import os
import re
import socket
import typing as t
from pathlib import Path

from ansible import context
from ansible.constants import LOCALHOST
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.inventory.manager import IGNORED
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import parse_operator
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import OperatorApi, parse_records
from ansible_collections.edgeops.digicert.plugins.module_utils._client.pagination import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError, InvalidResponseError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.filters import read_filters, select
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    NAMED,
    Record,
    join_quoted,
    join_truncated,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.plugin_utils._inventory_hosts import (
    Surroundings,
    deduplicate_hostnames,
    expression_variables,
    host_variables,
    is_fit_id,
    is_safe_connection,
    is_safe_hostname,
)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin."""

    NAME = "edgeops.digicert.digicert_iot"

    def verify_file(self, path: str) -> bool:
        """Say whether the file at `path` can be for this plugin."""
        if path.endswith(_NAMES):
            return bool(super().verify_file(path))
        if path.endswith((".yml", ".yaml")) and super().verify_file(path) and _names_this_plugin(path):
            # Ansible ignores the error of a plugin that it tries, and reports that of the plugin that a file names.
            raise AnsibleParserError(
                f"{path} is a configuration of {self.NAME}, but its name must end in {' or '.join(_NAMES)}. Rename the "
                "file."
            )
        return False

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Add the devices to `inventory`, none of them when anything is wrong."""
        super().parse(inventory, loader, path, cache)
        self._path = path
        # The names that devices of this source share with devices of earlier sources, in lower case.
        self._contested: set[str] = set()
        self._read_options(path)
        try:
            records = self._records(path, cache)
            surroundings = _surroundings(inventory, records)
            names = self._names(records, surroundings)
        except DeviceManagerError as failure:
            raise AnsibleParserError(f"{failure} (kind: {failure.kind})") from None
        self._rename_contested()
        self._reserved_groups = {name.lower() for name in inventory.hosts} | surroundings.local | _RESERVED_GROUPS
        new = [name for name in names if name not in inventory.hosts]
        try:
            self._add_all(names, records, surroundings)
        except Exception:  # half of an account is no inventory, whatever the reason
            for host in filter(None, map(inventory.hosts.get, new)):
                inventory.remove_host(host)
            raise

    def _read_options(self, path: str) -> None:
        try:
            self._read_config_data(path)
        except AnsibleError as error:
            # Errors in options have classes of their own, or leave no options. The others are of the cache plugin.
            if error.__class__ is not AnsibleError or not self._options.get("cache"):
                raise
            self._warn_of_cache(error)
            self.set_option("cache", False)

    def _records(self, path: str, cache: bool) -> list[Record]:
        """Return the records, from the cache if that is wanted and possible. Raises a DeviceManagerError."""
        api_key = self._rendered(self.get_option("api_key"))
        if not self.get_option("cache"):
            return self._read(api_key)
        asked = {name: self.get_option(name) for name in ("api_url", "filters", "statuses", "mask_fields")}
        key = f"{self.get_cache_key(path)}_{_fingerprint(api_key, asked)}"
        records = self._cached(key) if cache else None
        if records is None:
            records = self._read(api_key)
            self._remember(key, records)
        return records

    def _cached(self, key: str) -> list[Record] | None:
        """Return the records in the cache, or None if there are none or they are damaged."""
        try:
            return parse_records(self._cache[key])
        except KeyError:
            return None
        except ValueError as error:
            self._warn_of_cache(f"it holds {error}")
        except Exception as error:  # noqa: BLE001 (a cache plugin can raise anything)
            self._warn_of_cache(error)
        return None

    def _remember(self, key: str, records: list[Record]) -> None:
        """Write the records to the cache. Ansible would do so later, and take an error for one of the inventory."""
        try:
            self._cache[key] = records
            self._cache.update_cache_if_changed()
        except Exception as error:  # noqa: BLE001 (a cache plugin can raise anything)
            self._warn_of_cache(error)
            self._cache.pop(key, None)

    def _warn_of_cache(self, reason: object) -> None:
        self.display.warning(
            f"The plugin cannot use the inventory cache ({reason}). It reads the device list from the API."
        )

    def _read(self, api_key: str) -> list[Record]:
        operator = parse_operator({**{name: self.get_option(name) for name in _CONNECTION}, "api_key": api_key})
        filters, problems = read_filters(self.get_option("filters"))
        page_size = self.get_option("page_size")
        if not 1 <= page_size <= 1000:
            problems.append(f"page_size is {page_size}, but must be from 1 to 1000.")
        session = open_operator_session(operator, problems, Runtime(self.display.warning))
        try:
            api = OperatorApi(session, Redactor([operator.api_key]))
            advice = ", or reduce page_size"
            remedy = "increase page_size, or limit the list with filters"
            records = read_list(lambda offset: api.page(filters, page_size, offset, advice), api.find, remedy)
        finally:
            session.close()
        selected, unknown = select(records, self.get_option("statuses"), filters, self.get_option("mask_fields"))
        if unknown:
            self.display.warning(f"mask_fields: no device has the field {join_quoted(unknown)}.")
        return selected

    def _rendered(self, api_key: t.Any) -> str:
        if self.templar.is_template(api_key):
            # Before ansible-core 2.19 lookups have to be allowed.
            api_key = self.templar.template(api_key, **({} if _KNOWS_TRUST else {"disable_lookups": False}))
        return str(to_text(api_key))

    def _names(self, records: list[Record], surroundings: Surroundings) -> list[str]:
        ids = [record["id"] for record in records]
        unfit = [device_id for device_id in ids if not is_fit_id(device_id, surroundings.local)]
        if unfit:
            raise InvalidResponseError(
                f"The API returned device IDs that are not valid hostnames: {join_quoted(unfit[:NAMED])}. "
                "Verify that api_url is the URL of the API and that no proxy responds instead."
            )
        names = [self._name(record, surroundings) for record in records]
        names = [None if name is not None and name.lower() in self._contested else name for name in names]
        followers = self._followers()
        if followers and any(name not in (None, device_id) for name, device_id in zip(names, ids)):
            names = [None] * len(records)
            self.display.warning(
                "Other inventory sources follow this one, and their hosts and groups are not known yet. The IDs of all "
                f"devices are used as hostnames. List this source after {join_truncated(followers)}."
            )
        elif None in names:
            nameless = [device_id for name, device_id in zip(names, ids) if name is None]
            self.display.warning(
                "hostnames returns no valid name for these devices, so their IDs are used as hostnames: "
                f"{join_truncated(nameless)}. Refer to the option hostnames for the rules."
            )
        wanted = [name or device_id for name, device_id in zip(names, ids)]
        result = deduplicate_hostnames(wanted, ids)
        shared = [new for old, new in zip(wanted, result) if old != new]
        if shared:
            self.display.warning(
                f"Several devices share a name, so their IDs are appended to it: {join_truncated(shared)}."
            )
        return result

    def _name(self, record: Record, surroundings: Surroundings) -> str | None:
        """Return what the first expression that gives a fit name gives."""
        for expression in self.get_option("hostnames"):
            if expression in record:
                name = record[expression]
            else:
                try:
                    name = self._compose(expression, _mark_unsafe(expression_variables(record)))
                except Exception as error:  # an expression can raise anything
                    if self.get_option("strict"):
                        raise AnsibleParserError(
                            f"hostnames: {expression!r} cannot be evaluated for device {record['id']}: {error}"
                        ) from error
                    continue
            if is_safe_hostname(name, record["id"], surroundings):
                return str(name)
            if isinstance(name, str) and surroundings.owners.get(name.lower()) not in (None, record["id"].lower()):
                self._contested.add(name.lower())
        return None

    def _rename_contested(self) -> None:
        """Give the hosts that an earlier source has named like a device of this source their IDs as names.

        The order of the sources does not show which device owns the name.
        """
        hosts = [host for name, host in self.inventory.hosts.items() if name.lower() in self._contested]
        for host in hosts:
            device_id = host.vars["digicert_iot_id"]
            groups = [group.name for group in host.get_groups() if host in group.hosts]
            self.inventory.remove_host(host)
            self.inventory.add_host(device_id)
            for key, value in host.vars.items():
                self.inventory.set_variable(device_id, key, value)
            for group in groups:
                self.inventory.add_child(group, device_id)
        if hosts:
            self.display.warning(
                "Devices of several inventory sources share a name, so their IDs are used as hostnames: "
                f"{join_truncated(host.vars['digicert_iot_id'] for host in hosts)}."
            )

    def _followers(self) -> list[str]:
        """Return the sources after this one whose hosts can have the name of a device."""
        return [source for source in _sources_after(self._path) if not self._is_harmless(source)]

    def _is_harmless(self, source: str) -> bool:
        """Say whether a source that follows never makes a host that is there already, nor a group with its name."""
        if "," in source:
            return all(name.strip() in ("", *LOCALHOST) for name in source.split(","))
        if source.endswith(_NAMES) and self.verify_file(source):
            return True
        try:
            content = self.loader.load_from_file(source)
        except Exception:  # noqa: BLE001 (whatever the reason, it is not known what the source has)
            return False
        return isinstance(content, dict) and content.get("plugin") in _CONSTRUCTED

    def _add_all(self, names: list[str], records: list[Record], surroundings: Surroundings) -> None:
        compose = self.get_option("compose") or {}
        connection = {
            name: self._constant(expression) for name, expression in compose.items() if name.startswith("ansible_")
        }
        unsafe, ungrouped = [], []
        for name, record in zip(names, records):
            variables = _mark_unsafe(host_variables(record))
            self.inventory.add_host(name)
            for key, value in variables.items():
                self.inventory.set_variable(name, key, value)
            strict = self.get_option("strict")
            self._set_composite_vars(compose, variables, name, strict=strict)
            if connection and not self._check_connection(name, record["id"], connection, surroundings):
                unsafe.append(name)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
            ungrouped += [
                name
                for keyed in self.get_option("keyed_groups") or []
                if not self._add_to_keyed_group(keyed, name, variables, strict)
            ]
        if ungrouped:
            self.display.warning(
                "keyed_groups gives these hosts a group that cannot be a child of its parent_group: "
                f"{join_truncated(ungrouped)}. Set a prefix for the groups."
            )
        if unsafe:
            self.display.warning(
                "compose sets connection variables of these hosts to values that are unsafe from a record, so Ansible "
                f"does not connect to them: {join_truncated(unsafe)}. Refer to the guide for operators."
            )

    def _add_to_keyed_group(self, keyed: t.Any, name: str, variables: dict[str, t.Any], strict: bool) -> bool:
        """Return whether the group has the parent that it must have. A value of a record can prevent that."""
        try:
            self._add_host_to_keyed_groups([keyed], variables, name, strict=strict)
        except AnsibleParserError:  # an error in the options
            raise
        except Exception:  # noqa: BLE001 (a group that is its own parent has no class of its own)
            return False
        return True

    def _constant(self, expression: str) -> t.Any:
        """Return the value that an expression has without any record, which is the operator's own, or None."""
        try:
            return self._compose(expression, {})
        except Exception:  # noqa: BLE001 (an expression can raise anything)
            return None

    def _check_connection(
        self, name: str, device_id: str, connection: dict[str, t.Any], surroundings: Surroundings
    ) -> bool:
        """Remove composed connection variables without a value or with an unsafe one. Return whether all were safe."""
        variables = self.inventory.hosts[name].vars
        composed = {key: variables[key] for key in connection if key in variables}
        empty = [key for key, value in composed.items() if value in (None, "")]
        unsafe = [
            key
            for key, value in composed.items()
            if key not in empty and value != connection[key] and not is_safe_connection(key, value, surroundings)
        ]
        for key in empty + unsafe:
            del variables[key]
        if unsafe:
            # No name in this domain is ever resolved (RFC 6761, section 6.4). The host is unreachable.
            self.inventory.set_variable(name, "ansible_host", f"{device_id}.invalid")
        return not unsafe

    def _sanitize_group_name(self, name: str) -> str:
        """Return the name of a group, which is never that of a host that is there, nor of the local host."""
        safe: str = to_safe_group_name(name, force=True, silent=True)
        return f"_{safe}" if safe.lower() in self._reserved_groups else safe


# The ends of the names of the files for this plugin.
_NAMES = ("digicert_iot.yml", "digicert_iot.yaml")
# A value of a record that names a group must not name one of these.
_RESERVED_GROUPS = {"all", "ungrouped", "localhost"}
_CONSTRUCTED = ("constructed", "ansible.builtin.constructed")
_CONNECTION = ("api_url", "ca_path", "validate_certs", "timeout", "retries", "use_proxy")
# From ansible-core 2.19 on a text is a template only where its source is trusted, which this plugin does not claim.
_KNOWS_TRUST = hasattr(BaseInventoryPlugin, "trusted_by_default")


def _names_this_plugin(path: str) -> bool:
    """Return whether a file is a configuration of this plugin, as far as its lines show."""
    try:
        content = Path(path).read_text("utf-8", "replace")
    except OSError:
        return False
    return bool(re.search(rf"""^plugin:\s*["']?{re.escape(InventoryModule.NAME)}\b""", content, re.MULTILINE))


def _mark_unsafe(variables: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return variables whose texts are never taken for templates."""
    return variables if _KNOWS_TRUST else wrap_var(variables)


def _fingerprint(api_key: str, asked: dict[str, t.Any]) -> str:
    """Return a word for what this API key asked for, to name a cache by.

    It is part of a file name, so the derivation is slow: the API key cannot be found by trying.
    """
    salt = json.dumps(asked, sort_keys=True, default=str).encode("utf-8")
    return hashlib.pbkdf2_hmac("sha256", api_key.encode("utf-8", "surrogatepass"), salt, 100_000, 16).hex()


def _surroundings(inventory: t.Any, records: list[Record]) -> Surroundings:
    owners: dict[str, str | None] = {name.lower(): None for name in inventory.groups}
    for name, host in inventory.hosts.items():
        device_id = host.vars.get("digicert_iot_id")
        owners[name.lower()] = device_id.lower() if isinstance(device_id, str) else None
    return Surroundings(_local_names(), owners, {record["id"].lower() for record in records}, _is_own)


def _local_names() -> set[str]:
    """Return the names of this host that are known without a request to DNS."""
    own = socket.gethostname().lower()
    names = {own, own.split(".")[0]}
    try:
        lines = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace").lower().splitlines()
    except OSError:
        lines = []
    for line in lines:
        address, *aliases = line.split("#")[0].split() or [""]
        if own in aliases or address.startswith("127.") or address == "::1":
            names.update(aliases)
    return names


def _is_own(address: str) -> bool:
    """Say whether the address is one of this host. Only such an address can be bound, unless the kernel binds any."""
    return _can_bind(address) and not _can_bind("192.0.2.1")


def _can_bind(address: str) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _sources_after(path: str, sources: t.Sequence[str] | None = None) -> list[str]:
    """Return the inventory sources that Ansible parses after the one at `path`, as far as the command line shows."""
    sources = list(context.CLIARGS.get("inventory") or ()) if sources is None else sources
    for number, source in enumerate(sources):
        after = list(sources[number + 1 :])
        if source == path:
            return after
        if path.startswith(source.rstrip("/") + "/"):
            names = [name for name in sorted(os.listdir(source)) if not IGNORED.search(os.fsencode(name))]
            return _sources_after(path, [os.path.join(source, name) for name in names]) + after
    return []
