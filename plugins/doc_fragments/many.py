# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules for many devices."""

    DOCUMENTATION = r"""
options:
  max_parallel:
    description: The maximum number of devices to process in parallel, from V(1) to V(100). Devices that wait for a
      retry do not count.
    type: int
    default: 16
  max_requests_per_second:
    description:
      - The maximum number of requests in a second. If not set, the initial rate is unlimited.
      - If the API responds with HTTP status 429 (Too Many Requests), the module reduces the request rate for all
        devices and then increases it gradually.
      - The module sends an update immediately after the read of its record, and delays later reads instead. Short
        bursts can therefore exceed the limit by up to O(max_parallel) requests, but the average does not.
    type: float
  fail_fast:
    description: Whether to stop the task at the first device that fails. Devices that the module has not processed by
      then fail too.
    type: bool
    default: false
  return_records:
    description:
      - Whether to return the record of each device, and an entry for devices that did not change.
      - Ansible shows the complete result of a failed task. If V(false), the result has only the devices that changed,
        failed or have warnings, and only the fields that differ.
    type: bool
    default: true
  progress_path:
    description:
      - The path of a file for the progress of the task. The file contains a JSON object with the numbers V(devices),
        V(done), V(changed) and V(failed). The module replaces the file each second, in check mode too.
      - The directory must exist.
    type: path
"""
