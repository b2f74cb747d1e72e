"""Asks and scores LiveBench (White et al., 2024, arXiv 2406.19314): the 672 questions of June and July 2024.

Data: livebench/{reasoning,math,language,data_analysis}, split test, pinned to their commits of 27 July 2024
(`eval.benchmarks`), without coding and instruction following: 672 items are asserted.
Row: {"question_id", "category", "task", "subtask" (math), "turns": [prompt], "ground_truth",
"livebench_release_date"}.
Metric: a score in 0..1 an item. The paper does not say how it averages; the summary gives the mean of the categories'
means of the tasks' means, as LiveBench's own table does, and the plain mean.
Rules: those of the LiveBench repository for releases before November 2024 (process_results/...), written anew;
`<think>` blocks are cut.
Where the repository now asks a language model for a second opinion (AMPS_Hard), a failed symbolic comparison is 0
here.
The prompt is the question's own single turn.
"""

import ast
import difflib
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pandas
from rapidfuzz.distance import Levenshtein

from eval.benchmark import Benchmark, Source
from eval.scorers import Score, livebench_math, livebench_reasoning
from eval.scorers.extract import between, tail
from eval.scorers.livebench_marks import Unreadable, last_box, solutions

VERSION = 2

CATEGORIES = ("reasoning", "math", "language", "data_analysis")
RELEASES = ("2024-06-24", "2024-06-25", "2024-07-26")
# Bounds on what is matched to the gold sentences, which takes quadratic time; a summary has about 15 sentences.
_MAX_SENTENCES, _MAX_SENTENCE = 100, 600


def prompt(row: dict[str, Any]) -> str:
    return str(row["turns"][0])


def check(row: dict[str, Any]) -> None:
    """Raises ValueError for a row whose task has no rule."""
    _judge(row.get("subtask") or row["task"], row["ground_truth"], "", row["turns"][0])


def score(row: dict[str, Any], response: str) -> Score:
    text = tail(without_thoughts(response))
    task = row.get("subtask") or row["task"]
    # The rules know no missing answer: text without one scores by chance or 0, so only an empty response counts as none.
    try:
        value = _judge(task, row["ground_truth"], text, row["turns"][0])
    except Unreadable:
        value = 0.0
    return Score(value, answered=bool(text.strip()))


def without_thoughts(response: str) -> str:
    """The response without its `<think>...</think>` blocks."""
    kept, at = [], 0
    while (start := response.find("<think>", at)) >= 0 and (end := response.find("</think>", start)) >= 0:
        kept.append(response[at:start])
        at = end + len("</think>")
    return "".join([*kept, response[at:]])


def _judge(task: str, gold: str, text: str, question: str) -> float:
    words = task.split("_")
    if words[0] in ("amc", "smc") or words[1:2] == ["amc"]:
        return livebench_math.contest(gold, text, question)
    if words[0] == "aime":
        return livebench_math.aime(gold, text)
    if words[0] in ("imo", "usamo"):
        return livebench_math.olympiad(gold, text)
    if "amps_hard" in task.lower():
        return livebench_math.amps_hard(gold, text)
    if task == "tablereformat":
        return table_reformat(gold, text, question)
    if task not in _RULES:
        raise ValueError(f"LiveBench: no rule for the task {task!r}; the release of 2024-07-26 has none such")
    return _RULES[task](gold, text)


def connections(gold: str, text: str) -> float:
    """The best share of right groups of four over the bold lists of words."""
    wanted = _groups(gold.split(","))
    best = 0.0
    for bold in between(text.replace("\n", ""), "**", "**"):
        given = _groups(bold.split(","))
        best = max(best, sum(any(group <= guess for guess in given) for group in wanted) / len(wanted))
    return best


def _groups(words: list[str]) -> list[set[str]]:
    groups: list[set[str]] = [set()]
    for word in words:
        if len(groups[-1]) == 4:
            groups.append(set())
        groups[-1].add(word.strip().lower())
    return groups


