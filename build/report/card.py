"""Writes the dataset card: what the dataset is, where its code comes from, what became of it, and a picture of the lengths.

Every figure is counted from the run's own files at the time of writing; nothing here is typed in by hand.
"""

import io
import json
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from tabulate import tabulate

from build.core.config import DataRecipe
from build.core.licenses import hub_ids
from build.core.prompts import PROMPT_VERSION
from build.core.records import Dialogue, PredictionInstance, SampledFunction
from build.core.store import Store
from build.core.tokens import count_tokens
from build.report.folder import config_entry
from build.report.quality import Quality, quality_of, quality_plot, quality_tables
from build.report.summary import cost_table, pairs_table, telling_table, verdict_table, yield_table
from build.stages.assemble import CONFIGS, SPLITS, rows

_CONFIG_WORDS = {
    "codeio": "prompt -> first response, right or wrong (stage 1 of the paper)",
    "codeio_pp": "prompt -> first response, check, second response, check, as one text (CODEI/O++)",
    "turns": "the official five fields, and the id",
    "functions": "the official raw schema and the input generator; values as JSON text",
    "rl": "questions of all four tasks with code and pair: what a verifier needs",
    "steps": "the questions about the inside of a run: value, branch, rounds of a loop, next line, exception",
    "traces": "the runs as frames of Code World Model; `id` is that of the rationale in `codeio`",
}
_CITATION = """```bibtex
@inproceedings{li2025codeio,
  title = {{CodeI/O}: Condensing Reasoning Patterns via Code Input-Output Prediction},
  author = {Li, Junlong and Guo, Daya and Yang, Dejian and Xu, Runxin and Wu, Yu and He, Junxian},
  booktitle = {Proceedings of the 42nd International Conference on Machine Learning},
  year = {2025},
  url = {https://arxiv.org/abs/2502.07316}
}
```"""
FRAMEWORKS = ("verifiers", "openenv", "nemo-gym", "trl", "verl")  # that recipes/environments has a package for


def write_card(recipe: DataRecipe, store: Store, folder: Path, examples: dict[str, dict[str, int]]) -> None:
    """README.md with the YAML that `load_dataset` needs, and lengths.png, into a dataset folder.

    `examples`: the number of rows by config and split.
    """
    tokens, origins, quality = _lengths(store), _origins(store), quality_of(store)
    store.write(folder / "lengths.png", _histogram(tokens))
    store.write(folder / "quality.png", quality_plot(quality))
    hub_sources = sorted(source.name for source in recipe.sources if source.kind == "hub")
    header = {
        "pretty_name": f"CodeI/O: {recipe.name}",
        **_license(hub_ids({license for _, license, _ in origins})),
        "language": ["en", "code"],
        "task_categories": ["text-generation"],
        "size_categories": [size_category(sum(examples["codeio_pp"].values()))],
        "source_datasets": hub_sources or ["original"],
        "tags": ["code", "reasoning", "synthetic", "codeio", "rl-environment", *FRAMEWORKS],
        "configs": [config_entry(name, examples[name], folder) for name in CONFIGS],
    }
    front = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    store.write(
        folder / "README.md", f"---\n{front}---\n{_card_text(recipe, store, examples, tokens, origins, quality)}"
    )


def size_category(count: int) -> str:
    """The Hub's class of a number of rows."""
    ends = ("1K", "10K", "100K", "1M", "10M", "100M", "1B")
    reached = sum(count >= 1000 * 10**place for place in range(len(ends)))
    if not reached:
        return "n<1K"
    return f"{ends[reached - 1]}<n<{ends[reached]}" if reached < len(ends) else "n>1B"


def _license(ids: list[str]) -> dict[str, Any]:
    """The keys of the header that state the license; one that the Hub has no id for is told by a file."""
    if ids == ["other"]:
        return {"license": "other", "license_name": "several", "license_link": "ATTRIBUTION.md"}
    return {"license": ids[0] if len(ids) == 1 else ids}


