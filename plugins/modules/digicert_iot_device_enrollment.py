#!/usr/bin/python

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digicert_iot_device_enrollment
short_description: Enroll a device
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Requests the first certificate of a device from DigiCert IoT Device Manager, and stores it with its private key on
    the managed host. The request creates the record of the device, or attaches the certificate to the record with this
    name.
  - The module authenticates with a passcode, an API key, or a birth certificate.
  - The module uses the API of DigiCert IoT Device Manager, or the open standard EST (RFC 7030) with O(est_url). EST is
    also for devices in DigiCert Device Trust Manager, and for other CAs. By EST, the CSR names the device.
  - If O(client_cert) and O(client_key) are a pair that has not expired, the module sends no request. In check mode, it
    never sends a request.
  - A pair that has expired is enrolled again, because an expired certificate cannot be renewed.
  - The module generates the private key on the managed host, stores it before it sends the request, and never sends it.
    If a run is interrupted, or if the response is lost, the next run uses the same key.
  - Installing the files is crash-safe, as for M(edgeops.digicert.digicert_iot_device_certificate).
extends_documentation_fragment:
  - edgeops.digicert.connection
  - edgeops.digicert.attributes.device_group
  - edgeops.digicert.certificate_request
  - edgeops.digicert.est
attributes:
  check_mode:
    description: Reports whether the device would be enrolled. Does not request a certificate and does not generate a
      key. Files, options and the storage are checked as without check mode. If a directory does not exist, the module
      warns, because an earlier task can be the one that creates it.
    support: full
  idempotent:
    description: A second run with the same parameters requests no certificate while the certificate is valid.
    support: partial
    details:
      - While a request requires approval, each run sends another request for the same key and fails.
      - With O(est_url), each run repeats the same request until it is approved. It sends no request before the time
        that the server sets, which is at most a day later.
