# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
type: aggregate
short_description: Write a report on all devices of a playbook's run
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Gathers what the modules of this collection say about devices, and writes one HTML page for people and one JSON file
    for programs when the playbook ends.
  - They tell how many devices are in line, changed or failed, what differs, how long certificates are still valid, and
    what to do about each kind of failure. In check mode it is a report on drift, for then nothing is changed.
  - The page is one file that needs no network. It can be read, printed and sent as it is, works without scripts, and
    with them lets you search and sort.
  - A host that cannot be reached counts as a device that failed. A failure counts even where the playbook ignores or
    rescues it. Tasks with C(poll=0) say nothing about devices.
  - What the modules hide is hidden in the report, and a task with C(no_log=true) shows no more than whether it changed
    or failed.
requirements:
  - to be enabled, for example by C(callbacks_enabled=edgeops.digicert.fleet_report) in C(ansible.cfg)
options:
  html_path:
    description: The file for the page. Its folder must exist.
    type: path
    default: fleet_report.html
    env:
      - name: DIGICERT_IOT_REPORT_HTML
    ini:
      - section: callback_fleet_report
        key: html_path
  json_path:
    description: The file for programs. Its folder must exist.
    type: path
    default: fleet_report.json
    env:
      - name: DIGICERT_IOT_REPORT_JSON
    ini:
      - section: callback_fleet_report
        key: json_path
"""

EXAMPLES = r"""
# In the environment of a pipeline, for a report on drift:
#
#   export ANSIBLE_CALLBACKS_ENABLED=edgeops.digicert.fleet_report
#   ansible-playbook --check --inventory fleet.digicert_iot.yml site.yml
#
# How many devices would change and how many failed, from the JSON file:
#
#   jq '.counts.drifting, .counts.failed' fleet_report.json

# In ansible.cfg:
#
#   [defaults]
#   callbacks_enabled = edgeops.digicert.fleet_report
#
#   [callback_fleet_report]
#   html_path = public/index.html
"""

import datetime
import json
import os
import typing as t

from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.edgeops.digicert.plugins.module_utils._whole_file import write_whole
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import (
    Finding,
    findings_of,
    make_report,
    unreachable,
)
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report_page import render


class CallbackModule(CallbackBase):
    """The callback plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "edgeops.digicert.fleet_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **settings: t.Any) -> None:
        super().__init__(*arguments, **settings)
        self._playbook = ""
        self._findings: list[Finding] = []

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Remember which playbook it is."""
        self._playbook = os.path.basename(playbook._file_name)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Gather what a task says."""
        self._gather(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Gather what a task says that failed, also when that is ignored."""
        self._gather(result, failed=True)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note a host whose device nothing is known about."""
        message = str(_part(result, "result").get("msg", ""))
        self._findings.append(unreachable(_part(result, "host").get_name(), message))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Write the report."""
        now = datetime.datetime.now(datetime.timezone.utc)
        check_mode = bool(context.CLIARGS.get("check"))
        report = make_report(self._findings, f"{now:%Y-%m-%dT%H:%M:%SZ}", check_mode, self._playbook)
        content = {"html_path": render(report), "json_path": json.dumps(report, indent=1) + "\n"}
        for option, text in content.items():
            path = self.get_option(option)
            try:
                write_whole(path, text)
            except OSError as error:
                self._display.error(f"fleet_report: {option}: {path} cannot be written: {error.strerror}.")
            else:
                self._display.display(f"fleet_report: {path}")

    def _gather(self, result: t.Any, failed: bool) -> None:
        host, task, outcome, fields = (_part(result, name) for name in ("host", "task", "result", "task_fields"))
        if not task.action.rpartition(".")[2].startswith("digicert_iot_"):
            return
        # A loop has a result for each item.
        is_loop = task.loop is not None and "results" in outcome
        for entry in outcome["results"] if is_loop else [{"failed": failed, **outcome}]:
            self._findings += findings_of(host.get_name(), task.resolved_action, entry, bool(fields["check_mode"]))


def _part(result: t.Any, name: str) -> t.Any:
    """Return a part of a task's result, whose names began with an underscore before ansible-core 2.19."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")
