# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test can make the simulator do instead of answering as it should."""

from __future__ import annotations

import dataclasses
import json
import math
import typing as t
from types import MappingProxyType

from simulator.records import Device, Record, Records

FOREVER = math.inf
# The body of a response by which the API itself denies an operation.
DENIAL = {"errors": [{"code": "access_denied", "message": "The operation is not permitted"}]}


class Reply(t.NamedTuple):
    """What a request came to, which a scripted answer can change. `content` is JSON, a device, or bytes as they are."""

    status: int
    content: Device | Record | bytes | None
    headers: t.Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})


@dataclasses.dataclass(frozen=True)
class Answer:
    """What happens to the next request, in the order of these lines; what is not given happens as always.

    A scripted answer or cut comes instead of the request's effect, unless `effect` is true.
    """

    method: str | None = None  # only to requests with this method
    path: str = ""  # only to requests with this in their path
    times: float = 1  # to so many requests, or FOREVER
    before: t.Callable[[Records], object] | None = None  # sees and changes the devices first, like another writer
    delay: float = 0  # seconds
    effect: bool | None = None  # whether the request is then carried out
    after: t.Callable[[Records], object] | None = None  # sees and changes the devices after that
    delay_answer: float = 0  # seconds
    cut: bool = False  # closes the connection without an answer
    status: int | None = None
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: object = None  # bytes and text as they are, anything else as JSON
    alter: t.Callable[[Record], object] | None = None  # changes the record that is answered, not the device

    @property
    def takes_effect(self) -> bool:
        """Whether the request is carried out."""
        if self.effect is None:
            return not self.cut and self.status is None and self.body is None
        return self.effect

    def compose(self, content: Record | bytes | None) -> bytes:
        """Return the body of the answer to a request that came out with `content`, JSON or bytes, if with any."""
        if self.alter is not None:
            self.alter(content)
        body = content if self.body is None else self.body
        if isinstance(body, bytes):
            return body
        if isinstance(body, str):
            return body.encode()
        return b"" if body is None else json.dumps(body).encode()


class Script:
    """The answers that are still to come, in order."""

    def __init__(self) -> None:
        self._entries: list[tuple[Answer, float]] = []

    def add(self, *answers: Answer) -> None:
        """Append `answers`."""
        self._entries += [(answer, answer.times) for answer in answers]

    def take(self, method: str, path: str = "") -> Answer:
        """Return what happens to a request with this method and path, and count it."""
        for position, (answer, times) in enumerate(self._entries):
            if answer.method in (None, method) and answer.path in path:
                self._entries[position : position + 1] = [(answer, times - 1)] if times > 1 else []
                return answer
        return Answer()

    @property
    def untold(self) -> list[Answer]:
        """The answers that no request has asked for yet, but for those that are there forever."""
        return [answer for answer, times in self._entries if times < FOREVER]
