"""Writes the paper's table with ours beside it: `python -m eval report RUN... --output DIR` gives report.md, .html and plots/.

Measured figures come from the runs' summaries; quoted ones from `eval/data/paper_results.csv`, the paper's tables. Every
row and every plotted point says which it is, and a measured figure on a part of a benchmark says so.
"""

import base64
import csv
import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # files only; no display
import matplotlib.pyplot as plt
from tabulate import tabulate

from eval.benchmarks import COLUMNS, HELD_OUT
from eval.compare import Comparison, compare, table
from eval.run_folder import Column, Run, Summary

_MEASURED, _QUOTED = "measured", "quoted from the paper"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1f24; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { border-bottom: 1px solid #d8dee4; padding: .3rem .55rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tr.measured td { background: #eef6ff; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem; }
.plots img, .wide img { width: 100%; max-width: 46rem; }
"""


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

    def column(self, title: str) -> Column | None:
        return next((column for column in self.summary.columns if column.column == title), None)


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
    measured = [Measured(run.path.name, run.summary()) for run in runs]
    if len({run.label for run in measured}) < len(measured):
        raise ValueError("two runs have the same folder name, which labels them in the report; rename one")
    quoted = quoted_rows(base_model)
    comparisons = [(run.path.name, compare(runs[0], run)) for run in runs[1:]]
    plots = output / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    drawn = []
    for title in (*COLUMNS, HELD_OUT.column):
        if any(run.column(title) for run in measured):
            path = plots / f"{title.lower().replace('/', '').replace(' ', '_')}.png"
            _plot_column(title, measured, quoted, path)
            drawn.append((title, path))
    differences = []
    for label, comparison in comparisons:
        path = plots / f"difference_{label}.png"
        _plot_differences(label, measured[0].label, comparison, path)
        differences.append((label, comparison, path))
    markdown, page = output / "report.md", output / "report.html"
    markdown.write_text(_markdown(measured, quoted, drawn, differences, base_model), encoding="utf-8")
    page.write_text(_page(measured, quoted, drawn, differences, base_model), encoding="utf-8")
    return [markdown, page, *(path for _, path in drawn), *(path for *_, path in differences)]


def _plot_column(title: str, measured: Sequence[Measured], quoted: Sequence[Quoted], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 0.32 * (len(measured) + len(quoted)) + 1.4))
    labels: list[str] = []
    quoted = [row for row in quoted if title in row.values]
    for row in reversed(quoted):
        axes.plot(row.values[title], len(labels), "D", mfc="white", color="#6e7781")
        labels.append(row.label)
    for run in reversed(measured):
        column = run.column(title)
        if column is not None:
            axes.hlines(len(labels), max(0.0, column.low), min(100.0, column.high), color="#0969da")
            axes.plot(column.value, len(labels), "o", color="#0969da")
            labels.append(run.label + ("" if column.n == column.items else f" (part: {column.n} of {column.items})"))
    axes.plot([], [], "o", color="#0969da", label=f"{_MEASURED}, with 95 % interval")
    if quoted:
        axes.plot([], [], "D", mfc="white", color="#6e7781", label=_QUOTED)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(-0.7, len(labels) - 0.3)
    axes.set_xlabel("score, %")
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="lower center", ncols=2, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _plot_differences(label: str, base: str, comparison: Comparison, path: Path) -> None:
    entries = [(column.column, column.paired.difference) for column in comparison.columns]
    if comparison.macro is not None:
        entries.append(("AVG", comparison.macro))
    figure, axes = plt.subplots(figsize=(6.4, 0.3 * len(entries) + 1.2))
    for position, (_, difference) in enumerate(reversed(entries)):
        axes.hlines(position, 100 * difference.low, 100 * difference.high, color="#0969da")
        axes.plot(100 * difference.value, position, "o", color="#0969da")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title("measured, on the same items")
    axes.set_yticks(range(len(entries)), [name for name, _ in reversed(entries)])
    axes.set_xlabel(f"{label} minus {base}, points (95 % interval)")
    axes.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _table_rows(measured: Sequence[Measured], quoted: Sequence[Quoted]) -> list[list[str]]:
    rows = []
    for run in measured:
        cells = [run.label, _MEASURED]
        for title in COLUMNS:
            column = run.column(title)
            part = "" if column is None or column.n == column.items else f" (n={column.n})"
            cells.append("–" if column is None else f"{column.value:.1f} ± {column.se:.1f}{part}")
        average = run.summary.average
        cells.append("–" if average is None else f"{average:.1f} ± {run.summary.average_se:.1f}")
        rows.append(cells)
    for row in quoted:
        rows.append([row.label, _QUOTED, *(f"{row.values[title]:.1f}" for title in (*COLUMNS, "AVG"))])
    return rows


def _headers() -> list[str]:
    return ["model", "figures", *COLUMNS, "AVG"]


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


_QUALITY = (
    *("run", "benchmark", "items", "score", "95 % interval", "no answer %", "truncated %", "prompts cut", "beside it"),
    "scorer version",
)
_LEGEND = (
    "Rows marked 'measured' are runs of this repository, ± one standard error over items; '(n=…)' marks a figure on a part of "
    "a benchmark, which compares with nothing. Rows marked 'quoted from the paper' are copied from the paper's tables "
    "(Li et al., 2025) and were not measured here; their prompts and answer rules are not public, and BBH-ZH "
    "here is our own translation."
)
Drawn = Sequence[tuple[str, Path]]
Differences = Sequence[tuple[str, Comparison, Path]]


def _markdown(
    measured: Sequence[Measured], quoted: Sequence[Quoted], drawn: Drawn, differences: Differences, base_model: str
) -> str:
    parts = [f"# Evaluation report\n\n{_LEGEND}\n\n## The table ({base_model} in the paper)\n"]
    parts.append(tabulate(_table_rows(measured, quoted), headers=_headers(), tablefmt="github", disable_numparse=True))
    for label, comparison, path in differences:
        parts.append(f"\n## {label} (B) against {measured[0].label} (A), measured\n")
        parts.append(table(comparison, "github"))
        parts.append("\n" + "\n".join(f"- {note}" for note in comparison.notes))
        parts.append(f"\n![differences](plots/{path.name})")
    parts.append("\n## Measured, in detail\n")
    parts.append(tabulate(_quality_rows(measured), headers=_QUALITY, tablefmt="github", disable_numparse=True))
    parts += [f"- {run.label}: left out, {reason}" for run in measured for reason in run.summary.unavailable.values()]
    parts.append("\n## Benchmark by benchmark\n")
    parts += [f"![{title}](plots/{path.name})" for title, path in drawn]
    return "\n".join(parts) + "\n"


def _page(
    measured: Sequence[Measured], quoted: Sequence[Quoted], drawn: Drawn, differences: Differences, base_model: str
) -> str:
    body = [f"<h1>Evaluation report</h1><p>{_LEGEND}</p><h2>The table ({html.escape(base_model)} in the paper)</h2>"]
    body.append(_html_table(_headers(), _table_rows(measured, quoted)))
    for label, comparison, path in differences:
        body.append(f"<h2>{html.escape(label)} (B) against {html.escape(measured[0].label)} (A), measured</h2>")
        body.append(f'<div class="wide">{table(comparison, "html")}</div>')
        body.append("<ul>" + "".join(f"<li>{html.escape(note)}</li>" for note in comparison.notes) + "</ul>")
        body.append(f'<div class="wide">{_image(path, "differences with 95 % intervals")}</div>')
    body.append("<h2>Measured, in detail</h2>")
    body.append(_html_table(_QUALITY, _quality_rows(measured)))
    body.append('<h2>Benchmark by benchmark</h2><div class="plots">')
    body += [_image(path, title) for title, path in drawn]
    body.append("</div>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation report</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _html_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in headers)
    lines = []
    for row in rows:
        kind = ' class="measured"' if row[1] == _MEASURED else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _image(path: Path, text: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'
