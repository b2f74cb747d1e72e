"""Takes functions out of a real file into the unified format by analysis and trial runs, without a model.

A candidate is a public function or method. It is taken with everything of its file that it needs (see `slices`) and wrapped
by `main_solution`, which restores from JSON what JSON cannot carry, calls it, and returns its value, what it changed, or
what it printed. What cannot be done is refused with one of these reasons:

    test_file  no_function  unreadable_docstring  no_parameters  unsupported_type  type_unknown  async  does_io
    impure_import  foreign_import  unresolved_name  needs_object  returns_nothing  constant_output  returns_argument
    unsupported_result  fails  hardly_reached  slice_too_large  name_collision  reserved_name  broken_code  too_complex
    contradicts_doctest  unifier_error
"""

import ast
import json
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from build.core.records import RawCode, Reject, UnifiedFunction, digest
from build.sandbox import Sandbox
from build.unifiers.static.candidates import Candidate, candidates
from build.unifiers.static.docstrings import Documentation, read_comment, read_docstring
from build.unifiers.static.doctests import Calls, contradiction, doctest_calls, examples_of, literal_calls
from build.unifiers.static.dull import refuse_dull, refuse_hardly_reached
from build.unifiers.static.entry import CONVERSIONS, Call, write_entry
from build.unifiers.static.generators import Vocabulary, unsigned_of, write_generator
from build.unifiers.static.named_types import class_names, resolver
from build.unifiers.static.neighbours import Neighbourhood, is_test
from build.unifiers.static.operations import operations_of
from build.unifiers.static.python2 import CONVERTED, to_python3
from build.unifiers.static.queries import PRINTED, ask, describe_io, is_task
from build.unifiers.static.refusal import Refused
from build.unifiers.static.results import conversion, holds_iterators, result_of
from build.unifiers.static.scripts import PROGRAM, as_function
from build.unifiers.static.signatures import Signature, read_signature
from build.unifiers.static.slices import Module
from build.unifiers.static.trials import Trial, Variant, try_out
from build.unifiers.static.type_hints import hint_of, read_hint, suits, words
from build.unifiers.static.vocabulary import vocabulary_of

STAGE = "unify"

_CERTAINTY = ("annotated", "call_site", "inferred", "trial")


def static_functions(
    raw: RawCode, sandbox: Sandbox, neighbours: Neighbourhood | None = None
) -> Iterator[UnifiedFunction | Reject]:
    """Every public function and method of a file, unified or refused; one reject when the file has none, or is a test.

    `neighbours`: the other files of its source. Whatever goes wrong with a candidate costs this candidate only.
    """
    neighbours = neighbours or Neighbourhood([raw])
    if is_test(raw.path):
        yield Reject(STAGE, raw.id, "test_file", f"{raw.path}: read for its calls only")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the files' own code
        try:
            if raw.kind == "python2":
                read = replace(raw, content=to_python3(raw.content) or "")
                neighbours = Neighbourhood([read])
            else:
                read = raw
            work = _Work(raw, read, sandbox, neighbours, neighbours.module(read), literal_calls([read.content]))
            found = list(candidates(work.module))
        except Exception as error:
            yield _reject(raw, raw.path, error)
            return
        try:
            program = as_function(read.content)
        except (RecursionError, MemoryError, SyntaxError, ValueError):
            program = None  # a body that cannot be looked into is no program
        if not found and program is None:
            yield Reject(STAGE, raw.id, "no_function", raw.path)
        for candidate in found:
            yield work.attempt(candidate)
        yield from _unify_operations(work, found)
        if program is not None:
            yield _unify_program(work, *program)


def _unify_program(work: "_Work", source: str, calls: Calls) -> UnifiedFunction | Reject:
    """The program of a file, which `build.unifiers.static.scripts` made a function of."""
    read = replace(work.read, content=source)
    try:
        neighbours = Neighbourhood([read])
        inside = _Work(work.raw, read, work.sandbox, neighbours, neighbours.module(read), calls)
        candidate = next(one for one in candidates(inside.module) if one.name == PROGRAM)
    except Exception as error:
        return _reject(work.raw, f"{work.raw.path}:{PROGRAM}", error)
    return inside.attempt(candidate)


def _unify_operations(work: "_Work", found: list[Candidate]) -> Iterator[UnifiedFunction | Reject]:
    """The functions over operations that `build.unifiers.static.operations` makes of a file's classes."""
    try:
        made = {each.name: each for each in operations_of(work.module, found, work.calls)}
        if not made:
            return
        read = replace(work.read, content="\n\n\n".join([work.read.content, *(each.source for each in made.values())]))
        inside = _Work(work.raw, read, work.sandbox, work.neighbours, work.neighbours.module(read), work.calls)
        added = [
            replace(candidate, hints=made[candidate.name].hints, found=made[candidate.name].found)
            for candidate in candidates(inside.module)
            if candidate.name in made
        ]
    except Exception as error:
        yield _reject(work.raw, work.raw.path, error)
        return
    for candidate in added:
        yield inside.attempt(candidate)


