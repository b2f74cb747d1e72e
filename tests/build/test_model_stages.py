"""Stages that ask a model, with a model that says what the test wants: filters, unify, generators, grounding."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from build.core.chat import Completion, Request
from build.core.config import FilterConfig, SamplingConfig, UnifyConfig
from build.core.records import PredictionInstance, Rationale, RawCode, Reject, SampledFunction, UnifiedFunction, Usage
from build.sandbox import Limits, Sandbox
from build.stages.answer import Asking, rationales
from build.stages.difficulty_filter import filter_by_difficulty, merged
from build.stages.sample import sample_pairs
from build.stages.type_filter import filter_by_type, read_label
from build.teachers.trace.grounding import Grounds
from build.unifiers.model import ModelUnifier
from build.unifiers.ready import read_ready
from build.unifiers.sections import SCHEMA_KEYS, read_sections
from build.unifiers.static.unifier import static_functions

GOOD = (Path(__file__).parent / "unified_texts" / "01_plain.md").read_text("utf-8")
DOUBLE = '''
def double(number: int) -> int:
    """Double a number.

    Args:
        number: Any whole number.

    Returns:
        Twice the number.
    """
    return 2 * number
'''


class Scripted:
    """A language model whose answer is a function of the request."""

    name = "scripted"

    def __init__(self, answer: Callable[[Request], str | Completion]) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += requests
        said = [self.answer(request) for request in requests]
        return [Completion(text, usage=Usage(1, 7, 3)) if isinstance(text, str) else text for text in said]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(call_cpu_s=1, job_cpu_s=5)) as made:
        yield made


def raw(content: str, kind: str = "python", name: str = "a") -> RawCode:
    return RawCode(name, "s", f"{name}.py", "MIT", content, kind)  # type: ignore[arg-type]


def sampled(sandbox: Sandbox, content: str = DOUBLE) -> SampledFunction:
    (function,) = (each for each in static_functions(raw(content), sandbox) if isinstance(each, UnifiedFunction))
    (made,) = sample_pairs([function], SamplingConfig(), 0, sandbox, Counter())
    assert isinstance(made, SampledFunction)
    return made


@pytest.mark.parametrize(("right", "reason"), [(0, "too_hard"), (1, ""), (9, ""), (10, "too_easy")])
def test_the_completion_rate_decides_by_execution(sandbox: Sandbox, right: int, reason: str) -> None:
    def complete(request: Request) -> str:
        body = "number + number" if request.sample < right else "number + 1"
        return f"Here:\n```python\ndef double(number):\n    return {body}\n```"

    function, model = sampled(sandbox), Scripted(complete)
    stats: Counter[str] = Counter()
    rules = FilterConfig(difficulty=True, difficulty_low=0.1, difficulty_high=0.9)
    (found,) = filter_by_difficulty([function], rules, model, sandbox, stats)
    assert (found.reason if isinstance(found, Reject) else "") == reason
    assert found == function or reason
    assert len(model.asked) == stats["requests"] == 10 and "return 2" not in model.asked[0].messages[0].content
    assert "`def double(number: int):`" in model.asked[0].messages[0].content


def test_the_type_decides_and_ready_functions_pass() -> None:
    labels = {"one": "Algorithms.", "two": "who knows", "three": "`math-related`"}

    def answer(request: Request) -> str:
        return next(label for name, label in labels.items() if f"# {name}\n" in request.messages[0].content)

    files = [raw(f"# {name}\nx = 1\n", name=name) for name in labels] + [raw("{}", "unified", "ready")]
    stats: Counter[str] = Counter()
    found = list(filter_by_type(files, 60, Scripted(answer), stats))
    assert [each.reason if isinstance(each, Reject) else each.id for each in found] == [
        *("type_algorithms", "type_unclear", "three", "ready")
    ]
    assert stats["requests"] == 3 and stats["type_math-related"] == 1


def test_a_label_that_was_cut_is_named_as_such() -> None:
    model = Scripted(lambda request: Completion("", "length", reasoning="Let me think."))
    (found,) = filter_by_type([raw("x = 1\n")], 60, model, Counter())
    assert isinstance(found, Reject) and found.reason == "cut"


def test_the_last_label_named_counts() -> None:
    assert read_label("Not algorithms, but **Scientific Computation**") == "scientific computation"
    assert read_label("Non reasoning") == "non-reasoning"
    assert read_label("reasoning") == ""


@pytest.mark.parametrize(
    ("completion", "gives"),
    [
        ("def f(x):\n    return x + 1\n", 24),
        ("import math\n\ndef f(x):\n    return math.isqrt(x * x) + 1\n", 24),
        (
            "from __future__ import annotations\nfrom math import *\n\ndef f(x: int) -> int:\n    return isqrt(x * x) + 1\n",
            24,
        ),
        ("STEP = 1\n\ndef helper(x):\n    return x + STEP\n\ndef f(x):\n    return helper(x)\n", 24),
        ("class Box:\n    pass\n\ndef f(x: Box) -> Box:\n    return x + 1\n", 24),
        ("A = 5\n\ndef g(x):\n    return x + A\n\ndef f(x):\n    return g(x) - 4\n", 24),  # names of the program's own
        ("from functools import cache\n\n@cache\ndef f(x):\n    return x + 1\n\nprint(f(1))\nassert False\n", 24),
        ("def f(x):\n    return 0\n\ndef f(x):\n    return x + 1\n\ndef main_solution(x):\n    return -1\n", 24),
        ("x = 9\n\ndef f(x):\n    return x + 1\n", 24),
        ("def g(x):\n    return x", None),
        ("def f(:", None),
        (f"def f(x):\n    return {'1+' * 3000}1", None),
    ],
)
def test_a_completion_brings_its_imports_and_helpers_and_changes_nothing_else(
    completion: str, gives: int | None
) -> None:
    code = (
        "A = 2\n\ndef g(x):\n    return x * A\n\ndef f(x):\n    return A\n\ndef main_solution(x):\n    return g(f(x))\n"
    )
    made = merged(code, "f", completion)
    if made is None or gives is None:
        assert made is gives
        return
    space: dict[str, Any] = {}
    exec(compile(made, "made", "exec"), space)  # our own code
    assert space["main_solution"](11) == gives and space["A"] == 2


@pytest.mark.parametrize(
    "answer",
    [
        "```python\nimport numpy\n```\nSo:\n```python\ndef third(number):\n    return number * 0.3333333 + 0.1\n```\n"
        "Use:\n```\nthird(3)\n```",
        "```python\nfrom fractions import Fraction\n\ndef part(n):\n    return Fraction(n, 3)\n\ndef third(number):\n"
        "    return float(part(number)) + 0.1000001\n```",
    ],
)
def test_a_completion_is_right_by_the_papers_comparison(sandbox: Sandbox, answer: str) -> None:
    content = DOUBLE.replace("def double(number: int) -> int", "def third(number: int) -> float").replace(
        "2 * number", "number / 3 + 0.1"
    )
    function = sampled(
        sandbox, content.replace("Double a number", "A third").replace("Twice the number", "A third of it")
    )
    rules = FilterConfig(difficulty=True, difficulty_high=0.99)
    (found,) = filter_by_difficulty([function], rules, Scripted(lambda request: answer), sandbox, Counter())
    assert isinstance(found, Reject) and found.reason == "too_easy"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("    return best", "    raise ValueError"), "no_return"),
        (GOOD.replace("    best = None", "    best = numbers[99]"), "trial_no_pair"),
        (GOOD.replace("    best = None", "    import torch_of_nowhere"), "trial_no_pair"),
        (GOOD.replace("import random\n", "import nowhere_to_be_found\n"), "trial_load_error"),
        (GOOD.replace("random.randint(", "max("), "trial_one_pair"),
        (GOOD.replace("    best = None", f"    best = {'(' * 500}1{')' * 500}"), "unparsable_code"),
        (Completion(GOOD[:200], "length"), "cut"),
        (Completion("", failure="http_400"), "http_400"),
    ],
)
def test_what_stays_useless_is_a_reject_after_one_repair_turn(
    sandbox: Sandbox, text: str | Completion, reason: str
) -> None:
    model = Scripted(lambda request: text)
    (found,) = ModelUnifier(UnifyConfig(by="model"), model, sandbox, 0).from_files([raw(DOUBLE)], Counter())
    assert isinstance(found, Reject) and found.reason == reason
    turns = [len(request.messages) for request in model.asked]
    assert turns == ([1] if reason == "http_400" else [1, 3])


def test_structured_answers_are_asked_for_with_a_schema(sandbox: Sandbox) -> None:
    parts = read_sections(GOOD)
    answer = json.dumps(dict(zip(SCHEMA_KEYS, (parts.code, parts.description, parts.generator, parts.query))))
    model = Scripted(lambda request: answer)
    (found,) = ModelUnifier(UnifyConfig(by="model", structured=True), model, sandbox, 0).from_files(
        [raw(DOUBLE)], Counter()
    )
    assert isinstance(found, UnifiedFunction) and found.code == parts.code
    assert set(json.loads(model.asked[0].schema)["required"]) == set(SCHEMA_KEYS)


def test_an_endless_structured_answer_is_a_reject(sandbox: Sandbox) -> None:
    model = Scripted(lambda request: "[" * 100_000)
    (found,) = ModelUnifier(UnifyConfig(by="model", structured=True), model, sandbox, 0).from_files(
        [raw(DOUBLE)], Counter()
    )
    assert isinstance(found, Reject) and found.reason == "bad_json"


def test_ready_functions_get_a_generator_or_stay_as_they_are(sandbox: Sandbox) -> None:
    def write(request: Request) -> str:
        if "x + 1" in request.messages[0].content:
            return "```python\nimport random\n\ndef input_generator():\n    return {'x': random.randint(0, 9)}\n```"
        return "```python\ndef input_generator():\n    return {'y': 1}\n```"

    rows = [
        {"problem_description": "q", "io_requirements": "x", "refcode": f"def main_solution(x):\n    return x + {n}\n"}
        for n in (1, 2)
    ]
    files = [raw(json.dumps(row), "unified", f"r{number}") for number, row in enumerate(rows)]
    stats: Counter[str] = Counter()
    rules = UnifyConfig(write_generators=True)
    ready = [read_ready(each) for each in files]
    found = ModelUnifier(rules, Scripted(write), sandbox, 0).with_generators(ready, stats)
    assert [isinstance(each, UnifiedFunction) and bool(each.generator) for each in found] == [True, False]
    assert stats["generators_written"] == 1 and stats["generator_trial_no_pair"] == 1


def test_stated_values_are_checked_against_the_run(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
    grounds = Grounds(sandbox, limit=0.3)
    said = "First `total` is 0. Then total = 1. Then total becomes 3. Later total is now 99. And other = 5."
    report = grounds.check(said, code, '{"n": 4}')
    assert [one.status for one in report.sentences] == ["confirmed", "confirmed", "confirmed", "refuted", "refuted"]
    assert grounds.refused(report)
    assert "total is now 99" in grounds.refused(grounds.check("total is now 99. total = 1.", code, '{"n": 4}'))
    assert Grounds(sandbox).refused(grounds.check("total is now 99.", code, '{"n": 4}')) == ""
    assert "6" in grounds.told(code, '{"n": 4}')
    assert grounds.check(f"total = {'[' * 100_000}", code, '{"n": 4}').count("confirmed") == 0


@pytest.mark.parametrize(("said", "kept"), [("total is now 6.", True), ("total is now 99.", False)])
def test_an_answer_that_the_trace_refutes_is_dropped_where_the_recipe_says_so(
    sandbox: Sandbox, said: str, kept: bool
) -> None:
    function = sampled(sandbox)
    pair = function.pairs[0]
    instance = PredictionInstance("i", pair.id, function.function.id, "output", pair.input, pair.output)
    name, value = next(iter(json.loads(pair.input).items()))
    text = f"{name} is now {json.dumps(value if kept else [said])}.\n\n" + f'{{"output": {pair.output}}}'
    stats: Counter[str] = Counter()
    asking = Asking(grounding="reject", refuted=0.0)
    functions = {function.function.id: function}
    (found,) = rationales([instance], functions, Scripted(lambda request: text), sandbox, asking, stats)
    assert isinstance(found, Rationale) if kept else isinstance(found, Reject) and found.reason == "refuted"
    assert stats["sentences_confirmed" if kept else "sentences_refuted"] == 1


def test_a_function_whose_completions_all_failed_is_not_called_hard(sandbox: Sandbox) -> None:
    def answer(request: Request) -> str | Completion:
        if request.sample < 8:
            return Completion("", failure="http_400")
        return "```python\ndef double(number):\n    return number + number\n```" if request.sample == 8 else "no"

    function, rules = sampled(sandbox), FilterConfig(difficulty=True)
    (kept,) = filter_by_difficulty([function], rules, Scripted(answer), sandbox, Counter())
    assert kept == function  # one of the two that were answered
    model = Scripted(lambda request: Completion("", failure="http_400"))
    (found,) = filter_by_difficulty([function], rules, model, sandbox, Counter())
    assert isinstance(found, Reject) and found.reason == "http_400"
