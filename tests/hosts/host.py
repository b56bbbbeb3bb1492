# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts as an operator finds them: a bare Debian with SSH and Python, reached by a user who may use sudo."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import typing as t
from pathlib import Path

import pytest

from hosts.debian import debian
from servers.serving import find, free_port, serving

# Debian 11, 12 and 13.
RELEASES = ("bullseye", "bookworm", "trixie")
# python3-minimal is too little: it lacks json, shutil and zipfile, which every module needs.
PACKAGES = "python3,openssh-server,sudo,ca-certificates"
HOOKS = (
    'echo {name} >"$1/etc/hostname"',
    'echo "127.0.0.1 localhost {name}" >"$1/etc/hosts"',
    # A star is a password that nobody has; without one, sshd takes the user for locked.
    'chroot "$1" useradd --create-home --shell /bin/bash --password "*" admin',
    'echo "admin ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/admin"',
)

# When the tests are killed, or unshare is, all the host's processes go with them.
UNSHARE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount-proc", "--pid", "--fork", "--kill-child"]

# What sshd is told beside what Debian's configuration says. Nobody but the test's key gets in.
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
AuthorizedKeysFile /etc/ssh/authorized_keys
PasswordAuthentication no
UsePAM no
LogLevel ERROR
"""

# Runs in namespaces of its own, with the root folder, the name, and the files for sshd. All that is written goes into
# memory, and all that is mounted is seen by the host alone: when its processes end, nothing is left.
START = """\
set -e
hostname "$2"
cd "$1"
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=.,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cp -L /etc/resolv.conf /mnt/root/etc/resolv.conf
install -m 644 "$3" /mnt/root/etc/ssh/authorized_keys
install -m 644 "$4" /mnt/root/etc/ssh/sshd_config.d/test.conf
cd /mnt/root
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir run/sshd
exec chroot . /usr/sbin/sshd -D -e
"""

CONFIGURATION = """\
Host {name}
  HostName 127.0.0.1
  Port {port}
  User admin
  IdentityFile {folder}/key
  IdentitiesOnly yes
  HostKeyAlias {name}
  UserKnownHostsFile {folder}/known_hosts
  StrictHostKeyChecking yes
"""


class Hosts:
    """A context manager: inside it there is one host for each of some releases, called so, and fresh each time.

    They share the network of this machine, so what listens on its loopback is theirs too.
    """

    def __init__(self, folder: Path, releases: t.Sequence[str] = RELEASES, systemd: bool = False) -> None:
        """Keys and the configuration of ssh are written into `folder`. With `systemd` it runs there, else only sshd."""
        self.configuration = folder / "ssh_config"
        self._folder = folder
        self._releases = releases
        self._systemd = systemd
        self._running = contextlib.ExitStack()

    def __enter__(self) -> t.Self:
        for program in ("ssh", "ssh-keygen"):
            find(program, "openssh-client")
        if self._systemd:
            find("systemd-nspawn", "systemd-container")
        roots = {name: self._root(name) for name in self._releases}
        tried = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode != 0:
            pytest.skip(f"No namespaces or mounts can be made here: {tried.stderr}")
        key = self._folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with self._running as running:
            for name, root in roots.items():
                self._start(running, name, root)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._running.close()

    def _root(self, name: str) -> Path:
        kind, packages = ("systemd", f"{PACKAGES},systemd-sysv,dbus") if self._systemd else ("edge", PACKAGES)
        return debian(f"{name}-{kind}", name, packages, [hook.format(name=name) for hook in HOOKS])

    def _start(self, running: contextlib.ExitStack, name: str, root: Path) -> None:
        port = free_port()
        with (self._folder / "known_hosts").open("a") as file:
            print(name, (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text(), file=file)
        with self.configuration.open("a") as file:
            file.write(CONFIGURATION.format(name=name, port=port, folder=self._folder))
        key, sshd = self._folder / "key.pub", self._folder / f"{name}.conf"
        sshd.write_text(SSHD.format(port=port))
        if self._systemd:
            groups = [group / f"host-{port}" for group in _control_groups()]
            running.callback(_remove, groups)
            container = _container(name, root, key, sshd, groups)
            tried = subprocess.run([*UNSHARE, *container, "true"], capture_output=True, text=True, check=False)
            _remove(groups)
            # A machine that is a container itself may lack the rights for it.
            if tried.returncode != 0:
                pytest.skip(f"systemd-nspawn does not work here: {tried.stdout}{tried.stderr}")
            command = [*container, "--boot", "--", "--show-status=no"]
        else:
            command = ["--uts", "--ipc", "sh", "-c", START, "start", root, name, key, sshd]
        running.enter_context(serving([*UNSHARE, *command], port, end=_end))

    def run(self, name: str, command: str, given: bytes | None = None) -> bytes:
        """Run a shell command as root on a host; it must succeed. `given` is what it reads. Return what it prints."""
        ran = subprocess.run(
            ["ssh", "-F", self.configuration, name, f"sudo sh -euc {shlex.quote(command)}"],
            input=given or b"",
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, (name, command, ran.stdout, ran.stderr)
        return ran.stdout


def _container(name: str, root: Path, key: Path, sshd: Path, groups: t.Sequence[Path]) -> list[str | Path]:
    """Return the begin of a command that runs something in a host, over an overlay in memory."""
    # nspawn wants a control group that is its alone, and asks systemd for one, but where systemd does not run.
    enter = 'while [ "$1" != -- ]; do mkdir "$1"; echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    command = ["sh", "-ec", enter, "enter", *groups, "--", "systemd-nspawn", "--quiet", "--register=no"]
    command += ["--keep-unit"] if groups else []
    command += [f"--directory={root}", f"--machine={name}", "--volatile=overlay", "--resolv-conf=copy-host"]
    return [*command, f"--bind-ro={key}:/etc/ssh/authorized_keys", f"--bind-ro={sshd}:/etc/ssh/sshd_config.d/test.conf"]


def _control_groups() -> list[Path]:
    """Return the roots below which systemd has its control groups, where it does not run to look after them."""
    top = Path("/sys/fs/cgroup")
    if Path("/run/systemd/system").exists():
        return []
    return [group for group in (top, top / "systemd", top / "unified") if (group / "cgroup.procs").exists()]


def _remove(groups: t.Sequence[Path]) -> None:
    for group in groups:
        for folder, _folders, _files in os.walk(group, topdown=False):
            os.rmdir(folder)


def _end(unshare: subprocess.Popen[bytes]) -> None:
    """Kill the host's first process, with which all others go. unshare waits for it, and takes no SIGTERM itself."""
    if unshare.poll() is None:
        for child in Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
