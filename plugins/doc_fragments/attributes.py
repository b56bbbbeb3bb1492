# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that several modules have."""

    # The modules for which a device authenticates, and the enrollment.
    DEVICE_GROUP = r"""
attributes:
  action_group:
    description: Use C(group/edgeops.digicert.digicert_iot) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - edgeops.digicert.digicert_iot
"""

    # The modules for which an operator authenticates.
    OPERATOR_GROUP = r"""
attributes:
  action_group:
    description:
      - Use C(group/edgeops.digicert.digicert_iot_operator) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - edgeops.digicert.digicert_iot_operator
"""

    # The modules that only read.
    INFO = r"""
attributes:
  check_mode:
    description: The module changes nothing, so check mode makes no difference.
    support: full
  diff_mode:
    description: The module changes nothing.
    support: N/A
  idempotent:
    description: The module changes nothing.
    support: full
"""
