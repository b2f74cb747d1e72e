"""Calls the kernel's means of confinement by ctypes: seccomp, Landlock, namespaces, a root of its own, capabilities.

Why by hand. What was looked at in November 2026:
- `sandlock` 0.9 (Apache-2.0, well kept, releases every month). Tried: `confine()` puts Landlock on a live process,
  but needs Landlock ABI 6 (Linux 6.12) and adds 5 MB of private memory to a process whose forks we pay for.
  Its `fork(n)` starts n clones at once that only get their number: no clone waits for a job. Its seccomp is a deny-list
  with a supervisor that needs `pidfd_getfd`, which Docker's default profile refuses; we want an allow-list without one.
- `pyseccomp`: bindings for libseccomp, last release 2021, needs the C library on the machine.
- `bubblewrap`, nsjail: an exec and an interpreter start per job; WASI builds of Python: another Python, no numpy.
So these are the system calls themselves, with no decision in them; `build.sandbox.layers` decides.

Sources: seccomp(2), landlock(7), capset(2), pivot_root(2), mount_setattr(2), unshare(2) and the kernel's uapi headers.
"""

import ctypes
import os
import platform
import stat
import struct
import sys
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(None, use_errno=True)  # calls that keep the interpreter's lock

NAMESPACES = {"mount": 0x00020000, "uts": 0x04000000, "ipc": 0x08000000, "net": 0x40000000, "pid": 0x20000000}
NEW_USER = 0x10000000

_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38

# What a computation in CPython needs: (x86_64, aarch64), None where an architecture lacks the call. No fork, thread,
# exec, socket, signal, tracing, file creation. Calls that are allowed under a condition follow.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "access": (21, None),
    "pipe": (22, None),
    "select": (23, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "dup2": (33, None),
    "nanosleep": (35, 101),
    "getitimer": (36, 102),
    "alarm": (37, None),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "uname": (63, 160),
    "getcwd": (79, 17),
    "readlink": (89, None),
    "gettimeofday": (96, 169),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "getdents64": (217, 61),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "newfstatat": (262, 79),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "dup3": (292, 24),
    "pipe2": (293, 59),
    "getrandom": (318, 278),
    "statx": (332, 291),
    "rseq": (334, 293),
    "faccessat2": (439, 439),
}
_OPEN = (((2, None), 1), ((257, 56), 2))  # open and openat, and which argument has the flags
_FCNTL, _FCNTL_COMMANDS = (72, 25), (0, 1, 2, 3, 4, 1030)  # duplicates and flags; not F_SETOWN, which can send signals
_IOCTL, _PRLIMIT = (16, 29), (302, 261)
_NO_SUCH_CALL = ((435, 435), (437, 437))  # clone3 and openat2: the C library then takes calls that can be judged
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_AUDIT_ARCH = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _ENOTTY = 1, 38, 25


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def no_new_privileges() -> None:
    """No set-user-id program gives this process or its children anything; irrevocable."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def seccomp_program() -> Filter:
    """The BPF program of the allow-list for this architecture. Raises OSError where there is none."""
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise OSError(_ENOSYS, f"no seccomp allow-list for {machine}")
    column, arch = _AUDIT_ARCH[machine]
    code = [
        _statement(0x20, 4),  # the architecture
        _jump(0x15, arch, 1, 0),
        _statement(0x06, _ERRNO | _EPERM),
        _statement(0x20, 0),  # the call's number
    ]
    for numbers in _NO_SUCH_CALL:
        code += [_jump(0x15, numbers[column], 0, 1), _statement(0x06, _ERRNO | _ENOSYS)]
    for columns, argument in _OPEN:
        if (number := columns[column]) is not None:
            code += _for(number, _load(argument), _jump(0x45, _WRITING, 1, 0), _ALLOWED_IT)
    *others, last = _FCNTL_COMMANDS
    commands = [_jump(0x15, command, len(others) - place, 0) for place, command in enumerate(others)]
    code += _for(_FCNTL[column], _load(1), *commands, _jump(0x15, last, 0, 1), _ALLOWED_IT)
    only_reading = [_load(2), _jump(0x15, 0, 0, 3), _load(2, half=1), _jump(0x15, 0, 0, 1)]
    code += _for(_PRLIMIT[column], *only_reading, _ALLOWED_IT)
    code += [_jump(0x15, _IOCTL[column], 0, 1), _statement(0x06, _ERRNO | _ENOTTY)]  # what isatty() needs to hear
    for call in _ALLOWED.values():
        if (number := call[column]) is not None:
            code += [_jump(0x15, number, 0, 1), _ALLOWED_IT]
    code.append(_statement(0x06, _ERRNO | _EPERM))
    return Filter(len(code), b"".join(code))


def seccomp(program: Filter) -> None:
    """Put a program on this process, for good. Raises OSError."""
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0))


def landlock(readable: Iterable[str]) -> int:
    """Allow reading below these paths and nothing else in any file system, no TCP, no signals to the outside.

    Needs `no_new_privileges`. Returns the kernel's ABI version (what it lacks is not restricted). Raises OSError.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(_ENOSYS, "not Linux")
    abi = _check(_libc.syscall(444, None, 0, 1))
    files = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}.get(abi, (1 << 16) - 1)
    network, scopes = 3 if abi >= 4 else 0, 3 if abi >= 6 else 0
    attributes = struct.pack("=QQQ", files, network, scopes)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _check(_libc.syscall(444, attributes, len(attributes), 0))
    try:
        for path in readable:
            try:
                folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                may = 4 | 8 if Path(path).is_dir() else 4  # read files, list folders
                _check(_libc.syscall(445, ruleset, 1, struct.pack("=Qi", may, folder), 0))
            finally:
                os.close(folder)
        _check(_libc.syscall(446, ruleset, 0))
    finally:
        os.close(ruleset)
    return abi


