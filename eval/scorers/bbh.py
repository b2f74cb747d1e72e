"""Asks and scores BIG-Bench Hard (Suzgun et al., 2022, arXiv 2210.09261): 27 tasks, 3-shot with chains of thought.

Data: SaylorTwift/bbh, 27 configs, split test, 6,511 items: 250 a task but causal_judgement 187, penguins_in_a_table
146, snarks 178.
Row: {"input", "target", "task"} (`task` is the config's name). The three shots of a task are the authors', as lm-eval
ships them (lm_eval/tasks/bbh/cot_fewshot); they are shown in one user turn.
Metric: exact match, over items, and the mean over tasks beside it. The answer is read by `eval.scorers.reading` in the
form of the item's target: an option `(A)`, also where its text is named; yes/no, true/false and valid/invalid in any case; a
number; brackets; words. `reference_answer` is the rule that the published accuracies of code-davinci-002 follow.
BIG-Bench carries a canary string: its items must never be trained on.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.choices import choice, concluded_choice
from eval.scorers.dress import undressed
from eval.scorers.numbers import concluded_number, number
from eval.scorers.texts import bullets, concluded_word, literal_list, word

VERSION = 3

TASKS = {
    "boolean_expressions": 250,
    "causal_judgement": 187,
    "date_understanding": 250,
    "disambiguation_qa": 250,
    "dyck_languages": 250,
    "formal_fallacies": 250,
    "geometric_shapes": 250,
    "hyperbaton": 250,
    "logical_deduction_five_objects": 250,
    "logical_deduction_seven_objects": 250,
    "logical_deduction_three_objects": 250,
    "movie_recommendation": 250,
    "multistep_arithmetic_two": 250,
    "navigate": 250,
    "object_counting": 250,
    "penguins_in_a_table": 146,
    "reasoning_about_colored_objects": 250,
    "ruin_names": 250,
    "salient_translation_error_detection": 250,
    "snarks": 178,
    "sports_understanding": 250,
    "temporal_sequences": 250,
    "tracking_shuffled_objects_five_objects": 250,
    "tracking_shuffled_objects_seven_objects": 250,
    "tracking_shuffled_objects_three_objects": 250,
    "web_of_lies": 250,
    "word_sorting": 250,
}

_OPTION = re.compile(r"^[ \t]*\(([A-R])\)[ \t]*(.*)$", re.MULTILINE)
_WORDS: dict[str, dict[str, str]] = {
    "yes no": {
        "yes": "yes",
        "no": "no",
        "是": "yes",
        "否": "no",
        "不是": "no",
        "是的": "yes",
        "否定": "no",
        "是否定的": "no",
        "肯定": "yes",
    },
    "true false": {
        "true": "true",
        "false": "false",
        "真": "true",
        "假": "false",
        "正确": "true",
        "错误": "false",
        "不正确": "false",
    },
    "valid invalid": {
        "valid": "valid",
        "invalid": "invalid",
        "not valid": "invalid",
        "有效": "valid",
        "无效": "invalid",
    },
}


def prompt(row: dict[str, Any]) -> str:
    description, shots = _shots(row["task"])
    parts = [description.strip()]
    parts += [f"Q: {question}\nA: Let's think step by step.\n{answer}" for question, answer in shots]
    parts.append(f"Q: {row['input']}\nA: Let's think step by step.")
    return "\n\n".join(parts)


@cache
def _shots(task: str) -> tuple[str, list[tuple[str, str]]]:
    """The task's instruction and its three (question, answer) pairs, from lm-eval's files."""
    if task not in TASKS:
        raise ValueError(f"BBH has no task {task!r}; it has {', '.join(TASKS)}")
    text = (files("lm_eval") / "tasks" / "bbh" / "cot_fewshot" / f"{task}.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, Loader=yaml.BaseLoader)
    return document["description"], [(shot["input"], shot["target"]) for shot in document["fewshot_config"]["samples"]]


def score(row: dict[str, Any], response: str) -> Score:
    answer = extract(row, response)
    return UNANSWERED if answer is None else Score(float(answer == _normal(row["target"])))


def extract(row: dict[str, Any], response: str) -> str | None:
    """The answer in the form of the item's target: "(A)", "yes", a number, or words with one blank between them."""
    target = row["target"]
    if re.fullmatch(r"\([A-Z]\)", target):
        options = dict(_OPTION.findall(row.get("input", ""))) or dict.fromkeys("ABCDEFGHIJKLMNOPQR", "")
        letter = reading.answer(response, choice(options), lambda text: concluded_choice(text, options))
        return None if letter is None else f"({letter})"
    words = next((words for pair, words in _WORDS.items() if target.lower() in pair.split()), None)
    if words is not None:
        return reading.answer(response, word(words), lambda text: concluded_word(text, words))
    if re.fullmatch(r"-?\d+", target):
        found = reading.answer(response, number, concluded_number)
        return None if found is None else str(found)
    if not re.search(r"\w", target):
        return reading.answer(response, _symbols)
    return reading.answer(response, lambda statement: _word_list(statement, row.get("input", target)))


