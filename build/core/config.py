"""Reads and validates the data recipe, the YAML file that says everything about a run.

Every section below is a key of the file; every field has its meaning beside it. Unknown keys, wrong types and impossible
values end in one sentence that names the file and the key.
"""

import difflib
import re
import sys
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from build.core.errors import ConfigError
from build.core.records import digest

_TOLD = {  # in place of what pydantic says
    "dataclass_type": "must be a section with keys; leave it out where it has none",
    "missing": "is missing",
    "string_pattern_mismatch": "has characters that do not belong there; see build/core/config.py",
    "too_short": "needs at least one entry",
}
_STRICT = ConfigDict(extra="forbid")
_RENAMED = {  # keys of earlier versions, by section
    "": {"journal": "response_cache", "instances": "questions"},
    "sources": {"licence": "license"},
    "filters": {
        "completion": "difficulty",
        "completion_tries": "difficulty_tries",
        "completion_low": "difficulty_low",
        "completion_high": "difficulty_high",
    },
}
Positive = Annotated[int, Field(ge=1)]


@dataclass(config=_STRICT, frozen=True)
class SourceConfig:
    """Where raw code comes from. `kind` decides what `name` is.

    folder: a directory, searched for *.py but for other people's code in it (environments, vendored libraries, submodules);
    jsonl, parquet: a file, compressed or not, with a `column` of source text; hub: a dataset id on the Hub, streamed; package:
    an installed package by the name that `pip install` or `import` takes, read and never imported; wheels: a folder of wheels
    (`pip download`), read and never installed; functions: a JSON Lines or Parquet file, or a Hub dataset id, in the official
    raw schema (`problem_description, io_requirements, refcode, ios, ...`).
    """

    kind: Literal["folder", "jsonl", "parquet", "hub", "package", "wheels", "functions"]
    name: str
    license: str = "unknown"  # SPDX expression, used where a record does not bring its own
    column: str = "content"  # the column that holds the source text
    config: str | None = None  # Hub only: the dataset's config
    split: str = "train"  # Hub only
    limit: Positive | None = None  # read this many records at the most


@dataclass(config=_STRICT, frozen=True)
class CollectConfig:
    """What counts as a usable file."""

    min_bytes: Positive = 80
    max_bytes: Positive = 50_000
    # The licenses that code may have: SPDX ids; `permissive`; `unknown`, where none is stated; or `any`.
    licenses: Annotated[tuple[str, ...], Field(min_length=1)] = ("permissive", "unknown")


@dataclass(config=_STRICT, frozen=True)
class FilterConfig:
    """The paper's source filters, both off. The teacher's model does the asking."""

    reasoning_type: bool = False  # PyEdu-R: a model labels each file; algorithms and non-reasoning are dropped
    difficulty: bool = False  # CodeMix: keep functions the model completes right neither (nearly) always nor never
    difficulty_tries: Positive = 10
    difficulty_low: Annotated[float, Field(ge=0, le=1)] = 0.1
    difficulty_high: Annotated[float, Field(ge=0, le=1)] = 0.9
    max_tokens: Annotated[int, Field(ge=60)] = (
        1024  # the longest label or completion; more for a model that thinks first
    )


@dataclass(config=_STRICT, frozen=True)
class UnifyConfig:
    """Who brings files into the unified format: `static` takes what it can prove, `model` asks the teacher's model."""

    by: Literal["static", "model"] = "static"
    max_tokens: Annotated[int, Field(ge=60)] = 4096  # the paper
    repair: bool = True  # one more turn with the error
    structured: bool = False  # ask for the four sections as JSON, where the server can enforce a schema
    write_generators: bool = False  # ready functions without input generator: ask the model for one


@dataclass(config=_STRICT, frozen=True)
class DuplicatesConfig:
    """Which doubles of a function are dropped: those of the kind `drop` and of the stricter ones."""

    drop: Literal["near", "normalised", "exact", "none"] = "near"
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8  # overlap of shingles (Jaccard) from which functions are near
    against: tuple[
        SourceConfig, ...
    ] = ()  # other data sets (jsonl, parquet, hub, functions); what they have is dropped

    def __post_init__(self) -> None:
        for source in self.against:
            if source.kind in ("folder", "package", "wheels"):
                raise ValueError(f"`duplicates.against`: {source.name} is a {source.kind}; give a table of functions")


BenchmarkName = Literal[
    "all",
    "winogrande",
    "drop",
    "gsm8k",
    "math",
    "gpqa",
    "mmlu_stem",
    "leetcode_o",
    "cruxeval",
    "bbh",
    "zebralogic",
    "korbench",
    "livebench",
]


