# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.edgeops.digicert.plugins.module_utils._record.enrollment_fields import field_ids_of

SITE, FIRST, SECOND = (f"0b0b5c36-6a0a-4b6e-9d0f-6d3b9e7f2f1{digit}" for digit in "012")


def test_the_ids_of_the_fields_of_a_record():
    fields = [
        {"id": "DEVICE_IDENTIFIER", "name": "device_identifier"},
        {"id": "subject.common_name", "name": "subject_common_name"},
        {"id": SITE.upper(), "name": "Site"},
        {"id": FIRST, "name": None},
    ]
    assert field_ids_of(fields) == ({"Site": SITE.upper()}, [])


def test_a_name_that_fields_share_is_a_warning():
    fields = [{"id": field_id, "name": "Location"} for field_id in (FIRST, SECOND)]
    warning = "Several fields share a name: 'Location'. Set these fields by their IDs."
    assert field_ids_of(fields) == ({}, [warning])
