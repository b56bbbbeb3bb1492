# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.csr_attributes import (
    NO_ATTRIBUTES,
    CsrAttributes,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import Unfinished
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    create_csr,
    dump_csr,
    read_chain,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    CertificatePendingError,
    ConnectionFailedError,
    ErrorDetails,
    FileWriteError,
    HttpError,
    InvalidParametersError,
    OutcomeUnknownError,
    RenewalDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import issuing as _issuing
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import (
    Issuer,
    check_csr,
    check_not_before,
    find_unfinished_chain,
    find_unfinished_csr,
    install_missing,
    update_unfinished,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

NOW = 1_800_000_000.0
DAY = 86400


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(_issuing.time, "time", lambda: NOW)


def read(leaf):
    return read_chain(leaf.certificate.encode())[0]


def csr_of(leaf):
    return create_csr(leaf.private_key, read(leaf))


def pem_of(csr):
    return dump_csr(csr).encode()


class File:
    """Stands for a file, and notes what it was asked."""

    def __init__(self, is_missing=True, failure=None):
        self.is_missing, self.failure = is_missing, failure
        self.asked = []

    def __getattr__(self, name):
        def note(*arguments):
            self.asked.append((name, *arguments))
            if self.failure is not None:
                raise self.failure
            return "changed"

        return note


def test_an_issuer_without_attributes():
    assert Issuer(str).csr_attributes() is NO_ATTRIBUTES


@pytest.mark.parametrize(
    ("is_missing", "check_mode", "asked", "changed"),
    [
        (True, False, ["connection", "check", "update"], "changed"),
        (True, True, ["connection", "check"], True),
        (False, False, [], False),
        (False, True, [], False),
    ],
)
def test_a_missing_file_of_ca_certificates_is_written(is_missing, check_mode, asked, changed):
    file = File(is_missing)
    runtime = Runtime([].append, check_mode=check_mode)
    assert install_missing(file, lambda: file.asked.append(("connection",)), runtime) is changed
    assert [name for (name,) in file.asked] == asked


def test_without_a_file_of_ca_certificates_nothing_is_checked():
    assert not install_missing(None, pytest.fail, Runtime([].append))


def test_a_csr_is_compared_with_the_attributes(leaf):
    warnings = []
    runtime, csr = Runtime(warnings.append), csr_of(leaf)
    check_csr(NO_ATTRIBUTES, None, True, runtime)
    check_csr(CsrAttributes(key_types=("ecdsa",)), csr, True, runtime)
    assert warnings == []
    check_csr(CsrAttributes(ignored=("1.2.3", *["2.999"] * 20)), csr, True, runtime)
    oids = ", ".join(["1.2.3", *["2.999"] * 9])
    assert warnings == [f"The EST server requests CSR attributes that are ignored: {oids}."]
    attributes = CsrAttributes(key_types=("rsa",), needs_channel_binding=True)
    with pytest.raises(InvalidParametersError, match=r"channel binding.*of the type rsa.*requested no certificate\.$"):
        check_csr(attributes, csr, True, runtime)


def test_the_csr_of_an_earlier_run_is_for_the_same_key(make_leaf):
    leaf, other = make_leaf(), make_leaf()
    csr, again = csr_of(leaf), csr_of(make_leaf(key=leaf.private_key, subject={"COMMON_NAME": "other"}))
    stored = Unfinished(b"", pem_of(csr))
    assert find_unfinished_csr(stored, None, leaf.private_key) == csr
    assert find_unfinished_csr(stored, csr, csr) == csr
    assert find_unfinished_csr(stored, None, other.private_key) is None
    # Another CSR for the same key.
    assert find_unfinished_csr(stored, again, again) is None
    for content in (b"", b"-----BEGIN CERTIFICATE REQUEST-----\n", pem_of(csr)[:-60]):
        assert find_unfinished_csr(stored._replace(csr=content), None, leaf.private_key) is None


def test_the_chain_of_an_earlier_run_can_be_used(make_leaf):
    signer = make_leaf(subject={"COMMON_NAME": "CA"})
    leaf, expired = make_leaf(signer=signer), make_leaf(-2, -1)

    def found(content, owner=leaf.private_key):
        return find_unfinished_chain(Unfinished(b"", b"", content), owner)

    assert found((signer.certificate + leaf.certificate).encode()) == [read(leaf), read(signer)]
    assert found(expired.certificate.encode(), expired.private_key) == []
    for content in (b"", b"\xff", signer.certificate.encode(), leaf.certificate.encode()[:-60]):
        assert found(content) == []


@pytest.mark.parametrize("wait", [1, 60, DAY])
def test_a_request_is_not_repeated_too_early(wait):
    with pytest.raises(CertificatePendingError, match=r"before 2027-01-1\d \d\d:\d\d:\d\d UTC, so the module sent no"):
        check_not_before(Unfinished(b"", b"", b"", NOW + wait))


@pytest.mark.parametrize("not_before", [0.0, NOW - 1, NOW, NOW + DAY + 1, NOW * 1000, 1e300])
def test_a_request_is_repeated_later_and_after_a_change_of_the_clock(not_before):
    check_not_before(Unfinished(b"", b"", b"", not_before))


STORED = Unfinished(b"key", b"csr", b"", 7.0)


def pending(retry_after):
    failure = CertificatePendingError("Pending.", ErrorDetails(202))
    failure.retry_after = retry_after
    return failure


def updated(failure, is_new=False, stored=STORED):
    file = File()
    update_unfinished(file, stored, is_new, failure)
    return file.asked


@pytest.mark.parametrize(("retry_after", "not_before"), [(0.0, 0.0), (30.0, NOW + 30)])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_pending_request_is_kept(retry_after, not_before, is_new):
    assert updated(pending(retry_after), is_new) == [("add", STORED._replace(not_before=not_before))]


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("status", [None, 400, 502])
def test_a_request_with_an_unknown_outcome_is_kept(is_new, status):
    assert updated(OutcomeUnknownError("Unknown.", ErrorDetails(status)), is_new) == []


@pytest.mark.parametrize(
    ("kind", "status"), [(HttpError, 400), (RenewalDeniedError, 401), (HttpError, 503), (ConnectionFailedError, None)]
)
def test_a_new_request_that_fails_is_discarded(kind, status):
    assert updated(kind("No.", ErrorDetails(status)), is_new=True) == [("discard",)]


def rejection(status):
    failure = HttpError("No.", ErrorDetails(status))
    failure.is_rejection = True
    return failure


def test_a_request_that_is_rejected_is_not_repeated():
    assert updated(rejection(400)) == [("create", Unfinished(b"key", b""))]
    assert updated(rejection(400), stored=STORED._replace(key=b"")) == [("discard",)]
    assert updated(rejection(400), is_new=True) == [("discard",)]


@pytest.mark.parametrize("status", [None, 302, 400, 401, 403, 404, 407, 408, 429, 500, 503])
@pytest.mark.parametrize("key", [b"", b"key"])
def test_an_earlier_request_is_kept_after_an_error_that_can_pass(status, key):
    assert updated(HttpError("No.", ErrorDetails(status)), stored=STORED._replace(key=key)) == []


def test_an_error_of_the_file_does_not_hide_that_of_the_request():
    update_unfinished(File(failure=FileWriteError("Full.")), STORED, False, pending(1.0))
