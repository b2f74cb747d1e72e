"""Scans a response in linear time for the forms that models use: boxes, braces, objects, text between marks.

A response is untrusted text of any length. Everything here looks at a bounded part of it (`CAP` characters) and scans
that part a fixed number of times; no pattern here can backtrack over it more than once.
"""

import json
import re
from typing import Any

from build.core.model_text import Tangled, last_object_with, split_thinking

# 4,096 tokens are about 16,000 characters; what is longer than this is not an answer to a benchmark question.
CAP = 100_000
_BOXES, _BOX_CHARS = 60, 5000  # boxes that are looked at, and characters of each
_BOX = re.compile(
    r"\\(?:boxed|fbox)\s{0,3}(?:\{|(\\[A-Za-z]{1,20}(?:\{[^{}\n]{0,80}\}){0,3}|-?\d[\w.,/-]{0,40}|[A-Za-z](?![A-Za-z])))"
)
_OPEN_BOX = re.compile(r"[^\n$]*")


def head(text: str) -> str:
    """The part that first-match rules look at."""
    return text[:CAP]


def tail(text: str) -> str:
    """The part that last-match rules look at."""
    return text[-CAP:]


def last_boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{...}` or `\fbox{...}`, see `boxes`."""
    found = boxes(text)
    return found[-1][2] if found else None


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""The last boxes of a text in order, as (start, end, content); a box inside a box is part of it.

    Beside `\boxed{x}` and `\fbox{x}` these are `\boxed x`, which LaTeX reads as a box around one token, and a box that never
    closes, whose content is then the rest of its line, up to a dollar sign.
    """
    found: list[tuple[int, int, str]] = []
    for match in list(_BOX.finditer(text))[-_BOXES:]:
        if found and match.start() < found[-1][1]:
            continue
        start = match.end()
        if text[start - 1] != "{":
            found.append((match.start(), match.end(), match[1].rstrip(".")))
            continue
        depth, end = 1, start
        limit = min(len(text), start + _BOX_CHARS)
        while end < limit and depth:
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        if depth == 0:
            found.append((match.start(), end, text[start : end - 1]))
            continue
        rest = _OPEN_BOX.match(text, start, limit)
        content = rest[0] if rest else ""
        found.append((match.start(), start + len(content), content.strip()))
    return found


def last_braced(text: str) -> str | None:
    """The last balanced top-level `{...}`; None also when an unbalanced `{` comes before every balanced one."""
    depth, start, found = 0, 0, None
    for position, character in enumerate(text):
        if character == "{":
            if depth == 0:
                start = position
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                found = text[start : position + 1]
    return found


def keyed_value(response: str, key: str) -> Any:
    """The value under `key` in the last complete object of a response that has the key; `MISSING` without one.

    What an object is and how it may be written says `build.core.model_text`, which reads the answers of CodeI/O too.
    """
    try:
        found, _ = last_object_with(key, tail(split_thinking(response)[1]))
    except Tangled:
        return MISSING
    return MISSING if found is None else found[key]


MISSING = object()


def parse_json(text: str) -> Any:
    """The JSON value, or None: also for a nesting too deep to parse, which costs only this answer."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def between(text: str, opening: str, closing: str) -> list[str]:
    """Every non-overlapping part between `opening` and the next `closing`, from left to right."""
    parts, at = [], 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        parts.append(text[start + len(opening) : end])
        at = end + len(closing)
    return parts
