# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import Policy
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    parse_renewal_options,
    renewal_argument_spec,
)

FILES = Credentials("/x.pem", None, "/x.key", None, None)


def read(credentials=FILES, **options):
    defaults = {option: rule.get("default") for option, rule in renewal_argument_spec().items()}
    return parse_renewal_options({**defaults, "device_id": "1", **options}, credentials)


def test_all_missing_options_are_problems():
    problems = read(Credentials(None, None, None, None, None), device_id=None, remaining_days=-1)[1]
    assert problems == [
        "client_cert is required.",
        "One of device_id and est_url is required.",
        "remaining_days is -1, but must be 0 or more.",
    ]
    assert read(device_id=None, est_url="https://est.example")[1] == []


def test_without_limits_it_is_30_days():
    assert read()[0].policy == Policy(False, 30, None)
    assert read(remaining_percentage=20)[0].policy == Policy(False, None, 20)
    assert read(remaining_days=7, remaining_percentage=20)[0].policy == Policy(False, 7, 20)


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"remaining_days": -1}, ["remaining_days is -1, but must be 0 or more."]),
        ({"remaining_percentage": -1}, ["remaining_percentage is -1, but must be from 0 to 100."]),
        ({"remaining_percentage": 101}, ["remaining_percentage is 101, but must be from 0 to 100."]),
        ({"remaining_days": 0, "remaining_percentage": 100}, []),
        ({"remaining_percentage": 0}, []),
    ],
)
def test_limits_have_bounds(options, problems):
    assert read(**options)[1] == problems


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"csr_path": "/a.csr", "regenerate_key": True},
            "csr_path and regenerate_key are mutually exclusive, because a CSR is for an existing key.",
        ),
        ({"key_type": "rsa_2048"}, "key_type requires regenerate_key, because it is the type of a new key."),
        (
            {"credentials": FILES._replace(client_cert_content="x")},
            "client_cert_content cannot be renewed, because it is not a file. Set client_cert.",
        ),
        ({"credentials": FILES._replace(client_key="a\0b")}, "client_key: 'a\\x00b' cannot be a path."),
    ],
)
def test_options_that_exclude_each_other_are_problems(options, problem):
    assert read(**options)[1] == [problem]


def test_attributes_are_those_of_the_request():
    attributes = [{"id": "subject.common_name", "value": "gate"}]
    assert read(certificate_profile_attributes=attributes, device_attributes=[])[0].attributes == {
        "certificate_profile_attributes": attributes
    }
