"""Scores LiveBench's reasoning tasks of June and July 2024: the repository's rules (process_results/reasoning)."""

import re
from itertools import product

from eval.scorers.extract import between
from eval.scorers.livebench_marks import last_box, solutions

_DIGITS = {
    str(number): word
    for number, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    if number
}
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_SHAPES = ("tetrahedra", "tetrahedron", "triangle", "square")
_ANSWERS = ("yes", "no", "unknown")
_TRIPLES = [", ".join(words) for words in product(_ANSWERS, repeat=3)]


def web_of_lies(gold: str, text: str) -> float:
    """Three answers of yes, no or unknown: in the last <solution>, else the last three bold ones, a box, or a plain triple."""
    answer = _three_answers(text)
    if answer is None:
        return 0.0
    wanted = gold.lower()
    words = sum(answer.count(word) for word in ("yes", "no", "unknown"))
    # "unknown" contains "no": the reference counts it twice, so a triple with an unknown must be equal, not contained.
    return float(answer == wanted or (words == 3 and wanted in answer))


def _three_answers(text: str) -> str | None:
    tagged = solutions(text) or [part for part in between(text, "</solution>", "</solution>") if "\n" not in part]
    answer = tagged[-1] if tagged else None
    if answer is None:
        words = [word for part in re.findall(r"\*\*(.*?)\*\*", text) for word in part.lower().split()]
        found = [word for word in (word.replace(",", "").replace(".", "") for word in words) if word in _ANSWERS]
        answer = ", ".join(found[-3:]) or None
    if answer is None or not answer.strip():
        boxed = last_box(text.replace("\\textbf{", "\\boxed{"))
        answer = answer if boxed is None else boxed
    if answer is None:
        position, triple = max((text.lower().find(triple), triple) for triple in _TRIPLES)
        answer = triple if position >= 0 else None
    return answer


def zebra_puzzle(gold: str, text: str) -> float:
    """The last ***word***, else the last word; a digit stands for its word, and "N" for "N movies"."""
    marked = re.findall(r"\*\*\*(\w+)\*\*\*", text)
    words = marked or re.findall(r"\w+", text)
    if not words:
        return 0.0
    last, wanted = words[-1], gold.lower()
    return float(wanted in (last.lower(), _DIGITS.get(last), f"{last.lower()} movies"))


def spatial(gold: str, text: str) -> float:
    """Any of the last three bold parts: equal, a number in words, or a shape with an adjective; else an equal box."""
    wanted = gold.strip().lower()
    bold = [part.strip().lower() for part in re.findall(r"\*\*([^*]+)\*\*", text)]
    if text == gold:
        return 1.0
    for part in bold[-3:]:
        if part == wanted or _NUMBERS.get(part) == wanted:
            return 1.0
        if wanted in _SHAPES and wanted in part and len(part) < 2 * len(wanted) + 5:
            return 1.0
    boxed = last_box(text) or ""
    for dress in ("\\textbf{", "\\mathbf{", "\\text{", "}"):
        boxed = boxed.replace(dress, "")
    return float(boxed == gold)
