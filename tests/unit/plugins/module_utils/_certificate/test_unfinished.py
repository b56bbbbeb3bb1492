# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import unfinished as _unfinished
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import CertificateFiles
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.unfinished import (
    Unfinished,
    UnfinishedRequest,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import FileWriteError

CSR = b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
CHAIN = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


REQUEST = Unfinished(KEY, CSR)


@pytest.fixture
def pair(tmp_path):
    return CertificateFiles(str(tmp_path / "device.pem"), str(tmp_path / "device.key"))


@pytest.fixture
def unfinished(pair):
    return UnfinishedRequest(pair, "request-1")


def test_the_key_is_stored_and_then_the_chain(unfinished, pair, tmp_path):
    assert unfinished.path == str(tmp_path / "device.key.unfinished")
    assert unfinished.read() is None
    unfinished.check()
    unfinished.create(REQUEST)
    size = os.stat(unfinished.path).st_size
    assert stat.S_IMODE(os.stat(unfinished.path).st_mode) == 0o600
    assert unfinished.read() == REQUEST
    for chain in (3 * CHAIN, CHAIN):
        unfinished.add(REQUEST._replace(certificates=chain))
        stored = unfinished.read()
        assert stored._replace(certificates=b"") == REQUEST
        assert stored.certificates.rstrip(b"\n") + b"\n" == chain
    assert os.stat(unfinished.path).st_size == size
    assert UnfinishedRequest(pair, "request-2").read() is None
    unfinished.discard()
    unfinished.discard()
    assert os.listdir(str(tmp_path)) == []


def test_one_file_has_the_name_of_the_certificate(pair):
    unfinished = UnfinishedRequest(pair._replace(key=None), "request-1")
    assert unfinished.path == pair.certificate + ".unfinished"
    unfinished.create(Unfinished(b"", CSR))
    assert unfinished.read() == (b"", CSR, b"", 0.0)


def test_the_time_of_the_next_request_is_stored_until_the_certificate_is(unfinished):
    unfinished.create(REQUEST)
    unfinished.add(REQUEST._replace(not_before=1900000000.7))
    assert unfinished.read() == REQUEST._replace(not_before=1900000000.0)
    unfinished.add(REQUEST)
    assert unfinished.read() == REQUEST
    with open(unfinished.path, "a") as file:
        file.write("Not before: 19 h\n")
    assert unfinished.read().not_before == 0.0


def test_a_key_can_be_stored_without_a_request(unfinished):
    unfinished.create(Unfinished(KEY, b""))
    assert unfinished.read() == (KEY, b"", b"", 0.0)


@pytest.mark.parametrize("unsafe", ["mode", "owner", "link", "directory"])
def test_a_file_that_another_user_can_read_or_write_is_not_used(unfinished, unsafe, monkeypatch, tmp_path):
    unfinished.create(REQUEST)
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
    for call in (unfinished.check, lambda: unfinished.create(REQUEST)):
        with pytest.raises(FileWriteError, match="did not request one"):
            call()
    long = UnfinishedRequest(CertificateFiles(pair.certificate, f"{pair.key}{240 * 'x'}"), "request-1")
    with pytest.raises(FileWriteError, match="the file name is too long"):
        long.check()


def test_a_chain_that_cannot_be_stored_is_an_error(unfinished):
    with pytest.raises(FileWriteError, match="could not be stored"):
        unfinished.add(REQUEST._replace(certificates=CHAIN))
