# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _pair
from ansible_collections.edgeops.digicert.plugins.module_utils._failures import FilesNotReplaced
from ansible_collections.edgeops.digicert.plugins.module_utils._pair import (
    Pair,
    finish,
    fit,
    forget,
    locked,
    replace,
    reserve,
)


@pytest.fixture
def old(leaf):
    return leaf


@pytest.fixture
def new(make_leaf):
    return make_leaf()


@pytest.fixture
def pair(old, tmp_path):
    """A certificate and its key in a folder of their own."""
    folder = tmp_path / "pki"
    folder.mkdir()
    pair = Pair(str(folder / "device.pem"), str(folder / "device.key"))
    for path, content in zip(pair, (old.certificate, old.key)):
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path, 0o640)
    return pair


def contents(folder):
    return {name: (folder / name).read_text() for name in os.listdir(str(folder))}


def test_a_pair_is_replaced_and_nothing_else_is_left(pair, new, tmp_path):
    reserve(pair, new.key.encode())
    assert sorted(contents(tmp_path / "pki")) == ["device.key", "device.key.next", "device.pem", "device.pem.part"]
    replace(pair, new.certificate.encode(), new.key.encode())
    assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
    assert fit(pair.certificate, pair.key, None)
    assert [os.stat(path).st_mode & 0o777 for path in pair] == [0o640, 0o640]


def test_an_attempt_that_came_to_nothing_is_forgotten(pair, new, tmp_path):
    before = contents(tmp_path / "pki")
    reserve(pair, new.key.encode())
    forget(pair)
    forget(Pair(pair.certificate, None))
    assert contents(tmp_path / "pki") == before


def test_one_file_can_hold_both(pair, new, tmp_path):
    both = Pair(pair.certificate, None)
    reserve(both, new.key.encode())
    replace(both, new.certificate.encode(), new.key.encode())
    assert contents(tmp_path / "pki")["device.pem"] == new.certificate + new.key


def test_a_folder_behind_a_link_is_replaced_by_one_rename(pair, old, new, tmp_path, monkeypatch):
    (tmp_path / "pki/more").symlink_to("device.pem")
    (tmp_path / "pki/inner").mkdir()
    (tmp_path / "pki/other").write_text("other")
    (tmp_path / "link").symlink_to("pki")
    (tmp_path / "link.next").write_text("left")
    linked = Pair(str(tmp_path / "link/device.pem"), str(tmp_path / "link/device.key"))
    assert pair.linked_folder is None
    reserve(linked, new.key.encode())
    replace(linked, new.certificate.encode(), new.key.encode())
    expected = {"device.pem": new.certificate, "device.key": new.key, "more": new.certificate, "other": "other"}
    (tmp_path / "link/inner").rmdir()
    (tmp_path / "pki/inner").rmdir()
    assert contents(tmp_path / "link") == expected
    assert contents(tmp_path / "pki") == {
        **expected,
        "device.pem": old.certificate,
        "device.key": old.key,
        "more": old.certificate,
    }
    assert not (tmp_path / "link.next").exists()
    assert os.readlink(str(tmp_path / "link")).startswith("link-")

    def fail(*_arguments):
        raise OSError(28, "No space left on device", "link")

    monkeypatch.setattr(os, "symlink", fail)
    names = sorted(os.listdir(str(tmp_path)))
    with pytest.raises(FilesNotReplaced, match="No space left"):
        replace(linked, new.certificate.encode(), new.key.encode())
    assert sorted(os.listdir(str(tmp_path))) == names


def test_what_cannot_be_written_is_said(pair, new, tmp_path):
    (tmp_path / "pki/device.key.next.part").mkdir()
    with pytest.raises(FilesNotReplaced, match=r"so none was asked for: .*device\.key\.next\.part"):
        reserve(pair, new.key.encode())


