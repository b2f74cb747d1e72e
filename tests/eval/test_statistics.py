"""The statistics on examples worked by hand, and against statsmodels."""

from math import sqrt

import numpy as np
import pytest

pytest.importorskip("statsmodels", reason="pip install -r requirements/eval.txt")

import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import statistics as s


def test_paired_standard_error_by_hand() -> None:
    # A: 1 0 0 1 0 0 0 1, B: 1 1 1 1 0 1 0 0. d: 0 1 1 0 0 1 0 -1, mean 2/8, squares 4, sd^2 = (4 - 8 / 16) / 7 = 1 / 2.
    first, second = [1, 0, 0, 1, 0, 0, 0, 1], [1, 1, 1, 1, 0, 1, 0, 0]
    result = s.paired("mean", [""] * 8, first, second)
    assert result.difference.value == 0.25
    assert result.difference.se == pytest.approx(sqrt(0.5 / 8))
    assert (result.difference.low, result.difference.high) == pytest.approx(
        (0.25 - 1.959964 * 0.25, 0.25 + 1.959964 * 0.25)
    )
    # 3 wins, 1 loss: two-sided binomial, 2 * (P(0) + P(1)) = 2 * (1 + 4) / 16.
    assert (result.wins, result.losses, result.p) == (3, 1, pytest.approx(10 / 16))


def test_mcnemar_by_hand() -> None:
    # 9 against 1 of 10: 2 * (1 + 10) / 1024.
    assert s.mcnemar_p(9, 1) == pytest.approx(22 / 1024)
    assert s.mcnemar_p(0, 0) == 1.0


def test_wilson_interval_by_hand() -> None:
    # 8 of 10, z = 1.959964: centre (0.8 + z^2/20) / (1 + z^2/10) = 0.71674, half width 0.22657.
    result = s.estimate("mean", [("", 1.0)] * 8 + [("", 0.0)] * 2)
    assert (result.low, result.high) == pytest.approx((0.49016, 0.94331), abs=1e-4)


def test_two_clusters_that_are_all_wrong_do_not_prove_a_zero() -> None:
    result = s.estimate("clusters", [("a", 0.0), ("a", 0.0), ("b", 0.0)])
    assert (result.value, result.low, round(result.high, 3)) == (0.0, 0.0, 0.658)


def test_clustered_standard_error_by_hand() -> None:
    # Clusters a: 1 1, b: 0 0, c: 1 0. Mean 1/2; sums of residuals 1, -1, 0: g/(g-1) * (n-1)/(n-1) = 3/2; sqrt(1.5 * 2) / 6.
    values = [("a", 1.0), ("a", 1.0), ("b", 0.0), ("b", 0.0), ("c", 1.0), ("c", 0.0)]
    assert s.estimate("clusters", values).se == pytest.approx(sqrt(3) / 6)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), min_size=6, max_size=40))
@settings(deadline=None, max_examples=50)
def test_clustered_standard_error_is_statsmodels(values: list[tuple[int, float]]) -> None:
    groups = [group for group, _ in values]
    if len(set(groups)) < 2:
        return
    y = np.array([value for _, value in values])
    fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    ours = s.estimate("clusters", [(str(group), value) for group, value in values])
    assert ours.se == pytest.approx(float(fit.bse[0]), abs=1e-9)


def test_holm_by_hand() -> None:
    assert s.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_a_problem_counts_when_all_its_rows_are_right() -> None:
    values = [("p", 1.0), ("p", 1.0), ("q", 1.0), ("q", 0.0), ("r", 1.0)]
    result = s.estimate("all", values)
    assert (result.value, result.n) == (pytest.approx(2 / 3), 3)


def test_strata_are_the_mean_of_categories_of_tasks() -> None:
    values = [
        ("math/a", 1.0),
        ("math/a", 0.0),
        ("math/b", 1.0),
        ("language/c", 0.0),
        ("language/c", 0.0),
        ("language/c", 1.0),
    ]
    assert s.estimate("strata", values).value == pytest.approx(((0.5 + 1.0) / 2 + 1 / 3) / 2)


def test_macro_standard_error_by_hand() -> None:
    parts = [s.Estimate(0.5, 0.03, 0, 1, 10), s.Estimate(0.7, 0.04, 0, 1, 10)]
    assert (s.macro(parts).value, s.macro(parts).se) == pytest.approx((0.6, 0.025))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.booleans()), min_size=2))
def test_a_comparison_turned_round_changes_its_sign_only(items: list[tuple[str, bool, bool]]) -> None:
    groups = [group for group, *_ in items]
    first, second = [float(a) for _, a, _ in items], [float(b) for *_, b in items]
    for combine in ("mean", "clusters", "all"):
        there, back = s.paired(combine, groups, first, second), s.paired(combine, groups, second, first)
        assert there.difference.value == pytest.approx(-back.difference.value)
        assert (there.difference.se, there.p) == pytest.approx((back.difference.se, back.p))
        assert (there.wins, there.losses) == (back.losses, back.wins)


@pytest.mark.parametrize(
    ("combine", "groups", "second"),
    [("clusters", ["p"] * 10, [1] + [0] * 9), ("strata", ["a/b", "a/c", "d/e"], [1, 0, 0])],
)
def test_where_nothing_varies_nothing_is_significant(combine: s.Combine, groups: list[str], second: list[int]) -> None:
    result = s.paired(combine, groups, [0] * len(groups), second)
    assert result.p == 1.0 and result.difference.low == -1.0 and result.difference.high == 1.0


def test_a_column_counted_twice_has_the_error_of_one() -> None:
    values = {str(number): float(number % 3 == 0) for number in range(30)}
    one = s.estimate("mean", [("", value) for value in values.values()])
    assert s.macro([one, one], [s.covariance(values, values)]).se == pytest.approx(one.se)
    assert s.macro([one, one]).se == pytest.approx(one.se / sqrt(2))


def test_covariance_by_hand_over_the_items_in_common() -> None:
    # first: 1 0 1 (mean 2/3), second: 1 0 on the first two of it, and two items of its own 0 0 (mean 1/4).
    first = {"a": 1.0, "b": 0.0, "c": 1.0}
    second = {"a": 1.0, "b": 0.0, "x": 0.0, "y": 0.0}
    # products of residuals: 1/3 * 3/4 + -2/3 * -1/4 = 5/12; by hand / (2 - 1) * 2 / (3 * 4).
    assert s.covariance(first, second) == pytest.approx(5 / 12 * 2 / 12)
    assert s.covariance(first, {"z": 1.0}) == 0.0
