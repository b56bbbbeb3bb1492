# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a fleet report as a reader meets it. Each test also fails on any word in the console and any request."""

from __future__ import annotations

import itertools
import typing as t
import unicodedata

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from ansible_collections.edgeops.digicert.plugins.plugin_utils._findings import Task, findings_of
from ansible_collections.edgeops.digicert.plugins.plugin_utils._report import make_report
from browser.conftest import Browser

DEVICE_ID = "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7"
# Of each ten devices.
STATES = ("in_sync", "drifted", "in_sync", "in_sync", "failed", "in_sync", "drifted", "in_sync", "in_sync", "changed")

HOSTILE = (
    "<script>window.hacked = 1; alert(1)</script>",
    "</script></style></title></table><img src=x onerror='window.hacked = 1'>",
    '"><img src=x onerror="window.hacked = 1">',
    "' autofocus onfocus=window.hacked=1 x='",
    "javascript:window.hacked=1",
    "{{ 7 * 7 }} {% raw %} ${7 * 7}",
    "<!-- ]]> <![CDATA[ &lt;b&gt; &#60; &amp",
    "<svg onload=window.hacked=1><style>*{display:none}",
    "gate\u202e7-etag\u2066",
    "\0 \x1b[31m \x7f \x85 \r",
    "lone \ud800 and \udfff",
    "שלום 🚪 Ünïcode",
    "n" * 255,
    "two  spaces\nand a line",
)

# The text of the elements under a node, each with the contrast between it and what is behind it.
CONTRASTS = """
function colour(text) { return text.match(/[\\d.]+/g).map(Number); }
function luminance(channels) {
  const [red, green, blue] = channels.map((value) => {
    value /= 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function behind(element) {
  for (; element; element = element.parentElement) {
    const [red, green, blue, opacity = 1] = colour(getComputedStyle(element).backgroundColor);
    if (opacity === 1) { return [red, green, blue]; }
  }
  return [255, 255, 255];
}
const found = {};
for (const element of document.querySelectorAll("body *:not(script, title, desc, option)")) {
  const texts = Array.from(element.childNodes).filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (texts.length) {
    const style = getComputedStyle(element);
    const front = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [light, dark] = [colour(front).slice(0, 3), behind(element)].map(luminance).sort((a, b) => b - a);
    const name = `${element.localName}.${element.getAttribute("class") || ""}`;
    found[name] = Math.min(found[name] || 21, (light + 0.05) / (dark + 0.05));
  }
}
return found;
"""


def device(number: int, state: str) -> dict[str, t.Any]:
    """Return a device of a report in `state`."""
    return {
        "host": f"gate-{number}",
        "device_id": DEVICE_ID if number % 2 else None,
        "device_identifier": f"gate-{number}.rotterdam" if number % 3 else None,
        "state": state,
        "differences": (
            [{"name": "Site", "before": "Delft", "after": "Rotterdam"}, {"name": "Door", "before": None, "after": ""}]
            if state in ("drifted", "changed")
            else []
        ),
        # Many signs and lengths, so that numbers and texts sort differently.
        "certificate": {"not_after": "2027-01-02T10:00:00Z", "remaining_days": number * 37 % 101 - 50}
        if number % 4
        else None,
        "failure": {"kind": "write_denied", "message": f"Device {number}: the service said no."}
        if state == "failed"
        else None,
        "warnings": ["The field 'Contact' was changed by something else."] if number % 5 == 1 else [],
    }


