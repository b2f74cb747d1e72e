"""Defines a stage: a name, the record kind that it reads, the one that it keeps, and the function that works on a shard.

A filter of your own is one module with such an object and one entry in the recipe's `stages`; CONTRIBUTING.md shows one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from build.core.chat import LanguageModel
from build.core.config import DataRecipe
from build.core.records import Reject
from build.core.store import Store
from build.sandbox import Sandbox
from build.teachers.base import Teacher

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Context:
    """What every stage of a run works with. `model` is None where the teacher needs no language model."""

    recipe: DataRecipe
    sandbox: Sandbox
    teacher: Teacher
    model: LanguageModel | None


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as one stage sees it. `records` are what the stage before kept; `kept` looks further back."""

    index: int
    records: Sequence[Any]
    store: Store
    stage: str

    def kept(self, kind: type[R]) -> Iterator[R]:
        """The shard's records of a kind, as the last earlier stage that keeps this kind left them."""
        return self.store.kept(kind, self.index, before=self.stage)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a stage has to know of the whole run before its first shard: one file, RUN/<stage>/<file>.

    `sketch(shard, context)`, where there is one, says what matters of a shard in few bytes, and `gather(store, recipe)` makes
    the file's content once every shard is sketched (`store.sketch` is where they lie). Both depend on the shards before and
    the recipe alone, so that it does not matter who works on them, or how often.
    """

    file: str
    gather: Callable[[Store, DataRecipe], bytes]
    sketch: Callable[[Shard, Context], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a run.

    `run(shard, context, stats)` yields the records that are kept and a `Reject` for each that is dropped; what it counts
    besides goes into `stats`. It depends on its arguments alone, so that a shard has the same bytes whenever and wherever it
    is worked on. `reads` is None for the first stage, which cuts the sources into shards. `survey` is for a stage that has to
    know the whole run.
    """

    name: str
    reads: type[Any] | None
    keeps: type[Any]
    run: Callable[[Shard, Context, Counter[str]], Iterator[Any | Reject]]
    survey: Survey | None = None
