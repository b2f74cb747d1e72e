"""Brings Python 2 source to Python 3 with fissix, the maintained copy of lib2to3.

Only the grammar and the names of the standard library change; `/` between whole numbers divides as Python 3 does. What is
published is the converted program and its own results, marked as converted.
"""

import ast
from functools import cache
from typing import Any

CONVERTED = "# Converted from Python 2."


def to_python3(content: str) -> str | None:
    """The source in Python 3, None where the converter cannot make any of it."""
    try:
        text = str(_tool().refactor_string(content if content.endswith("\n") else content + "\n", "source"))
        ast.parse(text)
    except Exception:  # the converter's parser, its fixers and the check each raise kinds of their own
        return None
    return text


@cache
def _tool() -> Any:
    from fissix import refactor

    return refactor.RefactoringTool(refactor.get_fixers_from_package("fissix.fixes"))
