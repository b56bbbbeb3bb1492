#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_registration
short_description: Register a device
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Idempotently creates or updates a device record in DigiCert IoT Device Manager. The module manages the name, the
    fields, the permissions and the status of the device.
  - Requires an operator API key. Run the module on the controller, for example with C(delegate_to=localhost), so that
    the API key does not reach managed hosts.
  - The module reads the record, compares it with the desired state, and sends an update only if they differ. The rules
    for fields are those of M(edgeops.digicert.digicert_iot_device).
  - The update request of the API replaces all field values, so an update contains all other values unchanged. It also
    contains every permission of the record, including those that this module has no option for. The API does not
    document whether an update resets the permissions that it omits.
  - The module creates a device with one request. If the API does not apply the desired permissions to a new device, the
    module sends an update in addition.
  - If another operator creates the device at the same time, or if the response to the creation is lost, the module
    looks the device up by its name. It never repeats the creation without this lookup.
  - The module never deletes a device. Set O(enabled=false) to disable it.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
  - edgeops.digicert.record
  - edgeops.digicert.record.registration
  - edgeops.digicert.attributes.operator_group
attributes:
  check_mode:
    description:
      - In check mode, the module sends read requests only and returns the predicted record.
      - The predicted record of a new device has neither an ID nor the permissions of its device profile.
      - Check mode does not detect that a new device lacks a field that is mandatory in its device profile, because no
        record lists the fields. The API rejects the creation of such a device.
    support: full
  diff_mode:
    description: Returns the name, the fields, the permissions and the status, before and after the update.
    support: full
  idempotent:
    description: A second run with the same parameters sends no update, unless another client changed the record.
    support: full
options:
  device_id:
    description:
      - The ID of the device, which never changes.
      - One of O(device_id) and O(device_identifier) is required. They are mutually exclusive.
      - With O(device_id), the module never creates a device.
    type: str
  device_identifier:
    description:
      - The name of the device, from 1 to 255 characters. It is unique in a division.
      - If one device has this name, the module updates it. If no device has it, the module creates the device. If
        several devices have it, the task fails and lists their IDs. Deleted devices do not count.
      - A device with write access can change its own name, so O(device_id) is the safer option for an existing
        device.
    type: str
  new_device_identifier:
    description:
      - The new name of the device, from 1 to 255 characters.
      - If no device has the name O(device_identifier), a device with the new name is this device, so that a second run
        changes nothing.
      - If another device of the division has the new name, the task fails. To swap the names of two devices, rename one
        of them to a third name first.
    type: str
seealso:
  - module: edgeops.digicert.digicert_iot_registrations
"""

EXAMPLES = r"""
- name: Register a device
  edgeops.digicert.digicert_iot_registration:
    device_identifier: gate-7.harbor
    division_id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
    device_profile_id: 9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6
    fields:
      - name: Serial number
        value: AP-0042
    field_ids:
      Serial number: 3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10
    allow_read: true
    allow_write: true
    allow_renew_certificate: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

# In a play on a group of the inventory. A play on all hosts would also grant access to devices that are read-only on
# purpose.
- name: Grant read and write access to the gateways of the inventory
  edgeops.digicert.digicert_iot_registration:
    device_id: "{{ digicert_iot_id }}"
    allow_read: true
    allow_write: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

# A device can change its own name, but not its ID.
- name: Disable a stolen device by its ID
  edgeops.digicert.digicert_iot_registration:
    device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
    enabled: false
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

- name: Rename a device
  edgeops.digicert.digicert_iot_registration:
    device_identifier: gate-7.harbor
    division_id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
    new_device_identifier: gate-7.rotterdam
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost
"""

RETURN = r"""
device_id:
  description: The ID of the device. V(null) in check mode for a new device, and after a failure if the ID is not known.
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device_identifier:
  description: The name of the device after the update. After a failure, the value of O(device_identifier).
  returned: always, unless Ansible rejects an option
  type: str
  sample: gate-7.harbor
created:
  description: Whether the module created the device, or would create it in check mode.
  returned: success
  type: bool
  sample: false
device:
  description:
    - The device record after the update. In check mode, the predicted record.
    - A field without a value has the value V(null), whatever notation the API uses.
  returned: success
  type: dict
  sample:
    id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    division:
      id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
      name: Harbors
    device_identifier: gate-7.harbor
    device_profile:
      id: 9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6
      name: Access point
    status: ACTIVE
    fields:
      - id: 3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10
        name: Serial number
        value: AP-0042
        mandatory: true
    device_api_allow_read: true
    device_api_allow_write: true
    device_api_allow_renew_certificate: false
changed_fields:
  description: The names of the fields whose values the module changed, or would change in check mode. The ID of a field
    without a name.
  returned: success
  type: list
  elements: str
  sample: []
access:
  description:
    - The permissions and the status of the device after the update. In check mode, the predicted ones.
    - Other permissions of the record are returned with the same naming rule, for example C(device_api_allow_export) as
      C(allow_export).
    - A permission that the record does not have is V(null).
  returned: success
  type: dict
  contains:
    allow_read:
      description: Whether the device has read access to its own record.
      type: bool
    allow_write:
      description: Whether the device has write access to its own record.
      type: bool
    allow_renew_certificate:
      description: Whether the device can renew its own certificate.
      type: bool
    allow_revoke_certificate:
      description: Whether the device can revoke its own certificate.
      type: bool
    allow_enroll_certificate:
      description: Whether the device can request its own certificates.
      type: bool
    status:
      description: The status that the API returns, for example V(ACTIVE) or V(DISABLED).
      type: str
  sample:
    allow_read: true
    allow_write: true
    allow_renew_certificate: false
    allow_revoke_certificate: null
    allow_enroll_certificate: null
    status: ACTIVE
diff:
  description:
    - The name, the values of the fields by field name, and the access with the keys of RV(access), before and after the
      update.
    - C(before) is empty for a new device.
  returned: success
  type: dict
  sample:
    before:
      device_identifier: gate-7.harbor
      fields:
        Serial number: AP-0042
      access:
        allow_read: true
        allow_write: false
        allow_renew_certificate: false
        allow_revoke_certificate: null
        allow_enroll_certificate: null
        status: ACTIVE
    after:
      device_identifier: gate-7.harbor
      fields:
        Serial number: AP-0042
      access:
        allow_read: true
        allow_write: true
        allow_renew_certificate: false
        allow_revoke_certificate: null
        allow_enroll_certificate: null
        status: ACTIVE
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys and kinds are those of M(edgeops.digicert.digicert_iot_device), with V(api_key_rejected) instead of
      V(read_denied) and V(write_denied). With V(list_incomplete), the list of devices could not be searched for
      O(device_identifier).
    - RV(ignore:changed) is V(true) if the task created or changed the device, or may have done so, before it failed.
      This is possible with each kind except V(invalid_parameters), V(missing_library) and V(list_incomplete).
  returned: failure, unless Ansible rejects an option
  type: dict
  sample:
    kind: api_key_rejected
    http_status: 403
    code: access_denied
    message: The user of the API key may not do this
    retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration import ensure_registration
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    REGISTRATION_CONSTRAINTS,
    parse_registration_task,
    registration_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(argument_spec=registration_argument_spec(), supports_check_mode=True, **REGISTRATION_CONSTRAINTS)
    task = parse_registration_task(module.params)
    try:
        with unexpected_errors():
            result = ensure_registration(task, module.runtime(task.device_id or task.device_identifier))
    except DeviceManagerError as failure:
        module.fail_json(**task.failed(failure))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
