"""Raw code written for the tests, a recipe over it, and one sandbox for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
import yaml

from build.core.config import DataRecipe, read_data_recipe
from build.sandbox import Limits, Sandbox

RAW_FILES = {
    "numbers.py": '''
"""Number puzzles."""

from __future__ import annotations

import math
from functools import lru_cache

LIMITS = [3, 5]
LIMITS.append(7)


def _square(value: int) -> int:
    """Square a value."""
    return value * value


def sum_of_squares(values: list[int], limit: int = 100) -> int:
    """Add up the squares of the values that stay under a limit.

    Args:
        values: Numbers to square.
        limit: Squares at or over it are left out.

    Returns:
        The sum of the squares.

    Examples:
        >>> sum_of_squares([1, 2, 30])
        5
    """
    total = 0
    for value in values:
        squared = _square(value)
        if squared < limit:
            total += squared
    return total


def divisors_in_limits(number: int) -> list[int]:
    """List which of the known limits divide a number.

    Args:
        number: A positive whole number.

    Returns:
        A list of limits.
    """
    return [limit for limit in LIMITS if number % limit == 0]


@lru_cache(maxsize=None)
def climb(steps: int) -> int:
    """Count the ways to climb stairs by one or two steps.

    Args:
        steps: How many stairs there are.

    Returns:
        The number of ways.

    Examples:
        >>> climb(4)
        5
    """
    if steps < 0 or steps > 60:
        raise ValueError("out of range")
    if steps < 2:
        return 1
    return climb(steps - 1) + climb(steps - 2)


def reverse_in_place(items: list[int]) -> None:
    """Turn a list around in place.

    Args:
        items: The list to turn around.

    Examples:
        >>> reverse_in_place([1, 2, 3])
    """
    left, right = 0, len(items) - 1
    while left < right:
        items[left], items[right] = items[right], items[left]
        left += 1
        right -= 1


def halves(number: int):
    """Yield a number halved again and again until nothing is left.

    Args:
        number: Where to start.

    Returns:
        The numbers on the way.
    """
    while number > 0:
        yield number
        number //= 2


def farthest(points: list[tuple[int, int]], allowed: set[int]) -> float:
    """Find the greatest distance from the origin among points whose first number is allowed.

    Args:
        points: Pairs of whole numbers.
        allowed: First numbers that count.

    Returns:
        The greatest distance, 0 without points.

    Examples:
        >>> farthest([(3, 4), (6, 8)], {3})
        5.0
    """
    distances = {point: math.hypot(*point) for point in points if point[0] in allowed}
    return max(distances.values(), default=0.0)
''',
    "refused.py": '''
import os
import random

import requests


def roll(sides: int) -> int:
    """Roll a die once."""
    return random.randint(1, sides)


def undocumented(a: int) -> int:
    return a


def no_arguments() -> int:
    """Return forty two always."""
    return 42


def with_stars(*values: int) -> int:
    """Add up all the values."""
    return sum(values)


def handles(callback: object, thing: "Callable[[int], int]") -> int:
    """Call something with a thing."""
    return 1


def shouts(text: str) -> str:
    """Print a text in capitals."""
    print(text.upper())
    return text


def download(address: str) -> str:
    """Fetch a page as text."""
    return requests.get(address).text


def forgets(number: int) -> None:
    """Compute something and drop it."""
    number + 1


async def later(number: int) -> int:
    """Give the number back later."""
    return number


def lost(number: int) -> int:
    """Use a name that nobody defined."""
    return number + undefined_offset
''',
    "unstable.py": '''
def pick(words: list[str]) -> str:
    """Pick a word whose place depends on hashing.

    Args:
        words: Words to pick from.

    Returns:
        The first word of a set.

    Examples:
        >>> pick(["pear", "plum", "fig", "kiwi", "lime"])
        'pear'
    """
    return next(iter(set(words)))


def always(number: int) -> int:
    """Give the same answer for every number.

    Args:
        number: Any number.

    Returns:
        The answer.
    """
    return 7
''',
    "broken.py": "def broken(:\n    this is not Python at all, but it is long enough to be read as a file of some size\n",
    "generated.py": "# Automatically generated, do not edit by hand.\n" + "x = 1\n" * 20,
    "small.py": "x = 1\n",
}


def write_raw(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in RAW_FILES.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "copy_of_numbers.py").write_text(RAW_FILES["numbers.py"] + "\n\n", "utf-8")
    return folder


SCRAMBLED = '''
def scramble(number: int, other: int) -> int:
    """Scramble two numbers, so that nobody finds them again from the result.

    Args:
        number: A number.
        other: Another number.

    Returns:
        The scrambled number.
    """
    for step in range(5):
        number = (number * number * 7919 + other * 104729 + step) % 1000003
        other = (other * 31337 + number) % 999983
    return number
'''


def write_scrambled(folder: Path) -> None:
    """Add functions whose input questions the trace teacher does not answer: wrong answers, and second turns."""
    for number in range(3):
        (folder / f"scrambled_{number}.py").write_text(SCRAMBLED.replace("7919", f"{7919 + 100 * number}"))


def write_recipe(folder: Path, run: str = "run", **changes: object) -> Path:
    """A recipe over the raw code of the tests; relative to nothing, so that it works from every directory."""
    raw = write_raw(folder / "raw")
    plain: dict[str, object] = {
        "name": "small",
        "run": str(folder / run),
        "sources": [{"kind": "folder", "name": str(raw), "license": "Apache-2.0"}],
        "sampling": {"call_cpu_s": 0.3, "function_cpu_s": 3.0, "distinct": 6},
        "questions": {"pairs_per_function": 2},
        "test_fraction": 0.3,
        "engine": {"workers": 1, "shard_size": 2},
    }
    path = folder / f"{run}.yaml"
    path.write_text(yaml.safe_dump(plain | changes), "utf-8")
    return path


def shard_text(path: Path) -> str:
    """What the file of a shard holds."""
    with pyarrow.input_stream(path, compression="zstd") as file:
        return file.read().decode()


def write_shard_text(path: Path, text: str) -> None:
    """Put another text into the file of a shard."""
    path.write_bytes(pyarrow.Codec("zstd").compress(text.encode(), asbytes=True))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(call_cpu_s=0.5, job_cpu_s=3.0, memory_mb=256)) as sandbox:
        yield sandbox


@pytest.fixture
def recipe(tmp_path: Path) -> DataRecipe:
    return read_data_recipe(write_recipe(tmp_path))
