"""Finds the line of a file that a reject is about, from the words of its detail."""

import ast
import re
import warnings

from build.core.records import Reject

_ABOUT_RAW = ("collect", "unify")  # stages whose details count the lines of the raw file, not of the unified code
_IN_LINE = re.compile(r"\bline (\d+)")


def line_of(reject: Reject, path: str, content: str) -> int | None:
    """The line, counted from 1: the one that the detail names, or where the function that it names begins; None for neither.

    `content`: the raw file, "" where it was not kept.
    """
    about = reject.detail.removeprefix(path)
    named = _IN_LINE.search(about) if reject.stage in _ABOUT_RAW and not reject.reason.endswith("error") else None
    if named:
        return int(named[1])
    name = re.match(r":([\w.]+)", about)
    return _definition(name[1].split("."), content) if name and content else None


def _definition(names: list[str], content: str) -> int | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body: list[ast.stmt] = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found = re.search(rf"^\s*(?:def|class)\s+{re.escape(names[-1])}\b", content, re.MULTILINE)
        return content.count("\n", 0, found.start()) + 1 if found else None
    line = None
    for name in names:
        found_here = next((node for node in _definitions(body) if node.name == name), None)
        if found_here is None:
            break
        line, body = found_here.lineno, found_here.body
    return line


def _definitions(body: list[ast.stmt]) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes of a body, those below `if` and `try` too."""
    found: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node)
        else:
            for name in ("body", "orelse", "finalbody"):
                found += _definitions([each for each in getattr(node, name, []) if isinstance(each, ast.stmt)])
    return found
