"""The embedded teacher: right about outputs, honest about its search for inputs."""

import json
import re
from collections import Counter
from dataclasses import replace

import pytest

from build.core.config import SamplingConfig, TeacherConfig
from build.core.prompts import join_turns
from build.core.records import Dialogue, IOPair, PredictionInstance, Rationale, SampledFunction, Told, UnifiedFunction
from build.core.tokens import count_tokens
from build.sandbox import Limits, Program, Sandbox
from build.stages.answer import rationales
from build.stages.questions import make_instances
from build.stages.revise import revise
from build.stages.sample import sample_pairs
from build.teachers.base import Question
from build.teachers.trace.invert import demands
from build.teachers.trace.teacher import TraceTeacher, tell_output
from tests.build.test_static import NUMBERS


def answers(sandbox: Sandbox) -> tuple[dict[str, SampledFunction], dict[str, PredictionInstance], list[Dialogue]]:
    sampled = sample_pairs(list(NUMBERS.values()), SamplingConfig(draws=200, distinct=6), 0, sandbox, Counter())
    functions = {record.function.id: record for record in sampled if isinstance(record, SampledFunction)}
    made = [one for one in make_instances(functions.values(), 3) if isinstance(one, PredictionInstance)]
    teacher = TraceTeacher(TeacherConfig(), sandbox, seed=0)
    first = [one for one in rationales(made, functions, teacher, sandbox) if isinstance(one, Rationale)]
    instances = {one.id: one for one in made}
    return functions, instances, list(revise(first, instances, functions, teacher, sandbox, 1))


def test_every_answer_is_judged_labelled_and_bounded(sandbox: Sandbox) -> None:
    _, instances, dialogues = answers(sandbox)
    assert len(dialogues) == len(instances)
    for dialogue in dialogues:
        instance = instances[dialogue.instance_id]
        if instance.task == "output":
            assert [turn.verdict.status for turn in dialogue.turns] == ["correct"]
        assert len(dialogue.turns) == (1 if dialogue.turns[0].verdict.correct else 2)
        assert all(count_tokens(turn.response) <= TeacherConfig().max_tokens for turn in dialogue.turns)
    statuses = {turn.verdict.status for dialogue in dialogues for turn in dialogue.turns}
    assert statuses == {"correct", "wrong_input"}
    revised = [dialogue for dialogue in dialogues if len(dialogue.turns) == 2]
    assert revised and all(one.turns[1].verdict.predicted != one.turns[0].verdict.predicted for one in revised)


def test_the_attempts_told_are_true(sandbox: Sandbox) -> None:
    functions, instances, dialogues = answers(sandbox)
    looked_at = 0
    for dialogue in dialogues:
        instance = instances[dialogue.instance_id]
        program = Program(functions[instance.function_id].function.code)
        for attempt in re.finditer(r"Trying (\w+) = ([^ ]+) gives (\S+), which", dialogue.turns[0].response):
            name, given, output = attempt.groups()
            (result,) = sandbox.call(program, [f'{{"{name}": {given}}}'])
            assert result.value == output and output != instance.output
            looked_at += 1
    assert looked_at >= 1


def test_the_answer_is_among_the_attempts_even_where_room_is_short(sandbox: Sandbox) -> None:
    function = NUMBERS["sum_of_squares"]
    (sampled,) = sample_pairs([function], SamplingConfig(draws=200, distinct=6), 0, sandbox, Counter())
    assert isinstance(sampled, SampledFunction)
    made = [one for one in make_instances([sampled], 6) if isinstance(one, PredictionInstance) and one.task == "input"]
    for room in (100, 140, 340):
        teacher = TraceTeacher(TeacherConfig(max_tokens=room), sandbox, seed=0)
        for answer in rationales(made, {function.id: sampled}, teacher, sandbox):
            if isinstance(answer, Rationale) and not answer.verdict.correct:
                given = json.loads(answer.verdict.predicted or "{}")
                told = f"limit = {given['limit']} and values = {json.dumps(given['values'])}"
                assert told in answer.response


def test_the_recorded_input_is_never_looked_at(sandbox: Sandbox) -> None:
    functions, instances, _ = answers(sandbox)
    asked = [one for one in instances.values() if one.task == "input"]
    hidden = [replace(one, input='{"hidden": true}') for one in asked]
    texts = []
    for made in (asked, hidden):
        teacher = TraceTeacher(TeacherConfig(), sandbox, seed=0)
        texts.append(
            [one.response for one in rationales(made, functions, teacher, sandbox) if isinstance(one, Rationale)]
        )
    assert texts[0] == texts[1] and len(texts[0]) == len(asked)


