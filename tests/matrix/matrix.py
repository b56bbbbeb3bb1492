# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbook tests with each ansible-core, each Python that it supports on managed hosts, and old and new libraries.

`matrix.py` tries all, and prints a table; with `--write` it writes the table into the guide. With arguments such as
`2.16/3.7/oldest` it tries these alone. With `--whole` each runs all tests of the files, instead of those whose outcome
may differ by version.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pythons import search_path

TESTS = Path(__file__).resolve().parent.parent
PLAYBOOKS = TESTS / "playbooks"
GUIDE = TESTS.parent / "docs/docsite/rst/guide_versions.rst"
ENVIRONMENTS = Path(sys.prefix, "matrix")

# The Python of the controller, and the oldest of the managed hosts.
CORES = {
    "2.16": ("3.11", "3.7"),
    "2.17": ("3.11", "3.7"),
    "2.18": ("3.11", "3.8"),
    "2.19": ("3.11", "3.8"),
    "2.20": ("3.13", "3.9"),
    "2.21": ("3.13", "3.9"),
}
TARGETS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
LIBRARIES = {
    "oldest": ["requests==2.22.*", "urllib3==1.25.*", "cryptography==3.3.*"],
    "newest": ["requests", "urllib3", "cryptography"],
}
# Before 1.26.5, urllib3 cannot be imported by these.
OLDEST_FROM_3_12 = ["requests==2.25.*", "urllib3==1.26.5", "cryptography==3.3.*"]

# What may differ by version: the handshake and its errors, keys, files, what the core does with options and results.
CHOSEN = {
    "test_callback_fleet_report.py": ["test_check_mode_reports_drift_and_a_run_reports_changes"],
    "test_digicert_iot_device.py": [
        "test_fields_are_set_removed_and_kept[null]",
        "test_values_have_one_text",
        "test_all_that_is_wrong_with_a_task_is_told_without_a_connection",
        "test_a_lost_update_without_effect_is_told",
        "test_ways_to_give_the_key",
        "test_a_certificate_that_the_service_refuses",
        "test_a_service_that_is_not_trusted_or_not_there",
        "test_the_proxy_of_the_environment",
        "test_the_connection_can_be_shared_by_a_play",
    ],
    "test_digicert_iot_device_certificate.py": [
        "test_the_key_is_kept",
        "test_a_new_key_of_each_kind",
        "test_an_interrupted_renewal_is_completed_by_modules_that_write",
        "test_est_renews_and_verifies_the_new_certificate",
        "test_est_meets_the_csr_attributes_of_a_renewal",
    ],
    "test_digicert_iot_device_enrollment.py": [
        "test_a_device_that_was_off_comes_back",
        "test_est_enrolls_with_each_credential",
        "test_est_trusts_a_fingerprint_first",
    ],
    "test_digicert_iot_device_info.py": ["test_a_record_is_read_and_nothing_changed"],
    "test_digicert_iot_registration.py": ["test_a_device_is_registered"],
    "test_digicert_iot_registrations.py": ["test_an_account_is_as_the_file_says"],
    "test_digicert_iot_devices.py": [
        "test_all_devices_are_brought_to_one_value",
        "test_the_secrets_of_one_device_show_nowhere",
    ],
    "test_inventory_digicert_iot.py": [
        "test_all_that_a_source_can_say",
        "test_nothing_in_a_record_is_a_template",
    ],
    "test_role_device.py": ["test_a_host_is_brought_to_a_true_record_and_a_fresh_certificate"],
    "test_secrets.py": ["test_secret_values_are_kept_and_hidden", "test_credentials_can_be_content"],
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One thing to try: a version of ansible-core, the Python of a managed host, and which of LIBRARIES it has."""

    core: str
    target: str
    libraries: str

    def __str__(self) -> str:
        return f"{self.core}/{self.target}/{self.libraries}"


def supports(core: str, target: str) -> bool:
    """Say whether this ansible-core runs modules with this Python."""
    return TARGETS.index(target) >= TARGETS.index(CORES[core][1])


CELLS = [Cell(*parts) for parts in itertools.product(CORES, TARGETS, LIBRARIES) if supports(*parts[:2])]


def environment(name: str, python: str, requirements: list[str]) -> Path:
    """Return the folder of the programs of a virtual environment, which is made when it is not there."""
    folder = ENVIRONMENTS / name
    if not (folder / "ready").exists():
        found = shutil.which(f"python{python}", path=search_path())
        if not found:
            sys.exit(f"Python {python} is not on this machine.")
        subprocess.run([found, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def controller(core: str) -> Path:
    """Return where the programs of this ansible-core are, with what the inventory plugin needs."""
    return environment(f"core-{core}", CORES[core][0], [f"ansible-core=={core}.*", "requests"])


def target(python: str, libraries: str) -> Path:
    """Return where this Python is, with the libraries that a managed host may have."""
    old = libraries == "oldest" and TARGETS.index(python) >= TARGETS.index("3.12")
    return environment(f"{libraries}-{python}", python, OLDEST_FROM_3_12 if old else LIBRARIES[libraries])


def version(programs: Path, module: str, attribute: str = "__version__") -> str:
    """Return the version of what is installed in an environment."""
    code = f"import {module}; print({module}.{attribute})"
    run = subprocess.run([programs / "python", "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def try_cell(cell: Cell, whole: bool) -> tuple[Cell, bool, str]:
    """Run the tests of one cell. Return it, whether they passed, and what pytest printed."""
    chosen = CHOSEN if whole else [f"{name}::{test}" for name, tests in CHOSEN.items() for test in tests]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *(PLAYBOOKS / name for name in chosen)],
        env={
            **os.environ,
            "TEST_CONTROLLER": str(controller(cell.core)),
            "TEST_TARGET": str(target(cell.target, cell.libraries) / "python"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = ran.returncode == 0 and not re.search(r"\d skipped", ran.stdout)
    print(f"{cell}: {ran.stdout.rstrip().rpartition(chr(10))[2]}", flush=True)
    return cell, passed, ran.stdout


def rst_table(rows: list[list[str]]) -> str:
    """Return a table whose first row is its head."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if number == 0 else ' '} - {text}" for number, text in enumerate(row)]
    return "\n".join(lines) + "\n"


