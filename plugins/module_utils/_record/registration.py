# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Plan the registration of a device by an operator: its creation, or all changes of its record. Pure."""

from __future__ import annotations

import typing as t
import unicodedata

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidDesiredStateError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import (
    Plan,
    missing_mandatory_warnings,
    plan_change,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    ACTIVE,
    DELETED,
    PERMISSIONS,
    Record,
    flags_of,
    id_key,
)

# The keys of a record that an operator cannot change, and the option for each.
_FIXED = {"division": "division_id", "device_profile": "device_profile_id"}


class DesiredRegistration(t.NamedTuple):
    """The desired record of a device, from an operator. None is for a key that the task does not manage.

    `permissions` has the desired permissions by option. `division_id` and `device_profile_id` are for a new record, and
    those of an existing record must be equal to them.
    """

    state: DesiredState
    permissions: t.Mapping[str, bool]
    status: str | None = None
    division_id: str | None = None
    device_profile_id: str | None = None

    @property
    def only_status(self) -> DesiredRegistration:
        """The part of the desired record that requires a request of its own: the status."""
        return DesiredRegistration(DesiredState(None, (), False, ()), {}, self.status)

    @property
    def without_status(self) -> DesiredRegistration:
        """The part of the desired record that an update can apply."""
        return self._replace(status=None)


class DeviceList:
    """The records of a complete list, by the IDs and by the names of their devices."""

    def __init__(self, records: t.Iterable[Record]) -> None:
        self._by_id: dict[str, Record] = {}
        self._by_name: dict[str | None, list[Record]] = {}
        for record in records:
            self._by_id[id_key(record["id"])] = record
            self._by_name.setdefault(record.get("device_identifier"), []).append(record)

    def find(self, device_id: str) -> Record | None:
        """Return the record of the device with this ID, or None."""
        return self._by_id.get(id_key(device_id))

    def named(self, device_identifier: str) -> list[Record]:
        """Return the records of the devices with this name."""
        return self._by_name.get(device_identifier, [])


def select_named(records: t.Iterable[Record], device_identifier: str, division_id: str | None) -> list[Record]:
    """Return the records that have this name and are in this division, or in any if it is None.

    The documentation does not say whether the list compares the complete name, and whether it has deleted devices.
    """
    return [
        record
        for record in records
        if record.get("device_identifier") == device_identifier
        and record.get("status") != DELETED
        and (division_id is None or _is_in(record, "division", division_id))
    ]


def name_problem(records: t.Iterable[Record], name: str, own_id: str | None = None) -> str | None:
    """Return why the API may reject a name, as sentences, if one of the records of other devices is the reason.

    The documentation does not say whether a deleted device keeps its name, and whether names are compared by case.
    """
    problems: dict[str, str] = {}
    for record in records:
        found, device_id = record.get("device_identifier"), record["id"]
        is_deleted = record.get("status") == DELETED
        is_own = own_id is not None and id_key(device_id) == id_key(own_id)
        if is_own or not isinstance(found, str) or _name_key(found) != _name_key(name):
            continue
        if found == name and not is_deleted:
            problems["same"] = (
                f"Another device of the division, {device_id!r}, has the name {name!r} already. Names are unique in a "
                "division. Set another name. To swap names, rename one of the devices to a third name first."
            )
        elif found == name:
            problems["deleted"] = (
                f"A deleted device, {device_id!r}, has the name {name!r}. Restore it in the console of DigiCert IoT "
                "Device Manager, or set another name."
            )
        elif not is_deleted:
            problems["similar"] = (
                f"The name {found!r} of the device {device_id!r} differs from {name!r} only in case or in its Unicode "
                "form. The API may treat these names as equal. Set the name of that device, or another name."
            )
    return next((problems[kind] for kind in ("same", "deleted", "similar") if kind in problems), None)


def _name_key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def division_of(record: Record) -> str | None:
    """Return the ID of the division of a record, or None if the record has none."""
    return _id_of(record, "division")


def is_complete(record: Record) -> bool:
    """Return whether a record has all documented keys. A list or a response can have shorter records."""
    return bool(flags_of(record)) and all(record.get(key) is not None for key in ("status", *_FIXED))


