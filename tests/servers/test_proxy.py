# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module behind a proxy that nobody here wrote: tinyproxy passes TLS on as it is, once it has seen CONNECT."""

from __future__ import annotations

import contextlib
import re
import typing as t
from pathlib import Path

import pytest

from servers.serving import find, free_port, serving
from simulator import Simulator

SITE = [{"name": "Site", "value": "Delft"}]
USER, PASSWORD, WRONG_PASSWORD = "someone", "open-water", "closed-water"
CONFIGURATION = """\
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 20
MaxClients 10
LogLevel Connect
LogFile "{log}"
{settings}
"""


class Proxy:
    """A tinyproxy."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self.url = f"http://127.0.0.1:{port}"

    def url_for(self, user: str, password: str) -> str:
        """Return the URL with which someone in particular comes."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}"

    @property
    def connects(self) -> list[str]:
        """Where CONNECT was to lead, as host and port, for each one so far."""
        return re.findall(r"CONNECT (\S+) HTTP", self.log.read_text())


@pytest.fixture
def start(tmp_path: Path) -> t.Iterator[t.Callable[..., Proxy]]:
    """What starts a tinyproxy with more settings."""
    tinyproxy = find("tinyproxy", "tinyproxy")
    with contextlib.ExitStack() as proxies:

        def start(settings: str = "") -> Proxy:
            port = free_port()
            proxy = Proxy(port, tmp_path / f"tinyproxy-{port}.log")
            configuration = tmp_path / f"tinyproxy-{port}.conf"
            configuration.write_text(CONFIGURATION.format(port=port, log=proxy.log, settings=settings))
            proxies.enter_context(serving([tinyproxy, "-d", "-c", configuration], port))
            return proxy

        yield start


def target(simulator: Simulator) -> str:
    """Return host and port of the simulator."""
    return simulator.url.removeprefix("https://")


def assert_came_as_itself(outcome, simulator):
    """See that the simulator saw the device's own certificate."""
    (connection,) = outcome.connections
    assert connection.fingerprint == simulator.certificates["access-point"].fingerprint


def assert_stopped(outcome, kind, *words):
    """See that the task failed with these words before anything came to the simulator."""
    assert outcome.failed, outcome.result
    assert outcome.result["failure"]["kind"] == kind, outcome.result
    for word in ("Device ", "the proxy 127.0.0.1", *words):
        assert word in outcome.result["msg"]
    assert outcome.connections == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_mutual_tls_goes_through_from_end_to_end(player, start, simulator, variable):
    proxy = start()
    real = player.triple(player.task(fields=SITE), environment={variable: proxy.url})
    assert_came_as_itself(real, simulator)
    # Read and update share a tunnel.
    assert proxy.connects == [target(simulator)] * 3


def test_what_is_exempt_goes_around(player, start, simulator):
    proxy = start()
    task = player.task(fields=[])
    outcomes = player.check(
        player.task(fields=[], use_proxy=False),
        {**task, "environment": {"NO_PROXY": "localhost"}},
        {**task, "environment": {"no_proxy": f"other.example,{target(simulator)}"}},
        {**task, "environment": {"NO_PROXY": "other.example"}},
        environment={"HTTPS_PROXY": proxy.url},
    )
    for outcome in outcomes:
        assert_came_as_itself(outcome, simulator)
    assert proxy.connects == [target(simulator)]


def test_a_proxy_that_wants_a_password(player, start, simulator):
    proxy = start(f"BasicAuth {USER} {PASSWORD}")
    ways = {
        "right": proxy.url_for(USER, PASSWORD),
        "wrong": proxy.url_for(USER, WRONG_PASSWORD),
        "none": proxy.url,
    }
    # A wrong password is not tried again, although that is allowed: it might lock the user out.
    task = player.task(fields=SITE, retries=2)
    right, wrong, none = player.run(*({**task, "environment": {"HTTPS_PROXY": url}} for url in ways.values()))
    assert_came_as_itself(right, simulator)
    assert right.methods == ["GET", "PUT"]
    for outcome, status in ((wrong, "401"), (none, "407")):
        assert_stopped(outcome, "http_error", status, "username", "password")
    assert len(proxy.connects) == 2 * len(ways)
    assert re.search(f"{PASSWORD}|{WRONG_PASSWORD}", right.output) is None


def test_a_proxy_that_lets_nothing_through(player, start):
    strict = start(f"BasicAuth {USER} {PASSWORD}\nConnectPort 443")
    willing = start()
    secretive = {"HTTPS_PROXY": strict.url_for(USER, PASSWORD)}
    absent = {"HTTPS_PROXY": f"http://{USER}:{PASSWORD}@127.0.0.1:{free_port()}"}
    refused, missing, lost = player.run(
        {**player.task(fields=SITE, retries=2), "environment": secretive},
        {**player.task(fields=SITE), "environment": absent},
        {
            **player.task(fields=SITE, api_url=f"https://localhost:{free_port()}"),
            "environment": {"HTTPS_PROXY": willing.url},
        },
    )
    assert_stopped(refused, "http_error", "403", "denies connections", "NO_PROXY")
    assert len(strict.connects) == 2
    assert_stopped(missing, "connection_failed", "could not be reached", "Connection refused")
    assert_stopped(lost, "connection_failed", "could not be reached", "500")
    assert PASSWORD not in refused.output
