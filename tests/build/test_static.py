"""The static unifier on files that show one thing each."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from build.core.records import RawCode, Reject, UnifiedFunction
from build.sandbox import DrawRules, Limits, Program, Sandbox
from build.unifiers.static import doctests
from build.unifiers.static.unifier import static_functions
from tests.build.conftest import RAW_FILES

NAMES = ("sum_of_squares", "divisors_in_limits", "climb", "reverse_in_place", "halves", "farthest")


def outcome(sandbox: Sandbox, content: str) -> dict[str, UnifiedFunction | str]:
    """What became of each function of a file: the unified function, or the reason of its refusal."""
    found = static_functions(RawCode("id", "tests", "x.py", "MIT", content), sandbox)
    return {
        one.name if isinstance(one, UnifiedFunction) else one.detail.split(":")[1]: (
            one if isinstance(one, UnifiedFunction) else one.reason
        )
        for one in found
    }


def value(sandbox: Sandbox, function: UnifiedFunction | str, given: str) -> str | None:
    """What the unified function returns for an input, as JSON."""
    assert isinstance(function, UnifiedFunction), function
    (result,) = sandbox.call(Program(function.code), [given])
    return result.value or result.detail


def unified(name: str) -> dict[str, UnifiedFunction]:
    raw = RawCode("id", "tests", name, "MIT", RAW_FILES[name])
    with Sandbox(Limits(call_cpu_s=0.5, job_cpu_s=3.0, memory_mb=256)) as sandbox:
        found = list(static_functions(raw, sandbox))
    return {one.name: one for one in found if isinstance(one, UnifiedFunction)}


NUMBERS = unified("numbers.py")


@pytest.fixture
def numbers() -> dict[str, UnifiedFunction]:
    return NUMBERS


@pytest.mark.parametrize(
    ("name", "given", "output"),
    [
        ("sum_of_squares", '{"limit": 10, "values": [1, 2, 3, 4]}', "14"),
        ("divisors_in_limits", '{"number": 35}', "[5, 7]"),
        ("climb", '{"steps": 4}', "5"),
        ("reverse_in_place", '{"items": [1, 2, 3]}', "[3, 2, 1]"),
        ("halves", '{"number": 5}', "[5, 2, 1]"),
        ("farthest", '{"allowed": [3], "points": [[3, 4], [6, 8]]}', "5.0"),
    ],
)
def test_functions_run_on_their_own(
    sandbox: Sandbox, numbers: dict[str, UnifiedFunction], name: str, given: str, output: str
) -> None:
    assert value(sandbox, numbers[name], given) == output


def test_only_what_is_needed_comes_along(numbers: dict[str, UnifiedFunction]) -> None:
    code = numbers["sum_of_squares"].code
    assert "_square" in code and "climb" not in code and "LIMITS" not in code and "import math" not in code
    assert "LIMITS.append(7)" in numbers["divisors_in_limits"].code


@pytest.mark.parametrize("name", NAMES)
def test_the_four_sections_keep_the_rules(numbers: dict[str, UnifiedFunction], name: str) -> None:
    function = numbers[name]
    last = ast.parse(function.code).body[-1]
    assert isinstance(last, ast.FunctionDef) and last.name == "main_solution" and last.args.args
    names = [argument.arg for argument in last.args.args]
    assert all(f"`{name}`" in function.query and f"`{name}` (" in function.description for name in names)
    assert re.search(r"(What|Which)\b[^.]*\?$", function.query)
    assert ">>>" not in function.code + function.description + function.query


@pytest.mark.parametrize("name", NAMES)
def test_generators_stand_alone_and_draw_different_inputs(
    sandbox: Sandbox, numbers: dict[str, UnifiedFunction], name: str
) -> None:
    function = numbers[name]
    assert function.generator is not None
    program = Program(
        function.generator + "\ndef main_solution(n):\n    return [input_generator() for _ in range(n)]\n"
    )
    (result,) = sandbox.call(program, ['{"n": 30}'])
    assert result.status == "ok"
    draws = sandbox.draw(Program(function.code), function.generator, DrawRules(), seed=1)
    assert len(draws.pairs) >= 2


def test_every_refusal_has_its_reason(sandbox: Sandbox) -> None:
    assert outcome(sandbox, RAW_FILES["refused.py"]) | {"with_stars": "", "shouts": ""} == {
        "roll": "impure_import",
        "undocumented": "returns_argument",
        "no_arguments": "no_parameters",
        "with_stars": "",
        "handles": "unsupported_type",
        "shouts": "",
        "download": "foreign_import",
        "forgets": "returns_nothing",
        "later": "async",
        "lost": "unresolved_name",
    }


def test_a_file_without_functions_is_one_reject(sandbox: Sandbox) -> None:
    (found,) = static_functions(RawCode("id", "tests", "x.py", "MIT", "x = 1\n"), sandbox)
    assert isinstance(found, Reject) and found.reason == "no_function"


IMPORTING_FILE = """
import logging, os, random, sys
import os.path as paths
from os import getcwd, sep