def plan_registration(record: Record, desired: DesiredRegistration) -> Plan:
    """Return the plan that applies the desired registration to `record`, with all other values unchanged.

    Raises InvalidDesiredStateError if the desired registration cannot be applied.
    """
    if record.get("status") == DELETED:
        raise InvalidDesiredStateError(
            "The device is deleted. Restore it in the console of DigiCert IoT Device Manager, or create it again."
        )
    problems = [
        f"The {key.replace('_', ' ')} of the device is {record[key]['id']!r}, but {option} is {fixed!r}. It cannot be "
        f"changed. Correct {option}, or create another device."
        for key, option in _FIXED.items()
        for fixed in [getattr(desired, option)]
        if fixed is not None and not _is_in(record, key, fixed)
    ]
    if problems:
        raise InvalidDesiredStateError(" ".join(problems))
    plan = plan_change(record, desired.state)
    after = {**plan.after, **_flags(record, desired.permissions)}
    if desired.status is not None:
        after["status"] = desired.status
    result = plan._replace(after=after, by_operator=True)
    if result.updates_record and not plan.changed:
        result = result._replace(warnings=(*plan.warnings, *missing_mandatory_warnings(result)))
    return result


def plan_creation(device_identifier: str, desired: DesiredRegistration) -> Plan:
    """Return the plan for a record that does not exist yet. Raises InvalidDesiredStateError."""
    nothing: Record = {"fields": []}
    try:
        # The names of fields to mask are known when the record exists.
        plan = plan_change(nothing, desired.state)
    except InvalidDesiredStateError as failure:
        raise failure.replace(
            f"The device does not exist, so no record has the IDs of its fields. {failure}"
        ) from failure
    after = {
        "id": None,
        "device_identifier": device_identifier,
        "division": {"id": desired.division_id},
        "device_profile": {"id": desired.device_profile_id},
        "status": desired.status or ACTIVE,
        "fields": plan.after["fields"],
        **_flags({}, desired.permissions, all_named=True),
    }
    return plan._replace(after=after, warnings=(), by_operator=True)


def creation_payload(plan: Plan) -> dict[str, t.Any]:
    """Return the body of the request that creates the record of `plan`.

    The documentation has no permission flags in this body. An API that ignores them requires an update in addition.
    """
    return {
        "division_id": plan.after["division"]["id"],
        "device_profile_id": plan.after["device_profile"]["id"],
        "device_identifier": plan.after["device_identifier"],
        "fields": [{"id": field["id"], "value": field["value"]} for field in plan.after["fields"]],
        **flags_of(plan.after),
    }


def plan_of_created(record: Record, desired: DesiredRegistration) -> Plan:
    """Return the plan that shows the creation of `record`, which has all desired values."""
    plan = plan_registration(record, desired)
    return plan._replace(before={**record, "fields": [dict(field, value=None) for field in record["fields"]]})


def access_of(record: Record) -> dict[str, t.Any]:
    """Return the permissions of a record by the names of options, other permissions likewise, and its status.

    The value of an option without a flag in the record is None.
    """
    flags = flags_of(record)
    named = {option: _is_allowed([flags.pop(key, None) for key in PERMISSIONS[option]]) for option in PERMISSIONS}
    others = {flag.replace("device_api_", ""): allowed for flag, allowed in sorted(flags.items())}
    return {**others, **named, "status": record.get("status")}


def _flags(record: Record, permissions: t.Mapping[str, bool], all_named: bool = False) -> dict[str, bool]:
    """Return the desired flags by the keys of the record. A flag that the record does not have is not granted.

    It is unknown which of two keys the API reads, so a permission is revoked with both of them.
    """
    flags: dict[str, bool] = {}
    for option, allowed in permissions.items():
        keys = [key for key in PERMISSIONS[option] if key in record]
        is_granted = any(record[key] is True for key in keys)
        if (keys or allowed or all_named) and not (allowed and is_granted):
            flags.update(dict.fromkeys(keys or PERMISSIONS[option][:1], allowed))
    return flags


def _is_allowed(flags: list[bool | None]) -> bool | None:
    """Return whether one of the flags grants a permission, or None if the record has none of them."""
    return None if flags.count(None) == len(flags) else any(flags)


def _is_in(record: Record, key: str, identifier: str) -> bool:
    """Return whether this is the ID of the division or of the device profile of a record, or if the record has none."""
    known = _id_of(record, key)
    return known is None or id_key(known) == id_key(identifier)


def _id_of(record: Record, key: str) -> str | None:
    found = record.get(key)
    known = found.get("id") if isinstance(found, dict) else None
    return known if isinstance(known, str) else None
