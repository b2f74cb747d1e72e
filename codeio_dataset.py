"""CodeI/O as a Hugging Face dataset: the builder, and the command that materialises, shows and publishes one.

    python codeio_dataset.py --config recipes/data/demo.yaml [--push-to-hub ORG/NAME]

In Python the same recipe goes through the class:

    CodeIO(config_name="codeio_pp", recipe="recipes/data/demo.yaml").download_and_prepare()

Under datasets 3.x `load_dataset("codeio_dataset.py", "codeio_pp", recipe=..., trust_remote_code=True)` works as well; from
4.0 on, scripts are refused, and the class or the folder that the command writes take its place. The class is defined in
`build.builder`; the command imports it, and `datasets` with it, only once it is needed.
"""

import sys
from pathlib import Path
from typing import Literal

import click

if __name__ not in ("__main__", "__mp_main__"):  # as a module; the command and its workers do not wait for `datasets`
    from build.builder import FEATURES, CodeIO, CodeIOConfig, materialise

    __all__ = ["FEATURES", "CodeIO", "CodeIOConfig", "main", "materialise"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "path", type=click.Path(path_type=Path), required=True, help="The data recipe, a YAML file.")
@click.option(
    "--push-to-hub", "repo", metavar="ORG/NAME", help="Upload the finished folder to this dataset repository."
)
@click.option("--private", is_flag=True, help="Make the repository private when it is created.")
@click.option(
    "--require-isolation",
    type=click.Choice(["available", "full"]),
    default="available",
    show_default=True,
    help="full: refuse to run where a layer of the sandbox is missing.",
)
@click.option("--unsafe-exec", is_flag=True, help="Run foreign code even where it cannot be confined.")
@click.option("--dry-run", is_flag=True, help="Ask nothing: say what the model would be asked, and what it would cost.")
def main(
    path: Path,
    repo: str | None,
    private: bool,
    require_isolation: Literal["available", "full"],
    unsafe_exec: bool,
    dry_run: bool,
) -> None:
    """Materialise a data recipe: raw code in, the CODEI/O and CODEI/O++ datasets out.

    The work is resumable: stopped at any moment, the same command goes on where it was.
    """
    from build.core.config import read_data_recipe
    from build.core.errors import ConfigError, RunError

    try:
        recipe = read_data_recipe(path)
    except ConfigError as error:
        sys.exit(f"Error: {error}")
    from build.engine import Isolation
    from build.report.estimate import estimate
    from build.report.summary import print_summary
    from build.sandbox import SandboxError

    isolation = Isolation(require_isolation, unsafe_exec)
    try:
        if repo:
            from build.stages.publish import check_target, publish

            check_target(repo)
        if dry_run:
            print(estimate(recipe, isolation))
            return
        from build.builder import materialise

        _, store, folder = materialise(path, isolation)
        print_summary(recipe, store, folder)
        if not folder.exists():
            what = "not one question has an answer" if store.totals("questions").kept else "the run has no instance"
            raise RunError(f"{recipe.run}: {what}, so there is no dataset to write.")
        if repo:
            print(f"\nPublished: {publish(folder, repo, private)}")
    except (ConfigError, RunError, SandboxError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")


if __name__ == "__main__":
    main()
