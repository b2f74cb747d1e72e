"""Turns one training row into tokens and labels, and says why a row cannot be trained on.

CODEI/O rows are `prompt` + `completion` (lists of {role, content}), instruction data usually `messages`; both become one
conversation, rendered by the chat template and tokenised once. The loss is on what the template's generation blocks hold: each
assistant text and the token that ends the turn. Every row is held against that rule, so a template that trains something
else, and a row that a template cannot render, are found here and not after an hour of training.

A row is dropped, with one of these reasons, when it has no turns, a turn without text, a role that no template knows, no
assistant turn, a rendering that the template refuses or that trains the wrong text, or more than `max_length` tokens (cutting
would take its final answer, and the model would learn to stop before it).
"""

import re
from typing import Any

from datasets import Dataset, Features, List, Value
from transformers.utils.chat_template_utils import render_jinja_template

from build.core.errors import ConfigError

ROLES = ("system", "user", "assistant")
TOO_LONG = "over max_length tokens"
TEMPLATE = "the chat template's generation block does not hold each assistant text and eos_token, and nothing else"
DETAIL = ": "  # between a reason, by which rows are counted, and what is particular to the row
ENCODED = Features(
    {
        "input_ids": List(Value("int32")),
        "labels": List(Value("int32")),
        "tokens": Value("int32"),
        "supervised": Value("int32"),
        "dropped": Value("string"),  # the reason, or the empty string
    }
)
IGNORED = -100  # the label of a token without loss
_GENERATION = re.compile(r"\{%([-+]?)\s*(?:end)?generation\s*([-+]?)%\}")


def published_template(template: str) -> str:
    """The template without its generation tags, which only transformers' training code can read.

    Each tag becomes an empty comment with the same whitespace control, so the rendered text stays the same to the byte.
    """
    return _GENERATION.sub(lambda tag: f"{{#{tag[1]} {tag[2]}#}}", template)


def check_columns(rows: Dataset, label: str) -> None:
    """Make sure that the columns hold conversations; raises `ConfigError` naming `label`, the columns and what is needed."""
    columns = set(rows.column_names)
    wanted = conversation_columns(rows)
    if not wanted:
        raise ConfigError(
            f"datasets: {label} has the columns {', '.join(sorted(columns))}; "
            "training needs messages, or prompt and completion"
        )
    for name in wanted:
        keys: set[str] = set(getattr(getattr(rows.features[name], "feature", None), "keys", set)())
        texts = [rows.features[name].feature[key] for key in ("role", "content") if key in keys]
        if len(texts) < 2 or any(
            getattr(kind, "dtype", "") not in ("string", "large_string", "null") for kind in texts
        ):
            raise ConfigError(
                f"datasets: {label}: the column {name} is {rows.features[name]}; training needs lists of {{role, content}}, "
                "both texts"
            )


def conversation_columns(rows: Dataset) -> list[str]:
    """The columns that make up a row's conversation, in order; empty when there is none."""
    if {"prompt", "completion"} <= set(rows.column_names):
        return ["prompt", "completion"]
    return ["messages"] if "messages" in rows.column_names else []


def encode_rows(rows: Dataset, tokenizer: Any, template: str, max_length: int, **map_options: Any) -> Dataset:
    """Rows as `ENCODED`, in the same order and number; dropped ones have no tokens. `map_options` go to `Dataset.map`."""
    columns = conversation_columns(rows)
    return rows.select_columns(columns).map(
        _encode_batch,
        batched=True,
        remove_columns=columns,
        features=ENCODED,
        fn_kwargs={"tokenizer": tokenizer, "template": template, "max_length": max_length, "columns": columns},
        **map_options,
    )


def _encode_batch(
    batch: dict[str, list[Any]], tokenizer: Any, template: str, max_length: int, columns: list[str]
) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {name: [] for name in ENCODED}
    texts: list[str] = []
    spans: list[list[tuple[int, int]]] = []
    reasons: list[str] = []
    for parts in zip(*(batch[column] for column in columns)):
        turns = [turn for part in parts for turn in part or []]
        reason = _unusable(turns)
        text, marked = "", list[tuple[int, int]]()
        if not reason:
            text, marked, reason = _rendered(turns, tokenizer, template)
        texts.append(text)
        spans.append(marked)
        reasons.append(reason)
    tokens = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)
    for index, reason in enumerate(reasons):
        ids = tokens["input_ids"][index]
        labels = [] if reason else _labels(tokens, index, spans[index])
        if not reason and len(ids) > max_length:
            reason = TOO_LONG
        elif not reason and tokenizer.eos_token_id not in labels:
            reason = f"the end of a turn, {tokenizer.eos_token}, is not one token under the loss"
        made["tokens"].append(0 if reason and reason != TOO_LONG else len(ids))
        made["input_ids"].append([] if reason else ids)
        made["labels"].append([] if reason else labels)
        made["supervised"].append(0 if reason else sum(label != IGNORED for label in labels))
        made["dropped"].append(reason)
    return made


def _unusable(turns: list[Any]) -> str:
    """Why the turns cannot be rendered, or the empty string."""
    if not turns:
        return "no turns"
    for turn in turns:
        if turn is None or turn.get("content") is None:
            return "a turn without text"
        if turn["role"] not in ROLES:
            return f"a role other than {', '.join(ROLES)}{DETAIL}{turn['role']!r}"
    answers = [turn["content"] for turn in turns if turn["role"] == "assistant"]
    if not answers:
        return "no assistant turn"
    return "" if all(answer.strip() for answer in answers) else "an assistant turn without text"


def _rendered(turns: list[dict[str, str]], tokenizer: Any, template: str) -> tuple[str, list[tuple[int, int]], str]:
    """The text of a conversation, the character ranges under the loss, and why it is unusable (or nothing)."""
    plain = [{"role": turn["role"], "content": turn["content"]} for turn in turns]
    try:
        rendered: Any = render_jinja_template(  # its annotation leaves the second part out
            conversations=[plain],
            chat_template=template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
    except Exception as error:  # a template may raise whatever it likes; it costs this row only
        return "", [], f"the chat template cannot render it{DETAIL}{' '.join(str(error).split())[:120]}"
    text, spans = rendered[0][0], [(start, end) for start, end in rendered[1][0] if end > start]
    answers = [turn["content"] for turn in plain if turn["role"] == "assistant"]
    trained = [text[start:end] for start, end in spans]
    wanted = [answer + tokenizer.eos_token for answer in answers]
    if [_letters(part) for part in trained] != [_letters(part) for part in wanted]:
        shown = next((a for a, b in zip(trained, wanted) if _letters(a) != _letters(b)), "".join(trained))
        detail = f"it trains on {len(trained)} parts for {len(wanted)} responses, one of them {shown[-40:]!r}"
        return "", [], f"{TEMPLATE}{DETAIL}{detail}"
    return text, spans, ""


def _letters(text: str) -> str:
    """A text without white space: templates may trim a response or put a blank before it."""
    return "".join(text.split())


def _labels(tokens: Any, index: int, spans: list[tuple[int, int]]) -> list[int]:
    ids = tokens["input_ids"][index]
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        first, last = _token_at(tokens, index, start, end), _token_at(tokens, index, end - 1, start - 1)
        if first is not None and last is not None:
            labels[first : last + 1] = ids[first : last + 1]
    return labels


def _token_at(tokens: Any, index: int, start: int, stop: int) -> int | None:
    """The token that holds the character `start`, or the nearest one towards `stop` that any token holds."""
    for char in range(start, stop, 1 if stop > start else -1):
        token = tokens.char_to_token(index, char)
        if token is not None:
            return int(token)
    return None