options:
  client_cert:
    description:
      - The path of the certificate. The certificate is first, followed by its chain.
      - The directory must exist. The mode of a new file is C(0644), or C(0600) if it contains the private key.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_CERT) is used.
    type: path
    required: true
  client_key:
    description:
      - The path of the private key. The mode of a new file is C(0600). The directory must exist.
      - If it is not set, or if it is the same file as O(client_cert), that file contains the certificate and the key.
      - If there is a key and no certificate, the module keeps the key and requests a certificate for it.
      - With O(csr_path) or O(csr_content), it is the key of the CSR, or a file that refers to a key in hardware.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY) is used.
    type: path
  client_key_passphrase:
    description:
      - The passphrase of the private key. If it is set, the module encrypts a new key with it.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY_PASSPHRASE) is used.
    type: str
  key_type:
    description: The type of a new key.
    type: str
    choices:
      - rsa_2048
      - rsa_3072
      - rsa_4096
      - ecdsa_p256
      - ecdsa_p384
      - ecdsa_p521
      - ed25519
    default: ecdsa_p256
  csr_path:
    description:
      - The path of a file with the certificate signing request (CSR) in PEM form, for a key in hardware. The module
        then generates no key.
      - If neither this option nor O(csr_content) is set, the module creates a CSR.
    type: path
  subject:
    description:
      - The subject of the CSR, as a dictionary from the name or the OID of an attribute to its value, for example C(O)
        or C(organizationName). For several values of an attribute, set a list. The notation is that of
        M(community.crypto.openssl_csr).
      - The common name defaults to O(device_identifier). The enrollment profile can replace the subject.
      - Mutually exclusive with O(csr_path) and O(csr_content).
    type: dict
  subject_alt_name:
    description:
      - The subject alternative names of the CSR, each with the prefix C(DNS:), C(IP:), C(URI:) or C(email:).
      - Mutually exclusive with O(csr_path) and O(csr_content).
    type: list
    elements: str
  enrollment_profile_id:
    description:
      - The ID of the enrollment profile, for example C(IOT_6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11).
      - One of O(enrollment_profile_id) and O(est_url) is required. They are mutually exclusive.
    type: str
  device_identifier:
    description:
      - The name of the device, of 1 to 255 characters. The request has it as the attribute C(DEVICE_IDENTIFIER).
      - With O(est_url), only the CSR has it, as the common name of the subject. A CSR in O(csr_path) or O(csr_content)
        must have the name that the server expects.
    type: str
    required: true
  device_attributes:
    description:
      - Additional attributes of the device, such as fields of its record. They replace the values in the record.
      - Do not list C(DEVICE_IDENTIFIER).
      - O(est_url) and O(device_attributes) are mutually exclusive.
    type: list
    elements: dict
    suboptions:
      id:
        description: The ID of the attribute. For a field, it is the ID of the field.
        type: str
        required: true
      value:
        description: The value of the attribute.
        type: str
        required: true
  passcode:
    description:
      - The passcode of the enrollment profile.
      - One of O(passcode), O(api_key), O(birth_cert) and O(birth_cert_content) is required. They are mutually
        exclusive.
      - With O(est_url), it is the password of HTTP Basic authentication.
    type: str
  est_username:
    description:
      - The username of HTTP Basic authentication, if the EST server requires one. The default is an empty username.
      - Requires O(est_url) and O(passcode).
    type: str
  api_key:
    description:
      - The API key of an operator. Prefer a passcode on devices, because an API key has more permissions.
      - O(est_url) and O(api_key) are mutually exclusive.
    type: str
  birth_cert:
    description:
      - The path of a birth certificate in PEM form, followed by its chain. It is a certificate that is registered to
        the enrollment profile. The file can also contain the private key.
      - The file must be neither O(client_cert) nor O(client_key), because an enrollment can replace those files.
    type: path
  birth_cert_content:
    description: The content of O(birth_cert), for example from a vault.
    type: str
  birth_key:
    description:
      - The path of the private key of O(birth_cert). Not required if O(birth_cert) contains the key.
      - It can be O(client_key) only with O(csr_path) or O(csr_content), for a key in hardware.
    type: path
  birth_key_content:
    description: The content of O(birth_key), for example from a vault. O(birth_key) and O(birth_key_content) are
      mutually exclusive.
    type: str
  birth_key_passphrase:
    description: The passphrase of O(birth_key). Required if that key is encrypted.
    type: str
  device_id:
    description:
      - The ID of the device. If it is set, the module verifies the new certificate before it installs the files. It
        reads the record of the device with the new certificate, up to O(retries) times again.
      - Omit it if the device has no read access to its record, if the ID is unknown, or if the device has no record in
        DigiCert IoT Device Manager.
      - If not set, the environment variable E(DIGICERT_IOT_DEVICE_ID) is used.
    type: str
  api_url:
    description:
      - The base URL of the API for the enrollment. Only V(https) is supported.
      - The default is V(https://one.digicert.com) with O(passcode) or O(api_key), and
        V(https://clientauth.one.digicert.com) with O(birth_cert) or O(birth_cert_content).
      - With O(passcode) or O(api_key), the module removes the prefix C(clientauth.) of the hostname. You can set the
        URL of the device API of your region, as for the other modules of the action group.
      - With O(est_url), the enrollment does not use it. It is then only the default of O(device_api_url).
      - If not set, the environment variable E(DIGICERT_IOT_API_URL) is used.
    type: str
  device_api_url:
    description:
      - The base URL of the device API, with which the module verifies the new certificate.
      - The default is O(api_url), with the prefix C(clientauth.) of the hostname.
    type: str
  reenroll_expired:
    description: Whether to enroll again if the certificate has expired. If V(false), an expired certificate is an
      error.
    type: bool
    default: true
  force:
    description:
      - Whether to replace files that are no valid pair, such as a key that does not match the certificate, or a file
        that is not PEM. The module backs up the files that it replaces.
      - A pair that is valid is never replaced.
    type: bool
    default: false
notes:
  - Each request can issue a certificate, so the module sends it once. It retries only if the API did not process the
    request.
  - Until an enrollment is finished, the key, the CSR and the issued certificate are in a file with the suffix
    C(.unfinished) next to O(client_key), with the mode C(0600). The next run with the same parameters uses this file.
    A run with other parameters that requests a certificate renames it to a name that ends in C(~), and warns.
seealso:
  - name: Configure mutual TLS
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_mutual_tls.rst
    description: How to store certificates and keys, and the hosts of each region.
  - module: edgeops.digicert.digicert_iot_device_certificate
  - module: community.crypto.openssl_csr
"""

EXAMPLES = r"""
- name: Enroll the device with a passcode
  edgeops.digicert.digicert_iot_device_enrollment:
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    enrollment_profile_id: IOT_0c9b6a52-6a5e-4bfb-9c3f-51a4b5c1d0e2
    device_identifier: gate-7.harbor
    passcode: "{{ passcode }}"

- name: Enroll the device with a birth certificate and verify the new certificate
  edgeops.digicert.digicert_iot_device_enrollment:
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    enrollment_profile_id: IOT_0c9b6a52-6a5e-4bfb-9c3f-51a4b5c1d0e2
    device_identifier: gate-7.harbor
    device_id: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
    birth_cert: /etc/pki/factory/birth.pem
    birth_key: /etc/pki/factory/birth.key

- name: Enroll the device in the Netherlands, with names in the certificate and a field of the record
  edgeops.digicert.digicert_iot_device_enrollment:
    api_url: https://one.nl.digicert.com
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    key_type: rsa_3072
    enrollment_profile_id: IOT_0c9b6a52-6a5e-4bfb-9c3f-51a4b5c1d0e2
    device_identifier: gate-7.harbor
    subject:
      O: Port of Rotterdam
    subject_alt_name:
      - DNS:gate-7.harbor.example
    device_attributes:
      - id: 4ab7f0f5-94a3-4b29-a1c5-5b6a52c9d3f8
        value: "40071"
    passcode: "{{ passcode }}"

- name: Enroll the device with a key in a TPM
  edgeops.digicert.digicert_iot_device_enrollment:
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.tss
    csr_path: /etc/pki/device/device.csr
    enrollment_profile_id: IOT_0c9b6a52-6a5e-4bfb-9c3f-51a4b5c1d0e2
    device_identifier: gate-7.harbor
    passcode: "{{ passcode }}"

- name: Enroll the device with a passcode by EST
  edgeops.digicert.digicert_iot_device_enrollment:
    client_cert: /etc/pki/device/device.pem
    client_key: /etc/pki/device/device.key
    device_identifier: gate-7.harbor
    est_url: "{{ est_url }}"
    passcode: "{{ passcode }}"
    ca_path: /etc/ssl/certs/ca-certificates.crt
    ca_certs_path: /etc/pki/device/ca.pem
"""

RETURN = r"""
device_id:
  description: The ID of the device from O(device_id), or from the response of the API. V(null) if neither has a valid
    one.
  returned: always, unless Ansible rejects an option
  type: str
  sample: 6f2b1f6e-9a9c-4f0b-8a3e-0d5f6f3f7c11
device_identifier:
  description: The name of the device from O(device_identifier).
  returned: always, unless Ansible rejects an option
  type: str
  sample: gate-7.harbor
should_enroll:
  description: Whether the device was enrolled. In check mode, whether it would be enrolled.
  returned: success
  type: bool
reason:
  description: The reason why the device was or was not enrolled, as a sentence.
  returned: success
  type: str
  sample: The certificate expired on 2026-02-01 00:00 UTC.
diff:
  description: The device and RV(reason), which Ansible prints in diff mode without C(-v).
  returned: success, in diff mode, if a certificate is requested
  type: dict
  sample:
    prepared: "Enrollment of device gate-7.rotterdam:
      The certificate expired on 2026-02-01 00:00 UTC."
certificate:
  description: The certificate in O(client_cert) after the task. V(null) in check mode if there is none.
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
  returned: when O(force=true) and files were replaced
  type: list
  elements: str
failure:
  description:
    - Machine-readable details of the error. The human-readable message is in RV(ignore:msg).
    - The keys and kinds are those of M(edgeops.digicert.digicert_iot_device_certificate), with V(enrollment_denied) or
      V(api_key_rejected) instead of V(renewal_denied).
    - With V(invalid_parameters), the files can also be no valid pair, or the CSR can lack an attribute that the EST
      server requests. The message describes the cause.
    - RV(ignore:changed) is V(true) if the task changed files before it failed. With V(file_write_failed), this is
      possible because the installation of the files can fail after it started.
    - With all kinds except V(internal_error), RV(ignore:changed) is also V(true) if the task completed an interrupted
      installation, or changed the owner or mode of O(client_cert).
  returned: failure, unless Ansible rejects an option
  type: dict
  contains:
    kind:
      description: The kind of the error.
      type: str
  sample:
    kind: enrollment_denied
    http_status: 403
    code: access_denied
    message: The passcode has expired
    retries: 0
"""

import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Credentials,
    file_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_options import (
    CSR_EXCLUSIONS,
    ENROLLMENT_CREDENTIALS,
    EST_EXCLUSIONS,
    EST_REQUIREMENT,
    enrollment_argument_spec,
    enrollment_connection_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import EST_REQUIREMENTS
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import reason_diff
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.enrollment import (
    EnrollmentResult,
    EnrollmentTask,
    enroll_when_needed,
    parse_enrollment_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.est import EstServer
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis, Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import unexpected_errors


def _result_of(outcome: EnrollmentResult) -> dict[str, t.Any]:
    """Return the result of the module, without its device."""
    facts = outcome.facts
    return {
        "changed": outcome.changed,
        "should_enroll": outcome.decision.should_enroll,
        "reason": outcome.decision.reason,
        "certificate": None if facts is None else facts.result(datetime.datetime.now(datetime.timezone.utc)),
        **({} if outcome.issued is None else outcome.issued.ids()),
        **({"backup_files": outcome.backup_files} if outcome.backup_files else {}),
    }


def _apis_of(task: EnrollmentTask, module: Module, runtime: Runtime) -> Apis:
    """Return the functions for the requests of the task."""
    est = None if task.est is None else EstServer(task.est, task.credential, runtime, module.redactor)

    # The network code takes as long to load as all other code, and few runs require it.
    def open_issuer() -> Issuer:
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
            certificate_connection_problems,
            open_enrollment_session,
        )
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.enrollment_api import EnrollmentApi

        problems = [] if task.device_id is None else certificate_connection_problems(task.device_connection)
        if est is not None:
            return est.issuer(problems)
        session = open_enrollment_session(task.connection, task.credential, problems, runtime)
        return Issuer(EnrollmentApi(session, task.credential, task.options.payload, module.redactor).request)

    def read_record(credentials: Credentials) -> object:
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi

        session = open_session(task.device_connection, credentials, [], runtime)
        return DeviceApi(session, str(task.device_id), module.redactor).read()

    return Apis(open_issuer, read_record, None if est is None else est.ca_certificates)


def main() -> None:
    module = Module(
        argument_spec={
            **enrollment_connection_argument_spec(),
            **enrollment_argument_spec(),
            **file_argument_spec(),
        },
        mutually_exclusive=[
            ENROLLMENT_CREDENTIALS,
            ("birth_key", "birth_key_content"),
            *CSR_EXCLUSIONS,
            *EST_EXCLUSIONS,
        ],
        required_one_of=[ENROLLMENT_CREDENTIALS, EST_REQUIREMENT],
        required_by={**EST_REQUIREMENTS, "est_username": ("est_url", "passcode")},
        supports_check_mode=True,
    )
    task = parse_enrollment_task(module.params)
    # The same pair is loaded more than once.
    runtime = module.runtime(task.device_identifier, repeat_warnings=False)

    named = {"device_id": task.device_id, "device_identifier": task.device_identifier}
    try:
        with unexpected_errors():
            outcome = enroll_when_needed(task, _apis_of(task, module, runtime), module.set_file_attributes, runtime)
    except DeviceManagerError as failure:
        request_id = getattr(failure, "certificate_request_id", None)
        result = {**failure.result(task.device_identifier), **named, "certificate_request_id": request_id}
        module.fail_json(**result)
    result = {**named, "device_id": task.device_id or outcome.device_id, **_result_of(outcome)}
    if module._diff and outcome.decision.should_enroll:
        result["diff"] = reason_diff(f"Enrollment of device {task.device_identifier}", outcome.decision.reason)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
