# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options and the attributes of modules that request a certificate and install it."""

    DOCUMENTATION = r"""
options:
  csr_content:
    description: The content of the CSR, as an alternative to O(csr_path). O(csr_path) and O(csr_content) are mutually
      exclusive.
    type: str
  certificate_profile_attributes:
    description:
      - Additional attributes that the certificate profile requires.
      - O(est_url) and O(certificate_profile_attributes) are mutually exclusive.
    type: list
    elements: dict
    suboptions:
      id:
        description: The ID of the attribute, for example V(subject.organization_name).
        type: str
        required: true
      value:
        description: The value of the attribute.
        type: str
        required: true
  mode:
    description:
      - The mode of O(client_cert), in the notation of M(ansible.builtin.file).
      - This option, O(owner), O(group) and the SELinux options apply to O(client_cert) only. The module sets them
        before it requests a certificate.
      - A certificate or key that is replaced keeps its owner, group, mode and extended attributes.
    type: raw
  owner:
    description: The name of the user that owns O(client_cert).
    type: str
  group:
    description: The name of the group that owns O(client_cert).
    type: str
  seuser:
    description: The user part of the SELinux context of O(client_cert).
    type: str
  serole:
    description: The role part of the SELinux context of O(client_cert).
    type: str
  setype:
    description: The type part of the SELinux context of O(client_cert).
    type: str
  selevel:
    description: The level part of the SELinux context of O(client_cert), which is the MLS or MCS range.
    type: str
attributes:
  diff_mode:
    description: Returns the reason of the request, which Ansible prints without C(-v).
    support: partial
    details: The diff does not have the content of the files, because a certificate is unknown before it is issued.
  safe_file_operations:
    description: Uses temporary files, which are synchronized to disk, and atomic renames.
    support: full
requirements:
  - cryptography >= 3.3
"""
