# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the cost of unchanged registrations in one task, and the cost of other clients that read the same records.

Each row is the run with the lowest processor time, because other programs can use the machine at the same time. The
program ends if a client did not send exactly the expected requests.
"""

from __future__ import annotations

import argparse
import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmark.guide import machine, table, write_registrations
from benchmark.measuring import (
    FIELDS,
    HEADER,
    PARALLEL,
    URI,
    Row,
    Service,
    Work,
    account_of,
    ansible_playbook,
    measure,
    module_process,
)
from simulator import API_KEY, DEVICE_PATH, LIST_PATH

REGISTRATIONS = "edgeops.digicert.digicert_iot_registrations"
GET, LIST, CURL = "digicert_iot_registrations, one GET each", "digicert_iot_registrations, list", "one curl --parallel"
TASK, LOOP = "digicert_iot_registrations, all of ansible-playbook", f"loop of {URI}"
# The simulator lists these devices in addition to the sensors.
OTHERS = 6
PAGE = 100
# Connections are kept open. The list and each set of connection options have connections of their own.
KEPT = range(1, PARALLEL + 2)

Rows = dict[tuple[str, int], Row]


class Client(t.NamedTuple):
    """A command, its name in the table and its work."""

    way: str
    work: Work
    command: list[t.Any]


def arguments_of(service: Service, *, listed: bool) -> dict[str, t.Any]:
    """Return the options of a task for all sensors. The module reads the list if it is `listed`."""
    entries: list[dict[str, t.Any]] = [{"device_id": each[0], "fields": FIELDS} for each in service.sensors]
    if not listed:
        # The module reads the list only if all entries have the same connection options.
        entries[0]["timeout"] = 31
    return {
        "registrations": entries,
        "api_url": service.operator_url,
        "api_key": API_KEY,
        "ca_path": service.ca,
        "max_parallel": PARALLEL,
    }


def pages(service: Service) -> Work:
    """Return the work of reading the list, whose pages overlap by one device."""
    count = len(service.sensors)
    offsets = range(0, count + OTHERS - 1, PAGE - 1)
    return Work.of_gets(count, (f"{LIST_PATH}?limit={PAGE}&offset={offset}" for offset in offsets), KEPT)


def clients_of(service: Service, folder: Path) -> list[Client]:
    """Return the clients that process all sensors of the service."""
    configuration = folder / "curl.conf"
    configuration.write_text(
        f'silent\nfail\ncacert = "{service.ca}"\nheader = "x-api-key: {API_KEY}"\n'
        + "".join(
            f'url = "{service.operator_url}{DEVICE_PATH}{device_id}"\noutput = "/dev/null"\n'
            for device_id, *_pair in service.sensors
        )
    )
    curl = ["curl", "--parallel", "--parallel-max", str(PARALLEL), "--config", configuration]
    work = service.reads(len(service.sensors), KEPT)
    clients = [Client(CURL, work, curl)]
    for way, one_work, listed in ((GET, work, False), (LIST, pages(service), True)):
        own = folder / ("list" if listed else "gets")
        own.mkdir()
        clients.append(Client(way, one_work, module_process(REGISTRATIONS, arguments_of(service, listed=listed), own)))
    return clients


def clients_with_ansible(service: Service, folder: Path, loop: int) -> list[Client]:
    """Return the clients whose cost includes all of ansible-playbook: the module, and a loop for `loop` sensors."""
    options = {"headers": {"x-api-key": API_KEY}, "ca_path": service.ca, "return_content": True}
    urls = [f"{service.operator_url}{DEVICE_PATH}{device_id}" for device_id, *_pair in service.sensors[:loop]]
    commands = {}
    for way, task in (
        (TASK, {REGISTRATIONS: arguments_of(service, listed=False)}),
        (LOOP, {URI: {"url": "{{ item }}", **options}, "loop": urls}),
    ):
        own = folder / f"play-{len(commands)}"
        own.mkdir()
        commands[way] = ansible_playbook(own, task)
    work = service.reads(len(urls))
    return [Client(TASK, service.reads(len(service.sensors), KEPT), commands[TASK]), Client(LOOP, work, commands[LOOP])]


def lowest_of(service: Service, clients: list[Client], times: int) -> Rows:
    """Measure each client several times in turn. Return the rows with the lowest processor time."""
    runs = [measure(*client, service) for _time in range(times) for client in clients]
    return {
        (client.way, client.work.devices): min(runs[number :: len(clients)], key=lambda row: row.cpu)
        for number, client in enumerate(clients)
    }


class Found(t.NamedTuple):
    """The rows of one run, for these numbers of registrations in ascending order."""

    rows: Rows
    sizes: list[int]

    def per_curl(self, row: Row) -> float:
        """Return the processor time of a device, divided by that of one curl for as many devices if there is one."""
        size = row.devices if row.devices in self.sizes else self.sizes[0]
        return row.cpu_each / self.rows[CURL, size].cpu_each

    def slope(self, way: str) -> float:
        """Return the processor time of each additional registration in milliseconds."""
        first, last = (self.rows[way, size] for size in (self.sizes[0], self.sizes[-1]))
        return (last.cpu - first.cpu) / (last.devices - first.devices) * 1000

    def start(self, way: str) -> float:
        """Return the processor time that does not depend on the number of registrations, in seconds."""
        first = self.rows[way, self.sizes[0]]
        return first.cpu - self.slope(way) * first.devices / 1000


def print_summary(found: Found) -> None:
    """Print the lowest values, and the cost of each additional registration."""
    loop = next(row for row in found.rows.values() if row.way == LOOP)
    print(f"\n{'lowest of all runs':52} {'devices':>7} {'ms of CPU':>9} {'/ curl':>8} {'loop /':>8}")
    for row in found.rows.values():
        ratios = f"{found.per_curl(row):8.2f} {loop.cpu_each / row.cpu_each:8.1f}"
        print(f"{row.way:52} {row.devices:7} {row.cpu_each:9.2f} {ratios}")
    for way in (CURL, GET, LIST) if len(found.sizes) > 1 else ():
        print(f"{way}: {found.slope(way):.2f} ms for each additional device, plus {found.start(way):.2f} s")


def write_guide(found: Found) -> None:
    """Write the part of the guide on registrations."""
    header = [
        "Unchanged registrations",
        "devices",
        "requests",
        "processor time per device, ms",
        "devices per second",
        "processor time / curl",
    ]
    rows = [
        [
            row.way,
            f"{row.devices:,}",
            f"{row.requests:,}",
            f"{row.cpu_each:.2f}",
            f"{row.rate:,.1f}",
            f"{found.per_curl(row):,.1f}",
        ]
        for row in found.rows.values()
    ]
    small, large = found.sizes[0], found.sizes[-1]
    loop, task = (next(row for row in found.rows.values() if row.way == way) for way in (LOOP, TASK))
    write_registrations(
        GUIDE_TEXT.format(
            machine=machine(f"one API key, {PARALLEL} requests in parallel. No record differs"),
            table=table(header, rows),
            get=f"{found.per_curl(found.rows[GET, large]):.1f}",
            list=f"{found.per_curl(found.rows[LIST, large]):.1f}",
            loop=f"{loop.cpu_each / task.cpu_each:.0f}",
            slope=f"{found.slope(GET):.2f}",
            list_slope=f"{found.slope(LIST):.2f}",
            start=f"{found.start(GET):.1f}",
            more=f"{large / small:.0f}",
            linear=f"{found.rows[GET, large].cpu / found.rows[GET, small].cpu:.1f}",
        )
    )


GUIDE_TEXT = """
The following values are from one run of ``make bench ONLY=registrations``, which also writes this section:

