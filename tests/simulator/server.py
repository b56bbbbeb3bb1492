# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator: the records behind HTTPS, by client certificates and by API keys, in a thread of its own."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import functools
import math
import re
import ssl
import threading
import typing as t
import weakref
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from simulator.certificates import Certificates, fingerprint, make_certificates
from simulator.enrollment import Enrollment, Sign, handle_enrollment_request, is_of_enrollment
from simulator.est import Est, answer_refusal, est_path, handle_est_request, is_of_est
from simulator.log import Connection, Log, Request
from simulator.operator_api import LIST_PATH, handle_operator_request
from simulator.records import Device, Record, Records, Refusal, make_devices, make_profiles
from simulator.script import Answer, Reply, Script

# Where one device is. Other paths do not exist.
DEVICE_PATH = "/iot/api/v2/device/"
# What a file can be called, and the common name of a certificate, which has at most 64 characters.
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TOO_MANY = Answer(
    status=429,
    headers={"Retry-After": "1"},
    body={"errors": [{"code": "request_limit_exceeded", "message": "Too many requests"}]},
)


class Simulator:
    """A context manager: inside it the server runs on 127.0.0.1. The package's docstring says how to use it."""

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        valueless: str = "absent",
        log_file: t.TextIO | None = None,
        operator_port: int = 0,
    ) -> None:
        """Certificates are written into `folder`. Port 0 means a free one. `valueless` is one of records.VALUELESS."""
        self.certificates: Certificates = make_certificates(
            folder, [device.name for device in make_devices(valueless, make_profiles())]
        )
        self._fingerprints = {name: leaf.fingerprint for name, leaf in self.certificates.leaves.items()}
        self._port = port
        self._operator_port = operator_port
        self._valueless = valueless
        self._log_file = log_file
        # Whether a device that an operator creates gets a certificate and a key in the folder. It takes time.
        self.certifies_new_devices = False
        self._connection_of: weakref.WeakKeyDictionary[asyncio.BaseTransport, Connection] = weakref.WeakKeyDictionary()
        self.reset()

    def __enter__(self) -> t.Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator")
        self._thread.start()
        try:
            self._run(self._start())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._run(self._stop())
        self._end_loop()

    @property
    def url(self) -> str:
        """The value for api_url, where devices come with their certificates."""
        return f"https://localhost:{self._port}"

    @property
    def operator_url(self) -> str:
        """The value for api_url, where operators come with their API keys."""
        return f"https://localhost:{self._operator_port}"

    @property
    def est_url(self) -> str:
        """The value for est_url, where devices enroll with a birth certificate and renew their certificates."""
        return self.url + est_path(self.enrollment["est-gateways"].id)

    @property
    def est_operator_url(self) -> str:
        """The value for est_url, where devices enroll with a passcode."""
        return self.operator_url + est_path(self.enrollment["est-gateways"].id)

    def reset(self) -> None:
        """Begin anew: fresh devices, an empty log, no script. Certificates and port stay."""
        self.records = Records(self._valueless)
        for device in self.records.devices:
            self.records.associate(device, self._fingerprints[device.name])
        self.enrollment = Enrollment(self.records, self.certificates["birth"].fingerprint)
        authorities = (self.certificates.authority, self.certificates.intermediate)
        self.est = Est(self.enrollment, [authority.certificate for authority in authorities])
        self.limit: float = math.inf
        self._arrivals: collections.deque[float] = collections.deque()
        self._script = Script()
        self.clear_log()

    def add_devices(self, count: int, *, certified: bool = True) -> list[Device]:
        """Add sensor-1 to sensor-COUNT, each like access-point, up to `reset()`.

        Each has a certificate of its own, unless `certified` is false, which is faster.
        """
        model = self.records["access-point"]
        added = []
        for number in range(1, count + 1):
            name = f"sensor-{number}"
            device = dataclasses.replace(
                model, name=name, device_identifier=f"{name}.harbour", values=dict(model.values), more_flags={}
            )
            self.records.add(device)
            if certified:
                self.enrol(device)
            added.append(device)
        return added

    def enrol(self, device: Device) -> None:
        """Give a device a certificate of its own, simulator.certificates[device.name], that acts for it."""
        if device.name not in self.certificates.leaves:
            leaf = self.certificates.authority.issue(self.certificates.folder, device.name)
            self.certificates.leaves[device.name] = leaf
            self._fingerprints[device.name] = leaf.fingerprint
        self.records.associate(device, self._fingerprints[device.name])

    def certify_new(self, device: Device) -> None:
        """Give a new device a certificate and a key in the folder, with its own name if a file can have it."""
        name = device.device_identifier
        if not FILE_NAME.fullmatch(name) or name in self.certificates.leaves:
            name = device.id
        leaf = self.certificates.authority.issue(self.certificates.folder, name, ends=self.records.lifetime)
        self.certificates.leaves[name] = leaf
        self.records.associate(device, leaf.fingerprint)

    def certify(self, device: str, public_key: bytes) -> bytes:
        """Return a certificate for a key that is elsewhere, all in PEM form. It acts for `device` up to `reset()`."""
        pem = self.certificates.authority.sign(load_pem_public_key(public_key), device)
        self.records.associate(self.records[device], fingerprint(pem))
        return pem

    def script(self, *answers: Answer) -> None:
        """Say what happens to the requests to come. Each answer is for the first request that it fits."""
        self._script.add(*answers)

    def clear_script(self) -> None:
        """Forget the scripted answers."""
        self._script = Script()

    @property
    def untold(self) -> list[Answer]:
        """The scripted answers that no request has asked for."""
        return self._script.untold

    def clear_log(self) -> None:
        """Forget all connections and requests so far."""
        self._log = Log(self._log_file)

    def forget(self, until: float) -> None:
        """Forget the connections that began until then, by the monotonic clock, and their requests."""
        self._log.forget(until)

    @property
    def connections(self) -> list[Connection]:
        """The TCP connections so far, also those whose handshake failed."""
        return self._log.connections

    @property
    def handshakes(self) -> int:
        """How many TLS handshakes were completed."""
        return sum(connection.tls is not None for connection in self._log.connections)

    @property
    def requests(self) -> list[Request]:
        """The requests so far."""
        return self._log.requests

    @property
    def methods(self) -> list[str]:
        """The methods of the requests so far."""
        return [request.method for request in self._log.requests]

    def _is_too_much(self) -> bool:
        """Count a request, and say whether there were `limit` in the last second already."""
        now = self._loop.time()
        while self._arrivals and self._arrivals[0] <= now - 1:
            self._arrivals.popleft()
        if len(self._arrivals) >= self.limit:
            return True
        self._arrivals.append(now)
        return False

    def _run(self, coroutine: t.Coroutine[t.Any, t.Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._http = web.Server(self._handle)
        self._listeners = []
        self._port = await self._listen("device", self._port)
        self._operator_port = await self._listen("operator", self._operator_port)

    async def _listen(self, api: str, port: int) -> int:
        """Listen for the requests of one API and return the port."""
        greet = functools.partial(self._greet, api)
        listener = await self._loop.create_server(greet, "127.0.0.1", port, ssl=self._tls_context(api))
        self._listeners.append(listener)
        return listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        for transport in list(self._connection_of):
            transport.abort()
        await self._http.shutdown(timeout=0.1)  # which aiohttp takes for no limit when it is 0
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tls_context(self, api: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = _AlertingTls
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificates["server"].pem, self.certificates["server"].key)
        if api == "device":
            context.load_verify_locations(self.certificates.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _greet(self, api: str) -> asyncio.Protocol:
        """A client has connected: note it, and return what waits for its handshake."""
        log, connection = self._log, self._log.open(api)

        def welcome(transport: asyncio.Transport) -> asyncio.Protocol:
            tls = transport.get_extra_info("ssl_object")
            leaf = tls.getpeercert(binary_form=True)
            if leaf is None:
                log.complete(connection, tls.version(), None, None)
            else:
                subject = ", ".join("=".join(pair) for part in tls.getpeercert()["subject"] for pair in part)
                log.complete(connection, tls.version(), subject, leaf)
            self._connection_of[transport] = connection
            return self._http()

        return _HandshakeProtocol(welcome)

    async def _handle(self, received: web.BaseRequest) -> web.Response:
        # A test may reset the simulator while a delayed request waits, which belongs to what was before.
        records, est, log = self.records, self.est, self._log
        request = Request(
            self._connection_of[received.transport],
            received.method,
            received.raw_path,
            dict(received.headers),
            await received.read(),
        )
        log.receive(request)
        answer = TOO_MANY if self._is_too_much() else self._script.take(request.method, request.path)
        if answer.before is not None:
            answer.before(records)
        await asyncio.sleep(answer.delay)
        reply = self._carry_out(est, request, answer) if answer.takes_effect else Reply(200, None)
        await asyncio.sleep(answer.delay_answer)
        response = web.Response(
            status=answer.status or reply.status,
            headers={**reply.headers, **answer.headers},
            body=answer.compose(reply.content),
        )
        log.answer(request, None if answer.cut else response.status)
        if answer.cut and received.transport is not None:
            received.transport.abort()
        return response

    def _carry_out(self, est: Est, request: Request, answer: Answer) -> Reply:
        """Do what `request` asks for and return what there is to answer."""
        records = est.enrollment.records
        sign = functools.partial(self.certificates.intermediate.answer, ends=records.lifetime)
        try:
            if is_of_est(request):
                reply = handle_est_request(est, request, sign)
            else:
                reply = Reply(*_handle_json_request(est.enrollment, request, sign))
                if self.certifies_new_devices and (request.method, request.path) == ("POST", LIST_PATH):
                    self.certify_new(reply.content)
            if answer.after is not None:
                answer.after(records)
        except Refusal as refusal:
            if is_of_est(request):
                return answer_refusal(refusal)
            return Reply(refusal.status, {"error": refusal.error} if records.answers_single_errors else refusal.body)
        return reply._replace(content=reply.content.record) if isinstance(reply.content, Device) else reply


class _AlertingTls(ssl.SSLObject):
    """Tells a client that its certificate is refused, and waits until it hangs up.

    Any real server does that. asyncio closes the connection before the alert is out.
    """

    _refused = False

    def do_handshake(self) -> None:
        if not self._refused:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                if error.reason == "HTTP_REQUEST":  # who does not speak TLS is not alerted
                    raise
                self._refused = True
            else:
                return
        raise ssl.SSLWantReadError  # upon which asyncio sends what there is to send


class _HandshakeProtocol(asyncio.Protocol):
    """Waits for the end of a handshake, which is when asyncio calls connection_made, and hands the connection on."""

    def __init__(self, welcome: t.Callable[[asyncio.Transport], asyncio.Protocol]) -> None:
        self._welcome = welcome

    def connection_made(self, transport: asyncio.Transport) -> None:
        protocol = self._welcome(transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def _handle_json_request(enrollment: Enrollment, request: Request, sign: Sign) -> tuple[int, Device | Record]:
    """Do what a request to an API asks for and return status and content. `sign` answers a CSR. Raises Refusal."""
    if is_of_enrollment(request):
        return handle_enrollment_request(enrollment, request, sign)
    if request.connection.api == "operator":
        return handle_operator_request(enrollment.records, request)
    return _handle_device_request(enrollment.records, request, sign)


def _handle_device_request(
    records: Records, request: Request, sign: t.Callable[[bytes], bytes]
) -> tuple[int, Device | Record]:
    """Do what a device asks for and return status and content of the answer. `sign` answers a CSR. Raises Refusal."""
    device_id, _slash, call = request.path.partition("?")[0].removeprefix(DEVICE_PATH).partition("/")
    device_id = unquote(device_id)
    fingerprint = request.connection.fingerprint
    if not request.path.startswith(DEVICE_PATH) or call not in ("", "renew"):
        raise Refusal(404, "resource_not_found", f"There is nothing at {request.path}")
    match request.method, call:
        case "GET", "":
            return 200, records.read(device_id, fingerprint)
        case "PUT", "":
            return 201, records.update(device_id, fingerprint, request.body)
        case "POST", "renew":
            return 200, records.renew(device_id, fingerprint, request.body, sign)
        case _:
            raise Refusal(405, "method_not_allowed", f"{request.method} is not for {request.path}")
