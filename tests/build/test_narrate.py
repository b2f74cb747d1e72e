"""The told run: bounded, in words, complete by rule, with this run's values."""

import re
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.core.tokens import count_tokens
from build.sandbox import Program, Sandbox
from build.sandbox.codec import encode
from build.teachers.trace.narrate import HARD_TOKENS, Telling, narrate

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


def tell(sandbox: Sandbox, code: str, soft: int = 150, **arguments: Any) -> Telling:
    trace = sandbox.trace(Program(code), encode(arguments))
    assert trace.result.status == "ok"
    return narrate(code, trace, soft)


def told(sandbox: Sandbox, code: str, soft: int = 150, **arguments: Any) -> str:
    return tell(sandbox, code, soft, **arguments).text


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
    assert "step = 1: step (1) equals 1, so total = 10 + 5 = 15." in text
    assert "step = 2: step (2) does not equal 1, so total = 15 - 2 = 13." in text


@pytest.mark.parametrize("rounds", [1, 5, 50, 500])
def test_a_long_loop_is_told_by_its_start_and_its_end(sandbox: Sandbox, rounds: int) -> None:
    code = "def main_solution(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
    telling = tell(sandbox, code, n=rounds)
    assert telling.complete and count_tokens(telling.text) <= 150
    assert "i = 0: total = 0 + 0 = 0" in telling.text
    assert rounds == 1 or f"i = {rounds - 1}" in telling.text
    assert str(sum(range(rounds))) in telling.text


def test_a_run_that_is_watched_only_in_part_is_not_complete(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
    telling = tell(sandbox, code, n=100_000)
    assert not telling.complete and count_tokens(telling.text) <= HARD_TOKENS


def test_rounds_are_folded_only_where_they_are_alike(sandbox: Sandbox) -> None:
    code = textwrap.dedent("""
        def main_solution(items):
            kept = []
            for item in items:
                if item not in kept:
                    kept.append(item)
            return kept
    """)
    telling = tell(sandbox, code, soft=1, items=[1, 5, 5, 2, 3])
    assert telling.complete
    assert "append 1 to kept" in telling.text
    assert "item = 5: item (5) is in kept." in telling.text
    assert "Like item = 1: item = 2, 3 give kept = [1, 5, 2], [1, 5, 2, 3]." in telling.text


def test_a_call_that_was_told_is_not_told_again(sandbox: Sandbox) -> None:
    code = "def main_solution(n):\n    return n if n < 2 else main_solution(n - 1) + main_solution(n - 2)\n"
    text = told(sandbox, code, n=5)
    assert "main_solution(n = 3 - 2 = 1) = 1 again" in text


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
        "g = (v * v for v in x if v > 1)\n    return next(g) + sum(g)",
        "return max(x, key=lambda v: -v)",
        "return f'{x[0]:03d} {len(x)!r}'",
        "y = z = [0]\n    y += x\n    del z[0]\n    return z",
        "if (n := len(x)) > 2: n -= 1\n    return n",
        "return [[a, b] for a in x for b in x if a < b]",
        "import math\n    return math.floor(sum(map(math.sqrt, x)))",
        "try:\n        raise KeyError('k')\n    except KeyError as e:\n        return str(e)\n    finally:\n        x.pop()",
        "return {k: v for k, v in zip('abc', x)}",
        "it = iter(x)\n    return [next(it), *it]",
    ],
)
def test_unusual_statements_do_not_break_the_telling(sandbox: Sandbox, body: str) -> None:
    helper = "import contextlib\n\ndef open_nothing():\n    return contextlib.nullcontext(3)\n"
    code = f"{helper}\ndef main_solution(x):\n    {body}\n"
    assert isinstance(told(sandbox, code, x=[1, 2, 3]), str)


