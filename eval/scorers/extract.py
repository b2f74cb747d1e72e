"""Where the answer is in a response: linear-time scans for the forms that models use.

A response is untrusted text of any length. Everything here looks at a bounded part of it (`CAP` characters) and scans
that part a fixed number of times; no pattern here can backtrack over it more than once.
"""

import ast
import json
import re
from typing import Any

# 4,096 tokens are about 16,000 characters; what is longer than this is not an answer to a benchmark question.
CAP = 100_000
_BOXES, _BOX_CHARS = 60, 5000  # boxes that are looked at, and characters of each
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}(?:\{|(\\[A-Za-z]{1,20}(?:\{[^{}\n]{0,80}\}){0,3}|[^\s{}\\$][\w./-]{0,40}))")
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


def keyed_object(text: str, key: str) -> Any:
    """The value under `key` in the last complete object of a text that has the key; `MISSING` without one.

    An object is JSON or a Python literal, wherever it stands; raw line breaks in strings, trailing commas, comments and JSON's
    words between Python's quotes are read as they are meant. A text that has several is read at its last.
    """
    text = text.replace("\\{", "{").replace("\\}", "}").replace("\\_", "_").replace('\\"', '"') if "\\{" in text else text
    tries = 0
    for match in reversed(list(re.finditer(rf"[\"']?\b{re.escape(key)}\b[\"']?\s*[:=]", text))):
        start, found = match.start(), MISSING
        while (start := text.rfind("{", max(0, match.start() - _OBJECT_LEAD), start)) >= 0 and tries < _OBJECT_TRIES:
            tries += 1
            value, end = _object_at(text, start)
            if isinstance(value, dict) and key in value and end > match.end():
                found = value[key]  # and the object around it, if that has the key as well
            elif found is not MISSING and end <= match.end():
                break
        if found is not MISSING:
            return found
    return MISSING


def _object_at(text: str, start: int) -> tuple[Any, int]:
    """The object that starts at a brace (or None) and where it ends."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    depth, quote, end = 0, "", start
    limit = min(len(text), start + CAP)
    while end < limit:
        character = text[end]
        if quote:
            if character == "\\":
                end += 1
            elif character == quote:
                quote = ""
        elif character in "\"'" and not (character == "'" and text[end - 1 : end].isalnum()):
            quote = character
        elif character in "{[(":
            depth += 1
        elif character in "}])":
            depth -= 1
            if depth == 0:
                break
        end += 1
    source = text[start : end + 1]
    if source.count("{") + source.count("[") + source.count("(") > 2_000:
        return None, end + 1
    source = _COMMENT.sub(lambda part: part[1] or "", source)
    for python in (_WORDS.sub(lambda part: part[1] or _PYTHON_WORDS[part[2]], source), source):
        try:
            return ast.literal_eval(python.replace("\n", " ")), end + 1
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None, end + 1


MISSING = object()
_OBJECT_TRIES, _OBJECT_LEAD = 60, 2_000
_STRING = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)
_WORDS = re.compile(rf"({_STRING})|\b(true|false|null)\b")
_PYTHON_WORDS = {"true": "True", "false": "False", "null": "None"}


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
