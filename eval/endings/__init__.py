"""Measures how often each scorer reads a response as a person does: `python -m eval endings`.

The endings come from a grammar (`grammar`) over made-up items (`items`); the right reading of each is known from how it was
built. `check` scores them and counts. An ending that states the right answer must score 1, one that states the wrong answer or
several must score 0, and one that states none must count as unanswered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from build.sandbox import Sandbox
from eval.benchmarks import BY_NAME
from eval.endings.grammar import Phrase, combined, whole
from eval.endings.items import Row, Speaker, speakers
from eval.score import judge


@dataclass(frozen=True, slots=True)
class Ending:
    """One response to one item; `value` is the score that a person would give, `answered` whether it gives an answer."""

    benchmark: str
    row: Row
    text: str
    value: float
    answered: bool
    axes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A scorer's result: endings judged, and those that it read otherwise than a person."""

    benchmark: str
    endings: int
    misread: list[Ending]

    @property
    def share(self) -> float:
        return 1 - len(self.misread) / self.endings


def endings(benchmark: str, seed: int = 0) -> list[Ending]:
    """The endings of a benchmark, the same ones for a seed."""
    found = []
    for number, speaker in enumerate(speakers()):
        if speaker.benchmark == benchmark:
            for right in (True, False):
                found += list(_spoken(speaker, right, Random(f"{seed} {number} {right}")))
    return found


def _spoken(speaker: Speaker, right: bool, random: Random) -> Iterator[Ending]:
    plain = (speaker.right, speaker.wrong) if right else (speaker.wrong, speaker.right)
    phrases: list[Phrase] = list(
        combined(speaker.forms(plain[0]), plain, speaker.marks, speaker.leads, speaker.tails, random)
    )
    for marks, forms in speaker.more:
        if right or "{}" in marks[0].template:
            phrases += combined(forms(plain[0]), plain, marks, speaker.leads, speaker.tails, random)
    phrases += whole(speaker.changes, plain, "stated", ("",), random)
    phrases += whole(speaker.hedges, plain, "none", speaker.leads, random)
    phrases += whole(speaker.refusals, plain, "none", ("", "Let me think.\n"), random)
    for phrase in phrases:
        stated = phrase.reading == "stated"
        yield Ending(speaker.benchmark, speaker.row, phrase.text, float(stated and right), stated, phrase.axes)


def check(benchmark: str, sandbox: Sandbox, seed: int = 0, limit: int | None = None) -> Reading:
    """Score the endings of a benchmark (`limit` of them, drawn evenly) and name those that are misread."""
    asked = endings(benchmark, seed)
    if limit is not None and limit < len(asked):
        asked = Random(seed).sample(asked, limit)
    return Reading(benchmark, len(asked), [ending for ending in asked if not _agrees(ending, sandbox)])


def _agrees(ending: Ending, sandbox: Sandbox) -> bool:
    score = judge(BY_NAME[ending.benchmark], ending.row, ending.text, sandbox)
    if ending.value:
        return score.value >= 1.0
    # An olympiad order or a plot that is wrong still scores a part.
    return score.value < 1.0 and (ending.benchmark == "livebench" or score.answered == ending.answered)


def names() -> Sequence[str]:
    """The benchmarks that have endings."""
    return tuple(dict.fromkeys(speaker.benchmark for speaker in speakers()))
