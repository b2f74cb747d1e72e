"""The stages that a shard goes through, one module each. `STAGES` is their one list; the yield table has a row for each."""

import difflib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from build.core.config import DataRecipe
from build.core.errors import ConfigError
from build.core.records import digest
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


def own_stages(recipe: DataRecipe) -> dict[str, str]:
    """The stages of a recipe that are not among `STAGES`, each with a digest of the module that holds it.

    A run is of its recipe and of these: where such a module changes, its stage and all later ones are done again.
    """
    own = [stage for stage in stages_of(recipe) if stage not in STAGES]
    return {stage.name: digest(Path(inspect.getfile(stage.run)).read_text("utf-8")) for stage in own}


def run_digest(recipe: DataRecipe) -> str:
    """The digest of everything that decides the content of a run: the recipe, and the stages of one's own in it."""
    return digest(recipe.digest(), *(text for pair in own_stages(recipe).items() for text in pair))


def _import(name: str) -> Stage:
    """The stage at a dotted path: a `Stage` object, or a module that has one under the name `stage`."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # the person's own module, which may raise anything
        if isinstance(error, ModuleNotFoundError) and "." not in name and error.name == name:
            known = [stage.name for stage in STAGES]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"give one of {', '.join(known)}, or a module of your own."
            raise ConfigError(f"key `stages`: no stage and no module is called `{name}`; {hint}") from error
        raise ConfigError(f"key `stages`: `{name}` cannot be imported ({type(error).__name__}: {error}).") from error
    if isinstance(found, ModuleType):
        found = getattr(found, "stage", None)
    if not isinstance(found, Stage):
        raise ConfigError(f"key `stages`: `{name}` is not a `build.stages.stage.Stage` and has none called `stage`.")
    return found
