"""Reads words, phrases and lists of text out of a statement, or out of the last line of a response without one.

A reader of `eval.scorers.reading`, see `eval.scorers.choices`.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval.scorers.dress import MAX_CHARS, bare, conclusion, corrected, corrected_where, last_line, undressed
from eval.scorers.extract import parse_json
from eval.scorers.reading import Statement, Undecided, refuses

_BEFORE_WORD = re.compile(
    r"(?:[^\w]|(?:the|an?|it|this|that|is|it's|statement|sentence|argument|expression|answer|clearly|definitely"
    r"|probably|likely"
    r"|therefore|thus|so|hence|simply|either|evaluates to|deductively|logically|be)(?![A-Za-z])|是|为|应该|应|就)",
    re.IGNORECASE,
)
_WORD = re.compile(
    r"(not (?:[a-z]+ly )?(?=valid|true)|不(?=是|对|正确|成立)|無|无(?=效))?"
    r"(是否定的?|是的|[A-Za-z]+|正确|错误|不正确|有效|效|肯定|否定|成立|[是否真假对错])"
)


def word(words: Mapping[str, str]) -> Callable[[Statement], str | None]:
    """A reader of one of a few words, such as yes and no; `words` maps every spelling (lowered) to its meaning."""

    def read(statement: Statement) -> str | None:
        found = read_word(statement.text, words)
        if statement.mark in ("hash", "retraction", "conclusion", "alone") and found is not None:
            text = bare(statement.text)
            return found if re.match(r"[\W是]*(?:not )?[^\W_]+\W*(?:$|[,;.!。，])", text) else None
        return found

    return read


_NO_NOUN = re.compile(r"no\s+(?:way|idea|answer|information|clue|conclusion|one)\b", re.IGNORECASE)


def read_word(text: str, words: Mapping[str, str]) -> str | None:
    """The meaning of the word that a statement starts with."""
    text = corrected_where(bare(text), lambda part: _word_at(part, words) is not None)
    found = _word_at(text, words)
    if found is None:
        return None
    meaning, rest = found
    if rest.lstrip("\"' ").startswith("?") and (later := _word_at(rest.lstrip("\"' ?"), words)) is not None:
        meaning, rest = later
    if _NO_NOUN.match(text[: len(text) - len(rest)][-2:] + rest):
        return None
    if joined := re.match(
        r"[)\"'.]*\s*(?:or|and|/|\||或者?|还是|、|,\s*(?:or|maybe|but also))\s*(?:maybe |possibly |perhaps |else )*",
        rest,
        re.IGNORECASE,
    ):
        second = _word_at(rest[joined.end() :], words)
        if second is not None and second[0] != meaning:
            raise Undecided(text[:100])
    return meaning


def _word_at(text: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    start = 0
    while True:
        match = _WORD.match(text, start)
        if (
            match
            and (
                meaning := words.get(
                    f"{'not ' if (match[1] or '').startswith('not') else match[1] or ''}{match[2]}".lower()
                )
            )
            is not None
        ):
            return meaning, text[match.end() :]
        lead = _BEFORE_WORD.match(text, start)
        if lead is None:
            return None
        start = lead.end()


_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(\S.*)$", re.MULTILINE)
_AFTERTHOUGHT = re.compile(
    r"\s*(?:[,;(—]|\s[-–])?\s*\b(?:because|since|as (?:the|it|they|he|she)|which (?:is|are|was|were|means)|who|i\.e\."
    r"|based on|according to|so that)\b.*$"
    r"|\s*[(（][^()（）]*[)）]?\s*[.。]?$|(?<=[\w)\]\"'%*`”’$}]{2})[.。!]\s+(?=[A-Z\"'(一-鿿]).*$|(?<=[a-z)\]\"'\d])\s*[—–]\s.*$",
    re.DOTALL,
)
_NO_CONTENT = re.compile(
    r"(?:found|obtained|given|determined|calculated|derived|reached|clear|correct|right|wrong|simple|by|based|because"
    r"|therefore|as follows"
    r"|not|that|what|which|how|below|above|here|in the|unique|one of|about|the (?:same|following|one|sum|product|difference"
    r"|result)"
    r"|to)\b",
    re.IGNORECASE,
)


def literal_list(text: str) -> list[str] | None:
    """The items of a list that a text starts with, in JSON's or Python's quotes; a tuple or set of Python counts too."""
    text = text.strip()
    if text[:1] not in "[({":
        return None
    for end in sorted({match.end() for match in re.finditer(r"[\])}]", text[:MAX_CHARS])}, reverse=True)[:20]:
        for parse in (parse_json, _python):
            value = parse(text[:end])
            if (
                isinstance(value, list | tuple | set)
                and value
                and all(isinstance(item, str | int | float) for item in value)
            ):
                return [str(item) for item in (sorted(map(str, value)) if isinstance(value, set) else value)]
    return None


def _python(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def spans(passage: str) -> Callable[[Statement], list[str] | None]:
    """A reader of one or several pieces of text that answer a question on a passage.

    A list is a list in the statement's form (JSON, Python, bullets, boxes). A line is a list where the passage does not hold
    it as it stands, but holds each part between its commas and "and".
    """
    known = _loose(passage)

    def read(statement: Statement) -> list[str] | None:
        return read_spans(statement, known)

    return read


def read_spans(statement: Statement, passage: str) -> list[str] | None:
    text = undressed(statement.text)
    if refuses(text) or not text or (statement.mark == "sentence" and _NO_CONTENT.match(text)):
        return None
    if statement.mark in ("conclusion", "alone") or (
        statement.mark in ("hash", "retraction") and len(text.split()) > 6
    ):
        return None
    text = corrected(text)
    if equation := re.fullmatch(r"[-\d\s+*/×÷().,$]+=\s*([^=]+)", text):
        text = equation[1]
    if (items := literal_list(text) or literal_list(statement.block)) is not None:
        return [undressed(item) for item in items]
    if _BULLET.match(statement.text) and len(listed := bullets(statement.block)) > 1:
        return [undressed(item) for item in listed]
    text = re.sub(r"^(?:[-*•]|1[.)])\s+", "", text)
    if _loose(text) not in passage:
        text = undressed(_AFTERTHOUGHT.sub("", text) or text)
    if _loose(text) in passage or not text:
        return [text] if text else None
    if re.search(r"\bor\b|或|\s/\s", text):
        raise Undecided(text[:100])
    parts = [undressed(part) for part in re.split(r"\s*[,;，；、]\s*(?:and\s+|和)?|\s+and\s+|\s*和\s*|\s*&\s*", text)]
    if len(parts) > 1 and all(part and _loose(part) in passage for part in parts):
        return parts
    return [text]


def _loose(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+", text.lower()))
    return f" {words} "


def phrase(statement: Statement) -> str | None:
    """A reader of free text: the statement without its dress, or None where it only introduces something."""
    text = undressed(statement.text)
    if (
        not text
        or refuses(text)
        or statement.mark in ("conclusion", "alone")
        or (statement.mark == "sentence" and _NO_CONTENT.match(text))
    ):
        return None
    return text


def bullets(block: str) -> Sequence[str]:
    """The items of the bulleted or numbered list that a block starts with."""
    return _BULLET.findall(block.strip().partition("\n\n")[0])


def concluded_word(text: str, words: Mapping[str, str]) -> str | None:
    """The word that the last line concludes with, or that the response starts with."""
    for part in (conclusion(text), last_line(text).rpartition("=")[2], bare(text.strip().partition("\n")[0])):
        if (found := read_word(part, words)) is not None:
            return found
    return None


def concluded_phrase(text: str) -> list[str] | None:
    """The last line where it is an answer by itself: in bold, or a few words after "so" or "therefore"."""
    line = text.rstrip().rpartition("\n")[2].strip()
    if bold := re.fullmatch(r"(?:\*\*|`|\$)([^*`$]{1,200})(?:\*\*|`|\$)\.?", line):
        return [undressed(bold[1])]
    rest = conclusion(text)
    if rest != bare(line) and len(rest.split()) <= 6 and rest.strip():
        return [undressed(rest)]
    return None
