"""The told run: bounded, in words, with this run's values."""

import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.narrate import count_tokens, narrate
from build.sandbox import Program, Sandbox
from build.values import encode

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
    trace = sandbox.trace(Program(code), encode(arguments))
    assert trace.result.status == "ok"
    return narrate(code, trace)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-99, 999), max_size=40))
def test_any_run_stays_under_the_limit_and_copies_no_code(sandbox: Sandbox, values: list[int]) -> None:
    text = told(sandbox, LOOPS, values=values, bound=500)
    assert count_tokens(text) <= 130
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
    assert "i = 0" in text or rounds == 1
    assert str(rounds - 1) in text


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
