"""Stage 6, questions: each chosen pair becomes two questions, so that input and output prediction are half and half."""

from collections import Counter
from collections.abc import Iterable, Iterator

from build.core.records import SURPLUS, IOPair, PredictionInstance, Reject, SampledFunction, Task, digest
from build.stages.stage import Context, Shard, Stage

STAGE = "questions"

_TASKS: tuple[Task, ...] = ("output", "input")


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[PredictionInstance | Reject]:
    """The questions about a shard's functions. Counts the pairs that they are chosen from, and the questions by task."""
    for function in shard.records:
        stats["pairs"] += len(function.pairs)
        stats["constant_functions"] += function.constant
        stats["trivial_outputs"] += sum(pair.trivial for pair in function.pairs)
    for made in make_instances(shard.records, context.recipe.questions.pairs_per_function):
        if isinstance(made, PredictionInstance):
            stats[f"{made.task}_tasks"] += 1
        yield made


def make_instances(
    sampled: Iterable[SampledFunction], pairs_per_function: int
) -> Iterator[PredictionInstance | Reject]:
    """Two instances a pair for up to `pairs_per_function` pairs; the others are rejects with the reason `surplus`.

    Pairs with an output of their own are chosen first, and among equals those whose output says something, so that a
    function which mostly returns False is not asked three times for False. Ties keep the order of sampling.
    """
    for function in sampled:
        chosen = _choose(function.pairs, pairs_per_function)
        for pair in function.pairs:
            for task in _TASKS:
                made = PredictionInstance(
                    digest(pair.id, task), pair.id, function.function.id, task, pair.input, pair.output
                )
                yield made if pair.id in chosen else Reject(STAGE, pair.id, SURPLUS, task)


def _choose(pairs: tuple[IOPair, ...], count: int) -> set[str]:
    first_of_output: dict[str, str] = {}
    for pair in pairs:
        first_of_output.setdefault(pair.output, pair.id)
    ranked = sorted(pairs, key=lambda pair: (first_of_output[pair.output] != pair.id, pair.trivial))
    return {pair.id for pair in ranked[:count]}


stage = Stage(STAGE, SampledFunction, PredictionInstance, run)
