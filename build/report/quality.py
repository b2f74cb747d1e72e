"""Reports the quality of a run: doubles, leaks, licenses, difficulty, and how often answers are right; as tables and a picture.

python -m build stats --quality RUN
"""

import io
from collections import Counter
from dataclasses import dataclass, field

from tabulate import tabulate

from build.core.records import Dialogue, PredictionInstance, SampledFunction
from build.core.store import Store
from build.stages.sample import TRIVIAL

_MEASURES = ("steps", "lines", "branches", "depth", "rounds")
_STEPS = (5, 10, 20, 50, 100, 500, 10**9)  # upper ends of the classes that the share of right answers is told by


@dataclass
class Quality:
    """What is counted of a run. `measures`: how often each value of a measure occurs; `right`: answers and right ones."""

    functions: int = 0
    licenses: Counter[str] = field(default_factory=Counter)
    doubles: Counter[str] = field(default_factory=Counter)
    leaks: Counter[tuple[str, str]] = field(default_factory=Counter)
    measures: dict[str, Counter[int]] = field(default_factory=dict)
    right: dict[int, list[int]] = field(default_factory=dict)
    questions: int = 0
    constant: int = 0
    trivial: int = 0
    grouped: int = 0


def quality_of(store: Store) -> Quality:
    """Count a run, shard by shard."""
    found = Quality(measures={name: Counter() for name in (*_MEASURES, "code length")})
    names = store.stages()
    for shard in range(store.shards() or 0):
        constant = {}
        for sampled in store.kept(SampledFunction, shard):
            found.functions += 1
            found.licenses[sampled.function.license] += 1
            found.measures["code length"][len(sampled.function.code)] += 1
            found.grouped += bool(sampled.function.group)
            constant[sampled.function.id] = sampled.constant
        steps = {}
        for instance in store.kept(PredictionInstance, shard):
            found.questions += 1
            found.trivial += instance.output in TRIVIAL
            found.constant += constant.get(instance.function_id, False)
            if instance.shape is not None:
                steps[instance.id] = instance.shape.steps
                for name in _MEASURES:
                    found.measures[name][getattr(instance.shape, name)] += 1
        for dialogue in store.kept(Dialogue, shard):
            if dialogue.instance_id in steps:
                step = next(end for end in _STEPS if steps[dialogue.instance_id] <= end)
                counts = found.right.setdefault(step, [0, 0])
                counts[0] += 1
                counts[1] += dialogue.turns[0].verdict.correct
        if "duplicates" in names:
            found.doubles.update(each.reason for each in store.rejects("duplicates", shard))
        for reject in store.rejects("leaks", shard) if "leaks" in names else ():
            item = reject.detail.partition(" repeats ")[2].partition(":")[0]
            found.leaks[item.rpartition(" ")[0], reject.reason.removeprefix("leak_")] += 1
    return found


def quality_tables(store: Store, found: Quality) -> str:
    """The report as Markdown."""
    names = store.stages()
    doubles = tabulate(sorted(found.doubles.items()), ["doubles dropped", "functions"], tablefmt="github")
    leaks = tabulate(
        [[*key, n] for key, n in sorted(found.leaks.items())], ["benchmark", "rule", "functions"], tablefmt="github"
    )
    licenses = tabulate(found.licenses.most_common(), ["license", "functions"], tablefmt="github")
    measures = tabulate(
        [
            [name, *(quantile(counts, share) for share in (0.1, 0.5, 0.9, 1.0))]
            for name, counts in found.measures.items()
            if counts
        ],
        ["of a question", "10 %", "median", "90 %", "most"],
        tablefmt="github",
    )
    right = tabulate(
        [[_class(end), total, f"{good / total:.1%}"] for end, (total, good) in sorted(found.right.items())],
        ["executed steps", "first answers", "right"],
        tablefmt="github",
    )
    checked = store.manifest()["recipe"].get("leaks", {})
    asked = [*checked.get("benchmarks", []), *(each["name"] for each in checked.get("own", []))]
    told = (
        f"Checked against: {', '.join(asked)}." if "leaks" in names and asked else "No benchmark was checked against."
    )
    total = max(found.questions, 1)
    return "\n\n".join(
        [
            f"{doubles if found.doubles else 'No double was dropped.'}\n\n"
            f"{found.grouped} of {found.functions} functions that are left belong to a group; a split never parts one.",
            f"{told}\n\n{leaks}" if found.leaks else f"{told} No function was dropped for one.",
            licenses,
            f"{measures}\n\nSteps are executed statements and decisions, counted up to the tracer's bound (column `cut`).",
            right,
            f"Of {found.questions} questions {found.trivial / total:.1%} have a trivial output (true, false, null, 0, empty), "
            f"and {found.constant / total:.1%} are about a function with one output for all its inputs.",
        ]
    )


def _class(end: int) -> str:
    place = _STEPS.index(end)
    low = _STEPS[place - 1] + 1 if place else 0
    return f"{low} to {end}" if place + 1 < len(_STEPS) else f"{low} and more"


def quantile(counts: Counter[int], share: float) -> int:
    """The smallest value that a share of all values do not exceed."""
    wanted, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0


def quality_plot(found: Quality) -> bytes:
    """A picture (PNG) of the doubles and leaks, the licenses, the steps, and the share of right answers by steps."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9, 6), layout="constrained")
    (first, second), (third, fourth) = figure.subplots(2, 2)
    dropped = dict(sorted(found.doubles.items())) | {
        f"leak: {name} ({rule})": n for (name, rule), n in sorted(found.leaks.items())
    }
    first.barh(list(dropped), list(dropped.values()))
    first.set_xlabel("functions dropped")
    common = dict(found.licenses.most_common(8))
    second.barh(list(common), list(common.values()))
    second.set_xlabel("functions by license")
    steps = found.measures["steps"]
    third.hist(list(steps), weights=list(steps.values()), bins=40)
    third.set_xlabel("executed steps")
    third.set_ylabel("questions")
    classes = sorted(found.right)
    fourth.bar([_class(end) for end in classes], [found.right[end][1] / found.right[end][0] for end in classes])
    fourth.tick_params(axis="x", labelrotation=30)
    fourth.set_ylabel("right at turn 1")
    for axes in (first, second, third, fourth):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