def _sample_row(recipe: DataRecipe, store: Store) -> str:
    """The shortest row of the first shard that has one in `codeio_pp`, as JSON; the long column `proof` is cut."""
    for split in SPLITS:
        for shard in range(store.shards() or 0):
            if found := [row for _, row in rows("codeio_pp", split, store, shard, recipe)]:
                row = min(found, key=lambda each: len(str(each["prompt"])) + len(str(each["completion"])))
                short = row["proof"] if len(row["proof"]) <= 100 else f"{row['proof'][:100]}..."
                return json.dumps(row | {"proof": short}, indent=2, ensure_ascii=False)
    return "{}"


def _card_text(
    recipe: DataRecipe,
    store: Store,
    examples: dict[str, dict[str, int]],
    tokens: dict[str, list[int]],
    origins: Counter[tuple[str, str, bool]],
    quality: Quality,
) -> str:
    provenance = tabulate(
        [
            [source, license, "drawn" if drawn else "recorded", n]
            for (source, license, drawn), n in sorted(origins.items())
        ],
        ["source", "license", "inputs", "functions"],
        tablefmt="github",
    )
    configs = tabulate(
        [[f"`{name}`", *(examples[name].get(split, 0) for split in SPLITS), _CONFIG_WORDS[name]] for name in CONFIGS],
        ["config", *SPLITS, "what a row is"],
        tablefmt="github",
    )
    lengths = tabulate(
        [[name, len(found), median(found), max(found)] for name, found in tokens.items() if found],
        ["first responses", "number", "median tokens", "longest"],
        tablefmt="github",
    )
    return f"""
# {recipe.name}

Reasoning data made from ordinary Python code by the method of CodeI/O (Li et al., ICML 2025): a function and its executed
inputs and outputs become questions, a teacher answers them in words, and execution judges every answer. Teacher:
`{recipe.teacher.name}`{f" ({recipe.teacher.model})" if recipe.teacher.model else ""}. Prompts: version {PROMPT_VERSION}.

{configs}

```python
from datasets import load_dataset

data = load_dataset("ORG/NAME", "codeio_pp")  # the repository, or the folder that this card lies in
```

Train and test share no function. All responses are kept, right or wrong; in `codeio` and `codeio_pp` the verdict columns,
`correct` (the last response of the config) and `pass_rate` (of all first responses to a question) let you filter. Values are
canonical JSON text.

## A row of `codeio_pp`

```json
{_sample_row(recipe, store)}
```

## Provenance

{provenance}

Each row of `codeio`, `codeio_pp` and `functions` names the source and the license of its function's code, and the path of the
file; `function_id` leads there from `rl`. The code keeps its license. Questions are worded from the code and its
documentation, answers are the teacher's. "unknown" is code whose license neither the recipe nor the source names, and
`LicenseRef-...` code below a license text of its own in the source.

## Yield

{yield_table(store)}

`units` is what the received records came to (a file may hold several functions); units = kept + surplus + rejected in
every row. The surplus is sound: questions about pairs beyond the recipe's `questions.pairs_per_function`.
Every pair was executed twice, in two processes that differ in hash seed, random seeds and clock.

{pairs_table(store)}

Branches are the two ways of each `if`, `while`, conditional expression and filter in the functions that the pairs enter,
without those that end in `raise` (column `branch_coverage` of `functions`; there also `types` and `constant`).

## Verdicts

{verdict_table(store)}

{cost_table(recipe, store)}
{_tellings(store)}{_inside(recipe, store)}
## Quality

{quality_tables(store, quality)}

![Doubles and leaks, licenses, executed steps, right answers](quality.png)

ATTRIBUTION.md names the files that the functions come from, with their notices of copyright.

## Lengths

{lengths}

![Tokens of the first responses](lengths.png)

Tokens are estimated without a tokenizer (`build.core.tokens`).

## Limits

- A pair says what this code does, not what its author meant.
- Inputs that are drawn come from generators, so they are small and often artificial.
- A function that behaves the same in both processes is believed to be deterministic; rarer dependence can stay unseen.
- Code that lies about its results in the same way in both processes forges a pair.
- The code ran under these layers of the sandbox: {_layers(store)}.
{_teacher_limits(recipe)}
## Citation

{_CITATION}
"""


