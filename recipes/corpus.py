"""The rows of a run's sources, as they are, and a fingerprint of each source's content."""

import hashlib
from pathlib import Path
from typing import Any

from datasets import (
    Dataset,
    get_dataset_config_names,
    get_dataset_default_config_name,
    load_dataset,
    load_dataset_builder,
)
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

from build.core.errors import ConfigError
from recipes.config import Source

_UNREADABLE = (
    DatasetNotFoundError,
    DatasetGenerationError,
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    KeyError,
    AttributeError,
)


def checked_config(source: Source) -> None:
    """Make sure that the source exists and has the config asked for; raises `ConfigError` naming those that it has."""
    try:
        names = get_dataset_config_names(source.path)
        default = get_dataset_default_config_name(source.path)
    except _UNREADABLE as error:
        raise ConfigError(
            f"datasets: nothing to load at '{source.path}': {_first_line(error)}; name the folder "
            "that codeio_dataset.py wrote, as in --datasets '{path: runs/demo/dataset, name: codeio_pp}'"
        ) from None
    if source.name is None and len(names) > 1 and default is None:
        raise ConfigError(f"datasets: '{source.path}' has several configs; set name to one of {', '.join(names)}")
    if source.name is not None and source.name not in names:
        raise ConfigError(f"datasets: '{source.path}' has no config '{source.name}'; it has {', '.join(names)}")


def load_rows(source: Source, split: str, seed: int) -> Dataset:
    """The source's portion of a split, as it is. Raises `ConfigError` when the source, its config or the split is missing."""
    checked_config(source)
    try:
        rows = load_dataset(source.path, source.name, split=split)
    except _UNREADABLE as error:
        raise ConfigError(
            f"datasets: split '{split}' of '{source.path}' cannot be loaded: {_first_line(error.__cause__ or error)}"
        ) from None
    if not len(rows):
        raise ConfigError(f"datasets: split '{split}' of '{source.path}' is empty")
    if source.portion < 1:
        rows = rows.shuffle(seed=seed).select(range(max(1, round(len(rows) * source.portion))))
    return rows


def fingerprint(source: Source) -> str:
    """A digest of the content that `source` reads from: the bytes of local files, the commit of a Hub repository.

    Moving or touching a local folder does not change it; a new row does. Raises `ConfigError` as `load_rows`.
    """
    checked_config(source)
    try:
        builder = load_dataset_builder(source.path, source.name)
    except _UNREADABLE as error:
        raise ConfigError(f"datasets: nothing to load at '{source.path}': {_first_line(error)}") from None
    state = hashlib.sha256()
    for split, files in sorted((builder.config.data_files or {}).items()):
        for file in files:
            state.update(f"{split}\0".encode())
            local = Path(str(file))
            if local.is_file():
                with local.open("rb") as stream:
                    while block := stream.read(2**22):
                        state.update(block)
            else:
                state.update(str(file).encode())  # the address of a Hub file holds the commit
    if not builder.config.data_files:  # a Hub repository read from the cache while offline
        state.update(str(builder.cache_dir).encode())
    return state.hexdigest()[:20]


def label(source: Source) -> str:
    """How messages name a source: its path and config."""
    return f"'{source.path}' ({source.name or 'default'})"


def folder_or_repo(path: str) -> str:
    """How a card names a source: a Hub repository by its id, a local folder by its last part only."""
    return Path(path).name if Path(path).exists() else path


def held_out_names(sources: list[Source]) -> list[str]:
    """A name for each source's held-out set, unlike all others: its config or folder, with a number where two are equal."""
    bases = ["".join(c if c.isalnum() else "_" for c in s.name or Path(s.path).name) or "test" for s in sources]
    names: list[str] = []
    for base in bases:
        name, number = base, 2
        while name in names or (number > 2 and name in bases):
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _first_line(error: Any) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
