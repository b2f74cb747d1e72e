"""The band of pass rates that reinforcement learning keeps to."""

from collections import Counter
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

from trl.trainer.utils import RepeatSampler

from recipes.band import Band, BandSampler

IDS = [f"q{number}" for number in range(40)]


def sampler(band: Band, batch: int = 4) -> BandSampler:
    return BandSampler(RepeatSampler(IDS, mini_repeat_count=3, batch_size=batch, repeat_count=2, seed=7), band)


def test_the_order_is_that_of_trl_with_questions_within_the_band() -> None:
    rates = [number / 40 if number < 30 else None for number in range(40)]
    band = Band(IDS, rates, 0.25, 0.5)
    drawn = sampler(band)
    order = list(drawn)
    assert len(order) == len(drawn) == 40 * 3 * 2
    for start in range(0, len(order), 24):
        once, again = order[start : start + 12], order[start + 12 : start + 24]
        assert once == again and sorted(Counter(once).values()) == [3, 3, 3, 3]
    inside = [place for place in order if band.holds(place)]
    assert set(range(30, 40)) <= set(inside) and len(inside) >= 0.75 * len(order)
    assert order == list(sampler(Band(IDS, rates, 0.25, 0.5)))  # every process draws the same


def test_rewards_move_the_estimates_and_what_leaves_the_band_is_looked_at_again() -> None:
    band = Band(IDS, [None] * 40, 0.2, 0.8)
    drawn = sampler(band)
    solved = {place for place in range(40) if place % 4}  # always right; the others half the time
    tried: Counter[int] = Counter()
    for _ in range(20):
        places = iter(drawn)
        while chunk := list(islice(places, 24)):
            tried.update(set(chunk))
            rewards = [1.0 if place in solved or number % 2 else 0.0 for number, place in enumerate(chunk)]
            band.learn([IDS[place] for place in chunk], rewards)
    assert {place for place in range(40) if band.holds(place)} == set(range(0, 40, 4))
    assert min(tried[place] for place in range(0, 40, 4)) > 2 * max(tried[place] for place in solved)
    assert min(tried[place] for place in solved) > 1  # they may have become harder
    easy = IDS[1]
    for _ in range(3):
        band.learn([easy] * 2, [0.0, 1.0])
    assert band.holds(1)


def test_where_nothing_is_within_the_band_the_nearest_are_taken() -> None:
    band = Band(IDS, [0.0] * 39 + [0.1], 0.4, 0.6)
    order = list(sampler(band, batch=1))
    assert Counter(order).most_common(1)[0][0] == 39


def test_the_estimates_are_kept_with_a_checkpoint(tmp_path: Path) -> None:
    band = Band(IDS, [0.5] * 40, 0.0, 1.0)
    band.learn(["q1"], [1.0])
    band.on_save(SimpleNamespace(output_dir=tmp_path), SimpleNamespace(is_world_process_zero=True), None)
    again = Band(IDS, [0.5] * 40, 0.0, 1.0)
    again.resume(str(tmp_path))
    assert again.estimates["q1"] == 0.75 and again.estimates == band.estimates
