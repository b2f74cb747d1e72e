"""Works back from a wanted output: what the return expression demands of the arguments, where its operations can be undone.

Each rule undoes one operation (arithmetic with a constant, sorting, reversing, joining, splitting, case, length, sum). What is
found is a proposal with its reason in words; execution decides whether it fits.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from build.sandbox.codec import NotData, encode


@dataclass(frozen=True, slots=True)
class Demand:
    """Values for some arguments, and why."""

    values: Mapping[str, Any]
    reason: str


def demands(code: str, wanted: Any, known: Sequence[Mapping[str, Any]]) -> list[Demand]:
    """What the return expressions demand; `known` are inputs that the function takes, for the kinds of its arguments."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, RecursionError):
        return []
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    main = functions.get("main_solution")
    found: list[Demand] = []
    if main is not None and known:
        for values, reason in _of_function(main, wanted, functions, known[0], 0):
            names = {name: value for name, value in values.items() if name in known[0]}
            if names and Demand(names, reason) not in found:
                found.append(Demand(names, reason))
    return found[:24]


Found = tuple[dict[str, Any], str]


def _of_function(
    node: ast.FunctionDef, wanted: Any, functions: Mapping[str, ast.FunctionDef], example: Mapping[str, Any], depth: int
) -> Iterator[Found]:
    for part in ast.walk(node):
        if isinstance(part, ast.Return) and part.value is not None and depth < 3:
            yield from _undo(part.value, wanted, node, functions, example, depth)


def _undo(
    node: ast.expr,
    wanted: Any,
    home: ast.FunctionDef,
    functions: Mapping[str, ast.FunctionDef],
    example: Mapping[str, Any],
    depth: int,
) -> Iterator[Found]:
    """Values of variables with which an expression gives what is wanted."""
    if depth > 6:
        return
    shown = _words(wanted)

    def further(inner: ast.expr, value: Any, why: str) -> Iterator[Found]:
        for values, rest in _undo(inner, value, home, functions, example, depth + 1):
            yield values, f"{why}{'; ' + rest if rest else ''}"

    if isinstance(node, ast.Name):
        yield from _variable(node, wanted, home, functions, example, depth)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_number(wanted):
        yield from further(node.operand, -wanted, f"minus it has to be {shown}, so it is {_words(-wanted)}")
    elif isinstance(node, ast.BinOp):
        for inner, value in _arithmetic(node, wanted):
            yield from further(
                inner, value, f"{ast.unparse(node)} has to be {shown}, so {ast.unparse(inner)} is {_words(value)}"
            )
    elif isinstance(node, ast.IfExp):
        for branch in (node.body, node.orelse):
            yield from _undo(branch, wanted, home, functions, example, depth + 1)
    elif isinstance(node, ast.Subscript):
        text = ast.unparse(node.slice)
        if text == "::-1" and isinstance(wanted, str | list):
            yield from further(
                node.value, wanted[::-1], f"in reverse it has to be {shown}, so it is {_words(wanted[::-1])}"
            )
        elif text in ("0", "-1"):
            yield from further(node.value, [wanted], f"{ast.unparse(node)} has to be {shown}")
    elif isinstance(node, ast.Call) and not node.keywords:
        yield from _call(node, wanted, home, functions, example, depth, further)


def _variable(
    node: ast.Name,
    wanted: Any,
    home: ast.FunctionDef,
    functions: Mapping[str, ast.FunctionDef],
    example: Mapping[str, Any],
    depth: int,
) -> Iterator[Found]:
    parameters = [argument.arg for argument in (*home.args.args, *home.args.kwonlyargs)]
    stored = [
        part.value
        for part in ast.walk(home)
        if isinstance(part, ast.Assign)
        and len(part.targets) == 1
        and isinstance(part.targets[0], ast.Name)
        and part.targets[0].id == node.id
        and not any(isinstance(inner, ast.Name) and inner.id == node.id for inner in ast.walk(part.value))
    ]
    if node.id in parameters:
        yield {node.id: wanted}, f"{node.id} comes back, so {node.id} may be {_words(wanted)} from the start"
        return
    for value in stored:
        if not isinstance(value, ast.Constant):
            yield from _undo(value, wanted, home, functions, example, depth + 1)


