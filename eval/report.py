"""Writes the paper's table with ours beside it: `python -m eval report RUN... --output DIR` gives report.md, .html and plots/.

Measured figures come from the runs' summaries; quoted ones from `eval/data/paper_results.csv`, the paper's tables. Every
row and every plotted point says which it is, and a measured figure on a part of a benchmark says so. The first sentence
is the verdict: what the runs come to, and whether a difference is more than the noise of the items.
"""

import base64
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from tabulate import tabulate

from eval.benchmarks import BY_NAME, COLUMNS, HELD_OUT
from eval.compare import ColumnComparison, Comparison, compare, tables
from eval.plots import Point, plot_differences, plot_scores
from eval.run_folder import Column, Run, Summary
from eval.statistics import Estimate, macro_interval

_MEASURED, _QUOTED = "measured", "quoted from the paper"
_SHOWN = 6  # responses of a benchmark in the page
_CLEAR = 0.05  # p after Holm's correction below which a difference counts as one


@dataclass(frozen=True, slots=True)
class Quoted:
    """A row of the paper's tables: the training it names and its figures by column, AVG included."""

    label: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A run of ours."""

    label: str
    summary: Summary
    run: Run

    def column(self, title: str) -> Column | None:
        return next((column for column in self.summary.columns if column.column == title), None)


@dataclass(frozen=True, slots=True)
class Compared:
    """A run against the first one, and the picture of its differences with the text that stands for it."""

    label: str
    comparison: Comparison
    picture: Path
    text: str


def quoted_rows(base_model: str, experiment: str = "main") -> list[Quoted]:
    """The paper's rows for a base model. Raises ValueError with the models that there are."""
    with (files("eval") / "data" / "paper_results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if row["base_model"] == base_model and row["experiment"] == experiment]
    if not chosen:
        models = sorted({row["base_model"] for row in rows})
        raise ValueError(f"the paper has no model {base_model!r}; it has {', '.join(models)}")
    return [Quoted(row["stage_1"], {name: float(row[name]) for name in (*COLUMNS, "AVG")}) for row in chosen]


def write_report(runs: Sequence[Run], output: Path, base_model: str) -> list[Path]:
    """Write the report of one run or several (the first is what the others are compared with); returns its files."""
    measured = [Measured(run.path.name, run.summary(), run) for run in runs]
    if len({run.label for run in measured}) < len(measured):
        raise ValueError("two runs have the same folder name, which labels them in the report; rename one")
    quoted = quoted_rows(base_model)
    plots = output / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    drawn = []
    for title in (*COLUMNS, HELD_OUT.column):
        if any(run.column(title) for run in measured):
            path = plots / f"{title.lower().replace('/', '').replace(' ', '_')}.png"
            drawn.append((title, path, plot_scores(title, _points(title, measured, quoted), path)))
    compared = [_compared(measured[0], run, plots) for run in measured[1:]]
    markdown, page = output / "report.md", output / "report.html"
    markdown.write_text(_markdown(measured, quoted, drawn, compared, base_model), encoding="utf-8")
    page.write_text(_page(measured, quoted, drawn, compared, base_model), encoding="utf-8")
    return [markdown, page, *(path for _, path, _ in drawn), *(each.picture for each in compared)]


def _points(title: str, measured: Sequence[Measured], quoted: Sequence[Quoted]) -> list[Point]:
    points = []
    for run in measured:
        column = run.column(title)
        if column is not None:
            part = "" if column.n == column.items else f" (part: {column.n} of {column.items})"
            points.append(Point(run.label + part, column.value, max(0.0, column.low), min(100.0, column.high)))
    return points + [Point(row.label, row.values[title]) for row in quoted if title in row.values]


def _compared(first: Measured, run: Measured, plots: Path) -> Compared:
    comparison = compare(first.run, run.run)
    entries = [(column.column, column.paired.difference) for column in comparison.columns]
    if comparison.macro is not None:
        entries.insert(0, ("AVG", comparison.macro))
    points = [Point(name, 100 * each.value, 100 * each.low, 100 * each.high) for name, each in entries]
    path = plots / f"difference_{run.label}.png"
    return Compared(run.label, comparison, path, plot_differences(run.label, first.label, points, path))


def verdicts(measured: Sequence[Measured], compared: Sequence[Compared]) -> list[str]:
    """What the runs come to: a sentence on the one run, or on each difference from the first."""
    if not compared:
        return [_score_sentence(measured[0])]
    return [_difference_sentence(measured[0].label, each) for each in compared]


def _score_sentence(run: Measured) -> str:
    columns = [column for column in run.summary.columns if column.column in COLUMNS]
    part = any(column.n < column.items for column in columns)
    note = ", on a part of their items, which compares with nothing" if part else ""
    interval = average_interval(run.summary)
    if run.summary.average is None or interval is None:
        return (
            f"{run.label} has no average: {len(columns)} of the paper's {len(COLUMNS)} benchmarks are measured{note}."
        )
    low, high = interval
    return (
        f"{run.label} scores {run.summary.average:.1f} on average over the paper's {len(COLUMNS)} benchmarks "
        f"(95 % interval {low:.1f} to {high:.1f}){note}."
    )


def _difference_sentence(first: str, each: Compared) -> str:
    comparison = each.comparison
    single = comparison.columns[0]
    total, over = comparison.macro, f"on average over {comparison.macro.n if comparison.macro else 0} benchmarks"
    if total is None or total.n == 1:
        total, over = single.paired.difference, f"on {single.column}"
    part = any(column.n < column.second_column.items for column in comparison.columns)
    told = (
        f"{100 * total.value:+.1f} points {over}{' (parts of them)' if part else ''}, 95 % interval {_interval(total)}"
    )
    clear = [column for column in comparison.columns if _is_clear(column)]
    names = ", ".join(f"{column.column} {100 * column.paired.difference.value:+.1f}" for column in clear)
    beyond = f"; clear by Holm's correction: {names}" if names else ""
    if total.low > 0 or total.high < 0:
        return f"{each.label} is {'better' if total.value > 0 else 'worse'} than {first}: {told}{beyond}."
    return f"No difference between {each.label} and {first} stands out of the noise of the items: {told}{beyond}."


def _is_clear(column: ColumnComparison) -> bool:
    return column.p_holm is not None and column.p_holm < _CLEAR


def _interval(estimate: Estimate) -> str:
    return f"{100 * estimate.low:+.1f} to {100 * estimate.high:+.1f}"


def average_interval(summary: Summary) -> tuple[float, float] | None:
    """The 95 % interval of the average, in percent; None without an average."""
    if summary.average is None or summary.average_se is None:
        return None
    parts = [(each.value, each.low, each.high) for each in summary.columns if each.column in COLUMNS]
    low, high = macro_interval(summary.average, summary.average_se, parts)
    return max(0.0, low), min(100.0, high)


def _cells(run: Measured) -> Iterator[list[str]]:
    """The average and each column of the paper: the figure, its interval, and the number of items of a part."""
    interval = average_interval(run.summary)
    if run.summary.average is None or interval is None:
        yield ["–"]
    else:
        yield [f"{run.summary.average:.1f}", f"{interval[0]:.1f} to {interval[1]:.1f}"]
    for title in COLUMNS:
        column = run.column(title)
        if column is None:
            yield ["–"]
            continue
        part = [] if column.n == column.items else [f"n = {column.n} of {column.items}"]
        yield [f"{column.value:.1f}", f"{max(0.0, column.low):.1f} to {min(100.0, column.high):.1f}", *part]


_HEADERS = ("model", "AVG", *COLUMNS)
_QUALITY = (
    *("run", "benchmark", "items", "score", "95 % interval", "no answer %", "truncated %", "prompts cut", "beside it"),
    "scorer version",
)
_LEGEND = (
    "Rows marked 'measured' are runs of this repository, with 95 % intervals over items; 'n = …' marks a figure on a part of "
    "a benchmark, which compares with nothing. Rows marked 'quoted from the paper' are copied from the paper's tables "
    "(Li et al., 2025) and were not measured here; their prompts and answer rules are not public, and BBH-ZH "
    "here is our own translation."
)


def _quality_rows(measured: Sequence[Measured]) -> list[list[str]]:
    return [
        [
            run.label,
            column.column,
            f"{column.n} of {column.items}",
            f"{column.value:.1f}",
            f"{column.low:.1f} to {column.high:.1f}",
            f"{column.no_answer:.1f}",
            f"{column.truncated:.1f}",
            str(column.prompts_cut),
            ", ".join(f"{key} {value:.1f}" for key, value in column.other.items()),
            str(column.scorer_version),
        ]
        for run in measured
        for column in run.summary.columns
    ]


def _left_out(measured: Sequence[Measured]) -> list[str]:
    return [f"{run.label}: left out, {reason}" for run in measured for reason in run.summary.unavailable.values()]


Drawn = Sequence[tuple[str, Path, str]]


def _markdown(
    measured: Sequence[Measured], quoted: Sequence[Quoted], drawn: Drawn, compared: Sequence[Compared], base_model: str
) -> str:
    rows = [
        [
            f"{run.label} ({_MEASURED})",
            *(f"{value} ({', '.join(below)})" if below else value for value, *below in _cells(run)),
        ]
        for run in measured
    ]
    rows += [
        [f"{row.label} ({_QUOTED})", *(f"{row.values[title]:.1f}" for title in ("AVG", *COLUMNS))] for row in quoted
    ]
    parts = ["# Evaluation report\n", *verdicts(measured, compared), f"\n## The table ({base_model} in the paper)\n"]
    parts += [tabulate(rows, headers=_HEADERS, tablefmt="github", disable_numparse=True), f"\n{_LEGEND}"]
    for each in compared:
        parts.append(f"\n## {each.label} (B) against {measured[0].label} (A), measured\n")
        parts.append("\n\n".join(tables(each.comparison, "github")))
        parts.append("\n" + "\n".join(f"- {note}" for note in each.comparison.notes))
        parts.append(f"\n![{each.text}](plots/{each.picture.name})")
    parts.append("\n## Measured, in detail\n")
    parts.append(tabulate(_quality_rows(measured), headers=_QUALITY, tablefmt="github", disable_numparse=True))
    parts += [f"- {sentence}" for sentence in _left_out(measured)]
    parts.append("\n## Benchmark by benchmark\n")
    parts += [f"![{text}](plots/{path.name})" for _, path, text in drawn]
    return "\n".join(parts) + "\n"


def _page(
    measured: Sequence[Measured], quoted: Sequence[Quoted], drawn: Drawn, compared: Sequence[Compared], base_model: str
) -> str:
    rows = [
        {
            "measured": True,
            "label": run.label,
            "kind": _MEASURED,
            "cells": [_cell(value, *below) for value, *below in _cells(run)],
        }
        for run in measured
    ]
    for row in quoted:
        cells = [_cell(f"{row.values[title]:.1f}") for title in ("AVG", *COLUMNS)]
        rows.append({"measured": False, "label": row.label, "kind": _QUOTED, "cells": cells})
    titles = [title for title in (*COLUMNS, HELD_OUT.column) if any(run.column(title) for run in measured)]
    environment = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True)
    return environment.get_template("report.html").render(
        verdicts=verdicts(measured, compared),
        base_model=base_model,
        headers=_HEADERS,
        rows=rows,
        legend=_LEGEND,
        first=measured[0].label,
        difference_headers=("AVG", *titles),
        differences=[_difference_row(each, titles) for each in compared],
        comparisons=[
            {
                "label": each.label,
                "text": each.text,
                "image": _image(each.picture),
                "tables": tables(each.comparison, "html"),
                "notes": each.comparison.notes,
            }
            for each in compared
        ],
        responses=[shown for title in titles if (shown := _responses(title, measured))["items"]],
        quality_headers=_QUALITY,
        quality=_quality_rows(measured),
        left_out=_left_out(measured),
        plots=[{"text": text, "image": _image(path)} for _, path, text in drawn],
    )


