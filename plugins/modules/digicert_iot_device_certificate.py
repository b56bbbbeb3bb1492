#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_certificate
short_description: Renew a device's own certificate at DigiCert IoT Device Manager
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Renews the certificate in O(client_cert) when it is due, with that certificate itself over mutual TLS.
  - When nothing is due, nothing is sent. In check mode nothing is sent in any case.
  - The new certificate replaces the old one only after it was seen to fit the key, and the service has let it in.
  - At every moment the files hold a pair that works, or one that the next run of any module of this collection
    completes by itself. R(The guide on renewal,ansible_collections.edgeops.digicert.docsite.guide_renewal) says how.
  - A certificate that has expired cannot renew itself.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.connection.device
attributes:
  check_mode:
    description: It says whether the certificate would be renewed, and neither asks for one nor makes a key.
    support: full
  diff_mode:
    description: Nobody knows a new certificate before it is issued.
    support: none
  safe_file_operations:
    description: Files are replaced by renames, and reach the disk before that.
    support: full
requirements:
  - cryptography >= 3.3
options:
  remaining_days:
    description:
      - The certificate is renewed when it is valid for fewer days than this.
      - Of a certificate whose whole life is no longer than this, half of the life counts, or every run would renew it.
      - Without this and O(remaining_percentage) it is 30.
    type: int
  remaining_percentage:
    description:
      - The certificate is renewed when less than this part of its life is left. Suits certificates with a short life.
      - Together with O(remaining_days) it is renewed at whichever comes first.
    type: int
  force:
    description: Renews the certificate in any case. Each run changes something then.
    type: bool
    default: false
  csr_path:
    description:
      - A file with the request for the new certificate (PKCS#10 in PEM form), made with the present key.
      - Without this and O(csr_content) a request is made from the key, with the subject and the alternative names of
        the present certificate. A key in hardware cannot be used for that.
    type: path
  csr_content:
    description: What O(csr_path) would hold. They exclude each other.
    type: str
  regenerate_key:
    description:
      - Whether a new key is made on this host for the new certificate. It never leaves the host.
      - If the old key is encrypted, the new key is encrypted with O(client_key_passphrase) too. If the old key is not
        encrypted, the new key is not either. A key that replaces one in hardware is encrypted if there is a passphrase.
      - Two files change then. R(The guide on renewal,ansible_collections.edgeops.digicert.docsite.guide_renewal) shows
        how to lay them so that even that is one step.
    type: bool
    default: false
  key_type:
    description: The kind of a new key. With V(same) it is that of the present one.
    type: str
    choices:
      - same
      - rsa_2048
      - rsa_3072
      - rsa_4096
      - ecdsa_p256
      - ecdsa_p384
      - ecdsa_p521
      - ed25519
    default: same
  certificate_profile_attributes:
    description: What the certificate's profile at DigiCert wants to know beside the request.
    type: list
    elements: dict
    suboptions:
      id:
        description: What it is called there, such as V(subject.organization_name).
        type: str
        required: true
      value:
        description: Its value.
        type: str
        required: true
  device_attributes:
    description: What the device's profile at DigiCert wants to know with a renewal.
    type: list
    elements: dict
    suboptions:
      id:
        description: The ID of the attribute.
        type: str
        required: true
      value:
        description: Its value.
        type: str
        required: true
  backup:
    description:
      - Whether to copy the files that change, under a name with the time, before a certificate is requested.
      - A renewal that fails removes the copies.
    type: bool
    default: false
  mode:
    description:
      - The mode of O(client_cert), as for M(ansible.builtin.file). This and the options like it are for that file only.
      - They are set before a certificate is requested. A file that is replaced keeps its owner, its mode and its
        extended attributes, and so does a key.
    type: raw
  owner:
    description: The name of the user who is to own O(client_cert).
    type: str
  group:
    description: The name of the group that is to own O(client_cert).
    type: str
  seuser:
    description: The user in the SELinux context of O(client_cert).
    type: str
  serole:
    description: The role in the SELinux context of O(client_cert).
    type: str
  setype:
    description: The type in the SELinux context of O(client_cert).
    type: str
  selevel:
    description: The level in the SELinux context of O(client_cert), which is the range of MLS or MCS.
    type: str
notes:
  - The API names no way to look for a request that waits for approval, so each run asks for another certificate.
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_renewal
    description: What happens when it is due, and what a crash leaves behind.
  - module: edgeops.digicert.digicert_iot_device
  - module: community.crypto.x509_certificate_info
"""

EXAMPLES = r"""
- name: Renew the certificate when it is valid for less than 30 days
  edgeops.digicert.digicert_iot_device_certificate:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
  notify: Restart what uses the certificate

- name: Renew it when a third of its life is left, and make a new key each time
  edgeops.digicert.digicert_iot_device_certificate:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    client_cert: /etc/pki/device/current/device.pem
    client_key: /etc/pki/device/current/device.key
    remaining_percentage: 33
    regenerate_key: true
    key_type: ecdsa_p256

- name: Renew a certificate whose key is in a TPM, with a request that openssl made
  edgeops.digicert.digicert_iot_device_certificate:
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.tss
    csr_path: /etc/pki/device/device.csr
  environment:
    OPENSSL_CONF: /etc/pki/device/openssl-tpm2.cnf
"""

RETURN = r"""
device_id:
  description: The ID of the device, as the task gave it.
  returned: always, unless Ansible itself rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
should_renew:
  description: Whether the certificate was due. In check mode a certificate that is due is still the old one.
  returned: success
  type: bool
reason:
  description: Why it was due or was not, as a sentence.
  returned: success
  type: str
  sample: The certificate is valid for another 12.3 days, 13 % of its life, and remaining_days is 30.
certificate:
  description: What the certificate says that is in O(client_cert) after the run.
  returned: success
  type: dict
  contains:
    subject:
      description: The name of the device in the certificate, as RFC 4514 writes it.
      type: str
    serial_number:
      description: The serial number.
      type: int
    not_before:
      description: From when on it is valid, in UTC.
      type: str
    not_after:
      description: Until when it is valid, in UTC.
      type: str
    fingerprint:
      description: The SHA-256 of the certificate, in hexadecimal digits.
      type: str
    remaining_days:
      description: For how many whole days it is still valid. Negative when it has expired.
      type: int
  sample:
    subject: CN=gate-7.harbour
    serial_number: 61282742302733498421203443021221
    not_before: "2026-11-01T00:00:00Z"
    not_after: "2027-02-01T00:00:00Z"
    fingerprint: 3fb1c7d2a80b46a7f6d1f4c4b1c5f1a1b0d5b9d6e6f0c4b1a2938475665748aa
    remaining_days: 70
certificate_id:
  description: What the service calls the new certificate.
  returned: when a certificate was issued
  type: str
certificate_request_id:
  description: What the service calls the request for it.
  returned: when a certificate was issued, or waits for approval
  type: str
backup_files:
  description: The copies of the files that were replaced.
  returned: when O(backup=true) and something was replaced
  type: list
  elements: str
failure:
  description:
    - What went wrong, for programs. RV(ignore:msg) says it for people.
    - Its keys are those of M(edgeops.digicert.digicert_iot_device). RV(failure.kind) can also be
      V(renewal_denied), V(renewal_pending), V(renewal_unverified) or V(file_write_failed).
  returned: failure, unless Ansible itself rejects an option
  type: dict
  contains:
    kind:
      description: What kind of failure it is.
      type: str
  sample:
    kind: renewal_denied
    http_status: 403
    code: access_denied
    message: The device may not renew its certificate
    retries: 0
"""

import datetime
import os
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import connection_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import remaining_days
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import KEY_TYPES
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.renewal import renew_when_due
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def main() -> None:
    attribute_spec: dict[str, dict[str, t.Any]] = {
        "id": {"type": "str", "required": True},
        "value": {"type": "str", "required": True},
    }
    # It can be an enrollment code, but the other attributes are in the certificate.
    device_attribute_spec = {**attribute_spec, "value": {**attribute_spec["value"], "no_log": True}}
    module = Module(
        argument_spec={
            **connection_argument_spec(),
            "remaining_days": {"type": "int"},
            "remaining_percentage": {"type": "int"},
            "force": {"type": "bool", "default": False},
            "csr_path": {"type": "path"},
            "csr_content": {"type": "str"},
            "regenerate_key": {"type": "bool", "default": False},
            "key_type": {"type": "str", "choices": list(KEY_TYPES), "default": "same"},
            "certificate_profile_attributes": {"type": "list", "elements": "dict", "options": attribute_spec},
            "device_attributes": {"type": "list", "elements": "dict", "options": device_attribute_spec},
            "backup": {"type": "bool", "default": False},
            "mode": {"type": "raw"},
            **{name: {"type": "str"} for name in ("owner", "group", "seuser", "serole", "setype", "selevel")},
        },
        supports_check_mode=True,
    )
    options = module.params
    warnings: set[str] = set()

    def warn(text: str) -> None:
        # The same pair is loaded more than once.
        if text not in warnings:
            warnings.add(text)
            module.warn(text)

    def connect(changes: dict[str, t.Any]) -> t.Any:
        # What talks to the network takes as long to load as all else, and is needed a few times a year.
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi

        changed_options = {**options, **changes}
        session = open_session(changed_options, [], module.folder, warn)
        return DeviceApi(session, options["device_id"], module.redactor)

    def set_attributes() -> bool:
        path = os.path.realpath(options["client_cert"])
        file_options = module.load_file_common_arguments(options, path=path)
        return bool(module.set_fs_attributes_if_different(file_options, False))

    try:
        with unexpected_errors():
            outcome = renew_when_due(options, connect, set_attributes, module.check_mode, warn)
    except DeviceManagerError as failure:
        request_id = getattr(failure, "certificate_request_id", None)
        module.fail_json(**failure.result(options["device_id"]), certificate_request_id=request_id)
    facts = outcome.facts._asdict()
    facts["remaining_days"] = remaining_days(outcome.facts.not_after, datetime.datetime.now(datetime.timezone.utc))
    for name in ("not_before", "not_after"):
        facts[name] = f"{facts[name]:%Y-%m-%dT%H:%M:%SZ}"
    renewal = outcome.renewal
    module.exit_json(
        device_id=options["device_id"],
        changed=outcome.changed,
        should_renew=outcome.decision.should_renew,
        reason=outcome.decision.reason,
        certificate=facts,
        **({} if renewal is None else {key: value for key, value in renewal._asdict().items() if key != "pem"}),
        **({"backup_files": outcome.backup_files} if outcome.backup_files else {}),
    )


if __name__ == "__main__":
    main()
