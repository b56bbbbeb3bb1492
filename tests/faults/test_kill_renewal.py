# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A renewal is killed at a system call: what is on the disk is a pair, or the next run of any module makes it one."""

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
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import STAGED_SUFFIX
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import read_key, same_key
from faults.killing import Host, chosen, need_strace
from simulator import Simulator

CALLS = {
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "symlink", "symlinkat", "mkdir", "mkdirat"),
    *("fsync", "write", "sendto", "chmod", "fchmodat", "setxattr", "exit_group"),
    *("fallocate", "fchmod", "fchown", "ftruncate", "flock"),
}
# How the files lie, and whether there is a new key. With EST, the request has another API.
LAYOUTS = {
    "two files, new key": ("device.pem", "device.key", True),
    "two files, key kept": ("device.pem", "device.key", False),
    "one file, new key": ("both.pem", None, True),
    "one file by two options, key kept": ("both.pem", "both.pem", False),
    "one file by two options, new key": ("both.pem", "both-link.pem", True),
    "linked directory, new key": ("current/device.pem", "current/device.key", True),
    "linked directory with other files, new key": ("others/device.pem", "others/device.key", True),
    "links to files, new key": ("live/device.pem", "live/device.key", True),
    "EST, two files, new key": ("device.pem", "device.key", True),
    "EST, one file, key kept": ("both.pem", None, False),
}


class Device(Host):
    """A host with a certificate that is due."""

    def __init__(self, simulator: Simulator, folder: Path, layout: str) -> None:
        self.certificate, self.key, self.regenerate_key = LAYOUTS[layout]
        self.leaf = simulator.certificates["access-point"]
        arguments = {
            "device_id": simulator.records["access-point"].id,
            "api_url": simulator.url,
            "client_cert": str(folder / "host/pki" / self.certificate),
            "client_key": None if self.key is None else str(folder / "host/pki" / self.key),
            "ca_path": str(simulator.certificates.ca),
            "retries": 0,
            "regenerate_key": self.regenerate_key,
        }
        self.simulator, self.is_est = simulator, layout.startswith("EST")
        if self.is_est:
            arguments["est_url"] = simulator.est_url
        super().__init__(folder, "digicert_iot_device_certificate", arguments)

    def clear(self) -> None:
        """Lay the old pair."""
        super().clear()
        real = self.folder / "pki/device-1"
        real.mkdir(parents=True)
        (self.folder / "pki/current").symlink_to("device-1")
        (self.folder / "pki/others").symlink_to("device-2")
        (self.folder / "pki/both-link.pem").symlink_to("both.pem")
        other, live = self.folder / "pki/device-2", self.folder / "pki/live"
        for directory in (other, other / "inner", live):
            directory.mkdir()
        for name in ("device.pem", "device.key"):
            (live / name).symlink_to(f"../{name}")
        for place in (self.folder / "pki", real, other):
            for name, source in (
                ("device.pem", self.leaf.pem),
                ("device.key", self.leaf.key),
                ("both.pem", self.leaf.both),
            ):
                shutil.copy(source, place / name)
                (place / name).chmod(0o600)
        # A directory that holds nothing but the pair.
        (real / "both.pem").unlink()

    @property
    def state(self) -> str:
        """What pair there is, seen from outside."""
        certificate = self.folder / "pki" / self.certificate
        key = (self.folder / "pki" / (self.key or self.certificate)).resolve()
        is_new = certificate.read_bytes() not in (self.leaf.pem.read_bytes(), self.leaf.both.read_bytes())
        if key_matches(str(certificate), str(key), None):
            return "the new pair" if is_new else "the old pair"
        assert key.read_bytes() == self.leaf.key.read_bytes(), "The old key is lost."
        assert key_matches(str(certificate), str(key) + STAGED_SUFFIX, None), "There is no key for the certificate."
        return "the new certificate, the old key, and the new key beside it"

    @property
    def requests(self) -> list[x509.CertificateSigningRequest]:
        """The CSRs that the EST server has received."""
        bodies = [request.body for request in self.simulator.requests if request.path.endswith("/simplereenroll")]
        return [x509.load_der_x509_csr(base64.b64decode(body)) for body in bodies]

    def has_key_of(self, request: x509.CertificateSigningRequest) -> bool:
        """Say whether a file has the key of a CSR."""
        files = [path.read_bytes() for path in self.left() if path.is_file()]
        keys = [read_key(block + b"\n", None) for content in files for block in blocks_of(content, PRIVATE_KEY)]
        return any(same_key(key, request) for key in keys)

    def result_of(self, module: str, **changes: t.Any) -> dict[str, t.Any]:
        """Run a module that must succeed and return its result."""
        ran = self.run(module=module, **changes)
        assert ran.returncode == 0, ran
        return json.loads(ran.stdout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_kill(simulator, tmp_path, record_property, layout):
    need_strace()
    device = Device(simulator, tmp_path, layout)
    assert device.result_of(device.module)["changed"] is True  # so that all that Python compiles is compiled
    device.clear()
    points = chosen(device.points(), CALLS)
    if os.environ.get("KILL_POINTS") != "all":
        # What replaces a file, and a part of the others, as each point takes four runs of a module.
        others = [point for point in points if "rename" not in point.call]
        points = [point for point in points if point in others[::6] or point not in others]
        # The steps with files are those of the other layouts.
        points = points[::-2] if device.is_est else points

    seen = set()
    for point in points:
        simulator.reset()
        device.clear()
        if device.kill(point) is None:
            record_property("kill", "not killed: this run had no such call")
            continue
        state = device.state
        seen.add(state)
        for path in (path for path in device.left() if path.is_file() and b"PRIVATE KEY" in path.read_bytes()):
            assert path.stat().st_mode & 0o077 == 0, (point, path)

        assert all(device.has_key_of(request) for request in device.requests), point

        # A module that only reads works, and writes nothing.
        files = {path: path.read_bytes() for path in device.left() if path.is_file()}
        info = device.result_of("digicert_iot_device_info", regenerate_key=None, est_url=None)
        assert info["device"]["status"] == "ACTIVE", point
        assert files == {path: path.read_bytes() for path in device.left() if path.is_file()}, point

        # A module that can write makes it a pair, and says so.
        record = device.result_of("digicert_iot_device", regenerate_key=None, est_url=None, fields=[])
        after = device.state
        assert after in ("the old pair", "the new pair"), point
        assert record["changed"] is ("interrupted" in str(record.get("warnings"))) is (after != state), point

        # The next renewal does what is left to do, and takes away what the killed one has left.
        again = device.result_of(device.module)
        assert again["changed"] is (after == "the old pair"), point
        assert device.state == "the new pair", point
        if again["changed"]:
            assert [path for path in device.left() if path.name.endswith((".next", ".part"))] == [], point
        if device.is_est:
            # The same request is repeated, and only if the host has no certificate of it.
            assert len(device.requests) in (1, 2), point
            assert all(request == device.requests[0] for request in device.requests), point
            assert len(simulator.est.issued) == len(device.requests), point
            assert [path for path in device.left() if path.name.endswith(".unfinished")] == [], point
        record_property("kill", f"renewal, {layout}: {state}")
    assert {"the old pair", "the new pair"} <= seen
