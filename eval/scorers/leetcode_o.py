"""LeetCode-O (Li et al., 2025, the CodeI/O paper, appendix): predict the outputs of LeetCode examples, in English and Chinese.

Data: hkust-nlp/LeetCode-O, file leetcode.jsonl: 4,414 rows = 2,207 test cases in two languages, of 900 problems. Each row
carries its own `messages`. The other names could not be read when this was written; `FIELDS` lists the names that are
looked for; a row without a name for its problem or its output stops the load with the keys that it has, and so do rows
that are not of 900 problems. Where a row names its language and difficulty, the shares of right rows go by them too.
Metric: a problem counts when all its test cases are right in both languages; the share of right rows beside it. The rule is
the authors' from their pipeline: the last complete JSON object (else with escaped braces undone, else inside `\\boxed{}`),
its key "output", equal as a JSON value, floats within 0.1 % and with equal integer parts.
"""

import re
from math import isfinite
from typing import Any

from eval.scorers import Score
from eval.scorers.extract import last_boxed, last_braced, parse_json, tail

VERSION = 2

FIELDS = {
    "problem": ("problem_id", "question_id", "task_id", "slug", "title_slug", "question_slug"),
    "language": ("language", "lang", "locale"),
    "difficulty": ("difficulty", "level"),
    "output": ("answer", "expected_output", "gold", "gt", "ground_truth", "target", "reference", "output"),
}
_LITERALS = {"True": "true", "False": "false", "None": "null"}


def field(row: dict[str, Any], meaning: str) -> Any:
    """The value of the first known key for a meaning; raises ValueError with the keys that the row has."""
    for key in FIELDS[meaning]:
        if key in row:
            return row[key]
    raise ValueError(
        f"LeetCode-O: no key for the {meaning} (looked for {', '.join(FIELDS[meaning])}); the row has {', '.join(row)}"
    )


def prompt(row: dict[str, Any]) -> str:
    if [message["role"] for message in row["messages"]] != ["user"]:
        raise ValueError("LeetCode-O: expected one user message in a row")
    return str(row["messages"][0]["content"])


def score(row: dict[str, Any], response: str) -> Score:
    predicted = last_json(tail(response))
    parts = [str(row[key]) for meaning in ("language", "difficulty") for key in FIELDS[meaning] if key in row]
    if not isinstance(predicted, dict) or "output" not in predicted:
        return Score(0.0, answered=False, other=dict.fromkeys(parts, 0.0))
    gold = field(row, "output")
    parsed = parse_json(gold) if isinstance(gold, str) else None
    wanted = [gold] if parsed is None else [gold, parsed]
    right = float(any(is_close(predicted["output"], value) for value in wanted))
    return Score(right, other=dict.fromkeys(parts, right))


def last_json(text: str) -> Any:
    """The value of the last JSON object in a text, after the three attempts of the rule; None without one."""
    if (value := _fenced_or_braced(text)) is not None:
        return value
    unescaped = text.replace("\\{", "{").replace("\\}", "}").replace("(", "[").replace(")", "]")
    if (value := _fenced_or_braced(unescaped)) is not None:
        return value
    if boxed := last_boxed(text):
        for mark in ("\\left", "\\right"):
            boxed = boxed.replace(mark, "")
        return _fenced_or_braced(boxed.replace("\\\\", "\\").replace("\\{", "{").replace("\\}", "}"))
    return None


def _fenced_or_braced(text: str) -> Any:
    start = text.rfind("```json")
    found: str | None
    if start >= 0:
        end = text.find("```", start + 7)
        found = text[start + 7 : end if end >= 0 else len(text)]
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
    """Equality of JSON values: floats within 0.1 % and with the same integer part, everything else exactly."""
    if isinstance(predicted, dict) and isinstance(wanted, dict):
        return predicted.keys() == wanted.keys() and all(is_close(predicted[key], wanted[key]) for key in wanted)
    if isinstance(predicted, list) and isinstance(wanted, list):
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
    return type(predicted) is type(wanted) and bool(predicted == wanted)