@dataclass(config=_STRICT, frozen=True)
class OwnBenchmarkConfig:
    """A benchmark of your own: a table's file or a Hub id, and the columns that hold its text and its code."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    path: str
    text: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    config: str | None = None  # Hub only
    split: str = "test"  # Hub only

    def __post_init__(self) -> None:
        if not self.text and not self.code:
            raise ValueError(f"`leaks.own`: {self.name} names no column; give `text` or `code`")


@dataclass(config=_STRICT, frozen=True)
class LeaksConfig:
    """Benchmarks that nothing in the data may repeat; none unless they are named."""

    benchmarks: tuple[BenchmarkName, ...] = ()
    data: str | None = None  # a folder with a local copy, as for `python -m eval --data`; else they come from the Hub
    own: tuple[OwnBenchmarkConfig, ...] = ()
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8  # of code: overlap of shingles that counts as a repetition


@dataclass(config=_STRICT, frozen=True)
class SamplingConfig:
    """The paper's sampling rules and limits (appendix A)."""

    draws: Positive = 1000  # input generator calls at the most
    distinct: Positive = 10  # distinct pairs to stop at
    min_pairs: Annotated[int, Field(ge=2)] = 2  # fewer: the function is dropped
    call_cpu_s: Annotated[float, Field(gt=0)] = 5.0
    function_cpu_s: Annotated[float, Field(gt=0)] = 60.0
    memory_mb: Positive = 1024
    wall_factor: Annotated[float, Field(ge=1)] = 4.0  # limit on the clock = CPU limit * this + the seconds below
    wall_slack_s: Annotated[float, Field(ge=0)] = 10.0
    result_bytes: Positive = 4_000_000  # of one call's result
    file_bytes: Annotated[int, Field(ge=0)] = 0  # that may be written, where anything may be written at all


@dataclass(config=_STRICT, frozen=True)
class QuestionConfig:
    """Which of the verified pairs become questions."""

    pairs_per_function: Positive = 3  # the paper: 3 (CodeMix), 6 (PyEdu-R), 10 (other)
    prefer_told: bool = True  # trace teacher only: pairs whose run can be told completely come first
    # Which pairs are asked: those with different outputs first; or those that take branches which the ones before do not.
    select: Literal["outputs", "coverage"] = "outputs"
    pairs_per_output: Positive | None = None  # of one function, with the same output
    tasks: Annotated[tuple[Literal["output", "input"], ...], Field(min_length=1)] = ("output", "input")
    per_function: Positive | None = None  # questions about a function; half of the functions begin with each task
    subset: Annotated[float, Field(gt=0, le=1)] = (
        1.0  # share of the questions, drawn; a smaller one is part of a larger one
    )
    # Beside them, for the configs `steps`, `traces` and `rl`, from the runs of the pairs that are asked about:
    steps: Annotated[int, Field(ge=0)] = 3  # questions about what happens inside a run, of a function
    traces: bool = True  # the runs as frames
    induction: bool = True  # a question for the function itself, where enough pairs are left to judge it


RowFormat = Literal[
    "query+code -> rationale", "query -> rationale", "code -> rationale", "query -> code+rationale", "query -> code"
]


@dataclass(config=_STRICT, frozen=True)
class RowsConfig:
    """What a row of `codeio` and `codeio_pp` is made of. Nothing here changes what is asked or answered."""

    format: RowFormat = "query+code -> rationale"  # prompt -> completion
    # Rows whose last response is wrong: kept, left out, or with the bare right answer instead of the response.
    wrong: Literal["keep", "drop", "replace"] = "keep"
    order: Literal["as_made", "curriculum"] = "as_made"  # curriculum: few executed steps first (also in `rl`)


@dataclass(config=_STRICT, frozen=True)
class BudgetConfig:
    """Where a language model stops being asked, over all processes of a run; what is under way in them then is waited for,
    kept, and so may bring it above."""

    requests: Positive | None = None
    tokens: Positive | None = None  # prompt and completion together
    cost: Annotated[float, Field(gt=0)] | None = None  # in the currency of `prices`


@dataclass(config=_STRICT, frozen=True)
class PriceConfig:
    """What a million tokens cost, in one currency of your own."""

    prompt: Annotated[float, Field(ge=0)] = 0.0
    completion: Annotated[float, Field(ge=0)] = 0.0


