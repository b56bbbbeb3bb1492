# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An enrollment is killed at a system call: no key of a request is lost, and the next run finishes it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import typing as t
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import key_matches
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import PRIVATE_KEY, blocks_of
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import read_key, same_key
from faults.killing import Host, chosen, need_strace
from simulator import ENROLLMENT_PROFILE_ID, PASSCODE, Simulator

CALLS = {
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "symlink", "symlinkat", "mkdir", "mkdirat"),
    *("fsync", "write", "sendto", "chmod", "fchmodat", "setxattr", "exit_group", "openat"),
    *("fallocate", "fchmod", "fchown", "ftruncate", "flock"),
}
NAME = "gate-7.rotterdam"
# How the files lie, and what is there: nothing, a pair that has expired, or files that are no pair. With EST, the
# request has another API.
LAYOUTS = {
    "two files, nothing": ("device.pem", "device.key", "nothing"),
    "one file, nothing": ("both.pem", None, "nothing"),
    "two files, expired": ("device.pem", "device.key", "expired"),
    "one file, expired": ("both.pem", None, "expired"),
    "linked directory, expired": ("current/device.pem", "current/device.key", "expired"),
    "two files, no pair": ("device.pem", "device.key", "no pair"),
    "EST, two files, nothing": ("device.pem", "device.key", "nothing"),
    "EST, one file, expired": ("both.pem", None, "expired"),
}


class Device(Host):
    """A host that has no certificate, or none that is valid."""

    ca_certificates: Path

    def __init__(self, simulator: Simulator, folder: Path, layout: str) -> None:
        self.certificate, self.key, self.there = LAYOUTS[layout]
        self.simulator = simulator
        self.is_est = layout.startswith("EST")
        profile = simulator.records.profiles["Gateway"]
        self.device = simulator.records.register(NAME, {"Serial number": "40071"}, profile="Gateway")
        arguments = {
            "device_id": self.device.id,
            "api_url": simulator.operator_url,
            "device_api_url": simulator.url,
            "client_cert": str(folder / "host/pki" / self.certificate),
            "client_key": None if self.key is None else str(folder / "host/pki" / self.key),
            "ca_path": str(simulator.certificates.ca),
            "enrollment_profile_id": ENROLLMENT_PROFILE_ID,
            "device_identifier": NAME,
            "device_attributes": [{"id": profile.field_id("Serial number"), "value": "40071"}],
            "passcode": PASSCODE,
            "retries": 0,
            "force": self.there == "no pair",
        }
        if self.is_est:
            for option in ("enrollment_profile_id", "device_attributes", "api_url"):
                del arguments[option]
            self.ca_certificates = folder / "host/pki/ca.pem"
            arguments.update(est_url=simulator.est_operator_url, ca_certs_path=str(self.ca_certificates))
        super().__init__(folder, "digicert_iot_device_enrollment", arguments)

    def clear(self) -> None:
        """Lay what is there at first."""
        super().clear()
        real = self.folder / "pki/device-1"
        real.mkdir(parents=True)
        (self.folder / "pki/current").symlink_to("device-1")
        expired = self.simulator.certificates["expired"]
        for place in (self.folder / "pki", real) if self.there != "nothing" else ():
            for name, source in (("device.pem", expired.pem), ("device.key", expired.key), ("both.pem", expired.both)):
                shutil.copy(source, place / name)
                (place / name).chmod(0o600)
            if self.there == "no pair":
                (place / "device.key").write_text("no PEM\n")
        (real / "both.pem").unlink(missing_ok=True)

    @property
    def requests(self) -> list[x509.CertificateSigningRequest]:
        """The CSRs that the service has received."""
        bodies = [request.body for request in self.simulator.requests if request.method == "POST"]
        if self.is_est:
            return [x509.load_der_x509_csr(base64.b64decode(body)) for body in bodies]
        return [x509.load_pem_x509_csr(json.loads(body)["csr"].encode()) for body in bodies]

    @property
    def keys(self) -> list[t.Any]:
        """All private keys on the disk."""
        files = [path.read_bytes() for path in self.left() if path.is_file() and not path.is_symlink()]
        found = []
        for block in (block for content in files for block in blocks_of(content, PRIVATE_KEY)):
            try:
                found.append(read_key(block + b"\n", None))
            except ValueError:
                continue
        return found

    @property
    def temporary(self) -> list[Path]:
        """The temporary files that are left. A directory that a link leads to no longer stays as it was."""
        suffixes = (".unfinished", ".next", ".part", ".lock")
        replaced = {self.folder / "pki/device-1"} - {(self.folder / "pki/current").resolve()}
        return [path for path in self.left() if path.name.endswith(suffixes) and path.parent not in replaced]

    @property
    def is_enrolled(self) -> bool:
        """Say whether there is a pair with the key of the last request."""
        certificate = self.folder / "pki" / self.certificate
        key = self.folder / "pki" / (self.key or self.certificate)
        if not self.requests or not certificate.exists() or not key_matches(str(certificate), str(key), None):
            return False
        return same_key(x509.load_pem_x509_certificate(certificate.read_bytes()), self.requests[-1])

    def enroll(self) -> dict[str, t.Any]:
        """Run the module, which must succeed, and return its result."""
        ran = self.run()
        assert ran.returncode == 0, ran
        return json.loads(ran.stdout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_kill(simulator, tmp_path, record_property, layout):
    need_strace()
    device = Device(simulator, tmp_path, layout)
    assert device.enroll()["changed"] is True  # so that all that Python compiles is compiled
    simulator.clear_log()
    device.clear()
    ca_certificates = simulator.est.ca_certificates
    points = chosen(device.points(), CALLS)
    if os.environ.get("KILL_POINTS") != "all":
        # What changes a file or sends, and a part of the others, as each point takes three runs of a module.
        others = [point for point in points if not point.call.startswith(("rename", "unlink", "sendto", "fsync"))]
        points = [point for point in points if point in others[::20] or point not in others]
        # The steps with files are those of the other layouts.
        points = points[::-6] if device.is_est else points

    seen = set()
    for point in points:
        simulator.clear_log()
        simulator.est.issued.clear()
        device.clear()
        if device.kill(point) is None:
            record_property("kill", "not killed: this run had no such call")
            continue
        asked = device.requests
        assert len(asked) <= 1, point
        for path in (path for path in device.left() if path.is_file() and b"PRIVATE KEY" in path.read_bytes()):
            assert path.stat().st_mode & 0o077 == 0, (point, path)
        # The key of a certificate that was issued is there.
        assert all(any(same_key(key, request) for key in device.keys) for request in asked), point
        was_enrolled = device.is_enrolled
        state = "enrolled" if was_enrolled else "requested" if asked else "nothing requested"
        seen.add(state)

        again = device.enroll()
        assert again["changed"] or was_enrolled, point
        assert device.is_enrolled, point
        assert len(device.requests) in (1, 2), point
        assert all(same_key(request, device.requests[0]) for request in device.requests), point
        assert device.temporary == [], point
        if device.is_est:
            # The same request is repeated, and only if the host has no certificate of it.
            assert all(request == device.requests[0] for request in device.requests), point
            assert len(simulator.est.issued) == len(device.requests), point
            assert x509.load_pem_x509_certificates(device.ca_certificates.read_bytes()) == ca_certificates, point
        assert device.enroll()["changed"] is False, point
        record_property("kill", f"enrollment, {layout}: {state}, {len(device.requests)} requests")
    assert seen == {"enrolled", "requested", "nothing requested"}
