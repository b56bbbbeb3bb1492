# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goes the way of the guide on gateways, with its files. The gateway is this machine."""

from __future__ import annotations

import shutil

from guides.code_blocks import GUIDES, blocks_of
from guides.conftest import Reader, files_of

SENSORS = {
    "5e3b2c9e-7d5f-4f0e-9a54-1a6a0d6fd3b7": ("access-point", "/etc/pki/sensors/1.pem"),
    "0c2f9b1d-64c1-4d0b-8a55-0f1d7a1f9a21": ("spare-access-point", "/etc/pki/sensors/2.pem"),
}


def test_the_way_of_the_guide(simulator, tmp_path):
    files = files_of("guide_gateways")
    for device_id, (name, path) in SENSORS.items():
        both = simulator.certificates[name].pem.with_name(f"{name}-both.pem")
        shutil.copy(both, tmp_path / f"{name}.pem")
        changes = {device_id: simulator.records[name].id, path: f"{tmp_path}/{name}.pem", "/run/": f"{tmp_path}/"}
        for old, new in changes.items():
            files = {file: text.replace(old, new) for file, text in files.items()}
    device = simulator.records["spare-access-point"]
    device.values[device.field_id("Site")] = "Delft"
    reader = Reader(simulator, tmp_path, files, {})
    (commands,) = [block.text for block in blocks_of(GUIDES / "guide_gateways.rst") if "sensors.yml" in block.text]
    preview, apply = [command.removeprefix("$ ") for command in commands.splitlines()]

    printed = reader.run(preview)
    assert '+        "Site": "Antwerp"' in printed
    assert simulator.methods == ["GET", "GET"]
    reader.run(apply)
    assert simulator.methods.count("PUT") == 1
    reader.run(apply)
    assert "PUT" not in simulator.methods
    sites = [simulator.records[name].named_values["Site"] for name, _path in SENSORS.values()]
    assert sites == ["Rotterdam", "Antwerp"]
