"""Compares two values by the rule of the paper; every verdict of the project goes through it."""

from math import isfinite
from typing import Any


def values_match(predicted: Any, expected: Any) -> bool:
    """Whether two JSON values are equal by the paper's rule."""
    if isinstance(predicted, bool) or isinstance(expected, bool):
        return predicted is expected
    if isinstance(predicted, int | float) and isinstance(expected, int | float):
        return _numbers_match(predicted, expected)
    if isinstance(predicted, dict) and isinstance(expected, dict):
        return predicted.keys() == expected.keys() and all(
            values_match(predicted[key], expected[key]) for key in expected
        )
    if isinstance(predicted, list) and isinstance(expected, list):
        return len(predicted) == len(expected) and all(map(values_match, predicted, expected))
    return type(predicted) is type(expected) and predicted == expected


def _numbers_match(predicted: float, expected: float) -> bool:
    if isinstance(predicted, int) and isinstance(expected, int):
        return predicted == expected
    try:
        if not (isfinite(predicted) and isfinite(expected)):
            return False
        return int(predicted) == int(expected) and abs(predicted - expected) <= 1e-3 * abs(expected)
    except OverflowError:  # an int beyond the floats beside a float
        return False
