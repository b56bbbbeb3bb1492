# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code is as the guide on its design says: rooms, the ways between them, and the tests beside them."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._values import MAXIMUM_VALUE_LENGTH
from guides.code_blocks import GUIDES, ROOT

PLUGINS = ROOT / "plugins"
PRIVATE = sorted(path for path in PLUGINS.glob("*_utils/_*.py"))
# What has an effect or asks the world.
IMPURE = {
    "ansible",
    "http",
    "random",
    "requests",
    "select",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib3",
}


def rooms() -> list[set[str]]:
    """Return the names of the files in each room of the guide, from above."""
    table = (GUIDES / "guide_design.rst").read_text().partition("* - Room")[2].partition("\nSo the place")[0]
    return [set(re.findall(r"``(_\w+)``", row)) for row in table.split("\n   * - ")[1:]]


def imports_of(path: Path) -> set[str]:
    """Return what a file imports: `_name` of this collection's private files, and the first part of all others."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) else []
        names |= {name.rpartition(".")[2] if "edgeops.digicert" in name else name.partition(".")[0] for name in modules}
    return names


def test_each_file_is_in_one_room():
    assert sorted(name for room in rooms() for name in room) == sorted(path.stem for path in PRIVATE)


@pytest.mark.parametrize("path", PRIVATE, ids=lambda path: path.stem)
def test_a_file_imports_from_its_own_room_and_from_those_below(path):
    own = next(number for number, room in enumerate(rooms()) if path.stem in room)
    allowed = set().union(*rooms()[own:])
    assert {name for name in imports_of(path) if name.startswith("_") and name != "__future__"} <= allowed


def test_there_is_no_circle():
    graph = {path.stem: imports_of(path) for path in PRIVATE}
    assert list(TopologicalSorter(graph).static_order())


def test_what_decides_is_pure():
    pure = rooms()[4]
    assert "_plan" in pure
    for path in PRIVATE:
        if path.stem in pure:
            assert not imports_of(path) & IMPURE, path
            assert not re.search(r"\.(now|utcnow|today)\(\)|\bopen\(", path.read_text()), path


def test_only_plugins_end_a_task():
    # Module overrides both.
    for path in [path for path in PRIVATE if path.name != "_module.py"]:
        assert not re.search(r"\.(exit_json|fail_json)\(", path.read_text()), path


def test_the_tests_lie_as_what_they_test():
    for path in PRIVATE:
        assert (ROOT / "tests/unit/plugins" / path.parent.name / f"test_{path.name}").is_file(), path
    for path in (ROOT / "tests/unit/plugins").glob("*_utils/test_*.py"):
        assert (PLUGINS / path.parent.name / path.name.removeprefix("test_")).is_file(), path
    for path in PLUGINS.glob("modules/*.py"):
        assert (ROOT / "tests/playbooks" / f"test_{path.name}").is_file(), path
    for kind in ("callback", "inventory"):
        for path in PLUGINS.glob(f"{kind}/*.py"):
            assert (ROOT / "tests/playbooks" / f"test_{kind}_{path.name}").is_file(), path
    for path in ROOT.glob("roles/*"):
        assert (ROOT / "tests/playbooks" / f"test_role_{path.name}.py").is_file(), path


def test_the_longest_value_is_said_as_it_is():
    assert f"at most {MAXIMUM_VALUE_LENGTH} characters" in (PLUGINS / "doc_fragments/record.py").read_text()
