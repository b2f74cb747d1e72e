"""Assembles the rows of the published configs from a finished run.

    codeio, codeio_pp   one row an instance, TRL's conversational prompt/completion; every response, right or wrong
    turns               the official five fields (prompt, turn_1, feedback_1, turn_2, feedback_2)
    functions           the official raw schema and the input generator; values as JSON text
    rl                  the prompt and what the verifier needs: questions of all four tasks
    steps               questions about the inside of a run, as in `rl`, with what each is about
    traces              the runs as frames, under the ids of their rationales in `codeio`

Train and test share no function: a function's split is decided by its code alone, and that of doubles by the one that stands
for them all.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from build.core.config import DataRecipe
from build.core.prompts import feedback, formatted, induction_prompt, join_turns, prediction_prompt, step_prompt
from build.core.records import Dialogue, PredictionInstance, SampledFunction, Shape, Task, Verdict, digest, fields_of
from build.core.store import Store
from build.stages.sample import TRIVIAL
from build.teachers.trace.frames import split_trace

CONFIGS = ("codeio", "codeio_pp", "turns", "functions", "rl", "steps", "traces")
_MOST_SHOWN, _MOST_SHOWN_CHARS = 5, 4000  # pairs of an induction, and characters of their texts
SPLITS = ("train", "test")
_ORDERED_AT_ONCE = 50_000  # rows in memory


def rows(config: str, split: str, store: Store, shard: int, recipe: DataRecipe) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one shard that belong to a config and a split, each with its unique key."""
    functions = {
        record.function.id: record for record in store.kept(SampledFunction, shard) if split_of(record, recipe) == split
    }
    if config == "functions":
        yield from ((record.function.id, _function_row(record)) for record in functions.values())
        return
    instances = {
        record.id: record for record in store.kept(PredictionInstance, shard) if record.function_id in functions
    }
    if config == "steps":
        yield from _step_rows(functions, instances.values(), whole=True)
        return
    dialogues = [each for each in store.kept(Dialogue, shard) if each.instance_id in instances]
    if config == "traces":
        yield from _trace_rows(dialogues, instances)
        return
    right: dict[str, list[bool]] = {}  # of the first answers to each instance
    for dialogue in dialogues:
        right.setdefault(dialogue.instance_id, []).append(dialogue.turns[0].verdict.correct)
    once: set[str] = set()  # a verifier needs an instance once
    for dialogue in dialogues:
        instance = instances[dialogue.instance_id]
        found = right[instance.id]
        if config != "rl" or instance.id not in once:
            once.add(instance.id)
            if (
                config in ("codeio", "codeio_pp")
                and recipe.rows.wrong == "drop"
                and not _judged(config, dialogue).correct
            ):
                continue
            row = _row(config, functions[instance.function_id], instance, dialogue, recipe)
            yield dialogue.id, row | ({} if config == "turns" else {"pass_rate": sum(found) / len(found)})
    if config == "rl":
        yield from _step_rows(functions, instances.values())
        if recipe.questions.induction:
            yield from _induction_rows(functions.values())


