# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
type: aggregate
short_description: Write a fleet report in HTML and JSON
version_added: 1.0.0
author:
  - edgeops.digicert contributors (@edgeops)
description:
  - Collects the results of the modules of this collection. When the playbook ends, the plugin writes them to an HTML
    page and to a JSON file.
  - The report shows how many devices are in sync, changed or failed, the differences, the remaining days of
    certificates, and the remedy for each kind of error. In check mode, it is a drift report.
  - A task of M(edgeops.digicert.digicert_iot_registrations) or M(edgeops.digicert.digicert_iot_devices) has a row for
    each device. With the registrations of an account in check mode, the report shows the drift of the account from the
    controller, without a connection to a device.
  - The page is a single file that requires no network. It can be read and printed without scripts. With scripts, it can
    be searched and sorted.
  - An unreachable host counts as a failed device. A failure counts even if the playbook ignores or rescues it, or if
    C(failed_when) is false. If C(failed_when) fails a task because the device changed, the task counts as drift.
  - The differences mark a field as a field if it has the name of a permission, or the name V(status) or
    V(device_identifier).
  - Tasks with C(poll=0) are not in the report.
  - Each result is that of its host. If two hosts report the same device, the report has a row for each of them. If a
    result does not have the documented form, it counts as a failure of the host that returned it.
  - The report masks all values that the modules mask. For a task with C(no_log=true), it shows only whether the task
    changed or failed by the rules of its playbook.
  - The plugin removes the files of an earlier run when the playbook starts, and writes new files when it ends. An
    interrupted run leaves no report.
  - Ansible does not load the plugin if it fails before the first playbook starts, for example because of a syntax error
    or a limit that matches no host. Remove old reports yourself before such a run.
  - If one command runs several playbooks, the report covers all of them.
  - New files have mode 0600. If a file exists, the new file keeps its mode, and its owner and group if the system
    permits that.
  - If the path is a symbolic link, the plugin replaces the file that the link points to. The plugin rejects a link of
    another user, and a path that is not a regular file.
requirements:
  - enabled in the configuration, for example with C(callbacks_enabled=edgeops.digicert.fleet_report) in C(ansible.cfg)
options:
  html_path:
    description:
      - The path of the HTML page. The directory must exist. An empty value or V(/dev/null) disables the page.
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
      - The path of the JSON file. The directory must exist. An empty value or V(/dev/null) disables the file.
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
# Report the drift of all registrations of an account, without a connection to a device:
#
#   export ANSIBLE_CALLBACKS_ENABLED=edgeops.digicert.fleet_report
#   ansible-playbook --check registrations.yml
#
# Write a drift report in a pipeline:
#
#   export ANSIBLE_CALLBACKS_ENABLED=edgeops.digicert.fleet_report
#   ansible-playbook --check --inventory fleet.digicert_iot.yml site.yml
#
# Print the numbers of drifted and failed devices from the JSON file:
#
#   jq '.counts.drifted, .counts.failed' fleet_report.json

# Write only the HTML page, with these settings in ansible.cfg:
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
