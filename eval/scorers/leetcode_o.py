"""Asks and scores LeetCode-O (Li et al., 2025, the CodeI/O paper): the outputs of LeetCode examples, in two languages.

Data: hkust-nlp/LeetCode-O, file leetcode.jsonl: 4,414 rows = 2,207 test cases in two languages, of 900 problems. Each row
carries its own `messages`. The other names could not be read when this was written; `FIELDS` lists the names that are
looked for; a row without a name for its problem or its output stops the load with the keys that it has, and so do rows
that are not of 900 problems.
Metric: a problem counts when all its test cases are right in both languages. Beside it stand the 13 figures that the data
set's card publishes for its prediction file (`figures`).
The answer is the value of "output" in the last complete object of the response, wherever it stands, in JSON or Python.
`published_answer` is the authors' own rule, from their pipeline (hkust-nlp/CodeIO, src/codeio_utils.py): the last fence
marked json, else the last balanced braces; again with escaped braces undone and brackets for parentheses; then inside the last
box. The card's figures follow that rule, which reads a fenced draft where a corrected answer without a fence follows.
An answer is right when it is equal as a JSON value, with floats within 0.1 % and with equal integer parts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from eval.benchmark import Benchmark, Source
from eval.scorers import Score
from eval.scorers.extract import MISSING, keyed_value, last_braced, parse_json

VERSION = 3

FIELDS = {
    "problem": ("problem_id", "question_id", "task_id", "slug", "title_slug", "question_slug"),
    "language": ("language", "lang", "locale"),
    "difficulty": ("difficulty", "level"),
    "output": ("answer", "expected_output", "gold", "gt", "ground_truth", "target", "reference", "output"),
}
_LITERALS = {"True": "true", "False": "false", "None": "null"}


def field(row: Mapping[str, Any], meaning: str) -> Any:
    """The value of the first known key for a meaning; raises ValueError with the keys that the row has.

    `output` is the gold answer only where it is no text of a model: the card's prediction file keeps responses under that name.
    """
    for key in FIELDS[meaning]:
        if key in row and not (key == "output" and is_response(row[key])):
            return row[key]
    raise ValueError(
        f"LeetCode-O: no key for the {meaning} (looked for {', '.join(FIELDS[meaning])}); the row has {', '.join(row)}"
    )


def is_response(value: Any) -> bool:
    """Whether a value is the text of a response, or a list of one, and no JSON value that could be an output."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return False
    if (parsed := parse_json(value)) is not None:
        return isinstance(parsed, dict) and "output" in parsed
    return keyed_value(value, "output") is not MISSING or len(value.split()) > 20


def prompt(row: dict[str, Any]) -> str:
    if [message["role"] for message in row["messages"]] != ["user"]:
        raise ValueError("LeetCode-O: expected one user message in a row")
    return str(row["messages"][0]["content"])


def score(row: dict[str, Any], response: str) -> Score:
    predicted = keyed_value(response, "output")
    if predicted is MISSING:
        return Score(0.0, answered=False)
    return Score(float(is_right(row, predicted)))


def is_right(row: Mapping[str, Any], predicted: Any) -> bool:
    """Whether a predicted value equals the row's gold output, which may be stored as JSON text."""
    gold = field(row, "output")
    parsed = parse_json(gold) if isinstance(gold, str) else None
    return any(is_close(predicted, value) for value in ([gold] if parsed is None else [gold, parsed]))


def published_score(row: Mapping[str, Any], response: str) -> Score:
    """The verdict of the authors' own rule."""
    answer = published_answer(response)
    if not isinstance(answer, dict) or "output" not in answer:
        return Score(0.0, answered=False)
    return Score(float(is_right(row, answer["output"])))


def figures(scored: Iterable[tuple[Mapping[str, Any], Score]]) -> dict[str, float]:
    """The card's 13 figures, as shares, from rows with their scores: by difficulty and language, example and question.

    A question is right when all its rows are: those of the difficulty, of the language, or all.
    """
    examples: dict[str, list[float]] = defaultdict(list)
    questions: dict[str, dict[str, bool]] = defaultdict(dict)
    unanswered = []
    for row, score in scored:
        problem, right = str(field(row, "problem")), score.value >= 1.0
        names = ["Overall"]
        names += [f"Difficulty_{str(row[key]).capitalize()}" for key in FIELDS["difficulty"] if key in row][:1]
        names += [f"Lang_{str(row[key]).upper()}" for key in FIELDS["language"] if key in row][:1]
        for name in names:
            examples[name].append(float(right))
            questions[name][problem] = questions[name].get(problem, True) and right
        unanswered.append(float(not score.answered))
    found = {}
    for name in sorted(examples):
        found[f"{name}_Example_Acc"] = sum(examples[name]) / len(examples[name])
        found[f"{name}_Question_Acc"] = sum(questions[name].values()) / len(questions[name])
    found["No_Answer"] = sum(unanswered) / len(unanswered)
    return found


def published_answer(text: str) -> Any:
    """The value that the authors' rule reads from a text, after its three attempts; None without one."""
    if (value := _fenced_or_braced(text)) is not None:
        return value
    unescaped = text.replace("\\{", "{").replace("\\}", "}").replace("(", "[").replace(")", "]")
    if (value := _fenced_or_braced(unescaped)) is not None:
        return value
    start = unescaped.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    box = unescaped[start : unescaped.rfind("}", start)].replace("\\\\", "\\").replace("\\{", "{").replace("\\}", "}")
    return _fenced_or_braced(box.replace("\\left", "").replace("\\right", ""))


def _fenced_or_braced(text: str) -> Any:
    start = text.rfind("```json")
    found: str | None
    if start >= 0:
        found = text[start + 7 : text.find("```", start + 7)].strip()
    else:
        found = last_braced(text)
    if not found:
        return None
    found = found.replace("\n", "")
    value = parse_json(found)
    if value is None:
        value = parse_json(re.sub("True|False|None", lambda match: _LITERALS[match.group()], found))
    return value


def is_close(predicted: Any, wanted: Any) -> bool:
    """Equality of JSON values by the authors' rule (codeio_utils.is_close).

    Floats match within 0.1 % and with the same integer part, everything else matches where Python finds it equal. So True
    equals 1 and 1.0 here, unlike in `build.verify.values_match`, where a boolean matches only a boolean.
    """
    if isinstance(predicted, dict) and isinstance(wanted, dict):
        return predicted.keys() == wanted.keys() and all(is_close(predicted[key], wanted[key]) for key in wanted)
    if isinstance(predicted, list | tuple) and isinstance(wanted, list | tuple):
        return len(predicted) == len(wanted) and all(is_close(one, other) for one, other in zip(predicted, wanted))
    if isinstance(predicted, float | int) and isinstance(wanted, float | int):
        if isinstance(predicted, float) or isinstance(wanted, float):
            try:
                one, other = float(predicted), float(wanted)
            except OverflowError:
                return False
            return (
                isfinite(one) and isfinite(other) and abs(one - other) <= 0.001 * abs(other) and int(one) == int(other)
            )
        return predicted == wanted
    return bool(predicted == wanted)


BENCHMARK = Benchmark(
    "leetcode_o",
    "LeetCode-O",
    4414,
    (Source("hkust-nlp/LeetCode-O", file="leetcode.jsonl"),),
    ("messages",),
    VERSION,
    prompt,
    score,
    "leetcode_o.jsonl",
    group=lambda row: str(field(row, "problem")),
    combine="all",
    groups=900,
    check=lambda row: field(row, "output"),
    question=lambda row: [prompt(row).rpartition("What is the Output?")[0] or prompt(row)],
    figures=figures,
)
