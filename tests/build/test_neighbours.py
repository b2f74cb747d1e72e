"""Slices over the modules of a package: what a function imports from its neighbours comes along."""

import pytest

from build.core.records import RawCode, Reject, UnifiedFunction
from build.sandbox import Program, Sandbox
from build.unifiers.static.neighbours import Neighbourhood
from build.unifiers.static.unifier import static_functions

PACKAGE = {
    "pkg/__init__.py": "from .shapes import *\nfrom .numbers import twice\n",
    "pkg/numbers.py": "from .limits import LIMIT\n\n\ndef twice(n):\n    return 2 * min(n, LIMIT)\n",
    "pkg/limits.py": "LIMIT = 50\n\n\ndef unrelated():\n    return open('x')\n",
    "pkg/shapes.py": "__all__ = ['area']\n\n\ndef area(a, b):\n    return a * b\n",
    "pkg/sub/deep.py": "from ..numbers import twice as double\n\n\ndef fourfold(n):\n    return double(double(n))\n",
    "pkg/tests/test_asked.py": "from pkg.asked import of_a_test\n\n\ndef test_it():\n    assert of_a_test('ab+cd', '+')\n",
    "pkg/loud.py": "import pkg\n\n\ndef loud(n):\n    return pkg.area(n, n)\n",
    "pkg/clash.py": "def twice(n):\n    return n\n",
    "pkg/sub/errors.py": "class KeyError(Exception):\n    pass\n\n\nclass Odd(KeyError):\n    pass\n",
    "pkg/sub/halves.py": "import pkg.sub.errors\n\n\ndef half(n):\n    if n % 2:\n        raise pkg.sub.errors.Odd(n)\n"
    "    return n // 2\n",
    "pkg/asked.py": '''
import pkg
import pkg.sub.errors
import pkg.sub.halves
from . import numbers, shapes
from .numbers import twice
from .sub.deep import fourfold as four
from .loud import loud
from .clash import twice as other_twice


def by_name(n: int) -> int:
    """Use a helper of another module."""
    return twice(n) + 1


def by_module(n: int) -> int:
    """Use a helper through its module."""
    return numbers.twice(n) + shapes.area(n, 2)


def by_package(n: int) -> int:
    """Use helpers through the package, which takes them over."""
    return pkg.twice(n) + pkg.area(n, 2) + loud(0)


def inside(n: int) -> int:
    """Use a helper that is imported where it is needed."""
    from pkg import area
    from .numbers import twice as double

    return area(n, 3) + double(n)


def by_alias(n: int) -> int:
    """Use a helper by another name, from a module further down."""
    return four(n) + 1


class Odder(pkg.sub.errors.Odd):
    pass


def by_path(n: int, unread: pkg.clash.Twice = None) -> int:
    """Use helpers of modules that are named whole."""
    try:
        return pkg.sub.halves.half(n)
    except pkg.sub.errors.Odd:
        return pkg.sub.halves.half(n + pkg.twice(n) - 1) + len(Odder.__name__)


def of_two_kinds(n: int) -> int:
    """Use a builtin beside a helper that has an error of this name."""
    try:
        return {1: pkg.sub.halves.half(n)}[n]
    except KeyError:
        return 0


def as_value(n: int) -> int:
    """Use a module as a value."""
    return len(vars(pkg.sub)) + n


def clashing(n: int) -> int:
    """Use two helpers that have one name."""
    return twice(n) + other_twice(n)


def of_a_test(text, mark):
    """Count the parts of a text."""
    return len(text.split(mark))
''',
}


@pytest.fixture(scope="module")
def found(sandbox: Sandbox) -> dict[str, UnifiedFunction | Reject]:
    files = [
        RawCode(path, "some/pkg", path, "BSD-3-Clause" if "limits" in path else "MIT", content)
        for path, content in PACKAGE.items()
    ]
    neighbours = Neighbourhood(files)
    asked = next(raw for raw in files if raw.path == "pkg/asked.py")
    records = list(static_functions(asked, sandbox, neighbours))
    return {
        record.name if isinstance(record, UnifiedFunction) else record.detail.split(":")[1]: record
        for record in records
    }


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("by_name", "15"),
        ("by_module", "28"),
        ("by_package", "28"),
        ("inside", "35"),
        ("by_alias", "29"),
        ("by_path", "15"),
    ],
)
def test_what_is_imported_comes_along(
    sandbox: Sandbox, found: dict[str, UnifiedFunction | Reject], name: str, output: str
) -> None:
    function = found[name]
    assert isinstance(function, UnifiedFunction), function
    (result,) = sandbox.call(Program(function.code), ['{"n": 7}'])
    assert (result.value or result.detail) == output
    assert "unrelated" not in function.code and "from ." not in function.code
    assert function.license == "BSD-3-Clause AND MIT"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("clashing", "name_collision"), ("of_two_kinds", "name_collision"), ("as_value", "foreign_import")],
)
def test_what_would_mean_something_else_in_one_text_is_refused(
    found: dict[str, UnifiedFunction | Reject], name: str, reason: str
) -> None:
    refused = found[name]
    assert isinstance(refused, Reject) and refused.reason == reason


