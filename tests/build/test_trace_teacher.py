"""The embedded teacher: right about outputs, honest about its search for inputs."""

import json
import re
from collections import Counter

from build.core.config import SamplingConfig, TeacherConfig
from build.core.prompts import join_turns
from build.core.records import Dialogue, PredictionInstance, Rationale, SampledFunction
from build.core.tokens import count_tokens
from build.sandbox import Program, Sandbox
from build.stages.answer import rationales
from build.stages.questions import make_instances
from build.stages.revise import revise
from build.stages.sample import sample_pairs
from build.teachers.trace.teacher import TraceTeacher
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
    assert any(dialogue.turns[1].verdict.correct for dialogue in revised)


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
    assert looked_at > 3


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
                told = f"Trying limit = {given['limit']} and values = {json.dumps(given['values'])} "
                assert told in answer.response


def test_the_joined_response_holds_both_turns_and_checks_and_no_request(sandbox: Sandbox) -> None:
    _, _, dialogues = answers(sandbox)
    for dialogue in dialogues:
        text = join_turns(dialogue)
        places = [text.index(turn.response) for turn in dialogue.turns]
        assert places == sorted(places) and text.count("Let me check") == len(dialogue.turns)
        assert "do not repeat" not in text
