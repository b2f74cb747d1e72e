"""Reads a value out of one statement of a response: an option's letter, a number, a word, or spans of text.

A reader gets a `Statement` and returns its value, or None where the statement holds no value of the kind. It raises
`Undecided` where the statement offers several. `eval.scorers.reading` finds the statements and chooses among them.
"""

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from eval.scorers.extract import parse_json
from eval.scorers.reading import Statement, Undecided, refuses

_MAX = 2000  # characters of a statement that are read

_COMMANDS = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mathbb|mbox|bf|rm|displaystyle|emph|underline)(?![A-Za-z])\s{0,3}"
)
_TAGS = re.compile(r"</?(?:b|i|strong|em|u|answer|final_answer|solution|br|p|code)\s{0,2}/?>", re.IGNORECASE)
_LAYOUT = re.compile(r"\\[()\[\]]|\\(?:left|right|quad|qquad)(?![a-z])|[*`$_{}]|\\(?=[%$#&])|\\[,;:!]")
# "5, no wait, 6": what follows a correction within a statement takes its place.
_CORRECTION = re.compile(
    r"\b(?:no,? wait|wait,? no|wait|scratch that|correction|i mean|or rather|sorry|actually)\b[\s,:.—-]{0,5}"
    r"|[?.,;—-]\s{1,3}no,\s{1,3}",
    re.IGNORECASE,
)


def bare(text: str) -> str:
    """The text without LaTeX commands of layout, Markdown marks and full-width forms."""
    text = unicodedata.normalize("NFKC", text[:_MAX])
    text = _TAGS.sub(" ", text).replace("\\\\", " ")
    return re.sub(r"[ \t\xa0]+", " ", _LAYOUT.sub("", _COMMANDS.sub("", text))).strip()


def corrected(text: str) -> str:
    """What follows the last "no wait" of a statement, or the statement."""
    found = [match for match in _TAKEN_BACK.finditer(text) if match.start() and text[match.end() :].strip()]
    return text[found[-1].end() :] if found else text


_TAKEN_BACK = re.compile(r"[\s,.;:—-]+(?:no,? wait|wait,? no|scratch that|correction|or rather)[\s,:.—-]+", re.IGNORECASE)


def _corrected(text: str, holds: Callable[[str], bool]) -> str:
    """The part after the last correction, where that part holds an answer."""
    for match in reversed(list(_CORRECTION.finditer(text))):
        if match.start() and holds(text[match.end() :]):
            return text[match.end() :]
    return text


# --- options -------------------------------------------------------------------------------------------------------------

_LEAD = re.compile(
    r"(?:[\s\"'“”‘’:,.-]|(?:the |an? |only |correct |right |best |most |definitely|clearly|probably|likely|surely|certainly|indeed"
    r"|therefore|thus|so|hence|obviously|simply|again|still|i think|i believe|i guess|it is|it's|that is|this is|it|this|would be|should be"
    r"|must be|is|option|choice|letter|answer|either|both|statement)(?![A-Za-z])|选项|选择|选|是|为|应该|就|第){1,12}",
    re.IGNORECASE,
)
_BRACKETED = r"[(\[<【「『]\s?(?P<inside>[A-Za-z])\s?[)\]>】」』]"
_LETTER = re.compile(rf"{_BRACKETED}|(?P<bare>[A-Z])(?P<close>\)?)(?![A-Za-z0-9_'’]|[-+#/.]\w*[a-z])")
# A word that can follow the letter A as an answer, but not the article: "A because", "A is right".
_NO_NOUN = re.compile(
    r"\s*(?:$|[^\w\s(\"']|\(|(?:because|since|as|is|are|was|for|due|and|or|but|so|if|when|that|which|the|this|these|it|its|in|on|by|with"
    r"|has|have|would|could|should|must|will|can|not|an?|i|we|you|he|she|they|there|here|based|according|given|from|to|also|only)\b"
    r"|[^\x00-\x7f])",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|isn't|neither|nor|never|except|excluding|than|instead of|rather than|unlike)\s+(?:the |an? |option |choice |answer )*"
    r"[\s\"'(]*$|(?:不是|而非|并非)[\s(]*$",
    re.IGNORECASE,
)
_THEREFORE = re.compile(
    r"(?:\b(?:so|thus|hence|therefore|option|choice|answer|letter|i\.e\.|namely|meaning|which is|that is|choose|pick|select|but|is|it's|be)"
    r"|=>|->|→|⇒|即|选|所以|因此)[\s,:]*(?:the |option |choice |answer |it is |is )*[\"'(]*$",
    re.IGNORECASE,
)
_JOINT = (
    r"(?:\s|,|;|/|&|、|\||\bor\b|\band\b|\balso\b|\beither\b|\belse\b|\bmaybe\b|\bpossibly\b|\bperhaps\b|\beven\b|\bboth\b|\bbut\b|\bjust\b"
    r"|\bcould be\b|\bmight be\b|\bmay be\b|\balternatively\b|\boption\b|\bchoice\b|或者|或|和|与|及|也可能是?|可能是?|还是|以及|是)"
)
_JOINED = re.compile(rf"[)\]\"'.]*\s*(?:\(\s*)?(?=[\s,;/&、|或和与及也可还以(]|or\b|and\b)(?P<joint>{_JOINT}{{1,12}})[(\"']*", re.IGNORECASE)