@pytest.mark.parametrize(
    ("expression", "wanted", "argument", "value"),
    [
        ("sorted(a)", [-5, -4, -3, 4, 12], "a", [-5, -4, -3, 4, 12]),
        ("a[::-1]", "abc", "a", "cba"),
        ("a * 3 - 1", 14, "a", 5),
        ("'-'.join(a)", "x-y", "a", ["x", "y"]),
        ("a.split(',')", ["p", "q"], "a", "p,q"),
        ("a.upper()", "AB", "a", "AB"),
        ("len(a)", 3, "a", [1, 2, 3]),
        ("sum(a)", 7, "a", [7]),
        ("(7 - a) ** 2", 9, "a", 4),
        ("f'{a}'", "x", "a", None),
    ],
)
def test_what_a_return_expression_demands(expression: str, wanted: object, argument: str, value: object) -> None:
    example = {argument: [1] if isinstance(value, list) else "t" if isinstance(value, str) else 1}
    found = demands(f"def main_solution({argument}):\n    return {expression}\n", wanted, [example])
    assert value is None or any(demand.values.get(argument) == value for demand in found)
    assert value is not None or found == []


def test_numbers_are_found_by_the_difference_of_a_step(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    total = 2\n    for _ in range(n):\n        total += 3\n    return total\n"
    (text,) = found(sandbox, code, [(4, 14), (5, 17)], 20)
    assert (
        "with n = 4 it gives 14, with n = 5 it gives 17, so this step adds 3; if each step does, n = 6 gives 20" in text
    )
    assert text.endswith('{"input": {"n": 6}}')


def test_no_clock_decides_what_is_found() -> None:
    code = "def main_solution(n):\n    total = 2\n    for _ in range(n * 2000):\n        total += 3\n    return total\n"
    texts = []
    for limit in (0.05, 5.0):  # the input that is wanted, 1000, takes about 0.1 s
        with Sandbox(Limits(call_cpu_s=limit)) as sandbox:
            texts += found(sandbox, code, [(1, 6002), (2, 12002)], 6_000_002)
    assert texts[0] == texts[1]


def test_what_was_told_when_a_pair_was_chosen_is_the_answer(sandbox: Sandbox) -> None:
    (sampled,) = sample_pairs([NUMBERS["climb"]], SamplingConfig(draws=200, distinct=6), 0, sandbox, Counter())
    assert isinstance(sampled, SampledFunction)
    code = sampled.function.code
    asked, known = [], []
    for made in make_instances([sampled], 6):
        if isinstance(made, PredictionInstance) and made.task == "output":
            done = tell_output(code, made.input, sandbox.trace(Program(code), made.input))
            told = Told(done.text, bool(done.complete), done.proof)
            asked.append(Question((), function=sampled, instance=made, turn=1))
            known.append(Question((), function=sampled, instance=replace(made, told=told), turn=1))
    for room in (4096, 90):  # a recipe with less room tells it anew
        teacher = TraceTeacher(TeacherConfig(max_tokens=room), sandbox, seed=0)
        assert teacher.complete(asked) == teacher.complete(known)


def found(sandbox: Sandbox, code: str, pairs: list[tuple[int, int]], wanted: int) -> list[str]:
    about = UnifiedFunction("f", "p", "s", "x.py", "MIT", "f", "static", code, "d", "q", None)
    known = tuple(IOPair(f"{given}", "f", f'{{"n": {given}}}', str(output), False) for given, output in pairs)
    sampled = SampledFunction("s", about, known, False, 2)
    instance = PredictionInstance("i", "none", "f", "input", "{}", str(wanted))
    teacher = TraceTeacher(TeacherConfig(), sandbox, seed=0)
    return [done.text for done in teacher.complete([Question((), function=sampled, instance=instance, turn=1)])]


def test_the_joined_response_holds_both_turns_and_checks_and_no_request(sandbox: Sandbox) -> None:
    _, _, dialogues = answers(sandbox)
    for dialogue in dialogues:
        text = join_turns(dialogue)
        places = [text.index(turn.response) for turn in dialogue.turns]
        assert places == sorted(places) and text.count("Let me check") == len(dialogue.turns)
        assert "do not repeat" not in text
