# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role pull lets a host run, without the timer: ansible-pull from a repository in a folder."""

from __future__ import annotations

import base64
import fcntl
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from playbooks.conftest import COLLECTIONS

pytestmark = pytest.mark.thorough
ROLE = Path(__file__).resolve().parents[2] / "roles/pull"


class Pull:
    """A host that runs what the role has written into `folder`, with a repository beside it."""

    def __init__(self, player, folder: Path, **variables: object) -> None:
        self.player, self.variables = player, variables
        self.folder, self.repository = folder / "pull", folder / "repository"
        self.environment: dict[str, str] = {}
        self.folder.mkdir()
        self.repository.mkdir()
        self.git("init", "--quiet")
        self.fact = folder / "facts/digicert_iot_pull.fact"
        self.install()

    def install(self, **variables: object) -> None:
        """Write what a run does, as the role does it."""
        self.variables.update(variables)
        script = {
            "name": "Write the script of a run",
            "ansible.builtin.template": {
                "src": str(ROLE / "templates/digicert-iot-pull.sh.j2"),
                "dest": str(self.folder / "run"),
                "mode": "0700",
            },
            "vars": {
                "digicert_iot_pull_repository": str(self.repository),
                "digicert_iot_pull_directory": str(self.folder),
                "digicert_iot_pull_metrics_directory": "",
                "digicert_iot_pull_virtualenv": sys.prefix,
                "digicert_iot_pull_inventory": "localhost,",
                "digicert_iot_pull_playbook": "local.yml",
                "digicert_iot_pull_time_limit": 60,
                "pull_facts_directory": str(self.fact.parent),
                **self.variables,
            },
        }
        shutil.copy(ROLE / "files/metrics.py", self.folder)
        (outcome,) = self.player._run([script], [])
        assert outcome.result["changed"]

    def git(self, *command: str) -> str:
        """Run git in the repository."""
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        ran = subprocess.run(
            ["git", *identity, *command], cwd=self.repository, check=True, capture_output=True, text=True
        )
        return ran.stdout.strip()

    def commit(self, *tasks: dict[str, object]) -> str:
        """Put a playbook of these tasks into the repository and return the commit."""
        play = {"name": "Keep this host true", "hosts": "localhost", "connection": "local", "gather_facts": False}
        (self.repository / "local.yml").write_text(json.dumps([{**play, "tasks": tasks}]))
        self.git("add", "local.yml")
        self.git("commit", "--quiet", "--message", "Change it")
        return self.git("rev-parse", "HEAD")

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run what the timer runs."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        environment["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS
        environment.update(self.environment)
        # Workers of pytest-xdist ignore SIGINT, and so would what they start.
        command = ["env", "--default-signal=INT", self.folder / "run"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def say(self, text: str) -> str:
        """Commit a playbook that shows a text, and return the commit."""
        return self.commit({"name": "Show it", "ansible.builtin.debug": {"msg": text}})

    @property
    def result(self) -> dict[str, object]:
        """The fact."""
        return json.loads(self.fact.read_text())


@pytest.fixture
def pull(player, tmp_path):
    return Pull(player, tmp_path)


def test_a_host_keeps_itself_true_and_says_how_it_went(pull, player, simulator):
    commit = pull.commit(player.task(fields=[{"name": "Site", "value": "Delft"}]))
    ran = pull.run()
    assert ran.returncode == 0, ran.stdout
    assert simulator.methods == ["GET", "PUT"]
    fact = json.loads(pull.fact.read_text())
    assert (fact["rc"], fact["commit"]) == (0, commit)
    assert (fact["failed_step"], fact["timed_out"]) == ("", False)
    assert fact["start"] <= fact["end"]
    simulator.clear_log()
    assert pull.run().returncode == 0
    assert simulator.methods == ["GET"]

    commit = pull.commit(player.task("write-only", fields=[]))
    failed = pull.run()
    assert failed.returncode != 0
    fact = json.loads(pull.fact.read_text())
    assert (fact["rc"], fact["commit"], fact["failed_step"]) == (failed.returncode, commit, "playbook")
    assert list(pull.fact.parent.iterdir()) == [pull.fact]


def test_two_runs_do_not_overlap(pull, player, simulator):
    pull.commit(player.task(fields=[]))
    with open(pull.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = pull.run()
    assert (ran.returncode, ran.stdout) == (0, "Another run is in progress.\n")
    assert simulator.connections == []
    assert not pull.fact.exists()
    assert pull.run().returncode == 0


def cut(path: Path) -> None:
    """Leave a file empty, as a power failure does."""
    path.chmod(0o600)
    path.write_bytes(b"")


def cut_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            cut(path)


# What an interrupted run, an operator or another user leaves -> how the directory of the role becomes so.
DAMAGES = {
    "a lock of the references": lambda folder: (folder / "repository/packed-refs.lock").touch(),
    "a lock of the branch": lambda folder: (folder / "repository/refs/heads/pulled.lock").touch(),
    "a lock of a shallow repository": lambda folder: (folder / "repository/shallow.lock").touch(),
    "an empty HEAD": lambda folder: cut(folder / "repository/HEAD"),
    "an empty reference": lambda folder: cut(folder / "repository/refs/heads/pulled"),
    "an empty config": lambda folder: cut(folder / "repository/config"),
    "empty objects": lambda folder: cut_all(folder / "repository/objects"),
    "no objects": lambda folder: shutil.rmtree(folder / "repository/objects"),
    "half a clone": lambda folder: shutil.rmtree(folder / "repository") or (folder / "repository").mkdir(),
    "a file in place of the repository": lambda folder: (
        shutil.rmtree(folder / "repository") or (folder / "repository").touch()
    ),
    "a repository of another user": lambda folder: os.chown(folder / "repository", 65534, 65534),
    "an interrupted clone": lambda folder: (folder / "repository.new").mkdir(),
    "a lock in the checkout": lambda folder: (folder / "checkout/.git/index.lock").touch(),
    "an empty file in the checkout": lambda folder: cut(folder / "checkout/local.yml"),
    "empty objects in the checkout": lambda folder: cut_all(folder / "checkout/.git/objects"),
    "a file in place of the checkout": lambda folder: (
        shutil.rmtree(folder / "checkout") or (folder / "checkout").touch()
    ),
}


# Does with git what ansible-pull does, and shows the playbook instead of running it, which takes most of the time.
SHORT_PULL = """#!/bin/sh
set -e
[ "$1 $2 $4 $6" = "--full --url --checkout --directory" ]
git clone --quiet --branch "$5" "$3" "$7"
cat "$7/local.yml"
"""


def make_short_pull(player, tmp_path: Path, **variables: object) -> Pull:
    """Return a host whose ansible-pull only shows the playbook."""
    binary = tmp_path / "short/bin/ansible-pull"
    binary.parent.mkdir(parents=True)
    binary.write_text(SHORT_PULL)
    binary.chmod(0o755)
    return Pull(player, tmp_path, digicert_iot_pull_virtualenv=str(binary.parents[1]), **variables)


@pytest.fixture
def short_pull(player, tmp_path):
    return make_short_pull(player, tmp_path)


def test_a_damaged_repository_or_checkout_is_replaced(short_pull):
    pull = short_pull
    pull.say("first")
    assert pull.run().returncode == 0
    for number, (name, damage) in enumerate(DAMAGES.items()):
        commit = pull.say(f"number {number}")
        damage(pull.folder)
        ran = pull.run()
        assert f"number {number}" in ran.stdout, (name, ran.stdout, ran.stderr)
        assert (pull.result["rc"], pull.result["commit"]) == (0, commit), name
        # The next run needs no clone.
        assert "cloned" not in pull.run().stdout, name


def test_ansible_pull_recovers_from_a_power_failure(pull):
    pull.say("first")
    assert pull.run().returncode == 0
    commit = pull.say("second")
    for name in ("empty objects", "a lock in the checkout", "an empty file in the checkout"):
        DAMAGES[name](pull.folder)
    assert "second" in pull.run().stdout
    assert (pull.result["rc"], pull.result["commit"]) == (0, commit)


def test_a_run_follows_another_default_branch_and_a_rewritten_history(short_pull):
    pull = short_pull
    pull.say("first")
    assert pull.run().returncode == 0
    pull.git("checkout", "--quiet", "-b", "other")
    commit = pull.say("on another branch")
    assert "on another branch" in pull.run().stdout
    pull.git("commit", "--quiet", "--amend", "--message", "Rewrite it")
    assert pull.git("rev-parse", "HEAD") != commit
    assert pull.run().returncode == 0
    assert pull.result["commit"] == pull.git("rev-parse", "HEAD")


@pytest.mark.parametrize("form", ["branch", "tag", "annotated tag", "commit", "short commit"])
def test_a_version_can_be_a_branch_a_tag_or_a_commit(short_pull, form):
    pull = short_pull
    commit = pull.say("wanted")
    pull.git("branch", "stable")
    pull.git("tag", "v1")
    pull.git("tag", "--annotate", "--message", "Release it", "v2")
    pull.say("newer")
    versions = {"branch": "stable", "tag": "v1", "annotated tag": "v2", "commit": commit, "short commit": commit[:9]}
    version = versions[form]
    script = pull.folder / "run"
    script.write_text(script.read_text().replace("version=HEAD", f"version={version}"))
    for _run in range(2):
        ran = pull.run()
        assert "wanted" in ran.stdout, ran.stderr
        assert pull.result["commit"] == commit


def test_a_repository_that_is_gone_is_a_failure_in_the_fact(short_pull):
    pull = short_pull
    pull.say("first")
    assert pull.run().returncode == 0
    moved = pull.repository.rename(pull.repository.with_name("gone"))
    assert pull.run().returncode == 2
    assert (pull.result["rc"], pull.result["failed_step"]) == (2, "repository")
    assert (pull.result["commit"], pull.result["timed_out"]) == ("", False)
    moved.rename(pull.repository)
    assert "cloned" not in pull.run().stdout
    assert (pull.result["rc"], pull.result["failed_step"]) == (0, "")


def test_a_lock_that_cannot_be_opened_fails_in_the_fact(pull):
    (pull.folder / "lock").mkdir()
    assert pull.run().returncode == 2
    assert (pull.result["rc"], pull.result["failed_step"]) == (2, "repository")


def test_a_git_server_that_never_answers_is_ended_at_the_time_limit(player, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        pull = Pull(
            player,
            tmp_path,
            digicert_iot_pull_repository=f"http://127.0.0.1:{port}/edge.git",
            digicert_iot_pull_time_limit=2,
        )
        began = time.monotonic()
        ran = pull.run()
    assert time.monotonic() - began < 30
    assert "exceeded its time limit of 2 seconds" in ran.stderr
    assert (pull.result["rc"], pull.result["failed_step"], pull.result["timed_out"]) == (2, "repository", True)


def replace_pull(pull: Pull, script: str) -> None:
    """Let ansible-pull be another script."""
    (pull.folder.parent / "short/bin/ansible-pull").write_text(f"#!/bin/sh\n{script}\n")


def test_a_playbook_that_never_ends_is_ended_with_its_children(short_pull):
    pull = short_pull
    pull.say("first")
    script = pull.folder / "run"
    script.write_text(script.read_text().replace("seconds=60", "seconds=3"))
    child = pull.folder / "child"
    replace_pull(pull, f"sleep 600 & echo $! >{child}; wait")
    assert pull.run().returncode == 124
    assert (pull.result["rc"], pull.result["failed_step"], pull.result["timed_out"]) == (124, "playbook", True)
    # A process that has ended and was not waited for has no command line.
    process = Path(f"/proc/{child.read_text().strip()}/cmdline")
    assert not process.exists() or process.read_bytes() == b""


@pytest.mark.parametrize(("name", "return_code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_run_that_is_stopped_says_so_in_the_fact(short_pull, name, return_code):
    pull = short_pull
    pull.say("first")
    # systemd sends the signal to each process of the unit.
    replace_pull(pull, f"kill -s {name.removeprefix('SIG')} $(ps -o ppid= $PPID); exit 1")
    assert pull.run().returncode == return_code
    assert (pull.result["rc"], pull.result["failed_step"]) == (return_code, "playbook")
    assert not pull.result["timed_out"]


@pytest.mark.parametrize("stop", [True, False], ids=["signal", "time limit"])
def test_a_process_with_a_session_of_its_own_ends_with_the_run(short_pull, stop):
    pull = short_pull
    pull.say("first")
    script = pull.folder / "run"
    script.write_text(script.read_text().replace("seconds=60", f"seconds={60 if stop else 3}"))
    pid = pull.folder / "pid"
    replace_pull(pull, f"setsid sh -c 'echo $$ >{pid}; exec sleep 300'")
    environment = {"PATH": os.environ["PATH"], "HOME": str(pull.folder)}
    with subprocess.Popen([script], env=environment) as process:
        while stop and not (pid.exists() and pid.read_text().endswith("\n")):
            time.sleep(0.05)
        if stop:
            process.terminate()
        assert process.wait(30) == (143 if stop else 124)
    # A process that has ended and was not waited for has no command line.
    command = Path("/proc", pid.read_text().strip(), "cmdline")
    assert not command.exists() or command.read_bytes() == b""


def test_a_fact_that_cannot_be_written_does_not_keep_an_old_result(short_pull):
    pull = short_pull
    pull.say("first")
    assert pull.run().returncode == 0
    (pull.fact.parent / "digicert_iot_pull.part").mkdir()
    ran = pull.run()
    assert ran.returncode == 1
    assert "cannot be written" in ran.stderr
    assert not pull.fact.exists()


TOKEN = "glpat-s3cret"
REJECTED = [
    ("digicert_iot_pull_directory", "/var/lib/two words"),
    ("digicert_iot_pull_directory", "/var/lib/100%n"),
    ("digicert_iot_pull_directory", "/var/lib/$(id)"),
    ("digicert_iot_pull_directory", "/var/lib/a\nExecStart=/bin/id"),
    ("digicert_iot_pull_directory", "/var/lib/pull\n"),
    ("digicert_iot_pull_directory", "relative"),
    *(("digicert_iot_pull_directory", path) for path in ("/", "/.", "//", "/var/../", "/var/./..", "/..")),
    ("digicert_iot_pull_metrics_directory", "relative"),
    ("digicert_iot_pull_metrics_directory", "/"),
    ("digicert_iot_pull_metrics_directory", "/var/lib/$(id)"),
    ("digicert_iot_pull_virtualenv", '/opt/"quoted"'),
    ("digicert_iot_pull_virtualenv", "/opt/pull;id"),
    ("digicert_iot_pull_virtualenv", "/opt/caf\u00e9"),
    ("digicert_iot_pull_version", "--upload-pack=id"),
    ("digicert_iot_pull_version", "a b"),
    ("digicert_iot_pull_playbook", "-e@/etc/shadow"),
    ("digicert_iot_pull_playbook", "my play.yml"),
    ("digicert_iot_pull_inventory", "-v"),
    ("digicert_iot_pull_inventory", "a b,"),
    ("digicert_iot_pull_interval", "1h\nUnit=other"),
    ("digicert_iot_pull_interval", "often"),
    ("digicert_iot_pull_interval", "infinity"),
    ("digicert_iot_pull_interval", "1 hour or so"),
    ("digicert_iot_pull_randomized_delay", "30min;"),
    ("digicert_iot_pull_randomized_delay", "30 minuets"),
    ("digicert_iot_pull_time_limit", 0),
    ("digicert_iot_pull_repository", "https://git.example/a b.git"),
    ("digicert_iot_pull_repository", "--upload-pack=id"),
    ("digicert_iot_pull_repository", f"https://git:{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"https://{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"ssh://git:{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"HTTPS://git:{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"HTTPS://{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"https://git:a/{TOKEN}@git.example/edge.git"),
    ("digicert_iot_pull_repository", f"https://git.example/edge.git?private_token={TOKEN}"),
    ("digicert_iot_pull_requirements", [f"https://git.example/edge.tar.gz?a=b&Access_Token={TOKEN}"]),
    ("digicert_iot_pull_requirements", [f"--index-url=Https://{TOKEN}@git.example/simple"]),
    ("digicert_iot_pull_requirements", ["requests", f"git+https://git:{TOKEN}@git.example/x.git"]),
    ("digicert_iot_pull_collections", [f"git+https://{TOKEN}@git.example/x.git"]),
    ("digicert_iot_pull_password", f"{TOKEN}\nusername=other"),
    ("digicert_iot_pull_password", ""),
]
ACCEPTED = [
    {"digicert_iot_pull_repository": "git@git.example:edge.git"},
    {"digicert_iot_pull_repository": "ssh://git@git.example:22/edge.git", "digicert_iot_pull_version": "release/1.0"},
    {"digicert_iot_pull_repository": "/srv/edge", "digicert_iot_pull_inventory": "inventory/hosts.yml"},
    {"digicert_iot_pull_password": TOKEN, "digicert_iot_pull_interval": "1h 30min"},
    {"digicert_iot_pull_interval": "1.5 hours", "digicert_iot_pull_randomized_delay": "2min30s"},
    {"digicert_iot_pull_repository": "https://git.example:8443/edge.git", "digicert_iot_pull_version": "a@b"},
    {"digicert_iot_pull_requirements": ["git+https://git.example:8443/x.git@v1", "git+ssh://git@git.example/x.git@v1"]},
    {"digicert_iot_pull_directory": "/srv/.pull/..a/b.c/", "digicert_iot_pull_virtualenv": "/opt/x@1+2_3-4"},
    {"digicert_iot_pull_interval": 3600, "digicert_iot_pull_randomized_delay": 0},
    {"digicert_iot_pull_metrics_directory": ""},
    {"digicert_iot_pull_metrics_directory": "/var/lib/prometheus/node-exporter/"},
]


def test_variables_are_validated_and_credentials_are_never_repeated(player):
    def validate(variables: dict[str, object]) -> dict[str, object]:
        role = {"name": "edgeops.digicert.pull", "tasks_from": "validate"}
        variables = {"digicert_iot_pull_repository": "https://git.example/edge.git", **variables}
        return {
            "block": [{"name": "Validate", "ansible.builtin.include_role": role, "vars": variables}],
            "rescue": [{"name": "Go on", "ansible.builtin.debug": {"msg": "It failed."}}],
            "ignore_errors": False,
        }

    outcomes = player._run([validate({name: value}) for name, value in REJECTED], [])
    failures = [outcome.result for outcome in outcomes if outcome.failed]
    assert len(failures) == len(REJECTED)
    for (name, _value), result in zip(REJECTED, failures, strict=True):
        assert name in json.dumps(result)
    assert TOKEN not in outcomes[0].output
    accepted = player._run([validate(variables) for variables in ACCEPTED], [])
    assert not any(outcome.failed for outcome in accepted)


class GitServer(http.server.BaseHTTPRequestHandler):
    """Serves git repositories over HTTPS to who gives the right password."""

    protocol_version = "HTTP/1.1"
    root: Path
    password: str

    def do_GET(self) -> None:
        wanted = base64.b64encode(f"git:{self.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _mark, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ran = subprocess.run(["git", "http-backend"], env=environment, input=sent, capture_output=True, check=True)
        head, _blank, body = ran.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().split("\r\n"):
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def test_a_password_is_in_no_command_line(player, tmp_path, simulator):
    leaf = simulator.certificates["server"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf.pem, leaf.key)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Server", (GitServer,), {"root": tmp_path, "password": TOKEN})
    )
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        # git's own process list: each command line that it runs.
        trace = tmp_path / "trace"
        pull = make_short_pull(
            player,
            tmp_path,
            digicert_iot_pull_repository=f"https://127.0.0.1:{server.server_port}/repository/.git",
            digicert_iot_pull_password=TOKEN,
        )
        pull.environment = {"GIT_SSL_CAINFO": str(simulator.certificates.ca), "GIT_TRACE": str(trace)}
        commit = pull.say("over HTTPS")
        credentials = pull.folder / "credentials"
        for password, return_code in ((TOKEN, 0), ("wrong", 2), (TOKEN, 0)):
            credentials.write_text(f"username=git\npassword={password}\n")
            ran = pull.run()
            assert ran.returncode == return_code, ran.stderr
            assert TOKEN not in ran.stdout + ran.stderr
        assert pull.result["commit"] == commit
        assert "https://127.0.0.1" in trace.read_text()
        assert TOKEN not in trace.read_text() + (pull.folder / "run").read_text() + pull.fact.read_text()
    finally:
        server.shutdown()
        server.server_close()


def test_the_script_is_sound(pull):
    shellcheck = Path(sys.executable).with_name("shellcheck")
    subprocess.run([shellcheck, pull.folder / "run"], check=True)


@pytest.mark.parametrize("mode", ["play", "include"])
def test_check_mode_starts_no_timer(player, tmp_path, mode):
    paths = {f"digicert_iot_pull_{name}": str(tmp_path / name) for name in ("directory", "virtualenv")}
    apply = {"check_mode": True} if mode == "include" else {}
    include = {"name": "edgeops.digicert.pull", "apply": apply}
    outcomes = player._run(
        [{"name": "Preview the runs", "ansible.builtin.include_role": include}],
        ["--check"] if mode == "play" else [],
        play={"vars": {**paths, "digicert_iot_pull_repository": "https://git.example/fleet.git"}},
    )
    assert not [outcome.result for outcome in outcomes if outcome.failed]
    assert not {Path(path).name for path in paths.values()}.intersection(os.listdir(tmp_path))
