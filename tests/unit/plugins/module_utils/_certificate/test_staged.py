# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a staged key is found."""

from __future__ import annotations

from ansible_collections.edgeops.digicert.plugins.module_utils._certificate.staged import STAGED_SUFFIX, has_staged_key


def test_a_staged_key_is_beside_the_file_that_a_link_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    key, link = tmp_path / "real/key.pem", tmp_path / "link.pem"
    link.symlink_to(key)
    assert not has_staged_key(str(link))
    link.with_name(link.name + STAGED_SUFFIX).touch()
    assert not has_staged_key(str(link))
    key.with_name(key.name + STAGED_SUFFIX).touch()
    assert has_staged_key(str(link))
    assert has_staged_key(str(key))
