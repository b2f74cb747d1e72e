"""I/O values as canonical JSON text: which Python values are data, decided here and nowhere else.

A pair is only worth something when the value that a reader loads is the value that the function saw. So a value is first
written as JSON, and everything later (the second run, the prompt, the comparison, a re-execution) starts from that text:

| value | decision |
|---|---|
| None, bool, str, int, finite float | kept; -0.0 and 2**70 survive a JSON round trip |
| int over 4200 digits | refused: `too_large` |
| list; dict with str keys | kept, recursively; keys are sorted in the text |
| tuple, namedtuple, deque, range | becomes a list |
| set, frozenset | becomes a list, sorted by the elements' JSON text, so that hash order never shows |
| OrderedDict, defaultdict, Counter | becomes a dict |
| dict with int keys | keys become decimal text; a collision (1 and "1") is refused |
| NaN, infinities | refused: `not_finite` |
| str with lone surrogates | refused: `not_unicode` |
| nesting over 50 levels, recursive objects | refused: `too_deep` |
| bytes, complex, Decimal, numpy scalars, other classes and subclasses | refused: `not_json` |

Only exact types count: a subclass can lie about its content.
"""

import json
from collections import Counter, OrderedDict, defaultdict, deque
from math import isfinite
from typing import Any

MAX_DEPTH = 50
_MAX_INT_BITS = 14_000  # under Python's own limit of 4300 digits for writing and reading an int

_SEQUENCES = (list, tuple, deque, range)
_SETS = (set, frozenset)
_DICTS = (dict, OrderedDict, defaultdict, Counter)


class NotData(ValueError):
    """A value that cannot be an input or output; `reason` is one of the names in this module's table."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def encode(value: Any) -> str:
    """The canonical JSON text of a value. Raises `NotData` where the table above refuses it."""
    return json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True)


def decode(text: str) -> Any:
    """The value of a JSON text: plain dicts, lists, str, int, float, bool, None. Raises ValueError on anything else."""
    return json.loads(text, parse_constant=_refuse_constant)


def to_plain(value: Any, depth: int = 0) -> Any:
    """The value with its containers converted as in the table, in new objects; raises `NotData`."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if value.bit_length() > _MAX_INT_BITS:
            raise NotData("too_large", "an int of more digits than Python writes")
        return value
    if kind is str:
        return _checked_text(value)
    if kind is float:
        if not isfinite(value):
            raise NotData("not_finite", str(value))
        return value
    if depth >= MAX_DEPTH:
        raise NotData("too_deep", f"nested over {MAX_DEPTH} levels")
    if kind in _DICTS:
        return _plain_dict(value, depth)
    if kind in _SETS:
        return sorted((to_plain(item, depth + 1) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if kind in _SEQUENCES or (kind.__bases__ == (tuple,) and hasattr(kind, "_fields")):
        return [to_plain(item, depth + 1) for item in value]
    raise NotData("not_json", kind.__name__)


def _plain_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if type(key) is int:
            key = str(key)
        elif type(key) is not str:
            raise NotData("not_json", f"a dict key of type {type(key).__name__}")
        if key in plain:
            raise NotData("not_json", f"two dict keys become {key!r}")
        plain[_checked_text(key)] = to_plain(item, depth + 1)
    return plain


def _checked_text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotData("not_unicode", "a lone surrogate") from error
    return text


def _refuse_constant(name: str) -> Any:
    raise NotData("not_finite", name)
