"""Asks and scores CRUXEval-I and CRUXEval-O (Gu et al., 2024, arXiv 2401.03065): an input or the output of a short function.

Data: cruxeval-org/cruxeval, split test, 800 items. Row: {"code": "def f(nums): ...", "input": "[1, 1]", "output":
"[2]", "id": "sample_0"}.
Metric: pass@1, greedy. The reference (facebookresearch/cruxeval, utils_general.py) runs `{code}`, then `assert
{output} == {answer}`, in 3 s: for -I the answer is a call `f(...)`, for -O a value, and one that holds `f({input})`
is wrong. Here that assertion becomes the body of a function that returns True (`program`), and the sandbox runs it;
parsing is all that happens outside.
The prompt is ours. The answer is read by `eval.scorers.reading`, and taken apart with `ast` instead of splitting at "==". -O
takes literals only, so that no answer can call anything; -I takes any call of f, like the reference.
"""

import ast
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from build.sandbox import Program, Sandbox
from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.dress import undressed
from eval.scorers.extract import between

VERSION = 3

CPU_SECONDS = 3.0  # the reference's time-out
_MAX_ANSWER = 20_000
_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

_INPUT_PROMPT = """\
Here is a Python function, and a value.

```python
{code}
```

Find arguments with which f returns exactly {output}. There may be several; any one is right.

Think step by step, running candidates in your head, then end with the finished assertion between [ANSWER] and [/ANSWER]:

[ANSWER]
assert f(...) == {output}
[/ANSWER]"""

_OUTPUT_PROMPT = """\
Here is a Python function.

```python
{code}
```

What does f({input}) return? Take the code as it is, even where it looks wrong.

Think step by step, running the code in your head, then end with the finished assertion between [ANSWER] and [/ANSWER],
with a literal (no expression, no call) on the right:

[ANSWER]
assert f({input}) == ...
[/ANSWER]"""


def prompt_input(row: dict[str, Any]) -> str:
    return _INPUT_PROMPT.format_map(row)


def prompt_output(row: dict[str, Any]) -> str:
    return _OUTPUT_PROMPT.format_map(row)


def score_input(row: dict[str, Any], response: str, sandbox: Sandbox) -> Score:
    call = extract_call(response)
    if call is None:
        return UNANSWERED
    return Score(float(passes(program(row["code"], row["output"], call), sandbox)))


def score_output(row: dict[str, Any], response: str, sandbox: Sandbox) -> Score:
    value = extract_value(response)
    if value is None:
        return UNANSWERED
    return Score(float(passes(program(row["code"], row["output"], f"({value})"), sandbox)))


def program(code: str, output: str, answer: str) -> Program | None:
    """The reference's assertion as a function that returns True; None when the text is not Python.

    `answer` is inserted as it stands, as the reference does, so it may be any text.
    """
    if len(answer) > _MAX_ANSWER:
        return None
    lines = code.count("\n") + 1
    try:
        tree = ast.parse(f"{code}\nassert {output} == {answer}")
        body = [statement for statement in tree.body if statement.lineno > lines]
        checked = ast.Module([ast.parse("def main_solution(): return True").body[0]], [])
        function = checked.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body[:0] = body
        return Program(f"{code}\n\n\n{ast.unparse(ast.fix_missing_locations(checked))}\n")
    except _UNPARSABLE:
        return None


def passes(checked: Program | None, sandbox: Sandbox) -> bool:
    """Whether the assertion holds; anything else that happens is a failure of this answer."""
    if checked is None:
        return False
    (result,) = sandbox.call(checked, ["{}"])
    return result.status == "ok" and result.value == "true"


def reference_program(mode: str, row: dict[str, Any], generation: str) -> Program | None:
    """The program for a bare generation under the reference's own rule (`mode` "input" or "output")."""
    if mode == "input" and "f(" not in generation:
        return None
    if mode == "output" and f"f({row['input']})" in generation:
        return None
    return program(row["code"], row["output"], generation)


def extract_call(response: str) -> str | None:
    """The source of the call of f that the response answers with: `f(...)`, alone or in an assertion."""
    return reading.answer(response, _call, lambda text: _concluded(text, _call))


def extract_value(response: str) -> str | None:
    """The source of the literal that the response answers with, alone or on one side of an assertion."""
    return reading.answer(response, _value, lambda text: _concluded(text, _value))


def _call(statement: reading.Statement) -> str | None:
    if statement.mark in ("conclusion", "alone"):
        return None
    for node in _expressions(statement, _is_call):
        for part in _sides(node):
            if _is_call(part):
                return _source(part)
    return None


def _value(statement: reading.Statement) -> str | None:
    if statement.mark in ("conclusion", "alone"):
        return None
    for node in _expressions(statement, _is_literal):
        for part in reversed(_sides(node)):
            if _is_literal(part):
                return _source(part)
    return None


def _sides(node: ast.expr) -> list[ast.expr]:
    return [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node]


