# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Run a task for many devices in a module: signals, the temporary directory, and the result of the module."""

from __future__ import annotations

import signal
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import (
    Result,
    diffs_of,
    summary_of_failures,
    summary_of_warnings,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.worker_pool import WorkerPool
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError
from ansible_collections.edgeops.digicert.plugins.module_utils._module import Module
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import DeviceTask
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.registration_task import (
    IDENTIFIERS,
    RegistrationTask,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import secrets_of
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor


def stop_on_signals(*pools: WorkerPool[t.Any]) -> None:
    """Let a signal that asks the process to end stop the pools, so that the task returns its results."""

    def stop(number: int, _frame: t.Any) -> None:
        for pool in pools:
            pool.request_stop(f"The task received {signal.Signals(number).name}.", grace=5.0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A signal that the parent process ignores, as nohup does, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def shared_directory(module: Module) -> t.Callable[[], str]:
    """Return a function that returns the module's temporary directory, or raises HostError if there is none.

    The directory is created at once, because AnsibleModule has no locks for threads that create it.
    """
    try:
        path = module.temporary_directory()
    except HostError as failure:
        message = str(failure)

        def fail() -> str:
            raise HostError(message)

        return fail
    return lambda: path


def result_of(
    module: Module, option: str, tasks: t.Sequence[DeviceTask | RegistrationTask], results: list[Result]
) -> tuple[dict[str, t.Any], str]:
    """Return the result of a module with a list of devices in `option`, and an error message if a device failed."""
    # To search each text for each secret takes minutes with thousands of both. The secrets of a device are enough.
    results = [Redactor(task.secrets).data(result) for task, result in zip(tasks, results)]
    params = module.params
    module.redactor = Redactor(secrets_of({**params, option: None}, module.argument_spec))
    for warning in summary_of_warnings(results, option):
        module.warn(warning)
    # The options that the task itself does not have.
    names = [
        {key: entry[key] for key in IDENTIFIERS if key not in params and entry.get(key) is not None}
        for entry in params[option]
    ]
    return {
        "changed": any(result["changed"] for result in results),
        option: results,
        "invocation": {"module_args": {**params, option: names}},
        **({"diff": diffs_of(results)} if module._diff else {}),
    }, summary_of_failures(results, option)
