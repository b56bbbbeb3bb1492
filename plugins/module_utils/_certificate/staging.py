# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Temporary files that replace other files. Errors are detected and disk space is reserved before the replacement.

The paths must not contain symbolic links. Each function raises OSError with a reason and the path of the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import struct
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file

# The suffix of a temporary file that is not complete yet.
TEMP_SUFFIX = ".part"
# The reserved space is twice the size of the old content and this number of bytes. A new file has no old content.
_MARGIN = 8192
_SPACE_OF_NEW_FILE = 32768
# FS_IOC_GETFLAGS, FS_APPEND_FL and FS_IMMUTABLE_FL of linux/fs.h. The request encodes the size of a long.
_GET_FLAGS = 0x80006601 | struct.calcsize("l") << 16
_FLAGS = {0x20: "append-only (chattr +a)", 0x10: "immutable (chattr +i)"}
# The kernel sets these attributes, because they depend on the content.
_CONTENT_ATTRIBUTES = ("security.ima", "security.evm")


def check(target: str, suffix_length: int = 0) -> None:
    """Raise OSError if a rename cannot replace the regular file at `target`, or cannot create it.

    `suffix_length` is the length of the longest suffix that a temporary file or a backup adds to the name.
    """
    directory, name = os.path.split(target)
    if not os.path.isdir(directory):
        raise FileNotFoundError(errno.ENOENT, "its directory does not exist", target)
    for problem in (_file_problem(target), directory_problem(directory, target)):
        if problem:
            raise OSError(errno.EPERM, problem, target)
    if len(os.fsencode(name)) + suffix_length > os.pathconf(directory, "PC_NAME_MAX"):
        raise OSError(errno.ENAMETOOLONG, "the file name is too long for the suffix of a temporary file", target)


def _file_problem(target: str) -> str:
    if not os.path.lexists(target):
        return ""
    state = os.lstat(target)
    if not stat.S_ISREG(state.st_mode):
        return "it is not a regular file"
    if state.st_nlink > 1:
        return (
            f"it has {state.st_nlink} hard links, of which a rename replaces only one. Use symbolic links instead, or "
            "one path for client_cert and client_key"
        )
    return _entry_problem(target)


def _entry_problem(path: str) -> str:
    if path in mount_points():
        return "it is a mount point, which a rename cannot replace. Mount the directory of the file instead"
    flag = _flag(path) if stat.S_ISREG(os.lstat(path).st_mode) else ""
    return f"it is {flag}" if flag else ""


def check_leftover(path: str) -> None:
    """Raise OSError if there is anything at `path` that prevents a temporary file of that name."""
    if not os.path.lexists(path):
        return
    is_directory = stat.S_ISDIR(os.lstat(path).st_mode)
    problem = "it is a directory in the place of a temporary file" if is_directory else _entry_problem(path)
    problem = problem or directory_problem(os.path.dirname(path), path)
    if problem:
        raise OSError(errno.EPERM, problem, path)


def directory_problem(directory: str, entry: str) -> str:
    """Return why files in `directory` cannot be created, or why `entry` cannot be replaced, or ""."""
    flag = _flag(directory)
    if flag:
        return f"its directory is {flag}"
    if not os.access(directory, os.W_OK | os.X_OK):
        is_read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
        reason = "the file system is read-only" if is_read_only else "permission denied"
        return f"no file can be created in its directory: {reason}"
    state = os.stat(directory)
    if not os.path.lexists(entry):
        return ""
    if state.st_mode & stat.S_ISVTX and os.geteuid() not in (0, state.st_uid, os.lstat(entry).st_uid):
        return "its directory has the sticky bit, and the file belongs to another user"
    return ""


def mount_points() -> set[str]:
    """Return the mount points of this process, including files, or none if the system does not list them."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            paths = [line.split(" ")[4] for line in file]
    except OSError:
        return set()
    return {re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), path) for path in paths}


def _flag(path: str) -> str:
    """Return the flag of chattr that prevents a rename of a file or directory, or ""."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        (flags,) = struct.unpack_from("i", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(struct.calcsize("l"))))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return next((text for flag, text in _FLAGS.items() if flags & flag), "")


