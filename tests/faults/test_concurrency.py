# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many runs at once against a service that takes only so many requests a second."""

from __future__ import annotations

import concurrent.futures

from ansible_collections.edgeops.digicert.plugins.module_utils._connection import connection_argument_spec, open_session
from ansible_collections.edgeops.digicert.plugins.module_utils._device_api import DeviceApi
from ansible_collections.edgeops.digicert.plugins.module_utils._keep import keep_record
from ansible_collections.edgeops.digicert.plugins.module_utils._wishes import Wish, Wishes

RUNS, LIMIT = 200, 50


def test_a_crowd_converges_with_few_requests_in_vain(simulator):
    device, leaf = simulator.records["access-point"], simulator.certificates["access-point"]
    simulator.limit = LIMIT
    defaults = {name: entry.get("default") for name, entry in connection_argument_spec().items()}
    options = {
        **defaults,
        "device_id": device.id,
        "api_url": simulator.url,
        "client_cert": str(leaf.pem),
        "client_key": str(leaf.key),
        "ca_path": str(simulator.certificates.ca),
    }

    def keep(number: int) -> bool:
        # All write to one record, each another value, so that every run has to update it.
        wishes = Wishes(f"run {number}", (Wish(device.field_id("Site"), None, "here"),), False, ())
        session = open_session(options, [], str, [].append)
        return keep_record(DeviceApi(session, device.id), wishes, False, False, [].append).plan.changed

    with concurrent.futures.ThreadPoolExecutor(RUNS) as pool:
        changed = list(pool.map(keep, range(RUNS)))
    refused = [request for request in simulator.requests if request.status == 429]
    least = len(simulator.requests) - len(refused)
    assert all(changed)
    assert refused
    assert len(simulator.requests) <= 1.6 * least
