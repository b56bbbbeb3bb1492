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

from hosts.debian import debian
from servers.serving import find, free_port, serving

# Debian 11, 12 and 13.
RELEASES = ("bullseye", "bookworm", "trixie")
# python3-minimal is too little: it lacks json, shutil and zipfile, which every module needs.
PACKAGES = "python3,openssh-server,sudo,ca-certificates"
HOOKS = (
    # A star is a password that nobody has; without one, sshd takes the user for locked.
    'chroot "$1" useradd --create-home --shell /bin/bash --password "*" admin',
    'echo "admin ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/admin"',
)

# Runs in namespaces of its own, with the root folder, the name, the port and the public key. All that is written goes
# into memory, and all that is mounted is seen by the host alone: when its processes end, nothing is left.
START = """\
set -e
hostname "$2"
cd "$1"
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=.,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cp -L /etc/resolv.conf /mnt/root/etc/resolv.conf
echo "127.0.0.1 localhost $2" >/mnt/root/etc/hosts
install -m 644 "$4" /mnt/root/etc/ssh/authorized_keys
cd /mnt/root
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir run/sshd
exec chroot . /usr/sbin/sshd -D -e -p "$3" -o ListenAddress=127.0.0.1 -o LogLevel=ERROR -o UsePAM=no \\
    -o AuthorizedKeysFile=/etc/ssh/authorized_keys -o PasswordAuthentication=no
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
    """A context manager: inside it there is one host for each of RELEASES, called so, and fresh each time.

    They share the network of this machine, so what listens on its loopback is theirs too.
    """

    def __init__(self, folder: Path) -> None:
        """Keys and the configuration of ssh are written into `folder`."""
        self.configuration = folder / "ssh_config"
        self._folder = folder
        self._running = contextlib.ExitStack()

    def __enter__(self) -> t.Self:
        for program in ("ssh", "ssh-keygen"):
            find(program, "openssh-client")
        roots = {name: debian(f"{name}-edge", name, PACKAGES, HOOKS) for name in RELEASES}
        key = self._folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with self._running as running:
            for name, root in roots.items():
                self._start(running, name, root)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._running.close()

    def _start(self, running: contextlib.ExitStack, name: str, root: Path) -> None:
        port = free_port()
        with (self._folder / "known_hosts").open("a") as file:
            print(name, (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text(), file=file)
        with self.configuration.open("a") as file:
            file.write(CONFIGURATION.format(name=name, port=port, folder=self._folder))
        # When the tests are killed, or unshare is, all processes of the host go with them.
        command = ["setpriv", "--pdeathsig", "KILL"]
        command += ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        command += ["sh", "-c", START, "start", root, name, str(port), self._folder / "key.pub"]
        running.enter_context(serving(command, port, end=_end))

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


def _end(unshare: subprocess.Popen[bytes]) -> None:
    """Kill the host's first process, with which all others go. unshare waits for it, and takes no SIGTERM itself."""
    if unshare.poll() is None:
        for child in Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
