# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics that a host which pulls writes for the textfile collector of a Prometheus node exporter."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509

from playbooks.test_role_pull import ROLE, Pull, cut, make_short_pull, replace_pull
from servers.serving import find

pytestmark = pytest.mark.thorough
CERTIFICATE = "edgeops.digicert.digicert_iot_device_certificate"
RUN = (
    "digicert_iot_pull_last_run_start_timestamp_seconds",
    "digicert_iot_pull_last_run_end_timestamp_seconds",
    "digicert_iot_pull_last_run_return_code",
)
START, END, RETURN_CODE = RUN
SUCCESS = "digicert_iot_pull_last_success_timestamp_seconds"
NOT_AFTER = "digicert_iot_pull_certificate_not_after_timestamp_seconds"
DRIFTED, FAILED = "digicert_iot_pull_drifted_devices", "digicert_iot_pull_failed_devices"


def values_in(text: str) -> dict[str, int]:
    """Return the metrics in a text, each of which is a gauge with a help text and no labels."""
    form = r"# HELP (\w+) [^\n]+\n# TYPE \1 gauge\n\1 (\d+)\n"
    assert re.fullmatch(f"(?:{form})+".replace(r"\1", r"\w+"), text), text
    found = re.findall(form, text)
    assert text.count("\n") == 3 * len(found)
    return {name: int(value) for name, value in found}


class Metrics:
    """The metrics file of a host that pulls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "node-exporter"
        self.folder.mkdir()
        self.file = self.folder / "digicert_iot_pull.prom"

    def read(self) -> dict[str, int]:
        """Return the values, and see that nothing else lies in the directory."""
        assert list(self.folder.iterdir()) == [self.file]
        return values_in(self.file.read_text())


@pytest.fixture
def metrics(tmp_path):
    return Metrics(tmp_path)


@pytest.fixture
def short_pull(player, tmp_path, metrics):
    """A host whose ansible-pull succeeds and writes no report, until `report` gives it one."""
    pull = make_short_pull(player, tmp_path, digicert_iot_pull_metrics_directory=str(metrics.folder))
    pull.say("first")
    return pull


def report(pull: Pull, return_code: int = 0, **counts: int) -> None:
    """Let runs write a report with these counts, and end with this return code."""
    counts = {**dict.fromkeys(("devices", "changed", "drifted", "failed"), 0), **counts}
    text = json.dumps({"counts": counts, "devices": []})
    replace_pull(pull, f"echo '{text}' >\"$DIGICERT_IOT_REPORT_JSON\"; exit {return_code}")


def ends(*not_after: object) -> str:
    """Return a report on devices with these ends of their certificates."""
    rows = [
        {"host": "localhost", "device_id": str(number), "device_identifier": None, "certificate": {"not_after": end}}
        for number, end in enumerate(not_after)
    ]
    return json.dumps({"counts": {"devices": len(rows), "changed": 0, "drifted": 0, "failed": 0}, "devices": rows})


# A callback plugin that the repository enables.
CALLBACK = """
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "greeter"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats):
        self._display.display("The callback plugin of the repository ran.")
