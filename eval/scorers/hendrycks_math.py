r"""Asks and scores MATH (Hendrycks et al., 2021, arXiv 2103.03874): competition problems with a LaTeX answer, seven subjects.

Data: EleutherAI/hendrycks_math, seven configs, split test, 5,000 items. Row: {"problem", "level", "type",
"solution"}; the gold answer is the last `\boxed{}` of the solution.
Metric: equivalence by math-verify 0.9.0 (Kydlíček), and beside it `em`, equality after a plain normalisation of the
LaTeX. Prompt: reason step by step, final answer in `\boxed{}`. The answer is read by `eval.scorers.reading`: several boxes
in a row, and "2 or 3", are a list where the gold answer has several values, and a hedge where it has one.
math-verify limits its time by SIGALRM, which exists in the main thread only; elsewhere its limit is off, so score there only
in processes that somebody else bounds.
"""

import logging
import re
import threading
from dataclasses import replace
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.bounded import MAX_CHARS, costly
from eval.scorers.dress import corrected, undressed
from eval.scorers.extract import last_boxed
from eval.scorers.texts import phrase

VERSION = 2

_TARGETS = [LatexExtractionConfig(), ExprExtractionConfig()]
_NOISE = re.compile(r"\\left|\\right|\\displaystyle|\\[!,;: ]|[\s$%]|\\(?=[%$])|\^\\circ|\^\{\\circ\}")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf)\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\frac(\d)(\d)")

