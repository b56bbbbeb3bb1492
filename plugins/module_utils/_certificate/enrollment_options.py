# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options for the enrollment of a device, and the values that they are parsed into. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import (
    Connection,
    Credentials,
    Secret,
    common_argument_spec,
    connection_argument_spec,
    parse_connection,
    parse_credentials,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.enrollment_policy import Policy
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import est_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.names import Names, parse_names
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.pem import LONGEST_PASSPHRASE
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    EST_EXCLUSIONS as EST_RENEWAL_EXCLUSIONS,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.renewal_options import (
    attributes_argument_spec,
    fingerprint_of,
    path_problems,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import KEY_TYPES
from ansible_collections.edgeops.digicert.plugins.module_utils._record.desired_state import MAXIMUM_IDENTIFIER_LENGTH
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_unicode

OPERATOR_URL = "https://one.digicert.com"
DEVICE_URL = "https://clientauth.one.digicert.com"
# The attribute of a request that is the name of the device.
_DEVICE_IDENTIFIER = "DEVICE_IDENTIFIER"
_DEVICE_PREFIX = "clientauth."
# The host of a URL, unless it is an IP address.
_HOST = re.compile(r"(?i)(https://)(clientauth\.)?(?![0-9.]+(?:[:/]|\Z)|\[)(.*)", re.DOTALL)

Credential = t.Union[Secret, Credentials]


class CsrOptions(t.NamedTuple):
    """How to create a CSR: from a file, from text, or with `names` and a new key of `key_type`."""

    csr_path: str | None
    csr_content: str | None
    key_type: str
    names: Names


class EnrollmentOptions(t.NamedTuple):
    """When to enroll a device, its CSR, and the other keys of the request.

    `fingerprint` identifies the request. It depends on no secret.
    """

    policy: Policy
    csr: CsrOptions
    payload: dict[str, t.Any]
    fingerprint: str


def enrollment_connection_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec for the connection of an enrollment and for the files of the certificate."""
    spec = connection_argument_spec()
    files = {option: spec[option] for option in ("client_cert", "client_key", "client_key_passphrase")}
    urls = {option: {**spec[option], "required": False, "default": None} for option in ("device_id", "api_url")}
    return {
        **urls,
        "device_api_url": {"type": "str"},
        **files,
        "client_cert": {**files["client_cert"], "required": True},
        "api_key": {"type": "str", "no_log": True},
        "passcode": {"type": "str", "no_log": True},
        "birth_cert": {"type": "path"},
        # It can contain the key as well.
        "birth_cert_content": {"type": "str", "no_log": True},
        "birth_key": {"type": "path", "no_log": False},
        "birth_key_content": {"type": "str", "no_log": True},
        "birth_key_passphrase": {"type": "str", "no_log": True},
        **common_argument_spec(),
    }


# The constraints of enrollment_connection_argument_spec.
ENROLLMENT_CREDENTIALS = ("api_key", "passcode", "birth_cert", "birth_cert_content")


def enrollment_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the enrollment, without the connection."""
    return {
        "enrollment_profile_id": {"type": "str"},
        **est_argument_spec(),
        "est_username": {"type": "str"},
        "device_identifier": {"type": "str", "required": True},
        **attributes_argument_spec(),
        "subject": {"type": "dict"},
        "subject_alt_name": {"type": "list", "elements": "str"},
        "key_type": {"type": "str", "choices": [each for each in KEY_TYPES if each != "same"], "default": "ecdsa_p256"},
        "csr_path": {"type": "path"},
        "csr_content": {"type": "str"},
        "reenroll_expired": {"type": "bool", "default": True},
        "force": {"type": "bool", "default": False},
    }


# Constraints of enrollment_argument_spec.
EST_EXCLUSIONS = (("est_url", "enrollment_profile_id"), ("est_url", "api_key"), *EST_RENEWAL_EXCLUSIONS)
EST_REQUIREMENT = ("enrollment_profile_id", "est_url")
CSR_EXCLUSIONS = (
    ("csr_path", "csr_content"),
    ("csr_path", "subject"),
    ("csr_path", "subject_alt_name"),
    ("csr_content", "subject"),
    ("csr_content", "subject_alt_name"),
)


def parse_credential(params: t.Mapping[str, t.Any]) -> Credential:
    """Return the credential of the enrollment in the parameters of a module, which have exactly one."""
    for option in ("api_key", "passcode"):
        if params[option] is not None:
            return Secret(option, params[option])
    return parse_credentials(params, "birth")


def parse_connections(params: t.Mapping[str, t.Any], credential: Credential) -> tuple[Connection, Connection]:
    """Return the connection for the enrollment, and the one to the device API.

    The host of the device API at DigiCert is that of the operator API with a prefix. An API key and a passcode are for
    the operator API.
    """
    is_operator = isinstance(credential, Secret)
    url = params["api_url"] or (OPERATOR_URL if is_operator else DEVICE_URL)
    device_url = params["device_api_url"] or (_HOST.sub(rf"\1{_DEVICE_PREFIX}\3", url) if is_operator else url)
    connection = parse_connection({**params, "api_url": _HOST.sub(r"\1\3", url) if is_operator else url})
    return connection, connection._replace(api_url=device_url, url_option="device_api_url")


def parse_enrollment_options(params: t.Mapping[str, t.Any], files: Credentials) -> tuple[EnrollmentOptions, list[str]]:
    """Return the options for the enrollment in the parameters of a module, and all errors as sentences.

    `files` are the files of the certificate and its key.
    """
    identifier = params["device_identifier"]
    names, name_problems = parse_names(params["subject"], params["subject_alt_name"], identifier)
    attributes = params["device_attributes"] or []
    profile_attributes = params["certificate_profile_attributes"]
    payload = {
        "enrollment_profile_id": params["enrollment_profile_id"],
        **({"certificate_profile_attributes": profile_attributes} if profile_attributes else {}),
        "device_attributes": [{"id": _DEVICE_IDENTIFIER, "value": identifier}, *attributes],
    }
    csr = CsrOptions(params["csr_path"], params["csr_content"], params["key_type"], names)
    public = [{**payload, "device_attributes": identifier}, params["est_url"], csr]
    problems = _problems(params, files) + (name_problems if csr.csr_path is csr.csr_content is None else [])
    policy = Policy(params["reenroll_expired"], params["force"])
    return EnrollmentOptions(policy, csr, payload, fingerprint_of(public)), problems


def _problems(params: t.Mapping[str, t.Any], files: Credentials) -> list[str]:
    problems = []
    identifier = params["device_identifier"]
    if not identifier or len(identifier) > MAXIMUM_IDENTIFIER_LENGTH or not is_unicode(identifier):
        problems.append(
            f"device_identifier must be text of 1 to {MAXIMUM_IDENTIFIER_LENGTH} characters, which is the name of the "
            "device."
        )
    profile_id = params["enrollment_profile_id"]
    if params["est_url"] is None and (not profile_id or not is_unicode(profile_id)):
        problems.append("enrollment_profile_id is empty, or not valid Unicode text.")
    if any(attribute["id"] == _DEVICE_IDENTIFIER for attribute in params["device_attributes"] or []):
        problems.append(f"device_attributes has {_DEVICE_IDENTIFIER}. Set device_identifier instead.")
    problems += path_problems(files)
    passphrase = files.client_key_passphrase
    if passphrase is not None and (
        not is_unicode(passphrase) or not 0 < len(passphrase.encode("utf-8")) <= LONGEST_PASSPHRASE
    ):
        problems.append(
            f"client_key_passphrase must be text of 1 to {LONGEST_PASSPHRASE} bytes. Omit it if the private key "
            "is not encrypted."
        )
    return problems
