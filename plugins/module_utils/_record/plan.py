# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Plan the changes of a record. Pure: the current record and the desired state in, the plan out."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidDesiredStateError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import DesiredField, DesiredState
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    Field,
    Record,
    flags_of,
    id_key,
    is_called,
    is_mandatory,
    join_quoted,
    labels_of,
    masked,
    resolve,
    values_by_id,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK


class Plan(t.NamedTuple):
    """The current record and the desired record, which are equal if no change is required.

    `managed_ids` has the `id_key` of each field that the task manages. `secret` has those of the fields with secret
    values.
    """

    before: Record
    after: Record
    managed_ids: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether an update is required."""
        return self.before != self.after

    @property
    def payload(self) -> dict[str, t.Any]:
        """The body of the update.

        By its documentation, the API replaces all field values with those in the body, so the body has every value.
        Other omitted keys are unchanged, so the name is in the body only if it changes. The documentation does not say
        whether omitted permission flags are unchanged, so an update of a flag has all flags, also those without an
        option.
        """
        payload: dict[str, t.Any] = {
            "fields": [
                {"id": field["id"], "value": field["value"]}
                for field in self.after["fields"]
                if field["value"] is not None
            ]
        }
        if self.after.get("device_identifier") != self.before.get("device_identifier"):
            payload["device_identifier"] = self.after["device_identifier"]
        return {**payload, **self.flags}

    @property
    def flags(self) -> dict[str, bool]:
        """All desired permission flags of the device, or none if no flag changes."""
        flags = flags_of(self.after)
        return {} if flags == flags_of(self.before) else flags

    @property
    def changed_fields(self) -> list[str]:
        """The names of the fields whose value changes, or the IDs of fields without a name."""
        before = values_by_id(self.before)
        return [
            label
            for label, field in zip(labels_of(self.after["fields"]), self.after["fields"])
            if field["value"] != before.get(id_key(field["id"]))
        ]

    @property
    def diff(self) -> dict[str, t.Any]:
        """Ansible's diff: the name, and the values by field name, with the same keys on both sides.

        Of a changed secret value, it shows only that it changes.
        """
        labels = labels_of(self.after["fields"])
        before, after = (values_by_id(self.masked(record)) for record in (self.before, self.after))
        old, new = values_by_id(self.before), values_by_id(self.after)
        after.update({key: f"{MASK} (changed)" for key in self.secret if new.get(key) and old.get(key) != new[key]})
        return {
            side: {
                "device_identifier": record.get("device_identifier"),
                "fields": {
                    label: values.get(id_key(field["id"])) for label, field in zip(labels, self.after["fields"])
                },
            }
            for side, record, values in (("before", self.before, before), ("after", self.after, after))
        }

    def masked(self, record: Record) -> Record:
        """Return `record` with the mask in the place of secret values."""
        return masked(record, self.secret)


def plan_change(record: Record, desired: DesiredState) -> Plan:
    """Return the plan that applies the desired state to `record`, with all other values unchanged.

    Raises InvalidDesiredStateError with all reasons if the desired state cannot be applied.
    """
    fields: list[Field] = record["fields"]
    wanted, problems, warnings = _match_fields(fields, desired.fields)
    values = {key: field.value for key, field in wanted.items()}
    problems += [
        f"The field {label!r} is mandatory, so its value cannot be removed. Set another value."
        for label, field in zip(labels_of(fields), fields)
        if is_mandatory(field) and values.get(id_key(field["id"]), "") is None
    ]
    purged = _purged(fields, values, desired)
    problems += _keep_problems(desired.keep, fields, wanted, purged)
    if problems:
        raise InvalidDesiredStateError(" ".join(problems))
    values.update(dict.fromkeys(purged))
    managed_ids = frozenset(values)
    after = [dict(field, value=values.pop(id_key(field["id"]), field["value"])) for field in fields]
    after += [{"id": wanted[key].id, "value": value} for key, value in values.items() if value is not None]
    name = {} if desired.device_identifier is None else {"device_identifier": desired.device_identifier}
    masked_keys, unknown = resolve(record, desired.mask)
    if unknown:
        warnings.append(f"mask_fields contains {join_quoted(unknown)}, but the record has no such field.")
    plan = Plan(record, {**record, **name, "fields": after}, managed_ids, _secret(wanted) | masked_keys)
    return plan._replace(warnings=(*warnings, *_missing_mandatory_warnings(plan)))


def plan_access(record: Record, desired: dict[str, t.Any]) -> Plan:
    """Return the plan that applies the desired flags and status to `record`, with all other values unchanged.

    `desired` has the keys of the record. Raises InvalidDesiredStateError if the device is deleted.
    """
    if record.get("status") == "DELETED":
        raise InvalidDesiredStateError(
            "The device is deleted. Restore it in the console of DigiCert IoT Device Manager, or create it again."
        )
    plan = Plan(record, {**record, **desired})
    # Only flags require an update of the record.
    return plan._replace(warnings=_missing_mandatory_warnings(plan)) if plan.flags else plan


def _missing_mandatory_warnings(plan: Plan) -> tuple[str, ...]:
    """Return a warning if the API may reject the update, because a mandatory field has no value."""
    fields = plan.after["fields"]
    missing = [
        label for label, field in zip(labels_of(fields), fields) if is_mandatory(field) and field["value"] is None
    ]
    if not plan.changed or not missing:
        return ()
    return (f"The mandatory fields {join_quoted(missing)} have no value, so the API may reject the update.",)


def plan_overwrite(device_id: str, desired: DesiredState) -> Plan:
    """Return the plan for a record that cannot be read: the desired fields, by ID, replace all fields."""
    before: Record = {"id": device_id, "fields": [{"id": field.id, "value": None} for field in desired.fields]}
    after: Record = {"id": device_id, "fields": [{"id": field.id, "value": field.value} for field in desired.fields]}
    if desired.device_identifier is not None:
        after["device_identifier"] = desired.device_identifier
    warning = (
        "The record could not be read, so the module did not compare it. The update removes the values of all other "
        "fields. The module reports a change even if the record had the desired values."
    )
    wanted = {id_key(field.id): field for field in desired.fields if field.id is not None}
    secret = _secret(wanted) | resolve(after, desired.mask)[0]
    return Plan(before, after, frozenset(wanted), secret, (warning,))


def current_secrets(record: Record, desired: DesiredState) -> list[str]:
    """Return the values in `record` of the fields in secret_fields and mask_fields."""
    secret = [field.id or field.name or "" for field in desired.fields if field.secret]
    keys, _unknown = resolve(record, [*secret, *desired.mask])
    return [value for key, value in values_by_id(record).items() if key in keys and value is not None]


def unapplied_changes(plan: Plan, record: Record) -> list[str]:
    """Return the planned changes that `record` does not have: labels of fields, and names of other keys."""
    lost = _differing(plan, record, plan.managed_ids)
    if plan.after.get("device_identifier") not in (None, record.get("device_identifier")):
        lost.append("device_identifier")
    if plan.after.get("status") not in (plan.before.get("status"), record.get("status")):
        lost.append("status")
    return lost + [flag for flag, allowed in plan.flags.items() if record.get(flag) != allowed]


def concurrent_changes(plan: Plan, record: Record) -> list[str]:
    """Return the changes in `record` of values that the task does not manage: labels of fields, and flags."""
    others = frozenset(values_by_id(plan.after)) - plan.managed_ids
    flags = flags_of(record)
    changed = [flag for flag, allowed in flags_of(plan.before).items() if flags.get(flag, allowed) != allowed]
    return _differing(plan, record, others) + [flag for flag in changed if flag not in plan.flags]


def _differing(plan: Plan, record: Record, ids: frozenset[str]) -> list[str]:
    values = values_by_id(record)
    return [
        label
        for label, field in zip(labels_of(plan.after["fields"]), plan.after["fields"])
        if id_key(field["id"]) in ids and values.get(id_key(field["id"])) != field["value"]
    ]


def normalize_response(plan: Plan, record: Record) -> Record:
    """Return `record`, which was read after the update, in the form of the planned record.

    The documentation does not say whether the API lists fields without a value. A planned field is always listed.
    """
    received = {id_key(field["id"]): field for field in record["fields"]}
    fields = [received.pop(id_key(field["id"]), dict(field, value=None)) for field in plan.after["fields"]]
    return dict(record, fields=fields + list(received.values()))


def _match_fields(
    fields: list[Field], desired: tuple[DesiredField, ...]
) -> tuple[dict[str, DesiredField], list[str], list[str]]:
    """Return the desired fields by `id_key`, errors for those that match no field of the record, and warnings."""
    wanted: dict[str, DesiredField] = {}
    problems, warnings = [], []
    for field in desired:
        matches = [each for each in fields if each.get("name") == field.name]
        if field.id is not None:
            key = id_key(field.id)
        elif len(matches) == 1:
            key = id_key(matches[0]["id"])
        elif matches:
            problems.append(_shared_name(field, matches))
            continue
        else:
            # Only an error requires this import, which takes time.
            import difflib

            names = [each["name"] for each in fields if each.get("name")]
            close = difflib.get_close_matches(field.name or "", names, n=1)
            unknown = f"The record has no {field.label}." + (f" Did you mean {close[0]!r}?" if close else "")
            if field.value is not None:
                problems.append(
                    f"{unknown} It has {join_quoted(names) or 'no field with a name'}. "
                    "The API may not list a field that never had a value. Set the id of such a field."
                )
            elif close:
                # The API may not list a field whose value was removed, so the field can be absent already.
                warnings.append(unknown)
            continue
        if key in wanted:
            problems.append(_listed_twice(wanted[key], field))
        wanted[key] = field
    return wanted, problems, warnings


def _listed_twice(first: DesiredField, second: DesiredField) -> str:
    """Return the error for a field that the task lists twice, usually by its name and by its ID."""
    name, field_id = first.name or second.name, first.id or second.id
    if name is None:
        return f"The {second.label} is listed twice. List it once."
    return f"The field {name!r} is listed twice, by its name and by its ID {field_id!r}. List it once."


def _secret(wanted: dict[str, DesiredField]) -> frozenset[str]:
    """Return the `id_key` of each field with a secret value."""
    return frozenset(key for key, field in wanted.items() if field.secret)


def _shared_name(field: DesiredField, matches: list[Field]) -> str:
    ids = join_quoted(field["id"] for field in matches)
    return f"The record has {len(matches)} fields with the name {field.name!r}. Set the id to one of {ids}."


def _purged(fields: list[Field], values: dict[str, str | None], desired: DesiredState) -> list[str]:
    """Return the `id_key` of each field whose value a purge removes. `values` has the desired values by this key."""
    if not desired.purge:
        return []
    return [
        id_key(field["id"])
        for field in fields
        if field["value"] is not None
        and not is_mandatory(field)
        and not any(is_called(field, entry) for entry in desired.keep)
        and id_key(field["id"]) not in values
    ]


def _keep_problems(
    keep: tuple[str, ...], fields: list[Field], wanted: t.Container[str], purged: list[str]
) -> list[str]:
    """Return errors for entries of keep_fields that match no field, if a purge removes the fields with these keys.

    The ID of a desired field that the record does not list is a valid entry.
    """
    unmatched = [
        entry for entry in keep if id_key(entry) not in wanted and not any(is_called(field, entry) for field in fields)
    ]
    if not unmatched or not purged:
        return []
    labels = [label for label, field in zip(labels_of(fields), fields) if id_key(field["id"]) in purged]
    return [
        f"keep_fields lists {join_quoted(unmatched)}, but the record has no such field, and the purge removes "
        f"{join_quoted(labels)}. Correct these entries, or remove them for this device."
    ]
