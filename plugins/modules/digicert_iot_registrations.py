#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_registrations
short_description: Register many devices
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Idempotently creates or updates many device records in DigiCert IoT Device Manager, in one task. The rules and the
    messages are those of M(edgeops.digicert.digicert_iot_registration).
  - Use the module to keep the devices of an account in a file, for example in a Git repository. In check mode, the
    module reports drift.
  - All requests share at most O(max_parallel) connections. An API key requires no TLS handshake for each device.
  - The module reads each device with one request, or the complete list of the account with one request for each 100
    devices. It uses the list for two or more registrations that all have the same API key and connection options, if
    the list has at most ten devices for each registration. If all registrations have the same O(division_id), the list
    is that of the division.
  - The module only compares records of the list. It reads a record again before it updates it, and if the list omits
    the permissions, the status, the division or the device profile of the record.
  - If a registration fails, the module processes all other registrations, unless O(fail_fast=true). The task fails at
    its end if any registration failed.
  - On SIGTERM, SIGINT or SIGHUP, the task ends within seconds and returns the results so far.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
  - edgeops.digicert.record
  - edgeops.digicert.record.registration
  - edgeops.digicert.attributes.operator_group
  - edgeops.digicert.many
attributes:
  check_mode:
    description:
      - In check mode, the module sends read requests only and returns the predicted records.
      - Check mode does not detect that a new device lacks a field that is mandatory in its device profile.
    support: full
  diff_mode:
    description: Returns a diff for each device whose record changes. Its header is the name and the ID of the device.
    support: full
  idempotent:
    description: A second run with the same parameters sends no update, unless another client changed a record.
    support: full
options:
  registrations:
    description:
      - The registrations. Each device can be listed once. If one entry has the ID of a device and another entry its
        name, the registration with the name fails.
      - Names are unique in a division, so no name can be O(registrations[].device_identifier) or
        O(registrations[].new_device_identifier) of two entries. To rename devices to each other's names, use
        O(registrations[].device_id), and rename one of them to a third name first.
      - The module processes registrations in parallel, in no fixed order. If a device gets a name that another device
        gives up, use two tasks.
      - Each entry accepts the options of M(edgeops.digicert.digicert_iot_registration). Options that an entry omits
        default to the task-level option of the same name.
      - Lists are replaced, not merged. O(registrations[].fields) overrides O(fields).
    type: list
    elements: dict
    required: true
    suboptions:
      device_id:
        description:
          - The ID of the device. With it, the module never creates a device.
          - One of O(registrations[].device_id) and O(registrations[].device_identifier) is required. They are mutually
            exclusive.
        type: str
      device_identifier:
        description:
          - The name of the device, from 1 to 255 characters. It is unique in a division.
          - If no device has this name, the module creates the device. If several devices have it, the registration
            fails.
        type: str
      new_device_identifier:
        description: The new name of the device, from 1 to 255 characters.
        type: str
      api_url:
        description: Refer to O(api_url).
        type: str
      api_key:
        description: Refer to O(api_key).
        type: str
      ca_path:
        description: Refer to O(ca_path).
        type: path
      validate_certs:
        description: Refer to O(validate_certs).
        type: bool
      timeout:
        description: Refer to O(timeout).
        type: int
      retries:
        description: Refer to O(retries).
        type: int
      use_proxy:
        description: Refer to O(use_proxy).
        type: bool
      division_id:
        description: Refer to O(division_id).
        type: str
      device_profile_id:
        description: Refer to O(device_profile_id).
        type: str
      fields:
        description: Refer to O(fields).
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
            description: Refer to O(fields[].value).
            type: raw
          state:
            description: Refer to O(fields[].state).
            type: str
            choices:
              - present
              - absent
            default: present
      secret_fields:
        description: Refer to O(secret_fields).
        type: list
        elements: dict
        suboptions:
          id:
            description: Refer to O(secret_fields[].id).
            type: str
          name:
            description: Refer to O(secret_fields[].name).
            type: str
          value:
            description: Refer to O(secret_fields[].value).
            type: raw
          state:
            description: Refer to O(secret_fields[].state).
            type: str
            choices:
              - present
              - absent
            default: present
      field_ids:
        description: Refer to O(field_ids).
        type: dict
      purge_fields:
        description: Refer to O(purge_fields).
        type: bool
      keep_fields:
        description: Refer to O(keep_fields).
        type: list
        elements: str
      mask_fields:
        description: Refer to O(mask_fields).
        type: list
        elements: str
      allow_read:
        description: Refer to O(allow_read).
        type: bool
      allow_write:
        description: Refer to O(allow_write).
        type: bool
      allow_renew_certificate:
        description: Refer to O(allow_renew_certificate).
        type: bool
      allow_revoke_certificate:
        description: Refer to O(allow_revoke_certificate).
        type: bool
      allow_enroll_certificate:
        description: Refer to O(allow_enroll_certificate).
        type: bool
      enabled:
        description: Refer to O(enabled).
        type: bool
