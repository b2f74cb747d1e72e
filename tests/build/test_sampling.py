"""The paper's sampling rules, with both processes for real."""

from collections import Counter
from dataclasses import replace

import pytest

from build.core.config import SamplingConfig
from build.core.records import RawCode, RecordedPair, Reject, SampledFunction, UnifiedFunction
from build.sandbox import Limits, Program, Sandbox
from build.stages.sample import sample_pairs
from build.unifiers.ready import read_ready
from tests.build.test_static import NUMBERS, unified

RULES = SamplingConfig(draws=200, distinct=6)


def sample(function: UnifiedFunction, sandbox: Sandbox, rules: SamplingConfig = RULES) -> SampledFunction | Reject:
    return next(iter(sample_pairs([function], rules, 0, sandbox, Counter())))


def written(code: str, generator: str) -> UnifiedFunction:
    return replace(NUMBERS["climb"], id="0" * 20, code=code, generator=generator)  # the id seeds the draws


INTS = "import random\ndef input_generator():\n    return {'x': random.randint(0, 50)}\n"


def test_pairs_are_distinct_and_reproduce(sandbox: Sandbox) -> None:
    sampled = sample(NUMBERS["sum_of_squares"], sandbox)
    assert isinstance(sampled, SampledFunction)
    assert len({pair.input for pair in sampled.pairs}) == len(sampled.pairs) == 6
    results = sandbox.call(Program(sampled.function.code), [pair.input for pair in sampled.pairs])
    assert [result.value for result in results] == [pair.output for pair in sampled.pairs]


def test_the_same_seed_draws_the_same_pairs(sandbox: Sandbox) -> None:
    first, second = (sample(NUMBERS["sum_of_squares"], sandbox) for _ in range(2))
    assert first == second


def test_arguments_are_noted_before_the_call_changes_them(sandbox: Sandbox) -> None:
    sampled = sample(
        written(
            "def main_solution(x):\n    x.sort()\n    return x[0]\n",
            "import random\ndef input_generator():\n    return {'x': [9, random.randint(0, 5)]}\n",
        ),
        sandbox,
    )
    assert isinstance(sampled, SampledFunction)
    assert all(pair.input.startswith('{"x": [9, ') for pair in sampled.pairs)


