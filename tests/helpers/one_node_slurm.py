"""A Slurm of one node, this machine, or of several that are all this machine, from Debian's packages: slurmctld, slurmd and munged, in a
folder of their own on free ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import mirbench
from mirbench.engine.slurm import queue, waiting

DAEMONS = ("munged", "slurmctld", "slurmd")
ARRAY = 8  # MaxArraySize
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
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
PartitionName=main Nodes={nodes} Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=urgent Nodes={nodes} MaxTime=60 State=UP PriorityTier=10
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000 State=UNKNOWN\n"


def why_not() -> str:
    """Why it cannot be started here; nothing: it can."""
    os.environ["PATH"] = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in (*DAEMONS, "sbatch", "srun") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurmctld slurmd slurm-client munge"
    return "" if os.geteuid() == 0 else "slurmd of a cluster with several users' jobs is started by root"


class OneNodeSlurm:
    """folder: its own, with the configuration and the logs. nodes: their names; none: one, called as this machine."""

    def __init__(self, folder: Path, *nodes: str) -> None:
        self.folder, self.conf, self.nodes = folder, folder / "slurm.conf", nodes or (_host(),)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.hidden: Path | None = None

    def start(self) -> None:
        (self.folder / "state").mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        controller, *ports = _free_ports(1 + len(self.nodes))
        conf = CONF.format(host=_host(), folder=self.folder, array=ARRAY, controller=controller, nodes=",".join(self.nodes))
        nodes = "".join(NODE.format(name=name, host=_host(), port=port) for name, port in zip(self.nodes, ports, strict=True))
        self.conf.write_text(conf.replace("PartitionName", f"{nodes}PartitionName", 1))
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

    def _run(self, name: str, *arguments: str, before: tuple[str, ...] = (), called: str = "") -> None:
        with open(self.folder / f"{called or name}.log", "ab") as log:
            environment = {**os.environ, "SLURM_CONF": str(self.conf)}
            self.running[called or name] = subprocess.Popen([*before, name, *arguments], stdout=log, stderr=log, env=environment)

    def start_node(self, hidden: Path | None = None) -> None:
        """Of several, all. hidden: a folder that it does not see."""
        before = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh") if hidden else ()
        for number, name in enumerate(self.nodes):
            called = "slurmd" if number == 0 else f"slurmd-{name}"
            self._run("slurmd", "-D", "-N", name, "-f", str(self.conf), before=before, called=called)
        self.until(self.is_up, "a node that is up")

    def is_up(self) -> bool:
        """Of several, all. One that is held to be down though it is there again is told to go on."""
        states = dict(line.split() for line in self.ask("sinfo", "--Node", "--noheader", "--format=%N %t").splitlines())
        for name, state in states.items():
            if state.startswith(("down", "drain", "fail")) and not state.endswith("*"):
                self.ask("scontrol", "update", f"nodename={name}", "state=resume")
        return set(states.values()) <= {"idle", "mix", "alloc"} and len(states) == len(self.nodes)

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


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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


@contextlib.contextmanager
def started(folder, *names):
    """A Slurm in this folder, of these nodes or of one."""
    slurm = OneNodeSlurm(folder, *names)
    slurm.folder.chmod(0o755)
    slurm.start()
    yield slurm
    slurm.stop()


@contextlib.contextmanager
def finding_this_checkout(slurm, monkeypatch):
    """What jobs find: this checkout and the helpers. Afterwards the queue is empty."""
    paths = [str(Path(mirbench.__file__).parents[1]), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, paths)))
    monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
    monkeypatch.setattr(waiting, "LAST_POLL", 1.0)
    queue.array_limit.cache_clear()
    yield
    slurm.ask("scancel", "--user=root")
    slurm.until(lambda: not slurm.ask("squeue", "--noheader"), "an empty queue")
    queue.array_limit.cache_clear()
