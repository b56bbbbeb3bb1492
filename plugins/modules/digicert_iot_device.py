#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device
short_description: Keep a device's record in DigiCert IoT Device Manager true
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Sets the name and the fields of a device's record, with the device's own certificate over mutual TLS.
  - The API's update replaces all field values, so whatever a request leaves out is lost. This module reads the record
    first, compares, sends an update only when something differs, and then sends every value that shall stay.
  - Only O(fields[].state=absent) and O(purge_fields) remove a value.
  - The API has no locks and no versions. A value that another client writes between the module's read and its update
    is overwritten. The update follows the read without a wait, because the module reads again after each wait.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.connection.device
  - edgeops.digicert.record
attributes:
  check_mode:
    description: In check mode only reads are sent, and the predicted record is returned.
    support: full
  diff_mode:
    description: Shows the name and the fields, by field name, before and after.
    support: full
"""

EXAMPLES = r"""
- name: Keep two fields true and leave all others alone
  edgeops.digicert.digicert_iot_device:
    device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    fields:
      - name: Firmware
        value: "{{ ansible_facts.distribution_version }}"
      - name: Site
        value: Rotterdam

# The tasks below belong to a play that sets the connection once:
#
# - name: Keep the records of the edge hosts true
#   hosts: edge
#   module_defaults:
#     group/edgeops.digicert.digicert_iot:
#       device_id: "{{ digicert_iot_device_id }}"
#       client_cert: /etc/pki/device/device.pem
#       client_key: /etc/pki/device/device.key

- name: Rename the device, whose fields all stay
  edgeops.digicert.digicert_iot_device:
    device_identifier: gate-7.rotterdam

- name: Remove one value
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Contact
        state: absent

- name: Set a field that never had a value, by its ID
  edgeops.digicert.digicert_iot_device:
    fields:
      - id: 0c2f9b1d-64c1-4d0b-8a55-0f1d7a1f9a21
        value: "1.10"

- name: Have exactly these values, beside the mandatory ones and what the controller keeps in Redirector
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Site
        value: Rotterdam
      - name: Owner
        value: harbour team
    purge_fields: true
    keep_fields:
      - Redirector

- name: Look in a pipeline whether the record is still true, and write nothing
  edgeops.digicert.digicert_iot_device:
    fields:
      - name: Site
        value: Rotterdam
  check_mode: true
  diff: true
  register: drift
  failed_when: drift is failed or drift is changed
"""

RETURN = r"""
device_id:
  description: The ID of the device, as the task gave it.
  returned: always, unless Ansible itself rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device:
  description:
    - The record of the device as the API has it, after the update; in check mode as it would be then.
    - A field without a value has the value V(null) here, however the API shows it.
    - In check mode a field that is set by its ID and that the record did not list has no name, for only the service
      knows it. The times are those of the record as it was.
  returned: success
  type: dict
  sample:
    id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
    account_id: 7a0c7f52-31f1-4c3a-9e0e-6d1c9c6f1c55
    division:
      id: 2f9a0f0e-4a7b-4a0c-8f7e-0b7f6a1b2c3d
      name: Harbours
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
  description: The names of the fields whose values changed, or would change in check mode. IDs where there is no name.
  returned: success
  type: list
  elements: str
  sample:
    - Site
diff:
  description:
    - The name and the values of the fields, by field name, with the same keys on both sides.
    - If the module completed an interrupted renewal of the certificate, C(certificate_renewal) is V(interrupted) before
      and V(completed) after.
  returned: success
  type: dict
  sample:
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
  description: What went wrong, for programs. RV(ignore:msg) says it for people.
  returned: failure, unless Ansible itself rejects an option
  type: dict
  contains:
    kind:
      description:
        - What kind of failure it is. V(invalid_parameters), V(missing_library), V(host_error), V(internal_error),
          V(connection_failed), V(handshake_failed), V(redirected), V(read_denied), V(write_denied),
          V(device_not_found), V(http_error), V(invalid_response), V(invalid_desired_state), V(update_not_applied) or
          V(outcome_unknown).
        - Only with V(update_not_applied) and V(outcome_unknown) can the record have been changed. RV(ignore:changed)
        says so.
      type: str
    http_status:
      description: The status of the last answer, if there was one that matters.
      type: int
    code:
      description: The API's own code for the error, if it gave one.
      type: str
    message:
      description: The API's own message, if it gave one.
      type: str
    retries:
      description: How often the request was sent again.
      type: int
  sample:
    kind: write_denied
    http_status: 403
    code: access_denied
    message: The device may not update its record
    retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    connection_argument_spec,
    record_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(argument_spec={**connection_argument_spec(), **record_argument_spec()}, supports_check_mode=True)
    try:
        with unexpected_errors():
            result = ensure_device(module.params, module.folder, module.check_mode, module.warn)
    except DeviceManagerError as failure:
        module.fail_json(**failure.result(module.params["device_id"]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
