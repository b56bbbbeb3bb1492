# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enrollment: certificate requests with an API key, a passcode or a birth certificate. No network here."""

from __future__ import annotations

import dataclasses
import math
import typing as t
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from simulator.certificates import SUBJECT_ATTRIBUTES
from simulator.log import Request
from simulator.operator_api import check_api_key
from simulator.records import (
    DIVISIONS,
    Device,
    Profile,
    Record,
    Records,
    Refusal,
    denied,
    identifier,
    invalid,
    read_attributes,
    read_payload,
    sign_request,
)

CERTIFICATE_PATH = "/iot/api/v1/certificate"
ENROLLMENT_PROFILE_PATH = "/iot/api/v1/enrollment-profile/"
SPECIFICATION_CALL = "enrollment-specification"
# The attribute of a device that is its name. All others are fields.
DEVICE_IDENTIFIER = "DEVICE_IDENTIFIER"
# Each enrollment profile has these passcodes: without a limit, for one certificate, and expired.
PASSCODE = "passcode-of-a-batch"
ONE_TIME_PASSCODE = "passcode-for-one"
EXPIRED_PASSCODE = "passcode-of-last-year"


class Sign(t.Protocol):
    """A function that signs a CSR."""

    def __call__(self, csr: bytes, *, subject: t.Mapping[str, str]) -> bytes:
        """Return the certificate and its chain. `subject` has the attributes of the subject that are changed."""


@dataclasses.dataclass
class Passcode:
    """A passcode: for how many certificates, until when, and for which names, if not for all."""

    uses: float = math.inf
    expires: datetime | None = None
    identifiers: t.Collection[str] | None = None

    def check(self, device_identifier: str) -> None:
        """Raise Refusal unless it is good for one more certificate, of the device with this name."""
        if self.expires is not None and self.expires <= datetime.now(UTC):
            raise Refusal(403, "access_denied", "The passcode has expired")
        if self.uses < 1:
            raise Refusal(403, "access_denied", "The passcode has no uses left")
        if self.identifiers is not None and device_identifier not in self.identifiers:
            raise Refusal(403, "access_denied", "The passcode is not for this device")


@dataclasses.dataclass
class EnrollmentProfile:
    """How devices of one device profile enroll. All but the name can be set.

    `passcodes` are by their text, and `birth_certificates` are fingerprints. With `needs_approval`, a request is
    answered without a certificate, and changes no record.
    """

    name: str
    device_profile: Profile
    passcodes: dict[str, Passcode]
    birth_certificates: set[str]
    division: str = DIVISIONS[0]
    needs_approval: bool = False
    method: str = "API"

    @property
    def id(self) -> str:
        """The ID, the same in every simulator."""
        return enrollment_profile_id(self.name)

    @property
    def specification(self) -> Record:
        """What a request can or must have, as the API answers it."""
        common_name = next(iter(SUBJECT_ATTRIBUTES))
        fields = [_describe("csr", "csr", "CERTIFICATE", mandatory=True)]
        fields += [
            _describe(key, key.replace(".", "_"), "CERTIFICATE", mandatory=key == common_name, update_from_csr=True)
            for key in SUBJECT_ATTRIBUTES
        ]
        fields.append(_describe(DEVICE_IDENTIFIER, "device_identifier", "DEVICE", mandatory=True))
        fields += [
            _describe(field.id, field.name, "DEVICE", mandatory=field.mandatory) for field in self.device_profile.fields
        ]
        return {"fields": fields}


