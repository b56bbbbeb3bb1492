# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Open sessions with the connection options of a module."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import has_staged_key
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Pause, Session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import (
    Contexts,
    certificate_validity_hint,
    client_context,
    proxy_context,
    server_auth_context,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_path, is_unicode

if t.TYPE_CHECKING:  # pragma: no cover - few runs need it
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import Recovery


def open_session(
    options: dict[str, t.Any],
    problems: list[str],
    folder: t.Callable[[], str],
    warn: t.Callable[[str], None],
    contexts: Contexts | None = None,
    pause: Pause | None = None,
) -> Session:
    """Return a session that authenticates with the certificate of the device. The first request opens the connection.

    `options` are the parameters of a module, `problems` are errors in other parameters, and `folder` returns the
    temporary directory of the module. The staged files of an interrupted renewal are used without an installation. A
    task for many devices has `contexts`, as in `tls`, and `pause`, as in `session`. Raises InvalidParametersError with
    all errors, or MissingLibraryError.
    """
    _warn_of_trust(options, warn)
    for _attempt in range(10):
        before = _file_states(options)
        usable = _usable(options)
        context, tls_problems = client_context(usable, folder, warn, contexts)
        # A renewal in another process can replace the files between two reads.
        if not tls_problems or before == _file_states(options):
            break
    problems = problems + id_problems(options["device_id"]) + _problems(options) + tls_problems
    return _session(
        context,
        options,
        problems,
        proxy_context=lambda: proxy_context(options, contexts),
        certificate_validity_hint=lambda: certificate_validity_hint(options),
        pause=pause,
    )


def open_operator_session(options: dict[str, t.Any], problems: list[str], warn: t.Callable[[str], None]) -> Session:
    """Return a session that authenticates with the API key of an operator. The first request opens the connection.

    `options` are those of the doc fragment `operator`, and `problems` are errors in other parameters. Raises
    InvalidParametersError with all errors, or MissingLibraryError.
    """
    _warn_of_trust(options, warn)
    context, tls_problems = server_auth_context(options)
    api_key = options["api_key"]
    # If HTTP does not support a character, the error of the library contains the key.
    if not api_key or not all("!" <= character <= "~" for character in api_key):
        problems = [*problems, "api_key is empty, or has blanks, line ends or characters that no API key has."]
    return _session(
        context,
        options,
        problems + _problems(options) + tls_problems,
        proxy_context=lambda: proxy_context(options),
        has_leaf=False,
        headers={"x-api-key": api_key},
    )


def _session(context: ssl.SSLContext, options: dict[str, t.Any], problems: list[str], **settings: t.Any) -> Session:
    if problems:
        raise InvalidParametersError(" ".join(problems))
    return Session(
        context,
        options["api_url"],
        timeout=options["timeout"],
        retries=options["retries"],
        use_proxy=options["use_proxy"],
        **settings,
    )


def recover_files(options: dict[str, t.Any], may_write: bool, warn: t.Callable[[str], None]) -> bool:
    """Complete a renewal that was interrupted between the replacements of the certificate and of the key.

    Return whether that changed files, or would change files if `may_write` is false.
    """
    recovery = _recover(options, may_write, warn)
    return recovery is not None and recovery.changed


def _usable(options: dict[str, t.Any]) -> dict[str, t.Any]:
    recovery = _recover(options, may_write=False, warn=lambda _warning: None)
    return options if recovery is None else {**options, **recovery.pair.options}


def _recover(options: dict[str, t.Any], may_write: bool, warn: t.Callable[[str], None]) -> Recovery | None:
    certificate, key = options.get("client_cert"), options.get("client_key")
    if certificate is None or key is None or not is_path(key) or not has_staged_key(key):
        return None
    # Python compiles imported files in each run, so the import depends on a staged key.
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import pair_of, recover

    return recover(pair_of(certificate, key), options["client_key_passphrase"], may_write, warn)


def _file_states(options: dict[str, t.Any]) -> list[tuple[int, int, int] | None]:
    """Return values that change if the files of the certificate and of its key are replaced."""
    return [_file_state(options[option]) for option in ("client_cert", "client_key")]


def _file_state(path: str | None) -> tuple[int, int, int] | None:
    try:
        state = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino, state.st_mtime_ns


def _warn_of_trust(options: dict[str, t.Any], warn: t.Callable[[str], None]) -> None:
    if not options["validate_certs"]:
        warn("validate_certs is false. The connection is open to man-in-the-middle attacks.")


def id_problems(device_id: str) -> list[str]:
    """Return why this cannot be the ID of a device, as sentences."""
    # A path segment of dots is removed from a URL (RFC 3986, section 5.2.4), also if it is escaped.
    if device_id in ("", ".", "..") or not is_unicode(device_id):
        return [f"device_id {device_id!r} cannot be the ID of a device."]
    return []


def _problems(options: dict[str, t.Any]) -> list[str]:
    problem = _url_problem(options["api_url"])
    problems = (
        [f"api_url {problem}. It must consist of https://, a host, and optionally a port and a path."]
        if problem
        else []
    )
    # The timeout of a socket has a limit, and a day is sufficient.
    if not 1 <= options["timeout"] <= 86400:
        problems.append("timeout is {}, but must be from 1 to 86400.".format(options["timeout"]))
    if options["retries"] < 0:
        problems.append("retries is {}, but must be 0 or more.".format(options["retries"]))
    return problems


# A host name (RFC 1035, section 2.3.4) or an IPv6 address in brackets, a port, and a path (RFC 3986).
_HOST = r"(?=[^/:]{1,254}(?:[/:]|\Z))[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\]"
_BASE_URL = re.compile(
    rf"(?i:https)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
)


def _url_problem(url: str) -> str | None:
    """Return why this is no base URL, as the end of a sentence, without the URL, which can contain secrets."""
    if not all("!" <= character <= "~" for character in url):
        return "has blanks, line ends, or characters that are not ASCII"
    if not url.lower().startswith("https://"):
        return "does not begin with https://"
    if "@" in url[len("https://") :].partition("/")[0]:
        return "has a username or a password, which the API does not support"
    if {"?", "#"}.intersection(url):
        return "has a query or a fragment"
    found = _BASE_URL.fullmatch(url)
    if found is None or not 0 < int(found.group("port") or 443) < 65536 or not _is_host(found.group("host")):
        return "has no valid host, port or path"
    return None


def _is_host(host: str) -> bool:
    try:
        return not host.startswith("[") or bool(ipaddress.IPv6Address(host[1:-1]))
    except ValueError:
        return False
