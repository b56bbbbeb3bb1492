# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Plan the changes of a record. Pure: the current record and the desired state in, the plan out."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidDesiredStateError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    DesiredField,
    DesiredState,
    listed_twice,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    Field,
    FieldIds,
    Record,
    device_label,
    flags_of,
    id_key,
    is_mandatory,
    join_quoted,
    labels_of,
    masked,
    names_by_id,
    resolve,
    values_by_id,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK


class Plan(t.NamedTuple):
    """The current record and the desired record, which are equal if no change is required.

    `managed_ids` has the `id_key` of each field that the task manages. `secret` has those of the fields with secret
    values. `by_operator` is whether an operator sends the update, who can change the permission flags and the status.
    """

    before: Record
    after: Record
    managed_ids: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    by_operator: bool = False

    @property
    def changed(self) -> bool:
        """Whether an update or a change of the status is required."""
        return self.before != self.after

    @property
    def updates_record(self) -> bool:
        """Whether an update is required. A change of the status alone requires none."""
        return {**self.before, "status": None} != {**self.after, "status": None}

    @property
    def payload(self) -> dict[str, t.Any]:
        """The body of the update.

        By its documentation, the API replaces all field values with those in the body, so the body has every value.
        Other omitted keys are unchanged, so the name is in the body only if it changes. The documentation does not say
        whether omitted permission flags are unchanged, so the update of an operator has all flags, also those without
        an option.
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
        """All desired permission flags of the device, or none if no update by an operator is required."""
        return flags_of(self.after) if self.by_operator and self.updates_record else {}

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

        Its headers name the device. They are those before the update, so that they are the same in check mode.
        Of a changed secret value, it shows only that it changes.
        """
        labels = labels_of(self.after["fields"])
        before, after = (values_by_id(self.masked(record)) for record in (self.before, self.after))
        old, new = values_by_id(self.before), values_by_id(self.after)
        after.update({key: f"{MASK} (changed)" for key in self.secret if new.get(key) and old.get(key) != new[key]})
        header = device_label(self.before)
        return {
            "before_header": header,
            "after_header": header,
            **{
                side: {
                    "device_identifier": record.get("device_identifier"),
                    "fields": {
                        label: values.get(id_key(field["id"])) for label, field in zip(labels, self.after["fields"])
                    },
                }
                for side, record, values in (("before", self.before, before), ("after", self.after, after))
            },
        }

    def masked(self, record: Record) -> Record:
        """Return `record` with the mask in the place of secret values."""
        return masked(record, self.secret) if self.secret else record


def plan_change(record: Record, desired: DesiredState) -> Plan:
    """Return the plan that applies the desired state to `record`, with all other values unchanged.

    Raises InvalidDesiredStateError with all reasons if the desired state cannot be applied.
    """
    names = names_by_id(desired.field_ids)
    fields: list[Field] = [_with_name(field, names) for field in record["fields"]]
    record = {**record, "fields": fields}
    wanted, problems, warnings = _match_fields(fields, desired)
    values = {key: field.value for key, field in wanted.items()}
    problems += [
        f"The field {label!r} is mandatory, so its value cannot be removed. Set another value."
        for label, field in zip(labels_of(fields), fields)
        if is_mandatory(field) and values.get(id_key(field["id"]), "") is None
    ]
    kept, unmatched = resolve(record, desired.keep, desired.field_ids)
    purged = _purged(fields, kept.union(values)) if desired.purge else []
    # The ID of a desired field that the record does not list is a valid entry.
    problems += _keep_problems([entry for entry in unmatched if id_key(entry) not in wanted], fields, purged)
    if problems:
        raise InvalidDesiredStateError(" ".join(problems))
    values.update(dict.fromkeys(purged))
    managed_ids = frozenset(values)
    after = [dict(field, value=values.pop(id_key(field["id"]), field["value"])) for field in fields]
    after += [
        _with_name({"id": wanted[key].id, "value": value}, names) for key, value in values.items() if value is not None
    ]
    name = {} if desired.device_identifier is None else {"device_identifier": desired.device_identifier}
    masked_keys, unknown = resolve({"fields": after}, desired.mask, desired.field_ids)
    if unknown:
        warnings.append(
            f"mask_fields contains {join_quoted(unknown)}, but the record has no such field. "
            "If the API does not list the field because it has no value, add its name to field_ids."
        )
    plan = Plan(record, {**record, **name, "fields": after}, managed_ids, _secret(wanted) | masked_keys)
    return plan._replace(warnings=(*warnings, *missing_mandatory_warnings(plan)))


def missing_mandatory_warnings(plan: Plan) -> tuple[str, ...]:
    """Return a warning if the API may reject the update, because a mandatory field has no value."""
    if not plan.changed:
        return ()
    fields = plan.after["fields"]
    missing = [
        label for label, field in zip(labels_of(fields), fields) if is_mandatory(field) and field["value"] is None
    ]
    if not missing:
        return ()
    return (f"The mandatory fields {join_quoted(missing)} have no value, so the API may reject the update.",)


def plan_overwrite(device_id: str, desired: DesiredState) -> Plan:
    """Return the plan for a record that cannot be read: the desired fields replace all fields.

    Each desired field has an ID, or a name in `field_ids`.
    """
    names = names_by_id(desired.field_ids)
    wanted = {
        id_key(field_id): field._replace(id=field_id)
        for field in desired.fields
        for field_id in _ids_of(field, [], desired.field_ids)
    }
    fields = [_with_name({"id": field.id, "value": field.value}, names) for field in wanted.values()]
    before: Record = {"id": device_id, "fields": [dict(field, value=None) for field in fields]}
    after: Record = {"id": device_id, "fields": fields}
    if desired.device_identifier is not None:
        after["device_identifier"] = desired.device_identifier
    warning = (
        "The record could not be read, so the module did not compare it. The update removes the values of all other "
        "fields. The module reports a change even if the record had the desired values."
    )
    secret = _secret(wanted) | resolve(after, desired.mask, desired.field_ids)[0]
    return Plan(before, after, frozenset(wanted), secret, (warning,))


