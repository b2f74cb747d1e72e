"""Neighbours of a value: the same kind and shape, other content.

Two things use it: the input generators of the static unifier, which carry this source along so that they stand alone, and
the search of the trace teacher. It therefore needs nothing but `random`.
"""

import random
from typing import Any


def mutate(value: Any) -> Any:
    """A neighbour of an example value: the same kind and shape, other content."""
    if isinstance(value, bool):
        return random.random() < 0.5
    if isinstance(value, int):
        changed = value + random.choice([-3, -2, -1, 1, 2, 3, random.randint(-abs(value) - 2, abs(value) + 2)])
        return abs(changed) if value >= 0 else changed
    if isinstance(value, float):
        return round(value * random.choice([0.5, 1, 2, -1]) + random.randint(-3, 3), 2)
    if isinstance(value, str):
        return mutate_text(value)
    if isinstance(value, dict):
        return {key: mutate(item) if random.random() < 0.5 else item for key, item in value.items()}
    if isinstance(value, list) and value:
        return mutate_list(value)
    return value


def mutate_text(text: str) -> str:
    letters = list(text)
    for _ in range(random.randint(1, 3)):
        if not letters:
            return random.choice(["a", "b", "1"])
        at = random.randrange(len(letters))
        move = random.choice(["replace", "swap", "drop", "repeat"])
        if move == "replace":
            letters[at] = random.choice(text)
        elif move == "swap":
            other = random.randrange(len(letters))
            letters[at], letters[other] = letters[other], letters[at]
        elif move == "drop" and len(letters) > 1:
            del letters[at]
        else:
            letters.insert(at, letters[at])
    return "".join(letters)


def mutate_list(values: list) -> list:
    changed = list(values)
    flat = all(isinstance(item, (int, float, str)) for item in values)
    few = flat and len(values) > 3 and len(set(values)) <= 3
    grid = all(isinstance(item, list) for item in values) and len(set(map(len, values))) == 1
    move = random.choice(["change", "change", "shuffle", "drop", "append", "all"])
    if move == "shuffle":
        random.shuffle(changed)
    elif move == "drop" and len(changed) > 1 and not grid:
        del changed[random.randrange(len(changed))]
    elif move == "append" and not grid:
        changed.append(random.choice(values) if few else mutate(random.choice(values)))
    else:
        for at in range(len(changed)) if move == "all" else [random.randrange(len(changed))]:
            changed[at] = random.choice(values) if few else mutate(changed[at])
    if flat and len(set(map(type, values))) == 1:
        if len(set(values)) == len(values):
            changed = list(dict.fromkeys(changed))
        if values == sorted(values) and len(values) > 1 and not few:
            changed.sort()
        if len(values) > 1 and values == sorted(values, reverse=True) and not few:
            changed.sort(reverse=True)
    return changed
