# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Crash-safe replacement of the files of a certificate and its key.

One file requires one rename. Two files require two renames, the certificate first. Until the second rename, the new key
is in a file with STAGED_SUFFIX next to the old key, where `recover` finds it. If a symbolic link points to a directory
that contains only the two files, one rename replaces the link.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import os
import ssl
import stat
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import (
    STAGED_SUFFIX,
    UNFINISHED_SUFFIX,
    has_staged_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staging import (
    TEMP_SUFFIX,
    back_up,
    backup_suffix,
    check,
    check_leftover,
    copy_metadata,
    directory_problem,
    mount_points,
    rehearse,
    remove,
    stage,
    sync,
    write,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import FileWriteError
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file

# The suffix of the file that is locked if there is no certificate.
LOCK_SUFFIX = ".lock"
_TEMPORARY_SUFFIXES = (STAGED_SUFFIX, TEMP_SUFFIX, UNFINISHED_SUFFIX, LOCK_SUFFIX, "~")

NOT_STORABLE = (
    "A new certificate cannot be stored, so the module did not request one: {}. Correct the cause and run the task "
    "again."
)
NOT_STORED = (
    "The API issued a new certificate, but it could not be stored: {}. Correct the cause and run the task again. The "
    "next run completes the installation or requests another certificate."
)


class CertificateFiles(t.NamedTuple):
    """The paths of a certificate and its key. `key` is None if both are in one file."""

    certificate: str
    key: str | None


class Recovery(t.NamedTuple):
    """The files that match, and whether the recovery changed files, or would change files."""

    pair: CertificateFiles
    changed: bool


def is_one_file(path: str, other: str) -> bool:
    """Return whether two paths are those of the same file, which can be missing."""
    try:
        return os.path.realpath(path) == os.path.realpath(other) or os.path.samefile(path, other)
    except (OSError, ValueError):
        return False


def pair_of(certificate: str, key: str | None) -> CertificateFiles:
    """Return the files at these paths, which can be links to the same file."""
    if key is None or not is_one_file(certificate, key):
        return CertificateFiles(certificate, key)
    # A file that is a mount point under one of its names cannot be replaced. `check` requires that name.
    return CertificateFiles(key if os.path.realpath(key) in mount_points() else certificate, None)


@contextlib.contextmanager
def locked(pair: CertificateFiles) -> t.Iterator[None]:
    """Hold the lock that excludes other tasks that replace these files.

    Without a certificate, a file with LOCK_SUFFIX is locked, which exists as long as the lock. Raises FileWriteError if
    another process holds the lock.
    """
    with wrap_os_error("The module sent no request: {}. Correct the cause and run the task again.", pair):
        descriptor = _lock(pair.certificate, _lock_file(pair))
    if descriptor is None:
        raise FileWriteError(
            f"Another renewal or enrollment of {pair.certificate} is in progress, or another program holds a lock "
            "(flock) on the file. The module sent no request. Run the task again after the lock is released."
        )
    try:
        yield
    finally:
        discard_lock_file(pair)
        os.close(descriptor)


def _lock_file(pair: CertificateFiles) -> str:
    return os.path.realpath(pair.certificate) + LOCK_SUFFIX


def discard_lock_file(pair: CertificateFiles) -> None:
    """Remove the lock file. If there is a certificate, it is left from an interrupted run."""
    with contextlib.suppress(OSError):
        remove(_lock_file(pair))


def _lock(certificate: str, lock_file: str) -> int | None:
    """Return the descriptor of the file that is locked, or None if another process has locked it.

    It is that of the certificate, or the lock file if there is no certificate.
    """
    while True:
        is_new = not os.path.exists(certificate)
        path, flags = (lock_file, os.O_CREAT | os.O_NOFOLLOW) if is_new else (certificate, 0)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the calls another task can create, replace or remove the file.
            if is_new is not os.path.exists(certificate) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


class _Link(t.NamedTuple):
    """A symbolic link to a directory that contains only a certificate and its key."""

    path: str
    directory: str

    @property
    def part(self) -> str:
        """The temporary path of the directory that replaces the current one."""
        return os.path.join(os.path.dirname(self.directory), os.path.basename(self.path) + TEMP_SUFFIX)


def check_storage(pair: CertificateFiles, has_new_key: bool, backup: bool) -> None:
    """Raise FileWriteError if a Reservation with these arguments is not possible. No file remains."""
    targets = _targets(pair, has_new_key)
    with wrap_os_error(NOT_STORABLE, pair), contextlib.ExitStack() as files:
        _check(targets, backup)
        for target in targets * (2 if backup else 1):
            # All of them stay open, because they share the free space.
            files.enter_context(rehearse(target) or contextlib.nullcontext())


def _targets(pair: CertificateFiles, has_new_key: bool) -> list[str]:
    """Return the paths of the files that are replaced, without symbolic links."""
    return [
        os.path.realpath(path) for path in (pair.certificate, pair.key if has_new_key else None) if path is not None
    ]


def _check(targets: list[str], backup: bool) -> None:
    for target in targets:
        check(target, max(len(STAGED_SUFFIX), len(TEMP_SUFFIX), len(backup_suffix()) if backup else 0))
        for suffix in (TEMP_SUFFIX, STAGED_SUFFIX):
            check_leftover(target + suffix)


def _state_of(path: str) -> tuple[str, bytes | None]:
    target = os.path.realpath(path)
    return target, read_regular_file(path) if os.path.lexists(target) else None


class Reservation:
    """Temporary files with reserved disk space, which replace a certificate and its key.

    `has_new_key` is whether the key is replaced, too. Raises FileWriteError if the replacement is not possible. As a
    context manager, it removes temporary files that were not installed.
    """

    def __init__(self, pair: CertificateFiles, has_new_key: bool, backup: bool = False) -> None:
        self._pair = pair
        self._targets = _targets(pair, has_new_key)
        # The modes of new files. A certificate is public, but its file can contain the key as well.
        self._modes = (0o600 if has_new_key and pair.key is None else 0o644, 0o600)
        self._link: _Link | None = None
        self._directory: str | None = None
        self._files: list[t.BinaryIO] = []
        self._temporary: list[str] = []
        self._states: dict[str, tuple[str, bytes | None]] = {}
        self._installs = False
        self.backup_files: list[str] = []
        try:
            with wrap_os_error(NOT_STORABLE, self._pair):
                self._prepare(backup)
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_error: object) -> None:
        self.discard()

    @property
    def staged_certificate(self) -> str:
        """The path of the temporary file that becomes a certificate that does not exist yet."""
        return self._targets[0] + TEMP_SUFFIX

    def discard(self) -> None:
        """Remove temporary files and backups that belong to no installation."""
        self._close()
        if not self._installs:
            with contextlib.suppress(OSError):
                for path in self.backup_files + self._temporary:
                    remove(path)
                self._clear_directory()
            self.backup_files = []

    def install(self, certificate: bytes, key: bytes | None) -> None:
        """Replace the files with these contents. Raises FileWriteError, also if another client has changed a file."""
        with wrap_os_error(NOT_STORED, self._pair):
            for path, state in self._states.items():
                if _state_of(path) != state:
                    raise OSError(errno.EAGAIN, "another client has changed it since the request", path)
            for file, content in zip(self._files, filter(None, (certificate, key))):
                write(file, content)
        self._installs = True
        with wrap_os_error(NOT_STORED, self._pair, changed=True):
            if not self._swap():
                self._rename_all()
        with contextlib.suppress(OSError):
            self._clear()

    def _prepare(self, backup: bool) -> None:
        _check(self._targets, backup)
        self._link = _link_of(self._pair) if len(self._targets) > 1 else None
        self._states = {path: _state_of(path) for path in self._pair if path is not None}
        present = [target for target in self._targets if os.path.lexists(target)]
        if backup:
            for target in present:
                self.backup_files.append(back_up(target))
        if len(present) < len(self._targets) or not self._stage_directory():
            for target, mode in zip(self._targets, self._modes):
                self._files.append(stage(target, target + TEMP_SUFFIX, mode))
                self._temporary.append(target + TEMP_SUFFIX)
            # With the entries of the directory reserved as well, the renames require no more space.
            for target in self._targets if len(self._targets) > 1 else []:
                # Before the renames, the staged files of an earlier renewal are kept.
                if not os.path.lexists(target + STAGED_SUFFIX):
                    os.close(
                        os.open(target + STAGED_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                    )
                    self._temporary.append(target + STAGED_SUFFIX)
        # A renewal that starts between two renames opens the new certificate, so it is locked, too.
        fcntl.flock(self._files[0].fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _stage_directory(self) -> bool:
        """Reserve a directory that replaces the directory of both files. Return whether that is possible."""
        if self._link is None:
            return False
        try:
            self._clear_directory()
            os.mkdir(self._link.part, 0o700)
            self._directory = self._link.part
            descriptor = os.open(self._link.part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                copy_metadata(descriptor, self._link.directory)
            finally:
                os.close(descriptor)
            for target in self._targets:
                self._files.append(stage(target, os.path.join(self._link.part, os.path.basename(target))))
        except OSError:
            self._close()
            with contextlib.suppress(OSError):
                self._clear_directory()
            self._directory = None
            return False
        return True

    def _swap(self) -> bool:
        """Replace the link with one to the new directory, unless it has changed. Return whether it was replaced."""
        link = self._link
        if self._directory is None or link is None or _link_of(self._pair) != link:
            return False
        staged = link.path + STAGED_SUFFIX
        # Without the suffix it is not a temporary directory. The old directory is kept.
        final = f"{link.part[: -len(TEMP_SUFFIX)]}-{os.urandom(4).hex()}"
        with contextlib.suppress(OSError):
            sync(self._directory)
            os.rename(self._directory, final)
            self._directory = final
            sync(os.path.dirname(final))
            remove(staged)
            os.symlink(
                os.path.join(os.path.dirname(os.readlink(link.path).rstrip("/")), os.path.basename(final)), staged
            )
            _rename(staged, link.path)
        if os.path.realpath(link.path) != final:
            return False
        self._directory = None
        return True

    def _rename_all(self) -> None:
        sources = [
            target + TEMP_SUFFIX if self._directory is None else os.path.join(self._directory, os.path.basename(target))
            for target in self._targets
        ]
        if len(sources) > 1:
            for source, target in zip(sources, self._targets):
                _rename(source, target + STAGED_SUFFIX)
            sources = [target + STAGED_SUFFIX for target in self._targets]
        for source, target in zip(sources, self._targets):
            _rename(source, target)

    def _close(self) -> None:
        for file in self._files:
            file.close()
        self._files = []

    def _clear(self) -> None:
        """Remove the temporary files of this attempt and of earlier ones."""
        for path in filter(None, self._pair):
            for suffix in (TEMP_SUFFIX, STAGED_SUFFIX, STAGED_SUFFIX + TEMP_SUFFIX):
                remove(os.path.realpath(path) + suffix)
        self._clear_directory()

    def _clear_directory(self) -> None:
        """Remove the temporary directory of this attempt or of an earlier one."""
        directory = self._directory or (self._link.part if self._link else "")
        if os.path.isdir(directory):
            for target in self._targets:
                remove(os.path.join(directory, os.path.basename(target)))
            os.rmdir(directory)
        self._directory = None


def _link_of(pair: CertificateFiles) -> _Link | None:
    """Return the link to the directory of both files, if the directory can be replaced, else None."""
    path = os.path.dirname(pair.certificate)
    if pair.key is None or os.path.dirname(pair.key) != path or not os.path.islink(path):
        return None
    directory = os.path.realpath(path)
    text = os.readlink(path).rstrip("/")
    names = [os.path.basename(file) for file in (pair.certificate, pair.key)]
    try:
        is_clear = (
            os.path.basename(text) not in ("", ".", "..")
            and not os.path.islink(os.path.join(os.path.dirname(path), text))
            and all(os.path.realpath(os.path.join(path, name)) == os.path.join(directory, name) for name in names)
            and _holds_only(directory, names)
            and os.stat(directory).st_dev == os.stat(os.path.dirname(directory)).st_dev
            and directory not in mount_points()
            and not directory_problem(os.path.dirname(directory), directory)
            and not directory_problem(os.path.dirname(os.path.abspath(path)), path)
        )
    except OSError:
        return None
    return _Link(path, directory) if is_clear else None


def _holds_only(directory: str, names: list[str]) -> bool:
    """Return whether a directory contains only these files, and temporary files and backups of them."""
    return all(
        entry in names or any(entry.startswith(name + ".") and entry.endswith(_TEMPORARY_SUFFIXES) for name in names)
        for entry in os.listdir(directory)
    )


def recover(pair: CertificateFiles, passphrase: str | None, may_write: bool, warn: t.Callable[[str], None]) -> Recovery:
    """Complete a renewal that was interrupted between two renames, and return the files that match.

    In check mode or without write permission, these are the staged files.
    """
    steps, reason = _pending_renames(pair, passphrase)
    if reason:
        warn(
            "The staged files of an interrupted renewal are not installed "
            f"({pair.certificate}{STAGED_SUFFIX} and {pair.key}{STAGED_SUFFIX}): {reason}. "
            "Remove the two files, or install them manually. A renewal that succeeds removes them."
        )
    if not steps:
        return Recovery(pair, False)
    if not may_write:
        return Recovery(_before(pair, steps), True)
    done = 0
    # While another renewal holds the lock, the files are not changed.
    with contextlib.suppress(OSError, FileWriteError), locked(pair):
        for source, destination in _pending_renames(pair, passphrase)[0]:
            _rename(source, destination)
            done += 1
    if done:
        warn(f"The module completed an interrupted renewal: {pair.certificate} and {pair.key} match again.")
    return Recovery(_before(pair, _pending_renames(pair, passphrase)[0]), done > 0)


def _before(pair: CertificateFiles, steps: list[tuple[str, str]]) -> CertificateFiles:
    """Return the paths of the files before these renames."""
    sources = {destination: source for source, destination in steps}
    certificate, key = (sources.get(os.path.realpath(str(path)), path) for path in pair)
    return CertificateFiles(str(certificate), key)


def _pending_renames(pair: CertificateFiles, passphrase: str | None) -> tuple[list[tuple[str, str]], str]:
    """Return the renames that complete a renewal, and the reason if they are not allowed, as a clause."""
    if pair.key is None or not has_staged_key(pair.key):
        return [], ""
    certificate, key = os.path.realpath(pair.certificate), os.path.realpath(pair.key)
    steps = [(key + STAGED_SUFFIX, key)]
    try:
        if key_matches(certificate + STAGED_SUFFIX, key + STAGED_SUFFIX, passphrase):
            steps.insert(0, (certificate + STAGED_SUFFIX, certificate))
            reason = _ownership_problem(steps) or _outdated(certificate)
        elif key_matches(certificate, key, passphrase) or not key_matches(certificate, key + STAGED_SUFFIX, passphrase):
            return [], ""
        else:
            reason = _ownership_problem(steps)
    except FileNotFoundError:  # Another run has completed the renewal.
        return [], ""
    return ([], reason) if reason else (steps, "")


def _ownership_problem(steps: list[tuple[str, str]]) -> str:
    """Return why the staged files can be from a user without write access to the current files, or ""."""
    owners = {0, os.geteuid(), *(os.stat(path).st_uid for _source, path in steps if os.path.exists(path))}
    for path, _destination in steps:
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode):
            return f"{path} is not a regular file"
        if state.st_uid not in owners:
            return f"{path} belongs to the user {state.st_uid}, who does not own the current files"
    return ""


def _outdated(certificate: str) -> str:
    """Return why the staged certificate is not newer than the current one, or "" if it is newer."""
    # Only an interrupted renewal requires this package, and its import takes long.
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
        HAS_CRYPTOGRAPHY,
        certificate_info,
        read_chain,
    )

    if not HAS_CRYPTOGRAPHY:
        return "the Python package cryptography is missing, which is required to compare the dates"
    paths = (certificate, certificate + STAGED_SUFFIX)
    try:
        contents = [read_regular_file(path) for path in paths]
        current, staged = (certificate_info(read_chain(content)[0]) for content in contents)
    except ValueError as error:
        return f"the dates of the certificates cannot be compared: {error}"
    if staged.not_after <= datetime.datetime.now(datetime.timezone.utc):
        return f"its certificate expired on {staged.not_after:%Y-%m-%d %H:%M} UTC"
    # A CA can issue all certificates of a day with the same start. The times of the files are compared then.
    begins = [(facts.not_before, os.stat(path).st_ctime_ns) for facts, path in zip((current, staged), paths)]
    if begins[1] < begins[0] or staged.not_after <= current.not_after:
        return "its certificate is not newer than the current one"
    return ""


def key_matches(certificate: str, key: str, passphrase: str | None) -> bool:
    """Return whether two regular files are a certificate and its key."""
    try:
        for path in (certificate, key):
            read_regular_file(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: passphrase or "")
    except (OSError, ValueError):
        return False
    return True


@contextlib.contextmanager
def wrap_os_error(sentence: str, pair: CertificateFiles, changed: bool = False) -> t.Iterator[None]:
    """Raise FileWriteError with this sentence in place of OSError. `changed` is whether files may have changed."""
    try:
        yield
    except OSError as error:
        # A call with a descriptor, such as fsync, names no file.
        cause = f"{error.filename or pair.certificate}: {error.strerror or error}"
        raise FileWriteError(sentence.format(cause), changed=changed) from error


def _rename(source: str, destination: str) -> None:
    """Rename a file, and flush the directory entry to the disk."""
    os.replace(source, destination)
    sync(os.path.dirname(destination))
