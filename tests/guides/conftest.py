# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Someone who follows a guide."""

from __future__ import annotations

import re
import subprocess
import typing as t
from pathlib import Path

from guides.code_blocks import GUIDES, blocks_of
from playbooks.conftest import TARGET, environment_in
from simulator import Simulator


def files_of(guide: str) -> dict[str, str]:
    """Return the files that a guide shows, by the name in the sentence before each."""
    return {block.file: block.text for block in blocks_of(GUIDES / f"{guide}.rst") if block.file}


def comparable(output: str) -> str:
    """Return output without warnings, and without what depends on the width of the terminal."""
    output = re.sub(r"^\[WARNING\]: (?:.+\n)+", "", output, flags=re.MULTILINE)
    return re.sub(r" \*+$| +$", "", output.strip(), flags=re.MULTILINE)


class Reader:
    """Someone who follows a guide in a folder of their own, with the simulator in the place of the service.

    `files` are those that the guide says to write, and `variables` those that it says to export.
    """

    def __init__(
        self, simulator: Simulator, folder: Path, files: t.Mapping[str, str], variables: t.Mapping[str, str]
    ) -> None:
        self.simulator = simulator
        self.folder = folder
        self.variables = variables
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def run(self, command: str, return_code: int = 0) -> str:
        """Run a command line in a shell, as people and pipelines do, and return what it printed."""
        self.simulator.clear_log()
        ran = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env={
                **environment_in(self.folder),
                "ANSIBLE_LOCALHOST_WARNING": "0",
                "ANSIBLE_PYTHON_INTERPRETER": TARGET,
                "ANSIBLE_TRANSPORT": "local",
                "DIGICERT_IOT_API_URL": self.simulator.url,
                "DIGICERT_IOT_CA_PATH": str(self.simulator.certificates.ca),
                **self.variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == return_code, ran.stdout
        return ran.stdout
