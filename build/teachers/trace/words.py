"""Claims in words. Nothing is said here that is not in a claim."""

import re
from collections.abc import Sequence

from build.teachers.trace.claims import (
    Branch,
    Called,
    Changed,
    Claim,
    Computed,
    Condition,
    Fold,
    Handled,
    Jumped,
    Loop,
    Matched,
    Raised,
    Returned,
    Round,
    Sentence,
    Together,
    Yielded,
    each,
)
from build.teachers.trace.phrases import PREDICATES

_RELATIONS = {
    "==": ("equals", "does not equal"),
    "!=": ("differs from", "equals"),
    "<": ("is less than", "is at least"),
    "<=": ("is at most", "is more than"),
    ">": ("is greater than", "is at most"),
    ">=": ("is at least", "is less than"),
    "in": ("is in", "is not in"),
    "not in": ("is not in", "is in"),
    "is": ("is", "is not"),
    "is not": ("is not", "is"),
    "true": ("is true", "is false"),
    "empty": ("is empty", "is not empty"),
    "zero": ("is zero", "is not zero"),
    "null": ("is null", "is not null"),
    "type": ("is of type", "is not of type"),
    "counted": ("counts as true", "counts as false"),
}
_UNORDERED = {"<": "is not less than", "<=": "is not at most", ">": "is not greater than", ">=": "is not at least"}
_EFFECTS = {  # of methods that change what they belong to, by name and number of arguments
    ("append", 1): "append {1} to {0}",
    ("appendleft", 1): "put {1} in front of {0}",
    ("add", 1): "add {1} to {0}",
    ("extend", 1): "extend {0} by {1}",
    ("update", 1): "update {0} with {1}",
    ("remove", 1): "remove {1} from {0}",
    ("discard", 1): "discard {1} from {0}",
    ("insert", 2): "insert {2} into {0} at position {1}",
    ("pop", 0): "take the last item out of {0}",
    ("popleft", 0): "take the first item out of {0}",
    ("pop", 1): "take the item at {1} out of {0}",
    ("sort", 0): "sort {0}",
    ("reverse", 0): "reverse {0}",
    ("clear", 0): "empty {0}",
}
_LONG_SENTENCE = 90
_SHORT = 6  # characters of an argument that is written out though its variable has the same name and value


def words(main: Called) -> list[Sentence]:
    """The sentences that tell a call of `main_solution`."""
    writer = _Writer()
    inner = main.body[0] if len(main.body) == 1 else None
    if isinstance(inner, Called) and inner.arguments == main.arguments and inner.body and _plain_return(main):
        return words(inner)  # `main_solution` only hands its arguments on
    writer.write(main.body)
    if main.ending is not None and not _plain_return(main):
        writer.add(clause(main.ending), main.ending)
    writer.end()
    return writer.sentences


def _plain_return(main: Called) -> bool:
    """Whether what `main_solution` returns was told just now."""
    ending = main.ending
    return isinstance(ending, Returned) and len(ending.stages) == 1


