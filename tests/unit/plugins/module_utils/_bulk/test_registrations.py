# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils import _errors
from ansible_collections.edgeops.digicert.plugins.module_utils._bulk import registrations as _registrations
from ansible_collections.edgeops.digicert.plugins.module_utils._client.connection import OperatorSessions
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import API_KEY, Answer
from simulator.records import division_id

HARBOR, DEPOT = map(division_id, ("Harbour", "Depot"))


@pytest.fixture
def account(simulator):
    """The options of an operator for the account of the simulator."""
    return {
        "api_url": simulator.operator_url,
        "api_key": API_KEY,
        "ca_path": str(simulator.certificates.ca),
        "timeout": 5,
        "retries": 0,
        "use_proxy": False,
    }


def parse(*entries, **options):
    spec = _registrations.registrations_argument_spec()
    empty = dict.fromkeys(spec["registrations"]["options"])
    params = {option: rule.get("default") for option, rule in spec.items()}
    registrations = [{**empty, **entry} for entry in entries]
    return _registrations.parse_registrations({**params, "api_key": "key", **options, "registrations": registrations})


def test_entries_default_to_the_task():
    (first, second), limits = parse(
        {"device_identifier": "a"},
        {"device_identifier": "b", "allow_read": False, "api_key": "other", "new_device_identifier": "c"},
        allow_read=True,
        division_id="D",
        fields=[{"id": "f", "name": None, "value": "1", "state": "present"}],
        max_parallel=3,
    )
    assert (first.operator.api_key, second.operator.api_key) == ("key", "other")
    assert (first.desired.permissions, second.desired.permissions) == ({"allow_read": True}, {"allow_read": False})
    assert first.desired.state.fields == second.desired.state.fields
    assert (second.new_name, second.desired.division_id, limits.max_parallel) == ("c", "D", 3)


@pytest.mark.parametrize(
    ("entries", "label"),
    [
        ([{"device_id": "A"}, {"device_id": "a"}], "'a'"),
        ([{"device_identifier": "a"}, {"device_identifier": "a"}], "'a'"),
        ([{"device_identifier": "a", "division_id": "D"}] * 2, "'a in division d'"),
        ([{"device_identifier": "a", "division_id": division} for division in "Dd"], "'a in division d'"),
    ],
)
def test_a_device_is_listed_once(entries, label):
    with pytest.raises(_errors.InvalidParametersError, match=f"^registrations has {label} more than once"):
        parse(*entries)


@pytest.mark.parametrize(
    "entries",
    [
        # A name that another device gives up, so that a second run finds the other device.
        [{"device_identifier": "b", "new_device_identifier": "a"}, {"device_identifier": "a"}],
        [{"device_identifier": old, "new_device_identifier": new} for old, new in ("ab", "ba")],
        [{"device_identifier": old, "new_device_identifier": "a"} for old in "bc"],
        [{"device_identifier": "a"}, {"device_identifier": "a", "division_id": "D"}],
        [{"device_id": number, "new_device_identifier": "a", "division_id": "D"} for number in "12"],
    ],
)
def test_a_name_is_that_of_one_device(entries):
    with pytest.raises(_errors.InvalidParametersError, match=r"^Several registrations have or get .*: .*'a'"):
        parse(*entries)


def test_names_are_unique_in_a_division():
    parse({"device_identifier": "a"}, {"device_identifier": "A"})
    parse({"device_identifier": "a", "division_id": "D"}, {"device_identifier": "a", "division_id": "E"})
    parse({"device_identifier": "a", "new_device_identifier": "a"}, {"device_identifier": ""}, {"device_id": "1"})
    parse(*({"device_id": number, "new_device_identifier": "a"} for number in "12"), {"device_identifier": "a"})


def test_ids_are_listed_without_regard_to_case():
    tasks, _limits = parse({"device_id": "A"}, {"device_identifier": "b"})
    assert _registrations.listed_ids(tasks) == {"a"}


def read(account, *entries, **options):
    """Return the list that is read before these registrations, or None."""
    tasks, _limits = parse(*entries, **account, **options)
    sessions = OperatorSessions()
    reader = _registrations.ListReader(tasks, sessions)
    for task in reader.tasks:
        assert reader.read(task, Runtime(print)) == {"changed": False}
    sessions.close()
    return reader.devices


TWO = [{"device_identifier": "a"}, {"device_identifier": "b"}]


def test_the_list_is_read_if_it_is_short(account, simulator):
    simulator.add_devices(14)
    assert read(account, *TWO).named("sensor-14.harbour")
    assert len(simulator.requests) == 1
    simulator.clear_log()
    simulator.add_devices(15)
    assert read(account, *TWO) is None
    assert len(simulator.requests) == 1


def test_the_list_is_that_of_the_division_of_all(account, simulator):
    simulator.records["camera"].division = "Depot"
    assert read(account, *TWO, division_id=HARBOR).named("camera.harbour") == []
    assert read(account, {**TWO[0], "division_id": DEPOT}, TWO[1], division_id=HARBOR).named("camera.harbour")
    assert len(simulator.requests) == 2


def test_no_list_is_read_for_one_device_or_for_several_accounts(account, simulator):
    assert read(account, TWO[0]) is None
    assert read(account, TWO[0], {**TWO[1], "api_key": "other"}) is None
    assert read(account, TWO[0], {"device_id": "."}) is None
    assert simulator.requests == []


def test_a_list_that_cannot_be_read_is_an_error(account, simulator):
    simulator.script(Answer(status=403, body={}))
    with pytest.raises(_errors.HttpError):
        read(account, *TWO)


def test_threads_share_connections(account, simulator):
    (task, _other), _limits = parse(*TWO, **account)
    sessions = OperatorSessions()
    barrier = threading.Barrier(3)

    def work():
        for _request in range(4):
            barrier.wait()
            sessions.open(task.operator, [], Runtime(print)).send("GET", "/iot/api/v2/device")

    threads = [threading.Thread(target=work) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(simulator.requests) == 12
    assert simulator.handshakes <= 3
    sessions.close()


def test_a_session_that_cannot_be_opened_says_all(account):
    warnings = []
    (task,), _limits = parse({"device_id": "1"}, **{**account, "api_key": "", "validate_certs": False})
    sessions = OperatorSessions()
    with pytest.raises(_errors.InvalidParametersError, match=r"Wrong\. .*api_key is empty"):
        sessions.open(task.operator, ["Wrong."], Runtime(warnings.append))
    assert warnings == ["validate_certs is false. The connection is open to man-in-the-middle attacks."]


def test_a_problem_of_another_device_is_found_after_the_session_is_open(account):
    (task,), _limits = parse({"device_id": "1"}, **account)
    sessions = OperatorSessions()
    sessions.open(task.operator, [], Runtime(print)).close()
    with pytest.raises(_errors.InvalidParametersError, match=r"^Wrong\.$"):
        sessions.open(task.operator, ["Wrong."], Runtime(print))