def test_an_owner_is_kept(pair, monkeypatch):
    given = []
    monkeypatch.setattr(os, "chown", lambda *arguments: given.append(arguments[1:]))
    state = os.stat(pair.certificate)

    class Foreign:
        st_uid, st_gid, st_size, st_mode = state.st_uid + 1, state.st_gid, state.st_size, state.st_mode
        st_atime_ns = st_mtime_ns = 0

    real = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, **settings: Foreign() if path == pair.certificate else real(path, **settings)
    )
    reserve(Pair(pair.certificate, None), None)
    assert given == [(state.st_uid + 1, state.st_gid)]


def test_only_one_renewal_at_a_time(pair):
    with locked(pair), pytest.raises(FilesNotReplaced, match="Another renewal"), locked(pair):
        pass
    with locked(pair):
        pass
    with pytest.raises(FilesNotReplaced, match="No such file"), locked(Pair("/does/not/exist/x", None)):
        pass


def interrupted(pair, certificate, key, waiting_certificate=None, waiting_key=None):
    """Lay the files as a crash leaves them."""
    for path, leaf, attribute in (
        (pair.certificate, certificate, "certificate"),
        (pair.key, key, "key"),
        (pair.certificate + ".next", waiting_certificate, "certificate"),
        (pair.key + ".next", waiting_key, "key"),
    ):
        if leaf is not None:
            with open(path, "w", encoding="ascii") as file:
                file.write(getattr(leaf, attribute))


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_interrupted_renewal_is_finished(pair, old, new, tmp_path, check_mode):
    warnings = []
    for state in ((new, old, None, new), (old, old, new, new)):
        for path in (pair.certificate + ".next", pair.key + ".next"):
            if os.path.exists(path):
                os.unlink(path)
        interrupted(pair, *state)
        working = finish(pair, None, check_mode, warnings.append)
        assert fit(working.certificate, working.key, None)
        if check_mode:
            assert os.path.exists(pair.key + ".next")
            assert (working == pair) is (state[0] is state[1])
        else:
            assert working == pair
            assert contents(tmp_path / "pki") == {"device.pem": new.certificate, "device.key": new.key}
    assert len(warnings) == (0 if check_mode else 2)


def test_what_was_not_asked_for_yet_is_left_alone(pair, old, new, make_leaf):
    for state in ((old, old, None, new), (old, old, make_leaf(), new), (old, make_leaf(), None, new)):
        interrupted(pair, *state)
        assert finish(pair, None, False, [].append) == pair
        assert os.path.exists(pair.key + ".next")


def test_nothing_is_done_where_nothing_waits(pair):
    assert finish(pair, None, False, [].append) == pair
    assert finish(Pair(pair.certificate, None), None, False, [].append) == Pair(pair.certificate, None)


def test_where_nothing_can_be_written_the_new_key_is_used_from_where_it_is(pair, old, new, monkeypatch):
    def fail(*_arguments):
        raise PermissionError

    interrupted(pair, new, old, None, new)
    monkeypatch.setattr(_pair, "_rename", fail)
    assert finish(pair, None, False, [].append) == Pair(pair.certificate, pair.key + ".next")


def test_a_renewal_that_goes_on_is_not_finished_by_another_run(pair, old, new):
    interrupted(pair, new, old, None, new)
    with locked(pair):
        assert finish(pair, None, False, [].append) == Pair(pair.certificate, pair.key + ".next")
    assert finish(pair, None, False, [].append) == pair


def test_what_was_issued_and_could_not_be_stored_may_have_changed_something(pair, new, monkeypatch):
    def fail(_source, destination):
        raise OSError(5, "Input/output error", destination)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(FilesNotReplaced, match=r"could not be stored: .*device\.pem: Input/output error\.") as caught:
        replace(Pair(pair.certificate, None), new.certificate.encode(), new.key.encode())
    assert caught.value.changed


def test_a_locked_pair_fits_with_its_passphrase(pair, make_leaf):
    interrupted(pair, make_leaf(), None)
    leaf = make_leaf(passphrase="sesame")
    interrupted(pair, leaf, leaf)
    assert [fit(pair.certificate, pair.key, word) for word in ("sesame", "wrong", None)] == [True, False, False]
