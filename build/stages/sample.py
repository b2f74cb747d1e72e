"""Stage 4, sample: draws input/output pairs for a function, each believed only after a second, different process agrees.

The rules are the paper's (appendix A): up to 1000 draws from the input generator until 10 distinct pairs pass the size rule,
at least 2 pairs, no None outputs. What the paper leaves open is closed here: arguments are written as JSON *before* the call
and the call starts from that text; every call sees fresh module state; and the whole set is run again in another process
with another hash seed, other random seeds and a shifted clock. A function whose pairs differ there is dropped as a whole:
if one of its values depends on chance, none of them can be trusted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from build.core.config import SamplingConfig
from build.core.records import IOPair, Reject, SampledFunction, UnifiedFunction, digest
from build.core.values import values_match
from build.sandbox import DrawRules, Draws, Program, Sandbox
from build.sandbox.causes import cause
from build.sandbox.codec import decode
from build.sandbox.sizes import fits
from build.stages.stage import Context, Shard, Stage

STAGE = "sample"

_DRAWN_AGAIN = 3  # pairs that a written generator has to give once more from the same seed, or no run could be repeated
TRIVIAL = {"true", "false", "null", "0", '""', "[]", "{}"}  # outputs that say little about the function


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[SampledFunction | Reject]:
    """The functions of a shard with their pairs, by the recipe's rules and seed."""
    recipe = context.recipe
    yield from sample_pairs(shard.records, recipe.sampling, recipe.seed, context.sandbox, stats)


def sample_pairs(
    functions: Iterable[UnifiedFunction], rules: SamplingConfig, seed: int, sandbox: Sandbox, stats: Counter[str]
) -> Iterator[SampledFunction | Reject]:
    """Each function with its verified pairs, or a reject: few_pairs, recorded_pairs_fail, nondeterministic,
    generator_unseeded, or the failure that ended its draws (load_error, timeout, memory, killed, ...).

    What became of recorded pairs is added to `stats` (recorded_ok, recorded_unstable, ...).
    """
    for function in functions:
        program = Program(function.code)
        if function.generator is None:
            draws = _replay(function, program, rules, sandbox, stats)
        else:
            limits = DrawRules(draws=rules.draws, distinct=rules.distinct)
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
    again = sandbox.call(program, [given for given, _ in draws.pairs], replica=2)
    for (given, output), second in zip(draws.pairs, again):
        if second.status != "ok" or second.value != output:
            got = second.value if second.status == "ok" else f"{second.status}: {second.detail}"
            detail = f"{name}: {given} gave {output}, and {got} in the second process"
            depends = cause(sandbox, program, [given for given, _ in draws.pairs]) or "something unknown"
            return Reject(STAGE, function.id, "nondeterministic", f"{detail}; depends on {depends}")
    pairs = tuple(
        IOPair(digest(function.id, given, output), function.id, given, output, output in TRIVIAL)
        for given, output in draws.pairs
    )
    constant = len({pair.output for pair in pairs}) == 1
    return SampledFunction(digest(function.id, *(pair.id for pair in pairs)), function, pairs, constant, draws.draws)


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
    for pair, first, second in zip(usable, sandbox.call(program, inputs), sandbox.call(program, inputs, replica=2)):
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
