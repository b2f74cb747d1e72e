"""Defines the records that flow through the pipeline, and how each gets its id.

Raw code becomes functions, a function gets input/output pairs, a pair becomes two prediction instances (Li et al., 2025,
section 2), an instance gets a response, a response gets a verdict:

    RawCode -> UnifiedFunction -> SampledFunction (IOPair...) -> PredictionInstance -> Rationale (Verdict) -> Dialogue

Whatever does not make it is a `Reject`. An id is a digest of the parent's id and the record's own content, so the same
content under the same parent has the same id in every run; resume, caching and deduplication go by it. Inputs and outputs
are canonical JSON text throughout (`build.sandbox.codec`), never Python objects.
"""

import hashlib
import json
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

# What is asked for: the output of an input, an input of an output, something about a run, or the function of some pairs.
Task = Literal["input", "output", "step", "induction"]
VerdictClass = Literal[
    "correct", "wrong_output", "wrong_input", "wrong_step", "wrong_induction", "exception", "no_answer", "timeout"
]


def digest(*parts: str) -> str:
    """A 20-hex-digit (80-bit) id of some texts; the parts are length-prefixed, so ("ab", "c") is not ("a", "bc")."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class RawCode:
    """One source file as it was found, or (`kind` "unified") one row of the official raw schema as JSON text; "python2" is a
    file that only becomes Python 3 by conversion.

    `license` is an SPDX expression; the text that was stated where it names no single license; or "unknown".
    """

    id: str
    source: str
    path: str
    license: str
    content: str
    kind: Literal["python", "python2", "unified"] = "python"


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """An input/output pair that came with a ready function, not yet believed: canonical JSON texts.

    `problem` says why a pair is no data at all (an infinity, an input that is no object of arguments).
    """

    input: str
    output: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class UnifiedFunction:
    """A function in the unified format of the paper (appendix A): four parts and where they came from.

    `code` is self-contained and ends in `main_solution`; `generator` defines `input_generator()` and may be missing where
    ready functions come with recorded pairs instead (the official raw schema). `types`: how the static unifier found the types
    of the parameters, the least certain of them; "" for other unifiers. `group`: of a function with doubles, the digest of the
    code that stands for them all; "" where it has none.
    """

    id: str
    parent: str
    source: str
    path: str
    license: str
    name: str
    unifier: str
    code: str
    description: str
    query: str
    generator: str | None
    recorded: tuple[RecordedPair, ...] = ()
    types: Literal["", "annotated", "call_site", "inferred", "trial"] = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class IOPair:
    """One execution: keyword arguments as a JSON object and the value returned, re-run and equal in a second process."""

    id: str
    parent: str
    input: str
    output: str
    trivial: bool


@dataclass(frozen=True, slots=True)
class SampledFunction:
    """A function with its verified pairs. `constant`: every sampled input gave the same output.

    `branches`: the ways of decisions that the pairs take together, and those that the functions they enter have
    (`build.sandbox.branches`), None where the program could not be watched; `early`: how many pairs end early.
    """

    id: str
    function: UnifiedFunction
    pairs: tuple[IOPair, ...]
    constant: bool
    draws: int
    branches: tuple[int, int] | None = None
    early: int = 0

    @property
    def branch_coverage(self) -> float | None:
        """The share of the branches that the pairs take; 1 where there are none."""
        return (
            None
            if self.branches is None
            else round(self.branches[0] / self.branches[1], 3)
            if self.branches[1]
            else 1.0
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """How much work one call is: statements and decisions executed in the program's own functions, distinct lines of them,
    decisions, the deepest call, and rounds of loops. `cut`: the call was longer than is counted.
    """

    steps: int
    lines: int
    branches: int
    depth: int
    rounds: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves one sentence of a rationale: lines of the function's code, and indices of events of its trace."""

    sentence: str
    lines: tuple[int, ...]
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The run of a pair in words, as an answer to its output question: see `Rationale` for the fields."""

    response: str
    complete: bool
    proof: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A question about the inside of a run: a line of the code, which of its visits, and the variable, if any.

    `visit` counts from 1; 0 stands for the whole run. `answer` is canonical JSON. `from_end`: how many lines are executed after
    the moment that is asked about.
    """

    kind: Literal["value", "branch", "rounds", "line", "exception"]
    line: int
    visit: int
    name: str
    answer: str
    from_end: int


@dataclass(frozen=True, slots=True)
class PredictionInstance:
    """One question: predict the output of `input`, or find an input that gives `output`. `parent` is the pair's id.

    `told`: the trace teacher's answer, where the pair was chosen for the sake of it. The first question about a pair has its
    run: `frames` in the format of Code World Model, and questions about its `steps`.
    """

    id: str
    parent: str
    function_id: str
    task: Task
    input: str
    output: str
    shape: Shape | None = None
    told: Told | None = None
    frames: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What execution says about one answer (paper, section 2.3).

    `predicted` is the answer as canonical JSON, None where nothing could be parsed; `actual` the value that a predicted
    input really gives; `detail` the exception's type and message, or why no answer was found.
    """

    status: VerdictClass
    predicted: str | None = None
    actual: str | None = None
    detail: str = ""

    @property
    def correct(self) -> bool:
        return self.status == "correct"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and requests that a response cost; zero for teachers that are no language model."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Rationale:
    """A teacher's response at one turn, right or wrong, with its verdict. `parent` is the instance, or the turn before.

    `reasoning`: what a reasoning model thought first. `stated`: of a response that was grounded in a trace, how many of
    its sentences the trace confirms or refutes, and how many it confirms. `complete`: whether a telling of the trace leaves
    nothing out, None where the teacher is a model; `proof`: of such a telling, sentence by sentence.
    """

    id: str
    parent: str
    instance_id: str
    turn: int
    sample: int
    teacher: str
    response: str
    finish_reason: str
    verdict: Verdict
    usage: Usage = field(default_factory=Usage)
    reasoning: str = ""
    stated: tuple[int, int] | None = None
    complete: bool | None = None
    proof: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """An instance's finished conversation: turn 1, and while the last one was wrong, the revisions that were asked for.

    `failure` says why a revision that was asked for has no answer.
    """

    id: str
    instance_id: str
    turns: tuple[Rationale, ...]
    failure: str = ""


SURPLUS = "surplus"  # the reason of a reject that is sound and was not needed


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that was dropped: where, what it came from, a reason that can be counted, and the detail for a person."""

    stage: str
    parent: str
    reason: str
    detail: str = ""


R = TypeVar("R")


def to_line(record: Any) -> str:
    """A record as one line of JSON; lone surrogates in source text survive as escapes."""
    return json.dumps(record, default=fields_of, ensure_ascii=True, sort_keys=True)


def fields_of(record: Any) -> dict[str, Any]:
    """The fields of a record by name, as they are: `asdict` would copy all that is in them."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def from_line(kind: type[R], line: str | bytes) -> R:
    """The record of a line that `to_line` wrote; raises `pydantic.ValidationError` when it is not one."""
    adapter: TypeAdapter[R] = _adapter(kind)  # type: ignore[arg-type]
    return adapter.validate_python(json.loads(line))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
