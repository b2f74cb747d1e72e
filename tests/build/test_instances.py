"""Instances are half and half, and say something."""

from collections import Counter
from dataclasses import replace

from build.core.prompts import prediction_prompt
from build.core.records import IOPair, PredictionInstance, Reject, SampledFunction
from build.stages.questions import make_instances
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
