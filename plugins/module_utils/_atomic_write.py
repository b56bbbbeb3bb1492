# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Atomic replacement of regular files."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import typing as t

_ACL = "system.posix_acl_access"
_MAX_LINKS = 40


class Attributes(t.NamedTuple):
    """The owner, the group, the mode and the access control list of a file."""

    uid: int
    gid: int
    mode: int
    acl: bytes | None


def write_atomically(
    path: str, text: str, mode: int = 0o666, attributes: Attributes | None = None, sync: bool = False
) -> bool:
    """Write `text` as UTF-8 to a temporary file and rename it to `path`. Return whether a file was written.

    A symbolic link at `path` stays, and the file that it points to is replaced. The new file gets the mode of the
    existing file, and its owner, group and access control list where the system permits that. Without an existing file,
    `attributes` apply, or else `mode` without the bits of the umask. For the null device, nothing is written. `sync`
    writes the data to the disk before the rename. Characters that are not valid Unicode are written as escapes.

    Raises OSError, or ValueError if `path` is not a possible path. Nothing is left behind in that case.
    """
    target = _find_target(path)
    if target is None:
        return False
    attributes = _read_attributes(target) or attributes
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(16)}.part")
    # O_EXCL and O_NOFOLLOW: in a shared directory another user can create files and links.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600 if attributes else mode)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            if attributes:
                _apply(attributes, descriptor)
            file.write(text)
            file.flush()
            if sync:
                os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def remove_regular_file(path: str) -> Attributes | None:
    """Remove the file at `path`, if there is one, by the rules of write_atomically(). Return its attributes.

    Raises OSError, or ValueError if `path` is not a possible path.
    """
    target = _find_target(path)
    attributes = _read_attributes(target) if target else None
    if target and attributes:
        os.unlink(target)
    return attributes


def _find_target(path: str) -> str | None:
    """Return the path of the regular file, existing or new, that `path` leads to. Return None for the null device.

    Raises OSError if anything other than a regular file is there, or if a symbolic link belongs to another user.
    """
    with contextlib.suppress(FileNotFoundError):
        state = os.stat(path)
        if stat.S_ISCHR(state.st_mode) and state.st_rdev == os.stat(os.devnull).st_rdev:
            return None
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", path)
    target = path
    for _link in range(_MAX_LINKS):
        if not os.path.islink(target):
            return target
        target = _follow(target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _follow(link: str) -> str:
    """Return the path that a symbolic link points to."""
    # Another user can point a link in a shared directory to any file of this user.
    if os.lstat(link).st_uid not in (0, os.geteuid()):
        raise OSError(errno.EPERM, "A symbolic link of another user", link)
    directory = os.path.dirname(link)
    # The links under /proc, and so /dev/stdout, stand for open files.
    if os.path.realpath(directory).startswith("/proc/"):
        raise OSError(errno.EINVAL, "Not a regular file", link)
    return os.path.join(directory, os.readlink(link))


def _read_attributes(path: str) -> Attributes | None:
    """Return the attributes of the file at `path`, or None if there is no file."""
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return None
    acl = None
    # The file has no access control list, or the platform or the file system does not support them.
    with contextlib.suppress(OSError, AttributeError):
        acl = os.getxattr(path, _ACL, follow_symlinks=False)
    return Attributes(state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode) & 0o777, acl)


def _apply(attributes: Attributes, descriptor: int) -> None:
    """Apply the attributes to an open file as far as the system permits, and never permit more than they do."""
    mode = attributes.mode
    for uid in (attributes.uid, -1):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, uid, attributes.gid)
            break
    else:
        # The permissions of the group must not apply to another group.
        mode &= ~0o070
    with contextlib.suppress(OSError):
        if attributes.acl is None:
            os.fchmod(descriptor, mode)
        else:
            os.setxattr(descriptor, _ACL, attributes.acl)
