# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""TLS: the client certificate and its key, and the trust store."""

from __future__ import annotations

import contextlib
import os
import ssl
import stat
import tempfile
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials, Trust
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import (
    BOM,
    CERTIFICATE,
    LONGEST_PASSPHRASE,
    PRIVATE_KEY,
    are_swapped,
    certificates,
    describe_problem,
    element,
    is_open,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError, InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import empty_value, is_unicode
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import read_regular_file, reason_of
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Contexts, Runtime
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import host_errors

# The directories in which a process finds its open files by their descriptors.
_DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
# The first line of a PEM file that refers to a key in hardware -> the provider of OpenSSL 3 for the key.
_PROVIDERS = ((b"-----BEGIN TSS2 PRIVATE KEY", "tpm2"), (b"-----BEGIN PKCS#11 PROVIDER URI", "pkcs11"))


def pair_problems(credentials: Credentials, runtime: Runtime) -> list[str]:
    """Return why OpenSSL cannot use the certificate and the key, without a check of the trust store."""
    problems: list[str] = []
    with contextlib.ExitStack() as files:
        pair = _find_pair(credentials, runtime.tmpdir, files, problems)
        if pair is None:
            return problems
        return problems + _load_pair(_new_context(), pair, runtime.warn)


def client_context(trust: Trust, credentials: Credentials, runtime: Runtime) -> tuple[ssl.SSLContext, list[str]]:
    """Return a context with the client certificate of the device, and all errors as sentences.

    Of the environment, only the location of the system's trust store is read. OpenSSL never prompts for a passphrase.
    Raises InvalidParametersError if OpenSSL does not support TLS.

    The contexts of `runtime` keep contexts for reuse by another device, because most of the time is spent on loading
    the trust store. All connections of the previous device must be closed.
    """
    contexts: Contexts = {} if runtime.contexts is None else runtime.contexts
    problems: list[str] = []
    with contextlib.ExitStack() as files:
        pair = _find_pair(credentials, runtime.tmpdir, files, problems)
        kind = key_algorithm(pair.certificate.content) if pair else None
        use = (trust, kind)
        # It is kept only without errors, because another device cannot use a context with a part of this pair.
        context = contexts.pop(use, None)
        if context is None:
            context, trust_problems = server_auth_context(trust)
            problems = trust_problems + problems
        if pair:
            problems += _load_pair(context, pair, runtime.warn)
    if kind and not problems:
        contexts[use] = context
    return context, problems


def proxy_context(trust: Trust, contexts: Contexts | None = None) -> ssl.SSLContext:
    """Return a context for TLS to a proxy. It never has a client certificate.

    It trusts the CAs of ca_path and those of the system, which usually include the CA of a company's proxy. `contexts`
    keeps it for reuse, as in `client_context`, which has reported the errors of `trust` before.
    """
    use = (trust, b"")
    contexts = {} if contexts is None else contexts
    if use not in contexts:
        context = server_auth_context(trust)[0]
        if context.verify_mode != ssl.CERT_NONE:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        contexts[use] = context
    return contexts[use]


def server_auth_context(trust: Trust) -> tuple[ssl.SSLContext, list[str]]:
    """Return a context without a client certificate, with the trust store, and all errors as sentences.

    Raises InvalidParametersError if OpenSSL does not support TLS.
    """
    context = _new_context()
    if trust.validate_certs:
        return context, _load_trust_store(context, trust.ca_path)
    return context, _disable_verification(context)


def key_algorithm(pem: bytes) -> bytes | None:
    """Return the key algorithm of the first certificate in `pem`, or None if that is no certificate.

    It is the AlgorithmIdentifier of RFC 5280, section 4.1.2.7. A context has one certificate for each key algorithm and
    presents the one that the server prefers. Only a certificate with the same algorithm replaces another one there.
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
        raise InvalidParametersError(
            f"OpenSSL does not support TLS ({error.reason}). Activate the provider 'default', too, in the "
            "configuration that OPENSSL_CONF names."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 8446, section 4.6.2: a server can request the certificate after it has read the HTTP request.
    context.post_handshake_auth = True
    return context


def _disable_verification(context: ssl.SSLContext) -> list[str]:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return []


def _load_trust_store(context: ssl.SSLContext, ca_path: str | None) -> list[str]:
    if ca_path is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return []
    if ca_path == "":
        return [empty_value("ca_path")]
    try:
        if os.path.isdir(ca_path):
            context.load_verify_locations(capath=ca_path)
        else:
            # OpenSSL does not stop reading a FIFO or a device file.
            read_regular_file(ca_path)
            context.load_verify_locations(cafile=ca_path)
    except ssl.SSLError:
        return [f"ca_path: {ca_path} contains no PEM certificates."]
    except OSError as error:
        return [f"ca_path: {ca_path} cannot be read: {reason_of(error)}."]
    except ValueError as error:
        return [f"ca_path: {ca_path!r} cannot be a path: {error}."]
    return []


def _find_pair(
    credentials: Credentials, tmpdir: t.Callable[[], str], files: contextlib.ExitStack, problems: list[str]
) -> _PemCredentials | None:
    """Return the certificate and the key, or None with the reason in `problems`. `files` keeps a content readable."""

    prefix = credentials.prefix

    def find(kind: str) -> _Pem | None:
        option = f"{prefix}_{kind}"
        path, text = getattr(credentials, f"client_{kind}"), getattr(credentials, f"client_{kind}_content")
        if "" in (path, text):
            problems.append(empty_value(option if text is None else f"{option}_content"))
            return None
        if text is None:
            return None if path is None else _read_pem(option, path, problems)
        if path is not None:
            problems.append(f"{option} and {option}_content are mutually exclusive.")
        content = text.encode("utf-8", "replace")
        return _Pem(files.enter_context(_nameless_file(content, tmpdir())), f"{option}_content", content)

    certificate, key = find("cert"), find("key")
    passphrase = credentials.client_key_passphrase
    if certificate is None and not problems:
        problems.append(f"One of {prefix}_cert and {prefix}_cert_content is required.")
    # If Python rejects a passphrase during a call of OpenSSL 1.1.1, the result is a SystemError.
    if passphrase is not None and len(passphrase.encode("utf-8", "surrogatepass")) > LONGEST_PASSPHRASE:
        problems.append(
            f"{prefix}_key_passphrase is longer than {LONGEST_PASSPHRASE} bytes, which OpenSSL does not support."
        )
    if passphrase is not None and not is_unicode(passphrase):
        problems.append(f"{prefix}_key_passphrase is not valid Unicode text.")
    return None if certificate is None or problems else _PemCredentials(certificate, key, passphrase, prefix)


def _load_pair(context: ssl.SSLContext, pair: _PemCredentials, warn: t.Callable[[str], None]) -> list[str]:
    certificate, key, passphrase, prefix = pair
    key_holder = key or certificate
    if os.stat(key_holder.path).st_mode & stat.S_IROTH:
        warn(f"{key_holder.label} contains a private key that every user of the host can read. Set its mode to 0600.")

    asked = []

    def get_passphrase() -> str:
        # An empty passphrase decrypts no key. After an exception, the provider pkcs11 prompts on the terminal.
        asked.append(True)
        return passphrase or ""

    try:
        with host_errors(f"{key_holder.label} cannot be loaded"):
            context.load_cert_chain(certificate.path, key.path if key else None, get_passphrase)
    except OSError as error:
        problem = _certificate_problem(certificate) or _order_problem(certificate, key_holder, error, get_passphrase)
        if problem is None:
            return [f"{key_holder.label} {_key_problem(pair, error, bool(asked))}."]
        key_problem = describe_problem(key.content, PRIVATE_KEY) if key else None
        return (
            [f"{certificate.label} {problem}."]
            + ([f"{key.label} {key_problem}."] if key and key_problem else [])
            + _swapped(pair)
        )
    if passphrase and is_open(key_holder.content):
        warn(f"The private key is not encrypted, so {prefix}_key_passphrase is not used.")
    return []


def _swapped(pair: _PemCredentials) -> list[str]:
    """Return a sentence if the certificate is in the option for the key, and the key in that for the certificate."""
    certificate, key, _passphrase, prefix = pair
    if key is None or not are_swapped(certificate.content, key.content):
        return []
    return [f"Are {prefix}_cert and {prefix}_key swapped?"]


def _certificate_problem(certificate: _Pem) -> str | None:
    """Return why OpenSSL rejects the file of a certificate, whatever the key is, or None if OpenSSL accepts it."""
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
        return "begins with a byte order mark, which the OpenSSL of this host cannot read: save the file without it"
    return (
        describe_problem(certificate.content, CERTIFICATE)
        or _damaged(certificate)
        or _TOO_WEAK.get(reason)
        or f"cannot be loaded by the OpenSSL of this host ({reason}): issue a new certificate"
    )


def _damaged(certificate: _Pem) -> str | None:
    ders = certificates(certificate.content)
    number = next((number for number, der in enumerate(ders, start=1) if not _is_x509(der)), None)
    return f"is damaged: certificate {number} of {len(ders)} is not a valid X.509 certificate" if number else None


def _is_x509(der: bytes) -> bool:
    context = _new_context()
    # With OpenSSL 3, Python 3.7 raises an error at the end of the data, after it has loaded the certificate.
    with contextlib.suppress(ssl.SSLError):
        context.load_verify_locations(cadata=der)
    return context.cert_store_stats()["x509"] > 0


# What the security level of OpenSSL rejects.
_TOO_WEAK = {
    "EE_KEY_TOO_SMALL": "has a key that is too short for the OpenSSL of this host: issue a certificate for a longer "
    "key, such as RSA with 2048 bits",
    "CA_KEY_TOO_SMALL": "contains a CA certificate with a key that is too short for the OpenSSL of this host: remove "
    "it, or issue a certificate from another CA",
    "CA_MD_TOO_WEAK": "contains a certificate whose signature uses a digest that is too weak for the OpenSSL of this "
    "host, such as SHA-1: issue a certificate with SHA-256",
}
# The second is the reason of OpenSSL if the key algorithms differ.
_MISMATCHES = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED", "KEY_TYPE_MISMATCH")


def _order_problem(
    certificate: _Pem, key_holder: _Pem, error: Exception, get_passphrase: t.Callable[[], str]
) -> str | None:
    """Return why OpenSSL uses another certificate than that of the device, or None if it does not.

    OpenSSL uses the first certificate that it finds, and skips invalid PEM.
    """
    if getattr(error, "reason", None) not in _MISMATCHES:
        return None
    problem = describe_problem(certificate.content, CERTIFICATE)
    if problem is None and any(
        _is_pair(der, key_holder.path, get_passphrase) for der in certificates(certificate.content)[1:]
    ):
        problem = (
            "has another certificate before that of the device: put the device certificate first, then the CA "
            "certificates, each after the certificate that it signed"
        )
    return problem


def _is_pair(der: bytes, key_path: str, get_passphrase: t.Callable[[], str]) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(ssl.DER_cert_to_PEM_cert(der).encode("ascii"))
        file.flush()
        try:
            _new_context().load_cert_chain(f"/dev/fd/{file.fileno()}", key_path, get_passphrase)
        except OSError:
            return False
    return True


def _key_problem(pair: _PemCredentials, error: Exception, asked: bool) -> str:
    """Return why OpenSSL rejects a key whose certificate it accepts. `asked` is whether it requested a passphrase."""
    certificate, key, passphrase, prefix = pair
    content = (key or certificate).content
    provider = next((provider for mark, provider in _PROVIDERS if mark in content), None)
    reason = getattr(error, "reason", None)
    if provider and ssl.OPENSSL_VERSION_INFO < (3,):
        return (
            f"refers to a key in hardware, which requires OpenSSL 3: the Python of this host has {ssl.OPENSSL_VERSION}"
        )
    if asked and passphrase is None:
        if provider:
            return f"is protected: set {prefix}_key_passphrase to its PIN or password"
        return f"is encrypted: set {prefix}_key_passphrase"
    if reason == "KEY_VALUES_MISMATCH" or (reason in _MISMATCHES and not provider):
        if key is None:
            return "contains a private key that does not match its certificate"
        return f"does not match the certificate in {certificate.label}"
    if provider:
        return (
            "refers to a key in hardware that OpenSSL cannot use: set OPENSSL_CONF in the environment of the task to a "
            f"configuration that activates the provider '{provider}', and check the access to the key, the PIN, and "
            f"that the certificate in {certificate.label} matches the key"
        )
    problem = describe_problem(content, PRIVATE_KEY)
    if problem:
        return problem + (f": {prefix}_key is required" if key is None else "")
    hint = "contains no private key that can be loaded" + (f" with this {prefix}_key_passphrase" if asked else "")
    return f"{hint} ({reason})" if reason else hint


class _Pem(t.NamedTuple):
    """A certificate or a key: the path for OpenSSL, the label for messages, and the content."""

    path: str
    label: str
    content: bytes


class _PemCredentials(t.NamedTuple):
    """A certificate, and its key unless that is in the same file. `prefix` is that of the options."""

    certificate: _Pem
    key: _Pem | None
    passphrase: str | None
    prefix: str


def _read_pem(option: str, path: str, problems: list[str]) -> _Pem | None:
    """Return the PEM in the file of `option`, or None with the reason in `problems`."""
    try:
        return _Pem(path, f"{option}: {path}", read_regular_file(path))
    except OSError as error:
        problems.append(f"{option}: {path} cannot be read: {reason_of(error)}.")
    except ValueError as error:
        problems.append(f"{option}: {path!r} cannot be a path: {error}.")
    return None


@contextlib.contextmanager
def _nameless_file(content: bytes, directory: str) -> t.Iterator[str]:
    """Yield a path at which this process can open `content`, because OpenSSL reads only files.

    The file has no name when `content` is written, so it is removed when the process ends for any reason.
    """
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
    """Write the content of an open file after its name is removed. Raises HostError."""
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
            "/proc. Mount /proc, or use files in place of the content."
        )
    return path


def _no_temporary_file(directory: str, error: OSError) -> HostError:
    return HostError(
        f"The content of a certificate or key cannot be written to a temporary file in {directory}: {error.strerror}. "
        "Correct this cause, or set remote_tmp of Ansible to another directory of the managed host."
    )
