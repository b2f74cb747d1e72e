"""Each scorer on answers whose verdict is plain to see."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from build.sandbox import Sandbox
from eval.benchmarks import BENCHMARKS, BY_NAME
from eval.rows import Where, load
from eval.score import judge
from eval.scorers import (
    bbh,
    cruxeval,
    gpqa,
    gsm8k,
    hendrycks_math,
    korbench,
    leetcode_o,
    mmlu_stem,
    winogrande,
    zebralogic,
)

ROWS = Where(str(Path(__file__).parent / "rows"))


def right_answer(name: str, row: dict[str, Any]) -> str:
    """A response that is right, in the form that the prompt asks for."""
    if name == "winogrande":
        return f"Answer: {'AB'[int(row['answer']) - 1]}"
    if name == "drop":
        answer = row["answer"]
        return f"Answer: {answer['number'] or json.dumps(answer['spans'])}"
    if name == "gsm8k":
        return f"So it is\nAnswer: {row['answer'].rpartition('#### ')[2]}"
    if name == "math":
        return row["solution"]
    if name == "gpqa":
        return f"Answer: {gpqa.ordered(row)[1]}"
    if name == "mmlu_stem":
        return f"Answer: {'ABCD'[row['answer']]}"
    if name == "leetcode_o":
        return json.dumps({"output": row["answer"]})
    if name.startswith("cruxeval"):
        return f"[ANSWER]\nassert f({row['input']}) == {row['output']}\n[/ANSWER]"
    if name in ("bbh_en", "bbh_zh"):
        return f"So the answer is {row['target']}."
    if name == "zebralogic":
        header, rows = row["solution"]["header"], row["solution"]["rows"]
        return json.dumps({"solution": {f"House {cells[0]}": dict(zip(header[1:], cells[1:])) for cells in rows}})
    if name == "korbench":
        return f"The answer is {row['answer']}."
    return {"zebra_puzzle": "***Leo***", "math_comp": "144", "typos": "The cat sat.", "cta": "age"}[row["task"]]


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize("name", [benchmark.name for benchmark in BENCHMARKS])
def test_a_right_answer_scores_one_and_an_empty_one_is_unanswered(name: str, sandbox: Sandbox) -> None:
    for item in load(name, ROWS):
        assert judge(BY_NAME[name], item.row, right_answer(name, item.row), sandbox).value == 1.0
        empty = judge(BY_NAME[name], item.row, "", sandbox)
        assert (empty.value, empty.answered) == (0.0, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 + 4 = 7, so #### 1,050", 1),
        ("\\boxed{1050}", 1),
        ("**Answer:** $1,050.00", 1),
        ("Answer: 105\nNo wait.\nAnswer: 1050.", 1),
        ("She keeps 1050", 1),
        ("Answer: 1050 and 3", 0),
        ("Answer: 1050 or 3", 0),
        ("Answer: 1050 marbles for 3 children", 1),
        ("Answer: Rs.1 050", 1),
        ("\\boxed{3}\nBoth together: 1050.\nAnswer: 1050", 1),
        ("Answer: -1050", 0),
    ],
)
def test_gsm8k_takes_the_number_of_the_latest_statement(text: str, value: float) -> None:
    assert gsm8k.score({"answer": "#### 1,050"}, text).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("Answer: (B)", 1), ("answer: **B**. It is", 1), ("Answer: A\n...\nAnswer: B", 1), ("\\boxed{\\text{B}}", 1)],
)
def test_letters_are_read_in_the_usual_dress(text: str, value: float) -> None:
    assert mmlu_stem.score({"answer": 1, "choices": ["w", "x", "y", "z"]}, text).value == value


def test_a_word_that_starts_with_a_letter_is_no_choice() -> None:
    assert not mmlu_stem.score({"answer": 1, "choices": ["w", "x", "y", "z"]}, "Answer: Both are possible").answered


def test_winogrande_falls_back_to_the_option_named_last() -> None:
    row = {"option1": "Nora", "option2": "Ben", "answer": "2"}
    assert winogrande.score(row, "Not Nora, since the one who walks is Ben.").value == 1.0
    assert winogrande.score(row, "Not Ben; Benjamin is not asked; it is Nora.").value == 0.0


def test_gpqa_options_are_in_the_same_order_every_time_and_not_always_the_same() -> None:
    rows = [
        {"Record ID": f"synthetic-{n}", "Question": "?", "Correct Answer": "yes"}
        | {f"Incorrect Answer {k}": f"no {k}" for k in (1, 2, 3)}
        for n in range(40)
    ]
    letters = [gpqa.ordered(row)[1] for row in rows]
    random.seed(0)
    assert letters == [gpqa.ordered(row)[1] for row in rows]
    assert set(letters) == set("ABCD")


@pytest.mark.parametrize("written", ["\\frac34", "0.75", "\\dfrac{3}{4}", "\\frac{6}{8}"])
def test_math_accepts_equal_values(written: str) -> None:
    assert hendrycks_math.score({"solution": "\\boxed{\\frac{3}{4}}"}, f"It is $\\boxed{{{written}}}$.").value == 1.0


@pytest.mark.parametrize("written", ["\\frac43", "0.76", "x", "", "9^{9^{9^{9}}}"])
def test_math_refuses_others(written: str) -> None:
    assert hendrycks_math.score({"solution": "\\boxed{\\frac{3}{4}}"}, f"\\boxed{{{written}}}").value == 0.0


@pytest.mark.parametrize(
    ("gold", "answer", "value"),
    [
        ("\\frac{1}{23}", "\\frac{12}{3}", 0),
        ("\\text{Evelyn}", "Evelyn", 1),
        ("\\$32,\\!348", "32348", 1),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\dfrac{\\pi}{2})", 1),
        ("90^\\circ", "90", 1),
    ],
)
def test_math_normalises_layout_and_nothing_else(gold: str, answer: str, value: float) -> None:
    assert hendrycks_math.score({"solution": f"\\boxed{{{gold}}}"}, f"\\boxed{{{answer}}}").value == value


def test_leetcode_o_floats_are_close_and_integers_exact() -> None:
    assert leetcode_o.score({"answer": [1, 2.5]}, '{"output": [1, 2.5009]}').value == 1.0
    assert leetcode_o.score({"answer": [1, 2.5]}, '{"output": [1, 2.51]}').value == 0.0
    assert leetcode_o.score({"answer": 10000}, '{"output": 10001}').value == 0.0
    assert leetcode_o.score({"answer": "true"}, 'So: ```json\n{"output": True}\n```').value == 1.0


def test_leetcode_o_names_the_keys_of_a_row_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="the row has messages, surprise"):
        leetcode_o.field({"messages": [], "surprise": 1}, "problem")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("[ANSWER]f('cba')[/ANSWER]", 0),
        ("[ANSWER]assert f('abc') == 'cba!'[/ANSWER]", 1),
        ("```python\nassert 'cba!' == f('abc')\n```", 1),
        ("[ANSWER]f('a' + 'bc')[/ANSWER]", 1),
        ("[ANSWER]assert f('a==b') == 'cba!'[/ANSWER]", 0),
        ("[ANSWER]f(__import__('os')._exit(0))[/ANSWER]", 0),
        ("[ANSWER]f('abc'", 0),
    ],
)
def test_cruxeval_input_runs_the_call(answer: str, value: float, sandbox: Sandbox) -> None:
    row = {"code": "def f(text):\n    return text[::-1] + '!'", "input": "'abc'", "output": "'cba!'"}
    assert cruxeval.score_input(row, answer, sandbox).value == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("[ANSWER]{1: (2, 'x')}[/ANSWER]", 1),
        ("[ANSWER]\nassert f(1) == {1: (2, 'x')}\n[/ANSWER]", 1),
        ("[ANSWER]f(1)[/ANSWER]", 0),
        ("[ANSWER]{1: (2, 'x')} or True[/ANSWER]", 0),
        ("[ANSWER]{1: (2, 'y')}[/ANSWER]", 0),
    ],
)
def test_cruxeval_output_takes_literals_only(answer: str, value: float, sandbox: Sandbox) -> None:
    row = {"code": "def f(n):\n    return {n: (2, 'x')}", "input": "1", "output": "{1: (2, 'x')}"}
    assert cruxeval.score_output(row, answer, sandbox).value == value


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("(B)", "the answer is **(B)** 12/25/1937."),
        ("(B)", "所以答案是（B）。"),
        ("(B)", "the answer is B."),
        ("No", "the answer is no"),
        ("No", "答案是否。"),
        ("True", "答案是：真"),
        ("invalid", "So the answer is **Invalid**."),
        ("24", "the answer is 24."),
        ("} ] )", "So the answer is `}  ] )`."),
        ("apple fig", "So the answer is apple, fig."),
    ],
)
def test_bbh_reads_the_answer_in_every_dress(target: str, answer: str) -> None:
    assert bbh.score({"target": target}, f"Let's see. First the answer is (A)?\n{answer}\n").value == 1.0


def test_bbh_prompt_has_three_examples_in_one_turn() -> None:
    text = bbh.prompt({"task": "navigate", "input": "Q?"})
    assert text.count("\nA: Let's think step by step.") == 4
    assert text.endswith("Q: Q?\nA: Let's think step by step.")


def test_zebralogic_counts_cells_and_needs_all_for_the_puzzle() -> None:
    (item,) = load("zebralogic", ROWS)
    almost = {"solution": {"House 1": {"Name": ["Ida"], "Drink": " MILK "}, "House 2": {"Name": "Leo", "Drink": 7}}}
    score = zebralogic.score(item.row, f"Thus {json.dumps(almost)} is it.")
    assert (score.value, score.other["cells"]) == (0.0, 0.75)


def test_zebralogic_refuses_rows_without_answers() -> None:
    row = {"solution": {"header": ["House", "Name"], "rows": [["___", "___"]]}}
    with pytest.raises(ValueError, match="blanked"):
        zebralogic.check(row)


def test_korbench_reads_a_response_without_brackets_and_the_published_rule_does_not() -> None:
    row = {"kind": "operation", "rule_id": "1", "idx": "1", "answer": "[[24]]"}
    for text in ("Answer: 24", "\\boxed{24}", "The answer is **24**.", "<think>[[3]]</think>[[24]]"):
        assert korbench.score(row, text).value == 1.0
        assert korbench.score(row, text, published=True).value == 0.0
    latex = row | {"idx": "18", "answer": "[[x(x+1)]]"}
    assert korbench.score(latex, "[[(x+1)x]]").value == 1.0


@pytest.mark.parametrize(
    ("kind", "rule", "idx", "answer", "response", "value"),
    [
        ("logic", "5", "1", "[[a;b]]", '[[ "b" ; a ]]', 0),
        ("logic", "1", "1", "[[p1&~p2]]", "[[p1 & ~p2.]]", 1),
        ("operation", "18", "1", "[[(ab)]]", "[[b, a]]", 1),
        ("operation", "23", "1", "[[[1,22],[3]]]", "[[[1, 22], [3]]]", 1),
        ("operation", "1", "18", "[[\\frac{1}{2}]]", "[[\\frac{2}{4}]]", 1),
        ("operation", "1", "18", "[[2x+x]]", "[[3x]]", 1),
        ("operation", "1", "1", "[[2or3]]", "[[3 or 2]]", 1),
        ("puzzle", "9", "1", "[[7-2=5]]", "[[7−2=5]]", 1),
        ("puzzle", "9", "1", "[[7-2=5]]", "[[7+2=5]]", 0),
        ("puzzle", "9", "1", "[[7-2=5]]", "[[__import__('os').getpid()-2=5]]", 0),
        ("puzzle", "10", "1", "[[(1+3)*6*1=24]]", "[[6*(3+1)*1]]", 1),
        ("puzzle", "3", "1", "[[b a]]", "[[A, b]]", 1),
        ("cipher", "1", "1", "[[BA]]", "[[B A]] or [[AB]]", 1),
        ("counterfactual", "1", "1", "[[B]]", "$\\boxed{B}$", 1),
    ],
)
def test_korbench_rules(kind: str, rule: str, idx: str, answer: str, response: str, value: float) -> None:
    row = {"kind": kind, "rule_id": rule, "idx": idx, "answer": answer}
    assert korbench.score(row, response).value == value


@pytest.mark.parametrize(
    "response",
    [
        "Answer: B\n\nThis is the right answer: see above.",
        "**Final Answer:**\n\nB",
        "Answer:\n\n**B**",
        "Answer: \\(B\\)",
        "Answer: Option B",
        "Answer: \\boxed{\\text{B}}",
        "Answer: B) because it is",
    ],
)
def test_a_letter_is_found_however_models_write_it(response: str) -> None:
    assert mmlu_stem.score_letter("B", ["", "", "", ""], response).value == 1.0
    assert mmlu_stem.score_letter("A", ["", "", "", ""], response).value == 0.0


@pytest.mark.parametrize("number", ["70{,}000", "70,\\!000", "70\\,000", "70\\ 000", "70,000", "70000.0"])
def test_separators_of_latex_are_part_of_a_number(number: str) -> None:
    assert gsm8k.score({"answer": "#### 70,000"}, f"So \\boxed{{{number}}}").value == 1.0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("True", "$\\boxed{\\text{True}}$"),
        ("True", "(True)"),
        ("(B)", "option B"),
        ("(B)", "\\boxed{(B)}"),
        ("No", "**No**."),
    ],
)
def test_bbh_unwraps_words_and_options(target: str, said: str) -> None:
    row = {"target": target, "task": "navigate", "input": ""}
    assert bbh.score(row, f"So the answer is {said}").value == 1.0
