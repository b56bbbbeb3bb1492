# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module before a TLS server that nobody here wrote: nginx ends mutual TLS in front of the simulator.

nginx has the certificate of the access point, and shows it to the simulator for every client that it lets in.
"""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from servers.serving import find, free_port, serving
from simulator import Simulator
from simulator.certificates import Authority, Leaf

SITE = [{"name": "Site", "value": "Delft"}]
# Unused folders are named too, so that nothing is made elsewhere.
CONFIGURATION = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    log_format visits "$ssl_protocol\t$ssl_client_verify\t$connection\t$connection_requests\t$request_method\t$status";
    access_log access.log visits;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {server.pem};
        ssl_certificate_key {server.key};
        ssl_client_certificate {ca};
        ssl_verify_client on;
        {settings}
        location / {{
            proxy_pass {upstream};
            proxy_ssl_certificate {device.pem};
            proxy_ssl_certificate_key {device.key};
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_verify on;
        }}
    }}
}}
"""


class Visit(t.NamedTuple):
    """A request as nginx saw it. `number` counts the requests of one connection."""

    protocol: str
    verified: str
    connection: str
    number: str
    method: str
    status: str


class Front:
    """An nginx in front of the simulator."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"https://localhost:{port}"

    @property
    def visits(self) -> list[Visit]:
        """The requests so far, also those that went no further."""
        return [Visit(*line.split("\t")) for line in (self.folder / "access.log").read_text().splitlines()]


@pytest.fixture
def start(simulator: Simulator, tmp_path: Path) -> t.Iterator[t.Callable[..., Front]]:
    """What starts an nginx with more settings, and perhaps a server certificate other than the simulator's."""
    nginx = find("nginx", "nginx")
    certificates = simulator.certificates
    with contextlib.ExitStack() as fronts:

        def start(settings: str = "", server: Leaf = certificates["server"]) -> Front:
            port = free_port()
            folder = tmp_path / f"nginx-{port}"
            folder.mkdir()
            configuration = CONFIGURATION.format(
                port=port,
                server=server,
                ca=certificates.ca,
                settings=settings,
                upstream=simulator.url,
                device=certificates["access-point"],
            )
            (folder / "nginx.conf").write_text(configuration)
            fronts.enter_context(serving([nginx, "-p", folder, "-e", "error.log", "-c", "nginx.conf"], port))
            return Front(folder, port)

        yield start


@pytest.fixture
def access_point(simulator):
    return simulator.records["access-point"]


def shown(leaf: Leaf) -> dict[str, str]:
    """Return the options with which a task comes with this certificate."""
    return {"client_cert": str(leaf.pem), "client_key": str(leaf.key)}


def assert_let_in(outcome, simulator):
    """See that the record was read or written, by the certificate that nginx shows for others."""
    assert not outcome.failed, outcome.result
    assert {request.status for request in outcome.requests} <= {200, 201}
    fingerprints = {connection.fingerprint for connection in outcome.connections}
    assert fingerprints == {simulator.certificates["access-point"].fingerprint}


def assert_refused(outcome, kind, *words):
    """See that the task failed with these words, and that nothing came through to the simulator."""
    assert outcome.failed, outcome.result
    assert outcome.result["failure"]["kind"] == kind, outcome.result
    assert not outcome.result["changed"]
    for word in ("Device ", *words):
        assert word in outcome.result["msg"]
    assert outcome.connections == []


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_read_and_update_share_a_connection(player, start, simulator, access_point, protocol):
    front = start(f"ssl_protocols {protocol};")
    # nginx connects to the simulator anew for each request.
    assert_let_in(player.triple(player.task(api_url=front.url, fields=SITE), handshakes=2), simulator)
    assert access_point.named_values["Site"] == "Delft"
    check, read, update, again = front.visits
    for visit in front.visits:
        assert (visit.protocol, visit.verified) == (protocol, "SUCCESS")
    assert [(visit.method, visit.number, visit.status) for visit in front.visits] == [
        ("GET", "1", "200"),
        ("GET", "1", "200"),
        ("PUT", "2", "201"),
        ("GET", "1", "200"),
    ]
    assert read.connection == update.connection
    assert len({check.connection, read.connection, again.connection}) == 3


