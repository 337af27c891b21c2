"""A Slurm of one node, this machine, from Debian's packages: slurmctld, slurmd and munged, in a folder of their own on free ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
ARRAY = 8  # MaxArraySize
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,bf_interval=1,requeue_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MaxArraySize={array}
ReturnToService=2
MpiDefault=none
SlurmdTimeout=10
KillWait=10
MinJobAge=300
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=60 State=UP PriorityTier=10
"""


def why_not() -> str:
    """Why it cannot be started here; nothing: it can."""
    os.environ["PATH"] = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in (*DAEMONS, "sbatch", "srun") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurmctld slurmd slurm-client munge"
    return "" if os.geteuid() == 0 else "slurmd of a cluster with several users' jobs is started by root"


class OneNodeSlurm:
    """folder: its own, with the configuration and the logs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.conf = folder, folder / "slurm.conf"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.hidden: Path | None = None

    def start(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        with socket.socket() as one, socket.socket() as other:
            for each in (one, other):
                each.bind(("127.0.0.1", 0))
            ports = {"controller": one.getsockname()[1], "node": other.getsockname()[1]}
        self.conf.write_text(CONF.format(host=_host(), folder=self.folder, array=ARRAY, **ports))
        names = {
            "socket": "munge.sock",
            "key-file": "munge.key",
            "log-file": "munged.log",
            "pid-file": "munged.pid",
            "seed-file": "munge.seed",
        }
        self._run("munged", "--foreground", "--force", *(f"--{option}={self.folder / name}" for option, name in names.items()))
        self._run("slurmctld", "-D", "-c", "-f", str(self.conf))
        self.start_node()

    def _run(self, name: str, *arguments: str, before: tuple[str, ...] = ()) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            environment = {**os.environ, "SLURM_CONF": str(self.conf)}
            self.running[name] = subprocess.Popen([*before, name, *arguments], stdout=log, stderr=log, env=environment)

    def start_node(self, hidden: Path | None = None) -> None:
        """hidden: a folder that it does not see."""
        before = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh") if hidden else ()
        self._run("slurmd", "-D", "-f", str(self.conf), before=before)
        self.until(self.is_up, "a node that is up")

    def is_up(self) -> bool:
        """One that is held to be down though it is there again is told to go on."""
        state = next(iter(self.ask("sinfo", "--noheader", "--format=%t").split()), "")
        if state.startswith(("down", "drain", "fail")) and not state.endswith("*"):
            self.ask("scontrol", "update", f"nodename={_host()}", "state=resume")
        return state in ("idle", "mix", "alloc")

    def kill_node(self) -> None:
        """As a power cut does: the daemon, the daemons of steps, and what they run."""
        slurmd = self.running.pop("slurmd")
        doomed = _descendants(slurmd.pid)
        steps = [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _is_step_of(pid, self.folder)]
        doomed |= {child for pid in steps for child in {pid, *_descendants(pid)}}
        slurmd.kill()
        slurmd.wait()
        for pid in doomed:
            with_no_complaint(pid)

    def stop_node(self) -> None:
        slurmd = self.running.pop("slurmd")
        slurmd.terminate()
        slurmd.wait(30)

    def ask(self, *command: str) -> str:
        environment = {**os.environ, "SLURM_CONF": str(self.conf)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout

    def until(self, holds, what: str, seconds: float = 120.0) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, f"waited {seconds:.0f} s for {what}; {self.ask('squeue', '--states=all')} {self.ask('sinfo')}"
            time.sleep(0.3)

    def stop(self) -> None:
        self.ask("scancel", "--user=root")
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _host() -> str:
    return socket.gethostname().split(".")[0]


def with_no_complaint(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    parents = {int(each): int(stat[1]) for each in os.listdir("/proc") if each.isdecimal() and (stat := _stat(int(each)))}
    new = {pid}
    while new := {child for child, parent in parents.items() if parent in new} - found:
        found |= new
    return found


def _is_step_of(pid: int, folder: Path) -> bool:
    """Whether it is a daemon of a step, started by the slurmd of this folder: it has its configuration in its environment."""
    try:
        if b"slurmstepd" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return False
        return f"SLURM_CONF={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
