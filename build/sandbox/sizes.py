"""The paper's size rule on values that came out of JSON (CodeI/O, appendix A): small enough to be worth predicting.

The sizes are those of `pympler.asizeof`: every distinct object once, rounded up to 8 bytes. On plain JSON values that
is the sum of `sys.getsizeof`, and one pass with an early end gives the same verdicts at a small part of the cost.
"""

from sys import getsizeof
from typing import Any

from build.sandbox.contract import DrawRules


def fits(value: Any, rules: DrawRules) -> bool:
    """Whether a decoded JSON value passes: whole value, length of every container and string, size of every scalar."""
    total = 0
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        size = (getsizeof(item) + 7) & ~7
        total += size
        if total >= rules.object_bytes:
            return False
        kind = type(item)
        if kind is dict or kind is list:
            if len(item) >= rules.container_length:
                return False
            if kind is dict:
                waiting.extend(item)
                waiting.extend(item.values())
            else:
                waiting.extend(item)
        elif kind is str:
            if len(item) >= rules.string_length:
                return False
        elif size >= rules.scalar_bytes:
            return False
    return True