def test_tests_are_read_for_their_calls(sandbox: Sandbox, found: dict[str, UnifiedFunction | Reject]) -> None:
    asked = found["of_a_test"]
    assert isinstance(asked, UnifiedFunction) and asked.types == "call_site" and "ab+cd" in (asked.generator or "")
    raw = RawCode("t", "some/pkg", "pkg/tests/test_asked.py", "MIT", PACKAGE["pkg/tests/test_asked.py"])
    (reject,) = static_functions(raw, sandbox)
    assert isinstance(reject, Reject) and reject.reason == "test_file"


@pytest.mark.parametrize("packages", [False, True])
def test_in_a_folder_of_wheels_tests_count_for_their_own_package(packages: bool) -> None:
    files = [
        RawCode(path, "wheels", path, "MIT", f"def test_it():\n    assert same({argument!r})\n")
        for path, argument in (("one/tests/test_a.py", "of one"), ("two/tests/test_a.py", "of two"))
    ]
    neighbours = Neighbourhood(files, packages)
    seen = {argument for (argument,), _ in neighbours.test_calls("one/a.py", "same")}
    assert seen == ({"of one"} if packages else {"of one", "of two"})
    assert bool(neighbours.test_calls("three/a.py", "same")) is not packages


def test_circles_end(sandbox: Sandbox) -> None:
    files = [
        RawCode(
            "a", "s", "a.py", "MIT", "from b import *\n\n\ndef up(n: int):\n    return n + 1 if n > 5 else down(n)\n"
        ),
        RawCode("b", "s", "b.py", "MIT", "from a import *\n\n\ndef down(n: int):\n    return up(n + 9)\n"),
    ]
    for order in (files, files[::-1]):
        neighbours = Neighbourhood(order)
        codes = [
            record.code
            for raw in order
            for record in static_functions(raw, sandbox, neighbours)
            if isinstance(record, UnifiedFunction)
        ]
        assert len(codes) == 2
        (result,) = sandbox.call(Program(codes[0]), ['{"n": 1}'])
        assert result.value == "11"


PARTS = {
    "kit/base.py": """
import os
from itertools import count, islice
from typing import Union

Level = Union[int, float]


def halved(n):
    return n // 2 + len(list(islice(count(), 2)))


class Base:
    limit = 10

    def __init__(self, level: int) -> None:
        self.level = level
        self.seen = []

    def clamped(self, n):
        return min(n, self.limit * self.level)

    # Reaches outside.
    def home(self):
        return os.getcwd()

    def unused(self):
        return self.home()
""",
    "kit/use.py": """
from __future__ import annotations

import html.parser
from typing import TYPE_CHECKING

from itertools import chain, count
from kit.base import Base, Level, halved

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison


class Scale(Base):
    @property
    def top(self) -> int:
        return self.clamped(100)

    def steps(self, width: Level) -> int:
        return self.clamped(width * 3) + self.top

    def note(self, word: str) -> None:
        self.seen.append(word + "!")

    def away(self, name: str) -> str:
        return self.home() + name


class Table(dict):
    def largest(self, start: int) -> int:
        return max([start, *(len(key) for key in self)])


class Pair:
    def __new__(cls, left: int, right: int):
        made = super().__new__(cls)
        made.both = (left, right)
        return made

    def spread(self, factor: int) -> int:
        return (self.both[1] - self.both[0]) * factor


class Seeker:
    def __init__(self, text: str) -> None:
        self.text = text

    def by_name(self, title: bool) -> str:
        return getattr(self, "as_" + ("title" if title else "upper"))()

    def as_upper(self) -> str:
        return self.text.upper()

    def as_title(self) -> str:
        return self.text.title()


class Reader(html.parser.HTMLParser):
    def __init__(self, mark: str) -> None:
        super().__init__()
        self.found = []
        self.mark = mark

    def handle_starttag(self, tag, attrs):
        self.found.append(self.mark + tag)

    def tags(self, text: str) -> list:
        self.feed("<b>" + text + "<i>")
        return self.found


def largest(values: list[SupportsRichComparison]) -> int:
    best = values[0]
    for value in values:
        if value > best:
            best = value
    return best


def level_of(scale: Scale, n: int) -> int:
    return scale.clamped(n) * 2 + next(count(1))


def base_level(base: Base) -> int:
    return base.clamped(1000) + halved(base.level)
""",
}


