# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The errors that end a task, one class for each kind. Only the main() of a module turns an error into a result."""

from __future__ import annotations

import enum
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor


class Changes(enum.Enum):
    """What a task can have changed before it failed. `changed` of its result is true in that case only."""

    NOTHING = 0
    # The task completed an interrupted installation, or set attributes of the certificate file.
    FILES = 1
    # Such a change of files, or an update of the record: the failed one, or an earlier one of the same task.
    RECORD = 2


class ErrorDetails(t.NamedTuple):
    """The HTTP status of a response, its error code and its message, if there was one, and the number of retries."""

    http_status: int | None = None
    code: str | None = None
    message: str | None = None
    retries: int = 0


_NO_DETAILS = ErrorDetails()


class DeviceManagerError(Exception):
    """The base class of all errors.

    `kind` is the error for programs, and the message is the error for people. `cause` and `remedy` are sentences on all
    errors of the kind, and `changes` is what a task that fails with the kind can have changed.

    `may_have_applied` is whether a request was sent that may have changed the record, with an unknown outcome.
    `changed` is whether the task changed files or the record, or may have changed them. `again` is whether to send the
    request again.
    """

    kind: t.ClassVar[str] = "error"
    cause: t.ClassVar[str] = ""
    remedy: t.ClassVar[str] = ""
    changes: t.ClassVar[Changes] = Changes.RECORD
    # Set if the task did not name the device by its ID.
    device_id: str | None = None
    # Whether the API rejected the content of the request, so that the same request has the same outcome later.
    is_rejection = False

    def __init__(
        self,
        message: str,
        details: ErrorDetails = _NO_DETAILS,
        may_have_applied: bool = False,
        changed: bool = False,
        again: bool = False,
    ) -> None:
        # The message can contain text of the API, with control characters or invalid Unicode.
        super().__init__("".join(character if character.isprintable() else " " for character in message))
        self.details = details
        self.may_have_applied = may_have_applied
        self.changed = changed
        self.again = again

    @classmethod
    def caused_by(cls, error: DeviceManagerError, message: str, changed: bool = False) -> DeviceManagerError:
        """Return an error of this kind with the details of `error`, which caused it."""
        return cls(message, error.details, changed=changed)

    def replace(self, message: str, **attributes: t.Any) -> DeviceManagerError:
        """Return an error of the same kind with another message, and with these attributes in place of its own."""
        error = type(self)(message)
        vars(error).update({**vars(self), **attributes})
        return error

    def redacted(self, redactor: Redactor) -> DeviceManagerError:
        """Return the error without secrets in its texts. The API can return in an error what it received."""
        code, text = (text and redactor.text(text) for text in (self.details.code, self.details.message))
        return self.replace(redactor.text(str(self)), details=self.details._replace(code=code, message=text))

    def result(self, device_id: str | None) -> dict[str, t.Any]:
        """Return the result of a module that failed for this device. None or "" is a device that the task lacks."""
        return {
            "failed": True,
            "device_id": device_id,
            "msg": f"Device {device_id}: {self}" if device_id else str(self),
            "changed": self.changed,
            "failure": self.failure(),
        }

    def failure(self) -> dict[str, t.Any]:
        """Return the `failure` value of a module's result."""
        return {"kind": self.kind, **self.details._asdict()}


class InvalidParametersError(DeviceManagerError):
    """The parameters are invalid, whatever the current record. No request was sent."""

    kind = "invalid_parameters"
    cause = "The task parameters are invalid. The module sent no request."
    remedy = "Correct the option, the file or the key that the message names."
    changes = Changes.FILES


class MissingLibraryError(DeviceManagerError):
    """The Python that runs the module cannot import a package."""

    kind = "missing_library"
    cause = "A Python package is missing on the host that runs the module."
    remedy = "Install the package that the message names. The role edgeops.digicert.device can install it."
    changes = Changes.FILES

    @classmethod
    def of(cls, library: str, packages: str) -> MissingLibraryError:
        """Return the error for a library, which `packages` of these names and systems contain."""
        # The inventory plugin uses this import for the error only.
        from ansible.module_utils.basic import missing_required_lib

        text = missing_required_lib(library).rstrip(".")
        return cls(f"{text}. Install {packages}, or use the role edgeops.digicert.device.")


class HostError(DeviceManagerError):
    """The managed host lacks a resource that the task requires, such as disk space, file descriptors or memory."""

    kind = "host_error"
    cause = "The managed host lacks a resource, such as disk space, memory or file descriptors."
    remedy = "Correct the condition that the message names on the managed host."


class InternalError(DeviceManagerError):
    """An error that no code of the collection handles. It can be a defect."""

    kind = "internal_error"
    cause = "An error occurred that the collection does not handle."
    remedy = "Run the task again. If it fails again, report the error to the maintainers."


class ConnectionFailedError(DeviceManagerError):
    """No complete response was received, because of DNS, the network, a proxy or the timeout."""

    kind = "connection_failed"
    cause = "No complete response was received after all retries."
    remedy = "Check the network, the proxy and the firewall between the host and the API, then run the task again."


