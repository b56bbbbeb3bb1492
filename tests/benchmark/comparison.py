# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what a task costs with what a user would pick instead, in one run on one machine.

The simulator runs in a process of its own, so that what is measured is the client's. Nothing is compared that did not
do the same: each row ends the program unless the simulator has seen exactly the requests that it should.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmark.guide import GUIDE, machine, table, write_comparison
from benchmark.measuring import (
    FIELDS,
    HEADER,
    PARALLEL,
    URI,
    Row,
    Service,
    account_of,
    ansible_playbook,
    measure,
    module_process,
)
from simulator import DEVICE_PATH

DEVICE, DEVICES = "edgeops.digicert.digicert_iot_device", "edgeops.digicert.digicert_iot_devices"
PLOT = GUIDE.with_name("benchmark.svg")


def uri_options(service: Service, device_id: str, certificate: str, key: str) -> dict[str, t.Any]:
    """Return the options with which ansible.builtin.uri reads a record."""
    url = f"{service.url}{DEVICE_PATH}{device_id}"
    return {"url": url, "client_cert": certificate, "client_key": key, "ca_path": service.ca, "return_content": True}


def compare_one(service: Service, folder: Path, times: int) -> list[Row]:
    """Measure one unchanged device, each way several times in turn, and return the medians."""
    device_id, certificate, key = service.sensors[0]
    tls = {"client_cert": certificate, "client_key": key, "ca_path": service.ca}
    uri = uri_options(service, device_id, certificate, key)
    values = "read.json.fields | items2dict(key_name='name')"
    ways = {
        DEVICE: [{DEVICE: {"device_id": device_id, "api_url": service.url, "fields": FIELDS, **tls}}],
        f"{URI}, one GET": [{URI: uri}],
        f"{URI}, read, compare, write": [
            {URI: uri, "register": "read"},
            {"ansible.builtin.set_fact": {"differs": f"{{{{ ({values})['Site'] != 'Rotterdam' }}}}"}},
            {URI: {**uri, "method": "PUT"}, "when": "differs"},
        ],
    }
    rows: dict[str, list[Row]] = collections.defaultdict(list)
    for _time in range(times):
        for way, tasks in ways.items():
            rows[way].append(measure(way, service.reads(1), ansible_playbook(folder, *tasks), service))
    return [
        same[0]._replace(
            **{name: statistics.median(getattr(row, name) for row in same) for name in ("cpu", "wall", "memory")}
        )
        for same in rows.values()
    ]


def arguments_of(service: Service, count: int) -> dict[str, t.Any]:
    """Return the options of a task for so many devices."""
    devices = [
        {"device_id": device_id, "client_cert": certificate, "client_key": key}
        for device_id, certificate, key in service.sensors[:count]
    ]
    return {
        "devices": devices,
        "api_url": service.url,
        "ca_path": service.ca,
        "fields": FIELDS,
        "max_parallel": PARALLEL,
    }


def module_process_of(service: Service, folder: Path, count: int) -> list[t.Any]:
    """Return the command that runs on a managed host for so many devices."""
    return module_process(DEVICES, arguments_of(service, count), folder)


