# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts how the cases of the matrix end, and what is found after a kill."""

from __future__ import annotations

import collections
import typing as t

import pytest


def pytest_terminal_summary(terminalreporter: t.Any) -> None:
    """Print how many cases had which outcome."""
    reports = [report for report in terminalreporter.stats.get("passed", []) if isinstance(report, pytest.TestReport)]
    properties = [pair for report in reports for pair in report.user_properties]
    titles = (
        ("fault matrix", "outcome"),
        ("fault matrix behind proxies", "proxy"),
        ("killed", "kill"),
        ("denials", "denial"),
        ("two writers", "writers"),
        ("fault matrix of enrollments", "enrollment"),
        ("fault matrix of EST", "est"),
    )
    for title, wanted in titles:
        outcomes = [value for name, value in properties if name == wanted]
        if outcomes:
            terminalreporter.section(title)
            for outcome, count in sorted(collections.Counter(outcomes).items()):
                terminalreporter.write_line(f"{count:6} {outcome}")
            terminalreporter.write_line(f"{len(outcomes):6} cases in all")