def _tellings(store: Store) -> str:
    table = telling_table(store)
    if not table:
        return ""
    return f"""
## Tellings

{table}

A telling is complete (column `complete`) when every statement that changed or decided something is told with what it needs;
rounds of a loop may be folded where they are alike step by step. `proof` is a JSON list with, for each sentence, the lines of
the code and the events of the trace that prove it.
"""


def _inside(recipe: DataRecipe, store: Store) -> str:
    """What is asked beside outputs and inputs."""
    shards = range(store.shards() or 0)
    steps: dict[str, list[int]] = {}
    for step in (step for n in shards for each in store.kept(PredictionInstance, n) for step in each.steps):
        steps.setdefault(step.kind, []).append(step.from_end)
    table = tabulate(
        [[kind, len(found), median(found)] for kind, found in sorted(steps.items())],
        ["question about a step", "number", "lines executed after it, median"],
        tablefmt="github",
    )
    asked = f"""
{table}

Config `steps`, and task `step` of `rl`: what a variable is after a line, whether a condition holds, how often a loop begins a
round, which line comes next, which exception comes. The answers come from traces of the run in two processes, which agree;
`from_end` counts the lines that are executed afterwards.
"""
    induction = """
Task `induction` of `rl` shows up to five pairs of a function and asks for the function, which is judged on up to five others:
`input` and `output` are lists of those, `code` is the function that gave them.
"""
    told = f"{asked if steps else ''}{induction if recipe.questions.induction else ''}"
    return f"\n## Steps and induction\n{told}" if told else ""


def _teacher_limits(recipe: DataRecipe) -> str:
    if recipe.teacher.name != "trace":
        return ""
    return (
        "- The trace teacher tells in words what was executed. Its answers to output questions come from the execution;\n"
        "  those to input questions from working back and a search, so some are wrong (see the verdicts).\n"
    )


def _layers(store: Store) -> str:
    """The layers that confined the code, of each part of a run that went on under others."""
    manifest = store.manifest()
    parts = [each["isolation"] for each in (manifest, *manifest.get("resumed_under", []))]
    told = [f"{_names(part['active'])} (missing: {_names(part['missing'])})" for part in parts]
    return "; later ".join(dict.fromkeys(told))


def _names(layers: dict[str, str]) -> str:
    return ", ".join(layers) or "none"


def _origins(store: Store) -> Counter[tuple[str, str, bool]]:
    """How many functions each source and license gave, and whether their inputs were drawn by a generator."""
    found: Counter[tuple[str, str, bool]] = Counter()
    for shard in range(store.shards() or 0):
        functions = (record.function for record in store.kept(SampledFunction, shard))
        found.update((each.source, each.license, each.generator is not None) for each in functions)
    return found


def _lengths(store: Store) -> dict[str, list[int]]:
    """Estimated tokens of the first responses, by task."""
    tokens: dict[str, list[int]] = {"output": [], "input": []}
    for shard in range(store.shards() or 0):
        tasks = {record.id: record.task for record in store.kept(PredictionInstance, shard)}
        for dialogue in store.kept(Dialogue, shard):
            tokens[tasks[dialogue.instance_id]].append(count_tokens(dialogue.turns[0].response))
    return tokens


def _histogram(tokens: dict[str, list[int]]) -> bytes:
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    longest = max((max(found) for found in tokens.values() if found), default=1)
    axes.hist(
        list(tokens.values()),
        bins=range(0, longest + 20, max(longest // 25, 1)),
        label=[f"{task} prediction" for task in tokens],
    )
    axes.set_xlabel("tokens of the first response (estimated)")
    axes.set_ylabel("questions")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
