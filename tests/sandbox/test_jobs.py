"""The three jobs on well-behaved and on plainly broken programs."""

import subprocess
import sys

import psutil  # type: ignore[import-untyped]
import pytest

from build.sandbox import DrawRules, Limits, Program, Sandbox
from build.sandbox.process import ROOT

PLUS_ONE = Program("def main_solution(x):\n    return x + 1")
DIE = "import random\ndef input_generator():\n    return {'x': random.randint(0, 5)}"


def body(*lines: str) -> Program:
    return Program("def main_solution(x):\n" + "\n".join(f"    {line}" for line in lines))


def test_results_come_in_the_order_of_the_inputs_in_both_replicas(sandbox: Sandbox) -> None:
    inputs = [f'{{"x": {number}}}' for number in range(5)]
    for replica in (1, 2):
        assert [result.value for result in sandbox.call(PLUS_ONE, inputs, replica)] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("program", "status", "detail"),
    [
        (body("return 1 // x"), "exception", "ZeroDivisionError: integer division or modulo by zero"),
        (body("return {1, 2}.__iter__()"), "not_data", "not_json: set_iterator"),
        (body("return float('nan')"), "not_data", "not_finite: nan"),
        (body("return 10 ** 5000"), "not_data", "too_large"),
        (body("return '\\ud800'"), "not_data", "not_unicode"),
        (Program("def main_solution(x) return x"), "load_error", "SyntaxError"),
        (Program("import no_such_module\ndef main_solution(x): return x"), "load_error", "ModuleNotFoundError"),
        (Program("def other(x): return x"), "load_error", "no function main_solution"),
        (Program("x = 1\0"), "load_error", ""),
    ],
)
def test_what_goes_wrong_has_a_status_and_a_reason(
    sandbox: Sandbox, program: Program, status: str, detail: str
) -> None:
    (result,) = sandbox.call(program, ['{"x": 0}'])
    assert (result.status, result.value) == (status, None)
    assert detail in result.detail


def test_a_wrong_keyword_is_an_exception(sandbox: Sandbox) -> None:
    assert sandbox.call(PLUS_ONE, ['{"y": 1}'])[0].detail.startswith("TypeError")


def test_module_state_and_arguments_are_fresh_in_every_call(sandbox: Sandbox) -> None:
    program = Program("seen = []\ndef main_solution(x):\n    seen.append(len(x))\n    x.append(0)\n    return seen")
    assert [result.value for result in sandbox.call(program, ['{"x": [1]}'] * 3)] == ["[1]"] * 3


def test_modules_that_a_call_takes_away_are_back_in_the_next(sandbox: Sandbox) -> None:
    """Else the verdict on an answer would depend on the answers that are judged with it."""
    code = "import ctypes, sys\ndef main_solution(x):\n    for name in list(sys.modules):\n        sys.modules[name] = None\n"
    results = sandbox.call(Program(f"{code}    return x\n"), ['{"x": 1}', '{"x": 2}', '{"x": 3}'])
    assert [(result.status, result.value) for result in results] == [("ok", "1"), ("ok", "2"), ("ok", "3")]


def test_dataclasses_and_typing_find_their_module(sandbox: Sandbox) -> None:
    program = Program(
        "from __future__ import annotations\nfrom dataclasses import dataclass, asdict\n"
        "from typing import get_type_hints\n"
        "@dataclass\nclass P:\n    x: int\ndef main_solution(x):\n    get_type_hints(P)\n    return asdict(P(x))"
    )
    assert sandbox.call(program, ['{"x": 3}'])[0].value == '{"x": 3}'


def test_a_call_over_its_cpu_limit_costs_only_itself(sandbox: Sandbox) -> None:
    program = body("while x == 1:", "    pass", "return x")
    results = sandbox.call(program, ['{"x": 0}', '{"x": 1}', '{"x": 2}'])
    assert [result.status for result in results] == ["ok", "timeout", "ok"]


