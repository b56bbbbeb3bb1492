# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The causes of failed TLS connections: what an alert or an error of OpenSSL means, and the remedy."""

from __future__ import annotations

import datetime
import ssl
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file


def certificate_validity_hint(credentials: Credentials) -> str:
    """Return a sentence if the current time is not in the validity period of the device certificate, else "".

    This requires the package cryptography, which is not required otherwise, so it is for errors only.
    """
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
        HAS_CRYPTOGRAPHY,
        certificate_info,
        read_chain,
    )

    if not HAS_CRYPTOGRAPHY:
        return ""
    content = credentials.client_cert_content
    try:
        pem = read_regular_file(str(credentials.client_cert)) if content is None else content.encode("ascii")
        begin, end = certificate_info(read_chain(pem)[0])[2:4]
    except (OSError, ValueError):
        return ""
    now = datetime.datetime.now(datetime.timezone.utc)
    if end < now:
        return f" {credentials.prefix}_cert expired on {end:%Y-%m-%d at %H:%M} UTC."
    if begin > now:
        return (
            f" {credentials.prefix}_cert is not valid before {begin:%Y-%m-%d, %H:%M} UTC. Check the clock of this host."
        )
    return ""


def is_final(error: ssl.SSLError) -> bool:
    """Return whether one side ended TLS with an alert or an error, so that a retry has the same outcome."""
    reason = _reason(error)
    return isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in reason or bool(_advice(reason))


def is_about_leaf(error: ssl.SSLError) -> bool:
    """Return whether the server ended the handshake because of the client certificate.

    With TLS 1.3 its alert can arrive after the client has sent a request. The server has not processed the request.
    """
    reason = _reason(error)
    return "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)


# The advice if the server closed all connections without a response.
CLOSED_ADVICE = (
    "The server closed each connection during or after the TLS handshake, without a response. A server that rejects "
    "client_cert can do that. Check that client_cert is the valid certificate of the device, and that api_url is the "
    "URL of the region and the account that issued it. A firewall can close connections, too."
)


def is_closing(causes: t.Iterable[BaseException]) -> bool:
    """Return whether the other side closed a connection without a TLS alert."""
    closings = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    # Before Python 3.10 with OpenSSL 3, the end of a connection is an SSLError without a class of its own.
    return any(isinstance(cause, closings) or "UNEXPECTED_EOF" in str(cause) for cause in causes)


def describe_handshake_error(error: ssl.SSLError, host: str, leaf: str = "client_cert") -> str:
    """Return the cause of a failed handshake with `host` and the remedy.

    `leaf` is the option for the client certificate of the context, or "" if it has none.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The verification of the certificate of {} failed: {}. {}".format(
            host,
            error.verify_message,
            "Check the host in api_url."
            if error.verify_code in (62, 64)
            else "Set ca_path to the CA that signed it, and check the clock of this host.",
        )
    reason = _reason(error)
    if not leaf and "ALERT" in reason and "PROTOCOL" not in reason:
        return (
            f"The TLS handshake with {host} failed ({reason}). The server requires a client certificate, "
            "which a request with an API key or a passcode does not have. At DigiCert, remove the prefix 'clientauth.' "
            "of the host name in api_url."
        )
    advice = _advice(reason) or (
        "Check that client_cert is the certificate of the device and that client_key matches it, that the host name in "
        "api_url starts with 'clientauth.' at DigiCert, and that api_url is the URL of the region and the account that "
        "issued the certificate"
    )
    return f"The TLS handshake with {host} failed ({reason}). {for_leaf(advice, leaf)}."


def for_leaf(advice: str, leaf: str) -> str:
    """Return an advice on the certificate of a device for the certificate in the option `leaf`."""
    if leaf in ("", "client_cert"):
        return advice
    enrolls = ("certificate of the device", "certificate that is registered to the enrollment profile")
    key = leaf.replace("_cert", "_key")
    for old, new in (("client_cert", leaf), ("client_key", key), enrolls):
        advice = advice.replace(old, new)
    return advice


def describe_proxy_handshake_error(error: ssl.SSLError, label: str, variable: str) -> str:
    """Return the cause of a failed handshake with the proxy `label`, which `variable` sets, and the remedy."""
    way_around = "or bypass the proxy with NO_PROXY or use_proxy"
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = (
            f"Correct the host in {variable}, {way_around}."
            if error.verify_code in (62, 64)
            else f"Add the CA that signed it to ca_path or to the trust store of the system, {way_around}."
        )
        reason = error.verify_message.rstrip(".")
        return f"The verification of the certificate of the proxy {label} failed: {reason}. {advice}"
    reason = _reason(error)
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason:
        advice = f"Its port does not use TLS: set the scheme in {variable} to http://, or correct the port"
    elif "CERTIFICATE_REQUIRED" in reason:
        # The client certificate is for the API only.
        advice = f"The proxy requires a client certificate, which is not supported: use another proxy, {way_around}"
    else:
        advice = f"Check the proxy and {variable}, {way_around}"
    return f"The TLS handshake with the proxy {label} failed ({reason}). {advice}."


# The reason of OpenSSL, whose prefix depends on the version -> the cause and the remedy.
_ADVICE = (
    ("ALERT_CERTIFICATE_EXPIRED", "The server rejects client_cert because it has expired: renew it"),
    ("ALERT_CERTIFICATE_REVOKED", "The server rejects client_cert because it is revoked: issue a new one"),
    (
        "ALERT_UNKNOWN_CA",
        "The server does not trust the CA of client_cert: use a certificate that DigiCert issued for the account, and "
        "the api_url of the region that issued it",
    ),
    ("ALERT_CERTIFICATE_REQUIRED", "The server requires a client certificate and does not support client_cert"),
    ("ALERT_BAD_CERTIFICATE", "The server rejects client_cert: use the valid certificate of the device"),
    (
        "ALERT_CERTIFICATE_UNKNOWN",
        "The server rejects client_cert: use a certificate that DigiCert issued for the account",
    ),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "The server does not support the type of client_cert"),
    ("ALERT_ACCESS_DENIED", "The server denies access with client_cert"),
    ("ALERT_PROTOCOL_VERSION", "The server does not support TLS 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "The server does not support TLS 1.2 or newer"),
    ("WRONG_VERSION_NUMBER", "The port does not use TLS: check the port in api_url"),
    ("HTTP_REQUEST", "The port does not use TLS: check the port in api_url"),
    ("EVP lib", "The key cannot sign: check its PIN or password, and the TPM or token that contains it"),
)


def _reason(error: ssl.SSLError) -> str:
    # For errors of a part of OpenSSL, such as a provider that cannot sign, Python sets no reason.
    return getattr(error, "reason", None) or str(error)


def _advice(reason: str) -> str:
    return next((advice for mark, advice in _ADVICE if mark in reason), "")
