# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from xml.etree import ElementTree

from demo.picture import PICTURE, demo_on_a_terminal, draw, shortened


def test_the_picture_shows_what_the_demo_prints():
    """Versions of rich draw the picture differently, but the texts are the same."""

    def texts(picture: str) -> list[str]:
        return [element.text for element in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]

    printed = demo_on_a_terminal()
    assert texts(draw(shortened(printed))) == texts(PICTURE.read_text())
    # The simulator ends with the demo.
    assert "DIGICERT_IOT_" not in printed
