"""A trace told in words: how the embedded teacher explains one run of a function, with this run's own values.

The run becomes claims (`tell`), claims that are alike are folded (`fold`), claims become sentences (`words`). The most detailed
telling that fits is taken. A telling is complete when every statement that changed or decided something is told with what it
needs; what does not fit is cut between sentences and marked as not complete.
"""

from dataclasses import dataclass, replace

from build.core.tokens import count_tokens
from build.sandbox import Trace
from build.teachers.trace.claims import Called, Sentence, Shapes
from build.teachers.trace.fold import Folding, fold
from build.teachers.trace.run import Run, read_run
from build.teachers.trace.tell import Detail, Teller
from build.teachers.trace.words import words

SOFT_TOKENS = 150  # a telling under this is taken as soon as there is one
HARD_TOKENS = 388  # above this even the tersest telling is cut
_CUT = 0.92  # of that, where it is cut anyway: tokens are estimated, and none has to fit in exactly

_MANY = 1_000_000
_LADDER = (
    (Detail(), Folding(_MANY, 0, False)),
    (Detail(), Folding(3, 12, False)),
    (Detail(), Folding(2, 12, True)),
    (Detail(), Folding(1, 12, True)),
    (Detail(states=False), Folding(1, 12, True)),
    (Detail(states=False), Folding(1, 4, True)),
)


@dataclass(frozen=True, slots=True)
class Telling:
    """A told run: its sentences, whether nothing is left out, and why something is."""

    sentences: tuple[Sentence, ...]
    complete: bool
    gaps: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)


def narrate(
    code: str,
    trace: Trace,
    soft_tokens: int = SOFT_TOKENS,
    hard_tokens: int = HARD_TOKENS,
    complete: bool = False,
) -> Telling:
    """The run of `main_solution` in a trace of `code`, in words; no sentences where there is nothing to tell, or where the
    telling has to be `complete` and the first attempt has gaps.
    """
    try:
        return _narrated(code, trace, soft_tokens, hard_tokens, complete)
    except RecursionError:
        return Telling((), False, ("the program is too deep",))


def _narrated(code: str, trace: Trace, soft_tokens: int, hard_tokens: int, complete: bool) -> Telling:
    run = read_run(code, trace.events, trace.truncated)
    if run.main is None:
        return Telling((), False, ("nothing was seen",))
    best = Telling((), False)
    told: dict[Detail, tuple[Called, tuple[str, ...]]] = {}
    shapes = Shapes()
    steps = len(trace.events)
    for detail, folding in _LADDER[0 if steps < 300 else 2 if steps < 1000 else 4 :]:
        if detail not in told:
            told[detail] = _told(run, detail, shapes)
        call, gaps = told[detail]
        if complete and gaps:
            return Telling((), False, gaps)
        folded = replace(call, body=fold(call.body, folding, shapes))
        best = Telling(tuple(words(folded)), not gaps and not run.truncated, gaps)
        tokens = count_tokens(best.text)
        if tokens <= soft_tokens:
            return best
        if tokens <= hard_tokens and folding.full == 1:
            return best
    if count_tokens(best.text) <= hard_tokens:
        return best
    return _cut(best, int(hard_tokens * _CUT))


def _told(run: Run, detail: Detail, shapes: Shapes) -> tuple[Called, tuple[str, ...]]:
    teller = Teller(run, detail, shapes)
    assert run.main is not None
    call = teller.tell(run.main)
    return call, tuple(dict.fromkeys(teller.gaps))


def _cut(telling: Telling, tokens: int) -> Telling:
    """The sentences that fit, from the start."""
    kept: list[Sentence] = []
    used = 8
    for sentence in telling.sentences:
        used += count_tokens(sentence.text)
        if used > tokens:
            break
        kept.append(sentence)
    if kept:
        kept.append(Sentence("The further steps are left out here."))
    return Telling(tuple(kept), False, (*telling.gaps, "longer than the limit"))
