"""Stage 4, sample: draws input/output pairs for a function, each believed only after a second, different process agrees.

The rules are the paper's (appendix A): up to 1000 draws from the input generator until 10 distinct pairs pass the size rule,
at least 2 pairs, no None outputs. What the paper leaves open is closed here: arguments are written as JSON *before* the call
and the call starts from that text; every call sees fresh module state; and the whole set is run again in another process
with another hash seed, other random seeds and a shifted clock. A function whose pairs differ there is dropped as a whole:
if one of its values depends on chance, none of them can be trusted.

Functions that analysis took out of a file were written for no data set, so some more pairs are drawn for them, and those are
kept that take the most branches, differ in their outputs, and for four of five go past an early return. Functions that
give one value, or an argument, for nearly all of them are dropped.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from build.core.config import SamplingConfig
from build.core.records import IOPair, Reject, SampledFunction, UnifiedFunction, digest
from build.core.values import values_match
from build.sandbox import CallResult, DrawRules, Draws, Program, Sandbox
from build.sandbox.branches import Branches, BranchRun
from build.sandbox.causes import cause
from build.sandbox.codec import decode, encode
from build.sandbox.sizes import fits
from build.stages.stage import Context, Shard, Stage

STAGE = "sample"

_AGAIN = (
    4.0  # times the CPU limit of a call, for a call that was within it once: no load of the machine makes it differ
)
_DRAWN_AGAIN = 3  # pairs that a written generator has to give once more from the same seed, or no run could be repeated
_SPARE = 10  # pairs that are drawn beyond those wanted, to choose from
_SHORT = 3  # pairs that are taken for being short, so that there are runs which can be told step by step
_EARLY = 5  # at most one pair in so many ends early
_NEARLY_ALL = 0.9
_REACHED, _MANY_BRANCHES = 0.35, 6
_FEW = 5  # pairs; fewer say nothing about the other inputs
TRIVIAL = {"true", "false", "null", "0", '""', "[]", "{}"}  # outputs that say little about the function


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[SampledFunction | Reject]:
    """The functions of a shard with their pairs, by the recipe's rules and seed. Counts what tells how good they are."""
    recipe = context.recipe
    for made in sample_pairs(shard.records, recipe.sampling, recipe.seed, context.sandbox, stats):
        if isinstance(made, SampledFunction):
            stats["pairs"] += len(made.pairs)
            stats["constant"] += made.constant
            stats["trivial"] += sum(pair.trivial for pair in made.pairs)
            stats["early"] += made.early
            stats[f"outputs_{len({pair.output for pair in made.pairs})}"] += 1
            if made.branch_coverage is not None:
                stats[f"coverage_{int(made.branch_coverage * 100)}"] += 1
            if made.function.types:
                stats[f"types_{made.function.types}"] += 1
        yield made


def sample_pairs(
    functions: Iterable[UnifiedFunction], rules: SamplingConfig, seed: int, sandbox: Sandbox, stats: Counter[str]
) -> Iterator[SampledFunction | Reject]:
    """Each function with its verified pairs, or a reject: few_pairs, recorded_pairs_fail, nondeterministic,
    generator_unseeded, constant_output, returns_argument, early_return, hardly_reached, or the failure that ended its draws
    (load_error, timeout, memory, killed, ...).

    What became of recorded pairs is added to `stats` (recorded_ok, recorded_unstable, ...).
    """
    for function in functions:
        program = Program(function.code)
        if function.generator is None:
            draws = _replay(function, program, rules, sandbox, stats)
        else:
            spare = _SPARE if function.unifier == "static" else 0
            limits = DrawRules(draws=rules.draws, distinct=rules.distinct + spare)
            own_seed = int(digest(str(seed), function.id), 16) % 2**32
            draws = sandbox.draw(program, function.generator, limits, own_seed)
            if function.unifier != "static" and draws.pairs and not draws.failure:
                few = DrawRules(draws=rules.draws, distinct=min(len(draws.pairs), _DRAWN_AGAIN))
                again = sandbox.draw(program, function.generator, few, own_seed)
                if again.pairs != draws.pairs[: few.distinct]:
                    where = f"{function.path}:{function.name}"
                    yield Reject(STAGE, function.id, "generator_unseeded", f"{where}: the same seed drew other inputs")
                    continue
        yield _judge(function, program, draws, rules, sandbox)


