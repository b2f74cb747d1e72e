"""Tellings of whole kinds of programs: generated ones, held against the trace, and kinds that once went wrong."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.proof.check import judge
from build.sandbox import Program, Sandbox
from build.sandbox.codec import encode
from build.teachers.trace.narrate import narrate

NAMES = ("a", "b", "c")


def numbers(depth: int) -> st.SearchStrategy[str]:
    """Expressions of whole numbers."""
    plain = st.sampled_from([*NAMES, "len(items)", "box.total", "items[0]"]) | st.integers(0, 9).map(str)
    if depth == 0:
        return plain
    inner = numbers(depth - 1)
    return st.one_of(
        plain,
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"({part} % 7)"),
        inner.map(lambda part: f"twice({part})"),
        st.tuples(inner, inner).map(lambda parts: f"max({parts[0]}, {parts[1]})"),
        st.tuples(conditions(0), inner, inner).map(lambda parts: f"({parts[1]} if {parts[0]} else {parts[2]})"),
        inner.map(lambda part: f"sum(x * {part} for x in items[:3])"),
    )


def conditions(depth: int) -> st.SearchStrategy[str]:
    compared = st.tuples(numbers(0), st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), numbers(0)).map(" ".join)
    contained = numbers(0).map(lambda part: f"{part} in items")
    if depth == 0:
        return compared | contained
    inner = conditions(depth - 1)
    joined = st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})")
    return compared | contained | joined | inner.map(lambda part: f"(not {part})")


def statements(depth: int) -> st.SearchStrategy[str]:
    name = st.sampled_from(NAMES)
    simple = st.one_of(
        st.tuples(name, numbers(1)).map(lambda parts: f"{parts[0]} = {parts[1]}"),
        st.tuples(name, st.sampled_from(["+", "-"]), numbers(0)).map(
            lambda parts: f"{parts[0]} {parts[1]}= {parts[2]}"
        ),
        numbers(0).map(lambda part: f"items.append({part})"),
        numbers(0).map(lambda part: f"items[0] = {part}"),
        numbers(0).map(lambda part: f"counts[{part}] = counts.get({part}, 0) + 1"),
        numbers(0).map(lambda part: f"box.add({part})"),
        st.just("a, b = b, a"),
        st.just("items[0], items[-1] = items[-1], items[0]"),
    )
    if depth == 0:
        return simple
    block = st.lists(statements(depth - 1), min_size=1, max_size=2).map(
        lambda lines: textwrap.indent("\n".join(lines), "    ")
    )
    return st.one_of(
        simple,
        st.tuples(conditions(1), block).map(lambda parts: f"if {parts[0]}:\n{parts[1]}"),
        st.tuples(conditions(1), block, block).map(lambda parts: f"if {parts[0]}:\n{parts[1]}\nelse:\n{parts[2]}"),
        st.tuples(st.integers(0, 4), block).map(lambda parts: f"for i in range({parts[0]}):\n{parts[1]}"),
        block.map(lambda body: f"for item in items[:3]:\n{body}"),
        block.map(lambda body: f"for step in range(3):\n{body}\n    if a > 20:\n        break"),
    )


FRAME = """
def twice(value):
    return value + value


class Box:
    def __init__(self):
        self.total = 1

    def add(self, value):
        self.total = (self.total + value) % 50


def main_solution(a, b, items):
    c = 0
    counts = {{}}
    box = Box()
{body}
    return [a, b, c, items, counts, box.total]
