"""Every scorer reads at least 98 % of the grammar's endings as a person does; single habits have tests of their own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from click.testing import CliRunner

from build.sandbox import Sandbox
from eval.cli import main
from eval.endings import check, endings, names
from eval.scorers import bbh, drop, gsm8k, hendrycks_math, mmlu_stem, reading, winogrande

LEAST = 0.98
# What runs in the sandbox, or in sympy, is tested on a part; the command judges all of them.
SOME = {"cruxeval_i": 420, "cruxeval_o": 420, "codeio": 420, "math": 500, "livebench": 420}
MOST = 1500


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize("name", names())
def test_a_scorer_reads_endings_as_a_person_does(name: str, sandbox: Sandbox) -> None:
    result = check(name, sandbox, limit=SOME.get(name, MOST))
    assert result.endings >= 400
    assert result.share >= LEAST, [ending.text for ending in result.misread[:20]]


def test_endings_are_the_same_for_a_seed_and_state_wrong_answers_as_often_as_right_ones() -> None:
    asked = endings("gsm8k")
    assert asked == endings("gsm8k") != endings("gsm8k", seed=1)
    assert 0.4 < sum(ending.value for ending in asked) / len(asked) < 0.6


def test_the_command_prints_each_share() -> None:
    result = CliRunner().invoke(main, ["endings", "--benchmarks", "korbench,zebralogic"])
    assert (result.exit_code, "korbench" in result.output, "read right %" in result.output) == (0, True, True)
    assert CliRunner().invoke(main, ["endings", "--benchmarks", "nothing"]).exit_code == 2


OPTIONS = ["iron", "oxygen", "neon", "a noble metal"]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Answer: a noble metal", "D"),
        ("Answer: A noble metal", "D"),
        ("Answer: A because it rusts", "A"),
        ("Answer: A catalyst-like action, so B", "B"),
        ("Neon is one.\nThe correct answer is (C).", "C"),
        ("Let's see what the answer is by elimination: not A.\n\n**Answer: (B)**", "B"),
        ("(A) iron: no.\n(B) oxygen: no.\n\nThat leaves C.", "C"),
        ("The answer is A. Wait, no: the answer is B.", "B"),
        ("Answer: B. C is wrong, since it does not burn.", "B"),
        ("Answer: B (though C is tempting)", "B"),
        ("Answer: (B) or (C)", None),
        ("Answer: B, but possibly C", None),
        ("Answer: both A and B", None),
        ("Answer: none of these", None),
        ("The answer is B.\n\nQ: And now?\nA: The answer is C.", "B"),
        ("<think>Answer: A</think>Answer: B", "B"),
        ("Answer: A\n</think>\nAnswer: B", "B"),
        ("【答案】C【解析】A选项是错误的。", "C"),
        ("选项D正确。", "D"),
        ("{'answer': 'B'}", "B"),
        ("**B**\n\nExplanation: it burns with A.", "B"),
        ("B) oxygen\n\nIt feeds a fire, unlike C.", "B"),
        ("A) iron\nB) oxygen\n\nLet me think.", None),
        ("Answer: C is wrong, so B.", "B"),
        ("La respuesta correcta es la opción B.", "B"),
        ("A resposta correta é a B.", "B"),
        ("The only option consistent with this is B.", "B"),
        ("Answer:\n\n> B", "B"),
    ],
)
def test_letters(text: str, letter: str | None) -> None:
    scores = {option: mmlu_stem.score_letter(option, OPTIONS, text) for option in "ABCD"}
    assert [option for option, score in scores.items() if score.value] == ([letter] if letter else [])
    assert scores["A"].answered == (letter is not None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Answer: 42 apples for 6 children", 1),
        ("Answer: 42 (30 + 12)", 1),
        ("Answer: 6 * 7 = 42 apples", 1),
        ("Answer: They have **42** apples for 6 children", 1),
        ("Answer: 2 hours, so 42 km", 1),
        ("Answer: forty-two", 1),
        ("#### 6\nThat is each.\nAnswer: 42", 1),
        ("\\boxed{6}, so in total:\nAnswer: 42", 1),
        ("Answer: 42 or 6", 0),
        ("Answer: 42-44", 0),
        ("Answer: 40+2=42 or 6", 0),
        ("Answer: 42 = 6*7", 1),
        ("Answer: 6*7", 0),
        ("Answer: between 40 and 42", 0),
        ("Answer: 42\n\nQuestion: How many are 2 and 4?\nAnswer: 6", 1),
        ("#### Step 1: take 6\n6 * 7 = 42", 1),
        ("USD 42.00", 1),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert gsm8k.score({"answer": "#### 42"}, text).value == value


@pytest.mark.parametrize(
    ("gold", "text", "value"),
    [
        ("5", "$\\boxed 5$", 1),
        ("\\frac{3}{4}", "so $\\boxed{\\frac{3}{4}$.", 1),
        ("2, 3", "\\boxed{2} and \\boxed{3}", 1),
        ("2", "\\boxed{2} or \\boxed{3}", 0),
        ("2, 3", "$x = 2$ or $x = 3$.\n\nAnswer: $2$ or $3$", 1),
        ("5", "\\boxed{4}\n\nThat was the first root.\n\nAnswer: $5$", 1),
        ("\\text{Evelyn}", "The answer is Evelyn.", 1),
        ("3\\sqrt{2}", "Answer: 3√2", 1),
        ("5", "\\boxed{5}\n\nNote that \\boxed marks the answer.", 1),
        ("7", "The sum is $3 + 4 = 7$.", 1),
    ],
)
def test_mathematics(gold: str, text: str, value: float) -> None:
    assert hendrycks_math.score({"solution": f"\\boxed{{{gold}}}"}, text).value == value


@pytest.mark.parametrize(
    ("answer", "text", "value"),
    [
        ({"spans": ["Gulls", "Herons"]}, "Answer: ['Gulls', 'Herons']", 1),
        ({"spans": ["Gulls", "Herons"]}, 'Answer: ["Gulls", "Herons"].', 1),
        ({"spans": ["Gulls", "Herons"]}, "Answer: Gulls and Herons", 1),
        ({"spans": ["Swans and Larks FC"]}, "Answer: Swans and Larks FC", 1),
        ({"spans": ["win or draw"]}, "Answer: win or draw", 1),  # the passage's own words are no hedge
        ({"spans": ["Gulls"]}, "Answer: Gulls or Owls", 0),
        ({"number": "42"}, "Answer: \\boxed{42}", 1),
        ({"number": "42"}, "Answer: 42 (30 + 12)", 1),
    ],
)
def test_spans(answer: dict[str, Any], text: str, value: float) -> None:
    whole = {"number": "", "date": {"day": "", "month": "", "year": ""}, "spans": []} | answer
    passage = "Gulls met Owls; Herons stayed away, and Swans and Larks FC needed a win or draw."
    row = {"passage": passage, "answer": whole, "validated_answers": {"number": [], "date": [], "spans": []}}
    assert drop.score(row, text).value == value


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        ("Yes", "The answer is yes or no.", 0),
        ("(A)", "So the answer is (A) or (B).", 0),
        ("(A)", "So the answer is (A) and (B).", 0),
        ("invalid", "The argument is therefore not deductively valid.", 1),
        ("9", "Answer: nine", 1),
        ("No", "Answer: Yes? No.", 1),
        ("No", "Answer: No way to say", 0),
        ("False", "not True and False = False", 1),
        ("] )", "So the answer is ] )", 1),
        ("above fig", "So the answer is above fig.", 1),
    ],
)
def test_bbh(target: str, text: str, value: float) -> None:
    assert bbh.score({"target": target}, text).value == value


def test_winogrande_takes_a_stated_letter_over_an_option_named_later() -> None:
    row = {"option1": "lamp", "option2": "crate", "answer": "2"}
    assert winogrande.score(row, "So the answer is B: it is low for the lamp.").value == 1.0
    assert winogrande.score(row, "It is the crate, not the lamp.").value == 1.0


@pytest.mark.parametrize("text", ["", "   ", "<think>Answer: B", "Answer:", "Answer: ...", "**", "\\boxed{}"])
def test_nothing_is_no_answer(text: str) -> None:
    assert not mmlu_stem.score_letter("B", OPTIONS, text).answered
    assert not gsm8k.score({"answer": "#### 1"}, text).answered


def test_a_statement_ends_where_the_next_one_begins() -> None:
    _, found = reading.considered("Answer: 5 and so on. The answer is 6.")
    assert [(statement.mark, statement.text) for statement in found] == [
        ("line", "5 and so on. The"),
        ("sentence", "6."),
    ]


@contextmanager
def canned(replies: dict[str, str]) -> Iterator[str]:
    """The URL of a chat endpoint that answers by a phrase of the prompt."""
    from tests.eval.test_run import endpoint

    def reply(body: dict[str, Any]) -> tuple[int, str, str]:
        prompt = body["messages"][-1]["content"]
        return 200, "stop", next(text for phrase, text in replies.items() if phrase in prompt)

    with endpoint(reply) as url:
        yield url


def test_plainly_right_replies_score_through_the_command_line(tmp_path: Path) -> None:
    """From an endpoint to the printed table: each reply is right, in a form that is not the one the prompt asks for."""
    rows: dict[str, list[dict[str, Any]]] = {
        "winogrande": [
            {
                "sentence": "The jug would not go under the tap, as the _ was too low.",
                "option1": "jug",
                "option2": "tap",
                "answer": "2",
            },
            {
                "sentence": "We kept the canoe and not the raft, since the _ was sound.",
                "option1": "raft",
                "option2": "canoe",
                "answer": "2",
            },
        ],
        "gsm8k": [{"question": "A tray holds 7 cups. How many do three trays hold?", "answer": "#### 21"}],
        "mmlu_stem": [
            {
                "question": "Which is a halogen?",
                "subject": "college_chemistry",
                "choices": ["iron", "argon", "iodine", "zinc"],
                "answer": 2,
            }
        ],
    }
    for name, items in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in items))
    replies = {
        "under the tap": "The jug is fine; what is low is the tap.\nThe answer is B, so not the jug.",
        "kept the canoe": "Answer: a canoe",
        "A tray holds": "One tray: \\boxed{7}. Three: 21.\nAnswer: 21 (7 for each of 3 trays)",
        "a halogen": "A halogen forms salts.\nThe correct answer is (C).",
    }
    with canned(replies) as url:
        arguments = ["run", str(tmp_path / "run"), "--model", "local-chat-completions"]
        arguments += ["--model-args", f"model=x,base_url={url}", "--tasks", ",".join(rows), "--data", str(tmp_path)]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {column["name"]: column["value"] for column in summary["columns"]} == dict.fromkeys(rows, 100.0)