def current_secrets(record: Record, desired: DesiredState) -> list[str]:
    """Return the values in `record` of the fields in secret_fields and mask_fields."""
    secret = [field.id or field.name or "" for field in desired.fields if field.secret]
    keys, _unknown = resolve(record, [*secret, *desired.mask], desired.field_ids)
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

    The documentation does not say whether the API lists fields without a value. A planned field is always listed, with
    its planned name if the API returns none.
    """
    received = {id_key(field["id"]): field for field in record["fields"]}
    fields = [received.pop(id_key(field["id"]), dict(field, value=None)) for field in plan.after["fields"]]
    names = {id_key(field["id"]): field["name"] for field in plan.after["fields"] if field.get("name")}
    return dict(record, fields=[_with_name(field, names) for field in [*fields, *received.values()]])


def _with_name(field: Field, names: t.Mapping[str, str]) -> Field:
    """Return the field with its name in `names`, which are by `id_key`, if the field has no name."""
    name = names.get(id_key(field["id"]))
    return field if name is None or field.get("name") else dict(field, name=name)


def _match_fields(fields: list[Field], desired: DesiredState) -> tuple[dict[str, DesiredField], list[str], list[str]]:
    """Return the desired fields with their IDs, by `id_key`, errors for those without one ID, and warnings."""
    wanted: dict[str, DesiredField] = {}
    problems = _field_ids_problems(fields, desired.field_ids)
    warnings: list[str] = []
    for field in desired.fields:
        ids = _ids_of(field, fields, desired.field_ids)
        if not ids:
            more_problems, more_warnings = _unknown_name(field, fields, desired.field_ids)
            problems += more_problems
            warnings += more_warnings
        elif len(ids) > 1:
            problems.append(_shared_name(field, ids))
        else:
            key = id_key(ids[0])
            if key in wanted:
                problems.append(listed_twice(wanted[key], field))
            wanted[key] = field._replace(id=ids[0])
    return wanted, problems, warnings


def _ids_of(field: DesiredField, fields: list[Field], field_ids: FieldIds) -> list[str]:
    """Return the ID of a desired field, or the IDs of all fields with its name, or no ID if the name is unknown."""
    if field.id is not None:
        return [field.id]
    listed = [each["id"] for each in fields if each.get("name") == field.name]
    unlisted = field_ids.get(field.name or "")
    return listed or ([] if unlisted is None else [unlisted])


def _field_ids_problems(fields: list[Field], field_ids: FieldIds) -> list[str]:
    """Return errors for names that the record lists with other IDs than field_ids."""
    listed: dict[str, list[str]] = {}
    for field in fields:
        listed.setdefault(field.get("name") or "", []).append(field["id"])
    return [
        f"field_ids has the ID {field_id!r} for the field {name!r}, but the record has {join_quoted(listed[name])}. "
        "Correct field_ids, or remove the name. Each device profile has its own IDs."
        for name, field_id in field_ids.items()
        if name in listed and id_key(field_id) not in map(id_key, listed[name])
    ]


def _unknown_name(field: DesiredField, fields: list[Field], field_ids: FieldIds) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings for a desired field whose name is unknown."""
    # Only an error requires this import, which takes time.
    import difflib

    names = [each["name"] for each in fields if each.get("name")]
    close = difflib.get_close_matches(field.name or "", [*names, *field_ids], n=1)
    unknown = f"The record has no {field.label}." + (f" Did you mean {close[0]!r}?" if close else "")
    if field.value is None:
        # The API may not list a field whose value was removed, so the field can be absent already.
        return [], [unknown] if close else []
    return [
        f"{unknown} It has {join_quoted(names) or 'no field with a name'}. The API may not list a field that never had "
        "a value. Set the id of such a field, or add its name to field_ids."
    ], []


def _secret(wanted: dict[str, DesiredField]) -> frozenset[str]:
    """Return the `id_key` of each field with a secret value."""
    return frozenset(key for key, field in wanted.items() if field.secret)


def _shared_name(field: DesiredField, ids: list[str]) -> str:
    return f"The record has {len(ids)} fields with the name {field.name!r}. Set the id to one of {join_quoted(ids)}."


def _purged(fields: list[Field], kept: t.Container[str]) -> list[str]:
    """Return the `id_key` of each field whose value a purge removes. `kept` has the keys of the fields to keep."""
    return [
        id_key(field["id"])
        for field in fields
        if field["value"] is not None and not is_mandatory(field) and id_key(field["id"]) not in kept
    ]


def _keep_problems(unmatched: list[str], fields: list[Field], purged: list[str]) -> list[str]:
    """Return errors for entries of keep_fields that match no field, if a purge removes the fields with these keys."""
    if not unmatched or not purged:
        return []
    labels = [label for label, field in zip(labels_of(fields), fields) if id_key(field["id"]) in purged]
    return [
        f"keep_fields lists {join_quoted(unmatched)}, but the record has no such field, and the purge removes "
        f"{join_quoted(labels)}. Correct these entries, or remove them for this device. If the API does not list the "
        "field because it has no value, add its name to field_ids."
    ]
