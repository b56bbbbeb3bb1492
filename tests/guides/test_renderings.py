# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each page has all its code blocks, and links that lead somewhere: on the forge, on the site and in ansible-doc."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from docutils.core import publish_parts
from markdown_it import MarkdownIt

from guides.code_blocks import GUIDES, ROOT, blocks_of
from playbooks.conftest import BIN, environment_in

# What github-markup sets, which shows the pages on the forge. It shows no messages, and so drops what has an error.
FORGE = {
    "file_insertion_enabled": False,
    "raw_enabled": True,
    "strip_comments": True,
    "doctitle_xform": True,
    "initial_header_level": 2,
    "syntax_highlight": "none",
    "math_output": "latex",
    "report_level": 2,
    "halt_level": 5,
}
REPOSITORY = yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"]
# What a link to a file of the repository begins with.
FILES = re.compile(rf"{re.escape(REPOSITORY)}/(?:blob|tree|raw)/main/")
RST = sorted(GUIDES.glob("*.rst"))
MARKDOWN = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
KINDS = ("module", "inventory", "callback", "role")


class Page(HTMLParser):
    """What a page of HTML has: its anchors, its links, and the texts of its code blocks."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.blocks: list[str] = []
        self.in_block = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag has."""
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        self.links += [given[key] for key in ("href", "src", "data") if given.get(key)]
        if tag == "pre":
            self.in_block = True
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave a code block."""
        self.in_block = self.in_block and tag != "pre"

    def handle_data(self, data: str) -> None:
        """Keep the text of a code block."""
        if self.in_block:
            self.blocks[-1] += data


def blocks_in(path: Path) -> list[str]:
    """Return the texts of the code blocks in a source."""
    return [block.text.strip("\n") for block in blocks_of(path)]


@cache
def on_the_forge(path: Path) -> tuple[Page, str]:
    """Return a page as the forge shows it, and the messages about it."""
    if path.suffix == ".md":
        tokens = MarkdownIt().enable("table").parse(path.read_text())
        page = Page(MarkdownIt().enable("table").render(path.read_text()))
        headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
        page.anchors |= {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        return page, ""
    messages = io.StringIO()
    settings = {**FORGE, "warning_stream": messages}
    html = publish_parts(path.read_text(), str(path), writer="html4css1", settings_overrides=settings)["html_body"]
    return Page(html), messages.getvalue()


def leads_somewhere(link: str, page: Path) -> bool:
    """Say whether a link on a page of the forge leads to a file of the repository and to an anchor of it, if to one.

    Other websites are not asked.
    """
    if link.startswith("mailto:"):
        return True
    inside = FILES.match(link)
    if "://" in link and not inside:
        return True
    path, _hash, anchor = FILES.sub("", link).partition("#")
    target = (ROOT if inside else page.parent) / path if path else page
    return target.exists() and (not anchor or anchor in on_the_forge(target)[0].anchors)


@pytest.mark.parametrize("path", RST, ids=lambda path: path.name)
def test_the_forge_shows_all_blocks_of_a_guide(path):
    page, messages = on_the_forge(path)
    assert messages == ""
    assert [block.strip("\n") for block in page.blocks] == blocks_in(path)


@pytest.mark.parametrize("path", [*RST, *MARKDOWN], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_on_the_forge_lead_somewhere(path):
    assert [link for link in on_the_forge(path)[0].links if not leads_somewhere(link, path)] == []


def test_the_links_of_the_package_lead_somewhere():
    """Galaxy shows the README of the package and the links of galaxy.yml without the other files."""
    links = on_the_forge(ROOT / "README.md")[0].links
    assert [link for link in links if "://" not in link and not link.startswith("#")] == []
    documentation = yaml.safe_load((ROOT / "galaxy.yml").read_text())["documentation"]
    assert leads_somewhere(documentation, ROOT / "galaxy.yml")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The pages of the site, by path."""
    folder = tmp_path_factory.mktemp("site")
    command = ["make", f"SITE={folder}", "site"]
    built = subprocess.run(
        command, cwd=ROOT, env=environment_in(folder), capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    return {path: Page(path.read_text()) for path in (folder / "html").rglob("*.html")}


def test_the_site_has_all_blocks_and_links_that_lead_somewhere(site):
    pages = {path.name: page for path, page in site.items()}
    for path in RST:
        blocks = [block.strip("\n") for block in pages[f"{path.stem}.html"].blocks]
        assert blocks == blocks_in(path), path
    for path in ROOT.glob("plugins/modules/*.py"):
        (examples,) = blocks_in(path)
        assert examples in [block.strip("\n") for block in pages[f"{path.stem}_module.html"].blocks], path
    dead = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            target = path.parent / unquote(parts.path) if parts.path else path
            if parts.scheme:
                found = leads_somewhere(link, ROOT / "README.md")
            else:
                found = target.exists() and (not parts.fragment or parts.fragment in site[target.resolve()].anchors)
            dead += [] if found else [f"{path.name}: {link}"]
    assert dead == []


def doc(kind: str, *arguments: str, columns: int = 80) -> str:
    """Return what ansible-doc prints on a terminal with this width."""
    environment = {**environment_in(ROOT / ".venv/home"), "COLUMNS": str(columns)}
    command = [BIN / "ansible-doc", "--type", kind, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize("kind", KINDS)
def test_ansible_doc_shows_links_that_lead_somewhere(kind):
    names = re.findall(r"^(edgeops\.digicert\.\w+)", doc(kind, "--list", "edgeops.digicert"), re.MULTILINE)
    assert names
    # Wide, so that no link is wrapped.
    text = doc(kind, *names, columns=500)
    assert not re.search(r"Ansible documentation|#stq=|docsite", text.replace("docs/docsite/rst/", ""))
    links = [link.rstrip(".,;)>") for link in re.findall(r"https?://[^\s<'\"]+", text)]
    assert [link for link in links if not leads_somewhere(link, ROOT / "README.md")] == []


@pytest.mark.parametrize("kind", ["module", "inventory", "callback"])
def test_a_line_of_the_list_has_a_whole_short_description(kind):
    listed = doc(kind, "--list", "edgeops.digicert")
    assert listed
    assert "..." not in listed
