"""A dataset folder in the published layout, built here, no download; the models are those of `recipes.tiny_model`."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recipes.tiny_model import ARCHITECTURES, BOS, EOS, tiny_model

__all__ = ["ARCHITECTURES", "BOS", "EOS", "dataset_folder", "rows", "tiny_model"]


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Instances of one toy function in the layout of the `codeio` config."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        a, b = rng.randrange(50), rng.randrange(50)
        made.append(
            {
                "id": f"{index:020x}",
                "function_id": f"{index // 4:020x}",
                "task": "output",
                "prompt": [{"role": "user", "content": f"What is the sum of {a} and {b}? Answer as JSON."}],
                "completion": [
                    {"role": "assistant", "content": f'Adding {a} and {b} gives {a + b}.\n\n{{"output": {a + b}}}'}
                ],
                "status": "correct",
            }
        )
    return made


def dataset_folder(folder: Path, counts: dict[str, int] | None = None) -> Path:
    """A dataset folder with the configs `codeio`, `codeio_pp`, `rl` and `instructions`, `counts` rows each (64 unless told).

    The first training row of `codeio` and `codeio_pp` is far over any length.
    """
    configs = []
    for name in ("codeio", "codeio_pp", "rl", "instructions"):
        default = "\n  default: true" if name == "codeio_pp" else ""
        configs.append(f"- config_name: {name}{default}\n  data_files:\n")
        for split, seed in (("train", 0), ("test", 1)):
            made = rows((counts or {}).get(name, 64) if split == "train" else 8, seed)
            if name == "rl":
                made = [_rl_row(row, index) for index, row in enumerate(made)]
            elif name == "instructions":
                made = [{"id": row["id"], "messages": row["prompt"] + row["completion"]} for row in made]
            elif split == "train":
                made[0]["completion"][0]["content"] = "and again " * 5000
            path = f"data/{name}/{split}.parquet"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(made), folder / path)
            configs[-1] += f"  - split: {split}\n    path: {path}\n"
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n# toy\n", encoding="utf-8")
    return folder


def _rl_row(row: dict[str, Any], index: int) -> dict[str, Any]:
    words = row["prompt"][0]["content"].split()
    a, b = int(words[5]), int(words[7].rstrip("?"))
    return {
        "id": row["id"],
        "function_id": row["function_id"],
        "task": "output",
        "prompt": row["prompt"],
        "code": "def main_solution(a, b):\n    return a + b\n",
        "input": f'{{"a": {a}, "b": {b}}}',
        "output": str(a + b),
        "pass_rate": (index % 5) / 4,
    }
