# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Convert the devices of an account to hosts of an inventory. Pure."""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from collections import Counter

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import Record, by_name

# Characters without a special meaning in host patterns, on command lines, in paths and in templates.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
# The last label of an IPv4 address in each notation that inet_aton(3) reads: 127.1, 0x7f.1, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# These words are in the names of the local host on common systems, and in no other (RFC 6761, section 6.3).
_LOCAL_WORDS = ("localhost", "localdomain", "loopback")
# Ansible reads host_vars/db-1.yml for a host db-1, and for a host db-1.yml as well.
_FILE_NAMES = (".json", ".yaml", ".yml")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,198}")


def expression_variables(record: Record) -> dict[str, t.Any]:
    """Return the variables of an expression for a name: the record, with the values of its fields by their names."""
    return {**record, "fields": by_name(record)}


def host_variables(record: Record) -> dict[str, t.Any]:
    """Return the variables of the host of a device."""
    return {_variable_name(key): value for key, value in expression_variables(record).items()}


# All devices have the same few keys.
@functools.lru_cache(maxsize=1000)
def _variable_name(key: str) -> str:
    return "digicert_iot_" + re.sub(r"[^A-Za-z0-9_]", "_", key)


class Surroundings(t.NamedTuple):
    """The names that exist before the devices of this list are added. All names are in lower case.

    `local` are names of the controller. `owners` has the name of each existing host and group, and the ID of its
    device, or None. `ids` are the IDs of the devices of this list. `is_own` returns whether an IP address is one of
    the controller.
    """

    local: t.AbstractSet[str]
    owners: t.Mapping[str, str | None]
    ids: t.AbstractSet[str]
    is_own: t.Callable[[str], bool]


def is_safe_hostname(name: t.Any, device_id: str, surroundings: Surroundings) -> bool:
    """Return whether this can be the name of the host of this device, because it has no other meaning.

    A device can have permission to change its own name, so the name is untrusted input. A dot or a hyphen distinguishes
    it from all groups that Ansible creates from values, because these have only letters, digits and underscores.
    """
    if not isinstance(name, str) or not _is_unambiguous(name, surroundings.local):
        return False
    lower = name.lower()
    if lower in surroundings.ids or _UUID.fullmatch(lower):
        return lower == device_id.lower()
    return lower not in surroundings.owners or surroundings.owners[lower] == device_id.lower()


def is_fit_id(device_id: str, local: t.AbstractSet[str]) -> bool:
    """Return whether the ID of a device can be the name of its host. A device cannot choose its ID."""
    return _is_unambiguous(device_id, local)


def _is_unambiguous(name: str, local: t.AbstractSet[str]) -> bool:
    return not {".", "-"}.isdisjoint(name) and _is_host_name(name, local) and not name.lower().endswith(_FILE_NAMES)


def _is_host_name(name: str, local: t.AbstractSet[str]) -> bool:
    """Return whether this is a host name of another host than the controller, and not an address or a pattern."""
    labels = name.lower().split(".")
    return (
        _NAME.fullmatch(name) is not None
        and "" not in labels
        and _NUMBER.fullmatch(labels[-1]) is None
        and not any(word in name.lower() for word in _LOCAL_WORDS)
        and local.isdisjoint((name.lower(), labels[0]))
    )


def is_safe_connection(name: str, value: t.Any, surroundings: Surroundings) -> bool:
    """Return whether the connection variable `name` of Ansible can have this value from a record."""
    if name in ("ansible_host", "ansible_ssh_host"):
        return isinstance(value, str) and _is_remote(value, surroundings)
    if name in ("ansible_port", "ansible_ssh_port"):
        return re.fullmatch("[0-9]{1,5}", str(value)) is not None and 1 <= int(value) <= 65535
    return name in ("ansible_user", "ansible_ssh_user") and isinstance(value, str) and bool(_USER.fullmatch(value))


def _is_remote(value: str, surroundings: Surroundings) -> bool:
    try:
        address: t.Any = ipaddress.ip_address(value)
    except ValueError:
        return _is_host_name(value, surroundings.local) and value.lower() not in surroundings.owners
    address = getattr(address, "ipv4_mapped", None) or address
    # From the first blocks of IPv4 and of IPv6: this host, loopback, and old notations of IPv4 addresses in IPv6.
    first = int(address) < (1 << 24 if address.version == 4 else 1 << 32)
    special = address.is_loopback or address.is_link_local or address.is_multicast or "%" in value
    reserved = address.version == 4 and address.is_reserved
    return not (first or special or reserved or surroundings.is_own(str(address)))


def deduplicate_hostnames(names: t.Sequence[str], ids: t.Sequence[str]) -> list[str]:
    """Return `names`. If several devices have the same name, the ID of the device is appended to each of them.

    This includes the first one, because the order does not show which device owns the name. Names that differ only in
    case count as the same name, because they can be the same file in host_vars and the same name in DNS.
    """
    names = list(names)
    while True:
        counts = Counter(name.lower() for name in names)
        if len(counts) == len(names):
            return names
        names = [name if counts[name.lower()] == 1 else f"{name}_{device_id}" for name, device_id in zip(names, ids)]
