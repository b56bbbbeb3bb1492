# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists the words of words.txt that are left in user-visible text, as FILE:LINE. Fails if there are any.

User-visible are the README, the guides, the documentation of modules, plugins and roles, and all messages. Comments,
docstrings and code in quotes are not.
"""

from __future__ import annotations

import ast
import fnmatch
import re
import sys
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATTERNS = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.rst",
    ".github/**/*.md",
    ".github/ISSUE_TEMPLATE/*.yml",
    "changelogs/changelog.yaml",
    "galaxy.yml",
    "plugins/**/*.py",
    "plugins/**/*.j2",
    "roles/**/*.yml",
    "roles/**/*.j2",
    "roles/**/*.md",
    "tests/simulator/__main__.py",
    "tests/demo/*.yml",
)
# Reports of tools, and texts that others wrote.
NOT_CHECKED = ("CHANGELOG.md", "CODE_OF_CONDUCT.md")
INLINE_CODE = re.compile(r"``[^`]+``|`[^`\n]+`(?!_)|\bC\([^)]*\)")

Lines = t.Iterable[tuple[int, str]]


class Finding(t.NamedTuple):
    """A word in a line of a file, and the term to use."""

    path: str
    line: int
    word: str
    term: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r}: use {self.term}"


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Return both sides of each line of a list."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [(left.strip(), right.strip()) for left, _bar, right in (line.partition(" | ") for line in lines)]


def python_lines(source: str) -> Lines:
    """Return the lines of all strings of a Python file that are no docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            for offset, line in enumerate(node.value.splitlines()):
                yield node.lineno + offset, line


def text_lines(source: str, comment: tuple[str, ...] = ()) -> Lines:
    """Return the lines of a text, without its comments."""
    for number, line in enumerate(source.splitlines(), 1):
        if not line.lstrip().startswith(comment):
            yield number, line


def lines_of(path: Path) -> Lines:
    """Return the user-visible lines of a file."""
    source = path.read_text()
    if path.suffix == ".py":
        return python_lines(source)
    return text_lines(source, ("#", "{#") if path.suffix in (".yml", ".j2") else ())


def check(
    path: str, lines: Lines, words: t.Sequence[tuple[str, str]], exceptions: t.Sequence[tuple[str, str]]
) -> list[Finding]:
    """Return the findings in the lines of a file."""
    allowed = [text for pattern, text in exceptions if fnmatch.fnmatch(path, pattern)]
    patterns = [(term, re.compile(rf"(?<![\w./-])(?:{word})(?![\w/-]|\.\w)", re.IGNORECASE)) for term, word in words]
    findings = []
    for number, line in lines:
        text = INLINE_CODE.sub("", line)
        for exception in allowed:
            text = text.replace(exception, "")
        findings += [
            Finding(path, number, match[0], term) for term, pattern in patterns for match in pattern.finditer(text)
        ]
    return findings


def check_all(root: Path = ROOT) -> list[Finding]:
    """Return the findings in all user-visible text."""
    words, exceptions = read_pairs(HERE / "words.txt"), read_pairs(HERE / "exceptions.txt")
    paths = sorted({path for pattern in PATTERNS for path in root.glob(pattern) if path.name not in NOT_CHECKED})
    findings = []
    for path in paths:
        findings += check(str(path.relative_to(root)), lines_of(path), words, exceptions)
    return sorted(set(findings))


if __name__ == "__main__":
    found = check_all()
    print("\n".join([*map(str, found), f"{len(found)} words to replace."]))
    sys.exit(bool(found))