def unshare(flags: int) -> None:
    """Leave namespaces of the caller (`NAMESPACES`, `NEW_USER`); must be single-threaded. Raises OSError."""
    _check(_libc.unshare(flags))


def private_root(paths: Sequence[str]) -> None:
    """In a mount namespace of its own: a root with these paths, read-only, and an empty current folder beside them.

    Raises OSError.
    """
    base = "/tmp"
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    sources = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in _outermost(paths)]
    _mount("tmpfs", base, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path, source in sources:
        target = Path(base + path)
        if stat.S_ISDIR(os.fstat(source).st_mode):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        _mount(f"/proc/self/fd/{source}", str(target), None, _MS_BIND | _MS_REC)
        os.close(source)
    work = free_name(Path(base))
    (Path(base) / work).mkdir()
    read_only = struct.pack("=QQQQ", 1 | 2, 0, 0, 0)  # MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID
    _check(_libc.syscall(442, -100, base.encode(), 0x8000, read_only, len(read_only)))
    os.chdir(base)
    _check(_libc.syscall({"x86_64": 155, "aarch64": 41}[platform.machine()], b".", b"."))
    _check(_libc.umount2(b".", 2))  # the old root, which pivot_root left on top
    os.chdir(f"/{work}")


def free_name(folder: Path) -> str:
    """A name that nothing in a folder has: one of the paths that stay readable may be called like any fixed one."""
    return next(name for name in ("empty" + "_" * more for more in count()) if not (folder / name).exists())


def _outermost(paths: Sequence[str]) -> list[str]:
    """The paths that exist, without those below another one."""
    kept: list[str] = []
    for path in sorted({path.rstrip("/") for path in paths if Path(path).exists()}):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def fork() -> int:
    """fork(2) without what `os.fork` does around it: renewing locks and threads that a single-threaded parent does not have
    touches 190 pages, which then have to be copied (measured: 0.6 of 1.4 ms). Raises OSError.
    """
    return _check(_python.fork())


def drop_capabilities() -> None:
    """Empty every capability set of this process. Raises OSError."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _check(_libc.capset(header, none))


def die_with_parent() -> None:
    """SIGKILL when the process that forked this one ends; capabilities and user id must not change afterwards."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0))


def not_dumpable() -> None:
    """No core file, and no tracing by processes of the same user."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    arguments = (text.encode() if text is not None else None for text in (source, target, kind))
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() if data else None))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _for(number: int, *body: bytes) -> list[bytes]:
    """A test for one call: what falls off the end of the body is refused."""
    return [_jump(0x15, number, 0, len(body) + 1), *body, _statement(0x06, _ERRNO | _EPERM)]


def _load(argument: int, half: int = 0) -> bytes:
    return _statement(0x20, 16 + 8 * argument + 4 * half)


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, true: int, false: int) -> bytes:
    return struct.pack("=HBBI", code, true, false, value)


_ALLOWED_IT = _statement(0x06, _ALLOW)