def stage(target: str, path: str, mode: int = 0o600) -> t.BinaryIO:
    """Create the file `path`, which replaces `target`, with its owner, mode and extended attributes.

    If there is no file at `target`, the new file has this mode. It has reserved space for new content.
    """
    remove(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        return _reserve(descriptor, target, path, mode)
    except BaseException:
        remove(path)
        raise


def rehearse(target: str) -> t.BinaryIO | None:
    """Reserve the space of `stage` in a file without a name. Return None if the system does not support such files."""
    directory = os.path.dirname(target)
    try:
        descriptor = os.open(directory, os.O_RDWR | os.O_TMPFILE, 0o600)
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", None) not in (None, errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
            raise
        return None
    return _reserve(descriptor, target, directory, 0o600)


def _reserve(descriptor: int, target: str, path: str, mode: int) -> t.BinaryIO:
    with contextlib.ExitStack() as files:
        file = files.enter_context(os.fdopen(descriptor, "r+b"))
        size = _SPACE_OF_NEW_FILE
        if os.path.lexists(target):
            copy_metadata(descriptor, target)
            size = 2 * os.stat(target).st_size + _MARGIN
        else:
            _set_mode(descriptor, mode)
        try:
            allocate(descriptor, size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        files.pop_all()
        return file


def _set_mode(descriptor: int, mode: int) -> None:
    """Set the mode of a new file. The default ACL of its directory gives no access to other users."""
    for name in _attributes(descriptor):
        if not name.startswith("security."):
            os.removexattr(descriptor, name)
    os.fchmod(descriptor, mode)


def copy_metadata(descriptor: int, source: str) -> None:
    """Copy the owner, the mode and the extended attributes of `source` to an open file or directory."""
    wanted, own = os.stat(source), os.fstat(descriptor)
    mode = stat.S_IMODE(wanted.st_mode)
    what = f"owner {wanted.st_uid} and group {wanted.st_gid}"
    try:
        if (wanted.st_uid, wanted.st_gid) != (own.st_uid, own.st_gid):
            os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
        what = "the extended attributes"
        attributes = _attributes(source)
        inherited = _attributes(descriptor)
        for name in inherited:
            # The default ACL of the directory can give other users access to a private key.
            if name not in attributes and not name.startswith("security."):
                os.removexattr(descriptor, name)
        what = f"mode {mode:04o}"
        os.fchmod(descriptor, mode)
        what = "the extended attributes"
        for name, value in attributes.items():
            if inherited.get(name) != value:
                os.setxattr(descriptor, name, value)
        what = f"mode {mode:04o}"
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    except OSError as error:
        raise OSError(error.errno, f"{what} cannot be kept ({error.strerror})", source) from error


def _attributes(path: str | int) -> dict[str, bytes]:
    try:
        names = os.listxattr(path)
    except (AttributeError, OSError):
        return {}
    return {name: os.getxattr(path, name) for name in names if name not in _CONTENT_ATTRIBUTES}


def allocate(descriptor: int, size: int) -> None:
    """Extend a file to this size, with allocated disk space for later writes."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except (AttributeError, OSError) as error:
        if getattr(error, "errno", None) not in (None, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.pwrite(descriptor, bytes(size), 0)
    os.fsync(descriptor)


def write(file: t.BinaryIO, content: bytes) -> None:
    """Write the content into the reserved space of a file, and flush it to the disk."""
    file.seek(0)
    file.write(content)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


def back_up(path: str) -> str:
    """Copy a file to a name with the time, flush it to the disk, and return the path of the copy."""
    target = os.path.realpath(path)
    check(target, len(backup_suffix()))
    copy = target + backup_suffix()
    with stage(target, copy) as backup:
        write(backup, read_regular_file(target))
    sync(os.path.dirname(copy))
    return copy


def backup_suffix() -> str:
    """Return the suffix of a backup."""
    return time.strftime(f".{os.getpid()}.%Y-%m-%d@%H:%M:%S~")


def remove(path: str) -> None:
    """Remove a file, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync(directory: str) -> None:
    """Flush the entries of a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
