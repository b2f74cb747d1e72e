"""The agreement command, on a graded set of two items with one deliberate difference."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from click.testing import CliRunner

from eval import zeroeval
from eval.cli import main
from eval.scorers import leetcode_o
from tests.loopback_hub import LoopbackHub, Repo


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


def test_the_hubs_prediction_file_is_held_against_its_card(tmp_path: Path) -> None:
    """Through the real client and a loopback Hub: six rows of two problems, with figures worked out by hand."""
    told = [
        ("one", "Easy", "EN", "[1, 2]", 'So ```json\n{"output": [1, 2]}\n```'),
        ("one", "Easy", "EN", "[1, 2]", '{"output": [2, 1]}'),
        ("one", "Easy", "ZH", "[1, 2]", '{"output": (1, 2)}'),
        ("two", "Hard", "EN", "true", '{"output": True}'),
        ("two", "Hard", "ZH", "true", "I do not know."),
        ("two", "Hard", "ZH", "true", '\\boxed{\\{"output": true\\}}'),
    ]
    keys = ("problem_id", "difficulty", "lang", "gold", "output")
    rows = [{**dict(zip(keys, row)), "messages": [{"role": "user", "content": "?"}]} for row in told]
    card = """
    {'Difficulty_Easy_Example_Acc': 0.6666666666666666, 'Difficulty_Easy_Question_Acc': 0.0,
     'Difficulty_Hard_Example_Acc': 0.6666666666666666, 'Difficulty_Hard_Question_Acc': 0.0,
     'Lang_EN_Example_Acc': 0.6666666666666666, 'Lang_EN_Question_Acc': 0.5,
     'Lang_ZH_Example_Acc': 0.6666666666666666, 'Lang_ZH_Question_Acc': 0.5,
     'No_Answer': 0.16666666666666666, 'Overall_Example_Acc': 0.6666666666666666, 'Overall_Question_Acc': 0.25}
    """
    with LoopbackHub() as hub:
        repo = Repo("dataset", "hkust-nlp/LeetCode-O")
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        repo.add("main", "files", {"README.md": card.encode(), "prediction.jsonl": lines.encode()})
        hub.repos["dataset", "hkust-nlp/LeetCode-O"] = repo
        command = [sys.executable, "-m", "eval", "agreement", "--hub"]
        done = subprocess.run(command, env=hub.environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "LeetCode-O, published rule, Overall_Question_Acc: ours 0.000000, theirs 0.250000" in done.stdout
    assert "1 / 11" in done.stdout  # the one figure that the card has wrong
    assert "0 / 6" in done.stdout


def test_an_unreachable_hub_is_one_sentence(tmp_path: Path) -> None:
    with LoopbackHub() as hub:
        command = [sys.executable, "-m", "eval", "agreement", "--hub"]
        done = subprocess.run(command, env=hub.environment(tmp_path), capture_output=True, text=True, check=False)
    assert (done.returncode, "cannot be read from the Hub" in done.stderr, "Traceback" in done.stderr) == (
        1,
        True,
        False,
    )


@pytest.mark.parametrize("text", ['{"output": 5}', 'So the result is 5.\n\n{"output": 5}', "word " * 30])
def test_a_models_text_is_not_taken_for_the_gold(text: str) -> None:
    with pytest.raises(ValueError, match="no key for the output"):
        leetcode_o.field({"problem_id": "p", "output": text}, "output")
    assert leetcode_o.field({"problem_id": "p", "output": "[1, 2]"}, "output") == "[1, 2]"
