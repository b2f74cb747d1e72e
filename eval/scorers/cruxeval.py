"""CRUXEval-I and CRUXEval-O (Gu et al., 2024, arXiv 2401.03065): an input, or the output, of a short Python function.

Data: cruxeval-org/cruxeval, split test, 800 items. Row: {"code": "def f(nums): ...", "input": "[1, 1]", "output":
"[2]", "id": "sample_0"}.
Metric: pass@1, greedy. The reference (facebookresearch/cruxeval, utils_general.py) runs `{code}`, then `assert
{output} == {answer}`, in 3 s: for -I the answer is a call `f(...)`, for -O a value, and one that holds `f({input})`
is wrong. Here that assertion becomes the body of a function that returns True (`program`), and the sandbox runs it;
parsing is all that happens outside.
Prompt and extraction are ours: the last [ANSWER] block, read with `ast` instead of splitting at "==". -O takes
literals only, so that no answer can call anything; -I takes any call of f, like the reference.
"""

import ast
from typing import Any

from build.sandbox import Program, Sandbox
from eval.scorers import UNANSWERED, Score
from eval.scorers.extract import between, tail

VERSION = 2

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
    """The source of the last call of f that the answer asserts or is."""
    for node in _answer_nodes(response):
        for part in [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node]:
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "f":
                return _source(part)
    return None


def extract_value(response: str) -> str | None:
    """The source of the last literal that the answer asserts or is."""
    for node in _answer_nodes(response):
        part = node.comparators[-1] if isinstance(node, ast.Compare) else node
        if _is_literal(part):
            return _source(part)
    return None


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


def _answer_nodes(response: str) -> list[ast.expr]:
    """The expressions that the answer may be, the most likely first."""
    text = tail(response)
    blocks = between(text, "[ANSWER]", "[/ANSWER]")
    if not blocks and "[ANSWER]" in text:
        blocks = [text.rpartition("[ANSWER]")[2]]
    candidates = [blocks[-1]] if blocks else between(text, "```python\n", "```")[-1:]
    lines = [line.strip(" \t`*") for line in text.split("\n")]
    candidates += [line for line in lines if line.startswith("assert ")][-1:]
    nodes = []
    for candidate in candidates:
        source = candidate.strip().removeprefix("```python").strip("`").strip()
        if len(source) > _MAX_ANSWER:
            continue
        try:
            statement = ast.parse(source).body[-1]
        except (*_UNPARSABLE, IndexError):
            continue
        if isinstance(statement, ast.Assert):
            nodes.append(statement.test)
        elif isinstance(statement, ast.Expr):
            nodes.append(statement.value)
    return nodes
