# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices, their records, and the rules of reading and updating them. No network here."""

from __future__ import annotations

import dataclasses
import functools
import json
import typing as t
import uuid
from datetime import UTC, datetime, timedelta

from simulator.certificates import DAY
from simulator.certificates import fingerprint as fingerprint_of

MAXIMUM_IDENTIFIER_LENGTH = 255
MAXIMUM_VALUE_LENGTH = 1024
DIVISIONS = ("Harbour", "Depot")
# How a record lists a field of the profile that has no value. The documentation leaves it open.
VALUELESS = ("absent", "null", "empty")
# What each key of a record that is a permission of the device begins with, and the three that the documentation lists.
FLAG_PREFIX = "device_api_allow_"
PERMISSION_FLAGS = ("device_api_allow_read", "device_api_allow_write", "device_api_allow_renew_certificate")
# Two more that records in public code have.
UNDOCUMENTED_FLAGS = ("device_api_allow_enroll_certificate", "device_api_allow_revoke")

Record = dict[str, t.Any]


class Refusal(Exception):
    """A request that the API answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def error(self) -> Record:
        """The code and the message."""
        return {"code": self.code, "message": str(self)}

    @property
    def body(self) -> Record:
        """The JSON body of the answer."""
        return {"errors": [self.error]}


@dataclasses.dataclass(frozen=True)
class ProfileField:
    """A field that the devices of a profile have."""

    id: str
    name: str
    mandatory: bool = False


@dataclasses.dataclass(frozen=True)
class Profile:
    """What kind of device it is: which fields its record has, and which `flags` a new device has."""

    id: str
    name: str
    fields: tuple[ProfileField, ...]
    flags: dict[str, bool] = dataclasses.field(default_factory=lambda: dict.fromkeys(PERMISSION_FLAGS, False))

    def field_id(self, name: str) -> str:
        """Return the ID of the one field with this name."""
        (field_id,) = self.ids_of(name)
        return field_id

    def ids_of(self, name: str) -> list[str]:
        """Return the IDs of the fields with this name: one, as long as the name is not shared."""
        return [field.id for field in self.fields if field.name == name]


@dataclasses.dataclass
class Device:
    """One device as the account holds it. `values` has field IDs for keys, and nothing for a field without a value.

    `name` is what the simulator calls it, also in the name of its certificate's file. All that changes can be set.
    """

    name: str
    profile: Profile
    device_identifier: str
    values: dict[str, str]
    division: str = DIVISIONS[0]
    status: str = "ACTIVE"
    device_api_allow_read: bool = True
    device_api_allow_write: bool = True
    device_api_allow_renew_certificate: bool = True
    # Permissions in addition to PERMISSION_FLAGS, by key. The documentation does not list them, but records in public
    # code do.
    more_flags: dict[str, bool] = dataclasses.field(default_factory=dict)
    valueless: str = "absent"
    created: datetime = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    updated: datetime = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

    @property
    def id(self) -> str:
        """The device ID, the same in every simulator."""
        return identifier("device", self.name)

    @property
    def division_id(self) -> str:
        """The ID of its division."""
        return division_id(self.division)

    def field_id(self, name: str) -> str:
        """Return the ID of the one field with this name."""
        return self.profile.field_id(name)

    @property
    def named_values(self) -> dict[str, str]:
        """The values by field name, for a profile that has no name twice."""
        return {field.name: self.values[field.id] for field in self.profile.fields if field.id in self.values}

    @property
    def record(self) -> Record:
        """The record as the API answers it."""
        return {
            "id": self.id,
            "account_id": identifier("account"),
            "division": {"id": self.division_id, "name": self.division},
            "device_identifier": self.device_identifier,
            "device_profile": {"id": self.profile.id, "name": self.profile.name},
            "created": f"{self.created:%Y-%m-%dT%H:%M:%SZ}",
            "updated": f"{self.updated:%Y-%m-%dT%H:%M:%SZ}",
            "status": self.status,
            "fields": [
                {"id": field.id, "name": field.name, "value": self._listed(field), "mandatory": field.mandatory}
                for field in self.profile.fields
                if field.id in self.values or self.valueless != "absent"
            ],
            **self.flags,
        }

    @property
    def flags(self) -> dict[str, bool]:
        """All permissions, by the keys of the record."""
        return {**{flag: getattr(self, flag) for flag in PERMISSION_FLAGS}, **self.more_flags}

    def _listed(self, field: ProfileField) -> str | None:
        return self.values.get(field.id, "" if self.valueless == "empty" else None)

    def update(self, payload: object, flags: t.Mapping[str, bool] | None = None) -> None:
        """Do what a PUT with this JSON body does: replace all values, also when it has none, and perhaps rename.

        `flags` are new values for some of its permissions. Raises Refusal, and then nothing has changed.
        """
        if not isinstance(payload, dict):
            raise invalid("The request body is not a JSON object")
        device_identifier = payload.get("device_identifier", self.device_identifier)
        if not isinstance(device_identifier, str) or not 1 <= len(device_identifier) <= MAXIMUM_IDENTIFIER_LENGTH:
            raise invalid(f"device_identifier must be a string of 1 to {MAXIMUM_IDENTIFIER_LENGTH} characters")
        values = self._sent_values(payload.get("fields", []))
        for field in self.profile.fields:
            if field.mandatory and field.id not in values:
                raise invalid(f"Field {field.name} is mandatory and has no value")
        self.device_identifier = device_identifier
        self.values = values
        self.set_flags(flags or {})
        self.touch()

    def set_flags(self, flags: t.Mapping[str, bool]) -> None:
        """Set some of its permissions."""
        for flag, allowed in flags.items():
            if flag in PERMISSION_FLAGS:
                setattr(self, flag, allowed)
            else:
                self.more_flags[flag] = allowed

    def merge(self, attributes: t.Sequence[Record]) -> list[Record]:
        """Return the `fields` of an update that sets these values, `{id, value}`, and keeps all others."""
        sent = {each["id"].lower() for each in attributes}
        kept = [{"id": field_id, "value": value} for field_id, value in self.values.items() if field_id not in sent]
        return [*kept, *attributes]

    def touch(self) -> None:
        """Note that something has changed. Two updates within one second still show."""
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))

    def _sent_values(self, fields: object) -> dict[str, str]:
        """Return the values that the `fields` of a payload hold, by field ID."""
        if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
            raise invalid("fields must be an array of objects")
        known = {field.id for field in self.profile.fields}
        values: dict[str, str] = {}
        for field in fields:
            field_id, value = field.get("id"), field.get("value")
            if not isinstance(field_id, str) or field_id.lower() not in known:
                raise invalid(f"Field with id {field_id} does not exist in the profile of the device")
            field_id = field_id.lower()
            if field_id in values:
                raise invalid(f"Field with id {field_id} is given twice")
            if not isinstance(value, str) or len(value) > MAXIMUM_VALUE_LENGTH:
                raise invalid(f"The value of field {field_id} must be a string of at most {MAXIMUM_VALUE_LENGTH}")
            values[field_id] = value
        return {field_id: value for field_id, value in values.items() if value}


class Records:
    """All devices of the account, each seen by its own certificates, and all by the operator's API keys.

    `profiles` are the device profiles by name: Access point, Camera, and Gateway, of which there is no device yet.
    Tests can set this, most of which the documentation leaves open:

    - `valueless`: how new devices list a field without a value.
    - `largest_page`: how many devices the list has on a page at the most. `last_updated_first`: in which order.
    - `forgets_flags`: an operator's update resets all permissions that it omits to false.
    - `own_update_forgets_flags`: the update of a device resets all that are not in PERMISSION_FLAGS.
    - `create_ignores_flags`: a new device has the permissions of its profile only.
    - `answers_single_errors`: errors have the other documented form, `{"error": ...}`.
    - `lifetime`: how long an issued certificate is valid. It is expired if this is negative, but more than -1 day.
    """

    def __init__(self, valueless: str = "absent") -> None:
        self.largest_page = 1000
        self.last_updated_first = False
        self.forgets_flags = False
        self.own_update_forgets_flags = False
        self.create_ignores_flags = False
        self.answers_single_errors = False
        self.lifetime = 90 * DAY
        self.profiles = make_profiles()
        self.valueless = valueless
        self._devices: dict[str, Device] = {}
        self._device_of_certificate: dict[str, Device] = {}
        for device in make_devices(valueless, self.profiles):
            self.add(device)

    def __getitem__(self, name: str) -> Device:
        """Return a device by the simulator's name for it."""
        return self._devices[identifier("device", name)]

    @property
    def devices(self) -> list[Device]:
        """All devices, the first of which most tests use."""
        return list(self._devices.values())

    def add(self, device: Device) -> None:
        """Take a device into the account."""
        self._devices[device.id] = device

    def remove(self, device: Device) -> None:
        """Take a device out of the account."""
        del self._devices[device.id]

    def clear(self) -> None:
        """Take all devices out of the account."""
        self._devices.clear()

    def find(self, device_id: str) -> Device:
        """Return the device with this ID. Raises Refusal."""
        device = self._devices.get(device_id.lower())
        if device is None:
            raise Refusal(400, "entity_not_found", f"Device with id {device_id} does not exist")
        return device

    def find_named(self, device_identifier: str, division: str = DIVISIONS[0]) -> Device | None:
        """Return the first device of this division with this name, if there is one."""
        return next(
            (each for each in self.devices if (each.device_identifier, each.division) == (device_identifier, division)),
            None,
        )

    def create(self, profile_id: object, division: str) -> Device:
        """Return a device of this profile, without values, that is not in the account yet. Raises Refusal."""
        profile = next((each for each in self.profiles.values() if each.id == profile_id), None)
        if profile is None:
            raise invalid(f"Device profile with id {profile_id} does not exist")
        now = datetime.now(UTC)
        device = Device(
            f"created-{uuid.uuid4()}", profile, "", {}, division, valueless=self.valueless, created=now, updated=now
        )
        device.set_flags(profile.flags)
        return device

    def register(
        self,
        device_identifier: str,
        values: t.Mapping[str, str],
        profile: str = "Gateway",
        division: str = DIVISIONS[0],
    ) -> Device:
        """Create a device, as an operator does, with values by field name, and return it. Raises Refusal."""
        device = self.create(self.profiles[profile].id, division)
        fields = [{"id": device.field_id(name), "value": value} for name, value in values.items()]
        self.change(device, {"device_identifier": device_identifier, "fields": fields})
        self.add(device)
        return device

    def change(self, device: Device, payload: object, flags: t.Mapping[str, bool] | None = None) -> None:
        """Do what `Device.update` does, unless another device of the division has the name. Raises Refusal."""
        name = payload.get("device_identifier") if isinstance(payload, dict) else None
        if name != device.device_identifier and self.find_named(name, device.division) is not None:
            raise invalid(f"Device with identifier {name} already exists in division {device.division}")
        device.update(payload, flags)

    def associate(self, device: Device, fingerprint: str) -> None:
        """Let the certificate with this fingerprint act for `device`. A device can have several."""
        self._device_of_certificate[fingerprint] = device

    def read(self, device_id: str, fingerprint: str) -> Device:
        """Return the device that a GET asks for. Raises Refusal."""
        device = self._seen(device_id, fingerprint)
        if not device.device_api_allow_read:
            raise denied()
        return device

    def update(self, device_id: str, fingerprint: str, body: bytes) -> Device:
        """Do a PUT and return the device. Raises Refusal."""
        device = self._seen(device_id, fingerprint)
        if not device.device_api_allow_write:
            raise denied()
        omitted = dict.fromkeys(device.more_flags, False) if self.own_update_forgets_flags else {}
        self.change(device, read_payload(body), omitted)
        return device

    def renew(self, device_id: str, fingerprint: str, body: bytes, answer: t.Callable[[bytes], bytes]) -> Record:
        """Do a POST to .../renew and return the JSON of its answer. `answer` signs a CSR. Raises Refusal.

        The old certificate goes on working. Values in device_attributes replace those of the record.
        """
        device = self.find_renewable(device_id, fingerprint)
        payload = read_payload(body)
        pem = sign_request(payload, answer)
        known = {field.id for field in device.profile.fields}
        attributes = [each for each in read_attributes(payload, "device_attributes") if each["id"].lower() in known]
        if attributes:
            device.update({"fields": device.merge(attributes)})
        return self.hand_out(device, pem)

    def find_renewable(self, device_id: str, fingerprint: str) -> Device:
        """Return the device, if the certificate with this fingerprint can be renewed for it. Raises Refusal."""
        device = self._seen(device_id, fingerprint)
        if not device.device_api_allow_renew_certificate:
            raise denied()
        return device

    def find_certified(self, fingerprint: str) -> Device:
        """Return the device for which the certificate with this fingerprint acts. Raises Refusal."""
        device = self._device_of_certificate.get(fingerprint)
        if device is None:
            raise denied("The certificate is not of a device")
        return device

    def hand_out(self, device: Device, pem: bytes) -> Record:
        """Let a new certificate act for `device`, and return the JSON that answers the request for it."""
        self.associate(device, fingerprint_of(pem))
        return {
            "certificate_request_id": str(uuid.uuid4()),
            "status": "AUTO_APPROVED",
            "result": "SUCCESS",
            "certificate_id": str(uuid.uuid4()),
            "pem": pem.decode(),
        }

    def _seen(self, device_id: str, fingerprint: str) -> Device:
        device = self.find(device_id)
        if self._device_of_certificate.get(fingerprint) is not device:
            raise denied()
        return device


