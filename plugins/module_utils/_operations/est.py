# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Open an EST server: for requests with a credential, and for its CA certificates, which can be the first trust."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.ca_certificates import CaCertificates
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import (
    EstOptions,
    url_without_certificate,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    HandshakeFailedError,
    ReadDeniedError,
    RenewalDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - the import takes long, and few runs require it
    from cryptography import x509

    from ansible_collections.edgeops.digicert.plugins.module_utils._client.est_api import EstApi


class EstServer:
    """The server of `options`. `credential` is that of the task."""

    def __init__(
        self, options: EstOptions, credential: Secret | Credentials, runtime: Runtime, redactor: Redactor
    ) -> None:
        self._options = options
        self._credential = credential
        self._runtime = runtime
        self._redactor = redactor
        certificates = options.ca_certificates
        self.ca_certificates = (
            None if certificates is None else CaCertificates(certificates, self._read_ca_certificates, runtime)
        )

    def issuer(self, problems: list[str]) -> Issuer:
        """Return the functions that request certificates. `problems` are errors in other parameters.

        Raises InvalidParametersError or MissingLibraryError.
        """
        api = self._open(self._credential, problems)
        return Issuer(api.request, api.csr_attributes)

    def read(self, credentials: Credentials) -> None:
        """Send a request that reads with this certificate. Raises a DeviceManagerError."""
        try:
            self._open(credentials, []).check_access()
        except RenewalDeniedError as failure:
            # It is no request for a certificate, and the server can accept the certificate later.
            raise ReadDeniedError.caused_by(failure, str(failure)) from failure

    def _open(self, credential: Secret | Credentials, problems: list[str]) -> EstApi:
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_est_session
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.est_api import EstApi

        connection = self._options.connection
        if self._lacks_trust():
            # The parameters are validated before the file is written. Until then, no request is sent.
            connection = connection._replace(trust=Trust(connection.trust.validate_certs, None))
        session = open_est_session(connection, credential, self._options.username, problems, self._runtime)
        return EstApi(session, credential, self._redactor)

    def _lacks_trust(self) -> bool:
        certificates = self.ca_certificates
        return self._options.trusts_ca_certificates and certificates is not None and certificates.is_missing

    def _read_ca_certificates(self) -> list[x509.Certificate]:
        if not self._lacks_trust():
            return self._open(self._credential, []).ca_certificates()
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
            open_unverified_session,
        )
        from ansible_collections.edgeops.digicert.plugins.module_utils._client.est_api import EstApi

        # RFC 7030, section 4.1.1: the fingerprint verifies the response, and no credential is sent before that.
        connection = self._options.connection
        connection = connection._replace(api_url=url_without_certificate(connection.api_url))
        session = open_unverified_session(connection, [], self._runtime)
        try:
            return EstApi(session, self._credential, self._redactor).ca_certificates()
        except HandshakeFailedError as failure:
            raise failure.replace(
                f"{failure} The first request for the CA certificates has no credential. If the server requires a "
                "client certificate, create the file in ca_certs_path before this task."
            ) from failure
