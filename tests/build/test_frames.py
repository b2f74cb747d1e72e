"""Runs as frames, and the questions about them: held against Python's own tracing of the same code."""

import ast
import json
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from build.core.prompts import step_prompt
from build.core.records import Step
from build.sandbox import Program, Sandbox
from build.sandbox.codec import encode
from build.teachers.trace.frames import Frame, frames_of, in_python, split_trace, trace_text
from build.teachers.trace.steps import step_questions, steps_of

LOOPS = """
LIMIT = 4


def evens(bound):
    for number in range(bound):
        if number % 2:
            continue
        yield number


def main_solution(bound, words):
    total = 0
    for number in evens(bound):
        total += number
    while total > LIMIT:
        total -= 3
        if total == 2:
            break
    else:
        total = -total
    seen = {}
    for place, word in enumerate(words):
        seen[word] = place
        if len(seen) > 2:
            del place
            break
    longest = max(words, key=lambda word: len(word))
    assert longest in seen
    return [total, seen, longest, [word.upper() for word in words if word]]
"""
RECURSION = """
class Node:
    def __init__(self, value):
        self.value = value
        self.next = None


def fact(n):
    if n < 2:
        return 1
    return n * fact(n - 1)


def main_solution(n):
    head = Node(fact(n))
    head.next = Node((n, True, None))
    text = 'a "quoted" word' if n else ""
    if n > 3: text = text * 2
    return text + str(head.value)
"""
ERRORS = """
def number(text):
    if not text:
        raise KeyError("empty")
    return int(text)


def main_solution(texts):
    found = 0
    for text in texts:
        try:
            found += number(text)
        except ValueError:
            found -= 1
        except KeyError as error:
            found += 100
    return found
"""
RUNS = [
    (LOOPS, {"bound": 7, "words": ["a", "bb", "a"]}),
    (LOOPS, {"bound": 0, "words": ["x", "y", "z", "w"]}),
    (RECURSION, {"n": 4}),
    (RECURSION, {"n": 0}),
    (ERRORS, {"texts": ["3", "x", "", "4"]}),
]
Event = tuple[str, int, int, dict[str, Any], Any]  # kind, call, line, copies of the variables' reprs, value


def traced(code: str, arguments: dict[str, Any]) -> list[Event]:
    """What Python's own tracing sees of our own code; comprehensions are no calls here."""
    events: list[Event] = []
    calls: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, value: Any) -> Any:
        if frame.f_code.co_filename != "<ours>" or frame.f_code.co_name.startswith(("<listcomp", "<genexpr")):
            return None
        call = calls.setdefault(frame, len(calls) + 1)
        variables = {name: encoded(each) for name, each in frame.f_locals.items()}
        events.append((event, call, frame.f_lineno, variables, value))
        return trace

    space: dict[str, Any] = {"__name__": "ours"}
    exec(compile(code, "<ours>", "exec"), space)
    sys.settrace(trace)
    try:
        space["main_solution"](**arguments)
    finally:
        sys.settrace(None)
    return events


def encoded(value: Any) -> str | None:
    return encode(value) if isinstance(value, int | str | list | dict) else None


def frames_and_events(code: str, arguments: dict[str, Any], sandbox: Sandbox) -> tuple[list[Frame], list[Event]]:
    frames = frames_of(code, sandbox.trace(Program(code), encode(arguments)))
    unseen = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Try)]
    skipped = {node.lineno for node in unseen} | {node.handlers[0].lineno for node in unseen}
    events = [each for each in traced(code, arguments) if each[2] not in skipped]
    return [frame for frame in frames if frame.line not in skipped], events


@pytest.mark.parametrize(("code", "arguments"), RUNS)
def test_frames_are_what_pythons_own_tracing_sees(code: str, arguments: dict[str, Any], sandbox: Sandbox) -> None:
    frames, events = frames_and_events(code, arguments, sandbox)
    left = [event for event in events if event[0] != "exception" or "except" in code]  # StopIteration of a generator
    # Where an exception leaves a function, Python tells of a return beside it.
    left = [e for n, e in enumerate(left) if not (e[0] == "return" and n and left[n - 1][0] == "exception")]
    assert [(frame.kind, frame.line) for frame in frames] == [(event[0], event[2]) for event in left]
    for frame, (kind, _, line, variables, value) in zip(frames, left):
        for name, known in variables.items():
            if kind == "line" and known is not None:
                assert in_python(frame.variables[name]) == repr(json.loads(known)), (line, name)
        if kind == "return":
            assert in_python(frame.value) == repr(value)
        assert all(name in variables for name in frame.variables)


