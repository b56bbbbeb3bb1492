# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simulator.records import MAXIMUM_IDENTIFIER_LENGTH, MAXIMUM_VALUE_LENGTH, VALUELESS, Device, Records, Refusal

OWN, FOREIGN = "fingerprint of its own certificate", "fingerprint of another"


@pytest.fixture
def records() -> Records:
    records = Records()
    records.associate(records["access-point"], OWN)
    records.associate(records["camera"], FOREIGN)
    return records


@pytest.fixture
def device(records: Records) -> Device:
    return records["access-point"]


def listed(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"id": field_id, "value": value} for field_id, value in values.items()]


def mandatory_values(device: Device) -> dict[str, str]:
    return {field.id: device.values[field.id] for field in device.profile.fields if field.mandatory}


def test_a_record_has_the_documented_keys(device):
    record = device.record
    assert set(record) == {
        "id",
        "account_id",
        "division",
        "device_identifier",
        "device_profile",
        "created",
        "updated",
        "status",
        "fields",
        "device_api_allow_read",
        "device_api_allow_write",
        "device_api_allow_renew_certificate",
    }
    assert set(record["division"]) == set(record["device_profile"]) == {"id", "name"}
    assert all(set(field) == {"id", "name", "value", "mandatory"} for field in record["fields"])
    assert record["created"] == "2026-03-01T08:30:00Z"
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(("valueless", "owner"), [("absent", []), ("null", [None]), ("empty", [""])])
def test_a_field_without_a_value_is_listed_in_every_possible_way(valueless, owner):
    fields = Records(valueless)["access-point"].record["fields"]
    assert valueless in VALUELESS
    assert [field["value"] for field in fields if field["name"] == "Owner"] == owner
    assert [field["value"] for field in fields if field["name"] == "Site"] == ["Rotterdam"]


def test_two_fields_can_share_a_name(records):
    camera = records["camera"]
    assert len(camera.profile.ids_of("Location")) == 2
    assert [field["name"] for field in camera.record["fields"]].count("Location") == 2
    with pytest.raises(ValueError, match="too many values"):
        camera.field_id("Location")


def test_ids_are_the_same_in_every_account_and_never_twice():
    first, second = Records(), Records()
    assert [device.id for device in first.devices] == [device.id for device in second.devices]
    ids = [device.id for device in first.devices]
    ids += {field.id for device in first.devices for field in device.profile.fields}
    assert len(set(ids)) == len(ids)


def test_an_update_replaces_all_values(device):
    values = {**mandatory_values(device), device.field_id("Owner"): "harbour team"}
    device.update({"fields": listed(values)})
    assert device.values == values
    assert device.device_identifier == "access-point.harbour"


@pytest.mark.parametrize("payload", [{}, {"device_identifier": "renamed"}, {"fields": []}])
def test_an_update_without_fields_removes_all_values(records, payload):
    device = records["camera"]
    del device.values[device.field_id("Model")]
    device.profile = type(device.profile)(device.profile.id, device.profile.name, device.profile.fields[1:])
    device.update(payload)
    assert device.values == {}
    assert device.device_identifier == payload.get("device_identifier", "camera.harbour")


def test_a_mandatory_value_is_not_removed(device):
    before = device.record
    with pytest.raises(Refusal, match="Firmware is mandatory"):
        device.update({"device_identifier": "renamed", "fields": listed({device.field_id("Site"): "Delft"})})
    assert device.record == before


def test_an_empty_value_is_none(device):
    device.update({"fields": listed({**mandatory_values(device), device.field_id("Site"): ""})})
    assert device.values == mandatory_values(device)
    with pytest.raises(Refusal, match="Firmware is mandatory"):
        device.update({"fields": listed({**mandatory_values(device), device.field_id("Firmware"): ""})})


def test_each_update_shows_in_updated(device):
    seen = [device.record["updated"]]
    for _time in range(3):
        device.update({"fields": listed(mandatory_values(device))})
        seen.append(device.record["updated"])
    assert len(set(seen)) == 4
    assert seen == sorted(seen)
    assert device.record["created"] == seen[0]


