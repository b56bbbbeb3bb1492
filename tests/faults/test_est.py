# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault at each operation of EST, in an enrollment and in a renewal.

No run requests two certificates, and a later run repeats the same CSR only. The key of a certificate that was issued is
on the disk, and the next run finishes with it. One of 60 cases runs: one of n with FAULT_EST=n, each with "all".
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
import tempfile
import typing as t
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, connection_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import PRIVATE_KEY, blocks_of
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    renewal_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    read_chain,
    read_key,
    same_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client import connection as _connection
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Clock, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import enrollment as _enrollment
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import renewal as _renewal
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import verification as _verification
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.est import EstServer
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from faults.catalogue import FAULTS
from faults.fault_server import FaultServer, Response, ScheduledFault
from faults.test_enrollment import NAME, NAMES, RETRIES
from faults.test_enrollment import SPEC as ENROLLMENT_SPEC
from simulator import Simulator
from simulator.est import est_path, handle_est_request
from simulator.log import Connection, Request
from simulator.records import Refusal
from simulator.script import Reply

EACH = int(os.environ.get("FAULT_EST", "60").replace("all", "1"))
SPECS = {
    "enrollment": ENROLLMENT_SPEC,
    "renewal": {**connection_argument_spec(), **renewal_argument_spec()},
}
# The requests of a run without faults, in their order.
PLANS = {
    "enrollment": ("cacerts", "csrattrs", "simpleenroll"),
    "renewal": ("csrattrs", "simplereenroll", "cacerts"),
}
# One that the module verifies the new certificate with, or that it writes to a file.
READS = ("cacerts", "csrattrs")
# The files after a run without faults.
FILES = {
    "enrollment": ["ca.pem", "device.key", "device.pem"],
    "renewal": ["device.key", "device.pem"],
}
# The response of an EST server is no JSON.
EST_NAMES = [name for name in NAMES if name != "answer:record-in-a-list"]


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault at an operation of a module, once or always. `effect` is whether a certificate is issued."""

    module: str
    operation: str
    fault: str
    always: bool
    effect: bool = False

    def __str__(self) -> str:
        effect = "" if self.operation in READS else "-issued" if self.effect else "-not-issued"
        return f"{self.module}-{self.operation}-{'always' if self.always else 'once'}{effect}-{self.fault}"


def _cases() -> t.Iterator[Case]:
    for name in EST_NAMES:
        fault = FAULTS[name]
        for module, operations in PLANS.items():
            for operation in operations:
                # With Retry-After, a server says that it has not carried the request out.
                may_follow = fault.step == "answer" and fault.may_follow_effect and "retry-after" not in name
                for always in (False, True):
                    for effect in (False, True) if may_follow and operation not in READS else (False,):
                        yield Case(module, operation, name, always, effect)


class EstFaultServer(FaultServer):
    """An EST server with faults. `csrs` are those of the requests, as they were received."""

    def __init__(self, simulator: Simulator, module: str) -> None:
        super().__init__(simulator)
        self.apart = True
        self._plan = PLANS[module]
        self.csrs: list[bytes] = []

    @property
    def est_url(self) -> str:
        """The value for est_url."""
        return self.url + est_path(self._simulator.enrollment["est-gateways"].id)

    def _name_of(self, _method: str, path: str) -> str:
        return path.rpartition("/")[2]

    @property
    def _expected(self) -> str:
        return self._plan[min(len(self.methods), len(self._plan) - 1)]

    def _carry_out(
        self, method: str, path: str, body: bytes, fingerprint: str, scheduled: ScheduledFault | None
    ) -> Response:
        connection = Connection("device", 1, 0.0, fingerprint=fingerprint, certificate=self.certificates[fingerprint])
        request = Request(connection, method, path, {"Content-Type": "application/pkcs10"}, body)
        is_read = method == "GET"
        self.csrs += [] if is_read else [body]
        if not is_read and scheduled is not None and not scheduled.effect:
            return _response_of(Reply(400, b"No", {"Content-Type": "text/plain"}))
        try:
            sign = self._simulator.certificates.intermediate.answer
            return _response_of(handle_est_request(self._simulator.est, request, sign))
        except Refusal as refusal:
            return _response_of(Reply(refusal.status, str(refusal).encode(), {"Content-Type": "text/plain"}))


def _response_of(reply: Reply) -> Response:
    body = t.cast("bytes", reply.content or b"")
    headers = [f"{name}: {value}".encode() for name, value in reply.headers.items()]
    return Response(
        b"HTTP/1.1 %d Whatever" % reply.status, [*headers, *[b"Content-Length: %d" % len(body)] * bool(body)], body
    )


class Device:
    """A device that enrolls with its birth certificate, or that renews its certificate with a new key."""

    def __init__(self, simulator: Simulator, module: str, est_url: str, folder: Path) -> None:
        self.module, self.folder = module, folder
        self.certificate, self.key = folder / "device.pem", folder / "device.key"
        birth, current = (simulator.certificates[name] for name in ("birth", "access-point"))
        special = {
            "enrollment": {
                "device_identifier": NAME,
                "birth_cert": str(birth.pem),
                "birth_key": str(birth.key),
                "ca_certs_path": str(folder / "ca.pem"),
            },
            "renewal": {"regenerate_key": True},
        }
        self.params = {
            **{option: rule.get("default") for option, rule in SPECS[module].items()},
            **special[module],
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
            "est_url": est_url,
            "ca_path": str(simulator.certificates.ca),
            "timeout": 1,
            "retries": RETRIES,
            "use_proxy": False,
        }
        if module == "renewal":
            for path, source in ((self.certificate, current.pem), (self.key, current.key)):
                path.write_bytes(source.read_bytes())
                path.chmod(0o600)
        self.first = self.pair
        self.runtime = Runtime([].append, tmpdir=tempfile.gettempdir)

    def run(self) -> bool:
        """Do what main() of the module does, and return whether that changed anything."""
        if self.module == "enrollment":
            task = _enrollment.parse_enrollment_task(self.params)
            est = self._server(task.est, task.credential)
            apis = Apis(lambda: est.issuer([]), est.read, est.ca_certificates)
            return _enrollment.enroll_when_needed(task, apis, lambda _path: False, self.runtime).changed
        renewal = _renewal.parse_renewal_task(self.params)
        est = self._server(renewal.est, renewal.credentials)
        others = Apis(lambda: est.issuer([]), est.read, est.ca_certificates)
        return _renewal.renew_when_due(renewal, others, lambda: False, self.runtime).changed

    def _server(self, options: t.Any, credential: Credentials) -> EstServer:
        return EstServer(options, credential, self.runtime, Redactor())

    @property
    def pair(self) -> list[bytes]:
        """The contents of the files of the certificate and of its key that exist."""
        return [path.read_bytes() for path in (self.certificate, self.key) if path.exists()]

    @property
    def keys(self) -> list[t.Any]:
        """All private keys on the disk."""
        contents = [path.read_bytes() for path in self.folder.iterdir()]
        return [read_key(block + b"\n", None) for content in contents for block in blocks_of(content, PRIVATE_KEY)]

    @property
    def is_done(self) -> bool:
        """Whether there is another pair than at first."""
        return self.pair != self.first and key_matches(str(self.certificate), str(self.key), None)

    def assert_keys_of(self, certificates: t.Sequence[x509.Certificate]) -> None:
        """Assert that the key of each certificate is on the disk."""
        assert all(any(same_key(key, each) for key in self.keys) for each in certificates)


@pytest.fixture
def no_waits(monkeypatch):
    """The modules retry at once, and their sessions are closed after the test."""
    monkeypatch.setattr(_verification.time, "sleep", lambda _seconds: None)
    clock = Clock()._replace(sleep=lambda _seconds: None)

    with contextlib.ExitStack() as stack:

        def open_session(*arguments: t.Any) -> Session:
            session = Session(*arguments, clock=clock)
            stack.callback(session.close)
            return session

        monkeypatch.setattr(_connection, "Session", open_session)
        yield


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("case", list(_cases())[::EACH], ids=str)
def test_est_with_a_fault(simulator, tmp_path, record_property, case):
    issued = simulator.est.issued
    with EstFaultServer(simulator, case.module) as server:
        device = Device(simulator, case.module, server.est_url, tmp_path)
        server.schedule = [ScheduledFault(FAULTS[case.fault], case.operation, case.always, case.effect)]
        try:
            device.run()
        except _errors.DeviceManagerError as failure:
            outcome = f"failed: {failure.kind}"
            assert failure.changed is (tmp_path / "ca.pem").exists()
            assert device.pair == device.first
            assert str(failure).isprintable()
            assert len(str(failure)) < 5000
            assert issued == [] or failure.kind in (
                "certificate_unverified",
                "outcome_unknown",
                "invalid_response",
                "certificate_pending",
            ), failure
            assert failure.kind != "certificate_unverified" or issued
        else:
            outcome = "done"
            assert device.is_done
        assert all(scheduled.seen for scheduled in server.schedule), "The fault never came."
        assert len(issued) <= 1
        # A request that was not carried out can be repeated.
        assert len(set(server.csrs)) <= 1
        device.assert_keys_of(issued)
        assert {path.name for path in tmp_path.iterdir()} - {*FILES[case.module]} <= {"device.key.unfinished"}

        first, server.schedule = list(issued), []
        assert device.run() is (outcome != "done")
        assert device.is_done
        assert sorted(path.name for path in tmp_path.iterdir()) == FILES[case.module]
        leaf = read_chain(device.certificate.read_bytes())[0]
        assert leaf == issued[-1]
        assert not first or same_key(leaf, first[0])
        # A second certificate is for the same CSR, and only if the first is not on the disk.
        assert len(issued) - len(first) in ((1,) if not first or outcome == "failed: outcome_unknown" else (0, 1))
        assert len(issued) == 1 or len(set(server.csrs)) == 1
        if outcome in ("done", "failed: certificate_unverified"):
            assert len(issued) == 1
        assert device.run() is False
    record_property("est", f"{case.operation} of {case.module}: {outcome}")


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("module", PLANS)
def test_est_without_a_fault(simulator, tmp_path, module):
    with EstFaultServer(simulator, module) as server:
        device = Device(simulator, module, server.est_url, tmp_path)
        assert device.run()
        assert (server.methods, len(simulator.est.issued)) == ([*PLANS[module]], 1)
        assert device.is_done
        posted = x509.load_der_x509_csr(base64.b64decode(server.csrs[0]))
        assert same_key(posted, read_chain(device.certificate.read_bytes())[0])
        assert not device.run()
