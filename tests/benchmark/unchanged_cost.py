# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the instructions that one unchanged run of a module costs a managed host (needs valgrind).

The file that Ansible sends to the host is run directly under callgrind. What `ansible.builtin.ping` costs is taken off,
for every module pays it. The rest is compared with that of one `ansible.builtin.uri` that gets the same record, and for
a certificate that is not due with `community.crypto.x509_certificate_info` on the same file, where that is installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulator import DEVICE_PATH, Simulator

PING, URI, DEVICE = "ansible.builtin.ping", "ansible.builtin.uri", "edgeops.digicert.digicert_iot_device"
X509, CERTIFICATE = "community.crypto.x509_certificate_info", "edgeops.digicert.digicert_iot_device_certificate"


def payload_of(module: str, arguments: dict[str, object], folder: Path) -> Path:
    """Let Ansible run the module once, and return the file that it sent."""
    environment = {
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder),
        "ANSIBLE_REMOTE_TMP": str(folder / module),
    }
    host = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    play = {**host, "vars": {"ansible_python_interpreter": sys.executable}, "tasks": [{module: arguments}]}
    (folder / "payload.json").write_text(json.dumps([play]))
    ansible = [Path(sys.executable).with_name("ansible-playbook"), "--inventory", "localhost,"]
    subprocess.run(
        [*ansible, folder / "payload.json"],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (payload,) = (folder / module).glob("*/AnsiballZ_*.py")
    return payload


def instructions_of(payload: Path) -> tuple[int, dict[str, object]]:
    """Run the file under callgrind and return the number of instructions, and the module's answer."""
    callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    run = subprocess.run(
        [*callgrind, sys.executable, payload], env=environment, check=True, capture_output=True, text=True
    )
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1)), json.loads(run.stdout)


def is_installed(module: str) -> bool:
    """Say whether Ansible finds a module."""
    # The return code is 0 for a missing module, too.
    found = subprocess.run([Path(sys.executable).with_name("ansible-doc"), module], capture_output=True, check=False)
    return bool(found.stdout.strip())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Simulator(Path(folder)) as simulator:
        device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
        tls = {"client_cert": str(leaf.pem), "client_key": str(leaf.key), "ca_path": str(simulator.certificates.ca)}
        fields = [{"name": name, "value": value} for name, value in device.named_values.items()]
        tasks = {
            PING: {"data": "pong"},
            URI: {"url": f"{simulator.url}{DEVICE_PATH}{device.id}", "return_content": True, **tls},
            DEVICE: {"api_url": simulator.url, "device_id": device.id, "fields": fields, **tls},
            CERTIFICATE: {"api_url": simulator.url, "device_id": device.id, "remaining_days": 1, **tls},
        }
        if is_installed(X509):
            tasks[X509] = {"path": str(leaf.pem)}
        cost = {}
        print(f"{'':48} {'instructions':>15} {'less ping':>15} {'size sent':>10}")
        for module, arguments in tasks.items():
            payload = payload_of(module, arguments, Path(folder))
            simulator.clear_log()
            count, answer = instructions_of(payload)
            asked = [(request.method, request.status) for request in simulator.requests]
            if asked != ([("GET", 200)] if module in (URI, DEVICE) else []) or answer.get("changed"):
                sys.exit(f"{module} did not do what is to be measured. It asked {asked} and answered {answer}.")
            cost[module] = count - cost.get(PING, 0)
            print(f"{module:48} {count:15,} {count - cost[PING]:15,} {payload.stat().st_size:10,}", flush=True)
        for module, other in ((DEVICE, URI), (CERTIFICATE, X509)):
            if other in cost:
                print(f"{module} / {other}, both less ping: {cost[module] / cost[other]:.3f}")


if __name__ == "__main__":
    main()