def _step_rows(
    functions: Mapping[str, SampledFunction], instances: Iterable[PredictionInstance], whole: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    for instance in instances:
        for step in instance.steps:
            key = digest(instance.id, step.kind, str(step.line), str(step.visit), step.name)
            code = functions[instance.function_id].function.code
            row = _question(key, instance.function_id, "step", step_prompt(code, instance.input, step))
            row |= {"code": code, "input": instance.input, "output": step.answer, "pass_rate": None}
            about = {"kind": step.kind, "line": step.line, "visit": step.visit or None, "variable": step.name or None}
            yield key, row | (about | {"from_end": step.from_end} if whole else {})


def _induction_rows(functions: Iterable[SampledFunction]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A question for each function that gives several outputs both in the pairs that are shown and in those that are not."""
    for sampled in functions:
        function = sampled.function
        shown, hidden = sampled.pairs[::2][:_MOST_SHOWN], sampled.pairs[1::2][:_MOST_SHOWN]
        if any(len({pair.output for pair in part}) < 2 for part in (shown, hidden)):
            continue
        if sum(len(pair.input) + len(pair.output) for pair in shown) > _MOST_SHOWN_CHARS:
            continue
        key = digest(function.id, "induction", *(pair.id for pair in (*shown, *hidden)))
        row = _question(key, function.id, "induction", induction_prompt(shown))
        inputs, outputs = (f"[{', '.join(part)}]" for part in zip(*((pair.input, pair.output) for pair in hidden)))
        yield key, row | {"code": function.code, "input": inputs, "output": outputs, "pass_rate": None}


def _trace_rows(
    dialogues: Iterable[Dialogue], instances: Mapping[str, PredictionInstance]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The runs of the pairs whose output was asked for; the first rationale of each stands for all."""
    frames = {instance.parent: instance.frames for instance in instances.values() if instance.frames}
    for dialogue in dialogues:
        instance = instances[dialogue.instance_id]
        if instance.task == "output" and (text := frames.pop(instance.parent, "")):
            prompt, completion = split_trace(text)
            about = {"id": dialogue.id, "function_id": instance.function_id, "input": instance.input}
            told = {"output": instance.output, "prompt": prompt, "completion": completion}
            yield dialogue.id, about | told | {"frames": text.count("<|action_sep|>")}


def _judged(config: str, dialogue: Dialogue) -> Verdict:
    """The verdict on the response that a row of a config ends with."""
    return (dialogue.turns[0] if config == "codeio" else dialogue.turns[-1]).verdict


def as_made(config: str, recipe: DataRecipe) -> bool:
    """Whether a config's rows come in the order of the run's shards."""
    return recipe.rows.order == "as_made" or config in ("turns", "functions", "steps", "traces")


def ordered_rows(
    config: str, split: str, store: Store, shards: Sequence[int], recipe: DataRecipe
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of all shards in the order that the recipe asks for.

    A curriculum goes by executed steps, then by the length of the code; questions that no rationale answers come last.
    Bounded memory: a part of the rows at a time, for which the shards that have some of them are read again.
    """
    if as_made(config, recipe):
        for shard in shards:
            yield from rows(config, split, store, shard, recipe)
        return
    places: list[tuple[int, int, str, int]] = []
    for shard in shards:
        steps = {each.id: each.shape.steps if each.shape else 1 << 30 for each in store.kept(PredictionInstance, shard)}
        lengths = {each.function.id: len(each.function.code) for each in store.kept(SampledFunction, shard)}
        instances = {each.id: each.instance_id for each in store.kept(Dialogue, shard)}
        for key, row in rows(config, split, store, shard, recipe):
            places.append((steps.get(instances.get(key, ""), 1 << 30), lengths[row["function_id"]], key, shard))
    places.sort()
    for low in range(0, len(places), _ORDERED_AT_ONCE):
        part = places[low : low + _ORDERED_AT_ONCE]
        wanted = {key for _, _, key, _ in part}
        found = {
            key: row
            for shard in sorted({place[3] for place in part})
            for key, row in rows(config, split, store, shard, recipe)
            if key in wanted
        }
        yield from ((key, found[key]) for _, _, key, _ in part)


def split_of(sampled: SampledFunction, recipe: DataRecipe) -> str:
    """The split of a function; the same code is always on the same side, and so are doubles."""
    key = sampled.function.group or digest(sampled.function.code)
    drawn = int(digest("split", str(recipe.seed), key), 16) / 16**20
    return "test" if drawn < recipe.test_fraction else "train"


def _row(
    config: str, sampled: SampledFunction, instance: PredictionInstance, dialogue: Dialogue, recipe: DataRecipe
) -> dict[str, Any]:
    function = sampled.function
    prompt = prediction_prompt(function, instance, recipe.prompt_order)
    first = dialogue.turns[0]
    last = dialogue.turns[-1]
    second = dialogue.turns[1] if len(dialogue.turns) > 1 else None
    third = dialogue.turns[2] if len(dialogue.turns) > 2 else None
    if config == "turns":
        return {
            "id": dialogue.id,
            "prompt": prompt,
            "turn_1": first.response,
            "feedback_1": feedback(first.verdict),
            "turn_2": second.response if second else None,
            "feedback_2": feedback(second.verdict) if second else None,
        }
    about = _question(dialogue.id, function.id, instance.task, prompt)
    if config == "rl":
        return about | {
            "code": function.code,
            "input": instance.input,
            "output": instance.output,
        }
    right = _judged(config, dialogue).correct
    completion = first.response if config == "codeio" else join_turns(dialogue)
    replaced = recipe.rows.wrong == "replace" and not right
    if replaced:
        completion = f'{{"{instance.task}": {instance.output if instance.task == "output" else instance.input}}}'
    prompt, completion = formatted(recipe.rows.format, function, instance, recipe.prompt_order, completion)
    about["prompt"] = [{"role": "user", "content": prompt}]
    told = dialogue.turns[:1] if config == "codeio" else dialogue.turns
    finishes = [turn.finish_reason for turn in told]
    keeps = recipe.teacher.reasoning == "keep" and any(turn.reasoning for turn in told)
    return about | {
        "completion": [{"role": "assistant", "content": completion}],
        "correct": right or replaced,
        "verdict_1": first.verdict.status,
        "verdict_2": second.verdict.status if second else None,
        "verdict_3": third.verdict.status if third else None,
        "sample": first.sample,
        "reasoning": "\n\n".join(turn.reasoning for turn in told if turn.reasoning) if keeps else None,
        "complete": None if replaced else (first if config == "codeio" else last).complete,
        "proof": json.dumps(
            [one for turn in told for one in turn.proof if not replaced], ensure_ascii=False, default=fields_of
        ),
        "finish_reason": "stop" if replaced else next((why for why in finishes if why != "stop"), "stop"),
        "constant": sampled.constant,
        "trivial": instance.output in TRIVIAL,
        **_shape_columns(instance),
        "code_length": len(function.code),
        "group": function.group or None,
        "teacher": first.teacher,
        "source": function.source,
        "path": function.path,
        "license": function.license,
    }


def _question(key: str, function_id: str, task: Task, prompt: str) -> dict[str, Any]:
    message = {"role": "user", "content": prompt}
    return {"id": key, "function_id": function_id, "task": task, "prompt": [message]}


def _shape_columns(instance: PredictionInstance) -> dict[str, Any]:
    if instance.shape is None:
        return dict.fromkeys(field.name for field in fields(Shape))
    return asdict(instance.shape)


def _function_row(sampled: SampledFunction) -> dict[str, Any]:
    function = sampled.function
    ios = [{"input": json.loads(pair.input), "output": json.loads(pair.output)} for pair in sampled.pairs]
    return {
        "id": function.id,
        "problem_description": function.query,
        "io_requirements": function.description,
        "refcode": function.code,
        "funcname": "main_solution",
        "ios": json.dumps(ios, ensure_ascii=False),
        "input_generator": function.generator,
        "constant": sampled.constant,
        "types": function.types or None,
        "branch_coverage": sampled.branch_coverage,
        "source": function.source,
        "category": None,
        "license": function.license,
        "meta": json.dumps({"path": function.path, "name": function.name, "unifier": function.unifier}),
    }
