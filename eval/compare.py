"""Compares two runs on the same items: `python -m eval compare A B`. The statistics are in `eval.statistics`."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from eval.benchmarks import BENCHMARKS, BY_NAME, COLUMNS, HELD_OUT
from eval.run_folder import BadRun, Column, Run
from eval.statistics import Estimate, Paired, covariance, holm, macro, paired


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """B minus A on one benchmark: `paired` in 0..1, p also corrected by Holm over the compared columns of the paper."""

    column: str
    n: int
    first: float
    second: float
    paired: Paired
    p_holm: float | None
    first_column: Column
    second_column: Column


@dataclass(frozen=True, slots=True)
class Comparison:
    """All compared columns, and the difference of their unweighted means (over the paper's columns that both have)."""

    columns: list[ColumnComparison]
    macro: Estimate | None
    notes: list[str]


def compare(first: Run, second: Run) -> Comparison:
    """Compare the items that both runs have scored. Raises `BadRun` when there is no common item."""
    summaries = {run.path: {column.name: column for column in run.summary().columns} for run in (first, second)}
    one, two = summaries[first.path], summaries[second.path]
    notes = [
        f"{BY_NAME[name].column} is in one run only and left out" for name in BY_NAME if (name in one) != (name in two)
    ]
    found: list[tuple[str, int, float, float, Paired]] = []
    differences: dict[str, dict[str, float]] = {}
    for name in [name for name in BY_NAME if name in one and name in two]:
        scores = {item.id: item for item in second.scores(name)}
        common = [item for item in first.scores(name) if item.id in scores]
        if not common:
            notes.append(f"{BY_NAME[name].column}: the runs have no item in common")
            continue
        if len(common) < max(one[name].n, two[name].n):
            notes.append(f"{BY_NAME[name].column}: {len(common)} common items of {one[name].n} and {two[name].n}")
        if one[name].scorer_version != two[name].scorer_version:
            raise BadRun(f"{BY_NAME[name].column}: the runs were scored by different versions; score both again")
        groups = [item.group for item in common]
        values = [item.value for item in common]
        others = [scores[item.id].value for item in common]
        differences[name] = {item.row_sha: scores[item.id].value - item.value for item in common if item.row_sha}
        combine = BY_NAME[name].combine
        result = paired(combine, groups, values, others)
        mean = paired(combine, groups, [0.0] * len(values), values).difference.value
        found.append((name, len(common), mean, mean + result.difference.value, result))
    if not found:
        raise BadRun(f"{first.path} and {second.path} have no scored item in common")
    in_paper = [entry for entry in found if BY_NAME[entry[0]].column in COLUMNS]
    corrected = dict(zip([entry[0] for entry in in_paper], holm([entry[4].p for entry in in_paper])))
    columns = [
        ColumnComparison(BY_NAME[name].column, n, a, b, result, corrected.get(name), one[name], two[name])
        for name, n, a, b, result in found
    ]
    covariances = [
        covariance(differences[benchmark.name], differences[benchmark.items_of])
        for benchmark in BENCHMARKS
        if benchmark.name in differences and benchmark.items_of in differences
    ]
    total = macro([entry[4].difference for entry in in_paper], covariances) if in_paper else None
    if in_paper and len(in_paper) < len(BENCHMARKS):
        notes.append(f"the average is over {len(in_paper)} of the paper's {len(BENCHMARKS)} columns")
    if any(entry[0] == HELD_OUT.name for entry in found):
        notes.append(f"{HELD_OUT.column} is not part of the average nor of Holm's correction")
    notes.append("item noise only: the spread between training runs is not in these intervals")
    return Comparison(columns, total, notes)


_HEADERS = ("benchmark", "n", "A", "B", "B - A", "95 % interval", "B:A only", "p, Holm")
_DETAILS = ("benchmark", "SE", "p", "test", "no answer %, A / B", "truncated %, A / B")


def tables(comparison: Comparison, style: str = "simple") -> list[str]:
    """The comparison as two texts, in percentage points, each below 100 columns: the differences, then what is behind them."""
    rows: list[Sequence[str]] = []
    details: list[Sequence[str]] = []
    for column in comparison.columns:
        difference = column.paired.difference
        rows.append(
            (
                column.column,
                str(column.n),
                f"{100 * column.first:.1f}",
                f"{100 * column.second:.1f}",
                *_points(difference),
                f"{column.paired.wins}:{column.paired.losses}",
                "" if column.p_holm is None else f"{column.p_holm:.3g}",
            )
        )
        details.append(
            (
                column.column,
                f"{100 * difference.se:.2f}",
                f"{column.paired.p:.3g}",
                column.paired.test,
                f"{column.first_column.no_answer:.1f} / {column.second_column.no_answer:.1f}",
                f"{column.first_column.truncated:.1f} / {column.second_column.truncated:.1f}",
            )
        )
    if comparison.macro is not None:
        rows.append(("AVG", f"{comparison.macro.n} columns", "", "", *_points(comparison.macro)))
        details.append(("AVG", f"{100 * comparison.macro.se:.2f}"))
    return [
        tabulate(body, headers=headers, tablefmt=style, disable_numparse=True)
        for headers, body in ((_HEADERS, rows), (_DETAILS, details))
    ]


def _points(difference: Estimate) -> tuple[str, str]:
    return f"{100 * difference.value:+.1f}", f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