"""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(statements(2), min_size=1, max_size=4),
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.lists(st.integers(-3, 9), min_size=1, max_size=4),
)
def test_no_claim_of_a_generated_program_is_refuted(
    sandbox: Sandbox, body: list[str], a: int, b: int, items: list[int]
) -> None:
    code = FRAME.format(body=textwrap.indent("\n".join(body), "    "))
    trace = sandbox.trace(Program(code), encode({"a": a, "b": b, "items": items}))
    if trace.result.status != "ok":
        return
    telling = narrate(code, trace, hard_tokens=3000)
    texts = [sentence.text for sentence in telling.sentences]
    report = judge(texts, code, trace.events, trace.result.value)
    assert [(one.sentence, one.why) for one in report.sentences if one.status == "refuted"] == []


KINDS = {
    "a text that may begin in two ways": (
        'def main_solution(t):\n    if t.startswith(("https://", "wss://")):\n        return "safe"\n    return "no"\n',
        {"t": "wss://a"},
        ['t starts with "https://" or "wss://"'],
    ),
    "digits": (
        'def main_solution(t):\n    if t.isdigit():\n        return "yes"\n    return "no"\n',
        {"t": "2233"},
        ["consists of digits"],
    ),
    "tests one after another": (
        'def main_solution(t):\n    if t.startswith("http:"):\n        return 1\n    elif t.startswith("ftp:"):\n'
        "        return 2\n    return 3\n",
        {"t": "ftp:x"},
        ['t does not start with "http:"; t starts with "ftp:"'],
    ),
    "objects made inside a sum": (
        "class Disc:\n    def __init__(self, at, size):\n        self.at = at\n        self.size = size\n\n"
        "    def holds(self, place):\n        return abs(place - self.at) <= self.size\n\n\n"
        "def main_solution(place, discs):\n    return sum(Disc(at, size).holds(place) for at, size in discs)\n",
        {"place": 3, "discs": [[2, 2], [9, 1]]},
        ["holds(self = Disc(at=2, size=2), place = 3)", "the absolute value of 1 is 1", "sum", "[true, false]"],
    ),
    "a step in the return": (
        "def main_solution(values):\n    total = 0.0\n    for value in values:\n        total += value\n"
        "    return round(abs(total) / 2, 1)\n",
        {"values": [3.0, -9.5]},
        ["the absolute value of -6.5 is 6.5", "6.5 / 2 = 3.25", "3.25 rounded to 1 decimals, 3.2"],
    ),
    "a generator": (
        "def below(limit):\n    a, b = 0, 1\n    while a < limit:\n        yield a\n        a, b = b, a + b\n\n\n"
        "def main_solution(limit):\n    return list(below(limit))\n",
        {"limit": 4},
        ["it yields 0", "a = 1 and b = 0 + 1 = 1", "[0, 1, 1, 2, 3]"],
    ),
    "one expression": (
        "def main_solution(a, b):\n    return max(0, min(a[1], b[1]) - max(a[0], b[0]))\n",
        {"a": [1, 5], "b": [3, 9]},
        ["smallest of a[1] (5) and b[1] (9) is 5", "5 - 3 = 2", "the largest of 0 and 2"],
    ),
    "a choice for each item": (
        'def main_solution(n):\n    return ["Fizz" if i % 3 == 0 else str(i) for i in range(1, n + 1)]\n',
        {"n": 3},
        ["3 % 3 = 0", '1 as text is "1"', "1 % 3 = 1, not 0"],
    ),
    "an assertion before a comparison of the same variable": (
        "def fib(n):\n    assert n >= 0\n    if n <= 1:\n        return n\n    return fib(n - 1) + fib(n - 2)\n\n\n"
        "def main_solution(n):\n    return fib(n) * 2\n",
        {"n": 2},
        ["n (2) is at least 0; n (2) is more than 1"],
    ),
    "a part of an inner condition that the loop around it tests too": (
        "def main_solution(left, right, items):\n    while left < right:\n"
        "        while left < right and items[left] == 0:\n            left += 1\n        items[left] = 9\n"
        "        left, right = left + 1, right - 1\n    return items\n",
        {"left": 0, "right": 1, "items": [0, 5]},
        ["left (1) is at least right (1), so this inner loop ends", "items[1] = 9"],
    ),
    "an object made of other values than it holds": (
        "class Graph:\n    def __init__(self, directed=True):\n        self.edges = []\n        self.directed = directed\n\n\n"
        "def main_solution(way):\n    made = Graph(way)\n    made.edges.append(way)\n    return made.edges\n",
        {"way": False},
        ["Graph(edges=[], directed=false)"],
    ),
    "fractions": (
        "from fractions import Fraction\n\n\ndef main_solution(n):\n    half = Fraction(Fraction(n, 2), 1)\n"
        "    return str(half + 1)\n",
        {"n": 3},
        ["Fraction(3, 2) + 1 = Fraction(5, 2)"],
    ),
    "sets, of which neither need hold the other": (
        "def main_solution(a, b):\n    if set(a) < set(b):\n        return 1\n    return len(b) if len(b) > 1 else 0\n",
        {"a": [1], "b": [2, 3]},
        ["({1}) is not less than"],
    ),
    "rounds that are only counted": (
        "def main_solution(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
        {"n": 3},
        ["Do what follows 3 times. round 1: a = 1 and b = 0 + 1 = 1."],
    ),
    "rows of rows": (
        "def main_solution(n):\n    table = [[0 for _ in range(2)] for _ in range(n)]\n    table[0][1] = n\n    return table\n",
        {"n": 3},
        ["[0, 0]; likewise 2 more rounds; table = [[0, 0], [0, 0], [0, 0]]"],
    ),
    "types": (
        "def main_solution(n):\n    if isinstance(n, (int, float)) and not isinstance(n, str):\n        return n + 1\n"
        "    return 0\n",
        {"n": 4},
        ["4 is of type int or float and 4 is not of type str"],
    ),
    "a type and a comparison": (
        "def main_solution(n):\n    if not (isinstance(n, int) and n >= 0):\n        return -1\n    return n + 1\n",
        {"n": 4},
        ["4 is of type int and n (4) is at least 0"],
    ),
    "an enumeration": (
        "from enum import Enum\n\n\nclass Way(Enum):\n    UP = 1\n    DOWN = 2\n\n\n"
        "def main_solution(n):\n    ways = {n: Way.UP}\n    return 1 if ways[n] == Way.DOWN else n + 1\n",
        {"n": 4},
        ["ways = {4: Way.UP}", "ways[4] (Way.UP) does not equal Way.DOWN", "4 + 1 = 5"],
    ),
    "a module of a module": (
        'import urllib.parse\n\n\ndef main_solution(n):\n    q = urllib.parse.quote(n) + "!"\n    return q.upper()\n',
        {"n": "a b"},
        ['urllib.parse.quote("a b") = "a%20b"'],
    ),
    "a call that hands variables on": (
        "def walk(items, limit, at, found):\n    if at == limit:\n        return found\n"
        "    return walk(items, limit, at + 1, found + [items[at]])\n\n\n"
        "def main_solution(items, limit):\n    return walk(items, limit, 0, [])[::-1]\n",
        {"items": [4, 5, 6], "limit": 1},
        ["walk(at = 0 + 1 = 1, found = [] + [4] = [4], the rest unchanged)"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_once_went_wrong_are_told_step_by_step(sandbox: Sandbox, kind: str) -> None:
    code, arguments, said = KINDS[kind]
    trace = sandbox.trace(Program(code), encode(arguments))
    telling = narrate(code, trace)
    assert ([part for part in said if part not in telling.text], telling.text) == ([], telling.text)
    assert telling.complete
    report = judge([one.text for one in telling.sentences], code, trace.events, trace.result.value, strict=True)
    assert [one for one in report.sentences if one.status == "refuted"] == []
