# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options that the modules of the collection have for their connection, and for a record."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback


def _from_environment(option: str) -> dict[str, t.Any]:
    return {"fallback": (env_fallback, [f"DIGICERT_IOT_{option.upper()}"])}


def connection_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the doc fragments `connection`, `device` and `certificate`."""
    return {
        "device_id": {"type": "str", "required": True, **_from_environment("device_id")},
        "api_url": {
            "type": "str",
            "default": "https://clientauth.one.digicert.com",
            **_from_environment("api_url"),
        },
        "client_cert": {"type": "path", **_from_environment("client_cert")},
        # It can contain the key as well.
        "client_cert_content": {"type": "str", "no_log": True, **_from_environment("client_cert_content")},
        "client_key": {"type": "path", "no_log": False, **_from_environment("client_key")},
        "client_key_content": {"type": "str", "no_log": True, **_from_environment("client_key_content")},
        "client_key_passphrase": {"type": "str", "no_log": True, **_from_environment("client_key_passphrase")},
        **_common_argument_spec(),
    }


def operator_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the doc fragments `connection` and `operator`."""
    return {
        # A job for both APIs can set a variable for each of them.
        "api_url": {
            "type": "str",
            "default": "https://one.digicert.com",
            **_from_environment("operator_api_url"),
        },
        "api_key": {"type": "str", "required": True, "no_log": True, **_from_environment("api_key")},
        **_common_argument_spec(),
    }


def _common_argument_spec() -> dict[str, dict[str, t.Any]]:
    return {
        "ca_path": {"type": "path", **_from_environment("ca_path")},
        "validate_certs": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 30},
        "retries": {"type": "int", "default": 5},
        "use_proxy": {"type": "bool", "default": True},
    }


def mask_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the fields whose values are masked in results."""
    return {"mask_fields": {"type": "list", "elements": "str", "default": []}}


def record_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the desired state of a record."""
    field_spec = {
        "id": {"type": "str"},
        "name": {"type": "str"},
        "value": {"type": "raw"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    return {
        "device_identifier": {"type": "str"},
        "fields": {"type": "list", "elements": "dict", "options": field_spec},
        "secret_fields": {
            "type": "list",
            "elements": "dict",
            # Without this, Ansible warns because of the name of the option. Only `value` is a secret.
            "no_log": False,
            "options": {**field_spec, "value": {"type": "raw", "no_log": True}},
        },
        "purge_fields": {"type": "bool", "default": False},
        "keep_fields": {"type": "list", "elements": "str", "default": []},
        **mask_argument_spec(),
        "on_read_denied": {"type": "str", "choices": ["fail", "overwrite"], "default": "fail"},
    }


def devices_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of a module for many devices, each with the options for one device.

    Omitted options of a device default to those of the task, so only these have defaults.
    """
    task = {**connection_argument_spec(), **record_argument_spec()}
    device = {
        option: {key: value for key, value in rule.items() if key not in ("default", "fallback")}
        for option, rule in task.items()
    }
    del task["device_id"]
    return {**task, "devices": {"type": "list", "elements": "dict", "required": True, "options": device}}
