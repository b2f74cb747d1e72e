"""Takes the sentences of a text apart, outside quotes and brackets, and names the parts of what they claim."""

import re
from collections.abc import Iterator
from functools import cache

_OPEN, _CLOSED = "([{", ")]}"

# Verbs of comparisons; the longest come first, so that "is not less than" is not read as "is".
RELATIONS: tuple[tuple[str, str], ...] = (
    ("is not greater than", "<="),
    ("is greater than or equal to", ">="),
    ("is less than or equal to", "<="),
    ("is greater than", ">"),
    ("is larger than", ">"),
    ("is not less than", ">="),
    ("is less than", "<"),
    ("is smaller than", "<"),
    ("is more than", ">"),
    ("is at most", "<="),
    ("is at least", ">="),
    ("does not equal", "!="),
    ("is not equal to", "!="),
    ("differs from", "!="),
    ("is equal to", "=="),
    ("equals", "=="),
    ("does not start with", "not starts"),
    ("starts with", "starts"),
    ("does not end with", "not ends"),
    ("ends with", "ends"),
    ("is not in", "not in"),
    ("is in", "in"),
)
STATES: tuple[tuple[str, str, bool], ...] = (
    ("does not consist of digits", "digits", False),
    ("consists of digits", "digits", True),
    ("does not consist of letters", "letters", False),
    ("consists of letters", "letters", True),
    ("does not consist of letters and digits", "letters and digits", False),
    ("consists of letters and digits", "letters and digits", True),
    ("does not consist of blanks", "blanks", False),
    ("consists of blanks", "blanks", True),
    ("is not in upper case", "upper case", False),
    ("is in upper case", "upper case", True),
    ("is not in lower case", "lower case", False),
    ("is in lower case", "lower case", True),
    ("is not empty", "empty", False),
    ("is empty", "empty", True),
    ("is not zero", "zero", False),
    ("is zero", "zero", True),
    ("is not null", "null", False),
    ("is null", "null", True),
    ("is true", "true", True),
    ("is false", "true", False),
)


def parts(text: str, *separators: str) -> list[str]:
    """The text cut at separators that stand outside quotes and brackets."""
    if not any(one in text for one in separators):
        return [text]
    found: list[str] = []
    depth, start = 0, 0
    for match in _scanner(separators).finditer(text):
        sign = match.group()
        if sign in _OPEN:
            depth += 1
        elif sign in _CLOSED:
            depth = max(depth - 1, 0)
        elif depth == 0 and sign[0] != '"':
            found.append(text[start : match.start()])
            start = match.end()
    return [*found, text[start:]]


@cache
def _scanner(separators: tuple[str, ...]) -> re.Pattern[str]:
    """Finds quoted texts, brackets and separators, which hold neither; a quote that stays open goes to the end."""
    return re.compile("|".join([r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', r"[(\[{)\]}]", *map(re.escape, separators)]), re.DOTALL)


def closing(text: str, start: int) -> int:
    """Where the bracket closes that was opened just before a place of a text; -1 where it does not."""
    depth = 1
    for match in _scanner(()).finditer(text, start):
        depth += (match.group() in _OPEN) - (match.group() in _CLOSED)
        if depth == 0:
            return match.start()
    return -1


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text; a full stop inside quotes, brackets or numbers ends none."""
    for paragraph in text.split("\n"):
        for sentence in parts(paragraph, ". ", "! ", "? "):
            trimmed = sentence.strip().rstrip(".")
            if trimmed:
                yield trimmed


def operand(text: str) -> tuple[str, str]:
    """An operand and the value that is stated with it, "" for none: "arr[3] (9)", "4 % 2 = 0", "x"."""
    text = text.strip()
    sides = parts(text, " = ")
    if len(sides) > 1:
        return sides[0], sides[-1]
    at = text.rfind(" (") if text.endswith(")") else -1
    while at > 0:
        expression, value = text[:at], text[at + 2 : -1]
        if _balanced(expression) and _balanced(value):
            return (text, "") if re.search(r"[-+*/%&|^<>]$", expression) else (expression, value)
        at = text.rfind(" (", 0, at)
    return text, ""


def _balanced(text: str) -> bool:
    depth, quoted = 0, False
    for at, sign in enumerate(text):
        if sign == '"' and (at == 0 or text[at - 1] != "\\"):
            quoted = not quoted
        elif not quoted:
            depth += (sign in _OPEN) - (sign in _CLOSED)
        if depth < 0:
            return False
    return depth == 0 and not quoted


def cut(text: str, separator: str) -> tuple[str, str] | None:
    """What stands before and after the first separator outside quotes and brackets."""
    found = parts(text, separator)
    return (found[0], separator.join(found[1:])) if len(found) > 1 else None


def columns(text: str) -> dict[str, list[str]]:
    """ "i = 2, 3 and x = 5, 6" as lists by name; values without a name under ""."""
    found: dict[str, list[str]] = {}
    for part in parts(text, " and "):
        match = re.match(r"([A-Za-z_]\w*) = ", part)
        name, values = (match.group(1), part[match.end() :]) if match else ("", part)
        found[name] = [value.strip() for value in parts(values, ", ")]
    return found


def labels(text: str) -> dict[str, str] | None:
    """ "i = 0, x = [1, 2]" as values by name; None where the text is no label."""
    found: dict[str, str] = {}
    for part in parts(text, ", "):
        match = re.fullmatch(r"([A-Za-z_]\w*) = (.+)", part)
        if match is None or " = " in re.sub(r'".*?"', "", match.group(2)):
            return None
        found[match.group(1)] = match.group(2)
    return found or None
