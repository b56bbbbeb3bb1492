# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options of the modules for their connection, and the values that these options are parsed into."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback


class Trust(t.NamedTuple):
    """The servers to trust: any without `validate_certs`, else those of the CAs in `ca_path` or of the system."""

    validate_certs: bool
    ca_path: str | None


class Connection(t.NamedTuple):
    """The URL of an API, and how to connect to it. `timeout` is in seconds. `url_option` is the option for the URL."""

    api_url: str
    trust: Trust
    timeout: int
    retries: int
    use_proxy: bool
    url_option: str = "api_url"


class Operator(t.NamedTuple):
    """The connection to the operator API, and the API key of an operator."""

    connection: Connection
    api_key: str


class Credentials(t.NamedTuple):
    """A client certificate and its key, each as a path or as text. The key can be in the certificate's file.

    `prefix` is that of the options for them: `client` for the certificate of a device, `birth` for the one to enroll.
    """

    client_cert: str | None
    client_cert_content: str | None
    client_key: str | None
    client_key_content: str | None
    client_key_passphrase: str | None
    prefix: str = "client"


class Secret(t.NamedTuple):
    """A text that authenticates requests, and its option: `api_key` or `passcode`."""

    option: str
    value: str


def parse_connection(params: t.Mapping[str, t.Any]) -> Connection:
    """Return the connection in the parameters of a module."""
    trust = Trust(params["validate_certs"], params["ca_path"])
    return Connection(params["api_url"], trust, params["timeout"], params["retries"], params["use_proxy"])


def parse_operator(params: t.Mapping[str, t.Any]) -> Operator:
    """Return the connection and the API key in the parameters of a module."""
    return Operator(parse_connection(params), params["api_key"])


def parse_credentials(params: t.Mapping[str, t.Any], prefix: str = "client") -> Credentials:
    """Return the client certificate and its key in the parameters of a module, whose options have this prefix."""
    cert, cert_content, key, key_content, passphrase = (
        params.get(f"{prefix}_{option}") for option in ("cert", "cert_content", "key", "key_content", "key_passphrase")
    )
    return Credentials(cert, cert_content, key, key_content, passphrase, prefix)


# The options for the attributes of the file of a certificate.
FILE_OPTIONS = ("owner", "group", "seuser", "serole", "setype", "selevel")


def file_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec for the attributes of the file of a certificate."""
    return {"mode": {"type": "raw"}, **{option: {"type": "str"} for option in FILE_OPTIONS}}


# The constraints of connection_argument_spec.
PAIR_EXCLUSIONS = (("client_cert", "client_cert_content"), ("client_key", "client_key_content"))


def _from_environment(option: str) -> dict[str, t.Any]:
    return {"fallback": (env_fallback, [f"DIGICERT_IOT_{option.upper()}"])}


def connection_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the doc fragments `connection`, `device` and `certificate`."""
    return {
        # The modules report a missing ID together with all other errors. Ansible would report nothing but the ID.
        "device_id": {"type": "str", **_from_environment("device_id")},
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
        **common_argument_spec(),
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
        **common_argument_spec(),
    }


def common_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the doc fragment `connection`."""
    return {
        "ca_path": {"type": "path", **_from_environment("ca_path")},
        "validate_certs": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 30},
        "retries": {"type": "int", "default": 5},
        "use_proxy": {"type": "bool", "default": True},
    }