def test_classes_bring_what_is_reached_of_them(sandbox: Sandbox) -> None:
    files = [RawCode(path, "lib", path, "MIT", content) for path, content in PARTS.items()]
    neighbours = Neighbourhood(files)
    found = {
        made.name: made for made in static_functions(files[1], sandbox, neighbours) if isinstance(made, UnifiedFunction)
    }
    # `home` uses the file system, so what reaches it is refused, and what does not comes without it.
    assert set(found) == {
        *("Scale.steps", "Scale.note", "Table.largest", "Pair.spread", "Seeker.by_name", "Seeker.as_upper"),
        *("Seeker.as_title", "Reader.tags", "reader_operations", "largest", "level_of", "base_level"),
    }
    assert "home" not in found["Scale.steps"].code and "unused" not in found["Scale.steps"].code
    assert "Reaches outside" not in found["Scale.steps"].code and "clamped" in found["Scale.steps"].code
    assert "as_title" in found["Seeker.by_name"].code and "as_title" not in found["Seeker.as_upper"].code
    assert "handle_starttag" in found["Reader.tags"].code  # the parser calls it
    results = {
        "Scale.steps": ('{"level": 2, "width": 5}', "35"),
        "Scale.note": ('{"level": 2, "word": "a"}', '{"level": 2, "seen": ["a!"]}'),
        "Table.largest": ('{"content": {"abc": 1}, "start": 2}', "3"),
        "Pair.spread": ('{"left": 1, "right": 4, "factor": 2}', "6"),
        "largest": ('{"values": [1, 5, 2]}', "5"),
        "level_of": ('{"scale": {"level": 1}, "n": 20}', "21"),
        "base_level": ('{"base": {"level": 4}}', "44"),
    }
    for name, (given, expected) in results.items():
        (result,) = sandbox.call(Program(found[name].code), [given])
        assert result.value == expected, (name, result, found[name].code)


MODULES_OF_A_PACKAGE = {
    "pkg/__init__.py": "from . import lengths\nfrom .marks import mark\n\n__all__ = ['lengths', 'mark']\n# "
    + "-" * 80
    + "\n",
    "pkg/lengths.py": "INCH = 2.54\n\n\ndef to_cm(inches):\n    return inches * INCH\n",
    "pkg/bases.py": "class Sized:\n    def __init__(self, size: int):\n        self.size = size + 1\n# "
    + "-" * 40
    + "\n",
    "pkg/marks.py": "def mark(name):\n    return '<' + name + '>'\n",
    "pkg/asked.py": """
import pkg
from . import bases, lengths

try:
    from .marks import mark
    _UNSET = mark('unset')
except ImportError:
    _UNSET = object()


def of_a_module(n: int):
    return lengths.to_cm(n) + lengths.INCH


def of_the_package(n: int):
    return pkg.lengths.to_cm(n) + 1


class Tall(bases.Sized):
    def doubled(self):
        return 2 * self.size


def tried(text: str):
    return text + mark(text) + str(_UNSET)
""",
}


def test_a_package_that_imports_its_modules_hands_them_on(sandbox: Sandbox) -> None:
    files = [RawCode(path, "wheels", path, "MIT", content) for path, content in MODULES_OF_A_PACKAGE.items()]
    neighbours = Neighbourhood(files, packages=True)
    found = {
        made.name: made
        for made in static_functions(files[-1], sandbox, neighbours)
        if isinstance(made, UnifiedFunction)
    }
    for name, given, output in (
        ("of_a_module", '{"n": 2}', "7.62"),
        ("of_the_package", '{"n": 2}', "6.08"),
        ("Tall.doubled", '{"size": 2}', "6"),
        ("tried", '{"text": "a"}', '"a<a><unset>"'),
    ):
        (result,) = sandbox.call(Program(found[name].code), [given])
        assert (result.value or result.detail) == output, found[name].code
