# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import progress as _progress
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError

RESULTS = [{"changed": True, "failed": False}, {"changed": False, "failed": True}]


def test_the_file_says_how_far_it_is_from_the_beginning(tmp_path):
    path = tmp_path / "progress.json"
    progress = _progress.Progress(str(path), 3, print)
    assert json.loads(path.read_text()) == {"devices": 3, "done": 0, "changed": 0, "failed": 0}
    progress.report(RESULTS)
    assert json.loads(path.read_text()) == {"devices": 3, "done": 2, "changed": 1, "failed": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["/does/not/exist/progress", "\0"])
def test_a_file_that_cannot_be_written_is_told_at_once(path):
    with pytest.raises(InvalidParametersError, match="progress_path"):
        _progress.Progress(path, 3, print)


def test_a_file_that_cannot_be_written_any_more_stops_nothing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    lines = []
    progress = _progress.Progress(str(folder / "progress"), 3, lines.append)
    (folder / "progress").unlink()
    folder.rmdir()
    progress.report(RESULTS)
    progress.report(RESULTS)
    assert len(lines) == 1
    assert "progress_path" in lines[0]


def test_the_log_has_a_line_now_and_then(monkeypatch):
    lines = []
    clock = iter([0.0, 1.0, 10.0, 11.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    progress = _progress.Progress(None, 3, lines.append)
    for _second in range(3):
        progress.report(RESULTS)
    assert lines == ["2 of 3 devices done, 1 changed, 1 failed"]
