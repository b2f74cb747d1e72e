"""Reads the Python files of an installed package, with the license that its distribution declares. Imports nothing of it.

A package is named as in `pip install` (`PyYAML`, `more-itertools`) or as in an import (`yaml`, `six`,
`google.cloud.storage`). The name of a distribution is tried first and gives all Python files that it installed; an import
name gives that package or module.
"""

import importlib.machinery
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build.core.config import SourceConfig
from build.core.errors import ConfigError
from build.core.licenses import declared
from build.core.records import RawCode, Reject
from build.sources.folders import read_files


def read_package(source: SourceConfig) -> Iterator[RawCode | Reject]:
    """Every Python file of a package, in the order of the paths. Raises `ConfigError` where it is not installed."""
    try:
        distribution = importlib.metadata.distribution(source.name)
        owned = _python_files(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        owned = set()
    places = _places(source.name)
    if owned:
        yield from _read_distribution(source, distribution, owned)
    elif places:  # of an editable installation too, which lists no files
        yield from _read_places(source, places)
    else:
        raise ConfigError(
            f"source {source.name}: no package with Python files is installed under this name; pip install it first, or give "
            "the name that `import` or `pip install` takes."
        )


def file_of(name: str, path: str) -> Path | None:
    """Where a file that `read_package` read under a path lies on this machine; None where it is not there."""
    try:
        bases = [*_places(name), Path(str(importlib.metadata.distribution(name).locate_file("")))]
    except (importlib.metadata.PackageNotFoundError, ValueError):
        bases = _places(name)
    return next((base / path for base in bases if (base / path).is_file()), None)


def _read_places(source: SourceConfig, places: list[Path]) -> Iterator[RawCode | Reject]:
    top = source.name.partition(".")[0]
    names = importlib.metadata.packages_distributions().get(top, ())
    owners = [importlib.metadata.distribution(name) for name in dict.fromkeys(names)]
    licenses = {
        file: license
        for owner in owners
        if len(owners) > 1  # a namespace package: its parts come from several distributions
        for license in [declared(owner.metadata.json)]
        for file in _python_files(owner)
    }
    for place in places:
        root = place if place.is_dir() else place.parent
        if licenses:
            for license in sorted({each or "" for each in licenses.values()}):
                owned = {file for file, each in licenses.items() if (each or "") == license}
                yield from read_files(source, place, root, license or None, owned)
        else:
            yield from read_files(source, place, root, declared(owners[0].metadata.json) if owners else None)


def _read_distribution(
    source: SourceConfig, distribution: importlib.metadata.Distribution, owned: set[Path]
) -> Iterator[RawCode | Reject]:
    root = Path(str(distribution.locate_file("")))
    starts = sorted({root / file.relative_to(root).parts[0] for file in owned})
    license = declared(distribution.metadata.json)
    for start in starts:
        base = start if len(starts) == 1 and start.is_dir() else root
        yield from read_files(source, start, base, license, owned)


def _python_files(distribution: importlib.metadata.Distribution) -> set[Path]:
    """The Python files that a distribution says it installed beside its metadata (no scripts of `bin`)."""
    root = Path(str(distribution.locate_file("")))
    found = (Path(str(distribution.locate_file(file))) for file in distribution.files or () if file.suffix == ".py")
    return {file for file in found if root in file.parents and ".." not in file.parts and file.exists()}


def _places(name: str) -> list[Path]:
    """The folders of a package, several for a namespace package, or the file of a module; nothing is imported for it."""
    top, *rest = name.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        return []
    finders: tuple[Any, ...] = (importlib.machinery.PathFinder, *sys.meta_path)
    spec = next((found for finder in finders if (found := finder.find_spec(top, None))), None)
    if spec is None:
        return []
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if not places and spec.origin and spec.origin.endswith(".py"):
        places = [Path(spec.origin)]
    for part in rest:
        below = [place / part for place in places if (place / part).is_dir()]
        places = below or [place / f"{part}.py" for place in places if (place / f"{part}.py").is_file()]
    return [place for place in places if place.exists()]
