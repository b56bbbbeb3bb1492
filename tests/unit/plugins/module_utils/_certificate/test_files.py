# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import files as _files
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import staging as _staging
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate import x509 as _x509
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import (
    CertificateFiles,
    Reservation,
    check_storage,
    key_matches,
    locked,
    pair_of,
    recover,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import FileWriteError


@pytest.fixture
def old(leaf):
    return leaf


@pytest.fixture
def new(make_leaf):
    return make_leaf(begins=-0.5, ends=10)


@pytest.fixture
def pair(old, tmp_path):
    """A certificate and its key in a directory of their own."""
    directory = tmp_path / "pki"
    directory.mkdir()
    pair = CertificateFiles(str(directory / "device.pem"), str(directory / "device.key"))
    for path, content in zip(pair, (old.certificate, old.key)):
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path, 0o640)
    return pair


@pytest.fixture
def linked(pair, tmp_path):
    """The same pair through a link that leads to its directory."""
    assert pair.key
    (tmp_path / "link").symlink_to("pki")
    return CertificateFiles(str(tmp_path / "link/device.pem"), str(tmp_path / "link/device.key"))


def contents(directory):
    return {name: (directory / name).read_text() for name in os.listdir(str(directory))}


def install(pair, new, has_new_key=True, **settings):
    """Replace the files of a pair by those of a new leaf."""
    with Reservation(pair, has_new_key, **settings) as reservation:
        reservation.install(new.certificate.encode(), new.key.encode() if has_new_key else None)
        return reservation


def test_a_pair_is_replaced_and_nothing_else_is_left(pair, new, tmp_path):
    names = ["device.key", "device.key.next", "device.key.part", "device.pem", "device.pem.next", "device.pem.part"]
    with Reservation(pair, True) as reservation:
        assert sorted(contents(tmp_path / "pki")) == names
        reservation.install(new.certificate.encode(), new.key.encode())
    assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
    assert key_matches(pair.certificate, pair.key, None)
    assert [os.stat(path).st_mode & 0o777 for path in pair] == [0o640, 0o640]


def test_an_attempt_that_fails_is_discarded(pair, tmp_path):
    before = contents(tmp_path / "pki")

    def attempt():
        with Reservation(pair, True, backup=True) as reservation:
            assert len(reservation.backup_files) == 2
            raise KeyError

    with pytest.raises(KeyError):
        attempt()
    assert contents(tmp_path / "pki") == before


def test_one_file_can_hold_both(pair, new, tmp_path):
    install(CertificateFiles(pair.certificate, None), new, has_new_key=False)
    assert contents(tmp_path / "pki")["device.pem"] == new.certificate


def test_backups_are_made_in_advance(pair, old, new):
    copies = [Path(copy) for copy in install(pair, new, backup=True).backup_files]
    assert [copy.read_text() for copy in copies] == [old.certificate, old.key]
    assert all(copy.name.endswith("~") and copy.stat().st_mode & 0o777 == 0o640 for copy in copies)


@pytest.mark.parametrize("way", ["path", "link to key", "link to certificate", "hard link"])
def test_one_file_by_two_options_is_one_file(pair, way):
    paths = [pair.certificate, pair.key]
    if way == "path":
        paths[1] = paths[0]
    else:
        first, second = paths if way != "link to key" else reversed(paths)
        os.unlink(second)
        (os.link if way == "hard link" else os.symlink)(first, second)
    assert pair_of(*paths) == CertificateFiles(paths[0], None)
    if way == "hard link":
        with pytest.raises(FileWriteError, match="2 hard links"):
            Reservation(pair_of(*paths), False)


def test_a_file_that_is_mounted_under_its_second_name_cannot_be_replaced(pair, monkeypatch):
    # Mounts require root, so the test only pretends that both paths lead to one file.
    monkeypatch.setattr(os.path, "samefile", lambda *_paths: True)
    for module in (_files, _staging):
        monkeypatch.setattr(module, "mount_points", lambda: {pair.key})
    with pytest.raises(FileWriteError, match=r"device\.key: it is a mount point"):
        check_storage(pair_of(*pair), True, False)


