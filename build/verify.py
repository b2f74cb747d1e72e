"""Judges every answer: for the data's verdicts, the held-out benchmark and the reward of reinforcement learning.

An output answer is compared with the recorded value; an input answer is executed and what it gives is compared with the
wanted value, because about half of all functions map several inputs to one output (paper, section 2.3). An answer about a
step of a run is compared like an output. A function that was to be found from some pairs is executed on the inputs of others.
The sandboxed process never sees what is expected: comparison happens here.

The comparison is the paper's: numbers match within 0.1 % relative and with equal integer parts when either is a float, and
exactly otherwise; a boolean matches only a boolean; dicts need the same keys, lists the same length; NaN and infinities
match nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from build.core.model_text import Tangled, fenced_blocks, find_objects, last_object_with, split_thinking
from build.core.records import Task, Verdict, VerdictClass
from build.core.values import values_match
from build.sandbox import CallResult, Program, Sandbox
from build.sandbox.codec import NotData, decode, encode

MAX_RESPONSE_CHARS = 200_000  # what is examined of a response, counted from its end: an answer stands there
_DEFINES = re.compile(r"^(?:def[ \t]+main_solution\b|main_solution[ \t]*=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """An answer to judge: the program, the pair (canonical JSON), what was asked for, and the response's text.

    Of a step, `output` is what was asked about the run on `input`. Of an induction, `input` and `output` are lists: those of
    the pairs that the question does not show.
    """

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
        if check.task in ("output", "step"):
            same = values_match(decode(predicted), decode(check.output))
            wrong: VerdictClass = "wrong_output" if check.task == "output" else "wrong_step"
            verdicts[number] = Verdict("correct" if same else wrong, predicted)
        elif check.task == "induction":
            verdicts[number] = _judged_function(check, predicted, sandbox)
        else:
            runs.setdefault(check.program, []).append((number, predicted))
    for program, asked in runs.items():
        results = sandbox.call(program, [predicted for _, predicted in asked])
        for (number, predicted), result in zip(asked, results):
            verdicts[number] = _judged_run(result, decode(checks[number].output), predicted, "wrong_input")
    return [verdicts[number] for number in range(len(checks))]


def _judged_run(result: CallResult, wanted: Any, predicted: str, wrong: VerdictClass) -> Verdict:
    if result.status == "ok" and result.value is not None:
        same = values_match(decode(result.value), wanted)
        return Verdict("correct" if same else wrong, predicted, result.value)
    if result.status == "timeout":
        return Verdict("timeout", predicted)
    return Verdict("exception", predicted, detail=result.detail or result.status)


def _judged_function(check: Check, predicted: str, sandbox: Sandbox) -> Verdict:
    """The verdict on a function: that of the first pair that it does not fulfil. The first pair runs by itself, so that a
    function that never ends costs one call.
    """
    inputs, outputs = decode(check.input), decode(check.output)
    if not _are_pairs(inputs, outputs):
        return Verdict("exception", predicted, detail="this question's pairs are not two lists of one length")
    program, texts = Program(decode(predicted)), [encode(each) for each in inputs]
    for some in (slice(0, 1), slice(1, None)):
        for result, wanted in zip(sandbox.call(program, texts[some]), outputs[some]):
            verdict = _judged_run(result, wanted, predicted, "wrong_induction")
            if not verdict.correct:
                return verdict
    return Verdict("correct", predicted)


def _are_pairs(inputs: Any, outputs: Any) -> bool:
    if not (isinstance(inputs, list) and isinstance(outputs, list)):
        return False
    return 0 < len(inputs) == len(outputs) and all(isinstance(each, dict) for each in inputs)


def read_answer(response: str, task: Task) -> str:
    """The answer in a response, as canonical JSON. Raises `NotData` with the reason when there is none.

    It is the last complete object that has the key asked for, wherever it stands outside of the response's thinking; how it
    may be written says `build.core.model_text`. An input answer must be an object. A function is the last fenced block that
    defines `main_solution`; its answer is the source as a JSON text.
    """
    _, said = split_thinking(response)
    if task == "induction":
        blocks = [block.content for block in fenced_blocks(said[-MAX_RESPONSE_CHARS:])]
        if source := next((block for block in reversed(blocks) if _DEFINES.search(block)), ""):
            return encode(source)
        raise NotData("no_answer", "there is no fenced block that defines main_solution")
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
