"""Every command in the documentation is one that there is, with options that it takes; what is run of them, other tests run."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt

from build.__main__ import main as build_main
from codeio_dataset import main as dataset_main
from eval.cli import main as eval_main
from recipes.__main__ import main as recipes_main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "recipes" / "README.md")
    if path.name != "CHANGELOG.md"  # commands of earlier versions
)
GROUPS: dict[str, click.Command] = {"build": build_main, "eval": eval_main, "recipes": recipes_main}


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command in a page's blocks and in its running text."""
    lines = []
    for token in MarkdownIt().parse(page):
        if token.type == "fence" and token.info in ("", "console", "bash", "sh"):
            lines += token.content.replace("\\\n", " ").split("\n")
        elif token.type == "inline":
            codes = [each.content for each in token.children or () if each.type == "code_inline"]
            lines += [code for code in codes if re.match(r"(\S*python|make|pip|hf) ", code)]
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # a quotation or a program, not a command
        while words and re.fullmatch(r"[A-Z_]+=.*|\$", words[0]):
            words = words[1:]
        if words:
            yield words


def faults(words: list[str]) -> Iterator[str]:
    """What is wrong with a command, as far as it is one of this project's."""
    program, arguments = Path(words[0]).name, words[1:]
    if program in ("python", "python3") and arguments[:1] == ["-m"] and len(arguments) > 1:
        name, rest = arguments[1], arguments[2:]
        if name in GROUPS:
            yield from _refused(GROUPS[name], rest)
        elif name.split(".")[0] in ("tests", *GROUPS) and importlib.util.find_spec(name) is None:
            yield f"there is no module {name}"
    elif program in ("python", "python3") and arguments[:1] == ["codeio_dataset.py"]:
        yield from _refused(dataset_main, arguments[1:])
    elif program == "make":
        rules = re.findall(r"^([a-z0-9 -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        targets = {target for rule in rules for target in rule.split()}
        yield from (
            f"make has no {each}" for each in arguments if re.fullmatch("[a-z0-9-]+", each) and each not in targets
        )
    elif program == "pip":
        files = [file for flag, file in pairwise(arguments) if flag == "-r"]
        yield from (f"there is no {file}" for file in files if not (ROOT / file).exists())


def _refused(command: click.Command, arguments: list[str]) -> Iterator[str]:
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(click.Context(command), arguments[0])
        if found is None:
            yield f"there is no command {arguments[0]}"
            return
        command, arguments = found, arguments[1:]
    try:
        context = click.Context(command, **command.context_settings)
        command.make_parser(context).parse_args([each for each in arguments if each not in ("...", "…")])
    except click.UsageError as error:
        yield error.format_message()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_of_a_page_are_there(page: Path) -> None:
    wrong = [(words, fault) for words in commands((ROOT / page).read_text("utf-8")) for fault in faults(words)]
    assert not wrong


def test_a_command_that_is_not_there_is_found() -> None:
    page = "```python\nprint()\n```\n"
    page += "```console\npython -m build shwo RUN\n.venv/bin/python -m build show RUN --jsn  # no\nmake dmo\n```\n"
    page += "`pip install -r requirements/nothing.txt` and `python -m tests.nothing`, `python -m eval repot RUN`"
    assert len([fault for words in commands(page) for fault in faults(words)]) == 6
