#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_devices
short_description: Manage many devices
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Idempotently sets the names and the fields of many device records in DigiCert IoT Device Manager, in one task. The
    rules and the messages are those of M(edgeops.digicert.digicert_iot_device).
  - Use the module on gateways and in pipelines that hold the certificates of many devices.
  - Each device authenticates with its own certificate (mutual TLS) over a separate connection.
  - If a device fails, the module processes all other devices, unless O(fail_fast=true). The task fails at its end if
    any device failed.
  - An error of the managed host, such as a lack of file descriptors, threads or disk space, is a failure of that device
    only. A device that makes no progress for 30 seconds plus twice its O(timeout) fails, too.
  - On SIGTERM, SIGINT or SIGHUP, the task ends within seconds and returns the results so far.
seealso:
  - name: Manage many devices from a gateway
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_gateways.rst
    description: How to manage many devices from a gateway, and to monitor progress.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.record
  - edgeops.digicert.record.device
  - edgeops.digicert.attributes.device_group
  - edgeops.digicert.many
attributes:
  check_mode:
    description: In check mode, the module sends read requests only and returns the predicted records.
    support: full
  diff_mode:
    description: Returns a diff for each device whose record changes. Its header is the name and the ID of the device.
    support: full
  idempotent:
    description: A second run with the same parameters sends no update, unless another client changed a record.
    support: partial
    details:
      - With O(on_read_denied=overwrite), each run sends an update to each device without read access.
options:
  devices:
    description:
      - The devices. Each device can be listed once.
      - Each entry accepts the options of M(edgeops.digicert.digicert_iot_device). Options that an entry omits default
        to the task-level option of the same name.
      - Lists and dictionaries are replaced, not merged. O(devices[].fields) overrides O(fields).
      - If an entry sets a certificate or a key, it uses neither the certificate nor the key of the task.
    type: list
    elements: dict
    required: true
    suboptions:
      device_id:
        description: The ID of the device.
        type: str
        required: true
      api_url:
        description: Refer to O(api_url).
        type: str
      client_cert:
        description: Refer to O(client_cert).
        type: path
      client_cert_content:
        description: Refer to O(client_cert_content).
        type: str
      client_key:
        description: Refer to O(client_key).
        type: path
      client_key_content:
        description: Refer to O(client_key_content).
        type: str
      client_key_passphrase:
        description: Refer to O(client_key_passphrase).
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
      device_identifier:
        description: Refer to O(device_identifier).
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
      purge_fields:
        description: Refer to O(purge_fields).
        type: bool
      keep_fields:
        description: Refer to O(keep_fields).
        type: list
        elements: str
      field_ids:
        description: Refer to O(field_ids).
        type: dict
      mask_fields:
        description: Refer to O(mask_fields).
        type: list
        elements: str
      on_read_denied:
        description: Refer to O(on_read_denied).
        type: str
        choices:
          - fail
          - overwrite
"""

EXAMPLES = r"""
- name: Set the site of all sensors behind a gateway
  edgeops.digicert.digicert_iot_devices:
    devices: "{{ sensors }}"
    fields:
      - name: Site
        value: Rotterdam
  vars:
    sensors:
      - device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
        client_cert: /etc/pki/sensors/1.pem
        client_key: /etc/pki/sensors/1.key
      - device_id: 7c0a5d0b-92a4-4a52-8d5c-2f1e3b6a9c10
        client_cert: /etc/pki/sensors/2.pem
        client_key: /etc/pki/sensors/2.key

- name: Override the fields of the task for one device
  edgeops.digicert.digicert_iot_devices:
    devices:
      - device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
        client_cert: /etc/pki/sensors/1.pem
        device_identifier: sensor-1.rotterdam
      - device_id: 7c0a5d0b-92a4-4a52-8d5c-2f1e3b6a9c10
        client_cert: /etc/pki/sensors/2.pem
        fields:
          - name: Site
            value: Delft
    fields:
      - name: Site
        value: Rotterdam

- name: Set a field that the records do not list, by its name
  edgeops.digicert.digicert_iot_devices:
    devices: "{{ sensors }}"
    fields:
      - name: Owner
        value: harbor team
    field_ids:
      Owner: 0c2f9b1d-64c1-4d0b-8a55-0f1d7a1f9a21

- name: Limit the request rate and monitor progress
  edgeops.digicert.digicert_iot_devices:
    devices: "{{ sensors }}"
    fields:
      - name: Site
        value: Rotterdam
    max_requests_per_second: 3
    progress_path: /run/digicert-progress.json
    return_records: false
  async: 7200
  poll: 30
  register: sensor_records

- name: Show the errors of the devices that failed
  ansible.builtin.debug:
    msg: "{{ sensor_records.devices | selectattr('failed') | map(attribute='msg') }}"
"""

RETURN = r"""
devices:
  description:
    - The results of the devices, in the order of O(devices).
    - With O(return_records=false), only those of devices that changed, failed or have warnings.
  returned: always, unless the parameters are invalid
  type: list
  elements: dict
  contains:
    device_id:
      description: The ID of the device.
      type: str
    index:
      description: The position of the device in O(devices). The first position is V(0).
      returned: O(return_records=false)
      type: int
    changed:
      description: Whether the record changed, or would change in check mode.
      type: bool
    failed:
      description: Whether the device failed.
      type: bool
    msg:
      description: The error message of the device. Empty if the device did not fail.
      type: str
    warnings:
      description: Warnings about this device.
      type: list
      elements: str
    device:
      description: The device record, as M(edgeops.digicert.digicert_iot_device) returns it.
      returned: success and O(return_records=true)
      type: dict
    changed_fields:
      description: The names of the fields that changed, as M(edgeops.digicert.digicert_iot_device) returns them.
      returned: success
      type: list
      elements: str
    diff:
      description: The name and the fields before and after the update, as in M(edgeops.digicert.digicert_iot_device).
        With O(return_records=false), only the fields that differ.
      returned: success
      type: dict
    failure:
      description:
        - Machine-readable details of the error, as M(edgeops.digicert.digicert_iot_device) returns them.
        - With V(stopped), the task ended before it finished the device. RV(devices[].changed) is V(false) if the task
          sent no update for the device.
      returned: failure
      type: dict
  sample:
    - device_id: 5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7
      changed: true
      failed: false
      msg: ""
      warnings: []
      changed_fields:
        - Site
    - device_id: 7c0a5d0b-92a4-4a52-8d5c-2f1e3b6a9c10
      changed: false
      failed: true
      msg: "Device 7c0a5d0b-92a4-4a52-8d5c-2f1e3b6a9c10: client_key: /etc/pki/sensors/2.key cannot be read: No such file
        or directory on the host gateway-1."
      warnings: []
      failure:
        kind: invalid_parameters
        http_status:
        code:
        message:
        retries: 0
"""

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import PAIR_EXCLUSIONS
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import (
    devices_argument_spec,
    parse_devices,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.running import Job, result_of, run_jobs
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    module = Module(argument_spec=devices_argument_spec(), mutually_exclusive=PAIR_EXCLUSIONS, supports_check_mode=True)
    try:
        with unexpected_errors():
            tasks, limits = parse_devices(module.params)
            results = run_jobs(module, limits, Job(tasks, ensure_device))
    except DeviceManagerError as failure:
        module.fail_json(msg=str(failure), failure=failure.failure())
    outcome, summary = result_of(module, "devices", tasks, results)
    if summary:
        module.fail_json(msg=summary, **outcome)
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
