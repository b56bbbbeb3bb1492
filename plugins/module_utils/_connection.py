# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options that every module of the collection has for its connection, and what they are turned into."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import env_fallback

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import InvalidTask
from ansible_collections.edgeops.digicert.plugins.module_utils._pair import Pair, finish
from ansible_collections.edgeops.digicert.plugins.module_utils._session import Session
from ansible_collections.edgeops.digicert.plugins.module_utils._tls import client_context, leaf_dates
from ansible_collections.edgeops.digicert.plugins.module_utils._values import is_unicode


def _from_environment(option: str) -> dict[str, t.Any]:
    return {"fallback": (env_fallback, [f"DIGICERT_IOT_{option.upper()}"])}


def connection_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the options that the doc fragment `connection` describes."""
    return {
        "device_id": {"type": "str", "required": True, **_from_environment("device_id")},
        "api_url": {
            "type": "str",
            "default": "https://clientauth.one.digicert.com",
            **_from_environment("api_url"),
        },
        "client_cert": {"type": "path", **_from_environment("client_cert")},
        # It may hold the key as well.
        "client_cert_content": {"type": "str", "no_log": True, **_from_environment("client_cert_content")},
        "client_key": {"type": "path", "no_log": False, **_from_environment("client_key")},
        "client_key_content": {"type": "str", "no_log": True, **_from_environment("client_key_content")},
        "client_key_passphrase": {"type": "str", "no_log": True, **_from_environment("client_key_passphrase")},
        "ca_path": {"type": "path", **_from_environment("ca_path")},
        "validate_certs": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 30},
        "retries": {"type": "int", "default": 5},
        "use_proxy": {"type": "bool", "default": True},
    }


def open_session(
    options: dict[str, t.Any],
    problems: list[str],
    folder: t.Callable[[], str],
    warn: t.Callable[[str], None],
    check_mode: bool = False,
) -> Session:
    """Return a session with which the device shows its certificate. It connects with its first request.

    `options` are a module's parameters, `problems` is what else is wrong with the task, and `folder` gives the module's
    own temporary one. A renewal that was interrupted is finished, but not in check mode. Raises InvalidTask with all
    that is wrong, and RequirementMissing.
    """
    if options["client_cert"] is not None and options["client_key"] is not None:
        pair = Pair(options["client_cert"], options["client_key"])
        pair = finish(pair, options["client_key_passphrase"], check_mode, warn)
        options = {**options, "client_cert": pair.certificate, "client_key": pair.key}
    if not options["validate_certs"]:
        warn("validate_certs is false: anyone on the way can pose as the service.")
    context, tls_problems = client_context(options, folder, warn)
    problems = problems + _problems(options) + tls_problems
    if problems:
        raise InvalidTask(" ".join(problems))
    return Session(
        context,
        options["api_url"],
        timeout=options["timeout"],
        retries=options["retries"],
        use_proxy=options["use_proxy"],
        leaf_dates=lambda: leaf_dates(options),
    )


def _problems(options: dict[str, t.Any]) -> list[str]:
    problems = []
    # A path segment of dots is taken out of a URL on the way (RFC 3986, section 5.2.4), whatever its escapes.
    if options["device_id"] in ("", ".", "..") or not is_unicode(options["device_id"]):
        problems.append("device_id {!r} cannot be the ID of a device.".format(options["device_id"]))
    try:
        url = urlsplit(options["api_url"])
        usable = url.scheme == "https" and bool(url.hostname) and url.port != 0 and "@" not in url.netloc
        usable = usable and not {"?", "#"}.intersection(options["api_url"]) and is_unicode(options["api_url"])
    except ValueError:
        usable = False
    if not usable:
        problems.append(
            "api_url {!r} is not a base URL: it must be https://, a host, and no more than a path.".format(
                options["api_url"]
            )
        )
    # Sockets cannot wait for longer than the clock counts; a day is long enough.
    if not 1 <= options["timeout"] <= 86400:
        problems.append("timeout is {}, and must be at least 1 second and at most 86400.".format(options["timeout"]))
    if options["retries"] < 0:
        problems.append("retries is {}, and must not be negative.".format(options["retries"]))
    return problems
