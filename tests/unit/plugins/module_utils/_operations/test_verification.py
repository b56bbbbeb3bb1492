# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import (
    DeviceNotFoundError,
    HandshakeFailedError,
    ReadDeniedError,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._operations import verification as _verification
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.verification import (
    read_with_new_certificate,
)

CANDIDATE = Credentials("/new.pem", None, None, None, None)


class Api:
    """Answers the reads one after the other, with errors or None."""

    def __init__(self, *answers):
        self.answers, self.candidates = list(answers), []

    def read(self, candidate):
        self.candidates.append(candidate)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


@pytest.fixture
def waits(monkeypatch):
    waits = []
    monkeypatch.setattr(_verification.time, "sleep", waits.append)
    return waits


def test_a_certificate_is_accepted_after_a_delay(waits):
    api = Api(HandshakeFailedError("No."), ReadDeniedError("No."), None)
    assert read_with_new_certificate(api.read, CANDIDATE, 2, lambda: True)
    assert api.candidates == [CANDIDATE] * 3
    assert len(waits) == 2


def test_the_last_rejection_is_raised(waits):
    api = Api(HandshakeFailedError("One."), HandshakeFailedError("Two."))
    with pytest.raises(HandshakeFailedError, match="Two"):
        read_with_new_certificate(api.read, CANDIDATE, 1, lambda: True)
    assert len(waits) == 1


def test_a_device_without_read_access_is_not_asked_again(waits):
    api = Api(ReadDeniedError("No."))
    assert not read_with_new_certificate(api.read, CANDIDATE, 5, lambda: False)
    assert waits == []


def test_other_errors_are_raised_at_once(waits):
    with pytest.raises(DeviceNotFoundError):
        read_with_new_certificate(Api(DeviceNotFoundError("No.")).read, CANDIDATE, 5, lambda: True)
    assert waits == []
