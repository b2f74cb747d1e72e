"""`python -m recipes`: plan a run, make the small model, and prove the recipes on it."""

import sys
from pathlib import Path

import click
from tabulate import tabulate


@click.group()
def main() -> None:
    """Training recipes. The training itself is launched with accelerate; see recipes/README.md."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
@click.option("--gpus", type=int, required=True, help="GPUs in all.")
@click.option("--sample", type=int, default=2000, show_default=True, help="Samples whose length is measured.")
def plan(config: Path, overrides: tuple[str, ...], gpus: int, sample: int) -> None:
    """Steps, tokens, memory and hours of an SFT recipe. OVERRIDES are keys of the recipe, as on the launch line."""
    from recipes.plan import plan as make_plan
    from recipes.plan import rows_of
    from recipes.recipe import RecipeError

    try:
        click.echo(tabulate(rows_of(make_plan(config, gpus, overrides, sample)), tablefmt="plain"))
    except RecipeError as error:
        sys.exit(f"error: {error}")


@main.command(name="small-model")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=None, help="Where to keep it; default: the user's cache."
)
def small(folder: Path | None) -> None:
    """Convert the small model once and print its folder."""
    from recipes.small_model import small_model

    try:
        click.echo(small_model(folder))
    except RuntimeError as error:
        sys.exit(f"error: {error}")


@main.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A dataset folder with codeio_pp and rl.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/proof"), show_default=True)
def proof(data: Path, out: Path) -> None:
    """Train the small model through every recipe feature on this machine's CPU, and check what must hold."""
    from recipes.proof import prove

    try:
        prove(data, out)
    except RuntimeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed; pip install -r requirements/train.txt")
