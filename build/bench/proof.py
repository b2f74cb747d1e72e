"""How good the check of rationales is: true tellings are changed in known ways, and it has to notice.

    python -m build bench proof RUN

Each telling of the run's output questions is taken as it is (what is refuted there is a false alarm) and with one change of
each kind; a change counts as noticed when a sentence is refuted, a dropped step also when a step of the run is not covered
any more.
"""

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from tabulate import tabulate
from tqdm import tqdm

from build.core.records import PredictionInstance, SampledFunction
from build.core.store import Store
from build.proof.atoms import RELATIONS, parts, sentences
from build.proof.check import Report, check_telling
from build.sandbox import Limits, Program, Sandbox
from build.teachers.trace.narrate import narrate

_NUMBER = re.compile(r"(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"])")
_LABEL = re.compile(r"(?:[A-Za-z_]\w* = [^;]*?|round \d+): ")
_TURNED = {
    "is greater than": "is at most",
    "is more than": "is at most",
    "is less than": "is at least",
    "equals": "does not equal",
    "differs from": "equals",
    "is in": "is not in",
    "is empty": "is not empty",
    "is zero": "is not zero",
    "is null": "is not null",
}
_TURNED |= {turned: words for words, turned in _TURNED.items()}


@click.command("proof")
@click.argument("run_folder", type=click.Path(path_type=Path, exists=True))
@click.option("--limit", default=300, show_default=True, help="Tellings that are changed.")
@click.option("--seed", default=0, show_default=True)
@click.option("--show", is_flag=True, help="Print each change that was not noticed.")
def bench_proof(run_folder: Path, limit: int, seed: int, show: bool) -> None:
    """Precision and recall of the check, by kind of change."""
    store = Store(run_folder)
    questions = []
    for shard in range(store.shards() or 0):
        functions = {record.function.id: record for record in store.kept(SampledFunction, shard)}
        questions += [
            (functions[record.function_id].function.code, record.input)
            for record in store.kept(PredictionInstance, shard)
            if record.task == "output"
        ]
    random.Random(seed).shuffle(questions)
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    told: Counter[str] = Counter()
    rng = random.Random(seed)
    with Sandbox(Limits()) as sandbox:
        for code, given in tqdm(questions[:limit], desc="proof", leave=False):
            trace = sandbox.trace(Program(code), given)
            telling = narrate(code, trace)
            if trace.result.value is None or not telling.sentences:
                continue
            text = f"{telling.text} So the output is {trace.result.value}."

            def judge(text: str) -> Report:
                return check_telling(text, code, trace.events, trace.result.value, strict=True)  # noqa: B023

            report = judge(text)
            told["texts"] += 1
            told["complete"] += telling.complete
            told["sentences"] += len(report.sentences)
            for status in ("confirmed", "refuted", "open"):
                told[status] += report.count(status)
            told["alarms"] += telling.complete and bool(report.missing)
            for kind, change in CHANGES.items():
                if kind == "step dropped" and (not telling.complete or report.missing):
                    continue
                changed = change(text, rng)
                if changed is None or changed == text:
                    continue
                tried[kind] += 1
                after = judge(changed)
                noticed = after.count("refuted") > report.count("refuted")
                noticed |= kind == "step dropped" and bool(after.missing)
                found[kind] += noticed
                if show and not noticed:
                    click.echo(f"{kind} not noticed:\n  {text}\n  {changed}\n{code}\n")
    table = [[kind, tried[kind], found[kind], f"{found[kind] / tried[kind]:.1%}"] for kind in CHANGES if tried[kind]]
    click.echo(tabulate(table, ["change", "tried", "noticed", "share"], tablefmt="github"))
    shares = ", ".join(f"{told[status]} {status}" for status in ("confirmed", "refuted", "open"))
    click.echo(
        f"{told['texts']} true tellings, {told['sentences']} sentences: {shares} ({told['refuted'] / told['sentences']:.2%}"
    )
    click.echo(f"refuted); of {told['complete']} complete tellings {told['alarms']} are held to lack a step")


def _value(text: str, rng: random.Random) -> str | None:
    """One number becomes another."""
    end = text.rfind(" So the output is ")
    spots = [match for match in _NUMBER.finditer(text, 0, end) if not _loose(text, match)]
    return None if not spots else _replaced(text, rng.choice(spots), rng)


def _loose(text: str, match: re.Match[str]) -> bool:
    """A number in the head of a loop, which only announces, or in a count, which is another kind of change."""
    start = max(
        text.rfind(". ", 0, match.start()), text.rfind("; ", 0, match.start()), text.rfind(": ", 0, match.start())
    )
    piece = text[start + 1 : match.end() + 12].strip()
    return bool(re.match(r"[Gg]o through|round \d", piece)) or bool(
        re.match(r"\d+ (more )?rounds?", text[match.start() :])
    )


