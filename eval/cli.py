"""Runs the commands run, score, compare, report, contamination, agreement and endings."""

from collections.abc import Callable
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from eval.run_folder import BadRun, Run, Summary

_FOLDER = click.Path(file_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, file_okay=False, path_type=Path)


def _one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """What goes wrong in an expected way ends in one sentence and exit code 1, never in a traceback."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            from eval.rows import Unavailable

            return command(*args, **kwargs)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"{error.name} is not installed; pip install -r requirements/eval.txt"
            ) from error
        except (BadRun, Unavailable, ValueError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Score a model on the paper's 14 benchmarks, compare two models, and check a training set for contamination."""


@main.command()
@click.argument("run", type=_FOLDER)
@click.option(
    "--model", default="hf", show_default=True, help="hf, vllm or local-chat-completions, as lm-eval names them."
)
@click.option(
    "--model-args", required=True, help="lm-eval's, e.g. pretrained=DIR,dtype=bfloat16 or model=NAME,base_url=URL."
)
@click.option("--tasks", help="Benchmarks, separated by commas; all 14 by default (and the held-out test, if given).")
@click.option("--data", type=_EXISTING, help="A folder with a local copy of the benchmarks; the Hub otherwise.")
@click.option("--held-out", help="A published CodeI/O data set (name or folder): its test split is asked as well.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N items of each benchmark.")
@click.option("--batch-size", default="8", show_default=True, help="Of local models; `auto` is lm-eval's search.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=4096, show_default=True)
@_one_sentence
def run(
    run: Path,
    model: str,
    model_args: str,
    tasks: str | None,
    data: Path | None,
    held_out: str | None,
    limit: int | None,
    batch_size: str,
    max_new_tokens: int,
) -> None:
    """Ask a model and keep its responses in RUN; then score them. Started again, it goes on where it stopped."""
    from eval.benchmarks import BENCHMARKS, BY_NAME, HELD_OUT
    from eval.rows import Where

    names = [name.strip() for name in tasks.split(",")] if tasks else [benchmark.name for benchmark in BENCHMARKS]
    if held_out and HELD_OUT.name not in names:
        names.append(HELD_OUT.name)
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise click.BadParameter(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(BY_NAME)}", param_hint="--tasks"
        )
    try:
        from eval.run import MODELS, build_model, describe, generate
    except ImportError as error:
        raise BadRun(f"{error.name} is not installed: pip install -r requirements/eval.txt") from error
    from eval.score import score_run

    if model not in MODELS:
        raise click.BadParameter(f"{model!r}; there are {', '.join(MODELS)}", param_hint="--model")
    where = Where(str(data.resolve()) if data else None, held_out)
    built = build_model(model, model_args, batch_size)
    settings = {
        "model": model,
        "model_args": model_args,
        "batch_size": batch_size,
        "model_info": describe(built, model_args),
    }
    generate(Run(run), built, names, where, settings, limit, max_new_tokens)
    _show(score_run(Run(run)))


@main.command()
@click.argument("run", type=_EXISTING)
@_one_sentence
def score(run: Path) -> None:
    """Score the responses that RUN holds, again, without a model."""
    from eval.score import score_run

    _show(score_run(Run(run)))


def _show(summary: Summary) -> None:
    rows = [
        (
            column.column,
            f"{column.n}/{column.items}",
            f"{column.value:.1f}",
            f"{column.low:.1f} to {column.high:.1f}",
            f"{column.no_answer:.1f}",
            f"{column.truncated:.1f}",
        )
        for column in summary.columns
    ]
    click.echo(tabulate(rows, headers=("benchmark", "items", "score", "95 % interval", "no answer %", "truncated %")))
    if summary.average is not None:
        parts = any(column.n < column.items for column in summary.columns)
        note = "; on parts of the benchmarks, so it compares with nothing" if parts else ""
        click.echo(f"AVG of the 14 columns: {summary.average:.1f} (standard error {summary.average_se:.2f}{note})")
    else:
        click.echo("AVG: not given, since it is the mean of all 14 columns")
    for name, reason in summary.unavailable.items():
        click.echo(f"left out, {name}: {reason}", err=True)


@main.command()
@click.argument("folder", type=_EXISTING, required=False)
@click.option(
    "--hub", is_flag=True, help="Also LeetCode-O's prediction file on the Hub, against the figures of its card."
)
@click.option("--details/--no-details", default=True, show_default=True, help="List each difference with its cause.")
@_one_sentence
def agreement(folder: Path | None, hub: bool, details: bool) -> None:
    """Compare the scorers with published verdicts: FOLDER holds graded model outputs."""
    from eval.agreement import agreements, hub_agreements

    if folder is None and not hub:
        raise click.UsageError("give FOLDER with graded model outputs, --hub, or both")
    rows = []
    for result in chain(agreements(folder) if folder else (), hub_agreements() if hub else ()):
        rows.append(
            (result.graded_set, f"{len(result.differences)} / {result.items}", result.compared_with, result.note)
        )
        if details:
            for item, ours, theirs, cause in result.differences:
                click.echo(f"{result.graded_set}, {item}: ours {ours}, theirs {theirs}. {cause}")
    headers = ("graded set", "disagreements / items", "compared with", "")
    click.echo(tabulate(rows, headers=headers, maxcolwidths=[26, None, 22, 22]))  # below 100 columns


