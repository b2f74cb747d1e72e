"""Takes the dress off a statement: Markdown, LaTeX commands of layout, HTML tags, quotes, boxes and full-width forms."""

import re
import unicodedata
from collections.abc import Callable

MAX_CHARS = 2000  # characters of a statement that are read

COMMANDS = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mathbb|mbox|bf|rm|displaystyle|emph"
    r"|underline)(?![A-Za-z])\s{0,3}"
)
_TAGS = re.compile(r"</?(?:b|i|strong|em|u|answer|final_answer|solution|br|p|code)\s{0,2}/?>", re.IGNORECASE)
LAYOUT = re.compile(r"\\[()\[\]]|\\(?:left|right|quad|qquad)(?![a-z])|[*`$_{}]|\\(?=[%$#&])|\\[,;:!]")
# "5, no wait, 6": what follows a correction within a statement takes its place.
_CORRECTION = re.compile(
    r"\b(?:no,? wait|wait,? no|wait|scratch that|correction|i mean|or rather|sorry|actually)\b[\s,:.—-]{0,5}"
    r"|[?.,;—-]\s{1,3}no,\s{1,3}",
    re.IGNORECASE,
)


def bare(text: str) -> str:
    """The text without LaTeX commands of layout, Markdown marks and full-width forms."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARS])
    text = _TAGS.sub(" ", text).replace("\\\\", " ")
    return re.sub(r"[ \t\xa0]+", " ", LAYOUT.sub("", COMMANDS.sub("", text))).strip()


def corrected(text: str) -> str:
    """What follows the last "no wait" of a statement, or the statement."""
    found = [match for match in _TAKEN_BACK.finditer(text) if match.start() and text[match.end() :].strip()]
    return text[found[-1].end() :] if found else text


_TAKEN_BACK = re.compile(
    r"[\s,.;:—-]+(?:no,? wait|wait,? no|scratch that|correction|or rather)[\s,:.—-]+", re.IGNORECASE
)


def corrected_where(text: str, holds: Callable[[str], bool]) -> str:
    """The part after the last correction, where that part holds an answer."""
    for match in reversed(list(_CORRECTION.finditer(text))):
        if match.start() and holds(text[match.end() :]):
            return text[match.end() :]
    return text


def undressed(text: str) -> str:
    """The text without boxes, commands, Markdown and the quotes around it, and without a final full stop."""
    text = _TAGS.sub("", text[:MAX_CHARS]).lstrip(" >✅☑✔➡👉\ufe0f")
    text = re.sub(r"\\[()\[\]](?=\s|$|\W)|(?<!\w)\\[(\[]|\\(?=[%$&#])|\*\*|`|__", "", _unboxed(text))
    text = text.strip().strip("*_$ ").strip()
    while len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text = text[1:-1].strip()
    stripped = text.rstrip(".。 ").strip("*$")
    text = stripped if not re.search(r"\b[A-Za-z]\.[A-Za-z]$", stripped) else text
    while len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text = text[1:-1].strip()
    return text


_QUOTES = {('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("「", "」"), ("《", "》"), ("$", "$")}
_WRAPPED = re.compile(r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mbox)\s{0,3}\{([^{}]*)\}")


def _unboxed(text: str) -> str:
    for _ in range(4):
        text, count = _WRAPPED.subn(r"\1", text)
        if not count:
            break
    return COMMANDS.sub("", text)


_SO = re.compile(
    r"(?:(?:\b(?:so|thus|hence|therefore|finally|in conclusion|overall|consequently|accordingly)\b|所以|因此|故"
    r"|综上)[\s,:，：]{0,3})+",
    re.IGNORECASE,
)
_MUST_BE = re.compile(
    r"(?:it|that|this|the \w+|we)(?:'s| is| are| must be| has to be| should be| can only be| get| have| choose| pick)\s+",
    re.IGNORECASE,
)


def last_line(text: str) -> str:
    lines = (line.strip() for line in reversed(text.rstrip().split("\n")))
    return bare(next((line for line in lines if re.search(r"\w", line)), ""))


def conclusion(text: str) -> str:
    """What the last line concludes: the part after its last "so" or "therefore", or the line."""
    line = last_line(text)
    found = [match for match in _SO.finditer(line) if not match.start() or line[match.start() - 1] in " ,.;(:，。；"]
    rest = line[found[-1].end() :] if found else line
    must = _MUST_BE.match(rest)
    return rest[must.end() :] if must else rest
