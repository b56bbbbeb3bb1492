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
from simulator.records import DIVISIONS, VALUELESS, division_id

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
    parser.add_argument(
        "--exports", type=Path, metavar="FILE", help="write what to export into a file that a shell can source"
    )
    parser.add_argument(
        "--empty", action="store_true", help="begin with an account that has its profiles, but no device"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append a line of JSON for all that happens")
    parser.add_argument(
        "--valueless", choices=VALUELESS, default="absent", help="how records list a field that has no value"
    )
    return parser.parse_args()


def exports_of(simulator: Simulator) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables that let a task act as the first device, if there is one, and as the operator."""
    certificates = simulator.certificates
    first = next(iter(simulator.records.devices), None)
    device = first and {
        "DIGICERT_IOT_API_URL": simulator.url,
        "DIGICERT_IOT_DEVICE_ID": first.id,
        "DIGICERT_IOT_CLIENT_CERT": str(certificates[first.name].pem),
        "DIGICERT_IOT_CLIENT_KEY": str(certificates[first.name].key),
        "DIGICERT_IOT_CA_PATH": str(certificates.ca),
    }
    operator = {
        "DIGICERT_IOT_OPERATOR_API_URL": simulator.operator_url,
        "DIGICERT_IOT_API_KEY": API_KEY,
        "DIGICERT_IOT_CA_PATH": str(certificates.ca),
    }
    return device or {"DIGICERT_IOT_API_URL": simulator.url}, operator


def export_lines(variables: dict[str, str]) -> list[str]:
    """Return the lines of a shell that export variables."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def describe(simulator: Simulator) -> str:
    """Return what a person needs to know to use the simulator."""
    devices = simulator.records.devices
    device, operator = exports_of(simulator)
    width = max((len(device.name) for device in devices), default=0)
    certificates = f"Certificates and keys, NAME.pem and NAME.key, lie in {simulator.certificates.folder}."
    listed = [f"{certificates} Devices:", *(f"  {device.name:{width}}  {device.id}" for device in devices)]
    return "\n".join(
        [
            f"The simulator is at {simulator.url}",
            "",
            *(listed if devices else [certificates, "", *describe_account(simulator)]),
            "",
            f"To act as {devices[0].name}:" if devices else "To act as a device:",
            *(f"  {line}" for line in export_lines(device)),
            "",
            "To act as the operator:",
            *(f"  {line}" for line in export_lines(operator)),
            "",
            f"To enroll a device: profile {ENROLLMENT_PROFILE_ID}, passcode {PASSCODE}, or birth.pem with birth.key.",
            f"To enroll it over EST with the passcode: {simulator.est_operator_url}",
            f"With birth.pem, and to renew its certificate: {simulator.est_url}",
            "A device that an operator creates gets a certificate and a key here, with its name.",
            "Stop it with Ctrl-C.",
        ]
    )


def describe_account(simulator: Simulator) -> list[str]:
    """Return the IDs that the console shows an operator before there is a device."""
    profile = simulator.enrollment["gateways"].device_profile
    names = {
        f"Division {DIVISIONS[0]}": division_id(DIVISIONS[0]),
        f"Device profile {profile.name}": profile.id,
        "Enrollment profile gateways": ENROLLMENT_PROFILE_ID,
        **{f"Field {field.name}{' (mandatory)' * field.mandatory}": field.id for field in profile.fields},
    }
    width = max(map(len, names))
    return ["There is no device yet. IDs:", *(f"  {name:{width}}  {value}" for name, value in names.items())]


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
        simulator = Simulator(folder, arguments.port, arguments.valueless, log_file, arguments.operator_port)
        simulator.certifies_new_devices = True
        if arguments.empty:
            simulator.records.clear()
        try:
            stack.enter_context(simulator)
        except OSError as error:
            sys.exit(f"The simulator cannot listen: {error}")
        if arguments.exports:
            device, operator = exports_of(simulator)
            arguments.exports.parent.mkdir(parents=True, exist_ok=True)
            arguments.exports.write_text("\n".join([*export_lines({**device, **operator}), ""]))
        print(describe(simulator), flush=True)
        signal.sigwait(STOP_SIGNALS)


if __name__ == "__main__":
    main()