def test_two_files_are_two(pair):
    assert pair_of(*pair) == pair
    assert pair_of(pair.certificate, None).key is None
    assert pair_of("/does/not/exist", pair.key).key == pair.key
    assert pair_of("\0", pair.key).key == pair.key


def test_one_file_that_does_not_exist_is_one_file(tmp_path):
    path = str(tmp_path / "new.pem")
    (tmp_path / "link.pem").symlink_to("new.pem")
    assert pair_of(path, path) == CertificateFiles(path, None)
    assert pair_of(path, str(tmp_path / "link.pem")) == CertificateFiles(path, None)


@pytest.fixture
def absent(tmp_path):
    """The paths of a pair that does not exist."""
    return CertificateFiles(str(tmp_path / "new.pem"), str(tmp_path / "new.key"))


class TestAbsentFiles:
    @pytest.mark.parametrize("through_link", [False, True])
    def test_files_are_created_with_their_modes(self, absent, new, tmp_path, through_link):
        if through_link:
            (tmp_path / "link").symlink_to(".")
            absent = CertificateFiles(str(tmp_path / "link/new.pem"), str(tmp_path / "link/new.key"))
        check_storage(absent, True, True)
        with Reservation(absent, True, backup=True) as reservation:
            assert reservation.staged_certificate == str(tmp_path / "new.pem.part")
            reservation.install(new.certificate.encode(), new.key.encode())
            assert reservation.backup_files == []
        assert key_matches(*absent, None)
        assert [stat.S_IMODE(os.stat(path).st_mode) for path in absent] == [0o644, 0o600]
        assert {"new.pem", "new.key"} == set(os.listdir(str(tmp_path))) - {"link"}

    def test_one_file_with_a_key_is_private(self, absent, new, tmp_path):
        with Reservation(absent._replace(key=None), True) as reservation:
            reservation.install((new.certificate + new.key).encode(), None)
        assert stat.S_IMODE(os.stat(absent.certificate).st_mode) == 0o600
        assert os.listdir(str(tmp_path)) == ["new.pem"]

    def test_a_certificate_without_a_key_is_public(self, absent, new):
        with Reservation(absent._replace(key=None), False) as reservation:
            reservation.install(new.certificate.encode(), None)
        assert stat.S_IMODE(os.stat(absent.certificate).st_mode) == 0o644

    def test_nothing_is_left_of_an_attempt(self, absent, tmp_path):
        with Reservation(absent, True):
            assert len(os.listdir(str(tmp_path))) == 4
        assert os.listdir(str(tmp_path)) == []

    def test_a_file_that_another_client_created_stays(self, absent, new):
        with Reservation(absent, True) as reservation:
            Path(absent.key).write_text("other")
            with pytest.raises(FileWriteError, match="another client has changed it"):
                reservation.install(new.certificate.encode(), new.key.encode())
        assert Path(absent.key).read_text() == "other"

    def test_a_missing_directory_is_named(self, absent):
        with pytest.raises(FileWriteError, match=r"none/new\.pem: its directory does not exist"):
            check_storage(CertificateFiles(absent.certificate.replace("new", "none/new"), None), True, False)

    def test_a_lock_file_exists_as_long_as_the_lock(self, absent, tmp_path):
        with locked(absent):
            assert os.listdir(str(tmp_path)) == ["new.pem.lock"]
            with pytest.raises(FileWriteError, match="Another renewal or enrollment"), locked(absent):
                pass
        assert os.listdir(str(tmp_path)) == []

    @pytest.mark.parametrize("happens", ["a certificate is created", "the lock file is removed"])
    def test_a_change_before_the_lock_is_seen(self, absent, new, tmp_path, monkeypatch, happens):
        real = fcntl.flock

        def flock(descriptor, operation):
            monkeypatch.setattr(fcntl, "flock", real)
            real(descriptor, operation)
            if happens == "a certificate is created":
                Path(absent.certificate).write_text(new.certificate)
            else:
                os.unlink(f"{absent.certificate}.lock")

        monkeypatch.setattr(fcntl, "flock", flock)
        with locked(absent):
            is_new = happens == "the lock file is removed"
            with pytest.raises(FileWriteError), locked(absent):
                pass
            assert ("new.pem.lock" in os.listdir(str(tmp_path))) or not is_new
        assert os.listdir(str(tmp_path)) == ([] if is_new else ["new.pem"])

    def test_an_interrupted_installation_is_completed(self, absent, new):
        Path(absent.certificate).write_text(new.certificate)
        Path(f"{absent.key}.next").write_text(new.key)
        warnings = []
        assert recover(absent, None, True, warnings.append) == (absent, True)
        assert key_matches(*absent, None)
        assert len(warnings) == 1

    def test_staged_files_without_current_ones_are_left(self, absent, new):
        for path, content in zip(absent, (new.certificate, new.key)):
            Path(f"{path}.next").write_text(content)
        assert recover(absent, None, True, print) == (absent, False)