def test_state_does_not_leak_from_call_to_call(sandbox: Sandbox) -> None:
    code = "seen = []\ndef main_solution(x):\n    seen.append(x)\n    return len(seen)\n"
    sampled = sample(replace(written(code, INTS), unifier="model"), sandbox)
    assert isinstance(sampled, SampledFunction) and {pair.output for pair in sampled.pairs} == {"1"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import random\ndef main_solution(x):\n    return random.random() + x\n", "nondeterministic"),
        ("import time\ndef main_solution(x):\n    return int(time.time()) + x\n", "nondeterministic"),
        ("def main_solution(x):\n    return hash(str(x))\n", "nondeterministic"),
        ("def main_solution(x):\n    return None\n", "few_pairs"),
        ("def main_solution(x):\n    return 1 / 0\n", "few_pairs"),
        ("def main_solution(x):\n    return list(range(100))\n", "few_pairs"),
        ("def main_solution(x):\n    return float('inf')\n", "few_pairs"),
        ("def main_solution(x:\n", "load_error"),
        ("def other(x):\n    return x\n", "load_error"),
        ("def main_solution(x):\n    while True:\n        pass\n", "timeout"),
        ("def main_solution(x):\n    return x // 60\n", "constant_output"),
        ("def main_solution(x):\n    return [x] if x == 50 else x\n", "returns_argument"),
    ],
)
def test_what_is_dropped_and_why(sandbox: Sandbox, code: str, reason: str) -> None:
    dropped = sample(written(code, INTS), sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == reason


GUARDED = """
def main_solution(x):
    if x > LIMIT:
        return -1
    total = 0
    for digit in str(x):
        if digit in "13579":
            total += int(digit)
    return total * 10 + len(str(x))
"""


def test_few_pairs_end_in_an_early_return(sandbox: Sandbox) -> None:
    sampled = sample(written(GUARDED.replace("LIMIT", "35"), INTS), sandbox)
    assert isinstance(sampled, SampledFunction)
    assert len(sampled.pairs) == 6 and sum(pair.output == "-1" for pair in sampled.pairs) == 1 == sampled.early
    assert sampled.branches == (4, 4) and sampled.branch_coverage == 1.0
    dropped = sample(written(GUARDED.replace("LIMIT", "0").replace("-1", "[x, -1]"), INTS), sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == "early_return"
    told = sample(written(GUARDED.replace("LIMIT", "0").replace("-1", "[x + 1]"), INTS), sandbox)
    assert isinstance(told, SampledFunction)  # what it gives there says something
    dropped = sample(written(GUARDED.replace("LIMIT", "0").replace("-1", "x and -1 or x"), INTS), sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == "constant_output"
    dropped = sample(written(GUARDED.replace("x > LIMIT", "x % 50").replace("-1", "x"), INTS), sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == "returns_argument"


@pytest.mark.parametrize(("limit", "is_kept"), [(20, True), (10**6, False)])
def test_functions_whose_branches_are_hardly_taken_are_dropped(sandbox: Sandbox, limit: int, is_kept: bool) -> None:
    inside = "".join(f"        if x % {part} == 0:\n            total += x * {part}\n" for part in (2, 3, 5, 7))
    code = f"def main_solution(x):\n    total = x * x\n    if x > {limit}:\n{inside}    return total\n"
    sampled = sample(written(code, INTS), sandbox)
    assert isinstance(sampled, SampledFunction) is is_kept
    assert is_kept or (isinstance(sampled, Reject) and sampled.reason == "hardly_reached")


def test_nothing_that_is_written_counts_what_was_too_slow(sandbox: Sandbox) -> None:
    code = "def main_solution(x):\n    while x > 98:\n        pass\n    return None\n"
    generator = "import random\ndef input_generator():\n    return {'x': random.randint(0, 100)}\n"
    stats: Counter[str] = Counter()
    (dropped,) = sample_pairs([written(code, generator)], RULES, 0, sandbox, stats)
    assert isinstance(dropped, Reject) and dropped.reason == "few_pairs" and not stats
    assert dropped.detail.endswith("(some over the CPU limit)")


def test_hash_order_is_caught(sandbox: Sandbox) -> None:
    dropped = sample(unified("unstable.py")["pick"], sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == "nondeterministic"


def test_constant_functions_and_trivial_outputs_are_marked(sandbox: Sandbox) -> None:
    sampled = sample(replace(written("def main_solution(x):\n    return 0\n", INTS), unifier="model"), sandbox)
    assert isinstance(sampled, SampledFunction)
    assert sampled.constant and all(pair.trivial for pair in sampled.pairs)


def test_recorded_pairs_are_believed_only_when_they_reproduce(sandbox: Sandbox) -> None:
    row = """{"problem_description": "What is it?", "io_requirements": "x", "funcname": "main_solution",
        "refcode": "import random\\ndef main_solution(x):\\n    return random.random() if x < 0 else x + 1 + 0 / (x - 3)",
        "ios": [{"input": {"x": 1}, "output": 2}, {"input": {"x": 2}, "output": 3}, {"input": {"x": 2}, "output": 9},
                {"input": {"x": 3}, "output": 1}, {"input": [4], "output": 5},
                {"input": {"x": 5}, "output": Infinity}]}"""
    function = read_ready(RawCode("id", "official", "0", "MIT", row, "unified"))
    assert isinstance(function, UnifiedFunction)
    stats: Counter[str] = Counter()
    (sampled,) = sample_pairs([function], RULES, 0, sandbox, stats)
    assert isinstance(sampled, SampledFunction) and len(sampled.pairs) == 2
    names = ("ok", "differs", "exception", "not_data")
    assert [stats[f"recorded_{name}"] for name in names] == [2, 1, 1, 2]


def test_one_unstable_recorded_pair_drops_the_whole_function(sandbox: Sandbox) -> None:
    code = "import random\ndef main_solution(x):\n    return x if x < 9 else random.random()\n"
    recorded = tuple(RecordedPair(f'{{"x": {x}}}', str(x)) for x in (1, 2, 3, 9))
    dropped = sample(replace(NUMBERS["climb"], code=code, generator=None, recorded=recorded), sandbox)
    assert isinstance(dropped, Reject) and dropped.reason == "nondeterministic"


@pytest.mark.parametrize(
    "changes", ['"ios": "not json"', '"ios": 5', '"ios": "5"', '"input_generator": ["x"]', '"refcode": "\\ud800"']
)
def test_odd_official_rows_are_rejects(changes: str) -> None:
    row = (
        '{"problem_description": "What?", "io_requirements": "x", "refcode": "def main_solution(x): return x", '
        + changes
        + "}"
    )
    found = read_ready(RawCode("id", "official", "0", "MIT", row, "unified"))
    assert isinstance(found, Reject)


def test_official_rows_with_nothing_recorded_are_dropped(sandbox: Sandbox) -> None:
    for recorded in ((), (RecordedPair('{"steps": 1}', "5"),)):
        dropped = sample(replace(NUMBERS["climb"], generator=None, recorded=recorded), sandbox)
        assert isinstance(dropped, Reject)
        assert dropped.reason == ("recorded_pairs_fail" if recorded else "no_recorded_pairs")


@pytest.mark.parametrize("source", ["random.Random()", "random.SystemRandom()"])
def test_a_generator_that_draws_otherwise_from_the_same_seed_is_refused(sandbox: Sandbox, source: str) -> None:
    generator = f"import random\ndef input_generator():\n    return {{'x': {source}.randint(0, 10**9)}}\n"
    sampled = sample(replace(written("def main_solution(x):\n    return x + 1\n", generator), unifier="m"), sandbox)
    assert isinstance(sampled, Reject) and sampled.reason == "generator_unseeded"
    seeded = replace(written("def main_solution(x):\n    return x + 1\n", INTS), unifier="m")
    assert isinstance(sample(seeded, sandbox), SampledFunction)


def test_a_function_that_waits_is_given_up_after_a_few_draws() -> None:
    code = "import queue\ndef main_solution(x):\n    return queue.Queue().get()\n"
    with Sandbox(Limits(call_cpu_s=0.1, job_cpu_s=3.0, wall_factor=1.0, wall_slack_s=0.2)) as impatient:
        sampled = sample(written(code, INTS), impatient)
    assert isinstance(sampled, Reject) and sampled.reason == "timeout"  # it took all 200 draws, 0.3 s each


def test_a_load_on_the_machine_makes_no_function_nondeterministic() -> None:
    slow = "    if time.time() > 1.72e9:  # the second process, as if its machine were busy\n        sum(range(15_000_000))\n"
    code = f"import time\ndef main_solution(x):\n{slow}    return x + 1\n"
    with Sandbox(Limits(call_cpu_s=0.2, job_cpu_s=5.0)) as busy:
        assert isinstance(sample(written(code, INTS), busy, SamplingConfig(distinct=2)), SampledFunction)
