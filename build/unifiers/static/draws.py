"""Random values of a type, for input generators: small ones among others, boundary cases included.

The functions here are carried along by the generators that use them, with `LETTERS`, `WORDS` and `NUMBERS` of the function that
they draw for, so they need nothing but `random`.
"""

import random
from typing import Any

from build.unifiers.static.type_hints import Hint

LETTERS = "abcxyz "  # what a text is made of
WORDS: list[str] = []  # texts that the code itself looks for
NUMBERS: list[int] = []  # numbers that the code itself compares with


def draw_text(longest: int) -> str:
    """A text of the letters and words that matter to the code."""
    if WORDS and random.random() < 0.4:
        return random.choice(WORDS)
    letters = LETTERS[: random.choice([3, len(LETTERS), len(LETTERS)])]
    text = "".join(random.choice(letters) for _ in range(random.choice([1, 2, 3, random.randint(0, longest)])))
    return (text + random.choice(WORDS) if WORDS and random.random() < 0.2 else text).strip()


def draw_whole() -> int:
    """A whole number: small, middling, large for a person, now and then negative or beside a number of the code."""
    if NUMBERS and random.random() < 0.3:
        return random.choice(NUMBERS) + random.choice([-1, 0, 0, 1])
    sizes = [random.randint(3, 12), random.randint(3, 30), random.randint(10, 100)]
    return random.choice([0, 1, 2, 3, *sizes, -random.randint(1, 9)])


def draw_item() -> int:
    """A whole number inside a container."""
    if NUMBERS and random.random() < 0.1:
        return random.choice(NUMBERS)
    return random.randint(-5, 20) if random.random() < 0.5 else random.randint(0, 9)


def draw_size() -> int:
    """How many items a container has."""
    return random.choice([random.randint(0, 2), 2, 3, 3, 4, 5, random.randint(3, 8)])


def relate(drawn: dict) -> dict:
    """The arguments with, now and then, one taken out of another: a key of the table, an item of the list, a piece of text."""
    for name, value in drawn.items():
        others = [
            other for key, other in drawn.items() if key != name and isinstance(other, (list, dict, str)) and other
        ]
        if not others or isinstance(value, (bool, list, dict)) or random.random() < 0.6:
            continue
        other = random.choice(others)
        if isinstance(other, str):
            start = random.randrange(len(other))
            parts: list = [other[start : start + random.randint(1, 3)]]
        else:
            parts = list(other)
            if isinstance(other, dict) and type(value) is int:
                parts = [int(key) for key in other if key.lstrip("-").isdigit()]
        parts = [part for part in parts if type(part) is type(value)]
        if parts:
            drawn[name] = random.choice(parts)
    return drawn


def shrink(value: Any, most: int) -> Any:
    """The value made small: `most` items in each list, short texts, a number below 13. Equal sizes stay equal."""
    if isinstance(value, str):
        return value[: most + 1]
    if isinstance(value, list):  # the numbers in it stay, or what is sorted would not be so any more
        return [item if type(item) is int else shrink(item, most) for item in value[:most]]
    if isinstance(value, dict):  # all of its keys: it may be a record
        return {key: shrink(item, most) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 0 if abs(value) >= 1 else 1)
    return value % 10 if type(value) is int and value > 12 else value


def unsign(value: Any) -> Any:
    """The value, or the values in it, without a sign."""
    if isinstance(value, list):
        return [unsign(item) for item in value]
    return abs(value) if type(value) in (int, float) else value


def draw(hint: Hint, small: bool = False) -> str:
    """Source text of an expression that draws a random JSON value of the hint. `small`: inside a container."""
    match hint.kind:
        case "int":
            return "draw_item()" if small else "draw_whole()"
        case "float":
            return "round(random.uniform(-10, 50), random.randint(0, 2))"
        case "bool":
            return "random.random() < 0.5"
        case "str" | "bytes":
            return f"draw_text({4 if small else 10})"
        case "any":
            return "draw_item()"
        case "complex":
            return "[random.randint(-5, 9), random.randint(-5, 9)]"
        case "decimal":
            return "str(round(random.uniform(-10, 50), random.randint(0, 3)))"
        case "fraction":
            return "f'{random.randint(-9, 20)}/{random.randint(1, 12)}'"
        case "date":
            return _DATE
        case "datetime":
            return f"{_DATE} + f'T{{random.randint(0, 23):02}}:{{random.randint(0, 59):02}}:00'"
        case "list" | "pack" | "set" | "frozenset" | "iterator" | "deque" | "array":
            size = "random.randint(1, 4)" if small else "draw_size()"
            return f"[{draw(hint.items[0], True)} for _ in range({size})]"
        case "tuple":
            return f"[{', '.join(draw(item, True) for item in hint.items)}]"
        case "dict":
            key = draw(hint.items[0], True)
            key = f"str({key})" if hint.items[0].kind not in ("str", "literal") else f"({key} or 'a')"
            return f"{{{key}: {draw(hint.items[1], True)} for _ in range(random.randint(0, 5))}}"
        case "union":
            return f"random.choice([{', '.join(draw(item, small) for item in hint.items)}])"
        case "literal" | "enum":
            return f"random.choice({list(hint.values)!r})"
        case "record":
            fields = ", ".join(f"{name!r}: {draw(item, small)}" for name, item in zip(hint.values, hint.items))
            return f"{{{fields}}}"
        case "operations":
            calls = [
                f"[{', '.join([repr(name), *(draw_often(item) for item in row.items)])}]"
                for name, row in zip(hint.values, hint.items)
            ]
            asking = [
                call for call, row in zip(calls, hint.items) if row.values
            ] or calls  # what returns something comes last, mostly
            some = f"random.choice([{', '.join(calls)}]) for _ in range(random.randint(2, 5))"
            return (
                f"[*({some}), random.choice([{', '.join(asking)}] if random.random() < 0.6 else [{', '.join(calls)}])]"
            )
    return "None"


def draw_often(hint: Hint) -> str:
    """Source text of a draw for what operations take: small, and often the same, so that a key that was put is looked for."""
    often = {"int": "1, 2, 3", "str": "'a', 'b', 'c'"}.get(hint.kind)
    return f"random.choice([{often}, {draw(hint, True)}])" if often else draw(hint, True)


_DATE = "f'{random.randint(1990, 2030)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}'"
