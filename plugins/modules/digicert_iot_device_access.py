#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_access
short_description: Manage API access and status of a device in DigiCert IoT Device Manager
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Manages which API operations a device can perform with its own certificate, and whether the device is enabled.
  - Requires an operator API key. Run the module on the controller, for example with C(delegate_to=localhost), so that
    the API key does not reach managed hosts.
  - The module reads the record, compares it with the desired access, and sends an update only if they differ. The
    update request of the API replaces all field values, so the update contains all of them unchanged. If another client
    changes a field during the update, the module warns.
  - An update contains every permission of the record, including those that this module has no option for. The API does
    not document whether an update resets the permissions that it omits.
  - The module neither returns nor shows field values.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
attributes:
  action_group:
    description:
      - Use C(group/edgeops.digicert.digicert_iot_operator) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - edgeops.digicert.digicert_iot_operator
  check_mode:
    description: In check mode, the module sends read requests only and returns the predicted access.
    support: full
  diff_mode:
    description: Returns the permissions and the status of the device, before and after the update.
    support: full
  idempotent:
    description: A second run with the same parameters sends no update, unless another client changed the record.
    support: full
options:
  device_id:
    description:
      - The ID of the device, which never changes.
      - One of O(device_id) and O(device_identifier) is required. They are mutually exclusive.
    type: str
  device_identifier:
    description:
      - The name of the device. Exactly one device must have this name. Deleted devices do not count.
      - A device with write access can change its own name, so O(device_id) is the safer option.
    type: str
  division_id:
    description: The ID of the division in which to search for O(device_identifier).
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
  enabled:
    description:
      - Whether to enable the device. V(false) disables it.
      - The module enables a device before it changes permissions, and disables a device after it changed permissions.
    type: bool
"""

EXAMPLES = r"""
- name: Grant a device read access, write access and certificate renewal
  edgeops.digicert.digicert_iot_device_access:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    allow_read: true
    allow_write: true
    allow_renew_certificate: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

- name: Grant read and write access to all devices of the inventory
  edgeops.digicert.digicert_iot_device_access:
    device_id: "{{ digicert_iot_id }}"
    allow_read: true
    allow_write: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

- name: Disable a stolen device
  edgeops.digicert.digicert_iot_device_access:
    device_identifier: gate-7.harbor
    enabled: false
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost
"""

RETURN = r"""
device_id:
  description: The ID of the device. V(null) if the task failed and O(device_id) is not set.
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device_identifier:
  description: The name of the device.
  returned: success
  type: str
  sample: gate-7.harbor
access:
  description:
    - The permissions and the status of the device after the update. In check mode, the predicted ones.
    - Other permissions of the record are returned with the same naming rule, for example C(device_api_allow_revoke) as
      C(allow_revoke).
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
    status:
      description: The status that the API returns, for example V(ACTIVE) or V(DISABLED).
      type: str
  sample:
    allow_read: true
    allow_write: true
    allow_renew_certificate: false
    status: ACTIVE
diff:
  description: The access before and after the update, with the keys of RV(access).
  returned: success
  type: dict
  sample:
    before:
      allow_read: true
      allow_write: false
      allow_renew_certificate: false
      status: ACTIVE
    after:
      allow_read: true
      allow_write: true
      allow_renew_certificate: false
      status: ACTIVE
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys and kinds are those of M(edgeops.digicert.digicert_iot_device), with V(api_key_rejected) instead of
      V(read_denied) and V(write_denied). With V(list_incomplete), the list of devices could not be searched for
      O(device_identifier).
    - RV(ignore:changed) is V(true) if the task changed the status or a permission, or may have changed it, before it
      failed. This is possible with each kind except V(invalid_parameters), V(missing_library) and
      V(list_incomplete).
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
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.access import (
    ACCESS_CONSTRAINTS,
    access_argument_spec,
    ensure_access,
    parse_access_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(argument_spec=access_argument_spec(), supports_check_mode=True, **ACCESS_CONSTRAINTS)
    task = parse_access_task(module.params)
    try:
        with unexpected_errors():
            result = ensure_access(task, module.redactor, module.runtime())
    except DeviceManagerError as failure:
        result = failure.result(task.device_id or task.device_identifier)
        module.fail_json(**{**result, "device_id": task.device_id or failure.device_id})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
