# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics and the alerting rules of the guide on fleets are those of the role pull, and the alerts fire."""

from __future__ import annotations

import json
import re
import runpy
import subprocess

import pytest
import yaml

from guides.code_blocks import GUIDES, ROOT
from guides.conftest import files_of
from servers.serving import find

METRICS = list(runpy.run_path(str(ROOT / "roles/pull/files/metrics.py"))["METRICS"])
RULES = files_of("guide_fleets")["digicert_iot_pull.rules.yml"]
START, END, RETURN_CODE, SUCCESS, NOT_AFTER, DRIFTED, FAILED = METRICS
DAY = 86400


def test_the_guide_lists_the_metrics_and_the_rules_use_no_others():
    guide = (GUIDES / "guide_fleets.rst").read_text()
    assert re.findall(r"^   \* - ``(digicert_iot_pull_\w+)``$", guide, re.MULTILINE) == METRICS
    expressions = [rule["expr"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]]
    used = [re.findall(r"digicert_iot_pull_\w+", expression) for expression in expressions]
    assert all(names and set(names) <= set(METRICS) for names in used)


# A value for each minute of ten hours, in the notation of promtool -> the alerts that fire at the end.
HEALTHY = {
    END: "0+60x600",
    RETURN_CODE: "0x600",
    NOT_AFTER: f"{30 * DAY}x600",
    DRIFTED: "0x600",
    FAILED: "0x600",
}
CASES = {
    "healthy": ({}, []),
    "no run for hours": ({END: "0x600"}, ["DigicertIotPullMissing"]),
    "a late run": ({END: "0+60x480 28800x120"}, []),
    "all runs fail": ({RETURN_CODE: "2x600"}, ["DigicertIotPullFailing"]),
    "a run failed before": ({RETURN_CODE: "2x500 0x100"}, []),
    "git fails": (dict.fromkeys((DRIFTED, FAILED), "_x600"), []),
    "no renewal": ({NOT_AFTER: f"{14 * DAY}x600"}, ["DigicertIotCertificateEndsSoon"]),
    "an expired certificate": ({NOT_AFTER: "0x600"}, ["DigicertIotCertificateEndsSoon"]),
    "no certificate yet": ({NOT_AFTER: "_x600"}, []),
    "drift in each run": ({DRIFTED: "1x600"}, ["DigicertIotDriftRecurs"]),
    "drift that a run corrected": ({DRIFTED: "0x420 1x20 0x160"}, []),
}


@pytest.fixture(scope="module")
def promtool() -> str:
    return find("promtool", "prometheus")


def test_the_rules_are_valid_and_fire(promtool, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    subprocess.run([promtool, "check", "rules", "rules.yml"], cwd=tmp_path, check=True)
    rules = {rule["alert"]: rule for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]}
    # The texts of the alerts contain the value, so the alerts are read as the series that Prometheus makes of them.
    tests = [
        {
            "interval": "1m",
            "name": name,
            "input_series": [
                {"series": f"{metric}{{instance='edge'}}", "values": values}
                for metric, values in {**HEALTHY, **changes}.items()
            ],
            "promql_expr_test": [
                {
                    "expr": 'ALERTS{alertstate="firing"}',
                    "eval_time": "10h",
                    "exp_samples": [
                        {
                            "labels": f'ALERTS{{alertname="{alert}", alertstate="firing", instance="edge", '
                            f'severity="{rules[alert]["labels"]["severity"]}"}}',
                            "value": 1,
                        }
                        for alert in alerts
                    ],
                }
            ],
        }
        for name, (changes, alerts) in CASES.items()
    ]
    assert {alert for _changes, alerts in CASES.values() for alert in alerts} == set(rules)
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": tests}))
    command = [promtool, "test", "rules", "tests.yml"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