{machine}

{table}
- One GET for each registration takes {get} times as much processor time as one ``curl --parallel`` with the same
  requests, and the list {list} times as much. ``curl`` compares no records and returns no result.
- A loop of ``ansible.builtin.uri`` takes {loop} times as much processor time for each device as the task. Both include
  all other work of ``ansible-playbook``.
- The start of the module takes {start} s of processor time. Each additional registration takes {slope} ms with one GET,
  and {list_slope} ms with the list. {more} times as many registrations take {linear} times as much processor time.
- The module reads the list if all registrations have the same API key and connection options, and the list has at most
  ten devices for each registration. Here, another ``timeout`` of one registration prevents that for the rows with GET.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10000], help="the numbers of registrations")
    parser.add_argument("--loop", type=int, default=100, help="the number of devices that the loop of uri reads")
    parser.add_argument("--times", type=int, default=3, help="how often each client is measured, except the loop")
    parser.add_argument("--write", action="store_true", help="write the section of the guide on registrations")
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    rows: Rows = {}
    print(HEADER)
    for size in sizes:
        with account_of(size, certified=False) as (service, folder):
            rows.update(lowest_of(service, clients_of(service, folder), arguments.times))
            if size == sizes[0]:
                rows.update(lowest_of(service, clients_with_ansible(service, folder, arguments.loop), 1))
    found = Found(rows, sizes)
    print_summary(found)
    if arguments.write:
        write_guide(found)


if __name__ == "__main__":
    main()
