"""The stages that a shard goes through, one module each. `STAGES` is their one list; the yield table has a row for each."""

import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from build.core.config import DataRecipe
from build.core.errors import ConfigError
from build.stages import (
    answer,
    collect,
    difficulty_filter,
    duplicates,
    leaks,
    questions,
    revise,
    sample,
    type_filter,
    unify,
)
from build.stages.stage import Stage

STAGES: tuple[Stage, ...] = (
    collect.stage,
    type_filter.stage,
    unify.stage,
    duplicates.stage,
    leaks.stage,
    sample.stage,
    difficulty_filter.stage,
    questions.stage,
    answer.stage,
    revise.stage,
)
_OPTIONAL = {stage.name for stage in (type_filter.stage, duplicates.stage, leaks.stage, difficulty_filter.stage)}


def stages_of(recipe: DataRecipe) -> tuple[Stage, ...]:
    """The stages of a recipe in order: `STAGES`, or those that its key `stages` names.

    Raises `ConfigError` where an entry is no stage, where one reads what the stage before does not keep, or where a stage
    that a dataset needs is missing.
    """
    if not recipe.stages:
        return STAGES
    built_in = {stage.name: stage for stage in STAGES}
    chosen = tuple(built_in[name] if name in built_in else _import(name) for name in recipe.stages)
    names = [stage.name for stage in chosen]
    for stage in STAGES:
        if stage.name not in names and stage.name not in _OPTIONAL:
            raise ConfigError(f"key `stages`: `{stage.name}` is missing; a dataset cannot be made without it.")
    for before, stage in zip((None, *chosen), chosen):
        if names.count(stage.name) > 1:
            raise ConfigError(f"key `stages`: two stages are called `{stage.name}`.")
        if stage.reads is not (before and before.keeps):
            reads, keeps = (kind.__name__ if kind else "nothing" for kind in (stage.reads, before and before.keeps))
            what = f"`{before.name}` before it keeps {keeps}" if before else "it comes first"
            raise ConfigError(f"key `stages`: `{stage.name}` reads {reads}, but {what}; change the order.")
    return chosen


def _import(name: str) -> Stage:
    """The stage at a dotted path: a `Stage` object, or a module that has one under the name `stage`."""
    if "." not in name:
        known = ", ".join(stage.name for stage in STAGES)
        raise ConfigError(
            f"key `stages`: no stage is called `{name}`; give one of {known}, or a dotted path of your own."
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # the person's own module, which may raise anything
        raise ConfigError(f"key `stages`: `{name}` cannot be imported ({type(error).__name__}: {error}).") from error
    if isinstance(found, ModuleType):
        found = getattr(found, "stage", None)
    if not isinstance(found, Stage):
        raise ConfigError(f"key `stages`: `{name}` is not a `build.stages.stage.Stage` and has none called `stage`.")
    return found
