"""DROP against lm-eval's metric, MATH against math-verify, LiveBench on synthetic answers with known verdicts."""

import itertools

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.tasks.drop.utils import get_answers, get_metrics
from math_verify import parse, verify

from eval.scorers import drop, hendrycks_math, livebench, livebench_math, livebench_reasoning

WORD = st.sampled_from(
    [
        "the",
        "a",
        "Red",
        "red",
        "team",
        "U.S.",
        "14",
        "14.0",
        "1,400",
        "-3",
        "twenty-two",
        "yards",
        "nan",
        "inf",
        "",
        "an-other",
        "é",
    ]
)
SPAN = st.lists(WORD, min_size=0, max_size=4).map(" ".join)
ANSWER = st.lists(SPAN, min_size=1, max_size=4)


@given(ANSWER, ANSWER)
@settings(max_examples=600, deadline=None)
def test_drop_metrics_equal_lm_evals(predicted: list[str], gold: list[str]) -> None:
    assert drop.metrics(predicted, gold) == pytest.approx(get_metrics(predicted, gold))


DATE = st.fixed_dictionaries({key: st.sampled_from(["", "3", "May", "1999"]) for key in ("day", "month", "year")})
GOLD = st.fixed_dictionaries(
    {"number": st.sampled_from(["", "7", "12"]), "date": DATE, "spans": st.lists(SPAN, max_size=3)}
)


@given(GOLD, st.lists(GOLD, max_size=3))
@settings(deadline=None)
def test_drop_gold_answers_equal_lm_evals(answer: dict, others: list[dict]) -> None:
    row = {
        "answer": answer,
        "validated_answers": {key: [other[key] for other in others] for key in ("number", "date", "spans")},
    }
    assert drop.gold_answers(row) == get_answers(row)


@given(st.integers(-999, 999), st.integers(1, 99), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_math_is_math_verify_on_the_box(numerator: int, denominator: int, factor: int) -> None:
    gold = f"\\frac{{{numerator}}}{{{denominator}}}"
    same = f"\\frac{{{numerator * factor}}}{{{denominator * factor}}}"
    other = f"\\frac{{{numerator + factor}}}{{{denominator}}}"
    for answer in (same, other):
        wanted = bool(verify(parse(f"${gold}$"), parse(f"${answer}$")))
        assert bool(hendrycks_math.score({"solution": f"\\boxed{{{gold}}}"}, f"So \\boxed{{{answer}}}").value) == wanted
    assert hendrycks_math.score({"solution": f"\\boxed{{{gold}}}"}, f"\\boxed{{{same}}}").value == 1.0


TRIPLE = st.lists(st.sampled_from(["yes", "no", "unknown"]), min_size=3, max_size=3).map(", ".join)
TRIPLE_FORMS = ["It is **{}**.", "**{}**", "<solution>{}</solution>", "The final answer is {}", "\\boxed{{{}}}"]


@given(TRIPLE, TRIPLE, st.sampled_from(TRIPLE_FORMS))
def test_web_of_lies_is_right_exactly_for_the_gold_triple(gold: str, given_answer: str, form: str) -> None:
    assert livebench_reasoning.web_of_lies(gold, form.format(given_answer)) == float(gold == given_answer)


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        ("three", "***3***", 1),
        ("Action movies", "I say ***action***", 1),
        ("Peter", "***Paul*** then ***Peter***", 1),
        ("Peter", "the last word is Peter.", 1),
        ("Peter", "Peter ***Paul***", 0),
    ],
)
def test_zebra_puzzle(gold: str, text: str, value: float) -> None:
    assert livebench_reasoning.zebra_puzzle(gold, text) == value


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        ("4", "**four**", 1),
        ("triangle", "an **equilateral triangle**", 1),
        ("triangle", "**a circle, a square and a triangle**", 0),
        ("5", "**5** **a** **b** **c**", 0),
        ("6", "\\boxed{6}", 1),
    ],
)
def test_spatial(gold: str, text: str, value: float) -> None:
    assert livebench_reasoning.spatial(gold, text) == value


@given(st.permutations(range(1, 9)), st.permutations(range(1, 9)))
def test_olympiad_is_one_minus_the_normalised_edit_distance(gold: list[int], answer: list[int]) -> None:
    score = livebench_math.olympiad(",".join(map(str, gold)), "Thoughts.\nAnswer: " + ", ".join(map(str, answer)))
    assert score == pytest.approx(1 - _edit_distance(gold, answer) / 8)


def _edit_distance(one: list[int], two: list[int]) -> int:
    row = list(range(len(two) + 1))
    for position, item in enumerate(one, 1):
        diagonal, row[0] = row[0], position
        for other in range(1, len(two) + 1):
            diagonal, row[other] = (
                row[other],
                min(row[other] + 1, row[other - 1] + 1, diagonal + (item != two[other - 1])),
            )
    return row[-1]


