# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The request for the first certificate of a device: version 1 of the API of DigiCert IoT Device Manager.

An operator authenticates it with an API key, and a device with a passcode or a birth certificate.
"""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Secret
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
    CertificateRequest,
    Denials,
    IssuedCertificate,
    error_from_response,
    request_certificate,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Response, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    ApiKeyRejectedError,
    DeviceManagerError,
    EnrollmentDeniedError,
    HttpError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor

_ADVICE = {
    "api_key": "Check that api_key is valid, that its user has the permission to issue certificates, and that api_url "
    "is the URL of the region and the account that issued it.",
    "passcode": "Check that passcode is one of the enrollment profile in enrollment_profile_id, that it has not "
    "expired, has uses left and is valid for this device, that the device is not disabled, and that api_url is the URL "
    "of the region and the account that issued it.",
    "birth_cert": "Register birth_cert to the enrollment profile in enrollment_profile_id, and check that the device "
    "is not disabled.",
}
_REQUEST = CertificateRequest(
    "/iot/api/v1/certificate",
    "enrollment",
    "The files in client_cert and client_key are unchanged.",
    "Configure the enrollment profile to approve requests automatically.",
    "The next run requests another certificate for the same key.",
)


class EnrollmentApi:
    """Requests certificates with `payload`, to which a request adds its CSR.

    `credential` authenticates the requests of `session`.
    """

    def __init__(
        self, session: Session, credential: Secret | Credentials, payload: dict[str, t.Any], redactor: Redactor
    ) -> None:
        self._session = session
        self._credential = credential.option if isinstance(credential, Secret) else "birth_cert"
        self._payload = payload
        self._redactor = redactor

    def request(self, csr: str) -> IssuedCertificate:
        """Request the certificate for a CSR in PEM form. Raises as `request_certificate` does."""
        payload = {"csr": csr, **self._payload}
        return request_certificate(self._session, _REQUEST, payload, self._failure, self._redactor)

    def _failure(self, response: Response, verb: str) -> DeviceManagerError:
        denied = ApiKeyRejectedError if self._credential == "api_key" else EnrollmentDeniedError
        denials = Denials(
            dict.fromkeys(("access_denied", "invalid_api_key"), denied),
            _ADVICE[self._credential],
            self._credential,
            self._session.identity.certificate_validity_hint,
            (
                HttpError,
                "Check enrollment_profile_id and the IDs in the attributes, and check that api_url is the URL of the "
                "account that has the enrollment profile.",
            ),
        )
        return error_from_response(response, verb, denials, self._redactor)
