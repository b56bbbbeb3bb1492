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
  - They tell how many devices are in sync, changed or failed, what differs, how long certificates are still valid, and
    what to do about each kind of failure. In check mode it is a report on drift, for then nothing is changed.
  - The page is one file that needs no network. It can be read, printed and sent as it is, works without scripts, and
    with them lets you search and sort.
  - A host that cannot be reached counts as a device that failed. A failure counts even where the playbook ignores or
    rescues it, or where C(failed_when) is false. A task that C(failed_when) makes fail because the device changed
    counts as drift. Tasks with C(poll=0) say nothing about devices.
  - Each host speaks for itself only. A device that two hosts report has a row for each of them. A result that does not
    have the documented form counts as a failure of the host that returned it.
  - What the modules hide is hidden in the report, and a task with C(no_log=true) shows no more than whether it changed
    or failed by the rules of its playbook.
  - The plugin removes the files of an earlier run when the playbook starts, and writes new ones when it ends. An
    interrupted run leaves no report. Ansible does not load the plugin if it fails before the first playbook starts, for
    example because of a syntax error or a limit that matches no host. Remove old reports yourself before such a run.
  - If one command runs several playbooks, the report covers all of them.
  - The files get mode 0600 if there was no such file before. Otherwise, they keep the mode of the old file, and its
    owner and group where the system permits that. A symbolic link stays, and the file that it points to is replaced. A
    link of another user is rejected, and so is a path that is no regular file.
requirements:
  - to be enabled, for example by C(callbacks_enabled=edgeops.digicert.fleet_report) in C(ansible.cfg)
options:
  html_path:
    description:
      - The path of the page. The directory must exist. An empty value or V(/dev/null) switches the page off.
      - A relative path in C(ansible.cfg) starts at the directory of that file.
    type: str
    default: fleet_report.html
    env:
      - name: DIGICERT_IOT_REPORT_HTML
    ini:
      - section: callback_fleet_report
        key: html_path
  json_path:
    description:
      - The path of the JSON file. The directory must exist. An empty value or V(/dev/null) switches the file off.
      - A relative path in C(ansible.cfg) starts at the directory of that file.
    type: str
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
#   jq '.counts.drifted, .counts.failed' fleet_report.json

# In ansible.cfg:
#
#   [defaults]
#   callbacks_enabled = edgeops.digicert.fleet_report
#
#   [callback_fleet_report]
#   html_path = public/index.html
#   json_path =
"""

import contextlib
import datetime
import json
import os
import typing as t

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.path import unfrackpath

from ansible_collections.edgeops.digicert.plugins.module_utils._atomic_write import (
    Attributes,
    remove_regular_file,
    write_atomically,
)
from ansible_collections.edgeops.digicert.plugins.plugin_utils._findings import Task, findings_of, unreachable
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import Finding, make_report
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report_page import render

_PATH_OPTIONS = ("html_path", "json_path")


class CallbackModule(CallbackBase):
    """The callback plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "edgeops.digicert.fleet_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **settings: t.Any) -> None:
        super().__init__(*arguments, **settings)
        self._playbooks: list[str] = []
        self._findings: list[Finding] = []
        # The attributes of the removed files, by option.
        self._attributes: dict[str, Attributes | None] = {}
        # The host and the task of each loop whose items were reported one by one.
        self._loops: set[tuple[str, str]] = set()

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Remove the report of an earlier run: whatever happens now, it does not describe this run."""
        self._playbooks.append(os.path.basename(playbook._file_name))
        for option in _PATH_OPTIONS:
            with self._complaining(option, "The old file is not the report of this run"):
                path = self._path(option)
                self._attributes[option] = remove_regular_file(path) if path else None

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Add the result of a task."""
        self._add_task(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Add the result of a task that failed, even if the playbook ignores that."""
        self._add_task(result, failed=True)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Add a host that was unreachable, whatever the task."""
        self._add_task(result, failed=True, is_unreachable=True)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        """Add the result of an item of a loop. Only here has the task the arguments of this item."""
        self._add_item(result, failed=False)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        """Add the result of an item of a loop that failed or was unreachable."""
        self._add_item(result, failed=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Write the report."""
        now = datetime.datetime.now(datetime.timezone.utc)
        check_mode = bool(context.CLIARGS.get("check"))
        report = make_report(self._findings, f"{now:%Y-%m-%dT%H:%M:%SZ}", check_mode, ", ".join(self._playbooks))
        content = {"html_path": render(report), "json_path": json.dumps(report, indent=1, allow_nan=False) + "\n"}
        for option, text in content.items():
            with self._complaining(option, "There is no report of this run"):
                path = self._path(option)
                # The report holds the values of fields.
                if path and write_atomically(path, text, 0o600, self._attributes.get(option), sync=True):
                    # The standard output belongs to the stdout callback, whose output can be JSON.
                    self._display.display(f"fleet_report: {path}", stderr=True)

    def _path(self, option: str) -> str:
        """Return the absolute path of a file, or "" if the file is switched off."""
        value, origin = self.get_option_and_origin(option)
        if not value:
            return ""
        return str(unfrackpath(value, follow=False, basedir=origin if os.path.isfile(origin) else None))

    @contextlib.contextmanager
    def _complaining(self, option: str, consequence: str) -> t.Iterator[None]:
        """Print an error about the file of an option. A callback plugin cannot change the return code."""
        try:
            yield
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or str(error)
            path = self.get_option(option)
            self._display.error(f"fleet_report: {option}: cannot write {path}: {cause}. {consequence}.")

    def _add_task(self, result: t.Any, failed: bool, is_unreachable: bool = False) -> None:
        key = _key_of(result)
        if key in self._loops:
            # The items of the loop were added before.
            self._loops.remove(key)
        else:
            self._add(result, failed, is_unreachable)

    def _add_item(self, result: t.Any, failed: bool) -> None:
        self._loops.add(_key_of(result))
        self._add(result, failed, is_unreachable=bool(_part(result, "result").get("unreachable")))

    def _add(self, result: t.Any, failed: bool, is_unreachable: bool) -> None:
        task, outcome = _task_of(result), _part(result, "result")
        self._findings += unreachable(task, outcome) if is_unreachable else findings_of(task, outcome, failed)


def _part(result: t.Any, name: str) -> t.Any:
    """Return a part of a task or of its result, whose names can begin with an underscore."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")


def _key_of(result: t.Any) -> tuple[str, str]:
    return _part(result, "host").get_name(), _part(_part(result, "task"), "uuid")


def _task_of(result: t.Any) -> Task:
    """Return what the controller says of the task."""
    task = _part(result, "task")
    # ansible-core 2.21 deprecates the name without an underscore.
    fields = getattr(result, "_task_fields", None) or task.dump_attrs()
    return Task(
        host=_part(result, "host").get_name(),
        action=str(task.resolved_action or task.action),
        arguments=fields.get("args"),
        check_mode=bool(fields.get("check_mode")),
        has_conditions=bool(fields.get("failed_when") or fields.get("until")),
        is_detached=bool(fields.get("async_val")) and not fields.get("poll"),
        no_log=bool(fields.get("no_log")),
    )