def report_of(devices: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Return a drift report of `devices`, where all failures have one cause."""
    failed = [index for index, device in enumerate(devices) if device["failure"]]
    counts = {state: sum(device["state"] == state for device in devices) for state in set(STATES)}
    return {
        "generated_at": "2026-11-23T20:40:00Z",
        "check_mode": True,
        "playbook": "site.yml",
        "counts": {"devices": len(devices), **counts},
        "devices": devices,
        "failures": [
            {
                "kind": "write_denied",
                "cause": "The API denies the device write access to its record.",
                "remedy": "Have the operator set device_api_allow_write.",
                "devices": failed,
            }
        ]
        if failed
        else [],
    }


def fleet(size: int) -> dict[str, t.Any]:
    """Return a drift report of so many devices."""
    return report_of([device(number, STATES[number % 10]) for number in range(size)])


def texts(browser: Browser, selector: str) -> list[str]:
    """Return the texts of the elements that `selector` finds and a reader sees."""
    return browser.run(
        "return Array.from(document.querySelectorAll(arguments[0])).filter((element) => element.checkVisibility())"
        ".map((element) => element.textContent.trim())",
        selector,
    )


def wait_for_count(browser: Browser, text: str) -> None:
    """Wait until the page says how many rows it shows."""
    WebDriverWait(browser.driver, 20, poll_frequency=0.05).until(
        lambda _driver: texts(browser, "#shown") == [text], message=text
    )


def focused(browser: Browser) -> t.Any:
    """Return the element that has the keyboard."""
    return browser.driver.switch_to.active_element


@pytest.mark.parametrize(
    ("size", "verdict", "counts"),
    [
        (0, "No devices were seen.", ["0", "0", "0", "0"]),
        (1, "The only device is in sync.", ["1", "0", "0", "1"]),
        (30, "6 of 30 devices would change, 3 were changed, 3 failed.", ["30", "3", "6", "3", "18"]),
        (5000, "1,000 of 5,000 devices would change, 500 were changed, 500 failed.", None),
    ],
)
def test_what_is_on_the_page(browser, size, verdict, counts):
    browser.open(fleet(size))

    assert texts(browser, "h1") == ["Drift report"]
    assert texts(browser, ".verdict") == [verdict]
    assert texts(browser, ".counts dd") == (counts or ["5,000", "500", "1,000", "500", "3,000"])
    assert len(texts(browser, "tbody tr")) == size
    assert texts(browser, "#shown") == ([f"{size:,} of {size:,} shown"] if size else [])
    assert len(texts(browser, ".cause")) == (1 if size >= 30 else 0)
    assert len(texts(browser, "svg.chart")) == (1 if size >= 30 else 0)


def test_five_thousand_devices_open_and_are_searched(browser):
    browser.open(fleet(5000))
    milliseconds = browser.run(
        "return Math.max(performance.getEntriesByType('navigation')[0].loadEventEnd,"
        " ...performance.getEntriesByType('paint').map((paint) => paint.startTime))"
    )
    assert 0 < milliseconds < 2000

    browser.driver.find_element(By.ID, "search").send_keys("gate-4321.")
    wait_for_count(browser, "1 of 5,000 shown")
    assert texts(browser, "tbody th") == ["gate-4321.rotterdam"]


def test_search_and_filter(browser):
    browser.open(fleet(30))
    search = browser.driver.find_element(By.ID, "search")
    state = Select(browser.driver.find_element(By.ID, "state"))

    search.send_keys("  WARNING  gate-1 ")
    wait_for_count(browser, "3 of 30 shown")
    assert texts(browser, "tbody th") == [f"gate-{number}.rotterdam" for number in (1, 11, 16)]
    state.select_by_visible_text("failed")
    wait_for_count(browser, "0 of 30 shown")
    search.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
    wait_for_count(browser, "3 of 30 shown")
    assert texts(browser, "tbody .badge") == ["failed"] * 3
    search.send_keys("no such text")
    wait_for_count(browser, "0 of 30 shown")
    assert texts(browser, "tbody tr") == []

    browser.driver.find_element(By.CSS_SELECTOR, ".cause a").click()
    wait_for_count(browser, "30 of 30 shown")
    row, header = browser.run(
        "return ['tr:target', 'thead'].map((name) => document.querySelector(name).getBoundingClientRect())"
    )
    assert header["bottom"] <= row["top"] < 900


def test_sort_with_the_keyboard(browser):
    report = fleet(30)
    browser.open(report)

    def sort_by(name):
        """Go to the button in the header from the start of the page, and press it."""
        browser.run("document.activeElement.blur(); document.getElementById('search').focus()")
        for _stop in range(10):
            focused(browser).send_keys(Keys.TAB)
            if focused(browser).text.startswith(name):
                break
        assert browser.run("return parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
        focused(browser).send_keys(Keys.ENTER)
        return browser.run(
            "return Array.from(document.querySelectorAll('[aria-sort]'))"
            ".map((header) => [header.textContent, header.getAttribute('aria-sort')])"
        )

    hosts = [f"gate-{number}" for number in range(30)]
    assert sort_by("Host") == [["Host", "ascending"]]
    assert texts(browser, "tbody td:nth-child(2)") == hosts
    assert sort_by("Host") == [["Host", "descending"]]
    assert texts(browser, "tbody td:nth-child(2)") == hosts[::-1]

    days = [one["certificate"]["remaining_days"] for one in report["devices"] if one["certificate"]]
    for direction in ("ascending", "descending"):
        assert sort_by("Certificate") == [["Certificate", direction]]
        shown = browser.run(
            "return Array.from(document.querySelectorAll('tbody td:nth-child(5)')).map((cell) => cell.dataset.number)"
        )
        ordered = sorted(days, reverse=direction == "descending")
        assert shown == [str(number) for number in ordered] + [None] * (30 - len(days))

    # Equal rows stay in the order in which they were.
    sort_by("Host")
    sort_by("Host")
    sort_by("State")
    assert texts(browser, "tbody td:nth-child(2)")[:9] == [
        f"gate-{number}" for number in (24, 14, 4, 26, 21, 16, 11, 6, 1)
    ]


def filled(text: str, label: str) -> dict[str, t.Any]:
    """Return a report with one device that has `text` wherever a text can be. `label` is where its name comes from."""
    one = {
        "host": text,
        "device_id": None,
        "device_identifier": None,
        "state": "failed",
        "differences": [{"name": text, "before": text, "after": text}],
        "certificate": {"not_after": text, "remaining_days": 3},
        "failure": {"kind": text, "message": text},
        "warnings": [text],
    }
    report = report_of([{**one, label: text}])
    report["failures"] = [{"kind": text, "cause": text, "remedy": text, "devices": [0]}]
    return {**report, "playbook": text, "generated_at": text}


def shown(text: str) -> str:
    """Return how `text` has to look: what has no visible form is replaced."""

    def is_unfit(character: str) -> bool:
        is_control = unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
        return is_control or unicodedata.bidirectional(character) in ("RLO", "LRI")

    return "".join("\ufffd" if is_unfit(character) else character for character in text)


@pytest.mark.parametrize("label", ["host", "device_id", "device_identifier"])
def test_hostile_texts_are_only_texts(browser, label):
    outline = (
        "return Array.from(document.querySelectorAll('*'))"
        ".map((element) => [element.localName, ...element.getAttributeNames()].join(' '))"
    )
    browser.open(filled("harmless", label))
    harmless = browser.run(outline)
    places = browser.run("return document.body.innerHTML").count("harmless")
    assert places >= 15
    browser.requested()

    for text in HOSTILE:
        browser.open(filled(text, label))
        with pytest.raises(NoAlertPresentException):
            browser.driver.switch_to.alert.dismiss()
        assert browser.run("return window.hacked") is None
        assert browser.run(outline) == harmless
        assert browser.run("return document.body.textContent").count(shown(text)) == places
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.said() == []


def test_hostile_results_show_a_failed_host_and_run_no_script(browser):
    findings = []
    for number, text in enumerate(HOSTILE):
        difference = {"before": {"fields": {text: None}}, "after": {"fields": {text: text * 300}}}
        valid = {"changed": True, "diff": difference, "device": {"device_identifier": text}, "warnings": [text] * 200}
        invalid = {"changed": text, "device": [text], "failure": {"kind": text}, "msg": text}
        for result in (valid, invalid, text):
            findings += findings_of(Task(f"gate-{number}", "edgeops.digicert.digicert_iot_device", {}), result, False)
    report = make_report(findings, "2026-11-23T20:40:00Z", True, HOSTILE[0])
    browser.open(report)
    with pytest.raises(NoAlertPresentException):
        browser.driver.switch_to.alert.dismiss()
    assert browser.run("return window.hacked") is None
    assert report["counts"] == {"devices": 14, "in_sync": 0, "changed": 0, "drifted": 0, "failed": 14}
    wait_for_count(browser, "14 of 14 shown")
    assert browser.run("return document.scripts.length") == 1
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_the_policy_stops_what_was_not_meant(browser):
    browser.open(fleet(1))
    browser.run(
        "document.addEventListener('securitypolicyviolation', (event) => {"
        "  window.stopped = [...(window.stopped || []), event.effectiveDirective];"
        "});"
        "const image = document.createElement('img'); image.src = 'x.png'; document.body.append(image);"
        "const script = document.createElement('script'); script.text = 'window.hacked = 1';"
        "document.body.append(script);"
        "const style = document.createElement('style'); style.textContent = '*{}'; document.body.append(style);"
    )
    WebDriverWait(browser.driver, 20).until(lambda _driver: len(browser.run("return window.stopped || []")) == 3)
    assert set(browser.run("return window.stopped")) == {"img-src", "script-src-elem", "style-src-elem"}
    assert browser.run("return window.hacked") is None
    assert len(browser.said()) == 3
    browser.open(fleet(0))


def test_without_scripts(browser):
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(fleet(30))
    page = browser.driver

    assert page.find_element(By.CLASS_NAME, "verdict").text.startswith("6 of 30 devices would change")
    rows = page.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert [row.find_element(By.TAG_NAME, "td").text for row in rows[:3]] == ["gate-4", "gate-14", "gate-24"]
    assert len(rows) == 30
    assert all(row.is_displayed() for row in rows)
    assert not any(
        control.is_displayed() for control in page.find_elements(By.CSS_SELECTOR, "input, select, button, .controls")
    )


@pytest.mark.parametrize(("media", "scheme"), [("screen", "light"), ("screen", "dark"), ("print", "dark")])
def test_contrast(browser, media, scheme):
    browser.look(media=media, scheme=scheme)
    browser.open(fleet(30))
    contrasts = browser.run(CONTRASTS)

    assert contrasts.keys() >= {
        *(f"span.badge {state}" for state in STATES),
        *("h1.", "p.muted", "p.verdict", "text.", "small.", "del.", "ins.", "i.", "code.", "button.", "bdi."),
    }
    assert {name: contrast for name, contrast in contrasts.items() if contrast < 4.5} == {}
    is_dark = browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 26)"
    assert is_dark == (media == "screen" and scheme == "dark")


@pytest.mark.parametrize("make", [fleet, lambda _size: filled("n" * 255, "host")])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_sticks_out(browser, make, width):
    browser.look(width)
    browser.open(make(30))
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert (
        browser.run(
            "return Array.from(document.querySelectorAll('header *, main *:not(.unseen)'))"
            ".map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])"
            ".filter(([_html, box]) => box.left < 0 || box.right > innerWidth).map(([html]) => html)"
        )
        == []
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_what_a_screen_reader_finds(browser, width):
    browser.look(width)
    browser.open(fleet(30))
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in browser.command("Accessibility.getFullAXTree")["nodes"]
        if not node["ignored"]
    ]
    named = ("button", "searchbox", "combobox", "link", "image", "table", "region", "heading", "columnheader")
    assert {role for role, name in nodes if role in named} == set(named)
    assert [role for role, name in nodes if role in named and not name.strip()] == []

    roles = [role for role, _name in nodes]
    assert [roles.count(role) for role in ("row", "columnheader", "rowheader", "cell")] == [31, 6, 30, 150]
    assert {"banner", "main", "search", "status"} <= set(roles)
    assert browser.run("return document.documentElement.lang") == "en"

    levels = [
        int(name[1])
        for name in browser.run(
            "return Array.from(document.querySelectorAll('h1,h2,h3,h4,h5,h6')).map((heading) => heading.localName)"
        )
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))

    focused(browser).send_keys(Keys.TAB)
    assert focused(browser).text == "Skip to the table of devices"
    focused(browser).send_keys(Keys.ENTER)
    assert focused(browser).text == "Devices"


def test_on_paper(browser):
    browser.look(media="print", scheme="dark")
    browser.open(fleet(30))
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert texts(browser, ".controls") == []
    assert browser.run(style, "thead", "display") == "table-header-group"
    assert browser.run(style, "tbody tr", "breakInside") == "avoid"
    assert browser.run(style, "tbody tr", "contentVisibility") == "visible"
    assert browser.run(style, "body", "backgroundColor") == "rgb(255, 255, 255)"
