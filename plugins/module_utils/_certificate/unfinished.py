# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The file of a request that is not finished: its private key, its CSR, and the certificate after the issue.

The file has the key and the CSR before the request is sent. If the response is lost, or if the request requires
approval, the next run sends the same request. If the installation fails, the next run installs the certificate.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    NOT_STORABLE,
    NOT_STORED,
    CertificateFiles,
    wrap_os_error,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import UNFINISHED_SUFFIX
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staging import (
    backup_suffix,
    check_leftover,
    remove,
    sync,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file

_HEADER = b"The unfinished request of edgeops.digicert "
_CSR = b"-----BEGIN CERTIFICATE REQUEST-----"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY_END = b"PRIVATE KEY-----"
_NOT_BEFORE = b"Not before: "
# The number of bytes for a certificate and its chain, which are reserved before the request.
_SPACE = 32768


class Unfinished(t.NamedTuple):
    """The private key and the CSR of a request, and the certificates that it was answered with, all in PEM format.

    `key` is b"" if the key is not generated. `not_before` is the time in seconds after which the request can be
    repeated.
    """

    key: bytes
    csr: bytes
    certificates: bytes = b""
    not_before: float = 0.0


class UnfinishedRequest:
    """The file of the request `request` for the certificate in `pair`.

    `request` is a text without line ends. The file of another request is not used. The methods raise FileWriteError.
    """

    def __init__(self, pair: CertificateFiles, request: str) -> None:
        self._pair = pair
        self._header = _HEADER + request.encode("ascii") + b"\n"
        self.path = os.path.realpath(pair.key or pair.certificate) + UNFINISHED_SUFFIX

    def check(self) -> None:
        """Raise FileWriteError if the file cannot be created."""
        with wrap_os_error(NOT_STORABLE, self._pair):
            directory, name = os.path.split(self.path)
            if len(os.fsencode(name)) > os.pathconf(directory, "PC_NAME_MAX"):
                raise OSError(errno.ENAMETOOLONG, "the file name is too long", self.path)
            check_leftover(self.path)

    def read(self) -> Unfinished | None:
        """Return the content of the file of this request.

        Return None if there is no such file that only this user can read.
        """
        content = b""
        with wrap_os_error(NOT_STORABLE, self._pair), contextlib.suppress(FileNotFoundError):
            state = os.lstat(self.path)
            if stat.S_ISREG(state.st_mode) and not state.st_mode & 0o077 and state.st_uid == os.geteuid():
                content = read_regular_file(self.path)
        if not content.startswith(self._header):
            return None
        key, csr_begin, rest = content[len(self._header) :].partition(_CSR)
        csr, certificate_begin, certificates = rest.partition(_CERTIFICATE)
        csr, _mark, seconds = csr.partition(_NOT_BEFORE)
        not_before = float(seconds) if seconds.strip().isdigit() else 0.0
        return Unfinished(_block(key), _block(csr_begin + csr), certificate_begin + certificates, not_before)

    def create(self, unfinished: Unfinished) -> str | None:
        """Create the file, with space for the certificates.

        A file with the key of another request is renamed, because a certificate can be issued for that key. Return its
        new path, or None.
        """
        with wrap_os_error(NOT_STORABLE, self._pair):
            kept = None
            if self._has_other_key(unfinished.key):
                kept = self.path + backup_suffix()
                os.rename(self.path, kept)
            remove(self.path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(self.path, flags, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(self._header + unfinished.key + unfinished.csr + b"\n" * _SPACE)
                file.flush()
                os.fsync(file.fileno())
            sync(os.path.dirname(self.path))
        return kept

    def _has_other_key(self, key: bytes) -> bool:
        """Return whether the file has a request with another key than this one. A rejected request has no CSR."""
        if not os.path.lexists(self.path) or not stat.S_ISREG(os.lstat(self.path).st_mode):
            return False
        old, csr_begin, _rest = read_regular_file(self.path).partition(_CSR)
        return bool(csr_begin) and _KEY_END in old and not (key and key in old)

    def add(self, unfinished: Unfinished) -> None:
        """Write what `unfinished` has in addition to its key and its CSR to the file, which has those."""
        later = _NOT_BEFORE + b"%d\n" % unfinished.not_before if unfinished.not_before else b""
        with wrap_os_error(NOT_STORED, self._pair), open(self.path, "r+b") as file:
            file.seek(len(self._header + unfinished.key + unfinished.csr))
            file.write((later + unfinished.certificates).ljust(_SPACE, b"\n"))
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove the file, if it exists."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def _block(content: bytes) -> bytes:
    """Return PEM without the space after it."""
    stripped = content.rstrip(b"\n")
    return stripped + b"\n" if stripped else b""
