"""Takes the fingerprint of a source, by which a run notices that the source has changed since it was collected."""

import hashlib
from itertools import islice
from pathlib import Path

from build.core.config import SourceConfig
from build.core.records import RawCode
from build.sources.folders import read_folder
from build.sources.packages import read_package
from build.sources.wheels import read_wheels

_READERS = {"folder": read_folder, "package": read_package, "wheels": read_wheels}
_ENDS = 1 << 20  # bytes at the start and at the end of a table that are looked at: tables can be as large as a disk


def fingerprint(source: SourceConfig) -> str | None:
    """20 hex digits that change with what the source gives; None where it cannot be read, or reached, now.

    Of folders, packages and wheels: every path and text. Of a table: its size, and the first and the last MiB. Of a dataset
    on the Hub: its commit.
    """
    try:
        if source.kind in _READERS:
            return _of_files(source)
        path = Path(source.name)
        return _of_table(path) if path.is_file() else _of_dataset(source.name)
    except Exception:  # a source that cannot be read is told by the stage that reads it
        return None


def _of_files(source: SourceConfig) -> str:
    state = hashlib.sha256()
    for found in islice(_READERS[source.kind](source), source.limit):
        parts = (found.path, found.content) if isinstance(found, RawCode) else (found.parent, found.reason)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            state.update(b"%d:" % len(data) + data)
    return state.hexdigest()[:20]


def _of_table(path: Path) -> str:
    size = path.stat().st_size
    state = hashlib.sha256(b"%d:" % size)
    with path.open("rb") as file:
        state.update(file.read(_ENDS))
        file.seek(max(size - _ENDS, 0))
        state.update(file.read(_ENDS))
    return state.hexdigest()[:20]


def _of_dataset(name: str) -> str | None:
    from huggingface_hub import HfApi

    commit = HfApi().dataset_info(name, timeout=10).sha
    return commit[:20] if commit else None
