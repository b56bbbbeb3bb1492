# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.issued import (
    Contents,
    issued_chain,
    with_new_chain,
    with_new_key,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import (
    create_csr,
    read_chain,
    read_key,
    same_key,
)


@pytest.fixture
def ca(make_leaf):
    return make_leaf(subject={"COMMON_NAME": "CA"})


@pytest.fixture
def new(make_leaf, ca):
    return make_leaf(ends=10, signer=ca)


def parsed(leaf):
    return read_chain(leaf.certificate.encode())[0]


FORMS = {
    "as it is": lambda pem: pem,
    "one line": lambda pem: pem.replace("\n", " "),
    "escaped line ends": lambda pem: pem.replace("\n", "\\n"),
    "escaped twice": lambda pem: pem.replace("\n", "\\r\\n"),
    "CR and LF": lambda pem: pem.replace("\n", "\r\n"),
    "with other text": lambda pem: f'"subject: x {pem}"',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_leaf_first", [True, False])
def test_the_chain_of_a_response_begins_with_the_leaf(new, ca, form, is_leaf_first):
    csr = create_csr(new.private_key, parsed(new))
    pem = new.certificate + ca.certificate if is_leaf_first else ca.certificate + new.certificate
    assert issued_chain(FORMS[form](pem), [], csr) == [parsed(new), parsed(ca)]
    assert issued_chain(FORMS[form](new.certificate), [parsed(ca)], csr) == [parsed(new), parsed(ca)]


def test_a_response_without_a_certificate_is_rejected(new):
    with pytest.raises(ValueError, match="there is no certificate"):
        issued_chain("x", [], create_csr(new.private_key, parsed(new)))


def test_a_response_with_more_certificates_than_a_chain_is_rejected(new, ca):
    csr = create_csr(new.private_key, parsed(new))
    assert issued_chain(new.certificate + 49 * ca.certificate, [], csr) == [parsed(new), parsed(ca)]
    with pytest.raises(ValueError, match="51 certificates, but at most 50 are supported"):
        issued_chain(new.certificate + 50 * ca.certificate, [], csr)


def test_the_key_and_the_chain_are_replaced_and_nothing_else(leaf, new, ca):
    current = Contents(f"# a\n{leaf.certificate}# b\n".encode(), f"# c\n{leaf.key}{leaf.certificate}".encode())
    contents = with_new_key(current, parsed(leaf), new.key.encode(), None)
    assert contents == (current.certificate, f"# c\n{new.key}{leaf.certificate}".encode())
    chain = f"{new.certificate}{ca.certificate}"
    assert with_new_chain(contents, [parsed(leaf)], [parsed(new), parsed(ca)]) == (
        f"# a\n{chain}# b\n".encode(),
        f"# c\n{new.key}{chain}".encode(),
    )


def test_one_file_has_both(leaf, new):
    current = Contents((leaf.certificate + leaf.key).encode(), None)
    contents = with_new_key(current, parsed(leaf), new.key.encode(), None)
    assert with_new_chain(contents, [parsed(leaf)], [parsed(new)]) == ((new.certificate + new.key).encode(), None)
    assert same_key(read_key(contents.certificate, None), new.private_key)


def test_a_key_that_cannot_be_replaced_is_an_error(leaf, new, make_leaf):
    locked = make_leaf(passphrase="unknown").key
    current = Contents((leaf.certificate + locked).encode(), leaf.key.encode())
    with pytest.raises(ValueError, match="client_cert also contains a private key, which cannot be replaced"):
        with_new_key(current, parsed(leaf), new.key.encode(), None)
