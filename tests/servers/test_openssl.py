# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PKCS#7 that others made: the commands of OpenSSL, and RFC 7030."""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography import x509

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import read_pkcs7
from servers.serving import find
from simulator.certificates import Authority

# The response to /simpleenroll in RFC 7030, appendix A.3.
RESPONSE = """\
MIIDOAYJKoZIhvcNAQcCoIIDKTCCAyUCAQExADALBgkqhkiG9w0BBwGgggMLMIIDBzCCAe+gAwIBAgIBFTANBgkqhkiG9w0BAQUFADAbMRkwFwYDVQQD
ExBlc3RFeGFtcGxlQ0EgTndOMB4XDTEzMDUwOTIzMTU1M1oXDTE0MDUwOTIzMTU1M1owHzEdMBsGA1UEAxMUZGVtb3N0ZXA0IDEzNjgxNDEzNTIwggEi
MA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQClNp+kdz+Nj8XpEp9kaumWxDZ3eFYJpQKz9ddD5e5OzUeCm103ZIXQIxc0eVtMCatnRr3dnZRCAxGj
wbqoB3eKt29/XSQffVv+odbyw0WdkQOIbntCQry8YdcBZ+8LjI/N7M2krmjmoSLmLwU2V4aNKf0YMLR5Krmah3Ik31jmYCSvwTnv6mx6pr2pTJ82Javh
TEIIt/fAYq1RYhkM1CXoBL+yhEoDanN7TzC94skfS3VV+f53J9SkUxTYcy1Rw0k3VXfxWwy+cSKEPREl7I6k0YeKtDEVAgBIEYM/L1S69RXTLujirwnq
SRjOquzkAkD31BE961KZCxeYGrhxaR4PAgMBAAGjUjBQMA4GA1UdDwEB/wQEAwIEsDAdBgNVHQ4EFgQU/qDdB6ii6icQ8wGMXvy1jfE4xtUwHwYDVR0j
BBgwFoAUscRp5lujBKfYl6OLO7+5arIyQjwwDQYJKoZIhvcNAQEFBQADggEBACmxg1hvL6+7a+lFTARoxainBx5gxdZ9omSb0L+qL+4PDvg/+KHzKsDn
MCrcU6M4YP5n0EDKmGa64lY8fbET4tt7juJg6ixb95/760Th0vuctwkGr6+D6ETTfqyHnrbhX3lAhnB+0Ja7o1gv4CWxh1I8aRaTXdpOHORvN0SMXdcr
lCys2vrtOl+LjR2a3kajJO6eQ5leOdzFQlZfOPhaLWen0e2BLNJI0vsC2Fa+2LMCnfC38XfGALa5A8e7fNHXWZBjXZLBCza3rEs9Mlh2CjA/ocSC/Wxm
Mvd+Eqnt/FpggRy+F8IZSRvBaRUCtGE1lgDmu6AFUxceR4POrT2xz8ChADEA
"""


@pytest.fixture
def files(tmp_path):
    """A leaf certificate, its CA certificate, both in one file, and a CRL."""
    authority = Authority("Harbor device CA")
    leaf = authority.issue(tmp_path, "device")
    ca, chain = authority.write(tmp_path / "ca.pem"), tmp_path / "chain.pem"
    chain.write_bytes(leaf.pem.read_bytes() + ca.read_bytes())
    return {"leaf": leaf, "ca": ca, "chain": chain, "crl": authority.revoke(tmp_path / "crl.pem", leaf)}


@pytest.mark.parametrize(
    "command",
    [
        "crl2pkcs7 -nocrl -certfile {chain}",
        "crl2pkcs7 -in {crl} -certfile {chain}",
        "cms -sign -nodetach -signer {leaf.pem} -inkey {leaf.key} -certfile {ca}",
    ],
)
def test_the_certificates_in_pkcs7_of_openssl(files, command):
    words = [word.format_map(files) for word in command.split()]
    program = [find("openssl", "openssl"), *words, "-outform", "DER"]
    der = subprocess.run(program, input=b"content", check=True, capture_output=True).stdout
    assert set(read_pkcs7(der)) == set(x509.load_pem_x509_certificates(files["chain"].read_bytes()))


def test_the_certificate_in_the_example_of_the_rfc():
    (certificate,) = read_pkcs7(base64.b64decode(RESPONSE))
    assert certificate.subject.rfc4514_string() == "CN=demostep4 1368141352"
    assert certificate.issuer.rfc4514_string() == "CN=estExampleCA NwN"
