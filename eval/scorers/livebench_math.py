"""Scores the mathematics tasks of LiveBench, June to July 2024: the repository's rules (process_results/math), written anew."""

import re
from collections.abc import Iterable

import sympy
from rapidfuzz.distance import Levenshtein

from eval.scorers.bounded import costly, expression, within
from eval.scorers.livebench_marks import last_box, solutions

_SECONDS = 8  # the repository's limit on one comparison
_UNDRESSED = re.compile(r"[${}\\<>]|boxed")
_CHOICE = re.compile(r"\\textbf\{\(([A-E])\)\s?\}(.*?)(?:\\qquad|\$)")
# What AMPS_Hard drops from the response before looking for the answer: constants of integration and layout.
_AMPS_DROP = ("+C", "+ C", "+ c", "+c", "\\left", "\\right", "\\bigl", "\\bigr", "\\Bigl", "\\Bigr", "\\,", "\\;", "\n")
_AMPS_RENAME = (("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\cdot", "*"))


def contest(gold: str, text: str, question: str) -> float:
    """AMC and SMC: the letter four times in a row, in a <solution> or a box, or the option's value at the very end."""
    if repeated_solution(gold, text) or gold * 4 in text:
        return 1.0
    boxed = last_box(text)
    if boxed and boxed.replace("\\text{", "").replace("}", "").replace("\\", "").lower() == gold.lower():
        return 1.0
    value = dict(_CHOICE.findall(question)).get(gold, "").strip().strip("$").strip("~") or "FAILURE"
    if value in text[-(20 + len(value)) :]:
        return 1.0
    last_line = text.strip().rpartition("\n")[2]
    bracketed = last_line.split("(")[1].partition(")")[0] if "(" in last_line and ")" in last_line else ""
    return float(gold.lower() in (last_line.strip().replace("*", "").lower(), bracketed.lower()))


def repeated_solution(gold: str, text: str) -> bool:
    """Whether the last <solution> is the gold character alone, once or repeated."""
    tagged = solutions(text)
    return bool(tagged) and len(set(tagged[-1])) == 1 and tagged[-1][0].lower() == gold.lower()


def aime(gold: str, text: str) -> float:
    """The number in the last 50 characters."""
    return float(repeated_solution(gold, text) or gold in text[-50:])


def olympiad(gold: str, text: str) -> float:
    """The order of a proof's pieces: 1 - edit distance / the longer list."""
    wanted = [int(number) for number in gold.split(",")]
    given = _integer_list(text)[:1000]
    return 1 - Levenshtein.distance(given, wanted) / max(len(given), len(wanted))


def _integer_list(text: str) -> list[int | str]:
    """The numbers after the last "Answer:", else in the box, else on the last line; what is no number is kept as a mismatch."""
    lines = text.lower().strip().split("\n")
    marked = [number for number, line in enumerate(lines) if "answer:" in line]
    if marked:
        answer = lines[marked[-1]].split("answer:")[1].replace("**", "").replace(".", "").strip()
        if not answer and marked[-1] + 1 < len(lines):
            answer = lines[marked[-1] + 1].replace("**", "").replace(".", "").strip()
        if found := _integers(_UNDRESSED.sub("", part.strip().rpartition(" ")[2]) for part in answer.split(",")):
            return found
    if "\\boxed" in text:
        boxed = last_box(text)
        plain = (text if boxed is None else boxed).replace("\\text{", "").replace("}", "").replace("\\", "")
        if found := _integers(plain.split(",")):
            return found
    numbers: list[int | str] = [int(run[:9]) for part in lines[-1].split(",") if (run := _first_digits(part)[0])]
    if numbers:
        return numbers
    for position, part in enumerate(text.lower().rpartition("answer:")[2].split(",")):
        run, rest = _first_digits(part.strip())
        if run:
            numbers.append(int(run[:9]))
        if position and rest:
            break
    return numbers


def _first_digits(text: str) -> tuple[str, int]:
    """The first run of digits, and how many other characters there are."""
    match = re.search(r"\d+", text)
    run = match.group() if match else ""
    return run, len(text) - len(run)


def _integers(parts: Iterable[str]) -> list[int | str]:
    numbers: list[int | str] = []
    for part in parts:
        try:
            numbers.append(int(part[:20]))
        except ValueError:
            numbers.append("no number")
    return numbers if any(isinstance(number, int) for number in numbers) else []


def amps_hard(gold: str | list[str], text: str) -> float:
    """The last box, else the last $...$, equal to the gold expression: the difference simplifies to 0 or is below 0.001."""
    gold = gold[-1] if isinstance(gold, list) else gold
    wanted = gold.replace("\\left", "").replace("\\right", "").replace(" ^", "^").replace("\\ ", "*")
    for dropped in _AMPS_DROP:
        text = text.replace(dropped, "")
    for old, new in _AMPS_RENAME:
        text = text.replace(old, new)
    answer = last_box(text)
    if answer is None:
        answer = _last_dollars(text)
    if answer is None:
        return float(text.removesuffix(".").endswith(wanted))
    answer = normal_answer(answer[:2000])
    if answer == wanted:
        return 1.0
    if costly(answer):
        return 0.0
    try:
        return float(within(_SECONDS, _equal, wanted, answer))
    except Exception:  # whatever sympy or its parser raises on such text, and the alarm: not equal
        return 0.0


def _last_dollars(text: str) -> str | None:
    """What the last pair of dollar signs (single or double) encloses; of an equation its right side."""
    if text.count("$") < 2:
        return None
    close = text.rfind("$")
    if close and text[close - 1] == "$":
        close -= 1
    inside = text[text.rfind("$", 0, close) + 1 : close]
    return inside.rpartition("=" if "=" in inside else "\\quad \\text{or} \\quad")[2].strip()


def _equal(wanted: str, given: str) -> bool:
    difference = expression(wanted) - expression(given)
    simplified = sympy.simplify(difference)
    return bool(simplified == 0) or bool(sympy.Abs(simplified) < 0.001)


def normal_answer(answer: str) -> str:
    """An answer's LaTeX in the form that Lewkowycz et al. (2022, appendix D) compare, as far as these tasks need it."""
    answer = answer.rpartition("=")[2]
    if answer.count("$") >= 2:
        answer = answer.split("$")[1]
    answer = re.sub(r"\\(?:text|textbf|overline|boxed)\{([^{}]*)\}", r"\1", answer)
    answer = re.sub(r"frac([^{])(.)", r"frac{\1}{\2}", answer)
    answer = re.sub(r"sqrt([^{\[])", r"sqrt{\1}", answer).replace("$", "")
    return answer.replace(",", "") if answer.replace(",", "").isdigit() else answer
