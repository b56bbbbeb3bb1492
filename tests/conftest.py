# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator as a fixture, for the tests of the simulator itself and for those that run playbooks."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulator import Simulator


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Simulator]:
    """One simulator for all tests of a process: making certificates takes longer than most tests."""
    with Simulator(tmp_path_factory.mktemp("certificates")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> t.Iterator[Simulator]:
    """A simulator in its first state. A test that scripted more than was asked for fails."""
    running_simulator.reset()
    yield running_simulator
    assert running_simulator.untold == []
