# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives the tests with servers that others wrote what runs playbooks."""

from __future__ import annotations

from playbooks.conftest import player

__all__ = ["player"]
