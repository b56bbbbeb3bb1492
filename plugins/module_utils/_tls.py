# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The TLS side: the device's certificate and key, whom to trust, and what a failed handshake means."""

from __future__ import annotations

import os
import ssl
import typing as t


class _KeyLocked(Exception):
    """The key asks for a passphrase and there is none."""


def client_context(options: dict[str, t.Any]) -> tuple[ssl.SSLContext, list[str]]:
    """Return the context with which the device shows its certificate, and every problem found, as sentences.

    `options` are the connection options of a module. Nothing is read from the environment but where the system keeps
    its trusted certificates, and nothing ever prompts.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    problems = _load_trust(context, options["ca_path"]) if options["validate_certs"] else _trust_anyone(context)
    return context, problems + _load_certificate(context, options)


def _trust_anyone(context: ssl.SSLContext) -> list[str]:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return []


def _load_trust(context: ssl.SSLContext, ca_path: str | None) -> list[str]:
    if ca_path is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return []
    try:
        if os.path.isdir(ca_path):
            context.load_verify_locations(capath=ca_path)
        else:
            context.load_verify_locations(cafile=ca_path)
    except ssl.SSLError:
        return [f"ca_path: {ca_path} holds no PEM certificates."]
    except OSError as error:
        return [f"ca_path: {ca_path} cannot be read: {error.strerror}."]
    return []


def _load_certificate(context: ssl.SSLContext, options: dict[str, t.Any]) -> list[str]:
    certificate, key, passphrase = (options[name] for name in ("client_cert", "client_key", "client_key_passphrase"))
    problems = _pem_problems("client_cert", certificate, b"-----BEGIN CERTIFICATE-----")
    if key is not None:
        problems += _pem_problems("client_key", key, b"-----BEGIN ")
    if problems:
        return problems

    def answer() -> str:
        if passphrase is None:
            raise _KeyLocked
        return passphrase

    where = f"client_key: {key}" if key is not None else f"client_cert: {certificate}"
    try:
        context.load_cert_chain(certificate, key, answer)
    except _KeyLocked:
        return [f"{where} is locked: give client_key_passphrase."]
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return [f"{where} is not the key of the certificate in client_cert, {certificate}."]
        hint = "holds no private key that can be loaded"
        if passphrase is not None:
            hint += " with this client_key_passphrase"
        elif key is None:
            hint += ", so client_key is needed"
        return [f"{where} {hint}{f' ({error.reason})' if error.reason else ''}."]
    except (OSError, ValueError) as error:
        return [f"{where} cannot be used: {error}."]
    return []


def _pem_problems(option: str, path: str, mark: bytes) -> list[str]:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        return [f"{option}: {path} cannot be read: {error.strerror}."]
    except ValueError as error:
        return [f"{option}: {path!r} cannot be a path: {error}."]
    if mark not in content:
        return ["{}: {} is not a PEM file that begins with {}.".format(option, path, mark.decode("ascii").rstrip())]
    return []


def is_final(error: ssl.SSLError) -> bool:
    """Say whether one side decided to end TLS, so that no request was looked at and trying again changes nothing."""
    reason = error.reason or ""
    return isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in reason or bool(_advice(reason))


def explain(error: ssl.SSLError, host: str) -> str:
    """Return what a failed handshake with `host` means and what to do, in one or two sentences."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate of {} is not accepted: {}. {}".format(
            host,
            error.verify_message,
            "Check the host in api_url."
            if error.verify_code in (62, 64)
            else "Name the CA that signed it in ca_path, and check the clock of this host.",
        )
    reason = error.reason or ""
    advice = _advice(reason) or (
        "The usual reasons: the certificate is not the one that belongs to the device, the key does not match it, "
        f"or api_url misses the 'clientauth.' prefix of its host name (it is {host})"
    )
    return f"The TLS handshake with {host} failed ({reason or 'no reason was given'}). {advice}."


# What OpenSSL calls the alert or failure -> what it means here. The versions of OpenSSL differ in a prefix.
_ADVICE = (
    ("ALERT_CERTIFICATE_EXPIRED", "The service says that the device's certificate has expired: renew client_cert"),
    ("ALERT_CERTIFICATE_REVOKED", "The service says that the device's certificate is revoked: issue a new one"),
    ("ALERT_UNKNOWN_CA", "The service does not know the CA of client_cert: use the certificate that it issued"),
    ("ALERT_CERTIFICATE_REQUIRED", "The service asks for a certificate, and client_cert was not one it could use"),
    ("ALERT_BAD_CERTIFICATE", "The service does not accept client_cert: use the device's own, still valid certificate"),
    ("ALERT_CERTIFICATE_UNKNOWN", "The service does not accept client_cert: use the certificate that it issued"),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "The service cannot use the kind of certificate that client_cert is"),
    ("ALERT_ACCESS_DENIED", "The service does not accept client_cert for this host"),
    ("ALERT_PROTOCOL_VERSION", "The service offers no TLS 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "The service offers no TLS 1.2 or newer"),
    ("WRONG_VERSION_NUMBER", "The port does not speak TLS: check the port in api_url"),
    ("HTTP_REQUEST", "The port does not speak TLS: check the port in api_url"),
)


def _advice(reason: str) -> str:
    return next((advice for mark, advice in _ADVICE if mark in reason), "")