_PROMPT = r"""{problem}

Reason step by step, and put your final answer within \boxed{{}}."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format(problem=row["problem"])


def gold(row: dict[str, Any]) -> str:
    r"""The answer of a row: what its solution has in the last `\boxed{}`."""
    solution = row["solution"]
    found = last_boxed(solution)
    if not found:
        raise ValueError("a MATH row without \\boxed{} in its solution")
    return str(found)


def score(row: dict[str, Any], response: str) -> Score:
    wanted = gold(row)
    several = has_several(wanted)
    answer = reading.answer(response, lambda statement: _read(statement, several), _concluded)
    if answer is None:
        return UNANSWERED
    if len(answer) > MAX_CHARS:
        return Score(0.0, other={"em": 0.0})
    same = plain(wanted) == plain(answer)
    return Score(float(same or equivalent(wanted, answer)), other={"em": float(same)})


_SEVERAL = re.compile(r"\\pm|\\text\s*\{\s*(?:or|and)|\bor\b|\band\b")
_THOUSANDS = re.compile(r"\\?\$?\s*-?\d{1,3}(?:,(?:\\!)?\d{3})+(?:\.\d+)?")
_JOINED = re.compile(r"(?:\\text\s*\{)?\s*(?:,\s*)?\b(?:or|and)\b\s*\}?|或|和")
_MATHS = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]")
_FORMULA = re.compile(r"[\d\\^_=+<>]|\b[A-Za-z]\b")


def has_several(gold: str) -> bool:
    """Whether a gold answer has several values: "2, 3", "\\pm 4"; not a pair "(2, 3)", nor thousands "10,080"."""
    if _THOUSANDS.fullmatch(gold.strip()):
        return False
    outer, depth = "", 0
    for character in gold:
        depth += (character in "([{") - (character in ")]}")
        outer += character if depth <= 0 else ""
    return "," in outer or _SEVERAL.search(gold) is not None


def _read(statement: reading.Statement, several: bool) -> str | None:
    """The LaTeX of a statement. Raises `Undecided` for several values where one is asked for."""
    if statement.mark in ("conclusion", "alone"):
        return None
    text = statement.block.strip() if statement.mark == "box" else _formula(statement)
    if not text:
        return None
    if (dressed := _TEXT.fullmatch(text)) and re.search(r"\d", text):
        text = str(dressed[1])
    whole = statement.text if statement.mark == "box" else text
    if several:
        return _JOINED.sub(", ", text)
    if re.search(r"\bor\b|或", whole):
        raise reading.Undecided(whole[:100])
    return text


def _formula(statement: reading.Statement) -> str | None:
    """The formula of a line or sentence: what its first dollar signs enclose, else its text where that looks like one."""
    text = corrected(statement.text)
    if text != statement.text:
        statement = replace(statement, text=text)
    parts = [next(filter(None, match.groups())) for match in _MATHS.finditer(statement.text)]
    if parts:
        between = _MATHS.sub("\x00", statement.text)
        if re.match(r"[^\x00]*\x00(?:[\s,]*(?:or|and|,|和|或)[\s,]*\x00)+", between):
            joint = " or " if re.search(r"\bor\b|或", between) else ", "
            return joint.join(part.strip() for part in parts)
        return undressed(parts[0])
    said = phrase(statement)
    if said is None or (statement.mark in ("hash", "retraction") and len(said.split()) > 4):
        return None
    text = re.split(r"[.;。]\s|,?\s+(?:because|since|which|as|where|so)\b|\s+\(|（", said)[0].strip(" .,:。")
    return text if statement.mark != "sentence" or _FORMULA.search(text) or len(text.split()) <= 3 else None


def _concluded(text: str) -> str | None:
    """The formula that a last line ends with, or the bold text that it is."""
    line = text.rstrip().rpartition("\n")[2].strip()
    if bold := re.fullmatch(r"\*\*([^*$]{1,100})\*\*[.]?", line):
        return bold[1].strip()
    found = [match for match in _MATHS.finditer(line) if not re.search(r"\w", line[match.end() :])]
    return next(filter(None, found[-1].groups())).strip() if found else None


def equivalent(gold: str, answer: str) -> bool:
    """Whether two LaTeX answers are equal by math-verify; False when it cannot parse one or runs out of time."""
    if costly(answer):
        return False
    seconds = 5 if threading.current_thread() is threading.main_thread() else None
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    try:
        wanted, given = (
            parse(_delimited(text), extraction_config=_TARGETS, parsing_timeout=seconds) for text in (gold, answer)
        )
        return bool(verify(wanted, given, timeout_seconds=seconds))
    except (
        Exception
    ):  # sympy and its parsers raise anything on text that is no mathematics; it is then simply not equal
        return False


_SIGNS = {
    "π": "\\pi ",
    "×": "\\times ",
    "·": "\\cdot ",
    "≤": "\\le ",
    "≥": "\\ge ",
    "∞": "\\infty ",
    "−": "-",
    "²": "^2",
    "³": "^3",
    "°": "",
}
_ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|(\w+))")


def _delimited(text: str) -> str:
    """The text between dollar signs, with Unicode's signs as LaTeX."""
    text = _ROOT.sub(lambda match: f"\\sqrt{{{match[1] or match[2]}}}", text.replace("\\$", ""))
    text = "".join(_SIGNS.get(character, character) for character in text)
    return text if "$" in text else f"${text}$"


def plain(latex: str) -> str:
    """The LaTeX without blanks, `\\left`, `$` and signs of percent and degree; `\\text{x}` as x, `\\dfrac12` as `\\frac{1}{2}`.

    Braces stay, or `\\frac{1}{23}` would equal `\\frac{12}{3}`.
    """
    text = latex.replace("dfrac", "frac").replace("tfrac", "frac")
    text = _NOISE.sub("", _TEXT.sub(r"\1", text))
    return _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text).rstrip(".")


SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
BENCHMARK = Benchmark(
    "math",
    "MATH",
    5000,
    (Source("EleutherAI/hendrycks_math", configs=SUBJECTS),),
    ("problem", "level", "type", "solution"),
    VERSION,
    prompt,
    score,
    "math.jsonl",
    group=lambda row: row["type"],
    check=gold,
    question=lambda row: [row["problem"]],
)