def compare_many(service: Service, folder: Path, count: int, loop: int) -> dict[str, Row]:
    """Measure many unchanged devices in each way."""
    sensors = service.sensors[:count]
    arguments = arguments_of(service, count)
    urls = [f"{service.url}{DEVICE_PATH}{device_id}" for device_id, _certificate, _key in sensors]
    configuration = folder / "curl.conf"
    configuration.write_text(
        "next\n".join(
            f'url = "{url}"\ncert = "{certificate}"\nkey = "{key}"\ncacert = "{service.ca}"\n'
            'output = "/dev/null"\nsilent\nfail\n'
            for url, (_device_id, certificate, key) in zip(urls, sensors, strict=True)
        )
    )
    arguments_file = folder / "xargs"
    arguments_file.write_text(
        "".join(
            f"--cert {certificate} --key {key} {url}\n"
            for url, (_id, certificate, key) in zip(urls, sensors, strict=True)
        )
    )
    curl = ["curl", "--silent", "--fail", "--output", "/dev/null", "--cacert", service.ca]
    xargs = ["xargs", "--arg-file", arguments_file, "--max-lines=1", "--max-procs", str(PARALLEL), *curl]
    options = [uri_options(service, *sensor) for sensor in sensors[:loop]]
    looped = ansible_playbook(folder, {URI: "{{ item }}", "loop": options})
    process = module_process_of(service, folder, count)
    work = service.reads(count)
    rows = {}
    rows["curl"] = measure(
        "one curl --parallel",
        work,
        ["curl", "--parallel", "--parallel-max", str(PARALLEL), "--config", configuration],
        service,
    )
    rows["module"] = measure("digicert_iot_devices, its process", work, process, service)
    rows["one core"] = measure(
        "digicert_iot_devices, its process on one core",
        work,
        process,
        service,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )
    rows["xargs"] = measure("xargs with a curl for each", work, xargs, service)
    rows["loop"] = measure(f"loop of {URI}, on {loop}", service.reads(loop), looped, service)
    rows["task"] = measure(
        "digicert_iot_devices, all of ansible-playbook", work, ansible_playbook(folder, {DEVICES: arguments}), service
    )
    return rows


def grow(service: Service, folder: Path, sizes: list[int]) -> list[tuple[Row, int, int]]:
    """Measure the module's process with more and more devices, and the bytes of its arguments and results."""
    found = []
    for size in sizes:
        process = module_process_of(service, folder, size)
        results = folder / "results.json"
        with results.open("w") as output:
            row = measure("digicert_iot_devices, its process", service.reads(size), process, service, output=output)
        found.append((row, len(json.dumps(arguments_of(service, size))), results.stat().st_size))
    return found


def write_guide(one: list[Row], many: dict[str, Row], growth: list[tuple[Row, int, int]]) -> None:
    """Write the tables, and what they say, into the guide."""
    device, get, play = one
    module, curl, task, loop = (many[way] for way in ("module", "curl", "task", "loop"))
    first, last = growth[-2:]
    # Of what it grows by, Ansible holds the arguments and the results more than once.
    extra = (last[0].memory - first[0].memory) / (last[0].devices - first[0].devices)
    text = sum(last[1:]) / last[0].devices
    text = GUIDE_TEXT.format(
        machine=machine(
            "EC P-256 certificates, one for each device. No record differs, so each device requires one TLS handshake "
            f"and one GET. {PARALLEL} devices in parallel"
        ),
        one=table(
            ["One unchanged device", "processor time, s", "time, s", "time / module"],
            [[row.way, f"{row.cpu:.2f}", f"{row.wall:.2f}", f"{row.wall / device.wall:.2f}"] for row in one],
        ),
        many=table(
            [
                "Unchanged devices",
                "devices",
                "processor time per device, ms",
                "devices per second",
                "memory, MiB",
                "processor time / curl",
            ],
            [
                [
                    row.way,
                    f"{row.devices:,}",
                    f"{row.cpu_each:.2f}",
                    f"{row.rate:.1f}",
                    f"{row.memory / 2**20:.0f}",
                    f"{row.cpu_each / curl.cpu_each:.2f}",
                ]
                for row in many.values()
            ],
        ),
        growth=table(
            ["Devices", "processor time, s", "time, s", "processor time per device, ms", "memory, MiB"],
            [
                [
                    f"{row.devices:,}",
                    f"{row.cpu:.2f}",
                    f"{row.wall:.2f}",
                    f"{row.cpu_each:.2f}",
                    f"{row.memory / 2**20:.0f}",
                ]
                for row, _arguments, _results in growth
            ],
        ),
        uri=f"{get.wall / device.wall:.2f}",
        play=f"{play.wall / device.wall:.2f}",
        curl=f"{module.cpu_each / curl.cpu_each:.2f}",
        loop=f"{module.rate / loop.rate:.0f}",
        task_loop=f"{task.rate / loop.rate:.0f}",
        core=f"{many['one core'].wall / module.wall:.2f}",
        linear=f"{last[0].wall / first[0].wall:.1f}",
        more=f"{last[0].devices / first[0].devices:.0f}",
        extra=f"{extra / 1024:.1f}",
        text=f"{text / 1024:.1f}",
    )
    write_comparison(GUIDE_HEAD + text)


