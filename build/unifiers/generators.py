"""Input generators for the static unifier: stand-alone source code that draws arguments for one function.

A generator varies the argument sets of the function's own doctest examples, because these show what a sensible input looks
like (a sorted list, a valid numeral, a square matrix), and mixes in draws from the type hints, boundary cases included.
"""

import inspect
import pprint
from typing import Any

from build.unifiers.mutate import mutate, mutate_list, mutate_text
from build.unifiers.type_hints import Hint, draw

_MUTATE = "\n\n".join(
    inspect.getsource(part).replace(": Any", "").replace(" -> Any", "") for part in (mutate, mutate_text, mutate_list)
)


def write_generator(parameters: list[tuple[str, Hint]], examples: list[dict[str, Any]]) -> str:
    """The source of a module with `input_generator() -> dict`, a keyword argument per parameter.

    `examples` are complete argument sets of plain JSON values, of the function's own doctests and defaults.
    """
    drawn = ",\n        ".join(f"{name!r}: {draw(hint)}" for name, hint in parameters)
    lines = ["import copy", "import random", ""] if examples else ["import random", ""]
    if examples:
        lines += [f"EXAMPLES = {pprint.pformat(examples, width=110, sort_dicts=False)}", "", "", _MUTATE]
    lines += [
        "",
        "def input_generator():",
        '    """Random keyword arguments for main_solution."""',
        f"    drawn = {{\n        {drawn},\n    }}",
    ]
    if examples:
        lines += [
            "    if random.random() < 0.15:",
            "        return drawn",
            "    example = copy.deepcopy(random.choice(EXAMPLES))",
            "    changed = random.choice([None, *example])  # None: all of them",
            "    for name in example:",
            "        if changed in (None, name):",
            "            example[name] = drawn[name] if random.random() < 0.15 else mutate(example[name])",
            "    return example",
        ]
    else:
        lines.append("    return drawn")
    return "\n".join(lines) + "\n"
