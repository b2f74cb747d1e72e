"""Keeps reinforcement learning to questions that the policy solves sometimes: a group that is all right, or all wrong, teaches
nothing.

Each question has an estimate of its pass rate, at first that of the data set, and each group of completions moves it halfway
to the share that was right. Questions within the band are trained on, and those without an estimate. One draw in ten takes
the question outside the band that was tried longest ago, since the policy changes.
"""

import json
import random
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Sampler
from transformers import TrainerCallback

_FILE = "pass_rates.json"  # in the output folder, written with each checkpoint
_LOOK_AGAIN = 0.1  # the share of draws that goes to questions outside the band
_NEW = 0.5  # the weight of the last group in an estimate


class Band(TrainerCallback):
    """The estimates for some questions, by their ids, and the band of pass rates that they are held against."""

    def __init__(self, ids: Sequence[str], rates: Sequence[float | None], low: float, high: float) -> None:
        self.ids = list(ids)
        self.low, self.high = low, high
        self.estimates = {key: rate for key, rate in zip(ids, rates, strict=True) if rate is not None}

    def holds(self, place: int) -> bool:
        """Whether the question at a place is within the band, or not known."""
        rate = self.estimates.get(self.ids[place])
        return rate is None or self.low <= rate <= self.high

    def distance(self, place: int) -> float:
        """How far the question at a place is from the middle of the band."""
        middle = (self.low + self.high) / 2
        return abs(self.estimates.get(self.ids[place], middle) - middle)

    def learn(self, ids: Sequence[str], right: Sequence[float]) -> None:
        """Take in whether some completions are right (1.0 or 0.0), by the ids of their questions."""
        groups: dict[str, list[float]] = {}
        for key, reward in zip(ids, right, strict=True):
            groups.setdefault(key, []).append(reward)
        for key, rewards in groups.items():
            share = sum(rewards) / len(rewards)
            self.estimates[key] = _NEW * share + (1 - _NEW) * self.estimates.get(key, share)

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / _FILE).write_text(json.dumps(self.estimates), encoding="utf-8")

    def resume(self, output_dir: str) -> None:
        """Go on with the estimates of a run that was interrupted."""
        path = Path(output_dir) / _FILE
        if path.is_file():
            self.estimates |= json.loads(path.read_text("utf-8"))


class BandSampler(Sampler[int]):
    """The order of TRL's `RepeatSampler` (groups, and batches that are used several times), with questions of the band.

    An epoch is as long as TRL's, so a question may come twice in it. Every process draws the same.
    """

    def __init__(self, plain: Any, band: Band) -> None:
        self.plain, self.band = plain, band
        self._dice = random.Random(plain.seed)
        self._tried: dict[int, int] = {}  # when each place was drawn last
        self._draws = 0
        self._waiting: list[int] = []

    def __len__(self) -> int:
        return len(self.plain)

    def __iter__(self) -> Iterator[int]:
        for _ in range(self.plain.num_samples // self.plain.batch_size):
            chunk: list[int] = []
            while len(chunk) < self.plain.batch_size:
                place = self._draw(chunk)
                self._draws += 1
                self._tried[place] = self._draws
                chunk.append(place)
            for _ in range(self.plain.repeat_count):
                for place in chunk:
                    yield from [place] * self.plain.mini_repeat_count

    def _draw(self, taken: Collection[int]) -> int:
        places = range(self.plain.num_samples)
        if self._dice.random() < _LOOK_AGAIN:
            outside = [place for place in places if place not in taken and not self.band.holds(place)]
            if outside:
                return min(outside, key=lambda place: self._tried.get(place, 0))
        for refill in (False, True):
            if refill:
                self._waiting = self._dice.sample(places, len(places))
            while self._waiting:
                place = self._waiting.pop()
                if place not in taken and self.band.holds(place):
                    return place
        return min((place for place in places if place not in taken), key=self.band.distance)