class Enrollment:
    """The enrollment profiles of the account, by name, and their requests.

    `gateways` is for the device profile Gateway, whose new devices can read, update and renew. `access-points` is for
    Access point, and so for most devices of a fresh account. `approved-gateways` needs approval. `est-gateways` has the
    method EST, whose requests are in est.py.
    """

    def __init__(self, records: Records, birth_certificate: str) -> None:
        """Enroll devices into `records`. `birth_certificate` is the fingerprint of one that each profile knows."""
        self.records = records
        gateway, access_point = records.profiles["Gateway"], records.profiles["Access point"]

        def make(name: str, device_profile: Profile, **settings: t.Any) -> EnrollmentProfile:
            passcodes = {
                PASSCODE: Passcode(),
                ONE_TIME_PASSCODE: Passcode(uses=1),
                EXPIRED_PASSCODE: Passcode(expires=datetime.now(UTC) - timedelta(days=1)),
            }
            return EnrollmentProfile(name, device_profile, passcodes, {birth_certificate}, **settings)

        self.profiles = [
            make("gateways", gateway),
            make("access-points", access_point),
            make("approved-gateways", gateway, needs_approval=True),
            make("est-gateways", gateway, method="EST"),
        ]

    def __getitem__(self, name: str) -> EnrollmentProfile:
        return next(profile for profile in self.profiles if profile.name == name)

    def find(self, profile_id: object) -> EnrollmentProfile:
        """Return the profile with this ID, if its method is the API. Raises Refusal."""
        profile = next((profile for profile in self.profiles if profile.id == profile_id), None)
        if profile is None:
            raise Refusal(400, "entity_not_found", f"Enrollment profile with id {profile_id} does not exist")
        if profile.method != "API":
            raise invalid(f"Enrollment profile with id {profile_id} has the method {profile.method}")
        return profile

    def request_certificate(self, request: Request, sign: Sign) -> Record:
        """Issue a certificate, for a device that then exists, and return the JSON of the answer. Raises Refusal.

        A refused request changes nothing.
        """
        permitted = self._permitted(request)
        payload = read_payload(request.body)
        profile = self.find(payload.get("enrollment_profile_id") if isinstance(payload, dict) else None)
        if profile not in permitted:
            raise denied("The credentials are not for this enrollment profile")
        subject = _read_subject(payload)
        attributes = read_attributes(payload, "device_attributes")
        name = next((each["value"] for each in attributes if each["id"] == DEVICE_IDENTIFIER), "")
        if not name:
            raise invalid(f"device_attributes has no {DEVICE_IDENTIFIER}")
        passcode = profile.passcodes.get(request.header("x-passcode") or "", Passcode())
        passcode.check(name)
        pem = sign_request(payload, lambda csr: sign(csr, subject=subject))
        if profile.needs_approval:
            passcode.uses -= 1
            return {"certificate_request_id": str(uuid.uuid4()), "status": "PENDING_APPROVAL", "result": "PENDING"}
        device = self.enroll(profile, name, [each for each in attributes if each["id"] != DEVICE_IDENTIFIER])
        passcode.uses -= 1
        return self.records.hand_out(device, pem)

    def _permitted(self, request: Request) -> list[EnrollmentProfile]:
        """Return the profiles for which the credentials of a request are. Raises Refusal if there is none."""
        if request.connection.api == "device":
            profiles = [each for each in self.profiles if request.connection.fingerprint in each.birth_certificates]
            if not profiles:
                raise denied("The certificate is not registered to an enrollment profile")
            return profiles
        passcode, api_key = request.header("x-passcode"), request.header("x-api-key")
        if passcode is None:
            check_api_key(request)
            return self.profiles
        if api_key is not None:
            raise Refusal(400, "invalid_request", "x-passcode and x-api-key exclude each other")
        profiles = [each for each in self.profiles if passcode in each.passcodes]
        if not profiles:
            raise Refusal(401, "access_denied", "The passcode is not valid")
        return profiles

    def enroll(self, profile: EnrollmentProfile, name: str, attributes: list[Record]) -> Device:
        """Return the device with this name, after it has been created or has the values of the request.

        Raises Refusal.
        """
        known = self.records.find_named(name, profile.division)
        device = known or self.records.create(profile.device_profile.id, profile.division)
        if device.profile != profile.device_profile:
            raise invalid(f"Device {name} has the device profile {device.profile.name}")
        if device.status != "ACTIVE":
            raise denied(f"Device {name} is not active")
        device.update({"device_identifier": name, "fields": device.merge(attributes)})
        self.records.add(device)
        return device


def is_of_enrollment(request: Request) -> bool:
    """Return whether a request is for `handle_enrollment_request`."""
    path = urlsplit(request.path).path
    return path == CERTIFICATE_PATH or path.startswith((f"{CERTIFICATE_PATH}/", ENROLLMENT_PROFILE_PATH))


def handle_enrollment_request(enrollment: Enrollment, request: Request, sign: Sign) -> tuple[int, Record]:
    """Carry out a request and return status and content of the response. `sign` answers a CSR. Raises Refusal."""
    path = urlsplit(request.path).path
    profile_id, _slash, call = path.removeprefix(ENROLLMENT_PROFILE_PATH).partition("/")
    if (request.method, path) == ("POST", CERTIFICATE_PATH):
        return 200, enrollment.request_certificate(request, sign)
    if (request.method, call, request.connection.api) == ("GET", SPECIFICATION_CALL, "operator"):
        check_api_key(request)
        return 200, enrollment.find(unquote(profile_id)).specification
    raise Refusal(404, "resource_not_found", f"There is nothing at {request.method} {path}")


def enrollment_profile_id(name: str) -> str:
    """Return the ID of an enrollment profile."""
    return f"IOT_{identifier('enrollment profile', name)}"


def _read_subject(payload: object) -> dict[str, str]:
    subject = {each["id"]: each["value"] for each in read_attributes(payload, "certificate_profile_attributes")}
    for key in subject:
        if key not in SUBJECT_ATTRIBUTES:
            raise invalid(f"The certificate profile has no attribute {key}")
    return subject


def _describe(field_id: str, name: str, kind: str, *, mandatory: bool, update_from_csr: bool = False) -> Record:
    """Return what a specification says of one field."""
    return {
        "id": field_id,
        "name": name,
        "type": kind,
        "mandatory": mandatory,
        "editable": True,
        "update_from_csr": update_from_csr,
        "value_type": {"type": "string", "options": False, "multiple": False},
    }


# What most tests use.
ENROLLMENT_PROFILE_ID = enrollment_profile_id("gateways")
