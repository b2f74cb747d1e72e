"""Draws the figures of the report, as PNG files: each benchmark with the paper's figures, and the differences of two runs.

An axis spans the figures, not their intervals: an interval that goes on beyond it ends in an arrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only; no display
import matplotlib.pyplot as plt

_OWN, _PAPER = "#0969da", "#6e7781"


@dataclass(frozen=True, slots=True)
class Point:
    """A figure to draw, in percent or points; `low` and `high` are its interval, None for a quoted one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


def limits(points: Sequence[Point], include: float | None = None) -> tuple[float, float]:
    """The ends of the axis: all figures, and as much around them as the median interval is wide, 2 at least."""
    values = [point.value for point in points] + ([] if include is None else [include])
    halves = [(point.high - point.low) / 2 for point in points if point.low is not None and point.high is not None]
    room = max(2.0, 1.3 * median(halves)) if halves else 2.0
    return min(values) - room, max(values) + room


def plot_scores(title: str, points: Sequence[Point], path: Path) -> str:
    """Scores on one benchmark, the first point on top; returns the text for who does not see the picture."""
    low, high = limits(points)
    _draw(f"{title}: score", "score, %", points, (max(low, -2.0), min(high, 102.0)), path)
    return f"{title}, scores in percent. " + " ".join(_told(point, "") for point in points)


def plot_differences(label: str, base: str, points: Sequence[Point], path: Path) -> str:
    """Differences by benchmark, around zero; returns the text for who does not see the picture."""
    _draw(f"{label} minus {base}, on the same items", "points", points, limits(points, 0.0), path, zero=True)
    return f"{label} minus {base} in points, on the same items. " + " ".join(_told(point, "+") for point in points)


def _draw(
    title: str, unit: str, points: Sequence[Point], ends: tuple[float, float], path: Path, zero: bool = False
) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 0.32 * len(points) + 1.4))
    for position, point in enumerate(reversed(points)):
        if point.low is None or point.high is None:
            axes.plot(point.value, position, "D", mfc="white", color=_PAPER)
            continue
        _interval(axes, position, point.low, point.high, ends)
        axes.plot(point.value, position, "o", color=_OWN)
    if zero:
        axes.axvline(0, color="black", linewidth=0.8)
    axes.plot([], [], "o-", color=_OWN, label="measured, with 95 % interval")
    if any(point.low is None for point in points):
        axes.plot([], [], "D", mfc="white", color=_PAPER, label="quoted from the paper")
    axes.set_yticks(range(len(points)), [point.label for point in reversed(points)])
    axes.set_xlim(*ends)
    axes.set_ylim(-0.7, len(points) - 0.3)
    axes.set_xlabel(unit)
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="lower center", ncols=2, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _interval(axes: Any, position: int, low: float, high: float, ends: tuple[float, float]) -> None:
    """A line from low to high, with an arrow where it leaves the axis."""
    left, right = ends
    edge = (right - left) / 60
    axes.hlines(position, max(low, left + edge), min(high, right - edge), color=_OWN)
    if low < left:
        axes.plot(left + edge, position, "<", color=_OWN, markersize=5)
    if high > right:
        axes.plot(right - edge, position, ">", color=_OWN, markersize=5)


def _told(point: Point, sign: str) -> str:
    if point.low is None or point.high is None:
        return f"{point.label}: {point.value:{sign}.1f}, quoted from the paper."
    return f"{point.label}: {point.value:{sign}.1f}, interval {point.low:{sign}.1f} to {point.high:{sign}.1f}."
