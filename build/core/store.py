"""Reads and writes the run folder, so that a kill at any moment loses no more than the shards in flight.

    RUN/manifest.json               the recipe, its digest, versions, isolation, fingerprints of the sources; the first file
                                    written; counts at the end
    RUN/collect/00000.jsonl.zst     a shard: its counts, what a stage kept, what it dropped and why (`build.core.shard_file`)
    RUN/collect/all.done            the number of shards, once it is known
    RUN/duplicates/00000.npz        what a stage that surveys the whole run has to know of a shard
    RUN/duplicates/groups.jsonl     what such a stage found out from all of them

A file appears as a whole or not at all, by writing beside it and renaming, and nothing in it depends on time, on the number
of processes or on where the run lies. Two runs of one recipe have the same bytes.
"""

import errno
import json
import os
import platform
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from build.core.changes import changes, first_asking
from build.core.errors import RunError
from build.core.records import SURPLUS, Reject, from_line, to_line
from build.core.shard_file import ENDING, counts_line, numbered_lines, pack

FORMAT = 2  # of the run folder

_CONDITIONS = ("code", "isolation")  # what may differ when a run is resumed; the manifest lists every change

R = TypeVar("R")


@dataclass(slots=True)
class Counts:
    """What a shard, or a whole stage, did. `received`: parents read; `units`: what they came to; units = kept + rejects.

    Of the rejects, the `surplus` is sound and was not needed; the others are `rejected`.
    `stats` are further sums that a stage reports (verdicts by class, tokens).
    """

    received: int = 0
    kept: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return self.kept + sum(self.rejects.values())

    @property
    def surplus(self) -> int:
        return self.rejects.get(SURPLUS, 0)

    @property
    def rejected(self) -> int:
        return sum(self.rejects.values()) - self.surplus

    def add(self, other: "Counts") -> None:
        self.received += other.received
        self.kept += other.kept
        for mine, theirs in ((self.rejects, other.rejects), (self.stats, other.stats)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count


class Store:
    """One run folder. Raises `RunError` where a file cannot be written or does not read as what it should be."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, manifest: dict[str, Any]) -> None:
        """Start the run, or go on with it; refuses a folder that belongs to other sources or is another kind of thing.

        Where the recipe has changed in what later stages read, these are done again, and the others are kept.
        """
        path = self.root / "manifest.json"
        if not path.exists():
            if self.root.is_file():
                raise RunError(f"{self.root}: is a file; name a folder as `run`.")
            if self.root.exists() and any(entry.suffix != ".tmp" for entry in self.root.iterdir()):
                raise RunError(f"{self.root}: is not empty and is no run folder; name another folder as `run`.")
            self._write_manifest(manifest | {"format": FORMAT})
            return
        found = self.manifest()
        self._check_format(found)
        if not self.made_by(manifest["recipe_digest"], manifest["prompt_version"]):
            self._change(found, manifest)
            return
        now, then = ({key: each.get(key) for key in _CONDITIONS} for each in (manifest, found))
        if now not in (then, *found.get("resumed_under", [])):
            found["resumed_under"] = [*found.get("resumed_under", []), now]
            self._write_manifest(found)
        if now["code"] != then["code"]:
            _tell(
                f"{self.root}: this run was started by {then['code']} and goes on under {now['code']}; "
                "its manifest says so."
            )

    def made_by(self, recipe_digest: str, prompt_version: str) -> bool:
        """Whether the run was made by this recipe with these prompts."""
        found = self.manifest()
        return (found.get("recipe_digest"), found.get("prompt_version")) == (recipe_digest, prompt_version)

    def _change(self, found: dict[str, Any], manifest: dict[str, Any]) -> None:
        """Go on with another recipe: forget the stages that it reaches, and the dataset. Raises `RunError` where it reaches
        the first stage and later ones have worked already.
        """
        stages = [name for name, _ in manifest["stages"]]
        differing = changes(found.get("recipe", {}), manifest.get("recipe", {}), stages)
        reached = [stages.index(change.stage) for change in differing if change.stage]
        before = found.get("stages", manifest["stages"])
        reached += [place for place, pair in enumerate(manifest["stages"]) if before[place : place + 1] != [pair]][:1]
        told = str(differing[0]) if differing else "the stages are others"
        if found.get("prompt_version") != manifest["prompt_version"]:
            told = f"the prompts were version {found.get('prompt_version')} and are {manifest['prompt_version']}"
            reached.append(stages.index(first_asking(manifest.get("recipe", {}))))
        first = min(reached, default=len(stages))
        worked = any(file.parent.name != stages[0] for file in self.root.glob(f"*/*{ENDING}"))
        if first == 0 and worked:
            raise RunError(
                f"{self.root}: holds a run of another recipe ({told}); name another folder as `run`, or remove this one."
            )
        redone = stages[first:]
        if worked:
            again = f"the stages {', '.join(redone)} are done again" if redone else "only the dataset is written again"
            _tell(f"{self.root}: the recipe has changed ({told}); {again}.")
        for stage in redone:
            shutil.rmtree(self.root / stage, ignore_errors=True)
        shutil.rmtree(self.root / "dataset", ignore_errors=True)
        kept = {"fingerprints": found["fingerprints"]} if first > 0 and "fingerprints" in found else {}
        self._write_manifest(manifest | kept | {"format": FORMAT})

    def note(self, key: str, value: Any) -> None:
        """Write something that is known later than the run's start into its manifest."""
        manifest = self.manifest()
        if manifest.get(key) != value:
            self._write_manifest(manifest | {key: value})

    def _write_manifest(self, manifest: dict[str, Any]) -> None:
        self.write(self.root / "manifest.json", json.dumps(manifest, indent=2, sort_keys=True) + "\n")

    def manifest(self) -> dict[str, Any]:
        path = self.root / "manifest.json"
        if not path.exists():
            raise RunError(f"{self.root}: is not a run folder.")
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: is not the manifest of a run ({error}).") from error

    def write(self, path: Path, content: str | bytes) -> None:
        """A whole file at once: beside it, flushed to disk, then renamed."""
        # Processes of several hosts may write to one folder, and have equal ids.
        beside = path.with_name(f"{path.name}.{platform.node()[:40]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            raise RunError(f"{path}: cannot be written ({what}); mend that and run the same command again.") from error

    def write_shard(
        self, stage: str, index: int, records: Iterable[Any], received: int, stats: dict[str, int] | None = None
    ) -> Counts:
        """One shard of a stage: what it kept and what it dropped; its counts."""
        kept: list[str] = []
        dropped: list[str] = []
        counts = Counts(received=received, stats=dict(sorted((stats or {}).items())))
        for record in records:
            if isinstance(record, Reject):
                dropped.append(to_line(record))
                counts.rejects[record.reason] = counts.rejects.get(record.reason, 0) + 1
            else:
                kept.append(to_line(record))
        counts.kept = len(kept)
        counts.rejects = dict(sorted(counts.rejects.items()))
        self.write(self.shard_file(stage, index), pack(json.dumps(asdict(counts), sort_keys=True), kept, dropped))
        return counts

    def done(self, stage: str, index: int) -> Counts | None:
        """The counts of a finished shard, None while it is not finished."""
        path = self.shard_file(stage, index)
        try:
            with path.open("rb") as file:
                return Counts(**json.loads(counts_line(file)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error
        except (ValueError, TypeError) as error:
            raise _damaged(path, 1) from error

    def finished(self, stage: str) -> set[int]:
        """The shards that are finished at a stage, by one look at its folder."""
        names = (file.name.removesuffix(ENDING) for file in (self.root / stage).glob(f"*{ENDING}"))
        return {int(name) for name in names if name.isdecimal()}

    def stages(self) -> dict[str, str]:
        """The names of the run's stages in order, each with the name of the record kind that it keeps."""
        manifest = self.manifest()
        self._check_format(manifest)
        return dict(manifest["stages"])

    def _check_format(self, manifest: dict[str, Any]) -> None:
        if manifest.get("format") != FORMAT:
            raise RunError(f"{self.root}: was made by another version; name another folder as `run`.")

    def complete(self) -> bool:
        """Whether every shard has been through every stage."""
        count = self.shards()
        return count is not None and all(self.finished(stage).issuperset(range(count)) for stage in self.stages())

    def count(self) -> None:
        """Note what every stage of a complete run came to in its manifest."""
        self.note("counts", {stage: asdict(self.totals(stage)) for stage in self.stages()})

    def shards(self) -> int | None:
        """How many shards the run has; None until everything is collected."""
        path = self.root / "collect" / "all.done"
        return int(path.read_text("utf-8")) if path.exists() else None

    def set_shards(self, count: int) -> None:
        self.write(self.root / "collect" / "all.done", f"{count}\n")

    def read(self, stage: str, index: int, kind: type[R]) -> Iterator[R]:
        """The records that a stage kept in a shard."""
        yield from self._records(stage, index, "kept", kind)

    def kept(self, kind: type[R], index: int, before: str = "") -> Iterator[R]:
        """The records of a kind in a shard, as the last stage that keeps this kind left them; `before`: of those before it."""
        last = ""
        for stage, keeps in self.stages().items():
            if stage == before:
                break
            if keeps == kind.__name__:
                last = stage
        return self.read(last, index, kind)

    def rejects(self, stage: str, index: int) -> Iterator[Reject]:
        yield from self._records(stage, index, "rejects", Reject)

    def lines(self, stage: str, index: int) -> Iterator[bytes]:
        """The records that a stage kept in a shard as lines of JSON; none while it is not finished."""
        if self.shard_file(stage, index).exists():
            yield from (line for _, line in self._numbered(stage, index, "kept"))

    def totals(self, stage: str) -> Counts:
        """The counts of a stage over its finished shards."""
        total = Counts()
        for index in range(self.shards() or 0):
            total.add(self.done(stage, index) or Counts())
        return total

    def file(self, stage: str, name: str) -> Path:
        """Where a file of a stage lies that belongs to no shard."""
        return self.root / stage / name

    def shard_file(self, stage: str, index: int) -> Path:
        """Where a shard of a stage lies."""
        return self.root / stage / f"{index:05d}{ENDING}"

    def sketch(self, stage: str, index: int) -> Path:
        """Where a stage that surveys the whole run has its sketch of a shard."""
        return self.root / stage / f"{index:05d}.npz"

    def _records(self, stage: str, index: int, part: Literal["kept", "rejects"], kind: type[R]) -> Iterator[R]:
        for number, line in self._numbered(stage, index, part):
            try:
                yield from_line(kind, line)
            except ValueError as error:
                raise _damaged(self.shard_file(stage, index), number) from error

    def _numbered(self, stage: str, index: int, part: Literal["kept", "rejects"]) -> Iterator[tuple[int, bytes]]:
        """The lines of one part of a shard's file, with their numbers: everything that is read of a shard comes from here."""
        path, number = self.shard_file(stage, index), 1
        try:
            with path.open("rb") as file:
                for number, line in numbered_lines(file, part):
                    yield number, line
        except OSError as error:
            raise _unreadable(path, error) from error
        except ValueError as error:
            raise _damaged(path, number) from error


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: cannot be read ({error.strerror}); run the same command again to make it.")


def _damaged(path: Path, number: int) -> RunError:
    return RunError(f"{path}, line {number}: is damaged; remove {path} and run the same command again.")


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)
