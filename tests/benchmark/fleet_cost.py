# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times a push over many unchanged hosts, against `ansible.builtin.ping` on the same ones.

The hosts are names in an inventory, with local connections to this machine. Both sides run one after the other, so the
ratio says more than the seconds. Arguments: numbers of hosts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulator import Simulator

PING, DEVICE = "ansible.builtin.ping", "edgeops.digicert.digicert_iot_device"
FORKS = (5, 20, 50)


def parse_retry_after(module: str, arguments: dict[str, object], hosts: int, forks: int, folder: Path) -> float:
    """Run a play with one task on so many hosts, and return how long it took."""
    inventory, playbook = folder / "hosts", folder / "playbook.yml"
    inventory.write_text("\n".join(f"edge-{number} ansible_connection=local" for number in range(hosts)))
    task = {"name": "Keep the record true", module: arguments}
    playbook.write_text(json.dumps([{"name": "Push", "hosts": "all", "gather_facts": False, "tasks": [task]}]))
    settings = {
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_LOCAL_TEMP": str(folder),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    begin = time.monotonic()
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "--inventory", inventory, playbook],
        env={**os.environ, **settings},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - begin


def main() -> None:
    print(
        f"{'hosts':>6} {'forks':>6} {'ping':>10} {'device':>10} {'device/ping':>12} {'ms a host':>10} {'requests':>9}"
    )
    with tempfile.TemporaryDirectory() as folder, Simulator(Path(folder)) as simulator:
        device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
        fields = [{"name": name, "value": value} for name, value in device.named_values.items()]
        tls = {"client_cert": str(leaf.pem), "client_key": str(leaf.key), "ca_path": str(simulator.certificates.ca)}
        arguments = {"api_url": simulator.url, "device_id": device.id, "fields": fields, **tls}
        for hosts in map(int, sys.argv[1:] or ("50", "200", "1000")):
            for forks in FORKS:
                simulator.clear_log()
                ping = parse_retry_after(PING, {}, hosts, forks, Path(folder))
                keep = parse_retry_after(DEVICE, arguments, hosts, forks, Path(folder))
                if simulator.methods != ["GET"] * hosts:
                    sys.exit(f"{len(simulator.methods)} requests came, and there should be one GET for each host.")
                row = f"{hosts:6} {forks:6} {ping:9.1f}s {keep:9.1f}s {keep / ping:12.2f} {1000 * keep / hosts:10.0f}"
                print(f"{row} {len(simulator.methods):9}", flush=True)


if __name__ == "__main__":
    main()
