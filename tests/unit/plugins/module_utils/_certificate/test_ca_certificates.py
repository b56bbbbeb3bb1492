# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import ca_certificates as _ca_certificates
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.ca_certificates import CaCertificates
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import CaCertificatesOptions
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import fingerprint_of, read_chain
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    FileWriteError,
    InvalidParametersError,
    InvalidResponseError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


@pytest.fixture
def root(make_ca):
    return make_ca(subject={"COMMON_NAME": "root"})


def read(leaf):
    return read_chain(leaf.certificate.encode())[0]


def file_of(path, *leaves, pinned=None, check_mode=False):
    """Return the file at `path` for a server with these CA certificates, and its warnings."""
    warnings = []
    fingerprint = None if pinned is None else fingerprint_of(read(pinned))
    runtime = Runtime(warnings.append, check_mode=check_mode)
    certificates = CaCertificates(
        CaCertificatesOptions(str(path), fingerprint), lambda: list(map(read, leaves)), runtime
    )
    return certificates, warnings


def test_the_certificates_are_written_once(tmp_path, root, make_ca):
    other, path = make_ca(), tmp_path / "ca.pem"
    file, warnings = file_of(path, root, other)
    assert file.is_missing
    assert file.update()
    assert not file.is_missing
    assert path.read_text() == root.certificate + other.certificate
    assert path.stat().st_mode & 0o777 == 0o644 & ~current_umask()
    before = path.stat()
    assert not file.update()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert file_of(path, root)[0].update()
    assert path.read_text() == root.certificate
    assert (warnings, os.listdir(tmp_path)) == ([], ["ca.pem"])


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_only_certificates_below_the_pinned_one_are_written(tmp_path, root, make_ca):
    one = make_ca(subject={"COMMON_NAME": "one"}, signer=root)
    forged, path = make_ca(subject={"COMMON_NAME": "root"}), tmp_path / "ca.pem"
    file, warnings = file_of(path, forged, one, root, pinned=root)
    assert file.update()
    assert path.read_text() == root.certificate + one.certificate
    assert file.intermediates == [read(one)]
    (warning,) = warnings
    assert warning.startswith("1 of 3 CA certificates of the EST server are not stored")
    file, warnings = file_of(path, root, one, pinned=root)
    assert (file.update(), warnings) == (False, [])


def test_without_the_pinned_certificate_nothing_is_written(tmp_path, root, make_ca):
    forged, path = make_ca(subject={"COMMON_NAME": "root"}), tmp_path / "ca.pem"
    below = make_ca(subject={"COMMON_NAME": "one"}, signer=root)
    with pytest.raises(InvalidResponseError, match="no CA certificate with the fingerprint"):
        file_of(path, forged, below, pinned=root)[0].update()
    assert not path.exists()


def test_a_link_stays(tmp_path, root):
    (tmp_path / "link").symlink_to(tmp_path / "ca.pem")
    file = file_of(tmp_path / "link", root, pinned=root)[0]
    assert file.is_missing
    file.check()
    assert file.update()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "ca.pem").read_text() == root.certificate


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_directory_is_no_file(tmp_path, root, check_mode):
    file = file_of(tmp_path, root, check_mode=check_mode)[0]
    with pytest.raises(
        InvalidParametersError, match=f"ca_certs_path: {tmp_path} cannot be written: it is not a regular file"
    ):
        file.check()
    with pytest.raises(FileWriteError, match=r"cannot be written: Is a directory\. The module requested no"):
        file.update()


def test_the_directory_must_exist(tmp_path, root):
    path = tmp_path / "missing" / "ca.pem"
    with pytest.raises(InvalidParametersError, match=r"missing does not exist\. Create it before this task"):
        file_of(path, root)[0].check()
    # Without check mode, an earlier task can have created it.
    file, warnings = file_of(path, root, check_mode=True)
    file.check()
    assert "missing does not exist. Create it before this task" in warnings[0]
    with pytest.raises(FileWriteError, match="No such file or directory"):
        file.update()
    file, warnings = file_of(tmp_path / "ca.pem", root)
    file.check()
    assert warnings == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_directory_without_write_access_is_found_before_a_request(tmp_path, root, monkeypatch, check_mode):
    monkeypatch.setattr(_ca_certificates, "directory_problem", lambda *_paths: "permission denied")
    path = tmp_path / "ca.pem"
    file = file_of(path, root, check_mode=check_mode)[0]
    with pytest.raises(InvalidParametersError, match=r"ca.pem cannot be written: permission denied\.$"):
        file.check()
    # An operator can have written the file.
    path.write_text(root.certificate)
    file.check()
    assert not file.update()


def test_a_full_disk_is_named(tmp_path, root, monkeypatch):
    def fail(*_arguments, **_settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_ca_certificates, "write_atomically", fail)
    with pytest.raises(FileWriteError, match=r"ca.pem cannot be written: No space left on device\."):
        file_of(tmp_path / "ca.pem", root)[0].update()
