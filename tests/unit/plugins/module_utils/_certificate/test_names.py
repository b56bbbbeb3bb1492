# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import COMMON_NAME, Names, parse_names


def test_the_common_name_is_the_name_of_the_device():
    assert parse_names(None, None, "gate-7") == (Names(((COMMON_NAME, "gate-7"),), ()), [])


def test_names_are_as_in_openssl_csr():
    subject = {"CN": "other", "organizationName": "Port", "OU": ["a", "b"], "1.2.3.4": "x", "serialnumber": 40071}
    alternative = ["DNS:gate.example", "ip: ::1 ", "URI:urn:x:1", "email:a@b.example"]
    names, problems = parse_names(subject, alternative, "gate-7")
    assert problems == []
    assert names.subject == (
        (COMMON_NAME, "other"),
        ("2.5.4.10", "Port"),
        ("2.5.4.11", "a"),
        ("2.5.4.11", "b"),
        ("1.2.3.4", "x"),
        ("2.5.4.5", "40071"),
    )
    assert names.alternative == (
        ("DNS", "gate.example"),
        ("IP", "::1"),
        ("URI", "urn:x:1"),
        ("email", "a@b.example"),
    )


@pytest.mark.parametrize(
    ("subject", "alternative", "part"),
    [
        ({"Organisation": "x"}, None, "subject: 'Organisation' is neither the name nor the OID"),
        ({"O": ""}, None, "subject: the value of 'O' must be a string"),
        ({"O": []}, None, "subject: the value of 'O' must be a string"),
        ({"O": ["x", None]}, None, "subject: the value of 'O' must be a string"),
        ({"O": True}, None, "subject: the value of 'O' must be a string"),
        ({"O": 1.5}, None, "subject: the value of 'O' must be a string"),
        ({"CN": 65 * "x"}, None, "subject has a common name with more than 64 characters"),
        (None, ["gate.example"], "subject_alt_name: 'gate.example' must consist of one of DNS:, IP:, URI:, email:"),
        (None, ["DNS:"], "subject_alt_name: 'DNS:' must consist of"),
        (None, ["otherName:1.2.3"], "subject_alt_name: 'otherName:1.2.3' must consist of"),
    ],
)
def test_invalid_names_are_rejected(subject, alternative, part):
    (problem,) = parse_names(subject, alternative, "gate-7")[1]
    assert problem.startswith(part)


def test_a_long_name_of_a_device_is_no_common_name():
    (problem,) = parse_names(None, None, 65 * "x")[1]
    assert problem.startswith("device_identifier has a common name with more than 64 characters")
    assert parse_names({"CN": "short"}, None, 65 * "x")[1] == []
