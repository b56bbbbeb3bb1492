# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the service answers and whatever a task says: nothing but a DeviceManagerError, no write after a bad read.

FUZZ_ANSWERS and FUZZ_ARGUMENTS are how many are made up; by default few, and the same each time.
`make faults LONG=1` has many.
"""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import open_session
from ansible_collections.edgeops.digicert.plugins.module_utils._client.device_api import DeviceApi, parse_record
from ansible_collections.edgeops.digicert.plugins.module_utils._client.retry import (
    Attempts,
    back_off,
    parse_retry_after,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._client.session import Identity, Response
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import parse_device_task
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import reconcile_record
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import (
    DesiredField,
    DesiredState,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._record.plan import plan_change
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator.certificates import Authority

RECORD: dict[str, t.Any] = {
    "id": "d",
    "device_identifier": "gate",
    "status": "ACTIVE",
    "device_api_allow_write": True,
    "fields": [
        {"id": "a", "name": "A", "value": "1", "mandatory": True},
        {"id": "b", "name": "B", "value": "2", "mandatory": False},
    ],
}


def fuzz(name: str, few: int) -> t.Callable[[t.Any], t.Any]:
    """Return the settings for so many examples as the environment says, or `few`, the same each time."""
    count = int(os.environ.get(name, "0"))
    return settings(
        max_examples=count or few,
        derandomize=not count,
        database=None,
        deadline=2000,
        suppress_health_check=list(HealthCheck),
    )


TEXTS = st.one_of(
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        ["", "a", "A", "b", "B", "d", "D", "\0", "\ud800", "\x1b[31m", "x" * 1025, "é", "ACTIVE", ".", ".."]
    ),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**4000), 1e308, 2**63]))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def mutated_records(draw: st.DrawFn) -> bytes:
    """A valid record in which one to three things are not as they should be, as bytes that may be spoilt too."""
    record = json.loads(json.dumps(RECORD))
    for _layer in range(draw(st.integers(0, 3))):
        part = draw(
            st.sampled_from(
                [record, *[field for field in record.get("fields") or [] if isinstance(field, dict)]]
                if isinstance(record.get("fields"), list)
                else [record]
            )
        )
        key = draw(st.one_of(st.sampled_from(sorted(part) or ["id"]), TEXTS))
        kind = draw(st.sampled_from(["junk", "missing", "twice", "text"]))
        if kind == "junk":
            part[key] = draw(JUNK)
        elif kind == "text":
            part[key] = draw(TEXTS)
        elif kind == "missing":
            part.pop(key, None)
        elif isinstance(record.get("fields"), list):
            record["fields"].append(draw(JUNK))
    text = json.dumps(record, ensure_ascii=draw(st.booleans()))
    return draw(spoilt(text.encode("utf-8", "surrogatepass")))


@st.composite
def spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """An object of JSON as bytes of which some may not be as they should be."""
    spoil = draw(st.sampled_from(["", "", "", "deep", "twice", "number", "cut", "byte"]))
    if spoil == "deep":
        depth = draw(st.integers(1, 1200))
        core = draw(st.sampled_from(['"\\u00e9"', "1"]))
        body = body[:-1] + f', "novel": {"[" * depth}{core}{"]" * depth}}}'.encode()
    elif spoil == "twice":
        body = body[:-1] + b', "id": "d"}'
    elif spoil == "number":
        body = body[:-1] + b', "novel": ' + draw(st.sampled_from([b"1e999", b"-1e999", b"NaN", b"9" * 5000])) + b"}"
    elif spoil == "cut":
        body = body[: draw(st.integers(0, len(body)))]
    elif spoil == "byte":
        place = draw(st.integers(0, len(body) - 1))
        body = body[:place] + draw(st.binary(min_size=1, max_size=2)) + body[place + 1 :]
    return body


HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Type", "Content-Encoding"]),
    st.one_of(TEXTS, st.integers().map(str), st.sampled_from(["Fri, 31 Dec 9999 23:59:59 +9999", "text/html", "gzip"])),
    max_size=3,
)
ERRORS = st.builds(
    lambda code, message, shape: json.dumps(
        {"errors": [{"code": code, "message": message}]} if shape else {"error": {"code": code, "message": message}}
    ).encode(),
    JUNK,
    JUNK,
    st.booleans(),
)
ANSWERS = st.builds(
    Response,
    st.one_of(st.sampled_from([200, 200, 200, 201, 301, 400, 401, 403, 404, 429, 500]), st.integers(100, 999)),
    HEADERS,
    st.one_of(mutated_records(), mutated_records(), mutated_records(), ERRORS, st.binary(max_size=60)),
    st.integers(0, 9),
    st.booleans(),
)
WISHES = st.sampled_from(
    [
        DesiredState(None, (DesiredField("a", None, "9"),), False, ()),
        DesiredState("door", (DesiredField(None, "B", "9"), DesiredField("a", None, "1")), True, ("C",)),
        DesiredState(None, (DesiredField(None, "B", None),), False, ()),
        DesiredState(None, (), True, ("A",)),
    ]
)


class Service:
    """Stands for a session: gives the answers in order, and keeps the requests."""

    identity = Identity()

    def __init__(self, answers: list[Response]) -> None:
        self.answers = answers
        self.requests: list[tuple[t.Any, ...]] = []

    def send(self, *request: t.Any) -> Response:
        self.requests.append(request)
        # The last one is that to all further requests.
        return self.answers[min(len(self.requests), len(self.answers)) - 1]

    def attempts(self, immediate: bool) -> Attempts:
        return Attempts(0, immediate=immediate)

    def attempt(self, attempts: Attempts, *request: t.Any) -> Response:
        answer = self.send(*request)
        attempts.answered(answer.status, answer.headers.get("Retry-After"))
        return answer._replace(may_have_applied=answer.may_have_applied or attempts.may_have_applied)


def assert_sound(value: t.Any) -> None:
    """Fail unless `value` can be part of a module's result."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def readable(answer: Response) -> bool:
    """Say whether an answer is a record."""
    try:
        parse_record(answer.body, "d")
    except ValueError:
        return False
    return 200 <= answer.status < 300


