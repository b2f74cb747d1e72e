"""Defines the file of a shard at a stage: JSON Lines under zstd, with the counts, what was kept, and what was dropped.

    {"kept": 2, "received": 3, ...}     the counts: a zstd frame of their own, so that they are read without the rest
    {"id": ...}                         a kept record a line
    {"id": ...}
                                        an empty line
    {"reason": ...}                     a reject a line

`zstdcat RUN/unify/00000.jsonl.zst` shows it.
"""

import io
from collections.abc import Iterable, Iterator
from typing import IO, Literal

ENDING = ".jsonl.zst"

_LEVEL = 6  # on records, a ninth of their bytes; higher levels gain a few per cent and cost many times more


def pack(counts: str, kept: Iterable[str], rejects: Iterable[str]) -> bytes:
    """The content of a shard's file from single lines of JSON, without line breaks."""
    import pyarrow

    codec = pyarrow.Codec("zstd", _LEVEL)
    body = "".join(f"{line}\n" for line in (*kept, "", *rejects))
    return b"".join(codec.compress(text.encode(), asbytes=True) for text in (f"{counts}\n", body))


def counts_line(file: IO[bytes]) -> bytes:
    """The counts of a file; its head alone is read. Raises `ValueError` where it is no such file."""
    return next(_lines(file), b"")


def numbered_lines(file: IO[bytes], part: Literal["kept", "rejects"]) -> Iterator[tuple[int, bytes]]:
    """The lines of one part of a file with their numbers in the whole. Raises `ValueError` where it breaks off."""
    numbered = enumerate(_lines(file), 1)
    next(numbered, None)
    for number, line in numbered:
        if line == b"\n":
            break
        if part == "kept":
            yield number, line
    else:
        raise ValueError("it breaks off")
    if part == "rejects":
        yield from numbered


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    import pyarrow

    try:
        yield from io.BufferedReader(pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd"))
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"it cannot be decompressed: {error}") from error
