# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs servers that others wrote, on 127.0.0.1, between the module and the simulator."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

PATIENCE = 10


def find(program: str, package: str) -> str:
    """Return where a program lies, also where only root looks for it, or skip the test."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is missing: install Debian's package {package}")
    return path


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def serving(
    command: t.Sequence[str | Path],
    port: int,
    end: t.Callable[[subprocess.Popen[bytes]], None] = subprocess.Popen.terminate,
) -> t.Iterator[None]:
    """Run a server, from when it listens on `port` to the end of the block, where `end` lets it end."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            _wait_for(server, port)
            yield
        finally:
            end(server)


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            assert server.poll() is None, server.stdout.read()
            assert time.monotonic() < deadline, f"{server.args} does not listen."
            time.sleep(0.01)
        else:
            return