@fuzz("FUZZ_ANSWERS", 1500)
@given(st.lists(ANSWERS, min_size=3, max_size=3), WISHES, st.booleans(), st.booleans())
def test_answers(answers: list[Response], wishes: DesiredState, overwrite: bool, check_mode: bool) -> None:
    service = Service(answers)
    overwrite = overwrite and all(wish.id and wish.value for wish in wishes.fields)
    warnings: list[str] = []
    try:
        outcome = reconcile_record(
            DeviceApi(service, "d"), wishes._replace(overwrite=overwrite), Runtime(warnings.append, check_mode)
        )
    except _errors.DeviceManagerError as failure:
        assert_sound([str(failure), failure.failure(), warnings])
        assert str(failure).isprintable()
        assert len(service.requests) == 1 or service.requests[1][0] == "PUT"
    else:
        plan = outcome.plan
        assert_sound([outcome.record, plan.changed_fields, plan.diff, plan.changed, warnings])
    if len(service.requests) > 1:
        assert not check_mode
        assert readable(answers[0]) or (overwrite and answers[0].status in (401, 403))
        json.loads(service.requests[1][2])
    for answer in answers:
        assert 0 <= parse_retry_after(answer.headers.get("Retry-After"), 0.0) + back_off(3, answer.status, 0.5) <= 330


FIELDS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.one_of(st.none(), TEXTS),
            "name": st.one_of(st.none(), TEXTS),
            "value": JUNK,
            "state": st.sampled_from(["present", "absent"]),
        }
    ),
    max_size=4,
)
FOLDER = tempfile.TemporaryDirectory()  # gone when the tests end
LEAF = Authority("Fuzz CA").issue(Path(FOLDER.name), "device")
GOOD_PATH, GOOD_CONTENT = str(LEAF.both), LEAF.both.read_text()
PATHS = st.one_of(TEXTS, st.sampled_from([os.devnull, os.curdir, __file__, "a\0b", "\udcff", GOOD_PATH]))
WHOLE_NUMBERS = NUMBERS.filter(lambda number: isinstance(number, int))


def mostly(right: t.Any, other: st.SearchStrategy[t.Any]) -> st.SearchStrategy[t.Any]:
    """What is right, but for one time in ten: a task with more than a few mistakes is not looked into deeply."""
    return st.integers(0, 9).flatmap(lambda number: other if number == 9 else st.just(right))


OPTIONS = st.fixed_dictionaries(
    {
        "device_id": mostly("d", TEXTS),
        "api_url": mostly(
            "https://127.0.0.1:1",
            st.one_of(
                TEXTS,
                st.builds("https://{}".format, TEXTS),
                st.builds("https://127.0.0.1:{}/{}".format, st.integers(-1, 70000), TEXTS),
                st.sampled_from(["https://[::1", "https://[::1%25lo]:1", "https://:x@127.0.0.1:1"]),
            ),
        ),
        "client_cert": mostly(GOOD_PATH, st.one_of(st.none(), PATHS)),
        "client_cert_content": mostly(None, st.one_of(TEXTS, st.just(GOOD_CONTENT))),
        "client_key": mostly(None, PATHS),
        "client_key_content": mostly(None, st.one_of(TEXTS, st.just(GOOD_CONTENT))),
        "client_key_passphrase": mostly(None, TEXTS),
        "ca_path": mostly(GOOD_PATH, st.one_of(st.none(), PATHS)),
        "validate_certs": st.booleans(),
        "timeout": mostly(30, WHOLE_NUMBERS),
        "retries": mostly(5, WHOLE_NUMBERS),
        "use_proxy": st.just(False),
        "device_identifier": st.one_of(st.none(), TEXTS),
        "fields": st.one_of(st.none(), FIELDS),
        "secret_fields": st.one_of(st.none(), FIELDS),
        "purge_fields": st.booleans(),
        "keep_fields": st.lists(TEXTS, max_size=3),
        "field_ids": mostly({}, st.dictionaries(TEXTS, st.one_of(st.none(), TEXTS, st.integers()), max_size=3)),
        "mask_fields": st.lists(TEXTS, max_size=3),
        "on_read_denied": st.sampled_from(["fail", "overwrite"]),
    }
)


@fuzz("FUZZ_ARGUMENTS", 600)
@given(OPTIONS)
def test_arguments(options: dict[str, t.Any]) -> None:
    task = parse_device_task(options)
    wishes, problems = task.desired, task.problems
    assert all(problem.isprintable() for problem in problems)
    if not problems:
        try:
            plan = plan_change(parse_record(json.dumps(RECORD).encode(), "d"), wishes)
            assert_sound([plan.after, plan.diff, plan.warnings])
            json.dumps(plan.payload).encode("ascii")
        except _errors.InvalidDesiredStateError as failure:
            assert_sound(str(failure))
    try:
        open_session(task.connection, task.credentials, problems, Runtime([].append))
    except _errors.InvalidParametersError as failure:
        assert_sound(str(failure))
        assert str(failure).isprintable()
    else:
        assert problems == []
