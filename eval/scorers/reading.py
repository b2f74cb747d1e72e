r"""Reads the answer out of a model's response. This is the one rule that every scorer follows.

1. What counts of a response: everything outside `<think>` tags, up to the first new question ("Q: ...", "User: ...", an
   end-of-text token) that follows a stated answer.
2. Candidates are the explicit statements in that text, by kind of mark:
   - line: "Answer: X", "**Final Answer**" above X, "答案：X", and the same word in other languages;
   - sentence: "the correct answer is X", "I choose X", "X is the right option", "答案是X", "故选X";
   - box: `\boxed{X}`; neighbouring boxes are one statement;
   - hash: "#### X", where X stands alone on its line;
   - tag: `[ANSWER]X[/ANSWER]`, `<answer>X</answer>`, `<solution>X</solution>`;
   - retraction: "Wait, it is X", where X stands alone;
   - conclusion: "Therefore, X.", "So it must be X", "X is correct", where X stands alone (options and words only);
   - alone: a first or last line that is X and nothing else (options and words only).
   A negation ("the answer is not X"), a condition ("if the answer is X") and a question are no statements.
3. The latest statement that holds an answer of the wanted kind wins. A tentative one ("the answer could be X") counts only
   where no firm one can be read.
4. A hedge ("(A) or (B)", "5 or 6", "yes or no") and a refusal ("cannot be determined") are no answer, and no earlier
   statement stands in for them.
5. Without a readable statement, the conclusion counts where the scorer allows it: the last line.

How an answer of a kind is written is read by `eval.scorers.choices`, `numbers` and `texts`. A benchmark whose own code reads
responses differently follows that code, and its scorer's docstring names it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from json import JSONDecoder, dumps
from typing import Literal, TypeVar

from build.core.model_text import split_thinking
from eval.scorers.extract import boxes, tail

T = TypeVar("T")
Mark = Literal["line", "sentence", "box", "hash", "tag", "retraction", "conclusion", "alone"]
_MAX_STATEMENTS = 40  # how many are tried, the latest first
_MAX_CONTENT = 4000  # characters of one statement


class Undecided(ValueError):
    """Raised by a reader for a statement that names several answers, or declines to give one."""


@dataclass(frozen=True, slots=True)
class Statement:
    """An explicit statement: `text` is what it states (one line), `block` the text from there to the next statement."""

    mark: Mark
    at: int
    text: str
    block: str
    end: int
    firm: bool = True


Reader = Callable[[Statement], T | None]

_GAP = r"[ \t*_)\]}\"'`]{0,6}"
_COLON = r"(?:[:：]|[-=]>|→|⇒|＝|=(?!=)|(?<=\s)[-–—](?=\s))"
_ABOUT = r"(?:[ \t]+(?:choice|option|letter|value|number))?(?:[ \t]+(?:to|for|of|in)[ \t]+[^\n.:：?!;=]{1,60}?)?"
_WORDS = (
    r"(?:(?<![^\W_])(?:answers?|ans|(?:final|my|best|correct|right) (?:choice|option|letter|selection)"
    r"|réponse|respuesta(?: correcta| final)?|antwort|resposta(?: correta| final)?|risposta"
    r"|ответ)"
    r"|答案|选项|最终选择|我的选择|答え?|回答|正解|解答|정답|답)"
)
_LINE = re.compile(rf"{_WORDS}(?:[ \t]*\([^()\n]{{1,30}}\))?{_ABOUT}{_GAP}{_COLON}", re.IGNORECASE)
_HEADING = re.compile(
    r"^[ \t#>*_-]*(?:the |my )?(?:final |correct |right |best )?(?:answer|答案|最终答案)[ \t*_#]*"
    r"(?:$|(?=[ \t][*_]{0,2}[(\[$\\`])|(?=[ \t](?:[A-R][.)]?|[-$]?\d[\d.,]{0,20})[ \t]*$))",
    re.IGNORECASE | re.MULTILINE,
)
_NOUN = (
    r"(?:answers?|(?:correct|right|best|final|only|only possible) (?:option|choice|letter|one|selection|result|value|total"
    r"|number|output|solution|count|span)|sorted (?:list|order|words))"
)
_MIDDLE = (
    r"(?:[ \t]*(?:choice|option|letter|value|number|consistent|compatible|remaining|left"
    r"|here|then|thus|therefore|hence|now|\([^()\n]{1,20}\)|[\"*_,])){0,4}"
    r"(?:[ \t]+(?:to|for|of|in|with|that|which|we|you)[ \t]+[^\n.:：?!;=]{1,60}?)?[ \t*_]{1,4}"
)
_FIRM_VERB = (
    r"(?:is|are|was|were|will be|would be|should be|must be|has to be|ought to be|can only be|becomes|equals|remains|stays"
    r"|(?:turns|comes) out (?:to be|to|as)|comes to|appears to be|seems to be|therefore is|thus is|lies in)"
)
_ADVERBS = (
    r"(?:[ \t]+(?:therefore|thus|then|hence|clearly|simply|just|exactly|indeed|definitely|probably|(?:most )?likely"
    r"|given by|equal to)"
    r"\b[ \t]*,?){0,3}"
)
_SENTENCE = re.compile(
    rf"(?<![^\W_]){_NOUN}{_MIDDLE}(?:(?P<firm>{_FIRM_VERB})|(?:could|might|may"
    rf"|can) be)\b(?!n't)(?![ \t]+not\b){_ADVERBS}(?:[ \t]*[:：])?"
    r"|\bI(?:'d| would| will|'ll|'m| am| must| have to)?[ \t]+(?:therefore[ \t]+|thus[ \t]+)?"
    r"(?:choose|choosing|pick|picking|select|selecting|go with|going with|go for|going for|opt for|(?<=I'd )say"
    r"|(?<=I would )say)\b(?:[ \t]+(?:answer|option|choice)\b)?",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"(?<![^\W_])ans\.[ \t]+(?=[(\[$\dA-R])"
    r"|【(?:答案|正确答案)】[ \t]*[:：]?"
    r"|(?:答案|选项|结果|回答)[ \t]*(?:应该|应当|应|就|显然|因此|便|只能|必然|即)?[ \t]*"
    r"(?:是|为|選|选)(?!不|什么|多少|哪)[ \t]*[:：]?"
    r"|(?:故|所以|因此|应该?|我|则|于是|综上所?述?)[ \t，,]{0,3}(?:应该?|会)?(?:选择|选)[ \t]*[:：]?"
    r"|(?:la )?respuesta (?:correcta |final )?es\b|(?:la )?réponse (?:correcte |finale |exacte )?est\b"
    r"|(?:richtige |korrekte |endgültige )?antwort (?:ist|lautet)\b|(?:a )?resposta (?:correta |final )?é\b"
    r"|(?:la )?risposta (?:corretta |finale )?è\b|(?:答え|正解|解答)は|정답은|답은",
    re.IGNORECASE,
)
_OFFER = r"(?:(?:option|choice|answer)[ \t]+)?[*_]{0,2}(?:[(\[（][A-R][)\]）]|[A-HJ-R](?![\w'’]))[*_]{0,2}"
_REVERSED = re.compile(
    rf"(?<![\w'])((?:{_OFFER}[ \t]*(?:,|/|\bor\b|\band\b)[ \t]*)*{_OFFER}(?:[ \t][^\n.;:?!]{{1,60}}?)?)(?:,?[ \t]+which"
    rf"|,?[ \t]+that)?[ \t]+"
    r"(?:is|are|must be|has to be)[ \t]+(?:indeed[ \t]+|therefore[ \t]+|clearly[ \t]+)?"
    r"(?:correct\b(?=[ \t]*(?:[.,;!*)]|$|because|since|as\b))|the[ \t]+(?:only[ \t]+)?(?:correct|right|best|final)"
    r"(?:[ \t]+(?:answer|option|choice|one))\b|(?:the|my)[ \t]+answer\b|right(?=[ \t]*(?:[.!*]|$)))",
    re.MULTILINE,
)
_REVERSED_ZH = re.compile(
    r"((?:选项[ \t]*[（(]?[A-R][)）]?|[（(]?(?<![A-Za-z])[A-R][)）]?[ \t]*选?项))"
    r"[ \t]*(?:才?是)?(?:最?正确|对)的?(?=[ \t]*[。，,.;；!！]|\s|$"
    r"|答案|选项)"
)
_IS_ANSWER = re.compile(
    r"(?<!\S)((?:[^\s.,;:!?]{1,30}[ \t]+){0,3}[^\s,;:!?]{1,40})[ \t]+is[ \t]+(?:the|my|our)[ \t]+(?:final |correct "
    r"|right )?answer\b",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:wait|actually|correction|rather|sorry|hmm|no|hold on)\b[^\w\n]{0,4}(?:(?:no|wait|actually|so|then)\b[^\w\n]{0,3})*"
    r"(?:it(?:'s| is| should be| must be| has to be)|that(?:'s| is| should be)|i mean|make (?:that|it))\s",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(
    rf"(?<![^\W_]){_NOUN}{_MIDDLE}(?:is|are)[ \t]+not[ \t]+[^\n.;]{{1,60}}?,?[ \t]+but[ \t]+(?:rather[ \t]+|instead[ \t]+)?",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"(?:^|(?<=[.!?;]\s))[ \t*_]{0,4}(?:so|therefore|thus|hence|in conclusion|consequently)\b[ \t]*,?[ \t]*"
    r"(?:it(?:'s| is| must be| has to be| should be| can only be)[ \t]+|the one (?:is|must be)[ \t]+)?(?=\S)"
    r"|\b(?:that|this|which)[ \t]+leaves[ \t]+(?:us[ \t]+with[ \t]+)?(?:only[ \t]+)?"
    r"|(?:所以|因此|故)[ \t]*[，,]?[ \t]*(?:是|为)?(?=[^\s是为])",
    re.IGNORECASE | re.MULTILINE,
)
_HASH = re.compile(r"^[ \t]*####[ \t]*(?!#)", re.MULTILINE)
_TAG = re.compile(
    r"\[ANSWER\]|<(?:final_?)?answer>|<solution>|\[/ANSWER\]|</(?:final_?)?answer>|</solution>", re.IGNORECASE
)
_CLOSING = re.compile(r"[*_]{1,3}(?=\s)")
# What stands before a mark in its sentence and takes the statement away, or makes it tentative.
_VETO = re.compile(
    r"(?:\b(?:what|whether|if|how|why|which|where|when|unless|until|suppose|supposing|assume|assuming|nor|neither|not|isn't"
    r"|wrong|incorrect|false|other|another|alternative|possible|plausible|candidate|student'?s|their|his|her|whose)"
    r"\b(?:[ \t]+(?:that|is|was|the|an|a|my|our|your|correct|right|final|best|possible)\b){0,4}"
    r"|(?:不是|如果|若|假如|错误的?|是否))[ \t*_\"'(]*$",
    re.IGNORECASE,
)
_TENTATIVE = re.compile(
    r"\b(?:initial|first|draft|tentative|previous|earlier|preliminary|naive)[ \t*_]+(?:final |correct )?$",
    re.IGNORECASE,
)
_NEW_QUESTION = re.compile(
    r"^[ \t]{0,8}[#*>\[]{0,4}[ \t]{0,4}(?:(?:next |new )?(?:Q|question|problem|passage|exercise"
    r"|instruction)[ \t]*\d{0,3}[ \t]*[*\]]{0,3}"
    r"[ \t]*[:：](?!\w)|(?:user|human|input)[*]{0,2}:[ \t]*\S|(?:问题?|题目|用户|問題?)[ \t]*\d{0,3}[ \t]*[:：]|\[PYTHON\])"
    r"|<\|(?:im_start|start_header_id|user)\|>|\[INST\]",
    re.IGNORECASE | re.MULTILINE,
)
_END_OF_TEXT = re.compile(r"<\|(?:im_end|endoftext|eot_id|end_of_text|end)\|>|</s>")
_HEADER = re.compile(r"\s*(?:<\|[a-z_]+\|>|</?s>|assistant\s)*\s*")
_NOTHING = re.compile(
    r"(?:[\s*_`~#$:：-]|\\[\[\]()])*+(?:json|python|latex|text|plaintext)?(?:[\s*_`~#$-]|\\[\[\]()])*+"
)
_REFUSAL = re.compile(
    r"\W*(?:i (?:do not|don't|cannot|can't|can not|am not|'m not)|unknown\W*$|(?:it |this )?(?:cannot|can't|can not"
    r"|could not) be"
    r"|not enough|insufficient|unclear|undetermined|indeterminate|no answer|not sure|uncertain|impossible to"
    r"|无法|不知道|不确定)",
    re.IGNORECASE,
)
_OR_AFTER = re.compile(r"[\s$*_)\\\]]*(?:,?\s*(?:or|and|maybe|possibly|perhaps)\b|[/,&、]|或|和)", re.IGNORECASE)
_OR_BEFORE = re.compile(r"[^\n]{0,40}(?:\b(?:or|and)|[/&]|或|和)[\s$*_(\\\[]*$", re.IGNORECASE)


def answer(
    response: str,
    read: Callable[[Statement], T | None],
    conclude: Callable[[str], T | None] | None = None,
) -> T | None:
    """The answer that a response gives, or None.

    `read` returns what a statement answers, None where it holds no answer of the wanted kind, and raises `Undecided` for
    a hedge. `conclude` reads the remaining text where no statement could be read.
    """
    text, found = considered(response)
    try:
        for firm in (True, False):
            for number in range(len(found) - 1, max(-1, len(found) - 1 - _MAX_STATEMENTS), -1):
                if found[number].firm == firm and (value := _read(found, number, read)) is not None:
                    return value
        return conclude(text) if conclude is not None else None
    except Undecided:
        return None


def _read(found: list[Statement], number: int, read: Callable[[Statement], T | None]) -> T | None:
    statement = found[number]
    if statement.mark == "box":
        for outer in reversed(found[:number]):
            if outer.mark in ("line", "sentence", "tag") and outer.at < statement.at < outer.end:
                read(outer)  # raises where the line around the box is a hedge
                break
    value = read(statement)
    if value is None and _REFUSAL.match(statement.text):
        raise Undecided(statement.text[:100])
    return value


def refuses(text: str) -> bool:
    """Whether a statement declines to answer."""
    return _REFUSAL.match(text) is not None


def considered(response: str) -> tuple[str, list[Statement]]:
    """The part of a response that counts, and the statements in it in order of position."""
    text = tail(split_thinking(response)[1])
    header = _HEADER.match(text)
    text = text[header.end() if header else 0 :]
    if ended := _END_OF_TEXT.search(text):
        text = text[: ended.start()]
    found = list(_statements(text))
    first = next((statement.end for statement in found if statement.firm and statement.text), None)
    if first is not None and (new := _NEW_QUESTION.search(text, first)):
        text = text[: new.start()]
        found = list(_statements(text))
    return text, found


def _statements(text: str) -> Iterator[Statement]:
    """All statements in order. A line or sentence ends where the next one, a tag or a hash begins."""
    spots: list[tuple[int, int, Mark, bool]] = []  # where the mark starts, where its content starts
    for match in _LINE.finditer(text):
        _note(spots, text, match, "line", True)
    for match in _HEADING.finditer(text):
        _note(spots, text, match, "line", True)
    for match in _SENTENCE.finditer(text):
        firm = match["firm"] is not None or match[0][:1].lower() == "i"
        _note(spots, text, match, "sentence", firm)
    for match in _FOREIGN.finditer(text):
        _note(spots, text, match, "sentence", True)
    for match in _RETRACTED.finditer(text):
        _note(spots, text, match, "retraction", True)
    for match in _NOT_BUT.finditer(text):
        _note(spots, text, match, "sentence", True)
    for match in _CONCLUSION.finditer(text):
        spots.append((match.start(), match.end(), "conclusion", True))
    for match in _HASH.finditer(text):
        spots.append((match.start(), match.end(), "hash", True))
    opened: int | None = None
    closings: dict[int, int] = {}
    for match in _TAG.finditer(text):
        if "/" not in match[0]:
            opened = match.end()
            spots.append((match.start(), match.end(), "tag", True))
        elif opened is not None:
            closings.setdefault(opened, match.start())
            opened = None
    spots.sort()
    found: list[Statement] = []
    for number, (at, start, mark, firm) in enumerate(spots):
        later = number + 1
        while later < len(spots) and spots[later][0] < start:
            later += 1
        following = spots[later][0] if later < len(spots) else len(text)
        if mark == "tag":
            closed = start in closings
            stop = min(closings[start] if closed else len(text), start + _MAX_CONTENT)
            line = _first_line(text[start:stop])
            end = stop if closed else start + text[start:stop].find(line) + len(line)
            found.append(Statement("tag", at, line, text[start:stop], end))
            continue
        block = text[start : min(following, start + _MAX_CONTENT)]
        line = block.partition("\n")[0].strip() if mark == "hash" else _first_line(block)
        if text[at - 1 : at] in ('"', "'") and (value := _json_value(block)) is not None:
            found.append(Statement(mark, at, value, value, start + len(line), firm))
            continue
        end = start + (block.find(line) + len(line) if line else 0)
        if line and (firm or mark != "sentence" or "?" not in line[-3:]):
            found.append(Statement(mark, at, line, block, end, firm))
    found += _boxed(text)
    found += _last_line(text, found)
    if not any(statement.at <= len(text) - len(text.lstrip()) + 1 for statement in found):
        found += _first_line_alone(text)
    found += _backwards(text)
    found.sort(key=lambda statement: statement.at)
    return iter(found)


def _json_value(block: str) -> str | None:
    """The value that follows a key of JSON, as text."""
    if quoted := re.match(r"\s*'([^'\n]*)'", block):
        return quoted[1]
    try:
        value = JSONDecoder().raw_decode(block.lstrip())[0]
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else dumps(value)


def _note(spots: list[tuple[int, int, Mark, bool]], text: str, match: re.Match[str], mark: Mark, firm: bool) -> None:
    before = text[max(0, match.start() - 60) : match.start()].rpartition("\n")[2]
    if match[0].startswith("\n"):
        before = ""
    if not _VETO.search(before):
        closing = _CLOSING.match(text, match.end())  # of "**Answer:** X"
        start = closing.end() if closing else match.end()
        spots.append((match.start(), start, mark, firm and not _TENTATIVE.search(before)))


def _first_line(block: str) -> str:
    """The first line with more than markup on it, without its outer blanks."""
    for line in block.split("\n"):
        if not _NOTHING.fullmatch(line):
            return line.strip()
    return ""


def _boxed(text: str) -> Iterator[Statement]:
    """Boxes; those with nothing but a connective between them are one statement."""
    groups: list[list[tuple[int, int, str]]] = []
    for start, end, content in boxes(text):
        between = text[groups[-1][-1][1] : start] if groups else None
        if between is not None and re.fullmatch(
            r"(?:[\s,;$&\\()\[\]*]|text|quad|\{|\}|and|or|和|或){0,30}", between, re.IGNORECASE
        ):
            groups[-1].append((start, end, content))
        else:
            groups.append([(start, end, content)])
    for group in groups:
        start, end = group[0][0], group[-1][1]
        stated = group[0][2]
        for (_, left, _), (right, _, content) in pairwise(group):
            joint = "or" if re.search(r"\bor\b|或", text[left:right], re.IGNORECASE) else ","
            stated += f" {joint} {content}" if joint == "or" else f", {content}"
        before, after = text[max(0, start - 60) : start].rpartition("\n")[2], text[end : end + 200].partition("\n")[0]
        whole = stated
        if _OR_BEFORE.search(before):
            whole = f"{before} {whole}"
        if _OR_AFTER.match(after):
            whole = f"{whole} {after}"
        yield Statement("box", start, whole.strip(), stated, end)


def _first_line_alone(text: str) -> Iterator[Statement]:
    """The first line, where it is short and no option of a list follows."""
    body = text.lstrip()
    lines = body.split("\n")
    after = next((other for other in lines[1:] if other.strip()), "")
    if 0 < len(lines[0]) <= 200 and not _OPTION_LINE.match(after):
        start = len(text) - len(body)
        yield Statement("alone", start, lines[0].strip(), lines[0], start + len(lines[0]))


def _last_line(text: str, found: list[Statement]) -> Iterator[Statement]:
    """The last line, where it is short and follows no list of options; a reader takes it only where its answer stands alone."""
    lines = text.rstrip().split("\n")
    line = lines[-1].strip()
    before = next((other for other in reversed(lines[:-1]) if other.strip()), "")
    if 0 < len(line) <= 200 and not _OPTION_LINE.match(before):
        start = len(text.rstrip()) - len(lines[-1])
        if any(statement.end > start for statement in found):
            return
        yield Statement("alone", start, line, line, start + len(lines[-1]))


_OPTION_LINE = re.compile(r"\W{0,6}[A-R](?:[).:]|\W{0,3}[)\]])")


def _backwards(text: str) -> Iterator[Statement]:
    """Statements whose answer stands before the verb: "(B) is the correct option", "18 is the answer"."""
    marks: tuple[tuple[re.Pattern[str], Mark], ...] = (
        (_REVERSED, "conclusion"),
        (_REVERSED_ZH, "conclusion"),
        (_IS_ANSWER, "sentence"),
    )
    for pattern, mark in marks:
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - 60) : match.start()].rpartition("\n")[2]
            if not _VETO.search(before):
                yield Statement(mark, match.start(), match[1], match[1], match.end())
