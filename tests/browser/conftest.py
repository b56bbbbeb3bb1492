# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A browser without a window, and what opens the page of a report in it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from selenium import webdriver

from ansible_collections.edgeops.digicert.plugins.plugin_utils._report_page import render

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """A browser that shows reports. `driver` is what steers it."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self.page = folder / "report.html"

    def open(self, report: dict[str, t.Any]) -> None:
        """Show the page of `report`, and forget what the browser said before."""
        self.page.write_text(render(report), encoding="utf-8")
        self.said()
        self.requested()
        self.driver.get(self.page.as_uri())

    def run(self, script: str, *arguments: t.Any) -> t.Any:
        """Return what `script` returns in the page."""
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **arguments: t.Any) -> dict[str, t.Any]:
        """Return the answer to a command of the browser's own protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def look(self, width: int = 1280, media: str = "screen", scheme: str = "light") -> None:
        """Show pages in this width, on this medium, in this colour scheme."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.command(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def said(self) -> list[str]:
        """Return what the console got since the last call: errors of scripts, breaches of the page's policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        """Return the URLs that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


@pytest.fixture(scope="session")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Browser]:
    """One browser for all tests: starting it takes longer than most of them."""
    missing = [str(path) for path in (CHROMIUM, DRIVER) if not path.exists()]
    if missing:
        pytest.fail(f"These tests need {' and '.join(missing)}: on Debian, apt install chromium chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield Browser(driver, tmp_path_factory.mktemp("pages"))
    finally:
        driver.quit()


@pytest.fixture
def browser(running_browser: Browser) -> t.Iterator[Browser]:
    """The browser as it was at first. A word in the console, or a request for more than the page, fails the test."""
    running_browser.look()
    running_browser.command("Emulation.setScriptExecutionDisabled", value=False)
    yield running_browser
    assert running_browser.said() == []
    assert running_browser.requested() == [running_browser.page.as_uri()]
