# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Read regular files. A FIFO or a device file cannot block the task."""

from __future__ import annotations

import errno
import os
import stat

from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors

# In bytes. The bundle of all public CA certificates has less than 1 MiB.
MAXIMUM_SIZE = 8 * 1024 * 1024


def read_regular_file(path: str) -> bytes:
    """Return the content of the regular file at `path`, which can be a symbolic link.

    Raises OSError, which has a `strerror` for the message, or ValueError if `path` cannot be a path. Raises HostError
    if a resource of the host is exhausted.
    """
    with host_errors(f"{path} cannot be read"):
        return _read(path)


def host_name() -> str:
    """Return the name of the host that runs the module."""
    return os.uname().nodename


def reason_of(error: Exception) -> str:
    """Return the reason of an error for the end of a sentence. It names the host on which a file is missing.

    A file that exists on the controller only is a frequent mistake.
    """
    reason = getattr(error, "strerror", None) or str(error)
    is_missing = isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR)
    return f"{reason} on the host {host_name()}" if is_missing else reason


def _read(path: str) -> bytes:
    # Opening a device file can have an effect, such as starting a watchdog, so its type is checked before that, too.
    _check_type(os.stat(path).st_mode)
    # With O_NONBLOCK the call returns immediately, also if a FIFO has replaced the file in between.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
        _check_type(os.fstat(file.fileno()).st_mode)
        content = file.read(MAXIMUM_SIZE + 1)
    if len(content) > MAXIMUM_SIZE:
        raise OSError(errno.EFBIG, f"It is larger than {MAXIMUM_SIZE // 1024 // 1024} MiB")
    return content


def _check_type(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "It is not a regular file")
