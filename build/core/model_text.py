"""Reads the text of a language model: what it thought first, fenced blocks, and JSON objects as models write them.

Every module that reads an answer goes through here. Three rules:

Thinking. What stands between thinking tags is no part of the answer. An opening tag that is never closed makes everything
behind it thinking, a closing tag that was never opened everything before it (chat templates often write the opening tag
themselves). A tag that is quoted, or stands in a string of a complete object or in code, is text.

Blocks. A fence is closed by a bare line of the same signs, at least as many; a fence with a language inside a block opens a
block within it. A block without an end ends where the next one begins, or with the text.

Objects. An object is read from its brace on: JSON (RFC 8259) and Python literals (the reference of both is the grammar of
`ast.literal_eval`), also mixed, and in addition what models slip into: line breaks in strings, trailing commas, comments,
bare keys, typographic quotes, NaN, and braces escaped for LaTeX. Nothing is guessed: what ends without its bracket, or holds
a placeholder such as `...` or `<value>`, is no object. Nothing takes more than linear time.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

_MAX_DEPTH = 100  # of brackets; twice what a value may have
_TRIES = 8  # times that a text may be read, on average over its characters

_THINK = re.compile(
    r"(?P<open><(?i:think|thinking|thoughts?|reasoning|scratchpad|seed:think)>|\[THINK\]|◁think▷|<\|START_THINKING\|>"
    r"|<\|begin_of_thought\|>|<\|channel\|>analysis<\|message\|>)"
    r"|(?P<close></(?i:think|thinking|thoughts?|reasoning|scratchpad|seed:think)>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>"
    r"|<\|end_of_thought\|>|<\|channel\|>final<\|message\|>)"
)
_THINK_ENDS = ("think>", "thinking>", "thought>", "thoughts>", "reasoning>", "scratchpad>", "think]", "think▷", "|>")
_QUOTES = "\"'`“”‘’"

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_LANGUAGE = re.compile(r"[\w+#.-]+")

_SPACE = re.compile(r"(?:\s++|//[^\n]*+|#[^\n]*+)*+")
_SIGN = {
    "{": re.compile(r"\\?\{"),
    "}": re.compile(r"\\?\}"),
    "[": re.compile(r"\\?\["),
    "]": re.compile(r"\\?\]"),
    "(": re.compile(r"\("),
    ")": re.compile(r"\)"),
    ",": re.compile(r"[,\uff0c]"),  # the wide ones of Chinese and Japanese
    ":": re.compile(r"[:\uff1a]"),
}
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+"
    r"|(?:(?:[1-9](?:_?[0-9])*+|0(?:_?0)*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?"
    r"|Infinity|inf|NaN|nan)(?![\w.])"
)
_WORD = re.compile(r"[^\W\d][\w$]*+")
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_EMPTY_SET = re.compile(r"set\(\s*+\)")
_STRING_START = re.compile(r"([rRuUbB]{0,2})(\"\"\"|'''|[\"'“‘])")
_STRING_REST = {
    '"""': re.compile(r'((?:[^"\\]|\\.|"(?!""))*+)"""', re.DOTALL),
    "'''": re.compile(r"((?:[^'\\]|\\.|'(?!''))*+)'''", re.DOTALL),
    '"': re.compile(r'((?:[^"\\]|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"((?:[^'\\]|\\.)*+)'", re.DOTALL),
    "“": re.compile(r"((?:[^”\\]|\\.)*+)”", re.DOTALL),
    "‘": re.compile(r"((?:[^’\\]|\\.)*+)’", re.DOTALL),
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "\n": ""} | {
    sign: sign
    for sign in "\\/\"'_"  # Markdown escapes the underscore
}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its content, its first line and the line behind it, and whether it has an end."""

    language: str
    content: str
    start: int
    end: int
    closed: bool


def split_thinking(text: str) -> tuple[str, str]:
    """What a text thinks, without its tags, and what it says."""
    lower = text.lower()
    if not any(end in lower for end in _THINK_ENDS) or not _THINK.search(text):  # the first is quick
        return "", text
    data, code, first = _data(text), _code(text), len(text) - len(text.lstrip())
    thoughts: list[str] = []
    said: list[str] = []
    place, opened = 0, -1  # behind the last tag, behind one that is open
    shown = alone = 0  # how many are open in code; where one closes that was never opened
    for tag in _THINK.finditer(text):
        start, end = tag.span()
        if opened >= 0:
            if tag["close"]:
                thoughts.append(text[opened:start])
                place, opened = end, -1
            continue
        before, behind = (
            sign != "" and sign in _QUOTES for sign in (text[max(start - 1, 0) : start], text[end : end + 1])
        )
        if _within(data, start) or (before and behind):
            continue
        if tag["open"]:
            if start > first and (before or _within(code, start)):
                shown += 1
            else:
                said.append(text[place:start])
                opened = end
        elif shown:
            shown -= 1
        elif not behind:
            thoughts, said, alone, place = [], [], start, end
    if opened >= 0:
        thoughts.append(text[opened:])
    else:
        said.append(text[place:])
    thought = "\n\n".join(filter(None, (_THINK.sub("", part).strip() for part in (text[:alone], *thoughts))))
    return thought, "".join(said).strip()


def _data(text: str) -> list[tuple[int, int]]:
    """Where the complete objects of a text stand."""
    try:
        return [(start, end) for start, end, _ in find_objects(text)]
    except Tangled:
        return []


def _code(text: str) -> list[tuple[int, int]]:
    """Where the closed blocks of a text stand, in characters."""
    offsets = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    return [(offsets[block.start], offsets[block.end]) for block in fenced_blocks(text) if block.closed]


def _within(spans: Sequence[tuple[int, int]], place: int) -> bool:
    after = bisect_right(spans, (place, len(spans) and spans[-1][1]))
    return after > 0 and place < spans[after - 1][1]


def fenced_blocks(text: str) -> list[Block]:
    """The outermost fenced blocks of a text, in order."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    fences: list[tuple[int, int, str, str]] = []  # line, indent, signs, what follows them
    opened: list[int] = []
    openers: list[int] = []
    closer: dict[int, int] = {}  # both are indices of `fences`
    for number, line in enumerate(lines):
        match = _FENCE.match(line.rstrip())
        if not match:
            continue
        indent, signs, info = len(match[1].expandtabs(4)), match[2], match[3].strip()
        within = fences[opened[-1]] if opened else (0, indent, signs, "")
        if indent > within[1] + 3 or not signs.startswith(within[2]):  # code, such as a docstring with a block
            continue
        fences.append((number, indent, signs, info))
        if opened and not info:
            closer[opened.pop()] = len(fences) - 1
        elif not opened or _LANGUAGE.fullmatch(info):
            opened.append(len(fences) - 1)
            openers.append(len(fences) - 1)
    ends = [fences[opener][0] for opener in openers[1:]] + [len(lines)]
    blocks: list[Block] = []
    for opener, next_opener in zip(openers, ends):
        first, indent, _, info = fences[opener]
        if blocks and first < blocks[-1].end:
            continue
        closed = opener in closer
        last = fences[closer[opener]][0] if closed else next_opener
        content = "\n".join(_dedented(line, indent) for line in lines[first + 1 : last])
        blocks.append(Block(info.partition(" ")[0], content, first, last + closed, closed))
    return blocks


def last_block(text: str) -> str | None:
    """The content of the last fenced block, None when there is none; of one that wraps Markdown, that of the last in it."""
    for block in reversed(fenced_blocks(text)):
        if block.language.lower() in ("markdown", "md"):
            return last_block(block.content) or block.content.strip("\n")
        if block.closed or block.content.strip():
            return block.content.strip("\n")
    return None


def _dedented(line: str, indent: int) -> str:
    """A line without up to `indent` columns of leading spaces, as its fence is indented."""
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


def find_objects(text: str) -> list[tuple[int, int, dict[Any, Any]]]:
    """The outermost complete objects of a text, in order: where each starts and ends, and its value.

    Raises `Tangled` where a text is made to be read again and again.
    """
    reader = _Reader(text)
    found: list[tuple[int, int, dict[Any, Any]]] = []
    start = text.find("{")
    while start >= 0:
        reader.place = start
        end = start + 1
        try:
            value = reader.container("{")
            end = reader.place
            if isinstance(value, dict):
                found.append((start, end, value))
        except _NoValue:
            pass
        start = text.find("{", end)
    return found


def last_object_with(key: str, text: str) -> tuple[dict[Any, Any] | None, bool]:
    """The last complete object of a text that has a key, and whether there is any object at all. Raises `Tangled`.

    Of nested ones the outermost counts. An object that is written as a string (JSON within JSON) is read where no other is
    there.
    """
    objects = [value for _, _, value in find_objects(text)]
    for value in reversed(objects):
        holder = _holder(key, value)
        if holder is not None:
            return holder, True
    if '\\"' in text:
        escaped = [value for _, _, value in find_objects(_unescaped(text))]
        for value in reversed(escaped):
            if key in value:
                return value, True
    return None, any(objects)


def _holder(key: str, value: Any) -> dict[Any, Any] | None:
    """The outermost object with a key in a value, the last of several; what answers another question is not searched."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if key in value:
                return value
            waiting += [inner for name, inner in value.items() if name not in ("input", "output")]
        elif isinstance(value, list | tuple):
            waiting += value
    return None


class Tangled(ValueError):
    """A text whose brackets and quotes lead on and on, so that reading it would take more than linear time."""


class _NoValue(Exception):
    """There is no value at this place."""


class _Reader:
    """Reads values of one text, from `place` on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self._left = _TRIES * len(text) + 1000  # characters that may still be read
        self._failed: set[int] = set()  # places of brackets behind which there is no value

    def container(self, bracket: str, depth: int = 0) -> Any:
        """The dict, set, list, tuple, or value in parentheses that opens here with this bracket."""
        start = self.place
        if start in self._failed or depth > _MAX_DEPTH:
            raise _NoValue
        try:
            return self._braces(depth) if bracket == "{" else self._sequence(bracket, depth)
        except _NoValue:
            self._failed.add(start)
            raise

    def _braces(self, depth: int) -> dict[Any, Any] | set[Any]:
        self._demand("{")
        pairs: dict[Any, Any] = {}
        elements = set()
        while not self._take("}"):
            key, bare = self._key(depth)
            if self._take(":"):
                pairs[key] = self._value(depth)
            elif bare:
                raise _NoValue
            else:
                elements.add(key)
            if self._take("}"):
                break
            self._demand(",")
        if pairs and elements:
            raise _NoValue
        return elements or pairs

    def _sequence(self, bracket: str, depth: int) -> Any:
        self._demand(bracket)
        closing = _CLOSING[bracket]
        items: list[Any] = []
        while not self._take(closing):
            items.append(self._value(depth))
            if self._take(closing):
                return items[0] if bracket == "(" and len(items) == 1 else self._built(bracket, items)
            self._demand(",")
        return self._built(bracket, items)

    @staticmethod
    def _built(bracket: str, items: list[Any]) -> Any:
        return items if bracket == "[" else tuple(items)

    def _key(self, depth: int) -> tuple[Any, bool]:
        """A key or an element of a set, and whether it is a bare word."""
        self._space()
        if self._bracket() not in ("", "("):
            raise _NoValue
        word = _WORD.match(self.text, self.place)
        if word and word[0] not in _WORDS and not _STRING_START.match(self.text, self.place):
            self._move(word.end())
            return word[0], True
        key = self._value(depth)
        try:
            hash(key)
        except TypeError as error:
            raise _NoValue from error
        return key, False

    def _value(self, depth: int) -> Any:
        self._space()
        bracket = self._bracket()
        if bracket:
            return self.container(bracket, depth + 1)
        if _STRING_START.match(self.text, self.place):
            return self._strings()
        if number := _NUMBER.match(self.text, self.place):
            self._move(number.end())
            return _number(number[0].replace("_", ""))
        if empty := _EMPTY_SET.match(self.text, self.place):
            self._move(empty.end())
            return set()
        word = _WORD.match(self.text, self.place)
        if word and word[0] in _WORDS:
            self._move(word.end())
            return _WORDS[word[0]]
        raise _NoValue

    def _strings(self) -> str | bytes:
        """A string, or several that Python joins."""
        joined, binary = "", False
        while start := _STRING_START.match(self.text, self.place):
            prefix, quote = start[1].lower(), start[2]
            rest = _STRING_REST[quote].match(self.text, start.end())
            if not rest:
                self._pay(len(self.text) - self.place)
                raise _NoValue
            self._move(rest.end())
            joined += rest[1] if "r" in prefix else _unescaped(rest[1])
            binary = binary or "b" in prefix
            self._space()
        return joined.encode("utf-8", "surrogatepass") if binary else joined

    def _bracket(self) -> str:
        """The opening bracket that stands here, "" where there is none."""
        sign = self.text[self.place : self.place + 2].removeprefix("\\")[:1]
        return sign if sign in _CLOSING and _SIGN[sign].match(self.text, self.place) else ""

    def _take(self, sign: str) -> bool:
        """Go behind a sign, if it stands here."""
        self._space()
        match = _SIGN[sign].match(self.text, self.place)
        if match:
            self._move(match.end())
        return match is not None

    def _demand(self, sign: str) -> None:
        if not self._take(sign):
            raise _NoValue

    def _space(self) -> None:
        """Go behind blanks and comments."""
        match = _SPACE.match(self.text, self.place)
        assert match is not None
        self._move(match.end())
        if self.text.startswith("/*", self.place):
            end = self.text.find("*/", self.place + 2)
            if end < 0:
                self._pay(len(self.text) - self.place)
                raise _NoValue
            self._move(end + 2)
            self._space()

    def _move(self, place: int) -> None:
        self._pay(place - self.place)
        self.place = place

    def _pay(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise Tangled("the brackets and quotes of the text are too tangled to read")


def _number(text: str) -> int | float:
    digits = text.lstrip("+-").lower()
    try:
        if digits[:2] in ("0x", "0o", "0b") or digits.isdecimal():
            return int(text, 0)
    except ValueError:  # more digits than Python reads; as a float it is infinite, which is no data either
        pass
    return float(text)


def _unescaped(text: str) -> str:
    """The text with the escapes of JSON and Python replaced, and pairs of surrogates joined as JSON has it."""
    text = _ESCAPE.sub(_character, text)
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _character(match: re.Match[str]) -> str:
    """The character of an escape; what is none stays as it is, as in Python."""
    sign = match[1]
    if sign in _ESCAPED:
        return _ESCAPED[sign]
    try:
        if sign[0] in "uxU" and len(sign) > 1:
            return chr(int(sign[1:], 16))
        return chr(int(sign, 8)) if sign.isdecimal() else match[0]
    except ValueError:  # 8 and 9, or beyond Unicode
        return match[0]
