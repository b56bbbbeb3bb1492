# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    Trust,
    connection_argument_spec,
    file_argument_spec,
    operator_argument_spec,
    parse_connection,
    parse_credentials,
    parse_operator,
)


def defaults_of(spec):
    return {option: rule.get("default") for option, rule in spec.items()}


def test_the_options_of_a_device_become_a_connection_and_credentials():
    params = {**defaults_of(connection_argument_spec()), "client_cert": "/a.pem", "ca_path": "/ca.pem"}
    trust = Trust(True, "/ca.pem")
    assert parse_connection(params) == Connection("https://clientauth.one.digicert.com", trust, 30, 5, True)
    assert parse_credentials(params) == Credentials("/a.pem", None, None, None, None)


def test_the_attributes_of_a_file_have_options():
    assert set(file_argument_spec()) == {"mode", "owner", "group", "seuser", "serole", "setype", "selevel"}


def test_the_options_of_an_operator_become_a_connection_and_a_key():
    params = {**defaults_of(operator_argument_spec()), "api_key": "key"}
    connection = Connection("https://one.digicert.com", Trust(True, None), 30, 5, True)
    assert parse_operator(params) == (connection, "key")
