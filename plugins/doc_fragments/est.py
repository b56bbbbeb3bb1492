# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that request a certificate by EST, which `module_utils/_certificate/est_options.py` reads.

    The file has the requirement and the exclusions of the module in addition.
    """

    DOCUMENTATION = r"""
options:
  est_url:
    description:
      - The base URL of the EST server (RFC 7030), as the console of DigiCert shows it for the enrollment profile. It
        looks like C(https://one.digicert.com/.well-known/est/devicetrustmanager/IOT_UUID/device-group/ID).
      - If it is set, the module requests certificates by EST. Only V(https) is supported.
      - At the hosts of DigiCert, the module adds the prefix C(clientauth.) to the hostname if it authenticates with a
        certificate, and removes the prefix otherwise. One URL is therefore valid for the enrollment and the renewal.
    type: str
  ca_certs_path:
    description:
      - The path of a file for the CA certificates of the EST server. The module writes it if it does not exist, and
        updates it each time that it requests a certificate. The mode of a new file is C(0644), without the bits of
        the umask.
      - If a response has a certificate without its intermediate CAs, the module adds them from this file to the
        certificate in O(client_cert).
      - The directory must exist. The path must not be that of the certificate, the private key or the CSR.
      - Requires O(est_url). Also requires O(ca_certs_fingerprint), or another file in O(ca_path) with
        O(validate_certs=true).
      - It can be the same file as O(ca_path). If this file does not exist, the module reads the CA certificates over
        a connection that is not verified and has no credential. O(ca_certs_fingerprint) then verifies them. The server
        must accept this connection without a client certificate.
    type: path
  ca_certs_fingerprint:
    description:
      - The SHA-256 fingerprint of a CA certificate of the EST server, in hexadecimal digits with or without colons.
      - The module then stores only this certificate and the certificates that it has signed, directly or not.
      - Requires O(ca_certs_path).
    type: str
notes:
  - With O(est_url), the module first reads the CSR attributes of the server (RFC 7030, section 4.5). It signs with the
    digest that the server requests, and adds the extensions for which the server sends a value. It fails without a
    request if the key has another type than the server requests, if the server requests a subject alternative name or
    an extension that a given CSR lacks, or if the server requires the channel binding of TLS (C(challengePassword)).
    It ignores all other CSR attributes and warns.
"""
