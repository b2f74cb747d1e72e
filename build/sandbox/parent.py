"""Serves as a warm parent: a long-lived interpreter that has imported what a tier of functions needs and forks a child per job.

Foreign code never runs here. The parent takes a job from its command pipe, forks, relays what the child writes (bytes
that it neither believes nor parses) and at the end reports how the child ended. It enforces the wall clock and the
amount of output; CPU time and memory are the kernel's business (rlimits and a profiling timer in the child). When its
command pipe closes it ends, and its child with it.

Started as `python -P -s -c BOOTSTRAP ROOT CONFIG` by `build.sandbox.api`. BOOTSTRAP loads this module and what it
imports with a copy of the builtins of their own and outside of what foreign code can import.
"""

import contextlib
import gc
import importlib
import mmap
import os
import resource
import select
import signal
import struct
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build.sandbox import jobs, kernel, layers, replicas, wire

# What programs import most, by name. A module more makes every fork dearer, a module less only the few who import it.
LIGHT = """
    abc array bisect calendar cmath collections collections.abc contextlib copy csv dataclasses datetime
    decimal enum fractions functools hashlib heapq io itertools json math numbers operator os pathlib queue
    random re string struct sys time types typing zlib
""".split()  # noqa: SIM905
NUMPY = ["numpy", "numpy.random", "numpy.linalg"]
HEAVY = [
    "pyarrow",
    "pandas",
    "scipy",
    "scipy.stats",
    "scipy.optimize",
    "scipy.special",
    "scipy.linalg",
    "sympy",
    "networkx",
    "matplotlib",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
]
MODULES = {"light": LIGHT, "numpy": LIGHT + NUMPY, "heavy": LIGHT + NUMPY + HEAVY}

# The memory that a parent shares with its child: counters, how full the outbox is, the input of the call that is under way
# (its length, then its text), and the outbox.
COUNTERS = struct.Struct("<31I")
_FILL = struct.Struct("<I")
_UNDER_WAY = 256
_OUTBOX = 4096
_SHARED = 1 << 16
_PAGE = mmap.PAGESIZE
_CHUNK = 65536
_MIB = 1 << 20


def main(config: Mapping[str, Any]) -> None:
    """Serve jobs until the command pipe closes."""
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.umask(0o022)
    parent = Parent(commands, replies)
    parent.confinement.leave_namespaces()
    replicas.install(parent.clock)
    folder = Path(f"/tmp/codeio-{os.urandom(8).hex()}")  # not by tempfile, which imports too much
    folder.mkdir(0o700)
    os.chdir(folder)
    if config["tier"] == "heavy":
        _import_matplotlib(folder / "matplotlib")
    folder.rmdir()  # and stay in it: so it stays empty, and nobody has to clean it up
    _preload(MODULES[config["tier"]])
    threads = _threads()
    parent.warm_up()
    _limit(config["memory_mb"], config["file_bytes"])
    parent.confinement.confine()
    gc.collect()
    gc.freeze()
    os.dup2(null, 2)
    os.close(null)
    parent.reply(b"H", {"active": parent.confinement.active, "missing": parent.confinement.missing, "threads": threads})
    while frame := wire.receive(commands):
        parent.reply(b"E", parent.serve(wire.unpack(frame[1])))


