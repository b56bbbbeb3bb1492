# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""A certificate and its key on the disk, replaced so that a crash never leaves a device without a pair.

One file changes by one rename. Two files in one folder to which a symbolic link leads change by one rename of the link.
Any other two files change by two renames, the certificate first: until the second the old key is still there, and the
new one waits beside it under NEXT, where `finish` finds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import ssl
import tempfile
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import FilesNotReplaced
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import NEXT

# What a file is called that will replace another and is not whole yet.
PART = ".part"


class Pair(t.NamedTuple):
    """Where a certificate and its key lie. `key` is None when both are in one file."""

    certificate: str
    key: str | None

    @property
    def linked_folder(self) -> str | None:
        """The symbolic link that leads to the folder of both files, if one does."""
        folder = os.path.dirname(self.certificate)
        together = self.key is not None and os.path.dirname(self.key) == folder
        return folder if together and os.path.islink(folder) else None


@contextlib.contextmanager
def locked(pair: Pair) -> t.Iterator[None]:
    """Hold off every other renewal of this pair. Raises FilesNotReplaced when one is going on."""
    folder = os.path.dirname(os.path.realpath(pair.certificate))
    with _told("Nothing was sent: {}. Correct that and run the task again."):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FilesNotReplaced(
                    f"Another renewal in {folder} is going on. Nothing was sent. Run the task again when it is done."
                ) from None
            yield
        finally:
            os.close(descriptor)


def reserve(pair: Pair, key: bytes | None) -> None:
    """See that the files can be replaced, before there is something that would be lost; a new key is laid ready.

    Raises FilesNotReplaced.
    """
    with _told("A new certificate could not be stored, so none was asked for: {}. Correct that and run it again."):
        forget(pair)
        target = os.path.realpath(pair.certificate)
        _write(target + PART, os.stat(target).st_size * b" ", like=target)
        if pair.key is not None and key is not None:
            _lay_ready(os.path.realpath(pair.key), key)


def forget(pair: Pair) -> None:
    """Remove what an attempt that came to nothing has left."""
    for path in filter(None, pair):
        for ending in (PART, NEXT, NEXT + PART):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.realpath(path) + ending)


def replace(pair: Pair, certificate: bytes, key: bytes | None) -> None:
    """Write a new certificate, and a key when the old one shall not stay as it is. Raises FilesNotReplaced.

    Where both are in one file the key has to be given, be it the old one. Owner, mode and extended attributes stay
    those of the old files.
    """
    with _told(
        "A new certificate was issued and could not be stored: {}. Correct that and run the task again: it finishes "
        "what was begun, or asks for another one.",
        changed=True,
    ):
        target = os.path.realpath(pair.certificate)
        if key is None or pair.key is None:
            _write(target + PART, certificate + (key or b""), like=target)
            _rename(target + PART, target)
        elif pair.linked_folder is not None:
            forget(pair)
            _replace_folder(pair.linked_folder, {target: certificate, os.path.realpath(pair.key): key})
        else:
            _lay_ready(target, certificate)
            _rename(target + NEXT, target)
            _rename(os.path.realpath(pair.key) + NEXT, os.path.realpath(pair.key))
            forget(pair)


def finish(pair: Pair, passphrase: str | None, check_mode: bool, warn: t.Callable[[str], None]) -> Pair:
    """Finish a renewal that was interrupted between two renames, and return the pair that works.

    Where nothing may be written, in check mode or without the right to, it is the new key beside the old one.
    """
    if pair.key is None or not os.path.exists(os.path.realpath(pair.key) + NEXT):
        return pair
    key, target = os.path.realpath(pair.key), os.path.realpath(pair.certificate)
    steps = [(key + NEXT, key)]
    if fit(target + NEXT, key + NEXT, passphrase):
        steps.insert(0, (target + NEXT, target))
    elif fit(target, key, passphrase) or not fit(target, key + NEXT, passphrase):
        return pair
    if not check_mode:
        # Where a renewal is going on, it is not interrupted.
        with contextlib.suppress(OSError, FilesNotReplaced), locked(pair):
            for source, destination in steps:
                _rename(source, destination)
            warn(
                f"A renewal that had been interrupted is finished: {pair.certificate} and {pair.key} are a pair again."
            )
            return pair
    return pair if fit(target, key, passphrase) else Pair(target, key + NEXT)


def fit(certificate: str, key: str, passphrase: str | None) -> bool:
    """Say whether two files are a certificate and its key."""
    try:
        # OpenSSL would read a FIFO or a device file without an end.
        for path in (certificate, key):
            read_regular_file(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: passphrase or "")
    except (OSError, ValueError):
        return False
    return True


@contextlib.contextmanager
def _told(sentence: str, changed: bool = False) -> t.Iterator[None]:
    """Put what the system says of a file into a sentence for people. `changed` says that something may have been."""
    try:
        yield
    except OSError as error:
        raise FilesNotReplaced(sentence.format(f"{error.filename}: {error.strerror}"), changed=changed) from error


def _lay_ready(path: str, content: bytes) -> None:
    """Write what will replace `path` beside it. It is under its name only when it is whole and on the disk."""
    _write(path + NEXT + PART, content, like=path)
    _rename(path + NEXT + PART, path + NEXT)


def _write(path: str, content: bytes, like: str) -> None:
    """Write a new file that has owner, mode and extended attributes of the file `like`, down to the disk."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        _dress(path, like)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _dress(path: str, like: str) -> None:
    """Give a file or folder owner, mode and extended attributes of another, but not its age."""
    state = os.stat(like)
    mine = os.stat(path)
    if (state.st_uid, state.st_gid) != (mine.st_uid, mine.st_gid):
        os.chown(path, state.st_uid, state.st_gid)
    shutil.copystat(like, path)
    os.utime(path)


def _rename(source: str, destination: str) -> None:
    """Rename, down to the disk."""
    os.replace(source, destination)
    _sync_folder(os.path.dirname(destination))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace_folder(link: str, contents: dict[str, bytes]) -> None:
    """Let `link` lead to a copy of its folder in which some files have other contents. The old folder stays."""
    old = os.path.realpath(link)
    new = tempfile.mkdtemp(prefix=f"{os.path.basename(link)}-", dir=os.path.dirname(old))
    try:
        with os.scandir(old) as found:
            entries = [entry for entry in found if not entry.name.endswith((NEXT, PART))]
        for entry in entries:
            path = os.path.join(new, entry.name)
            if entry.path in contents:
                _write(path, contents[entry.path], like=entry.path)
            elif entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
            elif entry.is_dir():
                shutil.copytree(entry.path, path, symlinks=True)
            else:
                with open(entry.path, "rb") as file:
                    _write(path, file.read(), like=entry.path)
        _dress(new, old)
        for folder in (new, os.path.dirname(new)):
            _sync_folder(folder)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link + NEXT)
        os.symlink(os.path.join(os.path.dirname(os.readlink(link)), os.path.basename(new)), link + NEXT)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    _rename(link + NEXT, link)
