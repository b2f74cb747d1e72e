"""The reasoning tasks of LiveBench, June and July 2024: its repository's rules (process_results/reasoning), written anew."""

import re
from itertools import product

from eval.scorers.extract import between, last_boxed

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
_TRIPLES = [", ".join(words) for words in product(("yes", "no", "unknown"), repeat=3)]


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
    solutions = _one_line(between(text, "<solution>", "</solution>")) or _one_line(
        between(text, "</solution>", "</solution>")
    )
    if solutions:
        return solutions[-1]
    bold = []
    for part in re.findall(r"\*\*(.*?)\*\*", text):
        bold += [word.lower().strip().replace(",", "").replace(".", "") for word in part.split()]
    if answers := [word for word in bold if word in ("yes", "no", "unknown")]:
        return ", ".join(answers[-3:])
    if boxed := last_boxed(text.replace("\\textbf{", "\\boxed{")):
        return boxed
    position, triple = max((text.lower().find(triple), triple) for triple in _TRIPLES)
    return triple if position >= 0 else None


def _one_line(parts: list[str]) -> list[str]:
    return [part for part in parts if "\n" not in part]


def zebra_puzzle(gold: str, text: str) -> float:
    """The last ***word***, else the last word; a digit stands for its word, and "N" for "N movies"."""
    marked = re.findall(r"\*\*\*(\w+)\*\*\*", text)
    words = marked or re.findall(r"\w+", text)
    if not words:
        return 0.0
    last, wanted = words[-1], gold.lower()
    return float(wanted in (last.lower(), _DIGITS.get(last), f"{last.lower()} movies"))


def spatial(gold: str, text: str) -> float:
    """Any of the last three bold parts (or, without any, the box): equal, a number in words, or a shape with an adjective."""
    wanted = gold.strip().lower()
    bold = [part.strip().lower() for part in re.findall(r"\*\*([^*]+)\*\*", text)]
    if not bold and (boxed := last_boxed(text)):
        bold = [boxed.replace("\\text{", "").replace("}", "").strip().lower()]
    for part in bold[-3:]:
        if part == wanted or _NUMBERS.get(part) == wanted:
            return 1.0
        if wanted in _SHAPES and wanted in part and len(part) < 2 * len(wanted) + 5:
            return 1.0
    return 0.0
