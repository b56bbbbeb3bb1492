# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime


def test_by_default_a_task_writes_and_has_the_temporary_directory_of_the_system():
    runtime = Runtime(print)
    assert not runtime.check_mode
    assert os.path.isdir(runtime.tmpdir())
    assert (runtime.contexts, runtime.pause) == (None, None)
