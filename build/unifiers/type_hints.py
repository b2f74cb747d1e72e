"""Type hints as the static unifier understands them: how to draw a value, how to restore it from JSON, how to say it.

JSON knows neither tuples nor sets nor int keys, so the entry point restores what the hint asks for before it calls.
"""

import ast
from dataclasses import dataclass
from typing import Any

_PLAIN = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "Any": "any",
    "object": "any",
    "Hashable": "any",
}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Iterator"}
_SETS = {"set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"}
_DICTS = {"dict", "Dict", "Mapping", "MutableMapping"}
_UNIONS = {"Union", "Optional"}
_WORDS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "any": "any value"}


@dataclass(frozen=True, slots=True)
class Hint:
    """A type that JSON can carry. `kind`: int float bool str any list set tuple pack (tuple[X, ...]) dict union none."""

    kind: str
    items: tuple["Hint", ...] = ()


ANY = Hint("any")


def read_hint(node: ast.expr | None) -> Hint | None:
    """The hint of an annotation, or None where its values cannot come from JSON (a class, a callable, bytes, ...)."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return None
    if isinstance(node, ast.Constant) and node.value is None:
        return Hint("none")
    if isinstance(node, ast.Attribute):
        return read_hint(ast.Name(node.attr))
    if isinstance(node, ast.Name):
        return _named(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union(read_hint(node.left), read_hint(node.right))
    if isinstance(node, ast.Subscript):
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _generic(name, items)
    return None


def hint_of(values: list[Any]) -> Hint:
    """The hint that literal example values suggest."""
    kinds = {type(value) for value in values}
    if len(kinds) != 1:
        return Hint("float") if kinds == {int, float} else ANY
    kind = kinds.pop().__name__
    if kind in ("int", "float", "bool", "str"):
        return Hint(kind)
    if kind in ("list", "set"):
        inside = [item for value in values for item in value]
        return Hint(kind, (hint_of(inside) if inside else ANY,))
    return ANY


def words(hint: Hint) -> str:
    """The hint as a reader of JSON would say it."""
    inner = [words(item) for item in hint.items]
    match hint.kind:
        case "list" | "pack":
            return f"list of {_plural(inner[0])}"
        case "set":
            return f"list of distinct {_plural(inner[0])}"
        case "tuple":
            return f"list of {len(inner)}: {', '.join(inner)}"
        case "dict":
            return f"dictionary from {inner[0]} to {inner[1]}"
        case "union":
            return " or ".join(inner)
        case "none":
            return "null"
    return _WORDS[hint.kind]


def restore(hint: Hint, expression: str) -> str:
    """Source text that turns a JSON value named by `expression` into what the hint asks for; the same text where nothing
    needs to be done.
    """
    match hint.kind:
        case "list" | "set" | "pack":
            inner = restore(hint.items[0], "item")
            body = expression if inner == "item" else f"{inner} for item in {expression}"
            if hint.kind == "list":
                return expression if inner == "item" else f"[{body}]"
            return f"{'set' if hint.kind == 'set' else 'tuple'}({body})"
        case "tuple":
            return f"tuple({expression})"
        case "dict":
            key, value = restore(hint.items[0], "key"), restore(hint.items[1], "value")
            key = "int(key)" if hint.items[0].kind == "int" else key
            return (
                expression
                if (key, value) == ("key", "value")
                else f"{{{key}: {value} for key, value in {expression}.items()}}"
            )
        case "union":
            real = [item for item in hint.items if item.kind != "none"]
            inner = restore(real[0], expression) if len(real) == 1 else expression
            return expression if inner == expression else f"None if {expression} is None else {inner}"
    return expression


def draw(hint: Hint, small: bool = False) -> str:
    """Source text of an expression that draws a random value, boundary cases included. `small`: inside a container."""
    match hint.kind:
        case "int":
            if small:
                return "random.randint(-5, 20)"
            sizes = "random.randint(3, 12), random.randint(3, 30), random.randint(10, 100)"
            return f"random.choice([0, 1, 2, {sizes}, -random.randint(1, 9)])"
        case "float":
            return "round(random.uniform(-10, 50), random.randint(0, 2))"
        case "bool":
            return "random.random() < 0.5"
        case "str":
            longest = 4 if small else 10
            letter = "random.choice('abcdeabc xyz'[: random.choice([3, 12])])"
            return f"''.join({letter} for _ in range(random.randint(0, {longest}))).strip()"
        case "any":
            return "random.randint(0, 9)"
        case "list" | "pack" | "set":
            return f"[{draw(hint.items[0], True)} for _ in range(random.randint({0 if not small else 1}, {4 if small else 8}))]"
        case "tuple":
            return f"[{', '.join(draw(item, True) for item in hint.items)}]"
        case "dict":
            key = draw(hint.items[0], True)
            key = f"str({key})" if hint.items[0].kind != "str" else f"({key} or 'a')"
            return f"{{{key}: {draw(hint.items[1], True)} for _ in range(random.randint(0, 5))}}"
        case "union":
            return f"random.choice([{', '.join(draw(item, small) for item in hint.items)}])"
    return "None"


def _named(name: str) -> Hint | None:
    if name in _PLAIN:
        return Hint(_PLAIN[name])
    if name in _LISTS:
        return Hint("list", (ANY,))
    if name in _SETS:
        return Hint("set", (ANY,))
    if name in _DICTS:
        return Hint("dict", (Hint("str"), ANY))
    return Hint("pack", (ANY,)) if name in ("tuple", "Tuple") else None


def _generic(name: str, nodes: list[ast.expr]) -> Hint | None:
    packed = len(nodes) == 2 and isinstance(nodes[1], ast.Constant) and nodes[1].value is Ellipsis
    items = [read_hint(node) for node in (nodes[:1] if packed else nodes)]
    known = [item for item in items if item is not None]
    if len(known) != len(items):
        return None
    if name in _UNIONS:
        return _union(*known, *([Hint("none")] if name == "Optional" else []))
    if name in ("tuple", "Tuple"):
        return Hint("pack" if packed else "tuple", tuple(known))
    if name in _LISTS and len(known) == 1:
        return Hint("list", tuple(known))
    if name in _SETS and len(known) == 1:
        return Hint("set", tuple(known))
    if name in _DICTS and len(known) == 2 and known[0].kind in ("str", "int", "any"):
        return Hint("dict", tuple(known))
    return None


def _union(*items: Hint | None) -> Hint | None:
    """A union of what JSON can carry; a member that it cannot is left out as long as something else is there."""
    known = [part for item in items if item is not None for part in (item.items if item.kind == "union" else (item,))]
    if not known or all(item.kind == "none" for item in known):
        return None
    return known[0] if len(known) == 1 else Hint("union", tuple(dict.fromkeys(known)))


def _plural(noun: str) -> str:
    if noun.startswith("list"):
        return "lists" + noun[4:]
    if noun == "any value":
        return "values"
    return noun + "s" if noun in _WORDS.values() else noun
