# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat
import struct
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import staging as _staging
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staging import (
    allocate,
    back_up,
    check,
    check_leftover,
    rehearse,
    stage,
    write,
)


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "device.pem"
    path.write_text("old")
    path.chmod(0o640)
    return str(path)


def fails(number):
    """A system call that fails."""

    def fail(*_arguments, **_settings):
        raise OSError(number, os.strerror(number))

    return fail


def problem(target, **settings):
    with pytest.raises(OSError, match="Errno") as caught:
        check(target, **settings)
    assert caught.value.filename == target
    return caught.value.strerror


def test_a_regular_file_can_be_replaced(target):
    check(target, 20)


def test_a_file_of_another_kind_or_with_more_names_cannot(target, tmp_path):
    os.mkfifo(str(tmp_path / "fifo"))
    assert problem(str(tmp_path / "fifo")) == "it is not a regular file"
    (tmp_path / "directory").mkdir()
    assert problem(str(tmp_path / "directory")) == "it is not a regular file"
    os.link(target, target + "2")
    assert "has 2 hard links" in problem(target)


def test_a_mount_point_cannot(target, monkeypatch):
    line = "36 35 98:0 /src {} rw - ext4 /dev/root rw\n".format(target.replace("device", r"dev\040ice"))
    monkeypatch.setattr(_staging, "open", lambda *_arguments, **_settings: io.StringIO(line), raising=False)
    os.rename(target, target.replace("device", "dev ice"))
    assert "mount point" in problem(target.replace("device", "dev ice"))
    monkeypatch.setattr(_staging, "open", fails(errno.ENOENT), raising=False)
    assert _staging.mount_points() == set()


@pytest.mark.parametrize("where", ["file", "directory"])
@pytest.mark.parametrize(("flag", "words"), [(0x10, "immutable"), (0x20, "append-only"), (0x40, None)])
def test_a_file_with_flags_cannot(target, monkeypatch, where, flag, words):
    def flags(descriptor, _request, _buffer):
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        return struct.pack("l", flag if is_directory is (where == "directory") else 0)

    monkeypatch.setattr(fcntl, "ioctl", flags)
    if words is None:
        check(target)
    else:
        assert words in problem(target)
    monkeypatch.setattr(fcntl, "ioctl", fails(errno.ENOTTY))
    check(target)
    monkeypatch.setattr(os, "open", fails(errno.EACCES))
    check(target)


def test_a_leftover_that_cannot_be_replaced_is_named(target, tmp_path, monkeypatch):
    def leftover_problem(path):
        with pytest.raises(OSError, match="Errno") as caught:
            check_leftover(path)
        assert caught.value.filename == path
        return caught.value.strerror

    check_leftover(target)
    check_leftover(target + ".part")
    for make in (os.mkfifo, lambda path: os.symlink("/", path)):
        make(target + ".part")
        check_leftover(target + ".part")
        os.unlink(target + ".part")
    assert leftover_problem(str(tmp_path)) == "it is a directory in the place of a temporary file"
    monkeypatch.setattr(_staging, "directory_problem", lambda _directory, _entry: "the directory")
    assert leftover_problem(target) == "the directory"
    monkeypatch.setattr(_staging, "_flag", lambda _path: "immutable")
    assert leftover_problem(target) == "it is immutable"
    monkeypatch.setattr(_staging, "mount_points", lambda: {target})
    assert leftover_problem(target).startswith("it is a mount point")


def test_a_directory_without_permission_cannot(target, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert problem(target).endswith("directory: permission denied")

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "statvfs", lambda _path: ReadOnly)
    assert problem(target).endswith("directory: the file system is read-only")


def test_the_file_of_another_user_in_a_sticky_directory_cannot(target, tmp_path, monkeypatch):
    tmp_path.chmod(0o1777)
    check(target)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(target).st_uid + 1)
    assert "sticky bit" in problem(target)


def test_a_name_has_to_have_room_for_a_suffix(tmp_path):
    path = tmp_path / ("n" * 250)
    path.write_text("")
    check(str(path), 5)
    assert "too long" in problem(str(path), suffix_length=6)


def test_a_staged_file_has_space_and_is_like_its_target(target, tmp_path):
    (tmp_path / "device.pem.part").write_text("left")
    with stage(target, target + ".part") as file:
        state = os.fstat(file.fileno())
        assert state.st_blocks * 512 >= 8192
        assert stat.S_IMODE(state.st_mode) == 0o640
        write(file, b"new")
    assert (tmp_path / "device.pem.part").read_text() == "new"
    with rehearse(target) as file:
        assert os.fstat(file.fileno()).st_nlink == 0
    assert sorted(os.listdir(str(tmp_path))) == ["device.pem", "device.pem.part"]