seealso:
  - module: edgeops.digicert.digicert_iot_registration
"""

EXAMPLES = r"""
- name: Register all gateways of a division
  edgeops.digicert.digicert_iot_registrations:
    registrations: "{{ gateways }}"
    division_id: 4f1d6a2e-8c0b-4b5e-9a37-2d9b7c6e5f10
    device_profile_id: 9d1e7c5a-1b2c-4d3e-8f90-a1b2c3d4e5f6
    allow_read: true
    allow_write: true
    allow_renew_certificate: true
    field_ids:
      Serial number: 3b0a6f0c-58a4-4e6b-9c55-0a4f7f1f8f10
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost
  vars:
    gateways:
      - device_identifier: gate-7.harbor
        fields:
          - name: Serial number
            value: AP-0042
      - device_identifier: gate-8.harbor
        enabled: false
        fields:
          - name: Serial number
            value: AP-0043

- name: Report the drift of an account without a change
  edgeops.digicert.digicert_iot_registrations:
    registrations: "{{ lookup('ansible.builtin.file', 'registrations.yml') | from_yaml }}"
    return_records: false
    api_key: "{{ vault_digicert_api_key }}"
  delegate_to: localhost
  check_mode: true
  diff: true
  register: drift

- name: Show the devices that differ
  ansible.builtin.debug:
    msg: "{{ drift.registrations | selectattr('changed') | map(attribute='device_identifier') }}"
"""

RETURN = r"""
registrations:
  description:
    - The results of the registrations, in the order of O(registrations).
    - With O(return_records=false), only those of devices that changed, failed or have warnings.
  returned: always, unless the parameters are invalid
  type: list
  elements: dict
  contains:
    device_id:
      description: The ID of the device, as M(edgeops.digicert.digicert_iot_registration) returns it.
      type: str
    device_identifier:
      description: The name of the device, as M(edgeops.digicert.digicert_iot_registration) returns it.
      type: str
    index:
      description: The position of the registration in O(registrations). The first position is V(0).
      returned: O(return_records=false)
      type: int
    created:
      description: Whether the module created the device, or would create it in check mode.
      returned: success
      type: bool
    changed:
      description: Whether the device changed, or would change in check mode.
      type: bool
    failed:
      description: Whether the registration failed.
      type: bool
    msg:
      description: The error message of the registration. Empty if it did not fail.
      type: str
    warnings:
      description: Warnings about this device.
      type: list
      elements: str
    device:
      description: The device record, as M(edgeops.digicert.digicert_iot_registration) returns it.
      returned: success and O(return_records=true)
      type: dict
    changed_fields:
      description: The names of the fields that changed, as M(edgeops.digicert.digicert_iot_registration) returns them.
      returned: success
      type: list
      elements: str
    access:
      description: The permissions and the status, as M(edgeops.digicert.digicert_iot_registration) returns them.
      returned: success
      type: dict
    diff:
      description: The device before and after the update, as in M(edgeops.digicert.digicert_iot_registration).
      returned: success
      type: dict
    failure:
      description:
        - Machine-readable details of the error, as M(edgeops.digicert.digicert_iot_registration) returns them.
        - With V(stopped), the task ended before it finished the registration. RV(registrations[].changed) is V(false)
          if the task sent no update for the device.
      returned: failure
      type: dict
  sample:
    - device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
      device_identifier: gate-7.harbor
      created: true
      changed: true
      failed: false
      msg: ""
      warnings: []
      changed_fields:
        - Serial number
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import Result
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.registrations import (
    ListReader,
    listed_ids,
    parse_registrations,
    registrations_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.running import Job, result_of, run_jobs
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import OperatorSessions
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration import (
    Source,
    ensure_registration,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import RegistrationTask
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(argument_spec=registrations_argument_spec(), supports_check_mode=True)
    sessions = OperatorSessions()

    def ensure(task: RegistrationTask, runtime: Runtime) -> Result:
        return ensure_registration(task, runtime, Source(sessions.open, reader.devices, ids))

    try:
        with unexpected_errors():
            tasks, limits = parse_registrations(module.params)
            reader, ids = ListReader(tasks, sessions), listed_ids(tasks)
            # If the list cannot be read, each registration reports its own error.
            results = run_jobs(module, limits, Job(tasks, ensure), Job(reader.tasks, reader.read))
    except DeviceManagerError as failure:
        module.fail_json(msg=str(failure), failure=failure.failure())
    sessions.close()
    outcome, summary = result_of(module, "registrations", tasks, results)
    if summary:
        module.fail_json(msg=summary, **outcome)
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
