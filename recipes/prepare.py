"""Tokenises what a run trains on, once: checked, filtered, packed where the recipe packs, and kept by a digest.

    python -m recipes prepare recipes/<model>/<stage>.yaml       # on a machine with CPUs, before GPUs are paid for

The digest covers the content of the sources, the tokenizer, the chat template and every key that shapes the data, and
nothing else, so the launch on GPUs finds the folder that the CPU machine has written. A launch that finds none prepares it
itself, in one process, while the others wait at a file lock, which has no time-out.

    <prepared_dir>/<digest>/manifest.json      what was kept and dropped, written last
    <prepared_dir>/<digest>/train/             input_ids, labels (and seq_lengths), read through a memory map
    <prepared_dir>/<digest>/held_out/<name>/   the same for each held-out set, never packed
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, concatenate_datasets, load_from_disk
from trl import pack_dataset

from build.core.errors import ConfigError
from build.core.records import digest
from recipes.config import Source, TrainingConfig
from recipes.corpus import fingerprint, folder_or_repo, held_out_names, label, load_rows
from recipes.supervision import DETAIL, TOO_LONG, check_columns, encode_rows

MOST_HELD_OUT = 0.1  # of a source's rows, whatever held_out_rows asks for
FORMAT = 1  # raised when the same recipe would be prepared differently


@dataclass(slots=True)
class Counted:
    """What became of the rows: samples and tokens kept, those under the loss, packed rows, and rows dropped by reason."""

    samples: int = 0
    tokens: int = 0
    supervised: int = 0
    sequences: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def too_long(self) -> int:
        """Rows dropped because they have more than `max_length` tokens."""
        return self.dropped.get(TOO_LONG, 0)


@dataclass(slots=True)
class Prepared:
    """The tokenised data of a run: its folder, counts, training rows and held-out sets by name."""

    folder: Path
    counted: Counted
    train: Dataset
    held_out: dict[str, Dataset]


def prepared_dir(config: TrainingConfig) -> Path:
    """Where prepared data is kept: the recipe's `prepared_dir`, else `codeio/prepared` in the user's cache folder."""
    if config.run.prepared_dir:
        return Path(config.run.prepared_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "codeio" / "prepared"


def data_digest(config: TrainingConfig, tokenizer: Any, training_only: bool = False) -> str:
    """The digest that names a run's prepared data, or that of its training rows alone, which a resumed run is held to.

    Raises `ConfigError` when a source is missing.
    """
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    for state in ("padding", "truncation"):  # of the last call, not of the vocabulary
        backend.pop(state, None)
    trainer = config.trainer
    evaluated = trainer.eval_strategy != "no"
    tested = [source.test_split if evaluated and not training_only else None for source in config.run.sources]
    held_out = evaluated and any(source.test_split is None for source in config.run.sources)
    told = {
        "format": FORMAT,
        "sources": [[fingerprint(s), s.name, s.split, s.portion, test] for s, test in zip(config.run.sources, tested)],
        "tokenizer": digest(json.dumps(backend, sort_keys=True)),
        "special_tokens": {
            key: str(value)
            for key, value in tokenizer.special_tokens_map.items()
            if key
            != "pad_token"  # in no rendering; TRL gives one to a tokenizer that has none, so stage 1's output has it
        },
        "template": tokenizer.chat_template,
        "max_length": trainer.max_length,
        "packing": trainer.packing_strategy if trainer.packing else None,
        "shuffle": [trainer.shuffle_dataset, trainer.seed],
        "seed": data_seed(trainer),
        "held_out_rows": config.run.held_out_rows if held_out else 0,
    }
    return digest(json.dumps(told, sort_keys=True))


def data_seed(trainer: Any) -> int:
    """The seed of portions, mixing and held-out rows."""
    return int(trainer.seed if trainer.data_seed is None else trainer.data_seed)


def prepare(config: TrainingConfig, tokenizer: Any, tell: Callable[[str], None] = print) -> Prepared:
    """The run's tokenised data, from the cache or made now; every process of a launch calls it. Raises `ConfigError`.

    `tell` receives one line: which folder is taken and what it holds.
    """
    folder = prepared_dir(config) / data_digest(config, tokenizer)
    with waiting_turn(folder.with_suffix(".lock")):
        found = _whole(folder)
        if not found:
            tell(f"tokenising the data into {folder} (on a CPU machine, before: python -m recipes prepare)")
            _make(config, tokenizer, folder, tell)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    prepared = Prepared(
        folder,
        Counted(**manifest["counted"]),
        load_from_disk(str(folder / "train")),
        {name: load_from_disk(str(folder / "held_out" / name)) for name in manifest["held_out"]},
    )
    tell(f"data: {folder} ({'found' if found else 'made'}): {summary(prepared.counted, config.trainer)}")
    return prepared


def summary(counted: Counted, trainer: Any) -> str:
    """One line on the counts, with what was dropped and why."""
    packed = f" in {counted.sequences:,} packed rows" if trainer.packing else ""
    dropped = "; ".join(f"{count:,} {reason}" for reason, count in sorted(counted.dropped.items()))
    share = f", {counted.supervised / max(1, counted.tokens):.0%} of them under the loss"
    text = f"{counted.samples:,} samples, {counted.tokens:,} tokens{share}{packed}"
    return f"{text}; dropped: {dropped}" if dropped else text


@contextmanager
def waiting_turn(lock: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; it ends with the process, however that ends, and waiting for it has no time-out."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _whole(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()


def _make(config: TrainingConfig, tokenizer: Any, folder: Path, tell: Callable[[str], None]) -> None:
    """Write a prepared folder: beside its place first, moved there when it is whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        made = Path(work) / "made"
        counted, train, held_out = _tokenised(config, tokenizer, Path(work), tell)
        train.save_to_disk(str(made / "train"))
        for name, rows in held_out.items():
            rows.save_to_disk(str(made / "held_out" / name))
        manifest = {
            "counted": asdict(counted),
            "held_out": sorted(held_out),
            "sources": [[folder_or_repo(s.path), s.name, s.split, s.portion] for s in config.run.sources],
            "max_length": config.trainer.max_length,
            "packing": config.trainer.packing,
        }
        (made / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if folder.exists():  # without a manifest: something else, or half removed
            shutil.rmtree(folder)
        made.rename(folder)


def _tokenised(
    config: TrainingConfig, tokenizer: Any, work: Path, tell: Callable[[str], None]
) -> tuple[Counted, Dataset, dict[str, Dataset]]:
    trainer, run = config.trainer, config.run
    seed, counted = data_seed(trainer), Counted()
    evaluated = trainer.eval_strategy != "no"
    parts: list[Dataset] = []
    held_out: dict[str, Dataset] = {}
    for number, (source, name) in enumerate(zip(run.sources, held_out_names(run.sources))):
        kept = _encoded(config, tokenizer, source, source.split, work / f"train-{number}.arrow", counted, tell)
        if evaluated and source.test_split is not None:
            path = work / f"test-{number}.arrow"
            held_out[name] = _encoded(
                config, tokenizer, replace(source, portion=1.0), source.test_split, path, Counted(), tell
            )
        elif evaluated and (count := min(run.held_out_rows, int(len(kept) * MOST_HELD_OUT))):
            drawn = np.random.default_rng(seed).permutation(len(kept))
            held_out[name] = kept.select(np.sort(drawn[:count]))
            kept = kept.select(np.sort(drawn[count:]))
        parts.append(kept)
    rows = parts[0] if len(parts) == 1 else concatenate_datasets(parts).shuffle(seed=seed)
    for column, total in (("tokens", "tokens"), ("supervised", "supervised")):
        setattr(counted, total, sum(int(np.sum(block[column])) for block in _blocks(rows, column)))
    counted.samples = len(rows)
    columns = ["input_ids", "labels"]
    rows = rows.select_columns(columns)
    if trainer.shuffle_dataset:
        rows = rows.shuffle(seed=trainer.seed)
    if trainer.packing:
        options: dict[str, Any] = {"desc": "Packing rows", "cache_file_name": str(work / "packed.arrow")}
        rows = pack_dataset(rows, trainer.max_length, trainer.packing_strategy, options)
        if trainer.shuffle_dataset:
            rows = rows.shuffle(seed=trainer.seed)
    counted.sequences = len(rows)
    return counted, rows, {name: part.select_columns(columns) for name, part in held_out.items()}


def _encoded(
    config: TrainingConfig,
    tokenizer: Any,
    source: Source,
    split: str,
    path: Path,
    counted: Counted,
    tell: Callable[[str], None],
) -> Dataset:
    """The usable rows of one split, tokenised into the file `path`; adds the others to `counted.dropped`."""
    rows = load_rows(source, split, data_seed(config.trainer))
    check_columns(rows, label(source))
    encoded = encode_rows(
        rows,
        tokenizer,
        tokenizer.chat_template,
        config.trainer.max_length,
        num_proc=config.trainer.dataset_num_proc,
        cache_file_name=str(path),
        desc="Tokenising rows",
    )
    keep: list[np.ndarray[Any, Any]] = []
    reasons: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    done = 0
    for block in _blocks(encoded, "dropped"):
        texts = np.asarray(block["dropped"])
        keep.append(done + np.flatnonzero(texts == ""))
        for index in np.flatnonzero(texts != ""):
            reason, _, detail = str(texts[index]).partition(DETAIL)
            reasons[reason] += 1
            first.setdefault(reason, (done + int(index) + 1, detail))
        done += len(texts)
    kept = np.concatenate(keep)
    _report(source, split, len(encoded), len(kept), reasons, first, config.trainer.max_length, tell)
    for reason, count in reasons.items():
        counted.dropped[reason] = counted.dropped.get(reason, 0) + count
    return encoded if len(kept) == len(encoded) else encoded.select(kept)


def _report(
    source: Source,
    split: str,
    total: int,
    kept: int,
    reasons: Counter[str],
    first: dict[str, tuple[int, str]],
    max_length: int,
    tell: Callable[[str], None],
) -> None:
    """Say what was dropped; refuse a source that has no usable row, or in which more rows are odd than usable."""
    odd = sum(count for reason, count in reasons.items() if reason != TOO_LONG)
    if not kept and not odd:
        raise ConfigError(f"max_length: none of the {total} samples of {label(source)} has at most {max_length} tokens")
    if odd > kept:
        reason = max((r for r in reasons if r != TOO_LONG), key=lambda r: (reasons[r], r))
        number, detail = first[reason]
        key = "chat_template_path" if "chat template" in reason else "datasets"
        raise ConfigError(
            f"{key}: {odd} of the {total} rows of {label(source)}, split {split}, cannot be trained on; row {number}: "
            f"{reason}{DETAIL + detail if detail else ''}"
        )
    for reason, (number, detail) in sorted(first.items()):
        if reason != TOO_LONG:
            example = f"first row {number}{DETAIL + detail if detail else ''}"
            tell(f"dropped {reasons[reason]} rows of {label(source)}, split {split}: {reason} ({example})")


def _blocks(rows: Dataset, column: str) -> Iterator[dict[str, Any]]:
    """One column in blocks of arrays, so that memory does not grow with the rows."""
    yield from rows.select_columns([column]).with_format("numpy").iter(batch_size=100_000)
