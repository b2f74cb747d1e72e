"""Reads a number out of a statement, or the number that a response without a statement ends with.

A reader of `eval.scorers.reading`, see `eval.scorers.choices`. A number may be grouped, in a currency, a fraction, in words,
or the result of an equation.
"""

import re
from fractions import Fraction

from eval.scorers.dress import COMMANDS, LAYOUT, MAX_CHARS, corrected_where
from eval.scorers.reading import Statement, Undecided

_GROUPS = r"\d{1,3}(?:[,'’ \u2009\u202f\xa0]\d{3})+(?![\d])"
_DIGITS = r"\d{1,40}"
_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.])(?P<sign>[-−]|negative |minus )?(?:[$€£¥₹]\s?)?(?P<whole>{_GROUPS}"
    rf"|{_DIGITS})?(?P<part>\.\d{{1,40}})?"
    r"(?:\s?/\s?(?P<under>\d{1,20})(?![\d/]))?(?:\s?[x×]\s?10\^\(?(?P<power>-?\d{1,2})\)?|\s?(?P<scale>thousand|million"
    r"|billion|k\b))?",
    re.IGNORECASE,
)
_CURRENCY = re.compile(r"(?<![A-Za-z])(?:Rs|INR|USD|EUR|GBP|CAD|AUD|RMB|CNY|US|HK|NT|C|A)\.?\s?(?=[$€£¥₹]?\s?\d)")
_SEPARATOR = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!;: ])(?=\d)")  # LaTeX's between thousands
_PRODUCT = re.compile(r"(?<=[\d)])\s?\*\s?(?=[\d$(])")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{?\s?(-?\d{1,20})\s?\}?\s?\{?\s?(\d{1,20})\s?\}?")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "k": 10**3}
_SMALL = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
    ),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
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
    if statement.mark in ("conclusion", "alone"):
        return None
    return read_number(statement.text, alone=statement.mark in ("hash", "retraction"))


def read_number(text: str, alone: bool = False) -> Fraction | None:
    """The number that a statement gives: after the last "=", else in bold or a box, else the first one."""
    marked = re.findall(r"\*\*([^*\n]{1,60})\*\*|\\boxed\{([^{}\n]{1,60})\}", text[:MAX_CHARS])
    plain = _plain_number(text)
    plain = corrected_where(plain, lambda part: bool(numbers(part)))
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
        right = clause[equals[-1] + 1 :]
        if _SECOND.search(right[results[0][1] :]) and len(results) > 1 and results[1][2] != results[0][2]:
            raise Undecided(plain[:100])
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
        if re.match(
            rf"{_UNIT}[\s,]*(?:(?<![A-Za-z])or|或者?|还是)\s*(?:maybe |possibly |perhaps )?[$€£]?\d",
            between,
            re.IGNORECASE,
        ):
            raise Undecided(between)
    return found[-1][2]


def _plain_number(text: str) -> str:
    text = _SEPARATOR.sub("", text[-100_000:])
    text = _FRACTION.sub(r"\1/\2", text)
    text = _PRODUCT.sub(" × ", text)
    text = text.replace("\\times", "×").replace("\\%", "%").replace("\\approx", "≈").replace("−", "-")
    return _CURRENCY.sub("", LAYOUT.sub("", COMMANDS.sub("", text)).replace("＝", "="))


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
    while words and words[0] in (
        "the",
        "it",
        "is",
        "a",
        "there",
        "are",
        "exactly",
        "total",
        "of",
        "about",
        "only",
        "just",
    ):
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
    match = re.match(
        r"\W*(?:是|为|共|一共|总共|有)*([零〇一二三四五六七八九两]?十?[零一二三四五六七八九]?)(?![\w])|\W*([零〇一二三四五六七八九两十]{1,3})(?=[个只件本张次种位])",
        text,
    )
    digits = (match[1] or match[2] or "") if match else ""
    if not digits:
        return None
    if "十" in digits:
        left, _, right = digits.partition("十")
        return Fraction((_CHINESE[left] if left else 1) * 10 + (_CHINESE[right] if right else 0))
    return Fraction(_CHINESE[digits]) if len(digits) == 1 else None


def concluded_number(text: str) -> Fraction | None:
    """The number that the last line with one concludes with."""
    found = [line for line in text.split("\n")[-40:] if numbers(_plain_number(line))]
    return last_number(found[-1]) if found else None
