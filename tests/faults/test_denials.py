# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A denial that another server sent never leads to an update that was not compared with the record."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import DeviceManagerError
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.device_task import parse_device_task
from ansible_collections.edgeops.digicert.plugins.module_utils._operations.reconcile import ensure_device
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime
from simulator import DENIAL, FOREVER, Answer, Simulator

FOREIGN: dict[str, object] = {
    "empty": b"",
    "text": "Forbidden",
    "html": "<html><head><title>403 Forbidden</title></head></html>",
    "cut": b'{"errors": [{"code": "access_denied", "message": "N',
    "byte-order-mark": b'\xef\xbb\xbf{"errors": [{"code": "access_denied", "message": "No"}]}',
    "utf-16": '{"errors": [{"code": "access_denied", "message": "No"}]}'.encode("utf-16"),
    "no-errors": {"errors": []},
    "words": {"errors": ["access_denied"]},
    "no-message": {"errors": [{"code": "access_denied"}]},
    "no-code": {"errors": [{"message": "access_denied"}]},
    "number": {"errors": [{"code": 403, "message": "Forbidden"}]},
    "other-code": {"errors": [{"code": "waf_block", "message": "Blocked"}]},
    "oauth": {"error": "access_denied", "error_description": "No"},
    "cloud": {"error": {"code": 403, "message": "Forbidden", "status": "PERMISSION_DENIED"}},
    "gateway": {"message": "Forbidden"},
    "subscription": {"statusCode": 401, "message": "Access denied due to missing subscription key"},
    "fault": {"fault": {"faultstring": "Invalid key", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}},
    "problem": {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "access_denied"},
}


def options_of(simulator: Simulator, device: str, on_read_denied: str) -> dict[str, t.Any]:
    """Return the parameters of a task that sets fields by their IDs."""
    leaf, record = simulator.certificates[device], simulator.records[device]
    return {
        "device_id": record.id,
        "api_url": simulator.url,
        **dict.fromkeys(("client_cert_content", "client_key_content", "client_key_passphrase")),
        "client_cert": str(leaf.pem),
        "client_key": str(leaf.key),
        "ca_path": str(simulator.certificates.ca),
        "validate_certs": True,
        "timeout": 5,
        "retries": 0,
        "use_proxy": False,
        "device_identifier": None,
        "fields": [
            {"id": record.field_id(name), "name": None, "value": "new", "state": "present"}
            for name in ("Firmware", "Serial number", "Site")
        ],
        "secret_fields": None,
        "purge_fields": False,
        "keep_fields": [],
        "field_ids": {},
        "mask_fields": [],
        "on_read_denied": on_read_denied,
    }


@pytest.mark.parametrize("on_read_denied", ["fail", "overwrite"])
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("times", [1, FOREVER])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_denial_writes_nothing(simulator, record_property, name, times, status, on_read_denied):
    simulator.script(Answer(method="GET", status=status, body=FOREIGN[name], times=times))
    before = dict(simulator.records["access-point"].values)
    warnings: list[str] = []
    with pytest.raises(DeviceManagerError) as caught:
        ensure_device(
            parse_device_task(options_of(simulator, "access-point", on_read_denied)), Runtime(warnings.append)
        )
    assert (caught.value.kind, caught.value.changed) == ("http_error", False)
    assert [request.method for request in simulator.requests] == ["GET"]
    assert simulator.records["access-point"].values == before
    record_property("denial", f"{on_read_denied}, nothing written")


@pytest.mark.parametrize("status", [401, 403])
def test_a_denial_of_the_api_itself_allows_to_overwrite(simulator, record_property, status):
    simulator.script(Answer(method="GET", status=status, body=DENIAL))
    ensure_device(parse_device_task(options_of(simulator, "write-only", "overwrite")), Runtime([].append))
    assert [request.method for request in simulator.requests] == ["GET", "PUT"]
    record_property("denial", "overwrite, written")
