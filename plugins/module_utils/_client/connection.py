# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Open sessions for the connection and the credentials of a task."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import threading
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    Operator,
    Secret,
    Trust,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import has_staged_key
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Session, TlsContexts
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls import (
    client_context,
    proxy_context,
    server_auth_context,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.tls_errors import (
    certificate_validity_hint,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import (
    empty_value,
    is_path,
    is_unicode,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

if t.TYPE_CHECKING:  # pragma: no cover - few runs need it
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import Recovery


class _Header(t.NamedTuple):
    """The header of a secret, and its name in messages."""

    header: str
    noun: str


# By option.
_SECRETS = {"api_key": _Header("x-api-key", "API key"), "passcode": _Header("x-passcode", "passcode")}


def open_session(connection: Connection, credentials: Credentials, problems: list[str], runtime: Runtime) -> Session:
    """Return a session that authenticates with the certificate of the device. The first request opens the connection.

    `problems` are errors in other parameters. The staged files of an interrupted renewal are used without an
    installation. Raises InvalidParametersError with all errors, or MissingLibraryError.
    """
    _warn_of_trust(connection, runtime)
    for _attempt in range(10):
        before = _file_states(credentials)
        context, tls_problems = client_context(connection.trust, _usable(credentials, runtime), runtime)
        # A renewal in another process can replace the files between two reads.
        if not tls_problems or before == _file_states(credentials):
            break
    _require_none(problems + certificate_connection_problems(connection) + tls_problems)
    identity = Identity(f"{credentials.prefix}_cert", {}, lambda: certificate_validity_hint(credentials))
    contexts = TlsContexts(context, lambda: proxy_context(connection.trust, runtime.contexts))
    return Session(connection, contexts, identity, runtime.pause)


class OperatorSessions:
    """The sessions of a task with many requests to the operator API, in several threads.

    There is one TLS context for each operator, and the requests share connections, because an API key requires no
    handshake for each device.
    """

    def __init__(self) -> None:
        self._sessions: dict[Operator, Session] = {}
        self._lock = threading.Lock()

    def open(self, operator: Operator, problems: list[str], runtime: Runtime) -> Session:
        """Return a session for one thread, as `open_operator_session` does."""
        _warn_of_trust(operator.connection, runtime)
        with self._lock:
            if operator not in self._sessions:
                silent = runtime._replace(warn=lambda _warning: None)
                self._sessions[operator] = open_operator_session(operator, problems, silent)
        _require_none(problems)
        return self._sessions[operator].fork(runtime.pause)

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            session.close()


def open_operator_session(operator: Operator, problems: list[str], runtime: Runtime) -> Session:
    """Return a session that authenticates with the API key of an operator. The first request opens the connection.

    `problems` are errors in other parameters. Raises InvalidParametersError with all errors, or MissingLibraryError.
    """
    return _open_header_session(operator.connection, Secret("api_key", operator.api_key), problems, runtime)


def open_enrollment_session(
    connection: Connection, credential: Secret | Credentials, problems: list[str], runtime: Runtime
) -> Session:
    """Return a session that authenticates the enrollment of a device. The first request opens the connection.

    `problems` are errors in other parameters. Raises InvalidParametersError with all errors, or MissingLibraryError.
    """
    if isinstance(credential, Secret):
        return _open_header_session(connection, credential, problems, runtime)
    return open_session(connection, credential, problems, runtime)


def open_est_session(
    connection: Connection, credential: Secret | Credentials, username: str, problems: list[str], runtime: Runtime
) -> Session:
    """Return a session with an EST server, as `open_enrollment_session` does. `username` is for a passcode.

    A passcode is a password of HTTP Basic authentication (RFC 7617).
    """
    if isinstance(credential, Credentials):
        return open_session(connection, credential, problems, runtime)
    _warn_of_trust(connection, runtime)
    text = f"{username}:{credential.value}"
    if not credential.value or not is_unicode(text) or not text.isprintable() or ":" in username:
        problems = [
            *problems,
            "passcode is empty, or passcode or est_username has control characters, or est_username has a colon.",
        ]
        text = ""
    token = base64.b64encode(text.encode("utf-8")).decode("ascii")
    return _open_with_headers(connection, {"Authorization": f"Basic {token}"}, problems, runtime)


def open_unverified_session(connection: Connection, problems: list[str], runtime: Runtime) -> Session:
    """Return a session without a credential that accepts any server. The caller verifies the response."""
    context, tls_problems = server_auth_context(Trust(False, None))
    _require_none(problems + connection_problems(connection) + tls_problems)
    # A proxy can receive a password, and the file in ca_path does not exist yet.
    proxy_trust = Trust(connection.trust.validate_certs, None)
    contexts = TlsContexts(context, lambda: proxy_context(proxy_trust))
    return Session(connection, contexts, Identity(leaf=""), runtime.pause)


def _open_header_session(connection: Connection, secret: Secret, problems: list[str], runtime: Runtime) -> Session:
    _warn_of_trust(connection, runtime)
    # If HTTP does not support a character, the error of the library contains the secret.
    if not secret.value:
        problems = [*problems, empty_value(secret.option)]
    elif not all("!" <= character <= "~" for character in secret.value):
        noun = _SECRETS[secret.option].noun
        problems = [*problems, f"{secret.option} has blanks, line ends or characters that no {noun} has."]
    return _open_with_headers(connection, {_SECRETS[secret.option].header: secret.value}, problems, runtime)


def _open_with_headers(
    connection: Connection, headers: t.Mapping[str, str], problems: list[str], runtime: Runtime
) -> Session:
    context, tls_problems = server_auth_context(connection.trust)
    _require_none(problems + connection_problems(connection) + tls_problems)
    contexts = TlsContexts(context, lambda: proxy_context(connection.trust))
    return Session(connection, contexts, Identity(leaf="", headers=headers), runtime.pause)


def _require_none(problems: list[str]) -> None:
    if problems:
        raise InvalidParametersError(" ".join(problems))


def recover_files(credentials: Credentials, runtime: Runtime) -> bool:
    """Complete a renewal that was interrupted between the replacements of the certificate and of the key.

    Return whether that changed files, or would change files in check mode.
    """
    recovery = _recover(credentials, runtime)
    return recovery is not None and recovery.changed


def _usable(credentials: Credentials, runtime: Runtime) -> Credentials:
    recovery = _recover(credentials, runtime._replace(check_mode=True, warn=lambda _warning: None))
    if recovery is None:
        return credentials
    return credentials._replace(client_cert=recovery.pair.certificate, client_key=recovery.pair.key)


def _recover(credentials: Credentials, runtime: Runtime) -> Recovery | None:
    certificate, key = credentials.client_cert, credentials.client_key
    if certificate is None or key is None or not is_path(key) or not has_staged_key(key):
        return None
    # Python compiles imported files in each run, so the import depends on a staged key.
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import pair_of, recover

    passphrase = credentials.client_key_passphrase
    return recover(pair_of(certificate, key), passphrase, not runtime.check_mode, runtime.warn)


def _file_states(credentials: Credentials) -> list[tuple[int, int, int] | None]:
    """Return values that change if the files of the certificate and of its key are replaced."""
    return [_file_state(path) for path in (credentials.client_cert, credentials.client_key)]


def _file_state(path: str | None) -> tuple[int, int, int] | None:
    try:
        state = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino, state.st_mtime_ns


def _warn_of_trust(connection: Connection, runtime: Runtime) -> None:
    if not connection.trust.validate_certs:
        runtime.warn("validate_certs is false. The connection is open to man-in-the-middle attacks.")


def certificate_connection_problems(connection: Connection) -> list[str]:
    """Return why the connection is not possible with a client certificate, as sentences."""
    problems = connection_problems(connection)
    found = _WITHOUT_CERTIFICATE.match(connection.api_url)
    if found:
        host = found.group(1)
        problems.append(
            f"{connection.url_option} has the host {host}, which does not request a client certificate. Set it to "
            f"https://clientauth.{host}."
        )
    return problems


def connection_problems(connection: Connection) -> list[str]:
    """Return why the connection is not possible, as sentences."""
    if connection.api_url == "":
        return [empty_value(connection.url_option)]
    problem = _url_problem(connection.api_url)
    problems = (
        [f"{connection.url_option} {problem}. It must consist of https://, a host, and optionally a port and a path."]
        if problem
        else []
    )
    # The timeout of a socket has a limit, and a day is sufficient.
    if not 1 <= connection.timeout <= 86400:
        problems.append(f"timeout is {connection.timeout}, but must be from 1 to 86400.")
    if connection.retries < 0:
        problems.append(f"retries is {connection.retries}, but must be 0 or more.")
    return problems


# A host name (RFC 1035, section 2.3.4) or an IPv6 address in brackets, a port, and a path (RFC 3986).
_HOST = r"(?=[^/:]{1,254}(?:[/:]|\Z))[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\]"
_BASE_URL = re.compile(
    rf"(?i:https)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
)


# The hosts of DigiCert for operators, in all regions. Those for devices have a prefix.
_WITHOUT_CERTIFICATE = re.compile(r"(?i)https://((?:demo\.)?one\.(?:[a-z]{2}\.)?digicert\.(?:com|co\.jp))(?=[:/]|\Z)")


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
