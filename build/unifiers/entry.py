"""The entry point of a unified function: `main_solution` restores its arguments from JSON, calls, and returns the result.

Names are never a trap: whatever the entry point uses that a parameter or the slice hides (a builtin, the function itself) goes
by an alias.
"""

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from build.unifiers.refusal import Refused
from build.unifiers.scopes import changed_names, own_nodes
from build.unifiers.slices import inside_quotes
from build.unifiers.type_hints import MODULE_OF, Hint, restore

RESTORING = frozenset(("complex", "frozenset", "int", "iter", "list", "set", "tuple"))  # builtins that it may need


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the entry point. `how` it is passed: by place or by keyword; `found`: how its type was found."""

    name: str
    hint: Hint
    how: str = "place"
    found: str = "annotated"


def write_entry(
    target: str,
    parameters: Sequence[Parameter],
    node: ast.FunctionDef,
    summary: str,
    taken: Iterable[str],
) -> str:
    """The source of `main_solution`, with the aliases that it needs before it.

    `target` is the expression that is called, `taken` the names that the slice binds. Raises `Refused` where the function
    neither returns anything nor changes one of its arguments.
    """
    names = [parameter.name for parameter in parameters]
    say = _Aliases(names, taken)
    lines = [f"def main_solution({', '.join(names)}):"]
    if summary:
        lines.append(f'    """{inside_quotes(summary)}"""')
    root, dot, rest = target.partition(".")
    root, bracket, arguments = root.partition("(")
    for parameter in parameters:
        restored = restore(parameter.hint, parameter.name, say)
        if restored != parameter.name:
            lines.append(f"    {parameter.name} = {restored}")
    keyword = False
    passed = []
    for parameter in parameters:
        keyword = keyword or parameter.how == "keyword"
        passed.append(f"{parameter.name}={parameter.name}" if keyword else parameter.name)
    call = f"{say.own(root)}{bracket}{arguments}{dot}{rest}({', '.join(passed)})"
    own = list(own_nodes(node))
    if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own):
        lines.append(f"    return {say('list')}({call})")
    elif any(isinstance(part, ast.Return) and part.value is not None for part in own):
        lines.append(f"    return {call}")
    else:
        changed = [name for name in names if name in _changed(node)]
        if not changed:
            raise Refused("returns_nothing", "and changes none of its arguments")
        result = changed[0] if len(changed) == 1 else "{" + ", ".join(f'"{name}": {name}' for name in changed) + "}"
        lines += [f"    {call}", f"    return {result}"]
    before = "\n".join(say.lines)
    return (before + "\n\n\n" if before else "") + "\n".join(lines) + "\n"


class _Aliases:
    """The name by which the entry point reaches something, and the `lines` before it that give it that name."""

    def __init__(self, parameters: list[str], taken: Iterable[str]) -> None:
        self.lines: list[str] = []
        self._parameters = set(parameters)
        self._slice = set(taken)
        self._names: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._names:
            self._names[name] = self._reach(name)
        return self._names[name]

    def own(self, name: str) -> str:
        """The name of something that the slice binds."""
        if name not in self._parameters:
            return name
        self.lines.append(f"{self._free(name)} = {name}")
        return self._free(name)

    def _reach(self, name: str) -> str:
        hidden = name in self._parameters
        module = MODULE_OF.get(name)
        is_builtin = name in RESTORING
        if name in self._slice and not is_builtin:
            return self.own(name)
        if is_builtin:
            if not hidden and name not in self._slice:
                return name
            module = "builtins"
        alias = self._free(name) if hidden or is_builtin else name
        as_alias = "" if alias == name else f" as {alias}"
        self.lines.append(f"from {module} import {name}{as_alias}" if module else f"import {name}{as_alias}")
        return alias

    def _free(self, name: str) -> str:
        free = name + "_"
        while free in self._parameters | self._slice or hasattr(builtins, free):
            free += "_"
        return free


def _changed(node: ast.FunctionDef) -> set[str]:
    """Names whose value the body changes in place, as far as the text shows, or hands to another function."""
    changed = changed_names(list(ast.walk(node)))
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and not hasattr(builtins, part.func.id):
            changed |= {argument.id for argument in part.args if isinstance(argument, ast.Name)}
    return changed
