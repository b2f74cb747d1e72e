"""The judge that rewards ask: a verifier service where one is named, else a sandbox in this process. Same verdicts.

The environment variable VERIFIER_URL names a service (`python -m build serve`), and so does `use_service`. The judge is one
thread that lives as long as the process: where the kernel offers no namespaces, a sandbox's processes are killed when the
thread that started them ends, and threads of an event loop come and go.
"""

import atexit
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future

from build.client import Client, ServiceError
from build.core.errors import ConfigError
from build.core.records import Verdict
from build.judges import ask_service
from build.sandbox import Program, Sandbox, SandboxError
from build.verify import Check, verify

_REMEMBERED = 4096  # verdicts: several rewards ask about the same completions, and completions repeat themselves
_PATIENCE_AT_START_S = 30.0

_Job = tuple[Sequence[Check], "Future[list[Verdict]]"]
_jobs: "queue.SimpleQueue[_Job | None]" = queue.SimpleQueue()
_starting = threading.Lock()
_thread: threading.Thread | None = None
_service: Client | None = None


def use_service(url: str | None) -> None:
    """Ask the service at `url` from now on; None: the sandbox of this process, or the service that VERIFIER_URL names.

    Judges one answer, so that a judge that does not work is found before a training begins. Raises `ConfigError`.
    """
    global _service
    try:
        _service = Client(url, patience_s=_PATIENCE_AT_START_S) if url else None
        code = f"# {time.monotonic_ns()}: a program of its own, since no remembered verdict may answer\n"
        code += "def main_solution(x):\n    return x\n"
        (verdict,) = judge([Check(Program(code), "input", "{}", "1", '{"input": {"x": 1}}')])
        _service = Client(url) if url else None
    except (ServiceError, SandboxError) as error:
        raise ConfigError(f"{'verifier_url: ' if url else ''}{error}") from error
    if not verdict.correct:
        raise ConfigError(f"the judge calls a right answer wrong ({verdict.status}: {verdict.detail})")


def judge(checks: Sequence[Check]) -> list[Verdict]:
    """The verdicts on some answers. Raises `SandboxError` or `ServiceError` where nobody can judge."""
    return judged(checks).result()


def judged(checks: Sequence[Check]) -> "Future[list[Verdict]]":
    """The verdicts to come. The judging thread is started on first use and ended at exit."""
    global _thread
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_judge_for_ever, name="judge", daemon=True)
            _thread.start()
            atexit.register(_end, _thread)
    future: Future[list[Verdict]] = Future()
    _jobs.put((checks, future))
    return future


def _judge_for_ever() -> None:
    known: OrderedDict[Check, Verdict] = OrderedDict()
    sandbox: Sandbox | None = None
    while (job := _jobs.get()) is not None:
        checks, future = job
        try:
            unknown = list(dict.fromkeys(check for check in checks if check not in known))
            if (service := _service or _service_of_the_environment()) is not None:
                verdicts = ask_service(service, unknown)
            else:
                sandbox = sandbox or Sandbox().__enter__()
                verdicts = verify(unknown, sandbox)
            fresh = dict(zip(unknown, verdicts))
            future.set_result([fresh.get(check) or known[check] for check in checks])
            known |= fresh
            while len(known) > _REMEMBERED:
                known.popitem(last=False)
        except Exception as error:  # it belongs to the caller, who waits for it
            future.set_exception(error)
    if sandbox is not None:
        sandbox.close()


def _service_of_the_environment() -> Client | None:
    url = os.environ.get("VERIFIER_URL")
    return Client(url) if url else None


def _end(judge: threading.Thread) -> None:
    _jobs.put(None)
    judge.join(timeout=10)