def _judge(
    function: UnifiedFunction, program: Program, draws: Draws, rules: SamplingConfig, sandbox: Sandbox
) -> SampledFunction | Reject:
    name = f"{function.path}:{function.name}"
    # A job that was cut off is refused even with enough pairs: how many it had by then depends on the machine, too.
    # One that was given up after a number of slow draws is not: each of them is as slow elsewhere.
    if draws.failure and function.generator is not None:
        return Reject(STAGE, function.id, draws.failure, f"{name}: {draws.detail}")
    if len(draws.pairs) < rules.min_pairs:
        found = f"{name}: {len(draws.pairs)} pairs in {draws.draws} draws"
        costs = ", ".join(f"{reason} {count}" for reason, count in sorted(draws.rejected.items()))
        # Which draws are over a limit depends on the machine, and so do the other counts then: nothing written may.
        slow = "timeout" in draws.rejected
        detail = f"{found} (some over the CPU limit)" if slow else f"{found} ({costs}) {draws.detail}"
        return Reject(STAGE, function.id, draws.failure or "few_pairs", detail.strip())
    drawn, runs, count_ways = draws.pairs, [], None
    with suppress(SyntaxError, ValueError, RecursionError):
        branches = Branches(function.code, function.name)
        runs, count_ways = branches.watch(sandbox, [given for given, _ in drawn]), branches.coverage
    if function.unifier == "static":
        if dull := _dull(drawn):
            return Reject(STAGE, function.id, dull[0], f"{name}: {dull[1]} for {dull[2]} of {len(drawn)} inputs")
        places = _choose(drawn, runs, rules.distinct)
        if len(places) < rules.min_pairs:
            told = f"{name}: {len(drawn) - len(places)} of {len(drawn)} inputs end in an early return"
            return Reject(STAGE, function.id, "early_return", told)
        drawn, runs = tuple(drawn[place] for place in places), [runs[place] for place in places] if runs else []
    if function.unifier == "static" and runs and count_ways and _hardly_reached(taken := count_ways(runs)):
        told = f"{name}: the pairs take {taken[0]} of {taken[1]} branches"
        return Reject(STAGE, function.id, "hardly_reached", told)
    again = _second(sandbox, program, [given for given, _ in drawn])
    for (given, output), second in zip(drawn, again):
        if second.status != "ok" or second.value != output:
            got = second.value if second.status == "ok" else f"{second.status}: {second.detail}"
            detail = f"{name}: {given} gave {output}, and {got} in the second process"
            depends = cause(sandbox, program, [given for given, _ in drawn]) or "something unknown"
            return Reject(STAGE, function.id, "nondeterministic", f"{detail}; depends on {depends}")
    pairs = tuple(
        IOPair(digest(function.id, given, output), function.id, given, output, output in TRIVIAL)
        for given, output in drawn
    )
    return SampledFunction(
        digest(function.id, *(pair.id for pair in pairs)),
        function,
        pairs,
        constant=len({pair.output for pair in pairs}) == 1,
        draws=draws.draws,
        branches=count_ways(runs) if runs and count_ways else None,
        early=sum(run.early for run in runs),
    )


def _dull(pairs: Sequence[tuple[str, str]]) -> tuple[str, str, int] | None:
    """Why a function is no question, where it gives one value, or an argument, for nearly all of its pairs; for how many."""
    if len(pairs) < _FEW:
        return None
    output, same = Counter(output for _, output in pairs).most_common(1)[0]
    if same >= _NEARLY_ALL * len(pairs):
        return "constant_output", output[:80], same
    echoes = sum(any(output == encode(value) for value in json.loads(given).values()) for given, output in pairs)
    return ("returns_argument", "an argument", echoes) if echoes >= _NEARLY_ALL * len(pairs) else None