class Parent:
    """What a warm parent keeps between jobs: its two pipes, the clock, the page of counters and the layers."""

    def __init__(self, commands: int, replies: int) -> None:
        self.commands = commands
        self.replies = replies
        self.clock = replicas.Clock()
        self.page = mmap.mmap(-1, _SHARED)
        self.page.write(bytes(_SHARED))
        self.confinement = layers.Confinement()

    def warm_up(self) -> None:
        """Run a job of each kind on a program of our own, so that no child pays for what an interpreter does once."""
        limits = {"entry": "f", "rng_seed": 1, "clock_replica": 1, "result_bytes": 1000, "lines": None}
        job = limits | {"code": "import random\ndef f(x):\n    return [x]", "inputs": ['{"x": 1}'] * 20}
        draw = {
            "generator": "def input_generator():\n    return {'x': random.random()}",
            "rules": {},
            "seed": 1,
            "seen": [],
        }
        jobs.run_call(job, self.clock, wire.pack, lambda: None, lambda index: None)
        job |= draw | {"drawn": 980, "found": 0}
        jobs.run_draw(job, self.clock, wire.pack, lambda: None, lambda index: None, lambda text: None)

    def reply(self, kind: bytes, fields: Mapping[str, Any]) -> None:
        wire.send(self.replies, kind, wire.pack(fields))

    def serve(self, job: dict[str, Any]) -> dict[str, Any]:
        """Fork the child of one job, relay its output, and say how it ended."""
        self.page[:_OUTBOX] = bytes(_OUTBOX)
        reader, writer = os.pipe()
        pid = kernel.fork()
        if pid == 0:
            try:
                os.close(reader)
                os.close(self.commands)
                os.close(self.replies)
                self._child(job, writer)
                os._exit(0)
            finally:
                os._exit(70)
        os.close(writer)
        try:
            cut = self._relay(job, pid, reader)
        finally:
            os.close(reader)
            os.kill(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            self._end_strays(pid)
        fill = min(_FILL.unpack_from(self.page, COUNTERS.size)[0], _SHARED - _OUTBOX)
        if fill and not cut:
            wire.send(self.replies, b"D", self.page[_OUTBOX : _OUTBOX + fill])
        return {
            "cut": cut,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "counters": list(COUNTERS.unpack_from(self.page)),
            "under_way": self._under_way(),
        }

    def _under_way(self) -> str:
        """The bytes of the input on which the child was called last, a character for each."""
        length = _FILL.unpack_from(self.page, _UNDER_WAY)[0]
        begin = _UNDER_WAY + _FILL.size
        return self.page[begin : min(begin + length, _OUTBOX)].decode("latin-1")

    def _end_strays(self, pid: int) -> None:
        """Without seccomp a child may have forked: end its session, or all that lives in a PID namespace of our own."""
        if self.confinement.program is not None:
            return
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        if "pid" in self.confinement.namespaces and os.getpid() == 1:
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)
                while os.waitpid(-1, 0):
                    pass

    def _relay(self, job: Mapping[str, Any], pid: int, reader: int) -> str:
        """Pass the child's bytes on until it ends. Returns why it must be cut off (wall, output, orphan), or ""."""
        poller = select.poll()
        poller.register(reader, select.POLLIN)
        poller.register(self.commands, 0)  # only a hang-up: whoever gave the job is gone
        watch = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        if watch >= 0:
            poller.register(watch, select.POLLIN)
        deadline = replicas.real_monotonic() + job["job_wall_s"]
        received, beat, moved = 0, b"", replicas.real_monotonic()
        try:
            while True:
                ready = dict(poller.poll(job["call_wall_s"] * 1000 / 8))
                now = replicas.real_monotonic()
                if self.page[: COUNTERS.size] != beat:
                    beat, moved = self.page[: COUNTERS.size], now
                if now > deadline or (not ready and now > moved + job["call_wall_s"]):
                    return "wall"
                if not ready:
                    continue
                if self.commands in ready:
                    return "orphan"
                if reader in ready:
                    chunk = os.read(reader, _CHUNK)
                    if not chunk:
                        return _wait_briefly(watch)
                    received += len(chunk)
                    if received > job["output_bytes"]:
                        return "output"
                    wire.send(self.replies, b"D", chunk)
                else:  # ended, and nothing left to read; a process it may have left behind holds the pipe open
                    return ""
        finally:
            if watch >= 0:
                os.close(watch)

    def _child(self, job: dict[str, Any], writer: int) -> None:
        """Take every limit, then run the job; returns when it is done."""
        cpu = int(job["job_cpu_s"]) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        if self.confinement.program is not None:
            kernel.die_with_parent()
            kernel.seccomp(self.confinement.program)
        else:
            os.setsid()
        nonce = bytes.fromhex(job.pop("nonce"))
        began = replicas.real_cpu()
        counts = [0] * 31
        fill = 0

        def emit(fields: dict[str, Any]) -> None:
            """A message into the outbox, which outlives this process; through the pipe when that is full."""
            nonlocal fill
            payload = wire.pack(fields)
            data = nonce + len(payload).to_bytes(4, "big") + payload
            if fill + len(data) > _SHARED - _OUTBOX:
                wire.write_all(writer, self.page[_OUTBOX : _OUTBOX + fill] + data)
                fill = 0
            else:
                self.page[_OUTBOX + fill : _OUTBOX + fill + len(data)] = data
                fill += len(data)
            _FILL.pack_into(self.page, COUNTERS.size, fill)

        def start() -> None:
            jobs.arm(min(job["call_cpu_s"], job["job_cpu_s"] - (replicas.real_cpu() - began)))

        def count(index: int) -> None:
            counts[index] += 1
            COUNTERS.pack_into(self.page, 0, *counts)

        def begin(text: str) -> None:
            data = text.encode()
            data = data if len(data) <= _OUTBOX - _UNDER_WAY - _FILL.size else b""
            self.page[_UNDER_WAY : _UNDER_WAY + _FILL.size + len(data)] = _FILL.pack(len(data)) + data

        if job["kind"] == "call":
            jobs.run_call(job, self.clock, emit, start, count)
        elif job["kind"] == "draw":
            jobs.run_draw(job, self.clock, emit, start, count, begin)
        else:
            jobs.run_trace(job, self.clock, emit, start, count)


def _limit(memory_mb: int, file_bytes: int) -> None:
    """The rlimits that parent and children share. Memory counts from what this parent has mapped already."""
    limits = {
        "AS": _mapped() + memory_mb * _MIB,
        "FSIZE": file_bytes,
        "CORE": 0,
        "NOFILE": 64,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    for name, limit in limits.items():
        if hasattr(resource, f"RLIMIT_{name}"):
            with contextlib.suppress(ValueError, OSError):  # macOS knows some of them and takes none
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def _import_matplotlib(folder: Path) -> None:
    """It cannot be imported later, because it insists on a folder to write to."""
    os.environ["MPLCONFIGDIR"] = str(folder)
    with contextlib.suppress(ImportError):
        importlib.import_module("matplotlib").get_cachedir()
        importlib.import_module("shutil").rmtree(folder, ignore_errors=True)
    del os.environ["MPLCONFIGDIR"]


def _preload(names: list[str]) -> None:
    """Import what is installed. The filters of warnings that a package sets stay, as they do in a plain interpreter."""
    shown, warnings.showwarning = warnings.showwarning, lambda *told, **more: None
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    warnings.showwarning = shown
    if (control := sys.modules.get("threadpoolctl")) is not None and hasattr(control, "_HAS_PROCFS"):
        vars(control)["_HAS_PROCFS"] = (
            False  # it saw /proc when it was imported, and a child has none; it knows another way
        )


def _threads() -> int:
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 0


def _wait_briefly(watch: int) -> str:
    """The child closed its pipe: it is ending, or it hides; two seconds for the first, none for the second."""
    if watch >= 0:
        poller = select.poll()
        poller.register(watch, select.POLLIN)
        if not poller.poll(2000):
            return "wall"
    return ""


def _mapped() -> int:
    """Bytes of address space in use, where /proc tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    except OSError:
        return 0
