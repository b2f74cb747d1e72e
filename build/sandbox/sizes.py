"""Applies the paper's size rule to values that came out of JSON (CodeI/O, appendix A): small enough to be worth predicting.

The sizes are those of `pympler.asizeof`: every distinct object once, rounded up to 8 bytes. On plain JSON values that is
the sum of `sys.getsizeof`, and one pass with an early end gives the same verdicts at a small part of the cost.
"""

from collections.abc import Iterable
from itertools import chain
from sys import getsizeof
from typing import Any

from build.sandbox.contract import DrawRules


def fits(value: Any, rules: DrawRules) -> bool:
    """Whether a decoded JSON value passes: whole value, length of every container and string, size of every scalar."""
    left = rules.object_bytes
    seen: set[int] = set()
    waiting: list[Iterable[Any]] = [(value,)]
    while waiting:
        for item in waiting.pop():
            if id(item) in seen:
                continue
            seen.add(id(item))
            size = (getsizeof(item) + 7) & ~7
            left -= size
            if left <= 0:
                return False
            kind = type(item)
            if kind is list:
                if len(item) >= rules.container_length:
                    return False
                waiting.append(item)
            elif kind is dict:
                if len(item) >= rules.container_length:
                    return False
                waiting.append(chain(item, item.values()))
            elif kind is str:
                if len(item) >= rules.string_length:
                    return False
            elif size >= rules.scalar_bytes:
                return False
    return True
