# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator's command line."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
import tempfile
from pathlib import Path

# So that `python tests/simulator` works from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simulator import API_KEY, ENROLLMENT_PROFILE_ID, PASSCODE, Simulator
from simulator.records import VALUELESS

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python tests/simulator",
        description="Simulate DigiCert IoT Device Manager on this machine only, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, help="for devices; 0, the default, takes a free one")
    parser.add_argument("--operator-port", type=int, default=0, help="for operators; 0, the default, takes a free one")
    parser.add_argument(
        "--directory",
        type=Path,
        help="where certificates and keys go; if not given, a temporary one, removed at the end",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append a line of JSON for all that happens")
    parser.add_argument(
        "--valueless", choices=VALUELESS, default="absent", help="how records list a field that has no value"
    )
    return parser.parse_args()


def describe(simulator: Simulator) -> str:
    """Return what a person needs to know to use the simulator."""
    certificates = simulator.certificates
    first = simulator.records.devices[0]
    environment = {
        "DIGICERT_IOT_API_URL": simulator.url,
        "DIGICERT_IOT_DEVICE_ID": first.id,
        "DIGICERT_IOT_CLIENT_CERT": certificates[first.name].pem,
        "DIGICERT_IOT_CLIENT_KEY": certificates[first.name].key,
        "DIGICERT_IOT_CA_PATH": certificates.ca,
    }
    operator = {
        "DIGICERT_IOT_OPERATOR_API_URL": simulator.operator_url,
        "DIGICERT_IOT_API_KEY": API_KEY,
        "DIGICERT_IOT_CA_PATH": certificates.ca,
    }
    width = max(len(device.name) for device in simulator.records.devices)
    return "\n".join(
        [
            f"The simulator is at {simulator.url}",
            "",
            f"Certificates and keys, NAME.pem and NAME.key, lie in {certificates.folder}. Devices:",
            *(f"  {device.name:{width}}  {device.id}" for device in simulator.records.devices),
            "",
            f"To act as {first.name}:",
            *(f"  export {name}={shlex.quote(str(value))}" for name, value in environment.items()),
            "",
            "To act as the operator:",
            *(f"  export {name}={shlex.quote(str(value))}" for name, value in operator.items()),
            "",
            f"To enroll a device: profile {ENROLLMENT_PROFILE_ID}, passcode {PASSCODE}, or birth.pem with birth.key.",
            f"To enroll it over EST with the passcode: {simulator.est_operator_url}",
            f"With birth.pem, and to renew its certificate: {simulator.est_url}",
            "Stop it with Ctrl-C.",
        ]
    )


def main() -> None:
    """Run the simulator until it is told to stop."""
    arguments = parse_arguments()
    # From here on these signals wait until sigwait fetches them, so that none can come in between.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    with contextlib.ExitStack() as stack:
        if arguments.directory is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simulator-")))
        else:
            folder = arguments.directory.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        log_file = stack.enter_context(arguments.log.open("a")) if arguments.log else None
        simulator = stack.enter_context(
            Simulator(folder, arguments.port, arguments.valueless, log_file, arguments.operator_port)
        )
        print(describe(simulator), flush=True)
        signal.sigwait(STOP_SIGNALS)


if __name__ == "__main__":
    main()