def test_each_trace_of_a_job_is_that_of_a_job_of_its_own(sandbox: Sandbox) -> None:
    program = body("seen.append(x)", "total = 0", "for n in range(x):", "    total += n // len(seen)", "return total")
    program = Program("seen = []\n" + program.code)
    inputs = ['{"x": 3}', '{"x": "a"}', '{"x": 5}', '{"y": 1}']
    together = sandbox.traces(program, inputs)
    assert [trace.result.status for trace in together] == ["ok", "exception", "ok", "exception"]
    apart = [sandbox.trace(program, given) for given in inputs]
    assert [(trace.result.value, trace.result.detail, trace.events) for trace in together] == [
        (trace.result.value, trace.result.detail, trace.events) for trace in apart
    ]
    assert sandbox.traces(program, []) == []


@pytest.mark.parametrize(
    ("line", "status"), [("while True: pass", "timeout"), ("import os; os._exit(0)", "killed")], ids=["loop", "exit"]
)
def test_a_watched_call_that_ends_its_process_costs_only_itself(sandbox: Sandbox, line: str, status: str) -> None:
    program = body("if x == 1:", f"    {line}", "return x")
    traces = sandbox.traces(program, ['{"x": 0}', '{"x": 1}', '{"x": 2}'])
    assert [trace.result.status for trace in traces] == ["ok", status, "ok"]
    assert traces[0].events and traces[2].events


def test_a_program_that_does_not_load_has_a_trace_that_says_so(sandbox: Sandbox) -> None:
    for code in ("def main_solution(x:", "raise ValueError('no')", "x = 1"):
        (trace,) = sandbox.traces(Program(code), ['{"x": 1}'])
        assert trace.result.status == "load_error" and trace.result.detail and not trace.events


def test_many_large_results_are_all_delivered() -> None:
    with Sandbox(Limits(result_bytes=100_000)) as small:  # 17 results are more than one child may send
        results = small.call(body("return 'a' * 90_000"), [f'{{"x": {number}}}' for number in range(60)])
    assert {result.status for result in results} == {"ok"}


def test_draws_stop_at_the_distinct_pairs_and_count_duplicates(sandbox: Sandbox) -> None:
    draws = sandbox.draw(PLUS_ONE, DIE, DrawRules(distinct=6), seed=3)
    assert sorted(draws.pairs) == [(f'{{"x": {number}}}', str(number + 1)) for number in range(6)]
    assert draws.draws == 6 + draws.rejected["duplicate"]


def test_the_same_seed_draws_the_same_and_another_seed_other_inputs(sandbox: Sandbox) -> None:
    generator = "import random\ndef input_generator():\n    return {'x': random.random()}"
    first, again, other = (sandbox.draw(PLUS_ONE, generator, DrawRules(), seed).pairs for seed in (1, 1, 2))
    assert first == again != other


def test_what_the_program_draws_does_not_move_the_generator(sandbox: Sandbox) -> None:
    greedy = Program("import random\ndef main_solution(x):\n    random.seed(0)\n    return x + 1")
    assert sandbox.draw(greedy, DIE, DrawRules(), 5).pairs == sandbox.draw(PLUS_ONE, DIE, DrawRules(), 5).pairs


