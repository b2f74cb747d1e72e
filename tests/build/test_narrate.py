"""The told run: bounded, in words, with this run's values."""

import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.core.tokens import count_tokens
from build.sandbox import Program, Sandbox
from build.sandbox.codec import encode
from build.teachers.trace.narrate import HARD_TOKENS, narrate, one_statement_a_line

LOOPS = textwrap.dedent("""
    def collect_even(values, bound):
        found = []
        for value in values:
            if value % 2 == 0 and value < bound:
                found.append(value)
        return found


    def main_solution(values, bound):
        chosen = collect_even(values, bound)
        total = 0
        while chosen:
            total += chosen.pop()
        try:
            share = total // len(chosen)
        except ZeroDivisionError:
            share = -1
        return {"total": total, "share": share}
""")


def told(sandbox: Sandbox, code: str, **arguments: object) -> str:
    code = one_statement_a_line(code)
    trace = sandbox.trace(Program(code), encode(arguments))
    assert trace.result.status == "ok"
    return narrate(code, trace)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-99, 999), max_size=40))
def test_any_run_stays_under_the_limit_and_copies_no_code(sandbox: Sandbox, values: list[int]) -> None:
    text = told(sandbox, LOOPS, values=values, bound=500)
    assert count_tokens(text) <= HARD_TOKENS
    lines = [line.strip() for line in LOOPS.splitlines() if len(line.strip()) > 12]
    assert not [line for line in lines if line in text]


def test_values_branches_and_loops_of_this_run_are_told(sandbox: Sandbox) -> None:
    code = textwrap.dedent("""
        def main_solution(n):
            total = 10
            for step in range(n):
                if step == 1:
                    total += 5
                else:
                    total -= step
            return total
    """)
    text = told(sandbox, code, n=3)
    assert "step = 1" in text and "step (1) equals 1" in text and "15" in text
    assert re.search(r"step \(2\) does not equal 1", text) and "13" in text


@pytest.mark.parametrize("rounds", [1, 5, 50, 5000])
def test_a_long_loop_is_told_by_its_start_and_its_end(sandbox: Sandbox, rounds: int) -> None:
    code = "def main_solution(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
    text = told(sandbox, code, n=rounds)
    assert count_tokens(text) <= 130
    assert ("With i = 0" if rounds > 1 else "once") in text
    assert rounds == 1 or f"with i = {rounds - 1}" in text


