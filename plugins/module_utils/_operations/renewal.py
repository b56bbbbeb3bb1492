# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Renew the certificate of a device: decide, request, validate, verify, and then replace the files."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import (
    EstOptions,
    parse_est_options,
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
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import (
    Unfinished,
    UnfinishedRequest,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    CertificateInfo,
    certificate_info,
    create_csr,
    dump_csr,
    find_certificate_mismatch,
    holds,
    load_csr,
    make_key,
    need_cryptography,
    read_chain,
    read_key,
    same_key,
    write_chain,
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
    RenewalDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import (
    Apis,
    Issuer,
    check_csr,
    check_not_before,
    find_unfinished_chain,
    find_unfinished_csr,
    install_missing,
    intermediates_of,
    store_request,
    update_unfinished,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.verification import read_with_new_certificate
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import id_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file, reason_of
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - the import takes long, and few runs require it
    from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import IssuedCertificate


class RenewalTask(t.NamedTuple):
    """A device, its certificate, and the options for the renewal. `problems` are errors in the parameters.

    `est` is None if the device does not renew by EST. `device_id` is None if the device has no record.
    """

    device_id: str | None
    connection: Connection
    credentials: Credentials
    options: RenewalOptions
    est: EstOptions | None
    problems: list[str]


def parse_renewal_task(params: t.Mapping[str, t.Any]) -> RenewalTask:
    """Return the task in the parameters of the module."""
    credentials = parse_credentials(params)
    options, problems = parse_renewal_options(params, credentials)
    est, est_problems = parse_est_options(params, True)
    device_id = params["device_id"]
    problems += est_problems + ([] if device_id is None else id_problems(device_id))
    return RenewalTask(device_id, parse_connection(params), credentials, options, est, problems)


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

    With a new key, `pem` is that key, and the contents have it. `chain` is what an earlier run received, and `is_new`
    is whether no earlier run sent the request.
    """

    csr: t.Any
    contents: Contents
    pem: bytes = b""
    chain: t.Sequence[t.Any] = ()
    is_new: bool = True

    @property
    def stored(self) -> Unfinished:
        """The request as it is stored."""
        return Unfinished(self.pem, dump_csr(self.csr).encode("ascii"))


def renew_when_due(
    task: RenewalTask, apis: Apis, set_attributes: t.Callable[[], bool], runtime: Runtime
) -> RenewalResult:
    """Renew the certificate of the task if it is due. Return the result.

    `set_attributes` sets the owner and the mode of the current file, which a new file keeps, and returns whether that
    changes the file. In check mode, all checks run that require no request. Raises a DeviceManagerError.
    """
    need_cryptography()
    if task.problems:
        raise InvalidParametersError(" ".join(task.problems))
    credentials = task.credentials
    pair = pair_of(str(credentials.client_cert), credentials.client_key)
    recovery = recover(pair, credentials.client_key_passphrase, not runtime.check_mode, runtime.warn)
    changed = recovery.changed
    try:
        renewer = _Renewer(task, recovery.pair, apis, runtime)
        present, request = renewer.prepare()
        changed = set_attributes() or changed
        if _has_expired(present):
            runtime.warn(_EXPIRED)
        if not present.decision.should_renew:
            renewer.discard_installed(present)
            changed = install_missing(apis.ca_certificates, apis.issuer, runtime) or changed
            return RenewalResult(present.decision, certificate_info(present.chain[0]), changed)
        issuer = apis.issuer()
        if runtime.check_mode:
            renewer.check_storage()
            renewer.check_not_before(present, t.cast(_Request, request))
            return RenewalResult(present.decision, certificate_info(present.chain[0]), True)
        with locked(recovery.pair), _advice_on_expiry(present):
            again = _load_current(recovery.pair, task.options.policy)
            if again.content != present.content:
                runtime.warn(
                    "Another process has renewed the certificate during this task, so this task did not renew it."
                )
                return RenewalResult(
                    again.decision._replace(should_renew=False), certificate_info(again.chain[0]), changed
                )
            renewer.check_not_before(again, t.cast(_Request, request))
            if apis.ca_certificates is not None:
                apis.ca_certificates.check()
                changed = apis.ca_certificates.update() or changed
                issuer = apis.issuer()
            return renewer.run(issuer, again, t.cast(_Request, request))
    except DeviceManagerError as failure:
        failure.changed = failure.changed or changed
        raise


_EXPIRED = (
    "The certificate has expired, so the device cannot renew it. Enroll the device again with "
    "digicert_iot_device_enrollment, or have an operator issue a new certificate for this device."
)


@contextlib.contextmanager
def _advice_on_expiry(present: _CurrentCertificate) -> t.Iterator[None]:
    """Add advice to the error of a request that a server rejects because of an expired certificate.

    By EST, that can be another request than the one for the certificate.
    """
    try:
        yield
    except (HandshakeFailedError, RenewalDeniedError) as failure:
        if not _has_expired(present):
            raise
        raise failure.replace(f"{failure} {_EXPIRED}") from failure


class _Renewer:
    """The renewal of the certificate in the files `pair`. Refer to renew_when_due for the other arguments."""

    def __init__(self, task: RenewalTask, pair: CertificateFiles, apis: Apis, runtime: Runtime) -> None:
        self._options = task.options
        self._credentials = task.credentials._replace(client_cert=pair.certificate, client_key=pair.key)
        self._retries = task.connection.retries
        self._pair = pair
        self._apis = apis
        self._runtime = runtime
        # Version 2 of the API of DigiCert cannot return a certificate later, so its requests are not repeated.
        self._unfinished = None if task.est is None else UnfinishedRequest(pair, task.options.fingerprint)

    def prepare(self) -> tuple[_CurrentCertificate, _Request | None]:
        """Return the current certificate and the request for a new one. Raises InvalidParametersError."""
        # OpenSSL presents the certificate, so it must be able to use the files.
        problems = pair_problems(self._credentials, self._runtime)
        if problems:
            raise InvalidParametersError(" ".join(problems))
        present = _load_current(self._pair, self._options.policy)
        return present, self._make_request(present)

    def check_storage(self) -> None:
        """Check that the files can be stored. Raises FileWriteError or InvalidParametersError. No file remains."""
        check_storage(self._pair, self._options.regenerate_key, self._options.backup)
        if self._unfinished is not None:
            self._unfinished.check()
        if self._apis.ca_certificates is not None:
            self._apis.ca_certificates.check()

    def check_not_before(self, present: _CurrentCertificate, request: _Request) -> None:
        """Raise CertificatePendingError if the server does not accept the request of an earlier run again yet."""
        if self._unfinished is not None:
            self._repeat(present, request, self._unfinished)

    def discard_installed(self, present: _CurrentCertificate) -> None:
        """Remove the file of a request whose certificate is installed."""
        if self._unfinished is not None and not self._runtime.check_mode:
            stored = self._unfinished.read()
            if stored is not None and holds(stored.certificates, present.chain[0]):
                self._unfinished.discard()

    def run(self, issuer: Issuer, present: _CurrentCertificate, request: _Request) -> RenewalResult:
        """Request the new certificate, verify it and replace the files."""
        with Reservation(self._pair, request.contents.key is not None, self._options.backup) as reservation:
            if self._unfinished is not None:
                request = self._repeat(present, request, self._unfinished) or self._store(
                    issuer, present, request, self._unfinished
                )
            renewal, chain = None, list(request.chain)
            if not chain:
                renewal, chain = self._request_certificate(issuer, present, request)
            content, key_content = with_new_chain(request.contents, present.chain, chain)
            candidate = self._credentials._replace(
                client_cert=None, client_cert_content=content.decode("utf-8", "replace")
            )
            if key_content is not None:
                candidate = candidate._replace(
                    client_key=None, client_key_content=key_content.decode("utf-8", "replace")
                )
            self._verify_certificate(candidate)
            reservation.install(content, key_content)
            if self._unfinished is not None:
                self._unfinished.discard()
            facts = certificate_info(chain[0])
            return RenewalResult(present.decision, facts, True, renewal, reservation.backup_files)

    def _repeat(
        self, present: _CurrentCertificate, request: _Request, unfinished: UnfinishedRequest
    ) -> _Request | None:
        """Return the request of an earlier run that did not finish, or None if there is none that can be used."""
        stored = unfinished.read()
        if stored is None:
            return None
        owner, contents = present.chain[0], request.contents
        if self._options.regenerate_key:
            try:
                owner = read_key(stored.key, self._credentials.client_key_passphrase)
            except ValueError:
                return None
            contents = self._contents_with_key(present, stored.key)
        csr = find_unfinished_csr(stored, request.csr if self._has_csr else None, owner)
        chain = find_unfinished_chain(stored, owner)
        if csr is None or (chain and self._find_mismatch(chain, present, csr)):
            return None
        # Another client can have replaced the files with those of another device.
        if not self._has_csr and csr.subject != present.chain[0].subject:
            return None
        check_not_before(stored)
        return _Request(csr, contents, stored.key, chain, is_new=False)

    def _store(
        self, issuer: Issuer, present: _CurrentCertificate, request: _Request, unfinished: UnfinishedRequest
    ) -> _Request:
        """Return the request with the attributes that the server requests. It is on the disk then."""
        attributes = issuer.csr_attributes()
        if attributes is not NO_ATTRIBUTES:
            request = t.cast(_Request, self._make_request(present, attributes))
            check_csr(attributes, request.csr, self._options.regenerate_key, self._runtime)
        store_request(unfinished, request.stored, self._runtime)
        return request

    @property
    def _has_csr(self) -> bool:
        """Whether the task sets the CSR."""
        return self._options.csr_path is not None or self._options.csr_content is not None

    def _make_request(self, present: _CurrentCertificate, attributes: CsrAttributes = NO_ATTRIBUTES) -> _Request | None:
        """Return the request for a new certificate, with a new key if the task sets regenerate_key.

        A CSR of the task is always validated. Otherwise a CSR is created only if the certificate is due, with the
        `attributes` that the server requests.
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
                return self._with_new_key(present, attributes)
            path = self._pair.key or self._pair.certificate
            label = f"client_key: {path} (for a key in hardware, set csr_path or csr_content)"
            key = read_key(self._key_content(present), self._credentials.client_key_passphrase)
            if not same_key(key, leaf):
                raise ValueError("it does not match client_cert")
            return _Request(create_csr(key, leaf, attributes), Contents(present.content, None))
        except (OSError, ValueError) as error:
            raise InvalidParametersError(f"{label} cannot be used: {reason_of(error)}.") from error

    def _key_content(self, present: _CurrentCertificate) -> bytes:
        return present.content if self._pair.key is None else read_regular_file(self._pair.key)

    def _with_new_key(self, present: _CurrentCertificate, attributes: CsrAttributes) -> _Request:
        """Return the request for a certificate with a new key, and the files with it. Check mode creates no key."""
        leaf = present.chain[0]
        key = None if self._runtime.check_mode else make_key(self._options.key_type, leaf)
        # A new key is encrypted if the old key is encrypted or in hardware.
        passphrase = None if is_open(self._key_content(present)) else self._credentials.client_key_passphrase
        pem = b"" if key is None else write_key(key, passphrase)
        csr = None if key is None else create_csr(key, leaf, attributes)
        return _Request(csr, self._contents_with_key(present, pem), pem)

    def _contents_with_key(self, present: _CurrentCertificate, pem: bytes) -> Contents:
        current = Contents(present.content, None if self._pair.key is None else self._key_content(present))
        return with_new_key(current, present.chain[0], pem, self._credentials.client_key_passphrase)

    def _find_mismatch(self, chain: list[t.Any], present: _CurrentCertificate, csr: t.Any) -> str | None:
        """Return why a chain cannot replace the present one, or None."""
        attributes = self._options.attributes.get("certificate_profile_attributes", [])
        subject_may_differ = any(attribute["id"].startswith("subject.") for attribute in attributes)
        return find_certificate_mismatch(chain, present.chain[0], csr, subject_may_differ)

    def _request_certificate(
        self, issuer: Issuer, present: _CurrentCertificate, request: _Request
    ) -> tuple[IssuedCertificate, list[t.Any]]:
        """Request the new certificate. Return the response and its chain, which matches the CSR."""
        csr = request.csr
        try:
            renewal = issuer.request(dump_csr(csr))
        except DeviceManagerError as failure:
            if self._unfinished is not None:
                update_unfinished(self._unfinished, request.stored, request.is_new, failure)
            raise
        try:
            # The old chain can contain certificates between the new certificate and its CA.
            others = [*intermediates_of(self._apis.ca_certificates), *present.chain[1:]]
            chain = issued_chain(renewal.pem, others, csr)
            reason = self._find_mismatch(chain, present, csr)
        except ValueError as error:
            reason = str(error)
        if reason:
            raise InvalidResponseError(
                f"The API issued an invalid certificate{renewal.name()}: {reason}. The current "
                "certificate and its key are unchanged. Have an operator check the certificate profile."
            )
        if self._unfinished is not None:
            self._unfinished.add(request.stored._replace(certificates=write_chain(chain)))
        return renewal, chain

    def _verify_certificate(self, candidate: Credentials) -> None:
        """Verify that the API accepts the new certificate of `candidate`. Raises CertificateUnverifiedError."""
        try:
            is_read = read_with_new_certificate(self._apis.read, candidate, self._retries, self._may_read)
        except DeviceManagerError as failure:
            next_run = "requests another certificate" if self._unfinished is None else "verifies it again"
            raise CertificateUnverifiedError.caused_by(
                failure,
                f"The API issued a new certificate, but the verification of the certificate failed. {failure} The "
                f"current certificate and its key are unchanged. The next run {next_run}.",
            ) from failure
        if not is_read:
            self._runtime.warn(
                "The new certificate could not be verified, because the device has no read access to its record."
            )

    def _may_read(self) -> bool:
        try:
            self._apis.read(self._credentials)
        except ReadDeniedError:
            return False
        return True


def _load_current(pair: CertificateFiles, policy: Policy) -> _CurrentCertificate:
    try:
        content = read_regular_file(pair.certificate)
        chain = read_chain(content)
    except (OSError, ValueError) as error:
        raise InvalidParametersError(f"client_cert: {pair.certificate} cannot be read: {reason_of(error)}.") from error
    facts = certificate_info(chain[0])
    now = datetime.datetime.now(datetime.timezone.utc)
    return _CurrentCertificate(content, chain, decide(facts.not_before, facts.not_after, policy, now))


def _has_expired(present: _CurrentCertificate) -> bool:
    return certificate_info(present.chain[0]).not_after < datetime.datetime.now(datetime.timezone.utc)