def _cell(value: str, *below: str, kind: str = "") -> dict[str, Any]:
    return {"value": value, "below": below, "kind": kind}


def _difference_row(each: Compared, titles: Sequence[str]) -> dict[str, Any]:
    found = {column.column: column for column in each.comparison.columns}
    total = each.comparison.macro
    cells = [_cell("–") if total is None else _difference(total, total.low > 0 or total.high < 0)]
    for title in titles:
        column = found.get(title)
        cells.append(_cell("–") if column is None else _difference(column.paired.difference, _is_clear(column)))
    return {"label": each.label, "cells": cells}


def _difference(estimate: Estimate, clear: bool) -> dict[str, Any]:
    kind = ("better" if estimate.value > 0 else "worse") if clear else ""
    return _cell(f"{100 * estimate.value:+.1f}", _interval(estimate), kind=kind)


def _responses(title: str, measured: Sequence[Measured]) -> dict[str, Any]:
    """Items of a benchmark with the responses of all runs: those that the runs differ on first, then those that are missed."""
    name = next(name for name, benchmark in BY_NAME.items() if benchmark.column == title)
    scores = [{item.id: item.value for item in run.run.scores(name)} for run in measured]
    common = [id for id in scores[0] if all(id in each for each in scores)]
    differing = [id for id in common if len({each[id] for each in scores}) > 1]
    missed = [id for id in common if all(each[id] < 1 for each in scores)]
    right = [id for id in common if all(each[id] >= 1 for each in scores)]
    chosen = list(dict.fromkeys([*differing[: _SHOWN - 2], *missed[:2], *right[:2], *differing, *missed, *right]))[
        :_SHOWN
    ]
    texts = [run.run.responses(name) for run in measured]
    items = [
        {
            "id": id,
            "runs": [
                {
                    "label": run.label,
                    "score": f"{100 * values[id]:.0f} %",
                    "text": responses[id].text if id in responses else "The response is not in the run folder.",
                }
                for run, values, responses in zip(measured, scores, texts)
            ],
        }
        for id in chosen
    ]
    return {"title": title, "items": items}


def _image(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
