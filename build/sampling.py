"""Stage 3, sample_io: input/output pairs for a function, each believed only after a second, different process agrees.

The rules are the paper's (appendix A): up to 1000 draws from the input generator until 10 distinct pairs pass the size rule,
at least 2 pairs, no None outputs. What the paper leaves open is closed here: arguments are written as JSON *before* the call
and the call starts from that text; every call sees fresh module state; and the whole set is run again in another process
with another hash seed, other random seeds and a shifted clock. A function whose pairs differ there is dropped as a whole:
if one of its values depends on chance, none of them can be trusted.
"""

from collections.abc import Iterable, Iterator

from build.recipe import Sampling
from build.records import IOPair, Reject, SampledFunction, UnifiedFunction, digest
from build.sandbox import DrawRules, Draws, Program, Sandbox

STAGE = "sample_io"

TRIVIAL = {"true", "false", "null", "0", '""', "[]", "{}"}  # outputs that say little about the function


def sample_io(
    functions: Iterable[UnifiedFunction], rules: Sampling, seed: int, sandbox: Sandbox
) -> Iterator[SampledFunction | Reject]:
    """Each function with its verified pairs, or a reject: few_pairs, recorded_pairs_fail, nondeterministic, or the failure
    of its generator (no_input, load_error, timeout, memory, killed, ...).
    """
    for function in functions:
        program = Program(function.code)
        if function.generator is None:
            draws = _replay(function, program, rules, sandbox)
        else:
            limits = DrawRules(draws=rules.draws, distinct=rules.distinct)
            own_seed = int(digest(str(seed), function.id), 16) % 2**32
            draws = sandbox.draw(program, function.generator, limits, own_seed)
        yield _judge(function, program, draws, rules, sandbox)


def _judge(
    function: UnifiedFunction, program: Program, draws: Draws, rules: Sampling, sandbox: Sandbox
) -> SampledFunction | Reject:
    costs = ", ".join(f"{reason} {count}" for reason, count in sorted(draws.rejected.items()))
    where = f"{function.path}:{function.name}: {len(draws.pairs)} pairs in {draws.draws} draws ({costs}) {draws.detail}"
    if len(draws.pairs) < rules.min_pairs:
        return Reject(STAGE, function.id, draws.failure or "few_pairs", where.strip())
    again = sandbox.call(program, [given for given, _ in draws.pairs], world=2)
    for (given, output), second in zip(draws.pairs, again):
        if second.status != "ok" or second.value != output:
            got = second.value if second.status == "ok" else f"{second.status}: {second.detail}"
            detail = f"{function.path}:{function.name}: {given} gave {output}, and {got} in the second process"
            reason = "nondeterministic" if second.status == "ok" else f"second_run_{second.status}"
            return Reject(STAGE, function.id, reason, detail)
    pairs = tuple(
        IOPair(digest(function.id, given, output), function.id, given, output, output in TRIVIAL)
        for given, output in draws.pairs
    )
    constant = len({pair.output for pair in pairs}) == 1
    return SampledFunction(digest(function.id, *(pair.id for pair in pairs)), function, pairs, constant, draws.draws)


def _replay(function: UnifiedFunction, program: Program, rules: Sampling, sandbox: Sandbox) -> Draws:
    """The recorded pairs of a ready function that reproduce, up to the number wanted; the rest is counted by reason."""
    recorded = list({pair.input: pair for pair in function.recorded}.values())
    results = sandbox.call(program, [pair.input for pair in recorded])
    kept: list[tuple[str, str]] = []
    costs: dict[str, int] = {}
    for pair, result in zip(recorded, results):
        if result.status == "ok" and result.value == pair.output:
            kept.append((pair.input, pair.output))
            continue
        reason = "differs" if result.status == "ok" else result.status
        costs[reason] = costs.get(reason, 0) + 1
    failure = "" if len(kept) >= rules.min_pairs else ("recorded_pairs_fail" if recorded else "no_recorded_pairs")
    return Draws(tuple(kept[: rules.distinct]), len(recorded), costs, failure)
