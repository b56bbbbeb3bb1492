# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import ssl

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError, HttpError, InternalError
from ansible_collections.edgeops.digicert.plugins.module_utils._unexpected import (
    failure_from,
    host_errors,
    unexpected_errors,
)


@pytest.mark.parametrize("code", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOSPC", "EDQUOT"])
def test_a_lack_of_resources_is_a_host_error_that_names_the_remedy(code):
    number = getattr(errno, code)
    with pytest.raises(HostError, match=os.strerror(number)) as failure, host_errors(
        "x cannot be read", may_have_applied=True
    ):
        raise OSError(number, "any text")
    assert str(failure.value).startswith("x cannot be read: ")
    assert str(failure.value).endswith(".")
    assert failure.value.may_have_applied


def test_a_lack_of_memory_is_a_host_error():
    with pytest.raises(HostError, match="Cannot allocate memory"), host_errors("x cannot be read"):
        raise MemoryError


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No"), ssl.SSLError(errno.ENOMEM, "x"), ValueError()]
)
def test_other_errors_are_left_to_the_caller(error):
    if isinstance(error, ssl.SSLError):
        error.reason = "EXCESSIVE_MESSAGE_SIZE"
    with pytest.raises(type(error)), host_errors("x cannot be read"):
        raise error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OSError(errno.ENOSPC, "", "/tmp/x"), HostError, "No space left on device"),
        (PermissionError(errno.EACCES, "", "/tmp/x"), HostError, "/tmp/x: Permission denied"),
        (OSError(errno.EROFS, ""), HostError, "Read-only file system"),
        (RuntimeError("can't start new thread"), HostError, "ulimit -u"),
        (OSError("secret"), InternalError, "OSError"),
        (ssl.SSLError(1, "secret"), InternalError, "SSLError"),
        (RuntimeError("secret"), InternalError, "RuntimeError"),
        (RecursionError("secret"), InternalError, "RecursionError"),
        (KeyError("secret"), InternalError, "KeyError"),
    ],
)
def test_an_unexpected_error_is_a_failure_without_the_text_of_the_error(error, kind, text):
    if isinstance(error, ssl.SSLError):
        error.reason = "INTERNAL_ERROR"
    with pytest.raises(kind, match=text) as failure, unexpected_errors():
        raise error
    assert "secret" not in str(failure.value)
    if kind is InternalError:
        assert "test__unexpected.py, line" in str(failure.value)


def test_an_error_that_was_never_raised_has_no_place():
    assert " in " not in str(failure_from(KeyError())).partition("Run")[0]


def test_a_failure_stays_as_it_is():
    with pytest.raises(HttpError, match="No"), unexpected_errors():
        raise HttpError("No.")
