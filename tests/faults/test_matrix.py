# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault at every step of a run: what the module says is what is so at the service.

A run ends in one of three ways: done; failed with nothing written; failed, and says that it may have been written.
The same holds behind a proxy of each kind, where one of 80 cases runs: one of n with FAULT_PROXIES=n, each with "all".
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import time
import tracemalloc
import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import parse_device_task
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import (
    UpdateResult,
    reconcile_record,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from faults import proxy as proxies
from faults.catalogue import FAULTS, HUGE, PROXY_FAULTS
from faults.fault_server import Fault as ServerFault
from faults.fault_server import FaultServer, ScheduledFault, reset
from simulator import Simulator

RETRIES = 1
TIMEOUT = 1
# Behind each kind of proxy, one of so many cases is run, and for each kind another.
EACH = int(os.environ.get("FAULT_PROXIES", "80").replace("all", "1"))
# A read, an update and a read again, each of them twice, and the time for what is no waiting.
LONGEST = 3 * (RETRIES + 1) * TIMEOUT + 3
# An answer of the largest size that is read, some copies of it, and what it becomes when it is parsed.
MOST_MEMORY = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault, at requests with this method, once or always; `effect` says if a spoilt update is carried out."""

    fault: str
    method: str
    always: bool
    effect: bool = False
    again: bool = False  # the fault is not at the update but at the read after it, whose answer was cut

    def __str__(self) -> str:
        step = "again" if self.again else self.method
        effect = f"-{'done' if self.effect else 'not-done'}" if self.again or self.method == "PUT" else ""
        return f"{step}-{'always' if self.always else 'once'}{effect}-{self.fault}"

    @property
    def schedule(self) -> list[ScheduledFault]:
        """The faults of the server."""
        fault = FAULTS[self.fault]
        if self.again:
            cut = ServerFault(lambda _right: [reset])
            return [
                ScheduledFault(cut, "PUT", True, self.effect),
                ScheduledFault(fault, "GET", self.always, after="PUT"),
            ]
        return [ScheduledFault(fault, self.method, self.always, self.effect)]


def _cases() -> t.Iterator[Case]:
    for name, fault in FAULTS.items():
        for always in (False, True):
            yield Case(name, "GET", always)
            for effect in (False, True) if fault.step == "answer" and fault.may_follow_effect else (False,):
                yield Case(name, "PUT", always, effect)
        if fault.step == "answer":
            for effect in (False, True):
                yield Case(name, "GET", True, effect, again=True)


CASES = list(_cases())


class Device:
    """A device that keeps the site in its record true."""

    def __init__(self, simulator: Simulator, url: str) -> None:
        leaf = simulator.certificates["access-point"]
        self.record = simulator.records["access-point"]
        self.before = dict(self.record.values)
        self.wanted = {**self.before, self.record.field_id("Site"): "Delft"}
        self.warnings: list[str] = []
        self.options = {
            "device_id": self.record.id,
            "api_url": url,
            "client_cert": str(leaf.pem),
            "client_cert_content": None,
            "client_key": str(leaf.key),
            "client_key_content": None,
            "client_key_passphrase": None,
            "ca_path": str(simulator.certificates.ca),
            "validate_certs": True,
            "timeout": TIMEOUT,
            "retries": RETRIES,
            "use_proxy": False,
            "device_identifier": None,
            "fields": [{"id": None, "name": "Site", "value": "Delft", "state": "present"}],
            "secret_fields": None,
            "purge_fields": False,
            "keep_fields": [],
            "field_ids": {},
            "mask_fields": [],
            "on_read_denied": "fail",
        }

    def go_through(self, proxy: proxies.Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the proxy used."""
        for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
            monkeypatch.delenv(variable)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        self.options["use_proxy"] = True

    def keep(self) -> UpdateResult:
        """Do what the module's main() does."""
        task, runtime = parse_device_task(self.options), Runtime(self.warnings.append)
        session = open_session(task.connection, task.credentials, task.problems, runtime)
        session._clock = session._clock._replace(sleep=lambda _seconds: None)
        with contextlib.ExitStack() as stack:
            stack.callback(session.close)
            return reconcile_record(DeviceApi(session, self.record.id), task.desired, runtime)

    def keep_and_judge(self) -> tuple[str, UpdateResult | _errors.DeviceManagerError]:
        """Keep the record true, see that what is claimed is so, and return the outcome in a word."""
        begin = time.monotonic()
        try:
            outcome = self.keep()
        except _errors.DeviceManagerError as failure:
            elapsed = time.monotonic() - begin
            assert self.record.values in (self.before, self.wanted)
            if not failure.changed:
                assert self.record.values == self.before, f"It was written, and this is said: {failure}"
            result = "failed, may be written" if failure.changed else "failed, nothing written", failure
            json.dumps(failure.failure()).encode()
            assert str(failure).isprintable()
            assert len(str(failure)) < 5000
        else:
            elapsed = time.monotonic() - begin
            said = {field["id"]: field["value"] for field in outcome.record["fields"] if field["value"] is not None}
            # The service itself can say of a field that nobody asked for that it is another: that is told.
            assert said == self.record.values or "changed during this update" in self.warnings[-1]
            result = "done", outcome
        assert elapsed < LONGEST
        return result


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_claimed_is_so(
    simulator: Simulator, case: Case, record_property: t.Callable[[str, object], None]
) -> None:
    with FaultServer(simulator) as server:
        record_property("outcome", judge(case, Device(simulator, server.url), server))


def judge(case: Case, device: Device, server: FaultServer) -> str:
    """Run a case, see that all that must hold does, and return its outcome."""
    fault = FAULTS[case.fault]
    measured = "oversized" in case.fault or "bomb" in case.fault or "storm" in case.fault
    server.schedule = case.schedule
    if measured:
        tracemalloc.start()
    try:
        outcome, _failure = device.keep_and_judge()
        memory = tracemalloc.get_traced_memory()[1] if measured else 0
    finally:
        tracemalloc.stop()
    assert all(scheduled.seen for scheduled in server.schedule), "The fault never came."
    assert memory < MOST_MEMORY
    assert server.bytes_sent < HUGE
    if "PUT" in server.methods:
        assert server.reads_answered or fault.believable, "It has written after a bad read."
    if outcome == "done" and not fault.believable:
        assert device.record.values == device.wanted
    if case.method == "GET" and not case.again:
        # An update after a record that looked right and was not can find something else.
        assert outcome in ("done", "failed, nothing written") or fault.believable
        if case.always:
            assert (outcome == "done") <= fault.believable
    return outcome


# Behind a proxy


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        pytest.param(kind, case, id=f"{kind}-{case}")
        for number, kind in enumerate(proxies.KINDS)
        for case in CASES[number * EACH // len(proxies.KINDS) :: EACH]
    ],
)
def test_behind_a_proxy_what_is_claimed_is_so(simulator, monkeypatch, record_property, kind, case):
    with FaultServer(simulator) as server, proxies.Proxy(simulator, kind) as proxy:
        device = Device(simulator, server.url)
        device.go_through(proxy, monkeypatch)
        record_property("proxy", judge(case, device, server))
    assert proxy.targets


