"""Sketches of functions: the few numbers by which doubles are found without the code itself.

Per function: a digest of its code, the key of its normal form, the set of its shingles (hashes of `SHINGLE` marks in a row of
the form's shape), and `BANDS` hashes of a MinHash signature of that set (Broder, 1997): two functions whose sets overlap by
`s` (Jaccard) share a band with probability 1 - (1 - s^ROWS)^BANDS, which is over 0.999 from s = 0.8 on. A sketch is about
1 KB a function; the file of a shard has the same bytes wherever it is made.
"""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from build.core.records import digest
from build.matching.normal_form import Form, program_form

SHINGLE = 5
ROWS = 5
BANDS = 25
_SEED = 42

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Program:
    """A function to be compared: its id, a name for people, and its code, which `entry` enters."""

    id: str
    label: str
    code: str
    entry: str = "main_solution"


def sketch(programs: Iterable[Program]) -> bytes:
    """The sketches of some functions as the bytes of an .npz file, in their order.

    Arrays: `ids`, `exact`, `form` (S20, the form's is empty where the code has none), `bands` (BANDS x functions), `shingles`
    (sorted within a function) and `offsets` into them, and `labels` (UTF-8, a line each).
    """
    programs = list(programs)
    forms = [program_form(program.code, program.entry) for program in programs]
    sets = [shingles(form) for form in forms]
    lengths = [len(each) for each in sets]
    flat = np.concatenate(sets) if sets else np.zeros(0, np.uint32)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    labels = "\n".join(" ".join(program.label.split()) for program in programs)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=np.array([program.id.encode() for program in programs], "S20"),
        exact=np.array([digest(program.code).encode() for program in programs], "S20"),
        form=np.array([(form.key if form else "").encode() for form in forms], "S20"),
        bands=_bands(flat, offsets),
        shingles=flat,
        offsets=offsets,
        labels=np.frombuffer(labels.encode("utf-8", "replace"), np.uint8),
    )
    return buffer.getvalue()


def shingles(form: Form | None) -> npt.NDArray[np.uint32]:
    """The set of a form's shingles as sorted hashes of 32 bits; empty without a form."""
    if form is None:
        return np.zeros(0, np.uint32)
    marks = np.array([_hash(mark) for mark in form.shape], np.uint64)
    width = min(SHINGLE, len(marks))
    if not width:
        return np.zeros(0, np.uint32)
    mixed = np.zeros(len(marks) - width + 1, np.uint64)
    for place in range(width):
        mixed = mix(mixed + marks[place : len(marks) - width + 1 + place])
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


@lru_cache(maxsize=1 << 16)
def _hash(mark: str) -> int:
    return int.from_bytes(hashlib.blake2b(mark.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def mix(values: Numbers) -> Numbers:
    """Spread 64-bit numbers over the whole range (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _bands(flat: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> Numbers:
    """A number per band and function; equal where `ROWS` values of the signatures are."""
    from rensa import RMinHash

    count = len(offsets) - 1
    if not count:
        return np.zeros((BANDS, 0), np.uint64)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(
        flat.astype(np.uint64), offsets.astype(np.uint64), num_perm=BANDS * ROWS, seed=_SEED
    ).to_rows()
    signatures = np.array(rows, np.uint64).reshape(count, BANDS, ROWS)
    bands = np.zeros((count, BANDS), np.uint64)
    for row in range(ROWS):
        bands = mix(bands * np.uint64(31) + signatures[:, :, row])
    return np.ascontiguousarray(bands.T)
