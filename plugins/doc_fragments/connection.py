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
      - The path of a PEM file or a directory of CA certificates. It replaces the trust store of the system.
      - This option takes precedence over E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE).
      - If not set, the environment variable E(DIGICERT_IOT_CA_PATH) is used.
    type: path
  validate_certs:
    description:
      - Whether to verify the server certificate of the API.
      - If V(false), the connection is open to man-in-the-middle attacks, and the module warns.
    type: bool
    default: true
  timeout:
    description: The timeout of each request in seconds, from V(1) to V(86400). It includes connecting and the response.
    type: int
    default: 30
  retries:
    description:
      - The maximum number of retries of a request. V(0) disables retries.
      - The module retries after a failed connection, a timeout, and a response with HTTP status 408, 429, 500, 502, 503
        or 504.
      - Retries use exponential back-off with jitter and honor C(Retry-After) response headers, up to five minutes.
      - Before the module retries an update, it reads and compares the record again.
    type: int
    default: 5
  use_proxy:
    description: Whether to use the proxies from the environment of the task, for example E(HTTPS_PROXY).
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
  - name: Troubleshoot errors
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_errors.rst
    description: The cause and the remedy for each kind of error.
"""

    # The options of modules that authenticate with the certificate of a device.
    CERTIFICATE = r"""
options:
  api_url:
    description:
      - The base URL of the device API, which authenticates clients with certificates (mutual TLS). Only V(https) is
        supported.
      - On the hosts of DigiCert, the hostname of the device API begins with C(clientauth.).
      - If not set, the environment variable E(DIGICERT_IOT_API_URL) is used.
    type: str
    default: https://clientauth.one.digicert.com
  client_cert:
    description:
      - The path of the client certificate of the device in PEM form. The leaf certificate is first, followed by the
        intermediate certificates of its chain.
      - The file can also contain the private key.
      - One of O(client_cert) and O(client_cert_content) is required. They are mutually exclusive.
      - If neither of them is set, the environment variable E(DIGICERT_IOT_CLIENT_CERT) is used.
    type: path
  client_cert_content:
    description:
      - The content of O(client_cert), for example from a vault.
      - If neither of them is set, the environment variable E(DIGICERT_IOT_CLIENT_CERT_CONTENT) is used.
    type: str
  client_key:
    description:
      - The path of the private key of O(client_cert) in PEM form. Not required if O(client_cert) contains the key.
      - The file can also refer to a key in a TPM 2.0 or in a PKCS#11 token, which a guide describes. The section
        "See also" has its URL.
      - If neither this option nor O(client_key_content) is set, the environment variable E(DIGICERT_IOT_CLIENT_KEY) is
        used.
    type: path
  client_key_content:
    description:
      - The content of O(client_key), for example from a vault. The module never writes it to a named file on the
        managed host.
      - O(client_key) and O(client_key_content) are mutually exclusive.
      - If neither of them is set, the environment variable E(DIGICERT_IOT_CLIENT_KEY_CONTENT) is used.
    type: str
  client_key_passphrase:
    description:
      - The passphrase of the private key. Required if the private key is encrypted. The module never prompts for a
        passphrase.
      - If the private key is not encrypted, the module ignores the passphrase and warns.
      - If not set, the environment variable E(DIGICERT_IOT_CLIENT_KEY_PASSPHRASE) is used.
    type: str
seealso:
  - name: Configure mutual TLS
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_mutual_tls.rst
    description: How to store certificates and keys, and how to configure the trust store.
  - name: Use keys in a TPM or PKCS#11 token
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_hardware_keys.rst
    description: How to create a private key in hardware, and how to authenticate a device with it.
"""

    # The option of the modules for one device.
    DEVICE = r"""
options:
  device_id:
    description:
      - The ID of the device, which never changes. The web console of DigiCert IoT Device Manager shows it.
      - The module encodes the ID as one segment of the URL path.
      - If not set, the environment variable E(DIGICERT_IOT_DEVICE_ID) is used.
      - Required. The module reports a missing ID together with all other errors.
    type: str
"""

    # The options of plugins that authenticate with the API key of an operator.
    OPERATOR = r"""
options:
  api_url:
    description:
      - The base URL of the operator API, which authenticates clients with API keys. Only V(https) is supported.
      - On the hosts of DigiCert, a hostname that begins with C(clientauth.) belongs to the device API. Do not use it.
      - If not set, the environment variable E(DIGICERT_IOT_OPERATOR_API_URL) is used.
    type: str
    default: https://one.digicert.com
  api_key:
    description:
      - The API key of an operator. Use a service user with the minimum permissions.
      - If not set, the environment variable E(DIGICERT_IOT_API_KEY) is used.
    type: str
    required: true
seealso:
  - name: Set up an account as an operator
    link: https://github.com/edgeops/edgeops.digicert/blob/main/docs/docsite/rst/guide_operators.rst
    description: How to set up an account as an operator.
"""
