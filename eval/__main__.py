"""`python -m eval`: see `python -m eval --help`."""

from eval.cli import main

main()
