"""Holds a finished text against the trace of the run that it tells: each sentence is confirmed, refuted or left open.

The text is taken apart into statements (equations, comparisons, states, calls, rounds, folds) and each is looked for in the
timeline of the trace, from where the statement before it was found. What is stated and cannot be found anywhere is refuted;
what is not understood stays open. The check also says which steps of the run no sentence covers, which matters for a telling
that calls itself complete.
Nothing of the narrator is used here but the trace.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from build.proof.actions import Actions
from build.proof.atoms import closing, labels, parts, sentences
from build.proof.facts import places
from build.proof.moments import MISSING, Refuted, json_at
from build.proof.timeline import read_timeline
from build.proof.values import same

Status = Literal["confirmed", "refuted", "open"]

_SILENT = re.compile(
    r"(the|this inner) loop (ends|stops here|is not entered)|(the )?rest of this round is skipped|nothing to do"
    r"|which changes nothing|\w+ is done|after the loop"
)
_STATED = re.compile(
    r"`?\b([A-Za-z_]\w*)`?\s*(?:=|==|is(?: now)?|becomes|equals|to be)\s*`?(?=[-\d\[{\"]|true|false|null|None|True|False)"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence with what the trace says about it, and why where it is refuted."""

    sentence: str
    status: Status
    why: str = ""


@dataclass(slots=True)
class Report:
    """The sentences of a text in order, and the steps of the run that none of them covers, as source lines."""

    sentences: list[Judged] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    def count(self, status: Status) -> int:
        return sum(one.status == status for one in self.sentences)


def check_telling(
    text: str, code: str, events: Sequence[Mapping[str, Any]], result: str | None, strict: bool = False
) -> Report:
    """Judge a text about a run. `events` and `result` (canonical JSON) are of the trace of `code` on the input told.

    `strict`: the text tells this run and nothing else, so that an operation that the run does not have is refuted.
    """
    body = text.rpartition("\n\n{")[0] if "\n\n{" in text else text
    return judge(list(sentences(body)), code, events, result, strict)


def judge(
    told: Sequence[str], code: str, events: Sequence[Mapping[str, Any]], result: str | None, strict: bool = False
) -> Report:
    """As `check_telling`, of a text that is cut into sentences already."""
    if not events:
        return Report([Judged(one, "open") for one in told])
    checker = Checker(read_timeline(code, events), result, strict)
    report = Report([checker.judge(one.strip().rstrip(".")) for one in told])
    report.missing = checker.missing()
    return report


