"""Hosts for tests, made of Linux namespaces (hosts.sh): real sshds, real networks between them, and separate disks."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from proc import children
from scripts import TIMEOUT

SCRIPT = Path(__file__).with_name("hosts.sh")
NAMES = ("a", "b", "c")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child")


def why_not():
    """Why there can be no such hosts here, or None."""
    needed = ("ip", "ssh", "sshd", "unshare", "nsenter", "taskset")
    if missing := [name for name in needed if not shutil.which(name, path=PATH)]:
        return f"several hosts: there is no {' and no '.join(missing)} here"
    trial = ["sh", "-c", "ip link add x type bridge && ip link add y type veth peer name z"]
    if subprocess.run(
        ["unshare", *NAMESPACES, *trial], env=os.environ | {"PATH": PATH}, capture_output=True
    ).returncode:
        return "several hosts: no right to make networks here (it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN)"
    return None


class Hosts:
    """The hosts a, b and c, of one core each. `folder` is on all of them; folder/own is another one on each."""

    def __init__(self, folder):
        self.folder = folder
        one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        self.process = subprocess.Popen(
            [*one_core, "unshare", *NAMESPACES, "--mount-proc", "sh", SCRIPT, folder, *NAMES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(folder / "hosts.log", "w"),  # noqa: SIM115 (it is the process's from now on)
            env=os.environ | {"PATH": PATH},
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n", (folder / "hosts.log").read_text()
        (self.switch,) = children(self.process.pid)
        self.pids = {name: children(pid)[0] for name, pid in zip(NAMES, children(self.switch), strict=True)}

    def start(self, host, *command, **environment):
        """Start a command on a host, in `folder`."""
        enter = ["nsenter", "--target", str(self.pids[host]), "--all", "sh", "-c", 'cd "$0" && exec "$@"', self.folder]
        return subprocess.Popen(
            [*map(str, (*enter, *command))],
            env=os.environ | {name: str(value) for name, value in environment.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, host, *command, **environment):
        """Run a command on a host; returns exit code, stdout, stderr."""
        return end(self.start(host, *command, **environment))

    def own(self, host):
        """The folder that only this host sees."""
        return Path(f"/proc/{self.pids[host]}/root{self.folder}/own")

    def crash(self, host):
        """End a host with all that runs on it."""
        os.kill(self.pids[host], 9)

    def unplug(self, host):
        """Nothing of a host's is heard any more."""
        command = ["nsenter", "--target", str(self.switch), "--net", "ip", "link", "set", f"to-{host}", "down"]
        subprocess.run(command, check=True)

    def commands(self, host):
        """The command lines of all that runs on a host."""
        space = os.readlink(f"/proc/{self.pids[host]}/ns/pid")
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                if os.readlink(process / "ns" / "pid") == space:
                    found.append((process / "cmdline").read_text().replace("\0", " "))
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def end(process):
    """Returns exit code, stdout, stderr."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return process.returncode, out, err
