"""Which values are data, and that their text is canonical."""

import json
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.sandbox.codec import NotData, decode, encode

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_plain_values_survive_the_round_trip_with_their_types(value: Any) -> None:
    assert repr(sort_keys(decode(encode(value)))) == repr(sort_keys(value))


@given(JSON_VALUES)
def test_the_text_is_canonical(value: Any) -> None:
    text = encode(value)
    assert encode(decode(text)) == text
    json.loads(text)


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, (2, 3)), "[1, [2, 3]]"),
        ({3, 1, 2}, "[1, 2, 3]"),
        (frozenset({"b", "a"}), '["a", "b"]'),
        (deque([1, 2]), "[1, 2]"),
        (range(3), "[0, 1, 2]"),
        (Point(1, 2), "[1, 2]"),
        (OrderedDict(b=1, a=2), '{"a": 2, "b": 1}'),
        (Counter("aab"), '{"a": 2, "b": 1}'),
        (defaultdict(int, {1: 2}), '{"1": 2}'),
        (2**70, "1180591620717411303424"),
        (-0.0, "-0.0"),
        ("ü", '"ü"'),
    ],
)
def test_what_is_converted(value: Any, text: str) -> None:
    assert encode(value) == text


class LyingList(list):
    pass


def recursive_list() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not_finite"),
        ([float("inf")], "not_finite"),
        ("\ud800", "not_unicode"),
        ({"\udfff": 1}, "not_unicode"),
        (b"bytes", "not_json"),
        (1j, "not_json"),
        (Decimal(1), "not_json"),
        (LyingList(), "not_json"),
        ({1: "a", "1": "b"}, "not_json"),
        ({(1, 2): 3}, "not_json"),
        ({True: 1}, "not_json"),
        (recursive_list(), "too_deep"),
        ([10**5000], "too_large"),
        (object(), "not_json"),
    ],
)
def test_what_is_refused_and_why(value: Any, reason: str) -> None:
    with pytest.raises(NotData) as refused:
        encode(value)
    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["NaN", "Infinity", '{"a": -Infinity}'])
def test_non_finite_json_is_not_read(text: str) -> None:
    with pytest.raises(NotData):
        decode(text)


def sort_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sort_keys(value[key]) for key in sorted(value)}
    return [sort_keys(item) for item in value] if isinstance(value, list) else value
