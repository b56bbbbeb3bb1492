# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The file of an enrollment that is not finished: the private key of its request, and the certificate after the issue.

The file has the key before a request is sent. If the response is lost, the next run sends a request for the same key.
If the installation fails, the next run installs the certificate.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    NOT_STORABLE,
    NOT_STORED,
    CertificateFiles,
    wrap_os_error,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import UNFINISHED_SUFFIX
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staging import (
    check_leftover,
    remove,
    sync,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file

_HEADER = b"The unfinished request of edgeops.digicert.digicert_iot_device_enrollment "
_BEGIN = b"-----BEGIN CERTIFICATE-----"
# The number of bytes for a certificate and its chain, which are reserved before the request.
_SPACE = 32768


class UnfinishedEnrollment:
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

    def read(self) -> tuple[bytes, bytes] | None:
        """Return the private key and the certificates in the file of this request, in PEM format.

        Return None if there is no such file that only this user can read.
        """
        content = b""
        with wrap_os_error(NOT_STORABLE, self._pair), contextlib.suppress(FileNotFoundError):
            state = os.lstat(self.path)
            if stat.S_ISREG(state.st_mode) and not state.st_mode & 0o077 and state.st_uid == os.geteuid():
                content = read_regular_file(self.path)
        if not content.startswith(self._header):
            return None
        key, begin, certificates = content[len(self._header) :].partition(_BEGIN)
        return key.rstrip(b"\n") + b"\n", begin + certificates

    def create(self, key: bytes) -> None:
        """Create the file with a private key in PEM format, or with b"" if the key is not generated."""
        with wrap_os_error(NOT_STORABLE, self._pair):
            remove(self.path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(self.path, flags, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(self._header + key + b"\n" * _SPACE)
                file.flush()
                os.fsync(file.fileno())
            sync(os.path.dirname(self.path))

    def add(self, key: bytes, chain: bytes) -> None:
        """Add the issued certificate and its chain in PEM format to the file, which has this key."""
        with wrap_os_error(NOT_STORED, self._pair), open(self.path, "r+b") as file:
            file.seek(len(self._header + key))
            file.write(chain.ljust(_SPACE, b"\n"))
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove the file, if it exists."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
