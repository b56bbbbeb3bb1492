#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_registration_info
short_description: Read registrations
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Retrieves the record of one device of DigiCert IoT Device Manager by its ID or by its name, or the records of all
    devices that match filters.
  - Requires an operator API key. Run the module on the controller, for example with C(delegate_to=localhost), so that
    the API key does not reach managed hosts.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
  - edgeops.digicert.attributes.operator_group
  - edgeops.digicert.attributes.info
options:
  device_id:
    description:
      - The ID of the device. If no device has this ID, the task fails.
      - O(device_id), O(device_identifier) and O(filters) are mutually exclusive. Without them, the module retrieves the
        records of all devices.
    type: str
  device_identifier:
    description:
      - The name of the device. Deleted devices do not count.
      - If no device has this name, the task fails. If several devices have it, the task fails and lists their IDs.
    type: str
  division_id:
    description: The ID of the division in which to search for O(device_identifier).
    type: str
  filters:
    description:
      - The filters that the API applies. The module returns only devices that match all filters.
      - V(device_identifier), V(division_id) and V(device_profile_id) are strings.
      - V(created_from), V(created_to), V(updated_from) and V(updated_to) are dates such as V(2026-01-31).
    type: dict
  statuses:
    description:
      - The statuses of devices. The module returns only devices with one of these statuses.
      - The module ignores this option for O(device_id) and O(device_identifier).
    type: list
    elements: str
    choices:
      - ACTIVE
      - DISABLED
      - DELETED
    default:
      - ACTIVE
  mask_fields:
    description:
      - The names or IDs of the fields whose values the module masks. It returns V(********) instead of each value.
      - A name that several fields share matches all of them. If an entry matches no field, the module warns.
    type: list
    elements: str
    default: []
seealso:
  - module: edgeops.digicert.digicert_iot_registration
  - plugin: edgeops.digicert.digicert_iot
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Retrieve the registration of a device by its name
  edgeops.digicert.digicert_iot_registration_info:
    device_identifier: gate-7.harbor
    division_id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
    api_key: "{{ vault_digicert_api_key }}"
  register: registration

- name: Show whether the device can renew its certificate
  ansible.builtin.debug:
    msg: "{{ registration.device_id }}: {{ registration.access.allow_renew_certificate }}"

- name: Retrieve the registrations of a device profile that changed in 2026
  edgeops.digicert.digicert_iot_registration_info:
    filters:
      device_profile_id: 9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6
      updated_from: "2026-01-01"
    statuses:
      - ACTIVE
      - DISABLED
    mask_fields:
      - Admin password
    api_key: "{{ vault_digicert_api_key }}"
  register: registrations
"""

RETURN = r"""
devices:
  description:
    - The records of the devices with all keys that the API returns.
    - Each entry of C(fields) has C(id) and C(value), and usually C(name) and C(mandatory). A field without a value has
      the C(value) V(null).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
      device_identifier: gate-7.harbor
      status: ACTIVE
      updated: "2026-04-22T07:13:20Z"
      fields:
        - id: 0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f10
          name: Site
          value: Rotterdam
          mandatory: false
      device_api_allow_read: true
      device_api_allow_write: true
      device_api_allow_renew_certificate: false
device_id:
  description: The ID of the device.
  returned: success, for O(device_id) and O(device_identifier)
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device:
  description: The record of the device, as in RV(devices).
  returned: success, for O(device_id) and O(device_identifier)
  type: dict
  sample:
    id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    device_identifier: gate-7.harbor
fields_by_name:
  description:
    - The values of the fields, by field name. A field without a value has the value V(null).
    - If several fields share a name, the ID of each is appended to the name, for example V(Location (0b0b5c36)).
  returned: success, for O(device_id) and O(device_identifier)
  type: dict
  sample:
    Firmware: "12.4"
    Site: Rotterdam
access:
  description: The permissions and the status, as M(edgeops.digicert.digicert_iot_registration) returns them.
  returned: success, for O(device_id) and O(device_identifier)
  type: dict
  sample:
    allow_read: true
    allow_write: true
    allow_renew_certificate: false
    allow_revoke_certificate: null
    allow_enroll_certificate: null
    status: ACTIVE
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys and kinds are those of M(edgeops.digicert.digicert_iot_registration). RV(ignore:changed) is always
      V(false).
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
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_info import (
    REGISTRATION_INFO_CONSTRAINTS,
    parse_query,
    registration_info_argument_spec,
    retrieve,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(
        argument_spec=registration_info_argument_spec(), supports_check_mode=True, **REGISTRATION_INFO_CONSTRAINTS
    )
    query = parse_query(module.params)
    try:
        with unexpected_errors():
            result = retrieve(query, module.redactor, module.runtime(query.device_id or query.device_identifier))
    except DeviceManagerError as failure:
        module.fail_json(**query.failed(failure))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