def plot_unscrambling(gold: str, text: str) -> float:
    """1 - edit distance of the sentences' order / number of sentences, each gold sentence matched to its closest one."""
    _, mark, summary = text.partition("<PLOT_SUMMARY>")
    summary, closed, rest = summary.rpartition("</PLOT_SUMMARY>")
    wanted = _sentences(gold)
    given = [
        sentence
        for sentence in _sentences((summary if closed else rest) if mark else text)
        if sentence not in ("</PLOT_SUMMARY>", "**End of Plot Summary**")
    ][:_MAX_SENTENCES]
    order = []
    for sentence in wanted:
        if closest := difflib.get_close_matches(sentence, given, n=1, cutoff=0.0):
            order.append(given.index(closest[0]))
    return 1 - Levenshtein.distance(range(len(wanted)), order) / len(wanted)


def _sentences(text: str) -> list[str]:
    return [sentence.strip()[:_MAX_SENTENCE] for sentence in text.split(".") if sentence.strip()]


def typos(gold: str, text: str) -> float:
    """Whether the corrected text stands in the last <solution>, else between ` --- ` marks on a line, else in the response."""
    tagged = solutions(text)
    part = tagged[-1] if tagged else _between_dashes(text.replace("<solution>", "").replace("</solution>", ""))
    return float(gold in " ".join(line for line in part.strip().split("\n") if line))


def _between_dashes(text: str) -> str:
    for line in text.split("\n"):
        end = line.rfind(" --- ")
        if end >= 0 and (start := line.rfind(" --- ", 0, end)) >= 0:
            return line[start + 5 : end]
    return text


def column_type(gold: str, text: str) -> float:
    """cta: the response, or its box, ends in the column's name when only letters, digits and underscores count."""
    if "\\boxed{" not in text:
        given = text
    elif (boxed := last_box(text)) is None:
        raise Unreadable("a box that never closes")
    else:
        given = boxed.replace("\\text{", "").replace("}", "").replace("\\", "")
    cleaned, wanted = _word_characters(given), _word_characters(gold)
    return float(bool(wanted) and cleaned.endswith(wanted))


def _word_characters(text: str) -> str:
    return re.sub(r"\W", "", text.lower())


def table_join(gold: str | dict[str, str], text: str) -> float:
    """F1, to two digits, of the mapping of columns in the response, its last code block or its box; null is no value."""
    wanted = gold if isinstance(gold, dict) else _literal_dict(gold)
    given = {key: value for key, value in _mapping(text).items() if value is not None}
    if not given:
        return 0.0
    right = sum(bool(wanted.get(key)) and wanted[key] == value for key, value in given.items())
    spurious = len(given) - right
    missed = sum(key in given and wanted[key] != given[key] for key in wanted if wanted[key])
    missed += sum(not given.get(key) for key in wanted)
    return round(2 * right / (2 * right + spurious + missed), 2)


def _mapping(text: str) -> dict[Any, Any]:
    while tagged := re.findall(r"<solution>(.*?)</solution>", text, re.DOTALL):
        text = tagged[-1].strip()
    if whole := _literal_dict(text):
        return whole
    flat = text.replace("\n", "")
    parts = between(flat, "```python", "```") or between(flat, "```json", "```") or between(flat, "```", "```")
    if not parts and (boxed := last_box(flat)) is not None:
        parts = [re.sub(r"\\text{['|\"](.*?)['|\"]}", r"'\1'", boxed).replace("\\", "")]
    return _literal_dict((parts[-1] if parts else text).replace("null", "None"))


def _literal_dict(text: str) -> dict[Any, Any]:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {}
    return value if isinstance(value, dict) else {}


def table_reformat(gold: str, text: str, question: str) -> float:
    """1 when the response's table, read in the format that the question asks for, equals the gold table cell by cell."""
    target = question.partition("Please convert the Input Table from ")[2].partition("format to ")[2]
    target = target.partition(" format")[0].strip().lower()
    if target not in _READERS:
        raise ValueError(f"LiveBench: a table task that asks for the format {target!r}")
    wanted = _READERS[target](gold)
    cleaned = _table_text(text)
    attempts = [cleaned]
    if target in ("csv", "tsv"):
        lines = [line.strip() for line in cleaned.split("\n")]
        header = ("," if target == "csv" else "\t").join(map(str, wanted.columns))
        if header in lines:
            attempts.append("\n".join(lines[lines.index(header) :][: len(wanted) + 1]))
    elif target == "jsonl":
        attempts.append("\n".join(line for line in cleaned.split("\n") if line[:1] == "{" and line[-1:] == "}"))
    for attempt in attempts:
        try:
            if _same_table(_READERS[target](attempt), wanted):
                return 1.0
        except (
            Exception
        ):  # pandas and its parsers raise many kinds on text that is no table, or on a cell; then it is not one
            continue
    return 0.0


