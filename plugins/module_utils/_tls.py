# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The TLS side: the device's certificate and key, whom to trust, and what a failed handshake means."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import stat
import tempfile
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._failures import HostError, InvalidTask
from ansible_collections.edgeops.digicert.plugins.module_utils._pem import (
    BOM,
    CERTIFICATE,
    PRIVATE_KEY,
    certificates,
    describe_problem,
    element,
    is_open,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors
from ansible_collections.edgeops.digicert.plugins.module_utils._values import is_unicode

# How a renewal calls a key that it lays beside the old one, until the certificate is in its place.
NEXT = ".next"
# PEM_BUFSIZE of OpenSSL.
_LONGEST_PASSPHRASE = 1024
# The directories in which a process finds its open files by their descriptors.
_DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
# How a PEM file begins that only names a key in hardware -> the provider of OpenSSL 3 that knows the key.
_PROVIDERS = ((b"-----BEGIN TSS2 PRIVATE KEY", "tpm2"), (b"-----BEGIN PKCS#11 PROVIDER URI", "pkcs11"))

# By whom to trust (validate_certs, ca_path) and the kind of the device's key, b"" for a context without a certificate.
Contexts = t.Dict[t.Tuple[bool, t.Optional[str], t.Optional[bytes]], ssl.SSLContext]


def pair_problems(options: dict[str, t.Any], folder: t.Callable[[], str], warn: t.Callable[[str], None]) -> list[str]:
    """Return why OpenSSL cannot use certificate and key of `options`, without looking at the trust store."""
    problems: list[str] = []
    with contextlib.ExitStack() as files:
        pair = _find_pair(options, folder, files, problems)
        return problems + (_load_pair(_new_context(), pair, options["client_key_passphrase"], warn) if pair else [])


def client_context(
    options: dict[str, t.Any],
    folder: t.Callable[[], str],
    warn: t.Callable[[str], None],
    contexts: Contexts | None = None,
) -> tuple[ssl.SSLContext, list[str]]:
    """Return the context with which the device shows its certificate, and every problem found, as sentences.

    `options` are the connection options of a module, and `folder` gives one that only its user can look into. Nothing
    is read from the environment but where the system keeps its trusted certificates, and nothing ever prompts. Raises
    InvalidTask when OpenSSL offers no TLS at all.

    With `contexts` the context may be one that another device has used before, and is kept there for the next: what
    takes longest is to load whom to trust. Nothing of the other device may be connected any more.
    """
    contexts = {} if contexts is None else contexts
    problems: list[str] = []
    with contextlib.ExitStack() as files:
        pair = _find_pair(options, folder, files, problems)
        kind = key_kind(pair.certificate.content) if pair else None
        use = (options["validate_certs"], options["ca_path"], kind)
        # It comes back only when all is well: one in which a pair was loaded in part is of no use to another device.
        context = contexts.pop(use, None)
        if context is None:
            context, trust_problems = trusting_context(options)
            problems = trust_problems + problems
        if pair:
            problems += _load_pair(context, pair, options["client_key_passphrase"], warn)
    if kind and not problems:
        contexts[use] = context
    return context, problems


def proxy_context(options: dict[str, t.Any], contexts: Contexts | None = None) -> ssl.SSLContext:
    """Return a context for TLS to a proxy, which never has a client certificate.

    It trusts the CAs of ca_path, and those of the system, which usually hold the CA of a company's proxy.

    `contexts` keeps it, as in `client_context`, where problems of `options` were found already.
    """
    use = (options["validate_certs"], options["ca_path"], b"")
    contexts = {} if contexts is None else contexts
    if use not in contexts:
        context = trusting_context(options)[0]
        if context.verify_mode != ssl.CERT_NONE:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        contexts[use] = context
    return contexts[use]


def trusting_context(options: dict[str, t.Any]) -> tuple[ssl.SSLContext, list[str]]:
    """Return a context that trusts whom `options` say and shows no certificate, and every problem found, as sentences.

    Raises InvalidTask when OpenSSL offers no TLS at all.
    """
    context = _new_context()
    problems = _load_trust(context, options["ca_path"]) if options["validate_certs"] else _trust_anyone(context)
    return context, problems


def key_kind(pem: bytes) -> bytes | None:
    """Return how the first certificate in `pem` names the kind of its key, or None when it is not one.

    It is the AlgorithmIdentifier of RFC 5280, section 4.1.2.7. A context holds one certificate for each kind of key and
    shows the one that the service prefers, so what replaces a certificate there has to be of its kind.
    """
    try:
        der = certificates(pem)[0]
        at = element(der, element(der, 0)[0])[0]  # of the Certificate, then of its TBSCertificate
        for _before_key in range(6 if der[at] == 0xA0 else 5):  # a version; serialNumber to subject
            at = element(der, at)[1]
        at = element(der, at)[0]
        return der[at : element(der, at)[1]] or None
    except (IndexError, ValueError):
        return None


def _new_context() -> ssl.SSLContext:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    except ssl.SSLError as error:
        raise InvalidTask(
            f"OpenSSL offers no TLS ({error.reason}): a configuration that OPENSSL_CONF names must activate the "
            "provider 'default' too."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 8446, section 4.6.2: a server may ask for the certificate after it has read the request.
    context.post_handshake_auth = True
    return context


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
            # OpenSSL would read a FIFO or a device file without an end.
            read_regular_file(ca_path)
            context.load_verify_locations(cafile=ca_path)
    except ssl.SSLError:
        return [f"ca_path: {ca_path} holds no PEM certificates."]
    except OSError as error:
        return [f"ca_path: {ca_path} cannot be read: {error.strerror}."]
    except ValueError as error:
        return [f"ca_path: {ca_path!r} cannot be a path: {error}."]
    return []


def _find_pair(
    options: dict[str, t.Any], folder: t.Callable[[], str], files: contextlib.ExitStack, problems: list[str]
) -> _PemPair | None:
    """Return the certificate and the key that `options` give, or None and why not in `problems`."""
    certificate, key = (_find_pem(option, options, folder, files, problems) for option in ("client_cert", "client_key"))
    passphrase = options["client_key_passphrase"]
    if certificate is None and not problems:
        problems.append("client_cert or client_cert_content is needed: the device comes with its own certificate.")
    # What Python would refuse only while OpenSSL waits for it ends in a SystemError with OpenSSL 1.1.1.
    if passphrase is not None and len(passphrase.encode("utf-8", "surrogatepass")) > _LONGEST_PASSPHRASE:
        problems.append(f"client_key_passphrase is longer than {_LONGEST_PASSPHRASE} bytes, so it opens no key.")
    if passphrase is not None and not is_unicode(passphrase):
        problems.append("client_key_passphrase is not valid Unicode text.")
    return None if certificate is None or problems else _PemPair(certificate, key)


def _load_pair(
    context: ssl.SSLContext, pair: _PemPair, passphrase: str | None, warn: t.Callable[[str], None]
) -> list[str]:
    certificate, key = pair
    key_holder = key or certificate
    if os.stat(key_holder.path).st_mode & stat.S_IROTH:
        warn(f"{key_holder.label} holds a private key that every user of the host can read: set its mode to 0600.")

    asked = []

    def answer() -> str:
        # An empty passphrase opens nothing. After an exception the provider pkcs11 would ask at the terminal.
        asked.append(True)
        return passphrase or ""

    try:
        with host_errors(f"{key_holder.label} cannot be loaded"):
            context.load_cert_chain(certificate.path, key.path if key else None, answer)
    except OSError as error:
        problem = _certificate_problem(certificate) or _order_problem(certificate, key_holder, error, answer)
        if problem is None:
            return [f"{key_holder.label} {_key_problem(certificate, key, passphrase, error, bool(asked))}."]
        key_problem = describe_problem(key.content, PRIVATE_KEY) if key else None
        return [f"{certificate.label} {problem}."] + ([f"{key.label} {key_problem}."] if key and key_problem else [])
    if passphrase and is_open(key_holder.content):
        warn("client_key_passphrase is not used: the private key is not encrypted.")
    return []


def _certificate_problem(certificate: _Pem) -> str | None:
    """Return why OpenSSL rejects the file of a certificate, whatever the key is, or None when OpenSSL accepts it."""
    reason = ""
    try:
        # No file can be below a file, so this error shows that OpenSSL got as far as the key.
        with host_errors(f"{certificate.label} cannot be loaded"):
            _new_context().load_cert_chain(certificate.path, os.path.join(certificate.path, "no key"))
    except NotADirectoryError:
        return None
    except OSError as error:
        reason = getattr(error, "reason", None) or str(error)
    if certificate.content.startswith(BOM) and ssl.OPENSSL_VERSION_INFO < (3,):
        return "begins with a byte order mark, which the OpenSSL of this host cannot read: save it without one"
    return (
        describe_problem(certificate.content, CERTIFICATE)
        or _damaged(certificate)
        or _TOO_WEAK.get(reason)
        or f"cannot be loaded by the OpenSSL of this host ({reason}): have the certificate issued anew"
    )


def _damaged(certificate: _Pem) -> str | None:
    ders = certificates(certificate.content)
    number = next((number for number, der in enumerate(ders, start=1) if not _is_x509(der)), None)
    return f"is damaged: certificate {number} of {len(ders)} in it is no valid X.509 certificate" if number else None


def _is_x509(der: bytes) -> bool:
    context = _new_context()
    # With OpenSSL 3, Python 3.7 raises an error at the end of the data, after it has loaded the certificate.
    with contextlib.suppress(ssl.SSLError):
        context.load_verify_locations(cadata=der)
    return context.cert_store_stats()["x509"] > 0


# What the security level of OpenSSL rejects.
_TOO_WEAK = {
    "EE_KEY_TOO_SMALL": "has a key that is too short for the OpenSSL of this host: have a certificate issued for a "
    "longer key, such as RSA with 2048 bits",
    "CA_KEY_TOO_SMALL": "holds a CA certificate with a key that is too short for the OpenSSL of this host: remove it, "
    "or have a certificate issued by another CA",
    "CA_MD_TOO_WEAK": "holds a certificate whose signature uses a digest that is too weak for this host's OpenSSL, "
    "such as SHA-1: have a certificate issued with SHA-256",
}
# The second is OpenSSL's reason where the types of the keys differ.
_MISMATCHES = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED", "KEY_TYPE_MISMATCH")


def _order_problem(certificate: _Pem, key_holder: _Pem, error: Exception, answer: t.Callable[[], str]) -> str | None:
    """Return why OpenSSL takes a certificate for the device's that is another one, or None when that is not so.

    OpenSSL takes the first certificate that it finds, and overlooks those that are laid out wrongly.
    """
    if getattr(error, "reason", None) not in _MISMATCHES:
        return None
    problem = describe_problem(certificate.content, CERTIFICATE)
    if problem is None and any(_is_pair(der, key_holder.path, answer) for der in certificates(certificate.content)[1:]):
        problem = (
            "has another certificate before that of the device: put the device's certificate first, then the CA "
            "certificates, each after the one that it signed"
        )
    return problem


def _is_pair(der: bytes, key_path: str, answer: t.Callable[[], str]) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(ssl.DER_cert_to_PEM_cert(der).encode("ascii"))
        file.flush()
        try:
            _new_context().load_cert_chain(f"/dev/fd/{file.fileno()}", key_path, answer)
        except OSError:
            return False
    return True


def _key_problem(certificate: _Pem, key: _Pem | None, passphrase: str | None, error: Exception, asked: bool) -> str:
    """Return why OpenSSL rejects a key whose certificate it accepts; `asked` is whether it wanted a passphrase."""
    content = (key or certificate).content
    provider = next((provider for mark, provider in _PROVIDERS if mark in content), None)
    reason = getattr(error, "reason", None)
    if provider and ssl.OPENSSL_VERSION_INFO < (3,):
        return f"names a key in hardware, which needs OpenSSL 3: the Python of this host has {ssl.OPENSSL_VERSION}"
    if asked and passphrase is None:
        return "is locked: give client_key_passphrase" + (", the key's PIN or password" if provider else "")
    if reason == "KEY_VALUES_MISMATCH" or (reason in _MISMATCHES and not provider):
        if key is None:
            return "holds a private key that does not match its certificate"
        return f"is not the key of the certificate in {certificate.label}"
    if provider:
        return (
            "names a key in hardware that OpenSSL cannot use: set OPENSSL_CONF in the task's environment to a "
            f"configuration that activates the provider '{provider}', and check that it reaches the key, that the PIN "
            f"is right and that the certificate in {certificate.label} is the key's"
        )
    return _unloadable_key(content, key is None, reason, asked)


def _unloadable_key(content: bytes, is_combined: bool, reason: str | None, asked: bool) -> str:
    problem = describe_problem(content, PRIVATE_KEY)
    if problem:
        return problem + (": client_key is required" if is_combined else "")
    hint = "holds no private key that can be loaded" + (" with this client_key_passphrase" if asked else "")
    return f"{hint} ({reason})" if reason else hint


class _Pem(t.NamedTuple):
    """Where OpenSSL finds a certificate or a key, how messages call it, and what is in it."""

    path: str
    label: str
    content: bytes


class _PemPair(t.NamedTuple):
    """A certificate, and its key unless that lies in the same file."""

    certificate: _Pem
    key: _Pem | None


def _find_pem(
    option: str,
    options: dict[str, t.Any],
    folder: t.Callable[[], str],
    files: contextlib.ExitStack,
    problems: list[str],
) -> _Pem | None:
    """Return the PEM that `option` or its twin with the content gives, if one does; `files` keeps content readable."""
    path, text = options[option], options[f"{option}_content"]
    if text is not None:
        if path is not None:
            problems.append(f"{option} and {option}_content exclude each other: drop one of them.")
        content = text.encode("utf-8", "replace")
        pem = _Pem(files.enter_context(_nameless_file(content, folder)), f"{option}_content", content)
    elif path is not None:
        try:
            pem = _Pem(path, f"{option}: {path}", read_regular_file(path))
        except OSError as error:
            problems.append(f"{option}: {path} cannot be read: {error.strerror}.")
            return None
        except ValueError as error:
            problems.append(f"{option}: {path!r} cannot be a path: {error}.")
            return None
    else:
        return None
    return pem


@contextlib.contextmanager
def _nameless_file(content: bytes, folder: t.Callable[[], str]) -> t.Iterator[str]:
    """Yield a path at which this process can open `content`, for OpenSSL reads nothing but files.

    The file has lost its name before there is anything in it, so it goes with the process, however that ends.
    """
    directory = folder()
    try:
        descriptor, path = tempfile.mkstemp(dir=directory)
    except OSError as error:
        raise _no_temporary_file(directory, error) from error
    try:
        _write_nameless(descriptor, path, content, directory)
        yield _path_of(descriptor)
    finally:
        os.close(descriptor)


def _write_nameless(descriptor: int, path: str, content: bytes, directory: str) -> None:
    """Write the content of an open file that has no name any more. Raises HostError."""
    left = memoryview(content)
    try:
        os.unlink(path)
        while left:
            left = left[os.write(descriptor, left) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError as error:
        raise _no_temporary_file(directory, error) from error


def _path_of(descriptor: int) -> str:
    """Return a path at which this process can open a descriptor. Raises HostError."""
    path = next((path for path in (f"{parent}/{descriptor}" for parent in _DESCRIPTORS) if os.path.exists(path)), None)
    if path is None:
        raise HostError(
            "OpenSSL cannot read the content of a certificate or key, because the managed host has neither /dev/fd nor "
            "/proc. Mount /proc, or use client_cert and client_key in place of the content."
        )
    return path


def _no_temporary_file(directory: str, error: OSError) -> HostError:
    return HostError(
        f"The content of a certificate or key cannot be written to a temporary file in {directory}: {error.strerror}. "
        "Correct that, or set remote_tmp of Ansible to another directory of the managed host."
    )


def leaf_dates(options: dict[str, t.Any]) -> str:
    """Return a sentence when the device's certificate is out of date, and none when it is not or nothing can tell.

    To tell takes the package cryptography, so this is only for when something failed.
    """
    from ansible_collections.edgeops.digicert.plugins.module_utils._certificates import (
        HAS_CRYPTOGRAPHY,
        facts_of,
        read_chain,
    )

    if not HAS_CRYPTOGRAPHY:
        return ""
    content = options["client_cert_content"]
    try:
        pem = read_regular_file(options["client_cert"]) if content is None else content.encode("ascii")
        begin, end = facts_of(read_chain(pem)[0])[2:4]
    except (OSError, ValueError):
        return ""
    now = datetime.datetime.now(datetime.timezone.utc)
    if end < now:
        return f" By its own dates client_cert expired on {end:%Y-%m-%d at %H:%M} UTC."
    if begin > now:
        return f" By its own dates client_cert is valid from {begin:%Y-%m-%d, %H:%M} UTC on: check this host's clock."
    return ""


def is_final(error: ssl.SSLError) -> bool:
    """Say whether one side decided to end TLS, so that no request was looked at and trying again changes nothing."""
    reason = _reason(error)
    return isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in reason or bool(_advice(reason))


def is_about_leaf(error: ssl.SSLError) -> bool:
    """Say whether the service ended the handshake because of the device's certificate.

    With TLS 1.3 that is told when a request may have been sent already, which the service has not looked at then.
    """
    reason = _reason(error)
    return "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)


# What to do when nothing but closed connections came back.
CLOSED_ADVICE = (
    "The service closed each connection during or after the TLS handshake, without a response. A service that does not "
    "accept client_cert can do that: check that it is the device's own, valid certificate, and that api_url is of the "
    "region and the account that issued it. A firewall can close connections, too."
)


def is_closing(causes: t.Iterable[BaseException]) -> bool:
    """Return whether the other side closed a connection without a TLS alert."""
    closings = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    # Before Python 3.10 the end of a connection is an SSLError like others with OpenSSL 3.
    return any(isinstance(cause, closings) or "UNEXPECTED_EOF" in str(cause) for cause in causes)


def explain(error: ssl.SSLError, host: str, has_leaf: bool = True) -> str:
    """Return what a failed handshake with `host` means and what to do, in one or two sentences.

    `has_leaf` says whether there was a certificate to show.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate of {} is not accepted: {}. {}".format(
            host,
            error.verify_message,
            "Check the host in api_url."
            if error.verify_code in (62, 64)
            else "Name the CA that signed it in ca_path, and check the clock of this host.",
        )
    reason = _reason(error)
    if not has_leaf and "ALERT" in reason and "PROTOCOL" not in reason:
        return (
            f"The TLS handshake with {host} failed ({reason}). The service wants a client certificate, so api_url is "
            "the address for devices: that for operators has no 'clientauth.' before its name."
        )
    advice = _advice(reason) or (
        "The usual reasons: the certificate is not the one that belongs to the device, the key does not match it, "
        f"api_url misses the 'clientauth.' prefix of its host name (it is {host}), or api_url is of another region or "
        "account than the one that issued the certificate"
    )
    return f"The TLS handshake with {host} failed ({reason}). {advice}."


def explain_proxy(error: ssl.SSLError, host: str) -> str:
    """Return what a failed handshake with the proxy `host` means and what to do."""
    way_around = "or go around the proxy with NO_PROXY or use_proxy"
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = (
            f"Correct the host in HTTPS_PROXY, {way_around}."
            if error.verify_code in (62, 64)
            else f"Add the CA that signed it to ca_path or to the trust store of the system, {way_around}."
        )
        return f"The certificate of the proxy {host} is not accepted: {error.verify_message.rstrip('.')}. {advice}"
    reason = _reason(error)
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason:
        advice = "Its port does not speak TLS: write http:// in HTTPS_PROXY, or correct the port"
    elif "CERTIFICATE_REQUIRED" in reason:
        # The certificate of the device is for the service only.
        advice = f"It requires a client certificate, and gets none: use another proxy, {way_around}"
    else:
        advice = f"Check the proxy and HTTPS_PROXY, {way_around}"
    return f"The TLS handshake with the proxy {host} failed ({reason}). {advice}."


# What OpenSSL calls the alert or failure -> what it means here. The versions of OpenSSL differ in a prefix.
_ADVICE = (
    ("ALERT_CERTIFICATE_EXPIRED", "The service says that the device's certificate has expired: renew client_cert"),
    ("ALERT_CERTIFICATE_REVOKED", "The service says that the device's certificate is revoked: issue a new one"),
    (
        "ALERT_UNKNOWN_CA",
        "The service does not know the CA of client_cert: use the certificate that it issued, and "
        "the api_url of the region that issued it",
    ),
    ("ALERT_CERTIFICATE_REQUIRED", "The service asks for a certificate, and client_cert was not one it could use"),
    ("ALERT_BAD_CERTIFICATE", "The service does not accept client_cert: use the device's own, still valid certificate"),
    ("ALERT_CERTIFICATE_UNKNOWN", "The service does not accept client_cert: use the certificate that it issued"),
    ("ALERT_UNSUPPORTED_CERTIFICATE", "The service cannot use the kind of certificate that client_cert is"),
    ("ALERT_ACCESS_DENIED", "The service does not accept client_cert for this host"),
    ("ALERT_PROTOCOL_VERSION", "The service offers no TLS 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "The service offers no TLS 1.2 or newer"),
    ("WRONG_VERSION_NUMBER", "The port does not speak TLS: check the port in api_url"),
    ("HTTP_REQUEST", "The port does not speak TLS: check the port in api_url"),
    ("EVP lib", "The key cannot sign: check its PIN or password, and the TPM or token that holds it"),
)


def _reason(error: ssl.SSLError) -> str:
    # Python names no reason for what OpenSSL reports of a part of itself, such as a provider that cannot sign.
    return getattr(error, "reason", None) or str(error)


def _advice(reason: str) -> str:
    return next((advice for mark, advice in _ADVICE if mark in reason), "")
