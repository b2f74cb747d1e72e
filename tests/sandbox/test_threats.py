"""Every class of attack and accident gets its verdict and reaches nothing, and the next job on its worker succeeds."""

import os
import socket
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest

from build.bench.hostile import ESCAPED, THREATS, Threat
from build.sandbox import DrawRules, Limits, Program, Sandbox
from build.sandbox.codec import encode

HONEST = Program("def main_solution(x):\n    return x + 1")


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


@pytest.fixture(scope="module")
def target() -> Iterator[Sandbox]:
    """A sandbox of its own, started while this process knows things that must stay outside."""
    os.environ["SECRET_TOKEN"] = "EXPECTED-ANSWER"
    try:
        with Sandbox(Limits(call_cpu_s=0.3, job_cpu_s=2.0, memory_mb=256)) as sandbox:
            yield sandbox
    finally:
        del os.environ["SECRET_TOKEN"]


def family() -> int:
    return len(psutil.Process().children(recursive=True))


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_a_hostile_program_gets_its_verdict_and_leaves_the_worker_in_order(
    target: Sandbox, listener: socket.socket, threat: Threat
) -> None:
    port = listener.getsockname()[1]
    given = encode({"x": port if "loopback" in threat.name else 1})
    target.call(HONEST, ['{"x": 1}'])
    before = family()
    (result,) = target.call(Program(threat.code), [given])
    assert result.status in threat.statuses, result
    assert ESCAPED not in (result.value or "")
    if result.status == "ok":
        assert result.value == threat.value
    assert len(result.detail) < 400
    assert family() == before
    assert target.call(HONEST, ['{"x": 1}'])[0].value == "2"
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_a_hostile_generator_gives_no_pair_but_honest_ones(target: Sandbox, threat: Threat) -> None:
    generator = f"{threat.code}\ndef input_generator():\n    main_solution(1)\n    return {{'x': 1}}"
    draws = target.draw(HONEST, generator, DrawRules(draws=1), seed=1)
    assert draws.pairs in ((), (('{"x": 1}', "2"),))
    assert target.draw(HONEST, "def input_generator():\n    return {'x': 5}", DrawRules(draws=1), 1).pairs == (
        ('{"x": 5}', "6"),
    )


def test_a_trace_of_a_hostile_program_is_a_result_too(target: Sandbox) -> None:
    for name, status in (("os._exit(0)", "killed"), ("endless loop", "timeout"), ("fork bomb", "exception")):
        (threat,) = (threat for threat in THREATS if threat.name == name)
        assert target.trace(Program(threat.code), '{"x": 1}').result.status == status


def test_a_forged_answer_is_judged_like_any_other_answer(target: Sandbox) -> None:
    """A program may claim what it likes about itself; it never sees what is expected, so it cannot claim that."""
    forged = Program(
        "import sys, os\ndef main_solution(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        emit = frame.f_locals.get('emit')\n        if emit:\n"
        "            emit({'status': 'ok', 'value': '42', 'detail': '', 'cpu_s': 0.0})\n            os._exit(0)\n"
        "        frame = frame.f_back\n    return x"
    )
    (result,) = target.call(forged, ['{"x": 1}'])
    assert result.value in ("42", None)


def test_a_mutated_input_reaches_neither_the_record_nor_the_next_call(target: Sandbox) -> None:
    program = Program("def main_solution(x):\n    x.append(0)\n    return len(x)")
    assert [result.value for result in target.call(program, ['{"x": [1]}', '{"x": [1]}'])] == ["2", "2"]
    draws = target.draw(program, "def input_generator():\n    return {'x': [1]}", DrawRules(draws=1), 1)
    assert draws.pairs == (('{"x": [1]}', "2"),)
