# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Renew the certificate of a device: decide, request, validate, verify, and then replace the files."""

from __future__ import annotations

import datetime
import random
import re
import tempfile
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    CertificateFiles,
    Reservation,
    check_storage,
    locked,
    pair_of,
    recover,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import is_open
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import (
    Decision,
    Policy,
    decide,
    read_policy,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    CertificateInfo,
    certificate_info,
    chain_of,
    create_csr,
    dump_csr,
    find_certificate_mismatch,
    holds,
    load_csr,
    make_key,
    need_cryptography,
    order_chain,
    read_chain,
    read_key,
    replace_chain,
    replace_key,
    same_key,
    write_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import wait_before_retry
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import pair_problems
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceManagerError,
    HandshakeFailedError,
    InvalidParametersError,
    InvalidResponseError,
    ReadDeniedError,
    RenewalUnverifiedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_path
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file

if t.TYPE_CHECKING:  # pragma: no cover - the import takes long, and few runs require it
    from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi, Renewal

# Opens the API with these options in place of those of the task.
Connect = t.Callable[[t.Dict[str, t.Any]], "DeviceApi"]

_OBJECT = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----")
# An API can escape the line ends twice in its JSON.
_LINE_ENDS = re.compile(r"(?:\\[rn]|\s)+")


class RenewalResult(t.NamedTuple):
    """The decision, the attributes of the certificate, and the response of the API if a request was sent.

    `changed` is whether files were changed, or would be changed in check mode.
    """

    decision: Decision
    facts: CertificateInfo
    changed: bool
    renewal: Renewal | None = None
    backup_files: t.Sequence[str] = ()


class _CurrentCertificate(t.NamedTuple):
    """The current state: the content of the certificate file, its chain, and the decision whether to renew."""

    content: bytes
    chain: list[t.Any]
    decision: Decision


class _Request(t.NamedTuple):
    """A CSR for a new certificate. With a new key, the contents of the files with this key.

    `certificate_content` still has the old chain.
    """

    csr: t.Any
    certificate_content: bytes
    key_content: bytes | None = None


def renew_when_due(
    options: dict[str, t.Any],
    connect: Connect,
    set_attributes: t.Callable[[], bool],
    check_mode: bool,
    warn: t.Callable[[str], None],
) -> RenewalResult:
    """Renew the certificate of `options`, the parameters of a module, if it is due. Return the result.

    `connect` opens the API with changed options. `set_attributes` sets the owner and the mode of the current file,
    which a new file keeps, and returns whether that changes the file. In check mode, all checks run that require no
    request. Raises a DeviceManagerError.
    """
    need_cryptography()
    policy, problems = read_policy(options)
    problems += _problems(options)
    if problems:
        raise InvalidParametersError(" ".join(problems))
    pair = pair_of(options["client_cert"], options["client_key"])
    recovery = recover(pair, options["client_key_passphrase"], not check_mode, warn)
    changed = recovery.changed
    try:
        _require_usable(options, recovery.pair, warn)
        present = _load_current(recovery.pair, policy)
        request = _make_request(options, recovery.pair, present, check_mode)
        changed = set_attributes() or changed
        if _has_expired(present):
            warn("The certificate has expired, so the API probably rejects the renewal request.")
        if not present.decision.should_renew:
            return RenewalResult(present.decision, certificate_info(present.chain[0]), changed)
        api = connect({})
        if check_mode:
            check_storage(recovery.pair, options["regenerate_key"], options["backup"])
            return RenewalResult(present.decision, certificate_info(present.chain[0]), True)
        with locked(recovery.pair):
            again = _load_current(recovery.pair, policy)
            if again.content != present.content:
                warn("Another process has renewed the certificate during this task, so this task did not renew it.")
                return RenewalResult(
                    again.decision._replace(should_renew=False), certificate_info(again.chain[0]), changed
                )
            return _renew(options, recovery.pair, api, connect, again, t.cast(_Request, request), warn)
    except DeviceManagerError as failure:
        failure.changed = failure.changed or changed
        raise


def _renew(
    options: dict[str, t.Any],
    pair: CertificateFiles,
    api: DeviceApi,
    connect: Connect,
    present: _CurrentCertificate,
    request: _Request,
    warn: t.Callable[[str], None],
) -> RenewalResult:
    with Reservation(pair, request.key_content is not None, options["backup"]) as reservation:
        renewal, chain = _request_certificate(options, api, present, request.csr)
        old_chain = chain_of(present.chain[0], present.chain)
        content = replace_chain(request.certificate_content, old_chain, chain)
        candidate: dict[str, str | None] = {
            "client_cert": None,
            "client_cert_content": content.decode("utf-8", "replace"),
        }
        key_content = request.key_content
        if key_content is None:
            candidate["client_key"] = pair.key
        else:
            if holds(key_content, present.chain[0]):
                key_content = replace_chain(key_content, old_chain, chain)
            candidate.update(client_key=None, client_key_content=key_content.decode("utf-8", "replace"))
        _verify_certificate(api, lambda: connect(candidate), options["retries"], warn)
        reservation.install(content, key_content)
        return RenewalResult(present.decision, certificate_info(chain[0]), True, renewal, reservation.backup_files)


def _problems(options: dict[str, t.Any]) -> list[str]:
    problems = []
    for option in ("client_cert", "client_key"):
        if options[f"{option}_content"] is not None:
            problems.append(f"{option}_content cannot be renewed, because it is not a file. Set {option}.")
        if options[option] is not None and not is_path(options[option]):
            problems.append(f"{option}: {options[option]!r} cannot be a path.")
    if options["client_cert"] is None and options["client_cert_content"] is None:
        problems.append("client_cert is required.")
    given = [option for option in ("csr_path", "csr_content") if options[option] is not None]
    if len(given) == 2:
        problems.append("csr_path and csr_content are mutually exclusive.")
    if given and options["regenerate_key"]:
        problems.append(f"{given[0]} and regenerate_key are mutually exclusive, because a CSR is for an existing key.")
    if options["key_type"] != "same" and not options["regenerate_key"]:
        problems.append("key_type requires regenerate_key, because it is the type of a new key.")
    return problems


def _require_usable(options: dict[str, t.Any], pair: CertificateFiles, warn: t.Callable[[str], None]) -> None:
    """Raise InvalidParametersError if OpenSSL, which presents the certificate, cannot use the files."""
    paths = {"client_cert": pair.certificate, "client_key": pair.key}
    problems = pair_problems({**options, **paths}, tempfile.gettempdir, warn)
    if problems:
        raise InvalidParametersError(" ".join(problems))


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


def _make_request(
    options: dict[str, t.Any], pair: CertificateFiles, present: _CurrentCertificate, check_mode: bool
) -> _Request | None:
    """Return the request for a new certificate, with a new key if the task sets regenerate_key.

    A CSR of the task is always validated. Otherwise a CSR is created only if the certificate is due.
    """
    leaf = present.chain[0]
    content = options["csr_content"]
    label = "csr_content"
    try:
        if options["csr_path"] is not None:
            label = "csr_path: {}".format(options["csr_path"])
            content = read_regular_file(options["csr_path"]).decode("utf-8", "replace")
        if content is not None:
            csr = load_csr(content.encode("utf-8", "replace"))
            if not same_key(csr, leaf):
                raise ValueError("it does not match the key of the certificate")
            return _Request(csr, present.content)
        if not present.decision.should_renew:
            return None
        if options["regenerate_key"]:
            label = "regenerate_key"
            return _with_new_key(options, pair, present, check_mode)
        label = f"client_key: {pair.key or pair.certificate} (for a key in hardware, set csr_path or csr_content)"
        key_content = present.content if pair.key is None else read_regular_file(pair.key)
        key = read_key(key_content, options["client_key_passphrase"])
        if not same_key(key, leaf):
            raise ValueError("it does not match client_cert")
        return _Request(create_csr(key, leaf), present.content)
    except (OSError, ValueError) as error:
        raise InvalidParametersError(f"{label} cannot be used: {getattr(error, 'strerror', None) or error}.") from error


def _with_new_key(
    options: dict[str, t.Any], pair: CertificateFiles, present: _CurrentCertificate, check_mode: bool
) -> _Request:
    """Return the request for a certificate with a new key, and the files with this key. Check mode creates no key."""
    leaf, passphrase = present.chain[0], options["client_key_passphrase"]
    old_key = present.content if pair.key is None else read_regular_file(pair.key)
    key = None if check_mode else make_key(options["key_type"], leaf)
    # A new key is encrypted if the old key is encrypted or in hardware.
    pem = b"" if key is None else write_key(key, None if is_open(old_key) else passphrase)
    csr = None if key is None else create_csr(key, leaf)
    if pair.key is None:
        return _Request(csr, replace_key(present.content, pem, leaf, passphrase, is_copy=False))
    try:
        certificate_content = replace_key(present.content, pem, leaf, passphrase, is_copy=True)
    except ValueError as error:
        raise ValueError(f"{pair.certificate} also contains a private key, which cannot be replaced: {error}") from None
    return _Request(csr, certificate_content, replace_key(old_key, pem, leaf, passphrase, is_copy=False))


def _request_certificate(
    options: dict[str, t.Any], api: DeviceApi, present: _CurrentCertificate, request: t.Any
) -> tuple[Renewal, list[t.Any]]:
    """Request the new certificate. Return the response and its chain, which matches the CSR."""
    lists = ("certificate_profile_attributes", "device_attributes")
    payload = {"csr": dump_csr(request), **{name: options[name] for name in lists if options[name]}}
    try:
        renewal = api.renew(payload)
    except HandshakeFailedError as failure:
        if _has_expired(present):
            raise failure.replace(
                f"{failure} The certificate has expired, so the device cannot renew it. Have an operator issue a new "
                "certificate for this device."
            ) from failure
        raise
    subject_may_differ = any(
        attribute["id"].startswith("subject.") for attribute in options["certificate_profile_attributes"] or []
    )
    try:
        # The old chain can contain certificates between the new certificate and its CA.
        found = read_chain(_stripped(renewal.pem))
        chain = order_chain(found + present.chain[1:], request)
        reason = find_certificate_mismatch(chain, present.chain[0], request, subject_may_differ)
    except ValueError as error:
        reason = str(error)
    if reason:
        raise InvalidResponseError(
            f"The API issued an invalid certificate (ID {renewal.certificate_id}): {reason}. The current certificate "
            "and its key are unchanged. Have an operator check the certificate profile."
        )
    return renewal, chain


def _stripped(pem: str) -> bytes:
    """Return the PEM objects of a response with the line ends that PEM requires, whatever those of the response are."""
    objects = (
        f"-----BEGIN {label}-----\n{_LINE_ENDS.sub(chr(10), body).strip()}\n-----END {label}-----\n"
        for label, body in _OBJECT.findall(pem)
    )
    return "".join(objects).encode("utf-8", "replace")


def _verify_certificate(
    api: DeviceApi, connect: t.Callable[[], DeviceApi], retries: int, warn: t.Callable[[str], None]
) -> None:
    """Verify that the API accepts the new certificate. `api` uses the current one. Raises RenewalUnverifiedError."""
    try:
        _read_with_new_certificate(api, connect, retries, warn)
    except DeviceManagerError as failure:
        raise RenewalUnverifiedError.caused_by(
            failure,
            f"The API issued a new certificate, but the verification of the certificate failed. {failure} The current "
            "certificate and its key are unchanged. The next run requests another certificate.",
        ) from failure


def _read_with_new_certificate(
    api: DeviceApi, connect: t.Callable[[], DeviceApi], retries: int, warn: t.Callable[[str], None]
) -> None:
    number = 0
    while True:
        try:
            connect().read()
        except (HandshakeFailedError, ReadDeniedError) as failure:
            if number == 0 and isinstance(failure, ReadDeniedError) and not _may_read(api):
                warn("The new certificate could not be verified, because the device has no read access to its record.")
                return
            if number == retries:
                raise
        else:
            return
        # The API can accept a new certificate with a delay after it issued the certificate.
        time.sleep(wait_before_retry(number, None, None, 0.0, random.random()))  # noqa: S311
        number += 1


def _may_read(api: DeviceApi) -> bool:
    try:
        api.read()
    except ReadDeniedError:
        return False
    return True
