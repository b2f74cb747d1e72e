"""Which methods of a class a slice can do without: those that nothing in it mentions, by whatever name they could be reached.

A class of a package brings far more along than one function needs. A method may go where nobody but the slice itself can call
it: no base from a library that calls methods by their names, no decorator that keeps it, no code that looks names up.
"""

import ast
import builtins
from typing import TYPE_CHECKING

from build.unifiers.static.scopes import FUNCTIONS, base_name, run_at_import

if TYPE_CHECKING:
    from build.unifiers.static.slices import Module

PLAIN_BASES = frozenset(("object", "Generic", "ABC", "Protocol"))
_CALLING_NO_METHODS = PLAIN_BASES | {"NamedTuple", *(name for name in dir(builtins) if name[0].islower())} - {"type"}
_CALLING_NO_METHODS |= {name for name in dir(builtins) if name.endswith(("Error", "Exception", "Warning"))}
_CLASS_DECORATORS = frozenset(("dataclass", "total_ordering", "final", "runtime_checkable"))
_METHOD_DECORATORS = frozenset(
    (
        *("abstractmethod", "cached_property", "classmethod", "deleter", "final", "getter", "lru_cache", "cache"),
        *("overload", "override", "property", "setter", "staticmethod"),
    )
)
_LOOKING_UP = frozenset(
    (
        *("getattr", "hasattr", "setattr", "delattr", "vars", "dir", "attrgetter", "methodcaller", "__dict__"),
        *("__getattr__", "__getattribute__", "getmembers", "__subclasses__", "mro", "__mro__"),
    )
)
_DEPTH = 6  # of bases


def droppable_methods(module: "Module", node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods of a class of the module that may be left out where nothing mentions them."""
    if not _calls_no_methods(module, node, 0):
        return []
    read = _read_by_class(node)
    return [
        part
        for part in node.body
        if isinstance(part, FUNCTIONS)
        and not (part.name.startswith("__") and part.name.endswith("__"))
        and part.name not in read
        and {item.attr if isinstance(item, ast.Attribute) else base_name(item) for item in part.decorator_list}
        <= _METHOD_DECORATORS
        and all(
            other is part or (other.end_lineno or 0) < part.lineno or other.lineno > (part.end_lineno or 0)
            for other in node.body
        )
    ]


def _read_by_class(node: ast.ClassDef) -> set[str]:
    """The names that the body of a class reads when it runs; `@x.setter` counts for nothing, since it goes with `x`."""
    of_properties = {
        id(item.value)
        for part in node.body
        if isinstance(part, FUNCTIONS)
        for item in part.decorator_list
        if isinstance(item, ast.Attribute) and item.attr in ("getter", "setter", "deleter")
    }
    return {
        part.id
        for statement in node.body
        for part in run_at_import(statement)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and id(part) not in of_properties
    }


def _calls_no_methods(module: "Module", node: ast.ClassDef, depth: int) -> bool:
    """Whether nothing that a class inherits from calls methods by names that the slice does not show."""
    decorators = {item.attr if isinstance(item, ast.Attribute) else base_name(item) for item in node.decorator_list}
    hooked = any(isinstance(part, FUNCTIONS) and part.name == "__init_subclass__" for part in node.body)
    if hooked or depth > _DEPTH or not decorators <= _CLASS_DECORATORS:
        return False
    if any(base_name(word.value) != "ABCMeta" for word in node.keywords):
        return False
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        name = base.attr if isinstance(base, ast.Attribute) else base_name(base)
        found = module.home(name) if isinstance(base, ast.Name) else None
        if found is None:
            if name not in _CALLING_NO_METHODS:
                return False
        elif not isinstance(found[1], ast.ClassDef) or not _calls_no_methods(found[0], found[1], depth + 1):
            return False
    return True


def mentions(node: ast.AST) -> frozenset[str] | None:
    """The names by which a piece of code may reach methods; None where it can reach any."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            if part.attr in _LOOKING_UP:
                return None
            found.add(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            found.add(part.value)
        elif isinstance(part, ast.Call) and base_name(part.func) in _LOOKING_UP and isinstance(part.func, ast.Name):
            if len(part.args) < 2 or not isinstance(part.args[1], ast.Constant):
                return None
        elif isinstance(part, FUNCTIONS) and part.name in _LOOKING_UP:
            return None
        elif isinstance(part, ast.MatchClass):
            found |= set(part.kwd_attrs)
    return frozenset(found)