class _Writer:
    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self.texts: list[str] = []
        self.claims: list[Claim] = []
        self.lead = ""
        self.rounds = 0  # deep
        self.after_loop = False
        self.facts: set[str] = set()  # what was said of values by themselves: "the length of arr is 3"

    def end(self) -> None:
        if self.texts:
            text = self.lead + "; ".join(self.texts)
            self.sentences.append(Sentence(_capital(text) + ".", self.claims))
            self.texts, self.claims, self.lead = [], [], ""

    def add(self, text: str, *claims: Claim) -> None:
        if not text:
            return
        if isinstance(claims[0], Computed) and not claims[0].target and (text in self.texts or text in self.facts):
            self.claims += claims  # read twice
            return
        if isinstance(claims[0], Computed) and not claims[0].target and claims[0].worded:
            self.facts.add(text)
        for claim in claims:
            if isinstance(claim, Condition):  # "the length of arr (3)" says what "the length of arr is 3" does
                self.facts |= {
                    f"{found[1]} is {found[2]}"
                    for side in (claim.left, claim.right)
                    if (found := _STATED.fullmatch(side))
                }
            elif isinstance(claim, Changed | Computed) and (name := re.match(r"\w+", claim.target)):
                self.facts = {fact for fact in self.facts if not re.search(rf"\b{name[0]}\b", fact)}
        if self.after_loop and not self.texts and not self.lead:
            text = f"after the loop, {text}"
        self.after_loop = False
        self.texts.append(text)
        self.claims += claims
        if not self.rounds and len("; ".join(self.texts)) > _LONG_SENTENCE:
            self.end()

    def write(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self.one(claim)

    def one(self, claim: Claim) -> None:
        if isinstance(claim, Branch):
            self.branch(claim)
        elif isinstance(claim, Loop):
            self.loop(claim)
        elif isinstance(claim, Called):
            self.called(claim)
        else:
            self.add(clause(claim), claim)

    def branch(self, claim: Branch) -> None:
        conditions = [one for one in claim.conditions if isinstance(one, Condition)]
        changed = [
            one for one in claim.conditions if isinstance(one, Changed)
        ]  # by testing them, and so told after them
        for one in claim.conditions:
            if not isinstance(one, Condition | Changed):
                self.one(one)
        said = " and ".join(clause(one) for one in conditions)
        body = claim.body
        if changed or not body or isinstance(body[0], Branch | Loop) or _large(body[0]):
            self.add(said, *conditions)
            self.write([*changed, *body])
            return
        first = body[0]
        self.add(f"{said}, so {clause(first)}" if said else clause(first), *conditions, first)
        self.write(body[1:])

    def loop(self, claim: Loop) -> None:
        if claim.comprehension:
            self.comprehension(claim)
            return
        count = sum(len(one.rounds) if isinstance(one, Fold) else 1 for one in claim.rounds)
        if not self.rounds:
            self.end()
        if claim.over or claim.names:
            names = " and ".join(claim.names)
            head = f"go through {claim.over}" + (f" as {names}" if names else "")
            if not names and count and claim.ended == "exhausted" and re.match(r"-?\d|the numbers from", claim.over):
                head = f"do what follows {'once' if count == 1 else f'{count} times'}"
            if not count:
                head += ", which changes nothing" if claim.ended == "exhausted" else ""
            self.add(head, claim)
            self.end()
        elif not claim.rounds:
            for part in claim.last:
                if not isinstance(part, Condition):
                    self.one(part)
            said = " and ".join(clause(part) for part in claim.last if isinstance(part, Condition))
            self.add(f"{said}, so the loop is not entered" if said else "the loop is not entered", claim)
            return
        else:
            self.end()
        self.rounds += 1
        for one in claim.rounds:
            self.round(one)
        self.rounds -= 1
        if claim.ended == "false":
            for part in claim.last:
                if not isinstance(part, Condition):
                    self.one(part)
            said = " and ".join(clause(part) for part in claim.last if isinstance(part, Condition))
            which = "this inner loop" if self.rounds else "the loop"
            self.add(f"{said}, so {which} ends" if said else f"{which} ends", *claim.last)
            self.end()
        elif claim.ended == "exhausted" and count:
            self.after_loop = True

    def round(self, one: Round | Fold) -> None:
        self.after_loop = False
        if isinstance(one, Fold):
            self.add(_fold(one), one)
            self.end()
            return
        if not one.body and not one.variables:
            return
        label = _label(one)
        if not one.body:
            self.add(f"{label}: nothing to do", one)
            self.end()
            return
        self.lead = f"{label}: " if label else ""
        self.claims.append(one)
        self.write(one.body)
        if self.lead and not self.texts:
            self.lead = ""
        self.end()

    def comprehension(self, claim: Loop) -> None:
        for part in claim.last:
            self.one(part)
        flat = [part for one in claim.rounds for part in (one.rounds if isinstance(one, Fold) else (one,))]
        if not any(one.body for one in flat):
            if claim.gives:
                self.add(f"the items give {claim.gives}", claim)
            else:
                self.claims.append(claim)
            return
        for one in claim.rounds:
            if isinstance(one, Fold):
                self.add(_fold(one), one)
                continue
            simple = all(not isinstance(part, Loop) and not _large(part) for part in one.body)
            texts = [clause(part) for part in one.body if not isinstance(part, Loop | Branch)]
            label = _label(one)
            if simple and not any(isinstance(part, Called) and part.body for part in one.body):
                given = next((value for name, value in one.changed if name == ""), "")
                said = ", ".join(texts)
                skipped = isinstance(one.body[-1], Condition) and not one.body[-1].holds if one.body else False
                if not said or (one.body and isinstance(one.body[-1], Condition) and not skipped):
                    said = f"{said}, so {given}" if said and given else said or given
                self.add(f"{label}: {said}" if label else said, one)
            else:
                self.lead = f"{label}: " if label and not self.texts else self.lead
                self.claims.append(one)
                told = len(self.sentences), len(self.texts)
                self.write(one.body)
                if told == (len(self.sentences), len(self.texts)):  # only its value says that it was there
                    self.add(next((value for name, value in one.changed if not name), ""), one)
        if claim.gives:
            self.add(f"together {claim.gives}", claim)

    def called(self, claim: Called) -> None:
        if not _large(claim):
            self.add(clause(claim), claim)
            return
        given = _arguments(claim)
        self.add(f"call {claim.name}{' with ' + given if given else ''}", claim)
        self.end()
        saved, self.rounds = self.rounds, 0
        self.write(claim.body)
        if claim.ending is not None:
            self.add(clause(claim.ending), claim.ending)
        elif claim.body:
            self.add(f"{claim.name} is done", claim)
        self.end()
        self.rounds = saved


def clause(claim: Claim) -> str:
    """A claim as a clause without a full stop."""
    if isinstance(claim, Computed):
        return _computed(claim.target, claim.stages, claim.worded)
    if isinstance(claim, Condition):
        return _condition(claim)
    if isinstance(claim, Together):
        return " and ".join(clause(one) for one in claim.parts)
    if isinstance(claim, Changed):
        return _changed(claim)
    if isinstance(claim, Returned):
        name = "" if claim.name == "main_solution" else claim.name
        start = f"{name} returns " if name and name != "lambda" else "it returns "
        return start + (f"{claim.stages[0]}, {claim.stages[-1]}" if claim.worded else " = ".join(claim.stages))
    if isinstance(claim, Raised):
        return f"{claim.what} fails with {claim.name}" if claim.what else f"{claim.name} is raised"
    if isinstance(claim, Handled):
        return f"{claim.name} is caught"
    if isinstance(claim, Jumped):
        return "the loop stops here" if claim.kind == "break" else "the rest of this round is skipped"
    if isinstance(claim, Yielded):
        return "it yields " + (f"{claim.stages[0]}, {claim.stages[-1]}" if claim.worded else " = ".join(claim.stages))
    if isinstance(claim, Matched):
        return f"{claim.subject} matches {claim.pattern}"
    if isinstance(claim, Called):
        return _call(claim)
    if isinstance(claim, Branch):
        return ", ".join(clause(one) for one in (*claim.conditions, *claim.body))
    return ""


def _computed(target: str, stages: Sequence[str], worded: bool) -> str:
    if worded and len(stages) > 1:
        return f"{target} is {stages[0]}, {stages[-1]}" if target else f"{stages[0]} is {stages[-1]}"
    said = " = ".join(stages)
    if not target and len(stages) == 2 and re.fullmatch(r"[A-Za-z_][\w.]*(\[.*\]|\.\w+)", stages[0]):
        return f"{stages[0]} is {stages[1]}"  # read, not stored
    return f"{target} = {said}" if target else said


def _condition(claim: Condition) -> str:
    left, right, relation, holds = claim.left, claim.right, claim.relation, claim.holds
    if relation in PREDICATES:
        if relation in ("str.startswith", "str.endswith") and right.startswith("("):
            right = " or ".join(part.strip() for part in right[1:-1].rstrip(",").split(", "))
        return PREDICATES[relation][0 if holds else 1].format(left, right)
    if relation in ("==", "!=") and " = " in left:
        equal = holds == (relation == "==")
        if equal and left.endswith(f" = {right}"):
            return left
        if not equal:
            return f"{left}, not {right}"
    if relation == "zero" and holds and left.endswith(" = 0"):
        return left
    if relation == "true" and left.endswith((" = true", " = false")):
        return left
    if relation == "is" and right == "null":
        relation, right = "null", ""
    elif relation == "is not" and right == "null":
        relation, right, holds = "null", "", not holds
    verb = _RELATIONS[relation][0 if holds else 1]
    if not holds and relation in _UNORDERED and (_PARTLY.search(left) or _PARTLY.search(right)):
        verb = _UNORDERED[relation]
    return f"{left} {verb} {right}".strip()


def _changed(claim: Changed) -> str:
    if not claim.how:
        return f"{claim.target} is now {claim.state}"
    if claim.how.startswith("swap("):
        first, second = _split(claim.how[5:-1])
        return f"swap {first} and {second}" + (f": {claim.target} is now {claim.state}" if claim.state else "")
    name, given = claim.how.partition("(")[0], _split(claim.how.partition("(")[2][:-1])
    pattern = _EFFECTS.get((name, len(given)))
    said = pattern.format(claim.target, *given) if pattern else f"{claim.target}.{claim.how}"
    return f"{said}, now {claim.state}" if claim.state else said


def _split(text: str) -> list[str]:
    """Arguments apart, at commas outside brackets and texts."""
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    for at, sign in enumerate(text):
        if sign == '"' and (at == 0 or text[at - 1] != "\\"):
            quoted = not quoted
        elif not quoted and sign in "([{":
            depth += 1
        elif not quoted and sign in ")]}":
            depth -= 1
        elif sign == "," and not quoted and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()] if text.strip() else []


