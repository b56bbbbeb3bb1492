# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: digicert_iot
short_description: The devices of DigiCert IoT Device Manager as hosts
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Lists the devices of an account, with an operator's API key, and makes a host of each.
  - It takes files whose names end in C(digicert_iot.yml) or C(digicert_iot.yaml).
  - Each key of a device's record becomes a variable with the prefix C(digicert_iot_), such as C(digicert_iot_id),
    C(digicert_iot_status) and C(digicert_iot_device_identifier). In C(digicert_iot_fields) the values of the fields
    stand by their names; a name that several fields share is followed by the ID of each.
  - What a device has in its record is never taken for a template.
  - When the list cannot be read as a whole, no host comes of it. Ansible goes on with its other sources then, unless
    E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) is V(true), which pipelines should set.
  - The cache is separate for each API key, O(api_url), O(filters), O(statuses) and O(mask_fields). While the cached
    list is valid, the plugin does not send a request, so a revoked API key can read it until O(cache_timeout) is over.
  - Files of P(ansible.builtin.jsonfile#cache) hold all values that O(mask_fields) does not mask. Keep them in a
    directory that only one user can read.
  - If the cache is damaged, or cannot be read or written, the plugin warns and reads the list from the API.
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices:
      - edgeops.digicert.digicert_iot
  api_url:
    description:
      - The base URL of the API to which an operator comes with an API key. Only V(https) is allowed.
      - It is not the one for devices, whose name begins with C(clientauth.) on DigiCert's own hosts.
    type: str
    default: https://one.digicert.com
    env:
      - name: DIGICERT_IOT_OPERATOR_API_URL
  api_key:
    description:
      - The API key of the operator, or better of a service user who may do no more than read.
      - It can be a template, with a lookup for example.
    type: str
    required: true
    env:
      - name: DIGICERT_IOT_API_KEY
  ca_path:
    description:
      - A file or a folder with the certificates of the CAs to trust, instead of those that the system trusts.
    type: path
    env:
      - name: DIGICERT_IOT_CA_PATH
  filters:
    description:
      - Only devices that fit all of these are listed. The service applies them.
      - V(device_identifier), V(division_id) and V(device_profile_id) are texts.
      - V(created_from), V(created_to), V(updated_from) and V(updated_to) are dates like V(2026-01-31).
    type: dict
    default: {}
  statuses:
    description:
      - Only devices with one of these statuses become hosts.
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
      - How a host is called. Jinja2 expressions over the keys of the record, where C(fields) has the values of the
        fields by their names. The first that gives a name is taken, and the device's ID when none does.
      - A device that may update its record can change what is in it, its name too. So what could do harm is no name. It
        must begin with a letter, a digit or an underscore, must not hold a slash, a backslash or what cannot be
        printed, and not be V(all), V(localhost) or V(ungrouped).
      - Where several devices share a name, each has its ID added to it, with a warning.
    type: list
    elements: str
    default:
      - device_identifier
  mask_fields:
    description: Names or IDs of fields whose values shall not be in the inventory nor in its cache.
    type: list
    elements: str
    default: []
  page_size:
    description: How many devices to ask for at a time, 1 to 1000. The service may give fewer.
    type: int
    default: 100
"""

EXAMPLES = r"""
# The file fleet.digicert_iot.yml. With DIGICERT_IOT_API_KEY in the environment its first line is all that it needs.
# The rest: the devices of one division, grouped by site and by profile.
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
# List what is disabled too
statuses:
  - ACTIVE
  - DISABLED
# Keep what was read for ten minutes
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
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import Failure
from ansible_collections.edgeops.digicert.plugins.module_utils._hosts import (
    distinct,
    expression_variables,
    host_variables,
    is_fit,
    read_filters,
    select,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._listing import read_list
from ansible_collections.edgeops.digicert.plugins.module_utils._operator_api import OperatorApi, parse_records
from ansible_collections.edgeops.digicert.plugins.module_utils._record import Record, quoted, some


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin."""

    NAME = "edgeops.digicert.digicert_iot"

    def verify_file(self, path: str) -> bool:
        """Say whether the file at `path` can be for this plugin."""
        return super().verify_file(path) and path.endswith(("digicert_iot.yml", "digicert_iot.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Add the devices to `inventory`, none of them when anything is wrong."""
        super().parse(inventory, loader, path, cache)
        self._read_options(path)
        try:
            records = self._records(path, cache)
        except Failure as failure:
            raise AnsibleParserError(f"{failure} (kind: {failure.kind})") from None
        names = self._names(records)
        new = [name for name in names if name not in inventory.hosts]
        try:
            for name, record in zip(names, records):
                self._add(name, record)
        except Exception:  # half of an account is no inventory, whatever the reason
            for host in filter(None, map(inventory.hosts.get, new)):
                inventory.remove_host(host)
            raise

    def _read_options(self, path: str) -> None:
        try:
            self._read_config_data(path)
        except AnsibleError as error:
            # Errors in options have classes of their own, or leave no options. The others are of the cache plugin.
            if type(error) is not AnsibleError or not self._options.get("cache"):
                raise
            self._warn_of_cache(error)
            self.set_option("cache", False)

    def _records(self, path: str, cache: bool) -> list[Record]:
        """Return the records, from the cache if that is wanted and possible. Raises a Failure."""
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
            f"The plugin cannot use the inventory cache ({reason}), so it reads the list of devices from the API."
        )

    def _read(self, api_key: str) -> list[Record]:
        options = {**{name: self.get_option(name) for name in _CONNECTION}, "api_key": api_key}
        filters, problems = read_filters(self.get_option("filters"))
        page_size = self.get_option("page_size")
        if not 1 <= page_size <= 1000:
            problems.append(f"page_size is {page_size}, and must be 1 to 1000.")
        session = open_operator_session(options, problems, self.display.warning)
        try:
            api = OperatorApi(session)
            records = read_list(lambda offset: api.page(filters, page_size, offset), api.find)
        finally:
            session.close()
        selected, unknown = select(records, self.get_option("statuses"), filters, self.get_option("mask_fields"))
        if unknown:
            self.display.warning(f"mask_fields names {quoted(unknown)}, and no device has such a field.")
        return selected

    def _rendered(self, api_key: t.Any) -> str:
        if self.templar.is_template(api_key):
            # Before ansible-core 2.19 lookups have to be allowed.
            api_key = self.templar.template(api_key, **({} if _KNOWS_TRUST else {"disable_lookups": False}))
        return str(to_text(api_key))

    def _names(self, records: list[Record]) -> list[str]:
        names = [self._name(record) for record in records]
        ids = [record["id"] for record in records]
        nameless = [device_id for name, device_id in zip(names, ids) if name is None]
        if nameless:
            self.display.warning(
                "hostnames gives no name that is fit for a host, so these devices are called by their IDs: "
                f"{some(nameless)}."
            )
        wanted = [name or device_id for name, device_id in zip(names, ids)]
        result = distinct(wanted, ids)
        shared = [new for old, new in zip(wanted, result) if old != new]
        if shared:
            self.display.warning(f"Several devices have one name, so their IDs are added to it: {some(shared)}.")
        return result

    def _name(self, record: Record) -> str | None:
        """Return what the first expression that gives a fit name gives."""
        for expression in self.get_option("hostnames"):
            if expression in record:
                name = record[expression]
            else:
                try:
                    name = self._compose(expression, _foreign(expression_variables(record)))
                except Exception as error:  # an expression can raise anything
                    if self.get_option("strict"):
                        raise AnsibleParserError(
                            f"hostnames: {expression!r} cannot be evaluated for device {record['id']}: {error}"
                        ) from error
                    continue
            if is_fit(name):
                return str(name)
        return None

    def _add(self, name: str, record: Record) -> None:
        variables = _foreign(host_variables(record))
        self.inventory.add_host(name)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


_CONNECTION = ("api_url", "ca_path", "validate_certs", "timeout", "retries", "use_proxy")
# From ansible-core 2.19 on a text is a template only where its source is trusted, which this plugin does not claim.
_KNOWS_TRUST = hasattr(BaseInventoryPlugin, "trusted_by_default")


def _foreign(variables: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return variables whose texts are never taken for templates."""
    return variables if _KNOWS_TRUST else wrap_var(variables)


def _fingerprint(api_key: str, asked: dict[str, t.Any]) -> str:
    """Return a word for what this API key asked for, to name a cache by.

    It is part of a file name, so the derivation is slow: the API key cannot be found by trying.
    """
    salt = json.dumps(asked, sort_keys=True, default=str).encode("utf-8")
    return hashlib.pbkdf2_hmac("sha256", api_key.encode("utf-8", "surrogatepass"), salt, 100_000, 16).hex()
