"""The four-section text in which a model hands over a function, and the checks that need no execution.

The headings are those of the released pipeline (paper, appendix A), so that texts made for it can be read here too: Main
Function, Input Output Description, Input Generator, Problem Statement, in this order, Python in fenced blocks. Numbers,
emphasis, colons and case of a heading do not matter; of several blocks in a section the last one counts, as models tend to
think aloud first. Everything else is a `Misfit` with one of these reasons:

    no_main_function  no_io_description  no_input_generator  no_problem_statement  (the heading is missing, or out of order)
    no_code_block  no_generator_block  empty_description  empty_query  unclosed_block  bad_json
    unparsable_code  no_entry_point  no_arguments  star_arguments  no_return  does_io  io_import  uses_randomness
    unparsable_generator  no_generator_function  generator_arguments  generator_not_alone  argument_not_described
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from build.core.model_text import Block, Tangled, fenced_blocks, last_block, last_object_with
from build.unifiers.static.purity import CHANCE_MODULES, IO_CALLS, IO_MODULES

SCHEMA_KEYS = ("main_function", "input_output_description", "input_generator", "problem_statement")
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {key: {"type": "string"} for key in SCHEMA_KEYS},
        "required": list(SCHEMA_KEYS),
        "additionalProperties": False,
    }
)

_HEADINGS = (
    ("no_main_function", r"main[^\S\n]+function"),
    ("no_io_description", r"input[^\S\n]*(?:[/&,-]|and)?[^\S\n]*output[^\S\n]+descriptions?"),
    ("no_input_generator", r"input[^\S\n]+generators?(?:[^\S\n]+function)?"),
    ("no_problem_statement", r"problem[^\S\n]+statement"),
)
_NUMBER = r"(?:(?:section|part|step)?[ \t]*\d+[.):]*[ \t]*)?"
_HEADING = r"(?im)^[ \t]*(?:#+[ \t]*)?[*_]*" + _NUMBER + r"[*_]*{}[*_]*[ \t]*:?[*_]*[ \t]*:?[ \t]*$"


class Misfit(ValueError):
    """A text that is no function in the unified format; `reason` is one of the names in this module's docstring."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Sections:
    """The four parts: Python source, text, Python source, text."""

    code: str
    description: str
    generator: str
    query: str


def read_sections(text: str) -> Sections:
    """The four parts of a model's text. Raises `Misfit`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = fenced_blocks(text)
    if blocks and not _places(_HEADINGS[0][1], _without_blocks(text, blocks)):  # the whole answer in one block?
        text = blocks[-1].content
        blocks = fenced_blocks(text)
    spans = _headings(_without_blocks(text, blocks))
    ends = [start for start, _ in spans[1:]] + [len(text)]
    bodies = [text[start:end].strip() for (_, start), end in zip(spans, ends)]
    if any(not block.closed for block in blocks):
        raise Misfit("unclosed_block", "a fenced block has no end")
    return _checked_parts(
        last_block(bodies[0]) or "",
        last_block(bodies[1]) or bodies[1],
        last_block(bodies[2]) or "",
        last_block(bodies[3]) or bodies[3],
    )


def read_json_sections(text: str) -> Sections:
    """The four parts of an answer that follows `SCHEMA`, in a fenced block or not. Raises `Misfit`."""
    try:
        data, _ = last_object_with(SCHEMA_KEYS[0], text)
    except Tangled as error:
        raise Misfit("bad_json", str(error)) from error
    if data is None:
        raise Misfit("bad_json", f'there is no JSON object with "{SCHEMA_KEYS[0]}"')
    parts = [data.get(key) for key in SCHEMA_KEYS]
    for key, part in zip(SCHEMA_KEYS, parts):
        if not isinstance(part, str):
            raise Misfit("bad_json", f'"{key}" is no string')
    code, description, generator, query = (str(part).replace("\r\n", "\n") for part in parts)
    return _checked_parts(last_block(code) or code, description, last_block(generator) or generator, query)


def check_function(sections: Sections) -> None:
    """The rules of the unified format that the text alone shows. Raises `Misfit` for the first one that is broken."""
    main = _function(sections.code, "main_solution", "unparsable_code", "no_entry_point")
    given = main.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise Misfit("star_arguments", "main_solution must take plain named arguments")
    names = [argument.arg for argument in (*given.args, *given.kwonlyargs)]
    if not names:
        raise Misfit("no_arguments", "main_solution takes nothing; generalise it over an input")
    if not any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(main)):
        raise Misfit("no_return", "main_solution returns nothing")
    _refuse_io(ast.parse(sections.code))
    check_generator(sections.generator)
    for name in names:
        if not re.search(rf"\b{re.escape(name)}\b", sections.description):
            raise Misfit("argument_not_described", f"the description does not mention {name}")


def check_generator(source: str) -> None:
    """The rules for an input generator that the text alone shows. Raises `Misfit`."""
    generator = _function(source, "input_generator", "unparsable_generator", "no_generator_function")
    required = len(generator.args.args) - len(generator.args.defaults)
    if required or generator.args.vararg or any(default is None for default in generator.args.kw_defaults):
        raise Misfit("generator_arguments", "input_generator must be callable without arguments")
    if any(isinstance(node, ast.Name) and node.id == "main_solution" for node in ast.walk(ast.parse(source))):
        raise Misfit("generator_not_alone", "input_generator must not call main_solution")


def without_main_guard(source: str) -> str:
    """The source without `if __name__ == "__main__":` blocks; unparsable source as it is."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.split("\n")  # as the parser counts them: a form feed ends no line
    for node in reversed(tree.body):
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n") + "\n"


