"""Stage 6, questions: each chosen pair becomes two questions, so that input and output prediction are half and half."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace

from build.core.config import QuestionConfig
from build.core.records import SURPLUS, IOPair, PredictionInstance, Reject, SampledFunction, Step, Task, Told, digest
from build.core.shape import Arcs, lines_of, shape_of
from build.sandbox import Program, Trace
from build.stages.stage import Context, Shard, Stage
from build.teachers.trace.frames import frames_of, trace_text
from build.teachers.trace.steps import step_questions
from build.teachers.trace.teacher import tell_output

STAGE = "questions"

_LONG_RUN = 800  # events of a trace; no telling of so long a run fits
_GOOD_RUN = 45  # events of a run that says something and can be told in few words
_MISSES = 4  # runs in a row whose tellings are not complete; after them only shorter ones are looked at
_TASKS: tuple[Task, ...] = ("output", "input")


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[PredictionInstance | Reject]:
    """The questions about a shard's functions. Counts the pairs that they are chosen from, and the questions by task."""
    for function in shard.records:
        stats["pairs"] += len(function.pairs)
        stats["constant_functions"] += function.constant
        stats["trivial_outputs"] += sum(pair.trivial for pair in function.pairs)
    rules = context.recipe.questions
    prefer = context.recipe.teacher.name == "trace" and rules.prefer_told
    for function in shard.records:
        traces = context.sandbox.traces(Program(function.function.code), [pair.input for pair in function.pairs])
        lines = lines_of(function.function.code)
        watched = {pair.id: shape_of(lines, trace) for pair, trace in zip(function.pairs, traces)}
        told = _tellings(function, rules, traces) if prefer else {}
        runs = {pair.id: trace for pair, trace in zip(function.pairs, traces)}
        first = set(told)
        stats["pairs_told_completely"] += len(first)
        if rules.select == "coverage":
            arcs = {pair.id: watched[pair.id][1] for pair in function.pairs if not first or pair.id in first}
            first = _covering(arcs, rules.pairs_per_function)
        asked = list(questions_about([function], rules, context.recipe.seed, first))
        inside = _inside(function, asked, runs, context)
        for made in asked:
            if isinstance(made, PredictionInstance):
                stats[f"{made.task}_tasks"] += 1
                frames, steps = inside.pop(made.parent, ("", ()))
                made = replace(made, shape=watched[made.parent][0], frames=frames, steps=steps)
                if prefer and made.task == "output":
                    made = replace(made, told=told.get(made.parent) or _told(function, made.input, runs[made.parent]))
            yield made


def _inside(
    function: SampledFunction,
    asked: Sequence[PredictionInstance | Reject],
    runs: Mapping[str, Trace],
    context: Context,
) -> dict[str, tuple[str, tuple[Step, ...]]]:
    """What the recipe wants of the runs that are asked about, by pair: the run as frames, and questions about its steps.

    A second trace in the other interpreter has to have the same frames: the order of a set, say, must not show inside.
    """
    rules, code = context.recipe.questions, function.function.code
    pairs = {each.parent: each.input for each in asked if isinstance(each, PredictionInstance)}
    if not (rules.steps or rules.traces) or not pairs:
        return {}
    again = context.sandbox.traces(Program(code), list(pairs.values()), replica=2)
    frames = {pair: frames_of(code, runs[pair]) for pair in pairs}
    same = {pair: frames[pair] for pair, trace in zip(pairs, again) if frames[pair] == frames_of(code, trace)}
    steps = step_questions(code, same, rules.steps)
    return {
        pair: (trace_text(code, found) if rules.traces else "", steps.get(pair, ())) for pair, found in same.items()
    }


def _covering(arcs: Mapping[str, Arcs], count: int) -> set[str]:
    """Up to `count` pairs, each the one that adds most transitions between statements to those before it."""
    chosen: list[str] = []
    seen: set[tuple[int, int]] = set()
    while len(chosen) < min(count, len(arcs)):
        best = max((each for each in arcs if each not in chosen), key=lambda each: len(arcs[each] - seen))
        chosen.append(best)
        seen |= arcs[best]
    return set(chosen)


