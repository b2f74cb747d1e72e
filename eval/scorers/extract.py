"""Where the answer is in a response: linear-time scans for the forms that models use.

A response is untrusted text of any length. Everything here looks at a bounded part of it (`CAP` characters) and scans
that part a fixed number of times; no pattern here can backtrack over it more than once.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# 4,096 tokens are about 16,000 characters; what is longer than this is not an answer to a benchmark question.
CAP = 100_000
_MARKS = 20  # marks of an answer that are looked at
_ANSWER = re.compile(r"answer[ \t*_]{0,6}[:：]", re.IGNORECASE)


def head(text: str) -> str:
    """The part that first-match rules look at."""
    return text[:CAP]


def tail(text: str) -> str:
    """The part that last-match rules look at."""
    return text[-CAP:]


def last_answer_line(text: str) -> str | None:
    """What follows the last `Answer:` on its line (or on the next one with text), without markdown marks."""
    return next(iter(answer_lines(text)), None)


def answer_lines(text: str) -> Iterator[str]:
    """What follows each `Answer:`, the last first: the rest of its line, or the first line after it that is not blank."""
    text = tail(text)
    for end in [match.end() for match in _ANSWER.finditer(text)][: -_MARKS - 1 : -1]:
        lines = text[end : end + 2000].split("\n")
        if answer := next((line.strip().strip("*").strip() for line in lines if line.strip().strip("*").strip()), ""):
            yield answer


def last_boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{...}` (or `\fbox{...}`) whose braces balance."""
    text = tail(text)
    at = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if at < 0:
        return None
    start = text.index("{", at) + 1
    depth = 1
    for end in range(start, len(text)):
        if text[end] == "{":
            depth += 1
        elif text[end] == "}":
            depth -= 1
            if depth == 0:
                return text[start:end]
    return None


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


def choice_letter(text: str, letters: str) -> str | None:
    """A leading choice letter: `B`, `(B)`, `**B**`, `$B$`, `B.`; None when a longer word starts there."""
    opening = r"(?i:option\s|choice\s)?[\s*_$(\[（\\]{0,8}(?:text\{|boxed\{|mathrm\{){0,2}\(?"
    match = re.match(rf"{opening}([{letters}])(?![A-Za-z0-9])", text)
    return match.group(1) if match else None
