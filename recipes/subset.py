"""Draws a small training set and its held-out tasks from a finished dataset, for runs that count each token.

    python -m recipes subset runs/reproduce/data/dataset runs/reproduce/subset --model MODEL --tokens 360000

The second folder is a dataset with the configs `codeio` and `codeio_pp`, each with as many training tokens (prompts, answers,
chat template) as asked for, `rl`, whose `test` split is what `python -m eval run --held-out` asks, and `told`, the teacher's
answers to these tasks. Questions are drawn function by function: some of each function, then more of each, until the tokens
are spent. Functions keep the split that the dataset gave them, so no row of the training split shares one with the tasks.

With `turns` above 1 a row is a conversation: after its first answer it is given further inputs of the same function, so that
the code, the longest part of a prompt, is read once for several answers.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset, load_dataset
from transformers import AutoTokenizer

from build.core.errors import ConfigError
from build.core.records import digest
from recipes.supervision import encode_rows

TRAINING = ("codeio", "codeio_pp")
_MOST = 1 << 30  # tokens: no row is dropped
_SAME_OUTPUT = 20  # at most one task in so many has the same output


@dataclass(frozen=True, slots=True)
class SubsetRules:
    """What is drawn. `tokens`: of each training config at the most; `tests`: held-out output predictions at the most, of
    which a twentieth may have the same output.

    `complete_only` leaves answers out whose telling skips a part of the run, and `question_length` questions that have more
    tokens together with their answer, in both splits; `max_length` limits the tokens of a row, `per_function` the answers
    that a function gives, for each task. The tasks do not depend on `seed`.
    """

    tokens: int
    tests: int
    max_length: int
    question_length: int
    turns: int
    tasks: tuple[str, ...]
    complete_only: bool
    per_function: int
    seed: int


def draw_subset(data: Path, out: Path, rules: SubsetRules, model: str, template: Path | None = None) -> dict[str, int]:
    """Write the subset to `out` (replaced where it exists) and return its counts. Raises `ConfigError`."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    if template is not None:
        tokenizer.chat_template = template.read_text(encoding="utf-8")
    counts: dict[str, int] = {}
    values = {
        row["id"]: row["input"] if row["task"] == "output" else row["output"] for row in _load(data, "rl", "train")
    }
    training = {}
    for name in TRAINING:
        rows = _sized(_load(data, name, "train"), tokenizer, rules.question_length)
        rows = [r for r in rows if r["task"] in rules.tasks and (r["complete"] or not rules.complete_only)]
        made = _sized(Dataset.from_list(_conversations(rows, values, rules)), tokenizer, rules.max_length)
        training[name] = _spend(made, rules.tokens)
        counts |= {
            f"{name} rows": len(training[name]),
            f"{name} answers": sum(len(row["completion"]) // 2 + 1 for row in training[name]),
            f"{name} functions": len({row["function_id"] for row in training[name]}),
            f"{name} tokens": sum(row["tokens"] for row in training[name]),
            f"{name} tokens under the loss": sum(row["supervised"] for row in training[name]),
        }
    known = _sized(_load(data, "codeio", "test"), tokenizer, rules.question_length)
    prompts = {row["id"]: row["prompt"] for row in known}
    tests = {
        row["id"]: row | {"prompt": prompts[row["id"]]} for row in _load(data, "rl", "test") if row["id"] in prompts
    }
    ranked = [row["id"] for row in _in_turn([row for row in known if row["task"] == "output"], 1, seed=0)]
    asked = _varied(ranked, {one: tests[one]["output"] for one in ranked}, rules.tests)
    facts = {row["id"]: row for row in known}
    chosen = [tests[one] for one in asked]
    functions = {row["function_id"] for row in chosen}
    counts |= {"test tasks": len(chosen), "test functions": len(functions)}
    if not chosen or not all(training.values()):
        raise ConfigError(f"{data}: no row is left under these rules ({counts}); raise max_length or build more data")
    if shared := functions & {row["function_id"] for rows in training.values() for row in rows}:
        raise ConfigError(f"{data}: {len(shared)} functions are in both splits, so their tasks would not be held out")
    parts = {(name, "train"): rows for name, rows in training.items()}
    parts |= {("told", "test"): [facts[one] for one in asked], ("rl", "test"): chosen}
    _write(out, parts, {"rules": asdict(rules), "counts": counts})
    return counts


def _varied(ranked: Sequence[str], outputs: dict[str, str], most: int) -> list[str]:
    """The first `most` questions without those whose output a twentieth of `most` have already.

    Without this, `false` was the right answer to a quarter of the tasks.
    """
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for one in ranked:
        seen[outputs[one]] += 1
        if seen[outputs[one]] <= max(1, most // _SAME_OUTPUT):
            kept.append(one)
    return kept[:most]


def _load(data: Path, name: str, split: str) -> Dataset:
    try:
        return load_dataset(str(data), name, split=split)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{data}: no dataset with {name}, split {split} ({error})") from None


def _sized(rows: Dataset, tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    """The rows of at most `max_length` tokens, each with its `tokens` and those under the loss, `supervised`."""
    if not len(rows):
        return []
    encoded = encode_rows(rows, tokenizer, tokenizer.chat_template, _MOST)
    return [
        {**row, "tokens": size["tokens"], "supervised": size["supervised"]}
        for row, size in zip(rows, encoded.select_columns(["tokens", "supervised", "dropped"]))
        if not size["dropped"] and size["tokens"] <= max_length
    ]


def _in_turn(rows: Sequence[dict[str, Any]], together: int, seed: int, most: int = 1 << 30) -> list[dict[str, Any]]:
    """The rows in a drawn order: `together` of each function and task, then as many more of each, up to `most`."""
    drawn = Random(seed).sample(list(rows), len(rows))
    seen: dict[tuple[str, str], int] = defaultdict(int)
    first: dict[tuple[str, str], int] = {}
    ranked = []
    for place, row in enumerate(drawn):
        group = (row["function_id"], row["task"])
        first.setdefault(group, place)
        ranked.append((seen[group] // together, first[group], seen[group], row))
        seen[group] += 1
    ranked.sort(key=lambda entry: entry[:3])
    return [row for _, _, number, row in ranked if number < most]


def _conversations(rows: Sequence[dict[str, Any]], values: dict[str, str], rules: SubsetRules) -> list[dict[str, Any]]:
    """Training rows in the order in which they are taken: each of up to `turns` answers about one function and task."""
    made: list[dict[str, Any]] = []
    length = 0
    for row in _in_turn(rows, rules.turns, rules.seed, rules.per_function):
        last = made[-1] if made else None
        more = row["supervised"] + len(values[row["id"]]) + 20  # tokens at the most: a value has fewer than characters
        if (
            last is not None
            and last["function_id"] == row["function_id"]
            and last["task"] == row["task"]
            and len(last["completion"]) < 2 * rules.turns - 1
            and length + more <= rules.max_length
        ):
            given = "input" if row["task"] == "output" else "output"
            last["completion"] += [
                {"role": "user", "content": f"Given this {given}:\n\n{values[row['id']]}"},
                *row["completion"],
            ]
            length += more
        else:
            kept = {key: row[key] for key in ("function_id", "task", "prompt")}
            made.append(kept | {"completion": list(row["completion"])})
            length = row["tokens"]
    return made


def _spend(rows: Sequence[dict[str, Any]], tokens: int) -> list[dict[str, Any]]:
    """The first rows that the tokens suffice for."""
    spent, taken = 0, []
    for row in rows:
        if spent + row["tokens"] > tokens:
            break
        spent += row["tokens"]
        taken.append(row)
    return taken


def _write(out: Path, parts: dict[tuple[str, str], list[dict[str, Any]]], facts: dict[str, Any]) -> None:
    beside = out.with_name(f"{out.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    layout = ""
    for (name, split), rows in parts.items():
        (beside / name).mkdir(parents=True, exist_ok=True)
        Dataset.from_list(rows).to_parquet(beside / name / f"{split}.parquet")
        # The description makes the cache of `load_dataset` go by content.
        content = digest(json.dumps(rows, sort_keys=True))
        layout += f"- config_name: {name}\n  description: content {content}\n  data_files:\n"
        layout += f"  - split: {split}\n    path: {name}/{split}.parquet\n"
    (beside / "README.md").write_text(f"---\nconfigs:\n{layout}---\n", encoding="utf-8")
    (beside / "subset.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