def tables(passed: dict[Cell, bool]) -> str:
    """Return what came of all cells, and the versions that took part."""

    def told(core: str, python: str) -> str:
        if not supports(core, python):
            return "\\-"
        failed = [name for name in LIBRARIES if not passed[Cell(core, python, name)]]
        return " and ".join(failed) + " failed" if failed else "passed"

    results = [["ansible-core", *TARGETS]]
    for core in CORES:
        exact = version(controller(core), "ansible.release")
        results.append([f"{exact} (on {CORES[core][0]})", *(told(core, python) for python in TARGETS)])
    took_part = [["Python", "oldest libraries", "newest libraries", "OpenSSL"]]
    for python in TARGETS:
        row = [python]
        for name in LIBRARIES:
            programs = target(python, name)
            row.append(
                ", ".join(f"{each} {version(programs, each)}" for each in ("requests", "urllib3", "cryptography"))
            )
        took_part.append([*row, version(target(python, "newest"), "ssl", "OPENSSL_VERSION").split()[1]])
    return f"{rst_table(results)}\n{rst_table(took_part)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the modules with many versions.")
    parser.add_argument("cells", nargs="*", help="which, as CORE/PYTHON/LIBRARIES; all when none is given")
    parser.add_argument("--whole", action="store_true", help="run all tests of the files")
    parser.add_argument("--write", action="store_true", help="write the table of all cells into the guide")
    arguments = parser.parse_args()
    cells = [cell for cell in CELLS if not arguments.cells or str(cell) in arguments.cells]
    if len(cells) < len(arguments.cells):
        sys.exit(f"These are the cells: {' '.join(map(str, CELLS))}")
    for cell in cells:
        controller(cell.core)
        target(cell.target, cell.libraries)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda cell: try_cell(cell, arguments.whole), cells))
    failed = [cell for cell, passed, _printed in outcomes if not passed]
    for cell, passed, printed in outcomes:
        if not passed:
            print(f"\n===== {cell}\n{printed}")
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} passed. Failed: {', '.join(map(str, failed)) or 'none'}.")
    if cells == CELLS:
        table = tables({cell: passed for cell, passed, _printed in outcomes})
        print(table)
        if arguments.write:
            begin, end = ".. The tables are written by: make matrix\n", "\n.. End of the tables\n"
            head, _old, tail = re.split(f"({re.escape(begin)}.*?{re.escape(end)})", GUIDE.read_text(), flags=re.DOTALL)
            GUIDE.write_text(f"{head}{begin}\n{table}{end}{tail}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
