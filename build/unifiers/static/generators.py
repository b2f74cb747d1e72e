"""Input generators for the static unifier: stand-alone source code that draws arguments for one function.

A generator varies the argument sets of the function's own examples, because these show what a sensible input looks like (a
sorted list, a valid numeral, a square matrix), and mixes in draws from the types, boundary cases included. A third of what it
draws is made small, so that a run exists which can be told step by step.
"""

import inspect
import pprint
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from build.unifiers.static import draws
from build.unifiers.static.draws import draw, draw_often
from build.unifiers.static.mutate import mutate, mutate_list, mutate_text
from build.unifiers.static.type_hints import Hint

_HELPERS = {
    part.__name__: re.sub(r": Any|: int|: str|: dict|: list| -> \w+", "", inspect.getsource(part))
    for part in (
        draws.draw_text,
        draws.draw_whole,
        draws.draw_item,
        draws.draw_size,
        draws.relate,
        draws.shrink,
        draws.unsign,
    )
}
_MUTATE = "\n\n".join(
    re.sub(r": Any| -> Any", "", inspect.getsource(part)) for part in (mutate, mutate_text, mutate_list)
)
_UNSIGNED = re.compile(
    r"(?i)\[(-|%|[a-z]+[\^/*\d. a-z()-]*)\]$|\b(positive|non-?negative|diameter|radius|thickness|density|viscosity"
    r"|concentration|probability|molecular weight|molar mass)\b"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the code itself looks for: the letters of its texts, whole words, and numbers that it compares with."""

    letters: str = draws.LETTERS
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


def write_generator(
    parameters: list[tuple[str, Hint]],
    examples: list[dict[str, Any]],
    vocabulary: Vocabulary | None = None,
    unsigned: Collection[str] = (),
) -> str:
    """The source of a module with `input_generator() -> dict`, a keyword argument per parameter.

    `examples` are complete argument sets of plain JSON values: of the function's own doctests, its tests, its callers.
    `unsigned`: the parameters that are never negative.
    """
    vocabulary = vocabulary or Vocabulary()
    whole = [name for name, hint in parameters if hint.kind == "operations"]  # the calls in it stay as they are
    examples = [] if whole else examples
    drawn = ",\n        ".join(f"{name!r}: {draw_often(hint) if whole else draw(hint)}" for name, hint in parameters)
    scalar = [name for name, hint in parameters if hint.kind in ("int", "str", "float", "any")]
    related = bool(scalar) and len(parameters) > 1 and any(hint.kind not in ("int", "float") for _, hint in parameters)
    used = (
        {"shrink"}
        | ({"unsign"} if not {name for name, _ in parameters}.isdisjoint(unsigned) else set())
        | ({"relate"} if related else set())
    )
    helpers = [source for name, source in _HELPERS.items() if f"{name}(" in drawn or name in used]
    text = "\n\n".join(helpers)
    lines = ["import copy", "import random", ""] if examples else ["import random", ""]
    for name, value in (
        ("LETTERS", vocabulary.letters),
        ("WORDS", list(vocabulary.words)),
        ("NUMBERS", list(vocabulary.numbers)),
    ):
        lines += [f"{name} = {value!r}"] if name in text else []
    if examples:
        lines += [f"EXAMPLES = {pprint.pformat(examples, width=110, sort_dicts=False)}", "", "", _MUTATE]
    lines += ["", *helpers]
    lines += [
        "",
        "def input_generator():",
        '    """Random keyword arguments for main_solution."""',
        f"    drawn = {{\n        {drawn},\n    }}",
        *(["    drawn = relate(drawn)"] if related else []),
    ]
    small = f"value[-most - 2 :] if name in {whole} else shrink(value, most)" if whole else "shrink(value, most)"
    if examples:
        lines += [
            "    luck = random.random()",
            "    if luck > 0.15:",
            "        example = copy.deepcopy(random.choice(EXAMPLES))",
            "        changed = random.choice([None, *example])  # None: all of them",
            "        for name in example:",
            "            if luck > 0.45 and changed in (None, name):",
            "                example[name] = drawn[name] if random.random() < 0.15 else mutate(example[name])",
            "        drawn = example",
        ]
    lines += [
        "    if random.random() < 0.35:",
        "        most = random.choice([1, 2, 2, 3])",
        f"        drawn = {{name: {small} for name, value in drawn.items()}}",
        "    return drawn",
    ]
    if positive := [name for name, _ in parameters if name in unsigned]:
        lines.insert(-1, f"    drawn |= {{name: unsign(drawn[name]) for name in {positive}}}")
    return "\n".join(lines) + "\n"


def unsigned_of(documented: Mapping[str, str], examples: list[dict[str, Any]]) -> frozenset[str]:
    """The parameters that stand for what is never negative: a quantity with its unit or something that is said to be positive,
    and a number with a point that no known argument set has below zero.
    """
    known = {name: [given[name] for given in examples] for name in (examples[0] if examples else ())}
    floats = {name for name, values in known.items() if any(isinstance(value, float) for value in values)}
    return frozenset(
        {name for name, text in documented.items() if _UNSIGNED.search(text)}
        | {name for name in floats if all(type(value) in (int, float) and value >= 0 for value in known[name])}
    )
