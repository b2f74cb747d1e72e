"""Refuses functions that make no question: they give one value or an argument whatever comes in, or hardly any line runs."""

import ast
import json
from collections.abc import Iterable
from typing import Any

from build.unifiers.static.refusal import Refused
from build.unifiers.static.trials import Trial

_NEARLY_ALL = 0.9
_FEW = 5  # inputs that worked; fewer say nothing about the others
_REACHED = 0.6  # of the lines of a function whose types were not stated
_SCALARS = (ast.Constant, ast.Name, ast.Attribute)


def refuse_dull(trial: Trial, result: str, method: ast.FunctionDef | None) -> None:
    """Raises `Refused` for a function that gives nothing, one value, or its arguments, whatever comes in; for one after which
    an object holds nothing but its arguments; and for a method that only hands out or compares an attribute.

    `result`: what becomes of its results; `method`: its definition where it is a method.
    """
    if not trial.outputs:
        told = ", ".join(f"{name} {count}" for name, count in sorted(trial.errors.items()))
        told = told or f"None {trial.none}, too long {trial.long}"
        raise Refused("fails", f"no input that was tried gave a value ({told})")
    tried = len(trial.outputs)
    if trial.distinct == 1 and tried >= _FEW:
        raise Refused("constant_output", f"{trial.outputs[0][:80]} for all of {tried} inputs that were tried")
    if method is not None and _hands_out(method):
        raise Refused("returns_argument", "it only hands out an attribute, or compares it with a constant")
    if tried < _FEW:
        return
    given = [json.loads(text) for text in trial.inputs]
    outputs = [json.loads(text) for text in trial.outputs]
    echoes = sum(value in known.values() and not isinstance(value, list | dict) for known, value in zip(given, outputs))
    if result == "state" or all(isinstance(value, dict) and value.keys() == outputs[0].keys() for value in outputs):
        echoes = max(echoes, _kept_as_given(given, outputs))
    else:
        echoes = max(echoes, _handed_back(given, outputs))
    if echoes >= _NEARLY_ALL * tried:
        raise Refused("returns_argument", f"an argument comes back for {echoes} of {tried} inputs that were tried")


def refuse_hardly_reached(function: ast.AST, trial: Trial) -> None:
    """Raises `Refused` for a function most of whose lines no input reached."""
    lines = {
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.stmt)
        and node is not function
        and not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Global | ast.Nonlocal)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    }
    if trial.lines < _REACHED * len(lines):
        raise Refused("hardly_reached", f"the inputs that were tried reach {trial.lines} of {len(lines)} lines")


def _hands_out(method: ast.FunctionDef) -> bool:
    """Whether the body is `return self.a`, or such an attribute compared with a name or constant."""
    body = method.body[1:] if ast.get_docstring(method) is not None else method.body
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value
    parts = [value.left, *value.comparators] if isinstance(value, ast.Compare) else [value]
    return all(isinstance(part, _SCALARS) for part in parts) and not method.args.args[1:]


def _handed_back(given: Iterable[dict[str, Any]], outputs: list[Any]) -> int:
    """For how many inputs a list of arguments comes out, the same ones in the same order."""
    known = list(given)
    if not all(isinstance(value, list) and value for value in outputs) or len({len(value) for value in outputs}) != 1:
        return 0
    places = []
    for place in range(len(outputs[0])):
        counts = {name: sum(each[name] == value[place] for each, value in zip(known, outputs)) for name in known[0]}
        places.append(max(counts, key=lambda name: counts[name]))
    return sum(value == [each[name] for name in places] for each, value in zip(known, outputs))


def _kept_as_given(given: list[dict[str, Any]], states: list[Any]) -> int:
    """For how many inputs an object ends with nothing that is neither an argument nor the same for all inputs."""
    same = {
        name for name, value in states[0].items() if all(name in state and state[name] == value for state in states[1:])
    }
    return sum(
        all(name in same or value in each.values() for name, value in state.items())
        for each, state in zip(given, states)
    )