@dataclass(config=_STRICT, frozen=True)
class TeacherConfig:
    """Who answers. `trace` needs no model; openai: any OpenAI-compatible endpoint; transformers, vllm: in this process."""

    name: Literal["trace", "openai", "transformers", "vllm"] = "trace"
    max_tokens: Annotated[int, Field(ge=60)] = (
        4096  # the longest answer (the paper's); the trace teacher stays far below
    )
    search_tries: Positive = (
        4  # trace: how long it compares inputs, some six at a time, before it settles for the nearest
    )
    model: str = ""  # openai: its name at the endpoint; transformers, vllm: a folder or a Hub id
    temperature: Annotated[float, Field(ge=0)] = 0.7  # the paper
    samples: Positive = 1  # answers per instance; the share that is right is the column pass_rate
    cut_answers: Literal["drop", "keep"] = "drop"  # answers that reach `max_tokens`: rejects, or rows that end anywhere
    # Output questions. tell: the run is handed to the model to retell; report: its answers are also held against the trace
    # and counted; reject: those that the trace refutes are dropped
    grounding: Literal["off", "tell", "report", "reject"] = "off"
    # grounding `reject`: answers go where a larger share of the sentences that could be judged is refuted
    grounding_refuted: Annotated[float, Field(ge=0, le=1)] = 0.2
    # openai: further fields of a request's body, such as {top_p: 0.95}; null leaves one out that is sent otherwise.
    extra_body: dict[str, Any] = Field(default_factory=dict)
    reasoning: Literal["keep", "drop"] = "keep"  # publish what a reasoning model thought, as the column `reasoning`
    # From here on nothing changes what is asked or answered, so a run may go on with other settings.
    endpoints: tuple[str, ...] = ()  # openai: base URLs, such as http://localhost:8000/v1
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None  # openai: it holds the key
    # openai: requests under way per worker and endpoint; transformers: requests in a batch; vllm: requests handed over at
    # once, some hundreds for its continuous batching
    concurrency: Positive = 16
    timeout_s: Annotated[float, Field(gt=0)] = 600.0  # openai: for a whole answer
    patience_s: Annotated[float, Field(gt=0)] = 600.0  # openai: how long a request is tried again before the run stops
    budget: BudgetConfig = Field(default_factory=BudgetConfig)
    prices: PriceConfig = Field(default_factory=PriceConfig)

    @property
    def is_model(self) -> bool:
        return self.name != "trace"


@dataclass(config=_STRICT, frozen=True)
class EngineConfig:
    workers: Positive = 2  # local processes
    shard_size: Positive = 16  # files a shard: what a kill can cost


@dataclass(config=_STRICT, frozen=True)
class DataRecipe:
    """One run. Relative paths are relative to the working directory."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    run: Path  # the run folder: resumed when it exists
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    seed: int = 0
    stages: tuple[str, ...] = ()  # build.stages.STAGES; or names of these and dotted paths of your own, in order
    collect: CollectConfig = Field(default_factory=CollectConfig)
    filters: FilterConfig = Field(default_factory=FilterConfig)
    unify: UnifyConfig = Field(default_factory=UnifyConfig)
    duplicates: DuplicatesConfig = Field(default_factory=DuplicatesConfig)
    leaks: LeaksConfig = Field(default_factory=LeaksConfig)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    questions: QuestionConfig = Field(default_factory=QuestionConfig)
    teacher: TeacherConfig = Field(default_factory=TeacherConfig)
    prompt_order: Literal["paper", "shared"] = "paper"  # shared: a function's common parts first, for prefix caches
    revisions: Annotated[int, Field(ge=0, le=2)] = 1  # the paper chose 1
    rows: RowsConfig = Field(default_factory=RowsConfig)
    test_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.05  # of the functions
    engine: EngineConfig = Field(default_factory=EngineConfig)
    response_cache: Path | None = None  # the folder of models' answers: RUN/response_cache, or one that runs share

    def __post_init__(self) -> None:
        teacher, unify = self.teacher, self.unify
        if self.sampling.min_pairs > self.sampling.distinct:
            raise ValueError("`sampling.min_pairs` is over `sampling.distinct`, so no function could be kept")
        if teacher.is_model and not teacher.model:
            raise ValueError(f"`teacher.model` is missing; the teacher `{teacher.name}` needs to know which model")
        if teacher.name == "openai" and not teacher.endpoints:
            raise ValueError("`teacher.endpoints` is missing; give at least one base URL")
        if teacher.extra_body and teacher.name != "openai":
            raise ValueError("`teacher.extra_body` is for the teacher `openai`")
        for key in {"messages", "model", "n", "stream"} & teacher.extra_body.keys():
            raise ValueError(f"`teacher.extra_body` cannot change `{key}`")
        for url in teacher.endpoints:
            if not re.fullmatch(r"https?://[^/?#@\s]+[^?#@\s]*", url):  # a key has no place in it
                raise ValueError("`teacher.endpoints`: give http(s) base URLs without user, password or query")
        if teacher.budget.cost and not (teacher.prices.prompt or teacher.prices.completion):
            raise ValueError("`teacher.budget.cost` needs `teacher.prices`")
        asked = unify.by == "model" or unify.write_generators or self.filters.reasoning_type or self.filters.difficulty
        if asked and not teacher.is_model:
            raise ValueError(
                "`unify` and `filters` need a language model here; set `teacher.name` to one, not to `trace`"
            )
        if unify.structured and teacher.name == "transformers":
            raise ValueError("`unify.structured` needs the teacher `openai` or `vllm`")

    def content(self) -> dict[str, Any]:
        """What the run's content depends on, as plain data: not where things lie, how many work, nor what it may cost."""
        plain = TypeAdapter(DataRecipe).dump_python(self, mode="json")
        for key in ("run", "response_cache"):
            plain.pop(key)
        plain["engine"].pop("workers")
        for key in ("endpoints", "key_variable", "concurrency", "timeout_s", "patience_s", "budget", "prices"):
            plain["teacher"].pop(key)
        return plain

    def digest(self) -> str:
        return digest(yaml.safe_dump(self.content(), sort_keys=True))


