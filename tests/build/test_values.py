"""Which values are data, and that their text is canonical."""

import json
import os
import subprocess
import sys
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.core.values import values_match
from build.sandbox.codec import MAX_ITEMS, NotData, decode, encode, is_plain
from build.sandbox.process import ROOT

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


TEXTS = st.text(max_size=3)
NUMBERS = st.booleans() | st.integers(-30, 30) | st.integers() | st.floats()
HASHABLES = st.recursive(
    st.none() | NUMBERS | TEXTS | st.builds(np.int16, st.integers(-9, 9)) | st.builds(np.float32, st.floats(-9, 9)),
    lambda inner: st.frozensets(inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=8,
)
VALUES = st.recursive(
    HASHABLES | st.binary(max_size=2) | st.complex_numbers() | st.just(object()) | st.builds(range, st.integers(0, 5)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.builds(deque, st.lists(inner, max_size=3))
        | st.dictionaries(HASHABLES, inner, max_size=4)
        | st.builds(OrderedDict, st.dictionaries(HASHABLES, inner, max_size=3))
        | st.builds(lambda made: made.items(), st.dictionaries(HASHABLES, inner, max_size=3))
        | st.sets(HASHABLES, max_size=5)
        | st.builds(np.array, st.lists(st.integers(-9, 9), max_size=3))
    ),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_has_a_canonical_text_or_a_reason(value: Any) -> None:
    try:
        text = encode(value)
    except NotData as refused:
        assert refused.reason in ("not_finite", "not_unicode", "not_json")
        return
    again = decode(text)
    assert encode(again) == text and is_plain(again)
    if is_plain(value):
        assert repr(sort_keys(again)) == repr(sort_keys(value))


@given(st.lists(HASHABLES, max_size=5), st.randoms(use_true_random=False))
def test_neither_hash_order_nor_insertion_order_shows(items: list[Hashable], dice: Random) -> None:
    shuffled = dice.sample(items, len(items))
    texts = []
    for order in (list(dict.fromkeys(items)), list(dict.fromkeys(shuffled))):
        try:
            texts.append((encode(set(order)), encode(dict.fromkeys(order))))
        except NotData as refused:
            texts.append((refused.reason, ""))
    if len(set(map(repr, items))) == len(set(items)):  # else equal elements (1, True) are kept by the order
        assert texts[0] == texts[1] or "not_" in texts[0][0] + texts[1][0]


def test_the_same_text_under_other_hash_seeds() -> None:
    value = "{'b', 'a', 'ü', 7, 1.5, None, (2, 'x'), frozenset({'q', 'p', 'o'}), frozenset({(1, 2), 'r'})}"
    script = (
        "from build.sandbox.codec import encode\nfrom collections import Counter\n"
        f"print(ascii(encode([{value}, {{(1): {value}, 'k': Counter('hello')}}])))"
    )
    command = [sys.executable, "-c", script]
    texts = {
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1 and texts.pop().startswith(b"'[[null, 1.5, 7,")


@given(
    st.one_of(
        st.lists(st.integers(-200, 200) | st.floats(-50, 50) | st.booleans(), max_size=6),
        st.lists(TEXTS.filter(str.isprintable), max_size=6),
        st.lists(st.tuples(st.integers(-20, 20), TEXTS.filter(str.isprintable)), max_size=6),
    )
)
def test_a_set_is_written_in_the_order_of_sorted(items: list[Any]) -> None:
    unique = set(items)
    ascending = [list(item) if isinstance(item, tuple) else item for item in sorted(unique)]
    assert decode(encode(unique)) == ascending
    assert values_match(decode(encode(unique)), ascending)
    assert decode(encode([{"found": frozenset(unique)}])) == [{"found": ascending}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1, 12, 2, 3, 4, 6}, "[1, 2, 3, 4, 6, 12]"),
        ({-1, -10, 0.5, 100}, "[-10, -1, 0.5, 100]"),
        ({"b", 10, None, 9, True, (1, 2), (1, -3)}, '[null, true, 9, 10, "b", [1, -3], [1, 2]]'),
        ({frozenset({10, 9}), frozenset({2})}, "[[2], [9, 10]]"),
        ({(10, "a"), (9, "b"), (9, "a")}, '[[9, "a"], [9, "b"], [10, "a"]]'),
        ({2**70, 1e300, 3}, "[3, 1180591620717411303424, 1e+300]"),
    ],
)
def test_the_natural_order_of_a_set(value: Any, text: str) -> None:
    for order in list(permutations(value))[:50]:
        assert encode(set(order)) == text


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
        (array("i", [3, 1]), "[3, 1]"),
        ({"b": 1, "a": 2}.keys(), '["b", "a"]'),
        ({"b": 1, "a": 2}.values(), "[1, 2]"),
        ({"b": {2, 10}}.items(), '[["b", [2, 10]]]'),
        (OrderedDict(b=1).keys(), '["b"]'),
        ({10: 1, 9: 2, -1: 3}, '{"-1": 3, "9": 2, "10": 1}'),
        ({"b": 1, 10: 2, 1.5: 3, "": 4}, '{"1.5": 3, "10": 2, "": 4, "b": 1}'),
        ({True: 1, None: 2, 0: 3}, '{"0": 3, "null": 2, "true": 1}'),
        ({1e16: 1}, '{"1e+16": 1}'),
        ({np.int64(3): np.float64(0.5)}, '{"3": 0.5}'),
        (np.int8(-3), "-3"),
        (np.uint64(2**63), "9223372036854775808"),
        (np.longlong(7), "7"),
        (np.float64(1.5), "1.5"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.bool_(True), "true"),
        (np.str_("x"), '"x"'),
        ([np.int64(1), {np.int64(2)}, (np.float16(0.5),)], "[1, [2], [0.5]]"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array(5), "5"),
        (np.array(["a", "b"]), '["a", "b"]'),
        (np.array([True, None, {3: 4}], dtype=object), '[true, null, {"3": 4}]'),
        (np.zeros((0, 3)), "[]"),
    ],
)
def test_what_is_converted(value: Any, text: str) -> None:
    assert encode(value) == text


