r"""MATH (Hendrycks et al., 2021, arXiv 2103.03874): competition problems with a LaTeX answer, seven subjects.

Data: EleutherAI/hendrycks_math, seven configs, split test, 5,000 items. Row: {"problem", "level", "type",
"solution"}; the gold answer is the last `\boxed{}` of the solution.
Metric: equivalence by math-verify 0.9.0 (Kydlíček), and beside it `em`, equality after a plain normalisation of the
LaTeX. Prompt: reason step by step, final answer in `\boxed{}`. Only the last box is judged, else the last `Answer:`
line. math-verify limits its time by SIGALRM, which exists in the main thread only; elsewhere its limit is off, so
score there only in processes that somebody else bounds.
"""

import logging
import re
import threading
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from eval.scorers import UNANSWERED, Score
from eval.scorers.bounded import MAX_CHARS, costly
from eval.scorers.extract import last_answer_line, last_boxed

VERSION = 1

_TARGETS = [LatexExtractionConfig(), ExprExtractionConfig()]
_NOISE = re.compile(r"\\left|\\right|\\displaystyle|\\[!,;: ]|[\s$%]|\\(?=[%$])|\^\\circ|\^\{\\circ\}")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf)\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\frac(\d)(\d)")

_PROMPT = r"""{problem}

Reason step by step, and put your final answer within \boxed{{}}."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format(problem=row["problem"])


def gold(row: dict[str, Any]) -> str:
    r"""The answer of a row: what its solution has in the last `\boxed{}`, or after `\boxed ` where that has no braces."""
    solution = row["solution"]
    found = last_boxed(solution)
    if found is None and "\\boxed " in solution:
        found = solution.rpartition("\\boxed ")[2].partition("$")[0].split()[0].rstrip(".")
    if not found:
        raise ValueError("a MATH row without \\boxed{} in its solution")
    return str(found)


def score(row: dict[str, Any], response: str) -> Score:
    wanted = gold(row)
    answer = last_boxed(response) or last_answer_line(response)
    if not answer or not answer.strip():
        return UNANSWERED
    if len(answer) > MAX_CHARS:
        return Score(0.0, other={"em": 0.0})
    same = plain(wanted) == plain(answer)
    return Score(float(same or equivalent(wanted, answer)), other={"em": float(same)})


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


def _delimited(text: str) -> str:
    text = text.replace("\\$", "")
    return text if "$" in text else f"${text}$"


def plain(latex: str) -> str:
    """The LaTeX without blanks, `\\left`, `$` and signs of percent and degree; `\\text{x}` as x, `\\dfrac12` as `\\frac{1}{2}`.

    Braces stay, or `\\frac{1}{23}` would equal `\\frac{12}{3}`.
    """
    text = latex.replace("dfrac", "frac").replace("tfrac", "frac")
    text = _NOISE.sub("", _TEXT.sub(r"\1", text))
    return _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text).rstrip(".")