def _hardly_reached(branches: tuple[int, int]) -> bool:
    """Whether most of the branches in what is entered are not taken."""
    return branches[1] >= _MANY_BRANCHES and branches[0] < _REACHED * branches[1]


def _choose(pairs: Sequence[tuple[str, str]], runs: Sequence[BranchRun], count: int) -> list[int]:
    """The places of up to `count` pairs, in order: some short ones with outputs of their own that say something, then each the
    one that takes most new branches, then the rarest output; and at most a fifth of them with an early end.
    """
    early = [place for place in range(len(pairs)) if runs and runs[place].early]
    most_early = min(count // _EARLY, (len(pairs) - len(early)) // (_EARLY - 1))
    chosen: list[int] = []
    seen: set[tuple[int, bool]] = set()
    outputs: Counter[str] = Counter()

    def worth(place: int) -> tuple[int, int, bool, int]:
        new = len(runs[place].ways - seen) if runs else 0
        return new, -outputs[pairs[place][1]], pairs[place][1] not in TRIVIAL, -place

    def take(place: int) -> None:
        chosen.append(place)
        seen.update(runs[place].ways if runs else ())
        outputs[pairs[place][1]] += 1

    telling = [place for place in range(len(pairs)) if place not in early and pairs[place][1] not in TRIVIAL]
    for place in sorted(telling, key=lambda each: (runs[each].marks if runs else 0, len(pairs[each][0]))):
        if len(chosen) < min(_SHORT, count // 2) and not outputs[pairs[place][1]]:
            take(place)
    while len(chosen) < count:
        full = sum(place in early for place in chosen) >= most_early
        left = [each for each in range(len(pairs)) if each not in chosen and not (full and each in early)]
        if not left:
            break
        take(max(left, key=worth))
    return sorted(chosen)


def _second(sandbox: Sandbox, program: Program, inputs: Sequence[str]) -> list[CallResult]:
    """The results in the other replica."""
    return sandbox.call(program, inputs, replica=2, call_cpu_s=sandbox.limits.call_cpu_s * _AGAIN)


def _replay(
    function: UnifiedFunction, program: Program, rules: SamplingConfig, sandbox: Sandbox, stats: Counter[str]
) -> Draws:
    """The recorded pairs of a ready function that reproduce, up to the number wanted; the rest is counted by reason.

    `unstable`: the replicas disagree, so the function depends on chance, time or hash order. `differs`: both agree with each
    other and not with the record, so the record is wrong (an input noted after the call had changed it, leaked state).
    """
    usable = [pair for pair in function.recorded if not pair.problem]
    inputs = [pair.input for pair in usable]
    costs: Counter[str] = Counter()
    costs["not_data"] += len(function.recorded) - len(usable)
    kept: dict[str, str] = {}
    failure = ""
    for pair, first, second in zip(usable, sandbox.call(program, inputs), _second(sandbox, program, inputs)):
        if first.status != "ok":
            costs[first.status] += 1
            failure = failure or first.detail
        elif first.value != second.value:
            costs["unstable"] += 1
        elif first.value is None or not values_match(decode(pair.output), decode(first.value)):
            costs["differs"] += 1
        elif first.value == "null":
            costs["none_output"] += 1
        elif not (fits(decode(pair.input), DrawRules()) and fits(decode(first.value), DrawRules())):
            costs["too_large"] += 1
        else:
            costs["ok"] += 1
            kept[pair.input] = first.value
    stats.update({f"recorded_{reason}": count for reason, count in costs.items() if count})
    few = "recorded_pairs_fail" if function.recorded else "no_recorded_pairs"
    if costs["unstable"]:  # if one of its values depends on chance, none of them can be trusted
        few, kept = "nondeterministic", {}
    rejected = {reason: count for reason, count in costs.items() if count and reason != "ok"}
    pairs = tuple(kept.items())[: rules.distinct]
    return Draws(pairs, len(function.recorded), rejected, "" if len(pairs) >= rules.min_pairs else few, failure)


stage = Stage(STAGE, UnifiedFunction, SampledFunction, run)
