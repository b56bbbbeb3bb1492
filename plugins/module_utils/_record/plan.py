# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What has to change in a record so that it fulfils the wishes. Pure: record and wishes in, plan out."""

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
    """The record as it is and as it shall be; equal when nothing is to do. Everything else follows from the two.

    `managed_ids` has the `id_key` of each field that the task manages, `secret` of each field whose value must not be
    shown.
    """

    before: Record
    after: Record
    managed_ids: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether an update has to be sent."""
        return self.before != self.after

    @property
    def payload(self) -> dict[str, t.Any]:
        """The body of the update.

        The API's page says that the fields which are sent replace all values, so every value is in it. The name is sent
        only when it changes: what is left out of the body stays, but for `fields`. The page does not say whether that
        holds for the flags too, so an operator's update has all of them, also those that no option names.
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
        """All permission flags of the device as they are to be; nothing when none of them changes."""
        flags = flags_of(self.after)
        return {} if flags == flags_of(self.before) else flags

    @property
    def changed_fields(self) -> list[str]:
        """The names of the fields whose value changes, or IDs where there is no name."""
        before = values_by_id(self.before)
        return [
            label
            for label, field in zip(labels_of(self.after["fields"]), self.after["fields"])
            if field["value"] != before.get(id_key(field["id"]))
        ]

    @property
    def diff(self) -> dict[str, t.Any]:
        """Ansible's diff: the name, and the values by field name, with the same keys on both sides.

        A secret that changes shows only that it does.
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


def plan_change(record: Record, wishes: DesiredState) -> Plan:
    """Return the plan that makes `record` fulfil `wishes` and changes nothing else.

    Raises InvalidDesiredStateError with every reason why the record cannot be brought there.
    """
    fields: list[Field] = record["fields"]
    wanted, problems, warnings = _resolve(fields, wishes.fields)
    values = {key: wish.value for key, wish in wanted.items()}
    problems += [
        f"The field {label!r} is mandatory, so its value cannot be removed: give it another value."
        for label, field in zip(labels_of(fields), fields)
        if is_mandatory(field) and values.get(id_key(field["id"]), "") is None
    ]
    purged = _purged(fields, values, wishes)
    problems += _keep_problems(wishes.keep, fields, wanted, purged)
    if problems:
        raise InvalidDesiredStateError(" ".join(problems))
    values.update(dict.fromkeys(purged))
    managed_ids = frozenset(values)
    after = [dict(field, value=values.pop(id_key(field["id"]), field["value"])) for field in fields]
    after += [{"id": wanted[key].id, "value": value} for key, value in values.items() if value is not None]
    name = {} if wishes.device_identifier is None else {"device_identifier": wishes.device_identifier}
    masked_keys, unknown = resolve(record, wishes.mask)
    if unknown:
        warnings.append(f"mask_fields names {join_quoted(unknown)}, and the record has no such field.")
    plan = Plan(record, {**record, **name, "fields": after}, managed_ids, _secret(wanted) | masked_keys)
    return plan._replace(warnings=(*warnings, *_missing_mandatory_warnings(plan)))


def plan_access(record: Record, wanted: dict[str, t.Any]) -> Plan:
    """Return the plan that gives `record` the wanted flags and status, by the record's keys, and changes nothing else.

    Raises InvalidDesiredStateError for a device that is deleted.
    """
    if record.get("status") == "DELETED":
        raise InvalidDesiredStateError(
            "The device is deleted. Restore it in the console of DigiCert IoT Device Manager, or create it again."
        )
    plan = Plan(record, {**record, **wanted})
    # Only the flags take an update.
    return plan._replace(warnings=_missing_mandatory_warnings(plan)) if plan.flags else plan


def _missing_mandatory_warnings(plan: Plan) -> tuple[str, ...]:
    """Return a warning when the update may be refused, as the record lacks a value that the profile demands."""
    fields = plan.after["fields"]
    missing = [
        label for label, field in zip(labels_of(fields), fields) if is_mandatory(field) and field["value"] is None
    ]
    if not plan.changed or not missing:
        return ()
    return (f"The mandatory fields {join_quoted(missing)} have no value, so the update may be refused.",)


def plan_overwrite(device_id: str, wishes: DesiredState) -> Plan:
    """Return the plan for a record that cannot be read: the wishes, given by ID, become all that it has."""
    before: Record = {"id": device_id, "fields": [{"id": wish.id, "value": None} for wish in wishes.fields]}
    after: Record = {"id": device_id, "fields": [{"id": wish.id, "value": wish.value} for wish in wishes.fields]}
    if wishes.device_identifier is not None:
        after["device_identifier"] = wishes.device_identifier
    warning = (
        "The record could not be read, so nothing was compared: values that it had beside the task's fields are "
        "removed, and a change is reported although the others may have been the same."
    )
    wanted = {id_key(wish.id): wish for wish in wishes.fields if wish.id is not None}
    secret = _secret(wanted) | resolve(after, wishes.mask)[0]
    return Plan(before, after, frozenset(wanted), secret, (warning,))


def current_secrets(record: Record, wishes: DesiredState) -> list[str]:
    """Return the values in `record` of the fields that the task sets in secret or masks."""
    secret = [wish.id or wish.name or "" for wish in wishes.fields if wish.secret]
    keys, _unknown = resolve(record, [*secret, *wishes.mask])
    return [value for key, value in values_by_id(record).items() if key in keys and value is not None]


def unapplied_changes(plan: Plan, record: Record) -> list[str]:
    """Return what of the plan is not so in `record`: labels of fields, `device_identifier`, `status` and flags."""
    lost = _differing(plan, record, plan.managed_ids)
    if plan.after.get("device_identifier") not in (None, record.get("device_identifier")):
        lost.append("device_identifier")
    if plan.after.get("status") not in (plan.before.get("status"), record.get("status")):
        lost.append("status")
    return lost + [flag for flag, allowed in plan.flags.items() if record.get(flag) != allowed]


def concurrent_changes(plan: Plan, record: Record) -> list[str]:
    """Return what the task does not manage and what is not in `record` as it was: labels of fields, and flags."""
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
    """Return `record`, read after the update, in the form that the plan foretold.

    The API does not say whether a field without a value is listed. One that was known before the update stays listed.
    """
    answered = {id_key(field["id"]): field for field in record["fields"]}
    fields = [answered.pop(id_key(field["id"]), dict(field, value=None)) for field in plan.after["fields"]]
    return dict(record, fields=fields + list(answered.values()))


def _resolve(
    fields: list[Field], wishes: tuple[DesiredField, ...]
) -> tuple[dict[str, DesiredField], list[str], list[str]]:
    """Return the wishes by the `id_key` of their field, why others match no field of the record, and warnings."""
    wanted: dict[str, DesiredField] = {}
    problems, warnings = [], []
    for wish in wishes:
        matches = [field for field in fields if field.get("name") == wish.name]
        if wish.id is not None:
            key = id_key(wish.id)
        elif len(matches) == 1:
            key = id_key(matches[0]["id"])
        elif matches:
            problems.append(_shared_name(wish, matches))
            continue
        else:
            # Only a mistake needs it, and importing it is not free.
            import difflib

            names = [field["name"] for field in fields if field.get("name")]
            close = difflib.get_close_matches(wish.name or "", names, n=1)
            unknown = f"The record has no {wish.label}." + (f" Did you mean {close[0]!r}?" if close else "")
            if wish.value is not None:
                problems.append(
                    f"{unknown} It has {join_quoted(names) or 'no field with a name'}. "
                    "A field that was never set before may not be listed, and needs its id."
                )
            elif close:
                # A service may stop listing a field whose value is removed, so this wish can be fulfilled already.
                warnings.append(unknown)
            continue
        if key in wanted:
            problems.append(f"The {wish.label} is listed a second time, by its ID or its name.")
        wanted[key] = wish
    return wanted, problems, warnings


def _secret(wanted: dict[str, DesiredField]) -> frozenset[str]:
    """Return the `id_key` of each field whose value must not be shown."""
    return frozenset(key for key, wish in wanted.items() if wish.secret)


def _shared_name(wish: DesiredField, matches: list[Field]) -> str:
    ids = join_quoted(field["id"] for field in matches)
    return f"The record has {len(matches)} fields with the name {wish.name!r}: use the id, one of {ids}."


def _purged(fields: list[Field], values: dict[str, str | None], wishes: DesiredState) -> list[str]:
    """Return the `id_key` of each field whose value a purge removes; `values` has the desired values by that key."""
    if not wishes.purge:
        return []
    return [
        id_key(field["id"])
        for field in fields
        if field["value"] is not None
        and not is_mandatory(field)
        and not any(is_called(field, entry) for entry in wishes.keep)
        and id_key(field["id"]) not in values
    ]


def _keep_problems(
    keep: tuple[str, ...], fields: list[Field], wanted: t.Container[str], purged: list[str]
) -> list[str]:
    """Return why a purge of the fields with these keys is rejected: an entry of keep_fields protects no field.

    An entry is right where it is the ID of a desired field that the record does not list.
    """
    unmatched = [
        entry for entry in keep if id_key(entry) not in wanted and not any(is_called(field, entry) for field in fields)
    ]
    if not unmatched or not purged:
        return []
    labels = [label for label, field in zip(labels_of(fields), fields) if id_key(field["id"]) in purged]
    return [
        f"keep_fields lists {join_quoted(unmatched)}, but the record has no such field, and the purge removes "
        f"{join_quoted(labels)}. Correct these entries, or drop them for this device."
    ]
