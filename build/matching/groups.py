"""Groups functions that are doubles of each other, from sketches alone, over as many functions as there are.

Doubles are exact (the same code), normalised (the same normal form), or near (sets of shingles that overlap by a threshold, the
Jaccard similarity counted exactly). A group is what such doubles link together; its first function in the order of the run
stands for it. The order decides everything, so the groups are the same whoever made the sketches.

Memory: 60 bytes a function, and a bounded part of the bands and shingles, which are read from the files again and again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from build.matching.sketches import BANDS, Numbers

_BAND_BYTES = 256 << 20  # of bands in memory at once
_OPEN_BYTES = 128 << 20  # of shingles in memory at once
_NEIGHBOURS = 50  # members of a band's bucket are compared with so many before them
_BATCH = 1 << 20  # pairs looked at in one go

Kind = Literal["first", "exact", "normalised", "near"]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Member:
    """A function in a group: `part` is the number of the sketch file, `of` the id of an earlier function that it doubles,
    with their similarity; `group` the digest of the first one's code.
    """

    group: str
    id: str
    part: int
    kind: Kind
    of: str
    similarity: float
    label: str


def group(paths: Sequence[Path], similarity: float) -> Iterator[Member]:
    """The members of all groups of two or more, group by group in the order of their first functions."""
    sizes = [len(_load(path, "ids")) for path in paths]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    count = int(starts[-1])
    roots = _Roots(count)
    of = np.full(count, -1, np.int64)
    kinds = np.zeros(count, np.uint8)  # 0: no double; 1, 2, 3: exact, normalised, near
    likeness = np.ones(count, np.float32)
    forms = _all(paths, "form")
    for kind, keys in ((1, _all(paths, "exact")), (2, forms)):
        firsts = _firsts(keys)
        for place in np.flatnonzero((firsts != np.arange(count)) & (kinds == 0) & (keys != b"")).tolist():
            kinds[place], of[place] = kind, firsts[place]
            roots.join(int(firsts[place]), place)
    single = np.flatnonzero((kinds == 0) & (forms != b""))
    del forms
    for each, earlier, overlap in _near(paths, starts, single, similarity, roots):
        kinds[each], of[each], likeness[each] = 3, earlier, overlap
    yield from _members(paths, starts, roots, kinds, of, likeness)


def _members(
    paths: Sequence[Path],
    starts: Integers,
    roots: "_Roots",
    kinds: npt.NDArray[np.uint8],
    of: Integers,
    likeness: npt.NDArray[np.float32],
) -> Iterator[Member]:
    every = np.array([roots.of(each) for each in range(len(of))], np.int64)
    sizes = np.bincount(every, minlength=len(of)) if len(of) else np.zeros(0, np.int64)
    members = np.flatnonzero(sizes[every] > 1)
    members = members[np.argsort(every[members], kind="stable")]
    ids, codes = _all(paths, "ids"), _all(paths, "exact")
    labels = _Parts(paths, starts, lambda part: [_load_labels(part)])
    names: tuple[Kind, ...] = ("first", "exact", "normalised", "near")
    for each in members.tolist():
        part, place = labels.place(each)
        earlier = int(of[each])
        yield Member(
            group=codes[every[each]].decode(),
            id=ids[each].decode(),
            part=part,
            kind=names[kinds[each]] if every[each] != each else "first",
            of=ids[earlier].decode() if earlier >= 0 else "",
            similarity=round(float(likeness[each]), 3),
            label=labels.of(part)[0][place],
        )


def _near(
    paths: Sequence[Path], starts: Integers, single: Integers, similarity: float, roots: "_Roots"
) -> Iterator[tuple[int, int, float]]:
    """Join what is near, and tell of each function that stops to be the first of its group, with the earlier one that it joins
    and their overlap: at least `similarity` where the two are the pair itself, perhaps less where a chain of pairs links them.
    """
    sets = _Parts(paths, starts, lambda part: [_load(part, "shingles"), _load(part, "offsets")])
    for one, other in _candidates(paths, single, similarity):
        earlier, later = sorted((roots.of(one), roots.of(other)))
        if earlier == later or (overlap := _overlap(sets, one, other)) < similarity:
            continue
        roots.join(one, other)
        if later == other:
            yield other, one, overlap
        else:
            yield later, earlier, _overlap(sets, earlier, later)


def _candidates(paths: Sequence[Path], single: Integers, similarity: float) -> Iterator[tuple[int, int]]:
    """Pairs that share a band and are of lengths that allow the similarity, each once, the earlier function first."""
    if len(single) < 2:
        return
    lengths = np.concatenate([np.diff(_load(path, "offsets")) for path in paths])[single]
    at_once = max(1, min(BANDS, _BAND_BYTES // (8 * len(single))))
    for low in range(0, BANDS, at_once):
        bands = np.concatenate([_load(path, "bands")[low : low + at_once] for path in paths], axis=1)[:, single]
        for number, band in enumerate(bands):
            for first, second in _pairs(band):
                shorter = np.minimum(lengths[first], lengths[second])
                possible = shorter >= similarity * np.maximum(lengths[first], lengths[second])
                for looked_at in bands[:number]:
                    possible &= looked_at[first] != looked_at[second]
                yield from zip(single[first[possible]].tolist(), single[second[possible]].tolist())


def _pairs(values: Numbers) -> Iterator[tuple[Integers, Integers]]:
    """Pairs of places with equal values, the earlier place first: each with up to `_NEIGHBOURS` before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
        equal = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not len(equal):
            return
        for low in range(0, len(equal), _BATCH):
            some = equal[low : low + _BATCH]
            yield order[some], order[some + step]


