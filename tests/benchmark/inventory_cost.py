# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times the inventory of an account, against a client that only fetches the same pages.

Both are processes of their own that the simulator serves; each number is the median of five, taken in turns. What
`ansible-inventory` takes in all is shown beside it. Arguments: numbers of devices.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulator import API_KEY, LIST_PATH, Simulator

RUNS = 5
PAGE = 100
# Both print how many seconds they took, and how many MiB of memory they had at the most, before and after.
PROLOGUE = """
import json, sys, time
def memory():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) / 1024
"""
FETCH = (
    PROLOGUE
    + """
import requests
url, key, ca, devices, page = sys.argv[1:]
session = requests.Session()
session.trust_env, session.verify, session.headers["x-api-key"] = False, ca, key
began, before = time.monotonic(), memory()
for offset in range(0, int(devices), int(page)):
    session.get(url, params={"limit": page, "offset": offset}).raise_for_status()
print(json.dumps([time.monotonic() - began, memory() - before]))
"""
)
PARSE = (
    PROLOGUE
    + """
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, inventory_loader
init_plugin_loader()
plugin, inventory = inventory_loader.get("edgeops.digicert.digicert_iot"), InventoryData()
began, before = time.monotonic(), memory()
plugin.parse(inventory, DataLoader(), sys.argv[1])
assert len(inventory.hosts) == int(sys.argv[2]), len(inventory.hosts)
print(json.dumps([time.monotonic() - began, memory() - before]))
"""
)


def measure(program: str, *arguments: object) -> tuple[float, float]:
    """Run a program and return the seconds and the MiB that it took."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    seconds, memory = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return seconds, memory


def main() -> None:
    print(
        f"{'devices':>8} {'pages s':>8} {'plugin s':>9} {'ratio':>6} {'KiB a device':>13} {'ansible-inventory s':>20}"
    )
    with tempfile.TemporaryDirectory() as folder, Simulator(Path(folder)) as simulator:
        source = Path(folder) / "fleet.digicert_iot.yml"
        ca = str(simulator.certificates.ca)
        options = {"api_url": simulator.operator_url, "api_key": API_KEY, "ca_path": ca, "page_size": PAGE}
        source.write_text(json.dumps({"plugin": "edgeops.digicert.digicert_iot", **options}))
        for count in map(int, sys.argv[1:] or ("1000", "10000")):
            simulator.reset()
            model = simulator.records["access-point"]
            for device in simulator.records.devices:
                simulator.records.remove(device)
            for number in range(count):
                names = {"name": f"device-{number}", "device_identifier": f"device-{number}.harbour"}
                simulator.records.add(dataclasses.replace(model, **names, values=dict(model.values)))
            pages, plugin = [], []
            for _run in range(RUNS):
                pages.append(measure(FETCH, simulator.operator_url + LIST_PATH, API_KEY, ca, count, PAGE)[0])
                plugin.append(measure(PARSE, source, count))
            began = time.monotonic()
            inventory = [Path(sys.executable).with_name("ansible-inventory"), "--inventory", source, "--graph"]
            subprocess.run(inventory, env=dict(os.environ), check=True, stdout=subprocess.DEVNULL)
            whole = time.monotonic() - began
            fetched, parsed = statistics.median(pages), statistics.median(seconds for seconds, _memory in plugin)
            memory = statistics.median(memory for _seconds, memory in plugin) * 1024 / count
            print(
                f"{count:8} {fetched:8.2f} {parsed:9.2f} {parsed / fetched:6.2f} {memory:13.1f} {whole:20.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
