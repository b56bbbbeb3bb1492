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
CAPTION = re.compile(r" *:caption: (.+)")


class Block(t.NamedTuple):
    """A code block: where it is (path from the root, number of its first line), its language and caption, its text."""

    path: str
    line: int
    language: str
    caption: str
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
        yield Block(path, found.row_offset + 1, found.language or "", _caption(lines, found.row_offset), found.content)


def _caption(lines: list[str], row: int) -> str:
    """Return the caption of the block whose content begins at `row`, or ""."""
    for line in reversed(lines[:row]):
        if line.lstrip().startswith(".. "):
            return ""
        if found := CAPTION.fullmatch(line):
            return found.group(1)
    return ""


def _in_markdown(path: str, text: str) -> t.Iterator[Block]:
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block"):
            yield Block(path, token.map[0] + 2, token.info, "", token.content)


def _in_plugin(path: str, text: str) -> t.Iterator[Block]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "EXAMPLES":
            yield Block(path, node.lineno + 1, "yaml", "", node.value.value)
