"""Runs the sandbox's jobs without a sandbox, in two ways that `python -m build bench` compares with. Nothing is protected here.

`Unprotected(fresh=True)` starts an interpreter per job, as the released CodeI/O pipeline does; with `pympler` also with that
pipeline's size check and its import, which is most of its price. `Unprotected(fresh=False)` is the floor: one interpreter that
runs every job itself, without fork, limits or checks on what comes back.
"""

import subprocess
import sys
import tempfile
from typing import Any

from build.sandbox import wire
from build.sandbox.api import Sandbox
from build.sandbox.contract import Limits, SandboxError
from build.sandbox.process import ROOT, Ending

_CODE = """
import sys, types
root, *options = sys.argv[1:]
for name, folder in (("build", "/build"), ("build.sandbox", "/build/sandbox"), ("build.bench", "/build/bench")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [root + folder]
from build.bench import bare
bare.main(options)
"""


class Unprotected(Sandbox):
    """The jobs of a `Sandbox`, executed by a plain interpreter: a new one per job (`fresh`) or always the same one."""

    def __init__(
        self, limits: Limits | None = None, fresh: bool = False, pympler: bool = False, real: bool = False
    ) -> None:
        super().__init__(limits)
        self.fresh = fresh
        self.options = ["pympler"] * pympler + ["real"] * real
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
            self._process = None

    def _run(self, job: dict[str, Any], source: str, replica: int) -> list[dict[str, Any] | Ending]:
        if self._process is None:
            command = [sys.executable, "-P", "-s", "-c", _CODE, ROOT, *self.options]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder.name,
            )
        assert self._process.stdin and self._process.stdout
        wire.send(self._process.stdin.fileno(), b"J", wire.pack(job | {"armed": self.fresh}))
        items: list[dict[str, Any] | Ending] = []
        while frame := wire.receive(self._process.stdout.fileno()):
            kind, payload = frame
            message = wire.unpack(payload)
            if kind == b"E":
                items.append(Ending("", 0, 0, **message))
                break
            items.append(message)
        else:
            status = self._process.wait()
            self.close()
            if not self.fresh:
                raise SandboxError(f"the interpreter without a sandbox ended (status {status})")
            items.append(Ending("", max(-status, 0), max(status, 0), 0.01, [0] * 32))
        if self.fresh:
            self.close()
        return items