class TestLinkedDirectory:
    def test_a_directory_that_holds_only_the_pair_is_replaced_by_one_rename(self, linked, old, new, tmp_path):
        (tmp_path / "link.next").write_text("left")
        (tmp_path / "link.part").mkdir()
        (tmp_path / "link.part/device.pem").write_text("left")
        os.chmod(str(tmp_path / "pki"), 0o750)
        install(linked, new, backup=True)
        assert contents(tmp_path / "link") == {"device.pem": new.certificate, "device.key": new.key}
        assert old.key in contents(tmp_path / "pki").values()
        assert (tmp_path / "pki/device.key").read_text() == old.key
        assert stat.S_IMODE(os.stat(str(tmp_path / "link")).st_mode) == 0o750
        assert os.readlink(str(tmp_path / "link")).startswith("link-")
        assert sorted(os.listdir(str(tmp_path))) == sorted(["link", "pki", os.readlink(str(tmp_path / "link"))])
        # The next renewal does the same, and backups do not prevent it.
        install(linked, old)
        assert len(os.listdir(str(tmp_path))) == 4

    @pytest.mark.usefixtures("pair")
    @pytest.mark.parametrize(
        "text", ["pki/", "./pki", "second", "second/", "{}/pki", "{}/pki//", "pki/.", "../{name}/pki"]
    )
    def test_the_paths_lead_to_the_new_pair_whatever_the_link_is(self, new, tmp_path, text):
        (tmp_path / "second").symlink_to("pki/")
        (tmp_path / "link").symlink_to(text.format(tmp_path, name=tmp_path.name))
        linked = CertificateFiles(str(tmp_path / "link/device.pem"), str(tmp_path / "link/device.key"))
        install(linked, new)
        assert contents(tmp_path / "link") == {"device.pem": new.certificate, "device.key": new.key}
        assert (tmp_path / "link").is_symlink()
        assert not [name for name in os.listdir(str(tmp_path)) if name.endswith((".part", ".next"))]

    @pytest.mark.parametrize("other", ["directory", "fifo", "file", "link", "pair"])
    def test_a_directory_with_other_entries_stays(self, linked, new, tmp_path, other):
        path = tmp_path / "pki/other"
        if other == "fifo":
            os.mkfifo(str(path))
        elif other == "directory":
            path.mkdir()
        elif other == "link":
            path.symlink_to("device.pem")
        else:
            path.write_text("other")
        state = os.lstat(str(path))
        install(linked, new)
        assert os.readlink(str(tmp_path / "link")) == "pki"
        assert os.lstat(str(path)).st_ino == state.st_ino
        assert key_matches(linked.certificate, linked.key, None)
        assert (tmp_path / "pki/device.key").read_text() == new.key

    @pytest.mark.usefixtures("pair")
    def test_files_behind_links_are_replaced_where_they_are(self, new, tmp_path):
        live = tmp_path / "live"
        live.mkdir()
        for name in ("device.pem", "device.key"):
            (live / name).symlink_to(f"../pki/{name}")
        (tmp_path / "link").symlink_to("live")
        install(CertificateFiles(str(tmp_path / "link/device.pem"), str(tmp_path / "link/device.key")), new)
        assert contents(live) == contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
        assert (live / "device.pem").is_symlink()

    def test_a_directory_that_changes_in_the_meantime_stays(self, linked, new, tmp_path):
        with Reservation(linked, True) as reservation:
            assert (tmp_path / "link.part").exists()
            (tmp_path / "pki/other").write_text("other")
            reservation.install(new.certificate.encode(), new.key.encode())
        assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key, "other": "other"}
        assert sorted(os.listdir(str(tmp_path))) == ["link", "pki"]

    @pytest.mark.parametrize("call", ["symlink", "rename"])
    def test_the_files_are_replaced_where_the_link_cannot_be(self, linked, new, tmp_path, monkeypatch, call):
        def fail(*_arguments):
            raise OSError(28, "No space left on device", "link")

        monkeypatch.setattr(os, call, fail)
        install(linked, new)
        assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
        assert sorted(os.listdir(str(tmp_path))) == ["link", "pki"]

    @pytest.mark.parametrize("number", [1, 2])
    def test_the_files_are_reserved_where_a_directory_cannot_be(self, linked, new, tmp_path, monkeypatch, number):
        calls = []

        def fail(target, path, *_mode):
            if "link.part" in path:
                calls.append(path)
                if len(calls) == number:
                    raise OSError(28, "No space left on device", path)
            return _staging.stage(target, path)

        monkeypatch.setattr(_files, "stage", fail)
        install(linked, new)
        assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
        assert sorted(os.listdir(str(tmp_path))) == ["link", "pki"]

    def test_a_link_that_cannot_be_looked_at_is_none(self, linked, monkeypatch):
        def fail(_path):
            raise PermissionError

        monkeypatch.setattr(os, "listdir", fail)
        assert _files._link_of(linked) is None