class LyingList(list):
    pass


class LyingPoint(Point):
    def __iter__(self) -> Any:
        raise SystemExit


class Colour(IntEnum):
    RED = 1


def around_itself() -> Any:
    value = np.empty((), dtype=object)
    value[()] = value
    return value


def bomb() -> list[Any]:
    value: list[Any] = []
    for _ in range(40):
        value = [value] * 10
    return value


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
        ({None: 1, "null": 2}, "not_json"),
        ({frozenset({1}): 3}, "not_json"),
        ({float("nan"): 1}, "not_finite"),
        ({b"a": 1}, "not_json"),
        (iter([1]), "not_json"),
        (Fraction(1, 2), "not_json"),
        (Colour.RED, "not_json"),
        (LyingPoint(1, 2), "not_json"),
        (np.float64("nan"), "not_finite"),
        (np.array([1.0, np.inf]), "not_finite"),
        (np.longdouble(1), "not_json"),
        (np.array([1], dtype=np.longdouble), "not_json"),
        (np.complex128(1), "not_json"),
        (np.bytes_(b"a"), "not_json"),
        (np.datetime64("2020-01-01"), "not_json"),
        (np.array(["2020-01-01"], dtype="datetime64[ns]"), "not_json"),
        (np.array([(1, 2)], dtype="i4,i4"), "not_json"),
        (np.ma.array([1]), "not_json"),
        (around_itself(), "not_json"),
        (np.broadcast_to(1, (MAX_ITEMS, 2)), "too_large"),
        (range(MAX_ITEMS + 1), "too_large"),
        (bomb(), "too_large"),
        (recursive_list(), "too_deep"),
        ([10**5000], "too_large"),
        (object(), "not_json"),
    ],
)
def test_what_is_refused_and_why(value: Any, reason: str) -> None:
    with pytest.raises(NotData) as refused:
        encode(value)
    assert refused.value.reason == reason


def test_no_code_of_a_foreign_class_runs() -> None:
    calls: list[str] = []

    def called(name: str) -> Any:
        def method(*arguments: Any) -> Any:
            calls.append(name)
            raise ValueError(name)

        return method

    names = (
        "__eq__",
        "__hash__",
        "__repr__",
        "__len__",
        "__bool__",
        "__iter__",
        "__getattribute__",
        "__instancecheck__",
    )
    methods = {name: called(name) for name in names}
    metaclass = type("Metaclass", (type,), dict(methods))
    for base in (object, int, str, list, tuple, dict):
        kind: Any = type.__new__(metaclass, "Hostile", (base,), dict(methods))
        for value in (kind, base.__new__(kind)):
            for hidden in (value, [value], {"a": value}, {"a": value}.values(), (1, {2: [value]})):
                with pytest.raises(NotData):
                    encode(hidden)
    assert not calls


@pytest.mark.parametrize("text", ["NaN", "Infinity", '{"a": -Infinity}'])
def test_non_finite_json_is_not_read(text: str) -> None:
    with pytest.raises(NotData):
        decode(text)


def sort_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sort_keys(value[key]) for key in sorted(value)}
    return [sort_keys(item) for item in value] if isinstance(value, list) else value
