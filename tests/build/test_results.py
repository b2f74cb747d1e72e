"""What becomes of results: objects written out, values that JSON does not carry, methods that only store; and of doctests."""

import json

from build.core.records import UnifiedFunction
from build.sandbox import DrawRules, Program, Sandbox
from build.unifiers.static.doctests import examples_of
from tests.build.test_static import outcome, value

RESULTS_FILE = '''
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
    def __init__(self, rating: int):
        self.rating = rating
        self.games = 0

    def set_rating(self, rating: int):
        self.rating = rating

    def gain(self, points: int):
        self.rating += points

    def is_new(self):
        return self.rating == 1500


def in_place(n: int):
    counts = [0]
    for step in range(abs(n) % 5 + 1):
        counts[0] += step
        yield counts


def checked(low: int, high: int):
    if low > high:
        raise ValueError(low)
    return low, high


def as_dict(low: int, high: int):
    return {"low": low, "high": high, "kind": "range"}


def ordered(low: int, high: int):
    return (low, high) if low < high else (high, low)


def drag(speed: float, area: float, shift: float):
    """Compute a force.

    :param speed: the speed of the body [m/s]
    :param area: a positive number
    :param shift: what is added
    """
    return round(speed**2 * area, 3) + shift
'''


def test_results_that_are_objects_are_written_out_where_they_say_how(sandbox: Sandbox) -> None:
    found = outcome(sandbox, RESULTS_FILE)
    assert value(sandbox, found["share"], '{"cents": 500, "parts": 3}') == '"1.66"'
    assert value(sandbox, found["shares"], '{"cents": 300}') == '["3.00", "1.50"]'
    assert [found[name] for name in ("nested", "hidden", "mostly_complex")] == ["unsupported_result"] * 3


def test_a_method_that_only_stores_its_arguments_is_refused(sandbox: Sandbox) -> None:
    found = outcome(sandbox, RESULTS_FILE)
    assert {name for name, what in found.items() if what == "returns_argument"} == {
        *("Player.set_rating", "Player.is_new", "checked", "as_dict"),
    }
    assert isinstance(found["Player.gain"], UnifiedFunction) and isinstance(found["ordered"], UnifiedFunction)


def test_what_a_generator_yields_is_kept_as_it_was_then(sandbox: Sandbox) -> None:
    found = outcome(sandbox, RESULTS_FILE)["in_place"]
    assert value(sandbox, found, '{"n": 3}') == "[[0], [1], [3], [6]]"


def test_quantities_are_not_negative(sandbox: Sandbox) -> None:
    drag = outcome(sandbox, RESULTS_FILE)["drag"]
    assert isinstance(drag, UnifiedFunction) and drag.generator is not None
    drawn = [json.loads(given) for given, _ in sandbox.draw(Program(drag.code), drag.generator, DrawRules(), 1).pairs]
    assert min(given["speed"] for given in drawn) >= 0 and min(given["area"] for given in drawn) >= 0
    assert "for name in ['speed', 'area']" in drag.generator


def test_known_arguments_of_another_type_are_no_examples(sandbox: Sandbox) -> None:
    content = "def rest(s, n: int):\n    return list(s)[n:]\n\n\nrest('abc', 1)\nrest('defg', 2)\nrest([1, 2], 1)\n"
    rest = outcome(sandbox, content)["rest"]
    assert isinstance(rest, UnifiedFunction) and "EXAMPLES" in (rest.generator or "")
    draws = sandbox.draw(Program(rest.code), rest.generator or "", DrawRules(), seed=1)
    kinds = {type(json.loads(given)["s"]) for given, _ in draws.pairs}
    assert len(kinds) == 1, rest.description


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


def test_numpy_scalars_are_what_doctests_show_of_them(sandbox: Sandbox) -> None:
    content = (
        "import numpy as np\n\n\ndef half(x: float):\n"
        '    """Halve a number.\n\n    >>> half(0.3)  # doctest: +ELLIPSIS\n    0.1499...\n    """\n'
        "    return np.float64(x) / 2 - 1e-9\n"
    )
    assert isinstance(outcome(sandbox, content)["half"], UnifiedFunction)
    assert outcome(sandbox, content.replace("0.1499", "0.2"))["half"] == "contradicts_doctest"


def test_a_comment_that_says_how_makes_no_query(sandbox: Sandbox) -> None:
    found = outcome(
        sandbox,
        "# Count the words of a text\ndef count(text: str) -> int:\n    return len(text.split())\n\n\n"
        "# A factor of two gives the same as before\ndef scale(n: int) -> int:\n    return 2 * n\n",
    )
    count, scale = found["count"], found["scale"]
    assert isinstance(count, UnifiedFunction) and "Your task: count the words of a text." in count.query
    assert isinstance(scale, UnifiedFunction) and "A factor" not in scale.query and "`scale`" in scale.query


def test_named_tuples_are_made_from_their_fields(sandbox: Sandbox) -> None:
    found = outcome(
        sandbox,
        "import collections\nfrom typing import Generic, NamedTuple, TypeVar\n\nT = TypeVar('T')\n\n\n"
        "class Span(collections.namedtuple('Span', 'start, end')):\n    def reach(self):\n"
        "        return self.end * 2 - self.start * 2\n\n\n"
        "class Pair(NamedTuple):\n    left: int\n    right: int = 3\n\n    def total(self):\n"
        "        return self.left + self.right\n\n\n"
        "class Box(Generic[T]):\n    def twice(self, n: int):\n        return 2 * n\n",
    )
    assert value(sandbox, found["Span.reach"], '{"start": 2, "end": 5}') == "6"
    assert value(sandbox, found["Pair.total"], '{"left": 2, "right": 5}') == "7"
    assert value(sandbox, found["Box.twice"], '{"n": 4}') == "8"


def test_asking_a_module_for_a_name_takes_this_name(sandbox: Sandbox) -> None:
    content = (
        'import os, sys\n\nFAST = hasattr(sys, "pypy_version_info")\nFORK = hasattr(os, "fork")\n\n\n'
        "def scaled(n: int):\n    return n * 2 if FAST else n * 3\n\n\ndef forked(n: int):\n    return n * FORK\n"
    )
    found = outcome(sandbox, content)
    assert value(sandbox, found["scaled"], '{"n": 2}') == "6" and found["forked"] == "impure_import"


def test_lists_of_iterators_are_lists_of_lists(sandbox: Sandbox) -> None:
    content = (
        "from itertools import chain, islice, tee\n\n\n"
        "def twice(items: list):\n    return [iter(items), reversed(items)]\n\n\n"
        "def chunks(items: list, n: int):\n    it = iter(items)\n    for first in it:\n"
        "        yield chain([first], islice(it, abs(n)))\n"
    )
    found = outcome(sandbox, content)
    assert value(sandbox, found["twice"], '{"items": [1, 2]}') == "[[1, 2], [2, 1]]"
    assert value(sandbox, found["chunks"], '{"items": [1, 2, 3], "n": 1}') == "[[1, 2], [3]]"


def test_names_of_python_2_that_are_asked_for_with_care_are_no_fault(sandbox: Sandbox) -> None:
    content = (
        "try:\n    text = unicode\nexcept NameError:\n    text = str\n\n\n"
        "def shown(n: int):\n    return text(n) + '!'\n"
    )
    assert value(sandbox, outcome(sandbox, content)["shown"], '{"n": 4}') == '"4!"'
    assert outcome(sandbox, "def shown(n: int):\n    return unicode(n)\n")["shown"] == "unresolved_name"