@pytest.mark.parametrize("prepare", [check_storage, Reservation])
@pytest.mark.parametrize("name", ["device.pem.part", "device.key.part", "device.pem.next", "device.key.next"])
def test_a_temporary_file_that_cannot_be_created_is_named(pair, tmp_path, name, prepare):
    (tmp_path / "pki" / name).mkdir()
    words = (
        rf"so the module did not request one: .*{re.escape(name)}: it is a directory in the place of a temporary file\."
    )
    with pytest.raises(FileWriteError, match=words) as caught:
        prepare(pair, True, False)
    assert not caught.value.changed
    assert sorted(os.listdir(str(tmp_path / "pki"))) == sorted(["device.key", "device.pem", name])


@pytest.mark.parametrize("way", ["two files", "one file", "link"])
def test_an_attempt_that_fails_leaves_a_waiting_pair(pair, linked, tmp_path, way):
    for name in ("device.pem.next", "device.key.next"):
        (tmp_path / "pki" / name).write_text("left")
    before = contents(tmp_path / "pki")
    with Reservation(linked if way == "link" else pair, way != "one file"):
        assert contents(tmp_path / "pki")["device.key.next"] == "left"
    assert contents(tmp_path / "pki") == before
    assert sorted(os.listdir(str(tmp_path))) == ["link", "pki"]


def test_a_renewal_removes_a_waiting_pair(pair, new, tmp_path):
    for name in ("device.pem.next", "device.key.next"):
        (tmp_path / "pki" / name).write_text("left")
    install(pair, new)
    assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}


