"""The static unifier on files that show one thing each."""

import ast
import re
from collections import Counter

import pytest

from build.core.records import RawCode, Reject, UnifiedFunction
from build.sandbox import DrawRules, Program, Sandbox
from build.unifiers.static import static_functions
from tests.build.conftest import RAW_FILES


def unified(name: str) -> dict[str, UnifiedFunction]:
    raw = RawCode("id", "tests", name, "MIT", RAW_FILES[name])
    return {found.name: found for found in static_functions(raw) if isinstance(found, UnifiedFunction)}


NUMBERS = unified("numbers.py")


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
def test_functions_run_on_their_own(sandbox: Sandbox, name: str, given: str, output: str) -> None:
    (result,) = sandbox.call(Program(NUMBERS[name].code), [given])
    assert (result.status, result.value) == ("ok", output)


def test_only_what_is_needed_comes_along() -> None:
    code = NUMBERS["sum_of_squares"].code
    assert "_square" in code and "climb" not in code and "LIMITS" not in code and "import math" not in code
    assert "LIMITS.append(7)" in NUMBERS["divisors_in_limits"].code


@pytest.mark.parametrize("function", NUMBERS.values(), ids=lambda function: function.name)
def test_the_four_sections_keep_the_rules(function: UnifiedFunction) -> None:
    last = ast.parse(function.code).body[-1]
    assert isinstance(last, ast.FunctionDef) and last.name == "main_solution" and last.args.args
    names = [argument.arg for argument in last.args.args]
    assert all(f"`{name}`" in function.query and f"`{name}` (" in function.description for name in names)
    assert re.search(r"(What|Which)\b[^.]*\?$", function.query)
    assert ">>>" not in function.code + function.description + function.query


@pytest.mark.parametrize("function", NUMBERS.values(), ids=lambda function: function.name)
def test_generators_stand_alone_and_draw_different_inputs(sandbox: Sandbox, function: UnifiedFunction) -> None:
    assert function.generator is not None
    program = Program(
        function.generator + "\ndef main_solution(n):\n    return [input_generator() for _ in range(n)]\n"
    )
    (result,) = sandbox.call(program, ['{"n": 30}'])
    assert result.status == "ok"
    draws = sandbox.draw(Program(function.code), function.generator, DrawRules(), seed=1)
    assert len(draws.pairs) >= 2


def test_every_refusal_has_its_reason() -> None:
    raw = RawCode("id", "tests", "refused.py", "MIT", RAW_FILES["refused.py"])
    found = list(static_functions(raw))
    assert all(isinstance(record, Reject) for record in found)
    reasons = Counter(record.reason for record in found if isinstance(record, Reject))
    expected = [
        "impure_import",
        "no_docstring",
        "no_parameters",
        "star_arguments",
        "unsupported_type",
        "does_io",
        "foreign_import",
    ]
    assert reasons == Counter([*expected, "returns_nothing", "async", "unresolved_name"])


def test_a_file_without_functions_is_one_reject() -> None:
    (found,) = static_functions(RawCode("id", "tests", "x.py", "MIT", "x = 1\n"))
    assert isinstance(found, Reject) and found.reason == "no_function"


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
    found = list(static_functions(RawCode("id", "tests", "odd.py", "MIT", ODD_FILE)))
    functions = {one.name: one for one in found if isinstance(one, UnifiedFunction)}
    outputs = {name: sandbox.call(Program(one.code), ['{"a": 1}'])[0].value for name, one in functions.items()}
    expected = {"after_a_form_feed": "4", "counts_calls": "11", "on_one_line": "2", "uses_the_box": "6"}
    assert {name: outputs.get(name) for name in expected} == expected
    refused = [one.reason for one in found if isinstance(one, Reject)]
    assert refused in ([], ["too_complex"])  # how deep a tree may be depends on the interpreter's stack