@given(st.permutations(range(5)))
def test_plot_unscrambling_is_one_minus_the_edit_distance_of_the_order(order: list[int]) -> None:
    sentences = ["The ship sails at dawn", "A storm hits", "Everybody swims", "An island is found", "They are rescued"]
    answer = "<PLOT_SUMMARY> " + ". ".join(sentences[position] for position in order) + "."
    expected = [order.index(position) for position in range(5)]
    assert livebench.plot_unscrambling(". ".join(sentences) + ".", answer) == pytest.approx(
        1 - _edit_distance(list(range(5)), expected) / 5
    )


@given(st.permutations(range(8)), st.booleans())
def test_connections_counts_whole_groups(order: list[int], in_order: bool) -> None:
    words = [f"w{number}" for number in range(8)]
    shown = words if in_order else [words[position] for position in order]
    groups = [set(words[:4]), set(words[4:])]
    expected = sum(group in (set(shown[:4]), set(shown[4:])) for group in groups) / 2
    assert livebench.connections(", ".join(words), f"So: **{', '.join(shown)}**") == expected


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"), min_size=1, max_size=6), st.data())
def test_table_join_is_the_f1_of_the_mapping(gold: dict[str, str], data: st.DataObject) -> None:
    answer = data.draw(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("xyz"), min_size=1, max_size=8))
    right = sum(gold.get(key) == value for key, value in answer.items())
    wrong = sum(key in answer and answer[key] != value for key, value in gold.items())
    missing = sum(key not in answer for key in gold)
    spurious = len(answer) - right
    expected = round(2 * right / (2 * right + spurious + wrong + missing), 2)
    assert livebench.table_join(str(gold), f"```python\n{answer}\n```") == expected


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        ("C", "CCCCC", 1),
        ("C", "<solution>CCCC</solution>", 1),
        ("C", "so \\boxed{\\text{C}}", 1),
        ("C", "BBBBB", 0),
        ("C", "the sum is $17$", 1),
        ("B", "the sum is $17$", 0),
    ],
)
def test_contest_answers(gold: str, text: str, value: float) -> None:
    question = "What? $\\textbf{(A) } 11 \\qquad \\textbf{(B) } 13 \\qquad \\textbf{(C) } 17$"
    assert livebench_math.contest(gold, text, question) == value


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        ("\\frac{1}{2} x^2", "$\\boxed{\\dfrac{x^2}{2} + C}$", 1),
        ("\\sqrt{8}", "so $2\\sqrt{2}$", 1),
        ("(x+1)^2", "\\boxed{x^2+2x+1}", 1),
        ("5", "\\boxed{6}", 0),
        ("3 x^2", "\\boxed{f'(x) = 3x^2}", 1),
        ("2", "$x = 2$.", 1),
    ],
)
def test_amps_hard_compares_symbolically(gold: str, text: str, value: float) -> None:
    assert livebench_math.amps_hard(gold, text) == value


@pytest.mark.parametrize(("text", "value"), [("Country Name", 1), ("\\boxed{\\text{country name}}", 1), ("city", 0)])
def test_column_type(text: str, value: float) -> None:
    assert livebench.column_type("Country-Name", text) == value


TABLES = {
    "CSV": "name,n\nIda,1\nLeo,2.5\n",
    "TSV": "name\tn\nIda\t1\nLeo\t2.5\n",
    "JSONL": '{"name":"Ida","n":1}\n{"name":"Leo","n":2.5}\n',
    "JSON": '{"0":{"name":"Ida","n":1},"1":{"name":"Leo","n":2.5}}',
}


@pytest.mark.parametrize(
    ("target", "wrapper"), list(itertools.product(TABLES, ["{}", "```\n{}```", "Here is the table:\n{}"]))
)
def test_table_reformat_finds_the_table_and_sees_a_changed_cell(target: str, wrapper: str) -> None:
    question = f"Please convert the Input Table from HTML format to {target} format in your response."
    gold = TABLES[target]
    assert livebench.table_reformat(gold, wrapper.format(gold), question) == 1.0
    assert livebench.table_reformat(gold, wrapper.format(gold.replace("2.5", "2.6")), question) == 0.0


def test_typos_and_thoughts() -> None:
    row = {"task": "typos", "turns": ["?"], "ground_truth": "The cat sat."}
    assert livebench.score(row, "<think>The cat sat.</think> Teh cat sat.").value == 0.0
    assert livebench.score(row, "<think>no</think> --- The cat\nsat. --- ").value == 1.0


def test_a_task_of_another_release_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rule for the task 'web_of_lies_v9'"):
        livebench.score({"task": "web_of_lies_v9", "turns": ["?"], "ground_truth": ""}, "x")