@pytest.mark.parametrize("call", [lambda path: stage(path, path + ".part"), rehearse])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("posix_fallocate", "No space left"),
        ("fchmod", r"mode 0640 cannot be kept \(No space"),
        ("fchown", r"owner \d+ and group \d+ cannot be kept"),
        ("setxattr", "the extended attributes cannot be kept"),
    ],
)
def test_what_cannot_be_kept_is_said_in_advance(target, tmp_path, monkeypatch, call, name, words):
    class Foreign:
        st_uid, st_gid, st_size, st_mode = os.stat(target).st_uid + 1, 34, 3, 0o100640

    real = os.stat
    if name == "fchown":
        monkeypatch.setattr(os, "stat", lambda path, **settings: Foreign if path == target else real(path, **settings))
    if name == "setxattr":
        monkeypatch.setattr(_staging, "_attributes", lambda path: {"user.x": b"y"} if path == target else {})
    monkeypatch.setattr(os, name, fails(errno.ENOSPC))
    with pytest.raises(OSError, match=words):
        call(target)
    assert os.listdir(str(tmp_path)) == ["device.pem"]


def test_a_mode_that_is_not_taken_is_said_in_advance(target, monkeypatch):
    monkeypatch.setattr(os, "fchmod", lambda *_arguments: None)
    with pytest.raises(OSError, match="mode 0640 cannot be kept"):
        stage(target, target + ".part")


def test_extended_attributes_are_those_of_the_target(target, monkeypatch):
    given = {target: {"user.same": b"1", "user.new": b"2", "security.ima": b"3"}}
    inherited = {"user.same": b"1", "system.posix_acl_access": b"4", "security.selinux": b"5"}
    calls = []
    monkeypatch.setattr(os, "listxattr", lambda path: list(given.get(path, inherited)))
    monkeypatch.setattr(os, "getxattr", lambda path, name: given.get(path, inherited)[name])
    monkeypatch.setattr(os, "setxattr", lambda _file, name, value: calls.append((name, value)))
    monkeypatch.setattr(os, "removexattr", lambda _file, name: calls.append(name))
    stage(target, target + ".part").close()
    assert calls == ["system.posix_acl_access", ("user.new", b"2")]
    monkeypatch.setattr(os, "listxattr", fails(errno.ENOTSUP))
    stage(target, target + ".part").close()
    assert len(calls) == 2


def test_a_new_file_inherits_no_access(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "listxattr", lambda _path: ["system.posix_acl_access", "security.selinux"])
    monkeypatch.setattr(os, "getxattr", lambda _path, _name: b"")
    monkeypatch.setattr(os, "removexattr", lambda _file, name: calls.append(name))
    path = tmp_path / "new"
    with stage(str(path), f"{path}.part", 0o644):
        assert os.stat(f"{path}.part").st_mode & 0o777 == 0o644
        assert os.stat(f"{path}.part").st_size == 32768
    assert calls == ["system.posix_acl_access"]


def test_space_is_written_where_it_cannot_be_reserved(target, monkeypatch):
    with open(target, "r+b") as file:
        for error in (errno.EOPNOTSUPP, None):
            monkeypatch.setattr(os, "posix_fallocate", fails(error)) if error else monkeypatch.delattr(
                os, "posix_fallocate"
            )
            file.truncate(0)
            allocate(file.fileno(), 5000)
            assert os.fstat(file.fileno()).st_size == 5000


def test_a_system_without_nameless_files_is_not_rehearsed(target, monkeypatch):
    monkeypatch.setattr(os, "open", fails(errno.EOPNOTSUPP))
    assert rehearse(target) is None
    monkeypatch.setattr(os, "open", fails(errno.EROFS))
    with pytest.raises(OSError, match="Read-only"):
        rehearse(target)
    monkeypatch.delattr(os, "O_TMPFILE")
    assert rehearse(target) is None


def test_a_backup_lies_beside_the_file_and_has_its_mode(target, tmp_path):
    (tmp_path / "link").symlink_to("device.pem")
    copy = Path(back_up(str(tmp_path / "link")))
    assert str(copy).startswith(target + ".")
    assert copy.read_text() == "old"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