def test_recursion_is_entered_once_and_then_told_by_its_results(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    return n if n < 2 else main_solution(n - 1) + main_solution(n - 2)\n"
    text = told(sandbox, code, n=9)
    assert "gives 21" in text and "gives 13" in text and count_tokens(text) <= 130


@pytest.mark.parametrize(
    "body",
    [
        "return x",
        "y = [i for i in x]\n    return y",
        "with open_nothing() as z:\n        y = z\n    return y",
        "match x:\n        case [a, *_]:\n            y = a\n        case _:\n            y = 0\n    return y",
        "def inner(v):\n        return v + 1\n    return [inner(v) for v in x]",
        "t = 0\n    for v in x:\n        if v > 2:\n            break\n        t += v\n    else:\n        t = -1\n    return t",
        "a, *b = x\n    x[0] = 5; x[1:] = []\n    return [a, b, x]",
    ],
)
def test_unusual_statements_do_not_break_the_telling(sandbox: Sandbox, body: str) -> None:
    helper = "import contextlib\n\ndef open_nothing():\n    return contextlib.nullcontext(3)\n"
    code = f"{helper}\ndef main_solution(x):\n    {body}\n"
    assert isinstance(told(sandbox, code, x=[1, 2, 3]), str)


TRUTHS: dict[str, tuple[str, dict[str, object], list[str], list[str]]] = {
    "nested arithmetic keeps its parentheses": (
        "c = a - (b - 1)\nd = (a + b) * c\nreturn d - a + 1",
        {"a": 6, "b": 2},
        [
            "a (6) minus (b (2) minus 1), which is 5",
            "(a (6) plus b (2)) times c (5), which is 40",
            "d (40) minus a (6) plus 1",
        ],
        [],
    ),
    "blocks on one line": (
        "best = 1\nif a > best: best = a; b += 1\nfor i in range(2): b += i\nwhile b < 0: b += 1\nreturn [best, b]",
        {"a": 6, "b": 2},
        ["a (6) is greater than best (1), so best becomes 6"],
        ["is not greater", "As long as"],
    ),
    "a value of `and` is no truth value": ("y = a and b\nreturn y", {"a": 0, "b": 3}, ["y starts as 0"], ["whether"]),
    "a condition that changes something": (
        "left = [1, 2]\nfor item in b:\n    if left.pop() == item:\n        return item\nreturn a",
        {"a": 0, "b": [9, 1]},
        ["left becomes [1]", "it ends here with 1"],
        ["nothing changes"],
    ),
    "a helper that fails": (
        "def check(x):\n    if x < 0:\n        raise ValueError('no')\n    return x\n"
        "try:\n    c = check(a)\nexcept ValueError:\n    c = 0\nreturn c",
        {"a": -2, "b": 0},
        ["check with x = -2 fails with ValueError"],
        ["does its part"],
    ),
    "a class of one's own": (
        "class B:\n    def values(self):\n        return 7\nbox = B()\nz = box.values()\nreturn z",
        {"a": 0, "b": 0},
        [],
        ["the values of box"],
    ),
    "sets are not ordered by size": (
        "s, t = {1}, {1, 2}\nif s <= t:\n    a = 1\nreturn a",
        {"a": 0, "b": 0},
        [],
        ["at most"],
    ),
    "text formatting is no remainder": ("return '%d items' % a", {"a": 3, "b": 0}, [], ["remainder"]),
    "the part of a condition that decided": (
        "if a < 0 or b > 2:\n    a = 9\nif a > 1 and b == 7:\n    a = 1\nreturn a",
        {"a": 4, "b": 3},
        ["b (3) is greater than 2, so a becomes 9", "b (3) does not equal 7"],
        ["a (4) is", "a (9) is"],
    ),
    "a condition of which no value is known": (
        "if a[0] > 2 or a[1] > 2:\n    return 1\nreturn 0",
        {"a": [1, 5], "b": 0},
        ["the entry of a at 0 is greater than 2 or the entry of a at 1 is greater than 2".capitalize()],
        [],
    ),
    "loops over truth values and containers": (
        "done = False\nwhile not done:\n    done = b > 0\nwhile a:\n    a = a[1:]\nreturn b",
        {"a": [1, 2], "b": 3},
        ["As long as done is false", "As long as a is not empty"],
        ["zero or empty"],
    ),
    "an object that calls itself false": (
        "class B:\n    def __bool__(self):\n        return False\nbox = B()\nif not box:\n    a = 5\nreturn a",
        {"a": 0, "b": 0},
        ["a becomes 5"],
        ["box is null", "box is not null"],
    ),
    "a comprehension's variable is not the one outside": (
        "x = 5\nreturn sum(x * x for x in a if x > b)",
        {"a": [1, 2, 3], "b": 1},
        ["the sum of x times x for each x of a ([1,2,3]) where x is greater than b (1)".replace(",", ", ")],
        ["x (5)"],
    ),
    "a return that is one expression": (
        "return a[::-1].replace('a', 'b') if b else a",
        {"a": "cab", "b": 1},
        ['a in reverse with "a" replaced by "b"'],
        [],
    ),
    "variables that are called like our words": (
        "first = a\nit = b\nreturn first + it",
        {"a": 1, "b": 2},
        ["first starts as 1"],
        [],
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_what_is_said_is_true(sandbox: Sandbox, name: str) -> None:
    body, arguments, said, unsaid = TRUTHS[name]
    text = told(sandbox, "def main_solution(a, b):\n" + textwrap.indent(body, "    ") + "\n", **arguments)
    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []


def test_a_telling_that_no_level_of_detail_makes_short_is_cut_between_sentences(sandbox: Sandbox) -> None:
    steps = "\n".join(f"    value_{number} = [x + {number}, x, 7, 7, 7, 7, 7]" for number in range(40))
    code = one_statement_a_line(f"def main_solution(x):\n{steps}\n    return value_39")
    text = narrate(code, sandbox.trace(Program(code), '{"x": 1}'), 130, 200)  # it was empty: names start in lower case
    assert text.startswith("value_0 becomes [1, 1, 7") and text.endswith(". The rest goes on in the same way.")
    assert 100 < count_tokens(text) <= 200


def test_after_a_gap_in_the_trace_the_last_values_are_told(sandbox: Sandbox) -> None:
    code = """
def main_solution(n):
    total = 0
    for i in range(n):
        base = i * 100
        for j in range(n):
            total += 1
    return total
"""
    text = told(sandbox, code, n=60)
    assert "total = 3600" in text and "i = 59" in text and "base = 5900" in text


@settings(max_examples=40, deadline=None)
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
def test_comparisons_told_with_their_values_hold(sandbox: Sandbox, a: int, b: int, c: int) -> None:
    code = """
def main_solution(a, b, c):
    score = 0
    if a > b or b > c:
        score += a
    if a <= c and not b == c:
        score -= b
    while score < c:
        score += 7
        if score >= a: break
    return score
"""
    text = told(sandbox, code, a=a, b=b, c=c)
    verbs = {
        "is greater than": "__gt__",
        "is not greater than": "__le__",
        "is less than": "__lt__",
        "is not less than": "__ge__",
        "is at most": "__le__",
        "is more than": "__gt__",
        "is at least": "__ge__",
        "equals": "__eq__",
        "does not equal": "__ne__",
    }
    found = re.findall(r"\w+ \((-?\d+)\) (" + "|".join(verbs) + r") \w+ \((-?\d+)\)", text)
    assert all(getattr(int(left), verbs[verb])(int(right)) for left, verb, right in found)
