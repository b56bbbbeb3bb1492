# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the connection, which `module_utils/_client/connection.py` reads, and attributes of the modules."""

    DOCUMENTATION = r"""
options:
  ca_path:
    description:
      - A file or a folder with the certificates of the CAs to trust, instead of those that the system trusts.
      - It is used whatever E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE) say.
      - If not set, the environment variable E(DIGICERT_IOT_CA_PATH) is used.
    type: path
  validate_certs:
    description:
      - Whether the certificate of the service is checked.
      - Without the check anyone on the way can pose as the service. The module warns about it.
    type: bool
    default: true
  timeout:
    description: The timeout of each request in seconds, from V(1) to V(86400). It includes connecting and the response.
    type: int
    default: 30
  retries:
    description:
      - How often a request is sent again after a connection that failed, a time-out, or an answer with one of the
        statuses 408, 429, 500, 502, 503 and 504. With V(0) never.
      - The waits between grow, differ at random, and keep what a C(Retry-After) asks for, up to five minutes.
      - Before an update is sent again, the record is read and compared again.
    type: int
    default: 5
  use_proxy:
    description: Whether the proxies are used that the environment of the task names, for example in E(HTTPS_PROXY).
    type: bool
    default: true
attributes:
  platform:
    description: Target operating systems.
    support: full
    platforms: posix
requirements:
  - python >= 3.7
  - requests >= 2.22
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_errors
    description: What each failure means, and what to do.
"""

    # The options of the modules that come as a device.
    CERTIFICATE = r"""
options:
  api_url:
    description:
      - The base URL of the API to which a device comes with its own certificate. Only V(https) is allowed.
      - On DigiCert's own hosts its name begins with C(clientauth.).
      - If not set, the environment variable E(DIGICERT_IOT_API_URL) is used.
    type: str
    default: https://clientauth.one.digicert.com
  client_cert:
    description:
      - The file with the device's own certificate in PEM form, followed by the rest of its chain if it has one.
      - It may hold the private key as well.
      - One of O(client_cert) and O(client_cert_content) is needed.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_CERT) is used.
    type: path
  client_cert_content:
    description:
      - What O(client_cert) would hold, for certificates that are kept in a vault.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_CERT_CONTENT) is used.
    type: str
  client_key:
    description:
      - The file with the private key of O(client_cert) in PEM form. Not needed when O(client_cert) holds it.
      - It can also be a file that names a key in a TPM 2.0 or in a PKCS#11 token, as
        R(the guide on keys in hardware,ansible_collections.edgeops.digicert.docsite.guide_hardware_keys) shows.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY) is used.
    type: path
  client_key_content:
    description:
      - What O(client_key) would hold, for keys in a vault. It never gets a name in the host's file system.
      - Excludes O(client_key).
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY_CONTENT) is used.
    type: str
  client_key_passphrase:
    description:
      - The passphrase of an encrypted private key. Without it such a key is an error; nothing ever asks for it.
      - If the private key is not encrypted, the module does not use the passphrase and returns a warning.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY_PASSPHRASE) is used.
    type: str
attributes:
  action_group:
    description: Use C(group/edgeops.digicert.digicert_iot) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - edgeops.digicert.digicert_iot
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_mutual_tls
    description: Where certificates and keys can be, and whom to trust.
"""

    # The option of the modules that are about one device.
    DEVICE = r"""
options:
  device_id:
    description:
      - The ID of the device, which never changes. The operator sees it in the console.
      - It goes into the path of the URL as one segment, whatever it contains.
      - If not set, the environment variable E(DIGICERT_IOT_DEVICE_ID) is used.
    type: str
    required: true
"""

    # The options of what comes as an operator.
    OPERATOR = r"""
options:
  api_url:
    description:
      - The base URL of the API to which an operator comes with an API key. Only V(https) is allowed.
      - It is not the one for devices, whose name begins with C(clientauth.) on DigiCert's own hosts.
      - If not set, the environment variable E(DIGICERT_IOT_OPERATOR_API_URL) is used.
    type: str
    default: https://one.digicert.com
  api_key:
    description:
      - The API key of the operator, or better of a service user who may do no more than is needed.
      - If not set, the environment variable E(DIGICERT_IOT_API_KEY) is used.
    type: str
    required: true
seealso:
  - ref: ansible_collections.edgeops.digicert.docsite.guide_operators
    description: From an empty account to a fleet that keeps itself true.
"""
