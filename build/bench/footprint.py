"""Counts what a process and all below it hold and have used, for the measurements of `python -m build bench`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

try:
    import psutil  # type: ignore[import-untyped]
except ImportError:  # the other commands of `python -m build` do without
    psutil = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """Processes, open descriptors, files in the temporary folder, and resident memory."""

    processes: int
    descriptors: int
    files: int
    resident_mb: float


def footprint(pid: int | None = None, below: bool = True) -> Footprint:
    """What a process (this one unless told) holds, with all `below` it."""
    family = _family(pid) if below else [psutil.Process(pid)]
    descriptors, resident, alive = 0, 0, 0
    for process in family:
        try:
            resident += process.memory_info().rss
            alive += 1
            descriptors += process.num_fds()
        except psutil.AccessDenied:  # an interpreter that became another user
            continue
        except psutil.NoSuchProcess:
            continue
    files = sum(1 for _ in Path(tempfile.gettempdir()).glob("codeio-*"))
    return Footprint(alive, descriptors, files, round(resident / 2**20, 1))


def cpu_s(pid: int | None = None) -> float:
    """CPU seconds of a process (this one unless told) and of every process below it, living or reaped."""
    return sum(sum(process.cpu_times()[:4]) for process in _family(pid))


def _family(pid: int | None) -> list["psutil.Process"]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
