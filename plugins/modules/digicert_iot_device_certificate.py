#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_certificate
short_description: Renew a certificate
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Renews the certificate of a device in O(client_cert) with DigiCert IoT Device Manager, when the certificate is due
    for renewal. The device authenticates with that certificate (mutual TLS).
  - The module uses the API of DigiCert IoT Device Manager, or the open standard EST (RFC 7030) with O(est_url). EST is
    also for devices in DigiCert Device Trust Manager, and for other CAs.
  - If the certificate is not due, the module sends no request. In check mode, it never sends a request.
  - The module replaces the certificate file only after it verified that the new certificate matches the private key
    and that the API accepts it.
  - Replacing the files is crash-safe. If a run is interrupted, the files still contain a matching certificate and key,
    or the next run of any module of this collection completes the replacement. Refer to
    L(the guide on renewal,https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_renewal.rst).
  - An expired certificate cannot be renewed, because the device can no longer authenticate with it.
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.connection.certificate
  - edgeops.digicert.connection.device
  - edgeops.digicert.attributes.device_group
  - edgeops.digicert.certificate_request
  - edgeops.digicert.est
attributes:
  check_mode:
    description: Reports whether the certificate would be renewed. Does not request a certificate and does not generate
      a key.
    support: full
  idempotent:
    description: A second run with the same parameters requests no certificate while the certificate is not due.
    support: partial
    details:
      - With O(force=true), each run renews the certificate.
      - While a request requires approval, each run sends another request and fails.
      - With O(est_url), each run repeats the same request until it is approved. It sends no request before the time
        that the server sets, which is at most a day later.
options:
  device_id:
    description:
      - The ID of the device, which never changes. The web console of DigiCert IoT Device Manager shows it.
      - The module verifies the new certificate by reading the record of this device.
      - One of O(device_id) and O(est_url) is required. With O(est_url) and without O(device_id), the module verifies
        the new certificate by reading the CA certificates of the EST server.
      - If not set, the environment variable E(DIGICERT_IOT_DEVICE_ID) is used.
    type: str
  remaining_days:
    description:
      - The renewal threshold in days. The module renews the certificate if it is valid for fewer days.
      - If the validity period of the certificate is not longer than this value, half of the validity period is used as
        the threshold. Otherwise every run would renew the certificate.
      - If neither this option nor O(remaining_percentage) is set, the threshold is 30 days.
    type: int
  remaining_percentage:
    description:
      - The renewal threshold as a percentage of the validity period. The module renews the certificate if a smaller
        part of its validity period remains. Use it for certificates with a short validity period.
      - If O(remaining_days) is set too, the module renews the certificate at the earlier of the two thresholds.
    type: int
  force:
    description: Whether to renew the certificate even if it is not due. Each run then changes the certificate.
    type: bool
    default: false
  csr_path:
    description:
      - The path of a file with the certificate signing request (CSR) in PEM form. The CSR must be signed with the
        current private key.
      - If neither this option nor O(csr_content) is set, the module creates a CSR with the current private key. The CSR
        has the subject and the subject alternative names of the current certificate.
      - The module cannot create a CSR for a hardware key.
    type: path
  regenerate_key:
    description:
      - Whether to generate a new private key for the new certificate. The module generates the key on the managed host
        and never sends it.
      - If the current key is encrypted, the module encrypts the new key with O(client_key_passphrase). If the current
        key is not encrypted, the module does not encrypt the new key.
      - A key that replaces a hardware key is encrypted if O(client_key_passphrase) is set.
      - The module then replaces two files. The guide on renewal shows a directory layout that makes the replacement
        atomic.
    type: bool
    default: false
  key_type:
    description: The type of a new key. V(same) is the type of the current key.
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
  device_attributes:
    description:
      - Additional attributes that the device profile requires for a renewal.
      - O(est_url) and O(device_attributes) are mutually exclusive.
    type: list
    elements: dict
    suboptions:
      id:
        description: The ID of the attribute.
        type: str
        required: true
      value:
        description: The value of the attribute.
        type: str
        required: true
  backup:
    description:
      - Whether to back up the files that change, before the module requests a certificate. The file name of a backup
        contains a timestamp.
      - If the renewal fails, the module removes the backups.
    type: bool
    default: false
