"""Reads what the page shows of a published dataset: a folder of ours, or a dataset repository of the Hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build.core.errors import ConfigError
from build.core.hub import HUB_ERRORS
from build.core.prompts import split_turns
from build.core.tables import read_rows
from build.report.view.items import Function, Item, Pair, Row, Shown, Turn, parts_of
from build.stages.assemble import SPLITS

_READ = ("functions", "rl", "codeio_pp")


def from_dataset(folder: Path, title: str) -> Shown:
    """The functions and questions of a dataset folder. Raises `ConfigError` where a config is missing or unreadable."""
    for config in _READ:
        if not list((folder / config).glob("*.parquet")):
            raise ConfigError(
                f"{folder}: has no {config}/*.parquet; name a run, a dataset folder of ours, or ORG/NAME."
            )
    return Shown(title, _items(folder), notes=("A published dataset holds no raw files and no rejects; a run does.",))


def download(repository: str) -> Path:
    """The files of a dataset repository that are shown, in the Hub client's cache. Raises `ConfigError`."""
    from huggingface_hub import snapshot_download  # slow to import

    try:
        patterns = [f"{config}/*.parquet" for config in _READ]
        return Path(snapshot_download(repository, repo_type="dataset", allow_patterns=patterns))
    except (*HUB_ERRORS, ValueError) as error:
        cause = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{repository}: is no folder here, and the Hub does not give it ({cause}).") from error


def _items(folder: Path) -> Iterator[Item]:
    for _, row in _rows(folder / "functions"):
        meta = json.loads(row["meta"] or "{}")
        yield Function(
            id=row["id"],
            file="",
            source=row["source"] or "",
            path=meta.get("path", ""),
            license=row["license"] or "",
            name=meta.get("name", row["funcname"]),
            code=row["refcode"],
            query=row["problem_description"],
            description=row["io_requirements"],
            generator=row["input_generator"],
            pairs=tuple(Pair("", _text(pair["input"]), _text(pair["output"])) for pair in json.loads(row["ios"])),
        )
    asked = {row["id"]: (row["input"], row["output"]) for _, row in _rows(folder / "rl")}
    for split, row in _rows(folder / "codeio_pp"):
        yield _row(row, split, *asked.get(row["id"], ("", "")))


def _row(row: dict[str, Any], split: str, given: str, wanted: str) -> Row:
    verdicts = [row[name] for name in ("verdict_1", "verdict_2", "verdict_3") if row[name]]
    told = split_turns(row["completion"][0]["content"], len(verdicts))
    proof: list[dict[str, Any]] = json.loads(row["proof"] or "[]")
    turns: list[Turn] = []
    for verdict, (response, check) in zip(verdicts, told):
        parts, proof = parts_of(response, proof)
        turns.append(Turn("", parts, verdict, check, row["reasoning"] or "" if not turns else ""))
    return Row(
        id=row["id"],
        question="",
        function=row["function_id"],
        pair="",
        task=row["task"],
        input=given,
        output=wanted,
        prompt=row["prompt"][0]["content"],
        teacher=row["teacher"],
        turns=tuple(turns),
        steps=row["steps"],
        split=split,
    )


def _rows(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a config, each with its split."""
    for split in SPLITS:
        for file in sorted(folder.glob(f"*{split}*.parquet")):
            yield from ((split, row) for row in read_rows(file))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
