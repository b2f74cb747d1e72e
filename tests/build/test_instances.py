"""Instances are half and half, and say something."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

from build.core.config import QuestionConfig, SamplingConfig
from build.core.prompts import prediction_prompt
from build.core.records import IOPair, PredictionInstance, Reject, SampledFunction
from build.sandbox import Program, Sandbox
from build.stages.questions import make_instances, stage
from build.stages.sample import sample_pairs
from tests.build.test_static import NUMBERS

FUNCTION = NUMBERS["climb"]


def sampled(*outputs: str) -> SampledFunction:
    pairs = tuple(
        IOPair(f"pair{number}", FUNCTION.id, f'{{"steps": {number}}}', output, output == "false")
        for number, output in enumerate(outputs)
    )
    return SampledFunction("sampled", FUNCTION, pairs, False, len(pairs))


def test_each_chosen_pair_gives_both_questions_and_the_rest_is_surplus() -> None:
    made = list(make_instances([sampled("1", "2", "3", "4")], 3))
    kept = [record for record in made if isinstance(record, PredictionInstance)]
    assert Counter(record.task for record in kept) == {"input": 3, "output": 3}
    assert [record.reason for record in made if isinstance(record, Reject)] == ["surplus", "surplus"]
    assert len({record.id for record in kept}) == 6


def test_every_question_is_about_a_run_that_was_watched_and_told(sandbox: Sandbox) -> None:
    rules = SamplingConfig(draws=200, distinct=6)
    functions = [NUMBERS["sum_of_squares"], NUMBERS["climb"]]
    sampled = list(sample_pairs(functions, rules, 0, sandbox, Counter()))
    for select in ("outputs", "coverage"):
        questions = QuestionConfig(pairs_per_function=2, select=select)
        recipe = SimpleNamespace(questions=questions, teacher=SimpleNamespace(name="trace"), seed=0)
        context = SimpleNamespace(recipe=recipe, sandbox=sandbox)
        made = list(stage.run(SimpleNamespace(records=sampled), context, Counter()))  # type: ignore[arg-type]
        kept = [one for one in made if isinstance(one, PredictionInstance)]
        assert Counter(one.task for one in kept) == {"output": 4, "input": 4}
        assert all(one.shape is not None and (one.told is not None) == (one.task == "output") for one in kept)
        assert all(one.told.complete and f'{{"output": {one.output}}}' in one.told.response for one in kept if one.told)


def test_a_run_that_can_be_told_is_asked_for_though_its_output_was_had_before(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    total = 0\n    for i in range(n):\n        total ^= i * 37 % 11\n    return total // 4"
    function = replace(FUNCTION, code=code, generator=None)
    outputs = {n: sandbox.call(Program(code), [f'{{"n": {n}}}'])[0].value for n in (1, 2, 3, 4, 290, 300)}
    pairs = tuple(IOPair(f"pair{n}", function.id, f'{{"n": {n}}}', str(value), False) for n, value in outputs.items())
    about = SampledFunction("sampled", function, pairs, False, len(pairs))
    recipe = SimpleNamespace(
        questions=QuestionConfig(pairs_per_function=3), teacher=SimpleNamespace(name="trace"), seed=0
    )
    context = SimpleNamespace(recipe=recipe, sandbox=sandbox)
    made = list(stage.run(SimpleNamespace(records=[about]), context, Counter()))  # type: ignore[arg-type]
    told = [one.told.complete for one in made if isinstance(one, PredictionInstance) and one.told]
    assert told == [True] * 3


def test_outputs_that_say_more_are_asked_for_first() -> None:
    made = make_instances([sampled("false", "false", "7", "7", "8")], 3)
    chosen = {record.output for record in made if isinstance(record, PredictionInstance)}
    assert chosen == {"7", "8", "false"}


def test_a_prompt_gives_one_half_of_the_pair_in_the_papers_order() -> None:
    made = [record for record in make_instances([sampled("12345", "2")], 1) if isinstance(record, PredictionInstance)]
    for instance in made:
        prompt = prediction_prompt(FUNCTION, replace(instance, input='{"steps": 98765}'))
        given, hidden = ("98765", "12345") if instance.task == "output" else ("12345", "98765")
        assert hidden not in prompt
        parts = [FUNCTION.query, FUNCTION.description, given, f'{{"{instance.task}": ', FUNCTION.code]
        places = [prompt.index(part) for part in parts]
        assert places == sorted(places)