def proxy_faults() -> t.Iterator[tuple[str, str, int]]:
    """Yield each fault of a proxy with each kind of proxy that can have it, and how many reads precede it."""
    for number, (name, fault) in enumerate(PROXY_FAULTS.items()):
        for kind in ("http", "https-password"):
            plain = kind == "http"
            if plain and (fault.step == "proxy-handshake" or name.endswith((":trip", ":part"))):
                continue
            choice = (0, 1) if EACH == 1 else (number % 2,)
            for reads in (1,) if fault.step == "tunnel" else choice:
                yield kind, name, reads


@pytest.mark.parametrize(("kind", "name", "reads"), list(proxy_faults()))
def test_a_proxy_at_fault_leaves_no_false_claim(simulator, monkeypatch, record_property, kind, name, reads):
    fault = PROXY_FAULTS[name]
    with FaultServer(simulator) as server:
        server.apart = True

        def is_due() -> bool:
            return "PUT" in server.methods if fault.step == "tunnel" else len(server.methods) >= reads

        with proxies.Proxy(simulator, kind, fault, is_due) as proxy:
            device = Device(simulator, server.url)
            device.go_through(proxy, monkeypatch)
            outcome, failure = device.keep_and_judge()
    assert proxy.faults
    assert proxy.bytes_sent < HUGE
    if fault.step == "tunnel":
        assert outcome == "failed, may be written"
    else:
        assert outcome == "failed, nothing written"
        assert server.methods == ["GET"] * reads
    assert "the proxy localhost" in str(failure).lower()
    assert not any(word in f"{failure} {failure.failure()}" for word in (proxies.PASSWORD, proxies.ESCAPED, "=="))
    record_property("proxy", outcome)


# Before there is a connection


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"),
        OSError(24, "Too many open files"),
        UnicodeError("label too long"),
        TimeoutError("timed out"),
        None,
    ],
    ids=repr,
)
def test_a_name_that_is_not_resolved(simulator, monkeypatch, record_property, error):
    def resolve(*_arguments: object, **_settings: object) -> list[t.Any]:
        if error is not None:
            raise error
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    outcome, _failure = Device(simulator, "https://localhost:1").keep_and_judge()
    assert outcome == "failed, nothing written"
    record_property("outcome", outcome)


def test_a_port_where_nobody_listens(simulator, record_property):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome, failure = Device(simulator, f"https://127.0.0.1:{port}").keep_and_judge()
    assert outcome == "failed, nothing written"
    assert failure.details.retries == RETRIES
    record_property("outcome", outcome)


def test_a_port_that_does_not_accept(simulator, record_property):
    # Linux drops who wants to connect when the queue is full.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _time in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        outcome, _failure = Device(simulator, f"https://127.0.0.1:{listener.getsockname()[1]}").keep_and_judge()
    assert outcome == "failed, nothing written"
    record_property("outcome", outcome)