def _without_blocks(text: str, blocks: Sequence[Block]) -> str:
    """The text with fenced blocks blanked, so that no heading is found in them; offsets stay as they are."""
    lines = text.split("\n")
    for block in blocks:
        for number in range(block.start, block.end):
            lines[number] = " " * len(lines[number])
    return "\n".join(lines)


def _headings(masked: str) -> list[tuple[int, int]]:
    """Where the four headings stand, in order: the last complete set. Raises `Misfit` for the first one that is missing."""
    found = [_places(name, masked) for _, name in _HEADINGS]
    if not found[0]:
        raise Misfit("no_main_function", "the heading is missing")
    furthest = 0
    for first in reversed(found[0]):
        spans = [first]
        for places in found[1:]:
            after = [span for span in places if span[0] >= spans[-1][1]]
            if not after:
                break
            spans.append(after[0])
        if len(spans) == len(_HEADINGS):
            return spans
        furthest = max(furthest, len(spans))
    raise Misfit(_HEADINGS[furthest][0], "the heading is missing, or not in its place")


def _places(name: str, masked: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(_HEADING.format(name), masked)]


def _checked_parts(code: str, description: str, generator: str, query: str) -> Sections:
    for part, reason in (
        (code, "no_code_block"),
        (description, "empty_description"),
        (generator, "no_generator_block"),
        (query, "empty_query"),
    ):
        if not part.strip():
            raise Misfit(reason)
    return Sections(without_main_guard(code), description.strip(), without_main_guard(generator), query.strip())


def _function(source: str, name: str, unparsable: str, missing: str) -> ast.FunctionDef:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Misfit(unparsable, f"{type(error).__name__}: {error}") from error
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise Misfit(missing, f"there is no top-level function {name}")


def _refuse_io(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IO_CALLS:
            raise Misfit("does_io", f"{node.func.id}() in line {node.lineno}")
        if isinstance(node, ast.Import):
            for item in node.names:
                _refuse_module(item.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            _refuse_module("" if node.level else node.module or "", node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr == "random" and ast.unparse(node.value) in ("np", "numpy"):
            raise Misfit("uses_randomness", f"{ast.unparse(node)} in line {node.lineno}")


def _refuse_module(module: str, line: int) -> None:
    top = module.split(".")[0]
    if top in IO_MODULES or not top:
        raise Misfit("io_import", f"{module or 'a relative import'} in line {line}")
    if top in CHANCE_MODULES or module == "numpy.random":
        raise Misfit("uses_randomness", f"{module} in line {line}")