@pytest.mark.parametrize(("code", "arguments"), RUNS)
def test_the_answers_about_steps_are_those_of_pythons_own_tracing(
    code: str, arguments: dict[str, Any], sandbox: Sandbox
) -> None:
    _, events = frames_and_events(code, arguments, sandbox)
    visits: Counter[int] = Counter()
    at: dict[tuple[int, int], int] = {}
    for place, (kind, _, line, *_) in enumerate(events):
        if kind == "line":
            visits[line] += 1
            at[line, visits[line]] = place
    nodes = {node.lineno: node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.For | ast.While)}
    asked = list(steps_of(code, frames_of(code, sandbox.trace(Program(code), encode(arguments)))))
    assert len({(step.kind, step.line, step.visit, step.name) for step in asked}) == len(asked) > 2
    for step in asked:
        answer = json.loads(step.answer)
        if step.kind == "rounds":
            first = nodes[step.line].body[0]
            assert answer == visits[(first.body[0] if isinstance(first, ast.Try) else first).lineno]
            continue
        place = at[step.line, step.visit]
        assert step.from_end == sum(event[0] == "line" for event in events[place + 1 :]) or "try:" in code
        later = next(event for event in events[place + 1 :] if event[1] == events[place][1])
        if step.kind == "value":
            assert later[3][step.name] == step.answer
        elif step.kind == "line":
            assert (later[0], later[2]) == ("line", answer)
        elif step.kind == "exception":
            assert later[0] == "exception" and later[4][0].__name__ == answer
        else:
            assert answer is (later[2] == step.line + 1)  # the body is below each of these conditions


def test_every_kind_is_asked_about_and_a_share_is_spread_over_kinds_and_runs(sandbox: Sandbox) -> None:
    code = LOOPS.replace(
        "    seen = {}", "    try:\n        seen = {}\n        seen[0]\n    except KeyError:\n        pass"
    )
    runs = {
        str(bound): frames_of(code, sandbox.trace(Program(code), f'{{"bound": {bound}, "words": ["a"]}}'))
        for bound in (5, 6, 9)
    }
    chosen = step_questions(code, runs, 5)
    assert Counter(step.kind for steps in chosen.values() for step in steps) == Counter(
        ["value", "branch", "rounds", "line", "exception"]
    )
    assert chosen.keys() <= runs.keys() and step_questions(code, runs, 5) == chosen
    assert step_questions(code, runs, 0) == {} and step_questions(code, {}, 5) == {}


def test_a_question_names_its_line_and_what_is_asked() -> None:
    prompt = step_prompt(LOOPS, '{"bound": 7}', Step("value", 15, 3, "total", "6", 9))
    assert "15 |         total += number\n" in prompt and '{"bound": 7}' in prompt
    assert "line 15 (`total += number`) is executed for the 3rd time" in prompt and "`total`" in prompt
    assert '{"step": <the value>}' in prompt


def test_a_written_trace_has_the_format_of_code_world_model(sandbox: Sandbox) -> None:
    code = 'def twice(a):\n    b = a + a\n    return b\n\n\ndef main_solution(x, y):\n    z = twice(x)\n    return z == "aa"\n'
    trace = sandbox.trace(Program(code), '{"x": "a", "y": null}')
    prompt, completion = split_trace(trace_text(code, frames_of(code, trace)))
    marked = code.replace("main_solution(x, y):", "main_solution(x, y):  # << START_OF_TRACE")
    assert prompt == (
        f"<|begin_of_text|><|trace_context_start|>{marked}<|frame_sep|>"
        '<|call_sep|>{"x": "\'a\'", "y": "None"}<|action_sep|>def main_solution(x, y):\n<|frame_sep|>'
    )
    assert completion == (
        '<|line_sep|>{"x": "..", "y": ".."}<|action_sep|>    z = twice(x)\n<|frame_sep|>'
        '<|call_sep|>{"a": "\'a\'"}<|action_sep|>def twice(a):\n<|frame_sep|>'
        '<|line_sep|>{"a": ".."}<|action_sep|>    b = a + a\n<|frame_sep|>'
        '<|line_sep|>{"a": "..", "b": "\'aa\'"}<|action_sep|>    return b\n<|frame_sep|>'
        "<|return_sep|><|action_sep|>    return b\n<|arg_sep|>\"'aa'\"<|frame_sep|>"
        '<|line_sep|>{"x": "\'a\'", "y": "None", "z": "\'aa\'"}<|action_sep|>    return z == "aa"\n<|frame_sep|>'
        '<|return_sep|><|action_sep|>    return z == "aa"\n<|arg_sep|>"True"<|frame_sep|>'
        "<|end_of_text|>"
    )


def test_a_run_that_is_cut_or_fails_or_is_too_deep_or_long_has_no_frames(sandbox: Sandbox) -> None:
    code = "def main_solution(x):\n    return x if x < 1 else main_solution(x - 1)\n"
    run = Program(code)
    assert frames_of(code, sandbox.trace(run, '{"x": 3}'))
    assert frames_of(code, sandbox.trace(run, '{"x": 3}', max_events=5)) == []
    assert frames_of(code, sandbox.trace(run, '{"x": "a"}')) == []
    assert frames_of(code, sandbox.trace(run, '{"x": 400}')) == []
    assert trace_text(code, frames_of(code, sandbox.trace(run, '{"x": 120}'))) == ""
