"""The model card of a run: what it was trained on, by which recipe, with which versions, at which commit."""

import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from tabulate import tabulate

from recipes.corpus import folder_or_repo

_LIBRARIES = ("trl", "transformers", "peft", "accelerate", "datasets", "torch")

_CARD = """
# {title}

`{base}` trained on {sources} with the recipes of an open implementation of CodeI/O (Li et al., 2025, arXiv 2502.07316).

## Data
{data}
{counts}

## Recipe
{recipe}

## Result
{result}

![Loss and learning rate](curves.png)

## Versions
Commit {commit} of the recipes; {versions}.
"""


def write_card(folder: Path, facts: dict[str, Any], log: Sequence[dict[str, Any]]) -> None:
    """Write `folder`/README.md. `facts`: base_model, use_peft, sources, counted (or None), recipe; `log`: the log history."""
    base = facts["base_model"]
    sources = facts["sources"]
    rows = [(folder_or_repo(s.path), s.name or "default", s.split, s.portion) for s in sources]
    counted = facts["counted"]
    counts = ""
    if counted is not None:
        dropped = ", ".join(f"{count} ({reason})" for reason, count in sorted(counted.dropped.items())) or "none"
        counts = (
            f"\n{counted.samples} samples of {counted.tokens} tokens, {counted.supervised} of them under the loss, in "
            f"{counted.sequences} training sequences. Dropped samples: {dropped}."
        )
    losses = [entry["loss"] for entry in log if "loss" in entry]
    result = (
        f"Training loss {losses[0]:.4f} at the first log, {losses[-1]:.4f} at the last."
        if losses
        else "Not trained yet."
    )
    recipe = {key: value for key, value in facts["recipe"].items() if key != "datasets"}
    recipe["model_name_or_path"] = folder_or_repo(base)
    content = _CARD.format(
        title=folder.name,
        base=folder_or_repo(base),
        sources=", ".join(f"{path} ({name})" for path, name, _, _ in rows),
        data=tabulate(rows, headers=("source", "config", "split", "portion"), tablefmt="github"),
        counts=counts,
        recipe=tabulate(
            [(key, str(value).replace("|", "&#124;")) for key, value in sorted(recipe.items())],
            headers=("key", "value"),
            tablefmt="github",
            disable_numparse=True,
        ),
        result=result,
        commit=commit(),
        versions=", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    )
    remote = [s.path for s in sources if not Path(s.path).exists()]
    data = ModelCardData(
        base_model=base if not Path(base).exists() else None,
        datasets=remote or None,
        library_name="peft" if facts["use_peft"] else "transformers",
        pipeline_tag="text-generation",
        tags=["codeio", "trl"],
    )
    ModelCard(f"---\n{data.to_yaml()}\n---\n{content}").save(folder / "README.md")


def commit() -> str:
    """The checkout's commit, with a note when files differ from it; "unknown" outside of git."""
    root = Path(__file__).resolve().parent
    try:
        sha = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{sha} (with local changes)" if changed.stdout.strip() else sha
