# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The steps that an enrollment and a renewal have in common."""

from __future__ import annotations

import contextlib
import datetime
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.ca_certificates import CaCertificates
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
    find_csr_problems,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.issued import issued_chain
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import (
    Unfinished,
    UnfinishedRequest,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    csr_facts,
    find_issue_problem,
    load_csr,
    same_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import LONGEST_APPROVAL
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificatePendingError,
    DeviceManagerError,
    FileWriteError,
    InvalidParametersError,
    OutcomeUnknownError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.verification import Read
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - the import takes long, and few runs require it
    from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import IssuedCertificate

# The number of attributes in a warning. The server sets their number.
_MOST_WARNED = 10


def _no_attributes() -> CsrAttributes:
    return NO_ATTRIBUTES


class Issuer(t.NamedTuple):
    """Functions that request the certificate for a CSR in PEM form, and the attributes that the server requests of it.

    Both raise a DeviceManagerError.
    """

    request: t.Callable[[str], IssuedCertificate]
    csr_attributes: t.Callable[[], CsrAttributes] = _no_attributes


class Apis(t.NamedTuple):
    """A function that opens the API for the request, and one that sends a request that reads with a new certificate.

    `ca_certificates` is the file of the CA certificates of an EST server, or None.
    """

    issuer: t.Callable[[], Issuer]
    read: Read
    ca_certificates: CaCertificates | None = None


def install_missing(ca_certificates: CaCertificates | None, check: t.Callable[[], object], runtime: Runtime) -> bool:
    """Write the file of the CA certificates if it does not exist. Return whether it is written, or would be written.

    `check` validates the parameters of the connection. Raises a DeviceManagerError.
    """
    if ca_certificates is None or not ca_certificates.is_missing:
        return False
    check()
    ca_certificates.check()
    return runtime.check_mode or ca_certificates.update()


def intermediates_of(ca_certificates: CaCertificates | None) -> t.Sequence[t.Any]:
    """Return the CA certificates that can complete the chain of a new certificate."""
    return () if ca_certificates is None else ca_certificates.intermediates


def check_csr(attributes: CsrAttributes, csr: t.Any, is_generated: bool, runtime: Runtime) -> None:
    """Raise InvalidParametersError if a CSR does not meet the requests of the server. `is_generated` is on its key."""
    if attributes is NO_ATTRIBUTES:
        return
    if attributes.ignored:
        oids = ", ".join(attributes.ignored[:_MOST_WARNED])
        runtime.warn(f"The EST server requests CSR attributes that are ignored: {oids}.")
    problems = find_csr_problems(attributes, csr_facts(csr), is_generated)
    if problems:
        raise InvalidParametersError(f"{' '.join(problems)} The module requested no certificate.")


def find_unfinished_csr(stored: Unfinished, given: t.Any, owner: t.Any) -> t.Any:
    """Return the CSR of an earlier run, or None if it cannot be used.

    `owner` has its key, and `given` is the CSR of the task, which must be the same, or None.
    """
    try:
        csr = load_csr(stored.csr)
    except ValueError:
        return None
    return csr if given == csr or (given is None and same_key(csr, owner)) else None


def find_unfinished_chain(stored: Unfinished, owner: t.Any) -> list[t.Any]:
    """Return the chain that an earlier run received for the key of `owner`, or an empty list if it cannot be used."""
    try:
        chain = issued_chain(stored.certificates.decode("ascii"), [], owner)
        return [] if find_issue_problem(chain, owner, datetime.datetime.now(datetime.timezone.utc)) else chain
    except ValueError:
        return []


def check_not_before(stored: Unfinished) -> None:
    """Raise CertificatePendingError before the time at which the server accepts the same request again.

    RFC 7030, section 4.2.3.
    """
    wait = stored.not_before - time.time()
    # A clock that was wrong in an earlier run does not delay the request for longer than a server can.
    if 0 < wait <= LONGEST_APPROVAL:
        at = datetime.datetime.fromtimestamp(stored.not_before, datetime.timezone.utc)
        raise CertificatePendingError(
            "The certificate request requires approval. The server does not accept it again before "
            f"{at:%Y-%m-%d %H:%M:%S} UTC, so the module sent no request. Run the task again then."
        )


def store_request(unfinished: UnfinishedRequest, stored: Unfinished, runtime: Runtime) -> None:
    """Store a request before it is sent. Raises FileWriteError."""
    kept = unfinished.create(stored)
    if kept is not None:
        runtime.warn(
            f"An earlier request with other parameters did not finish. Its key is kept in {kept}. Remove this file if "
            "no certificate for the key can be issued."
        )


def update_unfinished(
    unfinished: UnfinishedRequest, stored: Unfinished, is_new: bool, failure: DeviceManagerError
) -> None:
    """Keep of an unfinished request what the next run requires after this failure, as far as the file can be written.

    A key is kept if a certificate for it can be issued, or was issued for an earlier request. `is_new` is whether no
    earlier run sent a request for it. A request that the server rejects is not repeated.
    """
    with contextlib.suppress(FileWriteError):
        if isinstance(failure, CertificatePendingError):
            not_before = time.time() + failure.retry_after if failure.retry_after else 0.0
            unfinished.add(stored._replace(not_before=not_before))
        elif isinstance(failure, OutcomeUnknownError):
            return
        elif is_new or (failure.is_rejection and not stored.key):
            unfinished.discard()
        elif failure.is_rejection:
            unfinished.create(Unfinished(stored.key, b""))
