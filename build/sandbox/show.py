"""Values as the trace writes them: one unambiguous text for each, and a digest in place of what is too long.

JSON where the value is JSON; beyond that `(1, 2)` for a tuple, `{1, 2}` and `set()` for a set, `{1: "a"}` for a dictionary
with other keys than texts, `Disc(centre=3, size=2)` for an object of the program's own class, `deque([1, 2])`, `range(0, 9)`,
`Colour.RED` for a member of an enumeration, and `<type>` for what has no value to show. Two values with the same text are equal
wherever a program could tell.
"""

import hashlib
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from json.encoder import encode_basestring
from typing import Any

WHOLE_CHARS = 400  # a longer text is shown shortened, beside its digest
MAX_PARTS = 4000  # of one value; a larger one is not compared
_DEPTH = 24

# A value in an event: its whole text, or [what it is in a few words, digest of the whole text].
Shown = str | list[str]

_SIMPLE = (int, float, str, bool, type(None))
_DICTS = (dict, OrderedDict, defaultdict, Counter)


class _TooLarge(Exception):
    """The value has more parts than are looked at."""


class Shower:
    """Shows values and counts the parts looked at, so that a trace can stop before it costs too much."""

    def __init__(self) -> None:
        self.parts = 0

    def show(self, value: Any) -> Shown:
        kind = type(value)
        if kind is int and value.bit_length() < 1000:
            return int.__repr__(value)
        if kind is bool:
            return "true" if value else "false"
        left = [MAX_PARTS]
        try:
            text = _text(value, left, 0, set())
        except _TooLarge:
            self.parts += MAX_PARTS
            return [_in_short(value), "?"]
        self.parts += MAX_PARTS - left[0]
        if len(text) <= WHOLE_CHARS:
            return text
        return [_in_short(value), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]]


def _text(value: Any, left: list[int], depth: int, inside: set[int]) -> str:
    left[0] -= 1
    if left[0] < 0 or depth > _DEPTH:
        raise _TooLarge
    kind = type(value)
    if kind in _SIMPLE:
        return _simple(value, left)
    if id(value) in inside:
        return "<itself>"
    inside.add(id(value))
    try:
        return _compound(value, kind, left, depth + 1, inside)
    finally:
        inside.discard(id(value))


def _simple(value: Any, left: list[int]) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is str:
        left[0] -= len(value) // 8
        return encode_basestring(value)
    if type(value) is int:
        if value.bit_length() > 10_000:
            raise _TooLarge
        return int.__repr__(value)
    return float.__repr__(value)


def _compound(value: Any, kind: type, left: list[int], depth: int, inside: set[int]) -> str:
    if (kind is list or kind is tuple) and value and all(type(item) is int for item in value):
        left[0] -= len(value)  # the usual case, without a call for each item
        if left[0] < 0 or depth > _DEPTH or max(max(value), -min(value)).bit_length() > 10_000:
            raise _TooLarge
        return repr(value)
    if kind is list:
        return "[" + ", ".join([_text(item, left, depth, inside) for item in value]) + "]"
    if kind is tuple or (tuple in kind.__mro__ and hasattr(kind, "_fields")):
        items = [_text(item, left, depth, inside) for item in tuple.__iter__(value)]
        return f"({items[0]},)" if len(items) == 1 else "(" + ", ".join(items) + ")"
    if kind in (set, frozenset):
        return "{" + ", ".join(sorted(_text(item, left, depth, inside) for item in value)) + "}" if value else "set()"
    if kind in _DICTS:
        items = [
            f"{_text(key, left, depth, inside)}: {_text(item, left, depth, inside)}" for key, item in dict.items(value)
        ]
        return "{" + ", ".join(items) + "}"
    if kind is deque:
        return "deque([" + ", ".join([_text(item, left, depth, inside) for item in value]) + "])"
    if kind in (range, bytes, complex, Decimal, Fraction):
        return kind.__repr__(value)
    name = kind.__name__
    if Enum in kind.__mro__:
        return f"{name}.{value._name_}"
    if kind.__module__ == "program" and kind is not type:  # of the program's own classes
        fields = _fields(value)
        return f"{name}(" + ", ".join(f"{key}={_text(item, left, depth, inside)}" for key, item in fields.items()) + ")"
    return f"<{name}>"


def _fields(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member: Any = kind.__dict__.get(name)
            if type(member).__name__ == "member_descriptor":
                try:
                    found[name] = member.__get__(value)
                except AttributeError:
                    continue
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    if type(own) is dict:
        found |= {name: item for name, item in own.items() if type(name) is str}
    return found


def _in_short(value: Any) -> str:
    """What a value is, in a few words: "a list of 120 items"."""
    kind = type(value)
    if kind is str:
        return f"a text of {len(value)} characters"
    if kind is int:
        return "a number of many digits"
    if kind in (list, tuple, set, frozenset, deque) or kind in _DICTS:
        return f"a {'dictionary' if kind in _DICTS else kind.__name__} of {len(value)} items"
    return f"a {kind.__name__}"


def callee(value: Any) -> str:
    """What is called, resolved at run time: "builtin len", "method list.append", "function f", "class Disc", "math.sqrt"."""
    kind = type(value)
    name = getattr(value, "__qualname__", "") if kind.__name__ != "partial" else ""
    name = name if type(name) is str else ""
    if kind.__name__ == "function":
        module = getattr(value, "__module__", "")
        return f"function {name}" if module == "program" else f"{module}.{name}"
    if kind.__name__ == "method":
        return callee(value.__func__)
    if kind.__name__ in ("builtin_function_or_method", "method_descriptor", "wrapper_descriptor", "method-wrapper"):
        module = getattr(value, "__module__", None)
        if module == "builtins":
            return f"builtin {name}"
        return f"{module}.{name}" if module else f"method {name}"
    if isinstance(value, type):
        if value.__module__ == "builtins":
            return f"builtin {name}"
        return f"class {name}" if value.__module__ == "program" else f"{value.__module__}.{name}"
    return f"object {kind.__name__}"
