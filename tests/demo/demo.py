# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a playbook over mutual TLS against the simulator, and show the requests of each run.

The parameters of the connection are the environment variables that the simulator exports. If a step has another result
than its heading says, the demo ends with exit code 1.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
COLLECTIONS = os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(HERE.parent.parent / ".venv/collections"))
NAMED = ("Firmware", "Site", "Contact")


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


@contextlib.contextmanager
def simulator(folder: Path) -> t.Iterator[dict[str, str]]:
    """Run the simulator, and yield what it exports, which is not shown because the simulator ends with the demo."""
    exports = folder / "exports"
    command = [sys.executable, HERE.parent / "simulator", "--directory", folder, "--log", folder / "log"]
    # In its own session, the simulator does not receive Ctrl-C, and this program stops it at the end.
    with subprocess.Popen(
        [*command, "--exports", exports], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            print(process.stdout.readline(), end="", flush=True)
            # The simulator writes the file before its first line.
            lines = [shlex.split(line)[1] for line in exports.read_text().splitlines()]
            yield dict(line.split("=", 1) for line in lines)
        finally:
            process.send_signal(signal.SIGTERM)


class Demo:
    """The steps, and the events in the simulator's log after each step."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.log = folder / "log"
        self.variables = variables
        self.seen = 0

    def play(self, *options: str) -> str:
        """Run the playbook and return its recap."""
        color = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
        quiet = {"ANSIBLE_DISPLAY_OK_HOSTS": "1", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_TRANSPORT": "local"}
        python = {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS}
        command = [BIN / "ansible-playbook", "--inventory", "localhost,", *options, HERE / "playbook.yml"]
        print("$ ansible-playbook", *options, "playbook.yml", flush=True)
        environment = {**os.environ, **self.variables, **quiet, **python, **color}
        output = ""
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                print(line, end="", flush=True)
                output += line
        return output

    def new_events(self) -> list[dict[str, t.Any]]:
        """Return the events that the simulator logged since the last call."""
        events = [json.loads(line) for line in self.log.read_text().splitlines()]
        new, self.seen = events[self.seen :], len(events)
        return new

    def seen_methods(self) -> list[str]:
        """Return the methods of the requests that reached the simulator since the last call, and print them."""
        new = self.new_events()
        methods = [event["method"] for event in new if event["event"] == "request"]
        handshakes = sum(event["event"] == "handshake" for event in new)
        print(f"The simulator received {' and '.join(methods)} in {handshakes} TLS handshake.", flush=True)
        return methods

    def values(self) -> dict[str, str]:
        """Return the current values of the record in the simulator, by field name."""
        names = ("CA_PATH", "CLIENT_CERT", "CLIENT_KEY", "API_URL", "DEVICE_ID")
        ca, certificate, key, url, device = (self.variables[f"DIGICERT_IOT_{name}"] for name in names)
        path = f"{url}/iot/api/v2/device/{device}"
        record = requests.get(path, cert=(certificate, key), verify=ca, timeout=10).json()
        self.new_events()  # Discard the events of this request, which is not a step of the demo.
        return {field["name"]: field["value"] for field in record["fields"] if field["value"]}


def expect(truth: bool) -> None:
    """End the demo if a step has an unexpected result."""
    if not truth:
        sys.exit("The step has an unexpected result.")


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="demo-") as temporary:
        folder = Path(temporary)
        say("Starting the simulator of DigiCert IoT Device Manager on this machine.")
        with simulator(folder) as variables:
            expect(len(variables) == 7)
            demo = Demo(folder, variables)
            before = demo.values()
            say("1. Preview the changes: --check --diff sends no update.")
            expect("changed=1" in demo.play("--check", "--diff"))
            expect(demo.seen_methods() == ["GET"])
            say("2. Apply the changes: one read and one update.")
            expect("changed=1" in demo.play())
            expect(demo.seen_methods() == ["GET", "PUT"])
            say("3. Run again: the record has the desired fields, so no update is sent.")
            expect("changed=0" in demo.play())
            expect(demo.seen_methods() == ["GET"])
            say("The current record:")
            after = demo.values()
            for name in before | after:
                note = "listed in the playbook" if name in NAMED else "not listed in the playbook, unchanged"
                print(f"  {name:14} {after.get(name, '(removed)'):42} {note}")
            expect({name: after.get(name) for name in before if name not in NAMED}.items() <= before.items())
            say("A PUT with only the three fields deletes all other fields. The module sends them unchanged.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