log = logging.getLogger(__name__)
home = os.getcwd()


def ending(name: str) -> str:
    log.debug("looked at")
    return os.path.splitext(name)[1] + paths.basename(name) + sep


def below_limit(n: int) -> bool:
    return n * 3 < sys.maxsize % 100


def listed(name: str) -> list:
    return os.path.exists(name)


def handed_on(n: int) -> str:
    return repr([sys, n])


def thrown(n: int) -> int:
    return random.randint(0, n)


def local(n: int) -> int:
    import os, math
    return math.isqrt(abs(n)) + len(os.getcwd())
"""


def test_an_import_counts_for_what_is_taken_of_it(sandbox: Sandbox) -> None:
    found = outcome(sandbox, IMPORTING_FILE)
    ending = found.pop("ending")
    assert isinstance(ending, UnifiedFunction)
    assert "import logging, os\n" in ending.code and "getcwd" not in ending.code and "random" not in ending.code
    assert value(sandbox, ending, '{"name": "a/b.txt"}') == '".txtb.txt/"'
    assert isinstance(found.pop("below_limit"), UnifiedFunction)
    assert found == dict.fromkeys(("listed", "handed_on", "thrown", "local"), "impure_import")


ODD_FILE = (
    "LIMIT = 3\n\x0c\n"
    "def after_a_form_feed(a: int) -> int:\n"
    '    """Add the limit to \'a\', which is called "a" """\n'
    "    return a + LIMIT\n"
    "CALLS = 10\n"
    "def counts_calls(a: int) -> int:\n"
    '    """Count the calls that were made."""\n'
    "    global CALLS\n"
    "    CALLS += a\n"
    "    return CALLS\n"
    'def on_one_line(a: int) -> int: """Add one to a."""; return a + 1\n'
    "class Box:\n"
    '    """Hold a limit."""; limit = 5\n'
    "def uses_the_box(a: int) -> int:\n"
    '    """Add the limit of the box."""\n'
    "    return a + Box.limit\n"
    "def endless_sum(a: int) -> int:\n"
    '    """Add up a great many ones."""\n'
    f"    return a{' + 1' * 900}\n"
)


def test_odd_layout_is_taken_out_whole(sandbox: Sandbox) -> None:
    found = list(static_functions(RawCode("id", "tests", "odd.py", "MIT", ODD_FILE), sandbox))
    functions = {one.name: one for one in found if isinstance(one, UnifiedFunction)}
    outputs = {name: sandbox.call(Program(one.code), ['{"a": 1}'])[0].value for name, one in functions.items()}
    expected = {"after_a_form_feed": "4", "counts_calls": "11", "on_one_line": "2", "uses_the_box": "6"}
    assert {name: outputs.get(name) for name in expected} == expected
    refused = [one.reason for one in found if isinstance(one, Reject)]
    assert refused in ([], ["too_complex"])  # how deep a tree may be depends on the interpreter's stack


