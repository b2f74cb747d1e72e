"""Asks and scores CodeI/O, held out: the questions of all tasks on the functions of the published data set's `test` split.

Data: config `rl`, split `test`, of a data set that this project publishes (a Hub name or a folder): no function of it is in
the training split. Row: {"id", "function_id", "task": "input" | "output" | "step" | "induction", "prompt": [one user message],
"code", "input", "output"}, I/O as JSON text.
Metric: accuracy by `build.verify.verify`, the judge that also filters the data and rewards RL: a predicted input is run, and
a function is run on pairs that were not shown. Accuracy on each task stands beside it. Questions on one function share its
code: standard errors are clustered by the function.
"""

from typing import Any

from build.sandbox import Program, Sandbox
from build.verify import Check, verify
from eval.benchmark import Benchmark
from eval.scorers import Score
from eval.scorers.extract import tail

VERSION = 1


def prompt(row: dict[str, Any]) -> str:
    if [message["role"] for message in row["prompt"]] != ["user"]:
        raise ValueError("a prompt of one user message was expected")
    return str(row["prompt"][0]["content"])


def score(row: dict[str, Any], response: str, sandbox: Sandbox) -> Score:
    check = Check(Program(row["code"]), row["task"], row["input"], row["output"], tail(response))
    (verdict,) = verify([check], sandbox)
    value = float(verdict.correct)
    return Score(value, answered=verdict.status != "no_answer", other={row["task"]: value})


BENCHMARK = Benchmark(
    "codeio",
    "CodeI/O test",
    0,
    (),
    ("function_id", "task", "prompt", "code", "input", "output"),
    VERSION,
    prompt,
    score,
    "",
    group=lambda row: row["function_id"],
    combine="clusters",
    in_sandbox=True,
    access="give --held-out the name or folder of a published data set that has the config rl with a test split",
    held_out=True,
)