def _word_list(statement: reading.Statement, question: str) -> str | None:
    """Words of the question in their order, from a line, a list or bullets."""
    if statement.mark in ("conclusion", "alone"):
        return None
    items = bullets(statement.block)
    text = " ".join(items) if len(items) > 1 else undressed(statement.text)
    said = _normal(" ".join(literal_list(text) or [undressed(text)]))
    known = set(_normal(question).split())
    return said if known.intersection(said.split()) else None


def _symbols(statement: reading.Statement) -> str | None:
    """The brackets of a statement, with one blank between them; Markdown and words around them go."""
    if statement.mark in ("conclusion", "alone"):
        return None
    text = re.sub(r"\\(?:boxed|text|texttt|mathtt)\{(.*)\}", r"\1", statement.text)
    quoted = re.search(r"`([^`]+)`|\"([^\"]+)\"|'([^']+)'", text)
    kept = re.sub(r"[^][(){}<>]", "", next(filter(None, quoted.groups())) if quoted else text)
    return " ".join(kept) or None


def _normal(text: str) -> str:
    """Lowered words and symbols with one blank between them, without commas and a final full stop."""
    if re.fullmatch(r"\([A-Z]\)", text):
        return text
    text = text.strip().rstrip(".。").strip("*_`\"'$ ")
    return " ".join(re.sub(r"[,;，、]|->|→", " ", text).lower().split())


def reference_answer(prediction: str) -> str:
    """The published rule: what follows "the answer is " up to the line's end, without a final full stop."""
    match = re.search(r"the answer is (.*?)\.?$", head_paragraph(prediction), re.MULTILINE)
    return match.group(1) if match else ""


def head_paragraph(text: str) -> str:
    """What stands before the first blank line."""
    return text.split("\n\n", 1)[0]


def read_files(file: Callable[[str], Path], tasks: Iterable[str] = tuple(TASKS)) -> list[dict[str, Any]]:
    """The rows of a local copy: a file a task, as in the benchmark's repository; a part of the tasks is enough."""
    return [
        {"input": example["input"], "target": example["target"], "task": task}
        for task in sorted(tasks)
        if (path := file(f"{task}.json")).is_file()
        for example in json.loads(path.read_text(encoding="utf-8"))["examples"]
    ]


BENCHMARK = Benchmark(
    "bbh_en",
    "BBH-EN",
    sum(TASKS.values()),
    (Source("SaylorTwift/bbh", configs=tuple(TASKS), add="task"),),
    ("input", "target", "task"),
    VERSION,
    prompt,
    score,
    "bbh",
    group=lambda row: row["task"],
    question=lambda row: [row["input"]],
    files=read_files,
)