IMPORT_EFFECTS = {
    "a call that fills a table": (
        "SQUARES = {}\n\ndef _fill(upto):\n    for n in range(upto):\n        SQUARES[n] = n * n\n\n_fill(9)\n",
        "SQUARES.get(n, -1)",
        "9",
    ),
    "the same by an alias": (
        "SQUARES = {}\n\ndef _fill():\n    table = SQUARES\n    table.update({3: 9})\n\n_fill()\n",
        "SQUARES.get(n, -1)",
        "9",
    ),
    "an argument that is filled": (
        "ROOTS = []\n\ndef _fill(target):\n    target.extend(range(10))\n\n_fill(ROOTS)\n",
        "ROOTS[n] * 3 if ROOTS else -1",
        "9",
    ),
    "a function of the standard library that changes its argument": (
        "import heapq\nHEAP = [9, 4, 1]\nheapq.heapify(HEAP)\n",
        "HEAP[0] + n",
        "4",
    ),
    "a decorator that registers": (
        "RULES = []\n\ndef rule(f):\n    RULES.append(f)\n    return f\n\n@rule\ndef _triple(n):\n    return 3 * n\n",
        "sum(f(n) for f in RULES)",
        "9",
    ),
    "a decorator with arguments, on a class": (
        "KINDS = {}\n\ndef kind(name):\n    def keep(cls):\n        KINDS[name] = cls\n        return cls\n    return keep\n\n"
        "@kind('t')\nclass _T:\n    def up(self, n):\n        return n * 3\n",
        "KINDS['t']().up(n) if KINDS else -1",
        "9",
    ),
    "a metaclass of the file": (
        "SEEN = []\n\nclass Keeper(type):\n    def __init__(cls, *args):\n        SEEN.append(cls)\n\n"
        "class Base(metaclass=Keeper):\n    pass\n\nclass Other(Base):\n    pass\n",
        "len(SEEN) + n",
        "5",
    ),
    "subclasses that are asked for": (
        "class Base:\n    pass\n\nclass One(Base):\n    pass\n\nclass Two(Base):\n    pass\n",
        "len(Base.__subclasses__()) + n",
        "5",
    ),
    "an augmented assignment": ("LIMIT = 1\nLIMIT += 5\n", "LIMIT + n", "9"),
    "a loop": ("SUMS = []\nfor i in range(5):\n    SUMS.append(i + 6)\n", "SUMS[n]", "9"),
    "a loop over the values of a table": (
        "ROWS = {'a': [1]}\nfor row in ROWS.values():\n    row.append(6)\n",
        "sum(ROWS['a']) + n",
        "10",
    ),
    "an object with a method that keeps": (
        "class Book:\n    def __init__(self):\n        self.all = {}\n    def put(self, k, v):\n        self.all[k] = v\n\n"
        "BOOK = Book()\nBOOK.put(3, 9)\n",
        "BOOK.all.get(n, -1)",
        "9",
    ),
    "a global that a call sets": (
        "STEP = 1\n\ndef _configure():\n    global STEP\n    STEP = 6\n\n_configure()\n",
        "STEP + n",
        "9",
    ),
    "a global that only a call makes": (
        "def _configure():\n    global STEP\n    STEP = 6\n\n_configure()\n",
        "STEP + n",
        "9",
    ),
    "an attribute of a function": ("def _f(n):\n    return _f.base + n\n\n_f.base = 6\n", "_f(n)", "9"),
    "a condition on the version": (
        "import sys\nif sys.version_info > (3,):\n    K = 6\nelse:\n    K = 0\n",
        "K + n",
        "9",
    ),
    "an import that may fail": (
        "try:\n    from math import isqrt\nexcept ImportError:\n    isqrt = None\n",
        "isqrt(78 + n) if isqrt else n",
        "9",
    ),
    "names of a star import": ("from math import *\n", "int(sqrt(78 + n))", "9"),
}


@pytest.mark.parametrize("kind", IMPORT_EFFECTS)
def test_what_happens_at_import_belongs_to_the_slice(sandbox: Sandbox, kind: str) -> None:
    before, expression, output = IMPORT_EFFECTS[kind]
    content = f'{before}\n\ndef asked(n: int) -> int:\n    """Look up what belongs to n."""\n    return {expression}\n'
    assert value(sandbox, outcome(sandbox, content)["asked"], '{"n": 3}') == output


