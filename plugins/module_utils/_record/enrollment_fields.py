# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""The fields of an enrollment profile, by their names. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.edgeops.digicert.plugins.module_utils._record.record import join_truncated

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def field_ids_of(fields: t.Iterable[dict[str, t.Any]]) -> tuple[dict[str, str], list[str]]:
    """Return the IDs of the fields of a record by name, and warnings about names that several fields share.

    The IDs of these fields are UUIDs. The other fields are those of the certificate, and the name of the device.
    """
    ids: dict[str, list[str]] = {}
    for field in fields:
        if field["name"] is not None and _UUID.fullmatch(field["id"]):
            ids.setdefault(field["name"], []).append(field["id"])
    shared = [repr(name) for name, of_name in ids.items() if len(of_name) > 1]
    warnings = (
        [f"Several fields share a name: {join_truncated(shared)}. Set these fields by their IDs."] if shared else []
    )
    return {name: of_name[0] for name, of_name in ids.items() if len(of_name) == 1}, warnings
