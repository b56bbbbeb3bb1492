# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import socket
import stat
import struct
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _atomic_write
from ansible_collections.edgeops.digicert.plugins.module_utils._atomic_write import (
    remove_regular_file,
    write_atomically,
)

# Another user and another group than those of the tests.
OTHER = 12345


ACCESS_CONTROL_LIST = "system.posix_acl_access"


def access_control_list(reader):
    """Return an access control list, as Linux stores it, in which this user can read what is the owner's."""
    nobody = 0xFFFFFFFF
    # Tag, permissions and ID: the owner, the user, the group, the mask and all others.
    entries = [(0x01, 6, nobody), (0x02, 4, reader), (0x04, 0, nobody), (0x10, 4, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def mask():
    """The umask 027 during a test."""
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("mask")
@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o640), (0o600, 0o600)])
def test_new_file_gets_the_mode_without_the_umask(tmp_path, mode, expected):
    path = tmp_path / "report"
    assert write_atomically(str(path), "new \ud800 ü", mode=mode)
    assert path.read_text(encoding="utf-8") == "new \\ud800 ü"
    assert mode_of(path) == expected
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("mask")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o666, 0o400, 0o755])
@pytest.mark.parametrize("sync", [False, True])
def test_existing_mode_is_kept(tmp_path, mode, sync):
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(mode)
    write_atomically(str(path), "new", mode=0o666, sync=sync)
    assert (path.read_text(), mode_of(path)) == ("new", mode)


def test_existing_owner_and_access_control_list_are_kept(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, OTHER, OTHER)
    os.setxattr(path, ACCESS_CONTROL_LIST, access_control_list(reader=OTHER + 1))
    before = path.stat()
    write_atomically(str(path), "new")
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert os.getxattr(path, ACCESS_CONTROL_LIST) == access_control_list(reader=OTHER + 1)


@pytest.mark.parametrize(
    ("permitted_uids", "permitted_gid", "mode"),
    [({OTHER, -1}, True, 0o640), ({-1}, True, 0o640), (set(), False, 0o600)],
)
def test_another_group_never_gets_the_permissions_of_the_old_group(
    tmp_path, monkeypatch, permitted_uids, permitted_gid, mode
):
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o640)
    os.chown(path, OTHER, OTHER)
    chown = os.fchown

    def limited(descriptor, uid, gid):
        if uid not in permitted_uids:
            raise PermissionError
        chown(descriptor, uid, gid)

    monkeypatch.setattr(os, "fchown", limited)
    write_atomically(str(path), "new")
    assert (path.read_text(), mode_of(path)) == ("new", mode)
    assert (path.stat().st_gid == OTHER) == permitted_gid


