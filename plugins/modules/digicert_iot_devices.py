#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_devices
short_description: Keep the records of many devices in DigiCert IoT Device Manager true
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Does for many devices in one task what M(edgeops.digicert.digicert_iot_device) does for one, by the same rules and
    with the same messages. It is for gateways and pipelines that hold the certificates of many devices.
  - Each device comes with its own certificate over a connection of its own.
  - A device that fails stops no other, unless O(fail_fast=true). The task fails at its end when any device failed.
  - An error of the managed host, such as a lack of file descriptors, threads or disk space, is a failure of that device
    only. A device that makes no progress for 30 seconds plus twice its O(timeout) fails, too.
  - On SIGTERM, SIGINT or SIGHUP the task ends within seconds and returns the results so far.
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_gateways
    description: How a gateway keeps many devices, and sees how far it is.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.record
attributes:
  check_mode:
    description: In check mode only reads are sent, and the predicted records are returned.
    support: full
  diff_mode:
    description: Shows each device whose record changes, by its ID. Devices that do not change show nothing.
    support: full
options:
  devices:
    description:
      - The devices. Each can be listed once.
      - An entry has the options of M(edgeops.digicert.digicert_iot_device). Those that it does not have are the
        task's, whole, so that O(devices[].fields) replaces O(fields) and adds nothing to them.
      - An entry with a certificate or a key of its own takes neither from the task.
    type: list
    elements: dict
    required: true
    suboptions:
      device_id:
        description: The ID of the device.
        type: str
        required: true
      api_url:
        description: As O(api_url).
        type: str
      client_cert:
        description: As O(client_cert).
        type: path
      client_cert_content:
        description: As O(client_cert_content).
        type: str
      client_key:
        description: As O(client_key).
        type: path
      client_key_content:
        description: As O(client_key_content).
        type: str
      client_key_passphrase:
        description: As O(client_key_passphrase).
        type: str
      ca_path:
        description: As O(ca_path).
        type: path
      validate_certs:
        description: As O(validate_certs).
        type: bool
      timeout:
        description: As O(timeout).
        type: int
      retries:
        description: As O(retries).
        type: int
      use_proxy:
        description: As O(use_proxy).
        type: bool
      device_identifier:
        description: As O(device_identifier).
        type: str
      fields:
        description: As O(fields).
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
            description: As O(fields[].value).
            type: raw
          state:
            description: As O(fields[].state).
            type: str
            choices:
              - present
              - absent
            default: present
      secret_fields:
        description: As O(secret_fields).
        type: list
        elements: dict
        suboptions:
          id:
            description: As O(secret_fields[].id).
            type: str
          name:
            description: As O(secret_fields[].name).
            type: str
          value:
            description: As O(secret_fields[].value).
            type: raw
          state:
            description: As O(secret_fields[].state).
            type: str
            choices:
              - present
              - absent
            default: present
      purge_fields:
        description: As O(purge_fields).
        type: bool
      keep_fields:
        description: As O(keep_fields).
        type: list
        elements: str
      mask_fields:
        description: Refer to O(mask_fields).
        type: list
        elements: str
      on_read_denied:
        description: As O(on_read_denied).
        type: str
        choices:
          - fail
          - overwrite
  max_parallel:
    description: How many devices are worked on at a time, 1 to 100. One that waits before a retry is not counted.
    type: int
    default: 16
  max_requests_per_second:
    description:
      - How many requests are sent in a second at the most. If not set, there is no limit at first.
      - When the service says that there are too many (HTTP status 429), the task slows down for all devices and then
        finds out how much is taken.
      - An update follows the read of its record without a wait, and later reads wait for longer. Short bursts can
        therefore exceed the limit by up to O(max_parallel) requests, but the average does not.
    type: float
  fail_fast:
    description: Whether the first device that fails stops the task. Devices not tried by then fail too.
    type: bool
    default: false
  return_records:
    description:
      - Whether RV(devices[].device) is returned.
      - Ansible shows the whole result of a task that fails, which is long with the records of many devices.
    type: bool
    default: true
  progress_path:
    description:
      - A file in which to see how far the task is. It holds a JSON object with the numbers V(devices), V(done),
        V(changed) and V(failed), and is replaced each second, in check mode as well.
      - Its folder must exist.
    type: path
"""

EXAMPLES = r"""
- name: Keep the site of all sensors behind this gateway true
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

- name: Give each device values of its own, and what all have in common
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