def choice(options: Mapping[str, str]) -> Callable[[Statement], str | None]:
    """A reader of the letter of one of the options, which are given as letter: text (the text may be "")."""

    def read(statement: Statement) -> str | None:
        if statement.mark in ("hash", "retraction", "conclusion", "last"):
            return _alone(bare(statement.text), options, statement.mark == "last")
        return read_choice(statement.text, options)

    return read


def _alone(text: str, options: Mapping[str, str], whole: bool) -> str | None:
    """The letter that a text starts with, where only its option's text or (unless `whole`) a new clause follows."""
    first = text if whole else re.split(r"[.!。]\s|[,;，]|\s[-–—]\s|\s(?:because|since|as|is the)\b", text)[0]
    lead = _leading(first, options)
    if lead is None:
        if named := re.fullmatch(rf"(.+?)\s*{_BRACKETED}\W*", first):
            letter = named["inside"].upper()
            return letter if letter in options and _words(named[1]) == _words(options[letter]) else None
        return _named(first, options, whole=True)
    letter, rest = lead
    _refuse_second(letter, rest + text[len(first) :], options)
    said = _words(rest.lstrip(").: -"))
    return letter if not said or said == _words(options[letter]) else None


def read_choice(text: str, options: Mapping[str, str]) -> str | None:
    """The letter that a statement names, or whose option's text it names."""
    text = _corrected(bare(text), lambda part: _leading(part, options) is not None)
    lead = _leading(text, options)
    if lead is not None:
        letter, rest = lead
        _refuse_second(letter, rest, options)
        return letter
    whole = _named(text, options, whole=True)
    if whole is not None:
        return whole
    found = list(_inner(text, options))
    if found:
        if len({letter for letter, _ in found}) == 1 or found[-1][1]:
            return found[-1][0]
        raise Undecided(text[:100])
    return _named(text, options, whole=False)


def _leading(text: str, options: Mapping[str, str]) -> tuple[str, str] | None:
    """The letter that a text starts with, after words such as "option", and what follows it."""
    text = text.strip()
    lead = _LEAD.match(text)
    for start in dict.fromkeys((0, lead.end() if lead else 0)):
        match = _LETTER.match(text, start)
        if match is None:
            continue
        letter = match["inside"] or match["bare"]
        rest = text[match.end() :]
        if letter.upper() not in options:
            continue
        if match["bare"] and not match["close"] and letter in "AI" and rest[:1] not in ('"', "'") and not _NO_NOUN.match(rest):
            continue
        return letter.upper(), rest
    if re.fullmatch(r"[a-z][).\s]*", text) and text[0].upper() in options:
        return text[0].upper(), ""
    return None


def _refuse_second(letter: str, rest: str, options: Mapping[str, str]) -> None:
    """Raises `Undecided` where a second letter is joined to the first: "A or B", "(A) the boat or (B) the tent"."""
    for match in _JOINED.finditer(rest[:200]):
        if "not " in rest[: match.start()].lower() or _CLAUSE.search(rest[: match.start()]):
            return
        joint = match["joint"].lower()
        second = _leading(rest[match.end() :], options)
        text_between = rest[: match.start()].strip(" )].\"'")
        strong = re.search(r"\bor\b|maybe|possibly|perhaps|could|might|may be|/|\||或|还是|可能", joint) is not None
        if second is None or second[0] == letter or not joint.strip() or (text_between and not strong):
            continue
        raise Undecided(rest[:100])


