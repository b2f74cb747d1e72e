"""BIG-Bench Hard (Suzgun et al., 2022, arXiv 2210.09261): 27 tasks on which models lagged, 3-shot with chains of thought.

Data: SaylorTwift/bbh, 27 configs, split test, 6,511 items: 250 a task but causal_judgement 187, penguins_in_a_table
146, snarks 178.
Row: {"input", "target", "task"} (`task` is the config's name). The three shots of a task are the authors', as lm-eval
ships them (lm_eval/tasks/bbh/cot_fewshot); they are shown in one user turn.
Metric: exact match, over items, and the mean over tasks beside it. Extraction is ours: what follows the last "answer
is", without markup and a final full stop; an option `(A)` for multiple choice; yes/no, true/false and valid/invalid
in any case; blanks are normalised for dyck_languages and word_sorting. `reference_answer` is the rule that the
published accuracies of code-davinci-002 follow.
BIG-Bench carries a canary string: its items must never be trained on.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from eval.scorers import UNANSWERED, Score
from eval.scorers.extract import last_answer_line, last_boxed, tail

VERSION = 2

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

_MARKERS = ("answer is", "答案是", "答案为")
_OPTION = re.compile(r"[(（]\s*([A-Z])\s*[)）]")
_BARE_OPTION = re.compile(r"[\s*:：$]*(?:(?i:option)\s+)?([A-R])(?![A-Za-z])")
_WRAPPING = re.compile(r"\\(?:boxed|text|textbf|mathrm)\{|[{}$]")
_WORDS = {
    **{"yes": "yes", "no": "no", "是": "yes", "否": "no", "不是": "no"},
    **{"true": "true", "false": "false", "真": "true", "假": "false"},
    **{"valid": "valid", "invalid": "invalid"},
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
    answer = extract(response)
    if answer is None:
        return UNANSWERED
    return Score(float(normalise(answer, row["target"]) == normalise(row["target"], row["target"])))


def extract(response: str) -> str | None:
    """The text of the answer, as it stands in the response."""
    text = tail(response)
    at, marker = max((text.lower().rfind(marker), marker) for marker in _MARKERS)
    if at >= 0:
        lines = text[at + len(marker) :].lstrip(" :：*\n").split("\n", 1)
        if lines[0].strip():
            return lines[0]
    return last_answer_line(response) or last_boxed(response)


def normalise(answer: str, target: str) -> str:
    """The answer in the form of the target's kind, for comparison."""
    answer = answer[:2000].strip().strip("*_`\"'“”$ ").strip()
    if re.fullmatch(r"\([A-Z]\)", target) or target.lower() in _WORDS:
        answer = _WRAPPING.sub("", answer)
    if re.fullmatch(r"\([A-Z]\)", target):
        match = _OPTION.search(answer) or _BARE_OPTION.match(answer)
        return f"({match.group(1)})" if match else answer
    if target.lower() in _WORDS:
        word = re.match(r"[\s*(（]*(不是|[是否真假]|[A-Za-z]+)", answer)
        return _WORDS.get(word.group(1).lower(), answer) if word else answer
    if re.fullmatch(r"-?\d+", target):
        number = re.search(r"-?\d{1,30}", answer.replace(",", "").replace("−", "-"))
        return number.group() if number else answer
    return " ".join(answer.rstrip(".。").strip("*_`\"'$ ").replace(",", " ").split())


def reference_answer(prediction: str) -> str:
    """The published rule: what follows "the answer is " up to the line's end, without a final full stop."""
    match = re.search(r"the answer is (.*?)\.?$", head_paragraph(prediction), re.MULTILINE)
    return match.group(1) if match else ""


def head_paragraph(text: str) -> str:
    """What stands before the first blank line."""
    return text.split("\n\n", 1)[0]