"""


def test_metrics_follow_the_runs(player, tmp_path, simulator, metrics):
    pull = Pull(player, tmp_path, digicert_iot_pull_metrics_directory=f"{metrics.folder}/")
    (pull.repository / "callback_plugins").mkdir()
    (pull.repository / "callback_plugins/greeter.py").write_text(CALLBACK)
    (pull.repository / "ansible.cfg").write_text("[defaults]\ncallbacks_enabled = greeter\n")
    pull.git("add", ".")
    update = player.task(fields=[{"name": "Site", "value": "Delft"}])
    pull.commit(player.task(module=CERTIFICATE, remaining_days=1), update)
    began = int(time.time())
    ran = pull.run()
    assert ran.returncode == 0, ran.stdout
    assert "The callback plugin of the repository ran." in ran.stdout
    first = metrics.read()
    leaf = x509.load_pem_x509_certificate(simulator.certificates["access-point"].pem.read_bytes())
    assert began <= first[START] <= first[END] == first[SUCCESS] <= time.time()
    not_after = int(leaf.not_valid_after_utc.timestamp())
    assert (first[RETURN_CODE], first[NOT_AFTER], first[DRIFTED], first[FAILED]) == (0, not_after, 1, 0)

    # The record is as desired now, until another client changes it.
    assert pull.run().returncode == 0
    assert (metrics.read()[DRIFTED], simulator.methods[-1]) == (0, "GET")
    device = simulator.records["access-point"]
    device.values[device.field_id("Site")] = "Gouda"
    assert pull.run().returncode == 0
    last_success = metrics.read()
    assert last_success[DRIFTED] == 1

    # A device with an error.
    pull.commit(player.task("write-only", fields=[]))
    failed = pull.run()
    values = metrics.read()
    assert (values[RETURN_CODE], values[DRIFTED], values[FAILED]) == (failed.returncode, 0, 1)
    assert (values[SUCCESS], values[NOT_AFTER]) == (last_success[END], not_after)

    # git fails, so nothing is known of the devices.
    pull.repository.rename(tmp_path / "gone")
    assert pull.run().returncode == 2
    values = metrics.read()
    assert values.keys() == {*RUN, SUCCESS, NOT_AFTER}
    assert (values[RETURN_CODE], values[SUCCESS], values[NOT_AFTER]) == (2, last_success[END], not_after)
    assert not (pull.folder / "report.json").exists()


def test_a_run_without_report_has_only_its_own_metrics(short_pull, metrics):
    assert short_pull.run().returncode == 0
    assert metrics.read().keys() == {*RUN, SUCCESS}
    # A run that fails before it reads a device has a report without devices.
    report(short_pull, return_code=2)
    assert short_pull.run().returncode == 2
    assert metrics.read().keys() == {*RUN, SUCCESS}


def test_drifted_devices_are_those_that_a_run_changed_or_would_change(short_pull, metrics):
    report(short_pull, devices=9, changed=2, drifted=3, failed=1)
    assert short_pull.run().returncode == 0
    values = metrics.read()
    assert (values[DRIFTED], values[FAILED]) == (5, 1)


def test_a_run_that_is_skipped_leaves_the_metrics_of_the_last_run(short_pull, metrics):
    with open(short_pull.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert short_pull.run().returncode == 0
        assert list(metrics.folder.iterdir()) == []
    report(short_pull, return_code=3)
    assert short_pull.run().returncode == 3
    text = metrics.file.read_text()
    with open(short_pull.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert short_pull.run().returncode == 0
    assert metrics.file.read_text() == text


def test_a_lock_that_cannot_be_opened_and_a_run_that_is_stopped_are_in_the_metrics(short_pull, metrics):
    replace_pull(short_pull, "kill -s TERM $(ps -o ppid= $PPID); exit 1")
    assert short_pull.run().returncode == 143
    assert metrics.read()[RETURN_CODE] == 143
    (short_pull.folder / "lock").unlink()
    (short_pull.folder / "lock").mkdir()
    assert short_pull.run().returncode == 2
    assert metrics.read()[RETURN_CODE] == 2


def test_a_fact_that_cannot_be_written_is_in_the_metrics(short_pull, metrics):
    (short_pull.fact.parent / "digicert_iot_pull.part").mkdir(parents=True)
    assert short_pull.run().returncode == 1
    assert metrics.read()[RETURN_CODE] == 1


def test_a_file_that_is_being_read_stays_as_it_is(short_pull, metrics):
    assert short_pull.run().returncode == 0
    with metrics.file.open() as reader:
        replace_pull(short_pull, "exit 4")
        assert short_pull.run().returncode == 4
        assert values_in(reader.read())[RETURN_CODE] == 0
    assert metrics.read()[RETURN_CODE] == 4


def test_every_user_can_read_the_file_whatever_the_umask(short_pull, metrics):
    (metrics.folder / "digicert_iot_pull.part").write_text("Left by a crash")
    previous = os.umask(0o077)
    try:
        assert short_pull.run().returncode == 0
    finally:
        os.umask(previous)
    metrics.read()
    assert metrics.file.stat().st_mode & 0o777 == 0o644
    assert (short_pull.folder / "metrics.json").stat().st_mode & 0o777 == 0o600


def test_the_next_run_removes_the_file_of_an_earlier_directory(short_pull, metrics):
    assert short_pull.run().returncode == 0
    other = metrics.folder.with_name("other")
    other.mkdir()
    short_pull.install(digicert_iot_pull_metrics_directory=str(other))
    assert short_pull.run().returncode == 0
    assert list(metrics.folder.iterdir()) == []
    (file,) = other.iterdir()
    short_pull.install(digicert_iot_pull_metrics_directory="")
    assert short_pull.run().returncode == 0
    assert not file.exists()
    assert not (short_pull.folder / "metrics.json").exists()


def test_links_of_another_user_are_not_followed(short_pull, metrics, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("Keep this")
    for name in ("digicert_iot_pull.part", metrics.file.name):
        (metrics.folder / name).unlink(missing_ok=True)
        (metrics.folder / name).symlink_to(victim)
        assert short_pull.run().returncode == 0
        metrics.read()
        assert not metrics.file.is_symlink()
        assert victim.read_text() == "Keep this"


# Why the metrics cannot be written -> how the directory becomes so.
OBSTACLES = {
    "Not a directory": lambda folder: folder.rmdir() or folder.symlink_to("/tmp"),
    "No such file or directory": lambda folder: folder.rmdir(),
    "Is a directory": lambda folder: (folder / "digicert_iot_pull.part").mkdir(),
}


@pytest.mark.parametrize("cause", OBSTACLES)
def test_metrics_that_cannot_be_written_fail_the_run(short_pull, metrics, cause):
    OBSTACLES[cause](metrics.folder)
    ran = short_pull.run()
    assert ran.returncode == 1
    assert f"The metrics in {metrics.folder} cannot be written: " in ran.stderr
    assert cause in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (short_pull.result["rc"], short_pull.result["failed_step"]) == (1, "metrics")
    # The return code of the run itself is more important.
    replace_pull(short_pull, "exit 4")
    assert short_pull.run().returncode == 4
    assert (short_pull.result["rc"], short_pull.result["failed_step"]) == (4, "playbook")


def update(folder: Path, text: str, return_code: int = 0) -> dict[str, int]:
    """Run what writes the metrics of a run with this report, and return the values."""
    (folder / "report").write_text(text)
    command = ["python3", "-I", ROLE / "files/metrics.py", folder / "state", folder / "report", folder, "1", "2"]
    subprocess.run([*command, str(return_code)], check=True)
    return values_in((folder / "digicert_iot_pull.prom").read_text())


@pytest.mark.parametrize("text", [ends("2030-01-01T00:00:00Z"), ""], ids=["all metrics", "only those of the run"])
def test_promtool_accepts_the_metrics(tmp_path, text):
    promtool = find("promtool", "prometheus")
    assert len(update(tmp_path, text)) == (7 if text else 4)
    with open(tmp_path / "digicert_iot_pull.prom") as metrics:
        subprocess.run([promtool, "check", "metrics"], stdin=metrics, check=True)


def test_the_earliest_end_counts_and_stays_known_if_a_run_skips_a_device(tmp_path):
    first, second, third = "1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z", "1970-01-01T00:00:30Z"
    assert update(tmp_path, ends(second, first, None))[NOT_AFTER] == 10
    assert update(tmp_path, ends(third), return_code=2)[NOT_AFTER] == 10
    assert update(tmp_path, "")[NOT_AFTER] == 10
    assert update(tmp_path, ends(third))[NOT_AFTER] == 30
    assert NOT_AFTER not in update(tmp_path, ends())


@pytest.mark.parametrize(
    "not_after", [None, 7, [], "", "soon", "1970-01-01T00:00:10Z\nother 1", "1970-01-01T00:00:10", {}, "9" * 5000]
)
def test_an_end_that_is_no_date_is_ignored(tmp_path, not_after):
    assert NOT_AFTER not in update(tmp_path, ends(not_after))


@pytest.mark.parametrize("text", ["[]", "{}", '{"counts": {}, "devices": []}', "null", '{"counts": 1}', "\xff", "{"])
def test_a_report_of_another_form_is_ignored(tmp_path, text):
    assert update(tmp_path, text).keys() == {*RUN, SUCCESS}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"other": 1}'])
def test_a_damaged_state_is_replaced(tmp_path, text):
    assert update(tmp_path, ends())[SUCCESS] == 2
    cut(tmp_path / "state")
    (tmp_path / "state").write_text(text)
    assert update(tmp_path, ends(), return_code=5).keys() == {*RUN}
    assert update(tmp_path, ends())[SUCCESS] == 2


def test_the_role_creates_a_missing_directory_and_rejects_what_is_none(player, tmp_path):
    folder, link = tmp_path / "new/node-exporter", tmp_path / "link"
    link.symlink_to("/tmp")

    def task(path: object) -> dict[str, object]:
        role = {"name": "edgeops.digicert.pull", "tasks_from": "metrics"}
        variables = {"digicert_iot_pull_metrics_directory": str(path), "ansible_become": False}
        return {"name": "Create it", "ansible.builtin.include_role": role, "vars": variables}

    def changed(*mode: str) -> bool:
        return any(outcome.result.get("changed") for outcome in player._run([task(folder)], list(mode)))

    assert changed("--check")
    assert not folder.exists()
    assert changed()
    assert folder.stat().st_mode & 0o777 == 0o755
    folder.chmod(0o775)
    assert not changed()
    assert folder.stat().st_mode & 0o777 == 0o775
    for path in (link, f"{link}/", __file__):
        outcomes = player.check(task(path))
        assert "is not a directory" in next(outcome.result["msg"] for outcome in outcomes if outcome.failed)
