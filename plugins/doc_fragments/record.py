# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say what a record shall be, as `module_utils/_record/desired_state.py` reads them."""

    DOCUMENTATION = r"""
options:
  device_identifier:
    description:
      - The name that the device shall have, 1 to 255 characters.
      - If not set, the name stays as it is.
    type: str
  fields:
    description:
      - The fields to set or to remove. Fields that are not listed keep their values, unless O(purge_fields=true).
      - At least one of this, O(secret_fields) and O(device_identifier) is needed.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - The ID of the field. Exactly one of O(fields[].id) and O(fields[].name) is needed.
          - A field that never had a value may not be listed in the record. Then it is known by its ID only.
        type: str
      name:
        description: The name of the field as the record has it. A name that two fields share cannot be used.
        type: str
      value:
        description:
          - The value, at most 1024 characters.
          - Strings are stored as they are, integers as digits, booleans as V(true) or V(false).
          - Other types are rejected because YAML does not preserve their notation. An unquoted V(1.10) becomes V(1.1).
          - YAML converts some unquoted values to numbers or booleans before the module receives them, which the module
            cannot detect. An unquoted V(0042) becomes V(34), V(12:30:45) becomes V(45045), the MAC address
            V(12:34:56:12:34:56) becomes V(9783981296), V(on) becomes V(true), V(1_000) becomes V(1000), and
            V(2026-01-31T10:00:00Z) becomes V(2026-01-31T10:00:00+00:00).
          - Quote every value that is not a plain word, for example V("0042"). The result of a Jinja2 template is not
            affected if the value of the variable is a string.
          - An empty value is rejected. Use O(fields[].state=absent) to remove a value.
        type: raw
      state:
        description: Whether the field shall have the value, or none.
        type: str
        choices:
          - present
          - absent
        default: present
  secret_fields:
    description:
      - Fields like those in O(fields), whose values appear in no output and no log.
      - Their old values, which the service sends, are masked as well. A diff shows only that a value changes.
      - A field can stand in one of the two lists only.
      - Ansible hides each value wherever its text appears, so a very short one hides other text as well.
    type: list
    elements: dict
    suboptions:
      id:
        description: As O(fields[].id).
        type: str
      name:
        description: As O(fields[].name).
        type: str
      value:
        description: As O(fields[].value), and a string.
        type: raw
      state:
        description: As O(fields[].state).
        type: str
        choices:
          - present
          - absent
        default: present
  purge_fields:
    description:
      - Whether the values of all fields that neither O(fields) nor O(secret_fields) lists are removed.
      - Fields that the device's profile makes mandatory always keep their values.
      - Needs O(fields) or O(secret_fields). With O(fields=[]) alone every optional value is removed.
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
  mask_fields:
    description:
      - The names or IDs of fields whose values are masked in the result and the diff, in addition to O(secret_fields).
        The task does not have to set these fields. The same values are masked in all other fields too.
      - An entry that matches no field of the record is a warning.
    type: list
    elements: str
    default: []
  on_read_denied:
    description:
      - What to do for a device that may not read its record.
      - With V(fail) the task fails.
      - With V(overwrite) the fields are sent without being compared, which B(removes every value that is not listed).
        The task always reports a change then. All fields must be given by O(fields[].id) and with a value.
      - Only the documented error body of the API counts as a denial. If a firewall, a proxy or a gateway rejects the
        request, the task fails and sends no update, whatever this option says.
    type: str
    choices:
      - fail
      - overwrite
    default: fail
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_fields
    description: What fields, purge and check mode do, with before and after.
"""
