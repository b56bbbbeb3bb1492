# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The options for the renewal of a certificate, and the value that they are parsed into. Pure."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._argspec import Credentials
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.est_options import est_argument_spec
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.policy import Policy
from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.x509 import KEY_TYPES
from ansible_collections.edgeops.digicert.plugins.module_utils._record.values import is_path

DEFAULT_REMAINING_DAYS = 30


class RenewalOptions(t.NamedTuple):
    """When to renew a certificate, and the request for the new one.

    Without `csr_path` and `csr_content` the request is created, with a new key of `key_type` if `regenerate_key` is
    true. `attributes` are the lists of attributes in the request by their name in the API. `fingerprint` identifies the
    request. It depends on no secret.
    """

    policy: Policy
    csr_path: str | None
    csr_content: str | None
    regenerate_key: bool
    key_type: str
    attributes: dict[str, list[dict[str, str]]]
    backup: bool
    fingerprint: str


def attributes_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec for the attributes of a request for a certificate."""
    attribute_spec: dict[str, dict[str, t.Any]] = {
        "id": {"type": "str", "required": True},
        "value": {"type": "str", "required": True},
    }
    # It can be an enrollment code, but the other attributes are in the certificate.
    device_attribute_spec = {**attribute_spec, "value": {**attribute_spec["value"], "no_log": True}}
    return {
        "certificate_profile_attributes": {"type": "list", "elements": "dict", "options": attribute_spec},
        "device_attributes": {"type": "list", "elements": "dict", "options": device_attribute_spec},
    }


def renewal_argument_spec() -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the renewal."""
    return {
        "remaining_days": {"type": "int"},
        "remaining_percentage": {"type": "int"},
        "force": {"type": "bool", "default": False},
        "csr_path": {"type": "path"},
        "csr_content": {"type": "str"},
        "regenerate_key": {"type": "bool", "default": False},
        "key_type": {"type": "str", "choices": list(KEY_TYPES), "default": "same"},
        **attributes_argument_spec(),
        **est_argument_spec(),
        "backup": {"type": "bool", "default": False},
    }


# Constraints of renewal_argument_spec.
CSR_EXCLUSION = ("csr_path", "csr_content")
EST_EXCLUSIONS = (("est_url", "device_attributes"), ("est_url", "certificate_profile_attributes"))


def parse_renewal_options(params: t.Mapping[str, t.Any], credentials: Credentials) -> tuple[RenewalOptions, list[str]]:
    """Return the options for the renewal of `credentials` in the parameters of a module, and all errors as sentences.

    Without both thresholds, DEFAULT_REMAINING_DAYS applies.
    """
    days, percentage = params["remaining_days"], params["remaining_percentage"]
    problems = []
    if credentials.client_cert is credentials.client_cert_content is None:
        problems.append("client_cert is required.")
    if params["device_id"] is params["est_url"] is None:
        problems.append("One of device_id and est_url is required.")
    if days is not None and days < 0:
        problems.append(f"remaining_days is {days}, but must be 0 or more.")
    if percentage is not None and not 0 <= percentage <= 100:
        problems.append(f"remaining_percentage is {percentage}, but must be from 0 to 100.")
    if days is None and percentage is None:
        days = DEFAULT_REMAINING_DAYS
    problems += [
        f"{option}_content cannot be renewed, because it is not a file. Set {option}."
        for option in ("client_cert", "client_key")
        if getattr(credentials, f"{option}_content") is not None
    ]
    problems += path_problems(credentials)
    given = [option for option in CSR_EXCLUSION if params[option] is not None]
    if given and params["regenerate_key"]:
        problems.append(f"{given[0]} and regenerate_key are mutually exclusive, because a CSR is for an existing key.")
    if params["key_type"] != "same" and not params["regenerate_key"]:
        problems.append("key_type requires regenerate_key, because it is the type of a new key.")
    lists = ("certificate_profile_attributes", "device_attributes")
    options = RenewalOptions(
        Policy(params["force"], days, percentage),
        params["csr_path"],
        params["csr_content"],
        params["regenerate_key"],
        params["key_type"],
        {name: params[name] for name in lists if params[name]},
        params["backup"],
        fingerprint_of([params[name] for name in ("est_url", *CSR_EXCLUSION, "regenerate_key", "key_type")]),
    )
    return options, problems


def fingerprint_of(request: t.Any) -> str:
    """Return a text that identifies a request. `request` consists of values that JSON has."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode("ascii")).hexdigest()


def path_problems(files: Credentials) -> list[str]:
    """Return which paths of the certificate and the key cannot be paths, as sentences."""
    paths = {"client_cert": files.client_cert, "client_key": files.client_key}
    return [
        f"{option}: {path!r} cannot be a path."
        for option, path in paths.items()
        if path is not None and not is_path(path)
    ]