SCOPES_FILE = '''
X = 3; print("loading")
key = lambda helper: helper + 1
def helper(n): return n * 2
PAIRS = [(helper, n) for helper, n in [(1, 2)]]


def lambda_parameter(n: int) -> int:
    """Use a helper that a lambda's parameter is called like."""
    return key(n) + helper(n)


def beside_a_call(n: int) -> int:
    """Add the number that stands beside a call."""
    return X + n


def of_a_comprehension(n: int) -> list[int]:
    """Use the helper that a variable of a comprehension is called like."""
    return [helper for helper in range(n)] + [helper(n)]


def nested(n: int) -> int:
    """Count by a variable of the function around."""
    helper_count = 0

    def step() -> None:
        nonlocal helper_count
        helper_count += helper(n)

    step()
    return helper_count


class Scale:
    helper = helper
    limit = helper(4)


def of_a_class_body(n: int) -> int:
    """Read what a class body took over."""
    return Scale.helper(n) + Scale.limit


def shown(n: int) -> int:
    """Read by another name for a builtin."""
    show = open
    return show(n).read()
'''


def test_scopes_are_those_of_python(sandbox: Sandbox) -> None:
    found = outcome(sandbox, SCOPES_FILE)
    expected = {"lambda_parameter": "10", "beside_a_call": "6", "nested": "6", "of_a_class_body": "14"}
    assert {name: value(sandbox, found[name], '{"n": 3}') for name in expected} == expected
    beside = found["beside_a_call"]
    assert isinstance(beside, UnifiedFunction) and "print" not in beside.code
    assert found["shown"] == "does_io"


SHADOWS = '''
def total(total: int) -> int:
    """Add one to the total."""
    return total + 1


def union(set: set[int], tuple: tuple[frozenset[int], int]) -> list:
    """Join a set and the set in a pair."""
    return sorted(set | tuple[0])


def stream(iter: "Iterator[tuple[int, ...]]", int: dict[int, str]) -> tuple:
    """Take the first of a stream and look it up."""
    first = next(iter)
    return first, int.get(first[0])


def set(main: int, /, *, frozenset: frozenset[int] = frozenset()) -> bool:
    """Say whether a number is in a collection."""
    return main in frozenset


def listed(items: set[int], key: dict[int, list[tuple[int, int]]]) -> list:
    """Use a builtin that the file hides."""
    return [sorted(items), [pair[::-1] for pairs in key.values() for pair in pairs]]
'''


def test_what_a_parameter_or_the_file_hides_goes_by_an_alias(sandbox: Sandbox) -> None:
    found = outcome(sandbox, SHADOWS)
    calls = {
        "total": ('{"total": 4}', "5"),
        "union": ('{"set": [3, 1], "tuple": [[2, 3], 0]}', "[1, 2, 3]"),
        "stream": ('{"iter": [[1, 2]], "int": {"1": "one"}}', '[[1, 2], "one"]'),
        "set": ('{"main": 4, "frozenset": [4]}', "true"),
        "listed": ('{"items": [2, 2, 1], "key": {"1": [[1, 2]]}}', "[[1, 2], [[2, 1]]]"),
    }
    assert {name: value(sandbox, found[name], given) for name, (given, _) in calls.items()} == {
        name: output for name, (_, output) in calls.items()
    }


DOCTESTS = '''
from decimal import Decimal


def right(values: list[int]) -> tuple[int, int]:
    """Find the ends of a list.

    >>> right([3, 1, 2])
    (1, 3)
    >>> right([])
    Traceback (most recent call last):
    ValueError: min() arg is an empty sequence
    """
    return min(values), max(values)


def wrong(n: int) -> int:
    """Double a number.

    >>> wrong(4)
    9
    """
    return n * 2


def needs_keys(table: dict, n: int) -> int:
    """Look a number up.

    >>> needs_keys({1: 5, "1": 6}, 1)
    5
    """
    return table.get(n, 0)


def in_place(values: list[int]) -> None:
    """Sort the values from the greatest down.

    >>> numbers = [1, 2]
    >>> in_place(numbers)
    >>> numbers
    [2, 1]
    """
    values.sort(reverse=True)


def shown(n: int) -> str:
    """Write a number with its sign.

    >>> print(shown(3))
    +3
    """
    return f"{n:+}"


def halved(n: int) -> Decimal:
    """Halve a number exactly.

    >>> halved(3)
    Decimal('1.5')
    """
    return Decimal(n) / 2


def prints(n: int) -> None:
    """Print a number twice.

    >>> prints(3)
    3
    3
    """
    print(n)
    print(n)


def stops_early(n: int) -> int:
    """Count down to zero.

    >>> stops_early(-1)
    0
    """
    if n < 0:
        raise ValueError(n)
    return 0
'''


