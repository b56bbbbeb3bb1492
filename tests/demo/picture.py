# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw the picture of the demo for the README from a part of its output on a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
PICTURE = HERE.parent.parent / "docs/docsite/rst/demo.svg"
BEGINS = "1. Preview"
# Lines that Ansible prints in each run.
LEFT_OUT = re.compile(r"PLAY |TASK |localhost  |(ok|changed): \[localhost\]|\s*$")
# Fonts come from the viewer's system: a picture loads nothing.
FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
NUMBER = re.compile(r"terminal-\d+")


def demo_on_a_terminal() -> str:
    """Run the demo on a terminal and return its output with colors. Raises AssertionError if it fails."""
    printed = io.BytesIO()

    def read(descriptor: int) -> bytes:
        chunk = os.read(descriptor, 65536)
        printed.write(chunk)
        return chunk

    status = pty.spawn([sys.executable, str(HERE / "demo.py")], read)
    assert status == 0, printed.getvalue().decode()
    return printed.getvalue().decode().replace("\r", "")


def shortened(printed: str) -> list[Text]:
    """Return the lines of the demo that the picture shows."""
    lines = [Text.from_ansi(line) for line in printed.splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.plain.startswith(BEGINS))
    return [line for line in lines[begin:] if not LEFT_OUT.match(line.plain)]


def draw(lines: list[Text]) -> str:
    """Return the picture of these lines."""
    console = Console(record=True, width=103, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        if re.match(r"\d\. |The current record|A PUT", line.plain) and line is not lines[0]:
            console.print()
        console.print(line, soft_wrap=True)
    picture = FONT_FACE.sub("", console.export_svg(title="make demo"))
    return NUMBER.sub("terminal", picture) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(shortened(demo_on_a_terminal())))
    print(f"\n{PICTURE.relative_to(Path.cwd())}")
