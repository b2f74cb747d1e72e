"""The candidates of a file: its public functions, and the public methods of classes that can be made from plain values."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from build.unifiers.static.class_parts import PLAIN_BASES
from build.unifiers.static.parameter_types import Found
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import FUNCTIONS, base_name
from build.unifiers.static.slices import Module
from build.unifiers.static.type_hints import Hint

_BUILT_IN = {
    "list": "list",
    "dict": "dict",
    "set": "set",
    "frozenset": "list",
    "tuple": "list",
    "str": "str",
    "int": "int",
}
_BUILT_IN |= {"float": "float", "OrderedDict": "dict", "UserDict": "dict", "UserList": "list", "UserString": "str"}
_NOT_MADE = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "Protocol", "TypedDict", "TestCase"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function or method to unify. `name` is what a person would call it by; `root` the function or class in the file.

    `method`: its name after the dot, "" for a function; `made`: an object is made of the class first; `drops_first`: its first
    parameter is not given. `hints`: the types of its parameters where they are known otherwise, and
    `found`: how they were found.
    """

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    statement: int
    root: str
    method: str = ""
    made: bool = False
    drops_first: bool = False
    hints: Mapping[str, Hint] | None = None
    found: Found = "annotated"


def candidates(module: Module) -> Iterator[Candidate]:
    """Every candidate of a file, in file order."""
    seen: set[str] = set()
    for number, statement in enumerate(module.statements):
        if isinstance(statement, FUNCTIONS):
            if not statement.name.startswith("_") and module.definitions[statement.name][-1] == number:
                yield Candidate(statement.name, statement, number, statement.name)
        elif isinstance(statement, ast.ClassDef) and statement.name not in seen:
            seen.add(statement.name)
            yield from _methods(module, statement, number)


def constructor_of(module: Module, name: str, depth: int = 0) -> ast.FunctionDef | None:
    """The `__init__` or `__new__` that making an object of a class calls, its own or that of a base; None without arguments.

    Raises `Refused` (needs_object) where it is not to be seen what the class needs.
    """
    found = module.home(name)
    if found is None and name in _BUILT_IN:
        return _taking(_BUILT_IN[name])
    here, node = found or (module, None)
    if not isinstance(node, ast.ClassDef) or depth > 5:
        raise Refused("needs_object", f"{name} is no class of this file or a neighbour")
    if any(base_name(word.value) != "ABCMeta" for word in node.keywords):
        raise Refused("needs_object", f"{name} is made by a metaclass")
    own = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
    if "__init__" in own or "__new__" in own:
        return own.get("__init__") or own["__new__"]
    if any("abstractmethod" in ast.unparse(item) for part in own.values() for item in part.decorator_list):
        raise Refused("needs_object", f"{name} is abstract")
    if any("dataclass" in ast.unparse(item) for item in node.decorator_list):
        return _fields_init(node)
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(base, ast.Call) and ast.unparse(base.func).endswith("namedtuple"):
            return _namedtuple_init(base)
        owner = (
            here.module_of(base.value.id)
            if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name)
            else None
        )
        if owner is not None and isinstance(base, ast.Attribute):
            return constructor_of(owner, base.attr, depth + 1)
        called = base.attr if isinstance(base, ast.Attribute) else base_name(base)
        if called == "NamedTuple":
            return _fields_init(node)
        if called not in PLAIN_BASES:
            return constructor_of(here, called, depth + 1)
    return None


def _taking(annotation: str) -> ast.FunctionDef:
    """The constructor of a class that takes one argument of a type."""
    made = ast.parse(f"def __init__(self, content: {annotation}): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    return made


def _methods(module: Module, node: ast.ClassDef, number: int) -> Iterator[Candidate]:
    bases = {base.attr if isinstance(base, ast.Attribute) else base_name(base) for base in node.bases}
    if bases & _NOT_MADE or any(base.endswith(("Error", "Exception", "Warning")) for base in bases):
        return
    for part in node.body:
        if not isinstance(part, FUNCTIONS) or part.name.startswith("_"):
            continue
        decorators = {
            base_name(item) if not isinstance(item, ast.Attribute) else item.attr for item in part.decorator_list
        }
        if decorators & {"property", "cached_property", "setter", "getter", "deleter", "abstractmethod", "overload"}:
            continue
        name = f"{node.name}.{part.name}"
        if "staticmethod" in decorators:
            yield Candidate(name, part, number, node.name, part.name)
        elif "classmethod" in decorators:
            yield Candidate(name, part, number, node.name, part.name, drops_first=True)
        else:
            yield Candidate(name, part, number, node.name, part.name, made=True, drops_first=True)


def _namedtuple_init(call: ast.Call) -> ast.FunctionDef | None:
    """The constructor of `namedtuple("Name", "a b")`. Raises `Refused` (needs_object) where its fields are not written out."""
    try:
        fields = ast.literal_eval(call.args[1])
        names = fields.replace(",", " ").split() if isinstance(fields, str) else list(fields)
        made = ast.parse(f"def __new__(cls, {', '.join(names)}): pass").body[0]
    except (ValueError, TypeError, SyntaxError, IndexError, AttributeError):
        raise Refused("needs_object", f"the fields of `{ast.unparse(call)[:80]}` are not written out") from None
    assert isinstance(made, ast.FunctionDef)
    return made


def _fields_init(node: ast.ClassDef) -> ast.FunctionDef:
    """The `__init__` that a dataclass or a NamedTuple gets."""
    arguments = [ast.arg("self")]
    defaults: list[ast.expr] = []
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            if "ClassVar" in ast.unparse(part.annotation) or "InitVar" in ast.unparse(part.annotation):
                continue
            arguments.append(ast.arg(part.target.id, part.annotation))
            if part.value is not None or defaults:
                defaults.append(part.value or ast.Constant(None))
    given = ast.arguments(posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=defaults)
    made = ast.FunctionDef("__init__", given, [ast.Pass()], [], None, lineno=node.lineno, col_offset=0)
    return ast.fix_missing_locations(made)
