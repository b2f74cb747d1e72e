"""Keeps the symbolic comparison of untrusted answers within bounds.

sympy works in this process, on expressions only; nothing is evaluated as code. Its time is limited by an alarm, and
since no alarm can interrupt one huge integer power in C, such expressions are refused before they are built.
"""

import re
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import sympy
from latex2sympy2_extended import latex2sympy
from math_verify.utils import timeout

P = ParamSpec("P")
T = TypeVar("T")

# The longest symbolic gold answers are far below this; sympy's time grows fast with the length.
MAX_CHARS = 1000
_LONG_NUMBER = re.compile(r"\d{60}")
_BIG_EXPONENT = re.compile(r"(?:\^|\*\*)[\s{(+-]{0,4}\d{5}")
_TOWER = re.compile(r"(?:\^|\*\*)\s*\d+\s*(?:\^|\*\*)")
_GROUP_POWER = re.compile(r"[)}]\s*(?:\^|\*\*)[\s{(+-]{0,4}(\d+)")
_FACTORIAL = re.compile(r"\d{4}[)}\s]{0,4}!|[!)][)}\s]{0,4}!")
_COMMAND = re.compile(r"\\[A-Za-z]+")


def costly(expression: str) -> bool:
    """Whether working out the expression could take more than a moment: towers of powers, huge exponents or factorials."""
    if len(expression) > MAX_CHARS or any(
        pattern.search(expression) for pattern in (_LONG_NUMBER, _BIG_EXPONENT, _TOWER, _FACTORIAL)
    ):
        return True
    product = 1
    for match in _GROUP_POWER.finditer(expression):
        product *= max(2, int(match.group(1)))
    return product > 10_000 or _has_numeric_tower(expression)


def _has_numeric_tower(expression: str) -> bool:
    """Whether an exponent group holds another power and no variable that would keep it from being worked out."""
    text = _COMMAND.sub("", expression)
    for start in range(len(text) - 1):
        if text[start] != "^" or text[start + 1] not in "{(":
            continue
        depth, end = 0, start + 1
        while end < len(text):
            depth += (text[end] in "{(") - (text[end] in "})")
            end += 1
            if depth == 0:
                break
        group = text[start + 1 : end]
        if "^" in group and not any(character.isalpha() for character in group):
            return True
    return False


def within(seconds: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(...)`, stopped after some seconds; no limit outside the main thread, where no signal arrives.

    Raises math_verify.errors.TimeoutException.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*args, **kwargs)
    return timeout(timeout_seconds=seconds)(function)(*args, **kwargs)


def expression(latex: str) -> sympy.Basic:
    r"""The sympy expression of LaTeX, by latex2sympy2_extended. Raises whatever that raises on text that is no mathematics.

    It reads `x(x+1)` as a product, where sympy's own `parse_latex` reads a call of x. `\\log` without a base is the natural
    logarithm, as in the answers of LiveBench and for sympy's parser.
    """
    text = latex.replace("\\\\", "\\").replace("\\displaystyle", "")
    return latex2sympy(re.sub(r"\\log(?![\s]*_)", r"\\ln", text))
