"""Tells what a changed recipe means for its run: which keys differ, and from which stage on the work is to be done again.

Recipes are plain data here, as `DataRecipe.content` gives them and the manifest holds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_READERS = {  # the first stage that reads a key; a longer key goes before a shorter one; "" is the published dataset
    "name": "",
    "test_fraction": "",
    "rows": "",
    "sources": "collect",
    "collect": "collect",
    "engine": "collect",
    "stages": "",  # the order of the stages themselves says where it differs
    "filters.reasoning_type": "type_filter",
    "filters.max_tokens": "MODEL",
    "filters": "difficulty_filter",
    "unify": "unify",
    "duplicates": "duplicates",
    "leaks": "leaks",
    "sampling": "SANDBOX",
    "seed": "SANDBOX",
    "questions": "questions",
    "teacher": "MODEL",
    "teacher.samples": "answer",
    "teacher.search_tries": "answer",
    "teacher.grounding": "answer",
    "teacher.grounding_refuted": "answer",
    "prompt_order": "answer",
    "revisions": "revise",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A key of the recipe with the value that the run was made by and the one that it has now.

    `stage` is the first of the run's stages that the change reaches, "" where it reaches the published dataset alone.
    """

    key: str
    before: Any
    now: Any
    stage: str

    def __str__(self) -> str:
        return f"`{self.key}` was {_short(self.before)} and is {_short(self.now)}"


def changes(before: dict[str, Any], now: dict[str, Any], stages: Sequence[str]) -> list[Change]:
    """The keys in which two recipes differ, those that reach furthest back first. `stages`: the run's, in order."""
    found = [
        Change(key, old, new, _first_reader(key, now, stages)) for key, old, new in _differing("", before, now) if key
    ]
    order = {stage: place for place, stage in enumerate(stages)}
    return sorted(found, key=lambda change: (order.get(change.stage, len(order)), change.key))


def _differing(key: str, before: Any, now: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        below = [(name, before.get(name), now.get(name)) for name in dict.fromkeys([*before, *now])]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        below = [(str(place), old, new) for place, (old, new) in enumerate(zip(before, now))]
    else:
        return [] if before == now else [(key, before, now)]
    return [found for name, old, new in below for found in _differing(f"{key}.{name}" if key else name, old, new)]


def _first_reader(key: str, recipe: dict[str, Any], stages: Sequence[str]) -> str:
    own = [stage for stage in stages if stage in recipe.get("own_stages", {})]
    section, _, name = key.partition(".")
    if section == "own_stages":
        return name if name in stages else stages[0]
    parts = key.split(".")
    known = [_READERS.get(".".join(parts[:length])) for length in range(len(parts), 0, -1)]
    reader = next((each for each in known if each is not None), stages[0])
    if reader == "MODEL":
        reader = first_asking(recipe)
    elif reader == "SANDBOX":  # the trial runs of functions that a model wrote, else the sampling
        reader = "unify" if _model_unifies(recipe) else "sample"
    if not reader:
        return ""
    readers = (reader, *own[:1])  # a stage of one's own may read any key
    return min((stage for stage in readers if stage in stages), key=stages.index, default=stages[0])


def first_asking(recipe: dict[str, Any]) -> str:
    """The first stage that asks the teacher's model; every teacher answers in the stage `answer`."""
    filters = recipe.get("filters", {})
    if filters.get("reasoning_type"):
        return "type_filter"
    if _model_unifies(recipe):
        return "unify"
    return "difficulty_filter" if filters.get("difficulty") else "answer"


def _model_unifies(recipe: dict[str, Any]) -> bool:
    rules = recipe.get("unify", {})
    return rules.get("by") == "model" or bool(rules.get("write_generators"))


def _short(value: Any) -> str:
    text = "not there" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
