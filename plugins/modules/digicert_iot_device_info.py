#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_info
short_description: Read a device record
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Retrieves the record of a device from DigiCert IoT Device Manager. The device authenticates with its own certificate
    (mutual TLS).
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.connection.device
  - edgeops.digicert.attributes.device_group
  - edgeops.digicert.attributes.info
options:
  mask_fields:
    description:
      - The names or IDs of the fields whose values the module masks. It returns V(********) instead of each value.
      - A name that several fields share matches all of them. If an entry matches no field, the module warns.
    type: list
    elements: str
    default: []
seealso:
  - module: edgeops.digicert.digicert_iot_device
"""

EXAMPLES = r"""
- name: Retrieve a device record
  edgeops.digicert.digicert_iot_device_info:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    mask_fields:
      - Enrollment code
  register: record

- name: Show the site of the device
  ansible.builtin.debug:
    msg: "{{ record.device.device_identifier }}: {{ record.fields_by_name['Site'] | default('no site', true) }}"

- name: Set a field of another device whose record does not list the field
  edgeops.digicert.digicert_iot_device:
    device_id: 7c0a5d0b-92a4-4a52-8d5c-2f1e3b6a9c10
    client_cert: /etc/pki/sensors/2.pem
    fields:
      - name: Site
        value: Rotterdam
    field_ids: "{{ record.field_ids }}"

- name: Wait up to ten minutes until an operator has set the field Redirector
  edgeops.digicert.digicert_iot_device_info:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
  register: record
  until: record is success and record.fields_by_name["Redirector"] is truthy
  retries: 20
  delay: 30
"""

RETURN = r"""
device_id:
  description: The ID of the device from O(device_id).
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device:
  description:
    - The current record with all keys that the API returns, for example C(id), C(device_identifier), C(status),
      C(updated), C(device_profile) and C(device_api_allow_write).
    - Each entry of C(fields) has C(id) and C(value), and usually C(name) and C(mandatory). A field without a value has
      the C(value) V(null).
  returned: success
  type: dict
  sample:
    id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    device_identifier: gate-7.harbor
    status: ACTIVE
    updated: "2026-04-22T07:13:20Z"
    fields:
      - id: 0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f10
        name: Site
        value: Rotterdam
        mandatory: false
fields_by_name:
  description:
    - The values of the fields, by field name. A field without a value has the value V(null).
    - If several fields share a name, the ID of each is appended to the name, for example V(Location (0b0b5c36)).
  returned: success
  type: dict
  sample:
    Firmware: "12.4"
    Site: Rotterdam
field_ids:
  description:
    - The IDs of the fields, by the names in RV(fields_by_name). Modules with the option C(field_ids) accept this
      dictionary for all devices of the same device profile.
    - It has only fields that the record lists. The record can omit a field that never had a value.
  returned: success
  type: dict
  sample:
    Firmware: 3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10
    Site: 0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f10
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys are those of M(edgeops.digicert.digicert_iot_device). RV(ignore:changed) is always V(false).
  returned: failure, unless Ansible rejects an option
  type: dict
  sample:
    kind: read_denied
    http_status: 403
    code: access_denied
    message: The device may not read its record
    retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    PAIR_EXCLUSIONS,
    connection_argument_spec,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session, recover_files
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import mask_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import (
    by_name,
    ids_by_name,
    join_quoted,
    masked,
    resolve,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(
        argument_spec={**connection_argument_spec(), **mask_argument_spec()},
        mutually_exclusive=PAIR_EXCLUSIONS,
        supports_check_mode=True,
    )
    device_id = module.params["device_id"]
    credentials = parse_credentials(module.params)
    runtime = module.runtime(device_id)
    try:
        with unexpected_errors():
            # Only for its warnings: the session uses the pair that works.
            recover_files(credentials, runtime._replace(check_mode=True))
            session = open_session(parse_connection(module.params), credentials, id_problems(device_id), runtime)
            record = DeviceApi(session, device_id, module.redactor).read()
    except DeviceManagerError as failure:
        module.fail_json(**failure.result(device_id))
    sensitive, unknown = resolve(record, module.params["mask_fields"])
    if unknown:
        runtime.warn(f"mask_fields names {join_quoted(unknown)}, and the record has no such field.")
    device = masked(record, sensitive)
    module.exit_json(
        changed=False,
        device_id=device_id,
        device=device,
        fields_by_name=by_name(device),
        field_ids=ids_by_name(device),
    )


if __name__ == "__main__":
    main()
