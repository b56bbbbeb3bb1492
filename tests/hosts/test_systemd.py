# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host where systemd runs, and its units reach the simulator."""

from __future__ import annotations

from pathlib import PurePosixPath

UNITS = PurePosixPath("/etc/systemd/system")
SERVICE = """\
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -c "import socket; socket.create_connection(('localhost', {port}))"
ExecStartPost=/usr/bin/touch /run/connected
"""
TIMER = """\
[Timer]
OnActiveSec=1
AccuracySec=1ms
"""


def test_a_timer_starts_a_service(booted_hosts, simulator):
    booted_hosts.run("bookworm", "systemctl is-system-running --wait")
    service = SERVICE.format(port=simulator.url.rpartition(":")[2])
    booted_hosts.run("bookworm", f"cat >{UNITS}/connect.service", service.encode())
    booted_hosts.run("bookworm", f"cat >{UNITS}/connect.timer", TIMER.encode())
    booted_hosts.run("bookworm", "systemctl start connect.timer")
    booted_hosts.run("bookworm", "timeout 300 sh -c 'until [ -e /run/connected ]; do sleep 0.1; done'")
    assert len(simulator.connections) == 1