def test_a_function_is_held_against_its_own_doctests(sandbox: Sandbox) -> None:
    found = {name: what if isinstance(what, str) else "kept" for name, what in outcome(sandbox, DOCTESTS).items()}
    assert found == {
        "right": "kept",
        "wrong": "contradicts_doctest",
        "needs_keys": "constant_output",  # JSON has no two keys 1 and "1", so that its look-ups always miss
        "in_place": "kept",
        "shown": "kept",
        "halved": "kept",
        "prints": "kept",
        "stops_early": "contradicts_doctest",
    }


def test_one_candidate_costs_itself_only(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    content = '''
def first(n: int) -> int:
    """Give a number back.

    Returns
    -------
    : :py:class:`int`
        The number
    """
    return n


def second(n: int) -> int:
    """Give the next number."""
    return n + 1
'''
    found = outcome(sandbox, content)
    assert found["first"] == "unreadable_docstring" and isinstance(found["second"], UnifiedFunction)
    monkeypatch.setattr("build.unifiers.static.unifier.describe_io", lambda *given: [][0])
    (record,) = static_functions(RawCode("id", "tests", "x.py", "MIT", content.partition("\n\n\n")[2]), sandbox)
    assert isinstance(record, Reject) and record.reason == "unifier_error" and "IndexError" in record.detail


def test_tabs_stay_tabs(sandbox: Sandbox) -> None:
    content = 'def twice(n: int) -> int:\n\t"""Double a number.\n\n\tNothing else.\n\t"""\n'
    content += "\tif n:\n\t\treturn n * 2\n\treturn 0\n"
    assert value(sandbox, outcome(sandbox, content)["twice"], '{"n": 4}') == "8"


def test_int_keys_come_back(sandbox: Sandbox) -> None:
    content = '''
def bill(prices: dict, names: "dict[int, dict[int, str]]") -> list:
    """Look up the first price and name.

    >>> bill({1: 5}, {1: {2: "a"}})
    [5, 'a']
    """
    return [prices.get(1), names[1].get(2)]
'''
    given = '{"prices": {"1": 7}, "names": {"1": {"2": "b"}}}'
    assert value(sandbox, outcome(sandbox, content)["bill"], given) == '[7, "b"]'


UNDECIDED = '''
import os
import requests


def _home():
    return len(os.getcwd())


def _ask(value):
    return requests.get(str(value)).status_code


def impure(value: int) -> int:
    """Do several things that a pure function must not do."""
    print(value)
    return _ask(value) + _home()


def unknown(value: int) -> int:
    """Use several names that stand nowhere."""
    return alpha(value) + beta(value) + gamma(value)


def kept(values: list[str]) -> set[str]:
    """Give the different values of a list."""
    return set(values)
'''


def test_no_hash_seed_shows(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(UNDECIDED, "utf-8")
    script = (
        "import sys\nfrom pathlib import Path\nfrom build.core.records import RawCode, to_line\n"
        "from build.sandbox import Sandbox\nfrom build.unifiers.static.unifier import static_functions\n"
        "raw = RawCode('id', 's', 'x.py', 'MIT', Path(sys.argv[1]).read_text())\n"
        "with Sandbox() as sandbox:\n    print(*map(to_line, static_functions(raw, sandbox)), sep='\\n')\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "x.py")]
    outputs = {
        subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1 and "impure_import" in next(iter(outputs))


def test_the_order_of_a_set_is_told(sandbox: Sandbox) -> None:
    raw = RawCode("id", "s", "x.py", "MIT", UNDECIDED)
    (found,) = (made for made in static_functions(raw, sandbox) if isinstance(made, UnifiedFunction))
    assert found.name == "kept" and "`return` (list of distinct, ascending strings)" in found.description


@pytest.mark.parametrize(("lines", "decides"), [(100, False), (1_000_000, True)])
def test_lines_and_no_clock_limit_doctests(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, lines: int, decides: bool
) -> None:
    monkeypatch.setattr(doctests, "_LINES", lines)
    code = "def count(n):\n    for _ in range(300):\n        n += 1\n    return n\n"
    code += "\n\ndef main_solution(n):\n    return count(n)\n"
    examples = doctests.examples_of(">>> count(1)\n7\n", "count")
    assert bool(doctests.contradiction(sandbox, code, "count", ["n"], {}, examples)) == decides