@main.command()
@click.option("--benchmarks", help="Names, separated by commas; all by default.")
@click.option("--seed", type=int, default=0, show_default=True, help="What is drawn into each ending.")
@click.option(
    "--show", type=click.IntRange(min=0), default=3, show_default=True, help="Misread endings to print for each."
)
@_one_sentence
def endings(benchmarks: str | None, seed: int, show: int) -> None:
    """Score thousands of made-up responses whose right reading is known, and print each scorer's share that it reads right."""
    from build.sandbox import Limits, Sandbox
    from eval.benchmarks import BY_NAME
    from eval.endings import check, names

    known = names()
    wanted = [name.strip() for name in benchmarks.split(",")] if benchmarks else list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise click.BadParameter(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", param_hint="--benchmarks"
        )
    rows = []
    for name in wanted:
        with Sandbox(Limits(call_cpu_s=BY_NAME[name].cpu_s)) as sandbox:
            result = check(name, sandbox, seed)
        rows.append((name, result.endings, len(result.misread), f"{100 * result.share:.2f}"))
        for ending in result.misread[:show]:
            click.echo(f"{name}, wanted {ending.value:g}{'' if ending.answered else ' (no answer)'}: {ending.text!r}")
    click.echo(tabulate(rows, headers=("benchmark", "endings", "misread", "read right %")))


@main.command()
@click.argument("first", type=_EXISTING)
@click.argument("others", metavar="SECOND...", type=_EXISTING, nargs=-1, required=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write the tables as Markdown.")
@_one_sentence
def compare(first: Path, others: tuple[Path, ...], output: Path | None) -> None:
    """Compare scored runs on the same items: each SECOND minus FIRST, with paired statistics.

    `report` with the same runs makes a page of it.
    """
    from eval.compare import compare as compare_runs
    from eval.compare import tables

    parts = []
    for second in others:
        result = compare_runs(Run(first), Run(second))
        notes = "\n".join(f"- {note}" for note in result.notes)
        click.echo("\n\n".join([f"A: {first}\nB: {second}", *tables(result), notes]) + "\n")
        parts.append("\n\n".join([f"A: {first.name}, B: {second.name}", *tables(result, "github"), notes]) + "\n")
    if output:
        output.write_text("\n".join(parts), encoding="utf-8")


@main.command()
@click.argument("runs", type=_EXISTING, nargs=-1, required=True)
@click.option("--output", type=_FOLDER, required=True, help="The folder for report.md, report.html and plots/.")
@click.option(
    "--base-model", default="Qwen2.5-Coder-7B", show_default=True, help="Whose rows of the paper stand beside ours."
)
@_one_sentence
def report(runs: tuple[Path, ...], output: Path, base_model: str) -> None:
    """The paper's table with ours beside it; with several RUNS, also each one's differences from the first.

    Of one run, also the files that the Hub reads a model's results from (.eval_results/).
    """
    from eval.hub_results import write_hub_results
    from eval.report import write_report

    written = write_report([Run(run) for run in runs], output, base_model)
    if len(runs) == 1:
        written += write_hub_results(Run(runs[0]).summary().columns, output)
    for path in written:
        click.echo(path)


@main.command()
@click.argument("training")
@click.option("--data", type=_EXISTING, help="A folder with a local copy of the benchmarks; the Hub otherwise.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the leaked items as JSON lines.")
@_one_sentence
def contamination(training: str, data: Path | None, output: Path | None) -> None:
    """Look for the benchmarks' questions in TRAINING (a .jsonl or .parquet file, a folder of them, or a Hub data set)."""
    import json

    from tqdm import tqdm

    from eval.contamination import check, training_texts
    from eval.rows import Where

    texts = tqdm(training_texts(training), desc="training rows", unit="row", leave=False)
    leaks, reasons = check(texts, Where(str(data.resolve()) if data else None))
    rows = [
        (
            leak.column,
            leak.items,
            leak.leaked,
            f"{100 * leak.leaked / leak.items:.2f}" if leak.items else "",
            leak.short,
        )
        for leak in leaks
    ]
    click.echo(tabulate(rows, headers=("benchmark", "questions", "leaked", "leaked %", "under 13 words")))
    for reason in reasons:
        click.echo(f"left out: {reason}", err=True)
    if output:
        lines = [
            json.dumps({"benchmark": leak.column, "item": item, "shared": gram}, ensure_ascii=False)
            for leak in leaks
            for item, gram in leak.examples
        ]
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
