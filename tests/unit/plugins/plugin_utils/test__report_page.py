# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import re

import jinja2
import pytest

from ansible_collections.edgeops.digicert.plugins.plugin_utils._report_page import render


def report(*devices, check_mode=False):
    """Return a report of devices that are in sync but for what is given."""
    whole = [
        {
            "host": "gate-7",
            "device_id": None,
            "device_identifier": None,
            "state": "in_sync",
            "differences": [],
            "certificate": None,
            "failure": None,
            "warnings": [],
            **device,
        }
        for device in devices
    ]
    counts = {
        state: sum(device["state"] == state for device in whole)
        for state in ("in_sync", "changed", "drifted", "failed")
    }
    return {
        "generated_at": "2026-11-23T20:40:00Z",
        "check_mode": check_mode,
        "playbook": "site.yml",
        "counts": {"devices": len(whole), **counts},
        "devices": whole,
        "failures": [],
    }


@pytest.mark.parametrize(
    ("states", "check_mode", "title", "verdict"),
    [
        ([], False, "Fleet report", "No devices were seen."),
        (["in_sync"], False, "Fleet report", "The only device is in sync."),
        (["in_sync"] * 2, True, "Drift report", "All 2 devices are in sync."),
        (["drifted"], True, "Drift report", "1 of 1 device would change."),
        (["changed", "in_sync"], False, "Fleet report", "1 of 2 devices was changed."),
        (["changed", "changed", "failed"], False, "Fleet report", "2 of 3 devices were changed, 1 failed."),
        (["failed"] * 2, True, "Drift report", "2 of 2 devices failed."),
        (["drifted", "changed"], True, "Drift report", "1 of 2 devices would change, 1 was changed."),
    ],
)
def test_title_and_verdict(states, check_mode, title, verdict):
    page = render(report(*({"state": state} for state in states), check_mode=check_mode))
    assert f"<title>{title}: {verdict}</title>" in page
    assert f"<h1>{title}</h1>" in page
    assert page.count('<tr role="row" id=') == len(states)


def test_the_name_of_a_device():
    page = render(report({"device_id": "the-id", "device_identifier": "the-name"}, {"device_id": "the-id"}, {}))
    assert re.findall(r"<th role=\"rowheader\" scope=\"row\"><bdi>(.*?)</bdi>", page) == [
        "the-name",
        "the-id",
        "gate-7",
    ]


@pytest.mark.parametrize(
    ("days", "bucket", "text"),
    [
        (-2, "expired", "expired 2 days ago"),
        (-1, "expired", "expired 1 day ago"),
        (0, "under 7", "under a day"),
        (1, "under 7", "1 day"),
        (6, "under 7", "6 days"),
        (7, "7 to 29", "7 days"),
        (29, "7 to 29", "29 days"),
        (30, "30 to 89", "30 days"),
        (89, "30 to 89", "89 days"),
        (90, "90 to 179", "90 days"),
        (179, "90 to 179", "179 days"),
        (180, "180 to 364", "180 days"),
        (364, "180 to 364", "364 days"),
        (365, "365 and more", "365 days"),
    ],
)
def test_days_left(days, bucket, text):
    page = render(report({"certificate": {"not_after": "2027-01-02T10:00:00Z", "remaining_days": days}}))
    counted = re.search(r"<desc.*?>(.*)</desc>", page).group(1).split(", ")
    assert [count for count in counted if not count.endswith(": 0")] == [f"{bucket}: 1"]
    assert f">{text}<small>2027-01-02 10:00 UTC</small>" in page


def test_without_certificates_there_is_no_picture_of_them():
    assert 'class="chart"' not in render(report({}))


def test_only_a_few_devices_of_a_cause_are_named():
    failed = {"state": "failed", "failure": {"kind": "write_denied", "message": "No."}}
    page = render(
        {
            **report(*[failed] * 7),
            "failures": [{"kind": "write_denied", "cause": "Cause", "remedy": "Remedy", "devices": list(range(7))}],
        }
    )
    assert page.count('<a href="#device-') == 5
    assert "and 2 more" in page


def test_texts_are_escaped_and_fit_into_utf_8():
    page = render(report({"host": "<script>\"'&\0\ud800\u202e\x9b"}))
    assert "<bdi>&lt;script&gt;&#34;&#39;&amp;\ufffd\ufffd\ufffd\ufffd</bdi>" in page
    page.encode("utf-8")


def test_a_report_that_lacks_something_is_refused():
    incomplete = report({})
    del incomplete["playbook"]
    with pytest.raises(jinja2.UndefinedError):
        render(incomplete)


def test_the_policy_names_the_style_and_the_script():
    page = render(report({}))
    policy = re.search(r'Content-Security-Policy" content="(.*?)">', page).group(1)
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        name = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} &#39;sha256-{name}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;;")
    assert " style=" not in page
    assert not re.search(r"<[^>]* on[a-z]+=", page)