@pytest.mark.parametrize(
    ("generated", "reason"),
    [
        ("[1]", "not_a_dict"),
        ("{'x': float('inf')}", "not_finite"),
        ("{'x': b''}", "not_json"),
        ("{'x': 'a' * 100}", "input_too_large"),
        ("{'x': 1 / 0}", "generator_exception"),
        ("{'x': None}", "none_output"),
        ("{'x': {}}", "exception"),
        ("{'x': 3}", "output_too_large"),
    ],
)
def test_every_lost_draw_has_its_reason(sandbox: Sandbox, generated: str, reason: str) -> None:
    program = Program("def main_solution(x):\n    return None if x is None else [x + 1] * 20")
    draws = sandbox.draw(program, f"def input_generator():\n    return {generated}", DrawRules(draws=2), 1)
    lost = {reason: 2} if reason.startswith(("not", "gen")) else {reason: 1, "duplicate": 1}
    assert (draws.pairs, draws.draws, draws.rejected, draws.failure) == ((), 2, lost, "")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("x.get(1)", 0),  # JSON has the key "1"
        ("sum(int(key) for key in x)", 1),
        ("{int(key): item for key, item in x.items()}[1]", 1),
        ("len(x)", 1),
        ("[isinstance(key, str) for key in x]", 0),
    ],
)
def test_an_input_that_json_changes_counts_only_where_that_changes_nothing(
    sandbox: Sandbox, body: str, kept: int
) -> None:
    program = Program(f"def main_solution(x):\n    return {body} or 0")
    draws = sandbox.draw(program, "def input_generator():\n    return {'x': {1: 5}}", DrawRules(draws=1), 1)
    assert len(draws.pairs) == kept and draws.rejected == ({} if kept else {"input_changed": 1})


def test_sets_and_tuples_of_a_generator_are_lists_for_every_run(sandbox: Sandbox) -> None:
    generator = "KEPT = [(1, 2)]\ndef input_generator():\n    return {'x': KEPT, 'y': {3, 1, 20}}"
    same = Program("def main_solution(x, y):\n    x.append(len(x))\n    return [max(y), sorted(y), x[0][1], len(x)]")
    draws = sandbox.draw(same, generator, DrawRules(draws=3), 1)
    assert draws.pairs == (('{"x": [[1, 2]], "y": [1, 3, 20]}', "[20, [1, 3, 20], 2, 2]"),)
    assert draws.rejected == {"duplicate": 2}  # the generator's own objects stay as they are
    other = Program("def main_solution(x, y):\n    return [type(x[0]) is tuple, 1]")
    assert sandbox.draw(other, generator, DrawRules(draws=1), 1).rejected == {"input_changed": 1}


