"""Types as the static unifier understands them: how to read a hint, how to restore its values from JSON, how to say it.

JSON knows neither tuples nor sets nor int keys, no bytes, dates, decimals, enumerations or records, so the entry point restores
what the hint asks for before it calls.
"""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_PLAIN = {"int": "int", "float": "float", "bool": "bool", "str": "str", "bytes": "bytes", "complex": "complex"}
_PLAIN |= {"Any": "any", "object": "any", "Hashable": "any", "Real": "float", "Number": "float", "Integral": "int"}
_PLAIN |= {"Text": "str", "AnyStr": "str", "LiteralString": "str", "bytearray": "bytes", "SupportsInt": "int"}
_PLAIN |= {"Decimal": "decimal", "Fraction": "fraction", "date": "date", "datetime": "datetime", "ndarray": "array"}
_PLAIN |= {"SupportsFloat": "float", "SupportsIndex": "int", "StrPath": "str", "PathLike": "str", "NDArray": "array"}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Container", "Reversible"}
_ITERATORS = {"Iterator", "Generator"}
_SETS = {"set", "Set", "AbstractSet", "MutableSet"}
_FROZEN = {"frozenset", "FrozenSet"}
_DICTS = {"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "DefaultDict"}
_UNIONS = {"Union", "Optional"}
_WRAPPERS = {"Annotated", "Final", "ClassVar", "Required", "NotRequired"}
_WORDS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "any": "any value"}
_WORDS |= {"bytes": "string, used as bytes", "decimal": "string, used as a decimal number", "none": "null"}
_WORDS |= {"fraction": "string such as 3/4, used as a fraction", "date": "string, a date as YYYY-MM-DD"}
_WORDS |= {
    "datetime": "string, a date and time as YYYY-MM-DDTHH:MM:SS",
    "complex": "list of 2: real and imaginary part",
}
_SEQUENCES = ("list", "set", "frozenset", "pack", "iterator", "deque", "array")
MODULE_OF = {"Decimal": "decimal", "Fraction": "fractions", "date": "datetime", "datetime": "datetime"}
MODULE_OF |= {"deque": "collections", "StringIO": "io", "redirect_stdout": "contextlib", "asdict": "dataclasses"}
MODULE_OF |= {"deepcopy": "copy"}
_RESTORED_BY = {"set": "set", "frozenset": "frozenset", "pack": "tuple", "iterator": "iter", "deque": "deque"}

Resolve = Callable[[str], "Hint | None"]


@dataclass(frozen=True, slots=True)
class Hint:
    """A type that JSON can carry. `kind`: int float bool str bytes complex decimal fraction date datetime any none; list set
    frozenset iterator deque pack (tuple[X, ...]) array, of one item; tuple, of each place; dict, of key and value; union;
    literal, with its `values`; enum, with the members' names as `values` and the class as `name`; record, with the fields'
    names as `values`, their hints as `items` and the class as `name`; operations, a list of calls of the methods in `values`,
    with a row of their arguments each in `items` (and something in the row's `values` where the method returns something).
    """

    kind: str
    items: tuple["Hint", ...] = ()
    values: tuple[Any, ...] = ()
    name: str = ""


ANY = Hint("any")
TEXT_KINDS = ("str", "bytes")


def read_hint(node: ast.expr | None, resolve: Resolve | None = None) -> Hint | None:
    """The hint of an annotation, or None where its values cannot come from JSON (a callable, a foreign class, ...).

    `resolve` says what a name of the file stands for: an alias, a type variable, an enumeration, a record.
    """
    try:
        return _read(node, resolve or (lambda name: None))
    except RecursionError:
        return None


