"""What a recipe trains on: its sources as one `messages` column, with over-length samples dropped and counted.

CODEI/O rows are `prompt` + `completion` (lists of {role, content}), instruction data usually `messages`; both become
`messages`, so that one stage can mix them, and the loss is on every assistant turn (`assistant_only_loss`). A sample
longer than `max_length` tokens is dropped: cutting it would cut its final answer off, and the model would learn to stop
before it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import (
    Dataset,
    Features,
    Value,
    concatenate_datasets,
    get_dataset_config_names,
    get_dataset_default_config_name,
    load_dataset,
)
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

from recipes.recipe import RecipeError, Source

_MESSAGES = Features({"messages": [{"role": Value("string"), "content": Value("string")}]})


@dataclass(frozen=True, slots=True)
class Counted:
    """Samples kept and dropped as over-length, and the tokens of those kept (template included)."""

    kept: int
    too_long: int
    tokens: int


def checked_config(source: Source) -> None:
    """Make sure that the source exists and has the config asked for; raises `RecipeError` naming those that it has."""
    try:
        names = get_dataset_config_names(source.path)
    except (DatasetNotFoundError, FileNotFoundError, ConnectionError) as error:
        raise RecipeError(f"datasets: nothing to load at '{source.path}': {_first_line(error)}") from None
    if source.name is None and len(names) > 1 and get_dataset_default_config_name(source.path) is None:
        raise RecipeError(f"datasets: '{source.path}' has several configs; set name to one of {', '.join(names)}")
    if source.name is not None and source.name not in names:
        raise RecipeError(f"datasets: '{source.path}' has no config '{source.name}'; it has {', '.join(names)}")


def load_rows(source: Source, split: str, seed: int) -> Dataset:
    """The source's portion of a split, as it is. Raises `RecipeError` when the source, its config or the split is missing."""
    checked_config(source)
    try:
        rows = load_dataset(source.path, source.name, split=split)
    except (ValueError, OSError, DatasetGenerationError) as error:
        raise RecipeError(
            f"datasets: split '{split}' of '{source.path}' cannot be loaded: {_first_line(error.__cause__ or error)}"
        ) from None
    if source.portion < 1:
        rows = rows.shuffle(seed=seed).select(range(max(1, round(len(rows) * source.portion))))
    return rows


def load_source(source: Source, split: str, seed: int, num_proc: int | None = None) -> Dataset:
    """The rows of one source's split as `messages`. Raises `RecipeError` as `load_rows`, and for columns of another kind."""
    rows = load_rows(source, split, seed)
    columns = set(rows.column_names)
    for name in {"prompt", "completion"} if {"prompt", "completion"} <= columns else {"messages"} & columns:
        keys: set[str] = set(getattr(getattr(rows.features[name], "feature", None), "keys", set)())
        if not {"role", "content"} <= keys:
            raise RecipeError(
                f"datasets: '{source.path}' ({source.name or 'default'}): the column {name} is {rows.features[name]}; "
                "training needs lists of {role, content}"
            )
    if {"prompt", "completion"} <= columns:
        return rows.map(
            _join_turns, remove_columns=rows.column_names, features=_MESSAGES, num_proc=num_proc, desc="Reading rows"
        )
    if "messages" in columns:
        return rows.map(
            _plain_messages,
            remove_columns=rows.column_names,
            features=_MESSAGES,
            num_proc=num_proc,
            desc="Reading rows",
        )
    raise RecipeError(
        f"datasets: '{source.path}' ({source.name or 'default'}) has the columns {', '.join(sorted(columns))}; "
        "training needs messages, or prompt and completion"
    )


def load_sources(sources: list[Source], seed: int, num_proc: int | None = None) -> Dataset:
    """All sources of a stage, joined and shuffled with `seed` so that packing does not keep them apart."""
    parts = [load_source(source, source.split, seed, num_proc) for source in sources]
    return parts[0] if len(parts) == 1 else concatenate_datasets(parts).shuffle(seed=seed)


def drop_too_long(
    rows: Dataset, tokenizer: Any, max_length: int, num_proc: int | None = None
) -> tuple[Dataset, Counted]:
    """The rows of at most `max_length` tokens under the tokenizer's chat template, and the counts."""
    lengths = token_lengths(rows, tokenizer, num_proc)
    keep = [index for index, length in enumerate(lengths) if length <= max_length]
    counted = Counted(len(keep), len(lengths) - len(keep), sum(lengths[index] for index in keep))
    if not keep:
        raise RecipeError(f"max_length: none of the {len(lengths)} samples has at most {max_length} tokens")
    return rows.select(keep), counted


def token_lengths(rows: Dataset, tokenizer: Any, num_proc: int | None = None) -> list[int]:
    """The length of each row in tokens, under the tokenizer's chat template."""
    measured = rows.map(_measure, fn_kwargs={"tokenizer": tokenizer}, num_proc=num_proc, desc="Measuring rows")
    return list(measured["length"][:])


def check_supervision(rows: Dataset, tokenizer: Any, max_rows: int = 8) -> None:
    """Make sure that the loss falls on the responses and on the token that ends a turn, and on nothing else.

    Looks at the first rows; raises `RecipeError` when the chat template marks something else (its generation block).
    """
    for row in rows.select(range(min(max_rows, len(rows)))):
        encoded = tokenizer.apply_chat_template(
            row["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        marked = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"]) if mask]
        text = tokenizer.decode(marked)
        wanted = "".join(m["content"] + tokenizer.eos_token for m in row["messages"] if m["role"] == "assistant")
        if text.split() != wanted.split():
            raise RecipeError(
                f"chat_template_path: the template trains on {text[-80:]!r} where the responses end in {wanted[-80:]!r}; "
                "it must put each assistant text and eos_token, and nothing else, inside its generation block"
            )


def _join_turns(row: dict[str, Any]) -> dict[str, Any]:
    return {"messages": _turns(row["prompt"]) + _turns(row["completion"])}


def _plain_messages(row: dict[str, Any]) -> dict[str, Any]:
    return {"messages": _turns(row["messages"])}


def _turns(messages: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _measure(row: dict[str, Any], tokenizer: Any) -> dict[str, int]:
    encoded = tokenizer.apply_chat_template(row["messages"], tokenize=True, return_dict=True)
    return {"length": len(encoded["input_ids"])}


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def folder_or_repo(path: str) -> str:
    """How a card names a source: a Hub repository by its id, a local folder by its last part only."""
    return Path(path).name if Path(path).exists() else path
