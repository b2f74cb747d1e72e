"""Prints what makes bash complete this pipeline's commands.

    eval "$(python -m build completion)"

From then on `codeio` is short for `python -m build`, and the tabulator completes commands, options, stages and reasons.
"""

import shlex
import sys

import click
from click.shell_completion import BashComplete

VARIABLE = "_CODEIO_COMPLETE"
_NAME = "codeio"


@click.command()
@click.pass_context
def completion(context: click.Context) -> None:
    """Print the lines that make bash complete these commands, for eval "$(python -m build completion)"."""
    command = f"{shlex.quote(sys.executable)} -m build"
    lines = BashComplete(context.find_root().command, {}, _NAME, VARIABLE).source()
    print(f"alias {_NAME}={shlex.quote(command)}")
    print(lines.replace(" $1)", f" {command})"))  # click's lines call a program of that name; this one is a module
