"""`python -m recipes`: what comes before and after a training run, and the proofs that the recipes work.

Before: `plan` what it costs, `doctor` the machine, `prepare` the data. After: `merge` an adapter. Proofs: `proof` on a real
small model, `rehearse` with tiny models on two processes, kills included, `gpu-check` on one GPU. The training itself is
launched with accelerate.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from recipes.hub_access import go_offline_if_unreachable
from recipes.installed import exit_missing

_HELP = {"help_option_names": ["-h", "--help"]}
_OVERRIDES = {**_HELP, "ignore_unknown_options": True}


@click.group(context_settings=_HELP)
def main() -> None:
    """Training recipes. The training itself is launched with accelerate; see recipes/README.md."""


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End with one sentence, and no traceback, for what a person can mend."""
    from build.core.errors import ConfigError, RunError

    try:
        yield
    except (ConfigError, RunError) as error:
        sys.exit(f"error: {error}")


def _recipe_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.argument("overrides", nargs=-1, type=click.UNPROCESSED)(command)
    return click.argument("config", type=click.Path(path_type=Path))(command)


@main.command(context_settings=_OVERRIDES)
@_recipe_arguments
@click.option("--gpus", type=int, required=True, help="GPUs in all.")
@click.option("--sample", type=int, default=2000, show_default=True, help="Samples whose length is measured.")
def plan(config: Path, overrides: tuple[str, ...], gpus: int, sample: int) -> None:
    """Steps, tokens, memory and hours of an SFT recipe. OVERRIDES are keys of the recipe, as on the launch line."""
    go_offline_if_unreachable()
    from tabulate import tabulate

    from recipes.plan import plan as make_plan
    from recipes.plan import rows_of

    with _one_sentence():
        click.echo(tabulate(rows_of(make_plan(config, gpus, overrides, sample)), tablefmt="plain"))


@main.command(context_settings=_OVERRIDES)
@_recipe_arguments
def prepare(config: Path, overrides: tuple[str, ...]) -> None:
    """Tokenise, check and pack the data of an SFT recipe once, on a machine with CPUs; the launch then finds it."""
    import time

    from recipes.launch import load_tokenizer
    from recipes.plan import data_warnings, read_on_a_cpu
    from recipes.prepare import prepare as make_prepared

    with _one_sentence():
        read = read_on_a_cpu(config, overrides)
        tokenizer = load_tokenizer(read.model, read.trainer)
        begun = time.monotonic()
        made = make_prepared(read, tokenizer, click.echo)
        rows = made.counted.samples + sum(made.counted.dropped.values())
        seconds = time.monotonic() - begun
        click.echo(f"{rows:,} rows in {seconds:.0f} s, {rows / max(seconds, 1e-9):,.0f} rows/s")
        for line in data_warnings(made.counted.sequences, read):
            click.echo(f"warning: {line}")


@main.command(context_settings=_OVERRIDES)
@_recipe_arguments
@click.option("--gpus", type=int, default=8, show_default=True, help="GPUs of this machine that the run will use.")
def doctor(config: Path, overrides: tuple[str, ...], gpus: int) -> None:
    """Look at this machine before a run: GPUs, attention kernel, disk, Hub, model, chat template, data, tracker."""
    reachable = go_offline_if_unreachable()
    from recipes.doctor import examine
    from recipes.plan import read_on_a_cpu

    with _one_sentence():
        findings = []
        for finding in examine(config, read_on_a_cpu(config, overrides), gpus, reachable):
            findings.append(finding)
            click.echo(f"{finding.state:5}{finding.what}: {finding.sentence}")
    sys.exit(any(finding.state == "stop" for finding in findings))


@main.command(context_settings=_HELP)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Default: FOLDER/merged.")
def merge(folder: Path, out: Path | None) -> None:
    """Merge the LoRA adapter in FOLDER into its base, on the CPU, and print the new model's folder."""
    from recipes.merge import merge_adapter

    with _one_sentence():
        click.echo(merge_adapter(folder, out))


@main.command(name="small-model", context_settings=_HELP)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=None, help="Where to keep it; default: the user's cache."
)
def small(folder: Path | None) -> None:
    """Convert the small model once and print its folder."""
    from recipes.small_model import small_model

    with _one_sentence():
        click.echo(small_model(folder))


