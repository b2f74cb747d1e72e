"""The paper's 13-gram rule for text, over whole batches of documents at once.

A question of a benchmark counts as leaked when one of its 13-grams is in the training data, both normalised by taking out
punctuation, digits and blanks (the paper, appendix on leakage). Here: text is lowered, everything that is no letter parts
words, a Chinese character is a word of its own, and a 13-gram is 13 such words in a row, joined.

`NGramIndex.find` works on arrays of code points: a gram's letters lie next to each other once everything else is taken out, so
its hash is a difference of two prefix sums (Rabin and Karp).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from build.matching.sketches import mix

N = 13
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+")
_END = "\0"  # between documents; parts words, as every character that is no letter
_BATCH_CHARS = 1 << 17
_BASE = 0x9E3779B97F4A7C15 | 1
_INVERSE = pow(_BASE, -1, 1 << 64)
_PRESENT_BITS = 22

Hashes = npt.NDArray[np.uint64]


def words(text: str) -> list[str]:
    """The normalised words of a text."""
    return _WORD.findall(text.lower())


def ngrams(text: str) -> Iterator[str]:
    """The normalised 13-grams of a text, in order; none when it is shorter."""
    parts = words(text)
    for start in range(len(parts) - N + 1):
        yield "".join(parts[start : start + N])


def hashes(documents: Sequence[str]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The hash of every 13-gram of some documents, and the number of the document that each is in."""
    text = _END.join(document.replace(_END, " ") for document in documents).lower()
    if text.isascii():
        points = np.frombuffer(text.encode(), np.uint8)
        classes = _ascii_classes()[points]
    else:
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = _all_classes()[points]
    letters = classes > 0
    places = np.flatnonzero(letters)
    if not len(places):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    starts = letters.copy()  # of words: a letter after something else, and each Chinese character and what follows it
    starts[1:] &= ~letters[:-1] | (classes[1:] == 2) | (classes[:-1] == 2)
    begins = np.flatnonzero(starts[places])  # the number of letters before each word
    count = len(begins) - N + 1
    if count < 1:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    powers, inverses = _powers(len(places))
    spread = mix(points[places].astype(np.uint64) + np.uint64(1))
    sums = np.zeros(len(places) + 1, np.uint64)
    np.cumsum(spread * powers, out=sums[1:])
    ends = np.append(begins[N:], len(places))
    found = mix((sums[ends] - sums[begins[:count]]) * inverses[begins[:count]])
    breaks = np.flatnonzero(points == 0)
    owners = np.searchsorted(breaks, places[begins])
    whole = owners[:count] == owners[N - 1 :]
    return found[whole], owners[:count][whole].astype(np.int64)


class NGramIndex:
    """The 13-grams of benchmark items, and which item each belongs to (its first, where several share it)."""

    def __init__(self, grams: Hashes, items: npt.NDArray[np.int64]) -> None:
        self.grams, first = np.unique(grams, return_index=True)
        self.items = items[first]
        self._present = np.zeros(1 << _PRESENT_BITS, bool)
        self._present[self.grams >> np.uint64(64 - _PRESENT_BITS)] = True

    @classmethod
    def of(cls, texts: Sequence[str]) -> "NGramIndex":
        """The index of some items' texts, by their numbers."""
        parts = [(found, owners + low) for low, batch in batches(texts) for found, owners in (hashes(batch),)]
        if not parts:
            return cls(np.zeros(0, np.uint64), np.zeros(0, np.int64))
        return cls(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))

    def matches(self, documents: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Hashes]:
        """Every 13-gram of some documents that an item has, too: the document's number, the item's, and the hash."""
        found, owners = hashes(documents)
        likely = np.flatnonzero(self._present[found >> np.uint64(64 - _PRESENT_BITS)])
        found, owners = found[likely], owners[likely]
        if not len(self.grams) or not len(found):
            return owners[:0], owners[:0], found[:0]
        places = np.minimum(np.searchsorted(self.grams, found), len(self.grams) - 1)
        same = self.grams[places] == found
        return owners[same], self.items[places[same]], found[same]

    def find(self, documents: Sequence[str]) -> dict[int, tuple[int, int]]:
        """For each document that holds an item's 13-gram: the item of the first one, and how many there are."""
        first: dict[int, tuple[int, int]] = {}
        for low, batch in batches(documents):
            owners, items, _ = self.matches(batch)
            for owner, item in zip(owners.tolist(), items.tolist()):
                known = first.get(low + owner, (item, 0))
                first[low + owner] = (known[0], known[1] + 1)
        return first


def shared_gram(document: str, grams: Hashes) -> str:
    """The first 13-gram of a document that is among some sorted hashes, as text; "" when none is."""
    found, _ = hashes([document])
    for number in np.flatnonzero(np.isin(found, grams))[:1].tolist():
        return next(gram for place, gram in enumerate(ngrams(document)) if place == number)
    return ""


def batches(documents: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Documents in batches of bounded size, each with the number of its first one."""
    batch: list[str] = []
    low = chars = 0
    for number, document in enumerate(documents):
        if batch and chars + len(document) > _BATCH_CHARS:
            yield low, batch
            batch, low, chars = [], number, 0
        batch.append(document)
        chars += len(document) + 1
    if batch:
        yield low, batch


@cache
def _ascii_classes() -> npt.NDArray[np.uint8]:
    return np.array([chr(code).isalpha() for code in range(128)], np.uint8)


@cache
def _all_classes() -> npt.NDArray[np.uint8]:
    """For every code point: 1 for a letter, 2 for a Chinese character, 0 for what parts words; as `_WORD` has it."""
    classes = np.zeros(0x110000, np.uint8)
    everything = "".join(map(chr, range(0x110000)))
    for match in re.finditer(r"[^\W\d_]+", everything):
        classes[match.start() : match.end()] = 1
    classes[0x3400:0xA000] = 2
    return classes


_known_powers: list[tuple[Hashes, Hashes]] = []


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The powers of the base and of its inverse modulo 2^64, computed once for the longest batch so far."""
    if not _known_powers or len(_known_powers[0][0]) < count:
        size = max(count, 1 << 16)
        pair = []
        for base in (_BASE, _INVERSE):
            steps = np.full(size, base, np.uint64)
            steps[0] = 1
            pair.append(np.cumprod(steps, dtype=np.uint64))
        _known_powers[:] = [(pair[0], pair[1])]
    powers, inverses = _known_powers[0]
    return powers[:count], inverses[:count]
