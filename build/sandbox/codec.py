"""I/O values as canonical JSON text: which Python values are data, decided here and nowhere else.

A pair is only worth something when the value that a reader loads is the value that the function saw. So a value is first
written as JSON, and everything later (the second run, the prompt, the comparison, a re-execution) starts from that text:

| value | decision |
|---|---|
| None, bool, str, int, finite float | kept; -0.0 and 2**70 survive a JSON round trip |
| int over 4200 digits | refused: `too_large` |
| list; dict with str keys | kept, recursively |
| tuple, namedtuple, deque, range, array.array | becomes a list |
| set, frozenset | becomes a list in natural order |
| views of a dict (keys, values, items) | become a list, in the order of the dict |
| OrderedDict, defaultdict, Counter | becomes a dict |
| dict keys: int, finite float, bool, None | become the text that JSON has for them: `1`, `1.5`, `true`, `null` |
| dict keys: tuples, frozensets and all others; two keys with the same text (1 and "1") | refused: `not_json` |
| numpy's bool, integers, float16, float32, float64, str_ | become the Python value that they stand for, keys too |
| numpy arrays of these or of objects, also of rank 0 | become what `tolist` gives: nested lists, a single value |
| NaN, infinities | refused: `not_finite` |
| str with lone surrogates | refused: `not_unicode` |
| nesting over 50 levels, recursive objects | refused: `too_deep` |
| over 1,500,000 items; what is there twice counts twice | refused: `too_large` |
| bytes, complex, Decimal, enums, iterators; numpy's longdouble, bytes and dates | refused: `not_json` |
| every other class and every subclass | refused: `not_json` |

Natural order is that of Python's `sorted`. Where `sorted` compares two values with an error, the first one is: null, then
numbers (False counts as 0 and True as 1), then texts by code point, then lists item by item, then dicts by their sorted
items; two that are still equal are ordered by their JSON text. The keys of a dict are written with the numbers first,
ascending, and then by code point, so that neither hash order nor insertion order ever shows.

Only exact types count: a subclass can lie about its content. No code of a foreign class runs here, whatever its metaclass
defines; `encode` returns a text or raises `NotData`, or MemoryError.
"""

import json
import re
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from math import isfinite
from typing import Any

MAX_DEPTH = 50
MAX_ITEMS = 1_500_000
_MAX_INT_BITS = 14_000  # under Python's own limit of 4300 digits for writing and reading an int
_MAX_KEY_DIGITS = 300

_DICTS: tuple[dict[str, str], ...] = ({}, OrderedDict())
_VIEWS = tuple(type(view) for made in _DICTS for view in (made.keys(), made.values(), made.items()))
# By identity: `in` and `==` would ask the metaclass of a foreign class.
_KINDS: dict[int, str] = {
    **{id(kind): "scalar" for kind in (type(None), bool, int, float, str)},
    **{id(kind): "sequence" for kind in (list, tuple, deque, range, array, *_VIEWS)},
    **{id(kind): "set" for kind in (set, frozenset)},
    **{id(kind): "dict" for kind in (dict, OrderedDict, defaultdict, Counter)},
}
_NUMPY_SCALARS = frozenset(
    f"{name}{more}"
    for name, sizes in {
        **dict.fromkeys(("int", "uint"), ("8", "16", "32", "64", "c")),
        "float": ("16", "32", "64"),
        **dict.fromkeys(("bool", "bool_", "longlong", "ulonglong", "long", "ulong", "str_"), ("",)),
    }.items()
    for more in sizes
)
_NUMPY_ARRAYS = "biufUTO"  # kinds of dtype
_HEAP_TYPE = 1 << 9  # of a type's flags: made at run time; numpy's own types are not
_NUMBER = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{_MAX_KEY_DIGITS}}})(\.[0-9]{{1,30}})?([eE][-+]?[0-9]{{1,4}})?")
_NUMBER_STARTS = frozenset("-0123456789")

_name_of = type.__dict__["__name__"].__get__
_module_of = type.__dict__["__module__"].__get__
_bases_of = type.__dict__["__bases__"].__get__
_names_of = type.__dict__["__dict__"].__get__
_flags_of = type.__dict__["__flags__"].__get__
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


class NotData(ValueError):
    """A value that cannot be an input or output; `reason` is one of the names in this module's table."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def encode(value: Any) -> str:
    """The canonical JSON text of a value. Raises `NotData` where the table above refuses it."""
    try:
        return _write(to_plain(value))
    except (NotData, MemoryError):
        raise
    except RecursionError as error:
        raise NotData("too_deep", "there is no room on the stack to look at it") from error
    except ValueError as error:  # an int beyond the digit limit, which a program may have lowered
        raise NotData("too_large", str(error)) from error
    except Exception as error:
        raise NotData("not_json", type(error).__name__) from error


def decode(text: str) -> Any:
    """The value of a JSON text: plain dicts, lists, str, int, float, bool, None. Raises ValueError on anything else."""
    try:
        return _read(text)
    except RecursionError as error:
        raise NotData("too_deep", "nested too deeply to be read") from error


def is_plain(value: Any) -> bool:
    """Whether a value that `encode` takes comes back from JSON as what it is, with every list, key and number of its type."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is list:
            waiting += item
        elif kind is dict:
            waiting += item.values()
            if not all(type(key) is str for key in item):
                return False
        elif _KINDS.get(id(kind)) != "scalar":
            return False
    return True


