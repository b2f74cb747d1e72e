"""Asks and scores KOR-Bench (Ma et al., 2024, arXiv 2410.06526): new rules of five kinds, from ciphers to puzzles.

Data: the repository KOR-Bench/KOR-Bench at bb8194d, data/{kind}/sample.jsonl and rule.jsonl, 250 samples of 25 rules
each: 1,250 items.
Row: a sample joined with its rule: {"kind", "idx": "1", "question": "... [[your answer]].", "answer": "[[24]]",
"rule_id": "1", "rule": ...}.
Metric: accuracy. The rule is the repository's (eval/eval_utils.py): the *first* `[[...]]` of the response, else
`$\\boxed{...}$`, else `[...]`, cleaned and compared in the way of the item's kind, rule and number. Where it calls
Python's `eval` on model text (puzzle rules 9 and 10), arithmetic is computed on the syntax tree here.
The published results come from a run whose LaTeX parser was missing, so that answers in LaTeX were compared as
strings: `score(..., published=True)` is that mode. The default parses them with sympy, within a time limit, cuts thoughts, and
reads a response in which the repository's rule finds nothing by the one rule of `eval.scorers.reading`.
The prompt's wording is ours.
"""

import ast
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import sympy

from build.core.model_text import split_thinking
from build.core.tables import read_rows
from eval.benchmark import Benchmark, Source
from eval.scorers import Score, reading
from eval.scorers.bounded import costly, expression, within
from eval.scorers.dress import undressed
from eval.scorers.extract import head
from eval.scorers.texts import phrase

VERSION = 3

KINDS = ("operation", "logic", "cipher", "puzzle", "counterfactual")
_NONE = "NULL"
_SECONDS = 5
# Items of kind "operation" whose answers are LaTeX expressions (the repository's idx_ranges).
_LATEX_ITEMS = {
    *(18, 73, 74, 77, 94, 115, 116, 117, 121, 122, 123, 125, 131, 132, 134, 135, 136, 141, 143, 149),
    *(145, 146, 147, 151, 152, 153, 154, 155, 156, 160, 161, 162, 164, 165, 166, 170, 206, 209),
    *(211, 212, 213, 214, 215, 217, 218),
}

