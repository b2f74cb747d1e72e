"""The static unifier on texts that hypothesis makes: nothing escapes, and what is kept behaves like the file it is from."""

import ast
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from build.core.records import RawCode, UnifiedFunction
from build.sandbox import Program, Sandbox
from build.unifiers.static.docstrings import Documentation, read_docstring
from build.unifiers.static.doctests import examples_of, literal_calls
from build.unifiers.static.parameter_types import read_words
from build.unifiers.static.queries import ask, describe_io
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import module_names
from build.unifiers.static.type_hints import Hint, read_hint, restore, words
from build.unifiers.static.unifier import static_functions
from build.unifiers.static.usage import Usage

PIECES = st.sampled_from(
    (
        *(
            "Parameters\n----------\n",
            "Returns\n-------\n",
            "Args:\n",
            "Returns:\n",
            ":param x:",
            ":returns:",
            "@param x",
            ">>> f(1)\n1\n",
        ),
        *(
            ": ",
            ":py:class:`int`",
            "`",
            "``a``",
            "**",
            "*",
            "\n",
            "\n\n",
            "    ",
            "x : int",
            "x (int, optional): a",
            "Raises",
            "|",
            "[1]_",
        ),
        *(
            "Sum of a",
            "e.g.",
            "…",
            "\t",
            "::",
            "->",
            '"""',
            "\\",
            "True if x",
            "False",
            "list of ",
            "-",
            "{",
            "}",
            "\x0c",
            "é",
        ),
    )
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=60))
TYPES = st.recursive(
    st.sampled_from(
        ("int", "str", "float", "bool", "None", "Any", "bytes", "Decimal", "date", "list", "dict", "Foo", "'int'")
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: f"list[{one}]"),
        inner.map(lambda one: f"Optional[{one}]"),
        st.tuples(inner, inner).map(lambda two: f"dict[{two[0]}, {two[1]}]"),
        st.tuples(inner, inner).map(lambda two: f"tuple[{two[0]}, {two[1]}]"),
        st.tuples(inner, inner).map(" | ".join),
        inner.map(lambda one: f"set[{one}]"),
        st.just("Literal['a', 2]"),
        st.just("tuple[int, ...]"),
    ),
    max_leaves=6,
)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_whatever_a_docstring_says_is_read_or_refused(text: str) -> None:
    docs: Documentation | None = None
    with suppress(Refused):
        docs = read_docstring(text)
    examples_of(text, "f")
    literal_calls([text])
    read_words(text, lambda name: None)
    if docs is not None:
        query = ask(["x", "y"], docs, "f")
        described = describe_io([("x", "integer"), ("y", "string")], "value", docs)
        assert query.endswith("?") and "`x`" in query and "\n" not in query and "`y` (string" in described


@given(TYPES)
@settings(max_examples=200, deadline=None)
def test_whatever_a_hint_says_is_said_and_restored(text: str) -> None:
    hint = read_hint(ast.parse(text, mode="eval").body)
    if hint is not None:
        assert isinstance(hint, Hint) and words(hint)
        ast.parse(restore(hint, "value"))


HELPERS = ("one", "two", "three")
STATEMENTS = st.sampled_from(
    (
        *(
            "TABLE = {}",
            "TABLE[1] = 5",
            "TABLE.update({2: 7})",
            "fill(TABLE)",
            "LIST = [1]",
            "LIST += [2]",
            "ALIAS = LIST",
        ),
        *("ALIAS.append(4)", "for i in range(3):\n    LIST.append(i)", "set_base()", "BASE = 1", "BASE += 1"),
        *(
            "@register\ndef one(n):\n    return n + BASE",
            "def two(n, one=3):\n    return n * one",
            "three = lambda two: two + 1",
        ),
        *(
            "if len(LIST) > 2:\n    BASE = 10",
            "try:\n    BASE += LIST[5]\nexcept IndexError:\n    BASE -= 1",
            "del LIST[0]",
        ),
    )
)
PRELUDE = (
    "TABLE = {}\nLIST = []\nBASE = 0\nSEEN = []\n\n\ndef fill(table):\n    table[3] = 9\n\n\ndef set_base():\n    global BASE\n"
    "    BASE += 3\n\n\ndef register(f):\n    SEEN.append(f)\n    return f\n\n\n"
    "def one(n):\n    return n\n\n\ndef two(n):\n    return n\n\n\n"
    "three = one\n"
)
READS = st.lists(
    st.sampled_from(
        ("BASE", "sum(LIST)", "TABLE.get(n, 0)", "one(n)", "two(n)", "three(n)", "len(SEEN)", "sum(f(n) for f in SEEN)")
    ),
    min_size=1,
    max_size=3,
)


@given(st.lists(STATEMENTS, max_size=8), READS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_slice_behaves_like_its_file(sandbox: Sandbox, statements: list[str], reads: list[str]) -> None:
    asked = f'def asked(n: int) -> int:\n    """Add up several things."""\n    return n + {" + ".join(reads)}\n'
    content = PRELUDE + "\n".join(statements) + "\n\n\n" + asked
    inputs = [json.dumps({"n": n}) for n in (1, 2, 3)]
    whole = sandbox.call(Program(content, "asked"), inputs)
    assume(whole[0].status != "load_error")  # a file that cannot be imported behaves in no way
    for found in static_functions(RawCode("id", "s", "x.py", "MIT", content), sandbox):
        if isinstance(found, UnifiedFunction) and found.name == "asked":
            alone = sandbox.call(Program(found.code), inputs)
            assert [(one.status, one.value) for one in alone] == [(one.status, one.value) for one in whole], found.code


ANNOTATED = """
é: Known = other; TABLE: dict[str, Item] = {}


@deco(first)
def f(a: Ann = default, *rest: "Text", key: list[
    Inner
] = 3) -> Out[Of]:
    local: Never
    total: Never = a + used
    global later
    later = [item for item in source]
    return lambda n=bound: n


class C(Base, metaclass=Meta):
    field: Hidden
    named: Hidden = value
    named = named

    def m(self, x: Hidden) -> None:
        self.y: Hidden = x
        self.z: Hidden


for index in numbers: done = index
"""


def test_names_are_the_same_from_the_text_as_it_stands() -> None:
    lines = [line.encode() for line in ANNOTATED.split("\n")]
    statements = ast.parse(ANNOTATED).body
    found = [module_names(statement, lines) for statement in statements]
    assert found == [module_names(statement) for statement in statements] and len(found) == 5
    assert found[2].reads >= {"deco", "first", "default", "used", "source", "bound"}
    assert not found[2].reads & {"Ann", "Text", "Inner", "Out", "Of", "Never"}


@pytest.mark.parametrize("target", ["(one,)", "(one, two, three)", "[*one]", "()", "one"])
@pytest.mark.parametrize("source", ["enumerate(items)", "zip(items, items)", "items.items()", "enumerate()"])
def test_whatever_a_loop_unpacks_is_no_fault_of_ours(target: str, source: str) -> None:
    node = ast.parse(f"def f(items):\n    for {target} in {source}:\n        pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    assert Usage(node, ["items"]).hint(("items",))[1] >= 0
