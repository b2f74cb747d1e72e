"""What the normal form takes away, and what it must not."""

import random

import pytest

from build.bench.rewriting import REWRITINGS
from build.matching.normal_form import function_forms, program_form
from tests.matching.corpus import programs

HARMLESS = [name for name in REWRITINGS if name != "edited"]


@pytest.mark.parametrize("kind", HARMLESS)
def test_rewritten_code_has_the_same_form(kind: str) -> None:
    rewrite = REWRITINGS[kind]
    differing = []
    for number, code in enumerate(programs()):
        before, after = program_form(code), program_form(rewrite(code, random.Random(number)))
        assert before is not None and after is not None
        differing += [number] if before.key != after.key else []
    assert len(differing) <= 0.01 * len(programs()), (kind, len(differing), len(programs()))


def test_different_functions_have_different_forms() -> None:
    bodies = {code.rpartition("def main_solution")[0] for code in programs()}
    forms = [program_form(code) for code in programs()]
    assert len({form.key for form in forms if form}) > 0.95 * len(bodies)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("return a + b", "return a - b"),
        ("return a + b", "return b + b"),
        ("return max(a, b)", "return min(a, b)"),
        ("return a.upper()", "return a.lower()"),
        ("return a + 1", "return a + 2"),
        ("return a + 'x'", "return a + 'y'"),
        ("return [a, [b]]", "return [[a], b]"),
        ("if a:\n        b = 1\n    return b", "if a:\n        b = 1\n        return b"),
        ("return a < b < 3", "return a < 3 < b"),
        ("global X\n    X = a\n    return b", "X = a\n    return b"),
        ("return math.floor(a)", "return math.ceil(a)"),
        ("return {x: b for x in a}", "return {b: x for x in a}"),
        ("return f'{a!r}'", "return f'{a!s}'"),
        ("raise ValueError('a')", "raise KeyError('a')"),
        ("return sorted(a, reverse=True)", "return sorted(a, key=True)"),
        ("return -a", "return ~a"),
        ("return a[1:]", "return a[:1]"),
        ("return 1", "return True"),
    ],
)
def test_what_the_code_computes_with_makes_a_difference(first: str, second: str) -> None:
    one, other = (
        program_form(f"import math\nX = 0\n\ndef main_solution(a, b):\n    {body}\n") for body in (first, second)
    )
    assert one is not None and other is not None and one.key != other.key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "import math\ndef main_solution(a):\n    return math.gcd(a, 6)",
            "from math import gcd as g\ndef main_solution(x): return g(x, 6)",
        ),
        ("def main_solution(a):\n    a += 1\n    return a", "def main_solution(n: int) -> int:\n    n = n + 0x1\n    return n"),
        ("def f(x, y): return x - y\ndef main_solution(a, b): return f(b, a)", "def main_solution(a, b): return a - b"),
        ("def main_solution(a):\n    print('hm', a)\n    return a * 2", "def main_solution(a):\n    return a * 2"),
        ("def main_solution(a):\n    [q for q in a]\n    return a", "def main_solution(q):\n    [q for q in q]\n    return q"),
        ("V = '1.0'\ndef main_solution(a):\n    return a * 2", "def main_solution(a):\n    return a * 2"),
        (
            "T = []\nT.append(3)\ndef main_solution(a):\n    return a in T",
            "def main_solution(a):\n    return a in TABLE\nTABLE = []\nTABLE.append(3)",
        ),
        (
            "class C:\n    def __init__(self, v):\n        self.v = v\ndef main_solution(a): return C(a).v",
            "class K:\n    def __init__(me, w):\n        me.held = w\ndef main_solution(a): return K(a).held",
        ),
    ],
)  # fmt: skip
def test_what_does_not_matter_makes_none(first: str, second: str) -> None:
    one, other = program_form(first), program_form(second)
    assert one is not None and other is not None and one.tokens == other.tokens


def test_a_method_is_the_function_that_it_would_be() -> None:
    solution = """
class Solution:
    def twoSum(self, nums, target):
        seen = {}
        for place, number in enumerate(nums):
            if target - number in seen:
                return [seen[target - number], place]
            seen[number] = self.checked(place)
        return []

    def checked(self, place):
        return place + 0
"""
    function = """
def same(n):
    return n + 0

def two_sum(values, wanted):
    known = {}
    for i, v in enumerate(values):
        if wanted - v in known:
            return [known[wanted - v], i]
        known[v] = same(i)
    return []
"""
    keys = [{form.key for form in function_forms(code)} for code in (solution, function)]
    assert keys[0] == keys[1] and len(keys[0]) == 2


@pytest.mark.parametrize("code", ["def broken(:", "x = 1", "", "def main_solution(" + "(" * 300, "\0", "\ud800 = 1"])
def test_what_is_no_program_has_no_form(code: str) -> None:
    assert program_form(code) is None and function_forms(code) == []


def test_code_nested_beyond_all_measure_costs_itself_only() -> None:
    deep = "def main_solution(a):\n    return " + "+".join(["a"] * 20_000)
    assert program_form(deep) is None and function_forms(deep) == []
