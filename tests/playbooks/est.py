# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSR attributes of EST servers (RFC 7030, section 4.5.2), in DER form, and the time of a pending request."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path

from simulator import Answer


def _der(tag: int, *contents: bytes) -> bytes:
    """Return the DER form of a value with a short content."""
    content = b"".join(contents)
    return bytes([tag, len(content)]) + content


def _oid(content: str) -> bytes:
    return _der(0x06, bytes.fromhex(content))


def _attributes(*elements: bytes) -> bytes:
    return _der(0x30, *elements)


def _attribute(oid: bytes, *values: bytes) -> bytes:
    return _der(0x30, oid, _der(0x31, *values))


_EC, _P384, _P521 = _oid("2a8648ce3d0201"), _oid("2b81040022"), _oid("2b81040023")
_SHA384 = _oid("2a8648ce3d040303")
_EXTENSION_REQUEST, _KEY_USAGES, _CLIENT_AUTH = _oid("2a864886f70d01090e"), _oid("551d25"), _oid("2b06010505070302")
_CLIENT_EXTENSION = _der(0x30, _KEY_USAGES, _der(0x04, _der(0x30, _CLIENT_AUTH)))

# Those of the RFC that a server serves by default: macAddress, emailAddress, secp384r1 and SHA-384, with a null byte.
UNKNOWN = b"MCYGBysGAQEBARYGCSqGSIb3DQEJAQYFK4EEACIGCWCGSAFlAwQCAg==\0"
IGNORED = ("1.3.6.1.1.1.1.22", "1.2.840.113549.1.9.1", "1.3.132.0.34", "2.16.840.1.101.3.4.2.2")
# A key on P-521.
OTHER_KEY = _attributes(_attribute(_EC, _P521))
# A key on P-384, a signature with SHA-384, and the extension extendedKeyUsage with clientAuth.
TEMPLATE = _attributes(_attribute(_EC, _P384), _SHA384, _attribute(_EXTENSION_REQUEST, _der(0x30, _CLIENT_EXTENSION)))
# The extension subjectAltName without a value.
NAMES = _attributes(_attribute(_EXTENSION_REQUEST, _oid("551d11")))
CHANNEL_BINDING = _attributes(_oid("2a864886f70d010907"))


def served(content: bytes, **settings: t.Any) -> Answer:
    """Return an answer to /csrattrs with this content, or its base64 if it is in DER form."""
    body = base64.encodebytes(content) if content.startswith(b"\x30") else content
    return Answer(path="/csrattrs", status=200, headers={"Content-Type": "application/csrattrs"}, body=body, **settings)


def after_the_wait(folder: Path) -> dict[str, t.Any]:
    """Return a task after which the time has passed at which a server accepts a pending request again."""
    options = {"path": str(folder / "device.key.unfinished"), "regexp": r"^(Not before: )\d+$", "replace": r"\g<1>1"}
    return {"name": "Let the time pass", "ansible.builtin.replace": options}