def draw(many: dict[str, Row], growth: list[tuple[Row, int, int]]) -> None:
    """Draw the two pictures of the guide."""
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9})
    figure, (bars, line) = pyplot.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    rows = sorted(many.values(), key=lambda row: -row.cpu_each)
    drawn = bars.barh([row.way for row in rows], [row.cpu_each for row in rows], color="#3b6ea5")
    bars.bar_label(drawn, fmt="%.1f", padding=3)
    bars.set(xscale="log", xlabel="milliseconds of processor time per device", xlim=(1, rows[0].cpu_each * 3))
    sizes, walls = [row.devices for row, *_rest in growth], [row.wall for row, *_rest in growth]
    line.plot(sizes, walls, "o-", color="#3b6ea5", label="digicert_iot_devices")
    line.plot(sizes, [walls[-1] * size / sizes[-1] for size in sizes], "--", color="#888888", label="in proportion")
    line.set(xscale="log", yscale="log", xlabel="devices", ylabel="seconds")
    line.legend()
    figure.savefig(PLOT, metadata={"Date": None})


GUIDE_HEAD = """..
  Copyright (c) 2026, edgeops.digicert contributors
  GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

"""
GUIDE_TEXT = """.. _ansible_collections.edgeops.digicert.docsite.guide_benchmark:

Performance
===========

This guide shows the resources that a task uses, in comparison with ``curl`` and ``ansible.builtin.uri``, and how they
depend on the number of devices. To measure them on your machine, run ``make bench``, which also writes this page,
except for its last section.

The following values are from one run:

{machine}

Manage one device
-----------------

{one}
A single GET by ``ansible.builtin.uri`` takes {uri} times as long as the module, and a play that reads, compares and
can write {play} times as long. Each is the median of several runs of ``ansible-playbook``.

Manage many devices
-------------------

{many}
.. image:: benchmark.svg
   :alt: Left: milliseconds of processor time for each device and method. Right: seconds for 10 to 10,000 devices, which
         increase in proportion.

- The module's process takes {curl} times as much processor time as one ``curl --parallel``, which is written in C,
  compares no records and returns no result.
- It processes {loop} times as many devices per second as a loop of ``ansible.builtin.uri``. Including all other work of
  ``ansible-playbook``, the factor is {task_loop}.
- On one core the same task takes {core} times as long.

Increase the number of devices
------------------------------

{growth}
{more} times as many devices take {linear} times as long. Each additional device requires {extra} KiB of memory.
Its arguments and its result have {text} KiB of text.

Use of threads
--------------

A profile shows that OpenSSL uses more than half of the processor time of a device, for the handshake and for loading
the key and the certificates. OpenSSL releases the lock of the Python interpreter during that time, so threads use a
second processor if there is one. All threads share one process, so Python starts once. Each thread loads the trust
store once, and then reuses its TLS context with the certificate of the next device. Several processes start Python
and load the trust store several times. An event loop performs the handshakes one after the other, and requires
another HTTP client.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=1000, help="how many devices are compared")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000, 10000], help="how many it grows over")
    parser.add_argument("--loop", type=int, default=50, help="how many of them the loop of uri reads")
    parser.add_argument("--times", type=int, default=5, help="how often one device is measured")
    parser.add_argument("--write", action="store_true", help="write the guide and its picture")
    arguments = parser.parse_args()
    with account_of(max(arguments.devices, *arguments.sizes)) as (service, folder):
        print(HEADER)
        one = compare_one(service, folder, arguments.times)
        many = compare_many(service, folder, arguments.devices, arguments.loop)
        growth = grow(service, folder, arguments.sizes)
    for row in many.values():
        print(f"{row.way:52} CPU / curl {row.cpu_each / many['curl'].cpu_each:8.2f}")
    if arguments.write:
        write_guide(one, many, growth)
        draw(many, growth)


if __name__ == "__main__":
    main()