def _replaced(text: str, match: re.Match[str], rng: random.Random) -> str:
    old = match.group()
    new = old
    while new == old:
        new = (
            str(abs(int(float(old)) + rng.choice([-3, -2, -1, 1, 2, 3, 10])))
            if "." not in old
            else f"{float(old) + 1.5}"
        )
    return text[: match.start()] + new + text[match.end() :]


def _swap(text: str, rng: random.Random) -> str | None:
    """Two different numbers of one comparison or equation change places."""
    pairs = []
    for match in re.finditer(
        r"\((-?\d+)\) (?:is (?:not )?(?:less|greater|more) than|is at (?:least|most)) \w+ \((-?\d+)\)", text
    ):
        if match.group(1) != match.group(2):
            pairs.append((match.span(1), match.span(2)))
    for match in re.finditer(r"(?<![\w.\])] )(?<![\w.])(\d+) (?:-|//|%|/|\*\*) (\d+) = ", text):
        if match.group(1) != match.group(2):
            pairs.append((match.span(1), match.span(2)))
    for match in re.finditer(r"= (\d+)[;.,] \w+ = (?:[^;.=]+ = )*?(\d+)[;.]", text):
        if match.group(1) != match.group(2):
            pairs.append((match.span(1), match.span(2)))
    if not pairs:
        return None
    (start, stop), (first, last) = rng.choice(pairs)
    return text[:start] + text[first:last] + text[stop:first] + text[start:stop] + text[last:]


def _turn(text: str, rng: random.Random) -> str | None:
    """A condition turns out the other way."""
    verbs = "|".join(sorted(map(re.escape, _TURNED), key=len, reverse=True))
    spots = list(re.finditer(rf"(?<= )(?:{verbs})(?=[ ,;.])", text))
    if not spots:
        return None
    spot = rng.choice(spots)
    return text[: spot.start()] + _TURNED[spot.group()] + text[spot.end() :]


def _count(text: str, rng: random.Random) -> str | None:
    """A loop has one round more or less than it had."""
    spots = list(re.finditer(r"(?<=\()\d+(?= rounds\))|(?<=likewise )\d+(?= more)|(?<=Likewise )\d+(?= more)", text))
    if not spots:
        return None
    spot = rng.choice(spots)
    return text[: spot.start()] + str(max(int(spot.group()) + rng.choice([-1, 1]), 0)) + text[spot.end() :]


def _drop(text: str, rng: random.Random) -> str | None:
    """A clause that tells a step is missing."""
    told = list(sentences(text))
    places = []
    for number, sentence in enumerate(told[:-1]):
        pieces = parts(sentence, "; ")
        for at, piece in enumerate(pieces):
            if _tells(piece):
                places.append((number, at))
    if not places:
        return None
    number, at = rng.choice(places)
    pieces = parts(told[number], "; ")
    label = _LABEL.match(pieces[0])
    after = at + 1
    while after < len(pieces) and re.match(r"\w+ is now ", pieces[after]):  # the state after the step goes with it
        after += 1
    kept = pieces[:at] + pieces[after:]
    if at == 0 and label and kept:
        kept[0] = label.group() + kept[0]
    told[number] = "; ".join(kept)
    return ". ".join(one for one in told if one) + "."


def _tells(piece: str) -> bool:
    piece = _LABEL.sub("", piece)
    relations = [words for words, _ in RELATIONS]
    stored = re.search(r"(^|: |, so )[A-Za-z_]\w*(\[[^\]]*\]|\.\w+)* = ", piece) and not piece.endswith(":")
    return (
        bool(stored) or any(f" {words} " in piece for words in relations) or piece[:7].lower() in ("append ", "likewis")
    )


def _answer(text: str, rng: random.Random) -> str | None:
    """The answer is another one."""
    start = text.rfind(" So the output is ")
    spots = list(_NUMBER.finditer(text, start))
    if spots:
        return _replaced(text, rng.choice(spots), rng)
    turned = {"true": "false", "false": "true"}
    word = next((word for word in turned if text[start:].endswith(f" {word}.")), None)
    return None if word is None else text[: -len(word) - 1] + turned[word] + "."


CHANGES: dict[str, Callable[[str, random.Random], str | None]] = {
    "value changed": _value,
    "values swapped": _swap,
    "branch turned": _turn,
    "count off by one": _count,
    "step dropped": _drop,
    "answer changed": _answer,
}