def _is_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "f"


def _source(node: ast.expr) -> str | None:
    """The node as text; None where it is nested deeper than Python can write, though it could read it."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return None


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):  # set() has no literal
        return isinstance(node.func, ast.Name) and node.func.id == "set" and not node.args and not node.keywords
    try:
        ast.literal_eval(node)
    except (*_UNPARSABLE, TypeError):
        return False
    return True


def _expressions(statement: reading.Statement, wanted: Callable[[ast.expr], bool]) -> Iterator[ast.expr]:
    """The expressions that a statement may answer with: its block, its last assertion, its line, the start of its line.

    Raises `Undecided` where "or" joins the start of the line to something else.
    """
    block = _FENCES.sub("\n", statement.block)[:_MAX_ANSWER].strip().strip("`").strip()
    asserted = [line.strip() for line in block.split("\n") if line.strip().startswith("assert ")][-1:]
    line = _FENCES.sub("", statement.text).strip()
    for source in (block, *asserted, line, undressed(line)):
        if (node := _parsed(source)) is None:
            continue
        if isinstance(node, ast.BoolOp) and any(wanted(side) for value in node.values for side in _sides(value)):
            raise reading.Undecided(source[:100])
        yield node
    for source in dict.fromkeys((line[:_MAX_LINE], undressed(line)[:_MAX_LINE])):
        if sum(map(source.count, "([{")) > _MAX_BRACKETS:
            continue
        for match in itertools.islice(_STARTS.finditer(source), _MAX_STARTS):
            cuts = [spot.start() for spot in _ENDS.finditer(source, match.start() + 1)]
            for cut in dict.fromkeys(
                (*cuts[: -_MAX_CUTS - 1 : -1], *cuts[_MAX_CUTS - 1 :: -1])
            ):  # the longest ones first
                node = _parsed(source[match.start() : cut])
                if node is not None and any(wanted(side) for side in _sides(node)):
                    if re.match(r"[`*\s]*(?:or|and|/)[`*\s]", source[cut:]):
                        raise reading.Undecided(source[:100])
                    yield node
                    return


# Bounds on the attempts to find the expression that a line starts with.
_MAX_LINE, _MAX_BRACKETS, _MAX_STARTS, _MAX_CUTS = 2000, 200, 4, 15
_FENCES = re.compile(r"```\w*|\[/?(?:ANSWER|PYTHON)\]")
_STARTS = re.compile(r"(?<![\w.'\"\[({])(?:assert |f\(|[\[({'\"\d-]|True\b|False\b|None\b|set\(\)|[bfr]['\"])")
_ENDS = re.compile(r"$|(?<=[\])}'\"`\w*])(?=[\s.,;:`*]|$)")
_RETURNS = re.compile(
    r"(?:\breturns?|\boutputs?(?: is| will be)?|\bresult is|\bevaluates to|==|=>|→|\bgives|\byields)\s*[:`*]*\s*(?=\S)"
)


def _parsed(source: str) -> ast.expr | None:
    """The last expression or assertion of a source, or None."""
    if len(source) > _MAX_ANSWER:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of answers such as "5is"
            statement = ast.parse(source.strip()).body[-1]
    except (*_UNPARSABLE, IndexError):
        return None
    if isinstance(statement, ast.Assert):
        return statement.test
    return statement.value if isinstance(statement, ast.Expr) else None


def _concluded(text: str, read: Callable[[reading.Statement], str | None]) -> str | None:
    """The last assertion, else the last fenced expression, else what the last line says that f returns."""
    lines = [line.strip(" \t`*") for line in text.split("\n")]
    parts = [line for line in lines if line.startswith("assert ")][-1:]
    parts += [block for block in between(text, "```python\n", "```")[-1:] if len(block) <= _MAX_ANSWER]
    last = next((line for line in reversed(lines) if line), "")[:_MAX_LINE]
    parts.append(last)
    parts += [last[match.end() :] for match in _RETURNS.finditer(last)][-1:]
    for part in parts:
        if found := read(reading.Statement("line", 0, part, part, len(part))):
            return found
    return None


BENCHMARK_INPUT = Benchmark(
    "cruxeval_i",
    "CRUXEval-I",
    800,
    (Source("cruxeval-org/cruxeval"),),
    ("code", "input", "output"),
    VERSION,
    prompt_input,
    score_input,
    "cruxeval.jsonl",
    in_sandbox=True,
    cpu_s=CPU_SECONDS,
    question=lambda row: [row["code"]],
)

BENCHMARK_OUTPUT = Benchmark(
    "cruxeval_o",
    "CRUXEval-O",
    800,
    (Source("cruxeval-org/cruxeval"),),
    ("code", "input", "output"),
    VERSION,
    prompt_output,
    score_output,
    "cruxeval.jsonl",
    in_sandbox=True,
    cpu_s=CPU_SECONDS,
    question=lambda row: [row["code"]],
    items_of="cruxeval_i",
)
