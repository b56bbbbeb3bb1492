#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_enrollment_profile_info
short_description: Read the field IDs
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Retrieves the fields that a certificate request for an enrollment profile of DigiCert IoT Device Manager can have,
    with their IDs.
  - The IDs of the fields of a device record are required for fields that a record does not list.
  - The API returns the fields of enrollment profiles with the method API or PORTAL only.
  - Requires an operator API key. Run the module on the controller, for example with C(delegate_to=localhost), so that
    the API key does not reach managed hosts.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.operator
  - edgeops.digicert.attributes.operator_group
  - edgeops.digicert.attributes.info
options:
  enrollment_profile_id:
    description: The ID of the enrollment profile, which begins with C(IOT_).
    type: str
    required: true
seealso:
  - module: edgeops.digicert.digicert_iot_registration
"""

EXAMPLES = r"""
- name: Retrieve the IDs of the fields of a device
  edgeops.digicert.digicert_iot_enrollment_profile_info:
    enrollment_profile_id: IOT_1a6d0f3c-5b7e-4c2d-9f10-8e7d6c5b4a39
    api_key: "{{ vault_digicert_api_key }}"
  register: profile

- name: Set a field that the record does not list
  edgeops.digicert.digicert_iot_registration:
    device_identifier: gate-7.harbor
    fields:
      - name: Site
        value: Rotterdam
    field_ids: "{{ profile.field_ids }}"
    api_key: "{{ vault_digicert_api_key }}"
"""

RETURN = r"""
enrollment_profile_id:
  description: The value of O(enrollment_profile_id).
  returned: always, unless Ansible rejects an option
  type: str
  sample: IOT_1a6d0f3c-5b7e-4c2d-9f10-8e7d6c5b4a39
fields:
  description:
    - The fields of a certificate request, with all keys that the API returns.
    - Each entry has C(id) and C(name), and usually C(type), C(mandatory), C(editable), C(update_from_csr) and
      C(value_type). A field without a name has the C(name) V(null).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f10
      name: Site
      type: DEVICE
      mandatory: false
      editable: true
      update_from_csr: false
field_ids:
  description:
    - The IDs of the fields of the device record, by field name.
    - A name that several fields share is omitted, and the module warns.
  returned: success
  type: dict
  sample:
    Site: 0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f10
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

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import operator_argument_spec, parse_operator
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_operator_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.operator_api import OperatorApi
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._record.enrollment_fields import field_ids_of
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    spec = {**operator_argument_spec(), "enrollment_profile_id": {"type": "str", "required": True}}
    module = Module(argument_spec=spec, supports_check_mode=True)
    profile_id = module.params["enrollment_profile_id"]
    try:
        with unexpected_errors():
            problems = id_problems(profile_id, "enrollment_profile_id", "an enrollment profile")
            session = open_operator_session(parse_operator(module.params), problems, module.runtime())
            fields = OperatorApi(session, module.redactor).enrollment_fields(profile_id)
            field_ids, warnings = field_ids_of(fields)
    except DeviceManagerError as failure:
        message = f"Enrollment profile {profile_id}: {failure}"
        module.fail_json(msg=message, enrollment_profile_id=profile_id, failure=failure.failure())
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, enrollment_profile_id=profile_id, fields=fields, field_ids=field_ids)


if __name__ == "__main__":
    main()
