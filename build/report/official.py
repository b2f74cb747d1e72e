"""Reads the released five-field data, `hkust-nlp/CodeIO-PyEdu-Reasoning`, and judges its answers again.

    python -m build official ROWS.jsonl --out VERDICTS.jsonl

A row is `prompt, turn_1, feedback_1, turn_2, feedback_2`, the last two null where turn 1 was found right. The prompt holds the
query, the description, one half of the pair and the code; the other half is found again by execution: of an output question
by running its input, of an input question by running what the responses propose. The feedback is not believed, only compared.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate
from tqdm import tqdm

from build.core.records import PredictionInstance, Rationale, Reject, Task, UnifiedFunction, digest, to_line
from build.core.tables import BadRow, Row, read_table
from build.sandbox import Limits, Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.verify import Check, verify

STAGE = "official"
SOURCE = "hkust-nlp/CodeIO-PyEdu-Reasoning"

_PARTS = re.compile(
    r"as follows:\s*\n(?P<query>.*?)\n\s*"
    r"The input and output requirements are as follows:\s*\n(?P<description>.*?)\n\s*"
    r"Given the following (?P<given>input|output):\s*\n(?P<value>.*?)\n\s*"
    r"Can you predict .*?\n\s*Tip: [^\n]*\n(?P<code>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """A row as a function, a question about it, and the responses with our verdicts.

    `agrees`: whether our verdict on turn 1 is the one that the row implies, which has a second turn only where the first
    was found wrong.
    """

    function: UnifiedFunction
    instance: PredictionInstance
    turns: tuple[Rationale, ...]
    agrees: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What a released prompt asks: the function's parts and the given half of the pair, as canonical JSON."""

    query: str
    description: str
    code: str
    task: Task
    given: str


def read_prompt(prompt: object) -> Question:
    """The parts of a released prompt. Raises `ValueError` with a reason: bad_prompt, bad_value, no_entry_point, unparsable."""
    found = _PARTS.search(prompt) if isinstance(prompt, str) else None
    if found is None:
        raise ValueError("bad_prompt")
    code = re.sub(r"\A\s*```\w*\n|\n```\s*\Z", "", found["code"]).strip("\n") + "\n"
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError("unparsable") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == "main_solution" for node in tree.body):
        raise ValueError("no_entry_point")
    task: Task = "output" if found["given"] == "input" else "input"
    return Question(found["query"].strip(), found["description"].strip(), code, task, _value(found["value"].strip()))


def judge_rows(rows: Iterable[Row | BadRow], sandbox: Sandbox) -> Iterator[ReleasedRow | Reject]:
    """Each row as records with verdicts of our own, or a reject: bad_row, those of `read_prompt`, no_response, and for pairs
    that are not found again input_<status> and unstable."""
    for number, row in enumerate(rows):
        where = f"{SOURCE}/{number}"
        if isinstance(row, BadRow):
            yield Reject(STAGE, where, "bad_row", row.problem)
            continue
        try:
            question = read_prompt(row.get("prompt"))
            responses = [row[key] for key in ("turn_1", "turn_2") if isinstance(row.get(key), str)]
            if not responses:
                raise ValueError("no_response")
            yield _judged(where, row, question, responses, sandbox)
        except ValueError as error:
            yield Reject(STAGE, where, str(error))


def _judged(
    where: str, row: Mapping[str, Any], question: Question, responses: list[str], sandbox: Sandbox
) -> ReleasedRow:
    program = Program(question.code)
    if question.task == "output":
        pair = (question.given, _rerun(program, question.given, sandbox))
        verdicts = verify([Check(program, "output", *pair, response) for response in responses], sandbox)
    else:
        verdicts = verify([Check(program, "input", "{}", question.given, response) for response in responses], sandbox)
        right = [verdict.predicted for verdict in verdicts if verdict.correct and verdict.predicted]
        pair = (right[0] if right else "", question.given)
    function = UnifiedFunction(
        id=digest(SOURCE, question.code),
        parent=where,
        source=SOURCE,
        path=where,
        license="unknown",
        name="main_solution",
        unifier="official",
        code=question.code,
        description=question.description,
        query=question.query,
        generator=None,
    )
    instance = PredictionInstance(
        digest(function.id, question.task, *pair), where, function.id, question.task, pair[0], pair[1]
    )
    turns: list[Rationale] = []
    for turn, (response, verdict) in enumerate(zip(responses, verdicts), 1):
        parent = turns[-1].id if turns else instance.id
        made = digest(parent, str(turn), response)
        turns.append(Rationale(made, parent, instance.id, turn, 0, "official", response, "unknown", verdict))
    agrees = verdicts[0].correct == (len(responses) == 1)
    return ReleasedRow(function, instance, tuple(turns), agrees)


def _rerun(program: Program, given: str, sandbox: Sandbox) -> str:
    """What the code gives for an input, in both replicas alike. Raises `ValueError` with a reason."""
    (first,), (second,) = sandbox.call(program, [given]), sandbox.call(program, [given], replica=2)
    if first.status != "ok" or first.value is None:
        raise ValueError(f"input_{first.status}")
    if first.value != second.value:
        raise ValueError("unstable")
    return first.value


def _value(text: str) -> str:
    """The given value as canonical JSON; the release writes Python literals and JSON."""
    for read in (decode, ast.literal_eval):
        try:
            return encode(read(text))
        except NotData:
            raise ValueError("bad_value") from None
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    if "\n" not in text:  # a string without quotes
        return encode(text)
    raise ValueError("bad_value")


@click.command("official")
@click.argument("rows", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    required=True,
    help="Where the judged rows go, one a line.",
)
@click.option("--cpu-s", default=5.0, show_default=True, help="CPU seconds that one call may take.")
def official(rows: Path, out: Path, cpu_s: float) -> None:
    """Read released five-field rows (JSON Lines or Parquet), judge every response again, and count what came of it."""
    counts: Counter[tuple[str, str]] = Counter()
    with Sandbox(Limits(call_cpu_s=cpu_s)) as sandbox, out.open("w", encoding="utf-8") as lines:
        for result in tqdm(judge_rows(read_table(rows), sandbox), unit="row"):
            lines.write((to_line(result) if isinstance(result, Reject) else json.dumps(asdict(result))) + "\n")
            if isinstance(result, Reject):
                counts["rejected", result.reason] += 1
                continue
            counts["turn 1 as released", "agrees" if result.agrees else "differs"] += 1
            for turn in result.turns:
                counts[f"turn {turn.turn}, {result.instance.task}", turn.verdict.status] += 1
    print(tabulate([[*key, count] for key, count in sorted(counts.items())], ["what", "", "number"], tablefmt="github"))


if __name__ == "__main__":
    official()
