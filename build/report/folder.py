"""Ties a dataset folder to its card: the entry of each config in the card's YAML, and what differs from it later."""

import hashlib
from pathlib import Path
from typing import Any

import yaml

from build.stages.assemble import SPLITS


def dataset_faults(folder: Path) -> list[str]:
    """What a dataset folder has else than its card says, a sentence per config."""
    try:
        _, front, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
        entries = yaml.safe_load(front)["configs"]
        named = {entry["config_name"]: {file["split"]: 1 for file in entry["data_files"]} for entry in entries}
        real = [config_entry(name, splits, folder) for name, splits in named.items()]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return [f"{folder}: its card is missing or damaged"]
    return [
        f"{folder / entry['config_name']}: its files are not those that the card names"
        for entry, found in zip(entries, real)
        if entry != found
    ]


def config_entry(name: str, splits: dict[str, int], folder: Path) -> dict[str, Any]:
    """A config's entry in the YAML; its files are called as `name_files` calls them.

    `load_dataset` caches a local folder by its last name and these entries, and looks at no file: without a digest of the
    content here, RUN_A/dataset would be given for RUN_B/dataset.
    """
    content = _digest(folder / name)
    files = [{"split": split, "path": f"{name}/{split}-*-{content}.parquet"} for split in SPLITS if splits.get(split)]
    return {"config_name": name, "data_files": files} | ({"default": True} if name == "codeio_pp" else {})


def name_files(folder: Path, name: str) -> None:
    """Give the files of a config that the builder wrote the names that the Hub's datasets have: split, part, and a digest."""
    content = _digest(folder / name)
    for split in SPLITS:
        parts = sorted((folder / name).glob(f"{name}-{split}*.parquet"))
        for number, part in enumerate(parts):
            part.rename(part.with_name(f"{split}-{number:05d}-of-{len(parts):05d}-{content}.parquet"))


def _digest(folder: Path) -> str:
    """A digest of the content of a folder's Parquet files. The order of their names, old or new, is the same."""
    content = hashlib.sha256()
    for file in sorted(folder.glob("*.parquet")):
        with file.open("rb") as opened:
            content.update(hashlib.file_digest(opened, "sha256").digest())
    return content.hexdigest()[:16]