notes:
  - Define each handler that the task notifies in the same play. Ansible looks up a handler only when a task changes
    something, so a play without the handler stops at the first renewal, after the module replaced the files.
  - The API has no operation that finds a request that requires approval, so each run sends another request.
  - With O(est_url), a new key, the CSR and the issued certificate are in a file with the suffix C(.unfinished) next to
    O(client_key) until the renewal is finished. Its mode is C(0600). The next run with the same parameters uses this
    file. A run with other parameters that requests a certificate by EST renames it to a name that ends in C(~), and
    warns.
seealso:
  - name: Renew device certificates
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_renewal.rst
    description: The steps of a renewal, and its crash safety.
  - module: edgeops.digicert.digicert_iot_device
  - module: community.crypto.x509_certificate_info
"""

EXAMPLES = r"""
- name: Renew the certificates of the edge hosts
  hosts: edge
  tasks:
    - name: Renew the certificate when it is valid for fewer than 30 days
      edgeops.digicert.digicert_iot_device_certificate:
        device_id: "{{ digicert_iot_device_id }}"
        client_cert: /etc/pki/device/device.pem
        client_key: /etc/pki/device/device.key
      notify: Restart the gateway with the new certificate
  handlers:
    # Without this handler, the play would stop at the first renewal, after the files were replaced.
    - name: Restart the gateway with the new certificate
      ansible.builtin.service:
        name: gateway
        state: restarted

- name: Renew the certificates of other hosts
  hosts: sensors
  tasks:
    - name: Renew the certificate with a new key when a third of its validity period remains
      edgeops.digicert.digicert_iot_device_certificate:
        device_id: "{{ digicert_iot_device_id }}"
        client_cert: /etc/pki/device/current/device.pem
        client_key: /etc/pki/device/current/device.key
        remaining_percentage: 33
        regenerate_key: true
        key_type: ecdsa_p256

    - name: Renew the certificate of a TPM key with a CSR from openssl
      edgeops.digicert.digicert_iot_device_certificate:
        device_id: "{{ digicert_iot_device_id }}"
        client_cert: /etc/pki/device/device.pem
        client_key: /etc/pki/device/device.tss
        csr_path: /etc/pki/device/device.csr
      environment:
        OPENSSL_CONF: /etc/pki/device/openssl-tpm2.cnf

    - name: Renew the certificate with a new key by EST
      edgeops.digicert.digicert_iot_device_certificate:
        client_cert: /etc/pki/device/device.pem
        client_key: /etc/pki/device/device.key
        est_url: "{{ est_url }}"
        regenerate_key: true
"""

RETURN = r"""
device_id:
  description: The ID of the device from O(device_id). V(null) without O(device_id).
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
should_renew:
  description: Whether the certificate was due, or O(force=true). In check mode, whether it would be renewed. V(false)
    if another client renewed the certificate during the task.
  returned: success
  type: bool
reason:
  description: The reason why the certificate was due or was not due, as a sentence.
  returned: success
  type: str
  sample: The certificate is valid for 12.3 more days, 13 % of its validity period, and remaining_days is 30.
diff:
  description: The device and RV(reason), which Ansible prints in diff mode without C(-v).
  returned: success, in diff mode, if a certificate is requested
  type: dict
  sample:
    prepared: "Renewal of the certificate of device 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11:
      The certificate expired on 2026-02-01 00:00 UTC."
certificate:
  description: The certificate in O(client_cert) after the task.
  returned: success
  type: dict
  contains:
    subject:
      description: The subject of the certificate, in the notation of RFC 4514.
      type: str
    serial_number:
      description: The serial number of the certificate.
      type: int
    not_before:
      description: The start of the validity period, in UTC.
      type: str
    not_after:
      description: The end of the validity period, in UTC.
      type: str
    fingerprint:
      description: The SHA-256 fingerprint of the certificate, in hexadecimal digits.
      type: str
    remaining_days:
      description: The number of whole days until the certificate expires. Negative if it has expired.
      type: int
  sample:
    subject: CN=gate-7.harbor
    serial_number: 61282742302733498421203443021221
    not_before: "2026-11-01T00:00:00Z"
    not_after: "2027-02-01T00:00:00Z"
    fingerprint: 3fb1c7d2a80b46a7f6d1f4c4b1c5f1a1b0d5b9d6e6f0c4b1a2938475665748aa
    remaining_days: 70
certificate_id:
  description: The ID of the new certificate in the API. V(null) with O(est_url).
  returned: when a certificate was issued
  type: str
