"""Reads an option's letter out of a statement, or out of a response that ends in one without a statement.

A reader of `eval.scorers.reading` gets a `Statement` and returns its value, or None where the statement holds none of the kind;
it raises `Undecided` where the statement offers several.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from eval.scorers.dress import MAX_CHARS, bare, conclusion, corrected_where, last_line
from eval.scorers.reading import Statement, Undecided

_LEAD = re.compile(  # one word or sign before the letter
    r"[^\w(\[（<{【「『]"
    r"|(?:the|an?|la|el|le|die|opción|opcion|opção|opzione|lettre|letra|only|correct|right|best|most)\s"
    r"|(?:definitely|clearly|probably|likely|surely|certainly|indeed|therefore|thus|so|hence|obviously|simply|again|still"
    r"|i think|i believe|i guess|it is|it's|that is|this is|it|this|would be|should be|must be|is|option|choice|letter"
    r"|answer|either|both|statement)(?![A-Za-z])|选项|选择|选|是|为|应该|就|第",
    re.IGNORECASE,
)
_LEADS = 24  # of these that are skipped
_BRACKETED = r"[(\[<【「『]\s?(?P<inside>[A-Za-z])\s?[)\]>】」』]"
_LETTER = re.compile(rf"{_BRACKETED}|(?P<bare>[A-Z])(?P<close>\)?)(?![A-Za-z0-9_'’]|[-+#/.]\w*[a-z])")
# A word that can follow the letter A as an answer, but not the article: "A because", "A is right".
_NO_NOUN = re.compile(
    r"\s*(?:$|[^\w\s(\"']|\(|(?:because|since|as|is|are|was|for|due|and|or|but|so|if|when|that|which|the|this|these|it|its"
    r"|in|on|by|with"
    r"|has|have|would|could|should|must|will|can|not|an?|i|we|you|he|she|they|there|here|based|according|given|from|to|also"
    r"|only)\b"
    r"|[^\x00-\x7f])",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|isn't|neither|nor|never|except|excluding|than|instead of|rather than|unlike)\s+(?:the |an? |option |choice "
    r"|answer )*"
    r"[\s\"'(]*$|(?:不是|而非|并非)[\s(]*$",
    re.IGNORECASE,
)
_THEREFORE = re.compile(
    r"(?:\b(?:so|thus|hence|therefore|option|choice|answer|letter|i\.e\.|namely|meaning|which is|that is|choose|pick|select"
    r"|but|is|it's|be)"
    r"|=>|->|→|⇒|即|选|所以|因此)[\s,:]*(?:the |option |choice |answer |it is |is )*[\"'(]*$",
    re.IGNORECASE,
)
_JOINT = (
    r"(?:\s|,|;|/|&|、|\||\bor\b|\band\b|\balso\b|\beither\b|\belse\b|\bmaybe\b|\bpossibly\b|\bperhaps\b|\beven\b|\bboth\b"
    r"|\bbut\b|\bjust\b"
    r"|\bcould be\b|\bmight be\b|\bmay be\b|\balternatively\b|\boption\b|\bchoice\b"
    r"|或者|或|和|与|及|也可能是?|可能是?|还是|以及|是)"
)
_JOINED = re.compile(
    rf"[)\]\"'.]*\s*(?:\(\s*)?(?=[\s,;/&、|或和与及也可还以(]|or\b|and\b)(?P<joint>{_JOINT}{{1,12}})[(\"']*",
    re.IGNORECASE,
)


_RULED_OUT = re.compile(
    r"\W*(?:is|was|are|seems)\s+(?:wrong|incorrect|not|false|out|impossible)\b|\W*(?:cannot|can't|can be ruled)\b",
    re.IGNORECASE,
)


def choice(options: Mapping[str, str]) -> Callable[[Statement], str | None]:
    """A reader of the letter of one of the options, which are given as letter: text (the text may be "")."""

    def read(statement: Statement) -> str | None:
        if statement.mark in ("hash", "retraction", "conclusion", "alone"):
            return _alone(bare(statement.text), options, statement.mark == "alone")
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
    text = corrected_where(bare(text), lambda part: _leading(part, options) is not None)
    lead = _leading(text, options)
    if lead is not None and not _RULED_OUT.match(lead[1]):
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
    start = 0
    for _ in range(_LEADS):
        match = _LETTER.match(text, start)
        if match is not None and (letter := match["inside"] or match["bare"]).upper() in options:
            rest = text[match.end() :]
            enclosed = match["inside"] or match["close"] or rest[:1] in ('"', "'")
            if enclosed or letter not in "AI" or _NO_NOUN.match(rest):
                return letter.upper(), rest
        lead = _LEAD.match(text, start)
        if lead is None:
            break
        start = lead.end()
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
        if _RULED_OUT.match(text, match.end()):
            continue
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
    spots = {
        letter: spot for letter, option in plain.items() if (spot := _mention(said, option, plain.values())) is not None
    }
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
            (start := said.find(other, max(0, at - len(other)))) >= 0 and start <= at < start + len(other)
            for other in longer
        )
        if not covered and not _NEGATED.search(said[: at + 1]):
            return at
        if at == 0:
            break
        at -= 1
    return None


def concluded_choice(text: str, options: Mapping[str, str]) -> str | None:
    """The letter that the last line consists of, or concludes with: "B", "(B) the boat", "so it must be (B)."."""
    rest = conclusion(text)
    lead = _leading(rest, options)
    if lead is not None:
        letter, after = lead
        _refuse_second(letter, after, options)
        alone = not re.search(r"\w", after) or _words(after.lstrip(").: -")) == _words(options[letter])
        return letter if alone or (rest != last_line(text) and not _WRONG.match(after)) else None
    return _named(rest, options, whole=True)


_WRONG = re.compile(r"\W*(?:is|are|was|were|does|do|cannot|can't|could|may|might|seems?)\b", re.IGNORECASE)


def last_named(text: str, options: Mapping[str, str]) -> str | None:
    """The letter that the last line concludes with, else the option whose text stands last, outside a negation."""
    if (letter := concluded_choice(text, options)) is not None:
        return letter
    line = _words(last_line(text))
    plain = {letter: _words(option) for letter, option in options.items() if _words(option)}
    for said in (line, _words(text[-3 * MAX_CHARS :])):
        spots = {letter: _mention(said, option, plain.values()) for letter, option in plain.items()}
        named = {letter: spot for letter, spot in spots.items() if spot is not None}
        joined = re.search(r" or (?:the |an? )?$", said[: max(named.values(), default=0) + 1])
        if len(named) > 1 and joined and any(f"{plain[letter].rstrip()} or" in said for letter in named):
            raise Undecided(said[-100:])
        if named:
            return max(named, key=lambda letter: named[letter])
    return None
