"""What the names in a file's annotations stand for: aliases, type variables, enumerations, and records."""

import ast
from typing import Any

from build.unifiers.static.candidates import constructor_of
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import base_name
from build.unifiers.static.slices import Module
from build.unifiers.static.type_hints import ANY, Hint, Resolve, read_hint

_ENUMS = {"Enum", "IntEnum", "StrEnum"}
_DEPTH = 4  # of aliases and records inside each other


def resolver(module: Module) -> Resolve:
    """A function from a name of the file to the hint that it stands for, None where it stands for nothing like that."""
    return _Resolver(module, module, 0)


class _Resolver:
    """`file`: where the hint is needed, so that only its classes can be restored; `module`: where names are looked up."""

    def __init__(self, file: Module, module: Module, depth: int) -> None:
        self.file = file
        self.module = module
        self.depth = depth

    def __call__(self, name: str) -> Hint | None:
        found = self.module.home(name) if self.depth <= _DEPTH else None
        if found is None:
            return None
        home, statement = found
        deeper = _Resolver(self.file, home, self.depth + 1)
        if isinstance(statement, ast.ClassDef):
            return _class_hint(statement, name, deeper) if self.module is self.file else None
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call):
            return _called_hint(value, deeper)
        if isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp):
            return read_hint(value, deeper)
        return None


def _called_hint(call: ast.Call, resolve: _Resolver) -> Hint | None:
    """`TypeVar("T", int, str)`, `NewType("Id", int)`."""
    made = call.func.attr if isinstance(call.func, ast.Attribute) else base_name(call.func)
    if made == "NewType" and len(call.args) == 2:
        return read_hint(call.args[1], resolve)
    if made != "TypeVar":
        return None
    if len(call.args) > 1:
        return read_hint(call.args[1], resolve)
    bound = next((word.value for word in call.keywords if word.arg == "bound"), None)
    return ANY if bound is None else read_hint(bound, resolve)


def _class_hint(node: ast.ClassDef, name: str, resolve: _Resolver) -> Hint | None:
    bases = {base.attr if isinstance(base, ast.Attribute) else base_name(base) for base in node.bases}
    decorators = {
        item.attr if isinstance(item, ast.Attribute) else base_name(item)
        for decorator in node.decorator_list
        for item in [decorator.func if isinstance(decorator, ast.Call) else decorator]
    }
    if bases & _ENUMS:
        members = [
            target.id
            for part in node.body
            if isinstance(part, ast.Assign)
            for target in part.targets
            if isinstance(target, ast.Name) and not target.id.startswith("_")
        ]
        return Hint("enum", (), tuple(members), name) if members else None
    if "TypedDict" in bases:
        return _record(node, resolve, "")
    if "dataclass" in decorators or "NamedTuple" in bases:
        return _record(node, resolve, name) if bases <= {"NamedTuple", "Generic", "object"} else None
    return _made(resolve.file, name, resolve)


def _record(node: ast.ClassDef, resolve: _Resolver, name: str) -> Hint | None:
    """A record of the fields that have no default; the others are left at theirs."""
    names: list[Any] = []
    items: list[Hint] = []
    for part in node.body:
        if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
            continue
        if part.value is not None or "ClassVar" in ast.unparse(part.annotation):
            continue
        hint = read_hint(part.annotation, resolve)
        if hint is None:
            return None
        names.append(part.target.id)
        items.append(hint)
    return Hint("record", tuple(items), tuple(names), name) if names and name else None


def _made(file: Module, name: str, resolve: _Resolver) -> Hint | None:
    """A record of the arguments that making an object of a plain class needs, where each is annotated with what JSON has."""
    try:
        constructor = constructor_of(file, name)
    except Refused:
        return None
    if constructor is None or constructor.args.vararg or constructor.args.posonlyargs:
        return None
    given = constructor.args
    needed = [
        *given.args[1 : len(given.args) - len(given.defaults)],
        *(argument for argument, default in zip(given.kwonlyargs, given.kw_defaults) if default is None),
    ]
    hints = [read_hint(argument.annotation, resolve) for argument in needed]
    known = tuple(hint for hint in hints if hint is not None)
    if not needed or len(known) != len(needed):
        return None
    return Hint("record", known, tuple(argument.arg for argument in needed), name)


def class_names(hint: Hint) -> set[str]:
    """The classes of the file that restoring a hint needs."""
    own = {hint.name} if hint.name else set()
    return own.union(*(class_names(item) for item in hint.items))
