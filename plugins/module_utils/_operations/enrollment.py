# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Enroll a device: decide, store a key, request the certificate, validate and verify it, and then install the files."""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_options import (
    Credential,
    EnrollmentOptions,
    parse_connections,
    parse_credential,
    parse_enrollment_options,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_policy import (
    Action,
    EnrollmentDecision,
    Found,
    decide_enrollment,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import (
    EstOptions,
    parse_est_options,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    CertificateFiles,
    Reservation,
    check_storage,
    discard_lock_file,
    is_one_file,
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
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import PRIVATE_KEY, describe_problem
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import (
    Unfinished,
    UnfinishedRequest,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    CertificateInfo,
    build_names,
    certificate_info,
    create_csr_with_names,
    dump_csr,
    find_issue_problem,
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
    InvalidParametersError,
    InvalidResponseError,
    ReadDeniedError,
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


class EnrollmentTask(t.NamedTuple):
    """A device, its files, and the options for the enrollment. `problems` are errors in the parameters.

    `device_id` is None if the new certificate cannot be verified. `device_connection` is for the verification. `est` is
    None if the device does not enroll by EST.
    """

    device_id: str | None
    device_identifier: str
    files: Credentials
    credential: Credential
    connection: Connection
    device_connection: Connection
    options: EnrollmentOptions
    est: EstOptions | None
    problems: list[str]


def parse_enrollment_task(params: t.Mapping[str, t.Any]) -> EnrollmentTask:
    """Return the task in the parameters of the module."""
    files, credential = parse_credentials(params), parse_credential(params)
    options, problems = parse_enrollment_options(params, files)
    device_id, identifier = params["device_id"], params["device_identifier"]
    problems += [] if device_id is None else id_problems(device_id)
    connection, device_connection = parse_connections(params, credential)
    est, est_problems = parse_est_options(params, isinstance(credential, Credentials))
    connections = (connection if est is None else est.connection, device_connection)
    problems += est_problems
    return EnrollmentTask(device_id, identifier, files, credential, *connections, options, est, problems)


class EnrollmentResult(t.NamedTuple):
    """The decision, the attributes of the certificate, and the response of the API if a request was sent.

    `facts` is None in check mode if there is no certificate. `changed` is whether files were changed, or would be
    changed in check mode.
    """

    decision: EnrollmentDecision
    facts: CertificateInfo | None
    changed: bool
    issued: IssuedCertificate | None = None
    backup_files: t.Sequence[str] = ()

    @property
    def device_id(self) -> str | None:
        """The ID of the device in the response, or None if the response has no valid one."""
        found = None if self.issued is None else self.issued.device_id
        return None if found is None or id_problems(found) else found


class _State(t.NamedTuple):
    """The contents of the files, or None, the CSR of the task, the current key if it is used, and the decision."""

    certificate: bytes | None
    key_content: bytes | None
    csr: t.Any
    key: t.Any
    decision: EnrollmentDecision

    @property
    def needs_key(self) -> bool:
        """Whether a new key is required."""
        return self.csr is None and self.key is None

    @property
    def facts(self) -> CertificateInfo | None:
        """The attributes of the certificate, if there is one."""
        try:
            return certificate_info(read_chain(self.certificate or b"")[0])
        except ValueError:
            return None


class _Request(t.NamedTuple):
    """A request as it is stored, its CSR, and the contents of the files with its key.

    `chain` is what an earlier run received, and `is_new` is whether no earlier run sent a request for this key.
    """

    stored: Unfinished
    csr: t.Any
    contents: Contents
    chain: list[t.Any]
    is_new: bool


def enroll_when_needed(
    task: EnrollmentTask, apis: Apis, set_attributes: t.Callable[[str], bool], runtime: Runtime
) -> EnrollmentResult:
    """Enroll the device of the task if it has no valid certificate. Return the result.

    `set_attributes` sets the owner and the mode of the file of a certificate, and returns whether that changes the
    file. In check mode, all checks run that require no request. Raises a DeviceManagerError.
    """
    need_cryptography()
    if task.problems:
        raise InvalidParametersError(" ".join(task.problems))
    _check_birth_files(task)
    pair = pair_of(str(task.files.client_cert), task.files.client_key)
    recovery = recover(pair, task.files.client_key_passphrase, not runtime.check_mode, runtime.warn)
    changed = recovery.changed
    try:
        enroller = _Enroller(task, recovery.pair, apis, runtime)
        missing = _missing_directories(recovery.pair)
        if missing and not runtime.check_mode:
            raise InvalidParametersError(" ".join(missing))
        state = enroller.load()
        if not state.decision.should_enroll:
            changed = set_attributes(recovery.pair.certificate) or changed
            enroller.discard_installed(state)
            changed = install_missing(apis.ca_certificates, apis.issuer, runtime) or changed
            return EnrollmentResult(state.decision, state.facts, changed)
        issuer = apis.issuer()
        enroller.check_contents(state)
        enroller.check_storage(state, missing)
        if runtime.check_mode:
            enroller.find_request(state)
            set_attributes(_existing(recovery.pair.certificate))
            return EnrollmentResult(state.decision, state.facts, True)
        with locked(recovery.pair):
            again = enroller.load()
            if not again.decision.should_enroll:
                runtime.warn("Another process has enrolled the device during this task, so this task did not.")
                return EnrollmentResult(again.decision, again.facts, changed)
            if again.certificate is not None:
                changed = set_attributes(recovery.pair.certificate) or changed
            enroller.find_request(again)
            if apis.ca_certificates is not None:
                changed = apis.ca_certificates.update() or changed
                issuer = apis.issuer()
            return enroller.run(issuer, again, set_attributes)
    except DeviceManagerError as failure:
        failure.changed = failure.changed or changed
        raise


def _check_birth_files(task: EnrollmentTask) -> None:
    """Raise InvalidParametersError if the enrollment can replace a file of its birth certificate."""
    if not isinstance(task.credential, Credentials):
        return
    csr = task.options.csr
    has_csr = csr.csr_path is not None or csr.csr_content is not None
    for birth in ("cert", "key"):
        for client in ("cert", "key"):
            paths = getattr(task.credential, f"client_{birth}"), getattr(task.files, f"client_{client}")
            # A key in hardware can be that of both certificates. It is not replaced.
            if None in paths or not is_one_file(*paths) or (has_csr and birth == client == "key"):
                continue
            raise InvalidParametersError(
                f"birth_{birth} and client_{client} are the same file, which an enrollment can replace. Set another "
                f"path in client_{client}."
            )


def _existing(path: str) -> str:
    """Return the path of a file, or of the closest directory above it that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(os.path.realpath(path))
    return path


class _Enroller:
    """The enrollment for the files `pair`. Refer to enroll_when_needed for the other arguments."""

    def __init__(self, task: EnrollmentTask, pair: CertificateFiles, apis: Apis, runtime: Runtime) -> None:
        self._task = task
        self._pair = pair
        self._apis = apis
        self._runtime = runtime
        self._passphrase = task.files.client_key_passphrase
        self._unfinished = UnfinishedRequest(pair, task.options.fingerprint)

    def load(self) -> _State:
        """Return the state of the files, and the decision. Raises InvalidParametersError if the files stay invalid."""
        csr = self._load_csr()
        certificate = _read("client_cert", self._pair.certificate)
        key_content = None if self._pair.key is None else _read("client_key", self._pair.key)
        key, found = None, Found(certificate is not None, key_content is not None)
        if csr is not None:
            self._check_key_of_csr(csr, key_content)
        if certificate is not None:
            problem = self._pair_problem(certificate, csr)
            end = None if problem else certificate_info(read_chain(certificate)[0]).not_after
            found = found._replace(problem=problem, not_after=end)
        elif key_content is not None and csr is None:
            key, problem = self._load_key(key_content)
            found = found._replace(problem=problem)
        now = datetime.datetime.now(datetime.timezone.utc)
        decision = decide_enrollment(found, self._task.options.policy, now)
        if decision.action is Action.REJECT:
            raise InvalidParametersError(decision.reason)
        return _State(certificate, key_content, csr, key, decision)

    def check_contents(self, state: _State) -> None:
        """Check the names of the CSR and the contents of the files. Raises InvalidParametersError."""
        if state.csr is None:
            _build_names(self._task.options)
        self._with_key(state, b"")

    def check_storage(self, state: _State, missing: list[str]) -> None:
        """Check that the files can be stored, unless a directory is missing. Raises FileWriteError. No file remains."""
        if missing:
            # Without check mode, an earlier task can have created it.
            self._runtime.warn(" ".join(["Check mode cannot check the storage.", *missing]))
            return
        check_storage(self._pair, state.needs_key, state.decision.action is Action.REPLACE)
        self._unfinished.check()
        if self._apis.ca_certificates is not None:
            self._apis.ca_certificates.check()

    def find_request(self, state: _State) -> _Request | None:
        """Return the request of an earlier run that did not finish, or None if there is none that can be used.

        Raises CertificatePendingError if the server does not accept it again yet.
        """
        stored, key = self._find_stored(state)
        if stored is None:
            return None
        csr = find_unfinished_csr(stored, state.csr, state.csr or key)
        chain = find_unfinished_chain(stored, state.csr or key)
        if csr is None and not chain:
            return None
        if not chain:
            check_not_before(stored)
        return _Request(stored, csr, self._with_key(state, stored.key if state.needs_key else b""), chain, False)

    def discard_installed(self, state: _State) -> None:
        """Remove the files of an enrollment that was interrupted after the installation."""
        if self._runtime.check_mode:
            return
        discard_lock_file(self._pair)
        unfinished = self._unfinished.read()
        if unfinished is not None and holds(unfinished.certificates, read_chain(state.certificate or b"")[0]):
            self._unfinished.discard()

    def run(self, issuer: Issuer, state: _State, set_attributes: t.Callable[[str], bool]) -> EnrollmentResult:
        """Request the certificate, verify it and install the files."""
        backup = state.decision.action is Action.REPLACE
        with Reservation(self._pair, state.needs_key, backup) as reservation:
            if state.certificate is None:
                set_attributes(reservation.staged_certificate)
            request = self._prepare(issuer, state)
            issued, chain = None, request.chain
            if not chain:
                issued, chain = self._request_certificate(issuer, request)
                self._unfinished.add(request.stored._replace(certificates=write_chain(chain)))
            self._verify_certificate(request.stored.key, chain)
            reservation.install(*_with_chain(state, request.contents, chain))
            self._unfinished.discard()
            return EnrollmentResult(state.decision, certificate_info(chain[0]), True, issued, reservation.backup_files)

    def _load_csr(self) -> t.Any:
        """Return the CSR of the task, or None."""
        content, path = self._task.options.csr.csr_content, self._task.options.csr.csr_path
        label = "csr_content"
        try:
            if path is not None:
                label = f"csr_path: {path}"
                content = read_regular_file(path).decode("utf-8", "replace")
            return None if content is None else load_csr(content.encode("utf-8", "replace"))
        except (OSError, ValueError) as error:
            raise InvalidParametersError(f"{label} cannot be used: {reason_of(error)}.") from error

    def _check_key_of_csr(self, csr: t.Any, key_content: bytes | None) -> None:
        """Raise InvalidParametersError if client_key is not the key of the CSR. A key in hardware is not compared."""
        if self._pair.key is None:
            return
        label = f"client_key: {self._pair.key}"
        if key_content is None:
            raise InvalidParametersError(f"{label} does not exist. Set it to the key of the CSR, or omit it.")
        problem = describe_problem(key_content, PRIVATE_KEY)
        if problem:
            raise InvalidParametersError(f"{label} {problem}.")
        try:
            matches = same_key(read_key(key_content, self._passphrase), csr)
        except ValueError:
            return
        if not matches:
            raise InvalidParametersError(f"{label} does not match the key of the CSR.")

    def _pair_problem(self, certificate: bytes, csr: t.Any) -> str:
        """Return why the files are no pair, as sentences, or ""."""
        if csr is None:
            files = self._task.files._replace(client_cert=self._pair.certificate, client_key=self._pair.key)
            return " ".join(pair_problems(files, self._runtime))
        try:
            matches = same_key(read_chain(certificate)[0], csr)
        except ValueError as error:
            return f"client_cert: {self._pair.certificate} cannot be used: {error}."
        return "" if matches else f"client_cert: {self._pair.certificate} does not match the key of the CSR."

    def _load_key(self, content: bytes) -> tuple[t.Any, str]:
        """Return the key that is there without a certificate, or None and why it cannot be used, as a sentence."""
        try:
            return read_key(content, self._passphrase), ""
        except ValueError as error:
            problem = describe_problem(content, PRIVATE_KEY) or f"cannot be used: {error}"
            hint = "For a key in hardware, set csr_path or csr_content."
            return None, f"client_key: {self._pair.key} {problem}. {hint}"

    def _prepare(self, issuer: Issuer, state: _State) -> _Request:
        """Return the request of this run, or of an earlier run that did not finish. It is on the disk then."""
        request = self.find_request(state)
        if request is not None:
            return request
        attributes = issuer.csr_attributes()
        stored, key = self._find_stored(state)
        is_new, pem = stored is None or not state.needs_key, b""
        if state.needs_key and stored is not None:
            pem = stored.key
        elif state.needs_key:
            key = make_key(self._task.options.csr.key_type)
            pem = write_key(key, self._passphrase)
        csr = state.csr or create_csr_with_names(key, self._task.options.csr.names, attributes)
        check_csr(attributes, csr, state.needs_key, self._runtime)
        contents, stored = self._with_key(state, pem), Unfinished(pem, dump_csr(csr).encode("ascii"))
        store_request(self._unfinished, stored, self._runtime)
        return _Request(stored, csr, contents, [], is_new)

    def _find_stored(self, state: _State) -> tuple[Unfinished | None, t.Any]:
        """Return what an earlier run stored, or None, and the current key, which is the stored key if one is needed."""
        stored = self._unfinished.read()
        if stored is None or not state.needs_key:
            return stored, state.key
        try:
            return stored, read_key(stored.key, self._passphrase)
        except ValueError:
            return None, None

    def _with_key(self, state: _State, pem: bytes) -> Contents:
        """Return the contents of the files with a new key, or without one. A pair that has expired keeps its chain."""
        if state.decision.action is not Action.RENEW:
            return Contents(pem, None) if self._pair.key is None else Contents(b"", pem or None)
        contents = Contents(state.certificate or b"", state.key_content if state.needs_key else None)
        if not state.needs_key:
            return contents
        try:
            return with_new_key(contents, read_chain(contents.certificate)[0], pem, self._passphrase)
        except ValueError as error:
            raise InvalidParametersError(f"The key of the expired certificate cannot be replaced: {error}.") from error

    def _request_certificate(self, issuer: Issuer, request: _Request) -> tuple[IssuedCertificate, list[t.Any]]:
        """Request the certificate. Return the response and its chain, which matches the CSR."""
        try:
            issued = issuer.request(dump_csr(request.csr))
        except DeviceManagerError as failure:
            update_unfinished(self._unfinished, request.stored, request.is_new, failure)
            raise
        try:
            chain = issued_chain(issued.pem, intermediates_of(self._apis.ca_certificates), request.csr)
            now = datetime.datetime.now(datetime.timezone.utc)
            reason = find_issue_problem(chain, request.csr, now)
        except ValueError as error:
            reason = str(error)
        if reason:
            raise InvalidResponseError(
                f"The API issued an invalid certificate{issued.name()}: {reason}. The files in "
                "client_cert and client_key are unchanged. Have an operator check the enrollment profile."
            )
        return issued, chain

    def _verify_certificate(self, pem: bytes, chain: list[t.Any]) -> None:
        """Verify that the API accepts the new certificate. Raises CertificateUnverifiedError."""
        if self._task.device_id is None:
            return
        candidate = self._task.files._replace(client_cert=None, client_cert_content=write_chain(chain).decode("ascii"))
        if pem:
            candidate = candidate._replace(client_key=None, client_key_content=pem.decode("ascii"))
        elif self._pair.key is None:
            self._runtime.warn("The new certificate could not be verified, because client_key is not set.")
            return
        try:
            read_with_new_certificate(self._apis.read, candidate, self._task.connection.retries, lambda: True)
        except DeviceManagerError as failure:
            advice = (
                f"Check that device_id is the ID of {self._task.device_identifier}. If the device has no read access "
                "to its record, omit device_id. "
                if isinstance(failure, ReadDeniedError)
                else ""
            )
            raise CertificateUnverifiedError.caused_by(
                failure,
                f"The API issued a new certificate, but the verification of the certificate failed. {failure} {advice}"
                "The certificate is not installed. The next run verifies it again. To request another certificate "
                f"instead, remove {self._unfinished.path}.",
            ) from failure


def _with_chain(state: _State, contents: Contents, chain: list[t.Any]) -> Contents:
    """Return the contents, which have the new key, with the new certificate and its chain."""
    if state.decision.action is Action.RENEW:
        return with_new_chain(contents, read_chain(contents.certificate), chain)
    return Contents(write_chain(chain) + contents.certificate, contents.key)


def _missing_directories(pair: CertificateFiles) -> list[str]:
    """Return a sentence for each directory of the files that does not exist."""
    options = {
        os.path.dirname(os.path.realpath(path)): option
        for option, path in (("client_key", pair.key), ("client_cert", pair.certificate))
        if path is not None
    }
    return [
        f"{option}: the directory {directory} does not exist. Create it before this task."
        for directory, option in options.items()
        if not os.path.isdir(directory)
    ]


def _read(option: str, path: str) -> bytes | None:
    """Return the content of a file, or None if it does not exist. Raises InvalidParametersError."""
    try:
        return read_regular_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidParametersError(f"{option}: {path} cannot be read: {reason_of(error)}.") from error


def _build_names(options: EnrollmentOptions) -> None:
    try:
        build_names(options.csr.names)
    except ValueError as error:
        raise InvalidParametersError(f"subject or subject_alt_name cannot be used: {error}.") from error
