"""Puts the layers of confinement on a warm parent, in order, and names each that is missing on this machine.

| layer | what it stops | needs |
|---|---|---|
| rlimits | CPU, memory, files, processes, core dumps beyond the limits | any Unix |
| no_new_privs | set-user-id programs | Linux |
| unprivileged | being root; a parent started by root becomes nobody | |
| seccomp | processes, threads, exec, sockets, signals, tracing, write-open (an allow-list) | Linux, x86_64 or aarch64 |
| landlock | reading anything but Python's own folders; TCP; signals to others | Linux 5.13 (TCP 6.7, signals 6.12) |
| namespaces | other processes, networks, mounts: a read-only root with Python's folders | root or user namespaces |

Always there: a clean environment, an empty working folder, no descriptor but the result pipe. A layer that does not
start is recorded with the reason. Without seccomp and Landlock both in place nothing runs, unless that is asked for.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from build.sandbox import kernel

LAYERS = ("rlimits", "no_new_privs", "unprivileged", "seccomp", "landlock", "namespaces")
NOBODY = 65534
_LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
)


class Confinement:
    """The layers of this process: `active` and `missing` name each with a detail. Call the methods in this order."""

    def __init__(self) -> None:
        self.active: dict[str, str] = {"rlimits": ""}
        self.missing: dict[str, str] = {}
        self.namespaces: list[str] = []
        self.program: kernel.Filter | None = None

    def leave_namespaces(self) -> None:
        """Before imports (they may start threads). Forks for the PID namespace: the caller goes on as its process 1."""
        with self._layer("namespaces"):
            uid, gid = os.geteuid(), os.getegid()
            if uid != 0:
                kernel.unshare(kernel.NEW_USER)
                Path("/proc/self/setgroups").write_text("deny")
                Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
                Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
                self.namespaces.append("user")
            for name, flag in kernel.NAMESPACES.items():
                kernel.unshare(flag)
                self.namespaces.append(name)
        if "pid" in self.namespaces:
            _become_first_process()

    def confine(self) -> None:
        """After imports: close the file system, drop privileges, and prepare what a child takes on top."""
        paths = [*_LIBRARIES, *(path for path in sys.path if path)]
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")
        if "mount" in self.namespaces:
            with self._layer("namespaces"):
                kernel.private_root(paths)
                self.active["namespaces"] = " ".join(self.namespaces)
        with self._layer("unprivileged"):
            self._drop_root(paths)
        if os.geteuid() == 0 or "user" in self.namespaces:
            with contextlib.suppress(OSError, AttributeError):
                kernel.drop_capabilities()
        with self._layer("no_new_privs"):
            kernel.no_new_privileges()
            self.active["no_new_privs"] = ""
        with self._layer("landlock"):
            self.active["landlock"] = f"ABI {kernel.landlock([*paths, os.curdir])}"
        with self._layer("seccomp"):
            program = kernel.seccomp_program()
            if not _works_in_a_child(lambda: kernel.seccomp(program)):
                raise OSError(0, "the kernel or a container refuses filters")
            self.program = program
            self.active["seccomp"] = ""
        with contextlib.suppress(OSError, AttributeError):
            kernel.not_dumpable()
            kernel.die_with_parent()

    @contextlib.contextmanager
    def _layer(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, AttributeError) as error:
            self.active.pop(name, None)
            self.missing[name] = getattr(error, "strerror", None) or str(error)

    def _drop_root(self, paths: list[str]) -> None:
        if os.geteuid() == 0:
            if not _works_in_a_child(lambda: _become_nobody(paths)):
                raise OSError(
                    0, "root without capabilities: it cannot become nobody, or nobody cannot read this Python"
                )
            _become_nobody(paths)
        self.active["unprivileged"] = f"user {os.geteuid()}"


def _become_nobody(paths: list[str]) -> None:
    """Leave root for good; raises OSError when modules could not be imported any more."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    for path in paths:
        if Path(path).is_dir():
            next(os.scandir(path), None)
    Path(os.__file__).read_bytes()


def _works_in_a_child(attempt: Callable[[], object]) -> bool:
    """Whether something that cannot be undone goes through, tried out in a forked child."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            attempt()
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _become_first_process() -> None:
    """Go on as process 1 of the new PID namespace: when it ends the kernel ends everything in it."""
    pid = os.fork()
    if pid == 0:
        kernel.die_with_parent()
        return
    os.closerange(0, 256)
    os.waitpid(pid, 0)
    os._exit(0)
