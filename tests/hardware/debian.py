# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Debian 13 host, the first Debian whose tpm2-openssl works."""

from __future__ import annotations

from pathlib import Path

from hosts.debian import debian

PACKAGES = "python3,python3-requests,openssl,tpm2-openssl,swtpm,libtss2-tcti-swtpm0t64"


def debian_13() -> Path:
    """Return the root folder of the host."""
    return debian("trixie", "trixie", PACKAGES)
