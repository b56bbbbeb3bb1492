# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The page of a fleet report: one HTML file that needs nothing else. Pure but for reading its own parts."""

from __future__ import annotations

import base64
import hashlib
import pathlib
import re
import typing as t

import jinja2
from markupsafe import Markup

# What needs attention comes first, in the table as in the bar.
STATES = {"failed": "failed", "drifted": "would change", "changed": "changed", "in_sync": "in sync"}

# The most days left that still belong to it, its name, and how urgent it is. None: no limit.
BUCKETS = (
    (-1, "expired", "failed"),
    (6, "under 7", "failed"),
    (29, "7 to 29", "drifted"),
    (89, "30 to 89", "changed"),
    (179, "90 to 179", "changed"),
    (364, "180 to 364", "changed"),
    (None, "365 and more", "changed"),
)

# Control characters but for tab and line feed; what turns the direction of text around, so that a name can pose as
# another; lone surrogates, which UTF-8 cannot hold.
UNFIT = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

UTC_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ", re.ASCII)


def render(report: dict[str, t.Any]) -> str:
    """Return the HTML page that shows `report`.

    No text in `report` is trusted: each is escaped, and what has no visible form becomes U+FFFD, so the page can always
    be written as UTF-8. The page forbids the browser every style and script but its own two.
    """
    folder = pathlib.Path(__file__).parent
    style, script = (
        Markup((folder / name).read_text(encoding="utf-8")) for name in ("_report_page.css", "_report_page.js")
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(folder)),
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
    """Return `value`, and when it is a text then one without characters that hide, deceive or cannot be written."""
    return UNFIT.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    """Return how a Content-Security-Policy names the style or the script `text`."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _moment(text: str) -> str:
    """Return a moment in UTC as people write it, and any other text as it is."""
    return UTC_MOMENT.sub(r"\1 \2 UTC", text)


def _name(device: dict[str, t.Any]) -> str:
    """Return what people call `device`."""
    return str(device["device_identifier"] or device["device_id"] or device["host"])


def _verdict(counts: dict[str, int]) -> str:
    """Return the one sentence that says how the fleet is."""
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
    """Return the states to count: those that this kind of run can end in, and the others only where there are some."""
    usual = {"failed", "drifted" if report["check_mode"] else "changed", "in_sync"}
    return [state for state in STATES if state in usual or report["counts"][state]]


def _shares(counts: dict[str, int]) -> list[tuple[str, float, float]]:
    """Return state, left end and width, in percent, of each part of the bar. Even one device of thousands is seen."""
    weights = {state: max(counts[state], counts["devices"] / 100) for state in STATES if counts[state]}
    shares, left = [], 0.0
    for state, weight in weights.items():
        width = 100 * weight / sum(weights.values())
        shares.append((state, round(left, 2), round(width, 2)))
        left += width
    return shares


def _buckets(devices: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return how many certificates fall into each bucket of days left, or nothing when there are no certificates."""
    remaining_days = [device["certificate"]["remaining_days"] for device in devices if device["certificate"]]
    buckets, below = [], None
    for most, name, urgency in BUCKETS:
        count = sum((below is None or days > below) and (most is None or days <= most) for days in remaining_days)
        buckets.append({"name": name, "urgency": urgency, "count": count})
        below = most
    return buckets if remaining_days else []
