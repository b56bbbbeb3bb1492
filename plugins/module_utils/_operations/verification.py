# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Verify that the API accepts a new certificate: send a request that reads with it."""

from __future__ import annotations

import random
import time
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import back_off
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HandshakeFailedError, ReadDeniedError

# Sends a request with these credentials that reads. Raises a DeviceManagerError.
Read = t.Callable[[Credentials], object]


def read_with_new_certificate(read: Read, candidate: Credentials, retries: int, may_read: t.Callable[[], bool]) -> bool:
    """Send the request of `read` with a new certificate. Return whether that was possible.

    The API can accept a new certificate with a delay after it issued the certificate. If the API denies the first
    attempt and `may_read` returns that the device has no read access, the result is False. Raises a DeviceManagerError.
    """
    number = 0
    while True:
        try:
            read(candidate)
        except (HandshakeFailedError, ReadDeniedError) as failure:
            if number == 0 and isinstance(failure, ReadDeniedError) and not may_read():
                return False
            if number == retries:
                raise
        else:
            return True
        time.sleep(back_off(number, None, random.random()))  # noqa: S311 - jitter is no secret
        number += 1
