"""Scripts: the body of a program becomes a function whose result is what it prints.

What it reads by `input()` becomes arguments, and so do the fixed values at its top, with these values as examples. Python's own
rules decide the rest: a program whose functions need names that its body binds, or that reads in a loop, is left alone.
"""

import ast
import copy
from dataclasses import dataclass, field
from typing import Any

from build.unifiers.static.doctests import Calls
from build.unifiers.static.scopes import FUNCTIONS, module_names

PROGRAM = "program"
_VALUES = (int, float, str, list, dict, tuple, set)


@dataclass(slots=True)
class _Arguments:
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)  # annotations, "" where the example says it
    examples: list[Any] = field(default_factory=list)  # None where there is none

    def add(self, name: str, annotation: str, example: Any = None) -> str:
        free = name
        while free in self.names:
            free += "_"
        self.names.append(free)
        self.types.append(annotation)
        self.examples.append(example)
        return free


def as_function(content: str) -> tuple[str, Calls] | None:
    """The source of a file with its program as the function `program`, and a call of it with the fixed values; None where
    the file is no program of that kind.
    """
    tree = ast.parse(content)
    if not any(isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(tree)):
        return None
    kept, body = _split(tree)
    if not body:
        return None
    body = _body_of_main(kept, body)
    shared = {name for statement in kept for name in module_names(statement).reads}
    arguments = _Arguments()
    body = [statement for statement in body if not _becomes_argument(statement, body, shared, arguments)]
    body = [_Inputs(arguments).visit(statement) for statement in body]
    body = [statement for statement in body if not isinstance(statement, ast.Pass) and not _names_itself(statement)]
    if not body or not arguments.names:
        return None
    if any(isinstance(node, ast.Name) and node.id == "input" for statement in body for node in ast.walk(statement)):
        return None
    bound = {name for statement in body for name in module_names(statement).binds}
    if bound & shared:
        return None
    parts = [ast.unparse(statement) for statement in kept]
    listed = ", ".join(f"{name}: {kind}" if kind else name for name, kind in zip(arguments.names, arguments.types))
    docstring = ast.get_docstring(tree)
    if docstring:
        body.insert(0, ast.Expr(ast.Constant(docstring)))
    inside = "\n".join(ast.unparse(ast.fix_missing_locations(statement)) for statement in body)
    parts.append(f"def {PROGRAM}({listed}):\n" + "\n".join("    " + line for line in inside.split("\n")))
    source = "\n\n\n".join(parts) + "\n"
    ast.parse(source)
    known = all(example is not None for example in arguments.examples)
    return source, {PROGRAM: [(arguments.examples, {})]} if known else {}


def _split(tree: ast.Module) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The definitions and imports of a file, and the statements of its program, those of a main guard last."""
    kept: list[ast.stmt] = []
    body: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)):
            kept.append(statement)
        elif isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            body += statement.body
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            body.append(statement)
    if not body:
        return kept, body
    read = {name for statement in kept for name in module_names(statement).reads}
    for statement in list(body):  # constants that the functions need stay where they are
        names = module_names(statement).binds
        if names & read and isinstance(statement, ast.Assign) and not _calls_input(statement):
            body.remove(statement)
            kept.append(statement)
    return kept, body


def _body_of_main(kept: list[ast.stmt], body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of `main` where the program does nothing but call it."""
    if len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call):
        call = body[0].value
        for statement in kept:
            if (
                isinstance(statement, ast.FunctionDef)
                and isinstance(call.func, ast.Name)
                and statement.name == call.func.id
                and not ast.unparse(statement.args)
                and not statement.decorator_list
            ):
                kept.remove(statement)
                return list(statement.body)
    return body


def _becomes_argument(statement: ast.stmt, body: list[ast.stmt], shared: set[str], arguments: _Arguments) -> bool:
    """Whether a statement gives a fixed value to a name that nothing gave one before and something reads."""
    if (
        not isinstance(statement, ast.Assign)
        or len(statement.targets) != 1
        or not isinstance(statement.targets[0], ast.Name)
    ):
        return False
    name = statement.targets[0].id
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError):
        return False
    if isinstance(value, bool) or not isinstance(value, _VALUES) or value in ("", 0, 1, [], {}) or name in shared:
        return False  # 0 and the like begin a count
    before = body[: body.index(statement)]
    if any(isinstance(node, ast.Name) and node.id == name for other in before for node in ast.walk(other)):
        return False
    if any(isinstance(other, ast.For | ast.While) for other in before):
        return False
    arguments.add(name, "", value)
    return True


def _names_itself(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == ast.unparse(statement.value)


def _calls_input(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "input" for node in ast.walk(statement))


class _Inputs(ast.NodeTransformer):
    """Puts an argument in the place of each `input()` that runs once: not in loops, conditions and functions."""

    def __init__(self, arguments: _Arguments) -> None:
        self.arguments = arguments
        self.name = ""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(
            node, ast.For | ast.While | ast.If | ast.Try | ast.With | ast.Lambda | ast.ClassDef | ast.comprehension
        ):
            return node
        if isinstance(node, FUNCTIONS):
            return node
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            self.name = target.id if isinstance(target, ast.Name) else "given"
            if isinstance(target, ast.Tuple) and all(isinstance(item, ast.Name) for item in target.elts):
                return self._unpacked(node, target)
            return self.generic_visit(copy.copy(node))
        kind = _input_kind(node)
        if kind:
            return ast.Name(self.arguments.add(self.name or "given", kind), ast.Load())
        return self.generic_visit(node)

    def _unpacked(self, node: ast.Assign, target: ast.Tuple) -> Any:
        kind = _input_kind(node.value)
        if not kind.startswith("list["):
            return self.generic_visit(node)
        for item in target.elts:
            assert isinstance(item, ast.Name)
            self.arguments.add(item.id, kind[5:-1])
        return ast.Pass()


def _input_kind(node: ast.AST) -> str:
    """The type that an expression around `input()` gives its value; "" where it is none of the usual ones."""
    text = ast.unparse(node) if isinstance(node, ast.Call | ast.ListComp) else ""
    if "input(" not in text:
        return ""
    if isinstance(node, ast.ListComp):
        source = node.generators[0].iter
        kind = getattr(getattr(node.elt, "func", None), "id", "str")
        return f"list[{kind}]" if kind in ("int", "float", "str") and _is_split(source) else ""
    assert isinstance(node, ast.Call)
    called = getattr(node.func, "id", "")
    if called == "input":
        return "str"
    if called in ("int", "float", "str", "eval") and len(node.args) == 1 and _is_input(node.args[0]):
        return "int" if called == "eval" else called
    if called in ("list", "tuple") and len(node.args) == 1:
        return _input_kind(node.args[0])
    if called == "map" and len(node.args) == 2 and _is_split(node.args[1]):
        kind = getattr(node.args[0], "id", "")
        return f"list[{kind}]" if kind in ("int", "float", "str") else ""
    if _is_split(node):
        return "list[str]"
    return ""


def _is_input(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("strip", "rstrip"):
        node = node.func.value
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "input"


def _is_split(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "split"
        and not node.args
        and _is_input(node.func.value)
    )
