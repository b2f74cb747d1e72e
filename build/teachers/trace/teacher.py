"""The embedded teacher: no model, but the execution itself, told in words.

Output questions are answered by running the function under the tracer and telling the run. Input questions are answered by
search: inputs are proposed and executed, each mismatch is told, and where nothing fits, the nearest miss is the answer,
wrong as it is. A revision goes on searching from there.
"""

from collections.abc import Sequence

from build.core.chat import Completion
from build.core.config import TeacherConfig
from build.core.tokens import count_tokens
from build.sandbox import Program, Sandbox
from build.sandbox.codec import decode, encode
from build.teachers.base import Question
from build.teachers.trace.narrate import HARD_TOKENS, SOFT_TOKENS, narrate, one_statement_a_line
from build.teachers.trace.search import Attempt, search

_MAX_TOKENS = 340  # of a rationale, in those of `count_tokens`
_SHOWN = 160  # characters of a value that are written out inside the text


class TraceTeacher:
    """Answers requests by executing the function; `sandbox` runs it, `seed` makes its searches repeatable."""

    name = "trace"

    def __init__(self, recipe: TeacherConfig, sandbox: Sandbox, seed: int) -> None:
        self.recipe = recipe
        self.max_tokens = min(recipe.max_tokens, _MAX_TOKENS)
        self.sandbox = sandbox
        self.seed = seed

    def complete(self, requests: Sequence[Question]) -> list[Completion]:
        """An answer per request, in order; a run that cannot be traced is a failure with its status."""
        return [
            self._predict_output(request) if request.instance.task == "output" else self._find_input(request)
            for request in requests
        ]

    def _predict_output(self, request: Question) -> Completion:
        code = one_statement_a_line(request.function.function.code)
        trace = self.sandbox.trace(Program(code), request.instance.input)
        if trace.result.status != "ok" or trace.result.value is None:
            return Completion("", failure=f"trace_{trace.result.status}")
        start = f"I follow the steps with {_arguments(request.instance.input)}."
        answer = f'{{"output": {trace.result.value}}}'
        end = f"So the output is {trace.result.value}." if len(trace.result.value) <= _SHOWN else "That is the output."
        room = max(self.max_tokens - count_tokens(f"{start} {end} {answer}"), 0)
        run = narrate(code, trace, min(SOFT_TOKENS, room), min(HARD_TOKENS, room))
        told = self._fitted([start, run, end], answer)
        return self._fitted(["I follow the steps.", end], answer) if told.failure else told

    def _find_input(self, request: Question) -> Completion:
        wanted = request.instance.output
        tries = search(
            request.function, request.instance, request.before, self.recipe.search_tries, self.seed, self.sandbox
        )
        best = min(tries, key=lambda attempt: attempt.distance)
        misses = [attempt for attempt in tries if not attempt.right]
        start = f"I need an input that gives {wanted}." if len(wanted) <= _SHOWN else "I need an input that gives this."
        if request.before is not None:
            start = f"My first input was not right, so I look further. {start}"
        run = self._run(request, best.input) if best.right else ""
        while True:
            told = [_told(attempt) for attempt in misses]
            if best.right:
                end = [
                    f"{'Now I try' if told else 'I try'} {_arguments(best.input)}.",
                    run,
                    "This gives what is wanted.",
                ]
            else:
                end = ["None of these fits, so I settle for the nearest of them."]
            done = self._fitted([start, *told, *end], f'{{"input": {best.input}}}')
            spare = [attempt for attempt in misses if attempt is not best]
            if not done.failure or not (run or spare):
                return done
            if run:
                run = ""
            else:  # the farthest miss says least
                misses.remove(max(spare, key=lambda attempt: attempt.distance))

    def _run(self, request: Question, given: str) -> str:
        code = one_statement_a_line(request.function.function.code)
        return narrate(code, self.sandbox.trace(Program(code), given), SOFT_TOKENS // 2, SOFT_TOKENS)

    def _fitted(self, parts: list[str], answer: str) -> Completion:
        text = f"{' '.join(part for part in parts if part)}\n\n{answer}"
        return Completion("", failure="too_long") if count_tokens(text) > self.max_tokens else Completion(text)


def _told(attempt: Attempt) -> str:
    given = _arguments(attempt.input)
    if attempt.output is None:
        return f"Trying {given} fails."
    output = attempt.output if len(attempt.output) <= _SHOWN else "something else"
    return f"Trying {given} gives {output}, which is not it."


def _arguments(text: str) -> str:
    """The arguments of an input as a phrase: "a = 3 and b = [1, 2]"."""
    shown = [f"{name} = {encode(value)}" for name, value in decode(text).items()]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
