# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The arguments that functions which process one device have in common."""

from __future__ import annotations

import ssl
import tempfile
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Trust

# By trust store and algorithm of the client key, b"" for a context without a certificate.
Contexts = t.Dict[t.Tuple[Trust, t.Optional[bytes]], ssl.SSLContext]
# Refer to Session.
Pause = t.Callable[[t.Optional[float], t.Optional[int]], None]


class Runtime(t.NamedTuple):
    """The mode of the task, and functions of the module or of the task for many devices.

    `tmpdir` returns a directory that only its user can read, or raises HostError. `contexts` keeps TLS contexts for the
    next device, as in `tls`. `pause` is as in `session`. Both are for a task for many devices.
    """

    warn: t.Callable[[str], None]
    check_mode: bool = False
    tmpdir: t.Callable[[], str] = tempfile.gettempdir
    contexts: Contexts | None = None
    pause: Pause | None = None