class HandshakeFailedError(DeviceManagerError):
    """One side rejected the certificate of the other side, or the sides have no TLS parameters in common."""

    kind = "handshake_failed"
    cause = "The TLS handshake failed, for example because one side rejected the certificate of the other side."
    remedy = "Check client_cert, client_key, ca_path, the clock of the host, and the host in api_url."


class RedirectedError(DeviceManagerError):
    """The response is a redirect, which is not followed because the credential would be sent to another URL."""

    kind = "redirected"
    cause = "The API redirected the request to another URL."
    remedy = "If the URL is correct, set api_url to it."


class ReadDeniedError(DeviceManagerError):
    """The API denies the certificate read access to the record."""

    kind = "read_denied"
    cause = "The API denies the device read access to its record."
    remedy = "Set allow_read with digicert_iot_registration. Check that client_cert is a certificate of this device."
    changes = Changes.FILES


class WriteDeniedError(DeviceManagerError):
    """The API denies the certificate write access to the record."""

    kind = "write_denied"
    cause = "The API denies the device write access to its record."
    remedy = "Set allow_write with digicert_iot_registration."


class ApiKeyRejectedError(DeviceManagerError):
    """The API rejects the API key of the operator, or denies the operation to the user of the key."""

    kind = "api_key_rejected"
    cause = "The API rejected the operator's API key, or its user does not have the permission."
    remedy = "Replace the API key, or grant the permission to its user."


class DeviceNotFoundError(DeviceManagerError):
    """The API returns that the device does not exist."""

    kind = "device_not_found"
    cause = "The account has no such device."
    remedy = "Correct device_id or device_identifier, or create the device."


class HttpError(DeviceManagerError):
    """The HTTP status of the response is an error, and no other kind applies."""

    kind = "http_error"
    cause = "The API responded with an HTTP error."
    remedy = "Follow the message. With HTTP status 429, or 500 and above, run the task again later."


class InvalidResponseError(DeviceManagerError):
    """The content of the response is not the documented content."""

    kind = "invalid_response"
    cause = "The response is not a valid response of the API."
    remedy = "Check api_url, and check whether a proxy or a login page intercepts the request."


class InvalidDesiredStateError(DeviceManagerError):
    """The desired state cannot be applied to the current record. No update was sent for this state."""

    kind = "invalid_desired_state"
    cause = "The desired state cannot be applied to the current record."
    remedy = "Correct the options that the message names, or the device profile."


class ListIncompleteError(DeviceManagerError):
    """The list of devices could not be read completely, so it is not used."""

    kind = "list_incomplete"
    cause = "The list of devices could not be read completely."
    remedy = "Run the task again, or set device_id instead of device_identifier."
    changes = Changes.NOTHING


class UpdateNotAppliedError(DeviceManagerError):
    """The API accepted the update, and the record does not have the values of the update."""

    kind = "update_not_applied"
    cause = "The API accepted the update, but the record does not have the values that were sent."
    remedy = "Check whether another client changes the record, and whether the device profile allows the values."


class OutcomeUnknownError(DeviceManagerError):
    """A request was sent, and it is unknown whether the API applied it."""

    kind = "outcome_unknown"
    cause = "A request was sent, but no valid response shows its outcome."
    remedy = "Run the task again. An update changes only fields that still differ."


class StoppedError(DeviceManagerError):
    """The task was stopped, or ended early, before it processed this device."""

    kind = "stopped"
    cause = "The task ended before it processed the device."
    remedy = "Run the task again."


class RenewalDeniedError(DeviceManagerError):
    """The API denies the certificate its own renewal."""

    kind = "renewal_denied"
    cause = "The API denies the device the renewal of its certificate."
    remedy = "Set allow_renew_certificate with digicert_iot_registration."
    changes = Changes.FILES


class EnrollmentDeniedError(DeviceManagerError):
    """The API denies the enrollment with this passcode or birth certificate."""

    kind = "enrollment_denied"
    cause = "The API denies the enrollment with this passcode or birth certificate."
    remedy = "Use another passcode, or register the birth certificate to the enrollment profile."
    changes = Changes.FILES


class CertificatePendingError(DeviceManagerError):
    """The API accepted the request for a new certificate, which requires approval."""

    kind = "certificate_pending"
    cause = "The request for a new certificate requires approval."
    remedy = "Configure the certificate profile to approve requests automatically."
    changes = Changes.FILES

    certificate_request_id: str | None = None
    # The seconds after which an EST server accepts the same request again.
    retry_after: float = 0.0


class CertificateUnverifiedError(DeviceManagerError):
    """The API issued a new certificate, and did not accept it or could not be reached. It is not installed."""

    kind = "certificate_unverified"
    cause = "The API did not accept the new certificate, or could not be reached. The certificate is not installed."
    remedy = "Run the task again. If it fails again, contact DigiCert."
    changes = Changes.FILES


class FileWriteError(DeviceManagerError):
    """The certificate or the key could not be written, or another task replaces it."""

    kind = "file_write_failed"
    cause = "The certificate or the key could not be written, or another renewal or enrollment is in progress."
    remedy = "Check the permissions and the free space of the directory of the files."
    changes = Changes.FILES


def error_kinds() -> list[type[DeviceManagerError]]:
    """Return the class of each kind of error."""
    return DeviceManagerError.__subclasses__()
