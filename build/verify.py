"""Judges every answer: for the data's verdicts, the held-out benchmark and the reward of reinforcement learning.

An output answer is compared with the recorded value; an input answer is executed and what it gives is compared with the
wanted value, because about half of all functions map several inputs to one output (paper, section 2.3). The sandboxed
process never sees what is expected: comparison happens here.

The comparison is the paper's: numbers match within 0.1 % relative and with equal integer parts when either is a float, and
exactly otherwise; a boolean matches only a boolean; dicts need the same keys, lists the same length; NaN and infinities
match nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from build.core.model_text import Tangled, find_objects, last_object_with, split_thinking
from build.core.records import Task, Verdict
from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import NotData, decode, encode

MAX_RESPONSE_CHARS = 200_000  # what is examined of a response, counted from its end: an answer stands there


@dataclass(frozen=True, slots=True)
class Check:
    """An answer to judge: the program, the pair (canonical JSON), which half was asked for, and the response's text."""

    program: Program
    task: Task
    input: str
    output: str
    response: str


def verify(checks: Sequence[Check], sandbox: Sandbox) -> list[Verdict]:
    """A verdict per check, in order. Predicted inputs are re-executed, the answers of one program in one job."""
    verdicts: dict[int, Verdict] = {}
    runs: dict[Program, list[tuple[int, str]]] = {}
    for number, check in enumerate(checks):
        try:
            predicted = read_answer(check.response, check.task)
        except NotData as error:
            verdicts[number] = Verdict("no_answer", detail=error.detail)
            continue
        if check.task == "output":
            same = values_match(decode(predicted), decode(check.output))
            verdicts[number] = Verdict("correct" if same else "wrong_output", predicted)
        else:
            runs.setdefault(check.program, []).append((number, predicted))
    for program, asked in runs.items():
        results = sandbox.call(program, [predicted for _, predicted in asked])
        for (number, predicted), result in zip(asked, results):
            if result.status == "ok" and result.value is not None:
                same = values_match(decode(result.value), decode(checks[number].output))
                verdicts[number] = Verdict("correct" if same else "wrong_input", predicted, result.value)
            elif result.status == "timeout":
                verdicts[number] = Verdict("timeout", predicted)
            else:
                verdicts[number] = Verdict("exception", predicted, detail=result.detail or result.status)
    return [verdicts[number] for number in range(len(checks))]


def read_answer(response: str, task: Task) -> str:
    """The answer in a response, as canonical JSON. Raises `NotData` with the reason when there is none.

    It is the last complete object that has the key asked for, wherever it stands outside of the response's thinking; how it
    may be written says `build.core.model_text`. An input answer must be an object.
    """
    _, said = split_thinking(response)
    try:
        found, any_object = last_object_with(task, said[-MAX_RESPONSE_CHARS:])
    except Tangled as error:
        raise NotData("no_answer", str(error)) from error
    if found is None:
        raise NotData(
            "no_answer", f'the JSON object has no "{task}"' if any_object else "there is no JSON object to read"
        )
    answer = found[task]
    if task == "input" and isinstance(answer, str):  # JSON within JSON
        written = find_objects(answer)
        answer = written[0][2] if len(written) == 1 and answer.strip() == answer[slice(*written[0][:2])] else answer
    if task == "input" and not isinstance(answer, dict):
        raise NotData("no_answer", "the input is not an object of arguments")
    try:
        return encode(answer)
    except NotData as error:
        raise NotData(error.reason, f"the answer is no JSON value ({error.detail})") from error