_ROLES = {
    "operation": "A new operation is defined. Apply its definition to the question.",
    "logic": "A system of logic is defined, with notation of its own. Use its rules and its notation to answer the question.",
    "cipher": "A cipher is defined. Carry out the encryption or decryption that the question asks for, exactly as defined.",
    "puzzle": "The rules of a puzzle are given. Solve the puzzle of the question under these rules.",
    "counterfactual": "A story is told whose facts may differ from the real world's. Answer by what the story says.",
}
_PROMPT = """\
{role}

### Rule

{rule}

### Question

{question}

Think step by step. Write double square brackets only once, around your final answer, in the form that the question asks for."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format(role=_ROLES[row["kind"]], rule=row["rule"].strip(), question=row["question"].strip())


def score(row: dict[str, Any], response: str, published: bool = False) -> Score:
    text = head(response if published else split_thinking(response)[1])
    if _first_bracketed(text) is None and (published or (text := _restated(text)) == ""):
        return Score(0.0, answered=False, other={row["kind"]: 0.0})
    right = float(_correct(row["kind"], str(row["rule_id"]), str(row["idx"]), text, row["answer"], not published))
    return Score(right, other={row["kind"]: right})


def _restated(response: str) -> str:
    """The answer of a response without any brackets, in the form that the rule reads; "" without one."""
    stated = reading.answer(response, phrase)
    return f"[[{undressed(_SENTENCE_END.split(stated)[0])}]]" if stated else ""


_SENTENCE_END = re.compile(r"[.。]\s+(?=[A-Z一-鿿])")


def _correct(kind: str, rule: str, idx: str, response: str, answer: str, latex: bool) -> bool:
    if kind == "logic":
        if rule == "5":
            return sorted(_extract(response, "logic").split(";")) == sorted(answer.split(";"))
        return _extract(response, "logic") == _extract(answer, "logic")
    if kind == "operation":
        if idx in {"178", "179"}:
            return _inequalities(_extract(response, "clean")) == _inequalities(answer)
        if rule == "18":
            return _sorted_words(_extract(response, "clean")) == _sorted_words(_inner(answer))
        if rule in {"23", "24", "25"}:
            return _numbers(_extract(response, "clean")) == _numbers(answer)
        if int(idx) in _LATEX_ITEMS:
            return _same_expression(_extract(response, "math"), _extract(answer, "math"), latex)
        if "or" in answer:
            return _alternatives(_extract(response, "clean")) == _alternatives(_extract(answer, "clean"))
    if kind == "puzzle":
        return _PUZZLES.get(rule, _same_word_characters)(_inner(response), _inner(answer))
    return _extract(response, "clean") == answer


def _first_bracketed(text: str) -> str | None:
    """The first `[[...]]`, else the first `$\\boxed{...}$`, else the first `[...]`."""
    for opening, closing in (("[[", "]]"), ("$\\boxed{", "}$"), ("[", "]")):
        start = text.find(opening)
        end = text.find(closing, start + len(opening)) if start >= 0 else -1
        if end >= 0:
            return text[start + len(opening) : end].strip()
    return None


def _extract(text: str, level: Literal["clean", "logic", "math"]) -> str:
    found = _first_bracketed(text)
    if found is None:
        return _NONE
    drop = {"clean": '"\n []', "logic": '"\n .', "math": '"\n[]$'}[level]
    found = found.translate(str.maketrans("", "", drop))
    return _clean_latex(found[:2000]) if level == "math" else f"[[{found}]]"


def _inner(text: str) -> str:
    start = text.find("[[")
    end = text.find("]]", start + 2) if start >= 0 else -1
    return text[start + 2 : end] if end >= 0 else _NONE


def _clean_latex(text: str) -> str:
    text = text.rsplit("=", 1)[-1]
    text = re.sub(r"\\[()\[\]]", "", text)
    text = re.sub(r"\\text\{.*?\}", "", text)
    text = re.sub(r"\\(left|right|displaystyle)", "", text)
    return text.replace("\\\\", "\\")


def _same_expression(response: str, answer: str, latex: bool) -> bool:
    if response == _NONE:
        return False
    if not latex or costly(response):
        return response == answer
    parts, wanted = [response], [answer]
    if "or" in answer:
        parts, wanted = response.split("or"), answer.split("or")
    try:
        return within(_SECONDS, _expressions, parts) == within(_SECONDS, _expressions, wanted)
    except Exception:  # whatever sympy or its parser raises on such text: the reference then compares the strings
        return response == answer


def _expressions(parts: list[str]) -> set[Any]:
    return {sympy.simplify(expression(part.strip())) for part in parts}


def _inequalities(text: str) -> list[str]:
    return sorted("".join(match) for match in re.findall(r"(≥|≤)\s*(-?\d+\.?\d*)", text))


def _sorted_words(text: str) -> list[str]:
    return sorted(re.sub(r"\W", "", text))


def _numbers(text: str) -> list[str]:
    return [number.lstrip("0") or "0" for number in re.findall(r"\d+", text)]


def _alternatives(text: str) -> list[str]:
    return sorted(part.strip() for part in text.replace("\\text{or}", "or").strip("[]").split("or"))


def _letters(text: str) -> str:
    return re.sub("[^A-Za-z]", "", text).lower()


def _same_word_characters(response: str, answer: str) -> bool:
    return re.sub(r"\W", "", response) == re.sub(r"\W", "", answer)


def _same_words(response: str, answer: str) -> bool:
    return sorted(word for word in re.split(r"\W+", response.lower()) if word) == sorted(answer.split(" "))


def _same_list(response: str, answer: str) -> bool:
    return sorted(re.sub(r"\s", "", response).split(",")) == sorted(answer.split(","))


def _same_characters(response: str, answer: str) -> bool:
    return re.sub(r"[,\s\[\]]", "", response) == re.sub(r"[,\s\[\]]", "", answer)


def _filled_equation(response: str, answer: str) -> bool:
    """Rule 9: the same operators in the same order, and the left side gives the right side of the answer."""
    given, wanted = (text.replace("×", "*").replace("−", "-") for text in (response, answer))
    if re.findall(r"[+\-*/]", given.split("=")[0]) != re.findall(r"[+\-*/]", wanted.split("=")[0]):
        return False
    result = re.search(r"=\s*(-?\d+)", wanted)
    return result is not None and arithmetic(given.split("=")[0]) == int(result.group(1))


def _twenty_four(response: str, answer: str) -> bool:
    """Rule 10: the answer's numbers, and a result of exactly 24 (in floating point, as the reference has it)."""
    given = response.replace("×", "*").replace("−", "-").split("=")[0]
    return _sorted_words(given) == _sorted_words(answer.split("\n")[0].split("=")[0]) and arithmetic(given) == 24


_PUZZLES: dict[str, Callable[[str, str], bool]] = {
    "1": lambda response, answer: _letters(response) == _letters(answer),
    "2": lambda response, answer: _letters(response) in answer.split(","),
    "3": _same_words,
    "4": lambda response, answer: _letters(response) in answer,
    "5": _same_list,
    "9": _filled_equation,
    "10": _twenty_four,
    "18": _same_characters,
}

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def arithmetic(text: str) -> float | int | None:
    """The value of an expression of numbers, + - * / // % and brackets; None for anything else or when it has no value."""
    if len(text) > 500:
        return None
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not arithmetic")


def _files(file: Callable[[str], Path]) -> list[dict[str, Any]]:
    """The samples of every kind, each with the text of its rule."""
    rows = []
    for kind in KINDS:
        rules = {rule["idx"]: rule["rule_content"] for rule in read_rows(file(f"{kind}/rule.jsonl"))}
        for row in read_rows(file(f"{kind}/sample.jsonl")):
            kept = {key: row[key] for key in ("idx", "question", "answer", "rule_id")}
            rows.append({"kind": kind, "rule": rules[row["rule_id"]], **kept})
    return rows


BENCHMARK = Benchmark(
    "korbench",
    "KorBench",
    1250,
    (Source("m-a-p/KOR-Bench"),),
    ("kind", "idx", "question", "answer", "rule_id", "rule"),
    VERSION,
    prompt,
    score,
    "korbench",
    group=lambda row: f"{row['kind']}/{row['rule_id']}",
    combine="clusters",
    access="clone the repository KOR-Bench/KOR-Bench and give a folder with its data/ named korbench/ as --data",
    question=lambda row: [row["question"]],
    files=_files,
    hub_has_files=True,
)
