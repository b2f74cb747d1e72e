"""Asks and scores ZebraLogic (Lin et al., 2025, arXiv 2502.01100): grid puzzles, 2 to 6 houses with 2 to 6 attributes.

Data: allenai/ZebraLogicBench-private, config grid_mode, split test, 1,000 puzzles (gated: accept its terms and set
HF_TOKEN); the public allenai/ZebraLogicBench has the answers blanked out; WildEval/ZebraLogic is tried as well.
Row: {"id", "size": "5*6", "puzzle": ..., "solution": {"header": ["House", "Name", ...], "rows": [["1", "Peter", ...],
...]}}.
Metric: puzzle accuracy (every cell right), with the share of right cells beside it. The rule is ZeroEval's
(zebra_grid_eval.py): the last balanced `{...}` is parsed as JSON, its "solution" maps "House i" to columns; a cell is
right when the strings are equal after stripping and lowering; a missing or empty cell is wrong; of a list the first
element counts; no parsable answer scores 0 cells out of all. Where ZeroEval's rule finds no object, the last one with the
key "solution" counts (`extract.keyed_value`). A cell that is no string, on which the reference stops,
is wrong here.
The prompt shows the wanted JSON with blanks; it has no worked example, unlike ZeroEval's.
"""

import json
from typing import Any

from build.core.model_text import split_thinking
from eval.benchmark import GATED, Benchmark, Source
from eval.scorers import Score
from eval.scorers.extract import keyed_value, last_braced, parse_json, tail

VERSION = 2

_PROMPT = """\
{puzzle}

Solve this puzzle step by step. Then end with your solution as one JSON object in exactly this form, with every "___" filled in:

{form}"""


def prompt(row: dict[str, Any]) -> str:
    header, rows = row["solution"]["header"], row["solution"]["rows"]
    houses = {f"House {number}": dict.fromkeys(header[1:], "___") for number in range(1, len(rows) + 1)}
    return _PROMPT.format(puzzle=row["puzzle"].strip(), form=json.dumps({"solution": houses}, indent=2))


def check(row: dict[str, Any]) -> None:
    """Raises ValueError for a row whose solution is hidden."""
    if any(str(cell or "").strip("_ ") == "" for cells in row["solution"]["rows"] for cell in cells):
        raise ValueError("these ZebraLogic rows have blanked solutions; take a source that holds the answers")


def score(row: dict[str, Any], response: str) -> Score:
    header, rows = row["solution"]["header"], row["solution"]["rows"]
    given = parsed_solution(response)
    right = 0
    for number, cells in enumerate(rows, 1):
        house = given.get(f"House {number}") if given else None
        for column, wanted in zip(header[1:], cells[1:]):
            right += isinstance(house, dict) and _cell(house.get(column)) == wanted.strip().lower()
    total = len(rows) * (len(header) - 1)
    return Score(float(right == total), answered=given is not None, other={"cells": right / total})


def parsed_solution(response: str) -> dict[str, Any] | None:
    """The "solution" object of the last JSON object in the response, or None."""
    text = tail(split_thinking(response)[1])
    found = last_braced(text)
    parsed = parse_json(found.replace("\n", "")) if found else None
    solution = parsed.get("solution") if isinstance(parsed, dict) else keyed_value(text, "solution")
    return solution if isinstance(solution, dict) else None


def _cell(value: Any) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]
    return value.strip().lower() if isinstance(value, str) and value else None


BENCHMARK = Benchmark(
    "zebralogic",
    "ZebraLogic",
    1000,
    (
        Source("allenai/ZebraLogicBench-private", configs=("grid_mode",)),
        Source("WildEval/ZebraLogic", configs=("grid_mode",)),
    ),
    ("id", "size", "puzzle", "solution"),
    VERSION,
    prompt,
    score,
    "zebralogic.jsonl",
    group=lambda row: row["size"],
    check=check,
    access=GATED,
    question=lambda row: [row["puzzle"]],
)
