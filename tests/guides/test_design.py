# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code has the structure that the guide on its architecture shows, and the tests lie as the code does."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import MAXIMUM_VALUE_LENGTH
from guides.code_blocks import GUIDES, ROOT

PLUGINS = ROOT / "plugins"
MODULE_UTILS = PLUGINS / "module_utils"
# From the top. "" is for the files beside the directories.
LAYERS = ("_bulk", "_operations", "_client", "_certificate", "_record", "")
PRIVATE = sorted(
    path
    for folder in ("module_utils", "plugin_utils")
    for path in (PLUGINS / folder).rglob("*.py")
    if path.stat().st_size
)
# Pure files outside _record.
PURE = (
    "_bulk/devices",
    "_certificate/csr_attributes",
    "_certificate/enrollment_options",
    "_certificate/enrollment_policy",
    "_certificate/est_options",
    "_certificate/names",
    "_certificate/pem",
    "_certificate/policy",
    "_certificate/renewal_options",
    "_client/pagination",
    "_client/rate_limiter",
    "_client/retry",
    "_operations/device_task",
)
# What has an effect or depends on the environment.
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
PREFIX = "ansible_collections.edgeops.digicert.plugins."


def name_of(path: Path) -> str:
    """Return the name of a file in imports, after PREFIX."""
    return ".".join(path.relative_to(PLUGINS).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """Return what a file imports: the collection's own files by `name_of`, of all others the first part of the name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) else []
        names |= {
            name.removeprefix(PREFIX) if name.startswith(PREFIX) else name.partition(".")[0] for name in modules if name
        }
    return names


def layer_of(name: str) -> int:
    """Return the number of the layer of a file with this name, from the top."""
    parts = name.split(".")
    return LAYERS.index(parts[1] if len(parts) > 2 else "")


def test_each_directory_is_a_layer_that_the_guide_shows():
    directories = {path.name for path in MODULE_UTILS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert directories == set(LAYERS) - {""}
    diagram = (GUIDES / "guide_design.rst").read_text().partition("code-block:: text")[2]
    assert re.findall(r"^    (_\w+) ", diagram, re.MULTILINE) == list(LAYERS[:-1])


@pytest.mark.parametrize("path", sorted(MODULE_UTILS.rglob("*.py")), ids=name_of)
def test_a_file_imports_from_its_own_layer_and_from_lower_layers(path):
    imported = [name for name in imports_of(path) if name.startswith(("module_utils.", "plugin_utils."))]
    assert not [name for name in imported if name.startswith("plugin_utils.")]
    assert [name for name in imported if layer_of(name) < layer_of(name_of(path))] == []


def test_there_is_no_cycle():
    graph = {name_of(path): imports_of(path) for path in PRIVATE}
    assert list(TopologicalSorter(graph).static_order())


def test_what_decides_is_pure():
    paths = [*(MODULE_UTILS / "_record").glob("[!_]*.py"), *(MODULE_UTILS / f"{name}.py" for name in PURE)]
    paths += [path for path in PRIVATE if path.name in ("_report.py", "_findings.py", "_inventory_hosts.py")]
    assert len(paths) == 7 + len(PURE) + 3
    for path in paths:
        assert not imports_of(path) & IMPURE, path
        assert not re.search(r"\.(now|utcnow|today)\(\)|\bopen\(", path.read_text()), path


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=name_of)
def test_functions_are_short_and_have_few_parameters(path):
    for function in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)):
        parameters = [*function.args.args, *function.args.kwonlyargs]
        assert function.end_lineno - function.lineno < 50, function.name
        assert len([each for each in parameters if each.arg not in ("self", "cls")]) <= 5, function.name


def test_only_plugins_end_a_task():
    # Module overrides both.
    for path in [path for path in PRIVATE if path.name != "_module.py"]:
        assert not re.search(r"\.(exit_json|fail_json)\(", path.read_text()), path


def test_the_tests_lie_as_what_they_test():
    unit = ROOT / "tests/unit/plugins"
    tests = [path for path in unit.rglob("test_*.py") if path.parent != unit]
    tested = [PLUGINS / path.parent.relative_to(unit) / path.name.removeprefix("test_") for path in tests]
    assert sorted(tested) == sorted(PRIVATE)
    for path in PLUGINS.glob("modules/*.py"):
        assert (ROOT / "tests/playbooks" / f"test_{path.name}").is_file(), path
    for kind in ("callback", "inventory"):
        for path in PLUGINS.glob(f"{kind}/*.py"):
            assert (ROOT / "tests/playbooks" / f"test_{kind}_{path.name}").is_file(), path
    for path in ROOT.glob("roles/*"):
        assert (ROOT / "tests/playbooks" / f"test_role_{path.name}.py").is_file(), path


def test_the_longest_value_is_said_as_it_is():
    assert f"at most {MAXIMUM_VALUE_LENGTH} characters" in (PLUGINS / "doc_fragments/record.py").read_text()