def _read_json(text: str) -> pandas.DataFrame:
    for lines, orient in ((False, "index"), (False, "records"), (True, "records"), (False, "table")):
        try:
            return pandas.read_json(StringIO(text), orient=orient, lines=lines)
        except Exception:  # the next orientation is tried
            continue
    return pandas.read_json(StringIO(text), orient="values")


_READERS: dict[str, Callable[[str], pandas.DataFrame]] = {
    "json": _read_json,
    "jsonl": lambda text: pandas.read_json(StringIO(text), orient="records", lines=True),
    "html": lambda text: pandas.concat(pandas.read_html(StringIO(text)), axis=0),
    "csv": lambda text: pandas.read_csv(StringIO(text)),
    "tsv": lambda text: pandas.read_csv(StringIO(text), sep="\t"),
    "markdown": lambda text: pandas.read_table(StringIO(text), sep="|", header=0, index_col=1, skipinitialspace=True),
}


def _table_text(text: str) -> str:
    """The table's own text: the last <solution>, the last json or html block, or everything without fences."""
    if solutions := between(text, "<solution>", "</solution>"):
        text = solutions[-1].strip()
    for fence in ("```json\n", "```html\n"):
        if blocks := between(text, fence, "```"):
            return blocks[-1].strip()
    first, _, rest = text.partition("\n")
    text = rest if first.startswith("```") else text
    text = text.replace("&amp;", "&").replace("```", "").strip()
    first, colon, rest = text.partition(":")
    if (
        colon
        and re.match(r"\s*(here|input)\b", first[:200], re.IGNORECASE)
        and re.search(r"(format|table)\s*$", first[-20:], re.I)
    ):
        return rest.strip()
    return text


def _same_table(given: pandas.DataFrame, wanted: pandas.DataFrame) -> bool:
    tables = []
    for table in (given, wanted):
        table = table.rename(columns=lambda name: str(name).strip())
        tables.append(table.drop(columns=[name for name in table.columns if name == "index"]))
    given, wanted = tables
    if len(given) != len(wanted) or sorted(given.columns) != sorted(wanted.columns):
        return False
    if len(set(wanted.columns)) != len(wanted.columns):
        return False
    return all(
        _same_cell(one, other)
        for column in wanted.columns
        for one, other in zip(given[column].tolist(), wanted[column].tolist())
    )


def _same_cell(given: Any, wanted: Any) -> bool:
    if isinstance(given, str) or isinstance(wanted, str):
        return str(given).strip() == str(wanted).strip() if type(given) is type(wanted) else False
    if isinstance(given, int | float) and isinstance(wanted, int | float):
        if given != given and wanted != wanted:
            return True
        return abs(given - wanted) < 1e-6
    return bool(given == wanted)


_RULES: dict[str, Callable[[str, str], float]] = {
    "web_of_lies_v2": livebench_reasoning.web_of_lies,
    "zebra_puzzle": livebench_reasoning.zebra_puzzle,
    "spatial": livebench_reasoning.spatial,
    "connections": connections,
    "plot_unscrambling": plot_unscrambling,
    "typos": typos,
    "cta": column_type,
    "tablejoin": table_join,
}


COMMITS = {
    "reasoning": "82f6f8cd59f7f9b944bd20b9d6a0f1f5eb0606a0",
    "math": "79832fac7d1a0faddb5f1e36522b00a7209de4ba",
    "language": "6a4906b",
    "data_analysis": "47fc858",
}
BENCHMARK = Benchmark(
    "livebench",
    "LiveBench",
    672,
    tuple(Source(f"livebench/{name}", revision=COMMITS[name]) for name in CATEGORIES),
    ("question_id", "category", "task", "turns", "ground_truth", "livebench_release_date"),
    VERSION,
    prompt,
    score,
    "livebench.jsonl",
    group=lambda row: f"{row['category']}/{row['task']}",
    combine="strata",
    check=check,
    access="the pinned commits of July 2024 must still be there; later ones hold other questions",
    question=lambda row: [prompt(row)],
    of_hub=lambda row: str(row["livebench_release_date"])[:10] in RELEASES,
)
