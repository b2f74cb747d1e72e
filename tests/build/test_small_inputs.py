"""Generators of the static unifier draw small inputs among others, whose runs can be told step by step."""

from build.core.tokens import count_tokens
from build.sandbox import DrawRules, Program, Sandbox
from build.sandbox.codec import decode
from build.unifiers.static.generators import write_generator
from build.unifiers.static.type_hints import Hint

GRID = Hint("list", (Hint("list", (Hint("int"),)),))


def test_a_third_of_the_inputs_is_small_and_keeps_its_form(sandbox: Sandbox) -> None:
    example = {"grid": [[3 * row + column for column in range(3)] for row in range(3)], "text": "abcdefgh", "n": 90}
    generator = write_generator([("grid", GRID), ("text", Hint("str")), ("n", Hint("int"))], [example])
    program = Program("def main_solution(grid, text, n):\n    return 1\n")
    rules = DrawRules(distinct=200, object_bytes=100_000)
    drawn = [decode(given) for given, _ in sandbox.draw(program, generator, rules, 1).pairs]
    small = [one for one in drawn if len(one["grid"]) <= 3 and len(one["text"]) <= 4 and one["n"] <= 12]
    assert 0.2 < len(small) / len(drawn) < 0.6
    grids = [one["grid"] for one in small]
    assert [[0]] in grids and [[0, 1], [3, 4]] in grids  # a square stays one
    assert any(len(one["grid"]) == 3 and one["n"] > 12 for one in drawn)


def test_tokens_are_estimated_as_smollm2_counts_them() -> None:
    known = {
        'I follow the steps with words = ["eat", "oath"].': 14,
        "i = 2: total = 10 + 25 = 35, so the loop ends.": 24,
        '{"output": [[1, 2], [3, 4]]}': 16,
        "current_node is now {}; pattern_match returns false.": 13,
    }
    for text, tokens in known.items():
        assert abs(count_tokens(text) - tokens) <= 2, (text, count_tokens(text))