def questions_about(
    sampled: Iterable[SampledFunction], rules: QuestionConfig, seed: int, told: Set[str] = frozenset()
) -> Iterator[PredictionInstance | Reject]:
    """The questions that a recipe's rules leave; the others are rejects with the reason `surplus`."""
    for function in sampled:
        made = list(make_instances([function], rules.pairs_per_function, told, rules.pairs_per_output))
        yield from (each for each in made if isinstance(each, Reject))
        questions = [each for each in made if isinstance(each, PredictionInstance)]
        if rules.per_function is not None and int(digest("first task", function.function.id), 16) % 2:
            questions = [each for pair in zip(questions[1::2], questions[::2]) for each in pair]
        asked = {each.id for each in [each for each in questions if each.task in rules.tasks][: rules.per_function]}
        for each in questions:
            drawn = int(digest("subset", str(seed), each.id), 16) / 16**20
            yield each if each.id in asked and drawn < rules.subset else Reject(STAGE, each.parent, SURPLUS, each.task)


def make_instances(
    sampled: Iterable[SampledFunction],
    pairs_per_function: int,
    told: Set[str] = frozenset(),
    pairs_per_output: int | None = None,
) -> Iterator[PredictionInstance | Reject]:
    """Two instances a pair for up to `pairs_per_function` pairs; the others are rejects with the reason `surplus`.

    Pairs with an output of their own are chosen first, and among equals those whose output says something, so that a
    function which mostly returns False is not asked three times for False. Ties keep the order of sampling. Before all that,
    pairs in `told` go first: those whose run the teacher can tell completely.
    """
    for function in sampled:
        chosen = _choose(function.pairs, pairs_per_function, told, pairs_per_output)
        for pair in function.pairs:
            for task in _TASKS:
                made = PredictionInstance(
                    digest(pair.id, task), pair.id, function.function.id, task, pair.input, pair.output
                )
                yield made if pair.id in chosen else Reject(STAGE, pair.id, SURPLUS, task)


def _choose(pairs: tuple[IOPair, ...], count: int, told: Set[str], per_output: int | None) -> set[str]:
    first_of_output: dict[str, str] = {}
    seen: Counter[str] = Counter()
    allowed = []
    for pair in pairs:
        first_of_output.setdefault(pair.output, pair.id)
        seen[pair.output] += 1
        if per_output is None or seen[pair.output] <= per_output:
            allowed.append(pair)
    pairs = tuple(allowed)
    ranked = sorted(
        pairs, key=lambda pair: (pair.id not in told, first_of_output[pair.output] != pair.id, pair.trivial)
    )
    return {pair.id for pair in ranked[:count]}


def _tellings(function: SampledFunction, rules: QuestionConfig, traces: Sequence[Trace]) -> dict[str, Told]:
    """Complete tellings of pairs within the limit, as many as are wanted; runs of a good length are looked at first, those with
    an output that says little last.
    """
    outputs: set[str] = set()
    found: dict[str, Told] = {}
    missed = Counter[bool]()
    shortest: dict[bool, int] = {}  # of the runs whose tellings are not complete
    runs = sorted(
        zip(function.pairs, traces),
        key=lambda item: (item[0].trivial, abs(len(item[1].events) - _GOOD_RUN), len(item[1].events)),
    )
    repeated: list[
        tuple[IOPair, Trace]
    ] = []  # their outputs say less than others, so they are looked at where those cannot be told
    for again in (False, True):
        for pair, trace in repeated if again else runs:
            if len(found) >= rules.pairs_per_function:
                return found
            length = len(trace.events)
            if length > _LONG_RUN or (missed[pair.trivial] >= _MISSES and length >= shortest[pair.trivial]):
                continue
            if pair.output in outputs and not again:
                repeated.append((pair, trace))
                continue
            told = _told(function, pair.input, trace, complete=True)
            missed[pair.trivial] = 0 if told else missed[pair.trivial] + 1
            if told:
                found[pair.id] = told
                outputs.add(pair.output)
            else:
                shortest[pair.trivial] = min(length, shortest.get(pair.trivial, length))
        missed.clear()
    return found


def _told(function: SampledFunction, given: str, trace: Trace, complete: bool = False) -> Told | None:
    """The trace teacher's answer about a pair; None where there is none, or it is not `complete` and has to be."""
    done = tell_output(function.function.code, given, trace, complete=complete)
    return None if done.failure else Told(done.text, bool(done.complete), done.proof)


stage = Stage(STAGE, SampledFunction, PredictionInstance, run)