_CLAUSE = re.compile(r"[.;:!?]\s|\b(?:because|since|as|while|whereas|when|if)\b", re.IGNORECASE)


def _inner(text: str, options: Mapping[str, str]) -> Iterable[tuple[str, bool]]:
    """Letters within a statement that are marked as such, with whether a conclusion leads to them."""
    for match in re.finditer(rf"{_BRACKETED}|(?<![\w'’-])(?P<bare>[A-Z])(?![A-Za-z0-9_'’]|[-+#/.]\w*[a-z])", text):
        letter = (match["inside"] or match["bare"]).upper()
        before = text[max(0, match.start() - 30) : match.start()]
        concluded = _THEREFORE.search(before) is not None
        if letter not in options or _NEGATED.search(before) or not (match["inside"] or concluded):
            continue
        if match["bare"] and letter in "AI" and not _NO_NOUN.match(text[match.end() :]):
            continue
        yield letter, concluded


def _named(text: str, options: Mapping[str, str], whole: bool) -> str | None:
    """The letter of the only option whose text the statement is (`whole`), or holds."""
    plain = {letter: _words(option) for letter, option in options.items() if _words(option)}
    said = _words(text)
    if whole:
        equal = [letter for letter, option in plain.items() if option == said]
        return equal[0] if len(equal) == 1 else None
    spots = {letter: spot for letter, option in plain.items() if (spot := _mention(said, option, plain.values())) is not None}
    if not spots:
        return None
    if len(spots) == 1:
        return next(iter(spots))
    raise Undecided(text[:100])


def _words(text: str) -> str:
    """The words of a text, lowered, with one blank between and around, and without an article at the start."""
    words = re.findall(r"[^\W_]+(?:[.'’-][^\W_]+)*|[^\w\s.,;:!?()\"'“”]", bare(text).lower())
    while words and words[0] in ("a", "an", "the"):
        words.pop(0)
    return f" {' '.join(words)} " if words else ""


def _mention(said: str, option: str, options: Iterable[str]) -> int | None:
    """Where the option stands last in a text, outside a negation and outside a longer option."""
    longer = [other for other in options if other != option and option in other]
    at = len(said)
    while (at := said.rfind(option, 0, at + len(option) - 1 if at < len(said) else None)) >= 0:
        covered = any(
            (start := said.find(other, max(0, at - len(other)))) >= 0 and start <= at < start + len(other) for other in longer
        )
        if not covered and not _NEGATED.search(said[: at + 1]):
            return at
        if at == 0:
            break
        at -= 1
    return None


# --- numbers -------------------------------------------------------------------------------------------------------------

