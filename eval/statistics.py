"""Computes standard errors, intervals and paired tests, in the manner of Miller (2024, arXiv 2411.00640).

Values are per item, in 0..1. `Combine` says how items combine to a benchmark's figure: within each stratum the mean, and
the strata with their weights; items of one cluster (a passage, a function) are not independent, so their sums are what
varies. For binary values without strata or clusters the interval is Wilson's, since normal intervals fail for few items
(Bowyer et al., 2025, arXiv 2503.01747); elsewhere it is the normal one. statsmodels and scipy do the distributions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

Combine = Literal["mean", "clusters", "all", "strata"]
_Z = float(norm.ppf(0.975))
_NOTHING = 1e-12  # a standard error below this is none


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error and 95 % interval, all in the unit of the values; `n` counts what was averaged."""

    value: float
    se: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Paired:
    """A difference (second minus first) on the same items. `p` is two-sided: McNemar's exact for binary values, else z's.

    Where the items have no spread to estimate (one cluster, one item a stratum) p is 1 and the interval everything.
    """

    difference: Estimate
    wins: int
    losses: int
    p: float
    test: Literal["exact McNemar", "z"]


def units(combine: Combine, values: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """What is averaged: items, or for "all" one value a group, 1 when every item of it is fully right."""
    if combine != "all":
        return list(values)
    groups: dict[str, float] = {}
    for group, value in values:
        groups[group] = min(groups.get(group, 1.0), float(value >= 1.0))
    return list(groups.items())


def estimate(combine: Combine, values: Sequence[tuple[str, float]]) -> Estimate:
    """The figure of (group, value) pairs. Raises ValueError without any."""
    averaged = units(combine, values)
    if not averaged:
        raise ValueError("no items to average")
    plain = np.array([value for _, value in averaged])
    value, se = _mean_and_se(combine, averaged)
    if np.isin(plain, (0.0, 1.0)).all() and (combine in ("mean", "all") or se == 0):
        # Few clusters or strata that all agree have no spread to estimate: then the interval is that of as many items.
        independent = len({group for group, _ in averaged}) if combine == "clusters" else len(plain)
        low, high = proportion_confint(value * independent, independent, method="wilson")
        return Estimate(value, se, float(low), float(high), len(plain))
    return Estimate(value, se, value - _Z * se, value + _Z * se, len(plain))


def paired(combine: Combine, groups: Sequence[str], first: Sequence[float], second: Sequence[float]) -> Paired:
    """Compare two models' values on the same items, given in the same order with the items' groups."""
    one = units(combine, list(zip(groups, first)))
    two = units(combine, list(zip(groups, second)))
    differences = [(group, b - a) for (group, a), (_, b) in zip(one, two)]
    value, se = _mean_and_se(combine, differences)
    wins = sum(difference > 0 for _, difference in differences)
    losses = sum(difference < 0 for _, difference in differences)
    binary = all(value in (0.0, 1.0) for _, value in (*one, *two))
    test: Literal["exact McNemar", "z"]
    if binary and combine in ("mean", "all"):
        p, test = mcnemar_p(wins, losses), "exact McNemar"
    else:
        p, test = (float(2 * norm.sf(abs(value) / se)) if se > _NOTHING else 1.0), "z"
    if se <= _NOTHING and value:  # one cluster, or an item a stratum: nothing can be said of the spread
        return Paired(Estimate(value, se, -1.0, 1.0, len(differences)), wins, losses, p, test)
    return Paired(Estimate(value, se, value - _Z * se, value + _Z * se, len(differences)), wins, losses, p, test)


def mcnemar_p(wins: int, losses: int) -> float:
    """Exact two-sided McNemar: a binomial test on the items that only one of the two got right."""
    return float(mcnemar([[0, losses], [wins, 0]], exact=True).pvalue) if wins + losses else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's corrected p-values, in order."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def macro(estimates: Sequence[Estimate], covariances: Iterable[float] = ()) -> Estimate:
    """The unweighted mean of figures: SE = sqrt(sum of SE^2 + 2 * sum of covariances) / k.

    Figures are independent but for the pairs whose covariances are given (in the unit of the values, squared).
    """
    k = len(estimates)
    value = sum(item.value for item in estimates) / k
    se = sqrt(max(0.0, sum(item.se**2 for item in estimates) + 2 * sum(covariances))) / k
    low, high = macro_interval(value, se, [(item.value, item.low, item.high) for item in estimates])
    return Estimate(value, se, low, high, k)


def macro_interval(value: float, se: float, parts: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The 95 % interval of a mean of figures, which are given with their own intervals.

    It is made of these (MOVER: Zou and Donner, 2008), since a figure over items that all agree has no standard error and an
    interval all the same; and never narrower than the standard error of the mean says, which knows of items in common.
    """
    below = sqrt(sum((figure - low) ** 2 for figure, low, _ in parts)) / len(parts)
    above = sqrt(sum((high - figure) ** 2 for figure, _, high in parts)) / len(parts)
    return value - max(below, _Z * se), value + max(above, _Z * se)


def covariance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """The covariance of the means of two sets of values by item, which have some items in common.

    CRUXEval-I and -O, and BBH-EN and -ZH, ask about the same items: a model that finds an item hard finds it hard in both.
    """
    common = first.keys() & second.keys()
    if len(common) < 2:
        return 0.0
    one, two = sum(first.values()) / len(first), sum(second.values()) / len(second)
    products = sum((first[item] - one) * (second[item] - two) for item in sorted(common))
    return products / (len(common) - 1) * len(common) / (len(first) * len(second))


def strata_weights(groups: Sequence[str]) -> dict[str, float]:
    """The weight of each "category/task" group: categories count alike, and so do the tasks within a category."""
    tasks: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        tasks[group.partition("/")[0]].add(group)
    return {group: 1 / (len(tasks) * len(members)) for members in tasks.values() for group in members}


def _mean_and_se(combine: Combine, values: Sequence[tuple[str, float]]) -> tuple[float, float]:
    if combine == "strata":
        members: dict[str, list[float]] = defaultdict(list)
        for group, value in values:
            members[group].append(value)
        weights = strata_weights(list(members))
        mean = sum(weights[group] * float(np.mean(part)) for group, part in members.items())
        variance = sum(weights[group] ** 2 * _se(np.array(part)) ** 2 for group, part in members.items())
        return mean, sqrt(variance)
    plain = np.array([value for _, value in values])
    mean = float(plain.mean())
    if combine != "clusters":
        return mean, _se(plain)
    residuals: dict[str, float] = defaultdict(float)
    for group, value in values:
        residuals[group] += value - mean
    g, n = len(residuals), len(plain)
    if g < 2:
        return mean, 0.0
    # The cluster-robust variance of a mean with the usual small-sample factor (statsmodels' OLS with cov_type="cluster").
    factor = g / (g - 1) * (n - 1) / max(n - 1, 1)
    return mean, sqrt(factor * sum(total**2 for total in residuals.values())) / n


def _se(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
