"""What becomes of results: objects written out, values that JSON does not carry, methods that only store; and of doctests."""

from build.core.records import UnifiedFunction
from build.sandbox import DrawRules, Program, Sandbox
from build.unifiers.static.doctests import examples_of
from tests.build.test_static import outcome, value

RESULTS_FILE = """
class Money:
    def __init__(self, cents: int):
        self.cents = cents

    def __repr__(self):
        return f"{self.cents / 100:.2f}"


class Silent:
    def __init__(self, n: int):
        self.n = n


def share(cents: int, parts: int):
    return Money(cents // max(1, abs(parts)))


def shares(cents: int) -> list:
    return [Money(cents), Money(cents // 2)]


def nested(cents: int) -> list:
    return [[Money(cents)], 1]


def hidden(n: int):
    return Silent(n)


def root(x: float):
    return round(x, 3) ** 0.5


def mostly_complex(x: float):
    return complex(x, 1) if x > -5 else x


class Player:
    def __init__(self, rating: int = 1500):
        self.rating = rating
        self.games = 0

    def set_rating(self, rating: int):
        self.rating = rating

    def gain(self, points: int):
        self.rating += points
"""


def test_results_that_are_objects_are_written_out_where_they_say_how(sandbox: Sandbox) -> None:
    found = outcome(sandbox, RESULTS_FILE)
    assert value(sandbox, found["share"], '{"cents": 500, "parts": 3}') == '"1.66"'
    assert value(sandbox, found["shares"], '{"cents": 300}') == '["3.00", "1.50"]'
    assert [found[name] for name in ("nested", "hidden", "mostly_complex")] == ["unsupported_result"] * 3


def test_a_method_that_only_stores_its_arguments_is_refused(sandbox: Sandbox) -> None:
    found = outcome(sandbox, RESULTS_FILE)
    assert found["Player.set_rating"] == "returns_argument" and isinstance(found["Player.gain"], UnifiedFunction)


def test_a_few_results_that_json_does_not_carry_cost_themselves(sandbox: Sandbox) -> None:
    root = outcome(sandbox, RESULTS_FILE)["root"]
    assert isinstance(root, UnifiedFunction) and root.generator is not None
    assert value(sandbox, root, '{"x": 6.25}') == "2.5"
    draws = sandbox.draw(Program(root.code), root.generator, DrawRules(), seed=1)
    assert len(draws.pairs) == 10 and draws.rejected["not_json"] > 0


def test_doctests_need_nothing_that_is_installed() -> None:
    """Else a function would be refused on one machine and kept on another."""
    text = ">>> from its_package import f\n>>> import math, its_package\n>>> import math\n>>> f(1)\n2\n"
    assert [example.source for example in examples_of(text, "f")] == ["import math\n", "f(1)\n"]
