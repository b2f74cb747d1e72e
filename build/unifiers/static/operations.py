"""Classes that keep a state, as functions: operations on a new object, one after the other, and what each of them returns.

One method on a new object says little about a stack or a counter. The function that is written here takes the arguments of the
constructor and a list of operations, and calls the methods by their names, so that its text shows what it can do.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from build.unifiers.static.candidates import Candidate, constructor_of
from build.unifiers.static.doctests import Calls
from build.unifiers.static.parameter_types import Found, Guess
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import changed_names, own_nodes
from build.unifiers.static.signatures import required
from build.unifiers.static.slices import Module
from build.unifiers.static.type_hints import Hint, restore

_MOST, _FEWEST = 8, 2  # methods
_CERTAINTY: tuple[Found, ...] = ("annotated", "call_site", "inferred", "trial")
ARGUMENT = "operations"
_OWN = frozenset((ARGUMENT, "made", "results", "method", "given"))  # names of the function that is written


@dataclass(frozen=True, slots=True)
class Operations:
    """A function over the operations of a class: its name and source, the types of its parameters, and how they were found."""

    name: str
    source: str
    hints: Mapping[str, Hint]
    found: Found


def operations_of(module: Module, candidates: Sequence[Candidate], calls: Calls) -> Iterator[Operations]:
    """A function for each class of a file that keeps a state and whose arguments JSON can fill.

    `candidates` are those of the file, `calls` the calls with literal arguments in it.
    """
    methods: dict[str, list[ast.FunctionDef]] = {}
    for candidate in candidates:
        node = candidate.node
        if candidate.made and isinstance(node, ast.FunctionDef) and not node.decorator_list:
            methods.setdefault(candidate.root, []).append(node)
    for made, nodes in methods.items():
        found = _operations(module, made, nodes, calls)
        if found is not None and found.name not in module.definitions:
            yield found


def _operations(module: Module, made: str, methods: list[ast.FunctionDef], calls: Calls) -> Operations | None:
    if not any(map(_changes_itself, methods)) or not any(map(_returns, methods)):
        return None
    try:
        constructor = constructor_of(module, made)
    except Refused:
        return None
    guesses = {method: guessed for method in methods if (guessed := _guessed(module, method, calls)) is not None}
    given = _guessed(module, constructor, calls, made) if constructor is not None else {}
    if given is None or not _OWN.isdisjoint(given):
        return None
    best: dict[str, Guess] = {}  # what has one name is of one type
    for name, guess in (item for each in (given, *guesses.values()) for item in each.items()):
        if name not in best or _CERTAINTY.index(guess.found) < _CERTAINTY.index(best[name].found):
            best[name] = guess
    usable = {name for name, guess in best.items() if _as_it_is(guess.hints[0])}
    taken = [method for method, guessed in guesses.items() if guessed.keys() <= usable][:_MOST]
    if len(taken) < _FEWEST or not any(map(_changes_itself, taken)) or not any(map(_returns, taken)):
        return None
    if not given.keys() <= usable:
        return None
    rows = {
        method.name: Hint(
            "row", tuple(best[name].hints[0] for name in guesses[method]), ("returns",) * _returns(method)
        )
        for method in taken
    }
    used = {*given, *(name for method in taken for name in guesses[method])}
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", made).lower().strip("_") + "_operations"
    hints = {each: best[each].hints[0] for each in given}
    hints[ARGUMENT] = Hint("operations", tuple(rows.values()), tuple(rows))
    found = _CERTAINTY[max((_CERTAINTY.index(best[each].found) for each in used), default=0)]
    return Operations(name, _written(name, made, list(given), list(rows)), hints, found)


def _is_odd(node: ast.FunctionDef) -> bool:
    """Whether a method takes what a list of arguments in order does not give."""
    needed = [default for default in node.args.kw_defaults if default is None]
    return bool(node.args.posonlyargs or node.args.vararg or needed)


def _guessed(module: Module, node: ast.FunctionDef, calls: Calls, called: str = "") -> dict[str, Guess] | None:
    """The types of the arguments that a method needs; None where it cannot be called."""
    if _is_odd(node):
        return None
    try:
        return required(module, node, calls.get(called or node.name, []))
    except Refused:
        return None


def _as_it_is(hint: Hint) -> bool:
    """Whether JSON carries the values of a type as they are."""
    return hint.kind != "any" and restore(hint, "x") == "x"


def _changes_itself(method: ast.FunctionDef) -> bool:
    first = method.args.args[0].arg if method.args.args else ""
    others = [part for part in ast.walk(method) if not (isinstance(part, ast.Call) and _is_own(part.func, first))]
    return first in changed_names(others)


def _is_own(called: ast.expr, first: str) -> bool:
    """Whether a method of the object itself is called, which is looked at where it stands."""
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == first


def _returns(method: ast.FunctionDef) -> bool:
    """Whether a method returns something other than its object."""
    first = method.args.args[0].arg if method.args.args else ""
    return any(
        isinstance(part, ast.Return)
        and part.value is not None
        and not (isinstance(part.value, ast.Name) and part.value.id == first)
        and not (isinstance(part.value, ast.Constant) and part.value.value is None)
        for part in own_nodes(method)
    )


def _written(name: str, made: str, given: list[str], methods: list[str]) -> str:
    lines = [
        f"def {name}({', '.join([*given, f'{ARGUMENT}: list'])}) -> list:",
        f'    """Carry out operations on a new object of `{made}`, one after the other, and list what each of them returns.',
        "",
        f"    :param {ARGUMENT}: the operations, each a list of a method's name and its arguments",
        '    """',
        f"    made = {made}({', '.join(f'{name}={name}' for name in given)})",
        "    results = []",
        f"    for method, *given in {ARGUMENT}:",
    ]
    for place, method in enumerate(methods):
        lines += [
            f'        {"elif" if place else "if"} method == "{method}":',
            f"            results.append(made.{method}(*given))",
        ]
    lines += ["        else:", '            raise ValueError(f"no operation {method}")', "    return results"]
    return "\n".join(lines) + "\n"