def _overlap(sets: "_Parts", first: int, second: int) -> float:
    """The Jaccard similarity of the shingles of two functions."""
    one, other = (_set_of(sets, each) for each in (first, second))
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / max(len(one) + len(other) - both, 1)


def _set_of(sets: "_Parts", each: int) -> npt.NDArray[np.uint32]:
    part, place = sets.place(each)
    flat, offsets = sets.of(part)
    return flat[offsets[place] : offsets[place + 1]]


class _Roots:
    """Which functions belong together (union-find); the root of a group is its first function."""

    def __init__(self, count: int) -> None:
        self.parents = np.arange(count, dtype=np.int64)

    def of(self, each: int) -> int:
        root = each
        while self.parents[root] != root:
            root = int(self.parents[root])
        while self.parents[each] != root:
            self.parents[each], each = root, int(self.parents[each])
        return root

    def join(self, first: int, second: int) -> None:
        first, second = sorted((self.of(first), self.of(second)))
        self.parents[second] = first


class _Parts:
    """What is read of the sketch files, the last ones used in memory."""

    def __init__(self, paths: Sequence[Path], starts: Integers, read: Callable[[Path], list[Any]]) -> None:
        self.paths, self.starts, self.read = paths, starts, read
        self.opened: OrderedDict[int, list[Any]] = OrderedDict()
        self.bytes = 0

    def place(self, each: int) -> tuple[int, int]:
        """The file and the place in it of the function with a number."""
        part = int(np.searchsorted(self.starts, each, side="right")) - 1
        return part, each - int(self.starts[part])

    def of(self, part: int) -> list[Any]:
        if part not in self.opened:
            self.opened[part] = self.read(self.paths[part])
            self.bytes += _size(self.opened[part])
            while self.bytes > _OPEN_BYTES and len(self.opened) > 1:
                self.bytes -= _size(self.opened.popitem(last=False)[1])
        self.opened.move_to_end(part)
        return self.opened[part]


def _size(loaded: list[Any]) -> int:
    return sum(each.nbytes if isinstance(each, np.ndarray) else 100 * len(each) for each in loaded)


def _load(path: Path, name: str) -> npt.NDArray[Any]:
    with np.load(path) as arrays:
        return arrays[name]


def _load_labels(path: Path) -> list[str]:
    return _load(path, "labels").tobytes().decode().split("\n")


def _all(paths: Sequence[Path], name: str) -> npt.NDArray[Any]:
    return np.concatenate([_load(path, name) for path in paths]) if paths else np.zeros(0, "S20")


def _firsts(keys: npt.NDArray[Any]) -> Integers:
    """For each key the place of its first equal."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)
