# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Run the tasks of many devices in a module: signals, the temporary directory, and the result of the module."""

from __future__ import annotations

import signal
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.devices import (
    Limits,
    Result,
    diffs_of,
    notable_entries,
    summary_of_failures,
    summary_of_warnings,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk.progress import Progress
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
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


class Job(t.NamedTuple):
    """Tasks, and the function that a worker pool calls for each of them."""

    tasks: list[t.Any]
    ensure: t.Callable[[t.Any, Runtime], Result]


def run_jobs(module: Module, limits: Limits, job: Job, preparation: Job | None = None) -> list[Result]:
    """Run the job of a module, and the preparation before it. Return the result of each task of the job.

    An error of the preparation is no error of the task. Raises a DeviceManagerError.
    """
    params = module.params

    def ensure(task: t.Any, runtime: Runtime) -> Result:
        result = job.ensure(task, runtime)
        if not params["return_records"]:
            del result["device"]
        return result

    runtime = module.runtime()._replace(tmpdir=_shared_directory(module))
    progress = Progress(params["progress_path"], len(job.tasks), module.log)
    pool = WorkerPool(job.tasks, ensure, runtime, limits)
    pools = [pool]
    if preparation is not None:
        pools.insert(0, WorkerPool(*preparation, runtime, limits._replace(fail_fast=False)))
    _stop_on_signals(*pools)
    for earlier in pools[:-1]:
        earlier.run(lambda _results: None)
    results = pool.run(progress.report)
    progress.report(results)
    return results


def _stop_on_signals(*pools: WorkerPool[t.Any]) -> None:
    """Let a signal that asks the process to end stop the pools, so that the task returns its results."""

    def stop(number: int, _frame: t.Any) -> None:
        for pool in pools:
            pool.request_stop(f"The task received {signal.Signals(number).name}.", grace=5.0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A signal that the parent process ignores, as nohup does, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def _shared_directory(module: Module) -> t.Callable[[], str]:
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
        option: results if params["return_records"] else notable_entries(results),
        "invocation": {"module_args": {**params, option: names}},
        **({"diff": diffs_of(results)} if module._diff else {}),
    }, summary_of_failures(results, option)
