"""The one-pass size check gives the verdicts of `pympler.asizeof`."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pympler.asizeof import asizeof

from build.bench.bare import asizeof_rule
from build.sandbox import DrawRules
from build.sandbox.codec import decode, encode
from build.sandbox.sizes import fits

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=110)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=22) | st.dictionaries(TEXTS, inner, max_size=22),
    max_leaves=40,
)


def loaded(value: Any) -> Any:
    """As the sandbox sees it: out of JSON."""
    return decode(encode(value))


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_the_verdict_is_that_of_the_paper_s_rule(value: Any) -> None:
    value = loaded(value)
    assert fits(value, DrawRules()) == asizeof_rule(value, DrawRules())


@given(VALUES, st.integers(-8, 8))
@settings(max_examples=300, deadline=None)
def test_the_whole_size_is_asizeof_to_the_byte(value: Any, offset: int) -> None:
    value = loaded(value)
    size = asizeof(value)
    rules = DrawRules(object_bytes=size + offset, container_length=10**6, string_length=10**6, scalar_bytes=10**6)
    assert fits(value, rules) == (size < size + offset)


def test_the_paper_s_examples() -> None:
    numbers = list(range(1000, 1019))
    assert fits(loaded(numbers), DrawRules())
    assert not fits(loaded([[row * 100 + column for column in range(5)] for row in range(3, 8)]), DrawRules())
    assert not fits(loaded({"a": "x" * 100}), DrawRules())
    assert not fits(loaded([0] * 20), DrawRules())
    assert not fits(10**400, DrawRules())
