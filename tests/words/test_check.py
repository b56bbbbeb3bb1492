# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

from words.check import HERE, check, check_all, python_lines, read_pairs, text_lines

WORDS = [("desired fields", "wish(es)?"), ("reject", "refused?")]


def found(text: str, exceptions: list[tuple[str, str]] | None = None) -> list[str]:
    return [str(finding) for finding in check("guide.rst", text_lines(text), WORDS, exceptions or [])]


def test_a_word_is_found_with_its_line_and_term():
    assert found("The fields.\nThe Wishes of a task.") == ["guide.rst:2: 'Wishes': use desired fields"]


def test_each_word_of_a_line_is_found():
    assert len(found("A wish is refused.")) == 2


def test_parts_of_words_names_and_code_are_not_found():
    assert found("wishful, `wish`, ``wish list``, wish.yml, /wish, dish-wish") == []


def test_an_exception_counts_for_its_path_and_its_text_only():
    assert found("connection refused", [("*", "connection refused")]) == []
    assert found("connection refused", [("other.rst", "connection refused")])
    assert found("access refused", [("*", "connection refused")])


def test_strings_are_checked_and_docstrings_and_comments_are_not():
    source = '"""A wish."""\n# a wish\n\n\ndef wish():\n    """A wish."""\n    return f"{1} a\\nwish"\n'
    assert [line for _number, line in python_lines(source)] == [" a", "wish"]


def test_lines_of_a_long_string_have_their_numbers():
    assert list(python_lines('\nTEXT = """\none\ntwo\n"""\n')) == [(2, ""), (3, "one"), (4, "two")]


def test_comments_of_yaml_are_not_checked():
    assert list(text_lines("# one\nname: two\n{# three #}\n", ("#", "{#"))) == [(2, "name: two")]


def test_the_lists_can_be_read():
    words, exceptions = read_pairs(HERE / "words.txt"), read_pairs(HERE / "exceptions.txt")
    assert words
    assert all(left and right for left, right in words + exceptions)
    for _term, word in words:
        re.compile(word)


def test_no_word_is_left():
    assert check_all() == []
