# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Renew the certificate of a device: decide, request, validate, verify, and then replace the files."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    CertificateFiles,
    Reservation,
    check_storage,
    locked,
    pair_of,
    recover,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.issued import (
    Contents,
    issued_chain,
    with_new_chain,
    with_new_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import is_open
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import (
    Decision,
    Policy,
    decide,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    RenewalOptions,
    parse_renewal_options,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    CertificateInfo,
    certificate_info,
    create_csr,
    dump_csr,
    find_certificate_mismatch,
    load_csr,
    make_key,
    need_cryptography,
    read_chain,
    read_key,
    same_key,
    write_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import pair_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificateUnverifiedError,
    DeviceManagerError,
    HandshakeFailedError,
    InvalidParametersError,
    InvalidResponseError,
    ReadDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.verification import (
    Connect,
    read_with_new_certificate,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - the import takes long, and few runs require it
    from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import (
        DeviceApi,
        IssuedCertificate,
    )


class RenewalTask(t.NamedTuple):
    """A device, its certificate, and the options for the renewal. `problems` are errors in the parameters."""

    device_id: str
    connection: Connection
    credentials: Credentials
    options: RenewalOptions
    problems: list[str]


def parse_renewal_task(params: t.Mapping[str, t.Any]) -> RenewalTask:
    """Return the task in the parameters of the module."""
    credentials = parse_credentials(params)
    options, problems = parse_renewal_options(params, credentials)
    device_id = params["device_id"]
    return RenewalTask(device_id, parse_connection(params), credentials, options, problems + id_problems(device_id))


class RenewalResult(t.NamedTuple):
    """The decision, the attributes of the certificate, and the response of the API if a request was sent.

    `changed` is whether files were changed, or would be changed in check mode.
    """

    decision: Decision
    facts: CertificateInfo
    changed: bool
    renewal: IssuedCertificate | None = None
    backup_files: t.Sequence[str] = ()


class _CurrentCertificate(t.NamedTuple):
    """The current state: the content of the certificate file, its chain, and the decision whether to renew."""

    content: bytes
    chain: list[t.Any]
    decision: Decision


class _Request(t.NamedTuple):
    """A CSR for a new certificate, and the contents of the files, which still have the old chain.

    With a new key, the contents have that key.
    """

    csr: t.Any
    contents: Contents


def renew_when_due(
    task: RenewalTask, connect: Connect, set_attributes: t.Callable[[], bool], runtime: Runtime
) -> RenewalResult:
    """Renew the certificate of the task if it is due. Return the result.

    `connect` opens the API with these credentials. `set_attributes` sets the owner and the mode of the current file,
    which a new file keeps, and returns whether that changes the file. In check mode, all checks run that require no
    request. Raises a DeviceManagerError.
    """
    need_cryptography()
    if task.problems:
        raise InvalidParametersError(" ".join(task.problems))
    credentials = task.credentials
    pair = pair_of(str(credentials.client_cert), credentials.client_key)
    recovery = recover(pair, credentials.client_key_passphrase, not runtime.check_mode, runtime.warn)
    changed = recovery.changed
    try:
        renewer = _Renewer(task, recovery.pair, connect, runtime)
        present, request = renewer.prepare()
        changed = set_attributes() or changed
        if _has_expired(present):
            runtime.warn("The certificate has expired, so the API probably rejects the renewal request.")
        if not present.decision.should_renew:
            return RenewalResult(present.decision, certificate_info(present.chain[0]), changed)
        api = connect(credentials)
        if runtime.check_mode:
            check_storage(recovery.pair, task.options.regenerate_key, task.options.backup)
            return RenewalResult(present.decision, certificate_info(present.chain[0]), True)
        with locked(recovery.pair):
            again = _load_current(recovery.pair, task.options.policy)
            if again.content != present.content:
                runtime.warn(
                    "Another process has renewed the certificate during this task, so this task did not renew it."
                )
                return RenewalResult(
                    again.decision._replace(should_renew=False), certificate_info(again.chain[0]), changed
                )
            return renewer.run(api, again, t.cast(_Request, request))
    except DeviceManagerError as failure:
        failure.changed = failure.changed or changed
        raise


class _Renewer:
    """The renewal of the certificate in the files `pair`. Refer to renew_when_due for the other arguments."""

    def __init__(self, task: RenewalTask, pair: CertificateFiles, connect: Connect, runtime: Runtime) -> None:
        self._options = task.options
        self._credentials = task.credentials._replace(client_cert=pair.certificate, client_key=pair.key)
        self._retries = task.connection.retries
        self._pair = pair
        self._connect = connect
        self._runtime = runtime

    def prepare(self) -> tuple[_CurrentCertificate, _Request | None]:
        """Return the current certificate and the request for a new one. Raises InvalidParametersError."""
        # OpenSSL presents the certificate, so it must be able to use the files.
        problems = pair_problems(self._credentials, self._runtime)
        if problems:
            raise InvalidParametersError(" ".join(problems))
        present = _load_current(self._pair, self._options.policy)
        return present, self._make_request(present)

    def run(self, api: DeviceApi, present: _CurrentCertificate, request: _Request) -> RenewalResult:
        """Request the new certificate, verify it and replace the files. `api` uses the current certificate."""
        with Reservation(self._pair, request.contents.key is not None, self._options.backup) as reservation:
            renewal, chain = self._request_certificate(api, present, request.csr)
            content, key_content = with_new_chain(request.contents, present.chain, chain)
            candidate = self._credentials._replace(
                client_cert=None, client_cert_content=content.decode("utf-8", "replace")
            )
            if key_content is not None:
                candidate = candidate._replace(
                    client_key=None, client_key_content=key_content.decode("utf-8", "replace")
                )
            self._verify_certificate(api, candidate)
            reservation.install(content, key_content)
            facts = certificate_info(chain[0])
            return RenewalResult(present.decision, facts, True, renewal, reservation.backup_files)

    def _make_request(self, present: _CurrentCertificate) -> _Request | None:
        """Return the request for a new certificate, with a new key if the task sets regenerate_key.

        A CSR of the task is always validated. Otherwise a CSR is created only if the certificate is due.
        """
        options, leaf = self._options, present.chain[0]
        content = options.csr_content
        label = "csr_content"
        try:
            if options.csr_path is not None:
                label = f"csr_path: {options.csr_path}"
                content = read_regular_file(options.csr_path).decode("utf-8", "replace")
            if content is not None:
                csr = load_csr(content.encode("utf-8", "replace"))
                if not same_key(csr, leaf):
                    raise ValueError("it does not match the key of the certificate")
                return _Request(csr, Contents(present.content, None))
            if not present.decision.should_renew:
                return None
            if options.regenerate_key:
                label = "regenerate_key"
                return self._with_new_key(present)
            path = self._pair.key or self._pair.certificate
            label = f"client_key: {path} (for a key in hardware, set csr_path or csr_content)"
            key = read_key(self._key_content(present), self._credentials.client_key_passphrase)
            if not same_key(key, leaf):
                raise ValueError("it does not match client_cert")
            return _Request(create_csr(key, leaf), Contents(present.content, None))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidParametersError(f"{label} cannot be used: {reason}.") from error

    def _key_content(self, present: _CurrentCertificate) -> bytes:
        return present.content if self._pair.key is None else read_regular_file(self._pair.key)

    def _with_new_key(self, present: _CurrentCertificate) -> _Request:
        """Return the request for a certificate with a new key, and the files with it. Check mode creates no key."""
        pair, leaf, passphrase = self._pair, present.chain[0], self._credentials.client_key_passphrase
        old_key = self._key_content(present)
        key = None if self._runtime.check_mode else make_key(self._options.key_type, leaf)
        # A new key is encrypted if the old key is encrypted or in hardware.
        pem = b"" if key is None else write_key(key, None if is_open(old_key) else passphrase)
        csr = None if key is None else create_csr(key, leaf)
        current = Contents(present.content, None if pair.key is None else old_key)
        return _Request(csr, with_new_key(current, leaf, pem, passphrase))

    def _request_certificate(
        self, api: DeviceApi, present: _CurrentCertificate, csr: t.Any
    ) -> tuple[IssuedCertificate, list[t.Any]]:
        """Request the new certificate. Return the response and its chain, which matches the CSR."""
        attributes = self._options.attributes
        try:
            renewal = api.renew({"csr": dump_csr(csr), **attributes})
        except HandshakeFailedError as failure:
            if _has_expired(present):
                raise failure.replace(
                    f"{failure} The certificate has expired, so the device cannot renew it. Have an operator issue a "
                    "new certificate for this device."
                ) from failure
            raise
        subject_may_differ = any(
            attribute["id"].startswith("subject.") for attribute in attributes.get("certificate_profile_attributes", [])
        )
        try:
            # The old chain can contain certificates between the new certificate and its CA.
            chain = issued_chain(renewal.pem, present.chain[1:], csr)
            reason = find_certificate_mismatch(chain, present.chain[0], csr, subject_may_differ)
        except ValueError as error:
            reason = str(error)
        if reason:
            raise InvalidResponseError(
                f"The API issued an invalid certificate (ID {renewal.certificate_id}): {reason}. The current "
                "certificate and its key are unchanged. Have an operator check the certificate profile."
            )
        return renewal, chain

    def _verify_certificate(self, api: DeviceApi, candidate: Credentials) -> None:
        """Verify that the API accepts the new certificate of `candidate`. Raises CertificateUnverifiedError."""
        try:
            is_read = read_with_new_certificate(self._connect, candidate, self._retries, lambda: _may_read(api))
        except DeviceManagerError as failure:
            raise CertificateUnverifiedError.caused_by(
                failure,
                f"The API issued a new certificate, but the verification of the certificate failed. {failure} The "
                "current certificate and its key are unchanged. The next run requests another certificate.",
            ) from failure
        if not is_read:
            self._runtime.warn(
                "The new certificate could not be verified, because the device has no read access to its record."
            )


def _load_current(pair: CertificateFiles, policy: Policy) -> _CurrentCertificate:
    try:
        content = read_regular_file(pair.certificate)
        chain = read_chain(content)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidParametersError(f"client_cert: {pair.certificate} cannot be read: {reason}.") from error
    facts = certificate_info(chain[0])
    now = datetime.datetime.now(datetime.timezone.utc)
    return _CurrentCertificate(content, chain, decide(facts.not_before, facts.not_after, policy, now))


def _has_expired(present: _CurrentCertificate) -> bool:
    return certificate_info(present.chain[0]).not_after < datetime.datetime.now(datetime.timezone.utc)


def _may_read(api: DeviceApi) -> bool:
    try:
        api.read()
    except ReadDeniedError:
        return False
    return True
