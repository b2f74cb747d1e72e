"""Writes every text that a teacher or a student reads. The wording has a version, which goes into the manifest.

The order of a prompt is the paper's (figure 2): the query, what goes in and out, the given value, what to do, and the
reference code as a tip at the end. One user turn, no system message. The other order, "shared", begins with all that the
questions about one function have in common, so that a server which caches prefixes reads it once.
"""

import json
from collections.abc import Sequence
from typing import Literal

from build.core.config import RowFormat
from build.core.records import Dialogue, IOPair, PredictionInstance, Step, UnifiedFunction, Verdict

PROMPT_VERSION = "1"

Order = Literal["paper", "shared"]

_ASK_OUTPUT = (
    "Work out what is returned for this input. Do not write or run any code: reason it through in words, step by step. "
    'End with your answer as a JSON object of the form {"output": <the value>}.'
)
_ASK_INPUT = (
    "Find an input for which exactly this is returned; any input that works is right. Do not write or run any code: reason "
    "it through in words, step by step. End with your answer as a JSON object of the form "
    '{"input": {"<argument name>": <its value>, ...}} that has every argument.'
)

_LOOP_LINES = "(The line of a loop is executed before each round, and once more when there is no further round.)"

_SHOWN = 400  # characters of a value in a feedback; an answer can make the code return megabytes
_FIRST_CHECK = "\n\nLet me check whether I did this right. "
_AGAIN = "\n\nSo I go through it again.\n\n"
_NEXT_CHECK = "\n\nLet me check once more. "
RETRY = "Think about it again and give another answer; do not repeat one that was wrong."


def prediction_prompt(function: UnifiedFunction, instance: PredictionInstance, order: Order = "paper") -> str:
    """The user turn of a prediction instance."""
    given, ask = ("input", _ASK_OUTPUT) if instance.task == "output" else ("output", _ASK_INPUT)
    value = instance.input if instance.task == "output" else instance.output
    if order == "shared":
        return (
            f"{function.query}\n\n"
            f"What goes in and what comes out:\n\n{function.description}\n\n"
            f"Tip: this code does the task; follow it in your mind, without copying it into your answer.\n\n"
            f"{function.code}\n\n"
            f"{ask}\n\n"
            f"Given this {given}:\n\n{value}"
        )
    return (
        f"{function.query}\n\n"
        f"What goes in and what comes out:\n\n{function.description}\n\n"
        f"Given this {given}:\n\n{value}\n\n"
        f"{ask}\n\n"
        f"Tip: this code does the task; follow it in your mind, without copying it into your answer.\n\n"
        f"{function.code}"
    )


def step_prompt(code: str, given: str, step: Step) -> str:
    """The user turn of a question about the inside of a run; lines are numbered, since the question names them."""
    lines = code.rstrip("\n").split("\n")
    numbered = "\n".join(f"{number:>{len(str(len(lines)))}} | {line}".rstrip() for number, line in enumerate(lines, 1))
    where = f"line {step.line} (`{lines[step.line - 1].strip()}`)"
    visit = f"In this run {where} is executed for the {_ordinal(step.visit)} time. {_LOOP_LINES}"
    asked, answer = {
        "value": (f"{visit} What is the value of `{step.name}` in that call right after it?", "<the value>"),
        "branch": (f"{visit} Does its condition hold?", "<true or false>"),
        "rounds": (
            f"How often does the loop of {where} begin a round in this run, all calls together?",
            "<the number>",
        ),
        "line": (f"{visit} Which line of the same call is executed next?", "<the number of the line>"),
        "exception": (f"{visit} It raises an exception. Of which type?", '"<the name of the class>"'),
    }[step.kind]
    return (
        f"Follow `main_solution` in this code; the lines are numbered:\n\n{numbered}\n\n"
        f"Given this input:\n\n{given}\n\n"
        f"{asked}\n\n"
        "Do not write or run any code: reason it through in words, step by step. "
        f'End with your answer as a JSON object of the form {{"step": {answer}}}.'
    )


