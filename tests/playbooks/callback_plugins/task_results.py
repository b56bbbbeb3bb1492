# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes each result, with its play, host and time, as a line of JSON into the file that TASK_RESULTS names."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Sees each result before any other callback shortens it for the terminal."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"

    _play = -1

    def v2_playbook_on_play_start(self, _play):
        self._play += 1

    def v2_runner_on_ok(self, result, failed=False):
        # Before ansible-core 2.19 these names began with an underscore.
        host, outcome = (getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "result"))
        event = {"play": self._play, "host": host.get_name(), "ended": time.monotonic()}
        event.update(failed=failed, result=outcome)
        with open(os.environ["TASK_RESULTS"], "a", encoding="utf-8") as file:
            print(json.dumps(event, default=str), file=file)

    def v2_runner_on_failed(self, result, ignore_errors=False):  # noqa: ARG002 - Ansible passes it by name
        self.v2_runner_on_ok(result, failed=True)
