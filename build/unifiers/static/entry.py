"""The entry point of a unified function: `main_solution` restores its arguments from JSON, calls, and returns the result.

Names are never a trap: whatever the entry point uses that a parameter or the slice hides (a builtin, the function itself) goes
by an alias.
"""

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from build.unifiers.static.scopes import changed_names
from build.unifiers.static.slices import inside_quotes
from build.unifiers.static.type_hints import MODULE_OF, Hint, restore

RESTORING = frozenset(
    ("complex", "frozenset", "int", "iter", "list", "set", "tuple", "str", "vars")
)  # builtins that it may need
# How the result of a call becomes a JSON value: what is written around the call, and how it is said.
CONVERSIONS = {
    "value": ("{call}", ""),
    "list": ("{list}({call})", "given as a list"),
    "copies": ("[{deepcopy}(item) for item in {call}]", "given as a list"),
    "lists": ("[{list}(item) for item in {call}]", "given as a list of lists"),
    "text": ("{str}({call})", "written out as text"),
    "texts": ("[{str}(item) for item in {call}]", "its items written out as text"),
    "bytes": ("{list}({call})", "given as the list of its bytes"),
    "array": ("{call}.tolist()", "given as a list"),
    "complex": ("{parts}", "given as its real and imaginary part"),
    "date": ("{call}.isoformat()", "written out in ISO format"),
    "record": ("{asdict}({call})", "given as a dictionary of its fields"),
    "name": ("{call}.name", "given by its name"),
    "state": ("{call}", "given as the attributes that the object has afterwards"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of the entry point. `passed`: its name in the call, `by_keyword`: that it goes by this name;
    `constructor`: that it goes to the class, not to the method.
    """

    name: str
    hint: Hint
    passed: str
    by_keyword: bool = False
    starred: bool = False
    constructor: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What the entry point calls: a function, or a method of a class, of an object made first where `made`.

    `result` is one of `CONVERSIONS`, "changed" (the arguments that it changes in place) or "printed".
    """

    root: str
    method: str
    made: bool
    parameters: Sequence[Parameter]
    result: str = "value"
    changed: tuple[str, ...] = ()


def write_entry(call: Call, summary: str, taken: Iterable[str]) -> str:
    """The source of `main_solution`, with the aliases that it needs before it. `taken`: the names that the slice binds."""
    names = [parameter.name for parameter in call.parameters]
    say = _Aliases(names, taken)
    lines = [f"def main_solution({', '.join(names)}):"]
    if summary:
        lines.append(f'    """{inside_quotes(summary)}"""')
    for parameter in call.parameters:
        restored = restore(parameter.hint, parameter.name, say)
        if restored != parameter.name:
            lines.append(f"    {parameter.name} = {restored}")
    own = [parameter for parameter in call.parameters if not parameter.constructor]
    target = say.own(call.root)
    if call.made:
        given = [parameter for parameter in call.parameters if parameter.constructor]
        target = f"{target}({_passed(given)})"
        if given or call.result == "state":
            made = say.free("made")
            lines.append(f"    {made} = {target}")
            target = made
    written = f"{target}.{call.method}({_passed(own)})" if call.method else f"{target}({_passed(own)})"
    if call.result == "printed":
        lines += [
            f"    {say.free('printed')} = {say('StringIO')}()",
            f"    with {say('redirect_stdout')}({say.free('printed')}):",
            f"        {written}",
            f'    return {say.free("printed")}.getvalue().rstrip("\\n")',
        ]
    elif call.result == "changed":
        changed = list(call.changed)
        result = changed[0] if len(changed) == 1 else "{" + ", ".join(f'"{name}": {name}' for name in changed) + "}"
        lines += [f"    {written}", f"    return {result}"]
    elif call.result == "state":
        lines += [f"    {written}", f"    return {say('vars')}({target})"]
    elif call.result == "complex":
        value = say.free("value")
        lines += [f"    {value} = {written}", f"    return [{value}.real, {value}.imag]"]
    else:
        text = CONVERSIONS[call.result][0]
        for name in ("list", "str", "asdict", "deepcopy"):
            if f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", say(name))
        lines.append(f"    return {text.replace('{call}', written)}")
    before = "\n".join(say.lines)
    return (before + "\n\n\n" if before else "") + "\n".join(lines) + "\n"


def _passed(parameters: Sequence[Parameter]) -> str:
    keyword = False
    parts = []
    for parameter in parameters:
        keyword = keyword or parameter.by_keyword
        if parameter.starred:
            parts.append(f"*{parameter.name}")
        else:
            parts.append(f"{parameter.passed}={parameter.name}" if keyword else parameter.name)
    return ", ".join(parts)


def changed_arguments(node: ast.AST) -> set[str]:
    """Names whose value the body changes in place, as far as the text shows, or hands to another function."""
    changed = changed_names(list(ast.walk(node)))
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and not hasattr(builtins, part.func.id):
            changed |= {argument.id for argument in part.args if isinstance(argument, ast.Name)}
    return changed


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
        self.lines.append(f"{self._other(name)} = {name}")
        return self._other(name)

    def free(self, name: str) -> str:
        """A name for a variable of the entry point."""
        return name if name not in self._parameters | self._slice else self._other(name)

    def _reach(self, name: str) -> str:
        hidden = name in self._parameters
        module = MODULE_OF.get(name)
        if name in self._slice and name not in RESTORING:
            return self.own(name)
        if name in RESTORING:
            if not hidden and name not in self._slice:
                return name
            module = "builtins"
        alias = self._other(name) if hidden or name in RESTORING else name
        as_alias = "" if alias == name else f" as {alias}"
        self.lines.append(f"from {module} import {name}{as_alias}" if module else f"import {name}{as_alias}")
        return alias

    def _other(self, name: str) -> str:
        free = name + "_"
        while free in self._parameters | self._slice or hasattr(builtins, free):
            free += "_"
        return free