def test_the_longest_texts_that_are_allowed(device):
    longest = {**mandatory_values(device), device.field_id("Site"): "s" * MAXIMUM_VALUE_LENGTH}
    device.update({"device_identifier": "i" * MAXIMUM_IDENTIFIER_LENGTH, "fields": listed(longest)})
    assert device.named_values["Site"] == "s" * MAXIMUM_VALUE_LENGTH


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        {"device_identifier": ""},
        {"device_identifier": "i" * (MAXIMUM_IDENTIFIER_LENGTH + 1)},
        {"device_identifier": None},
        {"device_identifier": 7},
        {"fields": None},
        {"fields": {}},
        {"fields": ["text"]},
        {"fields": [{}]},
        {"fields": [{"value": "no id"}]},
        {"fields": [{"id": "unknown", "value": "1"}]},
        {"fields": [{"id": 7, "value": "1"}]},
        {"fields": [{"id": "SITE"}]},
        {"fields": [{"id": "SITE", "value": None}]},
        {"fields": [{"id": "SITE", "value": 7}]},
        {"fields": [{"id": "SITE", "value": "s" * (MAXIMUM_VALUE_LENGTH + 1)}]},
        {"fields": [{"id": "SITE", "value": "1"}, {"id": "SITE", "value": "1"}]},
    ],
    ids=lambda payload: json.dumps(payload)[:50],
)
def test_bad_input_is_refused(records, device, payload):
    before = device.record
    # Complete but for what is wrong, so that no mandatory field is the reason.
    if isinstance(payload, dict) and isinstance(payload.setdefault("fields", []), list):
        payload = {**payload, "fields": payload["fields"] + listed(mandatory_values(device))}
    body = json.dumps(payload).replace("SITE", device.field_id("Site")).encode()
    with pytest.raises(Refusal) as refused:
        records.update(device.id, OWN, body)
    assert refused.value.status == 400
    assert refused.value.body == {"errors": [{"code": "invalid_input", "message": str(refused.value)}]}
    assert device.record == before


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff"])
def test_what_is_not_json_is_refused(records, device, body):
    with pytest.raises(Refusal, match="not valid JSON"):
        records.update(device.id, OWN, body)


def test_an_unknown_device(records):
    with pytest.raises(Refusal, match="Device with id nowhere does not exist") as refused:
        records.read("nowhere", OWN)
    assert (refused.value.status, refused.value.code) == (400, "entity_not_found")


@pytest.mark.parametrize("fingerprint", [FOREIGN, "of no device"])
def test_only_the_certificate_of_the_device_sees_it(records, device, fingerprint):
    for call in (lambda: records.read(device.id, fingerprint), lambda: records.update(device.id, fingerprint, b"{}")):
        with pytest.raises(Refusal) as refused:
            call()
        assert (refused.value.status, refused.value.code) == (403, "access_denied")


def test_a_device_can_have_several_certificates(records, device):
    records.associate(device, "fingerprint of its next certificate")
    assert records.read(device.id, OWN) is records.read(device.id, "fingerprint of its next certificate") is device


def test_reading_and_writing_are_allowed_apart(records, device):
    body = json.dumps({"fields": listed(device.values)}).encode()
    device.device_api_allow_read = False
    with pytest.raises(Refusal) as refused:
        records.read(device.id, OWN)
    assert refused.value.status == 403
    records.update(device.id, OWN, body)

    device.device_api_allow_read, device.device_api_allow_write = True, False
    with pytest.raises(Refusal) as refused:
        records.update(device.id, OWN, body)
    assert refused.value.status == 403
    records.read(device.id, OWN)


def test_values_of_a_renewal_replace_those_of_the_record(simulator, records, device):
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = csr.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    attributes = [{"id": device.field_id("Site"), "value": "Delft"}, {"id": "unknown", "value": "1"}]
    before = device.named_values
    body = json.dumps({"csr": csr.decode(), "device_attributes": attributes}).encode()
    records.renew(device.id, OWN, body, simulator.certificates.intermediate.answer)
    assert device.named_values == {**before, "Site": "Delft"}


@pytest.mark.parametrize("forgets", [True, False])
def test_the_update_of_a_device_can_reset_permissions(records, device, forgets):
    device.more_flags = {"device_api_allow_revoke": True}
    records.own_update_forgets_flags = forgets
    payload = json.dumps({"fields": listed(mandatory_values(device)), "device_api_allow_revoke": True})
    records.update(device.id, OWN, payload.encode())
    assert device.more_flags == {"device_api_allow_revoke": not forgets}


def test_devices_with_limits_are_there(records):
    assert not records["read-only"].device_api_allow_write
    assert not records["write-only"].device_api_allow_read
    assert records["disabled"].status == "DISABLED"
    assert set(records["spare-access-point"].named_values) == {"Firmware", "Serial number"}