def _read(node: ast.expr | None, resolve: Resolve) -> Hint | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError):
            return None
    if isinstance(node, ast.Constant) and node.value is None:
        return Hint("none")
    if isinstance(node, ast.Attribute):
        return _named(node.attr)
    if isinstance(node, ast.Name):
        return resolve(node.id) or _named(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union(_read(node.left, resolve), _read(node.right, resolve))
    if isinstance(node, ast.Subscript):
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _generic(name, items, resolve)
    return None


def hint_of(values: list[Any]) -> Hint:
    """The hint that example values suggest."""
    kinds = {type(value) for value in values}
    if type(None) in kinds and len(kinds) > 1:
        inner = hint_of([value for value in values if value is not None])
        return Hint("union", (inner, Hint("none"))) if inner != ANY else ANY
    if kinds <= {list, tuple} and len(kinds) == 2:
        kinds = {list}
    if len(kinds) != 1:
        return Hint("float") if kinds == {int, float} else ANY
    kind = kinds.pop().__name__
    if kind in ("int", "float", "bool", "str", "bytes", "complex"):
        return Hint(kind)
    if kind in ("list", "set", "frozenset"):
        return Hint(kind, (_inside([item for value in values for item in value]),))
    if kind == "tuple":
        lengths = {len(value) for value in values}
        places = lengths == {2} or (lengths == {3} and len({type(item) for item in values[0]}) > 1)
        if places and len(values) >= 1:
            return Hint("tuple", tuple(hint_of([value[place] for value in values]) for place in range(lengths.pop())))
        return Hint("pack", (_inside([item for value in values for item in value]),))
    if kind == "dict":
        keys = [key for value in values for key in value]
        key = hint_of(keys) if keys else Hint("str")
        if key.kind in ("str", "int", "any"):
            return Hint("dict", (key, _inside([item for value in values for item in value.values()])))
    if kind == "NoneType":
        return Hint("none")
    return ANY


def _inside(items: list[Any]) -> Hint:
    return hint_of(items) if items else ANY


def refine(hint: Hint, values: list[Any]) -> Hint:
    """The hint with what it leaves open ("any" inside it) filled in from example values."""
    values = [value for value in values if value is not None]
    if not values:
        return hint
    if hint.kind == "any":
        return hint_of(values)
    if hint.kind == "union":
        real = [item for item in hint.items if item.kind != "none"]
        if len(real) == 1:
            return Hint("union", tuple(refine(item, values) if item.kind != "none" else item for item in hint.items))
        return hint
    if hint.kind in _SEQUENCES and all(isinstance(value, list | tuple | set | frozenset | range) for value in values):
        inner = refine(hint.items[0], [item for value in values for item in value])
        return Hint(hint.kind, (inner,))
    if hint.kind == "dict" and all(isinstance(value, dict) for value in values):
        keys = [key for value in values for key in value]
        found = hint_of(keys) if keys else hint.items[0]
        open_key = hint.items[0].kind == "any" or hint == _named("dict")
        key = found if open_key and found.kind in ("str", "int") else hint.items[0]
        return Hint("dict", (key, refine(hint.items[1], [item for value in values for item in value.values()])))
    return hint


def words(hint: Hint) -> str:
    """The hint as a reader of JSON would say it."""
    inner = [words(item) for item in hint.items]
    match hint.kind:
        case "list" | "pack" | "iterator" | "deque" | "array":
            return f"list of {_plural(inner[0])}"
        case "set" | "frozenset":
            return f"list of distinct {_plural(inner[0])}"
        case "tuple":
            return f"list of {len(inner)}: {', '.join(inner)}" if inner else "empty list"
        case "dict":
            return f"dictionary from {inner[0]} to {inner[1]}"
        case "union":
            return " or ".join(dict.fromkeys(inner))
        case "literal" | "enum":
            shown = [json.dumps(value, ensure_ascii=False) for value in hint.values]
            return shown[0] if len(shown) == 1 else f"one of {', '.join(shown[:-1])} and {shown[-1]}"
        case "record":
            fields = ", ".join(f"`{name}` ({text})" for name, text in zip(hint.values, inner))
            return f"dictionary with {fields}"
        case "row":
            return ", ".join(inner)
        case "operations":
            calls = [f'["{name}", {text}]' if text else f'["{name}"]' for name, text in zip(hint.values, inner)]
            return f"list of operations, each one of {', '.join(calls[:-1])} and {calls[-1]}"
    return _WORDS[hint.kind]


def restore(hint: Hint, expression: str, say: Callable[[str], str] = str) -> str:
    """Source text that turns a JSON value, given by an expression, into what the hint asks for; the expression itself where
    nothing needs to be done. `say` gives the name by which a builtin, a name of `MODULE_OF` or a class can be reached.
    """
    match hint.kind:
        case "list" | "set" | "frozenset" | "pack" | "iterator" | "deque" | "array":
            inner = restore(hint.items[0], "item", say)
            body = expression if inner == "item" else f"{inner} for item in {expression}"
            if hint.kind in ("list", "array"):
                listed = expression if inner == "item" else f"[{body}]"
                return listed if hint.kind == "list" else f"{say('numpy')}.array({listed})"
            return f"{say(_RESTORED_BY[hint.kind])}({f'[{body}]' if hint.kind == 'iterator' and inner != 'item' else body})"
        case "tuple":
            places = [f"{expression}[{place}]" for place in range(len(hint.items))]
            parts = [restore(item, place, say) for item, place in zip(hint.items, places)]
            return f"{say('tuple')}({expression})" if parts == places else f"({', '.join(parts)},)"
        case "dict":
            key, value = restore(hint.items[0], "key", say), restore(hint.items[1], "value", say)
            key = f"{say('int')}(key)" if hint.items[0].kind == "int" else key
            if (key, value) == ("key", "value"):
                return expression
            return f"{{{key}: {value} for key, value in {expression}.items()}}"
        case "union":
            real = [item for item in hint.items if item.kind != "none"]
            inner = restore(real[0], expression, say) if len(real) == 1 else expression
            return expression if inner == expression else f"None if {expression} is None else {inner}"
        case "bytes":
            return f"{expression}.encode()"
        case "complex":
            return f"{say('complex')}(*{expression})"
        case "decimal" | "fraction":
            return f"{say(hint.kind.capitalize())}({expression})"
        case "date" | "datetime":
            return f"{say(hint.kind)}.fromisoformat({expression})"
        case "enum":
            return f"{say(hint.name)}[{expression}]"
        case "record":
            places = [f"{expression}[{json.dumps(name)}]" for name in hint.values]
            parts = [
                f"{name}={restore(item, place, say)}" for name, item, place in zip(hint.values, hint.items, places)
            ]
            return f"{say(hint.name)}({', '.join(parts)})"
    return expression


def suits(hint: Hint, value: Any, deep: bool = True) -> bool:
    """Whether a JSON value is one of the hint; by its outermost kind alone where what is inside is a guess (not `deep`)."""
    match hint.kind:
        case "any":
            return True
        case "none":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "int":
            return type(value) is int
        case "float":
            return type(value) in (int, float)
        case "union":
            return any(suits(item, value, deep) for item in hint.items)
        case "literal" | "enum":
            return value in hint.values
        case "dict":
            inside = value.values() if isinstance(value, dict) else ()
            return isinstance(value, dict) and (not deep or all(suits(hint.items[1], item) for item in inside))
        case "record":
            return isinstance(value, dict)
        case "tuple" | "complex" | "operations":
            return isinstance(value, list)
    if hint.kind not in _SEQUENCES:
        return isinstance(value, str)
    return isinstance(value, list) and (not deep or all(suits(hint.items[0], item) for item in value))


def restorable(hint: Hint) -> bool:
    """Whether JSON values of the hint can be told apart: a union of two kinds that both need restoring cannot."""
    if hint.kind == "union":
        real = [item for item in hint.items if item.kind != "none"]
        if len(real) > 1 and any(restore(item, "x") != "x" for item in real):
            return False
    return all(restorable(item) for item in hint.items)


def plainest(hint: Hint) -> Hint:
    """The hint with each union that cannot be restored cut down to its first member that JSON carries as it is."""
    items = tuple(plainest(item) for item in hint.items)
    if hint.kind == "union" and not restorable(Hint("union", items)):
        plain = [item for item in items if restore(item, "x") == "x" and item.kind != "none"]
        return Hint("union", tuple(plain)) if len(plain) > 1 else (plain or list(items))[0]
    return Hint(hint.kind, items, hint.values, hint.name)


def _named(name: str) -> Hint | None:
    if name in _PLAIN:
        kind = _PLAIN[name]
        return Hint(kind, (Hint("float"),)) if kind == "array" else Hint(kind)
    if name in _LISTS:
        return Hint("list", (ANY,))
    if name in _ITERATORS:
        return Hint("iterator", (ANY,))
    if name in _SETS | _FROZEN:
        return Hint("set" if name in _SETS else "frozenset", (ANY,))
    if name in _DICTS:
        return Hint("dict", (Hint("str"), ANY))
    if name in ("deque", "Deque"):
        return Hint("deque", (ANY,))
    if name in ("Counter",):
        return Hint("dict", (Hint("str"), Hint("int")))
    return Hint("pack", (ANY,)) if name in ("tuple", "Tuple") else None


def _generic(name: str, nodes: list[ast.expr], resolve: Resolve) -> Hint | None:
    if name == "Literal":
        try:
            values = tuple(ast.literal_eval(node) for node in nodes)
        except (ValueError, TypeError, SyntaxError):
            return None
        sound = all(isinstance(value, str | int | bool | type(None)) for value in values)
        return Hint("literal", (), values) if sound else None
    if name in _WRAPPERS:
        return _read(nodes[0], resolve)
    packed = len(nodes) == 2 and isinstance(nodes[1], ast.Constant) and nodes[1].value is Ellipsis
    if name in ("ndarray", "NDArray"):
        return Hint("array", (Hint("float"),))
    if name in _ITERATORS:
        nodes = nodes[:1]
    items = [_read(node, resolve) for node in (nodes[:1] if packed else nodes)]
    known = [item for item in items if item is not None]
    if name in _UNIONS:
        return _union(*items, *([Hint("none")] if name == "Optional" else []))
    if len(known) != len(items):
        return None
    if name in ("tuple", "Tuple"):
        return Hint("pack" if packed else "tuple", tuple(known))
    if name in _LISTS and len(known) == 1:
        return Hint("list", tuple(known))
    if name in _ITERATORS:
        return Hint("iterator", tuple(known))
    if name in _SETS | _FROZEN and len(known) == 1:
        return Hint("set" if name in _SETS else "frozenset", tuple(known))
    if name in ("deque", "Deque") and len(known) == 1:
        return Hint("deque", tuple(known))
    if name in ("Counter",) and len(known) == 1 and known[0].kind in ("str", "int", "any"):
        return Hint("dict", (known[0], Hint("int")))
    if name in _DICTS and len(known) == 2 and known[0].kind in ("str", "int", "any", "literal"):
        return Hint("dict", tuple(known))
    if name in ("type", "Type", "Callable"):
        return None
    return None


def _union(*items: Hint | None) -> Hint | None:
    """A union of what JSON can carry; a member that it cannot is left out as long as something else is there."""
    known = [part for item in items if item is not None for part in (item.items if item.kind == "union" else (item,))]
    if not known or all(item.kind == "none" for item in known):
        return None
    kinds = {item.kind for item in known}
    if {"int", "float"} <= kinds:
        known = [item for item in known if item.kind != "int"]
    known = list(dict.fromkeys(known))
    return known[0] if len(known) == 1 else plainest(Hint("union", tuple(known)))


def _plural(noun: str) -> str:
    if noun.startswith("list"):
        return "lists" + noun[4:]
    if noun == "any value":
        return "values"
    if noun.startswith("dictionary"):
        return "dictionaries" + noun[10:]
    if noun.startswith("string, "):
        return "strings, each " + noun[8:]
    return noun + "s" if noun in ("integer", "number", "boolean", "string") else noun
