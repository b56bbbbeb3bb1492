#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_access
short_description: Say what a device of DigiCert IoT Device Manager may do with its own certificate
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Keeps what a device is allowed, and whether it is enabled. This is the operator's to decide, so the module comes
    with an API key and runs where that key is at home, which is not the device.
  - It reads the record, compares, and writes only what differs. The API replaces all values of the fields at each
    update, so the module sends them all as they are, and warns if another client changed one during the update.
  - An update has every permission of the record, also those that this module has no option for, because the API does
    not document whether an update resets the permissions that it omits.
  - Values of fields are neither returned nor shown.
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
    description: In check mode only reads are sent, and the predicted access is returned.
    support: full
  diff_mode:
    description: Shows what the device is allowed and its status, before and after.
    support: full
options:
  device_id:
    description:
      - The ID of the device, which never changes.
      - One of O(device_id) and O(device_identifier) is needed.
    type: str
  device_identifier:
    description:
      - The name of the device. It must belong to one device only, deleted ones not counted.
      - A device that may update its record can give itself another name, so O(device_id) is the safer choice.
    type: str
  division_id:
    description: The ID of the division to look in for O(device_identifier).
    type: str
  allow_read:
    description: Whether the device may read its own record.
    type: bool
  allow_write:
    description: Whether the device may update its own record.
    type: bool
  allow_renew_certificate:
    description: Whether the device may renew its own certificate.
    type: bool
  enabled:
    description:
      - Whether to enable the device. V(false) disables it.
      - A device is enabled before its other access changes, and disabled after it.
    type: bool
"""

EXAMPLES = r"""
- name: Let a device keep its own record true and renew its certificate
  edgeops.digicert.digicert_iot_device_access:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    allow_read: true
    allow_write: true
    allow_renew_certificate: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

- name: Let each device of the inventory in, from the controller
  edgeops.digicert.digicert_iot_device_access:
    device_id: "{{ digicert_iot_id }}"
    allow_read: true
    allow_write: true
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost

- name: Lock a device out that was stolen
  edgeops.digicert.digicert_iot_device_access:
    device_identifier: gate-7.harbour
    enabled: false
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost
"""

RETURN = r"""
device_id:
  description: The ID of the device, as far as it is known.
  returned: always, unless Ansible itself rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device_identifier:
  description: The name of the device.
  returned: success
  type: str
  sample: gate-7.harbour
access:
  description:
    - What the device is allowed, and its status in the words of the record; in check mode, as it would be.
    - Other permissions of the record are returned in the same way, such as C(device_api_allow_revoke) as
      C(allow_revoke).
  returned: success
  type: dict
  contains:
    allow_read:
      description: Whether the device may read its own record.
      type: bool
    allow_write:
      description: Whether the device may update its own record.
      type: bool
    allow_renew_certificate:
      description: Whether the device may renew its own certificate.
      type: bool
    status:
      description: V(ACTIVE), V(DISABLED), or another word of the service.
      type: str
  sample:
    allow_read: true
    allow_write: true
    allow_renew_certificate: false
    status: ACTIVE
diff:
  description: The access before and after, with the keys of RV(access).
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
    - What went wrong, for programs. RV(ignore:msg) says it for people.
    - Its keys and kinds are those of M(edgeops.digicert.digicert_iot_device). Instead of V(read_denied) and
      V(write_denied) there is V(api_key_rejected). V(list_incomplete) says that the device could not be looked up by
      its name.
  returned: failure, unless Ansible itself rejects an option
  type: dict
  sample:
    kind: api_key_rejected
    http_status: 403
    code: access_denied
    message: The user of the API key may not do this
    retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import operator_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.access import ensure_access
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(
        argument_spec={
            **operator_argument_spec(),
            "device_id": {"type": "str"},
            "device_identifier": {"type": "str"},
            "division_id": {"type": "str"},
            "allow_read": {"type": "bool"},
            "allow_write": {"type": "bool"},
            "allow_renew_certificate": {"type": "bool"},
            "enabled": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        with unexpected_errors():
            result = ensure_access(options, module.redactor, module.check_mode, module.warn)
    except DeviceManagerError as failure:
        result = failure.result(options["device_id"] or options["device_identifier"])
        module.fail_json(**{**result, "device_id": options["device_id"]})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