certificate_request_id:
  description: The ID of the certificate request in the API. V(null) with O(est_url).
  returned: when a certificate was issued or the request requires approval
  type: str
backup_files:
  description: The paths of the backups of the replaced files.
  returned: when O(backup=true) and files were replaced
  type: list
  elements: str
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys are those of M(edgeops.digicert.digicert_iot_device). RV(failure.kind) can also be
      V(renewal_denied), V(certificate_pending), V(certificate_unverified) or V(file_write_failed).
    - With V(invalid_parameters), the CSR can also lack an attribute that the EST server requests. The message describes
      the attribute.
    - RV(ignore:changed) is V(true) if the task changed files before it failed. With V(file_write_failed), this is
      possible because the replacement of the files can fail after it started.
    - With all kinds except V(internal_error), RV(ignore:changed) is also V(true) if the task completed an interrupted
      renewal, or changed the owner or mode of O(client_cert).
  returned: failure, unless Ansible rejects an option
  type: dict
  contains:
    kind:
      description: The kind of the error.
      type: str
  sample:
    kind: renewal_denied
    http_status: 403
    code: access_denied
    message: The device may not renew its certificate
    retries: 0
"""

import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    PAIR_EXCLUSIONS,
    Credentials,
    connection_argument_spec,
    file_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import EST_REQUIREMENTS
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import reason_diff
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    CSR_EXCLUSION,
    EST_EXCLUSIONS,
    renewal_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.est import EstServer
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis, Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.renewal import (
    RenewalResult,
    RenewalTask,
    parse_renewal_task,
    renew_when_due,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def _result_of(outcome: RenewalResult) -> dict[str, t.Any]:
    """Return the result of the module."""
    return {
        "changed": outcome.changed,
        "should_renew": outcome.decision.should_renew,
        "reason": outcome.decision.reason,
        "certificate": outcome.facts.result(datetime.datetime.now(datetime.timezone.utc)),
        **({} if outcome.renewal is None else outcome.renewal.ids()),
        **({"backup_files": outcome.backup_files} if outcome.backup_files else {}),
    }


def _apis_of(task: RenewalTask, module: Module, runtime: Runtime) -> Apis:
    """Return the functions for the requests of the task."""
    est = None if task.est is None else EstServer(task.est, task.credentials, runtime, module.redactor)

    # The network code takes as long to load as all other code, and few runs require it.
    def open_device(credentials: Credentials) -> t.Any:
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi

        session = open_session(task.connection, credentials, [], runtime)
        return DeviceApi(session, str(task.device_id), module.redactor)

    def open_issuer() -> Issuer:
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
            certificate_connection_problems,
        )

        if est is not None:
            return est.issuer([] if task.device_id is None else certificate_connection_problems(task.connection))
        api = open_device(task.credentials)
        return Issuer(lambda csr: api.renew({"csr": csr, **task.options.attributes}))

    def read(credentials: Credentials) -> object:
        if est is None or task.device_id is not None:
            return open_device(credentials).read()
        est.read(credentials)
        return None

    return Apis(open_issuer, read, None if est is None else est.ca_certificates)


def main() -> None:
    module = Module(
        argument_spec={
            **connection_argument_spec(),
            **renewal_argument_spec(),
            **file_argument_spec(),
        },
        mutually_exclusive=[*PAIR_EXCLUSIONS, CSR_EXCLUSION, *EST_EXCLUSIONS],
        required_by=EST_REQUIREMENTS,
        supports_check_mode=True,
    )
    task = parse_renewal_task(module.params)
    name = task.device_id or task.credentials.client_cert
    # The same pair is loaded more than once.
    runtime = module.runtime(name, repeat_warnings=False)

    def set_attributes() -> bool:
        return module.set_file_attributes(str(task.credentials.client_cert))

    try:
        with unexpected_errors():
            outcome = renew_when_due(task, _apis_of(task, module, runtime), set_attributes, runtime)
    except DeviceManagerError as failure:
        request_id = getattr(failure, "certificate_request_id", None)
        result = {**failure.result(name), "device_id": task.device_id, "certificate_request_id": request_id}
        module.fail_json(**result)
    result = _result_of(outcome)
    if module._diff and outcome.decision.should_renew:
        result["diff"] = reason_diff(f"Renewal of the certificate of device {name}", outcome.decision.reason)
    module.exit_json(device_id=task.device_id, **result)


if __name__ == "__main__":
    main()