- name: Go gently, and show how far it is
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
  register: kept

- name: Name the devices that failed
  ansible.builtin.debug:
    msg: "{{ kept.devices | selectattr('failed') | map(attribute='msg') }}"
"""

RETURN = r"""
devices:
  description: An entry for each device, in the order of O(devices).
  returned: unless the task itself is wrong
  type: list
  elements: dict
  contains:
    device_id:
      description: The ID of the device.
      type: str
    changed:
      description: Whether the record changed, or would change in check mode.
      type: bool
    failed:
      description: Whether the device failed.
      type: bool
    msg:
      description: What went wrong, or nothing.
      type: str
    warnings:
      description: What is to be said of the device beside that.
      type: list
      elements: str
    device:
      description: The record as M(edgeops.digicert.digicert_iot_device) returns it.
      returned: success, and O(return_records=true)
      type: dict
    changed_fields:
      description: The names of the fields that changed, as M(edgeops.digicert.digicert_iot_device) returns them.
      returned: success
      type: list
      elements: str
    diff:
      description: The name and the fields before and after, as M(edgeops.digicert.digicert_iot_device) returns them.
      returned: success
      type: dict
    failure:
      description:
        - As M(edgeops.digicert.digicert_iot_device) returns it.
        - The kind V(stopped) says that the task ended before the device was done, and that nothing was written for it.
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
        or directory."
      warnings: []
      failure:
        kind: invalid_parameters
        http_status:
        code:
        message:
        retries: 0
"""

import signal
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import devices_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import (
    Options,
    Result,
    diffs_of,
    read_devices,
    summary_of_failures,
    summary_of_warnings,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.progress import Progress
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.worker_pool import WorkerPool
from ansible_collections.edgeops.digicert.plugins.module_utils._client.rate_limiter import RateLimiter
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Pause
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import Contexts
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError, HostError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import secrets_of
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def _stop_on_signals(gateway: WorkerPool) -> None:
    """Let a signal that asks the process to end stop the gateway, so that the task returns its results."""

    def stop(number: int, _frame: t.Any) -> None:
        gateway.request_stop(f"The task received {signal.Signals(number).name}.", grace=5.0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A signal that the parent process ignores, as nohup does, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def _folder_of(module: Module) -> t.Callable[[], str]:
    """Return what returns the path of the module's temporary directory, or raises HostError if there is none.

    The directory is created at once, because AnsibleModule has no locks for threads that create it.
    """
    try:
        path = module.folder()
    except HostError as failure:
        message = str(failure)

        def fail() -> str:
            raise HostError(message)

        return fail
    return lambda: path


def main() -> None:
    module = Module(
        argument_spec={
            **devices_argument_spec(),
            "max_parallel": {"type": "int", "default": 16},
            "max_requests_per_second": {"type": "float"},
            "fail_fast": {"type": "bool", "default": False},
            "return_records": {"type": "bool", "default": True},
            "progress_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    task = module.params
    folder = _folder_of(module)

    def keep(device: Options, warn: t.Callable[[str], None], contexts: Contexts, pause: Pause) -> Result:
        result = ensure_device(device, folder, module.check_mode, warn, contexts, pause)
        if not task["return_records"]:
            del result["device"]
        return result

    try:
        with unexpected_errors():
            devices = read_devices(task)
            progress = Progress(task["progress_path"], len(devices), module.log)
            gateway = WorkerPool(
                devices, keep, task["max_parallel"], RateLimiter(task["max_requests_per_second"]), task["fail_fast"]
            )
            _stop_on_signals(gateway)
            results = gateway.run(progress.report)
            progress.report(results)
    except DeviceManagerError as failure:
        module.fail_json(msg=str(failure), failure=failure.details())
    # To search each text for each secret takes minutes with thousands of both. The secrets of a device are enough.
    results = [Redactor(secrets_of(device)).data(result) for device, result in zip(devices, results)]
    module.redactor = Redactor(secrets_of(task))
    for warning in summary_of_warnings(results):
        module.warn(warning)
    outcome = {
        "changed": any(result["changed"] for result in results),
        "devices": results,
        "invocation": {"module_args": {**task, "devices": [{"device_id": device["device_id"]} for device in devices]}},
        **({"diff": diffs_of(results)} if module._diff else {}),
    }
    summary = summary_of_failures(results)
    if summary:
        module.fail_json(msg=summary, **outcome)
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
