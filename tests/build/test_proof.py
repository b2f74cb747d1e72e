"""The independent check: true tellings stand, changed ones fall, and a dropped step is missed."""

import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.bench.proof import CHANGES
from build.proof.check import Report, check_telling
from build.proof.values import Unreadable, read, same
from build.sandbox import Program, Sandbox
from build.sandbox.codec import encode
from build.sandbox.show import Shower
from build.teachers.trace.narrate import narrate

CODE = textwrap.dedent("""
    def weight(value):
        return value * 3 - 1

    def main_solution(values, bound):
        total = 0
        kept = []
        for value in values:
            if value % 2 == 0:
                kept.append(value)
                total += weight(value)
            elif value > bound:
                total -= value
        while total > 40:
            total //= 2
        return [total, kept]
""")


def judged(
    sandbox: Sandbox, code: str, change: str = "", seed: int = 0, **arguments: object
) -> tuple[str, bool, Report]:
    trace = sandbox.trace(Program(code), encode(arguments))
    telling = narrate(code, trace)
    text = f"{telling.text} So the output is {trace.result.value}."
    if change:
        text = CHANGES[change](text, random.Random(seed)) or text
    return text, telling.complete, check_telling(text, code, trace.events, trace.result.value, strict=True)


def test_a_true_telling_is_confirmed_and_covers_every_step(sandbox: Sandbox) -> None:
    text, complete, report = judged(sandbox, CODE, values=[2, 7, 3, 10, 40], bound=5)
    assert complete and [one for one in report.sentences if one.status == "refuted"] == []
    assert report.missing == [], text
    assert report.count("confirmed") >= 6


@pytest.mark.parametrize("change", ["value changed", "branch turned", "answer changed", "values swapped"])
@pytest.mark.parametrize("seed", range(5))
def test_a_changed_telling_is_refuted(sandbox: Sandbox, change: str, seed: int) -> None:
    text, _, report = judged(sandbox, CODE, change, seed, values=[2, 7, 3, 10], bound=5)
    assert report.count("refuted") >= 1, text


@pytest.mark.parametrize("seed", range(5))
def test_a_dropped_step_is_missed(sandbox: Sandbox, seed: int) -> None:
    text, _, report = judged(sandbox, CODE, "step dropped", seed, values=[2, 7, 3, 10], bound=5)
    assert report.missing or report.count("refuted"), text


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("rows[1] (3) is greater than 2", "rows[0] (5) is greater than 2"),  # holds, and is not looked at here
        ("the largest of 3 and 2, 3", "the largest of 1 and 3, 3"),  # the same result of other arguments
        ("the length of rows (2) is greater than 1", "the length of rows (2) is greater than 0"),
    ],
)
def test_what_holds_but_did_not_happen_is_refuted_or_missed(sandbox: Sandbox, true: str, false: str) -> None:
    code = (
        "def main_solution(rows):\n    low = high = 0\n    if len(rows) > 1:\n        if rows[1] > 2:\n"
        "            low = max(rows[1], 2)\n    return [low, high, rows[0]]\n"
    )
    text = (
        "low = 0; high = 0; the length of rows (2) is greater than 1; rows[1] (3) is greater than 2, "
        "so low is the largest of 3 and 2, 3."
    )
    trace = sandbox.trace(Program(code), '{"rows": [5, 3]}')
    report = check_telling(text, code, trace.events, trace.result.value, strict=True)
    assert report.count("refuted") == 0 and report.missing == []
    report = check_telling(text.replace(true, false), code, trace.events, trace.result.value, strict=True)
    assert report.count("refuted") or report.missing


