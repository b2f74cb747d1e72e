"""Finds questions of benchmarks in functions: 13-grams in their text, and the code of an item as one of their functions.

    text        a 13-gram of the item's question stands in the query, the description or the code (`build.matching.ngrams`)
    code        the function, or one of those that it is made of, has the normal form of the item's code (of its functions that
                no other one uses)
    near_code   as `code`, but the shingles overlap by a threshold only (`build.matching.sketches`)

An index of all items is one file: hashes and keys, no text of a benchmark.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from build.matching.benchmarks import Item
from build.matching.ngrams import NGramIndex, shared_gram
from build.matching.normal_form import Form, function_forms, root_forms
from build.matching.sketches import shingles

LEAST_TOKENS = 12  # of a part of a program: below that it is no more than one call of one value
LEAST_SHINGLES = 15  # for near code: smaller sets overlap by chance

Rule = Literal["text", "code", "near_code"]


@dataclass(frozen=True, slots=True)
class Text:
    """What is searched of a function: its text, and its code."""

    text: str
    code: str
    entry: str = "main_solution"


@dataclass(frozen=True, slots=True)
class Leak:
    """Why a function is one: by which rule, which item it repeats, and what they share."""

    rule: Rule
    item: str
    shared: str


def index(items: Iterable[Item]) -> bytes:
    """The index of some items as the bytes of an .npz file."""
    names: list[str] = []
    texts: list[str] = []
    owners: list[int] = []
    forms: list[tuple[Form, int]] = []
    for number, item in enumerate(items):
        names.append(item.id)
        for text in item.texts:
            texts.append(text)
            owners.append(number)
        found = [form for code in item.codes for form in root_forms(code)]
        forms += [(form, number) for form in found]
    grams = NGramIndex.of(texts)
    sets = [shingles(form) for form, _ in forms]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        names=np.frombuffer("\n".join(names).encode(), np.uint8),
        grams=grams.grams,
        gram_items=np.array(owners, np.int64)[grams.items] if owners else grams.items,
        forms=np.array([form.key.encode() for form, _ in forms], "S20"),
        form_items=np.array([number for _, number in forms], np.int64),
        shingles=np.concatenate(sets) if sets else np.zeros(0, np.uint32),
        lengths=np.array([len(each) for each in sets], np.int64),
    )
    return buffer.getvalue()


class LeakIndex:
    """An index that was read back; finds leaks in batches of functions."""

    def __init__(self, content: bytes, similarity: float) -> None:
        with np.load(io.BytesIO(content)) as arrays:
            read: dict[str, npt.NDArray[Any]] = {name: arrays[name] for name in arrays.files}
        self.similarity = similarity
        self.names = read["names"].tobytes().decode().split("\n")
        self.grams = NGramIndex(read["grams"], read["gram_items"])
        self.form_items = read["form_items"]
        self.forms = {key: int(item) for key, item in reversed(list(zip(read["forms"].tolist(), self.form_items)))}
        self.lengths = read["lengths"]
        owners = np.repeat(np.arange(len(self.lengths)), self.lengths)
        usable = self.lengths[owners] >= LEAST_SHINGLES
        order = np.argsort(read["shingles"][usable], kind="stable")
        self.shingles, self.shingle_forms = read["shingles"][usable][order], owners[usable][order]

    def find(self, functions: Sequence[Text]) -> Iterator[Leak | None]:
        """For each function the leak that it is, by the first rule that tells so, or None."""
        by_text = self.grams.find([function.text for function in functions])
        for number, function in enumerate(functions):
            if number in by_text:
                item, count = by_text[number]
                shared = shared_gram(function.text, self.grams.grams)
                yield Leak("text", self.names[item], f"{count} 13-grams, the first is {shared}")
            else:
                yield self._by_code(function) if self.forms else None

    def _by_code(self, function: Text) -> Leak | None:
        forms = function_forms(function.code)
        for form in forms:
            item = self.forms.get(form.key.encode())
            if item is not None and (len(form.tokens) >= LEAST_TOKENS or form.name == function.entry):
                return Leak("code", self.names[item], f"the function {form.name}")
        for form in forms:
            number, overlap = self._nearest(form)
            if overlap >= self.similarity:
                item = int(self.form_items[number])
                return Leak("near_code", self.names[item], f"{overlap:.0%} of the function {form.name}")
        return None

    def _nearest(self, form: Form) -> tuple[int, float]:
        """The form of an item whose shingles overlap most with those of a form, and by how much (Jaccard)."""
        own = shingles(form)
        if len(own) < LEAST_SHINGLES or not len(self.shingles):
            return 0, 0.0
        low, high = np.searchsorted(self.shingles, own, "left"), np.searchsorted(self.shingles, own, "right")
        touched = [self.shingle_forms[start:end] for start, end in zip(low.tolist(), high.tolist()) if start < end]
        if len(touched) < self.similarity * LEAST_SHINGLES:
            return 0, 0.0
        both = np.bincount(np.concatenate(touched), minlength=len(self.lengths))
        overlaps = both / (len(own) + self.lengths - both)
        best = int(np.argmax(overlaps))
        return best, float(overlaps[best])
