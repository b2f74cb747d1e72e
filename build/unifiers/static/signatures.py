"""The arguments of an entry point: which of a candidate's parameters JSON can fill, their types, and known values for them."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, TypeVar

from build.sandbox import DrawRules
from build.sandbox.codec import NotData, to_plain
from build.sandbox.sizes import fits
from build.unifiers.static.candidates import Candidate, constructor_of
from build.unifiers.static.docstrings import Documentation, read_docstring
from build.unifiers.static.doctests import Arguments
from build.unifiers.static.entry import Parameter
from build.unifiers.static.named_types import resolver
from build.unifiers.static.parameter_types import Guess, guess_types
from build.unifiers.static.refusal import Refused
from build.unifiers.static.slices import Module
from build.unifiers.static.trials import Trial
from build.unifiers.static.type_hints import Hint

C = TypeVar("C")
_CHOICES = 12  # ways to call that are tried
_NEAR = 0.3  # two ways to call whose scores are nearer than this are as good as each other


class Signature:
    """The parameters of an entry point, each with the types that it may have."""

    def __init__(
        self,
        slots: list[tuple[Parameter, Guess]],
        in_order: list[str],
        defaults: dict[str, Any],
        examples: list[dict[str, Any]],
    ) -> None:
        self.slots = slots
        self.in_order = in_order
        self.defaults = defaults
        self.examples = examples

    def options(self) -> Iterator[tuple[Hint, ...]]:
        """The types that are open, by parameter."""
        for _, guess in self.slots:
            yield guess.hints

    def own_names(self) -> list[str]:
        """The parameters that go to the function itself."""
        return [parameter.name for parameter, _ in self.slots if not parameter.constructor]

    def mutable(self, name: str) -> bool:
        """Whether a parameter may be something that can change in place."""
        return any(
            hint.kind in ("list", "dict", "set", "any", "deque", "union", "array")
            for parameter, guess in self.slots
            if parameter.name == name
            for hint in guess.hints
        )

    def parameters(self, choice: tuple[int, ...]) -> list[Parameter]:
        """The parameters with the types of one choice."""
        return [
            Parameter(
                parameter.name,
                guess.hints[number],
                parameter.passed,
                parameter.by_keyword,
                parameter.starred,
                parameter.constructor,
            )
            for (parameter, guess), number in zip(self.slots, choice)
        ]

    def choices(self) -> list[tuple[int, ...]]:
        """The choices of types to try, the likeliest first: all of them where they are few, else one change at a time."""
        sizes = [len(guess.hints) for _, guess in self.slots]
        every = 1
        for size in sizes:
            every *= size
        if every <= _CHOICES:
            return sorted(product(*(range(size) for size in sizes)), key=lambda choice: (sum(choice), choice))
        found = [tuple(0 for _ in sizes)]
        for number in range(1, max(sizes)):
            found.append(tuple(min(number, size - 1) for size in sizes))
            for place, size in enumerate(sizes):
                if number < size:
                    found.append(tuple(number if place == other else 0 for other in range(len(sizes))))
        return list(dict.fromkeys(found))[:_CHOICES]

    def best(self, tried: Sequence[tuple[tuple[int, ...], C, Trial]]) -> tuple[tuple[int, ...], C, Trial]:
        """The choice with the most informative runs. Raises `Refused` (type_unknown) where two are as good and nothing else
        speaks for either.
        """
        most = max((trial.lines for _, _, trial in tried), default=0) or 1

        def score(item: tuple[tuple[int, ...], C, Trial]) -> float:
            choice, _, trial = item
            if trial.failure:
                return -9.0
            return 2 * min(trial.distinct, 8) / 8 + 1.5 * trial.good + 2 * trial.lines / most - 0.15 * sum(choice)

        ranked = sorted(tried, key=score, reverse=True)
        first = ranked[0]
        if not first[2].outputs and not first[2].none:
            return first  # none of them works
        for other in ranked[1:]:
            if score(first) - score(other) >= _NEAR or first[2].failure:
                break
            for place, (parameter, guess) in enumerate(self.slots):
                mine, theirs = guess.hints[first[0][place]], guess.hints[other[0][place]]
                if not guess.sure and mine.kind != theirs.kind:
                    raise Refused("type_unknown", f"{parameter.name}: {mine.kind} and {theirs.kind} both work")
        return first

    def found(self, place: int) -> str:
        """How the type of a parameter was found."""
        guess = self.slots[place][1]
        return "trial" if len(guess.hints) > 1 else guess.found


def read_signature(
    module: Module, candidate: Candidate, calls: Arguments, constructions: Arguments, docs: Documentation
) -> Signature:
    """The arguments of a candidate. Raises `Refused` where a parameter that must be given cannot be."""
    node = candidate.node
    assert isinstance(node, ast.FunctionDef)
    own = _Slots(module, node, calls, docs, candidate.drops_first)
    slots = own.slots
    given = own.given
    in_order = own.in_order
    defaults = own.defaults
    if candidate.made:
        constructor = constructor_of(module, candidate.root)
        if constructor is not None:
            before = _Slots(module, constructor, constructions, Documentation(), True, bool(own.required or slots))
            taken = {parameter.name for parameter, _ in slots}
            renamed = {
                parameter.name: (f"{parameter.name}_of_object" if parameter.name in taken else parameter.name)
                for parameter, _ in before.slots
            }
            made = [
                (Parameter(renamed[item.name], item.hint, item.passed, item.by_keyword, item.starred, True), guess)
                for item, guess in before.slots
            ]
            slots = [*made, *slots]
            firsts = [{renamed[key]: value for key, value in call.items() if key in renamed} for call in before.given]
            given = [first | call for first in firsts for call in given[:4]] if before.slots else given
            in_order = []
    if not slots:
        raise Refused("no_parameters", own.why_none)
    names = [parameter.name for parameter, _ in slots]
    if candidate.hints:
        slots = [(parameter, Guess((candidate.hints[parameter.name],), candidate.found)) for parameter, _ in slots]
    complete = [plain for call in given if (plain := _plain_example(defaults | call, names)) is not None]
    complete = [plain for plain in complete if fits(plain, DrawRules())] or complete  # others would be drawn in vain
    return Signature(slots, in_order, defaults, complete)


def required(module: Module, node: ast.FunctionDef, calls: Arguments) -> dict[str, Guess]:
    """The types of the arguments that a method needs beside its object. Raises `Refused` where JSON cannot fill one."""
    docs = read_docstring(ast.get_docstring(node) or "") or Documentation()
    return {parameter.name: guess for parameter, guess in _Slots(module, node, calls, docs, True, True).slots}


class _Slots:
    """The parameters of one function that are filled, and what is known about them."""

    def __init__(
        self,
        module: Module,
        node: ast.FunctionDef,
        calls: Arguments,
        docs: Documentation,
        drops_first: bool,
        required_only: bool = False,
    ) -> None:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args][1 if drops_first else 0 :]
        keyword_only = list(arguments.kwonlyargs)
        starred = (
            arguments.vararg
            if not positional and not keyword_only and node.name not in ("__init__", "__new__")
            else None
        )
        listed = [*positional, *keyword_only, *([starred] if starred else [])]
        default_nodes: dict[str, ast.expr | None] = dict(
            zip((argument.arg for argument in reversed(positional)), reversed(arguments.defaults))
        )
        default_nodes |= {argument.arg: default for argument, default in zip(keyword_only, arguments.kw_defaults)}
        self.in_order = [argument.arg for argument in (*positional, *keyword_only)]
        self.required = [name for name in self.in_order if default_nodes.get(name) is None]
        self.given: list[dict[str, Any]] = []
        for values, keywords in calls:
            if starred:
                self.given.append({starred.arg: list(values)})
            elif len(values) <= len(positional):
                self.given.append({**dict(zip((argument.arg for argument in positional), values)), **keywords})
        self.why_none = f"beside `**{arguments.kwarg.arg}`" if arguments.kwarg and not listed else ""
        self.defaults: dict[str, Any] = {}
        self.slots: list[tuple[Parameter, Guess]] = []
        known = {
            argument.arg: [call[argument.arg] for call in self.given if argument.arg in call] for argument in listed
        }
        if starred and starred.annotation is not None:
            inner = starred.annotation
            listed = [ast.arg(starred.arg, ast.Subscript(ast.Name("list"), inner, ast.Load()))]
        guesses = guess_types(node, listed, default_nodes, known, docs.types, resolver(module), module.is_class)
        by_place_only = {argument.arg for argument in arguments.posonlyargs}
        by_keyword = {argument.arg for argument in keyword_only}
        skipped = False
        for argument in listed:
            name, default = argument.arg, default_nodes.get(argument.arg)
            guess = guesses[name]
            if required_only and default is not None:
                skipped = True
                continue
            if (
                guess is None
                or (skipped and name in by_place_only)
                or (default is not None and _is_guess(guess, known[name]))
            ):
                if default is not None:
                    skipped = True
                    continue  # left at its default
                annotation = ast.unparse(argument.annotation) if argument.annotation else "no type"
                raise Refused("unsupported_type", f"{name}: {annotation}")
            if default is not None:
                with suppress(ValueError, TypeError, SyntaxError, NotData):  # then an example must give it
                    self.defaults[name] = to_plain(ast.literal_eval(default))
            keyword = skipped or name in by_keyword
            self.slots.append(
                (Parameter(name, guess.hints[0], name, keyword, argument.arg == getattr(starred, "arg", "")), guess)
            )
        if not self.slots and listed:
            self.why_none = "every parameter is left at its default"


def _is_guess(guess: Guess, values: list[Any]) -> bool:
    """Whether a parameter that may be left out is better left out: nothing is known of it but how it is used."""
    return guess.found == "inferred" and len(guess.hints) > 1 and not values


def _plain_example(call: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    try:
        return {name: to_plain(call[name]) for name in names}
    except (KeyError, NotData):
        return None
