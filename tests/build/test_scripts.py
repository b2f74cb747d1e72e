"""Programs as functions, and Python 2."""

from pathlib import Path

import pytest

from build.core.config import CollectConfig, SourceConfig
from build.core.records import RawCode, Reject, UnifiedFunction
from build.sandbox import Program, Sandbox
from build.stages.collect import collect
from build.unifiers.static.unifier import static_functions

SCRIPTS = {
    "a fixed value and an input": (
        'WIDTH = 4\nn = int(input("How many? "))\nfor i in range(n):\n    print("*" * WIDTH, i)\n',
        '{"WIDTH": 2, "n": 2}',
        '"** 0\\n** 1"',
    ),
    "a main function that reads": (
        "def twice(n):\n    return 2 * n\n\n\ndef main():\n    a, b = map(int, input().split())\n    names = input().split()\n"
        "    print(twice(a) + b)\n    print(len(names))\n\n\nif __name__ == '__main__':\n    main()\n",
        '{"a": 3, "b": 4, "names": ["x", "y"]}',
        '"10\\n2"',
    ),
    "a constant that a function needs stays": (
        "LIMIT = 10\nvalues = [3, 12, 25]\n\n\ndef small(n):\n    return n < LIMIT\n\n\n"
        "print([v for v in values if small(v)])\n",
        '{"values": [1, 11]}',
        '"[1]"',
    ),
}


def functions(sandbox: Sandbox, raw: RawCode) -> dict[str, UnifiedFunction]:
    return {one.name: one for one in static_functions(raw, sandbox) if isinstance(one, UnifiedFunction)}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_program_returns_what_it_prints(sandbox: Sandbox, kind: str) -> None:
    content, given, output = SCRIPTS[kind]
    function = functions(sandbox, RawCode("id", "s", "x.py", "MIT", content))["program"]
    (result,) = sandbox.call(Program(function.code), [given])
    assert (result.value or result.detail) == output
    assert "What is printed" in function.query and "input(" not in function.code


@pytest.mark.parametrize(
    "content",
    [
        "while True:\n    n = int(input())\n    print(n)\n",  # reads in a loop
        # a function needs what the body binds
        "total = 5\n\n\ndef add(n):\n    global total\n    total += n\n\n\nadd(3)\nprint(total)\n",
        "import sys\nprint(len(sys.argv))\n",
    ],
)
def test_other_programs_are_left_alone(sandbox: Sandbox, content: str) -> None:
    assert "program" not in functions(sandbox, RawCode("id", "s", "x.py", "MIT", content))


def test_python_2_is_converted_and_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    old = (
        "def signs(values):\n    out = []\n    for i in xrange(len(values)):\n        if values[i] <> 0:\n"
        '            out.append(cmp_to(values[i]))\n    print "done", out\n    return out\n\n\n'
        "def cmp_to(n):\n    return `n` + 'L'\n\n\nprint signs([3, 0, 4])\n"
    )
    (tmp_path / "old.py").write_text(old, "utf-8")
    (tmp_path / "neither.py").write_text(
        "def broken(:\n    print 'this is no Python of any kind', and never was one\n" * 3
    )
    found = list(collect([SourceConfig("folder", str(tmp_path))], CollectConfig()))
    (raw,) = (one for one in found if isinstance(one, RawCode))
    assert raw.kind == "python2" and [one.reason for one in found if isinstance(one, Reject)] == ["unparsable"]
    function = functions(sandbox, raw)["signs"]
    assert function.code.startswith("# Converted from Python 2.")
    (result,) = sandbox.call(Program(function.code), ['{"values": [0, 7]}'])
    assert result.value == '["7L"]'
