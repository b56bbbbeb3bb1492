# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The file of the CA certificates of an EST server."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._atomic_write import write_atomically
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import CaCertificatesOptions
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staging import directory_problem
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    fingerprint_of,
    issued_below,
    write_chain,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    FileWriteError,
    InvalidParametersError,
    InvalidResponseError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - the package cryptography is loaded by x509 only
    from cryptography import x509


class CaCertificates:
    """The file of `options`. `fetch` returns the CA certificates of the server, or raises a DeviceManagerError.

    `intermediates` are those of the last update that can be between a certificate and a root. Many servers issue a
    certificate without them (RFC 7030, section 4.2.3, does not require them).
    """

    def __init__(
        self, options: CaCertificatesOptions, fetch: t.Callable[[], list[x509.Certificate]], runtime: Runtime
    ) -> None:
        self._options = options
        self._fetch = fetch
        self._runtime = runtime
        self.intermediates: list[x509.Certificate] = []

    @property
    def is_missing(self) -> bool:
        """Whether the file does not exist. A symbolic link can point to the place of the file."""
        return not os.path.exists(self._options.path)

    def check(self) -> None:
        """Raise InvalidParametersError if the file cannot be written because of its directory."""
        path = os.path.realpath(self._options.path)
        directory = os.path.dirname(path)
        # An existing file is written only if the CA certificates have changed.
        cause = "" if os.path.isfile(path) else "it is not a regular file"
        if self.is_missing:
            cause = directory_problem(directory, path) if os.path.isdir(directory) else ""
        if cause:
            raise InvalidParametersError(f"ca_certs_path: {path} cannot be written: {cause}.")
        if not os.path.isdir(directory):
            problem = f"ca_certs_path: the directory {directory} does not exist. Create it before this task."
            if not self._runtime.check_mode:
                raise InvalidParametersError(problem)
            self._runtime.warn(problem)

    def update(self) -> bool:
        """Write the CA certificates of the server to the file. Return whether that changed the file.

        Raises InvalidResponseError if they are not those of the fingerprint, FileWriteError if the file cannot be
        written, or another DeviceManagerError.
        """
        found = self._fetch()
        kept = found if self._options.fingerprint is None else _below(found, self._options.fingerprint)
        if len(kept) < len(found):
            self._runtime.warn(
                f"{len(found) - len(kept)} of {len(found)} CA certificates of the EST server are not stored, because "
                "the CA of ca_certs_fingerprint has not signed them."
            )
        self.intermediates = [each for each in kept if each.issuer != each.subject]
        content = write_chain(kept)
        try:
            if not self.is_missing and read_regular_file(self._options.path) == content:
                return False
            return write_atomically(self._options.path, content.decode("ascii"), 0o644, sync=True)
        except OSError as error:
            raise FileWriteError(
                f"ca_certs_path: {self._options.path} cannot be written: {error.strerror}. The module requested no "
                "certificate. Correct the cause and run the task again."
            ) from error


def _below(found: list[x509.Certificate], fingerprint: str) -> list[x509.Certificate]:
    """Return the certificate with this fingerprint and those that it has signed, directly or not."""
    pinned = [each for each in found if fingerprint_of(each) == fingerprint]
    if not pinned:
        raise InvalidResponseError(
            "The EST server returned no CA certificate with the fingerprint in ca_certs_fingerprint. Check est_url and "
            "ca_certs_fingerprint. The file in ca_certs_path is unchanged."
        )
    return issued_below(pinned[:1], found)