def test_any_kind_of_key(player, start, simulator, tmp_path):
    front = start()
    authority = simulator.certificates.authority
    keys = {"rsa": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate()}
    # The access point's own is EC.
    leaves = [simulator.certificates["access-point"]]
    leaves += [authority.issue(tmp_path, name, key=key) for name, key in keys.items()]
    for outcome in player.check(*(player.task(api_url=front.url, fields=SITE, **shown(leaf)) for leaf in leaves)):
        assert_let_in(outcome, simulator)
    assert [visit.verified for visit in front.visits] == ["SUCCESS"] * 3


def test_an_intermediate_has_to_follow_in_the_file(player, start, simulator, tmp_path):
    front = start()
    intermediate = Authority("Harbour CA", simulator.certificates.authority)
    leaf = intermediate.issue(tmp_path, "below-harbour")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.pem.read_bytes() + intermediate.write(tmp_path / "harbour.pem").read_bytes())
    alone, whole = player.run(
        player.task(api_url=front.url, fields=SITE, **shown(leaf)),
        player.task(api_url=front.url, fields=SITE, client_cert=str(chain), client_key=str(leaf.key)),
    )
    assert_refused(alone, "http_error", "The SSL certificate error", "intermediate CA", "after the device certificate")
    assert_let_in(whole, simulator)
    assert whole.methods == ["GET", "PUT"]
    assert front.visits[0].verified == "FAILED:unable to verify the first certificate"


def test_a_certificate_that_the_front_refuses(player, start, simulator, access_point, tmp_path):
    certificates = simulator.certificates
    revocations = certificates.authority.revoke(tmp_path / "revoked.pem", certificates["camera"])
    front = start(f"ssl_crl {revocations};")
    cases = [
        ("outsider", "does not trust its CA", "unable to verify the first certificate"),
        ("expired", "client_cert expired on", "certificate has expired"),
        ("not-yet-valid", "client_cert is not valid before", "certificate is not yet valid"),
        ("camera", "revoked", "certificate revoked"),
    ]
    tasks = [
        # It is not tried again, although that is allowed.
        player.task(api_url=front.url, fields=SITE, retries=2, **shown(certificates[name]))
        for name, _words, _reason in cases
    ]
    good = player.task(api_url=front.url, fields=[])
    *refused, let_in = player.run(*tasks, good)
    for (_name, words, _reason), outcome in zip(cases, refused, strict=True):
        assert_refused(outcome, "http_error", "HTTP status 400", "The SSL certificate error", words)
    assert_let_in(let_in, simulator)
    verified = [visit.verified for visit in front.visits]
    failed = [f"FAILED:{reason}" for _name, _words, reason in cases]
    assert verified == [*failed, "SUCCESS", *failed, "SUCCESS"]
    assert access_point.named_values["Site"] == "Rotterdam"


def test_a_certificate_that_is_not_sent(player, start, access_point):
    # OpenSSL keeps a certificate to itself whose kind of key the server does not take.
    front = start("ssl_conf_command ClientSignatureAlgorithms RSA+SHA256;")
    outcome = player.run_one(player.task(api_url=front.url, fields=SITE))
    assert_refused(outcome, "http_error", "No required SSL certificate was sent", "does not support the key algorithm")
    assert [visit.verified for visit in front.visits] == ["NONE", "NONE"]
    assert access_point.named_values["Site"] == "Rotterdam"


def test_a_front_that_is_not_trusted(player, start, simulator, tmp_path):
    front = start()
    elsewhere = simulator.certificates.authority.issue(tmp_path, "elsewhere", [x509.DNSName("elsewhere.example")])
    misnamed = start(server=elsewhere)
    unknown, wrong_name = player.run(
        player.task(api_url=front.url, fields=SITE, ca_path=str(simulator.certificates.other_ca)),
        player.task(api_url=misnamed.url, fields=SITE),
    )
    assert_refused(unknown, "handshake_failed", "verification of the certificate", "ca_path")
    assert_refused(wrong_name, "handshake_failed", "verification of the certificate", "Check the host in api_url")
    assert front.visits == misnamed.visits == []
