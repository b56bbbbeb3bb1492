# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Renewing a device's certificate: decide, ask, check the answer, prove that it works, and only then replace files."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificates import (
    Facts,
    facts_of,
    key_blocks,
    make_key,
    make_request,
    misfit,
    need_cryptography,
    read_chain,
    read_key,
    read_request,
    same_key,
    write_chain,
    write_key,
    write_request,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import (
    AnswerUnusable,
    Failure,
    HandshakeFailed,
    InvalidTask,
    ReadDenied,
    RenewalUnproven,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._pair import (
    Pair,
    finish,
    forget,
    locked,
    replace,
    reserve,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._renewal_policy import (
    Decision,
    Policy,
    decide,
    read_policy,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._values import is_path

if t.TYPE_CHECKING:  # pragma: no cover - what talks to the network takes long to load, and few runs need it
    from ansible_collections.edgeops.digicert.plugins.module_utils._device_api import DeviceApi, Renewal

# Opens the API with the options changed by these.
Connect = t.Callable[[t.Dict[str, t.Any]], "DeviceApi"]


class Outcome(t.NamedTuple):
    """What was decided, what the certificate says that is there now, and what the service answered, if it was asked."""

    decision: Decision
    facts: Facts
    renewal: Renewal | None = None


class _Present(t.NamedTuple):
    """What is there: the chain, the private key in the same file if it holds one, and whether to renew."""

    chain: list[t.Any]
    key_blocks: bytes
    decision: Decision


def renew_when_due(
    options: dict[str, t.Any],
    connect: Connect,
    back_up: t.Callable[[str], None],
    check_mode: bool,
    warn: t.Callable[[str], None],
) -> Outcome:
    """Renew the certificate of `options` (a module's parameters) when it is due, and return the outcome.

    `connect` opens the API with these options, some of them replaced, and `back_up` copies a file that will change.
    In check mode all is checked that can be without the service. Raises a Failure.
    """
    need_cryptography()
    policy, problems = read_policy(options)
    problems += _problems(options)
    if problems:
        raise InvalidTask(" ".join(problems))
    pair = finish(
        Pair(options["client_cert"], options["client_key"]), options["client_key_passphrase"], check_mode, warn
    )
    present = _look(pair, policy)
    request, key = _make_request(options, pair, present, check_mode)
    outcome = Outcome(present.decision, facts_of(present.chain[0]))
    if _has_expired(present):
        warn("The certificate has expired, so the service will most likely not let the device in to renew it.")
    if not present.decision.should_renew:
        return outcome
    api = connect({})
    if check_mode:
        return outcome
    with locked(pair):
        again = _look(pair, policy)
        if again.chain != present.chain:
            warn("Something else has renewed the certificate meanwhile, so this task did not.")
            return Outcome(again.decision._replace(should_renew=False), facts_of(again.chain[0]))
        reserve(pair, key)
        try:
            renewal, chain = _ask(options, api, present, request)
            content = write_chain(chain)
            key_content = None if key is None else key.decode("ascii")
            candidate = {
                "client_cert": None,
                "client_cert_content": (content + (key or present.key_blocks)).decode("ascii"),
                **({} if key is None else {"client_key": None, "client_key_content": key_content}),
            }
            _prove(api, lambda: connect(candidate), warn)
            for path in filter(None, (pair.certificate, None if key is None else pair.key)):
                back_up(path)
        except BaseException:
            forget(pair)
            raise
        replace(pair, content, key or (present.key_blocks if pair.key is None else None))
    return Outcome(present.decision, facts_of(chain[0]), renewal)


def _problems(options: dict[str, t.Any]) -> list[str]:
    problems = []
    for option in ("client_cert", "client_key"):
        if options[f"{option}_content"] is not None:
            problems.append(f"{option}_content cannot be renewed, for it is not a file: use {option}.")
        if options[option] is not None and not is_path(options[option]):
            problems.append(f"{option}: {options[option]!r} cannot be a path.")
    if options["client_cert"] is None and options["client_cert_content"] is None:
        problems.append("client_cert is needed: it is the file that is renewed.")
    given = [option for option in ("csr_path", "csr_content") if options[option] is not None]
    if len(given) == 2:
        problems.append("csr_path and csr_content exclude each other: drop one of them.")
    if given and options["regenerate_key"]:
        problems.append(f"{given[0]} and regenerate_key exclude each other: a request belongs to a key that is there.")
    if options["key_type"] != "same" and not options["regenerate_key"]:
        problems.append("key_type is for a new key only: set regenerate_key, or drop it.")
    return problems


def _look(pair: Pair, policy: Policy) -> _Present:
    try:
        content = read_regular_file(pair.certificate)
        chain = read_chain(content)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidTask(f"client_cert: {pair.certificate} cannot be read: {reason}.") from error
    facts = facts_of(chain[0])
    now = datetime.datetime.now(datetime.timezone.utc)
    return _Present(chain, key_blocks(content), decide(facts.not_before, facts.not_after, policy, now))


def _has_expired(present: _Present) -> bool:
    return facts_of(present.chain[0]).not_after < datetime.datetime.now(datetime.timezone.utc)


def _make_request(
    options: dict[str, t.Any], pair: Pair, present: _Present, check_mode: bool
) -> tuple[t.Any, bytes | None]:
    """Return the request for a new certificate, and a new key in PEM form if there shall be one.

    A request that is given is checked in any case; one is made only when it will be sent or could be.
    """
    leaf = present.chain[0]
    content = options["csr_content"]
    label = "csr_content"
    try:
        if options["csr_path"] is not None:
            label = "csr_path: {}".format(options["csr_path"])
            content = read_regular_file(options["csr_path"]).decode("utf-8", "replace")
        if content is not None:
            request = read_request(content.encode("utf-8", "replace"))
            if not same_key(request, leaf):
                raise ValueError("it is for another key than the certificate")
            return request, None
        if not present.decision.should_renew:
            return None, None
        if options["regenerate_key"]:
            label = "key_type"
            if check_mode:
                return None, None
            key = make_key(options["key_type"], leaf)
            return make_request(key, leaf), write_key(key, options["client_key_passphrase"])
        label = f"client_key: {pair.key or pair.certificate} (where it is in hardware, give csr_path or csr_content)"
        key_content = present.key_blocks
        if pair.key is not None:
            key_content = read_regular_file(pair.key)
        return make_request(read_key(key_content, options["client_key_passphrase"]), leaf), None
    except (OSError, ValueError) as error:
        raise InvalidTask(f"{label} cannot be used: {getattr(error, 'strerror', None) or error}.") from error


def _ask(options: dict[str, t.Any], api: DeviceApi, present: _Present, request: t.Any) -> tuple[Renewal, list[t.Any]]:
    """Ask for the new certificate and return the answer, and its chain when it fits."""
    lists = ("certificate_profile_attributes", "device_attributes")
    payload = {"csr": write_request(request), **{name: options[name] for name in lists if options[name]}}
    try:
        renewal = api.renew(payload)
    except HandshakeFailed as failure:
        if _has_expired(present):
            failure.args = (
                f"{failure} A certificate that has expired cannot renew itself: have the operator issue a new one for "
                "this device.",
            )
        raise
    subject_may_differ = any(
        attribute["id"].startswith("subject.") for attribute in options["certificate_profile_attributes"] or []
    )
    try:
        chain = read_chain(renewal.pem.encode("utf-8", "replace"))
        reason = misfit(chain, present.chain[0], request, subject_may_differ)
    except ValueError as error:
        reason = str(error)
    if reason:
        raise AnswerUnusable(
            f"The service issued a certificate (ID {renewal.certificate_id}) that does not fit: {reason}. The "
            "certificate and its key are as they were. Have the operator look at the certificate's profile."
        )
    if len(chain) == 1 and chain[0].issuer == present.chain[0].issuer:
        # What has led from the old certificate to its CA leads from the new one, too.
        chain += present.chain[1:]
    return renewal, chain


def _prove(api: DeviceApi, connect: t.Callable[[], DeviceApi], warn: t.Callable[[str], None]) -> None:
    """See that the service lets the new certificate in. `api` is open with the old one. Raises RenewalUnproven."""
    try:
        try:
            connect().read()
        except ReadDenied:
            if _may_read(api):
                raise
            warn("The new certificate could not be tried out: the device may not read its record.")
    except Failure as failure:
        raise RenewalUnproven(
            f"The service issued a new certificate, and it could not be shown to work. {failure} The old certificate "
            "and its key stay where they are.",
            http_status=failure.http_status,
            code=failure.code,
            api_message=failure.api_message,
            retries=failure.retries,
        ) from failure


def _may_read(api: DeviceApi) -> bool:
    try:
        api.read()
    except ReadDenied:
        return False
    return True
