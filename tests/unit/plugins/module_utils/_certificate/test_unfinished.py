# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import unfinished as _unfinished
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import CertificateFiles
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import UnfinishedEnrollment
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import FileWriteError

KEY = b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
CHAIN = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


@pytest.fixture
def pair(tmp_path):
    return CertificateFiles(str(tmp_path / "device.pem"), str(tmp_path / "device.key"))


@pytest.fixture
def unfinished(pair):
    return UnfinishedEnrollment(pair, "request-1")


def test_the_key_is_stored_and_then_the_chain(unfinished, pair, tmp_path):
    assert unfinished.path == str(tmp_path / "device.key.enrolling")
    assert unfinished.read() is None
    unfinished.check()
    unfinished.create(KEY)
    size = os.stat(unfinished.path).st_size
    assert stat.S_IMODE(os.stat(unfinished.path).st_mode) == 0o600
    assert unfinished.read() == (KEY, b"")
    for chain in (3 * CHAIN, CHAIN):
        unfinished.add(KEY, chain)
        key, certificates = unfinished.read()
        assert (key, certificates.rstrip(b"\n") + b"\n") == (KEY, chain)
    assert os.stat(unfinished.path).st_size == size
    assert UnfinishedEnrollment(pair, "request-2").read() is None
    unfinished.discard()
    unfinished.discard()
    assert os.listdir(str(tmp_path)) == []


def test_one_file_has_the_name_of_the_certificate(pair):
    unfinished = UnfinishedEnrollment(pair._replace(key=None), "request-1")
    assert unfinished.path == pair.certificate + ".enrolling"
    unfinished.create(b"")
    assert unfinished.read()[1] == b""


@pytest.mark.parametrize("unsafe", ["mode", "owner", "link", "directory"])
def test_a_file_that_another_user_can_read_or_write_is_not_used(unfinished, unsafe, monkeypatch, tmp_path):
    unfinished.create(KEY)
    if unsafe == "mode":
        os.chmod(unfinished.path, 0o640)
    elif unsafe == "owner":
        monkeypatch.setattr(_unfinished.os, "geteuid", lambda: os.stat(unfinished.path).st_uid + 1)
    else:
        os.rename(unfinished.path, str(tmp_path / "elsewhere"))
        if unsafe == "link":
            os.symlink("elsewhere", unfinished.path)
        else:
            os.mkdir(unfinished.path)
    assert unfinished.read() is None


def test_a_file_that_cannot_be_created_is_found_before(unfinished, pair):
    os.mkdir(unfinished.path)
    for call in (unfinished.check, lambda: unfinished.create(KEY)):
        with pytest.raises(FileWriteError, match="did not request one"):
            call()
    long = UnfinishedEnrollment(CertificateFiles(pair.certificate, f"{pair.key}{240 * 'x'}"), "request-1")
    with pytest.raises(FileWriteError, match="the file name is too long"):
        long.check()


def test_a_chain_that_cannot_be_stored_is_an_error(unfinished):
    with pytest.raises(FileWriteError, match="could not be stored"):
        unfinished.add(KEY, CHAIN)
