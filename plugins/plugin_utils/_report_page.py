# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Render a fleet report as one self-contained HTML file. Pure except for reading its own template files."""

from __future__ import annotations

import base64
import hashlib
import pathlib
import re
import typing as t

import jinja2
from markupsafe import Markup

# The most urgent states are first, in the table and in the bar.
STATES = {"failed": "failed", "drifted": "would change", "changed": "changed", "in_sync": "in sync"}

# The highest number of remaining days in the bucket (None: no limit), its name, and its urgency.
BUCKETS = (
    (-1, "expired", "failed"),
    (6, "under 7", "failed"),
    (29, "7 to 29", "drifted"),
    (89, "30 to 89", "changed"),
    (179, "90 to 179", "changed"),
    (364, "180 to 364", "changed"),
    (None, "365 and more", "changed"),
)

# Control characters except tab and line feed, characters that change the direction of text, so that a name can imitate
# another name, and lone surrogates, which are not valid in UTF-8.
UNFIT = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

UTC_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ", re.ASCII)


def render(report: dict[str, t.Any]) -> str:
    """Return the HTML page that shows `report`.

    No text in `report` is trusted. All texts are escaped, and characters in UNFIT become U+FFFD, so that the page is
    valid UTF-8. The Content-Security-Policy of the page allows only its own style and script.
    """
    directory = pathlib.Path(__file__).parent
    style, script = (
        Markup((directory / name).read_text(encoding="utf-8")) for name in ("_report_page.css", "_report_page.js")
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(directory)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(moment=_moment, name=_name)
    devices = report["devices"]
    return environment.get_template("_report_page.html.j2").render(
        report=report,
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        states=STATES,
        rank={state: rank for rank, state in enumerate(STATES)},
        title="Drift report" if report["check_mode"] else "Fleet report",
        verdict=_verdict(report["counts"]),
        shown_states=_shown_states(report),
        shares=_shares(report["counts"]),
        rows=sorted(enumerate(devices), key=lambda row: list(STATES).index(row[1]["state"])),
        buckets=_buckets(devices),
        soonest=min(
            (index for index, device in enumerate(devices) if device["certificate"]),
            key=lambda index: devices[index]["certificate"]["remaining_days"],
            default=None,
        ),
    )


def _visible(value: t.Any) -> t.Any:
    """Return `value`, with U+FFFD in place of the characters in UNFIT if it is a text."""
    return UNFIT.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    """Return the hash of a style or a script for a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _moment(text: str) -> str:
    """Return a time in UTC in a readable form, and any other text unchanged."""
    return UTC_MOMENT.sub(r"\1 \2 UTC", text)


def _name(device: dict[str, t.Any]) -> str:
    """Return the name of `device`."""
    return str(device["device_identifier"] or device["device_id"] or device["host"])


def _verdict(counts: dict[str, int]) -> str:
    """Return the summary of the fleet as one sentence."""
    total = counts["devices"]
    if not total:
        return "No devices were seen."
    if counts["in_sync"] == total:
        return f"All {total:,} devices are in sync." if total > 1 else "The only device is in sync."
    clauses = [
        (counts["drifted"], "would change"),
        (counts["changed"], "was changed" if counts["changed"] == 1 else "were changed"),
        (counts["failed"], "failed"),
    ]
    (first, what), *others = [clause for clause in clauses if clause[0]]
    whole = f"{first:,} of {total:,} device{'' if total == 1 else 's'} {what}"
    return ", ".join([whole, *(f"{count:,} {what}" for count, what in others)]) + "."


def _shown_states(report: dict[str, t.Any]) -> list[str]:
    """Return the states to count: those that this kind of run can have, and other states that occur."""
    usual = {"failed", "drifted" if report["check_mode"] else "changed", "in_sync"}
    return [state for state in STATES if state in usual or report["counts"][state]]


def _shares(counts: dict[str, int]) -> list[tuple[str, float, float]]:
    """Return the state, the left end and the width in percent of each part of the bar. No part is too small to see."""
    weights = {state: max(counts[state], counts["devices"] / 100) for state in STATES if counts[state]}
    shares, left = [], 0.0
    for state, weight in weights.items():
        width = 100 * weight / sum(weights.values())
        shares.append((state, round(left, 2), round(width, 2)))
        left += width
    return shares


def _buckets(devices: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the number of certificates in each bucket of remaining days, or no buckets without certificates."""
    remaining_days = [device["certificate"]["remaining_days"] for device in devices if device["certificate"]]
    buckets, below = [], None
    for most, name, urgency in BUCKETS:
        count = sum((below is None or days > below) and (most is None or days <= most) for days in remaining_days)
        buckets.append({"name": name, "urgency": urgency, "count": count})
        below = most
    return buckets if remaining_days else []
