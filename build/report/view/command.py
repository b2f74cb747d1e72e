"""Writes the page of a run or a published dataset: `python -m build view RUN`."""

from pathlib import Path

import click

from build.core.errors import ConfigError


@click.command()
@click.argument("shown", metavar="RUN")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the page; RUN/view by default, and view/NAME here for a dataset.",
)
def view(shown: str, output: Path | None) -> None:
    """Write a page that shows RUN: a run folder, a dataset folder of ours, or a dataset repository ORG/NAME of the Hub.

    The page opens in a browser from the disk, without a server and a network.
    """
    from build.core.store import Store
    from build.report.view.folder import write_view
    from build.report.view.from_dataset import download, from_dataset
    from build.report.view.from_run import from_run

    path = Path(shown)
    if (path / "manifest.json").exists():
        output = output or path / "view"
        content = from_run(Store(path))
    elif path.exists():
        output = output or Path("view", path.resolve().name)
        content = from_dataset(path, path.resolve().name)
    elif shown.count("/") == 1 and not shown.startswith((".", "/")):
        output = output or Path("view", path.name)
        content = from_dataset(download(shown), shown)
    else:
        raise ConfigError(f"{shown}: no such folder; name a run, a dataset folder, or ORG/NAME on the Hub.")
    count = write_view(content, output)
    print(f"{count} rows in {output}; open {output / 'index.html'} in a browser.")
