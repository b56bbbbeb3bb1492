# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the commands of the guides that show their output, one after the other, and compares it."""

from __future__ import annotations

import itertools
import json
import re

import pytest
import requests

from ansible_collections.edgeops.digicert.plugins.doc_fragments import record
from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import Reader, comparable, files_of
from simulator import DEVICE_PATH, Simulator

# How the picture shows a value that is gone.
GONE = "\N{EN DASH}"
# test_first_contact.py follows that guide.
WALKS = sorted(
    path.stem
    for path in GUIDES.glob("*.rst")
    if ":: ansible-output" in path.read_text() and path.stem != "guide_first_contact"
)


def make_reader(simulator: Simulator, folder, guide: str) -> Reader:
    """Return someone who acts as the simulator's first device, with the files of a guide."""
    leaf = simulator.certificates["access-point"]
    variables = {
        "DIGICERT_IOT_DEVICE_ID": simulator.records["access-point"].id,
        "DIGICERT_IOT_CLIENT_CERT": str(leaf.pem),
        "DIGICERT_IOT_CLIENT_KEY": str(leaf.key),
    }
    return Reader(simulator, folder, files_of(guide), variables)


@pytest.mark.parametrize("guide", WALKS)
def test_what_a_guide_shows_is_what_happens(guide, simulator, tmp_path):
    reader = make_reader(simulator, tmp_path, guide)
    blocks = blocks_of(GUIDES / f"{guide}.rst")
    for command, output in itertools.pairwise(blocks):
        if output.language == "ansible-output":
            printed = reader.run(command.text.removeprefix("$ "))
            assert comparable(printed) == comparable(output.text), output.place


def conversions() -> list[tuple[str, str]]:
    """Return the rows of the table in the guide on fields: an unquoted value, and what the record stores for it."""
    table = (GUIDES / "guide_fields.rst").read_text().partition("\nQuote values\n")[2].partition("\nQuote every")[0]
    cells = [
        re.findall(r"``(.+?)``|(rejected)", line) for line in table.splitlines() if re.match(r"   (\*| ) - ", line)
    ]
    rows = []
    for unquoted, stored in zip(cells[3::3], cells[4::3], strict=True):
        texts = [literal or word for literal, word in stored]
        rows += itertools.zip_longest([literal for literal, _word in unquoted], texts, fillvalue=texts[-1])
    return rows


def test_values_that_yaml_converts_are_stored_as_the_guide_says(simulator, tmp_path):
    rows = conversions()
    tasks = "".join(
        f"    - edgeops.digicert.digicert_iot_device: {{fields: [{{name: Contact, value: {unquoted}}}]}}\n"
        "      ignore_errors: true\n"
        for unquoted, _text in rows
    )
    play = f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}"
    reader = make_reader(simulator, tmp_path, "guide_fields")
    (tmp_path / "values.yml").write_text(play)
    reader.run("ansible-playbook values.yml")
    contact = simulator.records["access-point"].field_id("Contact")
    sent = [request.payload for request in simulator.requests if request.method == "PUT"]
    values = [field["value"] for payload in sent for field in payload["fields"] if field["id"] == contact]
    expected = [text for _unquoted, text in rows if text != "rejected"]
    assert values == [text for text, _same in itertools.groupby(expected)]
    documented = re.findall(r"V\((\S+?)\)\s+becomes\s+V\((\S+?)\)", record.ModuleDocFragment.DOCUMENTATION)
    assert set(documented) - {("1.10", "1.1")} <= set(rows)


def values_of(simulator: Simulator) -> dict[str, str]:
    return simulator.records["access-point"].named_values


@pytest.fixture(scope="module")
def picture() -> dict[str, list[str]]:
    """The values in the columns of the picture in the guide on fields, from above."""
    columns = re.findall(r'<g id="(\w+)">(.*?)</g>', (GUIDES / "fields.svg").read_text(), re.DOTALL)
    return {name: re.findall(r'class="value"[^>]*>(.*?)<', column) for name, column in columns}


def test_the_picture_shows_what_the_ways_leave_of_a_record(simulator, tmp_path, picture):
    names = list(values_of(simulator))
    reader = make_reader(simulator, tmp_path, "guide_fields")

    def column() -> list[str]:
        values = values_of(simulator)
        return [values.get(name) or GONE for name in names]

    seen = {"before": column()}
    for way in ("fields", "absent", "purge", "keep"):
        simulator.reset()
        reader.run(f"ansible-playbook {way}.yml")
        assert simulator.methods == ["GET", "PUT"]
        seen[way] = column()
    simulator.reset()
    device = simulator.records["access-point"]
    wanted = {"Firmware": "12.4", "Serial number": "AP-0042", "Site": "Antwerp"}
    leaf = simulator.certificates["access-point"]
    answer = requests.put(
        simulator.url + DEVICE_PATH + device.id,
        data=json.dumps({"fields": [{"id": device.field_id(name), "value": value} for name, value in wanted.items()]}),
        cert=(leaf.pem, leaf.key),
        verify=simulator.certificates.ca,
        timeout=5,
    )
    assert answer.status_code == 201
    seen["put"] = column()

    assert picture.keys() == seen.keys()
    for way, values in seen.items():
        shown = [re.escape(value).replace("…", ".*") for value in picture[way]]
        assert all(map(re.fullmatch, shown, values)), (way, values)
