"""Defines the pipeline's commands: `python -m build --help`."""

import importlib
import sys
from pathlib import Path
from typing import Literal

import click

from build.core.errors import ConfigError, RunError

_ELSEWHERE = {  # commands that other modules define: where, and what they are for
    "bench": ("build.bench.sandbox:bench", "Measure the sandbox, and how often it differs from a plain interpreter."),
    "serve": ("build.serve:serve", "Judge answers over HTTP: one sandbox pool for every trainer of a node."),
    "reverify": ("build.report.reverify:reverify", "Judge the stored answers of a run again; show what changed."),
    "pass-rate": (
        "build.report.pass_rate:pass_rate",
        "Measure how often a model solves a dataset's questions; written as a column.",
    ),
    "official": ("build.report.official:official", "Judge released five-field rows again."),
    "stats": (
        "build.report.stats:stats",
        "Print what a run came to; --quality: doubles, leaks, licenses, difficulty.",
    ),
    "rejects": (
        "build.report.rejects:rejects",
        "List what a run rejected, with file and line.",
    ),
    "show": ("build.report.show:show", "Show a file, function, pair, instance or turn by its id."),
    "diff": ("build.report.diff:diff", "Compare two runs: recipes, yields, functions, pairs, answers."),
    "status": ("build.report.status:status", "Tell how far a run is, from any shell while it goes on."),
    "preview": (
        "build.report.preview:preview",
        "Show what a recipe makes of its first files, before anything is paid.",
    ),
    "completion": ("build.report.completion:completion", "Print what makes bash complete these commands."),
    "gallery": ("build.report.gallery:gallery", "Write ten samples of a run as Markdown."),
    "view": ("build.report.view.command:view", "Write a page that shows a run or a published dataset in a browser."),
    "prefixes": ("build.bench.prefixes:prefixes", "Count the prompt tokens that a prefix cache would serve."),
}


class _Commands(click.Group):
    """A group that imports the module of a command only when it is called, so that help and typos are answered at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), *_ELSEWHERE])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _ELSEWHERE:
            return super().get_command(context, name)
        module, _, function = _ELSEWHERE[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, _ELSEWHERE[name][1] if name in _ELSEWHERE else self.commands[name].get_short_help_str(90))
                    for name in self.list_commands(context)
                ]
            )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The CodeI/O data pipeline. `python codeio_dataset.py --config RECIPE` runs it whole and writes the dataset."""


@main.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The data recipe, a YAML file.")
@click.option("--rank", type=click.IntRange(min=0), help="This job's number in an array of --world jobs.")
@click.option("--world", type=click.IntRange(min=1), help="How many jobs share the run folder.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--require-isolation", type=click.Choice(["available", "full"]), default="available", show_default=True)
@click.option("--unsafe-exec", is_flag=True, help="Run foreign code even where it cannot be confined.")
def run(
    config: Path,
    rank: int | None,
    world: int | None,
    engine: Literal["local", "ray"],
    require_isolation: Literal["available", "full"],
    unsafe_exec: bool,
) -> None:
    """Bring a run to its end: in local processes, on a Ray cluster, or as one job (--rank, --world) of a cluster's array.

    Resumable: started again, it does what is left.
    """
    if (rank is None) != (world is None) or (rank is not None and world is not None and rank >= world):
        raise click.UsageError("--rank and --world go together, with --rank below --world.")
    from build.core.config import read_data_recipe
    from build.engine import Isolation, run_rank
    from build.engine import run as run_all
    from build.report.summary import print_summary

    recipe = read_data_recipe(config)
    isolation = Isolation(require_isolation, unsafe_exec)
    if rank is None or world is None:
        print_summary(recipe, run_all(recipe, isolation, engine), recipe.run / "dataset")
    else:
        run_rank(recipe, rank, world, isolation)


@main.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--cpu-s", default=5.0, show_default=True, help="CPU seconds that one call may take.")
def check(run_folder: Path, cpu_s: float) -> None:
    """Execute every pair of a run again in a new process, and recount every stage. Exit 1 when something is off."""
    from build.core.store import Store
    from build.report.check import check as check_run
    from build.sandbox import Limits

    store = Store(run_folder)
    store.manifest()
    findings = check_run(store, Limits(call_cpu_s=cpu_s))
    for fault in findings.faults[:50]:
        print(f"FAULT {fault}")
    tasks = ", ".join(f"{name} {count}" for name, count in sorted(findings.tasks.items()))
    print(f"{findings.pairs} pairs of {findings.functions} functions executed again; instances: {tasks}")
    print(f"{len(findings.faults)} faults")
    sys.exit(1 if findings.faults else 0)


if __name__ == "__main__":
    try:
        main(complete_var="_CODEIO_COMPLETE")  # as in build.report.completion, which is not imported for every command
    except (ConfigError, RuntimeError) as error:
        from build.sandbox import SandboxError

        if not isinstance(error, ConfigError | RunError | SandboxError):
            raise
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")
