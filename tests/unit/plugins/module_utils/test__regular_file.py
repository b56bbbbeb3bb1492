# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import socket

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file, reason_of


def fifo(path):
    os.mkfifo(path)


def socket_file(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def directory(path):
    path.mkdir()


def link_to(target):
    return lambda path: path.symlink_to(target)


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def loop(path):
    path.symlink_to(path)


def test_the_host_of_a_missing_file_is_named(tmp_path):
    host = os.uname().nodename
    (tmp_path / "file").touch()
    for path, words in (("x", "No such file or directory"), ("file/x", "Not a directory")):
        with pytest.raises(OSError, match=words) as caught:
            read_regular_file(str(tmp_path / path))
        assert reason_of(caught.value) == f"{words} on the host {host}"
    assert reason_of(OSError(errno.EACCES, "Denied")) == "Denied"
    assert reason_of(ValueError("it is damaged")) == "it is damaged"


def test_a_file_and_a_link_to_a_file_are_read(tmp_path):
    path, link = tmp_path / "a file", tmp_path / "link"
    path.write_bytes(b"text")
    link.symlink_to(path)
    assert read_regular_file(str(path)) == read_regular_file(str(link)) == b"text"
    assert read_regular_file("/proc/self/status").startswith(b"Name:")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (fifo, "not a regular file"),
        (socket_file, "not a regular file"),
        (directory, "Is a directory"),
        (link_to("/dev/zero"), "not a regular file"),
        (link_to("/dev/null"), "not a regular file"),
        (link_to("/dev/stdin/x"), "Not a directory|No such file"),
        (link_to("/does/not/exist"), "No such file"),
        (sparse, "larger than 8 MiB"),
        (loop, "symbolic links"),
        (link_to("/proc/self/mem"), "Input/output error"),
    ],
    ids=["fifo", "socket", "directory", "zero", "null", "file as directory", "missing", "huge", "loop", "unreadable"],
)
def test_other_files_are_rejected_with_a_reason(tmp_path, make, reason):
    path = tmp_path / "path"
    make(path)
    with pytest.raises(OSError, match=reason) as error:
        read_regular_file(str(path))
    assert error.value.strerror


def test_a_fifo_that_replaces_the_file_after_the_first_check_does_not_block(tmp_path, monkeypatch):
    path = tmp_path / "path"
    fifo(path)
    regular = os.stat(__file__)
    monkeypatch.setattr(_regular_file.os, "stat", lambda _path: regular)
    with pytest.raises(OSError, match="not a regular file"):
        read_regular_file(str(path))


def test_a_path_that_cannot_be_is_a_value_error():
    with pytest.raises(ValueError, match="null"):
        read_regular_file("a\0b")


def test_a_lack_of_descriptors_is_an_error_of_the_host(monkeypatch):
    def fail(*_arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(_regular_file.os, "open", fail)
    with pytest.raises(HostError, match="cannot be read: Too many open files"):
        read_regular_file(__file__)