@pytest.mark.parametrize("change", ["device.pem", "device.key", "link", "none"])
@pytest.mark.parametrize("has_new_key", [True, False])
def test_a_pair_that_another_client_changes_stays(linked, new, make_leaf, tmp_path, change, has_new_key):
    other = make_leaf().certificate
    shutil.copytree(str(tmp_path / "pki"), str(tmp_path / "second"))
    content = new.certificate.encode(), new.key.encode() if has_new_key else None

    def attempt():
        with Reservation(linked, has_new_key, backup=True) as reservation:
            if change == "link":
                os.unlink(str(tmp_path / "link"))
                (tmp_path / "link").symlink_to("second")
            elif change == "none":
                os.unlink(linked.key)
            else:
                (tmp_path / "second" / change).write_text(other)
                os.replace(str(tmp_path / "second" / change), str(tmp_path / "pki" / change))
            states.append({name: contents(tmp_path / name) for name in ("pki", "second")})
            reservation.install(*content)

    states = []
    words = r"another client has changed it since the request\. Correct the cause"
    with pytest.raises(FileWriteError, match=words) as caught:
        attempt()
    assert not caught.value.changed
    for name in ("pki", "second"):
        files = {file: text for file, text in states[0][name].items() if not file.endswith(("~", ".part", ".next"))}
        assert contents(tmp_path / name) == files
    assert sorted(os.listdir(str(tmp_path))) == ["link", "pki", "second"]


@pytest.mark.parametrize("backup", [True, False])
def test_the_storage_is_checked_without_a_trace(pair, tmp_path, backup):
    before = os.stat(str(tmp_path / "pki"))
    check_storage(pair, True, backup)
    check_storage(CertificateFiles(pair.certificate, None), True, backup)
    after = os.stat(str(tmp_path / "pki"))
    assert before.st_mtime_ns == after.st_mtime_ns
    os.link(pair.key, pair.key + "2")
    check_storage(pair, False, backup)
    with pytest.raises(FileWriteError, match=r"device\.key: it has 2 hard links"):
        check_storage(pair, True, backup)


def test_the_storage_is_checked_as_far_as_possible(pair, monkeypatch):
    monkeypatch.setattr(_files, "rehearse", lambda _target: None)
    check_storage(pair, True, False)


