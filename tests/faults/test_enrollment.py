# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault at the request of an enrollment and at its verification: no certificate is asked for twice in a run.

The key of a certificate that was issued is on the disk, and the next run finishes the enrollment with it. One of five
cases runs: one of n with FAULT_ENROLLMENTS=n, each with "all".
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_options import (
    enrollment_argument_spec,
    enrollment_connection_argument_spec,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import PRIVATE_KEY, blocks_of
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    read_chain,
    read_key,
    same_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import (
    open_enrollment_session,
    open_session,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._client.enrollment_api import EnrollmentApi
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import verification as _verification
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.enrollment import (
    EnrollmentResult,
    enroll_when_needed,
    parse_enrollment_task,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.issuing import Apis, Issuer
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from faults.catalogue import FAULTS
from faults.fault_server import FaultServer, Response, ScheduledFault
from simulator import CERTIFICATE_PATH, ENROLLMENT_PROFILE_ID, Simulator
from simulator.log import Connection, Request
from simulator.records import Refusal

RETRIES = 1
EACH = int(os.environ.get("FAULT_ENROLLMENTS", "5").replace("all", "1"))
NAME = "gate-7.rotterdam"
SPEC = {**enrollment_connection_argument_spec(), **enrollment_argument_spec()}
# Those that spoil a key of a record are for the record only.
OF_RECORDS = (
    "answer:fields",
    "answer:field-",
    "answer:status=",
    "answer:status-missing",
    "answer:device_",
    "answer:id",
)
NAMES = [name for name in FAULTS if not name.startswith(OF_RECORDS)]


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault at the request for a certificate, or at the read with the new one, once or always."""

    fault: str
    method: str
    always: bool
    effect: bool = False

    def __str__(self) -> str:
        effect = ("-issued" if self.effect else "-not-issued") if self.method == "POST" else ""
        return f"{self.method}-{'always' if self.always else 'once'}{effect}-{self.fault}"


def _cases() -> t.Iterator[Case]:
    for name in NAMES:
        fault = FAULTS[name]
        for always in (False, True):
            # With Retry-After, a service says that it has not carried the request out.
            may_follow = fault.step == "answer" and fault.may_follow_effect and "retry-after" not in name
            for effect in (False, True) if may_follow else (False,):
                yield Case(name, "POST", always, effect)
            yield Case(name, "GET", always)


class EnrollmentServer(FaultServer):
    """The API with faults, for a device with its birth certificate and then with its own."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.apart = True
        self.issued = 0

    @property
    def _expected(self) -> str:
        return "GET" if self.issued else "POST"

    def _carry_out(
        self, method: str, path: str, body: bytes, fingerprint: str, scheduled: ScheduledFault | None
    ) -> Response:
        if path != CERTIFICATE_PATH:
            return super()._carry_out(method, path, body, fingerprint, scheduled)
        request = Request(Connection("device", 1, 0.0, fingerprint=fingerprint), method, path, {}, body)
        if scheduled is not None and not scheduled.effect:
            return Response.of(403, {"errors": [{"code": "access_denied", "message": "No"}]})
        try:
            content = self._simulator.enrollment.request_certificate(
                request, self._simulator.certificates.intermediate.answer
            )
        except Refusal as refusal:
            return Response.of(refusal.status, refusal.body)
        self.issued += 1
        return Response.of(200, content)


class Device:
    """A device that enrolls with its birth certificate."""

    def __init__(self, simulator: Simulator, url: str, folder: Path) -> None:
        birth = simulator.certificates["birth"]
        self.folder = folder
        self.certificate, self.key = folder / "device.pem", folder / "device.key"
        record = simulator.records.register(NAME, {"Serial number": "40071"}, profile="Gateway")
        params = {
            **{option: rule.get("default") for option, rule in SPEC.items()},
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
            "enrollment_profile_id": ENROLLMENT_PROFILE_ID,
            "device_identifier": NAME,
            "device_id": record.id,
            "birth_cert": str(birth.pem),
            "birth_key": str(birth.key),
            "api_url": url,
            "ca_path": str(simulator.certificates.ca),
            "timeout": 1,
            "retries": RETRIES,
            "use_proxy": False,
        }
        self.task = parse_enrollment_task(params)
        self.runtime = Runtime([].append, tmpdir=tempfile.gettempdir)

    def enroll(self) -> EnrollmentResult:
        """Do what the module's main() does."""

        def issuer() -> Issuer:
            session = open_enrollment_session(self.task.connection, self.task.credential, [], self.runtime)
            session._clock = session._clock._replace(sleep=lambda _seconds: None)
            api = EnrollmentApi(session, self.task.credential, self.task.options.payload, Redactor())
            return Issuer(api.request)

        def read(credentials: t.Any) -> object:
            session = open_session(self.task.device_connection, credentials, [], self.runtime)
            session._clock = session._clock._replace(sleep=lambda _seconds: None)
            return DeviceApi(session, str(self.task.device_id)).read()

        return enroll_when_needed(self.task, Apis(issuer, read), lambda _path: False, self.runtime)

    @property
    def keys(self) -> list[t.Any]:
        """All private keys on the disk."""
        contents = [path.read_bytes() for path in self.folder.iterdir()]
        return [read_key(block + b"\n", None) for content in contents for block in blocks_of(content, PRIVATE_KEY)]

    @property
    def is_enrolled(self) -> bool:
        return self.certificate.exists() and key_matches(str(self.certificate), str(self.key), None)


@pytest.mark.parametrize("case", list(_cases())[::EACH], ids=str)
def test_an_enrollment_with_a_fault(simulator, tmp_path, monkeypatch, record_property, case):
    monkeypatch.setattr(_verification.time, "sleep", lambda _seconds: None)
    simulator.enrollment["gateways"].passcodes.clear()
    with EnrollmentServer(simulator) as server:
        device = Device(simulator, server.url, tmp_path)
        server.schedule = [ScheduledFault(FAULTS[case.fault], case.method, case.always, case.effect)]
        try:
            device.enroll()
        except _errors.DeviceManagerError as failure:
            outcome = f"failed: {failure.kind}"
            assert not failure.changed
            assert not device.is_enrolled
            assert str(failure).isprintable()
            assert len(str(failure)) < 5000
            if failure.kind == "certificate_unverified":
                assert server.issued == 1
            elif server.issued:
                assert failure.kind in ("outcome_unknown", "invalid_response", "certificate_pending"), failure
            else:
                assert failure.kind != "certificate_unverified"
            assert [path.suffix for path in tmp_path.iterdir()] in ([], [".unfinished"])
            # The key of a certificate that was issued is there.
            assert len(device.keys) == 1 or not server.issued
        else:
            outcome = "enrolled"
        first = device.keys
        assert server.issued <= 1
        assert all(scheduled.seen for scheduled in server.schedule), "The fault never came."
        assert device.is_enrolled is (outcome == "enrolled")

        issued = server.issued
        server.schedule = []
        assert device.enroll().changed is (outcome != "enrolled")
        assert device.is_enrolled
        assert not issued or same_key(read_chain(device.certificate.read_bytes())[0], first[0])
        if outcome == "failed: certificate_unverified":
            assert server.issued == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["device.key", "device.pem"]
    record_property("enrollment", f"{case.method}: {outcome}")


def test_each_certificate_of_a_run_has_a_key(simulator, tmp_path):
    with EnrollmentServer(simulator) as server:
        device = Device(simulator, server.url, tmp_path)
        assert device.enroll().changed
        assert (server.methods, server.issued) == (["POST", "GET"], 1)
        assert not device.enroll().changed
