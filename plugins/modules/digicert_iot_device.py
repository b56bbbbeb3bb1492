#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device
short_description: Manage one device
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Idempotently sets the name and the fields of a device record in DigiCert IoT Device Manager.
  - The device authenticates with its own certificate (mutual TLS).
  - The update request of the API replaces all field values. Fields that a request omits are deleted. The module
    therefore reads the record first and compares it with the desired fields. It sends an update only if they differ.
    The update contains all other field values unchanged.
  - Only O(fields[].state=absent) and O(purge_fields) remove a value.
  - The API supports neither locking nor conditional requests. If another client changes a field between the read and
    the update, its change is overwritten. The module sends the update immediately after the read, because it reads the
    record again after each wait.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.connection.device
  - edgeops.digicert.record
  - edgeops.digicert.record.device
  - edgeops.digicert.attributes.device_group
attributes:
  check_mode:
    description: In check mode, the module sends read requests only and returns the predicted record.
    support: full
  diff_mode:
    description: Returns the name and the fields, by field name, before and after the update.
    support: full
  idempotent:
    description: A second run with the same parameters sends no update, unless another client changed the record.
    support: partial
    details:
      - With O(on_read_denied=overwrite), each run sends an update to a device without read access.
"""

EXAMPLES = r"""
- name: Set two fields of a device record
  edgeops.digicert.digicert_iot_device:
    device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    fields:
      - name: Firmware
        value: "{{ ansible_facts.distribution_version }}"
      - name: Site
        value: Rotterdam

# The tasks below belong to a play that sets the connection options once:
#
# - name: Manage the device records of the edge hosts
#   hosts: edge
#   module_defaults:
#     group/edgeops.digicert.digicert_iot:
#       device_id: "{{ digicert_iot_device_id }}"
#       client_cert: /etc/pki/device/device.pem
#       client_key: /etc/pki/device/device.key

- name: Rename a device without changing its fields
  edgeops.digicert.digicert_iot_device:
    device_identifier: gate-7.rotterdam

- name: Remove the value of a field
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Contact
        state: absent

- name: Set a field that the record does not list, by its ID
  edgeops.digicert.digicert_iot_device:
    fields:
      - id: 0c2f9b1d-64c1-4d0b-8a55-0f1d7a1f9a21
        value: "1.10"

- name: Set a field that the record does not list, by its name
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Bootloader
        value: "1.10"
    field_ids:
      Bootloader: 0c2f9b1d-64c1-4d0b-8a55-0f1d7a1f9a21

- name: Remove all optional fields that are not listed, except Redirector
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Site
        value: Rotterdam
      - name: Owner
        value: harbor team
    purge_fields: true
    keep_fields:
      - Redirector

- name: Show the drift of a record without changing it
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Site
        value: Rotterdam
  check_mode: true
  diff: true
  register: drift

- name: Fail in a pipeline if the record drifted
  ansible.builtin.assert:
    that: drift is not changed
    fail_msg: "These fields of the record differ: {{ drift.changed_fields | join(', ') }}"
"""

RETURN = r"""
device_id:
  description: The ID of the device from O(device_id).
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device:
  description:
    - The device record after the update. In check mode, the predicted record.
    - A field without a value has the value V(null), whatever notation the API uses.
    - In check mode, a field that the current record does not list is returned without C(mandatory), and without C(name)
      unless O(field_ids) has its ID. Timestamps are those of the current record.
  returned: success
  type: dict
  sample:
    id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
    account_id: 7a0c7f52-31f1-4c3a-9e0e-6d1c9c6f1c55
    division:
      id: 2f9a0f0e-4a7b-4a0c-8f7e-0b7f6a1b2c3d
      name: Harbors
    device_identifier: gate-7.rotterdam
    device_profile:
      id: 9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6
      name: Access point
    created: "2026-02-03T09:41:00Z"
    updated: "2026-11-20T17:05:12Z"
    status: ACTIVE
    fields:
      - id: 3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10
        name: Firmware
        value: "12.4"
        mandatory: true
      - id: 71d2a6be-0f0e-43c3-b1a5-5b1c6f1a2e33
        name: Site
        value: Rotterdam
        mandatory: false
    device_api_allow_read: true
    device_api_allow_write: true
    device_api_allow_renew_certificate: true
changed_fields:
  description: The names of the fields whose values the module changed, or would change in check mode. The ID of a field
    that has a name neither in the record nor in O(field_ids).
  returned: success
  type: list
  elements: str
  sample:
    - Site
diff:
  description:
    - The name and the values of the fields, by field name. Both sides have the same keys. The headers are the name and
      the ID of the device.
    - If the module completed an interrupted renewal of the certificate, C(certificate_renewal) is V(interrupted) before
      and V(completed) after.
  returned: success
  type: dict
  sample:
    before_header: gate-7.rotterdam (5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7)
    after_header: gate-7.rotterdam (5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7)
    before:
      device_identifier: gate-7.rotterdam
      fields:
        Firmware: "12.4"
        Site: Delft
    after:
      device_identifier: gate-7.rotterdam
      fields:
        Firmware: "12.4"
        Site: Rotterdam
failure:
  description: Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
  returned: failure, unless Ansible rejects an option
  type: dict
  contains:
    kind:
      description:
        - The kind of the error. One of V(invalid_parameters), V(missing_library), V(host_error), V(internal_error),
          V(connection_failed), V(handshake_failed), V(redirected), V(read_denied), V(write_denied),
          V(device_not_found), V(http_error), V(invalid_response), V(invalid_desired_state), V(update_not_applied) and
          V(outcome_unknown).
        - RV(ignore:changed) is V(true) if the task changed the record or may have changed it before it failed. It is
          also V(true) if the task completed an interrupted renewal of the certificate.
        - With V(invalid_parameters), V(missing_library) and V(read_denied), the task sent no update.
      type: str
    http_status:
      description: The HTTP status of the response that caused the error. V(null) if there was none.
      type: int
    code:
      description: The error code of the API. V(null) if the API returned none.
      type: str
    message:
      description: The error message of the API. V(null) if the API returned none.
      type: str
    retries:
      description: The number of retries of the request.
      type: int
  sample:
    kind: write_denied
    http_status: 403
    code: access_denied
    message: The device may not update its record
    retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import PAIR_EXCLUSIONS
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import (
    device_argument_spec,
    parse_device_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(
        argument_spec=device_argument_spec(),
        mutually_exclusive=PAIR_EXCLUSIONS,
        supports_check_mode=True,
    )
    device_id = module.params["device_id"]
    try:
        with unexpected_errors():
            result = ensure_device(parse_device_task(module.params), module.runtime(device_id))
    except DeviceManagerError as failure:
        module.fail_json(**failure.result(device_id))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
