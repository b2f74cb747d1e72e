"""The agreement command, on a graded set of two items with one deliberate difference."""

import json
from pathlib import Path

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from click.testing import CliRunner

from eval import zeroeval
from eval.cli import main


def test_a_difference_is_counted_and_shown_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "gsm8k").mkdir()
    rows = [
        {"question": "?", "ground_truth": "x\nA: 7", "model": {"is_correct": True, "solution": "so\nA: 7"}},
        {"question": "?", "ground_truth": "x\nA: 7", "model": {"is_correct": True, "solution": "so\nA: 8"}},
    ]
    (tmp_path / "gsm8k" / "graded_solutions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(main, ["agreement", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "GSM8K, model, 1: ours False, theirs True" in result.output
    assert "1 / 2" in result.output


def test_a_folder_without_graded_sets_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["agreement", str(tmp_path)])
    assert (result.exit_code, "has none of the folders" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("bench", "output", "answer", "right"),
    [
        ("gsm", '{"answer": "18 eggs"}', "#### 18", True),
        ("gsm", '{"answer": 18} and then {"answer": 20}', "18", True),  # the first object
        ("gsm", 'As {"x": 1} shows: {"answer": 18}', "18", True),  # the first object lacks the key: the pattern
        ("gsm", '{"reasoning": "a "quoted" word", "answer": 18,}', "18", True),  # broken JSON, a value without quotes
        ("gsm", '{"answer": "1/2"}', "0.5", True),
        ("gsm", '{"answer": "$1,050"}', "1050", True),
        ("gsm", "no object, answer: 18", "18", True),
        ("gsm", "eighteen", "18", False),
        ("crux", '{"answer": "\'ab\'"}', "ab", True),
        ("crux", '{"answer": "[1, 2]"}', "[1,2]", False),
    ],
)
def test_zeroeval_rule(bench: str, output: str, answer: str, right: bool) -> None:
    assert zeroeval.is_right(bench, {"output": [output], "answer": answer}, "model") == right
