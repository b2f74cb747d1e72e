"""One judge for every answer: the filter of the data, the scorer of the held-out benchmark and the reward of RL.

An output answer is compared with the recorded value; an input answer is executed and what it gives is compared with the
wanted value, because about half of all functions map several inputs to one output (paper, section 2.3). The sandboxed
process never sees what is expected: comparison happens here.

The comparison is the paper's: numbers match within 0.1 % relative and with equal integer parts when either is a float, and
exactly otherwise; a boolean matches only a boolean; dicts need the same keys, lists the same length; NaN and infinities
match nothing.
"""

import re
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any

from build.core.records import Task, Verdict
from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import NotData, decode, encode

MAX_RESPONSE_CHARS = 200_000  # what is examined of a response, counted from its end: an answer stands there
_MAX_BRACKETS = 2_000  # of one candidate; no value that passes the size rule comes near

_FENCE = re.compile(r"```(?:json|JSON|python)?[ \t]*\n(.*?)```", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_KEYED = re.compile(r'\{\s*"(?:in|out)put"')
_KEYED_TRIES = 5


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

    It is the last fenced JSON block, else the last balanced top-level `{...}` (plain or inside \\boxed{}), that holds the
    key asked for; Python literals and escaped braces are tolerated. An input answer must be an object.
    """
    text = response[-MAX_RESPONSE_CHARS:]
    found = False
    for candidate in _candidates(text):
        value = _parse(candidate)
        if not isinstance(value, dict):
            continue
        found = True
        if task in value:
            answer = value[task]
            if task == "input" and not isinstance(answer, dict):
                raise NotData("no_answer", "the input is not an object of arguments")
            return encode(answer)
    raise NotData("no_answer", f'the JSON object has no "{task}"' if found else "there is no JSON object to read")


def _candidates(text: str) -> Iterator[str]:
    """Texts that may hold the answer, best first: fenced blocks from the last one back, then balanced braces likewise."""
    yield from (block for block in reversed(_FENCE.findall(text)) if "{" in block)
    for start, end in reversed(_balanced(text)):
        if text[:start].rstrip().endswith("\\boxed"):
            yield text[start + 1 : end - 1]
        yield text[start:end]
    for match in reversed(list(_KEYED.finditer(text))[-_KEYED_TRIES:]):  # a brace inside a string upsets the balance
        try:
            _, end = JSONDecoder().raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        yield text[match.start() : end]


def _balanced(text: str) -> list[tuple[int, int]]:
    """The outermost balanced {...} of a text, in order, in one pass; an unclosed brace hides nothing behind it."""
    opened: list[int] = []
    spans: list[tuple[int, int]] = []
    for match in _BRACE.finditer(text):
        if match.group() == "{":
            opened.append(match.start())
        elif opened:
            start = opened.pop()
            while spans and spans[-1][0] > start:
                spans.pop()
            spans.append((start, match.end()))
    return spans


def _parse(candidate: str) -> Any:
    """The value of a candidate: JSON, or a Python literal, or either after unescaping braces; None when it is neither."""
    if candidate.count("{") + candidate.count("[") > _MAX_BRACKETS:
        return None
    for text in (candidate, candidate.replace("\\{", "{").replace("\\}", "}")):
        for read in (decode, literal_eval):
            try:
                return read(text.strip())
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue
    return None
