# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._whole_file import write_whole


def test_a_file_is_replaced_with_the_mode_that_any_new_file_gets(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    mask = os.umask(0o027)
    try:
        write_whole(str(path), "new \ud800 ü")
    finally:
        os.umask(mask)
    assert path.read_text(encoding="utf-8") == "new \\ud800 ü"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_whole(str(path), "text")
    assert list(tmp_path.iterdir()) == [path]