@functools.cache
def identifier(*words: str) -> str:
    """Return an ID that looks like any other, and is always the same for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("simulator", *words))))


def division_id(division: str) -> str:
    """Return the ID of a division."""
    return identifier("division", division)


def make_profiles() -> dict[str, Profile]:
    """Return the device profiles of a fresh account by name."""
    gateway_flags = {**dict.fromkeys(PERMISSION_FLAGS, True), **dict.fromkeys(UNDOCUMENTED_FLAGS, False)}
    profiles = (
        _profile("Access point", "Firmware*", "Serial number*", "Site", "Owner", "Contact", "Redirector"),
        # Two of its fields share a name.
        _profile("Camera", "Model*", "Location", "Location", "Retention days"),
        dataclasses.replace(_profile("Gateway", "Serial number*", "Firmware", "Site", "Contact"), flags=gateway_flags),
    )
    return {profile.name: profile for profile in profiles}


def make_devices(valueless: str, profiles: t.Mapping[str, Profile]) -> list[Device]:
    """Return the devices of a fresh account. The first is the one that most tests use."""
    access_point, camera = profiles["Access point"], profiles["Camera"]

    def make(name: str, profile: Profile, *values: str | None, **settings: t.Any) -> Device:
        stored = {field.id: value for field, value in zip(profile.fields, values, strict=True) if value is not None}
        return Device(name, profile, f"{name}.harbour", stored, valueless=valueless, **settings)

    installed = (
        "12.4",
        "AP-0042",
        "Rotterdam",
        None,
        "noc@harbour.example",
        "https://controller.harbour.example:16002",
    )
    return [
        make("access-point", access_point, *installed),
        make("spare-access-point", access_point, "12.1", "AP-0043", None, None, None, None),
        make("camera", camera, "C-7", "Pier 1", "North mast", None),
        make("read-only", access_point, *installed, device_api_allow_write=False),
        make("write-only", access_point, *installed, device_api_allow_read=False),
        make("disabled", access_point, *installed, status="DISABLED"),
    ]


def _profile(name: str, *fields: str) -> Profile:
    """Return a profile; a star marks a field as mandatory."""
    profile_fields = tuple(
        ProfileField(identifier("field", name, str(number), field), field.rstrip("*"), field.endswith("*"))
        for number, field in enumerate(fields)
    )
    return Profile(identifier("profile", name), name, profile_fields)


def read_payload(body: bytes) -> t.Any:
    """Return what a request's JSON body holds. Raises Refusal."""
    try:
        return json.loads(body)
    except ValueError:
        raise invalid("The request body is not valid JSON") from None


def read_attributes(payload: object, key: str) -> list[Record]:
    """Return the attributes, `{id, value}`, that the payload of a certificate request has at `key`. Raises Refusal."""
    attributes = payload.get(key) if isinstance(payload, dict) else None
    for each in [] if attributes is None else attributes if isinstance(attributes, list) else [None]:
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in ("id", "value")):
            raise invalid(f"{key} must be an array of objects with id and value")
    return attributes or []


def sign_request(payload: object, answer: t.Callable[[bytes], bytes]) -> bytes:
    """Return the certificate for the CSR of a payload, which `answer` signs. Raises Refusal."""
    csr = payload.get("csr") if isinstance(payload, dict) else None
    try:
        return answer(csr.encode())
    except (ValueError, TypeError, AttributeError) as error:
        raise invalid(f"The request body has no valid csr: {error}") from None


def invalid(message: str) -> Refusal:
    """Return the answer to a request that cannot be right."""
    return Refusal(400, "invalid_input", message)


def denied(message: str = "The certificate does not permit this operation on this device") -> Refusal:
    """Return the answer to a request that the credentials do not permit."""
    return Refusal(403, "access_denied", message)