class Checker(Actions):
    """Judges sentences in order; remembers how far in the run they have come and what they have covered."""

    def judge(self, sentence: str) -> Judged:
        """What the trace says about a sentence."""
        self.label = None
        try:
            confirmed: bool | None = self.sentence(sentence)
        except Refuted as refuted:
            return Judged(sentence, "refuted", str(refuted))
        if not confirmed:
            confirmed = self.loosely(sentence)
        if confirmed is False:
            return Judged(sentence, "refuted", "a value that the variable never had")
        return Judged(sentence, "confirmed" if confirmed else "open")

    def missing(self) -> list[int]:
        """The lines of the steps that nothing covered."""
        points = {point.event: point for point in self.line.points}
        return [getattr(points[event].node, "lineno", 0) for event in self.line.due if event not in self.covered]

    def sentence(self, text: str) -> bool:
        """Whether a sentence holds at least one statement that is confirmed. Raises `Refuted`."""
        if match := re.fullmatch(r"[Ii] follow the steps with (.+)", text):
            return self.start(match.group(1))
        if match := re.fullmatch(r"[Ss]o the output is (.+)", text):
            return self.output(match.group(1))
        confirmed = False
        for piece in parts(text, "; "):
            confirmed |= self.piece(piece.strip())
        return confirmed

    def piece(self, text: str) -> bool:
        text = re.sub(r"^[Aa]fter the loop, ", "", text)
        folded = self.fold(text)
        if folded is not None:
            return folded
        confirmed = False
        found = parts(text, ": ")
        for head in found[:-1]:
            for clause in parts(head, ", so "):
                confirmed |= self.head(clause)
        rest = found[-1]
        for clause in parts(rest, ", so "):
            confirmed |= self.clause(clause)
        return confirmed

    def head(self, text: str) -> bool:
        """What stands before a colon: the label of a round, or a call."""
        if match := re.fullmatch(r"([A-Za-z_]\w*|[Tt]he function)\((.*)\)", text):
            return self.called(match.group(1), match.group(2), None)
        if re.fullmatch(r"round \d+", text):
            return True
        values = labels(text)
        if values is None:
            return self.clause(text)
        point = self.find(lambda point: point.kind == "round" and self.holds(values, point.variables), ahead=True)
        if point is None:
            if any(name in one.variables for one in self.line.points for name in values):
                raise Refuted(f"no round with {text}")
            return False
        stored = {name for each in self.line.points if each.kind == "step" for name in each.changed}
        stored |= self.line.reused
        self.label = ({name: value for name, value in values.items() if name not in stored}, point.frame)
        return True

    def clause(self, text: str) -> bool:
        text = text.strip()
        if not text or _SILENT.fullmatch(text):
            return False
        for place in places(text) if self.strict else ():
            if self.line.facts.deny("places", *place) or not self.near(place):
                raise Refuted(f"{place[0]} with the indices {', '.join(place[1:])} is not looked at here")
        found = self.whole(text)
        if found is not None:
            return found
        if self.strict and self.literal(("", text)) is not None:  # what an item of a comprehension gives
            return self.appears(text)
        match = re.match(r"[A-Za-z_]\w* is ", text)
        if match is not None and not re.search(r" = | and \w+ is ", text):  # "n is the length of arr, 3"
            phrase = parts(text[match.end() :], ", ")
            if len(phrase) > 1 and self.literal(("", phrase[-1])) is not None:
                self.phrase(", ".join(phrase[:-1]), phrase[-1])
                return bool(self.equation(f"{match.group()[:-4]} = {phrase[-1]}"))
        pieces = clauses(text)
        if len(pieces) > 1:
            confirmed = False
            for piece in pieces:
                confirmed |= self.clause(piece)
            return confirmed
        return bool(self.group(text))

    def whole(self, text: str) -> bool | None:
        """A clause of one of the forms that may hold commas; None where it has none of them."""
        text = (
            text[:1].lower() + text[1:]
            if re.match(
                r"(Append|Swap|Put|Add|Extend|Update|Remove|Insert|Take|Sort|Reverse|"
                r"Empty|Call|Go|Do|The|It|Discard|Together) ",
                text,
            )
            else text
        )
        if match := re.fullmatch(r"go through (.+?)(?: as ([\w ]+))?(?:, which changes nothing)?", text):
            return self.loop_head(match.group(1), match.group(2) or "")
        if match := re.fullmatch(r"do what follows (?:once|(\d+) times)", text):
            return self.repeated(int(match.group(1) or 1))
        if match := re.fullmatch(r"call (\w+)(?: with (.+))?", text):
            return self.called(match.group(1), match.group(2) or "", None)
        if match := re.fullmatch(r"(\w+) returns (.+)", text):
            return self.returned(match.group(1), match.group(2))
        if match := re.fullmatch(r"it yields (.+)", text):
            return self.event_of("yield", self.last_value(match.group(1)))
        if match := re.fullmatch(r"(\w+)(?:\(.*\))? fails with (\w+)", text):
            return self.fails(match.group(2))
        if match := re.fullmatch(r"(.+?) is (caught|raised)", text):
            if match.group(2) == "raised":
                return None if not re.fullmatch(r"\w+", match.group(1)) else self.fails(match.group(1))
            return self.event_of("handler", json.dumps(match.group(1)))
        match = re.match(r"([A-Za-z_]\w*|the function)\(", text)
        end = closing(text, match.end()) if match else -1
        if match and end > 0 and text.startswith((" = ", " is ", " does the same again"), end + 1):
            outcome = text[end + 1 :].replace(" does the same again", " again")
            return self.called(match.group(1), text[match.end() : end], outcome) or None
        if match := re.fullmatch(
            r"(append|add|put|extend|update|remove|discard|insert|take|sort|reverse|empty)\b (.+?)(?:, now (.+))?", text
        ):
            return self.effect(match.group(1), match.group(2), match.group(3))
        pieces = parts(text, " and ")
        if len(pieces) > 1 and re.fullmatch(r".+ is (not )?of type [\w.]+(?: or [\w.]+)*", pieces[0]):
            return bool(self.clause(pieces[0])) | self.clause(" and ".join(pieces[1:]))
        if match := re.fullmatch(r"(.+?) is (not )?of type ([\w.]+(?: or [\w.]+)*)", text):
            return self.typed(match.group(1), match.group(3).split(" or "), not match.group(2))
        if match := re.fullmatch(r"swap (.+)", text):
            return self.swapped(match.group(1))
        if match := re.fullmatch(r"(.+?) is now (.+)", text):
            return self.changed(match.group(1), match.group(2))
        if re.match(r"(together|the items give) ", text):
            return self.appears(text.partition(" ")[2].removeprefix("items give "))
        return None

    def start(self, text: str) -> bool:
        span = next(iter(self.line.calls.values()))
        for name, shown in span.arguments.items():
            if not isinstance(shown, str):
                continue
            match = re.search(rf"(?:^|, | and ){name} = ", text)
            if match is None:
                raise Refuted(f"{name} is not named")
            said = json_at(text, match.end())
            if said is MISSING or not self.equal(said, shown):
                raise Refuted(f"{name} is not that")
        return True

    def output(self, text: str) -> bool:
        said = json_at(text, 0)
        if self.result is None or said is MISSING:
            return False
        if not same(said, json.loads(self.result)):
            raise Refuted("the output is another")
        for event, kind in reversed(self.line.due.items()):  # what was handed up to here
            if event in self.covered or kind != "result":
                break
            self.covered.add(event)
        return True

    def loosely(self, text: str) -> bool | None:
        """Values that are stated of variables in other words; None where none is."""
        confirmed = None
        for match in _STATED.finditer(text):
            said = json_at(text, match.end())
            held = [point.variables[match.group(1)] for point in self.line.points if match.group(1) in point.variables]
            whole = [shown for shown in held if isinstance(shown, str)]
            if said is MISSING or not whole or len(whole) < len(held):
                continue
            if not any(self.equal(said, shown) for shown in whole):
                return False
            confirmed = True
        return confirmed


_PHRASED = re.compile(r"(?:[A-Za-z_][\w.\[\]]* is |[Tt]he (?:largest|smallest) of |\S+ with )")


def clauses(text: str) -> list[str]:
    """Clauses apart at commas; a phrase keeps the comma before its value: "n is the length of arr, 3"."""
    found: list[str] = []
    open_phrase = False
    for piece in parts(text, ", "):
        if found and piece.startswith("not "):
            found[-1] += f", {piece}"
            continue
        if open_phrase:
            found[-1] += f", {piece}"
            open_phrase = not re.search(r" is \S", found[-1]) if found[-1][:4].lower() == "the " else False
            continue
        found.append(piece)
        match = _PHRASED.match(piece)
        open_phrase = match is not None and not re.fullmatch(
            r".+ is (not )?(-?[\d.]+|true|false|null|empty|zero|\".*\"|[\[({].*|(less|greater|more|in|at) .*)", piece
        )
    return found