def to_plain(value: Any) -> Any:
    """The value with its containers converted as in the table, in new objects; raises `NotData`."""
    return _plain(value, 0, [MAX_ITEMS])


def _plain(value: Any, depth: int, room: list[int]) -> Any:
    kind = type(value)
    if kind is str:
        return _checked(value)
    if value is None or kind is int or kind is bool or kind is float:
        return _number(value, kind)
    family = _KINDS.get(id(kind)) or _family(kind)
    if family == "numpy scalar":
        return _plain_scalar(value.item())
    if family == "numpy array":
        return _plain_array(value, depth, room)
    if family == "":
        raise NotData("not_json", _shown(kind))
    if depth >= MAX_DEPTH:
        raise NotData("too_deep", f"nested over {MAX_DEPTH} levels")
    if family == "dict":
        return _plain_dict(value, depth, room)
    _take(room, tuple.__len__(value) if family == "namedtuple" else len(value))
    items = tuple.__iter__(value) if family == "namedtuple" else value
    plain = [_plain(item, depth + 1, room) for item in items]
    return sorted(plain, key=_order) if family == "set" else plain


def _plain_scalar(value: Any) -> Any:
    kind = type(value)
    if _KINDS.get(id(kind)) != "scalar":
        raise NotData("not_json", _shown(kind))
    return _checked(value) if kind is str else _number(value, kind)


def _plain_array(value: Any, depth: int, room: list[int]) -> Any:
    if value.dtype.kind not in _NUMPY_ARRAYS:
        raise NotData("not_json", f"an array of {value.dtype.name}"[:80])
    _take(room, value.size)
    converted = value.tolist()
    if type(converted) is type(value):  # of rank 0, around another array
        raise NotData("not_json", "an array as an object in an array")
    return _plain(converted, depth, room)


def _family(kind: type) -> str:
    """How a type that is none of Python's own containers is treated: "" for refused."""
    if type(kind) is not type:
        return ""
    if not _flags_of(kind) & _HEAP_TYPE:
        if _module_of(kind) != "numpy":
            return ""
        name = _name_of(kind)
        return "numpy scalar" if name in _NUMPY_SCALARS else "numpy array" if name == "ndarray" else ""
    bases = _bases_of(kind)
    return "namedtuple" if len(bases) == 1 and bases[0] is tuple and "_fields" in _names_of(kind) else ""


def _number(value: Any, kind: type) -> Any:
    if kind is int:
        if value.bit_length() > _MAX_INT_BITS:
            raise NotData("too_large", "an int of more digits than Python writes")
    elif kind is float and not isfinite(value):
        raise NotData("not_finite", str(value))
    return value


def _checked(text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotData("not_unicode", "a lone surrogate") from error
    return text


def _plain_dict(value: dict[Any, Any], depth: int, room: list[int]) -> dict[str, Any]:
    _take(room, dict.__len__(value))
    plain: dict[str, Any] = {}
    for key, item in dict.items(value):
        name = _checked(key) if type(key) is str else _key(key)
        if name in plain:
            raise NotData("not_json", f"two dict keys become {name!r}")
        plain[name] = _plain(item, depth + 1, room)
    if len(plain) < 2:
        return plain
    numbers = any(name[:1] in _NUMBER_STARTS for name in plain)
    return {name: plain[name] for name in sorted(plain, key=_key_order if numbers else None)}


def _key(key: Any) -> str:
    """The text that JSON has for a key that is no str."""
    kind = type(key)
    family = _KINDS.get(id(kind)) or _family(kind)
    if family not in ("scalar", "numpy scalar"):
        raise NotData("not_json", f"a dict key of type {_shown(kind)}")
    plain = _plain_scalar(key.item() if family == "numpy scalar" else key)
    return plain if type(plain) is str else _write(plain)


def _key_order(key: str) -> tuple[Any, ...]:
    if key[:1] in _NUMBER_STARTS and (number := _NUMBER.fullmatch(key)):
        return (0, float(key) if number[1] or number[2] else int(key), key)
    return (1, key)


def _order(value: Any) -> tuple[Any, ...]:
    """The place of a plain value in the natural order."""
    if value is None:
        return (0,)
    kind = type(value)
    if kind is str:
        return (2, value)
    if kind is list:
        return (3, [_order(item) for item in value], _write(value))
    if kind is dict:
        return (4, [(_key_order(key), _order(item)) for key, item in value.items()], _write(value))
    return (1, value)


def _take(room: list[int], items: int) -> None:
    room[0] -= items
    if room[0] < 0:
        raise NotData("too_large", f"over {MAX_ITEMS} items")


def _shown(kind: type) -> str:
    return str(_name_of(kind))[:80]


def _refuse_constant(name: str) -> Any:
    raise NotData("not_finite", name)


_read = json.JSONDecoder(parse_constant=_refuse_constant).decode