def induction_prompt(shown: Sequence[IOPair]) -> str:
    """The user turn that shows some pairs and asks for the function."""
    pairs = "\n\n".join(f"Input: {pair.input}\nOutput: {pair.output}" for pair in shown)
    arguments = ", ".join(dict.fromkeys(name for pair in shown for name in json.loads(pair.input)))
    return (
        "A function was called with these inputs, each a JSON object of its arguments, and returned these outputs:\n\n"
        f"{pairs}\n\n"
        "Find the function. Yours has to return what it returns for other inputs of the same kind, too. Reason it through in "
        "words first. End with your answer as one fenced block of Python code that has all its imports and defines "
        f"`main_solution({arguments})`."
    )


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def formatted(
    layout: RowFormat, function: UnifiedFunction, instance: PredictionInstance, order: Order, response: str
) -> tuple[str, str]:
    """Prompt and completion of a row in one of the formats that the paper compares; the first is its default."""
    if layout == "query+code -> rationale":
        return prediction_prompt(function, instance, order), response
    given, ask = ("input", _ASK_OUTPUT) if instance.task == "output" else ("output", _ASK_INPUT)
    value = instance.input if instance.task == "output" else instance.output
    if layout == "code -> rationale":
        return f"Given this {given}:\n\n{value}\n\n{ask}\n\nThis is the code:\n\n{function.code}", response
    about = f"{function.query}\n\nWhat goes in and what comes out:\n\n{function.description}"
    code = f"```python\n{function.code.strip()}\n```"
    if layout == "query -> code":
        return f"{about}\n\nWrite Python code that does the task, with the entry function `main_solution`.", code
    if layout == "query -> code+rationale":
        ask = ask.replace("Do not write or run any code: reason", "Write Python code that does the task, then reason")
        return f"{about}\n\nGiven this {given}:\n\n{value}\n\n{ask}", f"{code}\n\n{response}"
    return f"{about}\n\nGiven this {given}:\n\n{value}\n\n{ask}", response


def grounded_prompt(prompt: str, told: str) -> str:
    """The prompt for a teacher that is shown the run; what is published is the prompt alone."""
    return (
        f"{prompt}\n\n"
        f"For you alone, this is what happens when the code runs on this input:\n\n{told}\n\n"
        "Tell it as your own reasoning, with these values, and do not mention that you were shown a run."
    )


def feedback(verdict: Verdict) -> str:
    """What execution tells about an answer, by class (paper, section 2.3). The right answer is never part of it."""
    predicted = _cut(verdict.predicted or "")
    match verdict.status:
        case "correct":
            return "Correct: running the code confirms this answer."
        case "wrong_output":
            return f"Not right: for this input the output is not {predicted}."
        case "wrong_input":
            return (
                f"Not right: with the input {predicted} the output is {_cut(verdict.actual or '')}, not the one wanted."
            )
        case "wrong_step":
            return f"Not right: in this run it is not {predicted}."
        case "wrong_induction":
            return f"Not right: for an input that was not shown, the function returns {_cut(verdict.actual or '')}."
        case "exception":
            return f"Not right: {_runner(predicted)} fails with {verdict.detail}."
        case "timeout":
            return f"Not right: {_runner(predicted)} does not finish in the time allowed."
        case "no_answer":
            return f"No answer was found: {verdict.detail}."


def _runner(predicted: str) -> str:
    """What failed: the code on a predicted input, which is an object, or a predicted function, which is a text."""
    return f"with the input {predicted} the code" if predicted.startswith("{") else "the function"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def join_turns(dialogue: Dialogue) -> str:
    """CODEI/O++: the turns and their checks as one response in the model's own voice; the request to redo is no part of it."""
    first, *rest = dialogue.turns
    text = f"{first.response}{_FIRST_CHECK}{feedback(first.verdict)}"
    for turn in rest:
        text += f"{_AGAIN}{turn.response}{_NEXT_CHECK}{feedback(turn.verdict)}"
    return text


def split_turns(text: str, turns: int) -> list[tuple[str, str]]:
    """What `join_turns` joined: each turn's response and the feedback to it; a text that it did not join is one response."""
    parts = []
    for turn in range(turns):
        response, _, text = text.partition(_NEXT_CHECK if turn else _FIRST_CHECK)
        check, _, text = text.partition(_AGAIN) if turn + 1 < turns else (text, "", "")
        parts.append((response, check))
    return parts


def revision_request(verdict: Verdict) -> str:
    """The user turn that asks for a second answer."""
    return f"{feedback(verdict)} {RETRY}"
