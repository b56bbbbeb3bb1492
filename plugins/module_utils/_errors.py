# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""What can end a run. Helpers raise one of these; only a module's main() turns it into a result."""

from __future__ import annotations

import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor


class DeviceManagerError(Exception):
    """The base of all. `kind` is the word that programs read, the text is the sentence for people.

    `http_status`, `code` and `api_message` are what the service answered, where it did; `retries` counts the requests
    that were sent again. `may_have_applied` says that a request which may have changed the record was sent and its
    outcome is not known. `changed` says that the record was changed, or may have been, before the run failed. `again`
    says that the request is to be sent again.
    """

    kind = "failure"

    def __init__(
        self,
        message: str,
        http_status: int | None = None,
        code: str | None = None,
        api_message: str | None = None,
        retries: int = 0,
        may_have_applied: bool = False,
        changed: bool = False,
        again: bool = False,
    ) -> None:
        # Parts of it may be foreign text, with control characters or what is not valid Unicode.
        super().__init__("".join(character if character.isprintable() else " " for character in message))
        self.http_status = http_status
        self.code = code
        self.api_message = api_message
        self.retries = retries
        self.may_have_applied = may_have_applied
        self.changed = changed
        self.again = again

    def redact(self, redactor: Redactor) -> None:
        """Mask secrets in all texts. The API can return in an error what it received."""
        self.args = (redactor.text(str(self)),)
        self.code, self.api_message = (
            text if text is None else redactor.text(text) for text in (self.code, self.api_message)
        )

    def result(self, device_id: str) -> dict[str, t.Any]:
        """Return what a module that failed for this device returns."""
        return {
            "failed": True,
            "device_id": device_id,
            "msg": f"Device {device_id}: {self}",
            "changed": self.changed,
            "failure": self.details(),
        }

    def details(self) -> dict[str, t.Any]:
        """Return the `failure` value of a module's result."""
        return {
            "kind": self.kind,
            "http_status": self.http_status,
            "code": self.code,
            "message": self.api_message,
            "retries": self.retries,
        }


class InvalidParametersError(DeviceManagerError):
    """The task cannot be right, whatever the record says. Nothing was sent."""

    kind = "invalid_parameters"


class MissingLibraryError(DeviceManagerError):
    """A Python package is missing on the host that runs the module."""

    kind = "missing_library"


class HostError(DeviceManagerError):
    """The managed host lacks a resource that the task requires, such as disk space, file descriptors or memory."""

    kind = "host_error"


class InternalError(DeviceManagerError):
    """An error that the collection does not expect. It can be a defect."""

    kind = "internal_error"


class ConnectionFailedError(DeviceManagerError):
    """No answer: the name, the network, a proxy, a time-out or a connection that was cut."""

    kind = "connection_failed"


class HandshakeFailedError(DeviceManagerError):
    """One side did not accept the other's certificate, or TLS could not be agreed on."""

    kind = "handshake_failed"


class RedirectedError(DeviceManagerError):
    """The answer points elsewhere, and is not followed: what shows who asks would go along."""

    kind = "redirected"


class ReadDeniedError(DeviceManagerError):
    """The service does not let this certificate read this record."""

    kind = "read_denied"


class WriteDeniedError(DeviceManagerError):
    """The service does not let this certificate update this record."""

    kind = "write_denied"


class ApiKeyRejectedError(DeviceManagerError):
    """The service does not know the operator's API key, or its user may not do this."""

    kind = "api_key_rejected"


class DeviceNotFoundError(DeviceManagerError):
    """The service knows no device with this ID."""

    kind = "device_not_found"


class HttpError(DeviceManagerError):
    """Any other answer that is an error."""

    kind = "http_error"


class InvalidResponseError(DeviceManagerError):
    """The answer is not what the API promises, so it is not believed."""

    kind = "invalid_response"


class InvalidDesiredStateError(DeviceManagerError):
    """The record is not one that the wishes can be applied to. Nothing was written."""

    kind = "invalid_desired_state"


class ListIncompleteError(DeviceManagerError):
    """The list of devices could not be read as a whole, so none of it is believed."""

    kind = "list_incomplete"


class UpdateNotAppliedError(DeviceManagerError):
    """The update was accepted, and the record is still not as it was sent."""

    kind = "update_not_applied"


class OutcomeUnknownError(DeviceManagerError):
    """An update was sent, and whether it took effect could not be found out."""

    kind = "outcome_unknown"


class StoppedError(DeviceManagerError):
    """The task was told to stop, or ended early, before this device was done."""

    kind = "stopped"


class RenewalDeniedError(DeviceManagerError):
    """The service does not let this certificate renew itself."""

    kind = "renewal_denied"


class RenewalPendingError(DeviceManagerError):
    """The service has taken the request for a new certificate, and somebody has to approve it first."""

    kind = "renewal_pending"

    def __init__(self, message: str, certificate_request_id: str | None, **details: t.Any) -> None:
        super().__init__(message, **details)
        self.certificate_request_id = certificate_request_id


class RenewalUnverifiedError(DeviceManagerError):
    """The service has issued a new certificate and does not let it in. The old one stays."""

    kind = "renewal_unverified"


class FileWriteError(DeviceManagerError):
    """The certificate or the key could not be written."""

    kind = "file_write_failed"