def _call(
    node: ast.Call,
    wanted: Any,
    home: ast.FunctionDef,
    functions: Mapping[str, ast.FunctionDef],
    example: Mapping[str, Any],
    depth: int,
    further: Any,
) -> Iterator[Found]:
    shown = _words(wanted)
    if isinstance(node.func, ast.Name):
        name = node.func.id
        if name in functions and functions[name] is not home:
            inner = functions[name]
            names = [argument.arg for argument in inner.args.args]
            given = dict(zip(names, node.args))
            for values, why in _of_function(inner, wanted, functions, example, depth + 1):
                outer = {
                    given[key].id: value  # type: ignore[attr-defined]
                    for key, value in values.items()
                    if isinstance(given.get(key), ast.Name)
                }
                if outer:
                    yield outer, why
            return
        if len(node.args) != 1:
            return
        (argument,) = node.args
        for value, why in _builtin(name, wanted, argument, example):
            yield from further(argument, value, why)
    elif isinstance(node.func, ast.Attribute):
        method, holder = node.func.attr, node.func.value
        first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if method == "join" and isinstance(holder, ast.Constant) and isinstance(wanted, str) and node.args:
            separator: Any = holder.value
            pieces: Any = wanted.split(separator) if separator else list(wanted)
            yield from further(node.args[0], pieces, f"the pieces that are joined to {shown} are {_words(pieces)}")
            yield from further(node.args[0], wanted, f"what is joined may be {shown} itself")
        elif method == "split" and isinstance(wanted, list) and all(isinstance(piece, str) for piece in wanted):
            text = (first if isinstance(first, str) else " ").join(wanted)
            yield from further(holder, text, f"split, it has to be {shown}, so it is {_words(text)}")
        elif method in ("upper", "lower", "strip", "title", "capitalize", "swapcase", "replace", "copy"):
            yield from further(holder, wanted, f"with {method} it has to be {shown}, which {shown} itself can give")


_RESULT = {  # of builtins, in words
    "sorted": "in sorted order it", "list": "as a list it", "tuple": "as a tuple it", "set": "without repeats it",
    "reversed": "in reverse it", "sum": "its sum", "max": "its largest item", "min": "its smallest item",
    "abs": "its absolute value", "int": "as a whole number it", "float": "as a decimal number it",
    "round": "rounded it", "str": "as text it",
}  # fmt: skip


def _builtin(name: str, wanted: Any, argument: ast.expr, example: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """Arguments with which a builtin gives what is wanted, with the reason."""
    shown = _words(wanted)
    if name in ("sorted", "list", "tuple", "set", "reversed") and isinstance(wanted, list):
        yield wanted, f"{_RESULT[name]} has to be {shown}, which these items give"
        yield wanted[::-1], f"{_RESULT[name]} has to be {shown}, which these items give in another order"
        if all(isinstance(item, str) and len(item) == 1 for item in wanted):
            yield "".join(wanted), f"{_RESULT[name]} has to be {shown}, which its letters give"
    elif name == "len" and isinstance(wanted, int) and 0 <= wanted < 20:
        texts = isinstance(argument, ast.Name) and isinstance(example.get(argument.id), str)
        value: Any = "abcdefghijklmnopqrst"[:wanted] if texts else list(range(1, wanted + 1))
        yield value, f"the length has to be {shown}, as that of {_words(value)}"
    elif name in ("sum", "max", "min") and _is_number(wanted):
        yield [wanted], f"{_RESULT[name]} has to be {shown}, as of {_words([wanted])}"
    elif name in ("abs", "int", "float", "round", "str") and (_is_number(wanted) or isinstance(wanted, str)):
        yield wanted, f"{_RESULT[name]} has to be {shown}, as of {shown} itself"
        if name == "str" and isinstance(wanted, str) and wanted.lstrip("-").isdigit():
            yield int(wanted), f"as text it has to be {shown}, so it is {wanted}"
        if name in ("int", "float"):
            yield str(wanted), f"read as a number it has to be {shown}, so it is the text {_words(str(wanted))}"


def _arithmetic(node: ast.BinOp, wanted: Any) -> Iterator[tuple[ast.expr, Any]]:
    """The side that is no constant, with the value that it must have."""
    for inner, other, left in ((node.left, node.right, True), (node.right, node.left, False)):
        if not isinstance(other, ast.Constant) or isinstance(other.value, bool):
            continue
        constant: Any = other.value
        if isinstance(wanted, str) and isinstance(constant, str) and isinstance(node.op, ast.Add):
            if left and wanted.endswith(constant):
                yield inner, wanted.removesuffix(constant)
            elif not left and wanted.startswith(constant):
                yield inner, wanted.removeprefix(constant)
        if not _is_number(wanted) or not _is_number(constant):
            continue
        if isinstance(node.op, ast.Add):
            yield inner, wanted - constant
        elif isinstance(node.op, ast.Sub):
            yield inner, wanted + constant if left else constant - wanted
        elif isinstance(node.op, ast.Mult) and constant and wanted % constant == 0:
            yield inner, wanted // constant if isinstance(wanted, int) else wanted / constant
        elif isinstance(node.op, ast.FloorDiv | ast.Div) and left and constant:
            yield inner, wanted * constant
        elif isinstance(node.op, ast.Mod) and left:
            yield inner, wanted
        elif isinstance(node.op, ast.Pow) and left and constant and wanted >= 0:
            root = round(wanted ** (1 / constant)) if abs(constant) < 50 and wanted < 10**100 else None
            if root is not None and constant > 0 and root**constant == wanted:
                yield inner, root


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(value: Any) -> str:
    try:
        return encode(value)
    except NotData:
        return "that"
