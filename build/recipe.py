"""The data recipe: one YAML file that says everything about a run, validated where it is read.

Every section below is a key of the file; every field has its meaning beside it. Unknown keys, wrong types and impossible
values end in one sentence that names the file and the key.
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from build.records import digest

_STRICT = ConfigDict(extra="forbid")
Positive = Annotated[int, Field(ge=1)]


class RecipeError(ValueError):
    """A recipe that cannot be run; the message is one sentence for the person who wrote it."""


@dataclass(config=_STRICT, frozen=True)
class Source:
    """Where raw code comes from. `kind` decides what `name` is.

    folder: a directory, searched for *.py; jsonl, parquet: a file with a `column` of source text; hub: a dataset id on the
    Hub, streamed; package: an installed distribution's package, read and never imported; functions: a JSON Lines or Parquet
    file, or a Hub dataset id, in the official raw schema (`problem_description, io_requirements, refcode, ios, ...`).
    """

    kind: Literal["folder", "jsonl", "parquet", "hub", "package", "functions"]
    name: str
    licence: str = "unknown"  # SPDX expression, used where a record does not bring its own
    column: str = "content"  # the column that holds the source text
    config: str | None = None  # Hub only: the dataset's config
    split: str = "train"  # Hub only
    limit: Positive | None = None  # read this many records at the most


@dataclass(config=_STRICT, frozen=True)
class Collect:
    """What counts as a usable file."""

    min_bytes: Positive = 80
    max_bytes: Positive = 50_000


@dataclass(config=_STRICT, frozen=True)
class Sampling:
    """The paper's sampling rules and limits (appendix A)."""

    draws: Positive = 1000  # input generator calls at the most
    distinct: Positive = 10  # distinct pairs to stop at
    min_pairs: Positive = 2  # fewer: the function is dropped
    call_cpu_s: Annotated[float, Field(gt=0)] = 5.0
    function_cpu_s: Annotated[float, Field(gt=0)] = 60.0
    memory_mb: Positive = 1024


@dataclass(config=_STRICT, frozen=True)
class Instances:
    pairs_per_function: Positive = 3  # the paper: 3 (CodeMix), 6 (PyEdu-R), 10 (other)


@dataclass(config=_STRICT, frozen=True)
class Teacher:
    """Who answers. `trace` needs no model."""

    name: Literal["trace"] = "trace"
    max_tokens: Annotated[int, Field(ge=60)] = (
        340  # trace: longest rationale, in tokens of `build.narrate.count_tokens`
    )
    search_tries: Positive = 4  # trace: inputs it tries per turn before it settles for the nearest


@dataclass(config=_STRICT, frozen=True)
class Engine:
    workers: Positive = 2  # local processes
    shard_size: Positive = 16  # files a shard: what a kill can cost


@dataclass(config=_STRICT, frozen=True)
class Recipe:
    """One run. Relative paths are relative to the working directory."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    run: Path  # the run folder: resumed when it exists
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    seed: int = 0
    collect: Collect = Field(default_factory=Collect)
    sampling: Sampling = Field(default_factory=Sampling)
    instances: Instances = Field(default_factory=Instances)
    teacher: Teacher = Field(default_factory=Teacher)
    revisions: Annotated[int, Field(ge=0, le=1)] = 1  # the paper chose 1
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.05  # of the functions
    engine: Engine = Field(default_factory=Engine)

    def digest(self) -> str:
        """What the run's content depends on: everything but where it lies and how many processes work on it."""
        plain = TypeAdapter(Recipe).dump_python(self, mode="json")
        plain.pop("run")
        plain["engine"].pop("workers")
        return digest(yaml.safe_dump(plain, sort_keys=True))


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises `RecipeError` with one sentence that names the file and the key."""
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); give the path of a recipe.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise RecipeError(f"{path}: must be a mapping of keys such as `name`, `run` and `sources`.")
    try:
        return TypeAdapter(Recipe).validate_python(loaded)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "unexpected_keyword_argument":
            raise RecipeError(f"{path}: unknown key `{key}`; see build/recipe.py for the keys.") from error
        raise RecipeError(f"{path}: key `{key}`: {first['msg']}.") from error
