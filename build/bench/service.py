"""Runs the verifier service as its users do, in a process of its own on a free port of this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from build.client import TOKEN_VARIABLE

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Service:
    """A service that listens at `url`."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def running(*options: str, token: str = "") -> Iterator[Service]:
    """A service started with `python -m build serve OPTIONS`; SIGTERM at the end, and what it has is finished."""
    process = subprocess.Popen(
        [sys.executable, "-m", "build", "serve", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, TOKEN_VARIABLE: token, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        told = []
        while (line := process.stdout.readline()) and "listening on " not in line:
            told.append(line)
        if not line:
            raise RuntimeError(f"the service does not start: {''.join(told)}")
        yield Service(line.strip().rpartition(" ")[2], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()
