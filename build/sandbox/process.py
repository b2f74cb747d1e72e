"""Starts a warm parent, gives it jobs, and checks everything that comes back.

The child's bytes are foreign: each message must carry the nonce of its job and fit the schema of its kind, values must
be canonical JSON; from the first byte that does not fit, nothing of that child is believed any more.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from build.sandbox import wire
from build.sandbox.codec import decode, encode
from build.sandbox.contract import CallStatus, Layers, Limits, SandboxError
from build.sandbox.replicas import HASH_SEEDS

ROOT = str(Path(__file__).resolve().parents[2])

# The packages are made by hand, so that their __init__ (and with it pydantic) stays out of the warm parent. While our
# modules load, every module gets a copy of the builtins, so that patched builtins do not reach them; then they leave
# sys.modules, so that foreign code that patches `json` patches another one.
_BOOTSTRAP = """
import builtins, importlib.machinery as machinery, json.decoder, sys, types
root, config = sys.argv[1:]
copy = dict(vars(builtins))
class Loader(machinery.SourceFileLoader):
    def exec_module(self, module):
        module.__dict__["__builtins__"] = copy
        super().exec_module(module)
def forget():
    for name in list(sys.modules):
        if name.split(".")[0] in ("build", "json"):
            del sys.modules[name]
    sys.path_importer_cache.clear()
forget()
hook = machinery.FileFinder.path_hook((machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES), (Loader, [".py"]))
sys.path_hooks.insert(0, hook)
for name, folder in (("build", "/build"), ("build.sandbox", "/build/sandbox")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [root + folder]
from build.sandbox import parent
sys.path_hooks.remove(hook)
forget()
sys.argv[:] = [""]
parent.main(parent.wire.unpack(config))
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: cut off by its parent (wall, output, orphan) or not believed (forged); else signal or exit."""

    cut: str
    signal: int
    exit: int
    cpu_s: float
    counters: list[int]
    under_way: str = ""  # the input of its last call, as canonical JSON, where a draw job noted it


@with_config(ConfigDict(extra="forbid", strict=True))
class _Result(TypedDict):
    status: CallStatus
    value: str | None
    detail: str
    cpu_s: float


@with_config(ConfigDict(extra="forbid", strict=True))
class _Pair(TypedDict):
    input: str
    output: str


@with_config(ConfigDict(extra="forbid", strict=True))
class _Failure(TypedDict):
    failure: str
    detail: str


@with_config(ConfigDict(extra="forbid", strict=True))
class _Finish(TypedDict):
    exceptions: dict[str, int]


@with_config(ConfigDict(extra="forbid", strict=True))
class _Trace(TypedDict):
    result: _Result
    events: list[dict[str, Any]]
    truncated: bool


_SCHEMAS: dict[str, TypeAdapter[Any]] = {
    "call": TypeAdapter(_Result),
    "draw": TypeAdapter(_Pair | _Failure | _Finish),
    "trace": TypeAdapter(_Trace),
}


class WarmParent:
    """One warm interpreter of a tier and a replica. Raises `SandboxError` when it does not start or breaks."""

    def __init__(self, tier: str, replica: int, limits: Limits) -> None:
        config = json.dumps({"tier": tier, "memory_mb": limits.memory_mb, "file_bytes": limits.file_bytes})
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-c", _BOOTSTRAP, ROOT, config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(tier, replica),
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._commands, self._replies = self._process.stdin.fileno(), self._process.stdout.fileno()
        frame = wire.receive(self._replies)
        if frame is None:
            errors = self._process.stderr.read().decode("utf-8", "replace").strip().split("\n")
            self.close()
            raise SandboxError(f"the sandbox's {tier} interpreter does not start: {errors[-1] or 'no message'}")
        hello = json.loads(frame[1])
        self.layers = Layers(hello["active"], hello["missing"])
        self.threads: int = hello["threads"]

    def close(self) -> None:
        """End the process and its child. It goes by itself when its pipe closes; a moment later it is made to."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, job: Mapping[str, Any]) -> Iterator[dict[str, Any] | Ending]:
        """The child's messages as they come, each checked, and at last an `Ending`."""
        nonce = secrets.token_bytes(16)
        schema = _SCHEMAS[job["kind"]]
        waiting = bytearray()
        forged = False
        try:
            wire.send(self._commands, b"J", wire.pack({**job, "nonce": nonce.hex()}))
            while frame := wire.receive(self._replies):
                kind, payload = frame
                if kind == b"E":
                    ending = Ending(**json.loads(payload))
                    forged = forged or waiting[:16] != nonce[: len(waiting)]  # else a message that was cut off
                    known = _canonical(ending.under_way.encode("latin-1"))
                    yield replace(ending, cut="forged", signal=0) if forged else replace(ending, under_way=known)
                    return
                if forged:
                    continue
                waiting += payload
                while len(waiting) >= 20:
                    if waiting[:16] != nonce:
                        forged = True
                        break
                    end = 20 + int.from_bytes(waiting[16:20], "big")
                    if len(waiting) < end:
                        break
                    message = _checked(schema, bytes(waiting[20:end]))
                    if message is None:
                        forged = True
                        break
                    del waiting[:end]
                    yield message
        except OSError as error:
            raise SandboxError(f"a sandbox interpreter broke ({error}); run again") from error
        raise SandboxError("a sandbox interpreter ended unexpectedly; run again")


def _checked(schema: TypeAdapter[Any], payload: bytes) -> dict[str, Any] | None:
    """The message, or None when it is not one: wrong fields or types, or a value that is no canonical JSON."""
    try:
        message: dict[str, Any] = schema.validate_json(payload)
        texts = [message.get("input"), message.get("output"), message.get("value")]
        if "result" in message:
            texts.append(message["result"]["value"])
        for text in texts:
            if text is not None and encode(decode(text)) != text:
                return None
        result = message.get("result", message)
        if "status" in result and (result["status"] == "ok") != (result["value"] is not None):
            return None
    except (ValidationError, ValueError, RecursionError):
        return None
    return message


def _canonical(text: bytes) -> str:
    """The text when it is canonical JSON, else ""."""
    try:
        return text.decode() if text and encode(decode(text.decode())) == text.decode() else ""
    except ValueError:
        return ""


def _environment(tier: str, replica: int) -> dict[str, str]:
    """All that foreign code can see of an environment. Threads of BLAS and pyarrow would not survive a fork; a large parent
    keeps its memory in huge pages, of which a fork copies less.
    """
    huge = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if tier == "heavy" else {}
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PYTHONHASHSEED": str(HASH_SEEDS[replica]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",
        "PATH": os.defpath,
        "MPLBACKEND": "agg",
        "LOKY_MAX_CPU_COUNT": "1",  # joblib's n_jobs=-1: no threads then
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        **dict.fromkeys(threads, "1"),
        **huge,
    }
