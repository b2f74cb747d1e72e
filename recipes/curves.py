"""The picture of a run: loss (or reward) and learning rate against the step, from the trainer's log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no display on a training node
from matplotlib import pyplot


def draw_curves(log: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a PNG with the training loss, the held-out losses, the reward where there is one, and the learning rate.

    `log` is the trainer's `state.log_history`. Writes nothing when no step was logged.
    """
    upper = {
        name: points
        for key, name in (("loss", "training loss"), ("reward", "reward"), *_held_out(log))
        if (points := _series(log, key))
    }
    if not upper:
        return
    figure, (top, bottom) = pyplot.subplots(
        2, 1, sharex=True, figsize=(8, 6), height_ratios=(3, 1), layout="constrained"
    )
    for name, points in upper.items():
        style = {"marker": "o"} if len(points) < 40 else {}
        top.plot(*zip(*points), label=name, **style)
    top.set_ylabel("value" if "reward" in upper else "loss per token (nats)")
    top.grid(alpha=0.3)
    top.legend()
    rates = _series(log, "learning_rate")
    if rates:
        bottom.plot(*zip(*rates), color="tab:gray")
    bottom.set_ylabel("learning rate")
    bottom.set_ylim(bottom=0)
    bottom.set_xlabel("optimiser step")
    bottom.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _series(log: Sequence[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    return [(entry["step"], float(entry[key])) for entry in log if key in entry]


def _held_out(log: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    keys = {key for entry in log for key in entry if key.startswith("eval_") and key.endswith("_loss")}
    return [
        (key, "held-out loss" + key.removeprefix("eval").removesuffix("_loss").replace("_", " ", 1))
        for key in sorted(keys)
    ]
