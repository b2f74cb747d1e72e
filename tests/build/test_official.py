"""The released data as it is: five-field rows judged again, raw rows of mixed types, with and without pairs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from build.core.config import CollectConfig, SamplingConfig, SourceConfig
from build.core.records import RawCode, Reject, SampledFunction, UnifiedFunction
from build.report.official import ReleasedRow, judge_rows, read_prompt
from build.sandbox import Limits, Sandbox
from build.stages.collect import collect
from build.stages.sample import sample_pairs
from build.unifiers.ready import read_ready

CODE = """# import necessary packages
from collections import Counter

# main function
def main_solution(word, most):
    counts = Counter(word)
    return {letter: min(count, most) for letter, count in counts.items()}"""


def prompt(given: str, value: str, fenced: bool = True, code: str = CODE) -> str:
    other = "the output" if given == "input" else "a feasible input"
    code = f"```python\n{code}\n```" if fenced else code
    return (
        "You are given a question that requires some input and output variables as follows:\n\n"
        "How often does each letter occur in the `word`, counted up to `most`?\n\n"
        "The input and output requirements are as follows:\n\n"
        "Input:\n  `word` (str): a word\n  `most` (int): the cap\n\nOutput:\n  `return` (dict): counts\n\n"
        f"Given the following {given}:\n\n{value}\n\n"
        f"Can you predict {other} without writing any code? Please reason and put your final answer in JSON.\n\n"
        f"Tip: Here is a reference code snippet for this question. \n\n{code}"
    )


def row(text: str, *turns: str) -> dict[str, Any]:
    turn_2 = turns[1] if len(turns) > 1 else None
    return {"prompt": text, "turn_1": turns[0], "feedback_1": "...", "turn_2": turn_2, "feedback_2": turn_2 and "..."}


def judged(*rows: dict[str, Any]) -> list[ReleasedRow | Reject]:
    with Sandbox(Limits(call_cpu_s=1, job_cpu_s=5)) as sandbox:
        return list(judge_rows(rows, sandbox))


RIGHT = '{"output": {"a": 2, "b": 1}}'
GIVEN = '{"word": "aaab", "most": 2}'


def test_released_rows_are_parsed_and_judged_by_execution() -> None:
    results = judged(
        row(prompt("input", GIVEN), RIGHT),
        row(prompt("input", "{'word': 'aaab', 'most': 2}", fenced=False), '{"output": {"a": 3}}', RIGHT),
        row(prompt("output", '{"a": 2, "b": 1}'), "I cannot.", '{"input": {"word": "aba", "most": 5}}'),
        row(prompt("input", GIVEN), '{"output": {"a": 3}}'),
    )
    rows = [result for result in results if isinstance(result, ReleasedRow)]
    statuses = [[turn.verdict.status for turn in result.turns] for result in rows]
    assert statuses == [["correct"], ["wrong_output", "correct"], ["no_answer", "correct"], ["wrong_output"]]
    assert [result.agrees for result in rows] == [True, True, True, False]
    assert rows[0].instance.output == rows[2].instance.output == '{"a": 2, "b": 1}'
    assert rows[2].instance.input == '{"most": 5, "word": "aba"}'
    assert rows[0].function == rows[1].function or rows[0].function.code == rows[1].function.code


@pytest.mark.parametrize(
    ("text", "turn", "reason"),
    [
        ("What is 2 + 2?", RIGHT, "bad_prompt"),
        (prompt("input", GIVEN, code="def main_solution(:"), RIGHT, "unparsable"),
        (prompt("input", GIVEN, code="def solve():\n    pass"), RIGHT, "no_entry_point"),
        (prompt("input", "{nonsense\n}"), RIGHT, "bad_value"),
        (prompt("input", '{"word": 3, "most": 2}'), RIGHT, "input_exception"),
        (prompt("input", GIVEN), None, "no_response"),
    ],
)
def test_each_flaw_of_a_row_is_named(text: str, turn: Any, reason: str) -> None:
    (result,) = judged({"prompt": text, "turn_1": turn, "feedback_1": None, "turn_2": None, "feedback_2": None})
    assert isinstance(result, Reject) and result.reason == reason


def test_a_prompt_gives_its_parts() -> None:
    question = read_prompt(prompt("output", "3"))
    assert (question.task, question.given, question.code) == ("input", "3", CODE + "\n")
    assert question.query.startswith("How often") and question.description.endswith("counts")


def test_raw_rows_of_mixed_types_and_empty_ios_are_replayed(tmp_path: Path) -> None:
    base: dict[str, Any] = {
        "problem_description": "q",
        "io_requirements": "x",
        "funcname": "main_solution",
        "source": None,
    }
    base |= {"category": None, "meta": {"msgidx": 0}, "refcode": "def main_solution(x):\n    return x if x else [x]\n"}
    rows = [
        base | {"ios": [{"input": {"x": 1}, "output": 1}, {"input": {"x": "a"}, "output": "a"}]},
        base | {"ios": [], "problem_description": "empty"},
        base | {"ios": [{"input": {"x": 2}, "output": 99}, {"input": {"x": 0}, "output": [0]}], "meta": {}},
        base | {"ios": None, "refcode": "import random\ndef main_solution(x):\n    return random.random()\n"},
    ]
    path = tmp_path / "raw.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    files = [
        raw for raw in collect([SourceConfig("functions", str(path))], CollectConfig()) if isinstance(raw, RawCode)
    ]
    functions = [found for found in map(read_ready, files) if isinstance(found, UnifiedFunction)]
    assert len(functions) == 4
    with Sandbox(Limits(call_cpu_s=1, job_cpu_s=5)) as sandbox:
        found = list(sample_pairs(functions, SamplingConfig(), 0, sandbox, Counter()))
    assert isinstance(found[0], SampledFunction) and len(found[0].pairs) == 2
    assert [each.reason for each in found[1:] if isinstance(each, Reject)] == [
        "no_recorded_pairs",
        "recorded_pairs_fail",
        "no_recorded_pairs",
    ]