def _arguments(claim: Called) -> str:
    """The arguments of a call; those that have the caller's name and value are not listed where others are new."""
    given = dict(claim.given)
    listed = [(name, value) for name, value in claim.arguments if name != "self" or len(value) <= 40]
    known = [name for name, _ in listed if given.get(name) == ""]
    brief = 1 < len(known) < len(listed)
    said = []
    for name, value in listed:
        if name not in known:
            said.append(f"{name} = {given.get(name, value)}")
        elif not brief:
            said.append(name if len(value) > _SHORT else f"{name} = {value}")
    return ", ".join([*said, "the rest unchanged"] if brief else said)


def _call(claim: Called) -> str:
    given = _arguments(claim)
    name = "the function" if claim.name == "lambda" else claim.name
    start = f"{name}({given})"
    ending = claim.ending
    if claim.repeats:
        if isinstance(ending, Returned):
            return f"{start} = {ending.stages[-1]} again"
        return f"{start} does the same again"
    said = [clause(one) for one in claim.body]
    if isinstance(ending, Returned):
        result = f"{ending.stages[0]}, {ending.stages[-1]}" if ending.worded else " = ".join(ending.stages)
        if not said:
            return f"{start} is {result}" if ending.worded else f"{start} = {result}"
        return f"{start}: {', '.join(said)}, so it returns {result}"
    if isinstance(ending, Raised):
        return f"{start}: {', '.join([*said, ''])}it fails with {ending.name}"
    return f"{start}: {', '.join(said)}" if said else start


