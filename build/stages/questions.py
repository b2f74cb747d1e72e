"""Stage 4, instances: each chosen pair becomes two questions, so that input and output prediction are half and half."""

from collections.abc import Iterable, Iterator

from build.core.records import IOPair, PredictionInstance, Reject, SampledFunction, Task, digest

STAGE = "instances"

_TASKS: tuple[Task, ...] = ("output", "input")


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
                yield made if pair.id in chosen else Reject(STAGE, pair.id, "surplus", task)


def _choose(pairs: tuple[IOPair, ...], count: int) -> set[str]:
    first_of_output: dict[str, str] = {}
    for pair in pairs:
        first_of_output.setdefault(pair.output, pair.id)
    ranked = sorted(pairs, key=lambda pair: (first_of_output[pair.output] != pair.id, pair.trivial))
    return {pair.id for pair in ranked[:count]}
