# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity`, `units` or `integration` on this checkout: ansible_test.py COMMAND [OPTION…].

ansible-test refuses symbolic links to a collection, downloads a script of its own, writes below HOME and takes a test
that it could not run for a success. So this program copies the collection, puts a stand-in where the script would be
cached, gives a HOME inside the virtual environment that it runs in, and fails when a test did not run.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pythons import search_path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
VENV = Path(sys.prefix)
HOME = VENV / "home"
CACHED_SCRIPTS = HOME / ".ansible/test/cache"
# A Python that this machine lacks is no failure; the others in this family are.
NOT_RUN = re.compile(r"Required program|All targets skipped|Skipping sanity test (?!.*because it could not be found)")
# Old target Pythons cannot run these; `make pytest` runs them.
ONLY_FOR_THE_CONTROLLER = re.compile(r"tests/(?!config\.yml|unit/(?!simulator/))")


def is_for_units(name: str) -> bool:
    """Return whether old target Pythons can run this file, which does not need the simulator."""
    if ONLY_FOR_THE_CONTROLLER.match(name):
        return False
    return not (name.startswith("tests/unit/") and "from simulator import" in (CHECKOUT / name).read_text())


def copy_collection(command: str) -> Path:
    """Bring the copy for this command up to date and keep tests/output, where ansible-test keeps its environments."""
    copy = VENV / "ansible-test" / command / "ansible_collections/edgeops/digicert"
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.split("\0")
    copy.mkdir(parents=True, exist_ok=True)
    # A repository of its own, or git would tell ansible-test that all of it is ignored.
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    subprocess.run(["git", "clean", "-dfqx", "--exclude=/tests/output"], cwd=copy, check=True)
    for name in listed:
        if (CHECKOUT / name).is_file() and (command != "units" or is_for_units(name)):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, copy / name, follow_symlinks=False)
    return copy


def prepare_home() -> None:
    """Put every pip that this ansible-test may ask for in place, with the stand-in, and hand on the settings of pip."""
    requirements = Path(sysconfig.get_path("purelib"), "ansible_test/_internal/python_requirements.py").read_text()
    CACHED_SCRIPTS.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"\bpip='([\d.]+)'", requirements):
        shutil.copy(HERE / "get_pip.py", CACHED_SCRIPTS / f"get_pip_{version.replace('.', '_')}.py")
        if not list(CACHED_SCRIPTS.glob(f"pip-{version}-*.whl")):
            download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", CACHED_SCRIPTS]
            subprocess.run([*download, f"pip=={version}"], check=True)

    settings = configparser.RawConfigParser()
    shown = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    for line in shown.stdout.splitlines():  # SECTION.NAME='VALUE'; variables of the environment come as :env:.NAME
        name, value = line.split("=", 1)
        section, option = name.replace(":env:", "global").split(".", 1)
        settings.read_dict({section: {option: ast.literal_eval(value)}})
    # Each environment runs one tool, which loads a part of what is installed.
    settings.read_dict({"install": {"compile": "no"}})
    config = HOME / ".config/pip/pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    with config.open("w") as file:
        settings.write(file)


def main() -> int:
    command, *options = sys.argv[1:]
    copy = copy_collection(command)
    prepare_home()
    environment = {**os.environ, "HOME": str(HOME), "PATH": search_path()}
    arguments = [sys.executable, VENV / "bin/ansible-test", command, "--venv", "--color", "no", *options]
    not_run = []
    with subprocess.Popen(
        arguments, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if NOT_RUN.search(line):
                not_run.append(line)
    if not_run:
        print("These did not run, so this is no success:\n" + "".join(not_run), end="")
    return process.returncode or bool(not_run)


if __name__ == "__main__":
    sys.exit(main())
