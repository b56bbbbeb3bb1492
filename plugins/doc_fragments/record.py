# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the desired fields, which `module_utils/_record/desired_state.py` parses."""

    DOCUMENTATION = r"""
options:
  fields:
    description:
      - The desired fields. Fields that are not listed keep their values, unless O(purge_fields=true).
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - The ID of the field. One of O(fields[].id) and O(fields[].name) is required. They are mutually exclusive.
          - Use the ID for a field that neither the record nor O(field_ids) has. The record can omit a field that never
            had a value.
        type: str
      name:
        description:
          - The name of the field in the record or in O(field_ids). If several fields of the record share a name, use
            O(fields[].id) instead.
        type: str
      value:
        description:
          - The value of the field, at most 1024 characters.
          - Strings are stored unchanged, integers as digits, and booleans as V(true) or V(false).
          - Other types are rejected because YAML does not preserve their notation. An unquoted V(1.10) becomes V(1.1).
          - YAML converts some unquoted values to numbers or booleans before the module receives them, which the module
            cannot detect. An unquoted V(0042) becomes V(34), V(12:30:45) becomes V(45045), the MAC address
            V(12:34:56:12:34:56) becomes V(9783981296), V(on) becomes V(true), V(1_000) becomes V(1000), and
            V(2026-01-31T10:00:00Z) becomes V(2026-01-31T10:00:00+00:00).
          - Quote every value that is not a plain word, for example V("0042"). The result of a Jinja2 template is not
            affected if the value of the variable is a string.
          - An empty value is rejected. Use O(fields[].state=absent) to remove a value.
          - An entry with an omitted value counts as not listed, so V("{{ site | default(omit\) }}") sets the field only
            if the variable has a value. A value that is null is an error.
        type: raw
      state:
        description: Whether to set the value of the field (V(present)) or to remove it (V(absent)).
        type: str
        choices:
          - present
          - absent
        default: present
  secret_fields:
    description:
      - The desired fields whose values are masked in output and logs. The entries are like those of O(fields).
      - The current values of these fields, which the API returns, are masked too. A diff shows only whether a value
        changes.
      - A field cannot be in both O(fields) and O(secret_fields).
      - Ansible masks each value wherever its text appears, so a very short value masks other text too.
    type: list
    elements: dict
    suboptions:
      id:
        description: Refer to O(fields[].id).
        type: str
      name:
        description: Refer to O(fields[].name).
        type: str
      value:
        description: Refer to O(fields[].value). It must be a string.
        type: raw
      state:
        description: Refer to O(fields[].state).
        type: str
        choices:
          - present
          - absent
        default: present
  purge_fields:
    description:
      - Whether to remove the values of all fields that are not listed in O(fields) or O(secret_fields).
      - Fields that are mandatory in the device profile always keep their values.
      - Requires O(fields) or O(secret_fields). With O(fields=[]) alone, the module removes every optional value.
    type: bool
    default: false
  keep_fields:
    description:
      - The names or IDs of fields that O(purge_fields) does not remove. IDs are compared without regard to case.
      - If an entry matches no field of the record and the purge would remove a value, the task fails. A typo in this
        list would otherwise remove the value that the list protects.
    type: list
    elements: str
    default: []
  field_ids:
    description:
      - The IDs of fields, by name. The record can omit a field that never had a value, so that its name cannot be
        looked up there. The module looks up a name that the record does not list in this dictionary.
      - The names are valid in O(fields), O(secret_fields), O(keep_fields) and O(mask_fields). The dictionary alone sets
        no field, so it can have all fields of the device profile.
      - A name that the record lists with a different ID is an error, because each device profile has its own IDs. IDs
        are compared without regard to case.
      - RV(ignore:changed_fields) and RV(ignore:diff) have these names for fields that the record does not list.
      - To set the dictionary once for a play, use C(module_defaults) of the module. The action group
        C(edgeops.digicert.digicert_iot) contains modules without this option.
      - M(edgeops.digicert.digicert_iot_device_info) returns such a dictionary for the fields that a record lists.
    type: dict
    default: {}
  mask_fields:
    description:
      - The names or IDs of fields whose values are masked in the result and the diff, in addition to O(secret_fields).
        The task does not have to set these fields. The same values are masked in all other fields too.
      - If an entry matches no field of the record, the module warns.
    type: list
    elements: str
    default: []
seealso:
  - name: Manage device fields
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_fields.rst
    description: How to set, remove and purge fields, with examples of records before and after.
"""

    # The other options of the modules that authenticate with the certificate of a device.
    DEVICE = r"""
options:
  device_identifier:
    description:
      - The desired name of the device, from 1 to 255 characters.
      - If not set, the name does not change.
      - At least one of O(fields), O(secret_fields) and O(device_identifier) is required.
    type: str
  on_read_denied:
    description:
      - The action for a device that is denied read access to its record.
      - With V(fail), the task fails.
      - With V(overwrite), the module sends the fields without a comparison, which B(removes every value that is not
        listed). The task then always reports a change. All fields require O(fields[].value), and either
        O(fields[].id) or a name in O(field_ids).
      - Only the documented error response of the API counts as a denial. If a firewall, a proxy or a gateway rejects
        the request, the task fails and sends no update, whatever the value of this option.
    type: str
    choices:
      - fail
      - overwrite
    default: fail
"""

    # The other options of the modules that authenticate with the API key of an operator.
    REGISTRATION = r"""
options:
  division_id:
    description:
      - The ID of the division of the device. Required to create a device.
      - If the task identifies the device by its name, the module searches in this division only.
      - The API cannot change the division of a device. If the device has another one, the task fails before any update.
    type: str
  device_profile_id:
    description:
      - The ID of the device profile, which defines the fields of the device. Required to create a device.
      - The API cannot change the device profile of a device. If the device has another one, the task fails before any
        update.
    type: str
  allow_read:
    description: Whether to grant the device read access to its own record.
    type: bool
  allow_write:
    description: Whether to grant the device write access to its own record.
    type: bool
  allow_renew_certificate:
    description: Whether to grant the device the renewal of its own certificate.
    type: bool
  allow_revoke_certificate:
    description: Whether to grant the device the revocation of its own certificate.
    type: bool
  allow_enroll_certificate:
    description: Whether to grant the device requests for its own certificates.
    type: bool
  enabled:
    description:
      - Whether to enable the device. V(false) disables it.
      - The module enables a device before all other changes, and disables a device after all other changes.
    type: bool
seealso:
  - module: edgeops.digicert.digicert_iot_registration_info
  - module: edgeops.digicert.digicert_iot_enrollment_profile_info
"""