def test_numpy_s_numbers_are_numbers_in_both_tiers(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    for importing in ("import numpy as np", "import importlib\nnp = importlib.import_module('num' + 'py')"):
        program = Program(
            f"{importing}\ndef main_solution(x):\n"
            "    return [np.int64(x), np.float64(0.5), {np.int8(3): np.bool_(True)}, np.arange(3), np.array(x)]"
        )
        (result,) = sandbox.call(program, ['{"x": 7}'])
        assert result.value == '[7, 0.5, {"3": true}, [0, 1, 2], 7]'


def test_the_generator_sees_the_names_of_the_program(sandbox: Sandbox) -> None:
    program = Program("SIZES = [7]\ndef main_solution(x):\n    return x")
    assert sandbox.draw(program, "def input_generator():\n    return {'x': SIZES[0]}", DrawRules(draws=1), 1).pairs == (
        ('{"x": 7}', "7"),
    )


def test_a_slow_draw_is_lost_and_drawing_goes_on(sandbox: Sandbox) -> None:
    program = body("while x == 1:", "    pass", "return x")
    draws = sandbox.draw(program, DIE, DrawRules(distinct=5, draws=40), seed=1)
    assert len(draws.pairs) >= 3
    assert draws.rejected["timeout"] >= 1


def test_a_slow_input_is_tried_once(sandbox: Sandbox) -> None:
    program = body("while x == 1:", "    pass", "return None")
    draws = sandbox.draw(program, DIE, DrawRules(draws=60), seed=1)
    assert (draws.draws, draws.failure, draws.rejected["timeout"]) == (60, "", 1)


@pytest.mark.parametrize(("fast", "failure"), [(0, "timeout"), (3, "")])
def test_drawing_is_given_up_after_a_few_slow_draws(sandbox: Sandbox, fast: int, failure: str) -> None:
    program = body(f"while x >= {fast}:", "    pass", "return x")
    generator = "import random\ndef input_generator():\n    return {'x': random.randint(0, 9)}"
    with Sandbox(Limits(call_cpu_s=0.1, job_cpu_s=60.0)) as patient:
        draws = patient.draw(program, generator, DrawRules(), seed=2)
    assert draws.failure == failure and draws.rejected["timeout"] == 3 and bool(draws.pairs) == bool(fast)


@pytest.mark.parametrize("x", ["10", "100000000", "-1", "-2"])
def test_a_limit_of_lines_is_the_same_on_every_machine(sandbox: Sandbox, x: str) -> None:
    caught = [
        "if x < 0:",
        "    try:",
        "        while x == -1: x = x",
        "        raise OSError",
        "    except BaseException: x = 5",
    ]
    program = body(*caught, "y = 0", "while y < x:", "    y += 1", "return y")
    (result,) = sandbox.call(program, [f'{{"x": {x}}}'], lines=1000)
    expected = {"10": ("ok", "10"), "-2": ("ok", "5")}.get(x, ("timeout", None))
    assert (result.status, result.value) == expected
    assert result.status == "ok" or result.detail == "over 1000 lines"


def test_draws_over_a_limit_of_lines_are_passed_over(sandbox: Sandbox) -> None:
    program = body("y = 0", "while y < x * 1000: y += 1", "return y")
    draws = sandbox.draw(program, DIE, DrawRules(draws=60, distinct=6), seed=1, lines=3500)
    assert {pair[1] for pair in draws.pairs} == {"0", "1000", "2000", "3000"}
    assert draws.rejected["timeout"] == 2 and not draws.failure


def test_a_generator_that_ends_its_process_ends_the_job(sandbox: Sandbox) -> None:
    draws = sandbox.draw(PLUS_ONE, "import os\ndef input_generator():\n    os._exit(0)", DrawRules(), 1)
    assert (draws.pairs, draws.failure, draws.rejected) == ((), "killed", {"killed": 3})


def test_a_parent_that_was_killed_is_replaced(sandbox: Sandbox) -> None:
    sandbox.call(PLUS_ONE, ['{"x": 1}'])
    for process in psutil.Process().children():
        process.kill()
    assert sandbox.call(PLUS_ONE, ['{"x": 1}'])[0].value == "2"


def test_an_interrupted_job_is_not_taken_for_the_next_one(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    sandbox.call(PLUS_ONE, ['{"x": 1}'])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("build.sandbox.process._checked", interrupt)
        sandbox.call(PLUS_ONE, ['{"x": 5}'])
    assert sandbox.call(PLUS_ONE, ['{"x": 1}'])[0].value == "2"


def test_nothing_is_left_when_a_sandbox_closes() -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    descriptors = psutil.Process().num_fds()
    with Sandbox() as sandbox:
        sandbox.call(PLUS_ONE, ['{"x": 1}'])
        sandbox.call(PLUS_ONE, ['{"x": 1}'], replica=2)
        assert psutil.Process().num_fds() > descriptors
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert psutil.Process().num_fds() == descriptors


def test_nothing_is_left_when_the_user_of_a_sandbox_is_killed() -> None:
    script = (
        "from build.sandbox import Program, Sandbox\nsandbox = Sandbox()\nprint(sandbox.layers.line(), flush=True)\n"
    )
    loop = "sandbox.call(Program('def main_solution(x):\\n    while True:\\n        pass'), ['{\"x\": 1}'])"
    user = subprocess.Popen([sys.executable, "-c", script + loop], stdout=subprocess.PIPE, cwd=ROOT)
    assert user.stdout
    user.stdout.readline()
    family = psutil.Process(user.pid).children(recursive=True)
    assert family
    user.kill()
    user.wait()
    user.stdout.close()
    assert psutil.wait_procs(family, timeout=10)[1] == []
