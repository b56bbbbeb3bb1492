# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Convert exceptions that no other code handles: HostError for resources of the managed host, else InternalError."""

from __future__ import annotations

import contextlib
import errno
import os
import traceback
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    HostError,
    InternalError,
)

# The error code of each exhausted resource of a host, and its remedy.
_REMEDIES = {
    errno.EMFILE: "Raise the limit of open files of the process (ulimit -n), or lower max_parallel.",
    errno.ENFILE: "Close files of other processes on the managed host, or raise fs.file-max.",
    errno.ENOMEM: "Free memory on the managed host, or lower max_parallel.",
    errno.ENOBUFS: "Free memory on the managed host, or lower max_parallel.",
    errno.ENOSPC: "Free disk space on the managed host.",
    errno.EDQUOT: "Free disk space in the quota of the user.",
}


@contextlib.contextmanager
def host_errors(operation: str, may_have_applied: bool = False) -> t.Iterator[None]:
    """Raise HostError if the block fails because a resource of the host is exhausted. Other exceptions are unchanged.

    `operation` is the start of the message, such as "/etc/ca.pem cannot be read". `may_have_applied` is that of
    DeviceManagerError.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        failure = host_error(error, operation)
        if failure is None:
            raise
        failure.may_have_applied = may_have_applied
        raise failure from error


@contextlib.contextmanager
def unexpected_errors(changed: bool = False) -> t.Iterator[None]:
    """Raise a DeviceManagerError in place of other exceptions. `changed` is that of the new error."""
    try:
        yield
    except DeviceManagerError:
        raise
    except Exception as error:
        failure = failure_from(error)
        failure.changed = changed
        raise failure from error


def host_error(error: BaseException, operation: str) -> HostError | None:
    """Return the HostError if `error` means that a resource of the host is exhausted, else None."""
    code = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if code not in _REMEDIES or hasattr(error, "reason"):  # errno of an ssl.SSLError is another kind of number.
        return None
    return HostError(f"{operation}: {os.strerror(code)}. {_REMEDIES[code]}")


def failure_from(error: Exception) -> DeviceManagerError:
    """Return the error for an exception that no other code handles.

    The text of the exception can contain a secret, so the message has only the text of the system, the type and the
    location.
    """
    operation = "The managed host cannot run the task"
    failure = host_error(error, operation)
    if failure is not None:
        return failure
    if isinstance(error, OSError) and isinstance(error.errno, int) and not hasattr(error, "reason"):
        path = "" if error.filename is None else f"{error.filename}: "
        return HostError(f"{operation}: {path}{os.strerror(error.errno)}. Correct the cause on the managed host.")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return no_thread()
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    return InternalError(
        f"The collection does not handle this error: {type(error).__name__}{place}. Run the task again. If it fails "
        "again, report the error to the maintainers of the collection."
    )


def no_thread() -> HostError:
    """Return the error of a device for which no thread can be started."""
    return HostError(
        "The managed host cannot start a thread for this device. Raise the limit of processes and threads (ulimit -u, "
        "pids.max of the control group), free memory, or lower max_parallel."
    )