@pytest.mark.parametrize("depth", [1, 2, 39])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("exists", [False, True])
def test_symbolic_link_stays_and_its_target_is_replaced(tmp_path, depth, relative, exists):
    (tmp_path / "data").mkdir()
    target = tmp_path / "data/real"
    if exists:
        target.write_text("old")
        target.chmod(0o604)
    link, points_to = tmp_path, Path("data/real") if relative else target
    for number in range(depth):
        link = tmp_path / f"link-{number}"
        link.symlink_to(points_to)
        points_to = Path(link.name) if relative else link
    write_atomically(str(link), "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert not exists or mode_of(target) == 0o604
    assert list((tmp_path / "data").iterdir()) == [target]


@pytest.mark.parametrize("act", [lambda path: write_atomically(path, "new"), remove_regular_file])
def test_symbolic_link_of_another_user_is_rejected(tmp_path, act):
    victim, link = tmp_path / "victim", tmp_path / "report"
    victim.write_text("precious")
    link.symlink_to(victim)
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    with pytest.raises(OSError, match=r"^\[Errno 1\] A symbolic link of another user: .*report"):
        act(str(link))
    assert victim.read_text() == "precious"
    assert sorted(tmp_path.iterdir()) == [link, victim]


def test_symbolic_links_in_a_circle_are_rejected(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        write_atomically(str(link), "new")
    assert list(tmp_path.iterdir()) == [link]


def test_too_many_symbolic_links_are_rejected_where_the_system_permits_them(tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "link-2")
    (tmp_path / "link-2").symlink_to(tmp_path / "none")
    monkeypatch.setattr(_atomic_write, "_MAX_LINKS", 2)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        write_atomically(str(link), "new")


def socket_at(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


SPECIAL = {
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": socket_at,
    "full": lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 7)),
    "block": lambda path: os.mknod(path, 0o666 | stat.S_IFBLK, os.makedev(7, 200)),
}


@pytest.mark.parametrize("behind_link", [False, True])
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("act", [lambda path: write_atomically(path, "new"), remove_regular_file])
def test_special_file_is_rejected_and_stays(tmp_path, act, kind, behind_link):
    special = tmp_path / "special"
    SPECIAL[kind](special)
    before = special.lstat()
    path = special
    if behind_link:
        path = tmp_path / "link"
        path.symlink_to(special)
    with pytest.raises(OSError, match="Not a regular file"):
        act(str(path))
    assert (special.lstat().st_ino, special.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert set(tmp_path.iterdir()) == {special, path}


@pytest.mark.parametrize("behind_link", [False, True])
def test_null_device_switches_a_file_off(tmp_path, behind_link):
    null = tmp_path / "null"
    os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    path = null
    if behind_link:
        path = tmp_path / "link"
        path.symlink_to(null)
    assert not write_atomically(str(path), "new")
    assert remove_regular_file(str(path)) is None
    assert stat.S_ISCHR(null.lstat().st_mode)
    assert set(tmp_path.iterdir()) == {null, path}


def test_standard_output_is_not_replaced(tmp_path):
    output, link = tmp_path / "output", tmp_path / "stdout"
    with output.open("w") as stdout:
        link.symlink_to(f"/proc/self/fd/{stdout.fileno()}")
        with pytest.raises(OSError, match="Not a regular file"):
            write_atomically(str(link), "new")
        stdout.write("as before")
    assert output.read_text() == "as before"


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_error_leaves_the_old_file_and_no_temporary_file(tmp_path, monkeypatch, error, name):
    path = tmp_path / "report"
    path.write_text("old")

    def fail(*_arguments):
        raise error

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(type(error)):
        write_atomically(str(path), "new", sync=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_file_has_an_unpredictable_name_and_is_never_a_link(tmp_path, monkeypatch):
    opened = []
    real = os.open

    def watch(path, flags, *arguments, **settings):
        if flags & os.O_CREAT:
            opened.append((path, flags))
        return real(path, flags, *arguments, **settings)

    monkeypatch.setattr(os, "open", watch)
    path = tmp_path / ("n" * 255)
    for _time in range(20):
        write_atomically(str(path), "new")
    names = {os.path.basename(name) for name, _flags in opened}
    assert len(names) == 20
    assert all(re.fullmatch(r"\.[0-9a-f]{32}\.part", name) for name in names)
    assert {os.path.dirname(name) for name, _flags in opened} == {str(tmp_path)}
    assert all(flags & os.O_EXCL and flags & os.O_NOFOLLOW for _name, flags in opened)
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_name_that_is_taken_is_never_opened(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr(_atomic_write.secrets, "token_hex", lambda _size: "known")
    (tmp_path / ".known.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(str(tmp_path / "report"), "new")
    assert victim.read_text() == "precious"
    assert (tmp_path / ".known.part").is_symlink()


@pytest.mark.parametrize("path", ["", "none/report", "file/report", "report/"])
def test_impossible_path_is_an_error(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        write_atomically(path, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_path_with_a_null_character_is_an_error():
    with pytest.raises(ValueError, match="null"):
        write_atomically("a\0b", "new")


def test_removed_file_passes_its_attributes_on(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o640)
    os.chown(path, OTHER, OTHER)
    attributes = remove_regular_file(str(path))
    assert not path.exists()
    write_atomically(str(path), "new", mode=0o600, attributes=attributes)
    assert (mode_of(path), path.stat().st_uid, path.stat().st_gid) == (0o640, OTHER, OTHER)
    assert remove_regular_file(str(tmp_path / "none")) is None


def test_removing_follows_a_symbolic_link_and_keeps_it(tmp_path):
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    remove_regular_file(str(link))
    assert list(tmp_path.iterdir()) == [link]
    write_atomically(str(link), "new")
    assert target.read_text() == "new"