def _large(claim: Claim) -> bool:
    """Whether a call needs sentences of its own."""
    if not isinstance(claim, Called):
        return isinstance(claim, Loop)
    inside = list(each(claim.body))
    return len(inside) > 4 or any(isinstance(one, Loop) or (isinstance(one, Called) and one.body) for one in inside)


def _label(one: Round) -> str:
    return ", ".join(f"{name} = {value}" if name else f"round {value}" for name, value in one.variables)


def _fold(claim: Fold) -> str:
    rounds = claim.rounds
    names = [name for name, _ in rounds[0].variables]
    columns = {name: [dict(one.variables).get(name, "") for one in rounds] for name in names}
    results: dict[str, list[str]] = {}
    for one in rounds:
        for name, value in one.changed:
            results.setdefault(name, []).append(value)
    start = "likewise," if claim.next_to else f"like {_label(claim.like)}:"
    if len(rounds) == 1:
        given = " and ".join(f"{name} = {value}" if name else value for name, value in rounds[0].changed)
        label = _label(rounds[0])
        if not label:
            return f"likewise 1 more round: {given}" if given else "likewise 1 more round"
        return f"{start} {label}" + (f" gives {given}" if given else "")
    if claim.every:
        said = " and ".join(f"{name} = {', '.join(column)}" for name, column in columns.items() if name)
        given = " and ".join(
            f"{name} = {', '.join(values)}" if name else ", ".join(values) for name, values in results.items()
        )
        if said:
            return f"{start} {said}" + (f" give {given}" if given else "")
        return f"likewise {len(rounds)} more rounds" + (f": {given}" if given else "")
    first, last = _label(rounds[0]), _label(rounds[-1])
    end = " and ".join(f"{name} = {value}" for name, value in _final(rounds) if name)
    told = f"{start} from {first} to {last} ({len(rounds)} rounds)" if names else f"likewise {len(rounds)} more rounds"
    return f"{told}, after which {end}" if end else told


def _final(rounds: Sequence[Round]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in rounds:
        found |= dict(one.changed)
    return list(found.items())


_STATED = re.compile(r"(the [a-z].*?) \(([^()]+)\)")
_PARTLY = re.compile(r"(?:\}|set\(\)|nan)\)?$")  # values of which neither need be less: sets and what is no number
_STARTERS = re.compile(
    r"(after|append|swap|put|add|extend|update|remove|discard|insert|take|sort|reverse|empty|call|go|likewise|like|as|it|the|together|do)"
    r"(?:,| (?!=|is |\())"
)


def _capital(text: str) -> str:
    """A sentence's first letter, where it is a word of ours and no variable."""
    return text[:1].upper() + text[1:] if _STARTERS.match(text) else text
