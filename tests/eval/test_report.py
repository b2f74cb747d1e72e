"""The report: intervals of averages, and axes that show the figures."""

from dataclasses import replace

import pytest

pytest.importorskip("statsmodels", reason="pip install -r requirements/eval.txt")

from eval.benchmarks import COLUMNS
from eval.plots import Point, limits
from eval.report import average_interval
from eval.run_folder import Column, Summary


def test_a_column_that_is_all_right_leaves_the_average_an_interval() -> None:
    column = Column("x", COLUMNS[0], 4, 4, 100.0, 0.0, 51.0, 100.0, 0.0, 0.0, 0, 1)
    columns = [replace(column, column=name) for name in COLUMNS]
    low, high = average_interval(Summary(columns, 100.0, 0.0)) or (0.0, 0.0)
    assert low == pytest.approx(100 - 49 / 14**0.5) and high == 100.0
    assert average_interval(Summary(columns, 100.0, 20.0)) == pytest.approx((60.8, 100.0), abs=0.01)
    assert average_interval(Summary(columns[1:], None, None)) is None


def test_a_wide_interval_does_not_stretch_the_axis() -> None:
    narrow = [Point(str(place), 50.0 + place, 49.0 + place, 51.0 + place) for place in range(3)]
    low, high = limits([*narrow, Point("wide", 55.0, 0.0, 100.0), Point("quoted", 60.0)])
    assert 40 < low < 50 and 60 < high < 70
    assert limits(narrow, 0.0)[0] < 0
