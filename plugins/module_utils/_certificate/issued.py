# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""A certificate that the API issued: its chain, and the contents of the files with it. No network, no files."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    chain_of,
    check_number,
    holds,
    order_chain,
    read_chain,
    replace_chain,
    replace_key,
)

_OBJECT = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----")
# An API can escape the line ends twice in its JSON.
_LINE_ENDS = re.compile(r"(?:\\[rn]|\s)+")


class Contents(t.NamedTuple):
    """The contents of the files of a certificate and its key. `key` is None if that file is not replaced."""

    certificate: bytes
    key: bytes | None


def issued_chain(pem: str, others: t.Iterable[t.Any], csr: t.Any) -> list[t.Any]:
    """Return the certificate for the key of `csr` in a response, then its chain.

    `others` are certificates that can be between the new certificate and its CA. Raises ValueError if a certificate in
    the response is invalid, or if there is none.
    """
    found = read_chain(_stripped(pem))
    check_number(found)
    return order_chain([*found, *others], csr)


def _stripped(pem: str) -> bytes:
    """Return the PEM objects of a response with the line ends that PEM requires, whatever those of the response are."""
    objects = (
        f"-----BEGIN {label}-----\n{_LINE_ENDS.sub(chr(10), body).strip()}\n-----END {label}-----\n"
        for label, body in _OBJECT.findall(pem)
    )
    return "".join(objects).encode("utf-8", "replace")


def with_new_key(current: Contents, leaf: t.Any, pem: bytes, passphrase: str | None) -> Contents:
    """Return the current contents with the key `pem` in place of the key of the certificate `leaf`.

    If both are in one file, the key of `current` is None. Raises ValueError if a key cannot be replaced.
    """
    if current.key is None:
        return Contents(replace_key(current.certificate, pem, leaf, passphrase, is_copy=False), None)
    try:
        certificate = replace_key(current.certificate, pem, leaf, passphrase, is_copy=True)
    except ValueError as error:
        raise ValueError(f"client_cert also contains a private key, which cannot be replaced: {error}") from None
    return Contents(certificate, replace_key(current.key, pem, leaf, passphrase, is_copy=False))


def with_new_chain(contents: Contents, old: list[t.Any], new: list[t.Any]) -> Contents:
    """Return contents with the certificates `new` in place of the certificate `old[0]` and its chain in `old`."""
    leaf, old_chain = old[0], chain_of(old[0], old)
    certificate, key = contents
    if key is not None and holds(key, leaf):
        key = replace_chain(key, old_chain, new)
    return Contents(replace_chain(certificate, old_chain, new), key)