def read_data_recipe(path: Path) -> DataRecipe:
    """The recipe in a YAML file. Raises `ConfigError` with one sentence that names the file and the key.

    Keys of earlier versions still work; each is named on standard error with its new name.
    """
    loaded = _read_yaml(path, ())
    try:
        return TypeAdapter(DataRecipe).validate_python(loaded)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error


def _read_yaml(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe's keys over those of the recipe that its key `base` names, relative to it; sections are joined key by key."""
    try:
        loaded = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a recipe.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: must be a mapping of keys such as `name`, `run` and `sources`.")
    _use_new_names(path, loaded)
    if "base" not in loaded:
        return loaded
    base = loaded.pop("base")
    if not isinstance(base, str):
        raise ConfigError(f"{path}: key `base`: must be the path of another recipe.")
    if path.resolve() in above:
        raise ConfigError(f"{path}: key `base`: the recipes name each other in a circle.")
    return _joined(_read_yaml(path.parent / base, (*above, path.resolve())), loaded)


def _joined(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    sections = [key for key in over if isinstance(base.get(key), dict) and isinstance(over[key], dict)]
    return base | over | {key: _joined(base[key], over[key]) for key in sections}


def _use_new_names(path: Path, loaded: dict[str, Any]) -> None:
    """Give keys of earlier versions their new names, and say so. Raises `ConfigError` where a section has both."""
    for section, names in _RENAMED.items():
        part: Any = loaded.get(section) if section else loaded
        for keys in part if isinstance(part, list) else [part]:
            for old in sorted(names.keys() & keys.keys()) if isinstance(keys, dict) else ():
                if names[old] in keys:
                    raise ConfigError(f"{path}: `{names[old]}` is the new name of `{old}`; give only the new one.")
                keys[names[old]] = keys.pop(old)
                _say_once(f"{path}: the key `{old}` is now called `{names[old]}`; please rename it.")
    teacher = loaded.get("teacher")
    if isinstance(teacher, dict) and isinstance(teacher.get("grounding"), bool):
        # YAML reads the word `off` as false.
        if teacher["grounding"]:
            _say_once(f"{path}: `teacher.grounding: true` is now called `report`; please rename it.")
        teacher["grounding"] = "report" if teacher["grounding"] else "off"
    if isinstance(teacher, dict) and teacher.get("name") == "hf":
        teacher["name"] = "transformers"
        _say_once(f"{path}: the teacher `hf` is now called `transformers`; please rename it.")


@cache
def _say_once(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _explain(error: ValidationError) -> str:
    """The first problem of a recipe as one sentence; an unknown key comes first, since it is often the cause of the rest."""
    unknown = [one for one in error.errors() if one["type"] == "unexpected_keyword_argument"]
    first = (unknown or error.errors())[0]
    key = ".".join(str(part) for part in first["loc"])
    if not key:
        return f"{first['msg'].removeprefix('Value error, ')}."
    general = ".".join(part for part in key.split(".") if not part.isdigit())
    if unknown:
        section, _, last = general.rpartition(".")
        near = difflib.get_close_matches(last, _keys_of(section), n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"the keys here are {', '.join(_keys_of(section))}."
        return f"unknown key `{key}`; {hint}"
    return f"key `{key}`: {_TOLD.get(first['type'], first['msg'])}."


def _keys_of(section: str) -> list[str]:
    """The keys of a section of the recipe, named by its path."""
    kind: Any = DataRecipe
    for part in section.split(".") if section else ():
        hint = get_type_hints(kind)[part]
        kind = next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), hint)
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []
