"""One judge: reading answers, comparing values, and the six verdicts with real executions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.core.prompts import feedback
from build.core.records import Task
from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.verify import Check, read_answer, verify
from tests.build.test_values import JSON_VALUES

DOUBLE = Program(
    "def main_solution(x):\n"
    "    if x == 13:\n        raise ValueError('unlucky')\n"
    "    while x == 99:\n        pass\n"
    "    return abs(x) * 2\n"
)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ('So it is {"output": 3}', "3"),
        ('First {"output": 1}, no: {"output": 2}.', "2"),
        ('```json\n{"output": [1, 2]}\n``` as {"output": "said"}', '"said"'),
        ('```json\n{"output": 1}\n```\nor\n```json\n{"output": 2}\n```', "2"),
        ("```python\n{'output': (1, None)}\n```", "[1, null]"),
        ('\\boxed{{"output": True}}', "true"),
        ('\\boxed{"output": 4}', "4"),
        ('\\{"output": "a"\\}', '"a"'),
        ('a { brace, then {"output": {"k": "}"}}', '{"k": "}"}'),
        ('{"output": "an { open brace"}', '"an { open brace"'),
        ('{"note": 1, "output": {"a": {"b": []}}}', '{"a": {"b": []}}'),
        ('{"output": null}', "null"),
        ('{"output": 5}\n\nLet me explain {why}.', "5"),
    ],
)
def test_answers_that_are_found(response: str, answer: str) -> None:
    assert read_answer(response, "output") == answer


@pytest.mark.parametrize(
    ("response", "task", "detail"),
    [
        ("I do not know.", "output", "no JSON object"),
        ('{"result": 3}', "output", 'no "output"'),
        ('{"input": 3}', "input", "not an object"),
        ("[1, 2]", "output", "no JSON object"),
        ('{"output": 1e999}', "output", "inf"),
        ("{" * 100_000, "output", "no JSON object"),
        ("{" * 50_000 + "}" * 50_000, "output", "no JSON object"),
        ('{"output": ' + "[" * 60 + "]" * 60 + "}", "output", "nested"),
        ("", "output", "no JSON object"),
    ],
)
def test_answers_that_are_not_there(response: str, task: Task, detail: str) -> None:
    with pytest.raises(NotData, match=detail):
        read_answer(response, task)


@pytest.mark.parametrize(
    ("predicted", "expected", "match"),
    [
        (1.0, 1, True),
        (100.05, 100.0, True),
        (100.2, 100.0, False),
        (2.9999, 3.0, False),
        (-1.0005, -1.0, True),
        (1000001, 1000000, False),
        (0.0, 0.0, True),
        (1e-9, 0.0, False),
        (True, 1, False),
        (False, 0, False),
        (True, True, True),
        ("1", 1, False),
        ([1, 2], [1, 2.0], True),
        ([1], [1, 1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [1.0001]}, {"a": [1.0]}, True),
        (None, 0, False),
        (None, None, True),
        (float("inf"), float("inf"), False),
        (float("nan"), float("nan"), False),
        (10**400, 1.0, False),
    ],
)
def test_the_papers_comparison(predicted: Any, expected: Any, match: bool) -> None:
    assert values_match(predicted, expected) is match


@given(JSON_VALUES)
def test_every_value_matches_itself(value: Any) -> None:
    assert values_match(decode(encode(value)), value)


@given(JSON_VALUES, st.text(max_size=30))
def test_an_answer_written_as_json_is_read_back(value: Any, before: str) -> None:
    response = before.replace("`", "") + '\n```json\n{"output": ' + encode(value) + "}\n```"
    assert read_answer(response, "output") == encode(value)


@pytest.mark.parametrize(
    ("task", "response", "status", "told"),
    [
        ("output", '{"output": 8}', "correct", "Correct"),
        ("output", '{"output": 9}', "wrong_output", "9"),
        ("input", '{"input": {"x": 4}}', "correct", "Correct"),
        ("input", '{"input": {"x": -4}}', "correct", "Correct"),
        ("input", '{"input": {"x": 5}}', "wrong_input", "10"),
        ("input", '{"input": {"x": 13}}', "exception", "ValueError: unlucky"),
        ("input", '{"input": {"y": 4}}', "exception", "TypeError"),
        ("input", '{"input": {"x": 99}}', "timeout", "does not finish"),
        ("input", "no idea", "no_answer", "no JSON object"),
        ("step", '{"step": 8}', "correct", "Correct"),
        ("step", '{"step": 9}', "wrong_step", "9"),
        ("step", '{"output": 8}', "no_answer", 'no "step"'),
    ],
)
def test_the_verdicts_and_their_feedback(sandbox: Sandbox, task: Task, response: str, status: str, told: str) -> None:
    (verdict,) = verify([Check(DOUBLE, task, '{"x": 4}', "8", response)], sandbox)
    assert verdict.status == status
    assert told in feedback(verdict)
    if status == "wrong_output":
        assert "8" not in feedback(verdict)  # the right answer is never given away


FUNCTION = "```python\ndef main_solution(x):\n    {}\n```"


@pytest.mark.parametrize(
    ("response", "status", "told"),
    [
        (FUNCTION.format("return 2 * abs(x)"), "correct", "Correct"),
        (f"{FUNCTION.format('return x')} No:\n{FUNCTION.format('return 2 * abs(x)')}", "correct", "Correct"),
        (f"{FUNCTION.format('return 2 * abs(x)')}\nas in\n```python\nmain_solution(3)\n```", "correct", "Correct"),
        (f"<think>{FUNCTION.format('return x')}</think>", "no_answer", "no fenced block"),
        (FUNCTION.format("return 8"), "wrong_induction", "8"),
        (FUNCTION.format("return {4: 8}[x]"), "exception", "the function fails with KeyError"),
        (FUNCTION.format("return ("), "exception", "SyntaxError"),
        (FUNCTION.format("while True: pass"), "timeout", "the function does not finish"),
        (FUNCTION.format("import os; os._exit(0)"), "exception", "ended itself"),
        ('{"induction": "def main_solution(x): return 8"}', "no_answer", "no fenced block"),
    ],
)
def test_a_function_is_judged_on_pairs_that_it_was_not_shown(
    sandbox: Sandbox, response: str, status: str, told: str
) -> None:
    check = Check(DOUBLE, "induction", '[{"x": 4}, {"x": -3}]', "[8, 6]", response)
    (verdict,) = verify([check], sandbox)
    assert verdict.status == status and told in feedback(verdict)


@pytest.mark.parametrize(("input", "output"), [("{}", "[]"), ("[]", "[]"), ('[{"x": 4}]', "[8, 6]"), ("[4]", "[8]")])
def test_an_induction_without_pairs_is_never_right(sandbox: Sandbox, input: str, output: str) -> None:
    (verdict,) = verify([Check(DOUBLE, "induction", input, output, FUNCTION.format("return 2 * abs(x)"))], sandbox)
    assert verdict.status == "exception" and "two lists" in verdict.detail


def test_verdicts_keep_the_order_of_their_checks(sandbox: Sandbox) -> None:
    other = Program("def main_solution(x):\n    return x\n")
    checks = [
        Check(program, "input", '{"x": 4}', wanted, f'{{"input": {{"x": {x}}}}}')
        for program, wanted, x in [(DOUBLE, "8", 4), (other, "3", 3), (DOUBLE, "8", 1), (other, "3", 4)]
    ]
    assert [verdict.correct for verdict in verify(checks, sandbox)] == [True, True, False, False]


def test_a_verdict_does_not_depend_on_its_neighbours(sandbox: Sandbox) -> None:
    endless = Check(DOUBLE, "input", '{"x": 4}', "8", '{"input": {"x": 99}}')
    right = Check(DOUBLE, "input", '{"x": 4}', "8", '{"input": {"x": 4}}')
    verdicts = verify([*[endless] * 8, right], sandbox)
    assert [verdict.status for verdict in verdicts] == ["timeout"] * 8 + ["correct"]


def test_a_number_too_long_to_write_is_no_answer(sandbox: Sandbox) -> None:
    response = '{"output": 0x' + "f" * 4000 + "}"
    (verdict,) = verify([Check(DOUBLE, "output", '{"x": 4}', "8", response)], sandbox)
    assert verdict.status == "no_answer"


def test_a_feedback_is_short_whatever_the_code_returns(sandbox: Sandbox) -> None:
    program = Program("def main_solution(x):\n    return list(range(x))\n")
    (verdict,) = verify([Check(program, "input", '{"x": 2}', "[0, 1]", '{"input": {"x": 100000}}')], sandbox)
    assert verdict.status == "wrong_input" and len(feedback(verdict)) < 1000
