"""Run by `test_layers` in a process of its own: take layers away as a container or an old kernel would, then use a sandbox.

    python tests/sandbox/lockdown.py [nobody] [no-namespaces] [no-landlock] [no-seccomp] [full] [unsafe] [threats]

Prints JSON: the start-up line, or the refusal, and each threat whose verdict is wrong. x86_64 only.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from build.bench.hostile import ESCAPED, THREATS
from build.sandbox import Limits, Program, Sandbox, SandboxError, kernel

CALLS = {"no-namespaces": [(272, 1), (165, 1), (308, 1)], "no-landlock": [(444, 38)], "no-seccomp": [(317, 1)]}
SLOW = ("loop", "waiting", "memory bomb", "huge", "regex", "alarm", "C stack")


def forbid(wishes: list[str]) -> None:
    """A seccomp filter of the machine's, so to speak: these calls fail with their error, everything else works."""
    code = [kernel._statement(0x20, 0)]
    for wish in wishes:
        for number, error in CALLS.get(wish, []):
            code += [kernel._jump(0x15, number, 0, 1), kernel._statement(0x06, 0x00050000 | error)]
        if wish == "no-seccomp":  # prctl(PR_SET_SECCOMP)
            code += [kernel._jump(0x15, 157, 0, 3), kernel._statement(0x20, 16), kernel._jump(0x15, 22, 0, 1)]
            code += [kernel._statement(0x06, 0x00050000 | 22), kernel._statement(0x20, 0)]
    code.append(kernel._statement(0x06, 0x7FFF0000))
    kernel.no_new_privileges()
    kernel.seccomp(kernel.Filter(len(code), b"".join(code)))


def main(wishes: list[str]) -> dict[str, object]:
    if "nobody" in wishes and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    if any(wish in CALLS for wish in wishes):
        forbid(wishes)
    limits = Limits(call_cpu_s=0.3, job_cpu_s=2.0, memory_mb=256)
    wrong = []
    try:
        with Sandbox(limits, "full" if "full" in wishes else "available", "unsafe" in wishes) as sandbox:
            line = sandbox.layers.line()
            honest = [Program("def main_solution(x):\n    return x + 1"), ['{"x": 1}']]
            for threat in THREATS if "threats" in wishes else ():
                if not threat.name.startswith(SLOW) and "loop" not in threat.name:
                    (result,) = sandbox.call(Program(threat.code), ['{"x": 1}'])
                    if result.status not in threat.statuses or ESCAPED in (result.value or ""):
                        wrong.append(f"{threat.name}: {result}")
                if sandbox.call(*honest)[0].value != "2":  # type: ignore[arg-type]
                    wrong.append(f"after {threat.name}")
            value = sandbox.call(*honest)[0].value  # type: ignore[arg-type]
    except SandboxError as error:
        return {"refused": str(error)}
    return {"line": line, "value": value, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
