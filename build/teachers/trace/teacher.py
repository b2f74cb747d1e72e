"""The embedded teacher: no model, but the execution itself, told in words.

Output questions are answered by running the function under the tracer and telling the run. Input questions are answered by
working back from the output and by search: the reason or the nearest misses are told, the input that fits is checked in words,
and where nothing fits, the nearest miss is the answer, wrong as it is. A revision goes on searching from there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from build.core.chat import Completion
from build.core.config import TeacherConfig
from build.core.records import Proof
from build.core.tokens import count_tokens
from build.proof.check import judge
from build.sandbox import Program, Sandbox, Trace
from build.sandbox.codec import decode, encode
from build.teachers.base import Question
from build.teachers.trace.claims import Sentence
from build.teachers.trace.narrate import HARD_TOKENS, SOFT_TOKENS, Telling, narrate
from build.teachers.trace.search import Attempt, miss, search

MAX_TOKENS = 388  # of a rationale, in those of `count_tokens`
_SHOWN = 160  # characters of a value that are written out inside the text


class TraceTeacher:
    """Answers requests by executing the function; `sandbox` runs it, `seed` makes its searches repeatable."""

    name = "trace"

    def __init__(self, recipe: TeacherConfig, sandbox: Sandbox, seed: int) -> None:
        self.recipe = recipe
        self.max_tokens = min(recipe.max_tokens, MAX_TOKENS)
        self.sandbox = sandbox
        self.seed = seed

    def complete(self, requests: Sequence[Question]) -> list[Completion]:
        """An answer per request, in order; a run that cannot be traced is a failure with its status."""
        groups: dict[str, list[int]] = {}  # of one function: its runs share jobs
        for number, request in enumerate(requests):
            groups.setdefault(request.function.id, []).append(number)
        done: dict[int, Completion] = {}
        for numbers in groups.values():
            done |= self._about_one({number: requests[number] for number in numbers})
        return [done[number] for number in range(len(requests))]

    def _about_one(self, requests: Mapping[int, Question]) -> dict[int, Completion]:
        """The answers to requests about one function, by their numbers."""
        function = next(iter(requests.values())).function
        code = function.function.code
        done: dict[int, Completion] = {}
        searching: dict[int, Question] = {}
        inputs: dict[int, str] = {}  # whose runs are told
        for number, request in requests.items():
            told = request.instance.told
            if request.instance.task == "input":
                searching[number] = request
            elif told is not None and count_tokens(told.response) <= self.max_tokens:
                done[number] = Completion(told.response, complete=told.complete, proof=told.proof)
            else:
                inputs[number] = request.instance.input
        asked = [(request.instance, request.before) for request in searching.values()]
        tries = search(function, asked, self.recipe.search_tries, self.seed, self.sandbox)
        found = dict(zip(searching, tries, strict=True))
        for number, attempts in found.items():
            if attempts[-1].right:
                inputs[number] = attempts[-1].input
        fresh = list(dict.fromkeys(inputs.values()))
        traces = dict(zip(fresh, self.sandbox.traces(Program(code), fresh) if fresh else (), strict=True))
        for number, given in inputs.items():
            if number not in found:
                done[number] = tell_output(code, given, traces[given], self.max_tokens)
        for number, attempts in found.items():
            trace = traces[inputs[number]] if number in inputs else None
            done[number] = self._found_input(searching[number], attempts, trace)
        return done

    def _found_input(self, request: Question, tries: Sequence[Attempt], trace: Trace | None) -> Completion:
        """What a search found, and the run of the input that is right."""
        code = request.function.function.code
        wanted = request.instance.output
        best = min(tries, key=lambda attempt: attempt.distance)
        shown = wanted if len(wanted) <= _SHOWN else "this"
        start = f"I need an input that gives {shown}."
        if request.before is not None:
            start = f"My last input was not right, so I look further. {start}"
        misses = sorted((one for one in tries if not one.right), key=lambda one: one.distance)[
            : self.recipe.search_tries
        ]
        told = [self._told(one, decode(wanted)) for one in misses if one is not best or not best.right]
        told = told[:1] if best.right else told[:2]
        if best.right and best.reason:
            told = []
        count = len(tries) - 1
        if trace is not None:
            why = f"Working back: {best.reason}." if best.reason else ""
            if not best.reason and count > 1:
                why = f"I go through {count} other inputs before this one."
            run = _checked(narrate(code, trace, SOFT_TOKENS // 2, HARD_TOKENS - 110), code, trace)
            end = [f"I try {_arguments(best.input)}."]
        else:
            why = f"None of the {len(tries)} inputs that I go through fits, so I settle for the nearest of them."
            run = Telling((), False)
            end = [f"It is {_arguments(best.input)}."]
        answer = f'{{"input": {best.input}}}'
        last = [Sentence("This gives what is wanted.")] if best.right else []
        lead = [Sentence(text) for text in (start, *told, why, *end) if text]
        done = self._fitted([*lead, *run.sentences, *last], answer, run.complete)
        if done.failure:
            done = self._fitted([*lead, *last], answer, False)
        if done.failure:
            lead = [Sentence(text) for text in (start, *end) if text]
            done = self._fitted([*lead, *last], answer, False)
        return done if not done.failure else self._fitted([Sentence("I settle for this input.")], answer, False)

    def _told(self, attempt: Attempt, wanted: Any) -> str:
        given = _arguments(attempt.input)
        if attempt.slow:
            return f"Trying {given} comes to no end within the limits."
        if attempt.output is None:
            return f"Trying {given} fails."
        output = attempt.output if len(attempt.output) <= _SHOWN else "something else"
        return f"Trying {given} gives {output}, {miss(attempt, wanted) or 'which is not it'}."

    def _fitted(self, parts: Sequence[Sentence], answer: str, complete: bool) -> Completion:
        return _fitted(parts, answer, complete, 0, self.max_tokens)


def tell_output(
    code: str, given: str, trace: Trace, max_tokens: int = MAX_TOKENS, complete: bool = False
) -> Completion:
    """The run on an input told in words, as the answer to an output question; a failure where there is no result to tell, or
    the telling has to be complete and is not.
    """
    if trace.result.status != "ok" or trace.result.value is None:
        return Completion("", failure=f"trace_{trace.result.status}")
    value = trace.result.value
    start = Sentence(f"I follow the steps with {_arguments(given)}.")
    end = Sentence(f"So the output is {value}." if len(value) <= _SHOWN else "That is the output.")
    answer = f'{{"output": {value}}}'
    room = max(max_tokens - count_tokens(f"{start.text} {end.text} {answer}"), 0)
    run = narrate(code, trace, min(SOFT_TOKENS, room), min(HARD_TOKENS, room), complete)
    if run.complete or not complete:
        run = _checked(run, code, trace)
    if complete and not run.complete:
        return Completion("", failure="not_complete")
    told = _fitted([start, *run.sentences, end], answer, run.complete, len(trace.events), max_tokens)
    if told.failure:
        return _fitted([Sentence("I follow the steps."), end], answer, False, len(trace.events), max_tokens)
    return told


def _fitted(parts: Sequence[Sentence], answer: str, complete: bool, events: int, max_tokens: int) -> Completion:
    """The sentences and the answer as a response; a failure where it is too long. The first and the last sentence are proven
    by the trace's first and last event.
    """
    text = f"{' '.join(part.text for part in parts)}\n\n{answer}"
    if count_tokens(text) > max_tokens:
        return Completion("", failure="too_long")
    proof = [Proof(part.text, tuple(part.lines()), tuple(part.events())) for part in parts]
    if events:
        proof[0] = Proof(parts[0].text, (), (0,))
        proof[-1] = Proof(parts[-1].text, (), (events - 1,))
    return Completion(text, complete=complete, proof=tuple(proof))


def _checked(telling: Telling, code: str, trace: Trace) -> Telling:
    """The telling without what the independent check refutes; it is not complete then.

    The check reads a sentence in the light of those before it, so what is left is checked again until nothing is refuted.
    """
    sentences, gaps = telling.sentences, telling.gaps
    while sentences:
        texts = [sentence.text for sentence in sentences]
        report = judge(texts, code, trace.events, trace.result.value, strict=True)
        if not report.count("refuted"):
            break
        sentences = tuple(one for one, judged in zip(sentences, report.sentences) if judged.status != "refuted")
        gaps = (*telling.gaps, "a sentence that the check refutes")
    return telling if sentences == telling.sentences else Telling(sentences, False, gaps)


def _arguments(text: str) -> str:
    """The arguments of an input as a phrase: "a = 3 and b = [1, 2]"."""
    shown = [f"{name} = {encode(value)}" for name, value in decode(text).items()]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