CHANGED: dict[str, tuple[str, dict[str, object], str, str]] = {  # program, arguments, true, false
    "an argument of a builtin": ("return [isinstance(n, int), n]", {"n": 18}, "isinstance(18, int)", "isinstance(16, int)"),
    "arguments of a module's function": (
        "d = math.gcd(n, 8)\nif d != 1:\n    n = d\nreturn n", {"n": 12}, "divisor of 12 and 8", "divisor of 22 and 8",
    ),
    "an argument of a method": ("items = [n, 7]\nn = items.pop(0)\nreturn n", {"n": 5}, "items.pop(0)", "items.pop(2)"),
    "the place of an insertion": (
        "items = [n]\nitems.insert(1, 3)\nreturn items", {"n": 5}, "at position 1", "at position 4",
    ),
    "a list in a phrase": ("n = max([n, 3, 2])\nreturn n", {"n": 5}, "largest of [5, 3, 2]", "largest of [5, 4, 2]"),
    "the argument of a call that is worked out": (
        "def put(bits, at):\n    return bits | (1 << at)\nreturn put(n, 2) + 1", {"n": 8}, "at = 2)", "at = 3)",
    ),
    "a sum beside a comparison": ("if n > n - 1 + 3:\n    n = 0\nreturn n", {"n": 5}, "5 - 1 + 3 =", "6 - 1 + 3 ="),
    "the first part of a condition": (
        "queue = []\nwhile queue and n:\n    n -= 1\nqueue.append(n)\nreturn queue", {"n": 5},
        "queue ([]) is empty", "queue ([5]) is not empty",
    ),
    "a comparison of an item that is so later": (
        "seen = []\nif text[0] in seen:\n    return [1]\nseen.append(text[0])\nreturn seen", {"text": "ab"},
        "is not in seen", "is in seen",
    ),
    "what a text consists of": (
        "if not text.isdigit():\n    return 1\nreturn int(text)", {"text": "ab"},
        "does not consist of digits", "consists of digits",
    ),
    "rounds without a name": (
        "n = len([[0] * 2 for _ in range(n)])\nreturn n", {"n": 5}, "likewise 4 more rounds", "likewise 3 more rounds",
    ),
    "what is stored though it was there": ("items = [n]\nitems[0] = n\nn = 4\nreturn items", {"n": 5}, "; items[0] = 5", ""),
    "a value that is read of an object": (
        "class Box:\n    def __init__(self, size):\n        self.size = size\n    def at(self, n):\n"
        "        where = n // self.size\n        return where\nreturn Box(3).at(n) + 1",
        {"n": 7}, "7 // self.size", "9 // self.size",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGED)
def test_what_is_not_so_is_refuted_or_missed(sandbox: Sandbox, kind: str) -> None:
    body, arguments, true, false = CHANGED[kind]
    lines, definitions = body.split("\n"), [""]
    if lines[0].startswith(("def", "class")):
        definitions, lines = lines[:-1], lines[-1:]
    head = f"def main_solution({', '.join(arguments)}):"
    code = "\n".join(["import math", *definitions, head, *(f"    {line}" for line in lines)])
    trace = sandbox.trace(Program(code), encode(arguments))
    telling = narrate(code, trace)
    assert true in telling.text and telling.complete
    report = check_telling(telling.text, code, trace.events, trace.result.value, strict=True)
    assert report.count("refuted") == 0 and report.missing == [], (telling.text, report)
    report = check_telling(telling.text.replace(true, false), code, trace.events, trace.result.value, strict=True)
    assert report.count("refuted") or report.missing, telling.text


def test_a_fold_that_hides_a_round_of_another_form_is_refuted(sandbox: Sandbox) -> None:
    code = textwrap.dedent("""
        def main_solution(items):
            kept = []
            for item in items:
                if item not in kept:
                    kept.append(item)
            return kept
    """)
    trace = sandbox.trace(Program(code), '{"items": [1, 1, 2, 2, 3]}')
    told = "item = 1: item (1) is not in kept ([]), so append 1 to kept, now [1]. Likewise, item = 1, 2, 2, 3"
    for ending in (".", " give kept = [1], [1, 2], [1, 2], [1, 2, 3]."):
        report = check_telling(told + ending, code, trace.events, trace.result.value)
        assert report.sentences[-1].status == "refuted"


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("After the loop the total is now 7", "refuted"),
        ("Therefore, total = 5 at first", "confirmed"),
        ("Let me think about it", "open"),
        ("`total` becomes 5", "confirmed"),
        ("kept is now [2]", "confirmed"),
        ("kept is now [3]", "refuted"),
    ],
)
def test_sentences_of_a_model_are_judged_by_the_values_they_state(sandbox: Sandbox, sentence: str, status: str) -> None:
    trace = sandbox.trace(Program(CODE), '{"bound": 5, "values": [2]}')
    report = check_telling(sentence + ".", CODE, trace.events, trace.result.value)
    assert [one.status for one in report.sentences] == [status]


@settings(deadline=None)
@given(
    st.recursive(
        st.integers() | st.booleans() | st.none() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=4)
    )
)
def test_values_are_read_as_they_are_shown(value: object) -> None:
    shown = Shower().show(value)
    assert not isinstance(shown, str) or same(read(shown), value)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_error(sandbox: Sandbox, text: str) -> None:
    trace = sandbox.trace(Program("def main_solution(x):\n    y = x + 1\n    return y"), '{"x": 1}')
    check_telling(text, "def main_solution(x):\n    y = x + 1\n    return y", trace.events, trace.result.value)


def test_what_cannot_be_evaluated_is_unreadable() -> None:
    for text in ("f(3)", "x", "9 ** 9 ** 9", "(", "", "<list>", "[1][5]", "__import__('os')"):
        with pytest.raises(Unreadable):
            read(text)
