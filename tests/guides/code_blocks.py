# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the code blocks of the documentation."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

from antsibull_docutils.rst_code_finder import find_code_blocks
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/docsite/rst"
# The end of a paragraph before a block that is a file of the reader. Absolute paths are files of a managed host.
FILE = re.compile(r"``([\w.][\w./-]*\.\w+)``:$")


class Block(t.NamedTuple):
    """A code block: where it is (path from the root, number of its first line), its language, its file, its text."""

    path: str
    line: int
    language: str
    file: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, as editors write it."""
        return f"{self.path}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """Return the code blocks of a file of documentation, or the examples of a plugin, in their order."""
    find = {".rst": _in_rst, ".md": _in_markdown, ".py": _in_plugin}[path.suffix]
    return list(find(str(path.relative_to(ROOT)), path.read_text()))


def all_blocks() -> list[Block]:
    """Return the code blocks of all documentation."""
    patterns = ("*.md", "roles/*/README.md", "docs/docsite/rst/*.rst", "plugins/*/digicert_*.py")
    return [block for pattern in patterns for path in sorted(ROOT.glob(pattern)) for block in blocks_of(path)]


def _in_rst(path: str, text: str) -> t.Iterator[Block]:
    lines = text.splitlines()
    for found in find_code_blocks(text, path=path, root_prefix=str(ROOT)):
        yield Block(path, found.row_offset + 1, found.language or "", _file(lines, found.row_offset), found.content)


def _file(lines: list[str], row: int) -> str:
    """Return the file that the paragraph before the block names whose content begins at `row`, or ""."""
    above = row
    while not lines[above].lstrip().startswith(".. "):
        above -= 1
    before = [line for line in lines[:above] if line.strip()][-1]
    found = FILE.search(before)
    return found[1] if found else ""


def _in_markdown(path: str, text: str) -> t.Iterator[Block]:
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block"):
            yield Block(path, token.map[0] + 2, token.info, "", token.content)


def _in_plugin(path: str, text: str) -> t.Iterator[Block]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "EXAMPLES":
            yield Block(path, node.lineno + 1, "yaml", "", node.value.value)