@dataclass(frozen=True, slots=True)
class _Work:
    """A file that is worked on: as it was collected and as it is read, its module, and the calls with literals in it."""

    raw: RawCode
    read: RawCode
    sandbox: Sandbox
    neighbours: Neighbourhood
    module: Module
    calls: Calls

    def attempt(self, candidate: Candidate) -> UnifiedFunction | Reject:
        """The function of a candidate, or why there is none."""
        try:
            return _unify(self, candidate)
        except Exception as error:
            return _reject(self.raw, f"{self.raw.path}:{candidate.name}", error)


def _reject(raw: RawCode, place: str, error: Exception) -> Reject:
    if isinstance(error, Refused):
        return Reject(STAGE, raw.id, error.reason, f"{place}: {error.detail}")
    if isinstance(error, RecursionError | MemoryError):
        return Reject(STAGE, raw.id, "too_complex", f"{place}: nested too deeply to be looked at")
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(last.filename).name}:{last.lineno}"
    return Reject(STAGE, raw.id, "unifier_error", f"{place}: {type(error).__name__}: {error} ({where})")


def _unify(work: _Work, candidate: Candidate) -> UnifiedFunction:
    raw, module, calls, sandbox = work.raw, work.module, work.calls, work.sandbox
    node = candidate.node
    if isinstance(node, ast.AsyncFunctionDef):
        raise Refused("async")
    docstring = ast.get_docstring(node) or ""
    docs = (read_docstring(docstring) if docstring else None) or Documentation()
    if not docs.summary:
        comment = read_comment(module.lines, node)
        if comment and is_task(comment.summary):  # most comments say how and not what
            docs = replace(docs, summary=comment.summary, body=comment.body)
    about = docstring if doctest_calls(docstring, node.name) else ast.get_docstring(module.tree) or ""
    known = [*doctest_calls(about, node.name), *calls.get(node.name, [])]
    known += work.neighbours.test_calls(raw.path, node.name)
    signature = read_signature(module, candidate, known, calls.get(candidate.root, []), docs)
    classes = {name for hints in signature.options() for hint in hints for name in class_names(hint)}
    allowed = frozenset(("print",))
    found = work.neighbours.slice(work.read, module, [candidate.statement], allowed, candidate.method, classes)
    sliced, taken = found.code, set(found.taken)
    for name in ("main_solution", "input_generator"):
        if name in taken:
            raise Refused("reserved_name", name)
    try:
        tree = ast.parse(sliced)
        compile(tree, "<unified>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise Refused("broken_code", f"what was taken out does not compile: {error}") from error
    function = _find(tree, candidate) or node
    vocabulary = (
        Vocabulary() if candidate.hints else vocabulary_of(function, tree)
    )  # methods' names are no words of theirs
    variants = _Variants(signature, candidate, docs, taken, vocabulary)
    call, trial = _choose(sandbox, sliced, variants, function, node, module)
    entry = write_entry(call, docs.summary, taken)
    code = f"{sliced}\n\n\n{entry}"
    if raw.kind == "python2":
        code = f"{CONVERTED}\n{code}"
    if not candidate.method:
        examples = examples_of(about, node.name)
        plain = (
            call.result if call.result in ("list", "lists", "copies", "changed") else "value"
        )  # doctests show what is not converted
        held = code if plain == call.result else f"{sliced}\n\n\n{write_entry(replace(call, result=plain), '', taken)}"
        wrong = contradiction(sandbox, held, node.name, signature.in_order, signature.defaults, examples)
        if wrong:
            raise Refused("contradicts_doctest", wrong)
    refuse_dull(trial, call.result, node if candidate.method else None)
    if variants.found(call) != "annotated":
        refuse_hardly_reached(function, trial)
    generator = variants.generator(call, trial)
    names = [parameter.name for parameter in call.parameters]
    typed = [(parameter.name, words(parameter.hint)) for parameter in call.parameters]
    note = CONVERSIONS[call.result][1] if call.result in CONVERSIONS else ""
    printed = call.result == "printed"
    description = describe_io(
        typed,
        _returned_words(node, module, call, trial),
        docs,
        PRINTED if printed else note,
        candidate.name,
    )
    return UnifiedFunction(
        id=digest(raw.id, code, generator),
        parent=raw.id,
        source=raw.source,
        path=raw.path,
        license=" AND ".join(sorted({file.license for file in found.files})),
        name=candidate.name,
        unifier="static",
        code=code,
        description=description,
        query=ask(names, docs, candidate.name, printed),
        generator=generator,
        types=variants.found(call),  # type: ignore[arg-type]
    )


class _Variants:
    """The ways to call a candidate that its open types leave, and the entry points and generators for them."""

    def __init__(
        self, signature: Signature, candidate: Candidate, docs: Documentation, taken: set[str], vocabulary: Any
    ) -> None:
        self.signature = signature
        self.candidate = candidate
        self.summary = docs.summary
        self.taken = taken
        self.vocabulary = vocabulary
        self.unsigned = unsigned_of(docs.parameters, signature.examples)

    def call(self, choice: tuple[int, ...], result: str, changed: tuple[str, ...]) -> Call:
        parameters = self.signature.parameters(choice)
        return Call(self.candidate.root, self.candidate.method, self.candidate.made, parameters, result, changed)

    def variant(self, call: Call) -> Variant:
        known = self._known(call)
        return Variant(write_entry(call, "", self.taken), self._written(call, known[:12]), known)

    def _known(self, call: Call) -> list[dict[str, Any]]:
        """The known argument sets that are of the types of a call; what is inside an annotated list may be a guess."""
        hints = [
            (item.name, item.hint, self.signature.found(place) != "annotated")
            for place, item in enumerate(call.parameters)
        ]
        return [
            given
            for given in self.signature.examples
            if all(suits(hint, given[name], deep) for name, hint, deep in hints)
        ]

    def _written(self, call: Call, examples: list[dict[str, Any]]) -> str:
        hints = [(item.name, item.hint) for item in call.parameters]
        return write_generator(hints, examples, self.vocabulary, self.unsigned)

    def generator(self, call: Call, trial: Trial) -> str:
        natural = [given for given in self._known(call) if json.dumps(given, sort_keys=True) in set(trial.inputs)]
        seeds = [json.loads(seed) for seed in trial.seeds]
        examples = list({json.dumps(given, sort_keys=True): given for given in [*natural[:8], *seeds]}.values())
        return self._written(call, examples)

    def found(self, call: Call) -> str:
        """How the types were found, the least certain of them."""
        return max(
            (self.signature.found(place) for place in range(len(call.parameters))),
            key=_CERTAINTY.index,
            default="annotated",
        )


def _choose(
    sandbox: Sandbox, sliced: str, variants: _Variants, function: ast.AST, node: ast.FunctionDef, module: Module
) -> tuple[Call, Trial]:
    """The way to call that trial runs show to work best, and its trial. Raises `Refused`."""
    result, changed = result_of(node, variants.signature)
    lines = (getattr(function, "lineno", 0) + 1, getattr(function, "end_lineno", 0))

    def trials(choices: list[tuple[int, ...]], result: str) -> list[tuple[tuple[int, ...], Call, Trial]]:
        made = [variants.call(choice, result, changed) for choice in choices]
        found = try_out(sandbox, sliced, [variants.variant(call) for call in made], lines)
        return list(zip(choices, made, found))

    tried = trials(variants.signature.choices(), result)
    if result == "value" and _only_none([trial for _, _, trial in tried]):
        last = "state" if variants.candidate.made else ""
        result = "changed" if changed else "printed" if any(trial.printed for _, _, trial in tried) else last
        if not result:
            raise Refused("returns_nothing", "None for every input that was tried")
        tried = trials(variants.signature.choices(), result)
    choice, call, trial = variants.signature.best(tried)
    if trial.failure:
        raise Refused("fails", trial.failure)
    if result == "value":
        wanted, trial = conversion(trial, module)
        if wanted != result:
            ((_, call, trial),) = trials([choice], wanted)
    elif result == "list" and trial.shared:  # a generator that changes what it has yielded
        ((_, call, trial),) = trials([choice], "copies")
    if result in ("value", "list") and holds_iterators(trial):
        ((_, call, trial),) = trials([choice], "lists")
    if odd := sorted(set().union(*trial.odd)):
        raise Refused("unsupported_result", f"{', '.join(odd)} in its results")
    return call, trial


def _only_none(trials: list[Trial]) -> bool:
    ran = [trial for trial in trials if not trial.failure]
    return any(trial.none for trial in ran) and not any(trial.outputs for trial in ran)


def _returned_words(node: ast.FunctionDef, module: Module, call: Call, trial: Trial) -> str:
    if call.result == "value":
        returned = read_hint(node.returns, resolver(module))
        if returned is not None and returned.kind not in ("none", "any") and not returned.name:
            return words(returned).replace(" of distinct ", " of distinct, ascending ")  # as `encode` writes a set
    hint = hint_of([json.loads(output) for output in trial.outputs])
    text = words(hint)
    return "value" if text == "any value" else text


def _find(tree: ast.Module, candidate: Candidate) -> ast.FunctionDef | None:
    """The candidate's function in its slice."""
    for node in reversed(tree.body):
        if getattr(node, "name", "") == candidate.root:
            inside = [node] if not candidate.method else getattr(node, "body", [])
            wanted = candidate.method or candidate.root
            return next((part for part in inside if isinstance(part, ast.FunctionDef) and part.name == wanted), None)
    return None
