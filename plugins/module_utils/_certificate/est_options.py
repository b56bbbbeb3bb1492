# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options for EST, and the values that they are parsed into. Only the identity of files is read from the disk."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Connection, parse_connection
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.files import is_one_file
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_path

_PREFIX = "clientauth."
# Only the hosts of DigiCert have a name of their own for clients with a certificate.
_DIGICERT = re.compile(
    r"(?i)\A(https://)(clientauth\.)?((?:[a-z0-9-]+\.)*digicert\.(?:com|co\.jp)(?:[:/].*)?)\Z", re.DOTALL
)

# The options for files that the CA certificates must not replace.
_OTHER_FILES = ("client_cert", "client_key", "birth_cert", "birth_key", "csr_path")


def url_without_certificate(url: str) -> str:
    """Return the URL of an EST server for a client without a certificate."""
    return _DIGICERT.sub(r"\g<1>\g<3>", url)


class CaCertificatesOptions(t.NamedTuple):
    """The file for the CA certificates of the server, and the fingerprint of one of them in hexadecimal digits."""

    path: str
    fingerprint: str | None


class EstOptions(t.NamedTuple):
    """The connection to an EST server, and the options for its CA certificates, or None.

    `username` is that of a client without a certificate.
    """

    connection: Connection
    username: str
    ca_certificates: CaCertificatesOptions | None

    @property
    def trusts_ca_certificates(self) -> bool:
        """Whether the file of the CA certificates is the trust store of the connection."""
        certificates, ca_path = self.ca_certificates, self.connection.trust.ca_path
        return certificates is not None and ca_path is not None and is_one_file(certificates.path, ca_path)


def est_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the doc fragment `est`."""
    return {
        "est_url": {"type": "str"},
        "ca_certs_path": {"type": "path"},
        "ca_certs_fingerprint": {"type": "str"},
    }


# The constraint of est_argument_spec.
EST_REQUIREMENTS = {"ca_certs_path": ("est_url",), "ca_certs_fingerprint": ("ca_certs_path",)}


def parse_est_options(params: t.Mapping[str, t.Any], has_certificate: bool) -> tuple[EstOptions | None, list[str]]:
    """Return the options for EST in the parameters of a module, or None without EST, and all errors as sentences.

    `has_certificate` is whether the client authenticates with a certificate. At DigiCert, the name of the host then has
    a prefix, which the console shows or does not show.
    """
    url, path = params["est_url"], params["ca_certs_path"]
    if url is None:
        return None, []
    url = _DIGICERT.sub(rf"\g<1>{_PREFIX}\g<3>", url) if has_certificate else url_without_certificate(url)
    connection = parse_connection({**params, "api_url": url})._replace(url_option="est_url")
    username = params.get("est_username") or ""
    if path is None:
        return EstOptions(connection, username, None), []
    fingerprint = params["ca_certs_fingerprint"]
    digits = None if fingerprint is None else re.sub(r"[:\s]", "", fingerprint).lower()
    options = EstOptions(connection, username, CaCertificatesOptions(path, digits))
    return options, _ca_certificates_problems(params, options, path, digits)


def _ca_certificates_problems(
    params: t.Mapping[str, t.Any], options: EstOptions, path: str, digits: str | None
) -> list[str]:
    """Return the errors in the options for the CA certificates, as sentences."""
    problems = [] if is_path(path) else [f"ca_certs_path: {path!r} cannot be a path."]
    problems += [
        f"ca_certs_path and {option} are the same file, which the CA certificates would replace. Set another path in "
        "ca_certs_path."
        for option in _OTHER_FILES
        if params.get(option) is not None and is_one_file(path, params[option])
    ]
    if digits is not None and not re.fullmatch("[0-9a-f]{64}", digits):
        problems.append(
            "ca_certs_fingerprint must be the SHA-256 fingerprint of a CA certificate: 64 hexadecimal digits."
        )
    trust = options.connection.trust
    if digits is None and (trust.ca_path is None or options.trusts_ca_certificates or not trust.validate_certs):
        problems.append(
            "ca_certs_path requires ca_certs_fingerprint, or another file in ca_path with validate_certs, because the "
            "CA certificates of a response are not trusted otherwise."
        )
    return problems
