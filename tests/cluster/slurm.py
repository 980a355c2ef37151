"""A real Slurm on this machine, for tests: munge, a controller and a node, of this user's and of our own folder."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time

DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}:/usr/sbin:/sbin"
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Why there can be no Slurm here, or None."""
    if missing := [name for name in (*DAEMONS, "sbatch", "srun") if not shutil.which(name, path=PATH)]:
        return f"Slurm: there is no {' and no '.join(missing)} here"
    return None


class Slurm:
    """A cluster of one node, which claims to have 4 cores."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o700)
        key = folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        host, (controller_port, node_port) = socket.gethostname().split(".")[0], _free_ports(2)
        values = {"host": host, "controller_port": controller_port, "node_port": node_port, "user": getpass.getuser()}
        (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, **values))
        self.environment = os.environ | {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}
        files = {"socket": "socket", "key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed"}
        words = [f"--{option}={folder}/munge/{file}" for option, file in files.items()]
        self._daemon("munged", "--foreground", "--force", *words)
        self._wait_for(lambda: (folder / "munge" / "socket").exists())
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D")
        self._wait_for(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%t")[1])

    def _daemon(self, name, *words):
        log = open(self.folder / f"{name}.log", "w")  # noqa: SIM115 (it is the daemon's from now on)
        self.daemons.append(subprocess.Popen([name, *words], env=self.environment, stdout=log, stderr=log))

    def _wait_for(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            logs = {path.name: path.read_text()[-2000:] for path in self.folder.glob("*.log")}
            assert time.monotonic() < deadline and all(daemon.poll() is None for daemon in self.daemons), logs
            time.sleep(0.1)

    def run(self, *words, folder=None, **environment):
        """Run a command; returns exit code and output."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=folder or self.folder,
            env=self.environment | {name: str(value) for name, value in environment.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,  # for what hangs, not for what is slow on a busy machine
        )
        return done.returncode, done.stdout

    def close(self):
        self.run("scancel", "--user", getpass.getuser())
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait(30)


def _free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
