"""Asks and scores BBH-ZH (ours): nine BBH tasks in Chinese, translated by rules.

The paper translated nine tasks of BIG-Bench Hard and did not release them. Eight of the nine come from templates and the
ninth (dates) from about forty sentences, so rules translate them (`eval/data/bbh_zh.yaml`, written for this project). This
is not the paper's test set: its figures stand beside the paper's column by name only.

Data: the same rows as BBH-EN, 9 x 250 = 2,250 items; a sentence that no rule covers is an error, never left in English. The
target keeps its English form: `(A)`, `Yes`, `True` or a number; option letters and their order are kept. Names of people
stay as they are. Three examples a task, in one user turn, were written for this project (`eval/data/bbh_zh_shots.yaml`).
Metric: exact match, read as in BBH, which also knows 答案是, 是/否, 真/假 and full-width brackets.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from eval.benchmark import Benchmark, Source
from eval.scorers import Score, bbh

VERSION = 2

TASKS = (
    "boolean_expressions",
    "date_understanding",
    "logical_deduction_five_objects",
    "navigate",
    "object_counting",
    "reasoning_about_colored_objects",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "web_of_lies",
)
_COUNTS = {"a": "一", "an": "一", "one": "一", "two": "两", "three": "三", "four": "四", "five": "五", "six": "六"}
_HOLDS = re.compile(r"(\w+) (is dancing with|gets|is playing|has an?) (.+)")
_HELD = {"is dancing with": "与{}跳舞", "gets": "得到{}", "is playing": "担任{}", "has a": "拿着{}", "has an": "拿着{}"}
_SWAP = re.compile(r"(\w+) and (\w+) (?:switch|swap|trade) (partners|books|positions|their gifts|balls)")
_SWAPPED = {"partners": "舞伴", "books": "书", "positions": "位置", "their gifts": "礼物", "balls": "球"}


def prompt(row: dict[str, Any]) -> str:
    task = row["task"]
    parts = [_tables()["instructions"][task]]
    for shot in _shots()[task]:
        parts.append(
            f"问：{translate(task, shot['input'])}\n答：让我们一步一步地思考。\n{shot['reasoning']}所以答案是{shot['target']}。"
        )
    parts.append(f"问：{translate(task, row['input'])}\n答：让我们一步一步地思考。")
    return "\n\n".join(parts)


def score(row: dict[str, Any], response: str) -> Score:
    return bbh.score(row | {"input": _shown(row)}, response)


def _shown(row: dict[str, Any]) -> str:
    """The question as the model saw it, so that options can be named in Chinese."""
    return translate(row["task"], row["input"]) if "input" in row and "task" in row else ""


def translate(task: str, question: str) -> str:
    """The Chinese question. Raises ValueError with the sentence that no rule covers."""
    body, has_options, options = question.strip().partition("\nOptions:\n")
    lines = ["".join(_sentence(task, part) for part in _sentences(task, line)) for line in body.split("\n")]
    if has_options:
        lines.append("选项：")
        for option in options.split("\n"):
            mark, _, text = option.partition(" ")
            lines.append(f"{mark} {_option(task, text)}")
    return "\n".join(lines)


def _sentences(task: str, line: str) -> list[str]:
    if task == "boolean_expressions":
        return [line]
    if task == "date_understanding":  # its first part is one rule, full stops within included
        stem, _, asked = line.partition(" What is the date")
        return [stem.removesuffix("."), f"What is the date{asked}"]
    return re.split(r"(?<=[.?]) ", line)


def _option(task: str, text: str) -> str:
    words = _tables()["words"]
    if text in words:
        return str(words[text])
    if task == "tracking_shuffled_objects_five_objects":
        return text  # the partners' names
    return _sentence(task, text).removesuffix("。")


def _sentence(task: str, sentence: str) -> str:
    for pattern, chinese in _rules(task):
        if match := pattern.fullmatch(sentence):
            parts = {name: _part(task, name, text) for name, text in match.groupdict().items()}
            text = chinese.format_map(parts)
            ends = task != "date_understanding" or text.endswith("？")
            return text if ends else f"{text}。"
    raise ValueError(f"BBH-ZH: no rule of {task} covers the sentence {sentence!r}")


def _part(task: str, name: str, text: str) -> str:
    """The translation of a group by its kind, which is the first letter of its name."""
    kind = name[0]
    if kind == "w":
        return _word(text)
    if kind == "l":
        return _joined([_counted(part) for part in _listed(text)])
    if kind == "p":
        return _joined(_listed(text))
    if kind == "m" and not text.isdigit():
        return _joined([_word(re.sub("^an? ", "", part)) for part in _listed(text)])
    if kind == "c":
        return _joined([_counted(part) for part in _listed(text)])
    if kind == "o":
        return _thing(text)
    if kind == "d" and task == "tracking_shuffled_objects_five_objects":
        return "，".join(_holding(part) for part in _listed(text))
    if kind == "s" and (match := _SWAP.fullmatch(text)):
        return f"{match.group(1)}和{match.group(2)}交换{_SWAPPED[match.group(3)]}"
    return text


def _listed(text: str) -> list[str]:
    return re.split(r", and |, | and ", text)


def _joined(parts: list[str]) -> str:
    return "和".join(["、".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _word(text: str) -> str:
    words = _tables()["words"]
    if text not in words:
        raise ValueError(f"BBH-ZH: no Chinese word for {text!r}")
    return str(words[text])


def _counted(text: str) -> str:
    """ "two mauve cat toys": 两个淡紫色的猫玩具."""
    count, _, rest = text.partition(" ")
    if count not in _COUNTS:
        raise ValueError(f"BBH-ZH: no number word at the start of {text!r}")
    colour, name = _coloured(rest)
    measure, noun = _noun(name)
    return f"{_COUNTS[count]}{measure}{colour}{noun}"


def _thing(text: str) -> str:
    """ "blue thing", "grey objects", "mugs", "pair of sunglasses" without a number."""
    colour, name = _coloured(text)
    words = _tables()["words"]
    plain = name.removesuffix("s")
    return colour + (str(words[plain]) if plain in ("thing", "object", "item") else _noun(name)[1])


def _coloured(text: str) -> tuple[str, str]:
    first, _, rest = text.partition(" ")
    words = _tables()["words"]
    if rest and str(words.get(first, "")).endswith("色"):
        return f"{words[first]}的", rest
    return "", text


def _noun(text: str) -> tuple[str, str]:
    """The measure word and the name of a thing, in singular or plural."""
    things, irregular = _tables()["things"], _tables()["irregular"]
    forms = (text, irregular.get(text), text.removesuffix("s"), text.removesuffix("es"), text.removesuffix("ies") + "y")
    for form in forms:
        if form in things:
            measure, name = things[form]
            return measure, name
    raise ValueError(f"BBH-ZH: no Chinese name for {text!r}")


def _holding(text: str) -> str:
    match = _HOLDS.fullmatch(text)
    if match is None:
        raise ValueError(f"BBH-ZH: no rule covers {text!r}")
    person, verb, held = match.groups()
    return person + _HELD[verb].format(_tables()["words"].get(held, held))


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = yaml.safe_load((files("eval") / "data" / "bbh_zh.yaml").read_text(encoding="utf-8"))
    return tables


@cache
def _shots() -> dict[str, list[dict[str, str]]]:
    shots: dict[str, list[dict[str, str]]] = yaml.safe_load(
        (files("eval") / "data" / "bbh_zh_shots.yaml").read_text(encoding="utf-8")
    )
    return shots


@cache
def _rules(task: str) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), chinese) for pattern, chinese in _tables()["rules"][task]]


def _files(file: Callable[[str], Path]) -> list[dict[str, Any]]:
    return bbh.read_files(file, TASKS)


BENCHMARK = Benchmark(
    "bbh_zh",
    "BBH-ZH",
    250 * len(TASKS),
    (Source("SaylorTwift/bbh", configs=TASKS, add="task"),),
    ("input", "target", "task"),
    VERSION,
    prompt,
    score,
    "bbh",
    group=lambda row: row["task"],
    question=lambda row: [row["input"]],
    items_of="bbh_en",
    files=_files,
)