@main.command(context_settings=_HELP)
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="Whose tokenizer counts.")
@click.option("--template", type=click.Path(path_type=Path), default=None, help="Its chat template, a Jinja file.")
@click.option("--tokens", type=click.IntRange(min=1), required=True, help="Of each training config, at the most.")
@click.option("--max-length", type=click.IntRange(min=1), default=512, show_default=True, help="Tokens of a row.")
@click.option(
    "--question-length",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Tokens of a question and its answer.",
)
@click.option(
    "--tests", type=click.IntRange(min=1), default=200, show_default=True, help="Held-out tasks, at the most."
)
@click.option(
    "--turns", type=click.IntRange(min=1), default=1, show_default=True, help="Answers of a row, at the most."
)
@click.option("--task", "tasks", multiple=True, type=click.Choice(["output", "input"]), help="Default: both.")
@click.option("--complete-only", is_flag=True, help="Only rationales that tell the whole run.")
@click.option("--per-function", type=click.IntRange(min=1), default=20, show_default=True, help="Rows, at the most.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the order in which rows are drawn.")
def subset(
    data: Path,
    out: Path,
    model: str,
    template: Path | None,
    tokens: int,
    max_length: int,
    question_length: int,
    tests: int,
    turns: int,
    tasks: tuple[str, ...],
    complete_only: bool,
    per_function: int,
    seed: int,
) -> None:
    """Draw a small training set and its held-out tasks from the dataset folder DATA into OUT."""
    from tabulate import tabulate

    from recipes.subset import SubsetRules, draw_subset

    rules = SubsetRules(
        tokens,
        tests,
        max_length,
        question_length,
        turns,
        tasks or ("output", "input"),
        complete_only,
        per_function,
        seed,
    )
    with _one_sentence():
        click.echo(tabulate(draw_subset(data, out, rules, model, template).items(), tablefmt="plain"))


@main.command(context_settings=_HELP)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The subset that has the held-out tasks.")
def arms(run: Path, data: Path) -> None:
    """Report the arms that were evaluated in RUN/eval: right answers, differences by item, gained and lost items."""
    from recipes.arms import report_arms

    with _one_sentence():
        click.echo(f"{report_arms(run, data)}\n\nwritten to {run / 'report.md'}")


@main.command(context_settings=_HELP)
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A dataset folder with codeio_pp and rl.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/proof"), show_default=True)
def proof(data: Path, out: Path) -> None:
    """Train the small model through every recipe feature on this machine's CPU, and check what must hold."""
    from recipes.proof import prove

    with _one_sentence():
        prove(data, out)


@main.command(context_settings=_HELP)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/rehearsal"), show_default=True)
@click.option("--model", "models", multiple=True, help="qwen2, llama, deepseek_v2, gemma2; default: all.")
@click.option(
    "--launcher",
    "launchers",
    multiple=True,
    help="FSDP2, FSDP2-sharded, ZeRO-3; default: FSDP2, and ZeRO-3 where DeepSpeed is installed.",
)
@click.option("--kind", "kinds", multiple=True, type=click.Choice(["full", "lora"]), help="Default: both.")
@click.option("--kills", type=int, default=0, help="Instead: kill one small run so often at random moments.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the moments of --kills.")
def rehearse(
    out: Path, models: tuple[str, ...], launchers: tuple[str, ...], kinds: tuple[str, ...], kills: int, seed: int
) -> None:
    """Train tiny models on two CPU processes, kill, resume, merge and evaluate them, and print a table."""
    from recipes import rehearse as rehearsals

    for given, known in ((models, rehearsals.FOLDERS), (launchers, rehearsals.LAUNCHERS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            sys.exit(f"error: {unknown[0]} is not known; choose from {', '.join(known)}")
    installed = ["FSDP2", "ZeRO-3"] if rehearsals.deepspeed_is_installed() else ["FSDP2"]
    with _one_sentence():
        if kills:
            rehearsals.killed_at_random(out, kills, seed, click.echo)
            return
        if "ZeRO-3" not in installed:
            click.echo("ZeRO-3 is left out: DeepSpeed is not installed")
        rehearsals.rehearse(
            out, models or rehearsals.FOLDERS, launchers or installed, kinds or ("full", "lora"), click.echo
        )


@main.command(name="gpu-check", context_settings=_HELP)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/gpu_check"), show_default=True)
@click.option("--cpu", is_flag=True, help="The same commands with tiny models on the CPU, as a dry run.")
def check_on_a_gpu(out: Path, cpu: bool) -> None:
    """A few steps of every architecture at real widths on one GPU: tokens/s, MFU and memory against the plan."""
    from recipes.gpu_check import gpu_check

    with _one_sentence():
        gpu_check(out, cpu, click.echo)


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        exit_missing(error)