_GROUPS = r"\d{1,3}(?:[,'’ \u2009\u202f\xa0]\d{3})+(?![\d])"
_DIGITS = r"\d{1,40}"
_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.])(?P<sign>[-−]|negative |minus )?(?:[$€£¥₹]\s?)?(?P<whole>{_GROUPS}|{_DIGITS})?(?P<part>\.\d{{1,40}})?"
    r"(?:\s?/\s?(?P<under>\d{1,20})(?![\d/]))?(?:\s?[x×]\s?10\^\(?(?P<power>-?\d{1,2})\)?|\s?(?P<scale>thousand|million|billion|k\b))?",
    re.IGNORECASE,
)
_CURRENCY = re.compile(r"(?<![A-Za-z])(?:Rs|INR|USD|EUR|GBP|CAD|AUD|RMB|CNY|US|HK|NT|C|A)\.?\s?(?=[$€£¥₹]?\s?\d)")
_SEPARATOR = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!;: ])(?=\d)")  # LaTeX's between thousands
_FRACTION = re.compile(r"\\[dt]?frac\s?\{?\s?(-?\d{1,20})\s?\}?\s?\{?\s?(\d{1,20})\s?\}?")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "k": 10**3}
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORD_VALUES = {word: value for value, word in enumerate(_SMALL)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_CHINESE = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNIT = r"(?:\s?[A-Za-z%°一-鿿][\w%°/-]*){0,3}"
_OPERATOR = re.compile(r"\s?(?:[-+*/×÷−]|\\times|\\div|\bplus\b|\bminus\b|\btimes\b)\s?\(?\s?[$]?\d", re.IGNORECASE)
_STOP = re.compile(r"[.;!?](?=\s|$)|[。；\n(（]")
_TOLD = re.compile(
    r"(?:which is|that is|i\.e\.|equals|so|gives?|makes?|total of|得|共|等于)\s*,?\s*(?=[-$€£]?\d)", re.IGNORECASE
)
_SECOND = re.compile(
    rf"^{_UNIT}[\s,(]*(?:(?<![A-Za-z])or|或者?|还是|(?<![A-Za-z])(?:maybe|possibly|perhaps|but (?:it )?(?:could|might|may) be))"
    r"(?:\s+(?:maybe|possibly|perhaps|even|else|about|is it))*\s*\(?(?=[-$€£]?\d)"
    r"|^\s?(?:/|~|–|-|to|and|&|,|和|到|至|、)\s?(?=[$]?\d)",
    re.IGNORECASE,
)


def number(statement: Statement) -> Fraction | None:
    """A reader of one number. In a hash or a retraction the number has to stand alone; a conclusion may be one step of many."""
    if statement.mark in ("conclusion", "last"):
        return None
    return read_number(statement.text, alone=statement.mark in ("hash", "retraction"))


def read_number(text: str, alone: bool = False) -> Fraction | None:
    """The number that a statement gives: after the last "=", else in bold or a box, else the first one."""
    marked = re.findall(r"\*\*([^*\n]{1,60})\*\*|\\boxed\{([^{}\n]{1,60})\}", text[:_MAX])
    plain = _plain_number(text)
    plain = _corrected(plain, lambda part: bool(numbers(part)))
    found = numbers(plain)
    if not found:
        return _in_words(plain)
    start, end, value = found[0]
    if alone:
        before, after = plain[:start].strip(" :=~≈"), plain[end:]
        return value if not before and re.fullmatch(rf"{_UNIT}[\s.。!)]*", after) else None
    if re.search(r"\b(?:between|either|from)\s*$", plain[:start], re.IGNORECASE) and len(found) > 1:
        raise Undecided(plain[:100])
    stop = _STOP.search(plain, end)
    clause = plain[: stop.start()] if stop else plain
    if equals := [match.start() for match in re.finditer("[=≈]", clause)]:
        results = numbers(clause[equals[-1] + 1 :])
        lone = start < equals[0] and re.fullmatch(rf"{_UNIT}\s*", plain[end : equals[0]]) and not plain[:start].strip()
        if not results or (lone and _OPERATOR.match(clause[equals[-1] + 1 :], results[0][1])):
            return value
        return results[0][2]
    if told := re.search(r"\b(?:so|thus|hence|therefore)\b[^\d.;]{0,20}?(?=[-$€£]?\d)", clause[end:], re.IGNORECASE):
        return numbers(clause[end + told.end() :])[0][2]
    if _SECOND.search(plain[end:]) and len(found) > 1 and found[1][2] != value:
        raise Undecided(plain[:100])
    if start > 3 and len(found) > 1:
        for part in reversed([one or other for one, other in marked]):
            if inside := numbers(_plain_number(part)):
                return inside[0][2]
        if told := _TOLD.search(plain, start):
            return numbers(plain[told.end() :])[0][2]
    return value


def last_number(text: str) -> Fraction | None:
    """The last number of a text, as a conclusion without a mark has it."""
    found = numbers(_plain_number(text))
    if not found:
        return None
    if len(found) > 1 and found[-2][2] != found[-1][2]:
        between = _plain_number(text)[found[-2][1] : found[-1][1]]
        if re.match(rf"{_UNIT}[\s,]*(?:(?<![A-Za-z])or|或者?|还是)\s*(?:maybe |possibly |perhaps )?[$€£]?\d", between, re.IGNORECASE):
            raise Undecided(between)
    return found[-1][2]


def _plain_number(text: str) -> str:
    text = _SEPARATOR.sub("", text[-100_000:])
    text = _FRACTION.sub(r"\1/\2", text)
    text = text.replace("\\times", "×").replace("\\%", "%").replace("\\approx", "≈").replace("−", "-")
    return _CURRENCY.sub("", _LAYOUT.sub("", _COMMANDS.sub("", text)).replace("＝", "="))


def numbers(text: str) -> list[tuple[int, int, Fraction]]:
    """The numbers of a text in order, as (start, end, value)."""
    found = []
    for match in _NUMBER.finditer(text):
        whole, part = match["whole"], match["part"]
        if whole is None and part is None:
            continue
        value = Fraction(re.sub(r"\D", "", whole or "0") + (part or ""))
        if match["under"] and int(match["under"]):
            value /= int(match["under"])
        if match["power"]:
            value *= Fraction(10) ** int(match["power"])
        if match["scale"]:
            value *= _SCALES[match["scale"].lower()]
        start = match.start("sign") if match["sign"] else match.start()
        found.append((start, match.end(), -value if match["sign"] else value))
    return found


def _in_words(text: str) -> Fraction | None:
    """A number in English or Chinese words, up to 999, at the start of a text; "one" alone is rarely a number."""
    words = re.findall(r"[a-z]+", text.lower().replace("-", " ").replace(" and ", " "))[:6]
    while words and words[0] in ("the", "it", "is", "a", "there", "are", "exactly", "total", "of", "about", "only", "just"):
        words.pop(0)
    total, seen = 0, False
    for word in words:
        if word in _WORD_VALUES:
            if word in _SMALL and seen and total % 10:
                raise Undecided(text[:100])
            total, seen = total + _WORD_VALUES[word], True
        elif word == "hundred" and seen:
            total *= 100
        else:
            break
    if seen:
        rest = text.lower().replace("-", " ")
        if re.search(rf"\bor (?:{'|'.join(_WORD_VALUES)})\b", rest):
            raise Undecided(text[:100])
        return Fraction(total)
    match = re.match(r"\W*(?:是|为|共|一共|总共|有)*([零〇一二三四五六七八九两]?十?[零一二三四五六七八九]?)(?![\w])|\W*([零〇一二三四五六七八九两十]{1,3})(?=[个只件本张次种位])", text)
    digits = (match[1] or match[2] or "") if match else ""
    if not digits:
        return None
    if "十" in digits:
        left, _, right = digits.partition("十")
        return Fraction((_CHINESE[left] if left else 1) * 10 + (_CHINESE[right] if right else 0))
    return Fraction(_CHINESE[digits]) if len(digits) == 1 else None


# --- words ---------------------------------------------------------------------------------------------------------------

_BEFORE_WORD = re.compile(
    r"(?:\s|[\"'“”(:,.-]|(?:the|an?|it|this|that|is|it's|statement|sentence|argument|expression|answer|clearly|definitely|probably|likely"
    r"|therefore|thus|so|hence|simply|either|evaluates to|deductively|logically|be)(?![A-Za-z])|是|为|应该|应|就)",
    re.IGNORECASE,
)
_WORD = re.compile(r"(not (?:[a-z]+ly )?(?=valid|true)|不(?=是|对|正确|成立)|無|无(?=效))?(是否定的?|是的|[A-Za-z]+|正确|错误|不正确|有效|效|肯定|否定|成立|[是否真假对错])")


def word(words: Mapping[str, str]) -> Callable[[Statement], str | None]:
    """A reader of one of a few words, such as yes and no; `words` maps every spelling (lowered) to its meaning."""

    def read(statement: Statement) -> str | None:
        found = read_word(statement.text, words)
        if statement.mark in ("hash", "retraction", "conclusion", "last") and found is not None:
            text = bare(statement.text)
            return found if re.match(r"[\W是]*(?:not )?[^\W_]+\W*(?:$|[,;.!。，])", text) else None
        return found

    return read


def read_word(text: str, words: Mapping[str, str]) -> str | None:
    """The meaning of the word that a statement starts with."""
    text = _corrected(bare(text), lambda part: _word_at(part, words) is not None)
    found = _word_at(text, words)
    if found is None:
        return None
    meaning, rest = found
    if joined := re.match(r"[)\"'.]*\s*(?:or|and|/|\||或者?|还是|、|,\s*(?:or|maybe|but also))\s*(?:maybe |possibly |perhaps |else )*", rest, re.IGNORECASE):
        second = _word_at(rest[joined.end() :], words)
        if second is not None and second[0] != meaning:
            raise Undecided(text[:100])
    return meaning


def _word_at(text: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    start = 0
    while True:
        match = _WORD.match(text, start)
        if match and (meaning := words.get(f"{'not ' if (match[1] or '').startswith('not') else match[1] or ''}{match[2]}".lower())) is not None:
            return meaning, text[match.end() :]
        lead = _BEFORE_WORD.match(text, start)
        if lead is None:
            return None
        start = lead.end()


# --- text ----------------------------------------------------------------------------------------------------------------

_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(\S.*)$", re.MULTILINE)
_AFTERTHOUGHT = re.compile(
    r"\s*(?:[,;(—]|\s[-–])?\s*\b(?:because|since|as (?:the|it|they|he|she)|which (?:is|are|was|were|means)|who|i\.e\.|based on|according to|so that)\b.*$"
    r"|\s*[(（][^()（）]*[)）]?\s*[.。]?$|(?<=[\w)\]\"'%*`”’$}]{2})[.。!]\s+(?=[A-Z\"'(一-鿿]).*$|(?<=[a-z)\]\"'\d])\s*[—–]\s.*$",
    re.DOTALL,
)
_NO_CONTENT = re.compile(
    r"(?:found|obtained|given|determined|calculated|derived|reached|clear|correct|right|wrong|simple|by|based|because|therefore|as follows"
    r"|not|that|what|which|how|below|above|here|in the|unique|one of|about|the (?:same|following|one|sum|product|difference|result)"
    r"|to)\b",
    re.IGNORECASE,
)


def literal_list(text: str) -> list[str] | None:
    """The items of a list that a text starts with, in JSON's or Python's quotes; a tuple or set of Python counts too."""
    text = text.strip()
    if text[:1] not in "[({":
        return None
    for end in sorted({match.end() for match in re.finditer(r"[\])}]", text[:_MAX])}, reverse=True)[:20]:
        for parse in (parse_json, _python):
            value = parse(text[:end])
            if isinstance(value, list | tuple | set) and value and all(isinstance(item, str | int | float) for item in value):
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
    text = _undressed(statement.text)
    if refuses(text) or not text or (statement.mark == "sentence" and _NO_CONTENT.match(text)):
        return None
    if statement.mark in ("conclusion", "last") or statement.mark in ("hash", "retraction") and len(text.split()) > 6:
        return None
    text = corrected(text)
    if equation := re.fullmatch(r"[-\d\s+*/×÷().,$]+=\s*([^=]+)", text):
        text = equation[1]
    if (items := literal_list(text) or literal_list(statement.block)) is not None:
        return [_undressed(item) for item in items]
    if _BULLET.match(statement.text) and len(items := list(bullets(statement.block))) > 1:
        return [_undressed(item) for item in items]
    text = re.sub(r"^(?:[-*•]|1[.)])\s+", "", text)
    if _loose(text) not in passage:
        text = _undressed(_AFTERTHOUGHT.sub("", text) or text)
    if _loose(text) in passage or not text:
        return [text] if text else None
    if re.search(r"\bor\b|或|\s/\s", text):
        raise Undecided(text[:100])
    parts = [_undressed(part) for part in re.split(r"\s*[,;，；、]\s*(?:and\s+|和)?|\s+and\s+|\s*和\s*|\s*&\s*", text)]
    if len(parts) > 1 and all(part and _loose(part) in passage for part in parts):
        return parts
    return [text]


def _loose(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+", text.lower()))
    return f" {words} "


def _undressed(text: str) -> str:
    """The text without boxes, commands, Markdown and the quotes around it, and without a final full stop."""
    text = _TAGS.sub("", text[:_MAX])
    text = re.sub(r"\\[()\[\]](?=\s|$|\W)|(?<!\w)\\[(\[]|\\(?=[%$&#])|\*\*|`|__", "", _unboxed(text))
    text = text.strip().strip("*_$ ").strip()
    while len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text = text[1:-1].strip()
    stripped = text.rstrip(".。 ")
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
    return _COMMANDS.sub("", text)


def phrase(statement: Statement) -> str | None:
    """A reader of free text: the statement without its dress, or None where it only introduces something."""
    text = _undressed(statement.text)
    if not text or refuses(text) or statement.mark in ("conclusion", "last") or (statement.mark == "sentence" and _NO_CONTENT.match(text)):
        return None
    return text


def undressed(text: str) -> str:
    """A text without boxes, LaTeX commands of layout, Markdown, quotes around it and a final full stop."""
    return _undressed(text)


def bullets(block: str) -> Sequence[str]:
    """The items of the bulleted or numbered list that a block starts with."""
    return _BULLET.findall(block.strip().partition("\n\n")[0])


# --- conclusions: responses without any statement ------------------------------------------------------------------------

_SO = re.compile(
    r"(?:(?:\b(?:so|thus|hence|therefore|finally|in conclusion|overall|consequently|accordingly)\b|所以|因此|故|综上)[\s,:，：]{0,3})+",
    re.IGNORECASE,
)
_MUST_BE = re.compile(
    r"(?:it|that|this|the \w+|we)(?:'s| is| are| must be| has to be| should be| can only be| get| have| choose| pick)\s+", re.IGNORECASE
)


def _last_line(text: str) -> str:
    lines = (line.strip() for line in reversed(text.rstrip().split("\n")))
    return bare(next((line for line in lines if re.search(r"\w", line)), ""))


def _conclusion(text: str) -> str:
    """What the last line concludes: the part after its last "so" or "therefore", or the line."""
    line = _last_line(text)
    found = [match for match in _SO.finditer(line) if not match.start() or line[match.start() - 1] in " ,.;(:，。；"]
    rest = line[found[-1].end() :] if found else line
    must = _MUST_BE.match(rest)
    return rest[must.end() :] if must else rest


def concluded_choice(text: str, options: Mapping[str, str]) -> str | None:
    """The letter that the last line consists of, or concludes with: "B", "(B) the boat", "so it must be (B)."."""
    rest = _conclusion(text)
    lead = _leading(rest, options)
    if lead is not None:
        letter, after = lead
        _refuse_second(letter, after, options)
        alone = not re.search(r"\w", after) or _words(after.lstrip(").: -")) == _words(options[letter])
        return letter if alone or rest != _last_line(text) and not _WRONG.match(after) else None
    return _named(rest, options, whole=True)


_WRONG = re.compile(r"\W*(?:is|are|was|were|does|do|cannot|can't|could|may|might|seems?)\b", re.IGNORECASE)


def last_named(text: str, options: Mapping[str, str]) -> str | None:
    """The letter that the last line concludes with, else the option whose text stands last, outside a negation."""
    if (letter := concluded_choice(text, options)) is not None:
        return letter
    line = _words(_last_line(text))
    plain = {letter: _words(option) for letter, option in options.items() if _words(option)}
    for said in (line, _words(text[-3 * _MAX :])):
        spots = {letter: _mention(said, option, plain.values()) for letter, option in plain.items()}
        named = {letter: spot for letter, spot in spots.items() if spot is not None}
        joined = re.search(r" or (?:the |an? )?$", said[: max(named.values(), default=0) + 1])
        if len(named) > 1 and joined and any(f"{plain[letter].rstrip()} or" in said for letter in named):
            raise Undecided(said[-100:])
        if named:
            return max(named, key=lambda letter: named[letter])
    return None


def concluded_word(text: str, words: Mapping[str, str]) -> str | None:
    """The word that the last line concludes with, or that the response starts with."""
    for part in (_conclusion(text), bare(text.strip().partition("\n")[0])):
        if (found := read_word(part, words)) is not None:
            return found
    return None


def concluded_number(text: str) -> Fraction | None:
    """The number that the last line with one concludes with."""
    found = [line for line in text.split("\n")[-40:] if numbers(_plain_number(line))]
    return last_number(found[-1]) if found else None


def concluded_phrase(text: str) -> list[str] | None:
    """The last line where it is an answer by itself: in bold, or a few words after "so" or "therefore"."""
    line = text.rstrip().rpartition("\n")[2].strip()
    if bold := re.fullmatch(r"(?:\*\*|`|\$)([^*`$]{1,200})(?:\*\*|`|\$)\.?", line):
        return [_undressed(bold[1])]
    rest = _conclusion(text)
    if rest != bare(line) and len(rest.split()) <= 6 and rest.strip():
        return [_undressed(rest)]
    return None
