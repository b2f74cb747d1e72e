"""Starts the command line of `python -m eval`; `python -m eval --help` lists the commands."""

from eval.cli import main

main()
