r"""GSM8K (Cobbe et al., 2021, arXiv 2110.14168): grade-school word problems with a whole-number answer.

Data: openai/gsm8k, config main, split test, 1,319 items. Row: {"question": ..., "answer": "... <<2*9=18>>18 ...\n####
18"}.
Metric: accuracy. The rule is ours, since the paper's is not stated: the last `\boxed{}`, else the text after the last
`####`, else the last `Answer:` line, else the last number; signs of currency and percent and thousands separators go;
compared as decimals, so that 18 equals 18.00.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from eval.scorers import UNANSWERED, Score
from eval.scorers.extract import last_answer_line, last_boxed, tail

VERSION = 2

_NUMBER = re.compile(r"(?<![\w.])[-−]?\$?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{1,40})?|(?<![\w.])[-−]?\$?\.\d{1,40}")

_SEPARATOR = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!;: ])(?=\d)")  # LaTeX's between thousands

_PROMPT = """\
{question}

Think step by step, then end with a line of the form "Answer: N", where N is a number without units."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format_map(row)


def score(row: dict[str, Any], response: str) -> Score:
    gold = last_number(row["answer"].rsplit("####", 1)[-1])
    found = extract(response)
    if found is None:
        return UNANSWERED
    return Score(float(found == gold))


def extract(response: str) -> Decimal | None:
    """The response's answer."""
    marked = [last_boxed(response)]
    _, mark, after = tail(response).rpartition("####")
    marked.append(after.split("\n", 1)[0] if mark else None)
    marked.append(last_answer_line(response))
    for text in marked:
        if text and (number := last_number(_SEPARATOR.sub("", text))) is not None:
            return number
    return last_number(_SEPARATOR.sub("", tail(response)))


def first_number(text: str) -> Decimal | None:
    """The first number in a text."""
    match = _NUMBER.search(text)
    return last_number(match.group()) if match else None


def last_number(text: str) -> Decimal | None:
    """The last number in a text."""
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    try:
        return Decimal(numbers[-1].replace("−", "-").replace(",", "").replace("$", ""))
    except InvalidOperation:
        return None