TRUTHS: dict[str, tuple[str, dict[str, Any], list[str], list[str]]] = {
    "arithmetic is worked out step by step": (
        "c = a - (b - 1)\nd = (a + b) * c\nreturn d - a + 1",
        {"a": 6, "b": 2},
        [
            "c = 6 - (2 - 1) = 6 - 1 = 5",
            "d = (6 + 2) * 5 = 8 * 5 = 40",
            "it returns 40 - 6 + 1 = 34 + 1 = 35",
        ],
        [],
    ),
    "blocks on one line": (
        "best = 1\nif a > best: best = a; b += 1\nfor i in range(2): b += i\nwhile b < 0: b += 1\nreturn [best, b]",
        {"a": 6, "b": 2},
        ["a (6) is greater than best (1), so best = a = 6; b = 2 + 1 = 3"],
        ["is not greater"],
    ),
    "a value of `and` is no truth value": (
        "y = a and b\nreturn y",
        {"a": 0, "b": 3},
        ["y = 0"],
        ["whether", "y = false"],
    ),
    "a condition that changes something": (
        "left = [1, 2]\nfor item in b:\n    if left.pop() == item:\n        return item\nreturn a",
        {"a": 0, "b": [9, 1]},
        ["left is now [1]"],
        ["nothing changes"],
    ),
    "a helper that fails": (
        "def check(x):\n    if x < 0:\n        raise ValueError('no')\n    return x\n"
        "try:\n    c = check(a)\nexcept ValueError:\n    c = 0\nreturn c",
        {"a": -2, "b": 0},
        ["check(x = -2): x (-2) is less than 0, ValueError is raised, it fails with ValueError"],
        ["does its part"],
    ),
    "a class of one's own": (
        "class B:\n    def values(self):\n        return 7\nbox = B()\nz = box.values()\nreturn z",
        {"a": 0, "b": 0},
        ["values(self = B()) = 7"],
        ["the values of box"],
    ),
    "attributes of an object": (
        "class B:\n    def __init__(self):\n        self.n = 0\n    def up(self, by):\n        self.n += by\n"
        "box = B()\nbox.up(a)\nbox.up(b)\nreturn box.n",
        {"a": 4, "b": 5},
        ["self.n = 0 + 4 = 4", "self.n = 4 + 5 = 9"],
        ["nothing changes"],
    ),
    "sets are not ordered by size": (
        "s, t = {1}, {1, 2}\nif s <= t:\n    a = 1\nreturn a",
        {"a": 0, "b": 0},
        ["a = 1"],
        [],
    ),
    "the remainder sign on a text": (
        "return '%d items' % a",
        {"a": 3, "b": 0},
        ['"%d items" % 3 = "3 items"'],
        ["remainder"],
    ),
    "count of something else than a text or a list": (
        "import itertools\nfor n in itertools.count(a):\n    if n > b:\n        return n",
        {"a": 1, "b": 1},
        ["n = 2"],
        ["how often"],
    ),
    "a sum of one's own": (
        "def sum(values):\n    return values[0]\nreturn sum(a)",
        {"a": [5, 6], "b": 0},
        ["values[0] = 5"],
        ["the sum of"],
    ),
    "the entry of a dictionary at -1": (
        "memo = {-1: a}\nreturn memo[-1] + b",
        {"a": 4, "b": 1},
        ["memo[-1] + 1 = 4 + 1 = 5"],
        ["last item"],
    ),
    "the part of a condition that decided": (
        "if a < 0 or b > 2:\n    a = 9\nif a > 1 and b == 7:\n    a = 1\nreturn a",
        {"a": 4, "b": 3},
        ["b (3) is greater than 2, so a = 9", "b (3) does not equal 7"],
        ["a (4) is", "a (9) is"],
    ),
    "items in a condition": (
        "if a[0] > 2 or a[1] > 2:\n    return 1\nreturn 0",
        {"a": [1, 5], "b": 0},
        ["a[1] (5) is greater than 2"],
        [],
    ),
    "loops over truth values and containers": (
        "done = False\nwhile not done:\n    done = b > 0\nwhile a:\n    a = a[1:]\nreturn b",
        {"a": [1, 2], "b": 3},
        ["done (false) is false", "is not empty", "a ([]) is empty, so the loop ends"],
        [],
    ),
    "an object that calls itself false": (
        "class B:\n    def __bool__(self):\n        return False\nbox = B()\nif not box:\n    a = 5\nreturn a",
        {"a": 0, "b": 0},
        ["a = 5", "counts as false"],
        ["box is null", "box is not null"],
    ),
    "a comprehension's variable is not the one outside": (
        "x = 5\nreturn sum(x * x for x in a if x > b)",
        {"a": [1, 2, 3], "b": 1},
        ["x = 2: x (2) is greater than b (1)", "2 * 2 = 4", "the sum of [4, 9]"],
        ["x (5)"],
    ),
    "both of several beginnings": (
        "if a.startswith(('x', 'y')):\n    b = 1\nreturn b",
        {"a": "yes", "b": 0},
        ['"yes" starts with "x" or "y"'],
        ['"x" and "y"'],
    ),
    "a swap is not told as two assignments in a row": (
        "a[0], a[1] = a[1], a[0]\nreturn a",
        {"a": [3, 4], "b": 0},
        ["Swap a[1] (4) and a[0] (3): a is now [4, 3]"],
        [],
    ),
    "several changed variables are all told": (
        "p = q = r = s = t = a\nreturn [p, q, r, s, t]",
        {"a": 1, "b": 0},
        ["p = a = 1", "q = a = 1", "r = a = 1", "s = a = 1", "t = a = 1"],
        [],
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_what_is_said_is_true(sandbox: Sandbox, name: str) -> None:
    body, arguments, said, unsaid = TRUTHS[name]
    text = told(sandbox, "def main_solution(a, b):\n" + textwrap.indent(body, "    ") + "\n", **arguments)
    assert ([part for part in said if part not in text], text) == ([], text)
    assert [part for part in unsaid if part in text] == []


def test_a_telling_that_does_not_fit_is_cut_between_sentences_and_marked(sandbox: Sandbox) -> None:
    steps = "\n".join(f"    value_{number} = [x + {number}, x, 7, 7, 7, 7, 7]" for number in range(40))
    code = f"def main_solution(x):\n{steps}\n    return value_39"
    telling = narrate(code, sandbox.trace(Program(code), '{"x": 1}'), 130, 200)
    assert telling.text.startswith("value_0 = [1 + 0, 1, 7") and not telling.complete
    assert telling.text.endswith("The further steps are left out here.")
    assert 100 < count_tokens(telling.text) <= 200


def test_every_sentence_names_the_lines_and_events_that_prove_it(sandbox: Sandbox) -> None:
    telling = tell(sandbox, LOOPS, values=[2, 3, 4], bound=5)
    trace = sandbox.trace(Program(LOOPS), '{"bound": 5, "values": [2, 3, 4]}')
    for sentence in telling.sentences:
        assert sentence.events() and all(event < len(trace.events) for event in sentence.events())
        assert sentence.lines() and all(line <= len(LOOPS.splitlines()) for line in sentence.lines())


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


def test_a_program_that_is_nested_too_deeply_has_no_telling(sandbox: Sandbox) -> None:
    code = f"def main_solution(n):\n    total = {' + '.join(['n'] * 450)}\n    return total\n"
    telling = narrate(code, sandbox.trace(Program(code), '{"n": 1}'))
    assert telling.sentences == () and telling.gaps == ("the program is too deep",)