class TestLock:
    def test_one_renewal_of_a_pair_at_a_time(self, pair):
        with locked(pair), pytest.raises(FileWriteError, match="Another renewal"), locked(pair):
            pass
        with locked(pair):
            pass
        with pytest.raises(FileWriteError, match="No such file"), locked(CertificateFiles("/does/not/exist/x", None)):
            pass

    def test_pairs_in_one_directory_do_not_wait_for_each_other(self, pair, tmp_path):
        (tmp_path / "pki/other.pem").write_text("")
        with locked(pair), locked(CertificateFiles(str(tmp_path / "pki/other.pem"), None)):
            pass

    def test_a_new_certificate_is_locked_before_the_old_lock_is_released(self, pair, new):
        with locked(pair), Reservation(pair, True) as reservation:
            reservation.install(new.certificate.encode(), new.key.encode())
            with pytest.raises(FileWriteError, match="Another renewal"), locked(pair):
                pass
        with locked(pair):
            pass

    def test_a_file_that_is_replaced_before_it_is_locked_is_opened_again(self, pair, monkeypatch):
        real = fcntl.flock

        def replace_first(descriptor, operation):
            if os.path.exists(pair.certificate + ".other"):
                os.replace(pair.certificate + ".other", pair.certificate)
            real(descriptor, operation)

        with open(pair.certificate + ".other", "w", encoding="ascii"):
            pass
        monkeypatch.setattr(fcntl, "flock", replace_first)
        with locked(pair), open(pair.certificate, encoding="ascii") as file, pytest.raises(BlockingIOError):
            real(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_a_file_system_without_locks_is_named(self, pair, monkeypatch):
        def fail(*_arguments):
            raise OSError(37, "No locks available")

        monkeypatch.setattr(fcntl, "flock", fail)
        with pytest.raises(FileWriteError, match="No locks available"), locked(pair):
            pass


def interrupted(pair, certificate, key, waiting_certificate=None, waiting_key=None):
    """Leave the files as a crash does."""
    for path, leaf, attribute in (
        (pair.certificate, certificate, "certificate"),
        (pair.key, key, "key"),
        (pair.certificate + ".next", waiting_certificate, "certificate"),
        (pair.key + ".next", waiting_key, "key"),
    ):
        if leaf is not None:
            with open(path, "w", encoding="ascii") as file:
                file.write(getattr(leaf, attribute))


class TestRecover:
    @pytest.mark.parametrize("may_write", [True, False])
    @pytest.mark.parametrize("waits", ["key", "pair"])
    def test_an_interrupted_renewal_is_completed(self, pair, old, new, tmp_path, may_write, waits):
        warnings = []
        state = (new, old, None, new) if waits == "key" else (old, old, new, new)
        interrupted(pair, *state)
        before = contents(tmp_path / "pki")
        recovery = recover(pair, None, may_write, warnings.append)
        assert recovery.changed
        assert key_matches(recovery.pair.certificate, recovery.pair.key, None)
        with open(recovery.pair.key, encoding="ascii") as file:
            assert file.read() == new.key
        if may_write:
            assert recovery.pair == pair
            assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
            assert "interrupted" in warnings[0]
        else:
            assert contents(tmp_path / "pki") == before
            assert warnings == []

    def test_a_key_that_belongs_to_no_certificate_is_left_alone(self, pair, old, new, make_leaf):
        warnings = []
        for state in ((old, old, None, new), (old, old, make_leaf(), new), (old, make_leaf(), None, new)):
            interrupted(pair, *state)
            assert recover(pair, None, True, warnings.append) == (pair, False)
            assert os.path.exists(pair.key + ".next")
        assert warnings == []

    @pytest.mark.parametrize("may_write", [True, False])
    @pytest.mark.parametrize(
        ("dates", "words"),
        [((-9, -1), "its certificate expired on"), ((-2, 5), "is not newer"), ((-0.5, 0.5), "is not newer")],
    )
    def test_a_pair_that_is_not_newer_is_left_alone(self, pair, old, make_leaf, tmp_path, dates, words, may_write):
        waiting, warnings = make_leaf(*dates), []
        interrupted(pair, old, old, waiting, waiting)
        before = contents(tmp_path / "pki")
        assert recover(pair, None, may_write, warnings.append) == (pair, False)
        assert contents(tmp_path / "pki") == before
        assert words in warnings[0]
        assert "Remove the two files" in warnings[0]

    @pytest.mark.parametrize("is_later", [True, False])
    def test_of_two_that_begin_at_the_same_time_the_files_tell_which_is_newer(
        self, pair, make_leaf, monkeypatch, is_later
    ):
        begin = _x509.datetime.datetime(2026, 1, 1, tzinfo=_x509.datetime.timezone.utc)
        real = _x509.certificate_info
        monkeypatch.setattr(_x509, "certificate_info", lambda leaf: real(leaf)._replace(not_before=begin))
        first, second = make_leaf(ends=5), make_leaf(ends=10)
        interrupted(pair, first, first, second, second)
        if not is_later:
            _wait_for_clock(pair.certificate + ".next")
            os.chmod(pair.certificate, 0o600)
        assert recover(pair, None, False, [].append).changed is is_later

    @pytest.mark.parametrize("waits", ["key", "pair"])
    def test_a_file_of_another_user_is_left_alone(self, pair, old, new, monkeypatch, waits):
        interrupted(pair, *((new, old, None, new) if waits == "key" else (old, old, new, new)))
        real = os.lstat

        class Foreign:
            def __init__(self, path):
                self.st_mode, self.st_uid = real(path).st_mode, 65534

        monkeypatch.setattr(os, "lstat", lambda path, **_settings: Foreign(path))
        warnings = []
        assert recover(pair, None, True, warnings.append) == (pair, False)
        assert "belongs to the user 65534" in warnings[0]

    def test_a_link_is_not_followed(self, pair, old, new, tmp_path):
        interrupted(pair, new, old)
        (tmp_path / "elsewhere").write_text(new.key)
        os.symlink(str(tmp_path / "elsewhere"), pair.key + ".next")
        warnings = []
        assert recover(pair, None, True, warnings.append) == (pair, False)
        assert "is not a regular file" in warnings[0]

    def test_a_fifo_does_not_hang(self, pair, new, old):
        interrupted(pair, new, old)
        os.mkfifo(pair.key + ".next")
        assert recover(pair, None, True, [].append) == (pair, False)

    def test_a_missing_key_is_completed(self, pair, new, old):
        interrupted(pair, new, old, None, new)
        os.unlink(pair.key)
        assert recover(pair, None, True, [].append) == (pair, True)

    def test_dates_that_cannot_be_compared_leave_all_alone(self, pair, old, new, monkeypatch):
        warnings = []
        interrupted(pair, old, old, new, new)
        with open(pair.certificate, "w", encoding="ascii") as file:
            file.write("nothing")
        assert recover(pair, None, True, warnings.append) == (pair, False)
        monkeypatch.setattr(_x509, "HAS_CRYPTOGRAPHY", False)
        assert recover(pair, None, True, warnings.append) == (pair, False)
        assert "cannot be compared" in warnings[0]
        assert "cryptography is missing" in warnings[1]

    def test_nothing_is_done_where_nothing_waits(self, pair, monkeypatch):
        for one in (pair, CertificateFiles(pair.certificate, None)):
            assert recover(one, None, True, [].append) == (one, False)

        def gone(*_arguments):
            raise FileNotFoundError

        # Another run has completed it in the meantime.
        monkeypatch.setattr(os.path, "exists", lambda _path: True)
        monkeypatch.setattr(_files, "key_matches", gone)
        assert recover(pair, None, True, [].append) == (pair, False)

    def test_where_nothing_can_be_written_the_new_key_is_used_from_where_it_is(self, pair, old, new, monkeypatch):
        def fail(*_arguments):
            raise PermissionError

        interrupted(pair, new, old, None, new)
        monkeypatch.setattr(_files, "_rename", fail)
        waiting = CertificateFiles(pair.certificate, pair.key + ".next")
        assert recover(pair, None, True, [].append) == (waiting, False)

    def test_a_renewal_in_progress_is_not_completed_by_another_run(self, pair, old, new):
        interrupted(pair, new, old, None, new)
        with locked(pair):
            assert recover(pair, None, True, [].append).pair.key == pair.key + ".next"
        assert recover(pair, None, True, [].append) == (pair, True)


def _wait_for_clock(path):
    """Wait until a change of another file gets a later time than the last one of `path`."""
    last = os.stat(path).st_ctime_ns
    while True:
        os.chmod(path + ".clock", 0o600) if os.path.exists(path + ".clock") else open(path + ".clock", "w").close()
        if os.stat(path + ".clock").st_ctime_ns > last:
            return


def test_an_error_after_issuance_says_whether_something_changed(pair, new, monkeypatch):
    def fail(_source, destination):
        raise OSError(5, "Input/output error", destination)

    words = r"could not be stored: .*device\.pem: Input/output error\."
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(FileWriteError, match=words) as caught:
            install(CertificateFiles(pair.certificate, None), new, has_new_key=False)
    assert caught.value.changed

    monkeypatch.setattr(_files, "write", lambda _file, _content: fail(None, pair.certificate))
    with pytest.raises(FileWriteError, match=words) as caught:
        install(pair, new)
    assert not caught.value.changed


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), OSError("Operation not supported")])
def test_an_error_without_a_file_name_names_the_certificate(pair, new, monkeypatch, error):
    def fail(*_arguments):
        raise error

    words = re.escape(f": {pair.certificate}: Operation not supported. Correct the cause")
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fail)
        with pytest.raises(FileWriteError, match=f"The module sent no request{words}"), locked(pair):
            pass
    monkeypatch.setattr(_files, "write", fail)
    with pytest.raises(FileWriteError, match=words):
        install(pair, new)


def test_a_locked_key_matches_with_its_passphrase(pair, make_leaf):
    leaf = make_leaf(passphrase="sesame")
    interrupted(pair, leaf, leaf)
    assert [key_matches(pair.certificate, pair.key, word) for word in ("sesame", "wrong", None)] == [True, False, False]
