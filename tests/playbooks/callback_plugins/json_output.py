# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: json_output
type: stdout
short_description: Print one JSON document at the end, as ansible.posix.json does
description:
  - For tests only.
"""


class CallbackModule(CallbackBase):
    """The callback plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "json_output"

    def v2_playbook_on_stats(self, _stats: t.Any) -> None:
        """Print the document."""
        self._display.display(json.dumps({"ended": True}))
